/* SPDX-License-Identifier: MIT */
/* Short texts of people and machines: what is shown is printable, what is an id or a key is one
 * whatever way it was typed. */
#include <string.h>

#include "fleetid.h"
#include "fuzz.h"
#include "plaintext.h"
#include "recoverykey.h"
#include "secret.h"

enum { SHOWN_MAX = 40 };

static void shown_check(const char *text)
{
	char shown[SHOWN_MAX + 1];
	char again[SHOWN_MAX + 1];

	plaintext_copy(text, shown, SHOWN_MAX);
	promise(strlen(shown) <= SHOWN_MAX && g_utf8_validate(shown, -1, NULL));
	for (const char *at = shown; *at != '\0'; at = g_utf8_next_char(at))
		promise(g_unichar_isprint(g_utf8_get_char(at)));
	plaintext_copy(shown, again, SHOWN_MAX);
	promise(strcmp(shown, again) == 0);
}

static void id_check(const char *text)
{
	char id[FLEETID_SIZE];
	char again[FLEETID_SIZE];
	g_autofree char *upper = g_ascii_strup(text, -1);

	if (!fleetid_derive(text, id, NULL))
		return;
	promise(strlen(id) == 32 && strspn(id, "0123456789abcdef") == 32);
	promise(fleetid_derive(upper, again, NULL) && strcmp(id, again) == 0);
	promise(strlen(text) == 32 || (strlen(text) == 33 && text[32] == '\n'));
}

static void key_check(const uint8_t *bytes, size_t size_bytes)
{
	g_autoptr(Secret) typed = NULL;
	g_autoptr(Secret) key = NULL;
	g_autoptr(Secret) again = NULL;

	if (size_bytes == 0 || size_bytes > SECRET_SIZE_MAX)
		return;
	typed = secret_copy(bytes, size_bytes);
	key = recoverykey_normalize(typed);
	if (key == NULL)
		return;
	promise(key->size_bytes == RECOVERYKEY_SIZE);
	promise(strspn((const char *)key->bytes, "cbdefghijklnrtuv-") == RECOVERYKEY_SIZE);
	again = recoverykey_normalize(key);
	promise(again != NULL && memcmp(again->bytes, key->bytes, RECOVERYKEY_SIZE) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size_bytes)
{
	g_autofree char *text = fuzz_text(bytes, size_bytes);

	shown_check(text);
	id_check(text);
	key_check(bytes, size_bytes);
	return 0;
}

size_t fuzz_seed(unsigned number, uint8_t *ret_bytes, size_t room)
{
	static const char *const SEEDS[] = {
		"0123456789abcdefABCDEF0123456789\n",
		"CBDEFGHI-jklnrtuv-cbdefghi-jklnrtuv-cbdefghi-jklnrtuv-cbdefghi-jklnrtuv",
		"cbdefghijklnrtuvcbdefghijklnrtuvcbdefghijklnrtuvcbdefghijklnrtuv",
		"a\x1b[2J\xe2\x80\xae\xf0\x9f\x98\x80\xc3",
	};

	return number < G_N_ELEMENTS(SEEDS)
		       ? fuzz_copy(SEEDS[number], strlen(SEEDS[number]), ret_bytes, room)
		       : 0;
}
