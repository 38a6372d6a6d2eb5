/* SPDX-License-Identifier: MIT */
#pragma once
/* Partitions and variables: the names and GUIDs by which both sides of the reboot find things.
 *
 * A partition is ours only if both its GPT label and its type fit. The type GUIDs are our own:
 * the Discoverable Partitions types would invite other tools to mount a slot. var and the ESP
 * keep the standard types (4d21b016-b534-45c2-a9fb-5c16e091fd2d and
 * c12a7328-f81f-11d2-ba4b-00a0c93ec93b). */

#include <stdint.h>

enum { PARTS_GUID_SIZE = 16 };

/* GPT labels; slots end in their letter. */
static const char PARTS_LABEL_AZSTATE[] = "azstate";
static const char PARTS_LABEL_BOOT[2][8] = { "boot_a", "boot_b" };
static const char PARTS_LABEL_ROOT[2][8] = { "root_a", "root_b" };
static const char PARTS_LABEL_VAR[] = "var";
static const char PARTS_LABEL_ESP[] = "esp";

/* var, as the Discoverable Partitions Specification has it */
static const char PARTS_TYPE_VAR[] = "4d21b016-b534-45c2-a9fb-5c16e091fd2d";

/* boot record */
static const char PARTS_TYPE_AZSTATE[] = "20888c09-d135-4ceb-980b-469460dc8dfd";
static const uint8_t PARTS_TYPE_AZSTATE_BYTES[PARTS_GUID_SIZE] = { 0x09, 0x8c, 0x88, 0x20,
								   0x35, 0xd1, 0xeb, 0x4c,
								   0x98, 0x0b, 0x46, 0x94,
								   0x60, 0xdc, 0x8d, 0xfd };

/* a UKI with its header */
static const char PARTS_TYPE_BOOT[] = "7bf3b34e-3b55-4953-897f-c68ddf97f448";
static const uint8_t PARTS_TYPE_BOOT_BYTES[PARTS_GUID_SIZE] = { 0x4e, 0xb3, 0xf3, 0x7b, 0x55, 0x3b,
								0x53, 0x49, 0x89, 0x7f, 0xc6, 0x8d,
								0xdf, 0x97, 0xf4, 0x48 };

/* a root image with its tree */
static const char PARTS_TYPE_ROOT[] = "8e1bdca1-3ad5-45d0-aadf-aa2271d3d796";
static const uint8_t PARTS_TYPE_ROOT_BYTES[PARTS_GUID_SIZE] = { 0xa1, 0xdc, 0x1b, 0x8e, 0xd5, 0x3a,
								0xd0, 0x45, 0xaa, 0xdf, 0xaa, 0x22,
								0x71, 0xd3, 0xd7, 0x96 };

/* azboot's own EFI variables. */
static const char PARTS_VENDOR[] = "65592c1d-1a73-488e-ba46-1bbab7a13ee8";
static const uint8_t PARTS_VENDOR_BYTES[PARTS_GUID_SIZE] = { 0x1d, 0x2c, 0x59, 0x65, 0x73, 0x1a,
							     0x8e, 0x48, 0xba, 0x46, 0x1b, 0xba,
							     0xb7, 0xa1, 0x3e, 0xe8 };

/* Variables under PARTS_VENDOR. The volatile ones (boot services and runtime access) are how
 * azboot tells the system what it did; docs/FORMATS.md gives the bytes.
 *   AzbootSlot    UTF-16 "a" or "b"
 *   AzbootReason  UTF-16 once, trial, preferred, fallback, last-resort
 *   AzbootFault   u32, what azboot met at this boot, 0 nothing
 *   AzbootStored  u8, 1 if the record was stored before the hand-over
 * The non-volatile ones are reachable from boot services only:
 *   AzbootFloor   u64, lowest security version that may boot
 *   AzbootCounter what azboot remembers of the TPM's counter (nvcounter.h) */
