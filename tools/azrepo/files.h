/* SPDX-License-Identifier: MIT */
#pragma once
/* Files of a repository: each appears whole, on the medium, and under its name at once. */

#include <glib.h>
#include <stdint.h>

#include "crypto.h"

/* Below `top`: written aside in .azrepo/tmp, flushed, renamed to `name` (folders are made), and the
 * folder flushed. FAULT_AZREPO_WRITE. */
gboolean files_put(const char *top, const char *name, const void *bytes, size_t size_bytes,
		   GError **error);

/* Copies `source` aside, and tells its size and SHA-256; files_adopt() then gives it a name, or
 * files_clean() removes it. *ret_aside: its path; the caller frees. FAULT_BUILD_INPUT,
 * FAULT_AZREPO_WRITE. */
gboolean files_copy(const char *top, const char *source, char **ret_aside, uint64_t *ret_size_bytes,
		    uint8_t ret_hash[static CRYPTO_HASH_SIZE], GError **error);
gboolean files_adopt(const char *top, const char *aside, const char *name, GError **error);

/* Up to `max` bytes. FAULT_AZREPO_METADATA: it is missing, longer, or cannot be read. */
GBytes *files_get(const char *top, const char *name, size_t max, GError **error);
/* Size and SHA-256. */
gboolean files_hash(const char *top, const char *name, uint64_t *ret_size_bytes,
		    uint8_t ret_hash[static CRYPTO_HASH_SIZE], GError **error);

gboolean files_remove(const char *top, const char *name, GError **error);
/* What a killed command left aside. */
void files_clean(const char *top);
