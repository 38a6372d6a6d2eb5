/* SPDX-License-Identifier: MIT */
#pragma once
/* Offers: what a repository's signed metadata say of one bundle, in the member "azupdate" of its
 * target's custom object (docs/FORMATS.md); and the choice among those of one release. Pure. */

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

enum { OFFER_HASH_SIZE = 32, OFFER_TEXT_MAX = 64 };

struct offer {
	bool is_delta;
	char *product;
	char *architecture;
	char *version;
	uint64_t security_version;
	uint8_t manifest_hash[OFFER_HASH_SIZE]; /* SHA-256 over the manifest's exact bytes */
	char *from;                             /* of a delta: the version that must run */
	uint64_t size_bytes;                    /* of the bundle; filled in by the caller */
};
typedef struct offer Offer; /* for g_autoptr() only */

/* `custom`: one JSON object. Unknown members are ignored. FAULT_OFFER_SYNTAX, FAULT_OFFER_FIELD. */
struct offer *offer_decode(const char *custom, GError **error);
void offer_free(struct offer *offer);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Offer, offer_free)

/* Who asks. */
struct offer_wanted {
	const char *product;
	const char *architecture;
	const char *version; /* of the release */
	const char *running; /* version, or NULL: no delta fits */
	bool full_only;      /* deltas have failed */
};

/* The index of the smallest that fits; -1: none does. NULL entries are passed over. A delta counts
 * as smaller only by its size: it holds what it needs. */
int offer_choose(const struct offer *const *offers, unsigned count,
		 const struct offer_wanted *wanted);
