/* SPDX-License-Identifier: MIT */
#pragma once
/* Cryptography, all of it OpenSSL's: hashes of blocks and files, CMS signatures, keyrings. */

#include <glib.h>
#include <stddef.h>
#include <stdint.h>

enum { CRYPTO_HASH_SIZE = 32 };

/* SHA-256 over a fixed salt and then the data, as a verity tree wants it. */
struct crypto_hasher;
typedef struct crypto_hasher CryptoHasher; /* for g_autoptr() only */

struct crypto_hasher *crypto_hasher_new(const uint8_t *salt, size_t salt_size);
void crypto_hasher_free(struct crypto_hasher *hasher);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(CryptoHasher, crypto_hasher_free)
void crypto_hash(struct crypto_hasher *hasher, const uint8_t *bytes, size_t size_bytes,
		 uint8_t ret_hash[static CRYPTO_HASH_SIZE]);

/* Detached CMS over exactly these bytes, DER. `key` is what signkey.h loads, `certificate` a PEM
 * file; further certificates in it go along as the chain. The signer's certificate must be for
 * code signing: FAULT_SIGNATURE_PURPOSE. Others: FAULT_KEY_UNREADABLE. */
GBytes *crypto_cms_sign(const uint8_t *bytes, size_t size_bytes, const char *key,
			const char *certificate, GError **error);

/* Verifies it against the keyring: a PEM file, or a folder of PEM files whose names end in .pem
 * or .crt. Every signer must lead to a certificate of the keyring, be within its time, and be for
 * code signing. FAULT_KEYRING_MISSING, _SIGNATURE_MISSING, _FORMAT, _INVALID, _UNTRUSTED,
 * _EXPIRED, _PURPOSE. *ret_signers (free with g_free(), may be NULL): the signers' names. */
gboolean crypto_cms_verify(const uint8_t *bytes, size_t size_bytes, const uint8_t *signature,
			   size_t signature_size, const char *keyring, char **ret_signers,
			   GError **error);

/* The same of what this machine accepted before: that a certificate has expired since, or that the
 * clock is wrong, is no reason to refuse it now. */
gboolean crypto_cms_verify_past(const uint8_t *bytes, size_t size_bytes, const uint8_t *signature,
				size_t signature_size, const char *keyring, char **ret_signers,
				GError **error);

/* As the kernel verifies it (crypto/asymmetric_keys/pkcs7_parser.c): PKCS#7 in DER, detached, RSA
 * with SHA-256, no attributes, no certificates. The same input gives the same bytes, and they were
 * verified before they come back. `key` is what signkey.h loads, `certificate` a PEM file with its
 * certificate and no other. FAULT_KEY_UNREADABLE, _KEY_KIND: no RSA key of 2048 to 4096 bits,
 * _ROOTSIG_CERTIFICATE: not the key's. */
GBytes *crypto_kernel_sign(const uint8_t *bytes, size_t size_bytes, const char *key,
			   const char *certificate, GError **error);

/* The hash of that name, as OpenSSL spells it, over one piece and then another; `ret_digest` may be
 * one of them. The hash must exist. */
void crypto_digest(const char *name, const void *first, size_t first_size, const void *second,
		   size_t second_size, uint8_t *ret_digest);

char *crypto_hex(const uint8_t *bytes, size_t size_bytes);
/* Exactly 2 * size_bytes lower-case hex digits, or FALSE. */
gboolean crypto_unhex(const char *text, uint8_t *ret_bytes, size_t size_bytes);
void crypto_random(uint8_t *ret_bytes, size_t size_bytes);

/* HMAC with the hash of that name, as for crypto_digest(). */
void crypto_hmac(const char *name, const void *key, size_t key_size, const char *text,
		 uint8_t *ret_digest);
/* PBKDF2 with HMAC-SHA-256, to CRYPTO_HASH_SIZE bytes. */
void crypto_stretch(const void *secret, size_t secret_size, const uint8_t *salt, size_t salt_size,
		    unsigned iterations, uint8_t ret_key[static CRYPTO_HASH_SIZE]);
