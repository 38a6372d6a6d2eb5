/* SPDX-License-Identifier: MIT */
#include "plot.h"

#include "failure.h"

enum {
	WIDTH = 1000,
	HEIGHT = 640,
	LEFT = 80,
	RIGHT = 20,
	TOP = 50,
	PANEL = 240,
	BETWEEN = 60,
	POINTS = 840, /* of a curve: one for about each pixel */
	DAY_MIN = 1440,
};

struct panel {
	GString *svg;
	const struct tally *tally;
	double top;
	double most; /* value at the upper edge */
};

static double x_of(const struct tally *tally, double minute)
{
	return LEFT + minute / tally->minutes * (WIDTH - LEFT - RIGHT);
}

/* Numbers with a point, whatever the locale. */
static void point_append(GString *svg, double x, double y)
{
	char text[2][G_ASCII_DTOSTR_BUF_SIZE];

	g_string_append_printf(svg, "%s,%s ", g_ascii_formatd(text[0], sizeof text[0], "%.1f", x),
			       g_ascii_formatd(text[1], sizeof text[1], "%.1f", y));
}

static void line_append(const struct panel *panel, double minute, const char *class,
			const char *text)
{
	const int x = (int)x_of(panel->tally, minute);

	g_string_append_printf(panel->svg,
			       "<line class=\"%s\" x1=\"%d\" x2=\"%d\" y1=\"%d\" y2=\"%d\"/>\n",
			       class, x, x, (int)panel->top, (int)panel->top + PANEL);
	if (text != NULL)
		g_string_append_printf(panel->svg, "<text x=\"%d\" y=\"%d\">%s</text>\n", x + 3,
				       (int)panel->top + 12, text);
}

/* Frame, a line for each day, and what the operator does. */
static void panel_begin(const struct panel *panel, const struct story *story, const char *title,
			const char *most)
{
	const struct options *options = story->options;

	g_string_append_printf(panel->svg,
			       "<rect class=\"frame\" x=\"%d\" y=\"%d\" width=\"%d\" "
			       "height=\"%d\"/>\n<text x=\"%d\" y=\"%d\">%s</text>\n",
			       LEFT, (int)panel->top, WIDTH - LEFT - RIGHT, PANEL, LEFT,
			       (int)panel->top - 8, title);
	g_string_append_printf(panel->svg,
			       "<text class=\"axis\" x=\"%d\" y=\"%d\">%s</text>\n"
			       "<text class=\"axis\" x=\"%d\" y=\"%d\">0</text>\n",
			       LEFT - 6, (int)panel->top + 10, most, LEFT - 6,
			       (int)panel->top + PANEL);
	for (unsigned day = 1; day * DAY_MIN <= panel->tally->minutes; day++)
		line_append(panel, day * DAY_MIN, "day", NULL);
	if (options->pause_s > 0 && options->pause_s < options->days * DAY_MIN * 60)
		line_append(panel, options->pause_s / 60.0, "act", "paused");
	if (options->fix_s > 0 && options->fix_s < options->days * DAY_MIN * 60)
		line_append(panel, options->fix_s / 60.0, "act", "revoked, 1.2 published");
}

/* The value of a curve at a point: the sum so far, or the largest count of a minute since the
 * point before. */
static double value_at(const struct tally *tally, enum tally_event event, unsigned point,
		       double *sum)
{
	const unsigned from = point * tally->minutes / POINTS;
	const unsigned to = (point + 1) * tally->minutes / POINTS;
	double peak = 0;

	for (unsigned i = from; i < to; i++) {
		peak = MAX(peak, tally->counts[event][i]);
		*sum += tally->counts[event][i];
	}
	return peak;
}

static void curve_append(const struct panel *panel, enum tally_event event, bool is_sum,
			 const char *class)
{
	double sum = 0;

	g_string_append_printf(panel->svg, "<polyline class=\"%s\" points=\"", class);
	for (unsigned i = 0; i < POINTS; i++) {
		const double peak = value_at(panel->tally, event, i, &sum);
		const double value = is_sum ? sum : peak;

		point_append(panel->svg,
			     x_of(panel->tally, (i + 1.0) * panel->tally->minutes / POINTS),
			     panel->top + PANEL - value / panel->most * PANEL);
	}
	g_string_append(panel->svg, "\"/>\n");
}

static void legend_append(GString *svg, int x, const char *class, const char *text)
{
	g_string_append_printf(svg,
			       "<line class=\"%s\" x1=\"%d\" x2=\"%d\" y1=\"20\" y2=\"20\"/>\n"
			       "<text x=\"%d\" y=\"24\">%s</text>\n",
			       class, x, x + 24, x + 30, text);
}

static void head_append(GString *svg, const struct story *story)
{
	g_string_append_printf(
		svg,
		"<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" width=\"%d\" "
		"height=\"%d\">\n<style>\n"
		"text { font: 12px sans-serif; fill: #333 } .axis { text-anchor: end }\n"
		"polyline, line { fill: none; stroke-width: 1.5 } rect { fill: none }\n"
		".frame { stroke: #999 } .day { stroke: #ddd } .act { stroke: #333; "
		"stroke-dasharray: 4 3 }\n"
		".bad { stroke: #c33 } .old { stroke: #e93 } .fixed { stroke: #283 }\n"
		".check { stroke: #36c } .download { stroke: #93c }\n"
		"</style>\n<rect width=\"%d\" height=\"%d\" style=\"fill: white\"/>\n",
		WIDTH, HEIGHT, WIDTH, HEIGHT, WIDTH, HEIGHT);
	legend_append(svg, LEFT, "bad", "took 1.1, rolled back");
	legend_append(svg, LEFT + 180, "old", "1.1 committed");
	legend_append(svg, LEFT + 320, "fixed", "1.2 committed");
	legend_append(svg, LEFT + 460, "check", "requests for metadata");
	legend_append(svg, LEFT + 650, "download", "downloads");
	g_string_append_printf(svg,
			       "<text x=\"%d\" y=\"%d\">a line for each day after the "
			       "publication; %d machines</text>\n",
			       LEFT, HEIGHT - 20, story->options->machines);
}

gboolean plot_write(const char *path, const struct story *story, const struct tally *tally,
		    GError **error)
{
	g_autoptr(GString) svg = g_string_new(NULL);
	g_autoptr(GError) cause = NULL;
	struct panel panel = { svg, tally, TOP, (double)tally->machines };
	g_autofree char *most = NULL;

	head_append(svg, story);
	panel_begin(&panel, story, "share of all machines", "100 %");
	curve_append(&panel, TALLY_BAD, true, "bad");
	curve_append(&panel, TALLY_BAD_GOOD, true, "old");
	curve_append(&panel, TALLY_FIXED, true, "fixed");
	panel.top = TOP + PANEL + BETWEEN;
	panel.most = MAX(1, MAX(tally_peak(tally, TALLY_CHECK), tally_peak(tally, TALLY_DOWNLOAD)));
	most = g_strdup_printf("%.0f", panel.most);
	panel_begin(&panel, story, "a minute, the largest within each ten or so", most);
	curve_append(&panel, TALLY_CHECK, false, "check");
	curve_append(&panel, TALLY_DOWNLOAD, false, "download");
	g_string_append(svg, "</svg>\n");
	if (!g_file_set_contents(path, svg->str, (gssize)svg->len, &cause))
		return failure_set(error, FAULT_BUILD_OUTPUT, "%s", cause->message);
	return TRUE;
}
