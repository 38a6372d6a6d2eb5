/* SPDX-License-Identifier: MIT */
/* The boot record in every bad state, and an image that does not fit: what the machine says, what
 * it still does, and what it leaves alone. azboot's side of the same is tests/vm/azboot_test.py. */
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "../unit/tap.h"
#include "bytes.h"
#include "crc32c.h"
#include "fixture.h"
#include "layout.h"

enum { BOTH = BOOTREC_COPIES * BOOTREC_SIZE };

static struct fixture *fixture;
static char *pristine;

static void disk_reset(void)
{
	fixture_copy(pristine, fixture->disk);
	fixture_run("rm", "-rf", fixture->config.state_dir, NULL);
	fixture_boot(fixture, SLOT_A);
}

static void copies_read(uint8_t bytes[static BOTH])
{
	g_autoptr(Layout) layout = layout_find(fixture->disk, NULL);
	g_autoptr(Disk) disk = layout_open(&layout->state, DISK_READ_ONLY, NULL);

	expect(disk_read(disk, 0, bytes, BOTH, NULL));
}

static void copies_write(const uint8_t bytes[static BOTH])
{
	g_autoptr(Layout) layout = layout_find(fixture->disk, NULL);
	g_autoptr(Disk) disk = layout_open(&layout->state, DISK_READ_WRITE, NULL);

	expect(disk_write(disk, 0, bytes, BOTH, NULL));
}

static fault status_fault(gboolean *ret_committed)
{
	g_autoptr(Machine) machine = fixture_machine(fixture);
	g_autoptr(MachineStatus) status = machine_status_get(machine, NULL);

	expect(status != NULL && status->running == SLOT_A);
	expect(status != NULL && g_strcmp0(status->slots[SLOT_A].version, "1") == 0);
	*ret_committed = status != NULL && status->committed;
	return status != NULL ? status->record_fault : FAULT_STATE_FILE;
}

static gboolean judged_good(void)
{
	g_autoptr(Machine) machine = fixture_machine(fixture);
	g_autoptr(GPtrArray) none = g_ptr_array_new();
	const struct health_result result = { .checks = none, .healthy = TRUE };
	enum machine_verdict verdict;

	return machine_judge(machine, &result, &verdict, NULL) && verdict == MACHINE_COMMITTED;
}

/* One rotten copy: the other one may be a step behind, but never a different story. */
static void test_one_copy(void)
{
	static uint8_t bytes[BOTH];
	gboolean committed;

	for (unsigned copy = 0; copy < BOOTREC_COPIES; copy++) {
		disk_reset();
		expect(judged_good());
		copies_read(bytes);
		bytes[copy * BOOTREC_SIZE + 70] ^= 4;
		copies_write(bytes);
		expect(status_fault(&committed) == FAULT_OK);
		expect(judged_good());
		expect(fixture_install(fixture, fixture->bundle[2], FALSE) == FAULT_OK);
		expect(fixture_slot_holds(fixture, SLOT_B, fixture->bundle[2]));
		expect(fixture_reboot(fixture) == SLOT_B);
	}
}

static void lost_walk(uint8_t fill)
{
	static uint8_t bytes[BOTH];
	gboolean committed;

	disk_reset();
	memset(bytes, fill, sizeof bytes);
	copies_write(bytes);
	expect(status_fault(&committed) == FAULT_BOOTREC_LOST);
	expect(judged_good());
	expect(status_fault(&committed) == FAULT_OK && committed);
	expect(fixture_record(fixture).table.slots[SLOT_A].state == SLOT_GOOD);
	expect(fixture_record(fixture).table.slots[SLOT_B].state == SLOT_EMPTY);
	expect(fixture_install(fixture, fixture->bundle[2], FALSE) == FAULT_OK);
	expect(fixture_reboot(fixture) == SLOT_B);
}

static void test_both_copies(void)
{
	lost_walk(0);
	lost_walk(0xff);
	lost_walk(0x5a);
}

static void test_later_format(void)
{
	static uint8_t bytes[BOTH];
	static uint8_t after[BOTH];
	gboolean committed;

	disk_reset();
	copies_read(bytes);
	bytes_store_u16(bytes + 12, 9);
	bytes_store_u16(bytes + 14, 9);
	bytes_store_u32(bytes + 8, crc32c(bytes + 12, bytes_load_u32(bytes + 16) - 12));
	copies_write(bytes);
	expect(status_fault(&committed) == FAULT_BOOTREC_LATER);
	expect(fixture_install(fixture, fixture->bundle[2], FALSE) == FAULT_BOOTREC_LATER);
	expect(fixture_install(fixture, fixture->bundle[2], TRUE) == FAULT_BOOTREC_LATER);
	expect(!judged_good());
	copies_read(after);
	expect(memcmp(bytes, after, sizeof bytes) == 0);
	expect(fixture_slot_holds(fixture, SLOT_A, fixture->bundle[1]));
}

/* Refused before the first write: what was in the slot is still there. */
static void test_too_large(void)
{
	static uint8_t before[BOTH];
	static uint8_t after[BOTH];

	disk_reset();
	expect(fixture_install(fixture, fixture->bundle[2], FALSE) == FAULT_OK);
	copies_read(before);
	fixture_release(fixture, 3, 2000);
	expect(fixture_install(fixture, fixture->bundle[3], FALSE) == FAULT_PART_SMALL);
	copies_read(after);
	expect(memcmp(before, after, sizeof before) == 0);
	expect(fixture_slot_holds(fixture, SLOT_B, fixture->bundle[2]));
}

static const struct tap_case CASES[] = {
	{ "one copy is rotten", test_one_copy },
	{ "both copies are lost", test_both_copies },
	{ "a later format", test_later_format },
	{ "an image larger than the slot", test_too_large },
};

int main(void)
{
	int status;

	fixture = fixture_new(24);
	pristine = fixture_path(fixture, "pristine");
	fixture_copy(fixture->disk, pristine);
	status = tap_run(CASES, G_N_ELEMENTS(CASES));
	g_free(pristine);
	fixture_free(fixture);
	return status;
}
