/* SPDX-License-Identifier: MIT */
#pragma once
/* Zone: the offsets of a place's local time from UTC as a table, so that what depends on local time
 * can be pure. */

#include <glib.h>
#include <stdint.h>

struct zone_span {
	int64_t from_s;   /* since 1970; the first span's counts for all time before, too */
	int32_t offset_s; /* local time minus UTC */
};

struct zone {
	unsigned n_spans; /* at least 1 */
	struct zone_span *spans;
};
typedef struct zone Zone; /* for g_autoptr() only */

/* The offsets between two times, `to_s` at most 200 years after `from_s`; beyond these the nearest
 * one is used. `name` is one of the system's time zones, such as Europe/Berlin, or an offset, such
 * as +02:00; NULL is the machine's own. NULL with FAULT_ZONE if there is no such zone. */
struct zone *zone_load(const char *name, int64_t from_s, int64_t to_s, GError **error);
void zone_free(struct zone *zone);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Zone, zone_free)

/* Local time minus UTC, in seconds. A NULL zone is UTC. */
int64_t zone_offset(const struct zone *zone, int64_t time_s);

/* The last instant at which the clock on the wall passes a local time (seconds since 1970, as if it
 * were UTC), be it by a jump. */
int64_t zone_last(const struct zone *zone, int64_t local_s);
/* The first instant, from `from_s` on, at which it shows that local time or a later one. */
int64_t zone_reach(const struct zone *zone, int64_t from_s, int64_t local_s);
