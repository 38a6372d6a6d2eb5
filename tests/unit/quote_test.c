/* SPDX-License-Identifier: MIT */
/* Structures of TPM 2.0 Part 2, made here byte by byte. What real TPMs sign is tested elsewhere. */
#include "quote.h"

#include <openssl/sha.h>
#include <string.h>

#include "tap.h"

/* TPMS_ATTEST with a name of 2 bytes, a nonce of 3, and one selection. */
static const uint8_t QUOTE[] = {
	0xff, 0x54, 0x43, 0x47, 0x80, 0x18,                     /* magic, type */
	0,    2,    'a',  'b',  0,    3,    'x', 'y',  'z',     /* signer, nonce */
	0,    0,    0,    1,    0,    0,    0,   2,             /* clock */
	0,    0,    0,    5,    0,    0,    0,   6,    1,       /* resets, resumes, safe */
	1,    2,    3,    4,    5,    6,    7,   8,             /* firmware */
	0,    0,    0,    1,    0,    0x0b, 3,   0xff, 0xf8, 0, /* selection */
	0,    32,   9,    9,    9,    9,    9,   9,    9,    9, /* digest */
	9,    9,    9,    9,    9,    9,    9,   9,    9,    9, 9, 9,
	9,    9,    9,    9,    9,    9,    9,   9,    9,    9, 9, 9,
};
enum {
	AT_TYPE = 5,
	AT_COUNT = 43,
	AT_BANK = 45,
	AT_SIZE = 46,
	AT_SELECT = 47,
	AT_DIGEST_SIZE = 51
};

static void test_quote(void)
{
	struct quote quote;

	expect(quote_decode(QUOTE, sizeof QUOTE, &quote) == FAULT_OK);
	expect(quote.signer.size_bytes == 2 && memcmp(quote.signer.bytes, "ab", 2) == 0);
	expect(quote.nonce.size_bytes == 3 && memcmp(quote.nonce.bytes, "xyz", 3) == 0);
	expect(quote.clock_ms == 0x100000002 && quote.reset_count == 5 && quote.restart_count == 6);
	expect(quote.safe && quote.firmware == 0x0102030405060708 && quote.digest[31] == 9);
}

struct change {
	unsigned at;
	uint8_t value;
	fault why;
};

static const struct change CHANGES[] = {
	{ 0, 0xfe, FAULT_ATTEST_MAGIC },
	{ 3, 0x46, FAULT_ATTEST_MAGIC },
	{ AT_TYPE, 0x17, FAULT_ATTEST_TYPE },
	{ AT_COUNT, 0, FAULT_ATTEST_SELECTION },
	{ AT_COUNT, 2, FAULT_ATTEST_SELECTION },
	{ AT_BANK, 0x0c, FAULT_ATTEST_SELECTION },
	{ AT_SIZE, 2, FAULT_ATTEST_QUOTE },
	{ AT_SIZE, 1, FAULT_ATTEST_SELECTION },
	{ AT_SIZE, 255, FAULT_ATTEST_SELECTION },
	{ AT_SELECT, 0xfe, FAULT_ATTEST_SELECTION },
	{ AT_SELECT + 1, 0xf9, FAULT_ATTEST_SELECTION },
	{ AT_SELECT + 2, 1, FAULT_ATTEST_SELECTION },
	{ AT_DIGEST_SIZE, 31, FAULT_ATTEST_QUOTE },
	{ AT_DIGEST_SIZE, 33, FAULT_ATTEST_QUOTE },
};

static void test_quote_refused(void)
{
	uint8_t bytes[sizeof QUOTE + 1] = { 0 };
	struct quote quote;

	for (unsigned i = 0; i < G_N_ELEMENTS(CHANGES); i++) {
		memcpy(bytes, QUOTE, sizeof QUOTE);
		bytes[CHANGES[i].at] = CHANGES[i].value;
		expect(quote_decode(bytes, sizeof QUOTE, &quote) == CHANGES[i].why);
	}
	memcpy(bytes, QUOTE, sizeof QUOTE);
	expect(quote_decode(bytes, sizeof bytes, &quote) == FAULT_ATTEST_QUOTE);
	for (size_t size_bytes = 0; size_bytes < sizeof QUOTE; size_bytes++)
		expect(quote_decode(QUOTE, size_bytes, &quote) != FAULT_OK);
}

/* In the order of their numbers, those that are quoted and no others. */
static void test_digest(void)
{
	struct quote_pcrs pcrs;
	uint8_t chosen[13 * 32], wanted[32], digest[32];
	size_t at = 0;

	for (unsigned pcr = 0; pcr < QUOTE_PCR_COUNT; pcr++) {
		memset(pcrs.values[pcr], (int)pcr + 1, 32);
		if (pcr == 8 || pcr == 9 || pcr == 10)
			continue;
		memset(chosen + at, (int)pcr + 1, 32);
		at += 32;
	}
	SHA256(chosen, sizeof chosen, wanted);
	quote_digest(&pcrs, digest);
	expect(at == sizeof chosen && memcmp(digest, wanted, sizeof wanted) == 0);
}

/* TPMT_PUBLIC: ECDSA with SHA-256 over P-256, coordinates of 2 bytes. */
static const uint8_t KEY[] = {
	0, 0x23, 0, 0x0b, 0, 5,    4, 0x72, 0, 0,    /* type, name, attributes, policy */
	0, 0x10, 0, 0x18, 0, 0x0b, 0, 3,    0, 0x10, /* symmetric, scheme, curve, derivation */
	0, 2,    1, 2,    0, 2,    3, 4,
};

