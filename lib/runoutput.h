/* SPDX-License-Identifier: MIT */
#pragma once
/* Run output: what is kept of the output of a program: its first line, for one who asks why, and
 * its end, since that is where programs say why they failed. */

#include <glib.h>

#include "healthexec.h"

struct runoutput {
	char head[HEALTHEXEC_FIRST_MAX];
	size_t head_bytes;
	char tail[2 * HEALTH_OUTPUT_MAX];
	size_t tail_bytes;
};

/* A pipe whose reading end does not block; both ends are above the standard ones and are not
 * inherited. 0, or errno. */
int runoutput_pipe(int ret_fds[static 2]);
/* Reads once. FALSE when there is nothing to read now; at the end *fd is closed and -1. */
gboolean runoutput_read(struct runoutput *output, int *fd);
/* Reads what stands in the pipe, and closes it. Somebody else may still hold the other end and
 * write, so this does not wait for the end, and does not read more than a pipe holds. */
void runoutput_drain(struct runoutput *output, int *fd);
/* The last HEALTH_OUTPUT_MAX bytes, valid UTF-8. Free with g_free(). */
char *runoutput_text(const struct runoutput *output);
void runoutput_first(const struct runoutput *output,
		     char ret_line[static HEALTHEXEC_FIRST_MAX + 1]);
