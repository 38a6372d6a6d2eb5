/* SPDX-License-Identifier: MIT */
#include "tufsign.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/store.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "canonjson.h"
#include "crypto.h"
#include "failure.h"
#include "signkey.h"

enum { RAW_SIZE = 32, RSA_BITS_MADE = 3072, GROUP_MAX = 32 };

/* One row for each scheme that clients know. */
struct scheme {
	const char *kind; /* of tufsign_make() */
	const char *openssl;
	const char *keytype;
	const char *name;
	const char *digest; /* NULL: the scheme hashes by itself */
	gboolean pss;
};

static const struct scheme SCHEMES[] = {
	{ "ed25519", "ED25519", "ed25519", "ed25519", NULL, FALSE },
	{ "ecdsa", "EC", "ecdsa", "ecdsa-sha2-nistp256", "SHA256", FALSE },
	{ "rsa", "RSA", "rsa", "rsassa-pss-sha256", "SHA256", TRUE },
};

struct tufsign {
	EVP_PKEY *key;
	const struct scheme *scheme;
	gboolean is_private;
	char *where;
	json_t *object;
	char *keyid;
};

static EVP_PKEY *public_load(const char *where)
{
	OSSL_STORE_CTX *store = OSSL_STORE_open(where, NULL, NULL, NULL, NULL);
	EVP_PKEY *key = NULL;

	if (store == NULL)
		return NULL;
	(void)OSSL_STORE_expect(store, OSSL_STORE_INFO_PUBKEY); /* else all are looked at */
	while (key == NULL && !OSSL_STORE_eof(store)) {
		OSSL_STORE_INFO *info = OSSL_STORE_load(store);

		if (info != NULL && OSSL_STORE_INFO_get_type(info) == OSSL_STORE_INFO_PUBKEY)
			key = OSSL_STORE_INFO_get1_PUBKEY(info);
		OSSL_STORE_INFO_free(info);
		if (info == NULL && OSSL_STORE_error(store) != 0)
			break;
	}
	(void)OSSL_STORE_close(store); /* read only */
	return key;
}

static gboolean is_p256(EVP_PKEY *key)
{
	char group[GROUP_MAX];
	size_t size_bytes;

	return EVP_PKEY_get_group_name(key, group, sizeof group, &size_bytes) == 1 &&
	       (strcmp(group, "prime256v1") == 0 || strcmp(group, "P-256") == 0);
}

static const struct scheme *scheme_of(EVP_PKEY *key)
{
	const int bits = EVP_PKEY_get_bits(key);

	for (unsigned i = 0; i < G_N_ELEMENTS(SCHEMES); i++) {
		const struct scheme *scheme = &SCHEMES[i];

		if (!EVP_PKEY_is_a(key, scheme->openssl))
			continue;
		if (scheme->pss && (bits < TUFSIGN_RSA_BITS_MIN || bits > TUFSIGN_RSA_BITS_MAX))
			return NULL;
		return !EVP_PKEY_is_a(key, "EC") || is_p256(key) ? scheme : NULL;
	}
	return NULL;
}

static char *public_pem(EVP_PKEY *key)
{
	BIO *text = BIO_new(BIO_s_mem());
	char *bytes;
	char *pem = NULL;

	if (text != NULL && PEM_write_bio_PUBKEY(text, key) == 1) {
		const long size_bytes = BIO_get_mem_data(text, &bytes);

		pem = g_strndup(bytes, (size_t)size_bytes);
	}
	BIO_free(text);
	return pem;
}

/* Raw for ed25519, PEM for the others. */
static char *public_text(EVP_PKEY *key, const struct scheme *scheme)
{
	uint8_t raw[RAW_SIZE];
	size_t raw_size = sizeof raw;

	if (scheme->digest != NULL)
		return public_pem(key);
	return EVP_PKEY_get_raw_public_key(key, raw, &raw_size) == 1 && raw_size == sizeof raw
		       ? crypto_hex(raw, sizeof raw)
		       : NULL;
}

static gboolean object_make(struct tufsign *key, GError **error)
{
	g_autofree char *text = public_text(key->key, key->scheme);
	uint8_t digest[CRYPTO_HASH_SIZE];
	g_autoptr(GBytes) canonical = NULL;

	if (text == NULL)
		return failure_set(error, FAULT_KEY_UNREADABLE, "%s does not tell its public half",
				   key->where);
	key->object = json_pack("{s:s, s:s, s:{s:s}}", "keytype", key->scheme->keytype, "scheme",
				key->scheme->name, "keyval", "public", text);
	canonical = canonjson(key->object, error);
	if (canonical == NULL)
		return FALSE;
	crypto_digest("SHA256", g_bytes_get_data(canonical, NULL), g_bytes_get_size(canonical), "",
		      0, digest);
	key->keyid = crypto_hex(digest, sizeof digest);
	return TRUE;
}

