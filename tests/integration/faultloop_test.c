/* SPDX-License-Identifier: MIT */
/* Each system call of each command fails once, in each way that it may. `--full`: in every way,
 * and for good; `--only=NAME`: of that command. */
#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

#include "../unit/tap.h"
#include "failure.h"
#include "faultloop.h"
#include "faultloop_state.h"
#include "layout.h"
#include "sysfault.h"

enum { ROOT_BLOCKS = 6 };

static char *pristine; /* copy of the disk as it was made */
static char *delta;    /* bundle of version 2, against version 1 */

static void machine_reset(struct fixture *fixture)
{
	fixture_copy(pristine, fixture->disk);
	fixture_run("rm", "-rf", fixture->config.state_dir, NULL);
	fixture_boot(fixture, SLOT_A);
}

static gboolean bundle_install(struct machine *machine, const char *path, gboolean activate,
			       GError **error)
{
	const int fd = open(path, O_RDONLY | O_CLOEXEC);
	const struct machine_install options = { .fd = fd, .activate = activate };
	struct machine_installed installed;
	gboolean done;

	/* The daemon gets the bundle as a descriptor; that it cannot be opened is its client's. */
	if (fd < 0)
		return failure_set(error, FAULT_DISK_OPEN, "the bundle cannot be opened");
	done = machine_install(machine, &options, &installed, error);
	machine_installed_clear(&installed);
	close(fd);
	return done;
}

static gboolean judge(struct machine *machine, gboolean healthy, GError **error)
{
	g_autoptr(GPtrArray) none = g_ptr_array_new();
	const struct health_result result = {
		.checks = none,
		.healthy = healthy,
		.why = healthy ? FAULT_OK : FAULT_HEALTH_REQUIRED,
		.reason = healthy ? NULL : (char *)"check \"network\" failed: exit status 1",
	};
	enum machine_verdict verdict;

	return machine_judge(machine, &result, &verdict, error);
}

static struct slot slot_of(struct fixture *fixture, unsigned slot)
{
	return fixture_record(fixture).table.slots[slot];
}

/* Where the commands start. */

static void prepare_staged(struct fixture *fixture)
{
	g_autoptr(Machine) machine = NULL;

	machine_reset(fixture);
	machine = fixture_machine(fixture);
	expect(bundle_install(machine, fixture->bundle[2], FALSE, NULL));
}

static void prepare_trial(struct fixture *fixture)
{
	machine_reset(fixture);
	expect(fixture_install(fixture, fixture->bundle[2], FALSE) == FAULT_OK);
	expect(fixture_reboot(fixture) == SLOT_B);
}

static void prepare_committed(struct fixture *fixture)
{
	g_autoptr(Machine) machine = NULL;

	prepare_trial(fixture);
	machine = fixture_machine(fixture);
	expect(judge(machine, TRUE, NULL));
}

/* A kill in the middle left half a slot. */
static void prepare_half(struct fixture *fixture)
{
	static const char GARBAGE[4096] = "garbage";
	g_autoptr(Layout) layout = NULL;
	int fd;

	prepare_staged(fixture);
	layout = layout_find(fixture->disk, NULL);
	fd = open(fixture->disk, O_RDWR | O_CLOEXEC);
	expect(pwrite(fd, GARBAGE, sizeof GARBAGE, (off_t)layout->root[SLOT_B].offset + 4096) > 0);
	close(fd);
}

/* Data and header of the fallback have rotted. */
static void prepare_rotten(struct fixture *fixture)
{
	static const char GARBAGE[4096] = "garbage";
	g_autoptr(Layout) layout = NULL;
	int fd;

	prepare_committed(fixture);
	layout = layout_find(fixture->disk, NULL);
	fd = open(fixture->disk, O_RDWR | O_CLOEXEC);
	expect(pwrite(fd, GARBAGE, sizeof GARBAGE, (off_t)layout->root[SLOT_A].offset) > 0);
	expect(pwrite(fd, GARBAGE, sizeof GARBAGE, (off_t)layout->boot[SLOT_A].offset) > 0);
	close(fd);
}

static void prepare_held(struct fixture *fixture)
{
	machine_reset(fixture);
	state_hold_prepare(fixture);
}

/* The commands, and how one sees that they are done. */

static gboolean run_install(struct fixture *fixture, struct machine *machine, GError **error)
{
	return bundle_install(machine, fixture->bundle[2], TRUE, error);
}

static gboolean run_delta(struct fixture *fixture, struct machine *machine, GError **error)
{
	(void)fixture; /* it goes by the delta alone */
	return bundle_install(machine, delta, TRUE, error);
}

static gboolean run_stage(struct fixture *fixture, struct machine *machine, GError **error)
{
	return bundle_install(machine, fixture->bundle[2], FALSE, error);
}

