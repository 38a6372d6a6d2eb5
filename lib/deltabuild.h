/* SPDX-License-Identifier: MIT */
#pragma once
/* Makes deltas: how a device that has the old image gets the new one. */

#include <glib.h>
#include <stdint.h>
#include <stdio.h>

#include "deltaencode.h"

struct deltabuild_options {
	const char *old_path;
	const char *new_path;
	const char
		*companion_path; /* what a device makes of the new release before; NULL: nothing */
	unsigned jobs;           /* threads; 0: one for each processor */
	struct deltaencode_effort effort;
};

struct deltabuild_report {
	uint64_t zero_blocks, copied_blocks, made_blocks;
	uint64_t index_bytes, frame_bytes;
	unsigned frame_count;
	unsigned plain_count; /* frames that could not use compressed streams of the base */
};

/* Appends the index to `ret_index` and writes the frames to `frames`. Every frame was applied and
 * gave the right blocks. FAULT_BUILD_INPUT, FAULT_BUILD_OUTPUT. The same images give the same
 * bytes, whatever the number of threads. */
gboolean deltabuild_make(const struct deltabuild_options *options, GByteArray *ret_index,
			 FILE *frames, struct deltabuild_report *ret_report, GError **error);
