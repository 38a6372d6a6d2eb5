/* SPDX-License-Identifier: MIT */
#pragma once
/* Judging an attestation: what is proven about the machine that made it, and what of that was
 * demanded and is not so. No TPM is needed. All is hostile but the demand. */

#include <glib.h>

#include "attest.h"
#include "attestseen.h"
#include "eventlog.h"
#include "manifest.h"
#include "pubkey.h"

enum { ATTESTJUDGE_PCRS_MAX = 16 };

struct attestjudge_pcr {
	unsigned pcr; /* one of QUOTE_PCRS */
	uint8_t value[QUOTE_HASH_SIZE];
};

/* All is borrowed. At least one of key, anchors and enrol, or no key is known. */
struct attestjudge_demand {
	const uint8_t *nonce;
	size_t nonce_size;
	const struct pubkey *key;   /* the machine's, from when it was enrolled; NULL: not asked */
	const char *anchors;        /* PEM file: who certifies attestation keys; NULL: not asked */
	gboolean enrol;             /* whatever key it is */
	const char *keyring;        /* who signs releases: crypto.h */
	GPtrArray *known;           /* of GBytes: manifests; NULL: any that is signed */
	const char *const *revoked; /* versions, ends with NULL; NULL: none */
	uint64_t security_version;  /* the lowest that is good enough */
	gboolean extras;            /* PCR 12 and 13 need not be zero */
	gboolean secure_boot;       /* must be on */
	GArray *pcrs;               /* of struct attestjudge_pcr: exact values; NULL: none */
	GHashTable *seen;           /* attestseen.h; NULL: not asked */
};

enum attestjudge_verdict {
	ATTESTJUDGE_GOOD,
	ATTESTJUDGE_NOTE, /* good enough for the demand, but worth to know */
	ATTESTJUDGE_REFUSED,
};

struct attestjudge_finding {
	const char *check; /* a stable word; static */
	enum attestjudge_verdict verdict;
	fault why;  /* of what is refused */
	char *text; /* a sentence for people; printable */
};

struct attestjudge_report {
	gboolean good;
	GPtrArray *findings; /* of struct attestjudge_finding, in the order of the checks */
	/* What is proven; NULL, ABSENT or zero where it is not. */
	char *print;        /* of the key, hex */
	struct pubkey *key; /* once it has signed the quote */
	struct attestseen now;
	struct manifest *manifest; /* once its signature is good */
	char *phase;               /* of the boot: pcr11.h */
	enum eventlog_found azboot_found;
	struct eventlog_azboot azboot;
	enum eventlog_found secure_boot_found;
	gboolean secure_boot;
};
typedef struct attestjudge_report AttestReport; /* for g_autoptr() only */

/* Never NULL. If the quote is not believed, nothing else is looked at. */
struct attestjudge_report *attestjudge(const struct attest *attest,
				       const struct attestjudge_demand *demand);
void attestjudge_report_free(struct attestjudge_report *report);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(AttestReport, attestjudge_report_free)
