/* SPDX-License-Identifier: MIT */
/* Installs on a disk in a file: the good case, and everything that a bundle or a kill can do. */
#include <fcntl.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../unit/tap.h"
#include "bundle.h"
#include "converge.h"
#include "crypto.h"
#include "failure.h"
#include "fixture.h"
#include "layout.h"
#include "recstore.h"

static struct fixture *fixture;
static char *pristine; /* copy of the disk as it was made */

static void disk_reset(void)
{
	fixture_copy(pristine, fixture->disk);
	fixture_run("rm", "-rf", fixture->config.state_dir, NULL);
	fixture_boot(fixture, SLOT_A);
}

/* What must hold whatever happens: the running release boots and is whole. */
static void expect_old_boots(void)
{
	const struct bootrec rec = fixture_record(fixture);

	expect(rec.table.slots[SLOT_A].state == SLOT_GOOD);
	expect(slot_choose(&rec.table, SLOT_NONE).index == SLOT_A);
	expect(fixture_slot_holds(fixture, SLOT_A, fixture->bundle[1]));
}

static void test_first_disk(void)
{
	const struct bootrec rec = fixture_record(fixture);

	expect(rec.table.slots[SLOT_A].state == SLOT_GOOD);
	expect(rec.table.slots[SLOT_B].state == SLOT_EMPTY);
	expect(fixture_slot_holds(fixture, SLOT_A, fixture->bundle[1]));
}

static void test_install(void)
{
	g_autoptr(Machine) machine = NULL;
	const int fd = open(fixture->bundle[2], O_RDONLY);
	const struct machine_install options = { .fd = fd, .activate = TRUE };
	struct machine_installed installed;
	struct bootrec rec;

	disk_reset();
	machine = fixture_machine(fixture);
	expect(machine_install(machine, &options, &installed, NULL));
	expect(installed.slot == SLOT_B && strcmp(installed.version, "2") == 0);
	expect(installed.copied_bytes > 0 && installed.kept_bytes > 0);
	machine_installed_clear(&installed);
	close(fd);
	rec = fixture_record(fixture);
	expect(rec.table.slots[SLOT_B].state == SLOT_TRYING);
	expect(rec.table.slots[SLOT_B].tries_left == 3);
	expect(fixture_slot_holds(fixture, SLOT_B, fixture->bundle[2]));
	expect(fixture_reboot(fixture) == SLOT_B);
}

static enum machine_verdict judge(gboolean healthy)
{
	g_autoptr(Machine) machine = fixture_machine(fixture);
	g_autoptr(GPtrArray) none = g_ptr_array_new();
	const struct health_result result = {
		.checks = none,
		.healthy = healthy,
		.why = healthy ? FAULT_OK : FAULT_HEALTH_REQUIRED,
		.reason = healthy ? NULL : (char *)"check \"network\" failed: exit status 1",
	};
	enum machine_verdict verdict = MACHINE_STAY;

	expect(machine_judge(machine, &result, &verdict, NULL));
	return verdict;
}

/* The demo's story, without the virtual machine. */
static void test_story(void)
{
	g_autoptr(Machine) machine = NULL;
	g_autoptr(MachineStatus) status = NULL;
	unsigned slot = SLOT_NONE;

	test_install();
	expect(judge(TRUE) == MACHINE_COMMITTED);
	expect(fixture_install(fixture, fixture->bundle[3], FALSE) == FAULT_OK);
	for (unsigned boot = 0; boot < 3; boot++) {
		expect(fixture_reboot(fixture) == SLOT_A);
		expect(judge(FALSE) == MACHINE_REBOOT);
	}
	expect(fixture_reboot(fixture) == SLOT_B);
	expect(judge(TRUE) == MACHINE_COMMITTED);
	expect(fixture_install(fixture, fixture->bundle[3], FALSE) == FAULT_RELEASE_FAILED_HERE);

	machine = fixture_machine(fixture);
	status = machine_status_get(machine, NULL);
	expect(status != NULL && status->running == SLOT_B && status->committed);
	expect(status->slots[SLOT_A].slot.state == SLOT_BAD);
	expect(strstr(status->slots[SLOT_A].reason, "network") != NULL);
	expect(status->failed->len == 1);
	expect(!machine_rollback(machine, &slot, NULL));

	expect(fixture_install(fixture, fixture->bundle[1], FALSE) == FAULT_OK);
	expect(fixture_reboot(fixture) == SLOT_A);
	expect(judge(TRUE) == MACHINE_COMMITTED);
}

