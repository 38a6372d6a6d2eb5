/* SPDX-License-Identifier: MIT */
#include "tufkey.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <string.h>

#include "canonjson.h"
#include "crypto.h"
#include "failure.h"

enum {
	ED25519_SIZE = 32,
	COORDINATE_SIZE = 32,
	EXPONENT_MIN = 65537,
	WORD_MAX = 64, /* characters of a type or scheme */
};

enum kind { KIND_UNKNOWN, KIND_ED25519, KIND_ECDSA, KIND_RSA };

struct tufkey {
	char *id;
	enum kind kind;
	EVP_PKEY *key; /* NULL: KIND_UNKNOWN */
	uint8_t print[TUFKEY_PRINT_SIZE];
};

G_DEFINE_AUTOPTR_CLEANUP_FUNC(BIO, BIO_free_all)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(BIGNUM, BN_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(EVP_MD_CTX, EVP_MD_CTX_free)

static const struct {
	const char *type;
	const char *scheme;
	enum kind kind;
} ROWS[] = {
	{ "ed25519", "ed25519", KIND_ED25519 },
	{ "ecdsa", "ecdsa-sha2-nistp256", KIND_ECDSA },
	{ "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp256", KIND_ECDSA }, /* as it was once named */
	{ "rsa", "rsassa-pss-sha256", KIND_RSA },
};

static enum kind kind_find(const char *type, const char *scheme)
{
	for (unsigned i = 0; i < G_N_ELEMENTS(ROWS); i++)
		if (strcmp(ROWS[i].type, type) == 0 && strcmp(ROWS[i].scheme, scheme) == 0)
			return ROWS[i].kind;
	return KIND_UNKNOWN;
}

/* One block "PUBLIC KEY", not encrypted: OpenSSL's own readers take more, and may ask for a
 * passphrase. */
static EVP_PKEY *pem_decode(const char *text)
{
	g_autoptr(BIO) file = BIO_new_mem_buf(text, -1);
	char *name = NULL;
	char *header = NULL;
	unsigned char *der = NULL;
	long size_bytes = 0;
	EVP_PKEY *key = NULL;

	if (PEM_read_bio(file, &name, &header, &der, &size_bytes) == 1 &&
	    strcmp(name, PEM_STRING_PUBLIC) == 0 && header[0] == '\0') {
		const unsigned char *at = der;

		key = d2i_PUBKEY(NULL, &at, size_bytes);
		if (at != der + size_bytes)
			g_clear_pointer(&key, EVP_PKEY_free);
	}
	OPENSSL_free(name);
	OPENSSL_free(header);
	OPENSSL_free(der);
	return key;
}

/* Prints are of what the private key decides, and no more: the sign of a point can be flipped and
 * an RSA exponent chosen by whoever holds one of the two. */
static void print_make(struct tufkey *key, const uint8_t *bytes, size_t size_bytes)
{
	const uint8_t kind = (uint8_t)key->kind;

	crypto_digest("SHA256", &kind, sizeof kind, bytes, size_bytes, key->print);
}

static gboolean ed25519_take(struct tufkey *key, const char *text)
{
	uint8_t bytes[ED25519_SIZE];

	if (strlen(text) != 2 * sizeof bytes || !crypto_unhex(text, bytes, sizeof bytes))
		return FALSE;
	key->key = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, bytes, sizeof bytes);
	bytes[ED25519_SIZE - 1] &= 0x7f;
	print_make(key, bytes, sizeof bytes);
	return key->key != NULL;
}

static gboolean ecdsa_take(struct tufkey *key, const char *text)
{
	char group[32] = "";
	uint8_t bytes[COORDINATE_SIZE];
	BIGNUM *x = NULL;

	key->key = pem_decode(text);
	if (key->key == NULL || EVP_PKEY_is_a(key->key, "EC") != 1 ||
	    EVP_PKEY_get_group_name(key->key, group, sizeof group, NULL) != 1 ||
	    strcmp(group, SN_X9_62_prime256v1) != 0 ||
	    EVP_PKEY_get_bn_param(key->key, OSSL_PKEY_PARAM_EC_PUB_X, &x) != 1)
		return FALSE;
	if (BN_bn2binpad(x, bytes, sizeof bytes) != sizeof bytes)
		g_error("a coordinate on P-256 has more than %zu bytes", sizeof bytes);
	BN_free(x);
	print_make(key, bytes, sizeof bytes);
	return TRUE;
}

static gboolean rsa_is_sound(const BIGNUM *modulus, const BIGNUM *exponent)
{
	const int bits = BN_num_bits(modulus);

	return bits >= TUFKEY_RSA_BITS_MIN && bits <= TUFKEY_RSA_BITS_MAX && BN_is_odd(modulus) &&
	       BN_num_bits(exponent) <= 32 && BN_is_odd(exponent) &&
	       BN_get_word(exponent) >= EXPONENT_MIN;
}

