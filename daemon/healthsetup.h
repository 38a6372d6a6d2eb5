/* SPDX-License-Identifier: MIT */
#pragma once
/* Health set-up: the options of the health checks, out of configuration and machine. */

#include "health.h"
#include "server.h"
#include "source.h"

struct healthsetup {
	struct health_options options; /* borrows of what is below, and of the configuration */
	struct machine_boot release;
	struct source_options network;
	char *etc;            /* what is wrong with local changes of /etc, or NULL */
	gboolean var_is_lost; /* and what is counted here is forgotten at the next boot */
};

/* For a job. */
void healthsetup_init(struct healthsetup *setup, struct server *server, struct machine *machine);
void healthsetup_done(struct healthsetup *setup);
