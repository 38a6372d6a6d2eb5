/* SPDX-License-Identifier: MIT */
#pragma once
/* Text files: small files of /proc, /sys and the initrd, read whole. */

#include <stdbool.h>
#include <stddef.h>

/* NUL-terminated. False: it cannot be read, or does not fit. */
bool textfile_read(const char *path, char *ret_text, size_t size_bytes);
