/* SPDX-License-Identifier: MIT */
/* Converging on a disk in a file, with an image large enough for all threads: deltas, plans,
 * resumed work, verify and repair. */
#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../unit/tap.h"
#include "bundle.h"
#include "failure.h"
#include "fixture.h"
#include "layout.h"

enum {
	BLOCK = 4096,
	ROOT_BLOCKS = 5000, /* several windows for each thread */
	OWN_BLOCK = 401,    /* of the one version only: 1 modulo 4, see fixture.c */
	COMMON_BLOCK = 403, /* of all versions: 3 modulo 4 */
	ZERO_BLOCK = 402,
};

static struct fixture *fixture;
static char *pristine;
static char *delta;       /* 1 to 2, nothing else */
static char *delta_full;  /* the same with the full payload */
static char *delta_other; /* 3 to 2 */

static void disk_reset(void)
{
	fixture_copy(pristine, fixture->disk);
	fixture_boot(fixture, SLOT_A);
}

static char *delta_make(unsigned from, unsigned to, gboolean full, const char *name)
{
	char *path = fixture_path(fixture, name);

	fixture_run(g_getenv("AZBUNDLE"), "delta", "--quick", "--old", fixture->bundle[from],
		    "--new", fixture->bundle[to], "-o", path, full ? "--full" : NULL, NULL);
	return path;
}

static fault install(const char *path, struct machine_installed *ret_installed)
{
	g_autoptr(Machine) machine = fixture_machine(fixture);
	const int fd = open(path, O_RDONLY | O_CLOEXEC);
	const struct machine_install options = { .fd = fd };
	g_autoptr(GError) error = NULL;
	const gboolean done = machine_install(machine, &options, ret_installed, &error);

	close(fd);
	if (error != NULL)
		printf("# %s\n", error->message);
	return done ? FAULT_OK : failure_code(error);
}

static fault install_only(const char *path)
{
	struct machine_installed installed;
	const fault why = install(path, &installed);

	machine_installed_clear(&installed);
	return why;
}

static gsize file_size(const char *path)
{
	GStatBuf status;

	return g_stat(path, &status) == 0 ? (gsize)status.st_size : 0;
}

static gboolean files_equal(const char *a, const char *b)
{
	g_autofree char *bytes_a = NULL;
	g_autofree char *bytes_b = NULL;
	gsize size_a;
	gsize size_b;

	return g_file_get_contents(a, &bytes_a, &size_a, NULL) &&
	       g_file_get_contents(b, &bytes_b, &size_b, NULL) && size_a == size_b &&
	       memcmp(bytes_a, bytes_b, size_a) == 0;
}

static void test_delta(void)
{
	struct machine_installed installed;

	disk_reset();
	expect(file_size(delta) < file_size(fixture->bundle[2]));
	expect(install(delta, &installed) == FAULT_OK);
	expect(installed.made_bytes > 0 && installed.copied_bytes > 0);
	expect(installed.fetched_bytes <= file_size(delta));
	machine_installed_clear(&installed);
	expect(fixture_slot_holds(fixture, SLOT_B, fixture->bundle[2]));
	expect(fixture_slot_holds(fixture, SLOT_A, fixture->bundle[1]));
}

static void test_delta_of_other(void)
{
	struct machine_installed installed;

	disk_reset();
	expect(install_only(delta_other) == FAULT_DELTA_BASE);
	expect(install(delta_full, &installed) == FAULT_OK && installed.made_bytes > 0);
	machine_installed_clear(&installed);
}

/* A pipe has the delta in front of the full payload: both ways go forward only. */
static void pipe_install(const char *path, gboolean made)
{
	g_autofree char *script = g_strdup_printf("exec cat '%s'", path);
	const char *argv[] = { "sh", "-c", script, NULL };
	g_autoptr(Machine) machine = fixture_machine(fixture);
	struct machine_install options = { .fd = -1 };
	struct machine_installed installed;
	GPid child;

	expect(g_spawn_async_with_pipes(NULL, (char **)argv, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL,
					&child, NULL, &options.fd, NULL, NULL));
	expect(machine_install(machine, &options, &installed, NULL));
	expect((installed.made_bytes > 0) == made);
	machine_installed_clear(&installed);
	close(options.fd);
	expect(fixture_slot_holds(fixture, SLOT_B, fixture->bundle[2]));
}

static void test_delta_pipe(void)
{
	g_autofree char *other_full = delta_make(3, 2, TRUE, "other-full.azb");

	disk_reset();
	pipe_install(delta, TRUE);
	disk_reset();
	pipe_install(delta_full, TRUE);
	disk_reset();
	pipe_install(other_full, FALSE);
	disk_reset();
	pipe_install(fixture->bundle[2], FALSE);
}

