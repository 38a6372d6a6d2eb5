/* SPDX-License-Identifier: MIT */
#pragma once
/* Commands: what a person, the daemon or the power switch does to the simulated machine. Each
 * runs the product's own code over the fake disk, and tells the belief what it means. */

#include "fakedisk.h"
#include "firmware.h"

enum command_kind {
	COMMAND_NONE,
	COMMAND_BOOT,      /* power on; `argument` is a key that is pressed, or 0 */
	COMMAND_HEALTHY,   /* the health checks of this boot passed */
	COMMAND_SICK,      /* they failed */
	COMMAND_INSTALL,   /* `version` into the other slot, and activate */
	COMMAND_DELTA,     /* the same from a delta against `argument` */
	COMMAND_STAGE,     /* the same without activating */
	COMMAND_ACTIVATE,  /* the slot `argument`, that holds `version` */
	COMMAND_ROLLBACK,  /* to the other slot, that holds `version` */
	COMMAND_MARK_GOOD, /* the running slot */
	COMMAND_MARK_BAD,  /* the slot `argument`, that holds `version` */
	COMMAND_REPAIR,    /* the slot `argument`, out of the bundle of `version` */
	COMMAND_RESTORE,   /* as installed by who knows of no floor; `argument` 1: staged only */
	COMMAND_FLOOR,     /* request that floor: `version` */
};

struct command {
	enum command_kind kind;
	unsigned version;
	unsigned argument;
	bool refused; /* it must fail, and change nothing */
};

struct machine_now {            /* of the simulated machine */
	unsigned slot;          /* that runs, SLOT_NONE if power is off or nothing started */
	unsigned version;       /* that runs, 0 */
	enum command_kind last; /* command that was run */
	bool strict;            /* what starts must be whole, not only able to start */
	bool forced;            /* install also what failed here before, or over the fallback */
};

enum wrong { /* what a run can show that must not be */
	     WRONG_NOTHING,
	     WRONG_DEAD,       /* no slot was started */
	     WRONG_UNEXPECTED, /* another release than one that could be expected */
	     WRONG_HALF,       /* what was started is not complete */
	     WRONG_EARLY,      /* a trial was started before its try was spent */
	     WRONG_FLOOR,      /* the floor fell, or what was started is below it */
	     WRONG_RECORD,     /* the record says that a slot holds what it does not */
	     WRONG_HEADER,     /* a header says that a slot is complete, and it is not */
	     WRONG_FAILED,     /* a command failed without cause */
	     WRONG_LIED,       /* a command said that it is done, and it is not */
	     WRONG_GOAL,       /* the next attempt did not complete */
	     WRONG_COUNT
};
const char *wrong_text(enum wrong wrong);

/* Runs one; WRONG_FAILED if the command fails. */
enum wrong command_run(const struct command *command, struct machine_now *now);
/* What the last command that failed said. */
const char *command_message(void);
