/* SPDX-License-Identifier: MIT */
/* A failed check of lib/core in a hosted program: say where, and abort. */
#include <stdio.h>
#include <stdlib.h>

#include "check.h"

void check_failed(const char *condition, const char *file, unsigned line)
{
	fprintf(stderr, "%s:%u: check failed: %s\n", file, line, condition);
	abort();
}