static void test_rollback_by_hand(void)
{
	g_autoptr(Machine) machine = NULL;
	unsigned slot = SLOT_NONE;

	test_install();
	expect(judge(TRUE) == MACHINE_COMMITTED);
	machine = fixture_machine(fixture);
	expect(machine_rollback(machine, &slot, NULL) && slot == SLOT_A);
	expect(machine_rollback(machine, &slot, NULL) && slot == SLOT_A);
	expect(fixture_reboot(fixture) == SLOT_A);
	expect(judge(TRUE) == MACHINE_COMMITTED);
	expect(fixture_reboot(fixture) == SLOT_A);
}

static void test_rules(void)
{
	disk_reset();
	expect(fixture_install(fixture, fixture->bundle[2], FALSE) == FAULT_OK);
	expect(fixture_reboot(fixture) == SLOT_B);
	expect(fixture_install(fixture, fixture->bundle[3], FALSE) == FAULT_SLOT_UNCOMMITTED);
	expect(fixture_install(fixture, fixture->bundle[3], TRUE) == FAULT_OK);
	disk_reset();
	fixture->config.product[0] = 'x';
	expect(fixture_install(fixture, fixture->bundle[2], FALSE) == FAULT_MANIFEST_PRODUCT);
	fixture->config.product[0] = 't';
	fixture->config.architecture[0] = 'y';
	expect(fixture_install(fixture, fixture->bundle[2], FALSE) == FAULT_MANIFEST_ARCHITECTURE);
	fixture->config.architecture[0] = 'x';
	expect_old_boots();
}

/* A mirror gives another release than the repository's metadata name. */
static void test_other_manifest(void)
{
	const int fd = open(fixture->bundle[2], O_RDONLY);
	g_autoptr(Source) source = source_open_fd(fd, NULL, NULL);
	g_autoptr(Bundle) bundle = bundle_open(source, NULL, NULL);
	uint8_t hash[CRYPTO_HASH_SIZE];
	const struct machine_install options = { .fd = fd, .manifest_hash = hash };
	g_autoptr(Machine) machine = NULL;
	struct machine_installed installed;
	g_autoptr(GError) error = NULL;
	gsize size;
	const void *bytes = g_bytes_get_data(bundle->manifest_bytes, &size);

	disk_reset();
	machine = fixture_machine(fixture);
	crypto_digest("SHA256", bytes, size, "", 0, hash);
	hash[31] ^= 1;
	expect(!machine_install(machine, &options, &installed, &error));
	expect(failure_code(error) == FAULT_MANIFEST_OTHER);
	expect_old_boots();
	hash[31] ^= 1;
	expect(machine_install(machine, &options, &installed, NULL));
	machine_installed_clear(&installed);
	close(fd);
}

