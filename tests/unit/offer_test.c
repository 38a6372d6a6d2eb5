/* SPDX-License-Identifier: MIT */
/* Every set of up to three offers is walked, and the choice compared with what the sets' rules say
 * in other words. */
#include "offer.h"

#include <string.h>

#include "failure.h"
#include "tap.h"

#define HASH "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define FULL                                                                                       \
	"{\"azupdate\":{\"format\":1,\"kind\":\"full\",\"product\":\"p\",\"architecture\":\"x\","  \
	"\"version\":\"2\",\"security_version\":3,\"manifest\":\"" HASH "\"}}"

static void test_decode(void)
{
	g_autoptr(Offer) full = offer_decode(FULL, NULL);
	g_autoptr(Offer) delta = offer_decode(
		"{\"other\":1,\"azupdate\":{\"format\":1,\"kind\":\"delta\",\"from\":\"1\","
		"\"product\":\"p\",\"architecture\":\"x\",\"version\":\"2\",\"later\":[],"
		"\"security_version\":0,\"manifest\":\"" HASH "\"}}",
		NULL);

	expect(full != NULL && !full->is_delta && strcmp(full->version, "2") == 0 &&
	       full->security_version == 3 && full->manifest_hash[1] == 0x11);
	expect(delta != NULL && delta->is_delta && strcmp(delta->from, "1") == 0);
}

/* A text with one part put in place of another. */
static void expect_refused(const char *part, const char *instead, fault why)
{
	g_auto(GStrv) parts = g_strsplit(FULL, part, 2);
	g_autofree char *text = g_strjoinv(instead, parts);
	g_autoptr(GError) error = NULL;
	g_autoptr(Offer) offer = offer_decode(text, &error);

	expect(parts[1] != NULL);
	expect(offer == NULL && failure_code(error) == why);
}

static void test_refused(void)
{
	expect_refused("{\"azupdate\"", "[\"azupdate\"", FAULT_OFFER_SYNTAX);
	expect_refused("\"format\":1", "\"format\":1,\"format\":1", FAULT_OFFER_SYNTAX);
	expect_refused("azupdate", "azupdates", FAULT_OFFER_FIELD);
	expect_refused("\"format\":1", "\"format\":2", FAULT_OFFER_FIELD);
	expect_refused("\"full\"", "\"half\"", FAULT_OFFER_FIELD);
	expect_refused("\"full\"", "\"delta\"", FAULT_OFFER_FIELD);
	expect_refused("\"version\":\"2\"", "\"version\":2", FAULT_OFFER_FIELD);
	expect_refused("\"version\":\"2\"", "\"version\":\"\\n\"", FAULT_OFFER_FIELD);
	expect_refused("\"product\":\"p\"", "\"product\":\"\"", FAULT_OFFER_FIELD);
	expect_refused("_version\":3", "_version\":-3", FAULT_OFFER_FIELD);
	expect_refused("0011", "00AB", FAULT_OFFER_FIELD);
	expect_refused("0011", "001", FAULT_OFFER_FIELD);
}

/* 18 kinds: product right or not, full, delta of what runs, delta of another; three sizes. */
static struct offer offer_of(unsigned number)
{
	static const char *const FROM[] = { NULL, "1", "0" };

	return (struct offer){
		.is_delta = number / 2 % 3 > 0,
		.product = (char *)(number % 2 == 0 ? "p" : "q"),
		.architecture = (char *)"x",
		.version = (char *)"2",
		.from = (char *)FROM[number / 2 % 3],
		.size_bytes = 10 + number / 6 % 3,
	};
}

static void expect_choice(const struct offer *const *offers, gboolean full_only)
{
	const struct offer_wanted wanted = { "p", "x", "2", "1", full_only };
	const int choice = offer_choose(offers, 3, &wanted);
	unsigned fitting = 0;

	for (int i = 0; i < 3; i++) {
		const gboolean fits = offers[i]->product[0] == 'p' &&
				      (offers[i]->from == NULL ||
				       (offers[i]->from[0] == '1' && !full_only));

		fitting += fits ? 1 : 0;
		expect(!fits ||
		       (choice >= 0 && offers[choice]->size_bytes <= offers[i]->size_bytes));
		expect(i != choice || fits);
	}
	expect((choice >= 0) == (fitting > 0));
}

static void test_choose(void)
{
	for (unsigned i = 0; i < 18 * 18 * 18; i++) {
		const struct offer a = offer_of(i % 18), b = offer_of(i / 18 % 18),
				   c = offer_of(i / 18 / 18);
		const struct offer *const offers[] = { &a, &b, &c };

		expect_choice(offers, FALSE);
		expect_choice(offers, TRUE);
	}
}

/* A machine of which nobody knows what it runs. */
static void test_unknown(void)
{
	const struct offer full = offer_of(0), delta = offer_of(2);
	const struct offer *const offers[] = { NULL, &delta, &full };
	const struct offer_wanted wanted = { "p", "x", "2", NULL, false };

	expect(offer_choose(offers, 2, &wanted) == -1);
	expect(offer_choose(offers, 3, &wanted) == 2);
	expect(offer_choose(offers, 0, &wanted) == -1);
}

static const struct tap_case CASES[] = {
	{ "what is read", test_decode },
	{ "what is refused", test_refused },
	{ "the choice", test_choose },
	{ "the choice where nothing is known", test_unknown },
};
TAP_MAIN(CASES)
