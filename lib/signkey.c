/* SPDX-License-Identifier: MIT */
#include "signkey.h"

#include <openssl/encoder.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/store.h>

#include "failure.h"

enum { BITS_MIN = 2048, BITS_MAX = 4096 };

struct signkey_rsa {
	EVP_PKEY *key;
	char *where;
};

static gboolean key_failure(const char *what, const char *where, GError **error)
{
	const char *reason = ERR_reason_error_string(ERR_peek_last_error());

	return failure_set(error, FAULT_KEY_UNREADABLE, "%s %s: %s", what, where,
			   reason != NULL ? reason : "no private key is there");
}

struct evp_pkey_st *signkey_load(const char *where, GError **error)
{
	OSSL_STORE_CTX *store;
	EVP_PKEY *key = NULL;

	ERR_clear_error();
	store = OSSL_STORE_open(where, NULL, NULL, NULL, NULL);
	if (store != NULL)
		(void)OSSL_STORE_expect(store, OSSL_STORE_INFO_PKEY); /* else all are looked at */
	while (store != NULL && key == NULL && !OSSL_STORE_eof(store)) {
		OSSL_STORE_INFO *info = OSSL_STORE_load(store);

		if (info != NULL && OSSL_STORE_INFO_get_type(info) == OSSL_STORE_INFO_PKEY)
			key = OSSL_STORE_INFO_get1_PKEY(info);
		OSSL_STORE_INFO_free(info);
		if (info == NULL && OSSL_STORE_error(store) != 0)
			break;
	}
	if (key == NULL)
		key_failure("cannot read the private key", where, error);
	(void)OSSL_STORE_close(store); /* read only */
	return key;
}

void signkey_rsa_free(struct signkey_rsa *key)
{
	if (key == NULL)
		return;
	EVP_PKEY_free(key->key);
	g_free(key->where);
	g_free(key);
}

struct signkey_rsa *signkey_rsa_load(const char *where, GError **error)
{
	EVP_PKEY *loaded = signkey_load(where, error);
	struct signkey_rsa *key;

	if (loaded == NULL)
		return NULL;
	if (!EVP_PKEY_is_a(loaded, "RSA") || EVP_PKEY_get_bits(loaded) < BITS_MIN ||
	    EVP_PKEY_get_bits(loaded) > BITS_MAX) {
		EVP_PKEY_free(loaded);
		failure_set(error, FAULT_KEY_KIND,
			    "%s is no RSA key of %d to %d bits, which TPMs check policies with",
			    where, BITS_MIN, BITS_MAX);
		return NULL;
	}
	key = g_new0(struct signkey_rsa, 1);
	key->key = loaded;
	key->where = g_strdup(where);
	return key;
}

static GBytes *public_encode(const struct signkey_rsa *key, const char *format,
			     const char *structure, GError **error)
{
	OSSL_ENCODER_CTX *encoder = OSSL_ENCODER_CTX_new_for_pkey(key->key, EVP_PKEY_PUBLIC_KEY,
								  format, structure, NULL);
	unsigned char *bytes = NULL;
	size_t size_bytes = 0;
	GBytes *encoded = NULL;

	if (encoder != NULL && OSSL_ENCODER_to_data(encoder, &bytes, &size_bytes) == 1)
		encoded = g_bytes_new(bytes, size_bytes);
	else
		key_failure("cannot tell the public key of", key->where, error);
	OPENSSL_free(bytes);
	OSSL_ENCODER_CTX_free(encoder);
	return encoded;
}

GBytes *signkey_rsa_public(const struct signkey_rsa *key, GError **error)
{
	return public_encode(key, "PEM", "SubjectPublicKeyInfo", error);
}

gboolean signkey_rsa_print(const struct signkey_rsa *key,
			   uint8_t ret_print[static SIGNKEY_PRINT_SIZE], GError **error)
{
	g_autoptr(GBytes) encoded = public_encode(key, "DER", "type-specific", error);
	gsize size_bytes;
	const void *bytes;

	if (encoded == NULL)
		return FALSE;
	bytes = g_bytes_get_data(encoded, &size_bytes);
	return EVP_Digest(bytes, size_bytes, ret_print, NULL, EVP_sha256(), NULL) == 1 ||
	       key_failure("cannot hash the public key of", key->where, error);
}

GBytes *signkey_rsa_sign(const struct signkey_rsa *key, const uint8_t *bytes, size_t size_bytes,
			 GError **error)
{
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	EVP_PKEY_CTX *padding = NULL;
	uint8_t signature[BITS_MAX / 8];
	size_t signature_size = sizeof signature;
	gboolean done;

	ERR_clear_error();
	done = context != NULL &&
	       EVP_DigestSignInit(context, &padding, EVP_sha256(), NULL, key->key) == 1 &&
	       EVP_PKEY_CTX_set_rsa_padding(padding, RSA_PKCS1_PADDING) == 1 &&
	       EVP_DigestSign(context, signature, &signature_size, bytes, size_bytes) == 1;
	EVP_MD_CTX_free(context);
	if (!done) {
		key_failure("cannot sign with", key->where, error);
		return NULL;
	}
	return g_bytes_new(signature, signature_size);
}
