/* SPDX-License-Identifier: MIT */
/* What a TPM answers azboot about its counter, what azboot remembers of it, and the floor of both:
 * never under the one that is given, never more than the remembered steps above it. */
#include "nvcounter.h"

#include <string.h>

#include "bytes.h"
#include "fuzz.h"

static void memory_check(const uint8_t *bytes, const struct nvcounter *now, uint64_t floor)
{
	uint8_t again[NVCOUNTER_MEMORY_SIZE];
	struct nvcounter_memory memory;
	struct nvcounter_memory next;
	uint64_t in_force;

	if (!nvcounter_memory_decode(bytes, &memory))
		return;
	nvcounter_memory_encode(&memory, again);
	promise(memcmp(again, bytes, sizeof again) == 0);
	in_force = nvcounter_floor(&memory, now, floor);
	promise(in_force >= floor);
	promise(in_force == floor || in_force <= memory.floor + NVCOUNTER_STEPS_MAX);
	next = nvcounter_remember(&memory, now, in_force);
	if (now->index == 0) {
		promise(next.counter.index == 0);
		return;
	}
	/* What was in force stays in force, as long as the counter stands still. */
	promise(nvcounter_floor(&next, now, 0) == in_force);
	promise(next.limit >= now->value);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size_bytes)
{
	struct nvcounter counter = { .index = 0 };
	uint8_t memory[NVCOUNTER_MEMORY_SIZE] = { 0 };
	uint64_t floor = 0;

	memcpy(memory, bytes, MIN(size_bytes, sizeof memory));
	if (size_bytes > sizeof memory) {
		const uint8_t *answer = bytes + sizeof memory;
		const size_t answer_size = size_bytes - sizeof memory;

		if (nvcounter_public_decode(answer, answer_size, NVCOUNTER_INDEX[0], &counter))
			promise(counter.index == NVCOUNTER_INDEX[0] && answer_size >= 58);
		if (nvcounter_value_decode(answer, answer_size, &counter.value))
			promise(counter.value <= INT64_MAX && answer_size >= 24);
		floor = answer[0];
	}
	memory_check(memory, &counter, floor);
	/* The same counter, at values around the limit. */
	counter = (struct nvcounter){ .index = bytes_load_u32(memory + 4) };
	memcpy(counter.policy, memory + 8, sizeof counter.policy);
	for (uint64_t step = 0; step < 3 * NVCOUNTER_STEPS_MAX; step++) {
		counter.value = (bytes_load_u64(memory + 48) + step) & INT64_MAX;
		memory_check(memory, &counter, floor);
	}
	return 0;
}

static size_t answer_seed(uint8_t *at, gboolean is_value)
{
	static const uint8_t PUBLIC[] = { 0x80, 1,    0,    0,    0,    58,   0,    0,
					  0,    0,    0,    46,   0x01, 0x80, 0x41, 0x5b,
					  0,    0x0b, 0x22, 0x06, 0,    0x18, 0,    32 };
	static const uint8_t VALUE[] = { 0x80, 2, 0, 0, 0, 29, 0, 0, 0, 0, 0, 0, 0, 10, 0,
					 8,    0, 0, 0, 0, 0,  0, 0, 7, 0, 0, 0, 0, 0 };

	if (is_value) {
		memcpy(at, VALUE, sizeof VALUE);
		return sizeof VALUE;
	}
	memcpy(at, PUBLIC, sizeof PUBLIC);
	memset(at + sizeof PUBLIC, 0x55, 32);
	memcpy(at + sizeof PUBLIC + 32, "\0\10", 2);
	return sizeof PUBLIC + 34;
}

size_t fuzz_seed(unsigned number, uint8_t *ret_bytes, size_t room)
{
	const struct nvcounter_memory memory = {
		.counter = { .index = NVCOUNTER_INDEX[0], .policy = { 0x55, 0x55 } },
		.floor = 3,
		.limit = 8,
	};

	if (number > 1 || room < 256)
		return 0;
	nvcounter_memory_encode(&memory, ret_bytes);
	return NVCOUNTER_MEMORY_SIZE + answer_seed(ret_bytes + NVCOUNTER_MEMORY_SIZE, number == 1);
}
