/* SPDX-License-Identifier: MIT */
#pragma once
/* Work: what the kinds of jobs do: those on slots and bundles, and the health checks. */

#include "server.h"

enum work_kind { WORK_INSTALL, WORK_PLAN, WORK_VERIFY, WORK_REPAIR };

struct work {
	struct server *server;
	struct machine *machine; /* set by work_start() */
	unsigned slot;           /* to verify or repair, else SLOT_NONE */
	int fd;                  /* bundle; owned; -1: use the URL */
	char *url;               /* NULL, and no fd: no bundle */
	gboolean force;
	gboolean activate;
	gboolean accept_expired;
};
typedef struct work Work; /* for g_autoptr() only */

struct work *work_new(struct server *server);
void work_free(struct work *work);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Work, work_free)

/* Each returns the job's path, or NULL. The first one takes over `work` in any case. */
const char *work_start(struct work *work, enum work_kind kind, GError **error);
const char *work_health_start(struct server *server, gboolean act, GError **error);
