/* SPDX-License-Identifier: MIT */
#include "waves.h"

#include <stdlib.h>
#include <string.h>

#include "channel.h"
#include "crypto.h"
#include "failure.h"
#include "names.h"
#include "role.h"

enum { SALT_BYTES = 8 };

static gboolean number_read(const char *text, guint64 max, guint64 *ret_number,
			    const char **ret_end)
{
	char *end = NULL;

	if (!g_ascii_isdigit(text[0]))
		return FALSE;
	*ret_number = g_ascii_strtoull(text, &end, 10);
	*ret_end = end;
	return *ret_number <= max;
}

static const struct {
	const char *unit;
	unsigned seconds;
} UNITS[] = { { "d", 86400 }, { "h", 3600 }, { "m", 60 }, { "s", 1 }, { "", 1 } };

static gboolean time_read(const char *text, guint64 *ret_after_s)
{
	const char *unit;
	guint64 number;

	if (!number_read(text, CHANNEL_AFTER_S_MAX, &number, &unit))
		return FALSE;
	for (unsigned i = 0; i < G_N_ELEMENTS(UNITS); i++)
		if (strcmp(UNITS[i].unit, unit) == 0) {
			*ret_after_s = number * UNITS[i].seconds;
			return *ret_after_s <= CHANNEL_AFTER_S_MAX;
		}
	return FALSE;
}

static gboolean share_read(const char *text, guint64 *ret_permille)
{
	const char *unit;
	guint64 number;

	if (!number_read(text, CHANNEL_PERMILLE, &number, &unit))
		return FALSE;
	*ret_permille = strcmp(unit, "%") == 0 ? number * 10 : number;
	return (unit[0] == '\0' || strcmp(unit, "%") == 0) && *ret_permille >= 1 &&
	       *ret_permille <= CHANNEL_PERMILLE;
}

static json_t *waves_failure(const char *text, const char *why, GError **error)
{
	g_autofree char *shown = g_strescape(text, NULL);

	failure_set(error, FAULT_AZREPO_WAVES, "waves \"%.200s\": %s", shown, why);
	return NULL;
}

json_t *waves_parse(const char *text, GError **error)
{
	g_auto(GStrv) parts = g_strsplit(text, ",", CHANNEL_WAVES_MAX + 1);
	g_autoptr(JsonValue) waves = json_array();
	guint64 after_s = 0, permille = 0;

	if (parts[0] == NULL || g_strv_length(parts) > CHANNEL_WAVES_MAX)
		return waves_failure(text, "there are none, or too many", error);
	for (unsigned i = 0; parts[i] != NULL; i++) {
		g_auto(GStrv) sides = g_strsplit(parts[i], "=", 2);
		guint64 after_next_s, permille_next;

		if (g_strv_length(sides) != 2 || !time_read(sides[0], &after_next_s) ||
		    !share_read(sides[1], &permille_next))
			return waves_failure(text, "write such as 0=1%,1d=20%,3d=100%", error);
		if ((i > 0 && after_next_s <= after_s) || permille_next <= permille)
			return waves_failure(text, "times and shares must rise", error);
		after_s = after_next_s;
		permille = permille_next;
		json_array_append_new(waves, json_pack("{s:I, s:I}", "after_s", (json_int_t)after_s,
						       "permille", (json_int_t)permille));
	}
	return g_steal_pointer(&waves);
}

static void time_write(GString *text, guint64 after_s)
{
	unsigned i = 0;

	while (UNITS[i].seconds > 1 && after_s % UNITS[i].seconds != 0)
		i++;
	g_string_append_printf(text, "%" G_GUINT64_FORMAT "%s", after_s / UNITS[i].seconds,
			       after_s == 0 ? "" : UNITS[i].unit);
}

