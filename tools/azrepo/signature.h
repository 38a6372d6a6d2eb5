/* SPDX-License-Identifier: MIT */
#pragma once
/* Signatures of an envelope: found, added, and counted as a client counts them. */

#include "role.h"

/* The signature of that key, in hex, borrowed; NULL: there is none. */
const char *signature_find(const json_t *envelope, const char *keyid);
/* In place of one that is there. */
void signature_add(json_t *envelope, const char *keyid, const char *signature);
/* Whether the signature of that key is good. */
gboolean signature_is_good(const json_t *envelope, const struct role_spec *spec, const char *keyid);
/* Good signatures by distinct keys of `spec`. */
json_int_t signature_count(const json_t *envelope, const struct role_spec *spec);
gboolean signature_suffices(const json_t *envelope, const struct role_spec *spec);
