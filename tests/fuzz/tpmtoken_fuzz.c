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
	static const struct sealpolicy_gate GATE = { .floor = 1 };
	static const uint8_t POLICY[PCRPOLICY_DIGEST_SIZE];
	g_autoptr(GBytes) pcrsig = g_bytes_new_static(bytes, size_bytes);
	g_autoptr(GBytes) plain = sealpolicy_signature_find(pcrsig, &KEY, NULL, POLICY, NULL);
	g_autoptr(GBytes) gated = sealpolicy_signature_find(pcrsig, &KEY, &GATE, POLICY, NULL);
	uint64_t floor;

	if (plain != NULL && g_bytes_get_size(plain) != KEY.modulus_size)
		__builtin_trap();
	/* What is signed for a floor is signed. */
	if (gated != NULL && (plain == NULL || g_bytes_get_size(gated) != KEY.modulus_size))
		__builtin_trap();
	if (sealpolicy_floor_highest(pcrsig, &KEY, GATE.floor, &floor) && floor > GATE.floor)
		__builtin_trap();
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size_bytes)
{
	token_decode(bytes, size_bytes);
	signatures_read(bytes, size_bytes);
	return 0;
}

static size_t token_seed(gboolean pin, gboolean gated, uint8_t *ret_bytes)
{
	struct tpmtoken token = {
		.keyslot = 3,
		.public_key = g_bytes_new_static("pem", 3),
		.seal = { .blob = g_bytes_new_static("blob", 4),
			  .root_key = g_bytes_new_static("key", 3),
			  .pin = pin,
			  .gated = gated,
			  .gate = { 5, 6, 7 } },
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
	g_autofree char *entry = g_strdup_printf("\"pcrs\":[11],\"pkfp\":\"%s\","
						 "\"pol\":\"%s\",\"sig\":\"QUJD\"",
						 ZEROS, ZEROS);
	g_autofree char *list = g_strdup_printf("{\"sha256\":[{%s}],\"azupdate-floors\":"
						"[{%s,\"floor\":0},{%s,\"floor\":1}]}",
						entry, entry, entry);

	if (number > 4 || room < 2048)
		return 0;
	if (number < 4)
		return token_seed(number % 2 == 1, number / 2 == 1, ret_bytes);
	memcpy(ret_bytes, list, strlen(list));
	return strlen(list);
}
