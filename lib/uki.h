/* SPDX-License-Identifier: MIT */
#pragma once
/* Unified kernel images: a systemd-stub with sections added. Format: UAPI.5 (Unified Kernel
 * Image). */

#include <glib.h>

enum { UKI_SECTIONS_MAX = 16 };

struct uki_section {
	const char *name; /* ".linux"; at most 8 characters */
	GBytes *content;
};

/* The stub with the sections appended, in the order given; contents are not padded, so that what
 * is measured is what was given. NULL with a FAULT_PE_ fault. */
GBytes *uki_build(GBytes *stub, const struct uki_section *sections, unsigned count, GError **error);

/* FAULT_PE_ faults. */
gboolean uki_check(GBytes *uki, GError **error);

/* One section's content; NULL with FAULT_PE_SECTION. */
GBytes *uki_section_get(GBytes *uki, const char *name, GError **error);
