/* SPDX-License-Identifier: MIT */
#include "nvcounter.h"

#include <string.h>

#include "bytes.h"
#include "tap.h"

enum { INDEX = 0x0180415b, PUBLIC_ANSWER_SIZE = 94, VALUE_ANSWER_SIZE = 29, NUMBERS = 5 };

/* TPM2_NV_ReadPublic and TPM2_NV_Read as a software TPM (libtpms) answered them. */
static const uint8_t PUBLIC_ANSWER[PUBLIC_ANSWER_SIZE] = {
	0x80, 0x01, 0x00, 0x00, 0x00, 0x5e, 0x00, 0x00, 0x00, 0x00, 0x00, 0x2e, 0x01,
	0x80, 0x41, 0x5b, 0x00, 0x0b, 0x22, 0x06, 0x00, 0x18, 0x00, 0x20, 0xbd, 0xb7,
	0x88, 0x2b, 0x52, 0x04, 0x2a, 0x10, 0x59, 0x88, 0xb2, 0x66, 0x9a, 0x09, 0x2c,
	0xde, 0x04, 0xfd, 0x24, 0x80, 0x99, 0xea, 0xbf, 0x72, 0x01, 0x90, 0x22, 0x6c,
	0x49, 0x09, 0x28, 0x5a, 0x00, 0x08, 0x00, 0x22, 0x00, 0x0b
};
static const uint8_t VALUE_ANSWER[VALUE_ANSWER_SIZE] = { 0x80, 0x02, 0, 0,    0, 0x1d, 0, 0, 0, 0,
							 0,    0,    0, 0x0a, 0, 8,    0, 0, 0, 0,
							 0,    0,    1, 7,    0, 0,    1, 0, 0 };

static void test_commands(void)
{
	static const uint8_t PUBLIC[] = { 0x80, 0x01, 0,    0,    0,    0x0e, 0,
					  0,    0x01, 0x69, 0x01, 0x80, 0x41, 0x5b };
	static const uint8_t READ[] = { 0x80, 0x02, 0,    0,    0,    0x23, 0,    0,    0x01,
					0x4e, 0x01, 0x80, 0x41, 0x5b, 0x01, 0x80, 0x41, 0x5b,
					0,    0,    0,    9,    0x40, 0,    0,    9,    0,
					0,    0,    0,    0,    0,    8,    0,    0 };
	uint8_t made_public[NVCOUNTER_PUBLIC_COMMAND_SIZE], made_read[NVCOUNTER_READ_COMMAND_SIZE];

	nvcounter_public_command(INDEX, made_public);
	nvcounter_read_command(INDEX, made_read);
	expect(sizeof PUBLIC == sizeof made_public &&
	       memcmp(PUBLIC, made_public, sizeof PUBLIC) == 0);
	expect(sizeof READ == sizeof made_read && memcmp(READ, made_read, sizeof READ) == 0);
}

/* Every byte that counts, with each of its bits changed; and every size that is too small. */
static void test_public(void)
{
	struct nvcounter counter;
	uint8_t answer[PUBLIC_ANSWER_SIZE];

	expect(nvcounter_public_decode(PUBLIC_ANSWER, sizeof PUBLIC_ANSWER, INDEX, &counter));
	expect(counter.index == INDEX && counter.policy[0] == 0xbd && counter.policy[31] == 0x5a);
	expect(!nvcounter_public_decode(PUBLIC_ANSWER, sizeof PUBLIC_ANSWER, INDEX + 1, &counter));
	for (unsigned bit = 0; bit < 8 * 58; bit++) {
		const bool is_size = bit / 8 >= 2 && bit / 8 < 6;
		const bool is_policy = bit / 8 >= 24 && bit / 8 < 56;

		memcpy(answer, PUBLIC_ANSWER, sizeof answer);
		answer[bit / 8] = (uint8_t)(answer[bit / 8] ^ 1 << bit % 8);
		if (!is_size)
			expect(nvcounter_public_decode(answer, sizeof answer, INDEX, &counter) ==
			       is_policy);
	}
	for (size_t size_bytes = 0; size_bytes < sizeof PUBLIC_ANSWER; size_bytes++)
		expect(!nvcounter_public_decode(PUBLIC_ANSWER, size_bytes, INDEX, &counter));
	memcpy(answer, PUBLIC_ANSWER, sizeof answer);
	answer[5] = 57; /* it says that it ends within what is needed */
	expect(!nvcounter_public_decode(answer, sizeof answer, INDEX, &counter));
	answer[2] = 0xff;
	expect(!nvcounter_public_decode(answer, sizeof answer, INDEX, &counter));
}

