/* SPDX-License-Identifier: MIT */
#pragma once
/* Memory: what a program that installs tells the C library's allocator. */

/* Large blocks go back to the system when they are freed. Left alone, glibc keeps up to 32 MiB of
 * them for later, and an install would hold the largest frame of a delta beside the next one. To be
 * called once, by main(). */
void memory_return_large(void);
