/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "bundlearg.h"
#include "checked.h"
#include "client.h"

struct repair {
	const char *slot;   /* NULL: the running one */
	const char *bundle; /* NULL: none */
};

/* One operand may be either: a file with a slot's name is ./a. */
static struct repair operands_read(int argc, char **argv)
{
	const gboolean has_slot = argc > 2 || (argc > 1 && (strcmp(argv[1], "a") == 0 ||
							    strcmp(argv[1], "b") == 0));

	return (struct repair){
		.slot = has_slot ? argv[1] : NULL,
		.bundle = argc > 2                ? argv[2]
			  : argc > 1 && !has_slot ? argv[1]
						  : NULL,
	};
}

static char *repair_start(BusManager *manager, const struct repair *repair, GError **error)
{
	const gboolean is_url = repair->bundle == NULL || bundlearg_is_url(repair->bundle);
	g_autoptr(GUnixFDList) fds = NULL;
	GError *cause = NULL;
	char *path = NULL;
	GVariantDict dict;
	GVariant *options;

	if (!is_url) {
		fds = bundlearg_open(repair->bundle, error);
		if (fds == NULL)
			return NULL;
	}
	g_variant_dict_init(&dict, NULL);
	options = g_variant_dict_end(&dict);
	if (is_url)
		bus_manager_call_repair_url_sync(manager, repair->slot,
						 repair->bundle == NULL ? "" : repair->bundle,
						 options, &path, NULL, &cause);
	else
		bus_manager_call_repair_sync(manager, repair->slot, g_variant_new_handle(0),
					     options, fds, &path, NULL, NULL, &cause);
	if (cause != NULL)
		client_fail(error, cause);
	return path;
}

static int repair_run(struct cli *cli, int argc, char **argv, GError **error)
{
	g_autoptr(BusManager) manager = NULL;
	g_autofree char *running = NULL;
	g_autofree char *path = NULL;
	struct repair repair;

	if (!cli_parse(cli, NULL, 2, &argc, &argv, error))
		return AZUPDATE_EXIT_USAGE;
	repair = operands_read(argc, argv);
	manager = client_manager(cli, error);
	if (manager == NULL)
		return AZUPDATE_EXIT_FAILED;
	if (repair.slot == NULL) {
		running = client_running_slot(manager, error);
		repair.slot = running;
	}
	if (repair.slot == NULL)
		return AZUPDATE_EXIT_FAILED;
	path = repair_start(manager, &repair, error);
	return path == NULL ? AZUPDATE_EXIT_FAILED : checked_finish(cli, path, error);
}

const struct command COMMAND_REPAIR = {
	.name = "repair",
	.operands = "[SLOT] [FILE|URL|-]",
	.summary = "heal what is wrong in a slot",
	.description =
		"Heals what is wrong in a slot, by default the running one, out of the other slot\n"
		"and out of the bundle of the release that it holds, if one is named. Only what "
		"is\n"
		"wrong is written.",
	.waits = TRUE,
	.run = repair_run,
};