char *waves_write(const json_t *waves)
{
	GString *text = g_string_new(NULL);
	json_t *wave;
	size_t i;

	json_array_foreach(waves, i, wave)
	{
		const json_int_t permille = json_integer_value(json_object_get(wave, "permille"));

		if (i > 0)
			g_string_append_c(text, ',');
		time_write(text, (guint64)json_integer_value(json_object_get(wave, "after_s")));
		g_string_append_printf(text, permille % 10 == 0 ? "=%lld%%" : "=%lld",
				       (long long)(permille % 10 == 0 ? permille / 10 : permille));
	}
	return g_string_free(text, FALSE);
}

static json_t *rollout_new(json_t *release, gint64 start_s)
{
	const char *version = json_string_value(json_object_get(release, "version"));
	char start[ROLE_TIME_SIZE];
	uint8_t bytes[SALT_BYTES];
	g_autofree char *hex = NULL, *salt = NULL;
	json_t *rollout;

	crypto_random(bytes, sizeof bytes);
	hex = crypto_hex(bytes, sizeof bytes);
	salt = g_strdup_printf("%s-%s", version, hex);
	role_time_write(start_s, start);
	rollout = json_pack("{s:s, s:s, s:[{s:i, s:i}]}", "start", start, "salt", salt, "waves",
			    "after_s", 0, "permille", CHANNEL_PERMILLE);
	json_object_set_new(release, "rollout", rollout);
	return rollout;
}

gboolean waves_apply(json_t *release, const struct waves_options *options, gint64 now_s,
		     GError **error)
{
	json_t *rollout = json_object_get(release, "rollout");
	json_t *waves = NULL;
	gint64 start_s;

	if (options->all && (options->waves != NULL || options->start != NULL))
		return failure_set(error, FAULT_ARGUMENT,
				   "--all does not go with --waves, --start");
	if (options->all) {
		json_object_del(release, "rollout");
		return TRUE;
	}
	if (options->start != NULL && !role_time_read(options->start, &start_s))
		return failure_set(error, FAULT_ARGUMENT,
				   "--start is no time such as 2026-11-26T09:00:00Z");
	if (options->salt != NULL && !names_reason_check(options->salt, error))
		return FALSE;
	if (options->waves != NULL && (waves = waves_parse(options->waves, error)) == NULL)
		return FALSE;
	if (rollout == NULL && (waves != NULL || options->start != NULL || options->salt != NULL))
		rollout = rollout_new(release, now_s);
	if (waves != NULL)
		json_object_set_new(rollout, "waves", waves);
	if (options->start != NULL)
		json_object_set_new(rollout, "start", json_string(options->start));
	if (options->salt != NULL)
		json_object_set_new(rollout, "salt", json_string(options->salt));
	return TRUE;
}

static gint64 time_of(const json_t *object, const char *key, gint64 otherwise_s)
{
	const char *text = json_string_value(json_object_get(object, key));
	gint64 time_s;

	return text != NULL && role_time_read(text, &time_s) ? time_s : otherwise_s;
}

void waves_pause(json_t *release, const char *reason, gint64 now_s)
{
	json_t *rollout = json_object_get(release, "rollout");
	char now[ROLE_TIME_SIZE];

	/* It went to everybody at once: a rollout that has reached everybody says the same. */
	if (rollout == NULL)
		rollout = rollout_new(release, time_of(release, "published", now_s));
	role_time_write(now_s, now);
	if (json_object_get(rollout, "paused") == NULL)
		json_object_set_new(rollout, "paused_since", json_string(now));
	json_object_set_new(rollout, "paused", json_string(reason));
}

gboolean waves_resume(json_t *release, gboolean shift, gint64 now_s)
{
	json_t *rollout = json_object_get(release, "rollout");
	const gint64 start_s = time_of(rollout, "start", now_s);
	const gint64 since_s = MAX(start_s, time_of(rollout, "paused_since", now_s));
	char start[ROLE_TIME_SIZE];

	if (json_object_get(rollout, "paused") == NULL)
		return FALSE;
	json_object_del(rollout, "paused");
	json_object_del(rollout, "paused_since");
	/* Machines that waited out the pause shall not all come at its end. */
	if (shift && now_s > since_s) {
		role_time_write(start_s + now_s - since_s, start);
		json_object_set_new(rollout, "start", json_string(start));
	}
	return TRUE;
}