/* A full or broken var: nothing can be stored in the state folder, which is a file here. */
static void test_state_unwritable(void)
{
	g_autoptr(Machine) machine = NULL;
	g_autoptr(MachineStatus) status = NULL;
	unsigned slot = SLOT_NONE;

	disk_reset();
	g_file_set_contents(fixture->config.state_dir, "", 0, NULL);
	expect(fixture_install(fixture, fixture->bundle[2], FALSE) == FAULT_OK);
	expect(fixture_reboot(fixture) == SLOT_B);
	expect(judge(FALSE) == MACHINE_REBOOT);
	expect(fixture_record(fixture).table.slots[SLOT_B].fault == FAULT_HEALTH_REQUIRED);
	expect(judge(TRUE) == MACHINE_COMMITTED);
	expect(fixture_record(fixture).table.slots[SLOT_B].state == SLOT_GOOD);
	machine = fixture_machine(fixture);
	expect(machine_rollback(machine, &slot, NULL) && slot == SLOT_A);
	expect(machine_mark_bad(machine, SLOT_B, "no good", NULL));
	expect(machine_mark_good(machine, SLOT_B, NULL));
	status = machine_status_get(machine, NULL);
	expect(status != NULL && status->failed->len == 0);
}

/* What is remembered of failed releases is a help, not a condition. */
static void test_state_damaged(void)
{
	g_autofree char *path = g_build_filename(fixture->config.state_dir, "failed.json", NULL);
	g_autoptr(Machine) machine = NULL;
	g_autoptr(MachineStatus) status = NULL;

	disk_reset();
	g_mkdir(fixture->config.state_dir, 0755);
	g_file_set_contents(path, "{\"failed\": [", -1, NULL);
	expect(fixture_install(fixture, fixture->bundle[2], FALSE) == FAULT_OK);
	expect(fixture_reboot(fixture) == SLOT_B);
	expect(judge(FALSE) == MACHINE_REBOOT);
	g_file_set_contents(path, "{\"failed\": 7}", -1, NULL);
	expect(judge(TRUE) == MACHINE_COMMITTED);
	g_file_set_contents(path, "", 0, NULL);
	machine = fixture_machine(fixture);
	status = machine_status_get(machine, NULL);
	expect(status != NULL && status->committed);
	expect(machine_mark_bad(machine, SLOT_A, NULL, NULL));
	g_clear_pointer(&status, machine_status_free);
	status = machine_status_get(machine, NULL);
	expect(status != NULL && status->failed->len == 1);
}

static char *bundle_read(gsize *ret_size)
{
	char *bytes = NULL;

	g_file_get_contents(fixture->bundle[2], &bytes, ret_size, NULL);
	return bytes;
}

static int memory_file(const char *bytes, gsize size_bytes)
{
	const int fd = memfd_create("bundle", MFD_CLOEXEC);

	if (write(fd, bytes, size_bytes) != (ssize_t)size_bytes)
		return -1;
	return fd;
}

/* Cut at every byte: always refused, and only once the head is whole is anything written. */
static void test_truncated(void)
{
	gsize size;
	g_autofree char *bytes = bundle_read(&size);
	g_autoptr(Machine) machine = NULL;

	disk_reset();
	machine = fixture_machine(fixture);
	for (gsize cut = 0; cut < size; cut++) {
		const int fd = memory_file(bytes, cut);
		const fault why = fixture_install_on(machine, fd, FALSE);

		expect(why == FAULT_BUNDLE_TRUNCATED);
		if (why != FAULT_BUNDLE_TRUNCATED)
			printf("# cut at %zu: fault %u\n", (size_t)cut, why);
		close(fd);
	}
	printf("# %zu cuts\n", (size_t)size);
	expect_old_boots();
}

/* Every single bit: refused, or what is then installed is right to the last block. A byte with a
 * harmless bit is not read at all, so its other bits are left out. */
static void test_flipped(void)
{
	gsize size;
	g_autofree char *bytes = bundle_read(&size);
	g_autoptr(Machine) machine = NULL;
	unsigned harmless = 0;

	disk_reset();
	machine = fixture_machine(fixture);
	for (gsize bit = 0; bit < size * 8; bit++) {
		int fd;
		fault why;

		bytes[bit / 8] ^= (char)(1 << bit % 8);
		fd = memory_file(bytes, size);
		why = fixture_install_on(machine, fd, FALSE);
		close(fd);
		bytes[bit / 8] ^= (char)(1 << bit % 8);
		if (why != FAULT_OK)
			continue;
		harmless++;
		expect(fixture_slot_holds(fixture, SLOT_B, fixture->bundle[2]));
		disk_reset();
		bit |= 7;
	}
	printf("# %zu bytes, %u of them harmless\n", (size_t)size, harmless);
	expect_old_boots();
}

