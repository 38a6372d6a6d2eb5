/* SPDX-License-Identifier: MIT */
#include "summary.h"

#include <string.h>

#include "azupdate/azupdate.h"
#include "channel.h"
#include "channeldoc.h"
#include "failure.h"
#include "finish.h"
#include "signature.h"
#include "wave.h"

enum { PARTS = 4 };

static const char *level(const struct repository *repository, enum role role)
{
	const gint64 left_s = role_expires_s(repository->published[role]) - repository->now_s;
	const gint64 life_s = repository_expiry(repository, role) - repository->now_s;

	return left_s <= 0 ? "expired" : left_s < life_s / REPOSITORY_SOON_SHARE ? "soon" : "good";
}

static json_t *key_pack(const struct role_spec *spec, const char *keyid)
{
	json_t *key = json_object_get(spec->keys, keyid);
	const char *scheme = json_string_value(json_object_get(key, "scheme"));

	return json_pack("{s:s, s:s}", "keyid", keyid, "scheme", scheme != NULL ? scheme : "?");
}

static json_t *keys_pack(const struct role_spec *spec)
{
	json_t *list = json_array();
	json_t *value;
	size_t i;

	json_array_foreach(spec->keyids, i, value)
		json_array_append_new(list, key_pack(spec, json_string_value(value)));
	return list;
}

/* The life time is what a document signed now would have. */
static json_t *role_pack(const struct repository *repository, enum role role)
{
	const enum role above = role == ROLE_CHANNELS ? ROLE_TARGETS : ROLE_ROOT;
	const json_t *published = repository->published[role];
	json_t *packed = json_pack("{s:s, s:n, s:n, s:n, s:s}", "role", role_name(role), "version",
				   "expires", "seconds_left", "state", "none");
	struct role_spec spec;
	char expires[ROLE_TIME_SIZE];

	json_object_set_new(packed, "life_seconds",
			    json_integer(repository_expiry(repository, role) - repository->now_s));
	if (role_spec(role, repository_latest(repository, above), &spec)) {
		json_object_set_new(packed, "threshold", json_integer(spec.threshold));
		json_object_set_new(packed, "keys", keys_pack(&spec));
	}
	if (published == NULL)
		return packed;
	role_time_write(role_expires_s(published), expires);
	json_object_set_new(packed, "version", json_integer(role_version(published)));
	json_object_set_new(packed, "expires", json_string(expires));
	json_object_set_new(packed, "seconds_left",
			    json_integer(role_expires_s(published) - repository->now_s));
	json_object_set_new(packed, "state", json_string(level(repository, role)));
	return packed;
}

static json_t *waits_pack(const struct repository *repository)
{
	struct finish_wait waits[ROLE_COUNT];
	const unsigned count = finish_waits(repository, waits);
	json_t *list = json_array();

	for (unsigned i = 0; i < count; i++)
		for (unsigned j = 0; j < waits[i].spec_count; j++) {
			const struct role_spec *spec = &waits[i].specs[j];

			if (signature_suffices(waits[i].envelope, spec))
				continue;
			json_array_append_new(
				list,
				json_pack("{s:s, s:I, s:I, s:I}", "role", role_name(waits[i].role),
					  "version", role_version(waits[i].envelope), "signatures",
					  signature_count(waits[i].envelope, spec), "threshold",
					  spec->threshold));
			break;
		}
	return list;
}

static json_t *bundle_pack(const char *name, const json_t *entry)
{
	json_t *custom = json_object_get(json_object_get(entry, "custom"), "azupdate");
	json_t *packed = json_pack("{s:s, s:O}", "name", name, "size_bytes",
				   json_object_get(entry, "length"));
	static const char *const KEYS[] = { "kind", "product",          "architecture", "version",
					    "from", "security_version", "manifest" };

	for (unsigned i = 0; packed != NULL && i < G_N_ELEMENTS(KEYS); i++)
		if (json_object_get(custom, KEYS[i]) != NULL)
			json_object_set(packed, KEYS[i], json_object_get(custom, KEYS[i]));
	return packed;
}

static json_t *bundles_pack(const struct repository *repository)
{
	json_t *targets = json_object_get(role_signed(repository_latest(repository, ROLE_TARGETS)),
					  "targets");
	json_t *list = json_array();
	const char *name;
	json_t *entry;

	json_object_foreach(targets, name, entry)
	{
		json_t *packed = bundle_pack(name, entry);

		if (packed != NULL)
			json_array_append_new(list, packed);
	}
	return list;
}

static json_t *text_or_null(const char *text)
{
	return text != NULL ? json_string(text) : json_null();
}

