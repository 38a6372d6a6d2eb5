/* SPDX-License-Identifier: MIT */
#pragma once
/* The layout of delta frames, for those who write and read them: deltaframe.c has the words.
 *
 *   byte: format (1); byte: method
 *   pack: lists, in columns; each column is its size and that many bytes of varints
 *   pack: corrections of the pieces, one after another
 *   ZSTD: one zstd frame, with the reference as its prefix
 *   DIFF: pack: differences; pack: extra bytes
 *   MIX: what deltamix.h has for the operations */

enum { DELTAFORMAT = 1 };

enum deltaformat_method {
	DELTAFORMAT_ZSTD,
	DELTAFORMAT_DIFF,
	DELTAFORMAT_MIX,
	DELTAFORMAT_METHOD_COUNT
};

enum deltaformat_column {
	DELTAFORMAT_COUNTS,      /* raw size, references, pieces, placements, operations */
	DELTAFORMAT_REFERENCES,  /* each: kind, ranges; unless kind is 0: size once expanded */
	DELTAFORMAT_RANGE_STEPS, /* each, signed: offset - end of the range before */
	DELTAFORMAT_RANGE_SIZES,
	DELTAFORMAT_PIECES,     /* each: kind, raw size; unless kind is 0: made size, corrections */
	DELTAFORMAT_PLACEMENTS, /* each: skip, size, signed: place - end of the one before */
	/* of each operation: how far to go in the reference first, signed; bytes taken from there,
	 * with differences added; bytes taken as they are */
	DELTAFORMAT_SEEKS,
	DELTAFORMAT_ADDS,
	DELTAFORMAT_EXTRAS,
	DELTAFORMAT_COLUMN_COUNT
};
