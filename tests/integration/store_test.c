/* SPDX-License-Identifier: MIT */
/* The store of past releases, on a disk in a file: five releases are installed and committed one
 * after the other, each is made again bit for bit, and what full disks, rot and
 * kills can do; storekill_test.c has more of those. */
#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../unit/tap.h"
#include "crypto.h"
#include "failure.h"
#include "fixture.h"
#include "layout.h"
#include "machine_private.h"
#include "store.h"
#include "storeindex.h"

enum { ROOT_BLOCKS = 1000, LAST = 5 };

static struct fixture *fixture;
static char *disk_then;  /* the disk as it was with all five installed */
static char *store_then; /* and the store */
static char *store_path;

static void store_copy(const char *from, const char *to)
{
	fixture_run("rm", "-rf", to, NULL);
	if (g_file_test(from, G_FILE_TEST_EXISTS))
		fixture_run("cp", "-a", from, to, NULL);
}

/* Back to release 5 running in slot a, 4 in slot b, and all five in the store. */
static void reset(void)
{
	fixture_copy(disk_then, fixture->disk);
	store_copy(store_then, store_path);
	fixture->config.store_history = 3;
	fixture->config.store_limit_mib = 0;
	fixture_boot(fixture, SLOT_A);
}

typedef gboolean (*store_func)(struct machine *machine, const struct machine_install *options,
			       struct machine_stored *ret_stored, GError **error);

static fault store_do(store_func function, guint *ret_dropped)
{
	static const struct machine_install OPTIONS = { .fd = -1 };
	g_autoptr(Machine) machine = fixture_machine(fixture);
	g_autoptr(GError) error = NULL;
	struct machine_stored stored;

	if (!function(machine, &OPTIONS, &stored, &error))
		return failure_code(error);
	if (ret_dropped != NULL)
		*ret_dropped = stored.dropped->len;
	machine_stored_clear(&stored);
	return FAULT_OK;
}

static fault restore(const char *version, guint64 floor, struct machine_installed *ret_installed)
{
	const struct machine_install options = { .fd = -1, .activate = TRUE };
	g_autoptr(Machine) machine = fixture_machine(fixture);
	g_autoptr(GError) error = NULL;

	machine->boot->floor = floor;
	if (machine_restore(machine, version, &options, ret_installed, &error))
		return FAULT_OK;
	printf("# %s\n", error->message);
	return failure_code(error);
}

/* "1 2 3": the complete releases of the store; "-" before those that are not. */
static char *stored_versions(void)
{
	g_autoptr(Storerepo) repo = storerepo_open(store_path, FALSE, NULL, NULL);
	g_autoptr(GPtrArray) entries = repo != NULL ? store_list(repo, NULL) : NULL;
	GString *text = g_string_new(NULL);

	for (guint i = 0; entries != NULL && i < entries->len; i++) {
		const struct store_entry *entry = entries->pdata[i];

		g_string_append_printf(text, "%s%s%s", text->len > 0 ? " " : "",
				       entry->is_complete ? "" : "-", entry->version);
	}
	return g_string_free(text, FALSE);
}

static gboolean stored_is(const char *wanted)
{
	g_autofree char *found = stored_versions();
	g_auto(GStrv) a = g_strsplit(found, " ", 0), b = g_strsplit(wanted, " ", 0);

	for (char **version = b; *version != NULL; version++)
		if (!g_strv_contains((const char *const *)a, *version))
			printf("# stored: %s\n", found);
	/* Those of one second stand in the order of their versions, which here is the same. */
	return strcmp(found, wanted) == 0;
}

static void entry_remove(const char *version, gboolean and_sweep)
{
	g_autoptr(Storerepo) repo = storerepo_open(store_path, FALSE, NULL, NULL);

	expect(storerepo_remove(repo, version, NULL));
	expect(!and_sweep || storerepo_sweep(repo, NULL));
}

static void commit_running(unsigned slot)
{
	g_autoptr(Machine) machine = fixture_machine(fixture);

	expect(machine_mark_good(machine, slot, NULL));
}

