/* SPDX-License-Identifier: MIT */
#include "menu.h"

#include "screen.h"

/* A noisy serial line can look like a key: the machine must go on by itself. */
enum { WAIT_S = 15 };

unsigned menu_ask(const struct slot_table *table)
{
	uint16_t key;

	if (!screen_key(&key))
		return SLOT_NONE;
	while (screen_key(&key))
		; /* the key that opened the menu chooses nothing in it */
	screen_clear();
	screen_text("azboot " AZUPDATE_VERSION "\n\n");
	screen_slots(table);
	screen_text("\n  Press a or b to boot that slot this once, any other key to go on.\n");
	if (!screen_wait_key(WAIT_S, &key))
		return SLOT_NONE;
	if (key == 'a')
		return SLOT_A;
	return key == 'b' ? SLOT_B : SLOT_NONE;
}
