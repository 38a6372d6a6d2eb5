/* SPDX-License-Identifier: MIT */
#include "recoverykey.h"

#include <string.h>

#include "tap.h"

static void test_form(void)
{
	g_autoptr(Secret) key = recoverykey_new();
	g_autoptr(Secret) other = recoverykey_new();

	expect(key->size_bytes == 71 && strlen((char *)key->bytes) == 71);
	for (unsigned i = 0; i < 71; i++)
		expect(i % 9 == 8 ? key->bytes[i] == '-'
				  : strchr("cbdefghijklnrtuv", key->bytes[i]) != NULL);
	expect(memcmp(key->bytes, other->bytes, 71) != 0);
}

static gboolean same(const struct secret *key, const char *text)
{
	g_autoptr(Secret) given = secret_copy(text, strlen(text));
	g_autoptr(Secret) normal = recoverykey_normalize(given);

	return normal != NULL && normal->size_bytes == key->size_bytes &&
	       memcmp(normal->bytes, key->bytes, key->size_bytes) == 0;
}

static void test_typed(void)
{
	g_autoptr(Secret) key = recoverykey_new();
	g_autofree char *text = g_strdup((char *)key->bytes);
	g_autofree char *capitals = g_ascii_strup(text, -1);
	g_auto(GStrv) words = g_strsplit(text, "-", 0);
	g_autofree char *dense = g_strjoinv("", words);

	expect(same(key, text) && same(key, capitals) && same(key, dense));
	text[8] = 'c';
	expect(!same(key, text));
	text[8] = '-';
	text[0] = 'a';
	expect(!same(key, text));
	text[70] = '\0';
	expect(!same(key, text));
	dense[3] = '-';
	expect(!same(key, dense));
	expect(!same(key, "") && !same(key, "password"));
}

static const struct tap_case CASES[] = {
	{ "its form", test_form },
	{ "as people type it", test_typed },
};
TAP_MAIN(CASES)