static void test_history(void)
{
	guint dropped = 0;

	expect(store_do(machine_store_add, NULL) == FAULT_STORE_OFF);
	fixture->config.store_history = 3;
	expect(store_do(machine_store_check, NULL) == FAULT_STORE_EMPTY);
	expect(store_do(machine_store_add, NULL) == FAULT_OK);
	for (unsigned version = 2; version <= LAST; version++) {
		unsigned slot;

		expect(fixture_install(fixture, fixture->bundle[version], FALSE) == FAULT_OK);
		slot = fixture_reboot(fixture);
		expect(store_do(machine_store_add, NULL) == FAULT_STORE_UNCOMMITTED);
		commit_running(slot);
		expect(store_do(machine_store_add, &dropped) == FAULT_OK && dropped == 0);
	}
	expect(stored_is("1 2 3 4 5"));
	expect(store_do(machine_store_add, &dropped) == FAULT_OK && dropped == 0);
	fixture_copy(fixture->disk, disk_then);
	store_copy(store_path, store_then);
}

/* Each release that no slot holds comes back as it was; none is fetched from anywhere. */
static void test_restore(void)
{
	for (unsigned version = 1; version <= 3; version++) {
		const char name[] = { (char)('0' + version), '\0' };
		struct machine_installed installed;

		reset();
		expect(restore(name, 0, &installed) == FAULT_OK);
		expect(installed.slot == SLOT_B && strcmp(installed.version, name) == 0);
		expect(installed.kept_bytes > 0 && installed.fetched_bytes > 0);
		machine_installed_clear(&installed);
		expect(fixture_slot_holds(fixture, SLOT_B, fixture->bundle[version]));
		expect(fixture_slot_holds(fixture, SLOT_A, fixture->bundle[LAST]));
		expect(fixture_reboot(fixture) == SLOT_B);
		commit_running(SLOT_B);
		expect(store_do(machine_store_add, NULL) == FAULT_OK);
	}
}

static void test_refused(void)
{
	struct machine_installed installed;

	reset();
	expect(restore("2", 2, &installed) == FAULT_RELEASE_FLOOR);
	expect(restore("6", 0, &installed) == FAULT_STORE_RELEASE);
	expect(restore("../2", 0, &installed) == FAULT_ARGUMENT);
	expect(restore("", 0, &installed) == FAULT_ARGUMENT);
	fixture->config.product[0] = 'x';
	expect(restore("2", 0, &installed) == FAULT_MANIFEST_PRODUCT);
	fixture->config.product[0] = 't';
	fixture->config.store_history = 0;
	expect(restore("2", 0, &installed) == FAULT_STORE_OFF);
	fixture->config.store_history = 3;
	expect(fixture_slot_holds(fixture, SLOT_B, fixture->bundle[4]));
	expect(stored_is("1 2 3 4 5"));
}

/* Another keyring: the store is no way around it. */
static void test_keyring(void)
{
	g_autofree char *keys = fixture_path(fixture, "others");
	g_autofree char *mine = fixture->config.keyring;
	struct machine_installed installed;

	reset();
	fixture_run(g_getenv("AZBUNDLE"), "keys", keys, NULL);
	fixture->config.keyring = fixture_path(fixture, "others/ca.crt");
	expect(restore("2", 0, &installed) == FAULT_SIGNATURE_UNTRUSTED);
	g_free(fixture->config.keyring);
	fixture->config.keyring = g_steal_pointer(&mine);
	expect(fixture_slot_holds(fixture, SLOT_B, fixture->bundle[4]));
	expect(stored_is("1 2 3 4 5"));
}

static uint64_t store_size(void)
{
	g_autoptr(Storerepo) repo = storerepo_open(store_path, FALSE, NULL, NULL);

	return storerepo_size(repo);
}

