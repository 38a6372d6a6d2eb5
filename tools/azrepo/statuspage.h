/* SPDX-License-Identifier: MIT */
#pragma once
/* The summary as one page: HTML that is XML as well, with its style and its drawings inside,
 * without scripts or anything that a browser would have to fetch. */

#include "json.h"

/* The caller frees. */
GString *statuspage_make(const json_t *summary);
