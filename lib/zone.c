/* SPDX-License-Identifier: MIT */
#include "zone.h"

#include "failure.h"

enum { DAY_S = 86400, SPANS_MAX = 1000 };

void zone_free(struct zone *zone)
{
	if (zone == NULL)
		return;
	g_free(zone->spans);
	g_free(zone);
}

static int32_t offset_ask(GTimeZone *from, int64_t time_s)
{
	const int interval = g_time_zone_find_interval(from, G_TIME_TYPE_UNIVERSAL, time_s);

	return interval < 0 ? 0 : g_time_zone_get_offset(from, interval);
}

/* The second at which the offset changes, between two times of which only the later one has it. */
static int64_t change_find(GTimeZone *from, int64_t before_s, int64_t after_s)
{
	const int32_t offset_s = offset_ask(from, after_s);

	while (after_s - before_s > 1) {
		const int64_t middle_s = before_s + (after_s - before_s) / 2;

		if (offset_ask(from, middle_s) == offset_s)
			after_s = middle_s;
		else
			before_s = middle_s;
	}
	return after_s;
}

struct zone *zone_load(const char *name, int64_t from_s, int64_t to_s, GError **error)
{
	g_autoptr(GTimeZone) from = name != NULL ? g_time_zone_new_identifier(name)
						 : g_time_zone_new_local();
	g_autoptr(GArray) spans = g_array_new(FALSE, FALSE, sizeof(struct zone_span));
	struct zone_span span;
	struct zone *zone;

	if (from == NULL) {
		failure_set(error, FAULT_ZONE, "there is no time zone %s", name);
		return NULL;
	}
	span = (struct zone_span){ from_s, offset_ask(from, from_s) };
	g_array_append_val(spans, span);
	/* Nowhere do clocks change twice within a day. */
	for (int64_t at_s = from_s; at_s < to_s && spans->len < SPANS_MAX; at_s += DAY_S) {
		const int32_t offset_s = offset_ask(from, at_s + DAY_S);

		if (offset_s == span.offset_s)
			continue;
		span = (struct zone_span){ change_find(from, at_s, at_s + DAY_S), offset_s };
		g_array_append_val(spans, span);
	}
	zone = g_new(struct zone, 1);
	zone->n_spans = spans->len;
	zone->spans = (struct zone_span *)g_array_free(g_steal_pointer(&spans), FALSE);
	return zone;
}

/* The last span that begins at or before a time; the first one if none does. */
static unsigned span_find(const struct zone *zone, int64_t time_s)
{
	unsigned low = 0;
	unsigned high = zone->n_spans;

	while (high - low > 1) {
		const unsigned middle = low + (high - low) / 2;

		if (zone->spans[middle].from_s <= time_s)
			low = middle;
		else
			high = middle;
	}
	return low;
}

int64_t zone_offset(const struct zone *zone, int64_t time_s)
{
	return zone == NULL ? 0 : zone->spans[span_find(zone, time_s)].offset_s;
}

static int64_t span_end(const struct zone *zone, unsigned index)
{
	return index + 1 < zone->n_spans ? zone->spans[index + 1].from_s : INT64_MAX;
}

int64_t zone_last(const struct zone *zone, int64_t local_s)
{
	if (zone == NULL)
		return local_s;
	/* No offset is as large as a day: nothing later shows that time. */
	for (unsigned i = span_find(zone, local_s + DAY_S); i > 0; i--) {
		const int64_t time_s = local_s - zone->spans[i].offset_s;

		if (time_s > zone->spans[i].from_s)
			return MIN(time_s, span_end(zone, i));
	}
	return MIN(local_s - zone->spans[0].offset_s, span_end(zone, 0));
}

int64_t zone_reach(const struct zone *zone, int64_t from_s, int64_t local_s)
{
	unsigned i;

	if (zone == NULL)
		return MAX(local_s, from_s);
	for (i = span_find(zone, from_s); i + 1 < zone->n_spans; i++) {
		const int64_t time_s = MAX(local_s - zone->spans[i].offset_s, from_s);

		if (time_s < span_end(zone, i))
			return time_s;
		from_s = span_end(zone, i);
	}
	return MAX(local_s - zone->spans[i].offset_s, from_s);
}
