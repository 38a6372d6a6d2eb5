/* SPDX-License-Identifier: MIT */
#pragma once
/* Work: what the two kinds of jobs do, install and health. */

#include "server.h"

struct work_install {
	struct server *server;
	struct machine *machine;
	int fd; /* owned; -1: use the URL */
	char *url;
	gboolean force;
	gboolean activate;
};
typedef struct work_install WorkInstall; /* for g_autoptr() only */

struct work_install *work_install_new(struct server *server);
void work_install_free(struct work_install *install);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(WorkInstall, work_install_free)

/* Each returns the job's path, or NULL. The first one takes over `install` in any case. */
const char *work_install_start(struct server *server, struct work_install *install, GError **error);
const char *work_health_start(struct server *server, gboolean act, GError **error);
