/* SPDX-License-Identifier: MIT */
#include "window.h"

#include <string.h>

#include "failure.h"

enum {
	DAY_S = 86400,
	DAY_MIN = 1440,
	DAYS = 7,
	ALL_DAYS = (1 << DAYS) - 1,
	THURSDAY = 3,   /* 1970-01-01 */
	REACH_DAYS = 2, /* a part that is open began at most so many days ago */
	MERGES_MAX = 1000,
};

static const char DAY_NAMES[DAYS][4] = { "Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun" };

static bool day_take(const char **at, unsigned *ret_day)
{
	for (unsigned day = 0; day < DAYS; day++)
		if (strncmp(*at, DAY_NAMES[day], 3) == 0) {
			*at += 3;
			*ret_day = day;
			return true;
		}
	return false;
}

/* Days, such as Mon,Wed..Fri; a range may go over the end of the week. */
static bool days_take(const char **at, uint8_t *ret_days)
{
	unsigned days = 0;

	for (;;) {
		unsigned first, last;

		if (!day_take(at, &first))
			return false;
		last = first;
		if (strncmp(*at, "..", 2) == 0) {
			*at += 2;
			if (!day_take(at, &last))
				return false;
		}
		for (unsigned day = first;; day = (day + 1) % DAYS) {
			days |= 1U << day;
			if (day == last)
				break;
		}
		if (**at != ',')
			break;
		++*at;
	}
	*ret_days = (uint8_t)days;
	return true;
}

static bool minute_take(const char **at, uint16_t *ret_minute)
{
	const char *text = *at;
	unsigned hour, minute;

	for (unsigned i = 0; i < 5; i++)
		if (i == 2 ? text[i] != ':' : !g_ascii_isdigit(text[i]))
			return false;
	hour = (unsigned)(text[0] - '0') * 10 + (unsigned)(text[1] - '0');
	minute = (unsigned)(text[3] - '0') * 10 + (unsigned)(text[4] - '0');
	if (minute >= 60 || hour * 60 + minute > DAY_MIN)
		return false;
	*ret_minute = (uint16_t)(hour * 60 + minute);
	*at += 5;
	return true;
}

static bool part_parse(const char *text, struct window_part *ret_part)
{
	struct window_part part = { .days = ALL_DAYS };

	if (g_ascii_isalpha(*text)) {
		if (!days_take(&text, &part.days) || *text != ' ')
			return false;
		while (*text == ' ')
			text++;
	}
	if (!minute_take(&text, &part.start_min) || *text++ != '-' ||
	    !minute_take(&text, &part.end_min) || *text != '\0' || part.start_min == DAY_MIN ||
	    part.start_min == part.end_min)
		return false;
	if (part.end_min < part.start_min)
		part.end_min = (uint16_t)(part.end_min + DAY_MIN);
	*ret_part = part;
	return true;
}

static bool always_open(const struct window *window)
{
	bool open[DAYS * DAY_MIN] = { false };

	for (unsigned i = 0; i < window->n_parts; i++)
		for (unsigned day = 0; day < DAYS; day++) {
			const struct window_part *part = &window->parts[i];

			if ((part->days >> day & 1) == 0)
				continue;
			for (unsigned at = part->start_min; at < part->end_min; at++)
				open[(day * DAY_MIN + at) % (DAYS * DAY_MIN)] = true;
		}
	return memchr(open, false, sizeof open) == NULL;
}

gboolean window_parse(const char *text, struct window *ret_window, GError **error)
{
	g_auto(GStrv) parts = NULL;
	struct window window = { .n_parts = 0 };

	if (strlen(text) > WINDOW_TEXT_MAX)
		return failure_set(error, FAULT_WINDOW, "the windows have over %d characters",
				   WINDOW_TEXT_MAX);
	parts = g_strsplit(text, ";", 0);
	for (char **part = parts; *part != NULL; part++) {
		if (*g_strstrip(*part) == '\0')
			continue;
		if (window.n_parts == WINDOW_PARTS_MAX)
			return failure_set(error, FAULT_WINDOW, "there are more than %d windows",
					   WINDOW_PARTS_MAX);
		if (!part_parse(*part, &window.parts[window.n_parts++]))
			return failure_set(error, FAULT_WINDOW,
					   "\"%s\" is no window as Mon..Fri 22:00-06:00", *part);
	}
	if (window.n_parts == 0)
		return failure_set(error, FAULT_WINDOW, "there is no window in \"%s\"", text);
	window.always = always_open(&window);
	*ret_window = window;
	return TRUE;
}

