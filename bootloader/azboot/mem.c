/* SPDX-License-Identifier: MIT */
/* The four functions that a compiler may call on its own; built with -fno-builtin, or the loops
 * would become calls of themselves. */
#include <stddef.h>
#include <stdint.h>

void *memcpy(void *restrict to, const void *restrict from, size_t size_bytes);
void *memmove(void *to, const void *from, size_t size_bytes);
void *memset(void *to, int value, size_t size_bytes);
int memcmp(const void *a, const void *b, size_t size_bytes);

void *memcpy(void *restrict to, const void *restrict from, size_t size_bytes)
{
	return memmove(to, from, size_bytes);
}

void *memmove(void *to, const void *from, size_t size_bytes)
{
	uint8_t *out = to;
	const uint8_t *in = from;

	if ((uintptr_t)out <= (uintptr_t)in)
		for (size_t i = 0; i < size_bytes; i++)
			out[i] = in[i];
	else
		for (size_t i = size_bytes; i > 0; i--)
			out[i - 1] = in[i - 1];
	return to;
}

void *memset(void *to, int value, size_t size_bytes)
{
	uint8_t *out = to;

	for (size_t i = 0; i < size_bytes; i++)
		out[i] = (uint8_t)value;
	return to;
}

int memcmp(const void *a, const void *b, size_t size_bytes)
{
	const uint8_t *left = a;
	const uint8_t *right = b;

	for (size_t i = 0; i < size_bytes; i++)
		if (left[i] != right[i])
			return left[i] < right[i] ? -1 : 1;
	return 0;
}
