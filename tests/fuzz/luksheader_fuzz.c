/* SPDX-License-Identifier: MIT */
/* LUKS2 headers: one that passes names the cipher, and no other one anywhere. */
#include <string.h>

#include "fuzz.h"
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

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size_bytes)
{
	if (luksheader_check((const char *)bytes, size_bytes, NULL) &&
	    memmem(bytes, size_bytes, "cipher_null", 11) != NULL)
		__builtin_trap();
	return 0;
}

size_t fuzz_seed(unsigned number, uint8_t *ret_bytes, size_t room)
{
	if (number > 0 || room < sizeof SEED)
		return 0;
	memcpy(ret_bytes, SEED, sizeof SEED - 1);
	return sizeof SEED - 1;
}
