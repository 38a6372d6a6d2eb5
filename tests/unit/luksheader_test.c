/* SPDX-License-Identifier: MIT */
/* A header as cryptsetup 2.6.1 wrote it, and every edit of it that should make one think. */
#include "luksheader.h"

#include <string.h>

#include "failure.h"
#include "json.h"
#include "tap.h"

static const char GOOD[] =
	"{\"keyslots\":{\"0\":{\"type\":\"luks2\",\"key_size\":64,\"af\":{\"type\":\"luks1\","
	"\"stripes\":4000,\"hash\":\"sha256\"},\"area\":{\"type\":\"raw\",\"offset\":\"32768\","
	"\"size\":\"258048\",\"encryption\":\"aes-xts-plain64\",\"key_size\":64},\"kdf\":{"
	"\"type\":\"argon2id\",\"time\":4,\"memory\":123072,\"cpus\":2,\"salt\":\"uYk=\"}},"
	"\"1\":{\"type\":\"luks2\",\"key_size\":64,\"af\":{\"type\":\"luks1\",\"stripes\":4000,"
	"\"hash\":\"sha256\"},\"area\":{\"type\":\"raw\",\"offset\":\"290816\",\"size\":\"258048\","
	"\"encryption\":\"aes-xts-plain64\",\"key_size\":64},\"kdf\":{\"type\":\"pbkdf2\","
	"\"hash\":\"sha512\",\"iterations\":1000,\"salt\":\"uYk=\"}}},\"tokens\":{},"
	"\"segments\":{\"0\":{\"type\":\"crypt\",\"offset\":\"16777216\",\"size\":\"dynamic\","
	"\"iv_tweak\":\"0\",\"encryption\":\"aes-xts-plain64\",\"sector_size\":4096}},"
	"\"digests\":{\"0\":{\"type\":\"pbkdf2\",\"keyslots\":[\"0\",\"1\"],\"segments\":[\"0\"],"
	"\"hash\":\"sha256\",\"iterations\":153840,\"salt\":\"ujk=\",\"digest\":\"IlI=\"}},"
	"\"config\":{\"json_size\":\"12288\",\"keyslots_size\":\"16744448\"}}";

struct edit {
	fault why;        /* FAULT_OK: it may be so */
	const char *path; /* to an object, words with slashes between; "" is the top */
	const char *key;
	const char *value; /* JSON; NULL: the key is taken away */
};

