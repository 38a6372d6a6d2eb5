/* SPDX-License-Identifier: MIT */
/* Maintenance windows: the first eight bytes are a time, the rest is the text. What is taken is
 * taken again from what it means; a window is open when GLib's own calendar says that the clock on
 * the wall shows one of its times, wherever clocks are not changed nearby. */
#include "window.h"

#include <string.h>

#include "bytes.h"
#include "fuzz.h"

enum { DAY_S = 86400, DAY_MIN = 1440, WEEK_MIN = 7 * DAY_MIN };
/* 2020 to 2030: what the table of the zone has. */
static const int64_t FROM_S = 1577836800;
static const int64_t TO_S = 1893456000;

static const struct zone *zone_get(const char *name)
{
	static struct zone *zone;

	if (zone == NULL)
		zone = zone_load(name, FROM_S, TO_S, NULL);
	promise(zone != NULL);
	return zone;
}

static char *window_write(const struct window *window)
{
	static const char *const NAMES[] = { "Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun" };
	GString *text = g_string_new(NULL);

	for (unsigned i = 0; i < window->n_parts; i++) {
		const struct window_part *part = &window->parts[i];
		/* A part to the end of its day, which goes on only if it began at midnight. */
		const unsigned end = part->end_min > DAY_MIN ? part->end_min - DAY_MIN
							     : part->end_min;
		const char *comma = "";

		for (unsigned day = 0; day < 7; day++)
			if ((part->days >> day & 1) != 0) {
				g_string_append_printf(text, "%s%s", comma, NAMES[day]);
				comma = ",";
			}
		g_string_append_printf(text, " %02u:%02u-%02u:%02u;", part->start_min / 60,
				       part->start_min % 60, end / 60, end % 60);
	}
	return g_string_free(text, FALSE);
}

static void parts_check(const struct window *window)
{
	g_autofree char *text = window_write(window);
	struct window again;

	promise(window->n_parts > 0 && window->n_parts <= WINDOW_PARTS_MAX);
	for (unsigned i = 0; i < window->n_parts; i++) {
		const struct window_part *part = &window->parts[i];

		promise(part->days > 0 && part->days < 1 << 7 && part->start_min < DAY_MIN);
		promise(part->end_min > part->start_min && part->end_min < 2 * DAY_MIN);
	}
	if (strlen(text) > WINDOW_TEXT_MAX) /* all days, written out */
		return;
	promise(window_parse(text, &again, NULL));
	promise(again.n_parts == window->n_parts && again.always == window->always);
	for (unsigned i = 0; i < window->n_parts; i++)
		promise(again.parts[i].days == window->parts[i].days &&
			again.parts[i].start_min == window->parts[i].start_min &&
			again.parts[i].end_min == window->parts[i].end_min);
}

/* By the week's minute that the wall shows. */
static gboolean is_open(const struct window *window, GTimeZone *zone, int64_t time_s)
{
	g_autoptr(GDateTime) utc = g_date_time_new_from_unix_utc(time_s);
	g_autoptr(GDateTime) local = g_date_time_to_timezone(utc, zone);
	const int at = (g_date_time_get_day_of_week(local) - 1) * DAY_MIN +
		       g_date_time_get_hour(local) * 60 + g_date_time_get_minute(local);

	for (unsigned i = 0; i < window->n_parts; i++)
		for (int day = 0; day < 7; day++) {
			const struct window_part *part = &window->parts[i];
			/* Minutes since the part began on that day. */
			const int past = (at - day * DAY_MIN - part->start_min + 2 * WEEK_MIN) %
					 WEEK_MIN;

			if ((part->days >> day & 1) != 0 && past < part->end_min - part->start_min)
				return TRUE;
		}
	return FALSE;
}

static gboolean clocks_stand(GTimeZone *zone, int64_t from_s, int64_t to_s)
{
	return g_time_zone_find_interval(zone, G_TIME_TYPE_UNIVERSAL, from_s) ==
	       g_time_zone_find_interval(zone, G_TIME_TYPE_UNIVERSAL, to_s);
}

static void span_check(const struct window *window, GTimeZone *calendar, const struct zone *zone,
		       int64_t now_s)
{
	const struct window_span span = window_find(window, zone, now_s);

	if (window->always) {
		promise(span.open_s == INT64_MIN && span.close_s == INT64_MAX);
		return;
	}
	promise(span.open_s < span.close_s && span.close_s > now_s);
	promise(window_start(span, 0) == span.open_s);
	promise(window_start(span, UINT64_MAX) >= span.open_s &&
		window_start(span, UINT64_MAX) < span.close_s);
	if (!clocks_stand(calendar, MIN(now_s, span.open_s) - 3 * DAY_S, span.close_s + 3 * DAY_S))
		return;
	promise((span.open_s <= now_s) == is_open(window, calendar, now_s));
	promise(is_open(window, calendar, span.open_s) &&
		!is_open(window, calendar, span.open_s - 1));
	promise(is_open(window, calendar, span.close_s - 1) &&
		!is_open(window, calendar, span.close_s));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size_bytes)
{
	static GTimeZone *utc, *berlin;
	g_autofree char *text = NULL;
	struct window window;
	int64_t now_s;

	if (size_bytes < 8)
		return 0;
	if (utc == NULL) {
		utc = g_time_zone_new_utc();
		berlin = g_time_zone_new_identifier("Europe/Berlin");
	}
	/* Not so close to the ends that a span would leave the table. */
	now_s = FROM_S + 30 * DAY_S +
		(int64_t)(bytes_load_u64(bytes) % (uint64_t)(TO_S - FROM_S - 60 * DAY_S));
	text = fuzz_text(bytes + 8, size_bytes - 8);
	if (!window_parse(text, &window, NULL))
		return 0;
	parts_check(&window);
	span_check(&window, utc, NULL, now_s);
	span_check(&window, berlin, zone_get("Europe/Berlin"), now_s);
	return 0;
}

size_t fuzz_seed(unsigned number, uint8_t *ret_bytes, size_t room)
{
	static const char *const SEEDS[] = {
		"12345678Mon..Fri 22:00-06:00; Sat,Sun 00:00-24:00",
		"abcdefgh02:30-03:30",
		"ABCDEFGHFri..Mon 23:00-22:00;Sat 01:00-02:00;",
		"zyxwvuts00:00-12:00;12:00-24:00",
	};

	return number < G_N_ELEMENTS(SEEDS)
		       ? fuzz_copy(SEEDS[number], strlen(SEEDS[number]), ret_bytes, room)
		       : 0;
}
