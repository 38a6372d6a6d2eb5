/* SPDX-License-Identifier: MIT */
#pragma once
/* Store reading: what azupdated tells as its history, and the stored releases in it. */

#include "client.h"
#include "json.h"

/* Asks for the history and prints it: as it is with --json, else by `print`, which is given the
 * object of history.schema.json. Returns the exit status. */
int storeread_history(struct cli *cli, void (*print)(const json_t *history), GError **error);
/* One line for each; `history` is the object of history.schema.json. */
void storeread_print(const json_t *history);
