/* SPDX-License-Identifier: MIT */
/* The store of past releases, killed before each change of a name that it makes while it stores a
 * release, and while it prunes: all that was stored before, and is not to go, comes back
 * bit for bit, and what was cut short is done when it is asked for again. */
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../unit/tap.h"
#include "failure.h"
#include "fixture.h"
#include "machine_private.h"
#include "store.h"
#include "sysfault.h"

enum { ROOT_BLOCKS = 40, LAST = 4 };

static struct fixture *fixture;
static char *disk_then;
static char *store_then;
static char *store_path;

typedef gboolean (*store_func)(struct machine *machine, const struct machine_install *options,
			       struct machine_stored *ret_stored, GError **error);

static gboolean store_do(store_func function)
{
	static const struct machine_install OPTIONS = { .fd = -1 };
	g_autoptr(Machine) machine = fixture_machine(fixture);
	struct machine_stored stored;

	if (!function(machine, &OPTIONS, &stored, NULL))
		return FALSE;
	machine_stored_clear(&stored);
	return TRUE;
}

static void disk_reset(void)
{
	fixture_copy(disk_then, fixture->disk);
	fixture_boot(fixture, SLOT_B);
}

/* Release 4 runs in slot b, 3 stands in slot a. What is killed only reads the disk. */
static void reset(void)
{
	fixture_run("rm", "-rf", store_path, NULL);
	fixture_run("cp", "-a", store_then, store_path, NULL);
	fixture->config.store_history = 2;
}

static gboolean restores(unsigned version)
{
	const char name[] = { (char)('0' + version), '\0' };
	const struct machine_install options = { .fd = -1, .activate = TRUE };
	g_autoptr(Machine) machine = fixture_machine(fixture);
	struct machine_installed installed;

	if (!machine_restore(machine, name, &options, &installed, NULL))
		return FALSE;
	machine_installed_clear(&installed);
	return fixture_slot_holds(fixture, SLOT_A, fixture->bundle[version]);
}

