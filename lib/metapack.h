/* SPDX-License-Identifier: MIT */
#pragma once
/* Metadata packs: the files of a repository that an offline bundle carries along, so that a USB
 * stick is judged by the same rules as a server. docs/FORMATS.md has the bytes. Nothing in a pack
 * is trusted: the files are signed metadata, and are checked as if a mirror had sent them. */

#include <glib.h>

enum {
	METAPACK_FILES_MAX = 1024, /* a root chain of years, and a role for each channel */
	METAPACK_NAME_MAX = 255,
	METAPACK_SIZE_MAX = 8 * 1024 * 1024,
};

struct metapack_file {
	char *name; /* relative to the repository's folder, as a server would be asked for it */
	GBytes *bytes;
};

/* A list of struct metapack_file that owns them. */
GPtrArray *metapack_new(void);
void metapack_add(GPtrArray *pack, const char *name, GBytes *bytes);
/* FAULT_METAPACK_LIMIT: more or larger files than a reader would take, or a name that is none. */
GBytes *metapack_encode(const GPtrArray *pack, GError **error);
/* FAULT_METAPACK_FORMAT. The files' bytes are slices of `bytes`. */
GPtrArray *metapack_decode(GBytes *bytes, GError **error);
/* Borrowed; NULL: there is no such file. */
GBytes *metapack_find(const GPtrArray *pack, const char *name);
