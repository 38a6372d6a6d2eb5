/* SPDX-License-Identifier: MIT */
#include "signkey.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/store.h>

#include "enginekey.h"
#include "failure.h"

static const char TOKEN_SCHEME[] = "pkcs11:";

enum { BITS_MIN = 2048, BITS_MAX = 4096, EXPONENT = 65537 };

struct signkey_rsa {
	EVP_PKEY *key;
	char *where;
};

static gboolean key_failure(const char *what, const char *where, GError **error)
{
	const char *reason = ERR_reason_error_string(ERR_peek_last_error());
	g_autofree char *shown = signkey_shown(where);

	return failure_set(error, FAULT_KEY_UNREADABLE, "%s %s: %s", what, shown,
			   reason != NULL ? reason : "no private key is there");
}

/* pin-value is an attribute of a pkcs11: URI (RFC 7512, 2.3). */
char *signkey_shown(const char *where)
{
	static const char PIN[] = "pin-value=";
	GString *shown = g_string_new(NULL);
	const char *pin = g_str_has_prefix(where, TOKEN_SCHEME) ? strstr(where, PIN) : NULL;

	for (; pin != NULL; pin = strstr(where, PIN)) {
		g_string_append_len(shown, where, pin - where);
		where = pin + strcspn(pin, ";&?");
	}
	g_string_append(shown, where);
	return g_string_free(shown, FALSE);
}

static EVP_PKEY *store_load(const char *where, GError **error)
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

static gboolean has_provider(const char *scheme)
{
	OSSL_STORE_LOADER *loader = OSSL_STORE_LOADER_fetch(NULL, scheme, NULL);

	OSSL_STORE_LOADER_free(loader);
	return loader != NULL;
}

struct evp_pkey_st *signkey_load(const char *where, GError **error)
{
	return g_str_has_prefix(where, TOKEN_SCHEME) && !has_provider("pkcs11")
		       ? enginekey_load(where, error)
		       : store_load(where, error);
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
	g_autofree char *shown = signkey_shown(where);
	struct signkey_rsa *key;

	if (loaded == NULL)
		return NULL;
	if (!EVP_PKEY_is_a(loaded, "RSA") || EVP_PKEY_get_bits(loaded) < BITS_MIN ||
	    EVP_PKEY_get_bits(loaded) > BITS_MAX) {
		EVP_PKEY_free(loaded);
		failure_set(error, FAULT_KEY_KIND,
			    "%s is no RSA key of %d to %d bits, which TPMs check policies with",
			    shown, BITS_MIN, BITS_MAX);
		return NULL;
	}
	key = g_new0(struct signkey_rsa, 1);
	key->key = loaded;
	key->where = g_steal_pointer(&shown);
	return key;
}

/* Keys of an engine have no encoders; these two ask for them where there are any. */

GBytes *signkey_rsa_public(const struct signkey_rsa *key, GError **error)
{
	BIO *text = BIO_new(BIO_s_mem());
	GBytes *encoded = NULL;
	char *bytes;

	if (text != NULL && PEM_write_bio_PUBKEY(text, key->key) == 1) {
		const long size_bytes = BIO_get_mem_data(text, &bytes);

		encoded = g_bytes_new(bytes, (gsize)size_bytes);
	} else {
		key_failure("cannot tell the public key of", key->where, error);
	}
	BIO_free(text);
	return encoded;
}

