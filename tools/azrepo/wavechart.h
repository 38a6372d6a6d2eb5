/* SPDX-License-Identifier: MIT */
#pragma once
/* Wave chart: an SVG drawing of how a rollout reaches more and more machines over time. */

#include <glib.h>

#include "json.h"

/* `rollout` as in the summary. */
void wavechart_add(GString *page, const json_t *rollout, gint64 now_s);
