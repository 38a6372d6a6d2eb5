/* SPDX-License-Identifier: MIT */
#pragma once
/* Root-hash signature: where the initrd of a UKI has it. azbundle puts it there, azverity hands it
 * to the kernel.
 *
 * PKCS#7 in DER, detached, over the root hash as 64 lower-case hex digits without a newline: what
 * dm-verity's option root_hash_sig_key_desc takes
 * (Documentation/admin-guide/device-mapper/verity.rst). */

enum { ROOTSIG_SIZE_MAX = 16 * 1024 };

static const char ROOTSIG_FOLDER[] = "azupdate";
static const char ROOTSIG_FILE[] = "azupdate/roothash.p7s";