/* A child installs out of a pipe that stops after `fed` bytes, and is killed there. */
static void install_killed(const char *bytes, gsize fed)
{
	int ends[2];
	pid_t child;
	int status;

	if (pipe(ends) < 0)
		return;
	fcntl(ends[1], F_SETPIPE_SZ, 1 << 20);
	child = fork();
	if (child == 0) {
		close(ends[1]);
		fixture_install_fd(fixture, ends[0], FALSE);
		_exit(0);
	}
	close(ends[0]);
	if (write(ends[1], bytes, fed) != (ssize_t)fed)
		printf("# a short write into the pipe\n");
	g_usleep(3000 + (gulong)(fed % 7) * 1000);
	kill(child, SIGKILL);
	waitpid(child, &status, 0);
	close(ends[1]);
}

static void test_killed(void)
{
	gsize size;
	g_autofree char *bytes = bundle_read(&size);
	const gsize step = MAX(size / 60, 1);

	disk_reset();
	for (gsize fed = 0; fed <= size; fed += step) {
		struct bootrec rec;

		install_killed(bytes, fed);
		rec = fixture_record(fixture);
		expect(rec.table.slots[SLOT_A].state == SLOT_GOOD);
		expect(rec.table.slots[SLOT_B].state != SLOT_TRYING ||
		       fixture_slot_holds(fixture, SLOT_B, fixture->bundle[2]));
		expect(fixture_slot_holds(fixture, SLOT_A, fixture->bundle[1]));
	}
	expect(fixture_install(fixture, fixture->bundle[2], FALSE) == FAULT_OK);
	expect(fixture_slot_holds(fixture, SLOT_B, fixture->bundle[2]));
	expect(fixture_reboot(fixture) == SLOT_B);
}

/* What an interrupted install left is kept, not written again. */
static void test_resumed(void)
{
	gsize size;
	g_autofree char *bytes = bundle_read(&size);
	g_autoptr(Machine) machine = NULL;
	const int cut = memory_file(bytes, size - 1);
	const int whole = memory_file(bytes, size);
	const struct machine_install options = { .fd = whole };
	struct machine_installed installed;

	disk_reset();
	expect(fixture_install_fd(fixture, cut, FALSE) == FAULT_BUNDLE_TRUNCATED);
	machine = fixture_machine(fixture);
	expect(machine_install(machine, &options, &installed, NULL));
	expect(installed.copied_bytes == 0 && installed.kept_bytes > 0);
	machine_installed_clear(&installed);
	close(cut);
	close(whole);
}

static void test_pipe(void)
{
	gsize size;
	g_autofree char *bytes = bundle_read(&size);
	int ends[2];

	disk_reset();
	expect(pipe(ends) == 0);
	fcntl(ends[1], F_SETPIPE_SZ, 1 << 20);
	expect(write(ends[1], bytes, size) == (ssize_t)size);
	close(ends[1]);
	expect(fixture_install_fd(fixture, ends[0], FALSE) == FAULT_OK);
	expect(fixture_slot_holds(fixture, SLOT_B, fixture->bundle[2]));
	close(ends[0]);
}

static gboolean broken_read(struct disk *disk, uint64_t offset, uint8_t *bytes, size_t size_bytes,
			    GError **error)
{
	(void)offset; /* every place is broken, nothing is put into bytes */
	(void)bytes;
	return failure_set(error, FAULT_DISK_READ, "%zu bytes of %s", size_bytes, disk->name);
}

