/* SPDX-License-Identifier: MIT */
/* One EV_EVENT_TAG in PCR 5 per slot that azboot is about to start. What is hashed is the event as
 * it stands in the log, so the log alone proves itself. Little-endian.
 *
 * offset  size  field
 *      0     4  tag 0x617a6274
 *      4     4  size of what follows: 32
 *      8     2  layout: 1
 *     10     1  slot: 0 a, 1 b
 *     11     1  reason: 1 once, 2 trial, 3 preferred, 4 fallback, 5 last resort
 *     12     1  1 if the record was stored before, else 0
 *     13     3  zero
 *     16     4  fault met at this boot, 0 none
 *     20     4  zero
 *     24     8  floor
 *     32     8  security version of the UKI */
#include "measure.h"

#include "bytes.h"
#include "firmware.h"

enum {
	TAG = 0x617a6274,
	TAG_HEADER_SIZE = 8,
	EVENT_SIZE = 40,
	EVENT_LAYOUT = 1,
	EV_EVENT_TAG = 6, /* TCG PC Client Platform Firmware Profile, 10.4.1 */
	PCR = 5,
	HEADER_SIZE = 14,
	HEADER_VERSION = 1,
};
_Static_assert(SLOT_REASON_ONCE == 1 && SLOT_REASON_TRIAL == 2 && SLOT_REASON_PREFERRED == 3 &&
		       SLOT_REASON_FALLBACK == 4 && SLOT_REASON_LAST_RESORT == 5,
	       "the reasons are part of the layout");

struct __attribute__((packed)) event {
	struct efi_tcg2_event header;
	uint8_t bytes[EVENT_SIZE];
};

static void decision_encode(const struct decision *decision, uint8_t ret_bytes[static EVENT_SIZE])
{
	bytes_fill(ret_bytes, 0, EVENT_SIZE);
	bytes_store_u32(ret_bytes, TAG);
	bytes_store_u32(ret_bytes + 4, EVENT_SIZE - TAG_HEADER_SIZE);
	bytes_store_u16(ret_bytes + 8, EVENT_LAYOUT);
	ret_bytes[10] = (uint8_t)decision->slot;
	ret_bytes[11] = (uint8_t)decision->reason;
	ret_bytes[12] = decision->is_stored;
	bytes_store_u32(ret_bytes + 16, decision->fault);
	bytes_store_u64(ret_bytes + 24, decision->floor);
	bytes_store_u64(ret_bytes + 32, decision->security_version);
}

void measure_decision(const struct decision *decision)
{
	struct event event = { .header = {
				       .size_bytes = sizeof event,
				       .header_size = HEADER_SIZE,
				       .header_version = HEADER_VERSION,
				       .pcr = PCR,
				       .event_type = EV_EVENT_TAG,
			       } };
	struct efi_tcg2 *tcg2;
	void *interface;

	if (efi_failed(firmware->boot->locate_protocol(&EFI_TCG2_GUID, NULL, &interface)))
		return;
	tcg2 = interface;
	decision_encode(decision, event.bytes);
	/* No policy rests on this PCR: a TPM that refuses must not stop the boot. */
	(void)tcg2->hash_log_extend(tcg2, 0, (uint64_t)(uintptr_t)event.bytes, EVENT_SIZE,
				    &event.header);
}
