/* SPDX-License-Identifier: MIT */
#include "signature.h"

#include <string.h>

#include "canonjson.h"
#include "crypto.h"
#include "tufkey.h"

enum { SIGNATURE_SIZE_MAX = 1024 };

static json_t *entry_find(const json_t *envelope, const char *keyid)
{
	json_t *entry;
	size_t i;

	json_array_foreach(role_signatures(envelope), i, entry)
	{
		if (g_strcmp0(json_string_value(json_object_get(entry, "keyid")), keyid) == 0)
			return entry;
	}
	return NULL;
}

const char *signature_find(const json_t *envelope, const char *keyid)
{
	return json_string_value(json_object_get(entry_find(envelope, keyid), "sig"));
}

void signature_add(json_t *envelope, const char *keyid, const char *signature)
{
	json_t *entry = entry_find(envelope, keyid);

	if (entry != NULL)
		json_object_set_new(entry, "sig", json_string(signature));
	else
		json_array_append_new(role_signatures(envelope),
				      json_pack("{s:s, s:s}", "keyid", keyid, "sig", signature));
}

static GBytes *signature_bytes(const json_t *envelope, const char *keyid)
{
	const char *text = signature_find(envelope, keyid);
	const size_t size_bytes = text != NULL ? strlen(text) / 2 : 0;
	g_autofree uint8_t *bytes = NULL;

	if (size_bytes == 0 || size_bytes > SIGNATURE_SIZE_MAX)
		return NULL;
	bytes = g_malloc(size_bytes);
	return crypto_unhex(text, bytes, size_bytes)
		       ? g_bytes_new_take(g_steal_pointer(&bytes), size_bytes)
		       : NULL;
}

/* The key, if its signature is good; the caller frees. */
static struct tufkey *good_key(const json_t *envelope, const struct role_spec *spec,
			       const char *keyid, GBytes *canonical)
{
	g_autoptr(GBytes) signature = signature_bytes(envelope, keyid);
	g_autoptr(Tufkey) key = NULL;

	if (signature == NULL || !role_spec_has(spec, keyid))
		return NULL;
	key = tufkey_decode(keyid, json_object_get(spec->keys, keyid), NULL);
	return key != NULL && tufkey_print(key) != NULL && tufkey_verify(key, canonical, signature)
		       ? g_steal_pointer(&key)
		       : NULL;
}

gboolean signature_is_good(const json_t *envelope, const struct role_spec *spec, const char *keyid)
{
	g_autoptr(GBytes) canonical = canonjson(role_signed(envelope), NULL);
	g_autoptr(Tufkey) key = canonical != NULL ? good_key(envelope, spec, keyid, canonical)
						  : NULL;

	return key != NULL;
}

/* One key counts once, under however many names. */
json_int_t signature_count(const json_t *envelope, const struct role_spec *spec)
{
	g_autoptr(GBytes) canonical = canonjson(role_signed(envelope), NULL);
	g_autoptr(GHashTable) prints = g_hash_table_new_full(g_bytes_hash, g_bytes_equal,
							     (GDestroyNotify)g_bytes_unref, NULL);
	json_t *value;
	size_t i;

	json_array_foreach(canonical != NULL ? spec->keyids : NULL, i, value)
	{
		const char *keyid = json_string_value(value);
		g_autoptr(Tufkey) key = keyid != NULL ? good_key(envelope, spec, keyid, canonical)
						      : NULL;

		if (key != NULL)
			g_hash_table_add(prints, g_bytes_new(tufkey_print(key), TUFKEY_PRINT_SIZE));
	}
	return g_hash_table_size(prints);
}

gboolean signature_suffices(const json_t *envelope, const struct role_spec *spec)
{
	return spec->threshold >= 1 && signature_count(envelope, spec) >= spec->threshold;
}
