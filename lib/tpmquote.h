/* SPDX-License-Identifier: MIT */
#pragma once
/* Quotes, made: a TPM signs its PCRs and a verifier's nonce with a key that signs nothing else.
 *
 * The key is the one that the maker of the machine has certified, if there is one (Azure's virtual
 * TPMs: persistent handle 0x81000003, certificate in NV 0x01c101d0). Otherwise it is a primary key
 * below the endorsement hierarchy, made anew each time from the same template: the same key as long
 * as the TPM is the same one, and nothing is stored. */

#include <glib.h>
#include <stdint.h>

#include "quote.h"
#include "tpm.h"

enum { TPMQUOTE_CERTIFICATE_MAX = 8192, TPMQUOTE_EK_MAX = 2 };

struct tpmquote {
	GBytes *quote;                            /* TPMS_ATTEST */
	GBytes *signature;                        /* TPMT_SIGNATURE */
	GBytes *key;                              /* TPMT_PUBLIC */
	GBytes *certificate;                      /* of the key, DER; NULL: none */
	GBytes *ek_certificates[TPMQUOTE_EK_MAX]; /* DER, of the TPM's maker; NULL: none */
	struct quote_pcrs pcrs;
};

/* FAULT_TPM_COMMAND. A nonce of QUOTE_NONCE_MIN to _MAX bytes; a TPM without SHA-512 refuses more
 * than its largest hash and two bytes. */
gboolean tpmquote_make(struct tpm *tpm, const uint8_t *nonce, size_t nonce_size,
		       struct tpmquote *ret_quote, GError **error);
void tpmquote_clear(struct tpmquote *quote);
