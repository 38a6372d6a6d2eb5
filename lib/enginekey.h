/* SPDX-License-Identifier: MIT */
#pragma once
/* Private keys in PKCS#11 tokens, through OpenSSL's engine "pkcs11": for systems whose OpenSSL has
 * no provider for them, as Debian 12. signkey.c asks a provider first. URIs are those of RFC 7512;
 * the engine takes the module from $PKCS11_MODULE_PATH, else p11-kit's. */

#include <glib.h>

struct evp_pkey_st; /* EVP_PKEY */

/* The PIN is the URI's (pin-value, pin-source), else $PKCS11_PIN, else it is asked for on the
 * terminal. The key signs in the token, RSA and ECDSA; the caller frees with EVP_PKEY_free().
 * FAULT_TOKEN_ENGINE: there is no engine; FAULT_TOKEN_PIN: the token refuses the PIN, and may lock
 * itself after some of these; FAULT_TOKEN_KEY: no such module, token or key. */
struct evp_pkey_st *enginekey_load(const char *uri, GError **error);
