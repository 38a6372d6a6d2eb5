/* SPDX-License-Identifier: MIT */
/* What each kind of role has of its own: keys and grants, lists of files, delegations. */
#include <string.h>

#include "crypto.h"
#include "failure.h"
#include "tufpath.h"
#include "tufrole_private.h"

enum {
	PATTERN_MAX = TUFPATH_TARGET_MAX,
	HASHES_MAX = 16,
	SHA256_CHARACTERS = 64,
	SHA512_CHARACTERS = 128,
};

static const char SUFFIX[] = ".json";

/* --- keys and grants --- */

void tufgrant_clear(struct tufgrant *grant)
{
	g_clear_pointer(&grant->keys, g_ptr_array_unref);
}

static void key_free(gpointer data)
{
	tufkey_free(data);
}

static gboolean keys_take(struct tufrole *role, const struct tufreader *reader, json_t *holder)
{
	json_t *keys = tufreader_object(reader, holder, "keys", TUFROLE_KEYS_MAX);
	const char *id;
	json_t *value;

	if (keys == NULL)
		return FALSE;
	role->keys = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, key_free);
	json_object_foreach(keys, id, value)
	{
		struct tufkey *key = tufkey_decode(id, value, reader->error);

		if (key == NULL)
			return FALSE;
		g_hash_table_insert(role->keys, g_strdup(id), key);
	}
	return TRUE;
}

static gboolean keyid_take(const struct tufrole *role, const struct tufreader *reader,
			   const json_t *value, GPtrArray *keys)
{
	const char *id = json_string_value(value);
	gpointer key = id != NULL ? g_hash_table_lookup(role->keys, id) : NULL;

	if (key == NULL)
		return tufreader_fail(reader, "keyids", "names a key that is not there");
	if (g_ptr_array_find(keys, key, NULL))
		return tufreader_fail(reader, "keyids", "names a key twice");
	g_ptr_array_add(keys, key);
	return TRUE;
}

static gboolean grant_take(const struct tufrole *role, const struct tufreader *reader,
			   json_t *value, struct tufgrant *ret_grant)
{
	json_t *ids = tufreader_array(reader, value, "keyids", TUFROLE_KEYS_MAX);
	const json_t *threshold = json_object_get(value, "threshold");
	g_autoptr(GPtrArray) keys = g_ptr_array_new();

	if (ids == NULL)
		return FALSE;
	if (!json_is_integer(threshold) || json_integer_value(threshold) < 1 ||
	    (uint64_t)json_integer_value(threshold) > TUFROLE_NUMBER_MAX)
		return failure_set(reader->error, FAULT_TUF_THRESHOLD,
				   "%s: a threshold is no integer from 1 on", role->name);
	for (size_t i = 0; i < json_array_size(ids); i++)
		if (!keyid_take(role, reader, json_array_get(ids, i), keys))
			return FALSE;
	ret_grant->threshold = (uint64_t)json_integer_value(threshold);
	ret_grant->keys = g_steal_pointer(&keys);
	return TRUE;
}

gboolean tufrole_root_take(struct tufrole *role, const struct tufreader *reader, json_t *body)
{
	static const char *const NAMES[TUFROLE_KINDS] = { "root", "timestamp", "snapshot",
							  "targets" };
	const json_t *consistent = json_object_get(body, "consistent_snapshot");
	json_t *roles = tufreader_object(reader, body, "roles", TUFROLE_DELEGATIONS_MAX);

	if (roles == NULL || !keys_take(role, reader, body))
		return FALSE;
	if (consistent != NULL && !json_is_boolean(consistent))
		return tufreader_fail(reader, "consistent_snapshot", "is neither true nor false");
	role->consistent_snapshot = json_is_true(consistent);
	for (unsigned i = 0; i < TUFROLE_KINDS; i++) {
		json_t *value = tufreader_object(reader, roles, NAMES[i], SIZE_MAX);

		if (value == NULL || !grant_take(role, reader, value, &role->grants[i]))
			return FALSE;
	}
	return TRUE;
}

/* --- files --- */

static void file_free(gpointer data)
{
	struct tuffile *file = data;

	g_free(file->sha256);
	g_free(file->sha512);
	g_free(file);
}

static gboolean hash_take(const struct tufreader *reader, json_t *hashes, const char *name,
			  size_t characters, char **ret_hex)
{
	const json_t *value = json_object_get(hashes, name);
	const char *hex = json_string_value(value);

	if (value == NULL)
		return TRUE;
	if (hex == NULL || strlen(hex) != characters ||
	    strspn(hex, "0123456789abcdef") != characters)
		return tufreader_fail(reader, name, "is no hash in lower-case hex");
	*ret_hex = g_strdup(hex);
	return TRUE;
}

