/* SPDX-License-Identifier: MIT */
/* Event logs: decoded, replayed, and looked through. */
#include "eventlog.h"

#include <string.h>

#include "bytes.h"
#include "fuzz.h"

static volatile uint8_t sink;

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size_bytes)
{
	g_autoptr(GBytes) given = g_bytes_new_static(bytes, size_bytes);
	g_autoptr(Eventlog) log = eventlog_decode(given, NULL);
	struct eventlog_azboot azboot;
	uint8_t value[PCR11_SIZE_MAX];
	gboolean on;

	if (log == NULL)
		return 0;
	if (eventlog_replay(log, pcr11_bank_find("sha256", NULL), 5, value, NULL))
		sink = value[0];
	(void)eventlog_azboot_find(log, &azboot); /* crashes count */
	(void)eventlog_secure_boot_find(log, &on);
	return 0;
}

/* Seed 0 heads with the bank sha256 alone, seed 1 with one that nobody knows, too. */
size_t fuzz_seed(unsigned number, uint8_t *ret_bytes, size_t room)
{
	enum { HEAD = 60, DATA = 40 };
	static const uint16_t BANKS[][2] = { { 0x000b, 32 }, { 0x0777, 5 } };
	uint8_t *at = ret_bytes;

	if (number >= G_N_ELEMENTS(BANKS))
		return 0;
	memset(ret_bytes, 0, room);
	bytes_store_u32(at + 4, EVENTLOG_NO_ACTION);
	bytes_store_u32(at + 28, 29 + 4 * (number + 1) - 1);
	memcpy(at + 32, "Spec ID Event03", 16);
	bytes_store_u32(at + 56, number + 1);
	for (unsigned i = 0; i <= number; i++) {
		bytes_store_u16(at + HEAD + 4 * i, BANKS[i][0]);
		bytes_store_u16(at + HEAD + 4 * i + 2, BANKS[i][1]);
	}
	at += HEAD + 4 * (number + 1);
	for (unsigned event = 0; event < 3; event++) {
		bytes_store_u32(at, 5 + event % 2 * 2);
		bytes_store_u32(at + 4, event % 2 == 0 ? EVENTLOG_TAG : 0x80000001);
		bytes_store_u32(at + 8, number + 1);
		at += 12;
		for (unsigned i = 0; i <= number; i++) {
			bytes_store_u16(at, BANKS[i][0]);
			at += 2 + BANKS[i][1];
		}
		bytes_store_u32(at, DATA);
		bytes_store_u32(at + 4, 0x617a6274);
		at += 4 + DATA;
	}
	return (size_t)(at - ret_bytes);
}
