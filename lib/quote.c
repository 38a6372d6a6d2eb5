/* SPDX-License-Identifier: MIT */
#include "quote.h"

#include <string.h>

#include "bytes.h"
#include "crypto.h"

/* TPM 2.0 Part 2: TPM_GENERATED_VALUE, TPM_ST, TPM_ALG_ID, TPM_ECC_CURVE, TPMA_OBJECT. */
enum {
	MAGIC = (int)0xff544347,
	TYPE_QUOTE = 0x8018,
	ALGORITHM_RSA = 0x0001,
	ALGORITHM_SHA256 = 0x000b,
	ALGORITHM_NULL = 0x0010,
	ALGORITHM_RSASSA = 0x0014,
	ALGORITHM_ECDSA = 0x0018,
	ALGORITHM_ECC = 0x0023,
	CURVE_P256 = 0x0003,
	OBJECT_FIXED_TPM = 1 << 1,
	OBJECT_FIXED_PARENT = 1 << 4,
	OBJECT_ORIGIN = 1 << 5, /* sensitiveDataOrigin: made in the TPM */
	OBJECT_RESTRICTED = 1 << 16,
	OBJECT_DECRYPT = 1 << 17,
	OBJECT_SIGN = 1 << 18,
	OBJECT_NEEDED = OBJECT_FIXED_TPM | OBJECT_FIXED_PARENT | OBJECT_ORIGIN | OBJECT_RESTRICTED |
			OBJECT_SIGN,
	EXPONENT_DEFAULT = 65537,
	POINT_SIZE = 32,
};

/* Once the bytes end early, all that follows is zero, and `failed` says so at the end. */
struct reader {
	struct quote_bytes rest;
	gboolean failed;
};

static struct quote_bytes take(struct reader *reader, size_t size_bytes)
{
	struct quote_bytes taken = { reader->rest.bytes, size_bytes };

	if (reader->failed || size_bytes > reader->rest.size_bytes) {
		reader->failed = TRUE;
		return (struct quote_bytes){ NULL, 0 };
	}
	reader->rest.bytes += size_bytes;
	reader->rest.size_bytes -= size_bytes;
	return taken;
}

static uint64_t take_number(struct reader *reader, unsigned size_bytes)
{
	const struct quote_bytes taken = take(reader, size_bytes);
	uint64_t number = 0;

	for (size_t i = 0; i < taken.size_bytes; i++)
		number = number << 8 | taken.bytes[i];
	return number;
}

/* A TPM2B_ of any kind. */
static struct quote_bytes take_sized(struct reader *reader)
{
	return take(reader, (size_t)take_number(reader, 2));
}

static gboolean is_done(const struct reader *reader)
{
	return !reader->failed && reader->rest.size_bytes == 0;
}

static struct reader reader_of(const uint8_t *bytes, size_t size_bytes)
{
	return (struct reader){ { bytes, size_bytes }, size_bytes > QUOTE_SIZE_MAX };
}

/* TPML_PCR_SELECTION: one of the bank sha256, with these PCRs and no others. */
static gboolean selection_fits(struct reader *reader)
{
	uint64_t selected = 0;
	struct quote_bytes select;

	if (take_number(reader, 4) != 1 || take_number(reader, 2) != ALGORITHM_SHA256)
		return FALSE;
	select = take(reader, (size_t)take_number(reader, 1));
	for (size_t i = 0; i < select.size_bytes; i++) {
		if (i >= 8 && select.bytes[i] != 0)
			return FALSE;
		if (i < 8)
			selected |= (uint64_t)select.bytes[i] << (8 * i);
	}
	return selected == QUOTE_PCRS;
}

fault quote_decode(const uint8_t *bytes, size_t size_bytes, struct quote *ret_quote)
{
	struct reader reader = reader_of(bytes, size_bytes);
	struct quote quote = { 0 };
	struct quote_bytes digest;

	if (take_number(&reader, 4) != (uint32_t)MAGIC)
		return FAULT_ATTEST_MAGIC;
	if (take_number(&reader, 2) != TYPE_QUOTE)
		return FAULT_ATTEST_TYPE;
	quote.signer = take_sized(&reader);
	quote.nonce = take_sized(&reader);
	quote.clock_ms = take_number(&reader, 8);
	quote.reset_count = (uint32_t)take_number(&reader, 4);
	quote.restart_count = (uint32_t)take_number(&reader, 4);
	quote.safe = take_number(&reader, 1) == 1;
	quote.firmware = take_number(&reader, 8);
	if (reader.failed)
		return FAULT_ATTEST_QUOTE;
	if (!selection_fits(&reader))
		return FAULT_ATTEST_SELECTION;
	digest = take_sized(&reader);
	if (!is_done(&reader) || digest.size_bytes != sizeof quote.digest)
		return FAULT_ATTEST_QUOTE;
	memcpy(quote.digest, digest.bytes, sizeof quote.digest);
	*ret_quote = quote;
	return FAULT_OK;
}

