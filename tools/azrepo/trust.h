/* SPDX-License-Identifier: MIT */
#pragma once
/* Trust in what is published: a change signs most of it again, so it must be what was signed
 * before, although others may write to the folder of a web server. */

#include <glib.h>

#include "repository.h"

/* Follows the roots from the first one, whose hash the settings have, and verifies that each role's
 * file is signed enough, and is the one that is listed. FAULT_AZREPO_METADATA names the file. */
gboolean trust_verify(const struct repository *repository, GError **error);

/* Remembers the first root in the settings. */
void trust_begin(struct repository *repository, const char *bytes, size_t size_bytes);
