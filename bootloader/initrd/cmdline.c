/* SPDX-License-Identifier: MIT */
#include "cmdline.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "feclayout.h"

struct word {
	const char *start;
	size_t size;
};

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\n';
}

/* The kernel's rule: spaces inside of double quotes do not end a word. */
static const char *word_next(const char *text, struct word *ret_word)
{
	bool quoted = false;

	while (is_space(*text))
		text++;
	ret_word->start = text;
	while (*text != '\0' && (quoted || !is_space(*text))) {
		quoted ^= *text == '"';
		text++;
	}
	ret_word->size = (size_t)(text - ret_word->start);
	return text;
}

/* How often NAME=VALUE is there; the last one comes back. */
static unsigned value_find(const char *text, const char *name, struct word *ret_value)
{
	const size_t name_size = strlen(name);
	unsigned count = 0;
	struct word word;

	for (text = word_next(text, &word); word.size > 0; text = word_next(text, &word)) {
		if (word.size == 2 && memcmp(word.start, "--", 2) == 0)
			break;
		if (word.size <= name_size || word.start[name_size] != '=' ||
		    memcmp(word.start, name, name_size) != 0)
			continue;
		ret_value->start = word.start + name_size + 1;
		ret_value->size = word.size - name_size - 1;
		count++;
	}
	return count;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

static bool hash_decode(struct word value, uint8_t ret_hash[static VERITREE_HASH_SIZE])
{
	if (value.size != 2 * (size_t)VERITREE_HASH_SIZE)
		return false;
	for (size_t i = 0; i < VERITREE_HASH_SIZE; i++) {
		const int high = hex_digit(value.start[2 * i]);
		const int low = hex_digit(value.start[2 * i + 1]);

		if (high < 0 || low < 0)
			return false;
		ret_hash[i] = (uint8_t)(high << 4 | low);
	}
	return true;
}

static bool number_decode(struct word value, uint64_t max, uint64_t *ret_number)
{
	uint64_t number = 0;

	for (size_t i = 0; i < value.size; i++) {
		if (value.start[i] < '0' || value.start[i] > '9')
			return false;
		number = 10 * number + (uint64_t)(value.start[i] - '0');
		if (number > max)
			return false;
	}
	*ret_number = number;
	return number > 0;
}

static unsigned fec_decode(const char *text)
{
	struct word value;
	uint64_t roots;

	if (value_find(text, "azupdate.fec", &value) != 1 ||
	    !number_decode(value, FECLAYOUT_ROOTS_MAX, &roots) || roots < FECLAYOUT_ROOTS_MIN)
		return 0;
	return (unsigned)roots;
}

/* The last value given, as the kernel does it; one that does not fit is no value of ours. */
static void value_copy(const char *text, const char *name, const char *other, char *ret_value,
		       size_t size_bytes)
{
	struct word value = { other, strlen(other) };

	if (value_find(text, name, &value) == 0 || value.size >= size_bytes)
		value = (struct word){ other, strlen(other) };
	memcpy(ret_value, value.start, value.size);
	ret_value[value.size] = '\0';
}

fault cmdline_parse(const char *text, struct cmdline *ret_cmdline)
{
	struct cmdline cmdline = { 0 };
	struct word value;

	if (value_find(text, "roothash", &value) != 1 || !hash_decode(value, cmdline.root_hash))
		return FAULT_ROOT_CMDLINE;
	if (value_find(text, "azupdate.blocks", &value) != 1 ||
	    !number_decode(value, VERITREE_DATA_BLOCKS_MAX, &cmdline.data_blocks))
		return FAULT_ROOT_BLOCKS;
	cmdline.fec_roots = fec_decode(text);
	value_copy(text, "rootfstype", "erofs", cmdline.fstype, sizeof cmdline.fstype);
	value_copy(text, "init", "/sbin/init", cmdline.init, sizeof cmdline.init);
	*ret_cmdline = cmdline;
	return FAULT_OK;
}
