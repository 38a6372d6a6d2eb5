/* SPDX-License-Identifier: MIT */
#include <stdio.h>

#include "checked.h"
#include "client.h"
#include "failure.h"

static int slot_verify(struct cli *cli, BusManager *manager, const char *slot, GError **error)
{
	g_autofree char *path = NULL;
	GVariantDict options;
	GError *cause = NULL;

	g_variant_dict_init(&options, NULL);
	if (!bus_manager_call_verify_sync(manager, slot, g_variant_dict_end(&options), &path, NULL,
					  &cause)) {
		client_fail(error, cause);
		return AZUPDATE_EXIT_FAILED;
	}
	return checked_finish(cli, path, error);
}

/* An empty slot has nothing that could be wrong. */
static int slot_verify_filled(struct cli *cli, BusManager *manager, const char *name,
			      GError **error)
{
	g_autoptr(BusSlot) slot = client_slot(cli, name, error);

	if (slot == NULL)
		return AZUPDATE_EXIT_FAILED;
	if (!g_str_equal(bus_slot_get_state(slot), "empty"))
		return slot_verify(cli, manager, name, error);
	if (!cli->json)
		printf("Slot %s holds no release.\n", name);
	return AZUPDATE_EXIT_OK;
}

/* What is wrong with the first slot does not keep it from the second one. */
static int all_verify(struct cli *cli, BusManager *manager)
{
	static const char *const NAMES[] = { "a", "b" };
	int worst = AZUPDATE_EXIT_OK;

	for (size_t i = 0; i < G_N_ELEMENTS(NAMES); i++) {
		g_autoptr(GError) error = NULL;
		int status = slot_verify_filled(cli, manager, NAMES[i], &error);

		if (error != NULL)
			status = cli_report(cli, error);
		if (worst == AZUPDATE_EXIT_OK)
			worst = status;
	}
	return worst;
}

static int verify_run(struct cli *cli, int argc, char **argv, GError **error)
{
	gboolean all = FALSE;
	const GOptionEntry options[] = {
		{ "all", 0, 0, G_OPTION_ARG_NONE, &all, "both slots", NULL },
		{ .long_name = NULL },
	};
	g_autoptr(BusManager) manager = NULL;
	g_autofree char *slot = NULL;

	if (!cli_parse(cli, options, 1, &argc, &argv, error))
		return AZUPDATE_EXIT_USAGE;
	if (all && argc > 1) {
		failure_set(error, FAULT_ARGUMENT, "verify: name a slot, or say --all");
		return AZUPDATE_EXIT_USAGE;
	}
	manager = client_manager(cli, error);
	if (manager == NULL)
		return AZUPDATE_EXIT_FAILED;
	if (all)
		return all_verify(cli, manager);
	slot = argc > 1 ? g_strdup(argv[1]) : client_running_slot(manager, error);
	return slot == NULL ? AZUPDATE_EXIT_FAILED : slot_verify(cli, manager, slot, error);
}

const struct command COMMAND_VERIFY = {
	.name = "verify",
	.operands = "[SLOT]",
	.summary = "read a slot and compare it with what was signed",
	.description =
		"Reads a whole slot, by default the running one, from the medium and compares it\n"
		"with its signed root hashes. Nothing is written.",
	.waits = TRUE,
	.run = verify_run,
};