static void test_prune(void)
{
	const uint64_t all = (reset(), store_size());
	guint dropped = 0;

	fixture->config.store_history = 2;
	expect(store_do(machine_store_prune, &dropped) == FAULT_OK && dropped == 1);
	expect(stored_is("2 3 4 5"));
	expect(store_size() < all);
	fixture->config.store_history = 1;
	expect(store_do(machine_store_prune, &dropped) == FAULT_OK && dropped == 1);
	expect(stored_is("3 4 5"));
	expect(store_do(machine_store_check, &dropped) == FAULT_OK && dropped == 0);
	fixture->config.store_history = 0;
	expect(store_do(machine_store_prune, &dropped) == FAULT_OK && dropped == 3);
	expect(stored_is(""));
	expect(store_size() < all / 4);
}

static void test_size_limit(void)
{
	g_autofree char *path = g_build_filename(store_path, "ballast", NULL);
	g_autofree char *bytes = g_malloc0(1 << 20);
	g_autofree char *left = NULL;

	reset();
	printf("# five releases of %u KiB: %u KiB\n", ROOT_BLOCKS * 4,
	       (unsigned)(store_size() >> 10));
	fixture->config.store_limit_mib = 1;
	expect(store_do(machine_store_add, NULL) == FAULT_OK);
	left = stored_versions();
	expect(g_str_has_suffix(left, "4 5") && store_size() <= 1 << 20);
	g_file_set_contents(path, bytes, 1 << 20, NULL); /* a file that nothing may remove */
	expect(store_do(machine_store_add, NULL) == FAULT_STORE_LIMIT);
	expect(stored_is(""));
}

/* Objects with pieces, by the paths of their files. */
static GPtrArray *objects_list(void)
{
	g_autofree char *objects = g_build_filename(store_path, "objects", NULL);
	g_autoptr(GDir) folder = g_dir_open(objects, 0, NULL);
	GPtrArray *paths = g_ptr_array_new_with_free_func(g_free);
	const char *name;

	while ((name = g_dir_read_name(folder)) != NULL) {
		g_autofree char *child = g_build_filename(objects, name, NULL);
		g_autoptr(GDir) files = g_dir_open(child, 0, NULL);
		const char *file;

		while ((file = g_dir_read_name(files)) != NULL)
			g_ptr_array_add(paths, g_build_filename(child, file, NULL));
	}
	return paths;
}

static void byte_flip(const char *path)
{
	char *bytes = NULL;
	gsize size = 0;
	const int fd = open(path, O_RDWR);

	g_file_get_contents(path, &bytes, &size, NULL);
	bytes[size - 1 - size / 3] ^= 0x10;
	expect(pwrite(fd, bytes, size, 0) == (ssize_t)size);
	close(fd);
	g_free(bytes);
}

/* Any object rots: a check drops what has it, and what is left is whole. */
static void test_rot(void)
{
	g_autoptr(GPtrArray) paths = (reset(), objects_list());
	const guint step = MAX(paths->len / 8, 1);
	unsigned fewest = LAST, most = 0;

	for (guint i = 0; i < paths->len; i += step) {
		guint dropped = 0, again = 0;

		if (g_str_has_suffix(paths->pdata[i], ".dirmeta"))
			continue; /* the same for all, and read by nobody */
		reset();
		byte_flip(paths->pdata[i]);
		expect(store_do(machine_store_check, &dropped) == FAULT_OK && dropped > 0);
		expect(store_do(machine_store_check, &again) == FAULT_OK && again == 0);
		fewest = MIN(fewest, dropped);
		most = MAX(most, dropped);
	}
	printf("# %u objects; a damaged one is of %u to %u releases\n", paths->len, fewest, most);
	expect(fewest == 1);
}

/* Flips a byte in one piece of a release's root image; its number counts from 0. FALSE: no such
 * piece. */
