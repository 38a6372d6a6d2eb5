/* SPDX-License-Identifier: MIT */
#include "keychain.h"

#include <string.h>

#include "canonjson.h"
#include "failure.h"
#include "signature.h"
#include "signkey.h"

struct keychain {
	GHashTable *keys; /* struct tufsign by keyid */
	GHashTable *whys; /* why a key of the settings is not at hand, by keyid */
	json_t *wheres;   /* of the settings */
};

void keychain_free(struct keychain *keychain)
{
	if (keychain == NULL)
		return;
	g_hash_table_unref(keychain->keys);
	g_hash_table_unref(keychain->whys);
	json_decref(keychain->wheres);
	g_free(keychain);
}

static void key_free(gpointer key)
{
	tufsign_free(key);
}

struct keychain *keychain_new(char **wheres, json_t *settings, GError **error)
{
	g_autoptr(Keychain) keychain = g_new0(struct keychain, 1);

	keychain->keys = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, key_free);
	keychain->whys = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	keychain->wheres = json_incref(json_object_get(settings, "keys"));
	for (unsigned i = 0; wheres != NULL && wheres[i] != NULL; i++) {
		struct tufsign *key = tufsign_load(wheres[i], error);

		if (key == NULL)
			return NULL;
		if (!tufsign_is_private(key)) {
			failure_set(error, FAULT_KEY_UNREADABLE,
				    "%s is a public key: it cannot sign", wheres[i]);
			tufsign_free(key);
			return NULL;
		}
		g_hash_table_replace(keychain->keys, g_strdup(tufsign_keyid(key)), key);
	}
	return g_steal_pointer(&keychain);
}

static const struct tufsign *key_fetch(struct keychain *keychain, const char *keyid)
{
	const char *where = json_string_value(json_object_get(keychain->wheres, keyid));
	g_autoptr(GError) error = NULL;
	g_autoptr(Tufsign) key = NULL;
	g_autofree char *why = NULL;
	const struct tufsign *found;

	if (where == NULL)
		why = g_strdup("its place is not known");
	else if ((key = tufsign_load(where, &error)) == NULL)
		why = g_strdup(error->message);
	else if (strcmp(tufsign_keyid(key), keyid) != 0)
		why = g_strdup_printf("%s holds another key now", where);
	else if (!tufsign_is_private(key))
		why = g_strdup_printf("%s holds its public half only", where);
	if (why != NULL) {
		g_hash_table_replace(keychain->whys, g_strdup(keyid), g_steal_pointer(&why));
		return NULL;
	}
	found = key;
	g_hash_table_replace(keychain->keys, g_strdup(keyid), g_steal_pointer(&key));
	return found;
}

const struct tufsign *keychain_find(struct keychain *keychain, const char *keyid,
				    const char **ret_why)
{
	const struct tufsign *key = g_hash_table_lookup(keychain->keys, keyid);

	if (key == NULL && !g_hash_table_contains(keychain->whys, keyid))
		key = key_fetch(keychain, keyid);
	if (ret_why != NULL)
		*ret_why = g_hash_table_lookup(keychain->whys, keyid);
	return key;
}

gboolean keychain_sign(struct keychain *keychain, json_t *envelope, const struct role_spec *spec,
		       GError **error)
{
	g_autoptr(GBytes) canonical = canonjson(role_signed(envelope), error);
	json_t *value;
	size_t i;

	if (canonical == NULL)
		return FALSE;
	json_array_foreach(spec->keyids, i, value)
	{
		const char *keyid = json_string_value(value);
		const struct tufsign *key;
		g_autofree char *signature = NULL;

		if (keyid == NULL || signature_find(envelope, keyid) != NULL)
			continue;
		key = keychain_find(keychain, keyid, NULL);
		if (key == NULL)
			continue;
		signature = tufsign_sign(key, canonical, error);
		if (signature == NULL)
			return FALSE;
		signature_add(envelope, keyid, signature);
	}
	return TRUE;
}

json_int_t keychain_count(struct keychain *keychain, const struct role_spec *spec)
{
	json_int_t count = 0;
	json_t *value;
	size_t i;

	json_array_foreach(spec->keyids, i, value)
	{
		const char *keyid = json_string_value(value);

		count += keyid != NULL && keychain_find(keychain, keyid, NULL) != NULL;
	}
	return count;
}

void keychain_remember(json_t *settings, const struct tufsign *key, const char *where)
{
	json_t *keys = json_object_get(settings, "keys");
	g_autofree char *path = g_file_test(where, G_FILE_TEST_EXISTS)
					? g_canonicalize_filename(where, NULL)
					: signkey_shown(where);

	json_object_set_new(keys, tufsign_keyid(key), json_string(path));
}
