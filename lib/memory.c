/* SPDX-License-Identifier: MIT */
#include "memory.h"

#include <malloc.h>

enum { LARGE_SIZE = 256 * 1024 };

void memory_return_large(void)
{
	/* Where it cannot be set, memory is only used longer. */
	(void)mallopt(M_MMAP_THRESHOLD, LARGE_SIZE);
}
