/* SPDX-License-Identifier: MIT */
#pragma once
/* State files: JSON in the state folder that a machine can do without. */

#include "json.h"

/* The object in a file. NULL where there is none; and, with a warning that `lost` begins ("failed
 * releases are forgotten"), where it cannot be read, has more than `size_max` bytes or is none. */
json_t *statefile_read(const char *state_dir, const char *name, size_t size_max, const char *lost);
/* As state_write(): the old file or the new one, on the disk when it returns. FAULT_STATE_FILE. */
gboolean statefile_write(const char *state_dir, const char *name, const json_t *object,
			 GError **error);
