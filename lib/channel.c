/* SPDX-License-Identifier: MIT */
#include "channel.h"

#include <string.h>

#include "failure.h"
#include "json.h"
#include "version.h"

static const uint64_t NUMBER_MAX = 999999999999999999; /* 18 digits, as in the manifest */
enum { TIME_SIZE = 20, SECONDS_PER_DAY = 86400 };

static void rollout_free(struct channel_rollout *rollout)
{
	if (rollout == NULL)
		return;
	g_free(rollout->salt);
	g_free(rollout->paused);
	g_free(rollout);
}

static void release_clear(struct channel_release *release)
{
	g_free(release->version);
	g_strfreev(release->bundles);
	g_free(release->dead_end);
	rollout_free(release->rollout);
}

void channel_free(struct channel *channel)
{
	if (channel == NULL)
		return;
	for (unsigned i = 0; i < channel->n_releases; i++)
		release_clear(&channel->releases[i]);
	for (unsigned i = 0; i < channel->n_revoked; i++) {
		g_free(channel->revoked[i].version);
		g_free(channel->revoked[i].reason);
	}
	g_free(channel->releases);
	g_free(channel->revoked);
	g_free(channel->product);
	g_free(channel->architecture);
	g_free(channel->name);
	g_free(channel);
}

/* Digits only: sscanf() would take signs and spaces, too. */
static bool digits_decode(const char *text, unsigned count, int *ret_number)
{
	int number = 0;

	for (unsigned i = 0; i < count; i++) {
		if (!g_ascii_isdigit(text[i]))
			return false;
		number = number * 10 + (text[i] - '0');
	}
	*ret_number = number;
	return true;
}

bool channel_time_decode(const char *text, int64_t *ret_time_s)
{
	static const char FORM[] = "....-..-..T..:..:..Z";
	static const struct {
		unsigned at, digits;
	} FIELDS[] = { { 0, 4 }, { 5, 2 }, { 8, 2 }, { 11, 2 }, { 14, 2 }, { 17, 2 } };
	g_autoptr(GDateTime) time = NULL;
	int numbers[G_N_ELEMENTS(FIELDS)];

	if (strlen(text) != TIME_SIZE)
		return false;
	for (unsigned i = 0; i < TIME_SIZE; i++)
		if (FORM[i] != '.' && text[i] != FORM[i])
			return false;
	for (unsigned i = 0; i < G_N_ELEMENTS(FIELDS); i++)
		if (!digits_decode(text + FIELDS[i].at, FIELDS[i].digits, &numbers[i]))
			return false;
	if (numbers[0] < 1970)
		return false;
	time = g_date_time_new_utc(numbers[0], numbers[1], numbers[2], numbers[3], numbers[4],
				   numbers[5]);
	if (time == NULL)
		return false;
	*ret_time_s = g_date_time_to_unix(time);
	return true;
}

char *channel_time_encode(int64_t time_s)
{
	g_autoptr(GDateTime) time = g_date_time_new_from_unix_utc(time_s);

	return g_date_time_format(time, "%Y-%m-%dT%H:%M:%SZ");
}

static gboolean time_get(const struct json_reader *reader, json_t *object, const char *key,
			 int64_t *ret_time_s)
{
	const char *text = json_get_text(reader, object, key, TIME_SIZE);

	if (text == NULL)
		return FALSE;
	if (!channel_time_decode(text, ret_time_s))
		return failure_set(reader->error, (fault)reader->code,
				   "%s: \"%s\" is \"%s\", no time as 2026-11-01T12:00:00Z",
				   reader->what, key, text);
	return TRUE;
}

/* A name that is a part of paths: nothing that leads elsewhere. */
static gboolean name_get(const struct json_reader *reader, json_t *object, const char *key,
			 char **ret_name)
{
	const char *text = json_get_text(reader, object, key, CHANNEL_NAME_MAX);

	if (text == NULL)
		return FALSE;
	if (!version_is_valid(text))
		return failure_set(reader->error, (fault)reader->code,
				   "%s: \"%s\" is \"%s\": only letters, digits and ._~^+- may be "
				   "in it, no . or - first",
				   reader->what, key, text);
	*ret_name = g_strdup(text);
	return TRUE;
}

/* A sentence for a person, which goes to terminals: no control characters, none that turn the
 * direction of the text. */
