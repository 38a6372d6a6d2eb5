/* SPDX-License-Identifier: MIT */
#pragma once
/* Versions: ordered as the UAPI Version Format Specification (UAPI.10) says, so that the order
 * agrees with systemd's and nearly always with rpm's and dpkg's. */

#include <stdbool.h>

enum { VERSION_SIZE_MAX = 63 }; /* characters, without the NUL */

/* 1 to VERSION_SIZE_MAX characters out of A-Z a-z 0-9 . _ ~ ^ + -, not starting with '.' or '-'. */
bool version_is_valid(const char *version);

/* Below, at or above 0, as `a` is older than, as old as or newer than `b`. */
int version_compare(const char *a, const char *b);
