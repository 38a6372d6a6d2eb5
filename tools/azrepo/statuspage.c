/* SPDX-License-Identifier: MIT */
#include "statuspage.h"

#include <string.h>

#include "markup.h"
#include "wavechart.h"

enum { DAY_S = 86400, HOUR_S = 3600, PERCENT = 100, KEYID_SHOWN = 12, MIB = 1 << 20 };

static const char STYLE[] =
	":root{color-scheme:light dark;--page:#f7f7f5;--card:#fff;--ink:#1b1b19;--soft:#5c5b56;"
	"--line:#dddcd6;--curve:#2a6fc9;--fill:#2a6fc922;--good:#1a7a3c;--warn:#9a6200;"
	"--bad:#b3261e}"
	"@media(prefers-color-scheme:dark){:root{--page:#161615;--card:#1f1f1d;--ink:#eeede8;"
	"--soft:#a9a8a0;--line:#3a3a36;--curve:#74a9ef;--fill:#74a9ef26;--good:#5fc583;"
	"--warn:#e0a94a;--bad:#f08a80}}"
	"body{margin:0;background:var(--page);color:var(--ink);font:15px/1.5 system-ui,sans-serif}"
	"main{max-width:62rem;margin:0 auto;padding:1.5rem 1rem 4rem}"
	"h1{font-size:1.5rem;margin:.5rem 0 0}h2{font-size:1.15rem;margin:2rem 0 .6rem}"
	"h3{font-size:1rem;margin:0}p{margin:.3rem 0}.soft{color:var(--soft)}"
	".card{background:var(--card);border:1px solid var(--line);border-radius:8px;"
	"padding:.8rem 1rem;margin:.7rem 0;overflow-x:auto}"
	"table{border-collapse:collapse;width:100%}"
	"th{font-weight:600;text-align:left;color:var(--soft);font-size:.85rem}"
	"th,td{padding:.35rem .8rem .35rem 0;vertical-align:top;border-top:1px solid var(--line)}"
	"#roles "
	"td{white-space:nowrap}tr:first-child>th{border-top:0}.number{text-align:right;font-"
	"variant-numeric:tabular-nums}"
	"code{font:.88em ui-monospace,monospace;overflow-wrap:anywhere}"
	".meter{height:8px;width:9rem;border-radius:4px;background:var(--line);margin:.45rem 0 "
	".2rem}"
	".meter>i{display:block;height:100%;border-radius:4px;background:currentColor}"
	".good{color:var(--good)}.soon{color:var(--warn)}.expired,.none{color:var(--bad)}"
	".tag{display:inline-block;border:1px solid currentColor;border-radius:99px;"
	"padding:0 .55rem;font-size:.8rem;margin-left:.4rem}"
	".notice{border-left:4px solid var(--warn)}"
	"svg{display:block;width:100%;max-width:44rem;height:auto;margin:.5rem 0 0}"
	"svg text{fill:var(--soft);font-size:11px}svg .grid{stroke:var(--line);stroke-width:1}"
	"svg .curve{fill:none;stroke:var(--curve);stroke-width:2;stroke-linejoin:round}"
	"svg .area{fill:var(--fill)}svg .point{fill:var(--curve);stroke:var(--card);stroke-width:2}"
	"svg .now{stroke:var(--ink);stroke-width:1;stroke-dasharray:4 3}svg "
	".label{fill:var(--ink)}";

static void left_add(GString *page, const json_t *role)
{
	const gint64 left_s = markup_number(role, "seconds_left");
	const gint64 life_s = MAX(markup_number(role, "life_seconds"), 1);
	const char *state = markup_string(role, "state");
	const gint64 share = CLAMP(left_s * PERCENT / life_s, 0, PERCENT);

	if (strcmp(state, "none") == 0) {
		g_string_append(page, "<td class=\"none\">not published yet</td>");
		return;
	}
	g_string_append_printf(page,
			       "<td class=\"%s\"><div class=\"meter\"><i style=\"width:%d%%\">"
			       "</i></div>",
			       state, (int)share);
	if (left_s <= 0)
		g_string_append(page, "expired");
	else if (left_s < 2 * DAY_S)
		g_string_append_printf(page, "%d hours left", (int)(left_s / HOUR_S));
	else
		g_string_append_printf(page, "%d days left", (int)(left_s / DAY_S));
	g_string_append(page, strcmp(state, "soon") == 0 ? ": renew it</td>" : "</td>");
}

static void role_add(GString *page, const json_t *role)
{
	json_t *key;
	size_t i;

	g_string_append(page, "<tr><td>");
	markup_add(page, markup_string(role, "role"));
	g_string_append_printf(page, "</td><td class=\"number\">%" G_GINT64_FORMAT "</td><td>",
			       markup_number(role, "version"));
	markup_add(page, markup_string(role, "expires"));
	g_string_append(page, "</td>");
	left_add(page, role);
	g_string_append_printf(page, "<td>%" G_GINT64_FORMAT " of %zu",
			       markup_number(role, "threshold"),
			       json_array_size(json_object_get(role, "keys")));
	json_array_foreach(json_object_get(role, "keys"), i, key)
	{
		g_string_append(page, "<br/><code title=\"");
		markup_add(page, markup_string(key, "keyid"));
		g_string_append_printf(page, "\">%.*s</code> <span class=\"soft\">", KEYID_SHOWN,
				       markup_string(key, "keyid"));
		markup_add(page, markup_string(key, "scheme"));
		g_string_append(page, "</span>");
	}
	g_string_append(page, "</td></tr>\n");
}