struct tufsign *tufsign_load(const char *where, GError **error)
{
	g_autoptr(Tufsign) key = g_new0(struct tufsign, 1);
	g_autoptr(GError) why = NULL;

	key->where = signkey_shown(where);
	key->key = signkey_load(where, &why);
	key->is_private = key->key != NULL;
	if (key->key == NULL)
		key->key = public_load(where);
	if (key->key == NULL) {
		g_propagate_error(error, g_steal_pointer(&why));
		return NULL;
	}
	key->scheme = scheme_of(key->key);
	if (key->scheme == NULL) {
		failure_set(error, FAULT_KEY_KIND,
			    "%s is none of ed25519, ECDSA on P-256 and RSA of %d to %d bits",
			    key->where, TUFSIGN_RSA_BITS_MIN, TUFSIGN_RSA_BITS_MAX);
		return NULL;
	}
	return object_make(key, error) ? g_steal_pointer(&key) : NULL;
}

void tufsign_free(struct tufsign *key)
{
	if (key == NULL)
		return;
	EVP_PKEY_free(key->key);
	json_decref(key->object);
	g_free(key->keyid);
	g_free(key->where);
	g_free(key);
}

gboolean tufsign_is_private(const struct tufsign *key)
{
	return key->is_private;
}

const char *tufsign_keyid(const struct tufsign *key)
{
	return key->keyid;
}

json_t *tufsign_object(const struct tufsign *key)
{
	return key->object;
}

/* The salt is as long as the hash: all verifiers take that. */
static gboolean padding_set(EVP_PKEY_CTX *context)
{
	return EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PSS_PADDING) == 1 &&
	       EVP_PKEY_CTX_set_rsa_pss_saltlen(context, RSA_PSS_SALTLEN_DIGEST) == 1;
}

char *tufsign_sign(const struct tufsign *key, GBytes *bytes, GError **error)
{
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	EVP_PKEY_CTX *padding = NULL;
	uint8_t signature[TUFSIGN_RSA_BITS_MAX / 8];
	size_t signature_size = sizeof signature;
	gboolean done;

	ERR_clear_error();
	done = context != NULL && key->is_private &&
	       EVP_DigestSignInit_ex(context, &padding, key->scheme->digest, NULL, NULL, key->key,
				     NULL) == 1 &&
	       (!key->scheme->pss || padding_set(padding)) &&
	       EVP_DigestSign(context, signature, &signature_size, g_bytes_get_data(bytes, NULL),
			      g_bytes_get_size(bytes)) == 1;
	EVP_MD_CTX_free(context);
	if (!done) {
		const char *reason = ERR_reason_error_string(ERR_peek_last_error());

		failure_set(error, FAULT_KEY_UNREADABLE, "cannot sign with %s: %s", key->where,
			    reason != NULL ? reason : "it is a public key");
		return NULL;
	}
	return crypto_hex(signature, signature_size);
}

static EVP_PKEY *key_generate(const struct scheme *scheme)
{
	if (scheme->pss)
		return EVP_RSA_gen(RSA_BITS_MADE);
	return scheme->digest != NULL ? EVP_EC_gen("P-256")
				      : EVP_PKEY_Q_keygen(NULL, NULL, scheme->openssl);
}

static gboolean half_write(const char *path, EVP_PKEY *key, gboolean whole, GError **error)
{
	const int fd = g_open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, whole ? 0600 : 0644);
	FILE *file = fd >= 0 ? fdopen(fd, "w") : NULL;
	gboolean done;

	if (file == NULL)
		return failure_set(error, FAULT_BUILD_OUTPUT, "cannot make %s: %s", path,
				   g_strerror(errno));
	done = whole ? PEM_write_PKCS8PrivateKey(file, key, NULL, NULL, 0, NULL, NULL) == 1
		     : PEM_write_PUBKEY(file, key) == 1;
	done = fflush(file) == 0 && fsync(fd) == 0 && done;
	done = fclose(file) == 0 && done;
	return done || failure_set(error, FAULT_BUILD_OUTPUT, "cannot write %s", path);
}

gboolean tufsign_make(const char *kind, const char *path, GError **error)
{
	g_autofree char *public_path = g_strconcat(path, ".pub", NULL);
	const struct scheme *scheme = NULL;
	EVP_PKEY *key;
	gboolean done;

	for (unsigned i = 0; i < G_N_ELEMENTS(SCHEMES); i++)
		if (strcmp(SCHEMES[i].kind, kind) == 0)
			scheme = &SCHEMES[i];
	if (scheme == NULL)
		return failure_set(error, FAULT_ARGUMENT, "no kind of key: %s (" TUFSIGN_KINDS ")",
				   kind);
	key = key_generate(scheme);
	if (key == NULL)
		return failure_set(error, FAULT_BUILD_TOOL, "OpenSSL cannot make the key");
	done = half_write(path, key, TRUE, error) && half_write(public_path, key, FALSE, error);
	EVP_PKEY_free(key);
	return done;
}