/* A copy of a bundle with the middle byte of one section changed. */
static char *section_damage(const char *path, enum bundle_kind kind)
{
	const int fd = open(path, O_RDONLY | O_CLOEXEC);
	g_autoptr(Source) source = source_open_fd(fd, NULL, NULL);
	g_autoptr(Bundle) bundle = bundle_open(source, NULL, NULL);
	char *damaged = fixture_path(fixture, "damaged.azb");
	g_autofree char *bytes = NULL;
	gsize size;

	g_file_get_contents(path, &bytes, &size, NULL);
	for (unsigned i = 0; i < bundle->section_count; i++)
		if (bundle->sections[i].kind == kind &&
		    strcmp(bundle->sections[i].name, "root") == 0)
			bytes[bundle->sections[i].offset + bundle->sections[i].size_bytes / 2] ^=
				0x55;
	g_file_set_contents(damaged, bytes, (gssize)size, NULL);
	close(fd);
	return damaged;
}

/* What is wrong with a delta costs the delta, not the install. */
static void test_delta_damaged(void)
{
	static const enum bundle_kind KINDS[] = { BUNDLE_DELTA_INDEX, BUNDLE_DELTA_FRAMES };

	for (unsigned i = 0; i < G_N_ELEMENTS(KINDS); i++) {
		g_autofree char *only = NULL;
		g_autofree char *full = NULL;

		disk_reset();
		only = section_damage(delta, KINDS[i]);
		expect(install_only(only) != FAULT_OK);
		expect(fixture_record(fixture).table.slots[SLOT_B].state == SLOT_EMPTY);
		full = section_damage(delta_full, KINDS[i]);
		expect(install_only(full) == FAULT_OK);
		expect(fixture_slot_holds(fixture, SLOT_B, fixture->bundle[2]));
	}
}

static struct disk *part_open(unsigned slot, gboolean is_root)
{
	g_autoptr(Layout) layout = layout_find(fixture->disk, NULL);

	return layout_open(is_root ? &layout->root[slot] : &layout->boot[slot], DISK_READ_WRITE,
			   NULL);
}

static void block_damage(unsigned slot, uint64_t block)
{
	g_autoptr(Disk) disk = part_open(slot, TRUE);
	uint8_t bytes[BLOCK];

	expect(disk_read(disk, block * BLOCK, bytes, BLOCK, NULL));
	bytes[77] ^= 1;
	expect(disk_write(disk, block * BLOCK, bytes, BLOCK, NULL) && disk_flush(disk, NULL));
}

static struct veritree root_tree(void)
{
	struct veritree tree;

	expect(veritree_init(ROOT_BLOCKS, &tree) == FAULT_OK);
	return tree;
}

/* A bad block of the base is noticed, and fetched where that is possible. */
static void test_delta_bad_base(void)
{
	const uint64_t places[] = { COMMON_BLOCK, root_tree().level_start[0] + 3 };

	for (unsigned i = 0; i < G_N_ELEMENTS(places); i++) {
		disk_reset();
		block_damage(SLOT_A, places[i]);
		expect(install_only(delta) == FAULT_DELTA_BASE);
		expect(install_only(delta_full) == FAULT_OK);
		expect(fixture_slot_holds(fixture, SLOT_B, fixture->bundle[2]));
	}
}

/* Cut anywhere, the next install goes on with what is there. */
static void test_delta_resumed(void)
{
	g_autofree char *bytes = NULL;
	g_autofree char *cut = fixture_path(fixture, "cut.azb");
	struct machine_installed installed;
	gsize size;

	g_file_get_contents(delta, &bytes, &size, NULL);
	disk_reset();
	g_file_set_contents(cut, bytes, (gssize)size - 1, NULL);
	expect(install_only(cut) == FAULT_BUNDLE_TRUNCATED);
	expect(install(delta, &installed) == FAULT_OK);
	expect(installed.copied_bytes == 0 && installed.kept_bytes > 0);
	machine_installed_clear(&installed);
	expect(fixture_slot_holds(fixture, SLOT_B, fixture->bundle[2]));
	/* The full payload's work goes on where the delta's ended, and the other way round. */
	disk_reset();
	expect(install_only(cut) == FAULT_BUNDLE_TRUNCATED);
	expect(install(fixture->bundle[2], &installed) == FAULT_OK && installed.kept_bytes > 0);
	machine_installed_clear(&installed);
	expect(fixture_slot_holds(fixture, SLOT_B, fixture->bundle[2]));
}