static gboolean sentence_get(const struct json_reader *reader, json_t *object, const char *key,
			     char **ret_text)
{
	json_t *value = json_object_get(object, key);
	const char *text = json_string_value(value);
	const char *at = text;

	while (at != NULL && *at != '\0' && g_unichar_isprint(g_utf8_get_char(at)))
		at = g_utf8_next_char(at);
	if (text == NULL || *text == '\0' || *at != '\0' ||
	    json_string_length(value) > CHANNEL_TEXT_MAX)
		return failure_set(reader->error, (fault)reader->code,
				   "%s: \"%s\" is missing or no printable text of 1 to %d bytes",
				   reader->what, key, CHANNEL_TEXT_MAX);
	*ret_text = g_strdup(text);
	return TRUE;
}

static gboolean sentence_get_optional(const struct json_reader *reader, json_t *object,
				      const char *key, char **ret_text)
{
	return json_object_get(object, key) == NULL || sentence_get(reader, object, key, ret_text);
}

/* An array of 1 or 0 to `max` elements. */
static json_t *array_get(const struct json_reader *reader, json_t *object, const char *key,
			 size_t min, size_t max)
{
	json_t *value = json_object_get(object, key);

	if (json_is_array(value) && json_array_size(value) >= min && json_array_size(value) <= max)
		return value;
	failure_set(reader->error, (fault)reader->code,
		    "%s: \"%s\" is missing or no array of %zu to %zu elements", reader->what, key,
		    min, max);
	return NULL;
}

static gboolean wave_decode(const struct json_reader *reader, json_t *value,
			    struct channel_rollout *rollout)
{
	const unsigned n_waves = rollout->n_waves;
	const struct channel_wave *last = n_waves > 0 ? &rollout->waves[n_waves - 1] : NULL;
	uint64_t after_s, permille;

	if (!json_is_object(value))
		return failure_set(reader->error, (fault)reader->code, "%s: wave %u is no object",
				   reader->what, n_waves + 1);
	if (!json_get_number(reader, value, "after_s", CHANNEL_AFTER_S_MAX, &after_s) ||
	    !json_get_number(reader, value, "permille", CHANNEL_PERMILLE, &permille))
		return FALSE;
	if (permille == 0 ||
	    (last != NULL && (after_s <= last->after_s || permille <= last->permille)))
		return failure_set(reader->error, (fault)reader->code,
				   "%s: wave %u does not come later and reach more than the one "
				   "before",
				   reader->what, n_waves + 1);
	rollout->waves[rollout->n_waves++] = (struct channel_wave){
		.after_s = (uint32_t)after_s,
		.permille = (uint16_t)permille,
	};
	return TRUE;
}

static gboolean rollout_decode(const struct json_reader *reader, json_t *object,
			       struct channel_release *release)
{
	struct channel_rollout *rollout;
	json_t *waves, *value, *fields;
	size_t i;

	if (json_object_get(object, "rollout") == NULL)
		return TRUE;
	fields = json_get_object(reader, object, "rollout");
	if (fields == NULL)
		return FALSE;
	rollout = release->rollout = g_new0(struct channel_rollout, 1);
	if (!time_get(reader, fields, "start", &rollout->start_s))
		return FALSE;
	rollout->salt = g_strdup(json_get_text(reader, fields, "salt", CHANNEL_TEXT_MAX));
	if (rollout->salt == NULL ||
	    !sentence_get_optional(reader, fields, "paused", &rollout->paused))
		return FALSE;
	waves = array_get(reader, fields, "waves", 1, CHANNEL_WAVES_MAX);
	if (waves == NULL)
		return FALSE;
	json_array_foreach(waves, i, value)
	{
		if (!wave_decode(reader, value, rollout))
			return FALSE;
	}
	return TRUE;
}

/* It must be in the folder of its release: a document can name nothing else. */
static bool bundle_is_valid(const char *name, const char *folder)
{
	const char *file = name + strlen(folder);

	return strlen(name) <= CHANNEL_TARGET_MAX && g_str_has_prefix(name, folder) &&
	       version_is_valid(file) && g_str_has_suffix(file, ".azb");
}

static gboolean bundles_decode(const struct json_reader *reader, json_t *object,
			       const struct channel *channel, struct channel_release *release)
{
	g_autofree char *folder = g_strdup_printf("bundles/%s/%s/%s/", channel->product,
						  channel->architecture, release->version);
	json_t *bundles = array_get(reader, object, "bundles", 1, CHANNEL_BUNDLES_MAX);
	json_t *value;
	size_t i;

	if (bundles == NULL)
		return FALSE;
	release->bundles = g_new0(char *, json_array_size(bundles) + 1);
	json_array_foreach(bundles, i, value)
	{
		const char *name = json_string_value(value);

		if (name == NULL || strlen(name) != json_string_length(value) ||
		    !bundle_is_valid(name, folder))
			return failure_set(reader->error, (fault)reader->code,
					   "%s: bundle %zu is not named %sNAME.azb", reader->what,
					   i + 1, folder);
		release->bundles[i] = g_strdup(name);
	}
	return TRUE;
}