static void test_value(void)
{
	uint8_t answer[VALUE_ANSWER_SIZE];
	uint64_t value = 0;

	expect(nvcounter_value_decode(VALUE_ANSWER, sizeof VALUE_ANSWER, &value) && value == 0x107);
	for (size_t size_bytes = 0; size_bytes < sizeof VALUE_ANSWER; size_bytes++)
		expect(!nvcounter_value_decode(VALUE_ANSWER, size_bytes, &value));
	for (unsigned byte = 0; byte < 16; byte++) {
		memcpy(answer, VALUE_ANSWER, sizeof answer);
		answer[byte] ^= 0x40;
		expect(!nvcounter_value_decode(answer, sizeof answer, &value));
	}
	memcpy(answer, VALUE_ANSWER, sizeof answer);
	answer[16] = 0x80;
	expect(!nvcounter_value_decode(answer, sizeof answer, &value));
	answer[16] = 0x7f;
	expect(nvcounter_value_decode(answer, sizeof answer, &value));
	/* There is no such index; it was never written. */
	memcpy(answer, "\x80\x01\0\0\0\x0a\0\0\x01\x8b", 10);
	expect(!nvcounter_value_decode(answer, sizeof answer, &value));
	memcpy(answer, "\x80\x02\0\0\0\x0a\0\0\x01\x4a", 10);
	expect(!nvcounter_value_decode(answer, sizeof answer, &value));
}

static void test_memory(void)
{
	const struct nvcounter_memory memory = { { INDEX, { 1, [31] = 9 }, 0 }, 5, 77 };
	uint8_t bytes[NVCOUNTER_MEMORY_SIZE];
	struct nvcounter_memory back;

	nvcounter_memory_encode(&memory, bytes);
	expect(nvcounter_memory_decode(bytes, &back));
	expect(back.counter.index == INDEX && back.floor == 5 && back.limit == 77 &&
	       memcmp(back.counter.policy, memory.counter.policy, NVCOUNTER_POLICY_SIZE) == 0);
	bytes[0] = 2;
	expect(!nvcounter_memory_decode(bytes, &back));
	bytes[0] = 1;
	bytes[47] = 0x80;
	expect(!nvcounter_memory_decode(bytes, &back));
	bytes[47] = 0;
	bytes[55] = 0x80;
	expect(!nvcounter_memory_decode(bytes, &back));
}

static void test_another(void)
{
	struct nvcounter_memory memory = { { INDEX, { 1 }, 0 }, 5, 7 };
	struct nvcounter now = { INDEX, { 1 }, 9 };

	expect(nvcounter_floor(&memory, &now, 3) == 7);
	expect(nvcounter_floor(&memory, &now, 8) == 8);
	now.value = 7 + NVCOUNTER_STEPS_MAX;
	expect(nvcounter_floor(&memory, &now, 3) == 5 + NVCOUNTER_STEPS_MAX);
	now.value++;
	expect(nvcounter_floor(&memory, &now, 3) == 3);
	now.value = 9;
	now.policy[31] = 1;
	expect(nvcounter_floor(&memory, &now, 3) == 3);
	now.policy[31] = 0;
	now.index++;
	expect(nvcounter_floor(&memory, &now, 3) == 3);
	now.index = 0;
	memory.counter.index = 0;
	expect(nvcounter_floor(&memory, &now, 3) == 3);
	expect(nvcounter_remember(&memory, &now, 3).counter.index == 0);
}

/* A machine that goes on as it should, in any interleaving of rises and moves: azboot never takes
 * a floor that was not in force before, however late the counter follows. */
static void machine_walk(struct nvcounter_memory memory, struct nvcounter now, uint64_t floor,
			 unsigned depth)
{
	if (depth == 0)
		return;
	for (unsigned rise = 0; rise < 2; rise++)
		for (unsigned move = 0; move < 2; move++) {
			struct nvcounter_memory next;
			struct nvcounter after = now;

			expect(nvcounter_floor(&memory, &now, floor) == floor);
			next = nvcounter_remember(&memory, &now, floor + rise);
			/* azunlock stops at the limit. */
			if (move == 1 && after.value < next.limit)
				after.value++;
			expect(after.value <= next.limit);
			machine_walk(next, after, floor + rise, depth - 1);
		}
}

static void test_machine(void)
{
	const struct nvcounter_memory none = { .floor = 0 };
	const struct nvcounter now = { INDEX, { 1 }, 17 };

	machine_walk(none, now, 0, 6);
}

/* Variables of before are put back: each move beyond what they know is one floor more. */
static void test_restored(void)
{
	struct nvcounter now = { INDEX, { 1 }, 17 };
	const struct nvcounter_memory none = { .floor = 0 };
	const struct nvcounter_memory old = nvcounter_remember(&none, &now, 3);
	struct nvcounter_memory memory = old;

	for (uint64_t floor = 4; floor < 4 + NUMBERS; floor++) {
		memory = nvcounter_remember(&memory, &now, floor);
		now.value++;
		expect(nvcounter_floor(&memory, &now, floor) == floor);
	}
	expect(now.value == 17 + NUMBERS);
	/* The first step may have been that of floor 3, which was not there yet. */
	expect(nvcounter_floor(&old, &now, 3) == 3 + NUMBERS - 1);
	expect(nvcounter_remember(&old, &now, 7).limit == now.value + 1);
}

static const struct tap_case CASES[] = {
	{ "commands", test_commands },
	{ "public area", test_public },
	{ "value", test_value },
	{ "memory", test_memory },
	{ "another counter", test_another },
	{ "a machine that goes on", test_machine },
	{ "variables of before", test_restored },
};
TAP_MAIN(CASES)
