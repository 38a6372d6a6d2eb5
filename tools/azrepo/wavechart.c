/* SPDX-License-Identifier: MIT */
#include "wavechart.h"

#include "markup.h"

enum {
	WIDTH = 700,
	HEIGHT = 170,
	LEFT = 44,
	RIGHT = 56,
	TOP = 22,
	BOTTOM = 30,
	WHOLE = 1000,
	GRID_STEP = 250,
	SPAN_MIN_S = 3600,
	NEAR_PX = 110, /* dates closer than this would overlap */
	LABEL_PX = 44,
};

/* What of time the drawing shows. */
struct span {
	gint64 from_s, to_s;
};

static double x_of(const struct span *span, gint64 time_s)
{
	return LEFT + (double)(WIDTH - LEFT - RIGHT) * (double)(time_s - span->from_s) /
			      (double)(span->to_s - span->from_s);
}

static double y_of(gint64 permille)
{
	return TOP + (double)(HEIGHT - TOP - BOTTOM) * (double)(WHOLE - permille) / WHOLE;
}

/* Decimal points, whatever the locale. */
static void pair_add(GString *page, const char *before, double x, double y)
{
	char text_x[G_ASCII_DTOSTR_BUF_SIZE], text_y[G_ASCII_DTOSTR_BUF_SIZE];

	g_ascii_formatd(text_x, sizeof text_x, "%.1f", x);
	g_ascii_formatd(text_y, sizeof text_y, "%.1f", y);
	g_string_append_printf(page, "%s%s,%s", before, text_x, text_y);
}

static void line_add(GString *page, const char *class, double x1, double y1, double x2, double y2)
{
	g_string_append_printf(page, "<path class=\"%s\" d=\"", class);
	pair_add(page, "M", x1, y1);
	pair_add(page, "L", x2, y2);
	g_string_append(page, "\"/>");
}

static void text_add(GString *page, const char *options, double x, double y, const char *text)
{
	g_string_append_printf(page, "<text %s transform=\"translate(", options);
	pair_add(page, "", x, y);
	g_string_append(page, ")\">");
	markup_add(page, text);
	g_string_append(page, "</text>");
}

static void grid_add(GString *page)
{
	for (gint64 permille = 0; permille <= WHOLE; permille += GRID_STEP) {
		g_autofree char *label = g_strdup_printf("%d %%", (int)(permille / 10));

		line_add(page, "grid", LEFT, y_of(permille), WIDTH - RIGHT, y_of(permille));
		if (permille % (2 * GRID_STEP) == 0)
			text_add(page, "text-anchor=\"end\"", LEFT - 6, y_of(permille) + 4, label);
	}
}

/* The first wave begins at its point; each further one fills the time up to its own. */
static void curve_add(GString *page, const struct span *span, const json_t *rollout, gboolean area)
{
	const gint64 start_s = markup_time_s(rollout, "start");
	json_t *waves = json_object_get(rollout, "waves");
	double y = y_of(0);
	json_t *wave;
	size_t i;

	g_string_append_printf(page, "<path class=\"%s\" d=\"", area ? "area" : "curve");
	json_array_foreach(waves, i, wave)
	{
		const double x = x_of(span, start_s + markup_number(wave, "after_s"));

		if (i == 0)
			pair_add(page, "M", x, y);
		y = y_of(markup_number(wave, "permille"));
		pair_add(page, "L", x, y);
	}
	pair_add(page, "L", WIDTH - RIGHT, y);
	if (area)
		pair_add(page, "L", WIDTH - RIGHT, y_of(0));
	g_string_append(page, area ? "Z\"/>" : "\"/>");
}

static char *date_of(gint64 time_s)
{
	g_autoptr(GDateTime) time = g_date_time_new_from_unix_utc(time_s);

	return time != NULL ? g_date_time_format(time, "%Y-%m-%d %H:%M") : g_strdup("?");
}

/* Left of its point, since the curve goes on to the right; the first one has no room there. */
static void label_add(GString *page, double x, gint64 permille, gboolean first, const char *label)
{
	text_add(page, first ? "class=\"label\"" : "class=\"label\" text-anchor=\"end\"",
		 first ? x + 6 : x - 5, y_of(permille) - 7, label);
}

/* A label where the one before leaves room for it, a tooltip always. */
static void points_add(GString *page, const struct span *span, const json_t *rollout)
{
	const gint64 start_s = markup_time_s(rollout, "start");
	double taken = 0;
	json_t *wave;
	size_t i;

	json_array_foreach(json_object_get(rollout, "waves"), i, wave)
	{
		const gint64 permille = markup_number(wave, "permille");
		const gint64 time_s = start_s + markup_number(wave, "after_s");
		const double x = x_of(span, time_s);
		g_autofree char *date = date_of(time_s);
		g_autofree char *label = markup_percent(permille);

		g_string_append(page, "<path class=\"point\" d=\"");
		pair_add(page, "M", x - 4, y_of(permille));
		g_string_append_printf(page,
				       "a4,4 0 1 0 8,0a4,4 0 1 0 -8,0\">"
				       "<title>%s, %s UTC</title></path>",
				       label, date);
		if (i > 0 && x - LABEL_PX < taken)
			continue;
		label_add(page, x, permille, i == 0, label);
		taken = i == 0 ? x + LABEL_PX : x;
	}
}

static void dates_add(GString *page, const struct span *span, gint64 start_s, gint64 end_s)
{
	g_autofree char *start = date_of(start_s);
	g_autofree char *end = date_of(end_s);

	text_add(page, "", x_of(span, start_s), HEIGHT - 10, start);
	if (x_of(span, end_s) - x_of(span, start_s) > 2 * NEAR_PX)
		text_add(page, "text-anchor=\"end\"", x_of(span, end_s), HEIGHT - 10, end);
}

static void now_add(GString *page, const struct span *span, gint64 now_s)
{
	const double x = x_of(span, now_s);

	line_add(page, "now", x, TOP - 6, x, HEIGHT - BOTTOM);
	text_add(page, "class=\"label\" text-anchor=\"middle\"", x, TOP - 10, "now");
}

void wavechart_add(GString *page, const json_t *rollout, gint64 now_s)
{
	json_t *waves = json_object_get(rollout, "waves");
	const json_t *last = json_array_get(waves, json_array_size(waves) - 1);
	const gint64 start_s = markup_time_s(rollout, "start");
	const gint64 end_s = start_s + MAX(markup_number(last, "after_s"), SPAN_MIN_S);
	struct span span = { MIN(start_s, now_s), MAX(end_s, now_s) };

	/* A rollout of long ago, or far ahead, is drawn without the time in between. */
	if (now_s > end_s + 2 * (end_s - start_s))
		span.to_s = end_s + (end_s - start_s) / 4;
	if (now_s < start_s - 2 * (end_s - start_s))
		span.from_s = start_s;
	g_string_append_printf(page,
			       "<svg viewBox=\"0 0 %d %d\" role=\"img\" "
			       "xmlns=\"http://www.w3.org/2000/svg\">"
			       "<title>share of the machines over time</title>",
			       WIDTH, HEIGHT);
	grid_add(page);
	curve_add(page, &span, rollout, TRUE);
	curve_add(page, &span, rollout, FALSE);
	dates_add(page, &span, start_s, end_s);
	if (now_s >= span.from_s && now_s <= span.to_s)
		now_add(page, &span, now_s);
	points_add(page, &span, rollout);
	g_string_append(page, "</svg>");
}