static gboolean version_get(const struct json_reader *reader, json_t *object, char **ret_version)
{
	const char *text = json_get_text(reader, object, "version", VERSION_SIZE_MAX);

	if (text == NULL)
		return FALSE;
	if (!version_is_valid(text))
		return failure_set(reader->error, (fault)reader->code, "%s: \"%s\" is no version",
				   reader->what, text);
	*ret_version = g_strdup(text);
	return TRUE;
}

static gboolean barrier_decode(const struct json_reader *reader, json_t *object,
			       struct channel_release *release)
{
	const json_t *value = json_object_get(object, "barrier");

	if (value != NULL && !json_is_boolean(value))
		return failure_set(reader->error, (fault)reader->code,
				   "%s: \"barrier\" is neither true nor false", reader->what);
	release->barrier = json_is_true(value);
	return TRUE;
}

static gboolean release_decode(struct json_reader reader, json_t *object, struct channel *channel,
			       GError **error)
{
	struct channel_release *release = &channel->releases[channel->n_releases];
	g_autofree char *what = g_strdup_printf("channel, release %u", channel->n_releases + 1);

	reader.what = what;
	channel->n_releases++; /* now, so that a half one is freed, too */
	if (!json_is_object(object))
		return failure_set(error, FAULT_CHANNEL_FIELD, "%s is no object", what);
	if (!version_get(&reader, object, &release->version) ||
	    !json_get_number(&reader, object, "security_version", NUMBER_MAX,
			     &release->security_version) ||
	    !time_get(&reader, object, "published", &release->published_s) ||
	    !bundles_decode(&reader, object, channel, release) ||
	    !barrier_decode(&reader, object, release) ||
	    !sentence_get_optional(&reader, object, "dead_end", &release->dead_end) ||
	    (json_object_get(object, "minimum_free_bytes") != NULL &&
	     !json_get_number(&reader, object, "minimum_free_bytes", NUMBER_MAX,
			      &release->minimum_free_bytes)) ||
	    !rollout_decode(&reader, object, release))
		return FALSE;
	if (channel->n_releases > 1 && version_compare(release[-1].version, release->version) >= 0)
		return failure_set(error, FAULT_CHANNEL_FIELD, "%s: %s is not newer than %s", what,
				   release->version, release[-1].version);
	return TRUE;
}

static gboolean releases_decode(const struct json_reader *reader, json_t *object,
				struct channel *channel)
{
	json_t *releases = array_get(reader, object, "releases", 0, CHANNEL_RELEASES_MAX);
	json_t *value;
	size_t i;

	if (releases == NULL)
		return FALSE;
	channel->releases = g_new0(struct channel_release, json_array_size(releases) + 1);
	json_array_foreach(releases, i, value)
	{
		if (!release_decode(*reader, value, channel, reader->error))
			return FALSE;
	}
	return TRUE;
}

static gboolean revoked_decode(const struct json_reader *reader, json_t *object,
			       struct channel *channel)
{
	json_t *list, *value;
	size_t i;

	if (json_object_get(object, "revoked") == NULL)
		return TRUE;
	list = array_get(reader, object, "revoked", 0, CHANNEL_REVOKED_MAX);
	if (list == NULL)
		return FALSE;
	channel->revoked = g_new0(struct channel_revoked, json_array_size(list) + 1);
	json_array_foreach(list, i, value)
	{
		struct channel_revoked *revoked = &channel->revoked[channel->n_revoked++];

		if (!json_is_object(value))
			return failure_set(reader->error, (fault)reader->code,
					   "%s: revoked %zu is no object", reader->what, i + 1);
		if (!version_get(reader, value, &revoked->version) ||
		    !sentence_get(reader, value, "reason", &revoked->reason))
			return FALSE;
	}
	return TRUE;
}

struct channel *channel_decode(const uint8_t *bytes, size_t size_bytes, GError **error)
{
	const struct json_reader reader = { "channel", FAULT_CHANNEL_FIELD, error };
	g_autoptr(Channel) channel = g_new0(struct channel, 1);
	g_autoptr(JsonValue) object = NULL;
	g_autofree char *why = NULL;
	uint64_t format;

