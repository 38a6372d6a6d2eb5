/* SPDX-License-Identifier: MIT */
#include "role.h"

#include <string.h>

#include "failure.h"

static const char SPEC_VERSION[] = "1.0.34";
static const char *const NAMES[ROLE_COUNT] = { "root", "targets", "channels", "snapshot",
					       "timestamp" };
/* A delegated role is of the type targets, whatever its name. */
static const char *const TYPES[ROLE_COUNT] = { "root", "targets", "targets", "snapshot",
					       "timestamp" };

const char *role_name(enum role role)
{
	return NAMES[role];
}

gboolean role_find(const char *name, enum role *ret_role, GError **error)
{
	for (unsigned i = 0; i < ROLE_COUNT; i++)
		if (strcmp(NAMES[i], name) == 0) {
			*ret_role = (enum role)i;
			return TRUE;
		}
	return failure_set(error, FAULT_ARGUMENT,
			   "no such role: %s (root, targets, channels, snapshot, timestamp)", name);
}

char *role_file(enum role role, json_int_t version)
{
	if (role == ROLE_TIMESTAMP)
		return g_strdup("timestamp.json");
	return g_strdup_printf("%lld.%s.json", (long long)version, NAMES[role]);
}

void role_time_write(gint64 time_s, char ret_text[static ROLE_TIME_SIZE])
{
	g_autoptr(GDateTime) time = g_date_time_new_from_unix_utc(time_s);
	g_autofree char *text = g_date_time_format(time, "%Y-%m-%dT%H:%M:%SZ");

	g_strlcpy(ret_text, text, ROLE_TIME_SIZE);
}

gboolean role_time_read(const char *text, gint64 *ret_time_s)
{
	g_autoptr(GDateTime) time = g_date_time_new_from_iso8601(text, NULL);
	char again[ROLE_TIME_SIZE];

	if (time == NULL)
		return FALSE;
	role_time_write(g_date_time_to_unix(time), again);
	if (strcmp(again, text) != 0)
		return FALSE;
	*ret_time_s = g_date_time_to_unix(time);
	return TRUE;
}

static void expires_set(json_t *content, gint64 expires_s)
{
	char text[ROLE_TIME_SIZE];

	role_time_write(expires_s, text);
	json_object_set_new(content, "expires", json_string(text));
}

json_t *role_new(enum role role, gint64 expires_s)
{
	json_t *content = json_pack("{s:s, s:s, s:i}", "_type", TYPES[role], "spec_version",
				    SPEC_VERSION, "version", 1);

	expires_set(content, expires_s);
	return json_pack("{s:[], s:o}", "signatures", "signed", content);
}

json_t *role_next(const json_t *envelope, gint64 expires_s)
{
	json_t *content = json_deep_copy(role_signed(envelope));

	json_object_set_new(content, "version", json_integer(role_version(envelope) + 1));
	expires_set(content, expires_s);
	return json_pack("{s:[], s:o}", "signatures", "signed", content);
}

gboolean role_is(enum role role, const json_t *envelope)
{
	json_t *type = json_object_get(role_signed(envelope), "_type");

	return g_strcmp0(json_string_value(type), TYPES[role]) == 0;
}

json_t *role_decode(enum role role, const char *bytes, size_t size_bytes, char **ret_why)
{
	g_autoptr(JsonValue) envelope = json_object_parse(bytes, size_bytes, ret_why);
	json_t *content = envelope != NULL ? role_signed(envelope) : NULL;
	const char *expires = json_string_value(json_object_get(content, "expires"));
	gint64 expires_s;

	if (envelope == NULL)
		return NULL;
	if (!role_is(role, envelope) || role_version(envelope) < 1 || expires == NULL ||
	    !role_time_read(expires, &expires_s) || !json_is_array(role_signatures(envelope))) {
		*ret_why = g_strdup_printf("it is no metadata of the role %s", NAMES[role]);
		return NULL;
	}
	return g_steal_pointer(&envelope);
}

char *role_encode(const json_t *envelope)
{
	return json_dumps(envelope, JSON_INDENT(1) | JSON_SORT_KEYS);
}

json_t *role_signed(const json_t *envelope)
{
	return json_object_get(envelope, "signed");
}

json_t *role_signatures(const json_t *envelope)
{
	return json_object_get(envelope, "signatures");
}

json_int_t role_version(const json_t *envelope)
{
	return json_integer_value(json_object_get(role_signed(envelope), "version"));
}

gint64 role_expires_s(const json_t *envelope)
{
	gint64 expires_s = 0;

	(void)role_time_read(json_string_value(json_object_get(role_signed(envelope), "expires")),
			     &expires_s); /* it was read when it was decoded */
	return expires_s;
}

/* The one delegation that azrepo makes. */
static json_t *delegation_find(const json_t *delegations, const char *name)
{
	json_t *role;
	size_t i;

	json_array_foreach(json_object_get(delegations, "roles"), i, role)
	{
		const char *found = json_string_value(json_object_get(role, "name"));

		if (found != NULL && strcmp(found, name) == 0)
			return role;
	}
	return NULL;
}

gboolean role_spec(enum role role, const json_t *parent, struct role_spec *ret_spec)
{
	json_t *content = role_signed(parent);
	json_t *delegations = json_object_get(content, "delegations");
	json_t *found = role == ROLE_CHANNELS
				? delegation_find(delegations, NAMES[role])
				: json_object_get(json_object_get(content, "roles"), NAMES[role]);

	ret_spec->keys = json_object_get(role == ROLE_CHANNELS ? delegations : content, "keys");
	ret_spec->keyids = json_object_get(found, "keyids");
	ret_spec->threshold = json_integer_value(json_object_get(found, "threshold"));
	return json_is_object(ret_spec->keys) && json_is_array(ret_spec->keyids) &&
	       ret_spec->threshold >= 1;
}

gboolean role_spec_has(const struct role_spec *spec, const char *keyid)
{
	json_t *value;
	size_t i;

	json_array_foreach(spec->keyids, i, value)
	{
		const char *found = json_string_value(value);

		if (found != NULL && strcmp(found, keyid) == 0)
			return TRUE;
	}
	return FALSE;
}
