/* SPDX-License-Identifier: MIT */
#include "status.h"

const char *status_slot_name(unsigned index)
{
	static const char *const NAMES[STATUS_SLOTS] = { "a", "b" };

	return NAMES[index];
}

static gboolean status_gather(struct cli *cli, struct status *status, GError **error)
{
	const char *const *paths;

	status->manager = client_manager(cli, error);
	if (status->manager == NULL)
		return FALSE;
	for (unsigned i = 0; i < STATUS_SLOTS; i++) {
		status->slots[i] = client_slot(cli, status_slot_name(i), error);
		if (status->slots[i] == NULL)
			return FALSE;
	}
	status->jobs = g_ptr_array_new_with_free_func(g_object_unref);
	paths = bus_manager_get_jobs(status->manager);
	for (; paths != NULL && *paths != NULL; paths++) {
		BusJob *job = client_job(cli, *paths, NULL);

		if (job != NULL) /* else it was forgotten in between */
			g_ptr_array_add(status->jobs, job);
	}
	return TRUE;
}

static void status_done(struct status *status)
{
	g_clear_object(&status->manager);
	for (unsigned i = 0; i < STATUS_SLOTS; i++)
		g_clear_object(&status->slots[i]);
	g_clear_pointer(&status->jobs, g_ptr_array_unref);
}

static int status_run(struct cli *cli, int argc, char **argv, GError **error)
{
	struct status status = { NULL };
	const gboolean gathered = cli_parse(cli, NULL, 0, &argc, &argv, error) &&
				  status_gather(cli, &status, error);

	if (gathered && cli->json)
		status_print_json(&status);
	else if (gathered)
		status_print_text(&status);
	status_done(&status);
	return gathered ? AZUPDATE_EXIT_OK : AZUPDATE_EXIT_FAILED;
}

const struct command COMMAND_STATUS = {
	.name = "status",
	.operands = "",
	.summary = "what runs, what boots next, and why",
	.description =
		"Shows both slots, what the next boot starts and why, what the last boot met, and\n"
		"which releases failed on this machine.",
	.run = status_run,
};