static gboolean is_on_trial(struct fixture *fixture)
{
	const struct slot slot = slot_of(fixture, SLOT_B);

	return slot.state == SLOT_TRYING && slot.tries_left == 3 &&
	       fixture_slot_holds(fixture, SLOT_B, fixture->bundle[2]);
}

static gboolean is_staged(struct fixture *fixture)
{
	return slot_of(fixture, SLOT_B).state == SLOT_STAGED &&
	       fixture_slot_holds(fixture, SLOT_B, fixture->bundle[2]);
}

static gboolean run_activate(struct fixture *fixture, struct machine *machine, GError **error)
{
	(void)fixture;
	return machine_activate(machine, SLOT_B, error);
}

static gboolean run_healthy(struct fixture *fixture, struct machine *machine, GError **error)
{
	(void)fixture;
	return judge(machine, TRUE, error);
}

static gboolean run_sick(struct fixture *fixture, struct machine *machine, GError **error)
{
	(void)fixture;
	return judge(machine, FALSE, error);
}

static gboolean run_mark_good(struct fixture *fixture, struct machine *machine, GError **error)
{
	(void)fixture;
	return machine_mark_good(machine, SLOT_B, error);
}

static gboolean run_mark_bad(struct fixture *fixture, struct machine *machine, GError **error)
{
	(void)fixture;
	return machine_mark_bad(machine, SLOT_B, "no good", error);
}

static gboolean is_committed(struct fixture *fixture)
{
	return slot_of(fixture, SLOT_B).state == SLOT_GOOD;
}

static gboolean is_noted(struct fixture *fixture)
{
	return slot_of(fixture, SLOT_B).fault == FAULT_HEALTH_REQUIRED;
}

static gboolean is_bad(struct fixture *fixture)
{
	return slot_of(fixture, SLOT_B).state == SLOT_BAD;
}

static gboolean run_rollback(struct fixture *fixture, struct machine *machine, GError **error)
{
	unsigned slot;

	(void)fixture;
	return machine_rollback(machine, &slot, error);
}

static gboolean is_left(struct fixture *fixture)
{
	const struct bootrec rec = fixture_record(fixture);

	return slot_choose(&rec.table, SLOT_NONE).index == SLOT_A;
}

static gboolean run_repair(struct fixture *fixture, struct machine *machine, GError **error)
{
	const int fd = open(fixture->bundle[1], O_RDONLY | O_CLOEXEC);
	const struct machine_install options = { .fd = fd };
	struct machine_checked checked;
	gboolean done;

	if (fd < 0)
		return failure_set(error, FAULT_DISK_OPEN, "the bundle cannot be opened");
	done = machine_repair(machine, SLOT_A, &options, &checked, error);
	machine_checked_clear(&checked);
	close(fd);
	return done;
}

static gboolean is_healed(struct fixture *fixture)
{
	return fixture_slot_holds(fixture, SLOT_A, fixture->bundle[1]);
}

static gboolean run_status(struct fixture *fixture, struct machine *machine, GError **error)
{
	g_autoptr(MachineStatus) status = machine_status_get(machine, error);

	(void)fixture;
	return status != NULL;
}

static gboolean is_nothing(struct fixture *fixture)
{
	(void)fixture;
	return TRUE;
}

static const struct command COMMANDS[] = {
	{ "status", prepare_staged, run_status, is_nothing, 1, 1, TRUE },
	{ "install", machine_reset, run_install, is_on_trial, 1, 2, FALSE },
	{ "install of a delta", machine_reset, run_delta, is_on_trial, 1, 2, FALSE },
	{ "stage over half a slot", prepare_half, run_stage, is_staged, 1, 1, FALSE },
	{ "activate", prepare_staged, run_activate, is_on_trial, 1, 2, FALSE },
	{ "commit after the checks", prepare_trial, run_healthy, is_committed, 2, 2, FALSE },
	{ "failed checks", prepare_trial, run_sick, is_noted, 2, 2, FALSE },
	{ "mark good", prepare_trial, run_mark_good, is_committed, 2, 2, FALSE },
	{ "mark bad", prepare_committed, run_mark_bad, is_bad, 2, 1, FALSE },
	{ "roll back", prepare_committed, run_rollback, is_left, 2, 1, FALSE },
	{ "repair", prepare_rotten, run_repair, is_healed, 2, 2, FALSE },
	{ "hold", prepare_held, state_hold_run, state_hold_is_done, 1, 1, FALSE },
	{ "refresh", machine_reset, state_refresh_run, state_refresh_is_done, 1, 1, FALSE },
};

/* Two flawed commands, to see that the judge sees. */

