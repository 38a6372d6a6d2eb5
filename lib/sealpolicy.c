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
	POLICY_NV = 0x00000149,
	COMPARE_UNSIGNED_LE = 0x0009,
	/* A counter that was written: policyWrite, authRead, ownerRead, noDa, written. */
	COUNTER_ATTRIBUTES = 0x22060018,
	COUNTER_SIZE = 8,
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

/* TPMS_NV_PUBLIC. */
void sealpolicy_counter_name(const struct signkey_public *key, uint32_t index,
			     uint8_t ret_name[static SEALPOLICY_NAME_SIZE])
{
	g_autoptr(GByteArray) public = g_byte_array_new();
	uint8_t policy[SEALPOLICY_SIZE];

	sealpolicy_digest(key, NULL, FALSE, policy);
	append_be(public, index, 4);
	append_be(public, ALG_SHA256, 2);
	append_be(public, COUNTER_ATTRIBUTES, 4);
	append_be(public, sizeof policy, 2);
	g_byte_array_append(public, policy, sizeof policy);
	append_be(public, COUNTER_SIZE, 2);
	ret_name[0] = ALG_SHA256 >> 8;
	ret_name[1] = ALG_SHA256 & 0xff;
	crypto_digest(BANK, public->data, public->len, "", 0, ret_name + 2);
}

/* TPM2_PolicyAuthorize forgets the digest so far, puts the key's name to zeros, and then the
 * policyRef, which is empty without a gate. */
static void authorize_add(const struct signkey_public *key, const struct sealpolicy_gate *gate,
			  uint8_t *digest)
{
	g_autoptr(GByteArray) bytes = g_byte_array_new();
	uint8_t name[SEALPOLICY_NAME_SIZE];
	uint8_t reference[PCRPOLICY_REFERENCE_SIZE];

	sealpolicy_name(key, name);
	g_byte_array_set_size(bytes, SEALPOLICY_SIZE);
	memset(bytes->data, 0, bytes->len);
	append_be(bytes, POLICY_AUTHORIZE, 4);
	crypto_digest(BANK, bytes->data, bytes->len, name, sizeof name, digest);
	if (gate != NULL)
		pcrpolicy_reference(gate->floor, reference);
	crypto_digest(BANK, digest, SEALPOLICY_SIZE, reference, gate != NULL ? sizeof reference : 0,
		      digest);
}

/* TPM2_PolicyNV: the counter, compared with the ceiling from its first byte on. */
static void counter_add(const struct signkey_public *key, const struct sealpolicy_gate *gate,
			uint8_t *digest)
{
	g_autoptr(GByteArray) compared = g_byte_array_new();
	g_autoptr(GByteArray) bytes = g_byte_array_new();
	uint8_t name[SEALPOLICY_NAME_SIZE];

	append_be(compared, gate->ceiling, COUNTER_SIZE);
	append_be(compared, 0, 2);
	append_be(compared, COMPARE_UNSIGNED_LE, 2);
	sealpolicy_counter_name(key, gate->index, name);
	g_byte_array_append(bytes, digest, SEALPOLICY_SIZE);
	append_be(bytes, POLICY_NV, 4);
	g_byte_array_set_size(bytes, bytes->len + SEALPOLICY_SIZE);
	crypto_digest(BANK, compared->data, compared->len, "", 0,
		      bytes->data + bytes->len - SEALPOLICY_SIZE);
	crypto_digest(BANK, bytes->data, bytes->len, name, sizeof name, digest);
}

void sealpolicy_digest(const struct signkey_public *key, const struct sealpolicy_gate *gate,
		       gboolean pin, uint8_t ret_digest[static SEALPOLICY_SIZE])
{
	static const uint8_t COMMAND[] = { 0, 0, POLICY_AUTH_VALUE >> 8, POLICY_AUTH_VALUE & 0xff };

	authorize_add(key, gate, ret_digest);
	if (gate != NULL)
		counter_add(key, gate, ret_digest);
	if (pin)
		crypto_digest(BANK, ret_digest, SEALPOLICY_SIZE, COMMAND, sizeof COMMAND,
			      ret_digest);
}

static gboolean hex_equal(json_t *entry, const char *key, const uint8_t *bytes)
{
	const char *text = json_string_value(json_object_get(entry, key));
	uint8_t value[DIGEST_HEX_SIZE / 2];

	return text != NULL && crypto_unhex(text, value, sizeof value) &&
	       memcmp(value, bytes, sizeof value) == 0;
}

/* -1: none, or none that can be. */
static int64_t entry_floor(json_t *entry)
{
	json_t *floor = json_object_get(entry, "floor");

	return json_is_integer(floor) ? json_integer_value(floor) : -1;
}

