/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>

#include "amount.h"
#include "failure.h"
#include "jobwait.h"
#include "restore.h"
#include "storeread.h"
#include "terminal.h"

typedef gboolean (*start_func)(BusManager *manager, char **ret_path, GCancellable *cancellable,
			       GError **error);

static const char ETC_PREFIX[] = "etc/"; /* no version has a slash */

struct work {
	const char *name;
	start_func start;
};

static const struct work WORKS[] = {
	{ "add", bus_manager_call_store_add_sync },
	{ "prune", bus_manager_call_store_prune_sync },
	{ "check", bus_manager_call_store_check_sync },
};

static void drop_print(const char *name)
{
	g_autofree char *clean = terminal_clean(name);

	if (g_str_has_prefix(clean, ETC_PREFIX))
		printf("State %s of /etc was dropped.\n", clean + strlen(ETC_PREFIX));
	else
		printf("Version %s was dropped.\n", clean);
}

static void dropped_print(GVariant *result)
{
	g_autofree const char **dropped = NULL;

	if (!g_variant_lookup(result, "dropped", "^a&s", &dropped))
		return;
	for (const char **name = dropped; *name != NULL; name++)
		drop_print(*name);
}

static void result_print(GVariant *result)
{
	g_autofree char *added = amount_of(result, "new_bytes");
	g_autofree char *size = amount_of(result, "store_bytes");
	g_autofree char *clean = NULL;
	const char *version = "";

	g_variant_lookup(result, "version", "&s", &version);
	clean = terminal_clean(version);
	if (clean[0] != '\0')
		printf("Version %s is stored: %s of it were new.\n", clean, added);
	dropped_print(result);
	printf("The store takes %s.\n", size);
}

static int work_run(struct cli *cli, const struct work *work, GError **error)
{
	g_autoptr(BusManager) manager = client_manager_unread(cli, error);
	g_autoptr(GVariant) outcome = NULL;
	g_autoptr(GVariant) result = NULL;
	g_autofree char *path = NULL;
	GError *cause = NULL;

	if (manager == NULL)
		return AZUPDATE_EXIT_FAILED;
	if (!work->start(manager, &path, NULL, &cause)) {
		client_fail(error, cause);
		return AZUPDATE_EXIT_FAILED;
	}
	if (!jobwait_run(cli, path, &outcome, error))
		return AZUPDATE_EXIT_FAILED;
	result = jobwait_result(outcome);
	if (cli->json)
		cli_print_json(AZUPDATE_SCHEMA_JOB, outcome);
	else
		result_print(result);
	return AZUPDATE_EXIT_OK;
}

static void list_print(const json_t *history)
{
	if (json_array_size(json_object_get(history, "store")) == 0)
		puts("No past release is stored.");
	storeread_print(history);
}

static int store_run(struct cli *cli, int argc, char **argv, GError **error)
{
	static const struct restore_options OPTIONS = { .force = FALSE };

	if (!cli_parse(cli, NULL, 2, &argc, &argv, error))
		return AZUPDATE_EXIT_USAGE;
	if (argc == 3 && strcmp(argv[1], "restore") == 0)
		return restore_version(cli, argv[2], &OPTIONS, error);
	if (argc < 2 || (argc == 2 && strcmp(argv[1], "list") == 0))
		return storeread_history(cli, list_print, error);
	for (size_t i = 0; i < G_N_ELEMENTS(WORKS); i++)
		if (argc == 2 && strcmp(argv[1], WORKS[i].name) == 0)
			return work_run(cli, &WORKS[i], error);
	failure_set(error, FAULT_ARGUMENT, "store: say list, add, prune, check or restore VERSION");
	return AZUPDATE_EXIT_USAGE;
}

const struct command COMMAND_STORE = {
	.name = "store",
	.operands = "[list|add|...]",
	.summary = "past releases that are kept beside the slots",
	.description =
		"list: what is stored. add: store the running release. prune: drop what is too "
		"much.\n"
		"check: read all that is stored, states of /etc too, and drop what is damaged.\n"
		"restore VERSION: put a stored release into the other slot, without a network, "
		"and\n"
		"make it the next boot.",
	.waits = TRUE,
	.run = store_run,
};
