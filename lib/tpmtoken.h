/* SPDX-License-Identifier: MIT */
#pragma once
/* Tokens of type systemd-tpm2 in LUKS2 headers: how a volume's key is sealed. Read strictly, since
 * whoever can write the disk can write them: only what this program writes, and systemd-cryptenroll
 * from 254 on for a policy of PCR 11 alone. Format: systemd, src/shared/tpm2-util.c,
 * tpm2_make_luks2_json().
 *
 * A gated one, which systemd could not open, is of type azupdate-tpm2: the same, and floor, ceiling
 * and index of the gate (docs/FORMATS.md). */

#include <glib.h>

#include "tpmseal.h"

enum {
	TPMTOKEN_SIZE_MAX = 16384, /* bytes of JSON */
	TPMTOKEN_KEYSLOTS = 32,    /* of LUKS2 */
};

extern const char TPMTOKEN_TYPE[];
extern const char TPMTOKEN_TYPE_GATED[];

struct tpmtoken {
	unsigned keyslot;
	GBytes *public_key; /* PEM, of the PCR signatures */
	struct tpmseal seal;
};
void tpmtoken_clear(struct tpmtoken *token);

/* JSON without a zero at its end being counted; free with g_free(). */
char *tpmtoken_encode(const struct tpmtoken *token);

/* FAULT_TOKEN_FORMAT: it is no such token, or a field is missing or cannot be. FAULT_TOKEN_KIND: it
 * may be a good one, but of a kind that only systemd uses (other PCRs, pcrlock, shards). */
gboolean tpmtoken_decode(const char *text, size_t size_bytes, struct tpmtoken *ret_token,
			 GError **error);
