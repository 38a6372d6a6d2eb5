/* SPDX-License-Identifier: MIT */
#include "tufkey.h"

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <string.h>

#include "canonjson.h"
#include "crypto.h"
#include "failure.h"
#include "tap.h"

static char *pem_of(EVP_PKEY *key)
{
	BIO *file = BIO_new(BIO_s_mem());
	char *bytes = NULL;
	long size_bytes;
	char *text;

	g_assert(PEM_write_bio_PUBKEY(file, key) == 1);
	size_bytes = BIO_get_mem_data(file, &bytes);
	text = g_strndup(bytes, (gsize)size_bytes);
	BIO_free(file);
	return text;
}

static json_t *value_of(const char *type, const char *scheme, const char *public)
{
	return json_pack("{s:s,s:s,s:{s:s}}", "keytype", type, "scheme", scheme, "keyval", "public",
			 public);
}

static char *id_of(const json_t *value)
{
	g_autoptr(GBytes) canonical = canonjson(value, NULL);
	uint8_t hash[CRYPTO_HASH_SIZE];

	crypto_digest("SHA256", g_bytes_get_data(canonical, NULL), g_bytes_get_size(canonical),
		      NULL, 0, hash);
	return crypto_hex(hash, sizeof hash);
}

static struct tufkey *decode(const char *type, const char *scheme, const char *public,
			     fault *ret_why)
{
	g_autoptr(JsonValue) value = value_of(type, scheme, public);
	g_autofree char *id = id_of(value);
	g_autoptr(GError) error = NULL;
	struct tufkey *key = tufkey_decode(id, value, &error);

	*ret_why = error != NULL ? failure_code(error) : FAULT_OK;
	expect((key != NULL) == (error == NULL));
	return key;
}

static void expect_refused(const char *type, const char *scheme, const char *public)
{
	fault why;
	g_autoptr(Tufkey) key = decode(type, scheme, public, &why);

	expect(key == NULL && why == FAULT_TUF_KEY);
}

/* RSA keys sign with the longest salt that fits, to show that the length is the signer's choice. */
static GBytes *sign(EVP_PKEY *key, gboolean hashed, GBytes *bytes)
{
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	EVP_PKEY_CTX *parameters;
	uint8_t signature[1024];
	size_t signature_size = sizeof signature;

	g_assert(EVP_DigestSignInit(context, &parameters, hashed ? EVP_sha256() : NULL, NULL,
				    key) == 1);
	if (EVP_PKEY_is_a(key, "RSA"))
		g_assert(EVP_PKEY_CTX_set_rsa_padding(parameters, RSA_PKCS1_PSS_PADDING) == 1);
	g_assert(EVP_DigestSign(context, signature, &signature_size, g_bytes_get_data(bytes, NULL),
				g_bytes_get_size(bytes)) == 1);
	EVP_MD_CTX_free(context);
	return g_bytes_new(signature, signature_size);
}

static void expect_verifies(const struct tufkey *key, EVP_PKEY *private, gboolean hashed)
{
	g_autoptr(GBytes) bytes = g_bytes_new_static("what is signed", 14);
	g_autoptr(GBytes) others = g_bytes_new_static("what is signeD", 14);
	g_autoptr(GBytes) none = g_bytes_new_static("", 0);
	g_autoptr(GBytes) good = sign(private, hashed, bytes);
	g_autoptr(GBytes) cut = g_bytes_new_from_bytes(good, 0, g_bytes_get_size(good) - 1);

	expect(tufkey_verify(key, bytes, good));
	expect(!tufkey_verify(key, others, good));
	expect(!tufkey_verify(key, bytes, cut));
	expect(!tufkey_verify(key, bytes, none));
	expect(!tufkey_verify(key, bytes, bytes));
}

static void test_ed25519(void)
{
	EVP_PKEY *private = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	uint8_t public[32];
	size_t size_bytes = sizeof public;
	g_autofree char *hex = NULL;
	g_autofree char *upper = NULL;
	fault why;

	EVP_PKEY_get_raw_public_key(private, public, &size_bytes);
	hex = crypto_hex(public, size_bytes);
	{
		g_autoptr(Tufkey) key = decode("ed25519", "ed25519", hex, &why);

		expect(key != NULL);
		expect_verifies(key, private, FALSE);
	}
	upper = g_ascii_strup(hex, -1);
	upper[0] = 'F';
	expect_refused("ed25519", "ed25519", upper);
	hex[63] = '\0';
	expect_refused("ed25519", "ed25519", hex);
	expect_refused("ed25519", "ed25519", "");
	EVP_PKEY_free(private);
}

static void test_ecdsa(void)
{
	EVP_PKEY *private = EVP_EC_gen("P-256");
	EVP_PKEY *other = EVP_EC_gen("P-384");
	g_autofree char *pem = pem_of(private);
	g_autofree char *other_pem = pem_of(other);
	fault why;
	g_autoptr(Tufkey) key = decode("ecdsa", "ecdsa-sha2-nistp256", pem, &why);
	g_autoptr(Tufkey) old = decode("ecdsa-sha2-nistp256", "ecdsa-sha2-nistp256", pem, &why);

	expect(key != NULL && old != NULL);
	expect_verifies(key, private, TRUE);
	expect(strcmp(tufkey_id(key), tufkey_id(old)) != 0);
	expect(memcmp(tufkey_print(key), tufkey_print(old), TUFKEY_PRINT_SIZE) == 0);
	expect_refused("ecdsa", "ecdsa-sha2-nistp256", other_pem);
	expect_refused("rsa", "rsassa-pss-sha256", pem);
	EVP_PKEY_free(private);
	EVP_PKEY_free(other);
}

