/* SPDX-License-Identifier: MIT */
#pragma once
/* Health state: what this boot's health checks have said, in RUN/health-state.json, for programs
 * that may not ask the daemon. The folder is empty after a boot, so a file is always this boot's:
 * without one the checks have not been judged yet. */

#include <glib.h>

enum {
	HEALTHSTATE_FILE_MAX = 4096, /* bytes */
	HEALTHSTATE_VERSION_MAX = 64,
};

enum healthstate_kind {
	HEALTHSTATE_INITIALIZING, /* not judged yet */
	HEALTHSTATE_HEALTHY,
	HEALTHSTATE_UNHEALTHY,
	HEALTHSTATE_KIND_COUNT
};

struct healthstate {
	enum healthstate_kind kind;
	char version[HEALTHSTATE_VERSION_MAX + 1]; /* that runs; "": not known */
	char slot[2];                              /* "a", "b" or "" */
	gint64 time_us;                            /* of the judgement, since 1970; 0: none */
};

/* "initializing", "healthy", "unhealthy" */
const char *healthstate_name(enum healthstate_kind kind);
/* Never fails: what cannot be read or is damaged has not been judged. */
struct healthstate healthstate_load(const char *run_dir);
/* Atomic, and readable by everybody. FAULT_STATE_FILE. */
gboolean healthstate_save(const char *run_dir, const struct healthstate *state, GError **error);
/* The body of an answer to who asks over HTTP: one line of JSON. The caller frees. */
char *healthstate_body(const struct healthstate *state);
/* The body that Azure's Application Health extension reads, in its mode of rich health states. */
char *healthstate_azure_body(const struct healthstate *state);
