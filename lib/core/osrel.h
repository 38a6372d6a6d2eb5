/* SPDX-License-Identifier: MIT */
#pragma once
/* os-release text, as it stands in a UKI's .osrel section: one field of it, found in place.
 * Format: os-release(5). Quotes around a value are taken off; escapes are not interpreted. */

#include <stddef.h>
#include <stdint.h>

#include "fault.h"

/* FAULT_OSREL_FIELD: the field is not there. *ret_value points into `text`. */
fault osrel_find(const uint8_t *text, size_t size_bytes, const char *field,
		 const uint8_t **ret_value, size_t *ret_size_bytes);

/* AZUPDATE_SECURITY_VERSION. A missing field is version 0; a field that is not a decimal number
 * of 1 to 18 digits is FAULT_OSREL_NUMBER. */
fault osrel_security_version(const uint8_t *text, size_t size_bytes, uint64_t *ret_version);