/* Bad sectors in the running slot are a reason to update, not one that forbids it. */
static void test_seed_unreadable(void)
{
	static const struct disk_ops OPS = { .read = broken_read };
	struct disk broken = { .ops = &OPS, .size_bytes = 1 << 20, .name = (char *)"broken" };
	const int fd = open(fixture->bundle[2], O_RDONLY);
	g_autoptr(Source) source = source_open_fd(fd, NULL, NULL);
	g_autoptr(Bundle) bundle = bundle_open(source, NULL, NULL);
	g_autofree char *path = fixture_path(fixture, "target");
	g_autoptr(Disk) target = NULL;
	struct converge_place seed;
	struct converge converge = { .payload = "root", .bundle = bundle, .seed = &seed };

	fixture_run("truncate", "-s", "1M", path, NULL);
	target = disk_open_file(path, DISK_READ_WRITE, 0, 0, NULL);
	expect(converge_place_init(&converge.target, target, 0, &bundle->manifest->root, NULL));
	expect(converge_place_init(&seed, &broken, 0, &bundle->manifest->root, NULL));
	converge_start(&converge);
	expect(converge_leaves(&converge, NULL) && converge_index(&converge, NULL));
	expect(converge_blocks(&converge, NULL) && converge_finish(&converge, NULL));
	expect(converge.stats.fetched_blocks > 0 && converge.stats.copied_blocks == 0);
	converge_done(&converge);
	close(fd);
}

/* The release is complete, but the configuration asks for no tries at all. */
static void test_activation_refused(void)
{
	disk_reset();
	fixture->config.tries = 0;
	expect(fixture_install(fixture, fixture->bundle[2], FALSE) == FAULT_SLOT_TRIES_RANGE);
	fixture->config.tries = 3;
	expect(fixture_record(fixture).table.slots[SLOT_B].state == SLOT_STAGED);
	expect_old_boots();
}

/* Another writer's step is not undone by one who loaded the record before. */
static void test_record_changed_meanwhile(void)
{
	g_autoptr(Layout) layout = NULL;
	g_autoptr(Disk) disk = NULL;
	g_autoptr(GError) error = NULL;
	struct bootrec mine, theirs;

	disk_reset();
	layout = layout_find(fixture->disk, NULL);
	disk = layout_open(&layout->state, DISK_SHARED_WRITE, NULL);
	mine = theirs = fixture_record(fixture);
	theirs.table.last_fault = FAULT_BOOT_READ;
	expect(recstore_save(disk, &theirs, NULL));
	expect(!recstore_save(disk, &mine, &error) && failure_code(error) == FAULT_BOOTREC_WRITE);
	expect(fixture_record(fixture).table.last_fault == FAULT_BOOT_READ);
	/* A sequence at its end would start anew, and be the older one. */
	theirs.sequence = UINT64_MAX - 1;
	expect(recstore_save(disk, &theirs, NULL) && theirs.sequence == UINT64_MAX);
	theirs.table.last_fault = FAULT_OK;
	expect(!recstore_save(disk, &theirs, NULL));
	expect(fixture_record(fixture).table.last_fault == FAULT_BOOT_READ);
}

static const struct tap_case CASES[] = {
	{ "a new disk", test_first_disk },
	{ "install", test_install },
	{ "update, commit, failed update, back again", test_story },
	{ "roll back by hand", test_rollback_by_hand },
	{ "what is not installed", test_rules },
	{ "another manifest than the metadata name", test_other_manifest },
	{ "state folder that cannot be written", test_state_unwritable },
	{ "state file that is damaged", test_state_damaged },
	{ "running slot that cannot be read", test_seed_unreadable },
	{ "activation refused", test_activation_refused },
	{ "record changed meanwhile", test_record_changed_meanwhile },
	{ "from a pipe", test_pipe },
	{ "truncated at every byte", test_truncated },
	{ "every bit flipped", test_flipped },
	{ "killed at many places", test_killed },
	{ "resumed", test_resumed },
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
