/* SPDX-License-Identifier: MIT */
/* TPM tokens: what decodes must encode, and decode again to the same; and lists of PCR
 * signatures, which are looked through for one that is there. */
#include <string.h>

#include "fuzz.h"
#include "tpmtoken.h"

static void token_decode(const uint8_t *bytes, size_t size_bytes)
{
	struct tpmtoken token = { .keyslot = 0 }, back = { .keyslot = 0 };
	g_autofree char *text = NULL;
	g_autofree char *again = NULL;

	if (!tpmtoken_decode((const char *)bytes, size_bytes, &token, NULL))
		return;
	text = tpmtoken_encode(&token);
	if (!tpmtoken_decode(text, strlen(text), &back, NULL))
		__builtin_trap();
	again = tpmtoken_encode(&back);
	if (strcmp(text, again) != 0)
		__builtin_trap();
	tpmtoken_clear(&token);
	tpmtoken_clear(&back);
}

/* A key whose print is zeros, in front of a policy of zeros. */
static void signatures_read(const uint8_t *bytes, size_t size_bytes)
{
	static const struct signkey_public KEY = { .modulus_size = 3 };
	static const uint8_t POLICY[PCRPOLICY_DIGEST_SIZE];
	g_autoptr(GBytes) pcrsig = g_bytes_new_static(bytes, size_bytes);
	g_autoptr(GBytes) signature = sealpolicy_signature_find(pcrsig, &KEY, POLICY, NULL);

	if (signature != NULL && g_bytes_get_size(signature) != KEY.modulus_size)
		__builtin_trap();
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size_bytes)
{
	token_decode(bytes, size_bytes);
	signatures_read(bytes, size_bytes);
	return 0;
}

static size_t token_seed(gboolean pin, uint8_t *ret_bytes)
{
	struct tpmtoken token = {
		.keyslot = 3,
		.public_key = g_bytes_new_static("pem", 3),
		.seal = { .blob = g_bytes_new_static("blob", 4),
			  .root_key = g_bytes_new_static("key", 3),
			  .pin = pin },
	};
	g_autofree char *text = tpmtoken_encode(&token);

	memcpy(ret_bytes, text, strlen(text));
	tpmtoken_clear(&token);
	return strlen(text);
}

size_t fuzz_seed(unsigned number, uint8_t *ret_bytes, size_t room)
{
	static const char ZEROS[] =
		"0000000000000000000000000000000000000000000000000000000000000000";
	g_autofree char *list = g_strdup_printf("{\"sha256\":[{\"pcrs\":[11],\"pkfp\":\"%s\","
						"\"pol\":\"%s\",\"sig\":\"QUJD\"}]}",
						ZEROS, ZEROS);

	if (number > 2 || room < 2048)
		return 0;
	if (number < 2)
		return token_seed(number == 1, ret_bytes);
	memcpy(ret_bytes, list, strlen(list));
	return strlen(list);
}
