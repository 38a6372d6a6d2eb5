/* SPDX-License-Identifier: MIT */
#pragma once
/* Keys that sign a repository's metadata: what TUF writes of their public halves, and signatures as
 * TUF has them. Source of both: the TUF specification, 1.0.34, part 4.2. */

#include <glib.h>

#include "json.h"

enum {
	TUFSIGN_RSA_BITS_MIN = 2048,
	TUFSIGN_RSA_BITS_MAX = 4096,
	TUFSIGN_KEYID_SIZE = 64, /* hex digits, without the NUL */
};

struct tufsign;
typedef struct tufsign Tufsign; /* for g_autoptr() only */

/* `where` is what signkey.h loads, or a public key in a PEM file (SubjectPublicKeyInfo), which
 * names a key and cannot sign. FAULT_KEY_UNREADABLE; FAULT_KEY_KIND: none of ed25519, ECDSA P-256,
 * and RSA of 2048 to 4096 bits. */
struct tufsign *tufsign_load(const char *where, GError **error);
void tufsign_free(struct tufsign *key);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Tufsign, tufsign_free)

gboolean tufsign_is_private(const struct tufsign *key);
/* Borrowed: SHA-256 of the canonical KEY object, in hex. */
const char *tufsign_keyid(const struct tufsign *key);
/* Borrowed: the KEY object: keytype, scheme, keyval. */
json_t *tufsign_object(const struct tufsign *key);
/* In hex; the caller frees. NULL with FAULT_KEY_UNREADABLE: whoever holds the key refuses. */
char *tufsign_sign(const struct tufsign *key, GBytes *bytes, GError **error);

/* Makes a key of a kind (TUFSIGN_KINDS names them) in two new files: the private one for its
 * owner's eyes only, not encrypted, and beside it `path`.pub. FAULT_ARGUMENT: no such kind;
 * FAULT_BUILD_OUTPUT: a file is there already or cannot be written. */
gboolean tufsign_make(const char *kind, const char *path, GError **error);
#define TUFSIGN_KINDS "ed25519, ecdsa, rsa"
