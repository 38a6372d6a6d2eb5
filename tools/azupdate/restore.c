/* SPDX-License-Identifier: MIT */
#include "restore.h"

#include <stdio.h>

#include "amount.h"
#include "jobwait.h"

static char *restore_start(struct cli *cli, const char *version,
			   const struct restore_options *options, GError **error)
{
	g_autoptr(BusManager) manager = client_manager_unread(cli, error);
	GVariantDict dict;
	GError *cause = NULL;
	char *path = NULL;

	if (manager == NULL)
		return NULL;
	g_variant_dict_init(&dict, NULL);
	g_variant_dict_insert(&dict, "force", "b", options->force);
	g_variant_dict_insert(&dict, "activate", "b", !options->no_activate);
	if (options->etc || options->keep_etc)
		g_variant_dict_insert(&dict, options->etc ? "etc" : "keep_etc", "b", TRUE);
	if (!bus_manager_call_restore_sync(manager, version, g_variant_dict_end(&dict), &path, NULL,
					   &cause))
		client_fail(error, cause);
	return path;
}

static void result_print(GVariant *result, const struct restore_options *options)
{
	g_autofree char *fetched = amount_of(result, "fetched_bytes");
	g_autofree char *copied = amount_of(result, "copied_bytes");
	g_autofree char *kept = amount_of(result, "kept_bytes");
	const char *slot = "?", *version = "?";

	g_variant_lookup(result, "slot", "&s", &slot);
	g_variant_lookup(result, "version", "&s", &version);
	printf("Version %s is in slot %s again: %s from the store, %s copied from the running "
	       "slot, %s were there already.\n",
	       version, slot, fetched, copied, kept);
	if (options->no_activate)
		printf("It does not boot before you say so: azupdate activate %s\n", slot);
	else
		printf("The next boot tries it. Reboot when it suits.\n");
}

int restore_version(struct cli *cli, const char *version, const struct restore_options *options,
		    GError **error)
{
	g_autofree char *path = restore_start(cli, version, options, error);
	g_autoptr(GVariant) outcome = NULL;
	g_autoptr(GVariant) result = NULL;

	if (path == NULL || !jobwait_run(cli, path, &outcome, error))
		return AZUPDATE_EXIT_FAILED;
	result = jobwait_result(outcome);
	if (cli->json)
		cli_print_json(AZUPDATE_SCHEMA_JOB, outcome);
	else
		result_print(result, options);
	return AZUPDATE_EXIT_OK;
}
