/* SPDX-License-Identifier: MIT */
#pragma once
/* Names that become parts of paths and addresses: of products, channels, files. */

#include <glib.h>

enum { NAMES_SIZE_MAX = 64, NAMES_REASON_MAX = 200 };

/* 1 to NAMES_SIZE_MAX characters out of A-Z a-z 0-9 . _ ~ ^ + -, not starting with '.' or '-'.
 * FAULT_AZREPO_NAME; `what` is for the message. */
gboolean names_check(const char *what, const char *name, GError **error);
/* 1 to NAMES_REASON_MAX printable ASCII characters. FAULT_AZREPO_NAME. */
gboolean names_reason_check(const char *reason, GError **error);
