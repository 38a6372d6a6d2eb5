/* SPDX-License-Identifier: MIT */
#include "screen.h"

#include "faulttext.h"
#include "firmware.h"

enum { CHUNK = 64, KEY_POLL_US = 50000, ATTRIBUTE_LIGHTGRAY_ON_BLACK = 7 };

static const char *const STATE_TEXT[SLOT_STATE_COUNT] = { "empty", "staged, not activated",
							  "on trial", "good", "bad" };

void screen_clear(void)
{
	struct efi_text_output *out = firmware->console_out;

	if (out == NULL)
		return;
	out->set_attribute(out, ATTRIBUTE_LIGHTGRAY_ON_BLACK);
	out->clear_screen(out);
}

void screen_text(const char *ascii)
{
	struct efi_text_output *out = firmware->console_out;

	while (out != NULL && *ascii != '\0') {
		uint16_t chunk[CHUNK + 2];
		unsigned count = 0;

		while (*ascii != '\0' && count < CHUNK) {
			if (*ascii == '\n')
				chunk[count++] = '\r';
			chunk[count++] = (uint8_t)*ascii++;
		}
		chunk[count] = 0;
		out->output_string(out, chunk);
	}
}

void screen_number(uint64_t number)
{
	char digits[21];
	unsigned start = sizeof digits - 1;

	digits[start] = '\0';
	do {
		digits[--start] = (char)('0' + number % 10);
		number /= 10;
	} while (number > 0);
	screen_text(digits + start);
}

bool screen_key(uint16_t *ret_unicode)
{
	struct efi_text_input *in = firmware->console_in;
	struct efi_input_key key;

	if (in == NULL || efi_failed(in->read_key(in, &key)))
		return false;
	*ret_unicode = key.unicode;
	return true;
}

bool screen_wait_key(unsigned seconds, uint16_t *ret_unicode)
{
	for (unsigned i = 0; i < seconds * (1000000 / KEY_POLL_US); i++) {
		if (screen_key(ret_unicode))
			return true;
		firmware->boot->stall(KEY_POLL_US);
	}
	return false;
}

static void screen_fault(fault why)
{
	const struct faulttext *text = faulttext_find(why);

	screen_text("fault ");
	screen_number(why);
	screen_text(": ");
	screen_text(text->sentence);
	screen_text("\n    what to do: ");
	screen_text(text->advice);
	screen_text("\n");
}

void screen_slots(const struct slot_table *table)
{
	for (unsigned i = 0; i < SLOT_COUNT; i++) {
		const struct slot *slot = &table->slots[i];

		screen_text(i == SLOT_A ? "  slot a: " : "  slot b: ");
		screen_text(STATE_TEXT[slot->state]);
		if (slot->state == SLOT_TRYING) {
			screen_text(", tries left: ");
			screen_number(slot->tries_left);
		}
		screen_text("\n");
		if (slot->fault != FAULT_OK) {
			screen_text("    ");
			screen_fault((fault)slot->fault);
		}
	}
}

void screen_nothing(const struct slot_table *table, fault why)
{
	screen_clear();
	screen_text("azboot: this machine cannot start: neither slot can be booted.\n\n");
	screen_slots(table);
	if (why != FAULT_OK) {
		screen_text("\n  ");
		screen_fault(why);
	}
	screen_text("\n  ");
	screen_fault(FAULT_BOOT_NONE);
}