static const struct edit EDITS[] = {
	{ FAULT_OK, "config", "flags", "[\"allow-discards\"]" },
	{ FAULT_OK, "config", "requirements", "{}" },
	{ FAULT_OK, "config", "requirements", "{\"mandatory\":[]}" },
	{ FAULT_OK, "segments/0", "sector_size", "512" },
	{ FAULT_OK, "keyslots/0/kdf", "memory", "1048576" },
	{ FAULT_LUKS_CIPHER, "segments/0", "encryption", "\"cipher_null-ecb\"" },
	{ FAULT_LUKS_CIPHER, "segments/0", "encryption", "\"aes-cbc-plain\"" },
	{ FAULT_LUKS_CIPHER, "segments/0", "encryption", NULL },
	{ FAULT_LUKS_SEGMENT, "segments/0", "type", "\"linear\"" },
	{ FAULT_LUKS_SEGMENT, "segments/0", "offset", "\"0\"" },
	{ FAULT_LUKS_SEGMENT, "segments/0", "offset", "\"99999999999\"" },
	{ FAULT_LUKS_SEGMENT, "segments/0", "offset", "16777216" },
	{ FAULT_LUKS_SEGMENT, "segments/0", "size", "\"4096\"" },
	{ FAULT_LUKS_SEGMENT, "segments/0", "iv_tweak", "\"8\"" },
	{ FAULT_LUKS_SEGMENT, "segments/0", "sector_size", "1024" },
	{ FAULT_LUKS_SEGMENT, "segments/0", "integrity", "{\"type\":\"none\"}" },
	{ FAULT_LUKS_SEGMENT, "segments/0", "flags", "[\"in-reencryption\"]" },
	{ FAULT_LUKS_SEGMENT, "segments", "1", "{\"type\":\"crypt\"}" },
	{ FAULT_LUKS_SEGMENT, "segments", "0", NULL },
	{ FAULT_LUKS_SEGMENT, "", "segments", NULL },
	{ FAULT_LUKS_CIPHER, "keyslots/0", "key_size", "32" },
	{ FAULT_LUKS_CIPHER, "keyslots/0/area", "encryption", "\"cipher_null-ecb\"" },
	{ FAULT_LUKS_CIPHER, "keyslots/1/area", "key_size", "16" },
	{ FAULT_LUKS_REENCRYPT, "keyslots/1", "type", "\"reencrypt\"" },
	{ FAULT_LUKS_KEYSLOT, "keyslots/0", "type", "\"luks3\"" },
	{ FAULT_LUKS_KEYSLOT, "keyslots/0/area", "type", "\"datashift\"" },
	{ FAULT_LUKS_KEYSLOT, "keyslots/0/af", "stripes", "1" },
	{ FAULT_LUKS_KEYSLOT, "keyslots/0/af", "hash", "\"md5\"" },
	{ FAULT_LUKS_KEYSLOT, "keyslots/0/kdf", "type", "\"scrypt\"" },
	{ FAULT_LUKS_KEYSLOT, "keyslots/0/kdf", "memory", "1048577" },
	{ FAULT_LUKS_KEYSLOT, "keyslots/0/kdf", "time", "65" },
	{ FAULT_LUKS_KEYSLOT, "keyslots/0/kdf", "time", "-1" },
	{ FAULT_LUKS_KEYSLOT, "keyslots/0/kdf", "cpus", "5" },
	{ FAULT_LUKS_KEYSLOT, "keyslots/1/kdf", "iterations", "20000001" },
	{ FAULT_LUKS_KEYSLOT, "keyslots/1/kdf", "iterations", "999" },
	{ FAULT_LUKS_KEYSLOT, "keyslots/0", "kdf", NULL },
	{ FAULT_LUKS_KEYSLOT, "keyslots", "0", "7" },
	{ FAULT_LUKS_HEADER, "", "keyslots", "[]" },
	{ FAULT_LUKS_DIGEST, "digests/0", "type", "\"plain\"" },
	{ FAULT_LUKS_DIGEST, "digests/0", "hash", "\"crc32\"" },
	{ FAULT_LUKS_DIGEST, "digests/0", "iterations", "1" },
	{ FAULT_LUKS_DIGEST, "digests/0", "segments", "[]" },
	{ FAULT_LUKS_DIGEST, "digests/0", "segments", "[\"1\"]" },
	{ FAULT_LUKS_DIGEST, "digests/0", "keyslots", "[\"0\"]" },
	{ FAULT_LUKS_DIGEST, "digests/0", "keyslots", "[\"0\",\"0\"]" },
	{ FAULT_LUKS_DIGEST, "digests/0", "keyslots", "[\"0\",1]" },
	{ FAULT_OK, "digests/0", "keyslots", "[\"1\",\"0\"]" },
	{ FAULT_LUKS_DIGEST, "digests", "1", "{\"type\":\"pbkdf2\"}" },
	{ FAULT_LUKS_DIGEST, "", "digests", "{}" },
	{ FAULT_LUKS_REENCRYPT, "config", "requirements",
	  "{\"mandatory\":[\"online-reencrypt-v2\"]}" },
	{ FAULT_LUKS_REENCRYPT, "config", "requirements",
	  "{\"mandatory\":[\"offline-reencrypt\"]}" },
	{ FAULT_LUKS_REQUIREMENTS, "config", "requirements",
	  "{\"mandatory\":[\"inline-hw-tags\"]}" },
	{ FAULT_LUKS_REQUIREMENTS, "config", "requirements", "{\"mandatory\":[7]}" },
	{ FAULT_LUKS_REQUIREMENTS, "config", "requirements", "{\"mandatory\":{}}" },
	{ FAULT_LUKS_REQUIREMENTS, "config", "requirements", "[\"x\"]" },
	{ FAULT_LUKS_REQUIREMENTS, "config", "requirements", "{\"mandatory\":[],\"x\":[]}" },
	{ FAULT_LUKS_REQUIREMENTS, "config", "flags", "[\"no-journal\"]" },
	{ FAULT_LUKS_REQUIREMENTS, "config", "flags", "\"allow-discards\"" },
	{ FAULT_LUKS_HEADER, "", "config", NULL },
};

static json_t *walk(json_t *top, const char *path)
{
	g_auto(GStrv) words = g_strsplit(path, "/", 0);

	for (char **word = words; *word != NULL; word++)
		top = json_object_get(top, *word);
	return top;
}

static fault edited(const struct edit *edit)
{
	g_autoptr(JsonValue) top = json_loads(GOOD, 0, NULL);
	g_autoptr(GError) error = NULL;
	json_t *object = walk(top, edit->path);
	char *text;
	fault why;

	if (edit->value == NULL)
		json_object_del(object, edit->key);
	else
		json_object_set_new(object, edit->key,
				    json_loads(edit->value, JSON_DECODE_ANY, NULL));
	text = json_dumps(top, 0);
	why = luksheader_check(text, strlen(text), &error) ? FAULT_OK : failure_code(error);
	free(text);
	return why;
}

static void test_edits(void)
{
	expect(luksheader_check(GOOD, strlen(GOOD), NULL));
	for (size_t i = 0; i < G_N_ELEMENTS(EDITS); i++) {
		const fault why = edited(&EDITS[i]);

		if (why != EDITS[i].why)
			printf("# %s %s %s: %u\n", EDITS[i].path, EDITS[i].key, EDITS[i].value,
			       (unsigned)why);
		expect(why == EDITS[i].why);
	}
}

static void test_no_header(void)
{
	expect(!luksheader_check("", 0, NULL));
	expect(!luksheader_check("{}", 2, NULL));
	expect(!luksheader_check(GOOD, strlen(GOOD) - 1, NULL));
	expect(!luksheader_check("{\"config\":{},\"config\":{}}", 25, NULL));
}

static const struct tap_case CASES[] = {
	{ "each field edited", test_edits },
	{ "no header", test_no_header },
};
TAP_MAIN(CASES)
