/* SPDX-License-Identifier: MIT */
#pragma once
/* What a boot does about the encrypted var, but for what needs the kernel: varplan.h decides, this
 * looks, unlocks, makes and binds. To be called while PCR 11 is in the phase VARCRYPT_PHASE. */

#include <glib.h>

#include "varcrypt.h"
#include "vargate.h"
#include "varplan.h"

enum varunlock_question { VARUNLOCK_PIN, VARUNLOCK_RECOVERY_KEY };

/* How it talks to whoever is there. */
struct varunlock_console {
	/* What was typed, owned by the caller; NULL: nobody answered in time. */
	struct secret *(*ask)(enum varunlock_question question, gpointer user_data);
	void (*say)(const char *text, gpointer user_data);
	gpointer user_data;
};

struct varunlock {          /* all is borrowed */
	const char *volume; /* the partition */
	struct tpm *tpm;    /* NULL: none */
	GBytes *public_key; /* .pcrpkey of the running UKI, PEM; NULL: it has none */
	GBytes *pcrsig;     /* .pcrsig of it; NULL: it has none */
	const struct varunlock_console *console;
	uint64_t floor;         /* in force at this boot, 0: none or unknown */
	uint64_t counter_limit; /* bootinfo.h */
};

/* Free with varunlock_result_clear(). */
struct varunlock_result {
	struct luks *luks;
	struct secret *volume_key;
	/* Not NULL: the volume is new. To be shown; luks_finish() when a file system is there. */
	struct secret *recovery_key;
};
void varunlock_result_clear(struct varunlock_result *result);

/* FAULT_VAR_FOREIGN, FAULT_VAR_LOCKED (nobody gave a recovery key that opens it), FAULT_LUKS_,
 * FAULT_TPM_OPEN, FAULT_SEAL_. */
gboolean varunlock_run(const struct varunlock *unlock, struct varunlock_result *ret_result,
		       GError **error);
