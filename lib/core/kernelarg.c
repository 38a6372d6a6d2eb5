/* SPDX-License-Identifier: MIT */
#include "kernelarg.h"

#include "bytes.h"

/* As the kernel's lib/ctype.c has it, with Latin 1's no-break space. */
static bool is_space(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r') || (uint8_t)c == 0xa0;
}

/* The kernel's rule: spaces inside of double quotes do not end a word. */
static size_t word_next(const char *text, size_t at, size_t size_bytes, struct kernelarg *ret_word)
{
	bool quoted = false;
	size_t start;

	while (at < size_bytes && is_space(text[at]))
		at++;
	start = at;
	while (at < size_bytes && text[at] != '\0' && (quoted || !is_space(text[at]))) {
		quoted ^= text[at] == '"';
		at++;
	}
	*ret_word = (struct kernelarg){ text + start, at - start };
	return at;
}

static size_t name_size(const char *name)
{
	size_t size = 0;

	while (name[size] != '\0')
		size++;
	return size;
}

static bool word_begins(struct kernelarg word, const char *with, size_t size_bytes)
{
	return word.size_bytes >= size_bytes &&
	       bytes_equal((const uint8_t *)word.start, (const uint8_t *)with, size_bytes);
}

bool kernelarg_next(const char *text, size_t size_bytes, size_t *at, struct kernelarg *ret_word)
{
	struct kernelarg word;

	*at = word_next(text, *at, size_bytes, &word);
	if (word.size_bytes == 0 || (word.size_bytes == 2 && word_begins(word, "--", 2)))
		return false;
	*ret_word = word;
	return true;
}

unsigned kernelarg_find(const char *text, size_t size_bytes, const char *name,
			struct kernelarg *ret_value)
{
	const size_t skip = name_size(name);
	struct kernelarg word;
	unsigned count = 0;
	size_t at = 0;

	*ret_value = (struct kernelarg){ text, 0 };
	while (kernelarg_next(text, size_bytes, &at, &word)) {
		if (word.size_bytes <= skip || word.start[skip] != '=' ||
		    !word_begins(word, name, skip))
			continue;
		*ret_value = (struct kernelarg){ word.start + skip + 1,
						 word.size_bytes - skip - 1 };
		count++;
	}
	return count;
}

bool kernelarg_number(struct kernelarg value, uint64_t max, uint64_t *ret_number)
{
	uint64_t number = 0;

	for (size_t i = 0; i < value.size_bytes; i++) {
		const uint64_t digit = (uint64_t)value.start[i] - '0';

		if (digit > 9 || digit > max || number > (max - digit) / 10)
			return false;
		number = 10 * number + digit;
	}
	if (number == 0)
		return false;
	*ret_number = number;
	return true;
}

unsigned kernelarg_watchdog_s(const char *text, size_t size_bytes)
{
	struct kernelarg value;
	uint64_t seconds;

	if (kernelarg_find(text, size_bytes, "azupdate.watchdog", &value) != 1 ||
	    !kernelarg_number(value, KERNELARG_WATCHDOG_S_MAX, &seconds))
		return 0;
	return (unsigned)seconds;
}
