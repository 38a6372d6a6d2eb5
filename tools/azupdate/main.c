/* SPDX-License-Identifier: MIT */
/* azupdate: looks at the machine and works on it, by way of azupdated. */
#include <locale.h>
#include <stdio.h>
#include <string.h>

#include "busfault.h"
#include "cli.h"
#include "failure.h"

static const struct command *const COMMANDS[] = {
	&COMMAND_STATUS,   &COMMAND_CHECK,   &COMMAND_UPDATE,  &COMMAND_WHY,     &COMMAND_HOLD,
	&COMMAND_UNHOLD,   &COMMAND_APPROVE, &COMMAND_HISTORY, &COMMAND_INSTALL, &COMMAND_ACTIVATE,
	&COMMAND_ROLLBACK, &COMMAND_VERIFY,  &COMMAND_REPAIR,  &COMMAND_HEALTH,  &COMMAND_MARK_GOOD,
	&COMMAND_MARK_BAD, &COMMAND_CANCEL,  &COMMAND_TPM,     &COMMAND_ATTEST,  &COMMAND_STORE,
	&COMMAND_ETC,
};

static void usage_print(FILE *stream)
{
	fputs("Usage: azupdate COMMAND [OPTION...]\n\n", stream);
	for (size_t i = 0; i < G_N_ELEMENTS(COMMANDS); i++)
		fprintf(stream, "  %-10s %-19s %s\n", COMMANDS[i]->name, COMMANDS[i]->operands,
			COMMANDS[i]->summary);
	fputs("\nEach command takes --json and --bus=BUS, and explains itself with --help.\n",
	      stream);
}

static const struct command *command_find(const char *name)
{
	for (size_t i = 0; i < G_N_ELEMENTS(COMMANDS); i++)
		if (strcmp(COMMANDS[i]->name, name) == 0)
			return COMMANDS[i];
	return NULL;
}

static int command_run(const struct command *command, int argc, char **argv)
{
	struct cli cli = { .command = command };
	g_autofree char *program = g_strdup_printf("azupdate %s", command->name);
	g_autoptr(GError) error = NULL;
	int status;

	g_set_prgname(program);
	busfault_register();
	status = command->run(&cli, argc, argv, &error);
	if (error != NULL)
		status = cli_report(&cli, error);
	g_clear_object(&cli.connection);
	g_free(cli.bus);
	return status;
}

int main(int argc, char **argv)
{
	const struct command *command;

	setlocale(LC_ALL, "");
	if (argc < 2) {
		usage_print(stderr);
		return AZUPDATE_EXIT_USAGE;
	}
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
		usage_print(stdout);
		return AZUPDATE_EXIT_OK;
	}
	if (strcmp(argv[1], "--version") == 0) {
		puts("azupdate " AZUPDATE_VERSION);
		return AZUPDATE_EXIT_OK;
	}
	command = command_find(argv[1]);
	if (command != NULL)
		return command_run(command, argc - 1, argv + 1);
	fprintf(stderr, "azupdate: there is no command \"%s\"\n", argv[1]);
	usage_print(stderr);
	return AZUPDATE_EXIT_USAGE;
}
