/* SPDX-License-Identifier: MIT */
#pragma once
/* Store reading: the stored releases, out of what azupdated tells as its history. */

#include "json.h"

/* One line for each; `history` is the object of history.schema.json. */
void storeread_print(const json_t *history);
