/* SPDX-License-Identifier: MIT */
#pragma once
/* PCR 11: what systemd-stub measures of a UKI, and the words that systemd measures behind it, one
 * for each phase of a boot. Sources: systemd's TPM2_PCR_MEASUREMENTS and enum unified_section;
 * systemd-pcrphase.service(8). */

#include <glib.h>
#include <stdint.h>

enum { PCR11_SIZE_MAX = 64, PCR11_PATH_MAX = 128 };

/* A set of PCRs of a TPM, all of one hash. */
struct pcr11_bank {
	const char *name;   /* "sha256" */
	uint16_t algorithm; /* TPM_ALG_ID */
	uint8_t size_bytes; /* of a PCR */
};

/* FAULT_PCR_BANK: not sha1, sha256, sha384 or sha512. */
const struct pcr11_bank *pcr11_bank_find(const char *name, GError **error);

struct pcr11 {
	const struct pcr11_bank *bank;
	uint8_t value[PCR11_SIZE_MAX];
};

/* After the stub has measured this UKI into a PCR of zeros. */
gboolean pcr11_predict(GBytes *uki, const struct pcr11_bank *bank, struct pcr11 *ret_pcr,
		       GError **error);
/* The same in the bank sha256, as hex; the caller frees. */
char *pcr11_predict_sha256(GBytes *uki, GError **error);

/* FAULT_PCR_PHASE: not words of small letters, digits and dashes with colons between. */
gboolean pcr11_path_check(const char *path, GError **error);
/* Goes on by a path of phases that was checked: "enter-initrd:leave-initrd". */
void pcr11_extend(struct pcr11 *pcr, const char *path);

/* The words behind which `predicted` has become `measured`, as a path; "": none yet. NULL: no words
 * lead there. Both are hex, of the bank sha256. The caller frees. */
char *pcr11_path_find(const char *predicted, const char *measured);
/* What PCR 11 should be now: the stub's value `predicted`, extended by the words that systemd has
 * measured since, if some path of them leads to `measured`; else `predicted` itself. Hex, of the
 * bank sha256. */
char *pcr11_now(const char *predicted, const char *measured);