void quote_digest(const struct quote_pcrs *pcrs, uint8_t ret_digest[static QUOTE_HASH_SIZE])
{
	uint8_t chosen[QUOTE_PCR_COUNT * QUOTE_HASH_SIZE];
	size_t size_bytes = 0;

	for (unsigned pcr = 0; pcr < QUOTE_PCR_COUNT; pcr++)
		if (quote_has_pcr(pcr)) {
			memcpy(chosen + size_bytes, pcrs->values[pcr], QUOTE_HASH_SIZE);
			size_bytes += QUOTE_HASH_SIZE;
		}
	crypto_digest("sha256", chosen, size_bytes, NULL, 0, ret_digest);
}

/* Scheme and its hash. */
static gboolean scheme_is(struct reader *reader, unsigned scheme)
{
	return take_number(reader, 2) == scheme && take_number(reader, 2) == ALGORITHM_SHA256;
}

static gboolean rsa_decode(struct reader *reader, struct quote_key *key)
{
	unsigned bits;

	if (!scheme_is(reader, ALGORITHM_RSASSA))
		return FALSE;
	bits = (unsigned)take_number(reader, 2);
	key->exponent = (uint32_t)take_number(reader, 4);
	if (key->exponent == 0)
		key->exponent = EXPONENT_DEFAULT;
	key->modulus = take_sized(reader);
	return bits >= 2048 && bits <= 4096 && key->modulus.size_bytes == bits / 8;
}

static gboolean ecc_decode(struct reader *reader, struct quote_key *key)
{
	if (!scheme_is(reader, ALGORITHM_ECDSA) || take_number(reader, 2) != CURVE_P256 ||
	    take_number(reader, 2) != ALGORITHM_NULL) /* key derivation */
		return FALSE;
	key->x = take_sized(reader);
	key->y = take_sized(reader);
	return key->x.size_bytes <= POINT_SIZE && key->y.size_bytes <= POINT_SIZE;
}

fault quote_key_decode(const uint8_t *bytes, size_t size_bytes, struct quote_key *ret_key)
{
	struct reader reader = reader_of(bytes, size_bytes);
	const unsigned type = (unsigned)take_number(&reader, 2);
	const unsigned name_algorithm = (unsigned)take_number(&reader, 2);
	const uint32_t attributes = (uint32_t)take_number(&reader, 4);
	struct quote_key key = { .is_rsa = type == ALGORITHM_RSA };
	gboolean good;

	(void)take_sized(&reader); /* the policy of who may use it is the machine's business */
	if (reader.failed)
		return FAULT_ATTEST_QUOTE;
	if ((type != ALGORITHM_RSA && type != ALGORITHM_ECC) ||
	    name_algorithm != ALGORITHM_SHA256 ||
	    (attributes & (OBJECT_NEEDED | OBJECT_DECRYPT)) != OBJECT_NEEDED ||
	    take_number(&reader, 2) != ALGORITHM_NULL) /* symmetric: of keys that decrypt */
		return FAULT_ATTEST_KEY_KIND;
	good = key.is_rsa ? rsa_decode(&reader, &key) : ecc_decode(&reader, &key);
	if (!is_done(&reader))
		return reader.failed || good ? FAULT_ATTEST_QUOTE : FAULT_ATTEST_KEY_KIND;
	if (!good)
		return FAULT_ATTEST_KEY_KIND;
	key.name[0] = ALGORITHM_SHA256 >> 8;
	key.name[1] = ALGORITHM_SHA256 & 0xff;
	crypto_digest("sha256", bytes, size_bytes, NULL, 0, key.name + 2);
	*ret_key = key;
	return FAULT_OK;
}

/* Qualified name: of a key right below a hierarchy, the hash of that one's handle and its name. */
gboolean quote_is_by_primary(const struct quote *quote, const struct quote_key *key)
{
	static const uint8_t HIERARCHIES[][4] = {
		{ 0x40, 0, 0, 0x0b }, /* endorsement */
		{ 0x40, 0, 0, 0x01 }, /* owner */
		{ 0x40, 0, 0, 0x0c }, /* platform */
	};
	uint8_t name[QUOTE_NAME_SIZE] = { key->name[0], key->name[1] };

	for (unsigned i = 0; i < G_N_ELEMENTS(HIERARCHIES); i++) {
		crypto_digest("sha256", HIERARCHIES[i], sizeof HIERARCHIES[i], key->name,
			      sizeof key->name, name + 2);
		if (quote->signer.size_bytes == sizeof name &&
		    memcmp(quote->signer.bytes, name, sizeof name) == 0)
			return TRUE;
	}
	return FALSE;
}

fault quote_signature_decode(const uint8_t *bytes, size_t size_bytes,
			     struct quote_signature *ret_signature)
{
	struct reader reader = reader_of(bytes, size_bytes);
	const unsigned scheme = (unsigned)take_number(&reader, 2);
	const unsigned hash = (unsigned)take_number(&reader, 2);
	struct quote_signature signature = { .is_rsa = scheme == ALGORITHM_RSASSA };

	if (reader.failed)
		return FAULT_ATTEST_QUOTE;
	if ((scheme != ALGORITHM_RSASSA && scheme != ALGORITHM_ECDSA) || hash != ALGORITHM_SHA256)
		return FAULT_ATTEST_SIGNATURE;
	signature.r = take_sized(&reader);
	if (!signature.is_rsa)
		signature.s = take_sized(&reader);
	if (!is_done(&reader))
		return FAULT_ATTEST_QUOTE;
	*ret_signature = signature;
	return FAULT_OK;
}
