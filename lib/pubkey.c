/* SPDX-License-Identifier: MIT */
#include "pubkey.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>
#include <string.h>

#include "failure.h"

enum {
	ANCHORS_MAX = 64,
	POINT_SIZE = 32,
	NAME_SIZE = 256,
	SECURITY_LEVEL = 2, /* of OpenSSL: no SHA-1 in the chain, no RSA key under 2048 bits */
};

struct pubkey {
	EVP_PKEY *key;
};

G_DEFINE_AUTOPTR_CLEANUP_FUNC(BIO, BIO_free_all)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(BIGNUM, BN_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(X509, X509_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(X509_STORE, X509_STORE_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(X509_STORE_CTX, X509_STORE_CTX_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ECDSA_SIG, ECDSA_SIG_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(EVP_MD_CTX, EVP_MD_CTX_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(EVP_PKEY_CTX, EVP_PKEY_CTX_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(OSSL_PARAM_BLD, OSSL_PARAM_BLD_free)

static struct pubkey *pubkey_new(EVP_PKEY *key)
{
	struct pubkey *made = g_new0(struct pubkey, 1);

	made->key = key;
	return made;
}

void pubkey_free(struct pubkey *key)
{
	if (key == NULL)
		return;
	EVP_PKEY_free(key->key);
	g_free(key);
}

static EVP_PKEY *key_from(const char *algorithm, OSSL_PARAM_BLD *builder)
{
	g_autoptr(EVP_PKEY_CTX) context = EVP_PKEY_CTX_new_from_name(NULL, algorithm, NULL);
	OSSL_PARAM *parameters = OSSL_PARAM_BLD_to_param(builder);
	EVP_PKEY *key = NULL;

	if (context == NULL || parameters == NULL || EVP_PKEY_fromdata_init(context) != 1 ||
	    EVP_PKEY_fromdata(context, &key, EVP_PKEY_PUBLIC_KEY, parameters) != 1)
		key = NULL;
	OSSL_PARAM_free(parameters);
	return key;
}

static EVP_PKEY *rsa_key(const struct quote_key *key)
{
	g_autoptr(OSSL_PARAM_BLD) builder = OSSL_PARAM_BLD_new();
	g_autoptr(BIGNUM)
		modulus = BN_bin2bn(key->modulus.bytes, (int)key->modulus.size_bytes, NULL);

	if (OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_N, modulus) != 1 ||
	    OSSL_PARAM_BLD_push_uint32(builder, OSSL_PKEY_PARAM_RSA_E, key->exponent) != 1)
		return NULL;
	return key_from("RSA", builder);
}

/* TPMs may leave leading zeros out. */
static void coordinate_copy(uint8_t to[static POINT_SIZE], const struct quote_bytes *from)
{
	memset(to, 0, POINT_SIZE);
	if (from->size_bytes > 0)
		memcpy(to + POINT_SIZE - from->size_bytes, from->bytes, from->size_bytes);
}

static EVP_PKEY *ecc_key(const struct quote_key *key)
{
	g_autoptr(OSSL_PARAM_BLD) builder = OSSL_PARAM_BLD_new();
	uint8_t point[1 + 2 * POINT_SIZE] = { POINT_CONVERSION_UNCOMPRESSED };

	coordinate_copy(point + 1, &key->x);
	coordinate_copy(point + 1 + POINT_SIZE, &key->y);
	if (OSSL_PARAM_BLD_push_utf8_string(builder, OSSL_PKEY_PARAM_GROUP_NAME, "prime256v1", 0) !=
		    1 ||
	    OSSL_PARAM_BLD_push_octet_string(builder, OSSL_PKEY_PARAM_PUB_KEY, point,
					     sizeof point) != 1)
		return NULL;
	return key_from("EC", builder);
}

struct pubkey *pubkey_of_quote(const struct quote_key *key, GError **error)
{
	EVP_PKEY *made = key->is_rsa ? rsa_key(key) : ecc_key(key);

	ERR_clear_error();
	if (made != NULL)
		return pubkey_new(made);
	failure_set(error, FAULT_ATTEST_QUOTE, "the attestation key is no public key");
	return NULL;
}

struct pubkey *pubkey_load(const char *path, GError **error)
{
	g_autoptr(BIO) file = BIO_new_file(path, "r");
	EVP_PKEY *key = file != NULL ? PEM_read_bio_PUBKEY(file, NULL, NULL, NULL) : NULL;
	g_autoptr(X509) certificate = NULL;

	if (key == NULL && file != NULL && BIO_reset(file) == 0)
		certificate = PEM_read_bio_X509(file, NULL, NULL, NULL);
	if (certificate != NULL)
		key = X509_get_pubkey(certificate);
	ERR_clear_error();
	if (key != NULL)
		return pubkey_new(key);
	failure_set(error, FAULT_KEY_UNREADABLE, "%s holds no public key and no certificate", path);
	return NULL;
}

static X509_STORE *anchors_load(const char *path, STACK_OF(X509) * between, GError **error)
{
	g_autoptr(X509_STORE) store = X509_STORE_new();
	g_autoptr(BIO) file = BIO_new_file(path, "r");
	X509 *certificate;
	unsigned count = 0;

	while (file != NULL && count < ANCHORS_MAX &&
	       (certificate = PEM_read_bio_X509(file, NULL, NULL, NULL)) != NULL) {
		/* Whoever issued himself is an anchor, the others may lead to one. */
		if (X509_self_signed(certificate, 0) == 1)
			(void)X509_STORE_add_cert(store,
						  certificate); /* else nothing leads there */
		sk_X509_push(between, certificate);
		count++;
	}
	ERR_clear_error();
	X509_VERIFY_PARAM_set_auth_level(X509_STORE_get0_param(store), SECURITY_LEVEL);
	if (count > 0)
		return g_steal_pointer(&store);
	failure_set(error, FAULT_KEY_UNREADABLE, "%s holds no certificate", path);
	return NULL;
}

static gboolean chain_check(X509 *certificate, X509_STORE *store, STACK_OF(X509) * between,
			    GError **error)
{
	g_autoptr(X509_STORE_CTX) context = X509_STORE_CTX_new();
	int outcome;

	if (context == NULL || X509_STORE_CTX_init(context, store, certificate, between) != 1)
		g_error("OpenSSL has no memory");
	outcome = X509_verify_cert(context);
	ERR_clear_error();
	return outcome == 1 ||
	       failure_set(error, FAULT_ATTEST_KEY_UNKNOWN,
			   "the attestation key's certificate is not trusted: %s",
			   X509_verify_cert_error_string(X509_STORE_CTX_get_error(context)));
}

struct pubkey *pubkey_of_certificate(GBytes *certificate, const char *anchors, char **ret_name,
				     GError **error)
{
	gsize size_bytes;
	const unsigned char *bytes = g_bytes_get_data(certificate, &size_bytes);
	const unsigned char *at = bytes;
	g_autoptr(X509) leaf = d2i_X509(NULL, &at, (long)size_bytes);
	STACK_OF(X509) *between = sk_X509_new_null();
	g_autoptr(X509_STORE) store = anchors_load(anchors, between, error);
	char name[NAME_SIZE] = "";
	EVP_PKEY *key = NULL;

	if (store != NULL && (leaf == NULL || at != bytes + size_bytes))
		failure_set(error, FAULT_ATTEST_KEY_UNKNOWN,
			    "the attestation key's certificate is no certificate");
	else if (store != NULL && chain_check(leaf, store, between, error)) {
		key = X509_get_pubkey(leaf);
		X509_NAME_oneline(X509_get_subject_name(leaf), name, sizeof name);
		if (key == NULL)
			failure_set(error, FAULT_ATTEST_KEY_UNKNOWN,
				    "the attestation key's certificate holds no key");
	}
	sk_X509_pop_free(between, X509_free);
	ERR_clear_error();
	if (key == NULL)
		return NULL;
	*ret_name = g_strdup(name);
	return pubkey_new(key);
}

gboolean pubkey_equals(const struct pubkey *a, const struct pubkey *b)
{
	return EVP_PKEY_eq(a->key, b->key) == 1;
}

char *pubkey_pem(const struct pubkey *key)
{
	g_autoptr(BIO) text = BIO_new(BIO_s_mem());
	char *bytes = NULL;
	long size_bytes;

	if (PEM_write_bio_PUBKEY(text, key->key) != 1)
		g_error("OpenSSL cannot write a public key");
	size_bytes = BIO_get_mem_data(text, &bytes);
	return g_strndup(bytes, (gsize)size_bytes);
}

void pubkey_print(const struct pubkey *key, uint8_t ret_print[static PUBKEY_PRINT_SIZE])
{
	unsigned char *der = NULL;
	const int size_bytes = i2d_PUBKEY(key->key, &der);

	if (size_bytes < 0 ||
	    EVP_Digest(der, (size_t)size_bytes, ret_print, NULL, EVP_sha256(), NULL) != 1)
		g_error("OpenSSL cannot hash a public key");
	OPENSSL_free(der);
}

/* As OpenSSL wants it: DER. NULL, and nothing, for no numbers. */
static unsigned char *ecdsa_encode(const struct quote_signature *signature, size_t *ret_size)
{
	g_autoptr(ECDSA_SIG) pair = ECDSA_SIG_new();
	BIGNUM *r = BN_bin2bn(signature->r.bytes, (int)signature->r.size_bytes, NULL);
	BIGNUM *s = BN_bin2bn(signature->s.bytes, (int)signature->s.size_bytes, NULL);
	unsigned char *der = NULL;
	int size_bytes;

	if (pair == NULL || ECDSA_SIG_set0(pair, r, s) != 1)
		g_error("OpenSSL has no memory");
	size_bytes = i2d_ECDSA_SIG(pair, &der);
	*ret_size = size_bytes > 0 ? (size_t)size_bytes : 0;
	return der;
}

static gboolean bytes_verify(EVP_PKEY *key, GBytes *bytes, const unsigned char *signature,
			     size_t signature_size)
{
	g_autoptr(EVP_MD_CTX) context = EVP_MD_CTX_new();
	gsize size_bytes;
	const unsigned char *data = g_bytes_get_data(bytes, &size_bytes);
	const gboolean good = context != NULL &&
			      EVP_DigestVerifyInit(context, NULL, EVP_sha256(), NULL, key) == 1 &&
			      EVP_DigestVerify(context, signature, signature_size, data,
					       size_bytes) == 1;

	ERR_clear_error();
	return good;
}

gboolean pubkey_verify(const struct pubkey *key, GBytes *bytes,
		       const struct quote_signature *signature)
{
	unsigned char *der;
	size_t der_size;
	gboolean good;

	if (EVP_PKEY_is_a(key->key, signature->is_rsa ? "RSA" : "EC") != 1)
		return FALSE;
	if (signature->is_rsa) /* PKCS#1 v1.5 is what OpenSSL has by default */
		return bytes_verify(key->key, bytes, signature->r.bytes, signature->r.size_bytes);
	der = ecdsa_encode(signature, &der_size);
	good = bytes_verify(key->key, bytes, der, der_size);
	OPENSSL_free(der);
	return good;
}
