/* SPDX-License-Identifier: MIT */
#include "osrel.h"

#include <stdbool.h>

enum { DIGITS_MAX = 18 }; /* any number of 18 digits fits 64 bits */

/* Length of "FIELD=" if the line starts with it, else 0. */
static size_t field_match(const uint8_t *line, size_t size_bytes, const char *field)
{
	size_t i = 0;

	for (; field[i] != '\0'; i++)
		if (i == size_bytes || line[i] != (uint8_t)field[i])
			return 0;
	return i < size_bytes && line[i] == '=' ? i + 1 : 0;
}

static void value_unquote(const uint8_t **value, size_t *size_bytes)
{
	const size_t size = *size_bytes;

	if (size < 2 || ((*value)[0] != '"' && (*value)[0] != '\'') ||
	    (*value)[size - 1] != (*value)[0])
		return;
	(*value)++;
	*size_bytes = size - 2;
}

fault osrel_find(const uint8_t *text, size_t size_bytes, const char *field,
		 const uint8_t **ret_value, size_t *ret_size_bytes)
{
	size_t start = 0;

	while (start < size_bytes) {
		size_t end = start;
		size_t skip;

		while (end < size_bytes && text[end] != '\n' && text[end] != '\0')
			end++;
		skip = field_match(text + start, end - start, field);
		if (skip > 0) {
			*ret_value = text + start + skip;
			*ret_size_bytes = end - start - skip;
			value_unquote(ret_value, ret_size_bytes);
			return FAULT_OK;
		}
		start = end + 1;
	}
	return FAULT_OSREL_FIELD;
}

fault osrel_security_version(const uint8_t *text, size_t size_bytes, uint64_t *ret_version)
{
	const uint8_t *value;
	size_t digits;
	uint64_t version = 0;

	if (osrel_find(text, size_bytes, "AZUPDATE_SECURITY_VERSION", &value, &digits) !=
	    FAULT_OK) {
		*ret_version = 0;
		return FAULT_OK;
	}
	if (digits == 0 || digits > DIGITS_MAX)
		return FAULT_OSREL_NUMBER;
	for (size_t i = 0; i < digits; i++) {
		if (value[i] < '0' || value[i] > '9')
			return FAULT_OSREL_NUMBER;
		version = version * 10 + (uint64_t)(value[i] - '0');
	}
	*ret_version = version;
	return FAULT_OK;
}