/* The same key, written in another way: it must not count twice. */
static void test_compressed(void)
{
	EVP_PKEY *private = EVP_EC_gen("P-256");
	g_autofree char *pem = pem_of(private);
	g_autofree char *short_pem = NULL;
	fault why;

	g_assert(EVP_PKEY_set_utf8_string_param(private, OSSL_PKEY_PARAM_EC_POINT_CONVERSION_FORMAT,
						"compressed") == 1);
	short_pem = pem_of(private);
	expect(strlen(short_pem) < strlen(pem));
	{
		g_autoptr(Tufkey) a = decode("ecdsa", "ecdsa-sha2-nistp256", pem, &why);
		g_autoptr(Tufkey) b = decode("ecdsa", "ecdsa-sha2-nistp256", short_pem, &why);

		expect(strcmp(tufkey_id(a), tufkey_id(b)) != 0);
		expect(memcmp(tufkey_print(a), tufkey_print(b), TUFKEY_PRINT_SIZE) == 0);
	}
	EVP_PKEY_free(private);
}

static EVP_PKEY *rsa_make(size_t bits, unsigned exponent)
{
	EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
	BIGNUM *number = BN_new();
	EVP_PKEY *key = NULL;

	BN_set_word(number, exponent);
	g_assert(EVP_PKEY_keygen_init(context) == 1);
	g_assert(EVP_PKEY_CTX_set_rsa_keygen_bits(context, (int)bits) == 1);
	g_assert(EVP_PKEY_CTX_set1_rsa_keygen_pubexp(context, number) == 1);
	g_assert(EVP_PKEY_keygen(context, &key) == 1);
	BN_free(number);
	EVP_PKEY_CTX_free(context);
	return key;
}

static void test_rsa(void)
{
	EVP_PKEY *private = rsa_make(2048, 65537);
	EVP_PKEY *small = rsa_make(1024, 65537);
	EVP_PKEY *weak = rsa_make(2048, 3);
	g_autofree char *pem = pem_of(private);
	g_autofree char *small_pem = pem_of(small);
	g_autofree char *weak_pem = pem_of(weak);
	fault why;
	g_autoptr(Tufkey) key = decode("rsa", "rsassa-pss-sha256", pem, &why);

	expect(key != NULL);
	expect_verifies(key, private, TRUE);
	expect_refused("rsa", "rsassa-pss-sha256", small_pem);
	expect_refused("rsa", "rsassa-pss-sha256", weak_pem);
	expect_refused("ecdsa", "ecdsa-sha2-nistp256", pem);
	EVP_PKEY_free(private);
	EVP_PKEY_free(small);
	EVP_PKEY_free(weak);
}

static void test_texts(void)
{
	g_autofree char *pem = NULL;
	g_autofree char *encrypted = NULL;
	g_autofree char *renamed = NULL;
	g_autofree char *large = g_strnfill(TUFKEY_PUBLIC_MAX + 1, 'a');
	EVP_PKEY *private = EVP_EC_gen("P-256");
	char **parts;

	pem = pem_of(private);
	EVP_PKEY_free(private);
	parts = g_strsplit(pem, "PUBLIC", -1);
	renamed = g_strjoinv("PRIVATE", parts);
	g_strfreev(parts);
	parts = g_strsplit(pem, "KEY-----\n", 2);
	encrypted = g_strdup_printf("%sKEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00"
				    "112233445566778899AABBCCDDEEFF\n\n%s",
				    parts[0], parts[1]);
	g_strfreev(parts);
	expect_refused("ecdsa", "ecdsa-sha2-nistp256", renamed);
	expect_refused("ecdsa", "ecdsa-sha2-nistp256", encrypted);
	expect_refused("ecdsa", "ecdsa-sha2-nistp256", large);
	expect_refused("ecdsa", "ecdsa-sha2-nistp256", "");
}

/* What is not known may be used by others; it verifies nothing here. */
static void test_unknown(void)
{
	static const char *const ROWS[][2] = { { "ed25519", "ed448" },
					       { "rsa", "rsa-pkcs1v15-sha256" },
					       { "sigstore-oidc", "Fulcio" },
					       { "ecdsa", "ecdsa-sha2-nistp384" } };

	for (unsigned i = 0; i < G_N_ELEMENTS(ROWS); i++) {
		fault why;
		g_autoptr(Tufkey) key = decode(ROWS[i][0], ROWS[i][1], "whatever", &why);
		g_autoptr(GBytes) bytes = g_bytes_new_static("a", 1);

		expect(key != NULL && why == FAULT_OK);
		expect(tufkey_print(key) == NULL);
		expect(!tufkey_verify(key, bytes, bytes));
	}
}

static void test_id(void)
{
	g_autoptr(JsonValue) value = value_of("x", "y", "z");
	g_autofree char *id = id_of(value);
	g_autoptr(GError) error = NULL;
	g_autoptr(Tufkey) key = tufkey_decode(id, value, NULL);
	g_autoptr(Tufkey) other = NULL;

	expect(key != NULL);
	/* A field that nobody knows is part of the name. */
	json_object_set_new(value, "x-note", json_integer(1));
	other = tufkey_decode(id, value, &error);
	expect(other == NULL && failure_code(error) == FAULT_TUF_KEY_ID);
}

static const struct tap_case CASES[] = {
	{ "ed25519", test_ed25519 },
	{ "ECDSA on P-256", test_ecdsa },
	{ "a compressed point is the same key", test_compressed },
	{ "RSA-PSS", test_rsa },
	{ "what is no public key", test_texts },
	{ "unknown types count for nothing", test_unknown },
	{ "a key's name is its hash", test_id },
};

TAP_MAIN(CASES)
