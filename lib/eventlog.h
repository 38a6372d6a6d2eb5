/* SPDX-License-Identifier: MIT */
#pragma once
/* Event log: what firmware and boot programs say they have measured, and what PCRs come of it. It
 * is not signed: only what is hashed into PCRs that a TPM vouches for may be believed.
 * Format: TCG PC Client Platform Firmware Profile 1.05, 10 (crypto-agile log, little-endian). */

#include <glib.h>
#include <stdint.h>

#include "pcr11.h"

enum {
	EVENTLOG_SIZE_MAX = 1024 * 1024, /* bytes */
	EVENTLOG_EVENTS_MAX = 16384,
	EVENTLOG_BANKS_MAX = 8,
	EVENTLOG_PCRS = 24,
};

enum eventlog_type { /* of events that are looked into */
		     EVENTLOG_NO_ACTION = 3,
		     EVENTLOG_TAG = 6,
		     EVENTLOG_VARIABLE = (int)0x80000001, /* EV_EFI_VARIABLE_DRIVER_CONFIG */
};

struct eventlog_event { /* points into the log */
	uint32_t pcr;
	uint32_t type;
	const uint8_t *digests[EVENTLOG_BANKS_MAX]; /* by the log's banks; NULL: none */
	const uint8_t *data;
	uint32_t data_size;
};

struct eventlog_bank {
	uint16_t algorithm; /* TPM_ALG_ID */
	uint16_t size_bytes;
};

struct eventlog {
	GBytes *bytes;
	struct eventlog_bank banks[EVENTLOG_BANKS_MAX];
	unsigned bank_count;
	GArray *events; /* of struct eventlog_event, without the one that heads the log */
};
typedef struct eventlog Eventlog; /* for g_autoptr() only */

/* NULL with FAULT_EVENTLOG. Zeros at the end are no events. */
struct eventlog *eventlog_decode(GBytes *bytes, GError **error);
void eventlog_free(struct eventlog *log);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Eventlog, eventlog_free)

/* The PCR as it is after all events of the log. FAULT_EVENTLOG: the log, or an
 * event, lacks that bank. */
gboolean eventlog_replay(const struct eventlog *log, const struct pcr11_bank *bank, unsigned pcr,
			 uint8_t ret_value[static PCR11_SIZE_MAX], GError **error);
/* Whether any event extends this PCR. */
gboolean eventlog_has(const struct eventlog *log, unsigned pcr);

/* azboot's decision: docs/MEASUREMENTS.md. */
struct eventlog_azboot {
	unsigned slot;   /* SLOT_A, SLOT_B */
	unsigned reason; /* enum slot_reason */
	gboolean stored; /* the boot record was, before */
	uint32_t fault;  /* met at this boot; 0 none */
	uint64_t floor;
	uint64_t security_version;
	gboolean closed; /* firmware has measured that it handed over: nobody could add one since */
};

enum eventlog_found { EVENTLOG_ABSENT, EVENTLOG_PRESENT, EVENTLOG_FORGED };

/* The last decision before the firmware handed over: what the system has measured behind that
 * counts for nothing. FORGED: what the log says there is not what was hashed, or cannot be. */
enum eventlog_found eventlog_azboot_find(const struct eventlog *log,
					 struct eventlog_azboot *ret_azboot);
/* The variable SecureBoot, which firmware measures first of all into PCR 7. */
enum eventlog_found eventlog_secure_boot_find(const struct eventlog *log, gboolean *ret_on);
