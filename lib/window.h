/* SPDX-License-Identifier: MIT */
#pragma once
/* Maintenance windows: when something may be done, in local time. Pure.
 *
 *   Mon..Fri 22:00-06:00; Sat,Sun 00:00-24:00
 *
 * Parts are separated by `;`. Each has days (all, if left out) and times to the minute; a part
 * that ends before it starts goes on into the next day. Parts may overlap or touch.
 *
 * A part opens when the wall clock passes its start (for the last time, where clocks are set back),
 * and closes when the clock is at its end for the first time after that. So it is open once, and
 * never at a time that is not written there; but if clocks jump over the whole part, it is open
 * from the jump on, for as long as it is meant to be. */

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "zone.h"

enum { WINDOW_PARTS_MAX = 32, WINDOW_TEXT_MAX = 1024 };

struct window_part {
	uint8_t days;       /* bit 0 is Monday */
	uint16_t start_min; /* from midnight, up to 23:59 */
	uint16_t end_min;   /* after start_min; over 24:00 is on the next day */
};

struct window {
	bool always; /* the parts leave no minute of the week out */
	unsigned n_parts;
	struct window_part parts[WINDOW_PARTS_MAX];
};

/* From when to when it is open, without a break; INT64_MIN and INT64_MAX: always. */
struct window_span {
	int64_t open_s;
	int64_t close_s;
};

/* FALSE with FAULT_WINDOW, which quotes the part that is not understood. */
gboolean window_parse(const char *text, struct window *ret_window, GError **error);

/* The span that is open at a time, or else the next one. A NULL window is always open. */
struct window_span window_find(const struct window *window, const struct zone *zone, int64_t now_s);

/* When a machine with that place (0 first, UINT64_MAX last) may start within a span: the machines
 * are spread over its first half, at most WINDOW_SPREAD_S. */
enum { WINDOW_SPREAD_S = 4 * 3600 };
int64_t window_start(struct window_span span, uint64_t place);
