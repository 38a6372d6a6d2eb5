/* SPDX-License-Identifier: MIT */
#pragma once
/* Requests: what is to be signed on another machine, in a file that goes there and comes back.
 *
 * JSON: "schema", and "requests", each with "role", "version", "signed" (for a reader), "canonical"
 * (base64 of the exact bytes that are signed), "specs" (the keys that may sign, and how many
 * must), "signatures". Where it comes back from is not trusted: join looks at signatures only, and
 * verifies them over the bytes that it has itself. */

#include "finish.h"

#define REQUEST_SCHEMA "azupdate.repository-request/1"

enum { REQUEST_SIZE_MAX = 32 * 1024 * 1024 };

gboolean request_write(const char *path, const struct finish_wait *waits, unsigned count,
		       GError **error);
/* FAULT_AZREPO_REQUEST: it is none, or its readable part is not what the exact bytes say. */
json_t *request_read(const char *path, GError **error);
/* Signs with whichever of the keys may sign.
 * FAULT_AZREPO_KEY_OTHER: a key may sign nothing in it. */
gboolean request_sign(json_t *request, char **keys, GError **error);
gboolean request_save(const char *path, const json_t *request, GError **error);
/* Takes over the signatures for what waits. FAULT_AZREPO_REQUEST: it is of another change;
 * FAULT_AZREPO_SIGNATURE: one is wrong. */
gboolean request_join(const json_t *request, const struct finish_wait *waits, unsigned count,
		      GError **error);
/* What would be signed, for a person. */
void request_print(const json_t *request);
