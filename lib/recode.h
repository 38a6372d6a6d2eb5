/* SPDX-License-Identifier: MIT */
#pragma once
/* Recoders: make a compressed stream again, bit for bit, from its raw content and few corrections,
 * so that a delta can describe the raw content, which changes little, instead of the stream, which
 * changes wholly. The device joins what the builder split; both run the same models. */

#include <glib.h>
#include <stddef.h>
#include <stdint.h>

enum recode_kind {
	RECODE_NONE,
	RECODE_GZIP, /* one member, header and trailer included (RFC 1952) */
	RECODE_LZ4,  /* one block of an LZ4 legacy frame, without the four bytes of its size */
	RECODE_KIND_COUNT
};

enum {
	RECODE_RAW_SIZE_MAX = 16 << 20, /* raw content of one stream */
	RECODE_STORED_SIZE_MAX = 17 << 20,
};

/* A compressed stream inside of a file's content. */
struct recode_span {
	enum recode_kind kind;
	uint64_t offset;
	uint64_t size_bytes;
};

/* Builder: the streams in a file's content, sorted, apart from each other: the members of a .gz
 * file; the payload of a Linux kernel (bzImage, EFI zboot image, or in the .linux section of a UKI)
 * where it is gzip or LZ4. What cannot be expanded is left out. Never NULL; the caller owns it. */
GArray *recode_find(const uint8_t *bytes, size_t size_bytes);

/* Builder: the raw content of a stream; FALSE: it is damaged, or larger than the limit. */
gboolean recode_unpack(enum recode_kind kind, const uint8_t *bytes, size_t size_bytes,
		       GByteArray *ret_raw);

/* Builder: FALSE when the stream cannot be made again from its raw content at a fair price; TRUE
 * has been proven by joining. The arrays' old content is lost in either case. */
gboolean recode_split(enum recode_kind kind, const uint8_t *bytes, size_t size_bytes,
		      GByteArray *ret_raw, GByteArray *ret_corrections);

/* Device: a stream's raw content, of exactly `raw_size` bytes; NULL, or why it cannot. */
const char *recode_expand(enum recode_kind kind, const uint8_t *bytes, size_t size_bytes,
			  uint8_t *ret_raw, size_t raw_size);

struct recode_raw {
	const uint8_t *bytes;
	size_t size_bytes;
	const uint8_t *corrections;
	size_t corrections_size;
};

/* Device: the stream again, of exactly `size_bytes`; NULL, or why it cannot. Wrong corrections can
 * give wrong bytes. Beside its arguments it needs less than 4 MiB, and a time that is proportional
 * to the raw size. */
const char *recode_join(enum recode_kind kind, const struct recode_raw *raw, uint8_t *ret_bytes,
			size_t size_bytes);
/* The same of one stream after another: what `spare` holds at first is NULL, and at the end memory
 * of a model, for lazymatch_free(). */
struct lazymatch;
const char *recode_join_next(enum recode_kind kind, const struct recode_raw *raw,
			     struct lazymatch **spare, uint8_t *ret_bytes, size_t size_bytes);
