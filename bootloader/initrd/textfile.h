/* SPDX-License-Identifier: MIT */
#pragma once
/* Small files of /proc, /sys and the initrd, read whole. */

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* NUL-terminated. False: it cannot be read, or does not fit. */
bool textfile_read(const char *path, char *ret_text, size_t size_bytes);

/* Its size, less than `size_bytes`; -1: it cannot be read, or is larger. */
ssize_t textfile_read_bytes(const char *path, void *ret_bytes, size_t size_bytes);
