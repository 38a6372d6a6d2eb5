/* SPDX-License-Identifier: MIT */
#include "tufmake.h"

#include <openssl/evp.h>
#include <string.h>

#include "canonjson.h"
#include "crypto.h"
#include "failure.h"
#include "tufpath.h"

enum { SEED_SIZE = 32, SIGNATURE_SIZE = 64 };

static const char *const NAMES[TUFROLE_KINDS] = { "root", "timestamp", "snapshot", "targets" };

/* --- keys --- */

static EVP_PKEY *private_key(unsigned key)
{
	uint8_t seed[SEED_SIZE] = { 0 };

	seed[0] = (uint8_t)key;
	return EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, seed, sizeof seed);
}

json_t *tufmake_key(unsigned key)
{
	EVP_PKEY *private = private_key(key);
	uint8_t public[SEED_SIZE];
	size_t size_bytes = sizeof public;
	g_autofree char *hex = NULL;

	g_assert(EVP_PKEY_get_raw_public_key(private, public, &size_bytes) == 1);
	EVP_PKEY_free(private);
	hex = crypto_hex(public, size_bytes);
	return json_pack("{s:s,s:s,s:{s:s}}", "keytype", "ed25519", "scheme", "ed25519", "keyval",
			 "public", hex);
}

static char *hash_hex(GBytes *bytes)
{
	uint8_t hash[CRYPTO_HASH_SIZE];
	gsize size_bytes;
	const void *data = g_bytes_get_data(bytes, &size_bytes);

	crypto_digest("SHA256", data, size_bytes, NULL, 0, hash);
	return crypto_hex(hash, sizeof hash);
}

const char *tufmake_keyid(unsigned key)
{
	static char *ids[TUFMAKE_KEYS];

	g_assert(key < TUFMAKE_KEYS);
	if (ids[key] == NULL) {
		g_autoptr(JsonValue) value = tufmake_key(key);
		g_autoptr(GBytes) canonical = canonjson(value, NULL);

		ids[key] = hash_hex(canonical);
	}
	return ids[key];
}

json_t *tufmake_grant(int threshold, unsigned first, unsigned count)
{
	json_t *ids = json_array();

	for (unsigned i = 0; i < count; i++)
		json_array_append_new(ids, json_string(tufmake_keyid(first + i)));
	return json_pack("{s:o,s:i}", "keyids", ids, "threshold", threshold);
}

static char *signature_hex(unsigned key, GBytes *canonical)
{
	EVP_PKEY *private = private_key(key);
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	uint8_t signature[SIGNATURE_SIZE];
	size_t signature_size = sizeof signature;
	gsize size_bytes;
	const uint8_t *data = g_bytes_get_data(canonical, &size_bytes);

	g_assert(EVP_DigestSignInit(context, NULL, NULL, NULL, private) == 1);
	g_assert(EVP_DigestSign(context, signature, &signature_size, data, size_bytes) == 1);
	EVP_MD_CTX_free(context);
	EVP_PKEY_free(private);
	return crypto_hex(signature, signature_size);
}

static GBytes *json_bytes(json_t *value)
{
	char *text = json_dumps(value, JSON_INDENT(1));
	GBytes *bytes = g_bytes_new(text, strlen(text));

	free(text);
	json_decref(value);
	return bytes;
}

GBytes *tufmake_sign(json_t *body, unsigned first, unsigned count)
{
	g_autoptr(GBytes) canonical = canonjson(body, NULL);
	json_t *signatures = json_array();

	g_assert(canonical != NULL);
	for (unsigned i = 0; i < count; i++) {
		g_autofree char *hex = signature_hex(first + i, canonical);

		json_array_append_new(signatures, json_pack("{s:s,s:s}", "keyid",
							    tufmake_keyid(first + i), "sig", hex));
	}
	return json_bytes(json_pack("{s:o,s:o}", "signed", body, "signatures", signatures));
}

json_t *tufmake_body(const char *type, unsigned version, const char *expires)
{
	return json_pack("{s:s,s:s,s:i,s:s}", "_type", type, "spec_version", "1.0.34", "version",
			 version, "expires", expires);
}

