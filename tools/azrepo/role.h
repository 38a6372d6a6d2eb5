/* SPDX-License-Identifier: MIT */
#pragma once
/* Roles: what a repository's metadata files say, as values. No I/O. The form is that of the TUF
 * specification, 1.0.34, part 4. */

#include <glib.h>

#include "json.h"

enum role {
	ROLE_ROOT,
	ROLE_TARGETS,
	ROLE_CHANNELS, /* delegated by targets */
	ROLE_SNAPSHOT,
	ROLE_TIMESTAMP,
	ROLE_COUNT
};

enum { ROLE_TIME_SIZE = 21, ROLE_FILE_MAX = 64, ROLE_METADATA_MAX = 16 * 1024 * 1024 };

/* Who may sign: borrowed out of a root, or of targets for channels. */
struct role_spec {
	json_t *keys;   /* KEY objects by their ids */
	json_t *keyids; /* that may sign */
	json_int_t threshold;
};

const char *role_name(enum role role);
/* FAULT_ARGUMENT: there is no such role. */
gboolean role_find(const char *name, enum role *ret_role, GError **error);
/* "3.targets.json"; only the timestamp's name has no version. The caller frees. */
char *role_file(enum role role, json_int_t version);

/* An envelope without signatures. The caller owns it. */
json_t *role_new(enum role role, gint64 expires_s);
/* The same content, unsigned, one version later. The caller owns it. */
json_t *role_next(const json_t *envelope, gint64 expires_s);
/* NULL unless it is an envelope of this role with a version and a time; *ret_why says why not. */
json_t *role_decode(enum role role, const char *bytes, size_t size_bytes, char **ret_why);
/* As it stands in a file. The caller frees with free(). */
char *role_encode(const json_t *envelope);

/* Whether what is signed says that it is of this role's type: channels has that of targets. */
gboolean role_is(enum role role, const json_t *envelope);

/* Borrowed, of a decoded envelope. */
json_t *role_signed(const json_t *envelope);
json_t *role_signatures(const json_t *envelope);
json_int_t role_version(const json_t *envelope);
gint64 role_expires_s(const json_t *envelope);

/* Whether `parent` (root, or targets for channels) says who may sign. */
gboolean role_spec(enum role role, const json_t *parent, struct role_spec *ret_spec);
gboolean role_spec_has(const struct role_spec *spec, const char *keyid);

/* "2026-11-26T09:00:00Z" and back; FALSE: it has another form. */
void role_time_write(gint64 time_s, char ret_text[static ROLE_TIME_SIZE]);
gboolean role_time_read(const char *text, gint64 *ret_time_s);
