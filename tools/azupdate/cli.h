/* SPDX-License-Identifier: MIT */
#pragma once
/* Command line: what all subcommands share. A subcommand returns an exit status, or sets error. */

#include <gio/gio.h>

#include "azupdate/azupdate.h"
#include "bus.h"
#include "fault.h"

struct cli;

struct command {
	const char *name;
	const char *operands;    /* for the usage line */
	const char *summary;     /* one line, for the list of commands */
	const char *description; /* for its own --help */
	gboolean waits;          /* for a job: takes --progress */
	int (*run)(struct cli *cli, int argc, char **argv, GError **error);
};

enum cli_progress {
	CLI_PROGRESS_BAR,
	CLI_PROGRESS_LINES,
	CLI_PROGRESS_JSON,
	CLI_PROGRESS_NONE,
};

struct cli {
	const struct command *command;
	char *bus;
	gboolean json;
	enum cli_progress progress;  /* after cli_parse() */
	GDBusConnection *connection; /* NULL before cli_manager() */
	gboolean asks;               /* somebody is there who can be asked for a password */
};

extern const struct command COMMAND_ATTEST;
extern const struct command COMMAND_ACTIVATE, COMMAND_CANCEL, COMMAND_HEALTH, COMMAND_INSTALL,
	COMMAND_MARK_BAD, COMMAND_MARK_GOOD, COMMAND_REPAIR, COMMAND_ROLLBACK, COMMAND_STATUS,
	COMMAND_VERIFY;
extern const struct command COMMAND_ETC;
extern const struct command COMMAND_STORE;
extern const struct command COMMAND_TPM;
extern const struct command COMMAND_APPROVE, COMMAND_CHECK, COMMAND_HISTORY, COMMAND_HOLD,
	COMMAND_UNHOLD, COMMAND_UPDATE, COMMAND_WHY;

/* Reads options (a table of GOption, or NULL) and leaves up to `operands_max` operands in argv,
 * from argv[1] on. FAULT_ARGUMENT. --help ends the program. */
gboolean cli_parse(struct cli *cli, const GOptionEntry *options, int operands_max, int *argc,
		   char ***argv, GError **error);

/* Prints a dictionary (a{sv}, consumed if floating) as JSON on one line, marked with the name of
 * its schema. */
void cli_print_json(const char *schema, GVariant *members);

/* Says what is wrong and what to do, and gives the exit status for it. */
int cli_exit_status(fault why);
int cli_report(const struct cli *cli, const GError *error);
