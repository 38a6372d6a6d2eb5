/* SPDX-License-Identifier: MIT */
#include "channeldoc.h"

#include <string.h>

#include "channel.h"
#include "crypto.h"
#include "failure.h"
#include "files.h"
#include "version.h"

static json_t *targets_of(const struct repository *repository, enum role role)
{
	return json_object_get(role_signed(repository_latest(repository, role)), "targets");
}

static json_t *document_new(const struct place *place)
{
	return json_pack("{s:i, s:s, s:s, s:s, s:[], s:[]}", "format", CHANNEL_FORMAT, "product",
			 place->product, "architecture", place->architecture, "channel",
			 place->channel, "releases", "revoked");
}

json_t *channeldoc_load(const struct repository *repository, const struct place *place,
			gboolean create, GError **error)
{
	g_autofree char *target = place_target(place);
	json_t *entry = json_object_get(targets_of(repository, ROLE_CHANNELS), target);
	const char *hash = json_string_value(
		json_object_get(json_object_get(entry, "hashes"), "sha256"));
	g_autofree char *file = NULL, *why = NULL, *found = NULL;
	uint8_t digest[CRYPTO_HASH_SIZE];
	g_autoptr(GBytes) bytes = NULL;
	json_t *document;

	if (hash == NULL) {
		if (create)
			return document_new(place);
		failure_set(error, FAULT_AZREPO_CHANNEL, "there is no channel %s of %s, %s",
			    place->channel, place->product, place->architecture);
		return NULL;
	}
	file = repository_target_file(target, hash);
	bytes = files_get(repository->path, file, CHANNEL_SIZE_MAX, error);
	if (bytes == NULL)
		return NULL;
	/* Whoever can write to the web server's folder shall not get that signed. */
	crypto_digest("SHA256", g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes), "", 0,
		      digest);
	found = crypto_hex(digest, sizeof digest);
	if (strcmp(found, hash) != 0) {
		failure_set(error, FAULT_AZREPO_METADATA, "%s is not the file that is signed",
			    file);
		return NULL;
	}
	document = json_object_parse(g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes), &why);
	if (document == NULL)
		failure_set(error, FAULT_AZREPO_METADATA, "%s is damaged: %s", file, why);
	return document;
}

static gboolean document_check(const struct place *place, const char *text, GError **error)
{
	g_autoptr(Channel) channel = channel_decode((const uint8_t *)text, strlen(text), error);

	return channel != NULL &&
	       channel_check(channel, place->product, place->architecture, place->channel, error);
}

gboolean channeldoc_store(struct repository *repository, const struct place *place,
			  const json_t *document, GError **error)
{
	g_autofree char *text = json_text(document, JSON_INDENT(1) | JSON_SORT_KEYS);
	g_autofree char *target = place_target(place);
	g_autofree char *hash = NULL, *file = NULL;
	uint8_t digest[CRYPTO_HASH_SIZE];
	json_t *draft;

	if (!document_check(place, text, error))
		return FALSE;
	crypto_digest("SHA256", text, strlen(text), "", 0, digest);
	hash = crypto_hex(digest, sizeof digest);
	file = repository_target_file(target, hash);
	draft = repository_change(repository, ROLE_CHANNELS, error);
	if (draft == NULL || !files_put(repository->path, file, text, strlen(text), error))
		return FALSE;
	json_object_set_new(json_object_get(role_signed(draft), "targets"), target,
			    json_pack("{s:I, s:{s:s}}", "length", (json_int_t)strlen(text),
				      "hashes", "sha256", hash));
	return TRUE;
}

static const char *version_of(const json_t *entry)
{
	const char *version = json_string_value(json_object_get(entry, "version"));

	return version != NULL ? version : "";
}

static json_t *entry_find(json_t *list, const char *version, size_t *ret_index)
{
	json_t *entry;
	size_t i;

	json_array_foreach(list, i, entry)
	{
		if (version_compare(version_of(entry), version) == 0) {
			*ret_index = i;
			return entry;
		}
	}
	return NULL;
}

json_t *channeldoc_release(const json_t *document, const char *version, GError **error)
{
	size_t i;
	json_t *release = entry_find(json_object_get(document, "releases"), version, &i);
	g_autofree char *shown = g_strescape(version, NULL);

	if (release == NULL)
		failure_set(error, FAULT_AZREPO_RELEASE, "the channel %s does not have version %s",
			    json_string_value(json_object_get(document, "channel")), shown);
	return release;
}

void channeldoc_release_put(json_t *document, json_t *release)
{
	json_t *releases = json_object_get(document, "releases");
	size_t at = 0;

	if (entry_find(releases, version_of(release), &at) != NULL) {
		json_array_set_new(releases, at, release);
		return;
	}
	while (at < json_array_size(releases) &&
	       version_compare(version_of(json_array_get(releases, at)), version_of(release)) < 0)
		at++;
	json_array_insert_new(releases, at, release);
}

void channeldoc_trim(json_t *document, size_t keep)
{
	json_t *releases = json_object_get(document, "releases");
	size_t at = 0;

	while (json_array_size(releases) > keep && at < json_array_size(releases) - 1) {
		if (json_is_true(json_object_get(json_array_get(releases, at), "barrier")))
			at++;
		else
			json_array_remove(releases, at);
	}
}

static json_t *custom_of(const json_t *target)
{
	return json_object_get(json_object_get(target, "custom"), "azupdate");
}

json_t *channeldoc_release_make(const struct repository *repository, const struct place *place,
				const char *version, GError **error)
{
	char now[ROLE_TIME_SIZE];
	g_autoptr(JsonValue) bundles = json_array();
	json_t *security = NULL, *target;
	const char *name;

	json_object_foreach(targets_of(repository, ROLE_TARGETS), name, target)
	{
		json_t *custom = custom_of(target);

		if (!place_has(place, "bundles", name) || strcmp(version_of(custom), version) != 0)
			continue;
		json_array_append_new(bundles, json_string(name));
		security = json_object_get(custom, "security_version");
	}
	if (security == NULL) {
		g_autofree char *shown = g_strescape(version, NULL);

		failure_set(error, FAULT_AZREPO_RELEASE,
			    "the repository has no bundle of version %s of %s, %s", shown,
			    place->product, place->architecture);
		return NULL;
	}
	role_time_write(repository->now_s, now);
	return json_pack("{s:s, s:O, s:s, s:O}", "version", version, "security_version", security,
			 "published", now, "bundles", bundles);
}

void channeldoc_revoke(json_t *document, const char *version, const char *reason)
{
	json_t *revoked = json_object_get(document, "revoked");
	size_t at;

	if (revoked == NULL) {
		revoked = json_array();
		json_object_set_new(document, "revoked", revoked);
	}
	if (entry_find(revoked, version, &at) != NULL)
		json_array_remove(revoked, at);
	if (reason != NULL)
		json_array_append_new(
			revoked, json_pack("{s:s, s:s}", "version", version, "reason", reason));
}

const char *channeldoc_revoked(const json_t *document, const char *version)
{
	size_t i;
	json_t *entry = entry_find(json_object_get(document, "revoked"), version, &i);

	return entry != NULL ? json_string_value(json_object_get(entry, "reason")) : NULL;
}
