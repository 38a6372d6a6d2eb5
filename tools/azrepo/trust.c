/* SPDX-License-Identifier: MIT */
#include "trust.h"

#include <string.h>

#include "crypto.h"
#include "failure.h"
#include "files.h"
#include "signature.h"

static const char FIRST_ROOT[] = "first_root";

static char *hash_of(const void *bytes, size_t size_bytes)
{
	uint8_t hash[CRYPTO_HASH_SIZE];

	crypto_digest("SHA256", bytes, size_bytes, "", 0, hash);
	return crypto_hex(hash, sizeof hash);
}

void trust_begin(struct repository *repository, const char *bytes, size_t size_bytes)
{
	g_autofree char *hash = hash_of(bytes, size_bytes);

	json_object_set_new(repository->settings, FIRST_ROOT, json_string(hash));
}

static gboolean is_accepted(enum role role, const json_t *parent, const json_t *envelope)
{
	struct role_spec spec;

	return parent != NULL && envelope != NULL && role_spec(role, parent, &spec) &&
	       signature_suffices(envelope, &spec);
}

static GBytes *file_get(const struct repository *repository, enum role role, json_int_t version,
			GError **error)
{
	g_autofree char *file = role_file(role, version);
	g_autofree char *name = g_build_filename("metadata", file, NULL);

	return files_get(repository->path, name, ROLE_METADATA_MAX, error);
}

static gboolean refuse(enum role role, json_int_t version, const char *why, GError **error)
{
	g_autofree char *file = role_file(role, version);

	return failure_set(error, FAULT_AZREPO_METADATA, "metadata/%s %s", file, why);
}

/* The roots up to the published one; *ret_previous: the one before it, or NULL. */
static gboolean roots_verify(const struct repository *repository, json_t **ret_previous,
			     GError **error)
{
	const json_int_t last = role_version(repository->published[ROLE_ROOT]);
	const char *first = json_string_value(json_object_get(repository->settings, FIRST_ROOT));
	g_autoptr(JsonValue) before = NULL;

	for (json_int_t version = 1; version <= last; version++) {
		g_autoptr(GBytes) bytes = file_get(repository, ROLE_ROOT, version, error);
		g_autoptr(JsonValue) root = NULL;
		g_autofree char *why = NULL, *hash = NULL;

		if (bytes == NULL)
			return FALSE;
		hash = hash_of(g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes));
		root = role_decode(ROLE_ROOT, g_bytes_get_data(bytes, NULL),
				   g_bytes_get_size(bytes), &why);
		if (root == NULL || role_version(root) != version ||
		    !is_accepted(ROLE_ROOT, root, root) ||
		    (before != NULL && !is_accepted(ROLE_ROOT, before, root)))
			return refuse(ROLE_ROOT, version, "is not signed by its keys", error);
		if (before == NULL && g_strcmp0(hash, first) != 0)
			return refuse(ROLE_ROOT, version, "is not the root that azrepo made",
				      error);
		if (version == last)
			break;
		json_decref(before);
		before = g_steal_pointer(&root);
	}
	*ret_previous = g_steal_pointer(&before);
	return TRUE;
}

static gboolean listed_verify(const struct repository *repository, enum role lister, enum role role,
			      GError **error)
{
	const json_int_t version = role_version(repository->published[role]);
	g_autofree char *name = g_strdup_printf("%s.json", role_name(role));
	json_t *meta = json_object_get(role_signed(repository->published[lister]), "meta");
	json_t *hashes = json_object_get(json_object_get(meta, name), "hashes");
	g_autoptr(GBytes) bytes = file_get(repository, role, version, error);
	g_autofree char *hash = NULL;

	if (bytes == NULL)
		return FALSE;
	hash = hash_of(g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes));
	return g_strcmp0(hash, json_string_value(json_object_get(hashes, "sha256"))) == 0 ||
	       refuse(role, version, "is not the file that is listed", error);
}

gboolean trust_verify(const struct repository *repository, GError **error)
{
	json_t *const *published = repository->published;
	g_autoptr(JsonValue) previous = NULL;

	if (published[ROLE_ROOT] == NULL)
		return TRUE;
	if (!roots_verify(repository, &previous, error))
		return FALSE;
	if (published[ROLE_TIMESTAMP] == NULL)
		return TRUE;
	for (unsigned i = ROLE_TARGETS; i < ROLE_COUNT; i++) {
		const enum role role = (enum role)i;
		const json_t *parent = published[role == ROLE_CHANNELS ? ROLE_TARGETS : ROLE_ROOT];
		/* A command was killed after it had published a root that replaces lost keys: what
		 * comes next is in the draft. */
		const gboolean late = repository->draft[role] != NULL &&
				      is_accepted(role, previous, published[role]);

		if (!is_accepted(role, parent, published[role]) && !late)
			return refuse(role, role_version(published[role]),
				      "is not signed by its keys", error);
	}
	return listed_verify(repository, ROLE_TIMESTAMP, ROLE_SNAPSHOT, error) &&
	       listed_verify(repository, ROLE_SNAPSHOT, ROLE_TARGETS, error) &&
	       listed_verify(repository, ROLE_SNAPSHOT, ROLE_CHANNELS, error);
}
