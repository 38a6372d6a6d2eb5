/* SPDX-License-Identifier: MIT */
#pragma once
/* Omaha: asks an update server of version 3 of that protocol, such as Nebraska, which release this
 * machine should have, and tells it what became of that. What it says is advice: the outcome is a
 * version, and perhaps an address; only a signed release can be installed.
 *
 * Nebraska has rules that are not in the protocol, and docs/FLEET.md tells how they are met:
 * - it offers nothing more to a machine that it believes to be updating. So each update that was
 * begun
 *   must end in OMAHA_COMPLETE or OMAHA_FAILED, also one that a power cut has ended. What was begun
 *   and what is still to be told stands in STATE/omaha.json.
 * - it forgets events of machines that it does not know. So a check comes first.
 * - event 3 with result 1 means "complete" to it, before the reboot. It is never sent.
 *
 * Order: omaha_check(); if the advice is followed, omaha_note() at each step, omaha_send() when
 * there is time for it; OMAHA_COMPLETE when the release was committed, OMAHA_FAILED at any other
 * end. */

#include <gio/gio.h>
#include <glib.h>

#include "fault.h"
#include "source.h"

enum {
	OMAHA_ANSWER_MAX = 1024 * 1024, /* bytes */
	OMAHA_WORD_MAX = 64,            /* app, track: characters */
	OMAHA_TIME_S = 90,              /* one call */
	OMAHA_PENDING_MAX = 16,         /* events kept for a server that is down */
};

/* What is the client's stays the caller's. */
struct omaha_client {
	const char *url;          /* http://nebraska.example/v1/update/ */
	const char *app;          /* UUID, or the product's id on the server */
	const char *track;        /* the group there */
	const char *architecture; /* as uname -m prints it: x86_64 or aarch64 */
	const char *machine_id;   /* fleetid_load() */
	const char *boot_id;      /* fleetid_boot() */
	const char *version;      /* the running release's; must have the form 1.2.3 */
	const char *state_dir;
	const struct source_options *network; /* NULL: the defaults */
};

enum omaha_event {
	OMAHA_DOWNLOAD_STARTED,  /* 13, 1 */
	OMAHA_DOWNLOAD_FINISHED, /* 14, 1 */
	OMAHA_INSTALLED,         /* 800, 1: staged, the reboot is to come */
	OMAHA_COMPLETE,          /* 3, 2: committed */
	OMAHA_FAILED,            /* 3, 0 with the fault's number: aborted, cancelled, rolled back */
	OMAHA_EVENT_COUNT
};

enum omaha_outcome {
	OMAHA_UPDATE, /* to `version` */
	OMAHA_NONE,   /* nothing newer */
	OMAHA_LATER,  /* not now, by policy or because of a problem: `status` says which */
};

struct omaha_advice {
	enum omaha_outcome outcome;
	char *status;  /* the server's word, such as error-updatesDisabled */
	char *version; /* of OMAHA_UPDATE: version_is_valid(); else NULL */
	char *url; /* of OMAHA_UPDATE: http or https, where the server has the bundle; else NULL */
};
typedef struct omaha_advice OmahaAdvice; /* for g_auto() only */
void omaha_advice_clear(struct omaha_advice *advice);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(OmahaAdvice, omaha_advice_clear)

/* How a check is meant. */
struct omaha_check {
	gboolean on_demand; /* a person asks, not the timer */
	/* An update is being downloaded, or is staged and still wanted. FALSE: none is, and one
	 * that the server or the state file still believes in is told to have failed. */
	gboolean in_progress;
};

/* Sends what is noted and asks. FAULT_OMAHA_VALUE: a value of the client's cannot be said in this
 * protocol; FAULT_OMAHA_ANSWER: what came is no answer of it; FAULT_HTTP_STATUS; faults of
 * httpcall.h; FAULT_STATE_FILE. */
gboolean omaha_check(const struct omaha_client *client, const struct omaha_check *check,
		     GCancellable *cancellable, struct omaha_advice *ret_advice, GError **error);

struct omaha_step {
	enum omaha_event event;
	const char *version;  /* of the update */
	const char *previous; /* of OMAHA_COMPLETE: the version that ran before; else NULL */
	fault why;            /* of OMAHA_FAILED; else FAULT_OK */
};

/* Notes a step; nothing goes over the network. One that is noted already, or of an update that the
 * server has not advised, is passed over: what was installed from elsewhere is not its business.
 * FAULT_STATE_FILE. */
gboolean omaha_note(const char *state_dir, const struct omaha_step *step, GError **error);
/* Tells the server what is noted, if anything is, with one try. As omaha_check(). */
gboolean omaha_send(const struct omaha_client *client, GCancellable *cancellable, GError **error);
