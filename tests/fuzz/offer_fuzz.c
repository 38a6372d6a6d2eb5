/* SPDX-License-Identifier: MIT */
/* Offers: what decodes keeps its limits, is read the same twice, and is chosen only by who fits. */
#include "offer.h"

#include <string.h>

#include "fuzz.h"

static gboolean is_text(const char *text)
{
	if (text == NULL || *text == '\0' || strlen(text) > OFFER_TEXT_MAX)
		return FALSE;
	for (; *text != '\0'; text++)
		if (!g_ascii_isprint(*text))
			return FALSE;
	return TRUE;
}

static void choice_check(const struct offer *offer)
{
	const struct offer *const offers[] = { NULL, offer };
	struct offer_wanted wanted = { offer->product, offer->architecture, offer->version,
				       offer->from, false };

	promise(offer_choose(offers, 2, &wanted) == 1);
	wanted.full_only = true;
	promise(offer_choose(offers, 2, &wanted) == (offer->is_delta ? -1 : 1));
	wanted.running = "no such version";
	wanted.full_only = false;
	promise(offer_choose(offers, 2, &wanted) == (offer->is_delta ? -1 : 1));
	wanted.product = "no such product";
	promise(offer_choose(offers, 2, &wanted) == -1);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size_bytes)
{
	g_autofree char *text = fuzz_text(bytes, size_bytes);
	g_autoptr(Offer) offer = offer_decode(text, NULL);
	g_autoptr(Offer) again = offer_decode(text, NULL);

	promise((offer == NULL) == (again == NULL));
	if (offer == NULL)
		return 0;
	promise(is_text(offer->product) && is_text(offer->architecture) && is_text(offer->version));
	promise(offer->is_delta ? is_text(offer->from) : offer->from == NULL);
	promise(offer->security_version <= INT64_MAX);
	promise(memcmp(offer->manifest_hash, again->manifest_hash, OFFER_HASH_SIZE) == 0);
	if (strncmp(offer->product, "no such", 7) != 0 &&
	    (offer->from == NULL || strncmp(offer->from, "no such", 7) != 0))
		choice_check(offer);
	return 0;
}

size_t fuzz_seed(unsigned number, uint8_t *ret_bytes, size_t room)
{
	static const char *const SEEDS[] = {
		"{\"azupdate\":{\"format\":1,\"product\":\"p\",\"architecture\":\"a\","
		"\"version\":\"2\",\"security_version\":7,\"kind\":\"full\",\"manifest\":"
		"\"00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\"}}",
		"{\"x\":[],\"azupdate\":{\"format\":1,\"product\":\"p\",\"architecture\":\"a\","
		"\"version\":\"2\",\"security_version\":7,\"kind\":\"delta\",\"from\":\"1\","
		"\"manifest\":"
		"\"00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\"}}",
	};

	return number < G_N_ELEMENTS(SEEDS)
		       ? fuzz_copy(SEEDS[number], strlen(SEEDS[number]), ret_bytes, room)
		       : 0;
}
