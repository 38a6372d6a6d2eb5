/* SPDX-License-Identifier: MIT */
#include "luksheader.h"

#include <string.h>

#include "failure.h"
#include "json.h"

enum {
	SEGMENT_OFFSET_MIN = 32768,
	SEGMENT_OFFSET_MAX = 64 << 20,
	PBKDF2_ITERATIONS_MIN = 1000,
	STRIPES = 4000,
};

static const char CIPHER[] = "aes-xts-plain64";

/* Every check fails in this way; `at` names the object of the header. */
static gboolean refuse(GError **error, fault why, const char *at, const char *what)
{
	return failure_set(error, why, "the volume's LUKS header: %s: %s", at, what);
}

static gboolean text_is(json_t *object, const char *key, const char *wanted)
{
	return g_strcmp0(json_string_value(json_object_get(object, key)), wanted) == 0;
}

static gboolean number_within(json_t *object, const char *key, json_int_t least, json_int_t most)
{
	json_t *value = json_object_get(object, key);

	return json_is_integer(value) && json_integer_value(value) >= least &&
	       json_integer_value(value) <= most;
}

static gboolean keys_known(json_t *object, const char *const *known)
{
	const char *key;
	json_t *value;

	json_object_foreach(object, key, value)
	{
		if (!g_strv_contains(known, key))
			return FALSE;
	}
	return TRUE;
}

static gboolean segment_check(json_t *segments, GError **error)
{
	static const char *const KEYS[] = { "type",       "offset",      "size", "iv_tweak",
					    "encryption", "sector_size", NULL };
	json_t *segment = json_object_get(segments, "0");
	const char *offset = json_string_value(json_object_get(segment, "offset"));

	if (json_object_size(segments) != 1 || !json_is_object(segment))
		return refuse(error, FAULT_LUKS_SEGMENT, "segments", "there is not just one");
	if (!keys_known(segment, KEYS))
		return refuse(error, FAULT_LUKS_SEGMENT, "segment 0",
			      "it has a flag, an integrity layer or something else");
	if (!text_is(segment, "type", "crypt"))
		return refuse(error, FAULT_LUKS_SEGMENT, "segment 0", "it is not encrypted");
	if (offset == NULL || !g_ascii_string_to_unsigned(offset, 10, SEGMENT_OFFSET_MIN,
							  SEGMENT_OFFSET_MAX, NULL, NULL))
		return refuse(error, FAULT_LUKS_SEGMENT, "segment 0", "it starts at an odd place");
	if (!text_is(segment, "size", "dynamic") || !text_is(segment, "iv_tweak", "0"))
		return refuse(error, FAULT_LUKS_SEGMENT, "segment 0",
			      "it is not the rest of the volume");
	if (!text_is(segment, "encryption", CIPHER))
		return refuse(error, FAULT_LUKS_CIPHER, "segment 0",
			      "it is not encrypted with aes-xts-plain64");
	if (!number_within(segment, "sector_size", 512, 512) &&
	    !number_within(segment, "sector_size", 4096, 4096))
		return refuse(error, FAULT_LUKS_SEGMENT, "segment 0",
			      "its sectors have not 512 or 4096 bytes");
	return TRUE;
}

static gboolean kdf_is_affordable(json_t *kdf)
{
	if (text_is(kdf, "type", "pbkdf2"))
		return number_within(kdf, "iterations", PBKDF2_ITERATIONS_MIN,
				     LUKSHEADER_ITERATIONS_MAX);
	return (text_is(kdf, "type", "argon2id") || text_is(kdf, "type", "argon2i")) &&
	       number_within(kdf, "time", 1, LUKSHEADER_TIME_MAX) &&
	       number_within(kdf, "memory", 1, LUKSHEADER_MEMORY_KIB_MAX) &&
	       number_within(kdf, "cpus", 1, LUKSHEADER_CPUS_MAX);
}

static gboolean keyslot_check(const char *name, json_t *keyslot, GError **error)
{
	g_autofree char *at = g_strdup_printf("keyslot %.8s", name);
	json_t *area = json_object_get(keyslot, "area");
	json_t *af = json_object_get(keyslot, "af");

	if (text_is(keyslot, "type", "reencrypt"))
		return refuse(error, FAULT_LUKS_REENCRYPT, at, "a reencryption is under way");
	if (!text_is(keyslot, "type", "luks2") || !text_is(area, "type", "raw"))
		return refuse(error, FAULT_LUKS_KEYSLOT, at, "it is of another kind");
	if (!number_within(keyslot, "key_size", LUKSHEADER_KEY_SIZE, LUKSHEADER_KEY_SIZE))
		return refuse(error, FAULT_LUKS_CIPHER, at, "its volume key has not 512 bits");
	if (!text_is(area, "encryption", CIPHER) ||
	    !number_within(area, "key_size", LUKSHEADER_KEY_SIZE, LUKSHEADER_KEY_SIZE))
		return refuse(error, FAULT_LUKS_CIPHER, at,
			      "it is not encrypted with aes-xts-plain64 and 512 bits");
	if (!text_is(af, "type", "luks1") || !number_within(af, "stripes", STRIPES, STRIPES) ||
	    (!text_is(af, "hash", "sha256") && !text_is(af, "hash", "sha512")))
		return refuse(error, FAULT_LUKS_KEYSLOT, at, "its stripes are odd");
	return kdf_is_affordable(json_object_get(keyslot, "kdf")) ||
	       refuse(error, FAULT_LUKS_KEYSLOT, at,
		      "its key derivation is unknown, or asks for too much");
}

