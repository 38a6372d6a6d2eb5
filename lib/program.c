/* SPDX-License-Identifier: MIT */
#include "program.h"

#include <stdio.h>
#include <string.h>

#include "failure.h"

enum { EXIT_USAGE = 2, IDLE_MAX_S = 24 * 60 * 60 };

static void usage_print(FILE *to, const char *program, const struct program_command *commands,
			unsigned count)
{
	size_t width = 0;

	for (unsigned i = 0; i < count; i++)
		width = MAX(width, strlen(commands[i].name));
	fprintf(to, "Usage: %s COMMAND [OPTION...]\n\nCommands:\n", program);
	for (unsigned i = 0; i < count; i++)
		fprintf(to, "  %-*s %s\n", (int)width, commands[i].name, commands[i].summary);
	fprintf(to, "\n%s COMMAND --help tells more; %s --version the version.\n", program,
		program);
}

static int command_run(const char *program, const struct program_command *command, int argc,
		       char **argv)
{
	g_autoptr(GError) error = NULL;
	g_autofree char *message = NULL;

	if (command->run(argc, argv, &error))
		return 0;
	message = failure_describe(error);
	fprintf(stderr, "%s %s: %s\n", program, command->name, message);
	return failure_code(error) == FAULT_ARGUMENT ? EXIT_USAGE : 1;
}

int program_run(const char *program, const struct program_command *commands, unsigned count,
		int argc, char **argv)
{
	const char *name = argc > 1 ? argv[1] : "--help";

	if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0 || strcmp(name, "help") == 0) {
		usage_print(argc > 1 ? stdout : stderr, program, commands, count);
		return argc > 1 ? 0 : EXIT_USAGE;
	}
	if (strcmp(name, "--version") == 0) {
		printf("%s %s\n", program, AZUPDATE_VERSION);
		return 0;
	}
	for (unsigned i = 0; i < count; i++)
		if (strcmp(commands[i].name, name) == 0)
			return command_run(program, &commands[i], argc - 1, argv + 1);
	fprintf(stderr, "%s: no such command: %s\n", program, name);
	usage_print(stderr, program, commands, count);
	return EXIT_USAGE;
}

gboolean program_options_parse(const GOptionEntry *entries, int *argc, char ***argv, GError **error)
{
	g_autoptr(GOptionContext) context = g_option_context_new(NULL);

	g_option_context_add_main_entries(context, entries, NULL);
	if (!g_option_context_parse(context, argc, argv, error))
		return FALSE;
	return *argc == 1 ||
	       failure_set(error, FAULT_ARGUMENT, "\"%s\" is not an option", (*argv)[1]);
}

gboolean program_idle_check(int idle_s, GError **error)
{
	return (idle_s >= 0 && idle_s <= IDLE_MAX_S) ||
	       failure_set(error, FAULT_ARGUMENT, "--idle=%d: give 0 to %d", idle_s, IDLE_MAX_S);
}
