/* SPDX-License-Identifier: MIT */
#pragma once
/* Workers: processes without rights (azfetch) that fetch and decode what nobody trusts yet. A
 * worker that dies, hangs, lies or floods fails the call that was made of it, and nothing else.
 *
 * A worker is used by one thread at a time, and freed by the thread that made it or after that one
 * has ended: the kernel ends a worker with the thread that began it, unless systemd did. */

#include <gio/gio.h>
#include <glib.h>

#include "fault.h"
#include "sharedmem.h"
#include "workerwire.h"

/* How workers are had; lives longer than all of them. */
struct workers {
	char *program;      /* path of azfetch */
	unsigned silence_s; /* longer without a word is a hang; WORKER_SILENCE_S */
	char *sockets;      /* where systemd listens for them (workerlink.h); NULL: begun by us */
};

enum { WORKER_SILENCE_S = 120 };

enum worker_kind {
	WORKER_NET,    /* TLS and HTTP: the network, and no file but what that needs */
	WORKER_DECODE, /* nothing but the descriptors that it is given */
};

/* The path of azfetch in the folder of the program that runs. The caller frees. */
char *worker_program_beside(void);

struct worker;
typedef struct worker Worker; /* for g_autoptr() only */

/* cancellable may be NULL; `cancelled` is the fault of a call that it ends. FAULT_WORKER_START,
 * FAULT_WORKER_SOCKET. */
struct worker *worker_new(const struct workers *workers, enum worker_kind kind,
			  GCancellable *cancellable, fault cancelled, GError **error);
void worker_free(struct worker *worker); /* ends it, whatever it does; NULL is fine */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Worker, worker_free)

struct worker_call {
	struct workerwire_message message; /* asked; then the answer */
	struct workerwire_fds fds;
	const fault *faults; /* that the worker may fail with; ends with FAULT_OK */
	unsigned patience_s; /* as silence_s of the workers, if that is less; 0: nothing more */
	/* May be NULL: those events are then lies. FALSE: it is one. */
	gboolean (*event)(gpointer user_data, const struct workerwire_message *message);
	gpointer user_data;
};

/* FAULT_WORKER_DIED, _SILENT, _ANSWER; the worker is then of no use any more. Else what it says it
 * has failed with: message.numbers are then its too. */
gboolean worker_call(struct worker *worker, struct worker_call *call, GError **error);
/* An answer that cannot be: always returns FALSE, and the worker is ended. */
gboolean worker_lied(struct worker *worker, const char *what, GError **error);
/* Sends what the worker waits for in the middle of a call. */
gboolean worker_reply(struct worker *worker, enum workerwire_kind kind);
/* The fault is one of the worker, and not of what it works on. */
gboolean worker_is_to_blame(const GError *error);