/* Where a part that begins on a local day (counted from 1970) is open; false: not on that day. */
static bool part_place(const struct window_part *part, const struct zone *zone, int64_t day,
		       struct window_span *ret_span)
{
	const unsigned weekday = (unsigned)(((day + THURSDAY) % DAYS + DAYS) % DAYS);
	const int64_t midnight_s = day * DAY_S;

	if ((part->days >> weekday & 1) == 0)
		return false;
	ret_span->open_s = zone_last(zone, midnight_s + part->start_min * 60);
	ret_span->close_s = zone_reach(zone, ret_span->open_s, midnight_s + part->end_min * 60);
	/* Clocks jump over all of it. */
	if (ret_span->close_s == ret_span->open_s)
		ret_span->close_s += (part->end_min - part->start_min) * 60;
	return true;
}

static int64_t day_of(const struct zone *zone, int64_t time_s)
{
	const int64_t local_s = time_s + zone_offset(zone, time_s);

	return local_s >= 0 ? local_s / DAY_S : -((-local_s + DAY_S - 1) / DAY_S);
}

/* The earliest span, of those that begin on some days, that ends after a time. */
static struct window_span first_find(const struct window *window, const struct zone *zone,
				     int64_t now_s)
{
	const int64_t today = day_of(zone, now_s);
	struct window_span first = { INT64_MAX, INT64_MAX };
	struct window_span span;

	for (int64_t day = today - REACH_DAYS; day <= today + DAYS + 1; day++) {
		for (unsigned i = 0; i < window->n_parts; i++)
			if (part_place(&window->parts[i], zone, day, &span) &&
			    span.close_s > now_s && span.open_s < first.open_s)
				first = span;
		/* Later days can only begin later. */
		if (first.open_s != INT64_MAX && day > today)
			break;
	}
	return first;
}

/* Takes in what touches the span at one end, and the day that end is on; false: nothing does. */
static bool neighbour_merge(const struct window *window, const struct zone *zone, int64_t day,
			    struct window_span *span)
{
	const struct window_span before = *span;
	struct window_span other;

	for (int64_t at = day - REACH_DAYS; at <= day + 1; at++)
		for (unsigned i = 0; i < window->n_parts; i++) {
			if (!part_place(&window->parts[i], zone, at, &other) ||
			    other.open_s > span->close_s || other.close_s < span->open_s)
				continue;
			span->open_s = MIN(span->open_s, other.open_s);
			span->close_s = MAX(span->close_s, other.close_s);
		}
	return span->open_s != before.open_s || span->close_s != before.close_s;
}

struct window_span window_find(const struct window *window, const struct zone *zone, int64_t now_s)
{
	struct window_span span = { INT64_MIN, INT64_MAX };

	if (window == NULL || window->always)
		return span;
	span = first_find(window, zone, now_s);
	/* It ends well before the limit: a break comes at least once a week, unless clocks are
	 * changed over it. */
	for (unsigned i = 0; i < MERGES_MAX; i++)
		if (!neighbour_merge(window, zone, day_of(zone, span.open_s), &span) &&
		    !neighbour_merge(window, zone, day_of(zone, span.close_s), &span))
			break;
	return span;
}

int64_t window_start(struct window_span span, uint64_t place)
{
	int64_t spread_s;

	if (span.open_s == INT64_MIN)
		return INT64_MIN;
	spread_s = MIN((span.close_s - span.open_s) / 2, WINDOW_SPREAD_S);
	return span.open_s + (int64_t)((place >> 32) * (uint64_t)spread_s >> 32);
}