static const struct change KEY_CHANGES[] = {
	{ 1, 0x01, FAULT_ATTEST_KEY_KIND },  /* RSA, with what follows of an ECC key */
	{ 1, 0x08, FAULT_ATTEST_KEY_KIND },  /* HMAC */
	{ 3, 0x0c, FAULT_ATTEST_KEY_KIND },  /* named by SHA-384 */
	{ 5, 4, FAULT_ATTEST_KEY_KIND },     /* not restricted */
	{ 5, 1, FAULT_ATTEST_KEY_KIND },     /* not signing */
	{ 5, 7, FAULT_ATTEST_KEY_KIND },     /* decrypts, too */
	{ 7, 0x70, FAULT_ATTEST_KEY_KIND },  /* can leave its TPM */
	{ 7, 0x62, FAULT_ATTEST_KEY_KIND },  /* can leave its parent */
	{ 7, 0x52, FAULT_ATTEST_KEY_KIND },  /* was not made there */
	{ 11, 0x06, FAULT_ATTEST_KEY_KIND }, /* has a cipher */
	{ 13, 0x14, FAULT_ATTEST_KEY_KIND }, /* RSASSA */
	{ 15, 0x04, FAULT_ATTEST_KEY_KIND }, /* SHA-1 */
	{ 17, 4, FAULT_ATTEST_KEY_KIND },    /* P-384 */
	{ 21, 33, FAULT_ATTEST_QUOTE },      { 25, 1, FAULT_ATTEST_QUOTE },
};

static void test_key(void)
{
	uint8_t bytes[sizeof KEY];
	struct quote_key key;
	uint8_t name[34] = { 0, 0x0b };

	expect(quote_key_decode(KEY, sizeof KEY, &key) == FAULT_OK && !key.is_rsa);
	SHA256(KEY, sizeof KEY, name + 2);
	expect(memcmp(key.name, name, sizeof name) == 0);
	for (unsigned i = 0; i < G_N_ELEMENTS(KEY_CHANGES); i++) {
		memcpy(bytes, KEY, sizeof bytes);
		bytes[KEY_CHANGES[i].at] = KEY_CHANGES[i].value;
		expect(quote_key_decode(bytes, sizeof bytes, &key) == KEY_CHANGES[i].why);
	}
	for (size_t size_bytes = 0; size_bytes < sizeof KEY; size_bytes++)
		expect(quote_key_decode(KEY, size_bytes, &key) != FAULT_OK);
}

/* An RSA key is as long as it says, and long enough. */
static void test_rsa(void)
{
	static const uint8_t HEAD[] = { 0, 1,    0, 0x0b, 0, 5,    4, 0x72, 0, 0, 0, 0x10,
					0, 0x14, 0, 0x0b, 8, 0x00, 0, 0,    0, 0, 1, 0 };
	uint8_t bytes[sizeof HEAD + 256] = { 0 };
	struct quote_key key;

	memcpy(bytes, HEAD, sizeof HEAD);
	expect(quote_key_decode(bytes, sizeof bytes, &key) == FAULT_OK);
	expect(key.is_rsa && key.exponent == 65537 && key.modulus.size_bytes == 256);
	bytes[21] = 3;
	expect(quote_key_decode(bytes, sizeof bytes, &key) == FAULT_OK && key.exponent == 3);
	bytes[16] = 4; /* 1024 bits */
	expect(quote_key_decode(bytes, sizeof bytes, &key) == FAULT_ATTEST_KEY_KIND);
	bytes[16] = 12; /* 3072 */
	expect(quote_key_decode(bytes, sizeof bytes, &key) == FAULT_ATTEST_KEY_KIND);
}

static void test_signature(void)
{
	static const uint8_t PAIR[] = { 0, 0x18, 0, 0x0b, 0, 1, 'r', 0, 2, 's', 't' };
	static const uint8_t RSA[] = { 0, 0x14, 0, 0x0b, 0, 1, 'r' };
	static const uint8_t SHA_1[] = { 0, 0x14, 0, 0x04, 0, 1, 'r' };
	static const uint8_t PSS[] = { 0, 0x16, 0, 0x0b, 0, 1, 'r' };
	struct quote_signature signature;

	expect(quote_signature_decode(PAIR, sizeof PAIR, &signature) == FAULT_OK);
	expect(!signature.is_rsa && signature.r.bytes[0] == 'r' && signature.s.size_bytes == 2);
	expect(quote_signature_decode(RSA, sizeof RSA, &signature) == FAULT_OK && signature.is_rsa);
	expect(quote_signature_decode(SHA_1, sizeof SHA_1, &signature) == FAULT_ATTEST_SIGNATURE);
	expect(quote_signature_decode(PSS, sizeof PSS, &signature) == FAULT_ATTEST_SIGNATURE);
	for (size_t size_bytes = 0; size_bytes < sizeof PAIR; size_bytes++)
		expect(quote_signature_decode(PAIR, size_bytes, &signature) == FAULT_ATTEST_QUOTE);
}

static const struct tap_case CASES[] = {
	{ "a quote", test_quote },
	{ "quotes that are refused", test_quote_refused },
	{ "the digest of PCRs", test_digest },
	{ "keys", test_key },
	{ "RSA keys", test_rsa },
	{ "signatures", test_signature },
};
TAP_MAIN(CASES)
