/* SPDX-License-Identifier: MIT */
#include "counter.h"

#include "bytes.h"
#include "firmware.h"
#include "floor.h"
#include "variable.h"

enum { ATTRIBUTES = EFI_VARIABLE_NON_VOLATILE | EFI_VARIABLE_BOOTSERVICE_ACCESS };

static const uint16_t NAME[] = u"AzbootCounter";

/* NULL: firmware has no TPM 2. */
static struct efi_tcg2 *tpm_find(void)
{
	void *interface;

	return efi_failed(firmware->boot->locate_protocol(&EFI_TCG2_GUID, NULL, &interface))
		       ? NULL
		       : interface;
}

/* Firmware tells whether the TPM answered, not what: that is in the answer. What it leaves
 * unwritten is zeros, and no answer. */
static bool tpm_ask(struct efi_tcg2 *tpm, const uint8_t *command, uint32_t size_bytes,
		    uint8_t answer[static NVCOUNTER_ANSWER_MAX])
{
	bytes_fill(answer, 0, NVCOUNTER_ANSWER_MAX);
	return !efi_failed(
		tpm->submit_command(tpm, size_bytes, command, NVCOUNTER_ANSWER_MAX, answer));
}

static bool index_read(struct efi_tcg2 *tpm, uint32_t index, struct nvcounter *ret_counter)
{
	uint8_t answer[NVCOUNTER_ANSWER_MAX];
	uint8_t ask_public[NVCOUNTER_PUBLIC_COMMAND_SIZE];
	uint8_t ask_value[NVCOUNTER_READ_COMMAND_SIZE];
	struct nvcounter counter;

	nvcounter_public_command(index, ask_public);
	nvcounter_read_command(index, ask_value);
	if (!tpm_ask(tpm, ask_public, sizeof ask_public, answer) ||
	    !nvcounter_public_decode(answer, sizeof answer, index, &counter) ||
	    !tpm_ask(tpm, ask_value, sizeof ask_value, answer) ||
	    !nvcounter_value_decode(answer, sizeof answer, &counter.value))
		return false;
	*ret_counter = counter;
	return true;
}

static bool memory_read(struct nvcounter_memory *ret_memory)
{
	const struct efi_guid vendor = variable_vendor();
	uint8_t bytes[NVCOUNTER_MEMORY_SIZE];
	uint64_t size_bytes = sizeof bytes;
	uint32_t attributes = 0;

	const efi_status status = firmware->runtime->get_variable(NAME, &vendor, &attributes,
								  &size_bytes, bytes);

	return !efi_failed(status) && attributes == ATTRIBUTES && size_bytes == sizeof bytes &&
	       nvcounter_memory_decode(bytes, ret_memory);
}

/* With two counters, while keys change, the one that is remembered counts while it is there. */
struct counter counter_read(void)
{
	struct counter counter = { .now.index = 0 };
	struct efi_tcg2 *tpm = tpm_find();

	if (tpm == NULL)
		return counter;
	(void)memory_read(&counter.memory); /* else there is none, which zeros mean */
	for (unsigned i = 0; i < NVCOUNTER_INDEXES; i++) {
		struct nvcounter found;

		if (index_read(tpm, NVCOUNTER_INDEX[i], &found) &&
		    (counter.now.index == 0 || found.index == counter.memory.counter.index))
			counter.now = found;
	}
	return counter;
}

static void memory_write(const struct nvcounter_memory *memory)
{
	const struct efi_guid vendor = variable_vendor();
	uint8_t bytes[NVCOUNTER_MEMORY_SIZE];

	if (!floor_is_vouched())
		return;
	nvcounter_memory_encode(memory, bytes);
	/* One with other attributes must go first. If firmware refuses, nothing is remembered. */
	(void)firmware->runtime->set_variable(NAME, &vendor, 0, 0, NULL);
	if (memory->counter.index != 0)
		(void)firmware->runtime->set_variable(NAME, &vendor, ATTRIBUTES, sizeof bytes,
						      bytes);
}

static bool memory_is_same(const struct nvcounter_memory *a, const struct nvcounter_memory *b)
{
	uint8_t left[NVCOUNTER_MEMORY_SIZE], right[NVCOUNTER_MEMORY_SIZE];

	nvcounter_memory_encode(a, left);
	nvcounter_memory_encode(b, right);
	return bytes_equal(left, right, sizeof left);
}

void counter_remember(struct counter *counter, uint64_t floor)
{
	const struct nvcounter_memory memory = nvcounter_remember(&counter->memory, &counter->now,
								  floor);

	/* Flash wears: only what is new is written. */
	if (!memory_is_same(&memory, &counter->memory))
		memory_write(&memory);
	counter->memory = memory;
}
