/* SPDX-License-Identifier: MIT */
#include "statustext.h"

#include <string.h>

#include "markup.h"
#include "waves.h"

enum { DAY_S = 86400, HOUR_S = 3600 };

static const char *text_of(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text != NULL ? text : "-";
}

static json_int_t number_of(const json_t *object, const char *key)
{
	return json_integer_value(json_object_get(object, key));
}

static void left_print(FILE *to, const json_t *role)
{
	const json_int_t left_s = number_of(role, "seconds_left");

	if (strcmp(text_of(role, "state"), "none") == 0)
		fprintf(to, "not published yet");
	else if (left_s <= 0)
		fprintf(to, "EXPIRED %s", text_of(role, "expires"));
	else if (left_s < 2 * DAY_S)
		fprintf(to, "expires %s, in %lld hours", text_of(role, "expires"),
			(long long)(left_s / HOUR_S));
	else
		fprintf(to, "expires %s, in %lld days", text_of(role, "expires"),
			(long long)(left_s / DAY_S));
	if (strcmp(text_of(role, "state"), "soon") == 0)
		fprintf(to, ": renew it");
}

static void roles_print(FILE *to, const json_t *summary)
{
	json_t *role, *key;
	size_t i, j;

	fprintf(to, "Roles\n");
	json_array_foreach(json_object_get(summary, "roles"), i, role)
	{
		fprintf(to, "  %-10s version %-5lld ", text_of(role, "role"),
			(long long)number_of(role, "version"));
		left_print(to, role);
		fprintf(to, "\n             %lld of", (long long)number_of(role, "threshold"));
		json_array_foreach(json_object_get(role, "keys"), j, key)
			fprintf(to, " %.12s (%s)", text_of(key, "keyid"), text_of(key, "scheme"));
		fprintf(to, "\n");
	}
}

static void waiting_print(FILE *to, const json_t *summary)
{
	json_t *wait;
	size_t i;

	json_array_foreach(json_object_get(summary, "waiting"), i, wait)
	{
		fprintf(to, "Waits for signatures: %s version %lld, has %lld of %lld\n",
			text_of(wait, "role"), (long long)number_of(wait, "version"),
			(long long)number_of(wait, "signatures"),
			(long long)number_of(wait, "threshold"));
	}
}

static void rollout_print(FILE *to, const json_t *rollout)
{
	g_autofree char *waves = waves_write(json_object_get(rollout, "waves"));

	fprintf(to, "      waves %s from %s\n", waves, text_of(rollout, "start"));
}

static void release_print(FILE *to, const json_t *release)
{
	json_t *rollout = json_object_get(release, "rollout");
	const size_t count = json_array_size(json_object_get(release, "bundles"));
	g_autofree char *share = markup_percent(number_of(rollout, "permille_now"));

	fprintf(to, "    %-12s security version %lld, %zu bundle%s, published %s",
		text_of(release, "version"), (long long)number_of(release, "security_version"),
		count, count == 1 ? "" : "s", text_of(release, "published"));
	if (json_is_object(rollout))
		fprintf(to, ", may be on %s of the machines", share);
	else
		fprintf(to, ", for everybody");
	fprintf(to, "%s\n", json_is_true(json_object_get(release, "barrier")) ? ", barrier" : "");
	if (json_is_string(json_object_get(release, "revoked")))
		fprintf(to, "      REVOKED: %s\n", text_of(release, "revoked"));
	if (json_is_string(json_object_get(release, "dead_end")))
		fprintf(to, "      dead end: %s\n", text_of(release, "dead_end"));
	if (!json_is_object(rollout))
		return;
	if (json_is_string(json_object_get(rollout, "paused")))
		fprintf(to, "      PAUSED: %s\n", text_of(rollout, "paused"));
	rollout_print(to, rollout);
}

static void channels_print(FILE *to, const json_t *summary)
{
	json_t *channel;
	size_t i, j;

	json_array_foreach(json_object_get(summary, "channels"), i, channel)
	{
		json_t *releases = json_object_get(channel, "releases");

		fprintf(to, "Channel %s of %s, %s\n", text_of(channel, "channel"),
			text_of(channel, "product"), text_of(channel, "architecture"));
		for (j = json_array_size(releases); j > 0; j--)
			release_print(to, json_array_get(releases, j - 1));
	}
}

static void bundles_print(FILE *to, const json_t *summary)
{
	json_t *bundle;
	size_t i;

	fprintf(to, "Bundles\n");
	json_array_foreach(json_object_get(summary, "bundles"), i, bundle)
	{
		const char *from = json_string_value(json_object_get(bundle, "from"));

		fprintf(to, "  %s  %lld bytes, %s%s%s\n", text_of(bundle, "name"),
			(long long)number_of(bundle, "size_bytes"), text_of(bundle, "kind"),
			from != NULL ? " from " : "", from != NULL ? from : "");
	}
}

void statustext_print(const json_t *summary, FILE *to)
{
	roles_print(to, summary);
	waiting_print(to, summary);
	channels_print(to, summary);
	bundles_print(to, summary);
}