static void plan_check(const char *path, gboolean is_delta)
{
	g_autoptr(Machine) machine = fixture_machine(fixture);
	g_autofree char *before = fixture_path(fixture, "before");
	const int fd = open(path, O_RDONLY | O_CLOEXEC);
	const struct machine_install options = { .fd = fd };
	struct machine_installed installed;
	struct machine_plan plan;

	fixture_copy(fixture->disk, before);
	expect(machine_plan(machine, &options, &plan, NULL));
	expect(files_equal(fixture->disk, before));
	expect(plan.slot == SLOT_B && strcmp(plan.version, "2") == 0);
	expect(plan.payloads[1].is_delta == is_delta);
	expect(plan.head_bytes < plan.fetch_bytes);
	expect(machine_install(machine, &options, &installed, NULL));
	expect(installed.fetched_bytes == plan.fetch_bytes);
	expect(installed.made_bytes == plan.payloads[0].make_bytes + plan.payloads[1].make_bytes);
	expect(installed.copied_bytes == plan.payloads[0].copy_bytes + plan.payloads[1].copy_bytes);
	machine_installed_clear(&installed);
	machine_plan_clear(&plan);
	close(fd);
}

/* What is planned is what is done, and planning writes nothing. */
static void test_plan(void)
{
	disk_reset();
	plan_check(fixture->bundle[2], FALSE);
	disk_reset();
	plan_check(delta, TRUE);
	/* Over an old release of its own, too. */
	expect(install_only(fixture->bundle[3]) == FAULT_OK);
	plan_check(fixture->bundle[2], FALSE);
}

static void test_again(void)
{
	g_autofree char *before = fixture_path(fixture, "before");
	struct machine_installed installed;

	disk_reset();
	expect(install_only(fixture->bundle[2]) == FAULT_OK);
	fixture_copy(fixture->disk, before);
	expect(install(fixture->bundle[2], &installed) == FAULT_OK);
	expect(installed.written_bytes == 0 && installed.kept_bytes > 0);
	machine_installed_clear(&installed);
	expect(files_equal(fixture->disk, before));
	/* One wrong block: it alone is written, and each payload's mark, set and taken away. */
	block_damage(SLOT_B, OWN_BLOCK);
	expect(install(fixture->bundle[2], &installed) == FAULT_OK);
	expect(installed.written_bytes == (gsize)5 * BLOCK);
	machine_installed_clear(&installed);
	expect(fixture_slot_holds(fixture, SLOT_B, fixture->bundle[2]));
}

/* Verify and repair. */

static fault verify(unsigned slot, struct machine_checked *ret_checked)
{
	g_autoptr(Machine) machine = fixture_machine(fixture);
	const struct machine_install options = { .fd = -1 };
	g_autoptr(GError) error = NULL;

	if (machine_verify(machine, slot, &options, ret_checked, &error))
		return FAULT_OK;
	printf("# %s\n", error->message);
	return failure_code(error);
}

static fault repair(unsigned slot, const char *path, struct machine_checked *ret_checked)
{
	g_autoptr(Machine) machine = fixture_machine(fixture);
	const int fd = path != NULL ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	const struct machine_install options = { .fd = fd };
	g_autoptr(GError) error = NULL;
	const gboolean done = machine_repair(machine, slot, &options, ret_checked, &error);

	if (fd >= 0)
		close(fd);
	if (error != NULL)
		printf("# %s\n", error->message);
	return done ? FAULT_OK : failure_code(error);
}

static void both_install(void)
{
	disk_reset();
	expect(install_only(fixture->bundle[2]) == FAULT_OK);
}

static void test_verify(void)
{
	struct machine_checked checked;

	both_install();
	for (unsigned slot = SLOT_A; slot < SLOT_COUNT; slot++) {
		expect(verify(slot, &checked) == FAULT_OK && checked.wrong_bytes == 0);
		machine_checked_clear(&checked);
	}
	block_damage(SLOT_B, OWN_BLOCK);
	block_damage(SLOT_B, ZERO_BLOCK);
	expect(verify(SLOT_B, &checked) == FAULT_CONVERGE_READBACK);
	expect(checked.wrong_bytes == (gsize)2 * BLOCK);
	machine_checked_clear(&checked);
	expect(verify(SLOT_A, &checked) == FAULT_OK);
	machine_checked_clear(&checked);
	both_install();
	block_damage(SLOT_B, root_tree().level_start[0] + 1);
	expect(verify(SLOT_B, &checked) == FAULT_CONVERGE_READBACK);
	machine_checked_clear(&checked);
	disk_reset();
	expect(verify(SLOT_B, &checked) == FAULT_SLOT_EMPTY);
	machine_checked_clear(&checked);
}

/* What is common heals from the other slot, in the running slot as in the other one; what only
 * this release has needs its bundle. */