static gboolean hashes_take(const struct tufreader *reader, json_t *value, struct tuffile *file)
{
	json_t *hashes = tufreader_object(reader, value, "hashes", HASHES_MAX);

	if (hashes == NULL)
		return FALSE;
	if (json_object_size(hashes) == 0)
		return tufreader_fail(reader, "hashes", "is empty");
	file->has_hashes = TRUE;
	return hash_take(reader, hashes, "sha256", SHA256_CHARACTERS, &file->sha256) &&
	       hash_take(reader, hashes, "sha512", SHA512_CHARACTERS, &file->sha512);
}

/* Length and hashes are optional for metadata, and have to be there for a target. */
static gboolean file_take(const struct tufreader *reader, json_t *value, gboolean target,
			  struct tuffile *file)
{
	if (!json_is_object(value))
		return tufreader_fail(reader, target ? "targets" : "meta", "has no object in it");
	file->has_size = target || json_object_get(value, "length") != NULL;
	if (file->has_size && !tufreader_number(reader, value, "length", &file->size_bytes))
		return FALSE;
	if ((target || json_object_get(value, "hashes") != NULL) &&
	    !hashes_take(reader, value, file))
		return FALSE;
	return TRUE;
}

static gboolean meta_add(struct tufrole *role, const struct tufreader *reader, const char *name,
			 json_t *value)
{
	struct tuffile *file = g_new0(struct tuffile, 1);
	const size_t size_bytes = strlen(name);

	if (size_bytes <= strlen(SUFFIX) || !g_str_has_suffix(name, SUFFIX) ||
	    !tufpath_is_printable(name)) {
		g_free(file);
		return tufreader_fail(reader, "meta",
				      "has a name that is not printable or does not end in .json");
	}
	g_hash_table_insert(role->meta, g_strndup(name, size_bytes - strlen(SUFFIX)), file);
	if (!file_take(reader, value, FALSE, file) ||
	    !tufreader_number(reader, value, "version", &file->version))
		return FALSE;
	return file->version > 0 || tufreader_fail(reader, "version", "is 0");
}

gboolean tufrole_meta_take(struct tufrole *role, const struct tufreader *reader, json_t *body)
{
	const gboolean timestamp = role->kind == TUFROLE_TIMESTAMP;
	json_t *meta = tufreader_object(reader, body, "meta", timestamp ? 1 : TUFROLE_META_MAX);
	const char *name;
	json_t *value;

	if (meta == NULL)
		return FALSE;
	role->meta = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, file_free);
	json_object_foreach(meta, name,
			    value) if (!meta_add(role, reader, name, value)) return FALSE;
	return g_hash_table_contains(role->meta, timestamp ? "snapshot" : "targets") ||
	       tufreader_fail(reader, "meta",
			      timestamp ? "has no snapshot.json" : "has no targets.json");
}

static gboolean hash_check(const char *name, const char *wanted, const char *what, GBytes *bytes,
			   GError **error)
{
	uint8_t hash[TUFROLE_HASH_SIZE];
	const size_t hash_size = wanted != NULL ? strlen(wanted) / 2 : 0;
	g_autofree char *hex = NULL;
	gsize size_bytes;
	const void *data = g_bytes_get_data(bytes, &size_bytes);

	if (wanted == NULL)
		return TRUE;
	crypto_digest(name, data, size_bytes, NULL, 0, hash);
	hex = crypto_hex(hash, hash_size);
	return strcmp(hex, wanted) == 0 ||
	       failure_set(error, FAULT_TUF_HASH, "%s: its %s is %.16s..., not %.16s...", what,
			   name, hex, wanted);
}

gboolean tuffile_check(const struct tuffile *file, const char *what, GBytes *bytes, GError **error)
{
	if (file->has_size && g_bytes_get_size(bytes) != file->size_bytes)
		return failure_set(error, FAULT_TUF_LENGTH,
				   "%s has %" G_GSIZE_FORMAT " bytes, not %" G_GUINT64_FORMAT, what,
				   g_bytes_get_size(bytes), file->size_bytes);
	if (file->has_hashes && file->sha256 == NULL && file->sha512 == NULL)
		return failure_set(error, FAULT_TUF_HASH,
				   "%s is listed with no hash that is known here", what);
	return hash_check("SHA256", file->sha256, what, bytes, error) &&
	       hash_check("SHA512", file->sha512, what, bytes, error);
}

/* --- targets and delegations --- */

static void delegation_free(gpointer data)
{
	struct tufdelegation *delegation = data;

	tufgrant_clear(&delegation->grant);
	g_clear_pointer(&delegation->patterns, g_ptr_array_unref);
	g_clear_pointer(&delegation->hash_prefixes, g_ptr_array_unref);
	g_free(delegation->name);
	g_free(delegation);
}

