/* SPDX-License-Identifier: MIT */
#include "recoverykey.h"

#include <string.h>

#include "crypto.h"

enum { BYTES = 32, WORD = 8, LETTERS = 2 * BYTES };

static const char MODHEX[] = "cbdefghijklnrtuv";

/* Where the letter stands in the text, behind the dashes before it. */
static size_t letter_offset(unsigned letter)
{
	return letter + letter / WORD;
}

struct secret *recoverykey_new(void)
{
	g_autoptr(Secret) random = secret_new(BYTES);
	struct secret *key = secret_new(RECOVERYKEY_SIZE);

	crypto_random(random->bytes, BYTES);
	memset(key->bytes, '-', RECOVERYKEY_SIZE);
	for (unsigned i = 0; i < LETTERS; i++) {
		const unsigned four = random->bytes[i / 2] >> (i % 2 == 0 ? 4 : 0) & 15;

		key->bytes[letter_offset(i)] = (uint8_t)MODHEX[four];
	}
	return key;
}

struct secret *recoverykey_normalize(const struct secret *text)
{
	g_autoptr(Secret) key = secret_new(RECOVERYKEY_SIZE);
	const gboolean dashes = text->size_bytes == RECOVERYKEY_SIZE;

	if (!dashes && text->size_bytes != LETTERS)
		return NULL;
	memset(key->bytes, '-', RECOVERYKEY_SIZE);
	for (unsigned i = 0; i < LETTERS; i++) {
		const char letter = g_ascii_tolower(
			(char)text->bytes[dashes ? letter_offset(i) : i]);

		if (letter == '\0' || strchr(MODHEX, letter) == NULL)
			return NULL;
		key->bytes[letter_offset(i)] = (uint8_t)letter;
	}
	for (size_t i = WORD; dashes && i < RECOVERYKEY_SIZE; i += WORD + 1)
		if (text->bytes[i] != '-')
			return NULL;
	return g_steal_pointer(&key);
}
