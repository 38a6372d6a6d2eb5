/* SPDX-License-Identifier: MIT */
#pragma once
/* Attestations: one file in which a machine shows what it has booted. docs/ATTESTATION.md says what
 * is in it, schema/attestation.schema.json how. Nothing of it is to be believed before
 * attestjudge.h. */

#include <glib.h>

#include "tpmquote.h"

enum { ATTEST_SIZE_MAX = 3 * 1024 * 1024 };

struct attest {
	struct tpmquote quote;
	GBytes *log;       /* the firmware's event log; empty: there is none */
	unsigned slot;     /* that says to run; SLOT_NONE: none of them */
	GBytes *manifest;  /* of the release in that slot; NULL: none */
	GBytes *signature; /* of the manifest: CMS, DER; NULL with it */
};
typedef struct attest Attest; /* for g_autoptr() only */

void attest_free(struct attest *attest);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Attest, attest_free)

/* One line of JSON, without a line feed. The caller frees. */
char *attest_encode(const struct attest *attest);
/* NULL with FAULT_ATTEST_FILE. Members that are not known are ignored. */
struct attest *attest_decode(const char *bytes, size_t size_bytes, GError **error);