/* --- the repository --- */

static gboolean make_get(struct tuftransport *transport, const char *name, size_t max,
			 GBytes **ret_bytes, GError **error)
{
	struct tufmake *make = (struct tufmake *)transport;
	GBytes *bytes = g_hash_table_lookup(make->files, name);

	g_ptr_array_add(make->asked, g_strdup(name));
	*ret_bytes = NULL;
	if (bytes == NULL)
		return TRUE;
	if (g_bytes_get_size(bytes) > max)
		return failure_set(error, FAULT_TUF_LENGTH, "%s is too long", name);
	*ret_bytes = g_bytes_ref(bytes);
	return TRUE;
}

static void file_put(struct tufmake *make, const char *role, unsigned version, GBytes *bytes)
{
	g_hash_table_insert(make->files, tufpath_metadata_file(role, version), bytes);
}

static json_t *announcement(const struct tufmake *make, unsigned version, GBytes *bytes)
{
	g_autofree char *hex = hash_hex(bytes);

	if (!make->hashes)
		return json_pack("{s:i}", "version", version);
	return json_pack("{s:i,s:i,s:{s:s}}", "version", version, "length",
			 (int)g_bytes_get_size(bytes), "hashes", "sha256", hex);
}

static void meta_set(struct tufmake *make, const char *role, unsigned version, GBytes *bytes)
{
	g_autofree char *name = g_strconcat(role, ".json", NULL);

	json_object_set_new(make->meta, name, announcement(make, version, bytes));
}

static json_t *body_of(const struct tufmake *make, enum tufrole_kind kind)
{
	return tufmake_body(NAMES[kind], make->versions[kind], make->expires[kind]);
}

void tufmake_root(struct tufmake *make)
{
	const unsigned version = make->versions[TUFROLE_ROOT];
	json_t *body = body_of(make, TUFROLE_ROOT);
	json_t *keys = json_object();
	json_t *roles = json_object();

	for (unsigned i = 0; i < TUFROLE_KINDS; i++) {
		json_object_set_new(keys, tufmake_keyid(make->keys[i]), tufmake_key(make->keys[i]));
		json_object_set_new(roles, NAMES[i], tufmake_grant(1, make->keys[i], 1));
	}
	json_object_set_new(body, "keys", keys);
	json_object_set_new(body, "roles", roles);
	json_object_set_new(body, "consistent_snapshot", json_true());
	file_put(make, "root", version, tufmake_sign(body, make->keys[TUFROLE_ROOT], 1));
}

void tufmake_targets(struct tufmake *make)
{
	json_t *body = body_of(make, TUFROLE_TARGETS);

	json_object_set(body, "targets", make->targets);
	if (make->delegations != NULL)
		json_object_set(body, "delegations", make->delegations);
	tufmake_delegated(make, "targets", body, make->keys[TUFROLE_TARGETS]);
}

void tufmake_delegated(struct tufmake *make, const char *name, json_t *body, unsigned key)
{
	const unsigned version = (unsigned)json_integer_value(json_object_get(body, "version"));
	/* What is in it may change later: the published bytes do not. */
	json_t *copy = json_deep_copy(body);
	GBytes *bytes = tufmake_sign(copy, key, 1);

	json_decref(body);
	meta_set(make, name, version, bytes);
	file_put(make, name, version, bytes);
}

void tufmake_snapshot(struct tufmake *make)
{
	json_t *body = body_of(make, TUFROLE_SNAPSHOT);

	json_object_set_new(body, "meta", json_deep_copy(make->meta));
	file_put(make, "snapshot", make->versions[TUFROLE_SNAPSHOT],
		 tufmake_sign(body, make->keys[TUFROLE_SNAPSHOT], 1));
}

