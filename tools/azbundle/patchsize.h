/* SPDX-License-Identifier: MIT */
#pragma once
/* Patch sizes: what a change costs, measured by compressing it with zstd. */

#include <glib.h>
#include <stdint.h>

/* Bytes that zstd (level 9) needs for `content` if the reader has `old` (NULL: has nothing). Above
 * 64 MiB it is done in pieces, each against the old bytes around its own place. */
uint64_t patchsize(GBytes *content, GBytes *old);
