/* SPDX-License-Identifier: MIT */
#pragma once
/* Client: the daemon as seen from the command line. Errors come out as failures of ours. */

#include "cli.h"
#include "json.h"

/* With properties that are of now. */
BusManager *client_manager(struct cli *cli, GError **error);
/* The same, although the machine could not be read; for what does not need its properties. */
BusManager *client_manager_unread(struct cli *cli, GError **error);
/* The face for updates out of a repository; asks nothing yet. */
BusUpdates *client_updates(struct cli *cli, GError **error);
BusSlot *client_slot(struct cli *cli, const char *name, GError **error);
BusJob *client_job(struct cli *cli, const char *path, GError **error);

/* Turns an error of the bus into a failure of ours. Always FALSE. */
gboolean client_fail(GError **error, GError *cause);

/* Prints what azupdated told as JSON: as it is with --json, else the object by `print`. Returns the
 * exit status; `wrong` begins the failure if it is no object. */
int client_print(struct cli *cli, const char *text, void (*print)(const json_t *object),
		 const char *wrong, GError **error);

/* The slot that a command means when it is given none. Free with g_free(). */
char *client_running_slot(BusManager *manager, GError **error);
char *client_other_slot(BusManager *manager, GError **error);
