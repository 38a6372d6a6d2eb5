/* SPDX-License-Identifier: MIT */
#pragma once
/* Variables under azupdate's vendor GUID. */

#include "efi.h"
#include "parts.h"

static inline struct efi_guid variable_vendor(void)
{
	struct efi_guid guid;

	_Static_assert(sizeof guid == sizeof PARTS_VENDOR_BYTES, "a GUID is a GUID");
	for (unsigned i = 0; i < sizeof guid; i++)
		((uint8_t *)&guid)[i] = PARTS_VENDOR_BYTES[i];
	return guid;
}
