/* SPDX-License-Identifier: MIT */
#pragma once
/* Public keys of TPMs: from a TPM's structures, PEM files or certificates; to verify quotes. */

#include <glib.h>
#include <stddef.h>
#include <stdint.h>

#include "quote.h"

enum { PUBKEY_PRINT_SIZE = 32 };

struct pubkey;
typedef struct pubkey Pubkey; /* for g_autoptr() only */

/* FAULT_ATTEST_QUOTE: no key, such as a point that is not on the curve. */
struct pubkey *pubkey_of_quote(const struct quote_key *key, GError **error);
/* A PEM file with one public key, or a certificate. FAULT_KEY_UNREADABLE. */
struct pubkey *pubkey_load(const char *path, GError **error);
/* The key of a DER certificate that leads to one of the PEM file `anchors` that has issued itself;
 * others in that file may stand in between. FAULT_KEY_UNREADABLE: the anchors;
 * FAULT_ATTEST_KEY_UNKNOWN: it does not lead there, or is not within its time. *ret_name: whom it
 * was issued to; the caller frees. */
struct pubkey *pubkey_of_certificate(GBytes *certificate, const char *anchors, char **ret_name,
				     GError **error);
void pubkey_free(struct pubkey *key);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Pubkey, pubkey_free)

gboolean pubkey_equals(const struct pubkey *a, const struct pubkey *b);
/* SubjectPublicKeyInfo as PEM. The caller frees. */
char *pubkey_pem(const struct pubkey *key);
/* SHA-256 over SubjectPublicKeyInfo in DER. */
void pubkey_print(const struct pubkey *key, uint8_t ret_print[static PUBKEY_PRINT_SIZE]);
/* Over the bytes' SHA-256, by the scheme that the key has. */
gboolean pubkey_verify(const struct pubkey *key, GBytes *bytes,
		       const struct quote_signature *signature);
