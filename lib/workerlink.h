/* SPDX-License-Identifier: MIT */
#pragma once
/* Worker links: a worker's process and the socket to it, however it was begun: by this process, or
 * by a socket unit of systemd, where it shares neither rights nor limits with this one. */

#include <glib.h>

#include "workerwire.h"

/* Owns what it holds; WORKERLINK_NONE before it is begun, and after its end. */
struct workerlink {
	int socket;       /* -1: none */
	GPid child;       /* 0: not our child, or reaped */
	int pidfd;        /* of a process that is not our child; -1: not known yet */
	gboolean is_unit; /* begun by systemd */
};

enum { WORKERLINK_END_UNKNOWN = -1 }; /* how a process ended that is not our child */

#define WORKERLINK_NONE ((struct workerlink){ .socket = -1, .pidfd = -1 })

/* Starts `program` with `name` as its argument. FAULT_WORKER_START. */
gboolean workerlink_spawn(struct workerlink *link, const char *program, const char *name,
			  GError **error);
/* Has systemd start one, at the socket azfetch-NAME of the folder, which must be root's: only root
 * can have put it there. FAULT_WORKER_SOCKET. */
gboolean workerlink_connect(struct workerlink *link, const char *folder, const char *name,
			    GError **error);
/* As workerwire_receive(), without descriptors. The first message must be the worker's own, said
 * before it has seen anything foreign: it tells, by the kernel's word, which process it is. */
enum workerwire_result workerlink_receive(struct workerlink *link, int time_ms,
					  struct workerwire_message *ret_message);
/* Closes the socket and ends the process, whatever it does; `kill_now` FALSE: waits for a while
 * that it does so itself. Returns the status as of waitpid(), or WORKERLINK_END_UNKNOWN. */
int workerlink_end(struct workerlink *link, gboolean kill_now);
