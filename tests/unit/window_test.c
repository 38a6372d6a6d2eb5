/* SPDX-License-Identifier: MIT */
/* Each minute of two years in several zones: somebody watches a wall clock, the C library's, and
 * notes when the windows are open. */
#include "window.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "failure.h"
#include "tap.h"

enum {
	DAY_MIN = 1440,
	YEAR_DAYS = 366,
	MINUTES = (YEAR_DAYS + 40) * DAY_MIN, /* watched: some days more on both sides */
	MARGIN_MIN = 20 * DAY_MIN,
};

static const char *const ZONES[] = {
	"UTC",
	"Europe/Berlin",
	"America/New_York",
	"Australia/Lord_Howe", /* clocks change by half an hour */
	"Africa/Casablanca",   /* they go back for Ramadan */
	"Asia/Kathmandu",      /* 5:45, always */
	"America/Nuuk",        /* on a Saturday, before midnight */
};

static const char *const WINDOWS[] = {
	"Mon..Fri 22:00-06:00; Sat,Sun 00:00-24:00",
	"02:00-03:00",
	"Sun 01:30-02:15; 23:30-00:30",
	"Sat 22:00-24:00; Sun 00:00-01:30; Sun 01:30-04:00",
	"Fri..Mon 02:30-02:00",
	"Wed 12:00-12:01",
};

struct watch {
	time_t first_s;    /* of the first minute */
	int64_t *wall_min; /* what the wall clock shows, in minutes since 1970 */
	bool *open;
	int *end; /* of the state it is in */
};

/* Years of which clocks change on other days. */
static const int YEARS[] = { 2026, 2028 };

static struct watch watch_begin(const char *zone, int year)
{
	struct tm new_year = { .tm_year = year - 1900, .tm_mday = 1 };
	struct watch watch = {
		.wall_min = g_new(int64_t, MINUTES),
		.open = g_new(bool, MINUTES),
		.end = g_new(int, MINUTES),
	};

	g_setenv("TZ", "UTC", TRUE);
	tzset();
	watch.first_s = mktime(&new_year) - MARGIN_MIN * 60;
	g_setenv("TZ", zone, TRUE);
	tzset();
	for (int i = 0; i < MINUTES; i++) {
		const time_t now_s = watch.first_s + (time_t)i * 60;
		struct tm local;

		localtime_r(&now_s, &local);
		watch.wall_min[i] = timegm(&local) / 60;
	}
	return watch;
}

static void watch_end(struct watch *watch)
{
	g_free(watch->wall_min);
	g_free(watch->open);
	g_free(watch->end);
}

/* One evening on which a window may open: from the last time that the hand passes the start,
 * until it is at the end. */
static void night_note(struct watch *watch, int64_t start_min, int64_t end_min, int around)
{
	int opened = -1;
	int i;

	for (i = MAX(around - 2 * DAY_MIN, 1); i < MIN(around + 2 * DAY_MIN, MINUTES); i++)
		if (watch->wall_min[i - 1] < start_min && watch->wall_min[i] >= start_min)
			opened = i;
	if (opened < 0)
		return;
	for (i = opened; i < MINUTES && watch->wall_min[i] < end_min; i++)
		watch->open[i] = true;
	/* Jumped over. */
	for (int rest = (int)(end_min - start_min); i == opened && rest > 0; rest--)
		watch->open[MIN(opened + rest, MINUTES) - 1] = true;
}

static void windows_note(struct watch *watch, const struct window *window)
{
	const int64_t first_day = watch->wall_min[0] / DAY_MIN;

	memset(watch->open, 0, MINUTES * sizeof(bool));
	for (int day = -2; day <= MINUTES / DAY_MIN; day++)
		for (unsigned i = 0; i < window->n_parts; i++) {
			const struct window_part *part = &window->parts[i];
			const int64_t midnight = (first_day + day) * DAY_MIN;

			/* The first of January 1970 was a Thursday. */
			if ((part->days >> ((first_day + day + 3) % 7) & 1) != 0)
				night_note(watch, midnight + part->start_min,
					   midnight + part->end_min, day * DAY_MIN);
		}
}

