/* SPDX-License-Identifier: MIT */
#include "sealpolicy.h"

#include <string.h>

#include "crypto.h"
#include "failure.h"
#include "json.h"
#include "uki.h"

enum {
	PCR = 11,
	ALG_RSA = 0x0001,
	ALG_SHA256 = 0x000b,
	ALG_NULL = 0x0010,
	KEY_ATTRIBUTES = 0x00060040, /* decrypt, sign, userWithAuth */
	KEY_EXPONENT = 65537,        /* written out: 0 would mean the same and name another key */
	POLICY_AUTHORIZE = 0x0000016a,
	POLICY_AUTH_VALUE = 0x0000016b,
	DIGEST_HEX_SIZE = 64,
	SIGNATURE_TEXT_MAX = 1024, /* base64 of 512 bytes has 684 */
};

static const char BANK[] = "sha256";

static void append_be(GByteArray *to, uint64_t number, unsigned size_bytes)
{
	while (size_bytes-- > 0) {
		const uint8_t byte = (uint8_t)(number >> (8 * size_bytes));

		g_byte_array_append(to, &byte, 1);
	}
}

/* TPMT_PUBLIC of a key that systemd would load: no scheme, no symmetric cipher, no policy. */
void sealpolicy_name(const struct signkey_public *key,
		     uint8_t ret_name[static SEALPOLICY_NAME_SIZE])
{
	g_autoptr(GByteArray) public = g_byte_array_new();

	append_be(public, ALG_RSA, 2);
	append_be(public, ALG_SHA256, 2);
	append_be(public, KEY_ATTRIBUTES, 4);
	append_be(public, 0, 2);
	append_be(public, ALG_NULL, 2);
	append_be(public, ALG_NULL, 2);
	append_be(public, 8 * key->modulus_size, 2);
	append_be(public, KEY_EXPONENT, 4);
	append_be(public, key->modulus_size, 2);
	g_byte_array_append(public, key->modulus, key->modulus_size);
	ret_name[0] = ALG_SHA256 >> 8;
	ret_name[1] = ALG_SHA256 & 0xff;
	crypto_digest(BANK, public->data, public->len, "", 0, ret_name + 2);
}

/* TPM2_PolicyAuthorize forgets the digest so far, puts the key's name to zeros, and then the
 * policyRef, which is empty. */
void sealpolicy_digest(const struct signkey_public *key, gboolean pin,
		       uint8_t ret_digest[static SEALPOLICY_SIZE])
{
	g_autoptr(GByteArray) bytes = g_byte_array_new();
	uint8_t name[SEALPOLICY_NAME_SIZE];
	uint8_t command[4] = { 0, 0, POLICY_AUTH_VALUE >> 8, POLICY_AUTH_VALUE & 0xff };

	sealpolicy_name(key, name);
	g_byte_array_set_size(bytes, SEALPOLICY_SIZE);
	memset(bytes->data, 0, bytes->len);
	append_be(bytes, POLICY_AUTHORIZE, 4);
	crypto_digest(BANK, bytes->data, bytes->len, name, sizeof name, ret_digest);
	crypto_digest(BANK, ret_digest, SEALPOLICY_SIZE, "", 0, ret_digest);
	if (pin)
		crypto_digest(BANK, ret_digest, SEALPOLICY_SIZE, command, sizeof command,
			      ret_digest);
}

static gboolean hex_equal(json_t *entry, const char *key, const uint8_t *bytes)
{
	const char *text = json_string_value(json_object_get(entry, key));
	uint8_t value[DIGEST_HEX_SIZE / 2];

	return text != NULL && crypto_unhex(text, value, sizeof value) &&
	       memcmp(value, bytes, sizeof value) == 0;
}

static gboolean entry_matches(json_t *entry, const struct signkey_public *key,
			      const uint8_t *policy)
{
	json_t *pcrs = json_object_get(entry, "pcrs");

	return json_array_size(pcrs) == 1 && json_is_integer(json_array_get(pcrs, 0)) &&
	       json_integer_value(json_array_get(pcrs, 0)) == PCR &&
	       hex_equal(entry, "pkfp", key->print) && hex_equal(entry, "pol", policy);
}

