/* SPDX-License-Identifier: MIT */
#pragma once
/* Summary: what is in a repository, as the JSON that schema/repository.schema.json describes. Text
 * and page (statustext.h, statuspage.h) are made of it, so all three say the same. */

#include <glib.h>

#include "repository.h"

/* The caller owns it. FAULT_AZREPO_METADATA, FAULT_CHANNEL_*: a channel's document is damaged. */
json_t *summary_make(const struct repository *repository, GError **error);