void tufmake_timestamp(struct tufmake *make)
{
	const unsigned version = make->versions[TUFROLE_SNAPSHOT];
	g_autofree char *name = tufpath_metadata_file("snapshot", version);
	json_t *body = body_of(make, TUFROLE_TIMESTAMP);

	json_object_set_new(
		body, "meta",
		json_pack("{s:o}", "snapshot.json",
			  announcement(make, version, g_hash_table_lookup(make->files, name))));
	file_put(make, "timestamp", 0, tufmake_sign(body, make->keys[TUFROLE_TIMESTAMP], 1));
}

void tufmake_publish(struct tufmake *make)
{
	make->versions[TUFROLE_TARGETS]++;
	tufmake_targets(make);
	make->versions[TUFROLE_SNAPSHOT]++;
	tufmake_snapshot(make);
	make->versions[TUFROLE_TIMESTAMP]++;
	tufmake_timestamp(make);
}

void tufmake_target_add(json_t *targets, const char *name, unsigned size_bytes)
{
	g_autofree uint8_t *zeros = g_malloc0(size_bytes + 1);
	g_autoptr(GBytes) bytes = g_bytes_new(zeros, size_bytes);
	g_autofree char *hex = hash_hex(bytes);

	json_object_set_new(
		targets, name,
		json_pack("{s:i,s:{s:s}}", "length", (int)size_bytes, "hashes", "sha256", hex));
}

struct tufmake *tufmake_new(void)
{
	struct tufmake *make = g_new0(struct tufmake, 1);

	make->transport.get = make_get;
	make->files = g_hash_table_new_full(g_str_hash, g_str_equal, g_free,
					    (GDestroyNotify)g_bytes_unref);
	make->asked = g_ptr_array_new_with_free_func(g_free);
	make->targets = json_object();
	make->meta = json_object();
	for (unsigned i = 0; i < TUFROLE_KINDS; i++) {
		make->keys[i] = i;
		make->expires[i] = TUFMAKE_LATER;
	}
	make->versions[TUFROLE_ROOT] = 1;
	tufmake_root(make);
	tufmake_publish(make);
	return make;
}

void tufmake_free(struct tufmake *make)
{
	g_hash_table_unref(make->files);
	g_ptr_array_unref(make->asked);
	json_decref(make->targets);
	json_decref(make->delegations);
	json_decref(make->meta);
	g_free(make);
}

/* --- the store --- */

static gboolean keep_load(struct tufstorage *storage, const char *name, size_t max,
			  GBytes **ret_bytes, GError **error)
{
	const struct tufkeep *keep = (const struct tufkeep *)storage;
	GBytes *bytes = g_hash_table_lookup(keep->files, name);

	*ret_bytes = bytes != NULL ? g_bytes_ref(bytes) : NULL;
	return TRUE;
}

static gboolean keep_save(struct tufstorage *storage, const char *name, GBytes *bytes,
			  GError **error)
{
	struct tufkeep *keep = (struct tufkeep *)storage;

	if (keep->saves_left == 0)
		return failure_set(error, FAULT_TUF_STORE, "the power is cut before %s", name);
	keep->saves_left--;
	g_hash_table_insert(keep->files, g_strdup(name), g_bytes_ref(bytes));
	return TRUE;
}

struct tufkeep *tufkeep_new(void)
{
	struct tufkeep *keep = g_new0(struct tufkeep, 1);

	keep->storage.load = keep_load;
	keep->storage.save = keep_save;
	keep->files = g_hash_table_new_full(g_str_hash, g_str_equal, g_free,
					    (GDestroyNotify)g_bytes_unref);
	keep->saves_left = G_MAXUINT;
	return keep;
}

void tufkeep_free(struct tufkeep *keep)
{
	g_hash_table_unref(keep->files);
	g_free(keep);
}

char *tufkeep_text(const struct tufkeep *keep)
{
	g_autoptr(GList)
		names = g_list_sort(g_hash_table_get_keys(keep->files), (GCompareFunc)strcmp);
	GString *text = g_string_new(NULL);

	for (GList *at = names; at != NULL; at = at->next) {
		g_autofree char *hex = hash_hex(g_hash_table_lookup(keep->files, at->data));

		g_string_append_printf(text, "%s %s\n", (const char *)at->data, hex);
	}
	return g_string_free(text, FALSE);
}
