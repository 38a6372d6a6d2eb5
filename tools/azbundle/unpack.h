/* SPDX-License-Identifier: MIT */
#pragma once
/* Unpacking: what is in a compressed file, to tell what compressing it costs in a delta. */

#include <glib.h>

enum unpack_kind {
	UNPACK_NONE,
	UNPACK_GZIP,
	UNPACK_XZ,
	UNPACK_ZSTD,
	UNPACK_LZ4,
	UNPACK_BZIP2,
	UNPACK_KIND_COUNT
};

/* By the first bytes. */
enum unpack_kind unpack_kind(GBytes *packed);
const char *unpack_kind_name(enum unpack_kind kind);
/* NULL if it is not compressed, damaged, or more than `size_max` bytes. */
GBytes *unpack(GBytes *packed, gsize size_max);