static gint names_compare(gconstpointer a, gconstpointer b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void names_walk(const char *path, GString *names)
{
	g_autoptr(GDir) folder = g_dir_open(path, 0, NULL);
	g_autoptr(GPtrArray) found = g_ptr_array_new_with_free_func(g_free);
	const char *name;

	while (folder != NULL && (name = g_dir_read_name(folder)) != NULL)
		g_ptr_array_add(found, g_strdup(name));
	g_ptr_array_sort(found, names_compare);
	for (guint i = 0; i < found->len; i++) {
		g_autofree char *child = g_build_filename(path, found->pdata[i], NULL);

		g_string_append_printf(names, "%s\n", child);
		if (g_file_test(child, G_FILE_TEST_IS_DIR))
			names_walk(child, names);
	}
}

/* Of its entries and what they are made of; what is left over may be there or not. */
static char *store_names(void)
{
	static const char *const FOLDERS[] = { "objects", "refs" };
	GString *names = g_string_new(NULL);

	for (unsigned i = 0; i < G_N_ELEMENTS(FOLDERS); i++) {
		g_autofree char *path = g_build_filename(store_path, FOLDERS[i], NULL);

		names_walk(path, names);
	}
	return g_string_free(names, FALSE);
}

/* One piece of work that is killed, and what has to be there afterwards. */
struct work {
	const char *name;
	void (*prepare)(void);
	store_func function;
	unsigned first; /* of the releases that have to come back: */
	unsigned last;
	unsigned touched; /* the one that comes or goes */
	gboolean comes;
};

static gboolean is_there(unsigned version)
{
	const char name[] = { (char)('0' + version), '\0' };
	g_autoptr(Storerepo) repo = storerepo_open(store_path, FALSE, NULL, NULL);
	g_autoptr(StorerepoEntry) entry = repo != NULL ? storerepo_read(repo, name, NULL) : NULL;

	return entry != NULL;
}

/* Files of refs that are none: what libostree was about to rename. */
static unsigned leftovers_count(void)
{
	g_autofree char *path = g_build_filename(store_path, "refs/heads/release", NULL);
	g_autoptr(GDir) folder = g_dir_open(path, 0, NULL);
	unsigned count = 0;
	const char *name;

	while (folder != NULL && (name = g_dir_read_name(folder)) != NULL)
		count += g_str_has_prefix(name, "tmp.") ? 1 : 0;
	return count;
}

/* Slot a holds 3: the first one that is restored overwrites it. */
static void state_judge(const struct work *work)
{
	for (unsigned version = work->first; version <= work->last; version++)
		expect(restores(version));
	if (is_there(work->touched) && work->touched != LAST)
		expect(restores(work->touched)); /* an entry that is there is whole */
	disk_reset();
	expect(store_do(work->function)); /* which cleans up by itself */
	expect(is_there(work->touched) == work->comes);
	expect(store_do(machine_store_check));
	for (unsigned version = work->first; version <= work->last; version++)
		expect(is_there(version));
	expect(leftovers_count() == 0);
}

/* TRUE: it was killed before its change number `at`. */
static gboolean killed(const struct work *work, unsigned long at, struct sysfault_report *report)
{
	const struct sysfault_plan plan = { .ill = SYSFAULT_KILL, .at = at };
	const pid_t child = fork();
	int status = 0;

	if (child == 0)
		_exit(sysfault_start(&plan, report) && store_do(work->function) ? 0 : 1);
	expect(child > 0 && waitpid(child, &status, 0) == child);
	expect(WIFSIGNALED(status) ? WTERMSIG(status) == SIGKILL : status == 0);
	return WIFSIGNALED(status);
}

static void work_walk(const struct work *work)
{
	g_autoptr(GHashTable) judged = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	struct sysfault_report *report = mmap(NULL, sizeof *report, PROT_READ | PROT_WRITE,
					      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	unsigned long at = 1;

	for (work->prepare(); killed(work, at, report); work->prepare()) {
		if (g_hash_table_add(judged, store_names()))
			state_judge(work);
		memset(report, 0, sizeof *report);
		at++;
	}
	expect(is_there(work->touched) == work->comes);
	printf("# %s: killed before each of %lu changes, %u different states\n", work->name, at - 1,
	       g_hash_table_size(judged));
	expect(at > 10 && g_hash_table_size(judged) > 5); /* else it was not looked at */
	munmap(report, sizeof *report);
}

static void add_prepare(void)
{
	g_autoptr(Storerepo) repo = (reset(), storerepo_open(store_path, FALSE, NULL, NULL));

	expect(storerepo_remove(repo, "4", NULL) && storerepo_sweep(repo, NULL));
}

static void test_add(void)
{
	static const struct work ADD = { .name = "storing",
					 .prepare = add_prepare,
					 .function = machine_store_add,
					 .first = 1,
					 .last = 3,
					 .touched = 4,
					 .comes = TRUE };

	work_walk(&ADD);
}

static void prune_prepare(void)
{
	reset();
	fixture->config.store_history = 1;
}

static void test_prune(void)
{
	static const struct work PRUNE = { .name = "pruning",
					   .prepare = prune_prepare,
					   .function = machine_store_prune,
					   .first = 2,
					   .last = 3,
					   .touched = 1,
					   .comes = FALSE };

	work_walk(&PRUNE);
}

static void history_make(void)
{
	fixture->config.store_history = 2;
	expect(store_do(machine_store_add));
	for (unsigned version = 2; version <= LAST; version++) {
		g_autoptr(Machine) machine = NULL;
		unsigned slot;

		expect(fixture_install(fixture, fixture->bundle[version], FALSE) == FAULT_OK);
		slot = fixture_reboot(fixture);
		machine = fixture_machine(fixture);
		expect(machine_mark_good(machine, slot, NULL));
		expect(store_do(machine_store_add));
	}
	fixture_copy(fixture->disk, disk_then);
	fixture_run("cp", "-a", store_path, store_then, NULL);
}

static const struct tap_case CASES[] = {
	{ "four releases are stored", history_make },
	{ "killed at each step of storing one", test_add },
	{ "killed at each step of pruning", test_prune },
};

int main(void)
{
	int status;

	fixture = fixture_new(ROOT_BLOCKS);
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
