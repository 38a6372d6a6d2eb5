/* SPDX-License-Identifier: MIT */
#include "cli.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "failure.h"
#include "faulttext.h"
#include "jsonwrite.h"

static const char EXIT_TEXT[] =
	"Exit status: 0 done, 1 failed, 2 wrong usage, 3 not allowed, 4 another job is running,\n"
	"5 cancelled, 6 azupdated cannot be reached, 7 not healthy. azupdate(1) says more.";

struct exit_row {
	fault why;
	enum azupdate_exit status;
};

static const struct exit_row EXITS[] = {
	{ FAULT_ARGUMENT, AZUPDATE_EXIT_USAGE },
	{ FAULT_NOT_ALLOWED, AZUPDATE_EXIT_NOT_ALLOWED },
	{ FAULT_AUTH_NEEDED, AZUPDATE_EXIT_NOT_ALLOWED },
	{ FAULT_JOB_BUSY, AZUPDATE_EXIT_BUSY },
	{ FAULT_JOB_CANCELLED, AZUPDATE_EXIT_CANCELLED },
	{ FAULT_CONVERGE_CANCELLED, AZUPDATE_EXIT_CANCELLED },
	{ FAULT_BUS, AZUPDATE_EXIT_NO_DAEMON },
};

static const char *const PROGRESS_NAMES[] = {
	[CLI_PROGRESS_BAR] = "bar",
	[CLI_PROGRESS_LINES] = "lines",
	[CLI_PROGRESS_JSON] = "json",
	[CLI_PROGRESS_NONE] = "none",
};

static gboolean progress_choose(struct cli *cli, const char *name, GError **error)
{
	if (name == NULL) {
		cli->progress = cli->json                    ? CLI_PROGRESS_NONE
				: isatty(STDERR_FILENO) == 1 ? CLI_PROGRESS_BAR
							     : CLI_PROGRESS_LINES;
		return TRUE;
	}
	for (size_t i = 0; i < G_N_ELEMENTS(PROGRESS_NAMES); i++)
		if (strcmp(name, PROGRESS_NAMES[i]) == 0) {
			cli->progress = (enum cli_progress)i;
			cli->json = cli->json || i == CLI_PROGRESS_JSON;
			return TRUE;
		}
	return failure_set(error, FAULT_ARGUMENT,
			   "%s: --progress=%s: give bar, lines, json or none", cli->command->name,
			   name);
}

gboolean cli_parse(struct cli *cli, const GOptionEntry *options, int operands_max, int *argc,
		   char ***argv, GError **error)
{
	g_autofree char *progress = NULL;
	const GOptionEntry common[] = {
		{ "json", 0, 0, G_OPTION_ARG_NONE, &cli->json, "print JSON", NULL },
		{ "bus", 0, 0, G_OPTION_ARG_STRING, &cli->bus,
		  "system (default), session, or the address of a bus", "BUS" },
		{ .long_name = NULL },
	};
	const GOptionEntry waiting[] = {
		{ "progress", 0, 0, G_OPTION_ARG_STRING, &progress,
		  "bar (on a terminal), lines (elsewhere), json or none", "HOW" },
		{ .long_name = NULL },
	};
	g_autofree char *usage = g_strdup_printf("%s - %s", cli->command->operands,
						 cli->command->summary);
	g_autoptr(GOptionContext) context = g_option_context_new(usage);
	g_autoptr(GError) cause = NULL;

	if (options != NULL)
		g_option_context_add_main_entries(context, options, NULL);
	if (cli->command->waits)
		g_option_context_add_main_entries(context, waiting, NULL);
	g_option_context_add_main_entries(context, common, NULL);
	g_option_context_set_summary(context, cli->command->description);
	g_option_context_set_description(context, EXIT_TEXT);
	if (!g_option_context_parse(context, argc, argv, &cause))
		return failure_set(error, FAULT_ARGUMENT, "%s: %s", cli->command->name,
				   cause->message);
	if (*argc > 1 && g_str_equal((*argv)[1], "--")) {
		(*argv)++;
		(*argc)--;
	}
	if (*argc - 1 > operands_max)
		return failure_set(error, FAULT_ARGUMENT, "%s: \"%s\" is one argument too many",
				   cli->command->name, (*argv)[operands_max + 1]);
	return progress_choose(cli, progress, error);
}

void cli_print_json(const char *schema, GVariant *members)
{
	g_autoptr(GVariant) owned = g_variant_ref_sink(members);
	g_autoptr(GString) text = g_string_new(NULL);

	jsonwrite_variant(text, owned);
	printf("{\"schema\":\"%s\"%s%s\n", schema, text->len == 2 ? "" : ",", text->str + 1);
}

int cli_exit_status(fault why)
{
	for (size_t i = 0; i < G_N_ELEMENTS(EXITS); i++)
		if (EXITS[i].why == why)
			return (int)EXITS[i].status;
	return AZUPDATE_EXIT_FAILED;
}

int cli_report(const struct cli *cli, const GError *error)
{
	const fault why = failure_code(error);
	const struct faulttext *text = faulttext_find(why);
	GVariantBuilder builder;

	if (!cli->json) {
		fprintf(stderr, "azupdate: %s\n  fault %u %s: %s\n", error->message, (unsigned)why,
			text->name, text->sentence);
		if (text->advice[0] != '\0')
			fprintf(stderr, "  what to do: %s\n", text->advice);
		return cli_exit_status(why);
	}
	g_variant_builder_init(&builder, G_VARIANT_TYPE_VARDICT);
	g_variant_builder_add(&builder, "{sv}", "fault", g_variant_new_uint32(why));
	g_variant_builder_add(&builder, "{sv}", "name", g_variant_new_string(text->name));
	g_variant_builder_add(&builder, "{sv}", "message", g_variant_new_string(error->message));
	g_variant_builder_add(&builder, "{sv}", "advice", g_variant_new_string(text->advice));
	cli_print_json(AZUPDATE_SCHEMA_ERROR, g_variant_builder_end(&builder));
	return cli_exit_status(why);
}
