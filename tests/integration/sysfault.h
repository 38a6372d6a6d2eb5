/* SPDX-License-Identifier: MIT */
#pragma once
/* System calls that fail: of those that this process makes from now on, the Nth does something
 * else. seccomp traps them, so those that a library makes by itself are caught, too. x86-64. */

#include <stdbool.h>

enum sysfault_ill { /* what a call does instead of what it was asked for */
		    SYSFAULT_NONE,
		    SYSFAULT_EIO,
		    SYSFAULT_ENOSPC,
		    SYSFAULT_ENOMEM,
		    SYSFAULT_EINTR,
		    SYSFAULT_SHORT, /* reads and writes: half of it, and says so */
		    SYSFAULT_KILL, /* changes of names of files: the process is killed before it */
		    SYSFAULT_ILL_COUNT
};

struct sysfault_plan {
	enum sysfault_ill ill;
	bool every;       /* also calls that are not known to fail in this way */
	bool sticky;      /* from there on each one, not only that one */
	unsigned long at; /* counted from 1, among the calls that the plan is about */
};

/* Lies in memory that whoever watches shares: the process may not live to tell. */
struct sysfault_report {
	unsigned long calls; /* so far, that the plan is about */
	const char *hit;     /* static: the first call that failed; NULL: none did */
	bool no_memory;      /* one that failed asked for memory */
};

const char *sysfault_ill_name(enum sysfault_ill ill);
/* From here on, in this process and the threads that it starts; for good. Both are borrowed for
 * ever. False: this kernel cannot. */
bool sysfault_start(const struct sysfault_plan *plan, struct sysfault_report *report);