gboolean signkey_rsa_print(const struct signkey_rsa *key,
			   uint8_t ret_print[static SIGNKEY_PRINT_SIZE], GError **error)
{
	unsigned char *encoded = NULL;
	const int size_bytes = i2d_PublicKey(key->key, &encoded); /* PKCS#1, for RSA */
	const gboolean done = size_bytes > 0 && EVP_Digest(encoded, (size_t)size_bytes, ret_print,
							   NULL, EVP_sha256(), NULL) == 1;

	OPENSSL_free(encoded);
	return done || key_failure("cannot hash the public key of", key->where, error);
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

/* TPMs keep the exponent apart, and only know this one by heart: the name of a key with another
 * one would be another one in each TPM's eyes. */
static gboolean public_read(EVP_PKEY *key, struct signkey_public *ret_public)
{
	struct signkey_public public = { .modulus_size = 0 };
	unsigned char *encoded = NULL;
	BIGNUM *modulus = NULL, *exponent = NULL;
	gboolean done = EVP_PKEY_is_a(key, "RSA") && EVP_PKEY_get_bits(key) >= BITS_MIN &&
			EVP_PKEY_get_bits(key) <= BITS_MAX &&
			EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_N, &modulus) == 1 &&
			EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_E, &exponent) == 1 &&
			BN_is_word(exponent, EXPONENT) && BN_num_bits(modulus) % 1024 == 0;

	if (done) {
		const int encoded_size = i2d_PublicKey(key, &encoded); /* PKCS#1, for RSA */

		public.modulus_size = (unsigned)BN_bn2bin(modulus, public.modulus);
		done = encoded_size > 0 && EVP_Digest(encoded, (size_t)encoded_size, public.print,
						      NULL, EVP_sha256(), NULL) == 1;
	}
	OPENSSL_free(encoded);
	BN_free(modulus);
	BN_free(exponent);
	if (done)
		*ret_public = public;
	return done;
}

gboolean signkey_public_decode(GBytes *pem, struct signkey_public *ret_public, GError **error)
{
	gsize size_bytes;
	const void *bytes = g_bytes_get_data(pem, &size_bytes);
	BIO *text = size_bytes <= SIGNKEY_PEM_MAX ? BIO_new_mem_buf(bytes, (int)size_bytes) : NULL;
	EVP_PKEY *key = text != NULL ? PEM_read_bio_PUBKEY(text, NULL, NULL, NULL) : NULL;
	gboolean done;

	BIO_free(text);
	if (key == NULL)
		return failure_set(error, FAULT_KEY_UNREADABLE,
				   "the public key for PCR policies is no PEM of a public key");
	done = public_read(key, ret_public);
	EVP_PKEY_free(key);
	return done || failure_set(error, FAULT_KEY_KIND,
				   "the public key for PCR policies is no RSA key of %d to %d "
				   "bits with exponent %d",
				   BITS_MIN, BITS_MAX, EXPONENT);
}

static EVP_PKEY *public_build(const struct signkey_public *public)
{
	OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();
	BIGNUM *modulus = BN_bin2bn(public->modulus, (int)public->modulus_size, NULL);
	EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
	OSSL_PARAM *parameters = NULL;
	EVP_PKEY *key = NULL;

	if (builder != NULL && modulus != NULL && context != NULL &&
	    OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_N, modulus) == 1 &&
	    OSSL_PARAM_BLD_push_uint(builder, OSSL_PKEY_PARAM_RSA_E, EXPONENT) == 1)
		parameters = OSSL_PARAM_BLD_to_param(builder);
	if (parameters != NULL && EVP_PKEY_fromdata_init(context) == 1)
		(void)EVP_PKEY_fromdata(context, &key, EVP_PKEY_PUBLIC_KEY, parameters);
	OSSL_PARAM_free(parameters);
	OSSL_PARAM_BLD_free(builder);
	EVP_PKEY_CTX_free(context);
	BN_free(modulus);
	return key; /* NULL on failure of any of them */
}

gboolean signkey_public_verify(const struct signkey_public *key, const uint8_t *bytes,
			       size_t size_bytes, const uint8_t *signature, size_t signature_size)
{
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	EVP_PKEY *rsa = public_build(key);
	EVP_PKEY_CTX *padding = NULL;
	const gboolean good =
		context != NULL && rsa != NULL &&
		EVP_DigestVerifyInit(context, &padding, EVP_sha256(), NULL, rsa) == 1 &&
		EVP_PKEY_CTX_set_rsa_padding(padding, RSA_PKCS1_PADDING) == 1 &&
		EVP_DigestVerify(context, signature, signature_size, bytes, size_bytes) == 1;

	EVP_MD_CTX_free(context);
	EVP_PKEY_free(rsa);
	return good;
}