/* For each minute, the next one that is otherwise. */
static void ends_note(struct watch *watch)
{
	watch->end[MINUTES - 1] = MINUTES;
	for (int i = MINUTES - 2; i >= 0; i--)
		watch->end[i] = watch->open[i] == watch->open[i + 1] ? watch->end[i + 1] : i + 1;
}

/* `opened` is the minute of the last opening. */
static void minute_check(const struct watch *watch, const struct window *window,
			 const struct zone *zone, int i, int opened)
{
	const int64_t now_s = watch->first_s + (int64_t)i * 60;
	const struct window_span span = window_find(window, zone, now_s);
	const int open = watch->open[i] ? opened : watch->end[i];
	const int close = watch->end[open];

	expect(span.open_s == watch->first_s + (int64_t)open * 60);
	expect(span.close_s == watch->first_s + (int64_t)close * 60);
	if (tap_failed)
		printf("# minute %d: %ld..%ld, not %ld..%ld\n", i, (long)span.open_s,
		       (long)span.close_s, (long)(watch->first_s + (int64_t)open * 60),
		       (long)(watch->first_s + (int64_t)close * 60));
}

static void year_walk(const struct watch *watch, const char *text, const struct zone *zone)
{
	struct window window;
	struct watch noted = *watch;
	unsigned openings = 0;
	int opened = 0;

	expect(window_parse(text, &window, NULL));
	windows_note(&noted, &window);
	ends_note(&noted);
	for (int i = 1; i < MINUTES - MARGIN_MIN && !tap_failed; i++) {
		const bool changes = noted.open[i] != noted.open[i - 1];

		opened = changes && noted.open[i] ? i : opened;
		if (i < MARGIN_MIN)
			continue;
		openings += changes;
		if (i % 60 == 7 || changes || noted.open[i] != noted.open[i + 1])
			minute_check(&noted, &window, zone, i, opened);
	}
	expect(openings > 50);
	if (tap_failed)
		printf("# window %s\n", text);
}

static void test_years(void)
{
	for (unsigned i = 0; i < G_N_ELEMENTS(ZONES) * G_N_ELEMENTS(YEARS) && !tap_failed; i++) {
		const char *name = ZONES[i / G_N_ELEMENTS(YEARS)];
		struct watch watch = watch_begin(name, YEARS[i % G_N_ELEMENTS(YEARS)]);
		const int64_t end_s = watch.first_s + (int64_t)MINUTES * 60;
		g_autoptr(Zone) zone = zone_load(name, watch.first_s, end_s, NULL);

		expect(zone != NULL);
		for (unsigned j = 0; zone != NULL && j < G_N_ELEMENTS(WINDOWS) && !tap_failed; j++)
			year_walk(&watch, WINDOWS[j], zone);
		if (tap_failed)
			printf("# zone %s\n", name);
		watch_end(&watch);
	}
}

/* What the clock change of a night does, by hand: Berlin, 2026-03-29 and 2026-10-25. */
static void test_changes(void)
{
	static const struct {
		const char *window;
		int64_t now_s, open_s, close_s;
	} ROWS[] = {
		/* 02:00 to 03:00 is left out: it is 03:00 to 04:00. */
		{ "02:00-03:00", 1774738800, 1774746000, 1774749600 },
		/* Half of it is left out. */
		{ "01:30-02:30", 1774738800, 1774744200, 1774746000 },
		/* The hour after 02:00 comes twice. */
		{ "02:00-03:00", 1792879200, 1792886400, 1792893600 },
		{ "01:30-02:30", 1792879200, 1792884600, 1792888200 },
		{ "02:15-02:45", 1792879200, 1792890900, 1792892700 },
		{ "22:00-06:00", 1792879200, 1792872000, 1792904400 },
	};
	g_autoptr(Zone) zone = zone_load("Europe/Berlin", 1767225600, 1798761600, NULL);

	expect(zone != NULL && zone->n_spans == 3);
	for (unsigned i = 0; zone != NULL && i < G_N_ELEMENTS(ROWS); i++) {
		struct window window;
		struct window_span span;

		expect(window_parse(ROWS[i].window, &window, NULL));
		span = window_find(&window, zone, ROWS[i].now_s);
		expect(span.open_s == ROWS[i].open_s && span.close_s == ROWS[i].close_s);
	}
}