static void test_repair(void)
{
	for (unsigned slot = SLOT_A; slot < SLOT_COUNT; slot++) {
		const char *bundle = fixture->bundle[slot == SLOT_A ? 1 : 2];
		struct machine_checked checked;

		both_install();
		block_damage(slot, COMMON_BLOCK);
		block_damage(slot, ZERO_BLOCK);
		expect(repair(slot, NULL, &checked) == FAULT_OK);
		expect(checked.wrong_bytes == (gsize)2 * BLOCK);
		expect(checked.copied_bytes == (gsize)2 * BLOCK && checked.decoded_bytes == 0);
		machine_checked_clear(&checked);
		expect(fixture_slot_holds(fixture, slot, bundle));
		block_damage(slot, OWN_BLOCK);
		expect(repair(slot, NULL, &checked) == FAULT_CONVERGE_UNHEALED);
		machine_checked_clear(&checked);
		expect(repair(slot, fixture->bundle[3], &checked) == FAULT_RELEASE_OTHER);
		machine_checked_clear(&checked);
		expect(repair(slot, bundle, &checked) == FAULT_OK);
		expect(checked.decoded_bytes == BLOCK);
		machine_checked_clear(&checked);
		expect(fixture_slot_holds(fixture, slot, bundle));
	}
}

/* Every block of the tree heals out of what is below it; with that gone, out of the bundle. */
static void test_repair_tree(void)
{
	const struct veritree tree = root_tree();
	struct machine_checked checked;

	both_install();
	for (uint64_t block = tree.superblock; block < tree.total_blocks; block++)
		block_damage(SLOT_B, block);
	expect(repair(SLOT_B, NULL, &checked) != FAULT_OK || checked.tree_bytes > 0);
	machine_checked_clear(&checked);
	expect(repair(SLOT_B, fixture->bundle[2], &checked) == FAULT_OK);
	machine_checked_clear(&checked);
	expect(fixture_slot_holds(fixture, SLOT_B, fixture->bundle[2]));
	for (uint64_t block = tree.superblock; block < tree.total_blocks; block++) {
		block_damage(SLOT_B, block);
		expect(repair(SLOT_B, NULL, &checked) == FAULT_OK);
		expect(checked.tree_bytes == BLOCK);
		machine_checked_clear(&checked);
	}
	expect(fixture_slot_holds(fixture, SLOT_B, fixture->bundle[2]));
	block_damage(SLOT_B, tree.level_start[0] + OWN_BLOCK / 128);
	block_damage(SLOT_B, OWN_BLOCK);
	expect(repair(SLOT_B, NULL, &checked) == FAULT_CONVERGE_UNHEALED);
	machine_checked_clear(&checked);
	expect(repair(SLOT_B, fixture->bundle[2], &checked) == FAULT_OK);
	machine_checked_clear(&checked);
	expect(fixture_slot_holds(fixture, SLOT_B, fixture->bundle[2]));
}

static void test_repair_header(void)
{
	struct machine_checked checked;
	uint8_t rubbish[BLOCK];

	memset(rubbish, 0xa5, sizeof rubbish);
	for (unsigned slot = SLOT_A; slot < SLOT_COUNT; slot++) {
		const char *bundle = fixture->bundle[slot == SLOT_A ? 1 : 2];

		both_install();
		{
			g_autoptr(Disk) disk = part_open(slot, FALSE);

			expect(disk_write(disk, 0, rubbish, BLOCK, NULL) && disk_flush(disk, NULL));
		}
		expect(verify(slot, &checked) != FAULT_OK);
		machine_checked_clear(&checked);
		expect(repair(slot, NULL, &checked) != FAULT_OK);
		machine_checked_clear(&checked);
		expect(repair(slot, bundle, &checked) == FAULT_OK && checked.header_mended);
		machine_checked_clear(&checked);
		expect(verify(slot, &checked) == FAULT_OK);
		machine_checked_clear(&checked);
	}
}

static const struct tap_case CASES[] = {
	{ "a delta", test_delta },
	{ "a delta against another release", test_delta_of_other },
	{ "deltas out of a pipe", test_delta_pipe },
	{ "a damaged delta", test_delta_damaged },
	{ "a damaged base", test_delta_bad_base },
	{ "a delta goes on", test_delta_resumed },
	{ "plans are kept", test_plan },
	{ "the same release again", test_again },
	{ "verify", test_verify },
	{ "repair data", test_repair },
	{ "repair the tree", test_repair_tree },
	{ "repair the header", test_repair_header },
};

int main(void)
{
	int status;

	fixture = fixture_new(ROOT_BLOCKS);
	pristine = fixture_path(fixture, "pristine");
	fixture_copy(fixture->disk, pristine);
	delta = delta_make(1, 2, FALSE, "delta.azb");
	delta_full = delta_make(1, 2, TRUE, "delta-full.azb");
	delta_other = delta_make(3, 2, FALSE, "other.azb");
	status = tap_run(CASES, G_N_ELEMENTS(CASES));
	g_free(pristine);
	g_free(delta);
	g_free(delta_full);
	g_free(delta_other);
	fixture_free(fixture);
	return status;
}