static GBytes *signature_take(json_t *entry, const struct signkey_public *key, GError **error)
{
	const struct json_reader reader = { "the list of PCR signatures", FAULT_SEAL_SIGNATURES,
					    error };
	const char *text = json_get_text(&reader, entry, "sig", SIGNATURE_TEXT_MAX);
	g_autofree guchar *bytes = NULL;
	gsize size_bytes;

	if (text == NULL)
		return NULL;
	bytes = g_base64_decode(text, &size_bytes);
	if (size_bytes == key->modulus_size)
		return g_bytes_new_take(g_steal_pointer(&bytes), size_bytes);
	failure_set(error, FAULT_SEAL_SIGNATURES, "a PCR signature has %zu bytes, not %u",
		    size_bytes, key->modulus_size);
	return NULL;
}

/* Borrowed from *ret_top. */
static json_t *bank_parse(GBytes *pcrsig, json_t **ret_top, GError **error)
{
	g_autofree char *why = NULL;
	gsize size_bytes;
	const char *text = g_bytes_get_data(pcrsig, &size_bytes);
	json_t *bank;

	if (size_bytes > SEALPOLICY_SIGNATURES_MAX) {
		failure_set(error, FAULT_SEAL_SIGNATURES,
			    "the list of PCR signatures is larger than %d bytes",
			    SEALPOLICY_SIGNATURES_MAX);
		return NULL;
	}
	*ret_top = json_object_parse(text, size_bytes, &why);
	bank = json_object_get(*ret_top, BANK);
	if (json_is_array(bank) && json_array_size(bank) <= SEALPOLICY_SIGNATURE_COUNT_MAX)
		return bank;
	failure_set(error, FAULT_SEAL_SIGNATURES, "the list of PCR signatures: %s",
		    why != NULL ? why : "it has no bank sha256 of up to 256 signatures");
	return NULL;
}

GBytes *sealpolicy_signature_find(GBytes *pcrsig, const struct signkey_public *key,
				  const uint8_t policy[static PCRPOLICY_DIGEST_SIZE],
				  GError **error)
{
	g_autoptr(JsonValue) top = NULL;
	g_autofree char *hex = NULL;
	json_t *bank = bank_parse(pcrsig, &top, error);
	json_t *entry;
	size_t i;

	if (bank == NULL)
		return NULL;
	json_array_foreach(bank, i, entry)
	{
		if (entry_matches(entry, key, policy))
			return signature_take(entry, key, error);
	}
	hex = crypto_hex(key->print, sizeof key->print);
	failure_set(error, FAULT_SEAL_STATE,
		    "the running UKI has no signature by the key %.16s for this phase of its boot",
		    hex);
	return NULL;
}

gboolean sealpolicy_uki_fits(GBytes *uki, const struct signkey_public *key, const char *phase,
			     GError **error)
{
	g_autoptr(GBytes) pcrsig = uki_section_get(uki, ".pcrsig", error);
	g_autoptr(GBytes) signature = NULL;
	uint8_t policy[PCRPOLICY_DIGEST_SIZE];
	struct pcr11 pcr;

	if (pcrsig == NULL || !pcr11_predict(uki, pcr11_bank_find(BANK, NULL), &pcr, error))
		return FALSE;
	pcr11_extend(&pcr, phase);
	pcrpolicy_digest(&pcr, policy);
	signature = sealpolicy_signature_find(pcrsig, key, policy, error);
	if (signature == NULL)
		return FALSE;
	return signkey_public_verify(key, policy, sizeof policy, g_bytes_get_data(signature, NULL),
				     g_bytes_get_size(signature)) ||
	       failure_set(error, FAULT_SEAL_SIGNATURE,
			   "the UKI's PCR signature is not by the key that it names");
}
