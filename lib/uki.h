/* SPDX-License-Identifier: MIT */
#pragma once
/* Unified kernel images: a systemd-stub with sections added, and what it will measure.
 * Format: UAPI.5 (Unified Kernel Image); measurements: systemd's TPM2_PCR_MEASUREMENTS and the
 * order of its enum unified_section. */

#include <glib.h>

enum { UKI_SECTIONS_MAX = 16 };

struct uki_section {
	const char *name; /* ".linux"; at most 8 characters */
	GBytes *content;
};

/* The stub with the sections appended, in the order given; contents are not padded, so that what
 * is measured is what was given. NULL with a FAULT_PE_ fault. */
GBytes *uki_build(GBytes *stub, const struct uki_section *sections, unsigned count, GError **error);

/* PCR 11 (SHA-256 bank, hex) after the stub has measured this UKI into a PCR of zeros. */
char *uki_pcr11(GBytes *uki, GError **error);

/* One section's content; NULL with FAULT_PE_SECTION. */
GBytes *uki_section_get(GBytes *uki, const char *name, GError **error);

/* What PCR 11 should be now: the stub's value `predicted`, extended by the phase words that systemd
 * has measured since, if some path of them leads to `measured`; else `predicted` itself. Hex. */
char *uki_pcr11_now(const char *predicted, const char *measured);
