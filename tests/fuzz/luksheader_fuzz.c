/* SPDX-License-Identifier: MIT */
/* LUKS2 headers: one that passes has one segment and keyslots, all of the one cipher, whose keys
 * the one digest covers; as jansson finds them, whatever else there is. */
#include <string.h>

#include "fuzz.h"
#include "json.h"
#include "luksheader.h"

static const char SEED[] =
	"{\"keyslots\":{\"0\":{\"type\":\"luks2\",\"key_size\":64,\"af\":{\"type\":\"luks1\","
	"\"stripes\":4000,\"hash\":\"sha256\"},\"area\":{\"type\":\"raw\","
	"\"encryption\":\"aes-xts-plain64\",\"key_size\":64},\"kdf\":{\"type\":\"pbkdf2\","
	"\"iterations\":1000}}},\"segments\":{\"0\":{\"type\":\"crypt\",\"offset\":\"16777216\","
	"\"size\":\"dynamic\",\"iv_tweak\":\"0\",\"encryption\":\"aes-xts-plain64\","
	"\"sector_size\":512}},\"digests\":{\"0\":{\"type\":\"pbkdf2\",\"keyslots\":[\"0\"],"
	"\"segments\":[\"0\"],\"hash\":\"sha256\",\"iterations\":1000}},"
	"\"config\":{\"requirements\":{\"mandatory\":[]}}}";

static gboolean is_cipher(json_t *holder)
{
	return g_strcmp0(json_string_value(json_object_get(holder, "encryption")),
			 "aes-xts-plain64") == 0;
}

static unsigned times_listed(json_t *list, const char *name)
{
	unsigned count = 0;

	for (size_t i = 0; i < json_array_size(list); i++)
		count += g_strcmp0(json_string_value(json_array_get(list, i)), name) == 0;
	return count;
}

static void header_check(json_t *header)
{
	json_t *keyslots = json_object_get(header, "keyslots");
	json_t *segments = json_object_get(header, "segments");
	json_t *digests = json_object_get(header, "digests");
	json_t *covered = json_object_get(json_object_get(digests, "0"), "keyslots");
	const char *name;
	json_t *keyslot;

	promise(json_object_size(segments) == 1 && json_object_size(digests) == 1);
	promise(is_cipher(json_object_get(segments, "0")));
	promise(json_object_size(keyslots) <= LUKSHEADER_KEYSLOTS);
	promise(json_array_size(covered) == json_object_size(keyslots));
	json_object_foreach(keyslots, name, keyslot)
	{
		promise(is_cipher(json_object_get(keyslot, "area")));
		promise(times_listed(covered, name) == 1);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size_bytes)
{
	g_autofree char *why = NULL;
	g_autoptr(JsonValue) header = NULL;

	if (!luksheader_check((const char *)bytes, size_bytes, NULL))
		return 0;
	header = json_object_parse((const char *)bytes, size_bytes, &why);
	promise(header != NULL);
	header_check(header);
	return 0;
}

size_t fuzz_seed(unsigned number, uint8_t *ret_bytes, size_t room)
{
	if (number > 0 || room < sizeof SEED)
		return 0;
	memcpy(ret_bytes, SEED, sizeof SEED - 1);
	return sizeof SEED - 1;
}