static gboolean piece_flip(const char *version, guint number)
{
	g_autoptr(Storerepo) repo = storerepo_open(store_path, FALSE, NULL, NULL);
	g_autoptr(StorerepoEntry) entry = storerepo_read(repo, version, NULL);
	g_autoptr(Storeindex) index = storeindex_decode(g_bytes_get_data(entry->index, NULL),
							g_bytes_get_size(entry->index), NULL);
	const GArray *pieces = index->payloads[1].data;
	g_autofree char *name = NULL;
	g_autofree char *path = NULL;

	if (number >= pieces->len)
		return FALSE;
	name = crypto_hex(g_array_index(pieces, struct storeindex_piece, number).object,
			  STOREINDEX_OBJECT_SIZE);
	path = g_strdup_printf("%s/objects/%.2s/%s.filez", store_path, name, name + 2);
	byte_flip(path);
	return TRUE;
}

/* What is found while restoring: the release goes, the others stay. */
static void test_rot_found(void)
{
	for (guint number = 0; number < 20; number += 9) {
		struct machine_installed installed;

		reset();
		expect(piece_flip("2", number));
		expect(restore("2", 0, &installed) == FAULT_STORE_OBJECT);
		expect(stored_is("1 3 4 5"));
		expect(fixture_slot_holds(fixture, SLOT_A, fixture->bundle[LAST]));
		expect(restore("1", 0, &installed) == FAULT_OK);
		machine_installed_clear(&installed);
		expect(fixture_slot_holds(fixture, SLOT_B, fixture->bundle[1]));
	}
}

/* What is stored again heals what is there. */
static void test_rot_healed(void)
{
	guint dropped = 0;

	reset();
	expect(piece_flip("5", 3));
	entry_remove("5", FALSE);
	expect(store_do(machine_store_add, NULL) == FAULT_OK);
	expect(store_do(machine_store_check, &dropped) == FAULT_OK && dropped == 0);
	expect(stored_is("1 2 3 4 5"));
}

/* Blocks of a slot that the other one has not got. */
static void slot_damage(unsigned slot, unsigned blocks)
{
	g_autoptr(Layout) layout = layout_find(fixture->disk, NULL);
	g_autoptr(Disk) disk = layout_open(&layout->root[slot], DISK_READ_WRITE, NULL);
	uint8_t bytes[4096];

	memset(bytes, 0x5a, sizeof bytes);
	for (unsigned i = 0; i < blocks; i++) /* i * 4 + 1: see image_make() in fixture.c */
		expect(disk_write(disk, (i * 4 + 1) * sizeof bytes, bytes, sizeof bytes, NULL));
	expect(disk_flush(disk, NULL));
}

static fault repair(unsigned slot, struct machine_checked *ret_checked)
{
	const struct machine_install options = { .fd = -1 };
	g_autoptr(Machine) machine = fixture_machine(fixture);
	g_autoptr(GError) error = NULL;

	return machine_repair(machine, slot, &options, ret_checked, &error) ? FAULT_OK
									    : failure_code(error);
}

static void test_repair(void)
{
	struct machine_checked checked;

	reset();
	for (unsigned slot = 0; slot < SLOT_COUNT; slot++) {
		slot_damage(slot, 20);
		expect(repair(slot, &checked) == FAULT_OK);
		expect(checked.from_store && checked.decoded_bytes == 20 * 4096);
		expect(checked.wrong_bytes == 20 * 4096);
		machine_checked_clear(&checked);
		expect(fixture_slot_holds(fixture, slot,
					  fixture->bundle[slot == SLOT_A ? LAST : LAST - 1]));
	}
	slot_damage(SLOT_A, 20);
	fixture->config.store_history = 0;
	expect(repair(SLOT_A, &checked) == FAULT_CONVERGE_UNHEALED);
	expect(!checked.from_store);
	machine_checked_clear(&checked);
}

