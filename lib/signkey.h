/* SPDX-License-Identifier: MIT */
#pragma once
/* Private keys to sign with, wherever OpenSSL finds them: a PEM file, or a URI that one of the
 * providers in OpenSSL's configuration knows (pkcs11:, handle: of a TPM, ...). pkcs11: that no
 * provider knows goes to OpenSSL's engine (enginekey.h). */

#include <glib.h>
#include <stddef.h>
#include <stdint.h>

enum {
	SIGNKEY_PRINT_SIZE = 32,
	SIGNKEY_MODULUS_MAX = 512, /* of RSA keys of 4096 bits */
	SIGNKEY_PEM_MAX = 2048,
};

struct evp_pkey_st; /* EVP_PKEY */

/* NULL with FAULT_KEY_UNREADABLE, or of a token FAULT_TOKEN_. The caller frees with
 * EVP_PKEY_free(). */
struct evp_pkey_st *signkey_load(const char *where, GError **error);
/* What may be shown or stored of such a place: without a PIN that stands in it. The caller
 * frees. */
char *signkey_shown(const char *where);

/* An RSA key, as TPMs check policies with. */
struct signkey_rsa;
typedef struct signkey_rsa SignkeyRsa; /* for g_autoptr() only */

/* FAULT_KEY_UNREADABLE, or FAULT_KEY_KIND: no RSA key of 2048 to 4096 bits. */
struct signkey_rsa *signkey_rsa_load(const char *where, GError **error);
void signkey_rsa_free(struct signkey_rsa *key);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(SignkeyRsa, signkey_rsa_free)

/* The public half as PEM (SubjectPublicKeyInfo). */
GBytes *signkey_rsa_public(const struct signkey_rsa *key, GError **error);
/* SHA-256 over the public half as PKCS#1 has it (RSAPublicKey in DER): systemd's name for a key. */
gboolean signkey_rsa_print(const struct signkey_rsa *key,
			   uint8_t ret_print[static SIGNKEY_PRINT_SIZE], GError **error);
/* RSASSA-PKCS1-v1_5 over the bytes' SHA-256. FAULT_KEY_UNREADABLE: whoever holds it refuses. */
GBytes *signkey_rsa_sign(const struct signkey_rsa *key, const uint8_t *bytes, size_t size_bytes,
			 GError **error);

/* The public half of such a key, from elsewhere. */
struct signkey_public {
	uint8_t modulus[SIGNKEY_MODULUS_MAX]; /* big-endian */
	unsigned modulus_size;
	uint8_t print[SIGNKEY_PRINT_SIZE]; /* as signkey_rsa_print() */
};

/* PEM (SubjectPublicKeyInfo) of at most SIGNKEY_PEM_MAX bytes, which may be hostile.
 * FAULT_KEY_UNREADABLE; FAULT_KEY_KIND: no RSA key of 2048 to 4096 bits with exponent 65537. */
gboolean signkey_public_decode(GBytes *pem, struct signkey_public *ret_public, GError **error);
/* Whether it is this key's RSASSA-PKCS1-v1_5 over the bytes' SHA-256. */
gboolean signkey_public_verify(const struct signkey_public *key, const uint8_t *bytes,
			       size_t size_bytes, const uint8_t *signature, size_t signature_size);
