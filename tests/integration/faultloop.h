/* SPDX-License-Identifier: MIT */
#pragma once
/* Fault loops: a command is given again and again, each time the next of its system calls fails;
 * after each, the machine and what the command said of it are judged. */

#include "fixture.h"

struct command {
	const char *name;
	void (*prepare)(struct fixture *fixture); /* on the disk as it was made */
	gboolean (*run)(struct fixture *fixture, struct machine *machine, GError **error);
	/* Whether what it does is done, looked at without it. */
	gboolean (*is_done)(struct fixture *fixture);
	unsigned before; /* the version that the next boot starts, up to it */
	unsigned after;  /* and once it is done */
	gboolean opens;  /* opening the machine is part of it */
};

struct faultloop_tally {
	unsigned long calls;  /* of the commands, if nothing fails */
	unsigned long faults; /* that were made, each in a run of its own */
	unsigned long died;   /* of them, those that ended a process that got no memory */
	unsigned long states; /* different ones that they left */
	unsigned long refused;
	unsigned long done; /* in spite of the fault */
	unsigned long violations;
};

/* `every`: each error at each call, and those that then stay; else those that a call is known for.
 * `quiet`: violations are only counted. */
struct faultloop_options {
	gboolean every;
	gboolean quiet;
};

void faultloop_run(struct fixture *fixture, const struct command *command,
		   const struct faultloop_options *options, struct faultloop_tally *tally);