static void roles_add(GString *page, const json_t *summary)
{
	json_t *role;
	size_t i;

	g_string_append(page, "<h2>Roles</h2>\n<div class=\"card\"><table id=\"roles\">"
			      "<tr><th>role</th><th class=\"number\">version</th><th>expires</th>"
			      "<th>left</th><th>keys that must sign</th></tr>\n");
	json_array_foreach(json_object_get(summary, "roles"), i, role)
	{
		role_add(page, role);
	}
	g_string_append(page, "</table></div>\n");
}

static void waiting_add(GString *page, const json_t *summary)
{
	json_t *wait;
	size_t i;

	json_array_foreach(json_object_get(summary, "waiting"), i, wait)
	{
		g_string_append_printf(page,
				       "<p class=\"card notice\">Waits for signatures: %s version "
				       "%" G_GINT64_FORMAT ", has %" G_GINT64_FORMAT
				       " of %" G_GINT64_FORMAT ".</p>\n",
				       markup_string(wait, "role"), markup_number(wait, "version"),
				       markup_number(wait, "signatures"),
				       markup_number(wait, "threshold"));
	}
}

static void tag_add(GString *page, const char *level, const char *name, const json_t *text)
{
	if (!json_is_string(text) && !json_is_true(text))
		return;
	g_string_append_printf(page, "<span class=\"tag %s\">%s", level, name);
	if (json_is_string(text)) {
		g_string_append(page, ": ");
		markup_add(page, json_string_value(text));
	}
	g_string_append(page, "</span>");
}

static void release_add(GString *page, const json_t *release, gint64 now_s)
{
	json_t *rollout = json_object_get(release, "rollout");
	const size_t count = json_array_size(json_object_get(release, "bundles"));
	g_autofree char *share = markup_percent(markup_number(rollout, "permille_now"));

	g_string_append(page, "<div class=\"card release\"><h3>");
	markup_add(page, markup_string(release, "version"));
	tag_add(page, "expired", "revoked", json_object_get(release, "revoked"));
	tag_add(page, "soon", "paused", json_object_get(rollout, "paused"));
	tag_add(page, "soon", "dead end", json_object_get(release, "dead_end"));
	tag_add(page, "soft", "barrier", json_object_get(release, "barrier"));
	g_string_append(page, "</h3><p class=\"soft\">published ");
	markup_add(page, markup_string(release, "published"));
	g_string_append_printf(page, ", security version %" G_GINT64_FORMAT ", %zu bundle%s, ",
			       markup_number(release, "security_version"), count,
			       count == 1 ? "" : "s");
	if (!json_is_object(rollout)) {
		g_string_append(page, "for everybody</p></div>\n");
		return;
	}
	g_string_append_printf(page, "may be on %s of the machines now</p>", share);
	wavechart_add(page, rollout, now_s);
	g_string_append(page, "</div>\n");
}

static void channels_add(GString *page, const json_t *summary)
{
	json_t *channel;
	size_t i;

	json_array_foreach(json_object_get(summary, "channels"), i, channel)
	{
		json_t *releases = json_object_get(channel, "releases");

		g_string_append(page, "<h2>Channel ");
		markup_add(page, markup_string(channel, "channel"));
		g_string_append(page, " <span class=\"soft\">");
		markup_add(page, markup_string(channel, "product"));
		g_string_append(page, ", ");
		markup_add(page, markup_string(channel, "architecture"));
		g_string_append(page, "</span></h2>\n");
		for (size_t j = json_array_size(releases); j > 0; j--)
			release_add(page, json_array_get(releases, j - 1),
				    markup_time_s(summary, "time"));
	}
}

static void bundles_add(GString *page, const json_t *summary)
{
	json_t *bundle;
	size_t i;

	g_string_append(page, "<h2>Bundles</h2>\n<div class=\"card\"><table id=\"bundles\">"
			      "<tr><th>name</th><th>kind</th><th class=\"number\">MiB</th></tr>\n");
	json_array_foreach(json_object_get(summary, "bundles"), i, bundle)
	{
		const double size = (double)markup_number(bundle, "size_bytes") / MIB;

		g_string_append(page, "<tr><td><code>");
		markup_add(page, markup_string(bundle, "name"));
		g_string_append(page, "</code></td><td>");
		markup_add(page, markup_string(bundle, "kind"));
		if (json_object_get(bundle, "from") != NULL) {
			g_string_append(page, " from ");
			markup_add(page, markup_string(bundle, "from"));
		}
		g_string_append_printf(page, "</td><td class=\"number\">%.1f</td></tr>\n", size);
	}
	g_string_append(page, "</table></div>\n");
}

static void head_add(GString *page, const json_t *summary)
{
	json_t *product;
	size_t i;

	g_string_append_printf(page,
			       "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"/>"
			       "<meta name=\"viewport\" content=\"width=device-width\"/>"
			       "<title>Repository</title><style>%s</style></head>\n<body><main>"
			       "<h1>Repository of",
			       STYLE);
	json_array_foreach(json_object_get(summary, "products"), i, product)
	{
		g_string_append(page, i > 0 ? ", " : " ");
		markup_add(page, json_string_value(product));
	}
	g_string_append(page, "</h1><p class=\"soft\">as of ");
	markup_add(page, markup_string(summary, "time"));
	g_string_append(page, "</p>\n");
}

GString *statuspage_make(const json_t *summary)
{
	GString *page = g_string_new(NULL);

	head_add(page, summary);
	waiting_add(page, summary);
	roles_add(page, summary);
	channels_add(page, summary);
	bundles_add(page, summary);
	g_string_append(page, "</main></body></html>\n");
	return page;
}