/* The boot partition's header is lost, and with it the word for what the slot holds. */
static void test_repair_header(void)
{
	static const uint8_t ZERO[4096];
	g_autoptr(Layout) layout = (reset(), layout_find(fixture->disk, NULL));
	struct machine_checked checked;

	{
		g_autoptr(Disk) disk = layout_open(&layout->boot[SLOT_B], DISK_READ_WRITE, NULL);

		expect(disk_write(disk, 0, ZERO, sizeof ZERO, NULL) && disk_flush(disk, NULL));
	}
	expect(repair(SLOT_B, &checked) == FAULT_OK);
	expect(checked.header_mended && checked.from_store);
	machine_checked_clear(&checked);
	expect(fixture_slot_holds(fixture, SLOT_B, fixture->bundle[4]));
}

/* The store turns out to be damaged half-way: the other slot still does what it can. */
static void test_repair_rotten(void)
{
	struct machine_checked checked;

	reset();
	for (guint number = 0; piece_flip("5", number); number++)
		;
	slot_damage(SLOT_A, 1);
	expect(repair(SLOT_A, &checked) == FAULT_CONVERGE_UNHEALED);
	machine_checked_clear(&checked);
	expect(stored_is("1 2 3 4"));
}

/* What was cut short after the commit before is done now; rot in it is in nobody's way. */
static void test_fallback(void)
{
	reset();
	entry_remove("4", TRUE);
	entry_remove("5", TRUE);
	expect(store_do(machine_store_add, NULL) == FAULT_OK);
	expect(stored_is("1 2 3 4 5"));
	reset();
	entry_remove("4", TRUE);
	entry_remove("5", TRUE);
	slot_damage(SLOT_B, 1);
	expect(store_do(machine_store_add, NULL) == FAULT_OK);
	expect(stored_is("1 2 3 5"));
}

/* Version 1 anew, with keys that were good a month ago, and a disk that was made then. */
static char *expired_make(void)
{
	const char *azbundle = g_getenv("AZBUNDLE");
	g_autofree char *keys = fixture_path(fixture, "keys");
	g_autofree char *kept = fixture_path(fixture, "keys-kept");
	g_autofree char *expired = fixture_path(fixture, "keys-expired");
	char *keyring = g_build_filename(expired, "ca.crt", NULL);

	fixture_run("mv", keys, kept, NULL);
	fixture_run("faketime", "-f", "-30d", azbundle, "keys", "--days=9", keys, NULL);
	fixture_release(fixture, 1, ROOT_BLOCKS);
	fixture_run("mv", keys, expired, NULL);
	fixture_run("mv", kept, keys, NULL);
	fixture_run("rm", fixture->disk, NULL);
	fixture_run("faketime", "-f", "-30d", azbundle, "disk", "--azboot", fixture->bundle[1],
		    "--keyring", keyring, "--var-size", "8", "--esp-size", "33", "-o",
		    fixture->disk, fixture->bundle[1], NULL);
	return keyring;
}

/* It was installed while its certificate was good, and that is over now. */
static void test_expired(void)
{
	g_autofree char *same = fixture_path(fixture, "1-kept.azb");
	g_autofree char *keyring = NULL;
	char *mine = fixture->config.keyring;
	struct machine_installed installed;

	reset();
	fixture_copy(fixture->bundle[1], same);
	keyring = expired_make();
	fixture->config.keyring = keyring;
	expect(fixture_install(fixture, fixture->bundle[1], TRUE) == FAULT_SIGNATURE_EXPIRED);
	expect(store_do(machine_store_add, NULL) == FAULT_OK);
	fixture_copy(disk_then, fixture->disk);
	expect(restore("1", 0, &installed) == FAULT_OK);
	machine_installed_clear(&installed);
	fixture->config.keyring = mine;
	expect(fixture_slot_holds(fixture, SLOT_B, same));
	expect(restore("1", 0, &installed) == FAULT_SIGNATURE_UNTRUSTED);
}

