/* SPDX-License-Identifier: MIT */
/* Attestations: the file, and all that is looked at of it before a signature is known to be good. A
 * member is also given on its own, since few mutants of base64 are whole. */
#include "attest.h"

#include <string.h>

#include "fuzz.h"
#include "pubkey.h"
#include "slot.h"

static volatile uint64_t sink;

static void structures_decode(const uint8_t *bytes, size_t size_bytes)
{
	struct quote quote;
	struct quote_key key;
	struct quote_signature signature;

	if (quote_decode(bytes, size_bytes, &quote) == FAULT_OK)
		sink = quote.clock_ms + quote.nonce.size_bytes;
	if (quote_signature_decode(bytes, size_bytes, &signature) == FAULT_OK)
		sink = signature.r.size_bytes;
	if (quote_key_decode(bytes, size_bytes, &key) == FAULT_OK) {
		g_autoptr(Pubkey) made = pubkey_of_quote(&key, NULL);
		g_autoptr(GBytes) given = g_bytes_new_static(bytes, size_bytes);
		uint8_t print[PUBKEY_PRINT_SIZE];

		signature = (struct quote_signature){ key.is_rsa, key.modulus, key.modulus };
		if (made != NULL && !pubkey_verify(made, given, &signature))
			pubkey_print(made, print);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size_bytes)
{
	g_autoptr(Attest) attest = attest_decode((const char *)bytes, size_bytes, NULL);

	structures_decode(bytes, size_bytes);
	if (attest != NULL) {
		g_autofree char *text = attest_encode(attest);
		g_autoptr(Attest) back = attest_decode(text, strlen(text), NULL);
		g_autofree char *again = NULL;

		/* Escapes may take it over the limit of bytes. */
		promise(back != NULL || strlen(text) > ATTEST_SIZE_MAX);
		again = back != NULL ? attest_encode(back) : NULL;
		promise(again == NULL || strcmp(text, again) == 0);
		structures_decode(g_bytes_get_data(attest->quote.quote, NULL),
				  g_bytes_get_size(attest->quote.quote));
	}
	return 0;
}

/* A file; a public area of ECC, whose point is the curve's generator, and one of RSA. */
static size_t file_seed(uint8_t *ret_bytes, size_t room)
{
	struct attest attest = { .slot = SLOT_A };
	g_autofree char *text = NULL;
	size_t size_bytes;

	attest.log = attest.quote.quote = attest.quote.signature = attest.quote.key =
		g_bytes_new_static("bytes", 5);
	text = attest_encode(&attest);
	g_bytes_unref(attest.log);
	size_bytes = strlen(text);
	if (size_bytes > room)
		return 0;
	memcpy(ret_bytes, text, size_bytes);
	return size_bytes;
}

size_t fuzz_seed(unsigned number, uint8_t *ret_bytes, size_t room)
{
	static const uint8_t ECC[] = {
		0,    0x23, 0,    0x0b, 0,    5,    4,    0x72, 0,    0,    0,    0x10, 0,
		0x18, 0,    0x0b, 0,    3,    0,    0x10, 0,    32,   0x6b, 0x17, 0xd1, 0xf2,
		0xe1, 0x2c, 0x42, 0x47, 0xf8, 0xbc, 0xe6, 0xe5, 0x63, 0xa4, 0x40, 0xf2, 0x77,
		0x03, 0x7d, 0x81, 0x2d, 0xeb, 0x33, 0xa0, 0xf4, 0xa1, 0x39, 0x45, 0xd8, 0x98,
		0xc2, 0x96, 0,    32,   0x4f, 0xe3, 0x42, 0xe2, 0xfe, 0x1a, 0x7f, 0x9b, 0x8e,
		0xe7, 0xeb, 0x4a, 0x7c, 0x0f, 0x9e, 0x16, 0x2b, 0xce, 0x33, 0x57, 0x6b, 0x31,
		0x5e, 0xce, 0xcb, 0xb6, 0x40, 0x68, 0x37, 0xbf, 0x51, 0xf5,
	};
	static const uint8_t RSA[] = { 0, 1,    0, 0x0b, 0, 5, 4, 0x72, 0, 0, 0, 0x10,
				       0, 0x14, 0, 0x0b, 8, 0, 0, 0,    0, 0, 1, 0 };

	if (number == 0)
		return file_seed(ret_bytes, room);
	if (number == 1) {
		memcpy(ret_bytes, ECC, sizeof ECC);
		return sizeof ECC;
	}
	if (number > 2)
		return 0;
	memset(ret_bytes, 0xc3, sizeof RSA + 256);
	memcpy(ret_bytes, RSA, sizeof RSA);
	return sizeof RSA + 256;
}