static json_t *rollout_pack(const struct channel_rollout *rollout, gint64 now_s)
{
	json_t *waves = json_array();
	g_autofree char *start = channel_time_encode(rollout->start_s);

	for (unsigned i = 0; i < rollout->n_waves; i++)
		json_array_append_new(waves, json_pack("{s:i, s:i}", "after_s",
						       (int)rollout->waves[i].after_s, "permille",
						       rollout->waves[i].permille));
	return json_pack("{s:s, s:s, s:o, s:o, s:I}", "start", start, "salt", rollout->salt,
			 "paused", text_or_null(rollout->paused), "waves", waves, "permille_now",
			 (json_int_t)wave_share(rollout, now_s));
}

/* While it is paused, nobody new gets it. */
static gint64 reached_s(const json_t *document, const struct channel_release *release, gint64 now_s)
{
	json_t *rollout = json_object_get(channeldoc_release(document, release->version, NULL),
					  "rollout");
	const char *since = json_string_value(json_object_get(rollout, "paused_since"));
	gint64 since_s;

	return since != NULL && role_time_read(since, &since_s) ? MIN(since_s, now_s) : now_s;
}

static json_t *release_pack(const struct channel *channel, const struct channel_release *release,
			    gint64 now_s)
{
	g_autofree char *published = channel_time_encode(release->published_s);
	json_t *bundles = json_array();

	for (char **name = release->bundles; *name != NULL; name++)
		json_array_append_new(bundles, json_string(*name));
	return json_pack(
		"{s:s, s:I, s:s, s:o, s:b, s:o, s:I, s:o, s:o}", "version", release->version,
		"security_version", (json_int_t)release->security_version, "published", published,
		"bundles", bundles, "barrier", release->barrier, "dead_end",
		text_or_null(release->dead_end), "minimum_free_bytes",
		(json_int_t)release->minimum_free_bytes, "revoked",
		text_or_null(channel_revoked(channel, release->version)), "rollout",
		release->rollout != NULL ? rollout_pack(release->rollout, now_s) : json_null());
}

static json_t *channel_pack(const struct channel *channel, const json_t *document, gint64 now_s)
{
	json_t *releases = json_array(), *revoked = json_array();

	for (unsigned i = 0; i < channel->n_releases; i++)
		json_array_append_new(
			releases, release_pack(channel, &channel->releases[i],
					       reached_s(document, &channel->releases[i], now_s)));
	for (unsigned i = 0; i < channel->n_revoked; i++)
		json_array_append_new(revoked, json_pack("{s:s, s:s}", "version",
							 channel->revoked[i].version, "reason",
							 channel->revoked[i].reason));
	return json_pack("{s:s, s:s, s:s, s:o, s:o}", "product", channel->product, "architecture",
			 channel->architecture, "channel", channel->name, "releases", releases,
			 "revoked", revoked);
}

/* Through the parser that machines use, so that what is told is what they would do. */
static json_t *target_pack(const struct repository *repository, const char *target, GError **error)
{
	g_auto(GStrv) parts = g_strsplit(target, "/", PARTS);
	g_autoptr(JsonValue) document = NULL;
	g_autoptr(Channel) channel = NULL;
	struct place place;
	char *text;

	if (g_strv_length(parts) != PARTS || !g_str_has_suffix(parts[3], ".json")) {
		failure_set(error, FAULT_AZREPO_METADATA, "%s is no channel", target);
		return NULL;
	}
	parts[3][strlen(parts[3]) - strlen(".json")] = '\0';
	place = (struct place){ parts[1], parts[2], parts[3] };
	document = channeldoc_load(repository, &place, FALSE, error);
	if (document == NULL)
		return NULL;
	text = json_dumps(document, 0);
	channel = channel_decode((const uint8_t *)text, strlen(text), error);
	free(text);
	return channel != NULL ? channel_pack(channel, document, repository->now_s) : NULL;
}

static json_t *channels_pack(const struct repository *repository, GError **error)
{
	json_t *targets = json_object_get(role_signed(repository_latest(repository, ROLE_CHANNELS)),
					  "targets");
	g_autoptr(JsonValue) list = json_array();
	const char *name;
	json_t *entry;

	json_object_foreach(targets, name, entry)
	{
		json_t *packed = target_pack(repository, name, error);

		if (packed == NULL)
			return NULL;
		json_array_append_new(list, packed);
	}
	return g_steal_pointer(&list);
}

json_t *summary_make(const struct repository *repository, GError **error)
{
	json_t *channels = channels_pack(repository, error);
	json_t *roles = json_array();
	char now[ROLE_TIME_SIZE];

	if (channels == NULL) {
		json_decref(roles);
		return NULL;
	}
	for (unsigned i = 0; i < ROLE_COUNT; i++)
		json_array_append_new(roles, role_pack(repository, (enum role)i));
	role_time_write(repository->now_s, now);
	return json_pack("{s:s, s:s, s:O, s:o, s:o, s:o, s:o}", "schema",
			 AZUPDATE_SCHEMA_REPOSITORY, "time", now, "products",
			 json_object_get(repository->settings, "products"), "roles", roles,
			 "waiting", waits_pack(repository), "bundles", bundles_pack(repository),
			 "channels", channels);
}
