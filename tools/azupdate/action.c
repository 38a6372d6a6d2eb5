/* SPDX-License-Identifier: MIT */
#include "action.h"

#include <stdio.h>

int action_show(struct cli *cli, const struct action *action, GError **error)
{
	g_autoptr(BusManager) manager = client_manager(cli, error);
	GVariantBuilder builder;
	const char *next;

	if (manager == NULL)
		return AZUPDATE_EXIT_FAILED;
	next = bus_manager_get_next(manager);
	if (!cli->json) {
		printf("Slot %s: %s%s. ", action->slot,
		       action->changed ? "" : "nothing to do, it was already ", action->done);
		if (next[0] == '\0')
			puts("No slot can be booted now.");
		else
			printf("The next boot starts slot %s.\n", next);
		return AZUPDATE_EXIT_OK;
	}
	g_variant_builder_init(&builder, G_VARIANT_TYPE_VARDICT);
	g_variant_builder_add(&builder, "{sv}", "action", g_variant_new_string(action->done));
	g_variant_builder_add(&builder, "{sv}", "slot", g_variant_new_string(action->slot));
	g_variant_builder_add(&builder, "{sv}", "changed", g_variant_new_boolean(action->changed));
	g_variant_builder_add(&builder, "{sv}", "next",
			      g_variant_new("ms", next[0] == '\0' ? NULL : next));
	cli_print_json(AZUPDATE_SCHEMA_ACTION, g_variant_builder_end(&builder));
	return AZUPDATE_EXIT_OK;
}

int action_slot_run(struct cli *cli, int argc, char **argv, const struct action_slot *action,
		    GError **error)
{
	g_autoptr(BusManager) manager = NULL;
	g_autofree char *slot = NULL;
	GError *cause = NULL;
	gboolean changed;

	if (!cli_parse(cli, NULL, 1, &argc, &argv, error))
		return AZUPDATE_EXIT_USAGE;
	manager = client_manager(cli, error);
	if (manager == NULL)
		return AZUPDATE_EXIT_FAILED;
	slot = argc > 1 ? g_strdup(argv[1]) : action->otherwise(manager, error);
	if (slot == NULL)
		return AZUPDATE_EXIT_FAILED;
	if (!action->call(manager, slot, &changed, NULL, &cause)) {
		client_fail(error, cause);
		return AZUPDATE_EXIT_FAILED;
	}
	return action_show(cli, &(struct action){ action->done, slot, changed }, error);
}
