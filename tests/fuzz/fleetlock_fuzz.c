/* SPDX-License-Identifier: MIT */
/* Answers of FleetLock servers: nothing but the status gives a lock, and words are fit to be
 * shown. */
#include <string.h>

#include "fleetlock.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size_bytes)
{
	static const unsigned STATUSES[] = { 200, 202, 302, 400, 423, 500 };

	for (size_t i = 0; i < G_N_ELEMENTS(STATUSES); i++) {
		const struct fleetlock_answer answer = fleetlock_decode(
			STATUSES[i], (const char *)bytes, size_bytes);

		if (answer.outcome == FLEETLOCK_GRANTED && STATUSES[i] != 200)
			__builtin_trap();
		if (strnlen(answer.kind, sizeof answer.kind) == sizeof answer.kind ||
		    strnlen(answer.value, sizeof answer.value) == sizeof answer.value ||
		    !g_utf8_validate(answer.value, -1, NULL) ||
		    strpbrk(answer.value, "\r\n\x1b") != NULL)
			__builtin_trap();
	}
	return 0;
}

size_t fuzz_seed(unsigned number, uint8_t *ret_bytes, size_t room)
{
	static const char *const SEEDS[] = {
		"{\"kind\":\"failed_lock\",\"value\":\"all 1 semaphore slots currently locked\"}",
		"{\"value\":\"\\u001b[2J\\ud83d\\ude00\",\"kind\":\"a b\",\"more\":[{}]}",
		" \n<!DOCTYPE html><html></html>",
	};
	const size_t size_bytes = number < 3 ? strlen(SEEDS[number]) : 0;

	if (size_bytes == 0 || size_bytes > room)
		return 0;
	memcpy(ret_bytes, SEEDS[number], size_bytes);
	return size_bytes;
}
