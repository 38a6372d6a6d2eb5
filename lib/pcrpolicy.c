/* SPDX-License-Identifier: MIT */
#include "pcrpolicy.h"

#include <string.h>

#include "crypto.h"
#include "failure.h"
#include "json.h"

enum {
	PCR = 11,
	POLICY_PCR = 0x0000017f, /* TPM2_CC_PolicyPCR */
	SELECT_SIZE = 3,
};

const char PCRPOLICY_FLOORS[] = "azupdate-floors";
const char PCRPOLICY_FLOOR_PATH[] = "enter-initrd";

static void append_be(GByteArray *to, uint64_t number, unsigned size_bytes)
{
	while (size_bytes-- > 0) {
		const uint8_t byte = (uint8_t)(number >> (8 * size_bytes));

		g_byte_array_append(to, &byte, 1);
	}
}

/* Sessions of policies use SHA-256, whatever bank they speak of; the digest so far is zeros. */
void pcrpolicy_digest(const struct pcr11 *pcr, uint8_t ret_digest[static PCRPOLICY_DIGEST_SIZE])
{
	static const uint8_t SELECT[SELECT_SIZE] = { [PCR / 8] = 1 << PCR % 8 };
	g_autoptr(CryptoHasher) hasher = crypto_hasher_new(NULL, 0);
	g_autoptr(GByteArray) bytes = g_byte_array_new();
	uint8_t values[CRYPTO_HASH_SIZE];

	crypto_hash(hasher, pcr->value, pcr->bank->size_bytes, values);
	g_byte_array_set_size(bytes, PCRPOLICY_DIGEST_SIZE);
	memset(bytes->data, 0, bytes->len);
	append_be(bytes, POLICY_PCR, 4);
	append_be(bytes, 1, 4); /* TPML_PCR_SELECTION */
	append_be(bytes, pcr->bank->algorithm, 2);
	append_be(bytes, SELECT_SIZE, 1);
	g_byte_array_append(bytes, SELECT, SELECT_SIZE);
	g_byte_array_append(bytes, values, sizeof values);
	crypto_hash(hasher, bytes->data, bytes->len, ret_digest);
}

void pcrpolicy_reference(uint64_t floor, uint8_t ret_reference[static PCRPOLICY_REFERENCE_SIZE])
{
	static const char PURPOSE[] = "azupdate floor";
	const uint64_t number = GUINT64_TO_BE(floor);

	memcpy(ret_reference, PURPOSE, sizeof PURPOSE - 1);
	memcpy(ret_reference + sizeof PURPOSE - 1, &number, sizeof number);
}

/* One signature, as systemd-cryptsetup looks it up: by PCRs, key and policy. `message` begins with
 * the policy's digest. */
static json_t *signature_make(const struct signkey_rsa *key, const uint8_t *message,
			      size_t size_bytes, GError **error)
{
	g_autofree char *print_hex = NULL;
	g_autofree char *digest_hex = crypto_hex(message, PCRPOLICY_DIGEST_SIZE);
	g_autofree char *signature_text = NULL;
	g_autoptr(GBytes) signature = signkey_rsa_sign(key, message, size_bytes, error);
	uint8_t print[SIGNKEY_PRINT_SIZE];

	if (signature == NULL || !signkey_rsa_print(key, print, error))
		return NULL;
	print_hex = crypto_hex(print, sizeof print);
	signature_text = g_base64_encode(g_bytes_get_data(signature, NULL),
					 g_bytes_get_size(signature));
	return json_pack("{s:[i],s:s,s:s,s:s}", "pcrs", PCR, "pkfp", print_hex, "pol", digest_hex,
			 "sig", signature_text);
}

/* By all keys; `floor` NULL: for none. */
static gboolean digest_sign(const struct pcrpolicy *policy, const uint8_t *digest,
			    const uint64_t *floor, json_t *list, GError **error)
{
	uint8_t message[PCRPOLICY_DIGEST_SIZE + PCRPOLICY_REFERENCE_SIZE];

	memcpy(message, digest, PCRPOLICY_DIGEST_SIZE);
	if (floor != NULL)
		pcrpolicy_reference(*floor, message + PCRPOLICY_DIGEST_SIZE);
	for (guint i = 0; i < policy->keys->len; i++) {
		json_t *signature = signature_make(
			g_ptr_array_index(policy->keys, i), message,
			floor != NULL ? sizeof message : PCRPOLICY_DIGEST_SIZE, error);

		if (signature == NULL)
			return FALSE;
		if (floor != NULL)
			json_object_set_new(signature, "floor", json_integer((int64_t)*floor));
		json_array_append_new(list, signature);
	}
	return TRUE;
}

/* All paths for one state of the PCR. */
static gboolean bank_sign(const struct pcrpolicy *policy, const struct pcr11 *booted, json_t *list,
			  GError **error)
{
	for (const char *const *path = policy->paths; *path != NULL; path++) {
		struct pcr11 pcr = *booted;
		uint8_t digest[PCRPOLICY_DIGEST_SIZE];

		if (!pcr11_path_check(*path, error))
			return FALSE;
		pcr11_extend(&pcr, *path);
		pcrpolicy_digest(&pcr, digest);
		if (!digest_sign(policy, digest, NULL, list, error))
			return FALSE;
	}
	return TRUE;
}

/* Gates hang on the bank that sealed secrets hang on. */
static gboolean floors_sign(const struct pcrpolicy *policy, json_t *banks, GError **error)
{
	uint8_t digest[PCRPOLICY_DIGEST_SIZE];
	struct pcr11 pcr;
	json_t *list;

	if (policy->n_floors == 0 || json_object_get(banks, "sha256") == NULL ||
	    !g_strv_contains(policy->paths, PCRPOLICY_FLOOR_PATH))
		return TRUE;
	if (!pcr11_predict(policy->uki, pcr11_bank_find("sha256", NULL), &pcr, error))
		return FALSE;
	list = json_array();
	json_object_set_new(banks, PCRPOLICY_FLOORS, list);
	pcr11_extend(&pcr, PCRPOLICY_FLOOR_PATH);
	pcrpolicy_digest(&pcr, digest);
	for (unsigned i = 0; i < policy->n_floors; i++)
		if (!digest_sign(policy, digest, &policy->floors[i], list, error))
			return FALSE;
	return TRUE;
}

static GBytes *text_bytes(json_t *banks, GError **error)
{
	char *text = json_dumps(banks, JSON_COMPACT);
	const size_t size_bytes = strlen(text);

	if (size_bytes <= PCRPOLICY_SIZE_MAX)
		return g_bytes_new_with_free_func(text, size_bytes, free, text);
	free(text);
	failure_set(error, FAULT_PCRSIG_SIZE,
		    "the PCR signatures have %zu bytes, more than the %d that are read at a boot",
		    size_bytes, PCRPOLICY_SIZE_MAX);
	return NULL;
}

GBytes *pcrpolicy_sign(const struct pcrpolicy *policy, GError **error)
{
	g_autoptr(JsonValue) banks = json_object();

	for (const char *const *name = policy->banks; *name != NULL; name++) {
		const struct pcr11_bank *bank = pcr11_bank_find(*name, error);
		struct pcr11 pcr;
		json_t *list;

		if (bank == NULL || !pcr11_predict(policy->uki, bank, &pcr, error))
			return NULL;
		list = json_array();
		json_object_set_new(banks, *name, list);
		if (!bank_sign(policy, &pcr, list, error))
			return NULL;
	}
	return floors_sign(policy, banks, error) ? text_bytes(banks, error) : NULL;
}