static GPtrArray *texts_take(const struct tufreader *reader, json_t *value, const char *field)
{
	json_t *list = tufreader_array(reader, value, field, TUFROLE_PATTERNS_MAX);
	g_autoptr(GPtrArray) texts = g_ptr_array_new_with_free_func(g_free);

	if (list == NULL)
		return NULL;
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *text = json_array_get(list, i);

		if (!json_is_string(text) || json_string_length(text) > PATTERN_MAX) {
			tufreader_fail(reader, field, "has a member that is no text, or too long");
			return NULL;
		}
		g_ptr_array_add(texts, g_strdup(json_string_value(text)));
	}
	return g_steal_pointer(&texts);
}

static gboolean scope_take(struct tufdelegation *delegation, const struct tufreader *reader,
			   json_t *value)
{
	const gboolean paths = json_object_get(value, "paths") != NULL;
	const gboolean prefixes = json_object_get(value, "path_hash_prefixes") != NULL;

	if (paths == prefixes)
		return tufreader_fail(reader, "paths",
				      "and \"path_hash_prefixes\" are both there, or neither");
	if (paths)
		delegation->patterns = texts_take(reader, value, "paths");
	else
		delegation->hash_prefixes = texts_take(reader, value, "path_hash_prefixes");
	return delegation->patterns != NULL || delegation->hash_prefixes != NULL;
}

static gboolean delegation_take(struct tufrole *role, const struct tufreader *reader, json_t *value)
{
	const char *name = tufreader_text(reader, value, "name", TUFPATH_ROLE_MAX);
	const json_t *terminating = json_object_get(value, "terminating");
	struct tufdelegation *delegation;

	if (name == NULL || !tufpath_role_check(name, reader->error))
		return FALSE;
	for (guint i = 0; i < role->delegations->len; i++) {
		const struct tufdelegation *other = role->delegations->pdata[i];

		if (strcmp(other->name, name) == 0)
			return tufreader_fail(reader, "name", "is that of another delegation");
	}
	delegation = g_new0(struct tufdelegation, 1);
	g_ptr_array_add(role->delegations, delegation);
	delegation->name = g_strdup(name);
	delegation->terminating = json_is_true(terminating);
	if (!json_is_boolean(terminating))
		return tufreader_fail(reader, "terminating", "is neither true nor false");
	return grant_take(role, reader, value, &delegation->grant) &&
	       scope_take(delegation, reader, value);
}

static gboolean delegations_take(struct tufrole *role, const struct tufreader *reader, json_t *body)
{
	json_t *holder = json_object_get(body, "delegations");
	json_t *list;

	role->delegations = g_ptr_array_new_with_free_func(delegation_free);
	if (holder == NULL)
		return TRUE;
	if (!json_is_object(holder))
		return tufreader_fail(reader, "delegations", "is no object");
	/* Instead of a list there may be hash bins, which are not followed. */
	if (json_object_get(holder, "roles") == NULL)
		return TRUE;
	list = tufreader_array(reader, holder, "roles", TUFROLE_DELEGATIONS_MAX);
	if (list == NULL || !keys_take(role, reader, holder))
		return FALSE;
	for (size_t i = 0; i < json_array_size(list); i++)
		if (!delegation_take(role, reader, json_array_get(list, i)))
			return FALSE;
	return TRUE;
}

gboolean tufrole_targets_take(struct tufrole *role, const struct tufreader *reader, json_t *body)
{
	json_t *targets = tufreader_object(reader, body, "targets", TUFROLE_TARGETS_MAX);
	const char *name;
	json_t *value;

	if (targets == NULL)
		return FALSE;
	role->targets = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, file_free);
	json_object_foreach(targets, name, value)
	{
		struct tuffile *file = g_new0(struct tuffile, 1);

		g_hash_table_insert(role->targets, g_strdup(name), file);
		if (!file_take(reader, value, TRUE, file))
			return FALSE;
		file->custom = json_object_get(value, "custom");
		if (file->custom != NULL && !json_is_object(file->custom))
			return tufreader_fail(reader, "custom", "is no object");
	}
	return delegations_take(role, reader, body);
}

static gboolean prefix_matches(const GPtrArray *prefixes, const char *target)
{
	uint8_t hash[CRYPTO_HASH_SIZE];
	g_autofree char *hex = NULL;

	crypto_digest("SHA256", target, strlen(target), NULL, 0, hash);
	hex = crypto_hex(hash, sizeof hash);
	for (guint i = 0; i < prefixes->len; i++)
		if (g_str_has_prefix(hex, prefixes->pdata[i]))
			return TRUE;
	return FALSE;
}

gboolean tufdelegation_covers(const struct tufdelegation *delegation, const char *target)
{
	if (delegation->patterns == NULL)
		return prefix_matches(delegation->hash_prefixes, target);
	for (guint i = 0; i < delegation->patterns->len; i++)
		if (tufpath_match(delegation->patterns->pdata[i], target))
			return TRUE;
	return FALSE;
}
