/* SPDX-License-Identifier: MIT */
#pragma once
/* NV counter: the TPM's counter that gates secrets (docs/FLOOR.md), as azboot sees it: commands and
 * answers in bytes, and what the counter says about the floor. Answers are hostile: what is not
 * exactly as it should be is no counter. Sources: TPM 2.0 Part 2, 13 (TPMS_NV_PUBLIC); Part 3,
 * 31.6 (TPM2_NV_ReadPublic) and 31.13 (TPM2_NV_Read). */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	NVCOUNTER_INDEXES = 2,
	NVCOUNTER_POLICY_SIZE = 32,
	NVCOUNTER_PUBLIC_COMMAND_SIZE = 14,
	NVCOUNTER_READ_COMMAND_SIZE = 35,
	NVCOUNTER_ANSWER_MAX = 128, /* bytes of an answer that are looked at */
	NVCOUNTER_MEMORY_SIZE = 56,
	/* More steps than this beyond the limit are those of another counter. */
	NVCOUNTER_STEPS_MAX = 64,
};

/* Where it may be, of the indexes that owners may use. */
static const uint32_t NVCOUNTER_INDEX[NVCOUNTER_INDEXES] = { 0x0180415b, 0x0180415c };

struct nvcounter {
	uint32_t index;                        /* 0: there is none */
	uint8_t policy[NVCOUNTER_POLICY_SIZE]; /* who may move it */
	uint64_t value;
};

void nvcounter_public_command(uint32_t index,
			      uint8_t ret_bytes[static NVCOUNTER_PUBLIC_COMMAND_SIZE]);
void nvcounter_read_command(uint32_t index, uint8_t ret_bytes[static NVCOUNTER_READ_COMMAND_SIZE]);

/* False: there is no index, it is no counter of ours, or it was never written. Sets index and
 * policy. */
bool nvcounter_public_decode(const uint8_t *answer, size_t size_bytes, uint32_t index,
			     struct nvcounter *ret_counter);
bool nvcounter_value_decode(const uint8_t *answer, size_t size_bytes, uint64_t *ret_value);

/* What azboot remembers in a variable that only boot services reach. */
struct nvcounter_memory {
	struct nvcounter counter; /* index and policy; the value when it was noted */
	uint64_t floor;           /* in force then */
	uint64_t limit;           /* how far that floor may move it */
};
void nvcounter_memory_encode(const struct nvcounter_memory *memory,
			     uint8_t ret_bytes[static NVCOUNTER_MEMORY_SIZE]);
/* False: it is no such memory. */
bool nvcounter_memory_decode(const uint8_t bytes[static NVCOUNTER_MEMORY_SIZE],
			     struct nvcounter_memory *ret_memory);

/* The floor in force, at least `floor`: the memory's too, as long as the counter is the one that it
 * is about, and one more for each step past the limit, since each step was a rise that the memory
 * has lost. */
uint64_t nvcounter_floor(const struct nvcounter_memory *memory, const struct nvcounter *now,
			 uint64_t floor);

/* What to remember of a counter once `floor` is in force: a rise of the floor, or another counter,
 * makes room for one step. Without a counter nothing (index 0). */
struct nvcounter_memory nvcounter_remember(const struct nvcounter_memory *memory,
					   const struct nvcounter *now, uint64_t floor);