static gboolean run_liar(struct fixture *fixture, struct machine *machine, GError **error)
{
	g_autoptr(GError) kept_quiet = NULL;

	(void)fixture;
	(void)error;
	(void)machine_activate(machine, SLOT_B, &kept_quiet);
	return TRUE;
}

static gboolean run_fragile(struct fixture *fixture, struct machine *machine, GError **error)
{
	if (!run_activate(fixture, machine, error))
		abort();
	return TRUE;
}

static const struct command FLAWED[] = {
	{ "a command that always says that it is done", prepare_staged, run_liar, is_on_trial, 1, 2,
	  FALSE },
	{ "a command that aborts where it should fail", prepare_staged, run_fragile, is_on_trial, 1,
	  2, FALSE },
};

/* A sanitizer that keeps what was freed makes every fork() copy it. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
	return "quarantine_size_mb=1";
}

static void log_drop(const char *domain, GLogLevelFlags level, const char *text, gpointer data)
{
	(void)text; /* what goes wrong here is meant to */
}

static void tally_add(struct faultloop_tally *sum, const struct faultloop_tally *tally)
{
	sum->calls += tally->calls;
	sum->faults += tally->faults;
	sum->died += tally->died;
	sum->states += tally->states;
	sum->refused += tally->refused;
	sum->done += tally->done;
	sum->violations += tally->violations;
}

static void tally_print(const char *name, const struct faultloop_tally *tally)
{
	printf("# %s: %lu calls, %lu faults: %lu refused, %lu done all the same, %lu died without "
	       "memory; %lu states, %lu violations\n",
	       name, tally->calls, tally->faults, tally->refused, tally->done, tally->died,
	       tally->states, tally->violations);
}

static gboolean commands_run(struct fixture *fixture, gboolean every, const char *only)
{
	const struct faultloop_options options = { .every = every };
	struct faultloop_tally sum = { 0 };

	for (unsigned i = 0; i < G_N_ELEMENTS(COMMANDS); i++) {
		struct faultloop_tally tally = { 0 };

		if (only != NULL && strcmp(only, COMMANDS[i].name) != 0)
			continue;
		tap_failed = false;
		faultloop_run(fixture, &COMMANDS[i], &options, &tally);
		tally_print(COMMANDS[i].name, &tally);
		printf("%s %u %s\n", tally.violations == 0 && !tap_failed ? "ok" : "not ok", i + 1,
		       COMMANDS[i].name);
		sum.violations += tap_failed ? 1 : 0;
		tally_add(&sum, &tally);
	}
	tally_print("fault loops", &sum);
	return sum.violations == 0;
}

static gboolean flawed_run(struct fixture *fixture)
{
	const struct faultloop_options options = { .quiet = TRUE };
	gboolean all_seen = TRUE;

	for (unsigned i = 0; i < G_N_ELEMENTS(FLAWED); i++) {
		struct faultloop_tally tally = { 0 };

		faultloop_run(fixture, &FLAWED[i], &options, &tally);
		printf("%s %u %s is found out\n", tally.violations > 0 ? "ok" : "not ok",
		       (unsigned)G_N_ELEMENTS(COMMANDS) + i + 1, FLAWED[i].name);
		all_seen = all_seen && tally.violations > 0;
	}
	return all_seen;
}

int main(int argc, char **argv)
{
	static gboolean every;
	static char *only;
	static const GOptionEntry ENTRIES[] = {
		{ "full", 0, 0, G_OPTION_ARG_NONE, &every, "each error at each call", NULL },
		{ "only", 0, 0, G_OPTION_ARG_STRING, &only, "one command", "NAME" },
		G_OPTION_ENTRY_NULL
	};
	GOptionContext *context = g_option_context_new(NULL);
	struct fixture *fixture;
	gboolean good;

	g_option_context_add_main_entries(context, ENTRIES, NULL);
	if (!g_option_context_parse(context, &argc, &argv, NULL))
		return 2;
	g_option_context_free(context);
	g_log_set_default_handler(log_drop, NULL);
	fixture = fixture_new(ROOT_BLOCKS);
	pristine = fixture_path(fixture, "pristine");
	delta = fixture_path(fixture, "delta.azb");
	fixture_copy(fixture->disk, pristine);
	fixture_run(g_getenv("AZBUNDLE"), "delta", "--quick", "--old", fixture->bundle[1], "--new",
		    fixture->bundle[2], "-o", delta, NULL);
	state_repository_make(fixture);
	printf("1..%u\n", (unsigned)(G_N_ELEMENTS(COMMANDS) + G_N_ELEMENTS(FLAWED)));
	good = commands_run(fixture, every, only);
	good = flawed_run(fixture) && good;
	fixture_free(fixture);
	g_free(pristine);
	g_free(delta);
	return good ? 0 : 1;
}
