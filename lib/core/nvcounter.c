/* SPDX-License-Identifier: MIT */
#include "nvcounter.h"

#include "bytes.h"

enum {
	TAG_PLAIN = 0x8001,
	TAG_SESSIONS = 0x8002,
	CODE_READ = 0x0000014e,
	CODE_READ_PUBLIC = 0x00000169,
	HEADER_SIZE = 10,
	ALG_SHA256 = 0x000b,
	/* Counter, policyWrite, authRead, ownerRead, noDa, written. */
	ATTRIBUTES = 0x22060018,
	VALUE_SIZE = 8,
	PUBLIC_SIZE = 4 + 2 + 4 + 2 + NVCOUNTER_POLICY_SIZE + 2,
	PASSWORD_SIZE = 9, /* an empty one */
	LAYOUT = 1,
};
static const uint32_t SESSION_PASSWORD = 0x40000009;

static void put(uint8_t *bytes, unsigned *at, uint64_t number, unsigned size_bytes)
{
	while (size_bytes-- > 0)
		bytes[(*at)++] = (uint8_t)(number >> (8 * size_bytes));
}

static uint64_t get(const uint8_t *bytes, unsigned *at, unsigned size_bytes)
{
	uint64_t number = 0;

	while (size_bytes-- > 0)
		number = number << 8 | bytes[(*at)++];
	return number;
}

void nvcounter_public_command(uint32_t index,
			      uint8_t ret_bytes[static NVCOUNTER_PUBLIC_COMMAND_SIZE])
{
	unsigned at = 0;

	put(ret_bytes, &at, TAG_PLAIN, 2);
	put(ret_bytes, &at, NVCOUNTER_PUBLIC_COMMAND_SIZE, 4);
	put(ret_bytes, &at, CODE_READ_PUBLIC, 4);
	put(ret_bytes, &at, index, 4);
}

/* By the index' own authorization, which is empty. */
void nvcounter_read_command(uint32_t index, uint8_t ret_bytes[static NVCOUNTER_READ_COMMAND_SIZE])
{
	unsigned at = 0;

	put(ret_bytes, &at, TAG_SESSIONS, 2);
	put(ret_bytes, &at, NVCOUNTER_READ_COMMAND_SIZE, 4);
	put(ret_bytes, &at, CODE_READ, 4);
	put(ret_bytes, &at, index, 4);
	put(ret_bytes, &at, index, 4);
	put(ret_bytes, &at, PASSWORD_SIZE, 4);
	put(ret_bytes, &at, SESSION_PASSWORD, 4);
	put(ret_bytes, &at, 0, 2 + 1 + 2); /* nonce, attributes, password */
	put(ret_bytes, &at, VALUE_SIZE, 2);
	put(ret_bytes, &at, 0, 2); /* offset */
}

/* A success of that kind, with `needed` bytes behind the header. */
static bool answer_is(const uint8_t *answer, size_t size_bytes, unsigned tag, unsigned needed)
{
	unsigned at = 0;
	uint64_t size_said;

	if (size_bytes < HEADER_SIZE + needed || get(answer, &at, 2) != tag)
		return false;
	size_said = get(answer, &at, 4);
	return size_said >= HEADER_SIZE + needed && size_said <= size_bytes &&
	       get(answer, &at, 4) == 0;
}

bool nvcounter_public_decode(const uint8_t *answer, size_t size_bytes, uint32_t index,
			     struct nvcounter *ret_counter)
{
	struct nvcounter counter = { .index = index };
	unsigned at = HEADER_SIZE;

	if (!answer_is(answer, size_bytes, TAG_PLAIN, 2 + PUBLIC_SIZE) ||
	    get(answer, &at, 2) != PUBLIC_SIZE || get(answer, &at, 4) != index ||
	    get(answer, &at, 2) != ALG_SHA256 || get(answer, &at, 4) != ATTRIBUTES ||
	    get(answer, &at, 2) != NVCOUNTER_POLICY_SIZE)
		return false;
	bytes_copy(counter.policy, answer + at, NVCOUNTER_POLICY_SIZE);
	at += NVCOUNTER_POLICY_SIZE;
	if (get(answer, &at, 2) != VALUE_SIZE)
		return false;
	*ret_counter = counter;
	return true;
}

bool nvcounter_value_decode(const uint8_t *answer, size_t size_bytes, uint64_t *ret_value)
{
	unsigned at = HEADER_SIZE;
	uint64_t value;

	if (!answer_is(answer, size_bytes, TAG_SESSIONS, 4 + 2 + VALUE_SIZE) ||
	    get(answer, &at, 4) != 2 + VALUE_SIZE || get(answer, &at, 2) != VALUE_SIZE)
		return false;
	value = get(answer, &at, VALUE_SIZE);
	/* No counter gets there by steps of one, and sums of it must not run over. */
	if (value > INT64_MAX)
		return false;
	*ret_value = value;
	return true;
}

void nvcounter_memory_encode(const struct nvcounter_memory *memory,
			     uint8_t ret_bytes[static NVCOUNTER_MEMORY_SIZE])
{
	bytes_store_u32(ret_bytes, LAYOUT);
	bytes_store_u32(ret_bytes + 4, memory->counter.index);
	bytes_copy(ret_bytes + 8, memory->counter.policy, NVCOUNTER_POLICY_SIZE);
	bytes_store_u64(ret_bytes + 40, memory->floor);
	bytes_store_u64(ret_bytes + 48, memory->limit);
}

bool nvcounter_memory_decode(const uint8_t bytes[static NVCOUNTER_MEMORY_SIZE],
			     struct nvcounter_memory *ret_memory)
{
	struct nvcounter_memory memory = { .counter.index = bytes_load_u32(bytes + 4),
					   .floor = bytes_load_u64(bytes + 40),
					   .limit = bytes_load_u64(bytes + 48) };

	if (bytes_load_u32(bytes) != LAYOUT || memory.floor > INT64_MAX || memory.limit > INT64_MAX)
		return false;
	bytes_copy(memory.counter.policy, bytes + 8, NVCOUNTER_POLICY_SIZE);
	*ret_memory = memory;
	return true;
}

static bool is_same(const struct nvcounter_memory *memory, const struct nvcounter *now)
{
	return now->index != 0 && memory->counter.index == now->index &&
	       bytes_equal(memory->counter.policy, now->policy, NVCOUNTER_POLICY_SIZE);
}

uint64_t nvcounter_floor(const struct nvcounter_memory *memory, const struct nvcounter *now,
			 uint64_t floor)
{
	uint64_t remembered = memory->floor;

	if (!is_same(memory, now))
		return floor;
	if (now->value > memory->limit) {
		if (now->value - memory->limit > NVCOUNTER_STEPS_MAX)
			return floor;
		remembered += now->value - memory->limit;
	}
	return remembered > floor ? remembered : floor;
}

struct nvcounter_memory nvcounter_remember(const struct nvcounter_memory *memory,
					   const struct nvcounter *now, uint64_t floor)
{
	const bool goes_on = is_same(memory, now) && now->value <= memory->limit &&
			     floor <= memory->floor;
	const struct nvcounter_memory none = { .floor = 0 };

	if (now->index == 0)
		return none;
	if (goes_on)
		return *memory;
	return (struct nvcounter_memory){ *now, floor, now->value + 1 };
}