static void test_always(void)
{
	static const char *const ALWAYS[] = { "00:00-24:00", "Mon..Sun 12:00-00:00; 23:00-13:00",
					      "Thu..Wed 00:00-24:00" };

	for (unsigned i = 0; i < G_N_ELEMENTS(ALWAYS); i++) {
		struct window window;
		struct window_span span;

		expect(window_parse(ALWAYS[i], &window, NULL) && window.always);
		span = window_find(&window, NULL, 1000000);
		expect(span.open_s == INT64_MIN && span.close_s == INT64_MAX);
		expect(window_start(span, UINT64_MAX) == INT64_MIN);
	}
}

static void test_start(void)
{
	const struct window_span night = { 1000, 1000 + 6 * 3600 };
	const struct window_span week = { 0, 50 * 3600 };

	expect(window_start(night, 0) == 1000);
	expect(window_start(night, UINT64_MAX) == 1000 + 3 * 3600 - 1);
	expect(window_start(night, UINT64_MAX / 2) == 1000 + 3 * 1800 - 1);
	expect(window_start(week, UINT64_MAX) == WINDOW_SPREAD_S - 1);
}

static void test_refusals(void)
{
	static const char *const REFUSED[] = {
		"",
		" ; ",
		"22:00",
		"22:00-",
		"22-06",
		"22:00-06:00 Mon",
		"Mon22:00-06:00",
		"mon 22:00-06:00",
		"Monday 22:00-06:00",
		"Mon..Fry 22:00-06:00",
		"Mon, 22:00-06:00",
		"Mon.. 22:00-06:00",
		"24:00-06:00",
		"06:00-06:00",
		"22:60-23:00",
		"22:00-24:01",
		"22:00-25:00",
		"2:00-3:00",
		"22:00-06:00, Sat 00:00-24:00",
		"-1:00-02:00",
		"22:00-06:00x",
	};
	g_autofree char *many = g_strnfill(33, ';');
	g_autofree char *large = g_strnfill(WINDOW_TEXT_MAX + 1, ' ');
	g_autoptr(GString) parts = g_string_new(NULL);
	struct window window;

	for (unsigned i = 0; i < G_N_ELEMENTS(REFUSED); i++) {
		g_autoptr(GError) error = NULL;

		expect(!window_parse(REFUSED[i], &window, &error));
		expect(failure_code(error) == FAULT_WINDOW);
		if (error == NULL)
			printf("# %s\n", REFUSED[i]);
	}
	expect(!window_parse(many, &window, NULL) && !window_parse(large, &window, NULL));
	for (unsigned i = 0; i < WINDOW_PARTS_MAX; i++)
		g_string_append(parts, "Mon 01:00-02:00;");
	expect(window_parse(parts->str, &window, NULL) && window.n_parts == WINDOW_PARTS_MAX);
	g_string_append(parts, "Mon 01:00-02:00");
	expect(!window_parse(parts->str, &window, NULL));
}

static void test_zones(void)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(Zone) fixed = zone_load("+02:00", 0, 86400 * 400, NULL);
	g_autoptr(Zone) local = zone_load(NULL, 0, 86400, NULL);

	expect(zone_load("Europe/Atlantis", 0, 1, &error) == NULL);
	expect(failure_code(error) == FAULT_ZONE);
	expect(fixed != NULL && fixed->n_spans == 1 && zone_offset(fixed, -1) == 7200);
	expect(local != NULL);
	expect(zone_offset(NULL, 5) == 0);
	/* Far outside of the table the nearest span counts. */
	expect(zone_last(fixed, INT64_C(1) << 40) == (INT64_C(1) << 40) - 7200);
}

static const struct tap_case CASES[] = {
	{ "every hour of a year", test_years },
	{ "clock changes", test_changes },
	{ "always open", test_always },
	{ "places within a window", test_start },
	{ "windows that are refused", test_refusals },
	{ "zones", test_zones },
};
TAP_MAIN(CASES)
