/* SPDX-License-Identifier: MIT */
/* azboot: chooses a slot, remembers the choice, starts the slot's UKI.
 *
 * What to boot is decided by lib/core/slot.c; this program only acts, in the order that makes a
 * power cut or a hang at any point harmless: a try is spent and on the medium before it is used. */
#include "check.h"
#include "clock.h"
#include "counter.h"
#include "decision.h"
#include "disk.h"
#include "firmware.h"
#include "floor.h"
#include "header.h"
#include "image.h"
#include "measure.h"
#include "menu.h"
#include "parts.h"
#include "screen.h"
#include "store.h"
#include "tell.h"

struct boot {
	efi_handle self;
	struct clock clock;
	struct disk disk;
	struct partition slots[SLOT_COUNT];
	struct store store;
	struct slot_table table;
	fault fault; /* the last one met at this boot */
	bool is_stored;
	uint64_t floor_stored;
	uint64_t floor; /* in force: what is stored, or what the TPM's counter says */
	struct counter counter;
};

efi_status efi_main(efi_handle self, struct efi_system_table *table);

static fault boot_open(struct boot *boot)
{
	const fault why = disk_init(boot->self, &boot->disk);

	if (why != FAULT_OK)
		return why;
	/* What is not found cannot be read later; that is met where it matters. */
	(void)disk_find(&boot->disk, PARTS_LABEL_AZSTATE, PARTS_TYPE_AZSTATE_BYTES,
			&boot->store.partition);
	for (unsigned i = 0; i < SLOT_COUNT; i++)
		(void)disk_find(&boot->disk, PARTS_LABEL_BOOT[i], PARTS_TYPE_BOOT_BYTES,
				&boot->slots[i]);
	return FAULT_OK;
}

/* Without a record the headers decide. Only a lost one is replaced: one that cannot be read now, or
 * that a later release wrote, may be sound. */
static void boot_load(struct boot *boot)
{
	const fault why = store_load(&boot->store, &boot->table);
	uint64_t sequence;

	boot->fault = why;
	if (why != FAULT_OK) {
		boot->table = header_recover(boot->slots, &sequence);
		if (why == FAULT_BOOTREC_LOST)
			store_begin(&boot->store, sequence);
	}
	boot->table.last_fault = why;
}

static void boot_ask(struct boot *boot)
{
	const unsigned wish = menu_ask(&boot->table);

	if (wish != SLOT_NONE)
		boot->table.once = (uint8_t)wish;
}

/* A choice that could not be stored must not be a trial. */
static struct slot_choice boot_choose(struct boot *boot, unsigned excluded)
{
	const struct slot_choice choice = slot_choose(&boot->table, excluded);

	boot->is_stored = false;
	if (choice.index == SLOT_NONE)
		return choice;
	if (store_save(&boot->store, &choice.table) == FAULT_OK) {
		boot->is_stored = true;
		return choice;
	}
	if (boot->store.is_writable)
		boot->fault = FAULT_BOOTREC_WRITE;
	return slot_choose_unstored(&boot->table, excluded);
}

static void boot_hand_over(struct boot *boot, const struct slot_choice *choice,
			   const struct image *image)
{
	const struct decision decision = {
		.slot = choice->index,
		.reason = choice->reason,
		.fault = boot->fault,
		.is_stored = boot->is_stored,
		.floor = boot->floor,
		.counter_limit = boot->counter.memory.limit,
		.security_version = image->security_version,
	};

	measure_decision(&decision);
	tell_decision(&decision, &boot->clock);
}

static void boot_raise_floor(struct boot *boot, unsigned index, uint64_t verified)
{
	const uint64_t floor = floor_after(&boot->table, index, verified, boot->floor);

	if (floor != boot->floor_stored) {
		floor_write(floor);
		boot->floor_stored = floor_read();
	}
	if (boot->floor_stored > boot->floor)
		boot->floor = boot->floor_stored;
	counter_remember(&boot->counter, boot->floor);
}

static void boot_read_floor(struct boot *boot)
{
	boot->floor_stored = floor_read();
	boot->counter = counter_read();
	boot->floor = nvcounter_floor(&boot->counter.memory, &boot->counter.now,
				      boot->floor_stored);
}

/* Comes back only with the reason why the slot did not start. */
static fault boot_start(struct boot *boot, const struct slot_choice *choice)
{
	const struct partition *partition = &boot->slots[choice->index];
	struct image image;
	fault why = image_read(partition, &boot->table.slots[choice->index], &image);

	if (why != FAULT_OK)
		return why;
	why = image_load(&image, boot->self, partition, boot->floor);
	image_release(&image);
	if (why != FAULT_OK)
		return why;
	boot_raise_floor(boot, choice->index, image.security_version);
	boot_hand_over(boot, choice, &image);
	return image_start(&image);
}

/* Each slot once. Comes back when none is left. */
static void boot_try_slots(struct boot *boot)
{
	unsigned excluded = SLOT_NONE;

	for (unsigned attempt = 0; attempt < SLOT_COUNT; attempt++) {
		const struct slot_choice choice = boot_choose(boot, excluded);

		boot->table = choice.table;
		if (choice.index == SLOT_NONE)
			return;
		boot->fault = boot_start(boot, &choice);
		slot_start_failed(&boot->table, choice.index, boot->fault);
		excluded = choice.index;
	}
}

/* Not of a record made from headers: those that could not be read just now would be forgotten. */
static void boot_remember_nothing(struct boot *boot)
{
	if (boot->table.recovered)
		return;
	boot->table.last_fault = FAULT_BOOT_NONE;
	/* If it cannot be stored, the screen tells it all the same. */
	(void)store_save(&boot->store, &boot->table);
}

/* The one wait in azboot: for a person to read the screen. Then the firmware's next boot option
 * gets its turn (a recovery system, the network). Not a reset, which would keep that option from
 * ever being reached, and would spend the flash by writing the record round and round. */
static efi_status boot_give_up(const struct boot *boot)
{
	enum { READ_S = 30 };
	uint16_t key;

	screen_nothing(&boot->table, boot->fault);
	screen_text("\nThe firmware's next boot option follows in 30 seconds, or on a key.\n");
	firmware_watchdog_arm();
	(void)screen_wait_key(READ_S, &key);
	return EFI_LOAD_ERROR;
}

efi_status efi_main(efi_handle self, struct efi_system_table *table)
{
	static struct boot boot; /* too large for a stack that firmware gives */
	uint64_t start_us;

	firmware = table;
	firmware_watchdog_arm();
	clock_init(&boot.clock);
	start_us = clock_us(&boot.clock);

	boot.self = self;
	boot.table = (struct slot_table){ .once = SLOT_NONE, .last = SLOT_NONE };
	boot.fault = boot_open(&boot);
	if (boot.fault != FAULT_OK)
		return boot_give_up(&boot);
	tell_loader(&boot.disk, start_us);
	boot_read_floor(&boot);
	boot_load(&boot);
	boot_ask(&boot);
	boot_try_slots(&boot);
	boot_remember_nothing(&boot);
	return boot_give_up(&boot);
}