	if (size_bytes > CHANNEL_SIZE_MAX) {
		failure_set(error, FAULT_CHANNEL_SIZE, "the channel's document has %zu bytes",
			    size_bytes);
		return NULL;
	}
	object = json_object_parse((const char *)bytes, size_bytes, &why);
	if (object == NULL) {
		failure_set(error, FAULT_CHANNEL_SYNTAX, "the channel's document is not valid: %s",
			    why);
		return NULL;
	}
	if (!json_get_number(&reader, object, "format", UINT16_MAX, &format))
		return NULL;
	if (format != CHANNEL_FORMAT) {
		failure_set(error, FAULT_CHANNEL_LATER,
			    "the channel's document has format %" G_GUINT64_FORMAT, format);
		return NULL;
	}
	if (!name_get(&reader, object, "product", &channel->product) ||
	    !name_get(&reader, object, "architecture", &channel->architecture) ||
	    !name_get(&reader, object, "channel", &channel->name) ||
	    !releases_decode(&reader, object, channel) || !revoked_decode(&reader, object, channel))
		return NULL;
	return g_steal_pointer(&channel);
}

gboolean channel_check(const struct channel *channel, const char *product, const char *architecture,
		       const char *name, GError **error)
{
	if (strcmp(channel->product, product) == 0 &&
	    strcmp(channel->architecture, architecture) == 0 && strcmp(channel->name, name) == 0)
		return TRUE;
	return failure_set(error, FAULT_CHANNEL_OTHER,
			   "the document is of channel %s of %s for %s, not of %s of %s for %s",
			   channel->name, channel->product, channel->architecture, name, product,
			   architecture);
}

const struct channel_release *channel_find(const struct channel *channel, const char *version)
{
	for (unsigned i = 0; i < channel->n_releases; i++)
		if (strcmp(channel->releases[i].version, version) == 0)
			return &channel->releases[i];
	return NULL;
}

const char *channel_revoked(const struct channel *channel, const char *version)
{
	for (unsigned i = 0; i < channel->n_revoked; i++)
		if (strcmp(channel->revoked[i].version, version) == 0)
			return channel->revoked[i].reason;
	return NULL;
}

static json_t *time_new(int64_t time_s)
{
	g_autofree char *text = channel_time_encode(time_s);

	return json_string(text);
}

static json_t *rollout_encode(const struct channel_rollout *rollout)
{
	json_t *object = json_pack("{s:o, s:s, s:s*, s:[]}", "start", time_new(rollout->start_s),
				   "salt", rollout->salt, "paused", rollout->paused, "waves");

	for (unsigned i = 0; i < rollout->n_waves; i++)
		json_array_append_new(json_object_get(object, "waves"),
				      json_pack("{s:i, s:i}", "after_s",
						(int)rollout->waves[i].after_s, "permille",
						(int)rollout->waves[i].permille));
	return object;
}

static json_t *release_encode(const struct channel_release *release)
{
	json_t *object = json_pack("{s:s, s:I, s:o, s:[], s:s*}", "version", release->version,
				   "security_version", (json_int_t)release->security_version,
				   "published", time_new(release->published_s), "bundles",
				   "dead_end", release->dead_end);

	for (char **bundle = release->bundles; *bundle != NULL; bundle++)
		json_array_append_new(json_object_get(object, "bundles"), json_string(*bundle));
	if (release->barrier)
		json_object_set_new(object, "barrier", json_true());
	if (release->minimum_free_bytes > 0)
		json_object_set_new(object, "minimum_free_bytes",
				    json_integer((json_int_t)release->minimum_free_bytes));
	if (release->rollout != NULL)
		json_object_set_new(object, "rollout", rollout_encode(release->rollout));
	return object;
}

char *channel_encode(const struct channel *channel)
{
	g_autoptr(JsonValue) object = json_pack("{s:i, s:s, s:s, s:s, s:[], s:[]}", "format",
						CHANNEL_FORMAT, "product", channel->product,
						"architecture", channel->architecture, "channel",
						channel->name, "releases", "revoked");
	char *text;
	char *copy;

	for (unsigned i = 0; i < channel->n_releases; i++)
		json_array_append_new(json_object_get(object, "releases"),
				      release_encode(&channel->releases[i]));
	for (unsigned i = 0; i < channel->n_revoked; i++)
		json_array_append_new(json_object_get(object, "revoked"),
				      json_pack("{s:s, s:s}", "version",
						channel->revoked[i].version, "reason",
						channel->revoked[i].reason));
	text = json_dumps(object, JSON_INDENT(1));
	copy = g_strconcat(text, "\n", NULL);
	free(text); /* jansson's */
	return copy;
}

void channel_keep(struct channel *channel, channel_keep_func stays, const void *data)
{
	unsigned kept = 0;

	for (unsigned i = 0; i < channel->n_releases; i++)
		if (stays(&channel->releases[i], data))
			channel->releases[kept++] = channel->releases[i];
		else
			release_clear(&channel->releases[i]);
	channel->n_releases = kept;
}