static gboolean keyslots_check(json_t *keyslots, GError **error)
{
	const char *name;
	json_t *keyslot;

	if (!json_is_object(keyslots) || json_object_size(keyslots) > LUKSHEADER_KEYSLOTS)
		return refuse(error, FAULT_LUKS_HEADER, "keyslots", "there are more than 32");
	json_object_foreach(keyslots, name, keyslot)
	{
		if (!keyslot_check(name, keyslot, error))
			return FALSE;
	}
	return TRUE;
}

/* Each of them once: a list that names one twice leaves another out. */
static gboolean keyslots_listed(json_t *listed, json_t *keyslots)
{
	const char *name;
	json_t *keyslot;

	json_object_foreach(keyslots, name, keyslot)
	{
		size_t i = 0;

		while (i < json_array_size(listed) &&
		       g_strcmp0(json_string_value(json_array_get(listed, i)), name) != 0)
			i++;
		if (i == json_array_size(listed))
			return FALSE;
	}
	return json_array_size(listed) == json_object_size(keyslots);
}

static gboolean digest_check(json_t *digests, json_t *keyslots, GError **error)
{
	json_t *digest = json_object_get(digests, "0");
	json_t *segments = json_object_get(digest, "segments");

	if (json_object_size(digests) != 1 || !json_is_object(digest))
		return refuse(error, FAULT_LUKS_DIGEST, "digests", "there is not just one");
	if (!text_is(digest, "type", "pbkdf2") ||
	    (!text_is(digest, "hash", "sha256") && !text_is(digest, "hash", "sha512")) ||
	    !number_within(digest, "iterations", PBKDF2_ITERATIONS_MIN, LUKSHEADER_ITERATIONS_MAX))
		return refuse(error, FAULT_LUKS_DIGEST, "digest 0",
			      "it is unknown, or asks for too much");
	if (json_array_size(segments) != 1 ||
	    g_strcmp0(json_string_value(json_array_get(segments, 0)), "0") != 0 ||
	    !keyslots_listed(json_object_get(digest, "keyslots"), keyslots))
		return refuse(error, FAULT_LUKS_DIGEST, "digest 0",
			      "it is not the volume key's of all keyslots");
	return TRUE;
}

static gboolean requirements_check(json_t *config, GError **error)
{
	json_t *requirements = json_object_get(config, "requirements");
	json_t *mandatory = json_object_get(requirements, "mandatory");
	json_t *flags = json_object_get(config, "flags");
	json_t *value;
	size_t i;

	json_array_foreach(mandatory, i, value)
	{
		if (strstr(json_is_string(value) ? json_string_value(value) : "", "reencrypt"))
			return refuse(error, FAULT_LUKS_REENCRYPT, "requirements",
				      "a reencryption is under way");
	}
	if (requirements != NULL &&
	    (json_object_size(requirements) > 1 || !json_is_object(requirements) ||
	     (json_object_size(requirements) == 1 && !json_is_array(mandatory)) ||
	     json_array_size(mandatory) > 0))
		return refuse(error, FAULT_LUKS_REQUIREMENTS, "requirements",
			      "it wants what this program does not do");
	if (flags != NULL && !json_is_array(flags))
		return refuse(error, FAULT_LUKS_REQUIREMENTS, "flags", "they are no list");
	json_array_foreach(flags, i, value)
	{
		if (g_strcmp0(json_string_value(value), "allow-discards") != 0)
			return refuse(error, FAULT_LUKS_REQUIREMENTS, "flags",
				      "there is another one than allow-discards");
	}
	return TRUE;
}

gboolean luksheader_check(const char *json, size_t size_bytes, GError **error)
{
	g_autofree char *why = NULL;
	g_autoptr(JsonValue) header = NULL;
	json_t *keyslots;
	json_t *config;

	if (size_bytes > LUKSHEADER_SIZE_MAX)
		return refuse(error, FAULT_LUKS_HEADER, "JSON", "it is larger than 4 MiB");
	header = json_object_parse(json, size_bytes, &why);
	if (header == NULL)
		return refuse(error, FAULT_LUKS_HEADER, "JSON", why);
	keyslots = json_object_get(header, "keyslots");
	config = json_object_get(header, "config");
	if (!json_is_object(config))
		return refuse(error, FAULT_LUKS_HEADER, "config", "it is missing");
	/* What is under way explains the rest: so the requirements come first. */
	return requirements_check(config, error) && keyslots_check(keyslots, error) &&
	       segment_check(json_object_get(header, "segments"), error) &&
	       digest_check(json_object_get(header, "digests"), keyslots, error);
}
