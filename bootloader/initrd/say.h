/* SPDX-License-Identifier: MIT */
#pragma once
/* Messages of the early boot: to the kernel's log, so that every console shows them and the
 * journal of the running system keeps them. Before /dev is there, to standard error. */

enum say_level {
	SAY_CRITICAL = 2, /* shown even by a kernel that was told to be quiet */
	SAY_ERROR = 3,
	SAY_INFO = 6,
};

/* Call once /dev is mounted. */
void say_open(void);
void say(enum say_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));