static gboolean rsa_take(struct tufkey *key, const char *text)
{
	uint8_t bytes[TUFKEY_RSA_BITS_MAX / 8];
	BIGNUM *modulus = NULL;
	BIGNUM *exponent = NULL;
	gboolean sound = FALSE;

	key->key = pem_decode(text);
	if (key->key != NULL && EVP_PKEY_is_a(key->key, "RSA") == 1 &&
	    EVP_PKEY_get_bn_param(key->key, OSSL_PKEY_PARAM_RSA_N, &modulus) == 1 &&
	    EVP_PKEY_get_bn_param(key->key, OSSL_PKEY_PARAM_RSA_E, &exponent) == 1)
		sound = rsa_is_sound(modulus, exponent);
	if (sound)
		print_make(key, bytes, (size_t)BN_bn2bin(modulus, bytes));
	BN_free(modulus);
	BN_free(exponent);
	return sound;
}

static gboolean public_take(struct tufkey *key, const char *text)
{
	switch (key->kind) {
	case KIND_ED25519:
		return ed25519_take(key, text);
	case KIND_ECDSA:
		return ecdsa_take(key, text);
	case KIND_RSA:
		return rsa_take(key, text);
	case KIND_UNKNOWN:
		break;
	}
	g_assert_not_reached();
}

static const char *text_get(const json_t *object, const char *name, size_t max)
{
	const json_t *value = json_object_get(object, name);

	return json_is_string(value) && json_string_length(value) <= max ? json_string_value(value)
									 : NULL;
}

static gboolean id_check(const char *id, const json_t *value, GError **error)
{
	g_autoptr(GBytes) canonical = canonjson(value, error);
	uint8_t hash[CRYPTO_HASH_SIZE];
	g_autofree char *hex = NULL;
	g_autofree char *shown = NULL;
	const void *bytes;
	gsize size_bytes;

	if (canonical == NULL)
		return FALSE;
	bytes = g_bytes_get_data(canonical, &size_bytes);
	crypto_digest("SHA256", bytes, size_bytes, NULL, 0, hash);
	hex = crypto_hex(hash, sizeof hash);
	if (strcmp(hex, id) == 0)
		return TRUE;
	shown = g_strescape(id, NULL);
	return failure_set(error, FAULT_TUF_KEY_ID, "a key stands under %.80s, but is %s", shown,
			   hex);
}

struct tufkey *tufkey_decode(const char *id, const json_t *value, GError **error)
{
	const char *type = text_get(value, "keytype", WORD_MAX);
	const char *scheme = text_get(value, "scheme", WORD_MAX);
	const json_t *holder = json_object_get(value, "keyval");
	const char *text = text_get(holder, "public", TUFKEY_PUBLIC_MAX);
	g_autoptr(Tufkey) key = NULL;
	gboolean taken;

	if (!id_check(id, value, error))
		return NULL;
	if (type == NULL || scheme == NULL || !json_is_object(holder)) {
		failure_set(error, FAULT_TUF_KEY,
			    "key %.16s has no keytype, no scheme or no keyval", id);
		return NULL;
	}
	key = g_new0(struct tufkey, 1);
	key->id = g_strdup(id);
	key->kind = kind_find(type, scheme);
	if (key->kind == KIND_UNKNOWN)
		return g_steal_pointer(&key);
	taken = text != NULL && public_take(key, text);
	ERR_clear_error();
	if (taken)
		return g_steal_pointer(&key);
	failure_set(error, FAULT_TUF_KEY, "key %.16s is no %s key that can be trusted", id, type);
	return NULL;
}

void tufkey_free(struct tufkey *key)
{
	if (key == NULL)
		return;
	EVP_PKEY_free(key->key);
	g_free(key->id);
	g_free(key);
}

const char *tufkey_id(const struct tufkey *key)
{
	return key->id;
}

const uint8_t *tufkey_print(const struct tufkey *key)
{
	return key->kind == KIND_UNKNOWN ? NULL : key->print;
}

/* The length of the salt is the signer's choice. */
static gboolean pss_set(EVP_PKEY_CTX *context)
{
	return EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PSS_PADDING) == 1 &&
	       EVP_PKEY_CTX_set_rsa_mgf1_md(context, EVP_sha256()) == 1 &&
	       EVP_PKEY_CTX_set_rsa_pss_saltlen(context, RSA_PSS_SALTLEN_AUTO) == 1;
}

gboolean tufkey_verify(const struct tufkey *key, GBytes *bytes, GBytes *signature)
{
	g_autoptr(EVP_MD_CTX) context = EVP_MD_CTX_new();
	EVP_PKEY_CTX *parameters = NULL; /* the context's */
	const EVP_MD *hash = key->kind == KIND_ED25519 ? NULL : EVP_sha256();
	gsize data_size, signature_size;
	const void *data = g_bytes_get_data(bytes, &data_size);
	const void *given = g_bytes_get_data(signature, &signature_size);
	gboolean good;

	if (key->kind == KIND_UNKNOWN || signature_size == 0)
		return FALSE;
	if (context == NULL)
		g_error("OpenSSL has no memory");
	good = EVP_DigestVerifyInit(context, &parameters, hash, NULL, key->key) == 1 &&
	       (key->kind != KIND_RSA || pss_set(parameters)) &&
	       EVP_DigestVerify(context, given, signature_size, data, data_size) == 1;
	ERR_clear_error();
	return good;
}