/* A state folder of its own, so small that it can be filled. */
static void test_full(void)
{
	g_autofree char *mine = fixture->config.state_dir;
	g_autofree char *small = fixture_path(fixture, "small-state");
	g_autofree char *ballast = fixture_path(fixture, "small-state/ballast");
	g_autofree char *path = fixture_path(fixture, "small-state/store");
	char *mine_path = store_path;
	guint dropped = 0;

	reset();
	g_mkdir(small, 0755);
	if (mount("none", small, "tmpfs", 0, "size=8m") != 0) {
		printf("# left out: cannot mount here: %s\n", g_strerror(errno));
		return;
	}
	fixture->config.state_dir = small;
	store_path = path;
	store_copy(store_then, path);
	fixture->config.store_history = 1;
	expect(store_do(machine_store_prune, NULL) == FAULT_OK);
	fixture_boot(fixture, SLOT_B); /* 4 runs; it is to be stored anew */
	fixture->config.store_history = 3;
	entry_remove("4", TRUE);
	g_autofree char *bytes = g_malloc0(4 << 20);
	const int fd = open(ballast, O_CREAT | O_WRONLY, 0600);

	while (write(fd, bytes, 4096) == 4096)
		;
	close(fd);
	expect(store_do(machine_store_add, NULL) == FAULT_STORE_SPACE);
	expect(stored_is("3 5"));
	unlink(ballast);
	expect(store_do(machine_store_check, &dropped) == FAULT_OK && dropped == 0);
	expect(store_do(machine_store_add, NULL) == FAULT_OK);
	expect(stored_is("3 4 5") || stored_is("3 5 4"));
	fixture->config.state_dir = g_steal_pointer(&mine);
	store_path = mine_path;
	expect(umount(small) == 0);
}

/* A child restores, and is killed after so many microseconds. */
static void restore_killed(gulong after_us)
{
	const pid_t child = fork();
	struct machine_installed installed;
	int status;

	if (child == 0) {
		fclose(stdout);
		(void)restore("2", 0, &installed);
		_exit(0);
	}
	g_usleep(after_us);
	kill(child, SIGKILL);
	waitpid(child, &status, 0);
}

enum { KILLS = 8 };

static void test_killed_restore(void)
{
	for (unsigned i = 0; i < KILLS; i++) {
		struct machine_installed installed;
		guint dropped = 0;

		reset();
		restore_killed(2000 + i * 20000);
		expect(fixture_slot_holds(fixture, SLOT_A, fixture->bundle[LAST]));
		expect(restore("2", 0, &installed) == FAULT_OK);
		machine_installed_clear(&installed);
		expect(fixture_slot_holds(fixture, SLOT_B, fixture->bundle[2]));
		expect(stored_is("1 2 3 4 5"));
		expect(store_do(machine_store_check, &dropped) == FAULT_OK && dropped == 0);
	}
}

static const struct tap_case CASES[] = {
	{ "five releases are stored as they are committed", test_history },
	{ "each comes back bit for bit", test_restore },
	{ "what is not restored", test_refused },
	{ "a stored release needs its signature", test_keyring },
	{ "pruning", test_prune },
	{ "a size limit", test_size_limit },
	{ "a check finds rot", test_rot },
	{ "a restore finds rot", test_rot_found },
	{ "storing again heals rot", test_rot_healed },
	{ "a slot is healed from the store", test_repair },
	{ "a lost header is healed from the store", test_repair_header },
	{ "a rotten store is no help, and no harm", test_repair_rotten },
	{ "the fallback that was not stored yet", test_fallback },
	{ "a full disk", test_full },
	{ "killed while restoring", test_killed_restore },
	{ "a certificate that has expired since", test_expired },
};

int main(void)
{
	int status;

	fixture_allow_preload(); /* of faketime */
	fixture = fixture_new(ROOT_BLOCKS);
	fixture_release(fixture, 4, ROOT_BLOCKS);
	fixture_release(fixture, LAST, ROOT_BLOCKS);
	disk_then = fixture_path(fixture, "disk-then");
	store_then = fixture_path(fixture, "store-then");
	store_path = g_build_filename(fixture->config.state_dir, "store", NULL);
	status = tap_run(CASES, G_N_ELEMENTS(CASES));
	fixture_free(fixture);
	g_free(disk_then);
	g_free(store_then);
	g_free(store_path);
	return status;
}
