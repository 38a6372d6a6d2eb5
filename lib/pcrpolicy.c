/* SPDX-License-Identifier: MIT */
#include "pcrpolicy.h"

#include <string.h>

#include "crypto.h"
#include "json.h"

enum {
	PCR = 11,
	POLICY_PCR = 0x0000017f, /* TPM2_CC_PolicyPCR */
	SELECT_SIZE = 3,
};

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

/* One signature, as systemd-cryptsetup looks it up: by PCRs, key and policy. */
static json_t *signature_make(const struct signkey_rsa *key, const uint8_t *digest, GError **error)
{
	g_autofree char *print_hex = NULL;
	g_autofree char *digest_hex = crypto_hex(digest, PCRPOLICY_DIGEST_SIZE);
	g_autofree char *signature_text = NULL;
	g_autoptr(GBytes) signature = signkey_rsa_sign(key, digest, PCRPOLICY_DIGEST_SIZE, error);
	uint8_t print[SIGNKEY_PRINT_SIZE];

	if (signature == NULL || !signkey_rsa_print(key, print, error))
		return NULL;
	print_hex = crypto_hex(print, sizeof print);
	signature_text = g_base64_encode(g_bytes_get_data(signature, NULL),
					 g_bytes_get_size(signature));
	return json_pack("{s:[i],s:s,s:s,s:s}", "pcrs", PCR, "pkfp", print_hex, "pol", digest_hex,
			 "sig", signature_text);
}

/* All paths, by all keys, for one state of the PCR. */
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
		for (guint i = 0; i < policy->keys->len; i++) {
			json_t *signature = signature_make(g_ptr_array_index(policy->keys, i),
							   digest, error);

			if (signature == NULL)
				return FALSE;
			json_array_append_new(list, signature);
		}
	}
	return TRUE;
}

GBytes *pcrpolicy_sign(const struct pcrpolicy *policy, GError **error)
{
	g_autoptr(JsonValue) banks = json_object();
	char *text;

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
	text = json_dumps(banks, JSON_COMPACT);
	return g_bytes_new_with_free_func(text, strlen(text), free, text);
}
