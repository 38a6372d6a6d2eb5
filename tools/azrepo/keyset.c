/* SPDX-License-Identifier: MIT */
#include "keyset.h"

#include <string.h>

#include "failure.h"

enum { KEYID_PREFIX_MIN = 8 };

static json_t *role_empty(void)
{
	return json_pack("{s:[], s:i}", "keyids", "threshold", 1);
}

json_t *keyset_root_new(gint64 expires_s)
{
	json_t *root = role_new(ROLE_ROOT, expires_s);
	json_t *content = role_signed(root);
	json_t *roles = json_object();

	json_object_set_new(content, "consistent_snapshot", json_true());
	json_object_set_new(content, "keys", json_object());
	json_object_set_new(content, "roles", roles);
	for (unsigned i = 0; i < ROLE_COUNT; i++)
		if (i != ROLE_CHANNELS)
			json_object_set_new(roles, role_name((enum role)i), role_empty());
	return root;
}

json_t *keyset_targets_new(gint64 expires_s)
{
	json_t *targets = role_new(ROLE_TARGETS, expires_s);
	json_t *channels = role_empty();
	json_t *roles = json_array();

	json_object_set_new(channels, "name", json_string(role_name(ROLE_CHANNELS)));
	json_object_set_new(channels, "paths", json_pack("[s]", "channels/*/*/*"));
	json_object_set_new(channels, "terminating", json_true());
	json_array_append_new(roles, channels);
	json_object_set_new(role_signed(targets), "targets", json_object());
	json_object_set_new(role_signed(targets), "delegations",
			    json_pack("{s:{}, s:o}", "keys", "roles", roles));
	return targets;
}

/* The object with keyids and threshold. */
static json_t *holder(json_t *parent, enum role role)
{
	json_t *content = role_signed(parent);
	json_t *delegations = json_object_get(content, "delegations");

	return role == ROLE_CHANNELS
		       ? json_array_get(json_object_get(delegations, "roles"), 0)
		       : json_object_get(json_object_get(content, "roles"), role_name(role));
}

void keyset_add(json_t *parent, enum role role, const struct tufsign *key)
{
	struct role_spec spec;

	if (!role_spec(role, parent, &spec) || role_spec_has(&spec, tufsign_keyid(key)))
		return;
	json_array_append_new(spec.keyids, json_string(tufsign_keyid(key)));
	json_object_set(spec.keys, tufsign_keyid(key), tufsign_object(key));
}

/* Keys that no role has any more are taken out, too. */
static void keys_prune(json_t *parent, const char *keyid)
{
	struct role_spec spec = { .keys = NULL };

	for (unsigned i = 0; i < ROLE_COUNT; i++)
		if (role_spec((enum role)i, parent, &spec) && role_spec_has(&spec, keyid))
			return;
	(void)role_spec(ROLE_ROOT, parent, &spec); /* one of the two is there */
	if (spec.keys == NULL)
		(void)role_spec(ROLE_CHANNELS, parent, &spec);
	json_object_del(spec.keys, keyid);
}

gboolean keyset_remove(json_t *parent, enum role role, const char *keyid, GError **error)
{
	struct role_spec spec;
	size_t found = 0, count = 0, i;
	g_autofree char *whole = NULL;
	json_t *value;

	if (!role_spec(role, parent, &spec))
		return FALSE;
	json_array_foreach(spec.keyids, i, value)
	{
		if (strlen(keyid) >= KEYID_PREFIX_MIN &&
		    g_str_has_prefix(json_string_value(value), keyid)) {
			found = i;
			count++;
		}
	}
	if (count != 1)
		return failure_set(
			error, FAULT_AZREPO_KEY_OTHER,
			"%s does not have exactly one key whose id starts with \"%.64s\"",
			role_name(role), keyid);
	whole = g_strdup(json_string_value(json_array_get(spec.keyids, found)));
	json_array_remove(spec.keyids, found);
	keys_prune(parent, whole);
	return TRUE;
}

gboolean keyset_threshold(json_t *parent, enum role role, int threshold, GError **error)
{
	json_t *held = holder(parent, role);
	const size_t count = json_array_size(json_object_get(held, "keyids"));
	json_int_t wanted = threshold;

	if (threshold == 0)
		wanted = json_integer_value(json_object_get(held, "threshold"));
	if (count > KEYSET_KEYS_MAX || wanted < 1 || (size_t)wanted > count)
		return failure_set(error, FAULT_AZREPO_THRESHOLD,
				   "%s has %zu keys: the threshold cannot be %lld", role_name(role),
				   count, (long long)wanted);
	json_object_set_new(held, "threshold", json_integer(wanted));
	return TRUE;
}