static gboolean entry_matches(json_t *entry, const struct signkey_public *key,
			      const struct sealpolicy_gate *gate, const uint8_t *policy)
{
	json_t *pcrs = json_object_get(entry, "pcrs");

	return json_array_size(pcrs) == 1 && json_is_integer(json_array_get(pcrs, 0)) &&
	       json_integer_value(json_array_get(pcrs, 0)) == PCR &&
	       hex_equal(entry, "pkfp", key->print) && hex_equal(entry, "pol", policy) &&
	       (gate == NULL || entry_floor(entry) == (int64_t)gate->floor);
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
static json_t *list_parse(GBytes *pcrsig, const char *name, json_t **ret_top, GError **error)
{
	g_autofree char *why = NULL;
	gsize size_bytes;
	const char *text = g_bytes_get_data(pcrsig, &size_bytes);
	json_t *list;

	if (size_bytes > SEALPOLICY_SIGNATURES_MAX) {
		failure_set(error, FAULT_SEAL_SIGNATURES,
			    "the list of PCR signatures is larger than %d bytes",
			    SEALPOLICY_SIGNATURES_MAX);
		return NULL;
	}
	*ret_top = json_object_parse(text, size_bytes, &why);
	list = json_object_get(*ret_top, name);
	if (json_is_array(list) && json_array_size(list) <= SEALPOLICY_SIGNATURE_COUNT_MAX)
		return list;
	if (why != NULL)
		failure_set(error, FAULT_SEAL_SIGNATURES, "the list of PCR signatures: %s", why);
	else
		failure_set(error, FAULT_SEAL_SIGNATURES,
			    "the list of PCR signatures: it has no list \"%s\" of up to %d", name,
			    SEALPOLICY_SIGNATURE_COUNT_MAX);
	return NULL;
}

static gboolean none_fits(const struct signkey_public *key, const struct sealpolicy_gate *gate,
			  GError **error)
{
	g_autofree char *hex = crypto_hex(key->print, sizeof key->print);

	if (gate != NULL)
		return failure_set(error, FAULT_SEAL_FLOOR,
				   "the UKI has no signature by the key %.16s for this phase of "
				   "its boot and floor %" G_GUINT64_FORMAT,
				   hex, gate->floor);
	return failure_set(error, FAULT_SEAL_STATE,
			   "the running UKI has no signature by the key %.16s for this phase of "
			   "its boot",
			   hex);
}

static GBytes *entry_find(json_t *list, const struct signkey_public *key,
			  const struct sealpolicy_gate *gate, const uint8_t *policy, GError **error)
{
	json_t *entry;
	size_t i;

	json_array_foreach(list, i, entry)
	{
		if (entry_matches(entry, key, gate, policy))
			return signature_take(entry, key, error);
	}
	none_fits(key, gate, error);
	return NULL;
}

GBytes *sealpolicy_signature_find(GBytes *pcrsig, const struct signkey_public *key,
				  const struct sealpolicy_gate *gate,
				  const uint8_t policy[static PCRPOLICY_DIGEST_SIZE],
				  GError **error)
{
	g_autoptr(JsonValue) top = NULL;
	g_autoptr(GBytes) plain = NULL;
	json_t *list = list_parse(pcrsig, BANK, &top, error);

	if (list == NULL)
		return NULL;
	/* A state that nobody has signed at all is told as such, gate or not. */
	plain = entry_find(list, key, NULL, policy, error);
	if (gate == NULL || plain == NULL)
		return g_steal_pointer(&plain);
	list = json_object_get(top, PCRPOLICY_FLOORS);
	if (json_array_size(list) > SEALPOLICY_SIGNATURE_COUNT_MAX)
		list = NULL;
	return entry_find(list, key, gate, policy, error);
}

gboolean sealpolicy_floor_highest(GBytes *pcrsig, const struct signkey_public *key, uint64_t limit,
				  uint64_t *ret_floor)
{
	g_autoptr(JsonValue) top = NULL;
	json_t *list = list_parse(pcrsig, PCRPOLICY_FLOORS, &top, NULL);
	int64_t highest = -1;
	json_t *entry;
	size_t i;

	json_array_foreach(list, i, entry)
	{
		const int64_t floor = entry_floor(entry);

		if (floor > highest && (uint64_t)floor <= limit &&
		    hex_equal(entry, "pkfp", key->print))
			highest = floor;
	}
	if (highest < 0)
		return FALSE;
	*ret_floor = (uint64_t)highest;
	return TRUE;
}

static gboolean signature_verify(const struct signkey_public *key,
				 const struct sealpolicy_gate *gate, const uint8_t *policy,
				 GBytes *signature)
{
	uint8_t message[PCRPOLICY_DIGEST_SIZE + PCRPOLICY_REFERENCE_SIZE];

	memcpy(message, policy, PCRPOLICY_DIGEST_SIZE);
	if (gate != NULL)
		pcrpolicy_reference(gate->floor, message + PCRPOLICY_DIGEST_SIZE);
	return signkey_public_verify(
		key, message, gate != NULL ? sizeof message : PCRPOLICY_DIGEST_SIZE,
		g_bytes_get_data(signature, NULL), g_bytes_get_size(signature));
}

gboolean sealpolicy_uki_fits(GBytes *uki, const struct signkey_public *key,
			     const struct sealpolicy_gate *gate, const char *phase, GError **error)
{
	g_autoptr(GBytes) pcrsig = uki_section_get(uki, ".pcrsig", error);
	g_autoptr(GBytes) signature = NULL;
	uint8_t policy[PCRPOLICY_DIGEST_SIZE];
	struct pcr11 pcr;

	if (pcrsig == NULL || !pcr11_predict(uki, pcr11_bank_find(BANK, NULL), &pcr, error))
		return FALSE;
	pcr11_extend(&pcr, phase);
	pcrpolicy_digest(&pcr, policy);
	signature = sealpolicy_signature_find(pcrsig, key, gate, policy, error);
	if (signature == NULL)
		return FALSE;
	return signature_verify(key, gate, policy, signature) ||
	       failure_set(error, FAULT_SEAL_SIGNATURE,
			   "the UKI's PCR signature is not by the key that it names");
}
