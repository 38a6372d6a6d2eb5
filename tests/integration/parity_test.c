/* SPDX-License-Identifier: MIT */
/* A release with FEC on a machine: installed, installed again, rotten, verified, repaired. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "../unit/tap.h"
#include "failure.h"
#include "fec.h"
#include "fixture.h"
#include "layout.h"
#include "slotstore.h"

enum { BLOCK = 4096, IMAGE_BLOCKS = 300 };

static struct fixture *fixture;

/* Version 2 of the fixture once more, with FEC. */
static void release_make(void)
{
	const char *azbundle = g_getenv("AZBUNDLE");
	g_autofree char *root = fixture_path(fixture, "root2");
	g_autofree char *uki = fixture_path(fixture, "uki2");
	g_autofree char *small = fixture_path(fixture, "small");
	g_autofree char *stub = fixture_path(fixture, "stub");
	g_autofree char *osrel = fixture_path(fixture, "osrel");
	g_autofree char *key = fixture_path(fixture, "keys/release.key");
	g_autofree char *certificate = fixture_path(fixture, "keys/release.crt");

	fixture_run(azbundle, "uki", "--stub", stub, "--linux", small, "--initrd", small,
		    "--os-release", osrel, "--root", root, "--product", "test", "--fec-roots", "2",
		    "-o", uki, NULL);
	fixture_run(azbundle, "build", "--product", "test", "--version", "2", "--root", root,
		    "--uki", uki, "--key", key, "--cert", certificate, "--fec-roots", "2", "-o",
		    fixture->bundle[2], NULL);
}

/* What an install says; *ret_written: the bytes that it wrote. */
static fault install(guint64 *ret_written)
{
	g_autoptr(Machine) machine = fixture_machine(fixture);
	const int fd = open(fixture->bundle[2], O_RDONLY | O_CLOEXEC);
	const struct machine_install options = { .fd = fd, .force = TRUE };
	struct machine_installed installed;
	g_autoptr(GError) error = NULL;
	const gboolean done = machine_install(machine, &options, &installed, &error);

	close(fd);
	*ret_written = installed.written_bytes;
	machine_installed_clear(&installed);
	return done ? FAULT_OK : failure_code(error);
}

typedef gboolean (*check_func)(struct machine *machine, unsigned slot,
			       const struct machine_install *options,
			       struct machine_checked *ret_checked, GError **error);

static fault check(check_func function, guint64 *ret_tree_bytes)
{
	g_autoptr(Machine) machine = fixture_machine(fixture);
	const struct machine_install options = { .fd = -1 };
	struct machine_checked checked;
	g_autoptr(GError) error = NULL;
	const gboolean done = function(machine, SLOT_B, &options, &checked, &error);

	*ret_tree_bytes = checked.tree_bytes;
	machine_checked_clear(&checked);
	return done ? FAULT_OK : failure_code(error);
}

static fault verify(void)
{
	guint64 tree_bytes;

	return check(machine_verify, &tree_bytes);
}

/* Where the parity stands: image, superblock, and a tree of 1 + 3 blocks are in front of it. */
static const uint64_t PARITY = (IMAGE_BLOCKS + 1 + 4) * BLOCK;
static const uint64_t PARITY_SIZE = 2 * 2 * BLOCK;

static void byte_flip(uint64_t offset)
{
	g_autoptr(Layout) layout = layout_find(fixture->disk, NULL);
	g_autoptr(Disk) disk = layout_open(&layout->root[SLOT_B], DISK_READ_WRITE, NULL);
	uint8_t byte;

	expect(disk_read(disk, offset, &byte, 1, NULL));
	byte ^= 1;
	expect(disk_write(disk, offset, &byte, 1, NULL) && disk_flush(disk, NULL));
}

static void test_install(void)
{
	guint64 written = 0;

	expect(install(&written) == FAULT_OK);
	expect(written > IMAGE_BLOCKS / 2 * BLOCK);
	expect(fixture_slot_holds(fixture, SLOT_B, fixture->bundle[2]));
	expect(verify() == FAULT_OK);
}

/* Once the slot is on trial or good, the same release is not written again. */
static void test_again(void)
{
	g_autoptr(Machine) machine = fixture_machine(fixture);
	guint64 written = 1;

	expect(machine_activate(machine, SLOT_B, NULL));
	expect(install(&written) == FAULT_OK && written == 0);
	byte_flip(PARITY);
	expect(install(&written) == FAULT_OK && written >= PARITY_SIZE);
	expect(verify() == FAULT_OK);
}

static void test_repair(void)
{
	static const uint64_t OFFSETS[] = { 0, BLOCK + 7, 4 * BLOCK - 1 };
	guint64 tree_bytes = 1;

	expect(check(machine_repair, &tree_bytes) == FAULT_OK && tree_bytes == 0);
	for (unsigned i = 0; i < G_N_ELEMENTS(OFFSETS); i++) {
		byte_flip(PARITY + OFFSETS[i]);
		expect(verify() == FAULT_FEC_PARITY);
		expect(check(machine_repair, &tree_bytes) == FAULT_OK);
		expect(tree_bytes == PARITY_SIZE);
		expect(verify() == FAULT_OK);
	}
	/* What is behind the parity is nobody's. */
	byte_flip(PARITY + PARITY_SIZE);
	expect(verify() == FAULT_OK);
}

static const struct tap_case CASES[] = {
	{ "installed with its parity", test_install },
	{ "installed again", test_again },
	{ "verified and repaired", test_repair },
};

int main(void)
{
	int status;

	fixture = fixture_new(IMAGE_BLOCKS);
	release_make();
	status = tap_run(CASES, G_N_ELEMENTS(CASES));
	fixture_free(fixture);
	return status;
}
