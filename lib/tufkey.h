/* SPDX-License-Identifier: MIT */
#pragma once
/* Public keys of a repository, as TUF's metadata has them: ed25519, ECDSA on P-256, RSA-PSS; all
 * with SHA-256 where there is a hash. */

#include <glib.h>
#include <stddef.h>
#include <stdint.h>

#include "json.h"

enum {
	TUFKEY_PRINT_SIZE = 32,
	TUFKEY_ID_CHARACTERS = 64,
	TUFKEY_PUBLIC_MAX = 8192, /* bytes of its text */
	TUFKEY_RSA_BITS_MIN = 2048,
	TUFKEY_RSA_BITS_MAX = 8192,
};

struct tufkey;
typedef struct tufkey Tufkey; /* for g_autoptr() only */

/* `id` is the name under which `value` stands: the SHA-256, in hex, of all of its canonical form,
 * unknown fields included. A key of an unknown type or scheme is no failure: it verifies nothing.
 * FAULT_TUF_KEY_ID: the name is another; FAULT_TUF_KEY: malformed, weak, or on another curve. */
struct tufkey *tufkey_decode(const char *id, const json_t *value, GError **error);
void tufkey_free(struct tufkey *key); /* NULL is fine */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Tufkey, tufkey_free)

const char *tufkey_id(const struct tufkey *key);
/* Equal for two keys whose private halves are the same, under whatever names; so that one signer
 * cannot count twice. NULL: the type is unknown. */
const uint8_t *tufkey_print(const struct tufkey *key);
gboolean tufkey_verify(const struct tufkey *key, GBytes *bytes, GBytes *signature);
