/* SPDX-License-Identifier: MIT */
#pragma once
/* Outlook: all that the policy is asked with, gathered at one moment. Nothing is changed, and
 * nothing fetched. */

#include "catalogue.h"
#include "machine.h"
#include "policy.h"
#include "policystate.h"

struct outlook_ask {
	const struct config *config;
	struct machine *machine; /* NULL: a job works on it, and nothing can be known of it */
	GDBusConnection *bus;    /* to ask logind and NetworkManager, or NULL */
	gboolean asked;          /* somebody wants it now */
	gboolean reboot;         /* and a reboot, too */
	const char *hook;        /* what a hook that says no has said, or NULL */
};

struct outlook {
	struct policy_input input; /* points into what follows */
	struct policy_machine machine;
	struct policy_config config;
	struct policy_state past;
	struct policystate *state;
	struct machine_status *status; /* NULL: a job works on the machine */
	struct catalogue *catalogue;   /* NULL: nothing is known of the repository */
	struct zone *zone;
	char *machine_id;
	char *hook;
	char *inhibitor;
	unsigned other; /* the slot that does not run, or SLOT_NONE */
};
typedef struct outlook Outlook; /* for g_autoptr() only */

/* FAULT_REPOSITORY_NONE; faults of the configuration, of the disk and of the boot record. */
struct outlook *outlook_new(const struct outlook_ask *ask, GError **error);
void outlook_free(struct outlook *outlook);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Outlook, outlook_free)
