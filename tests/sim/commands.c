/* SPDX-License-Identifier: MIT */
#include "commands.h"

#include <string.h>

#include "failure.h"
#include "machine.h"
#include "oracle.h"
#include "recstore.h"
#include "releases.h"

static char *message;

const char *command_message(void)
{
	return message != NULL ? message : "";
}

const char *wrong_text(enum wrong wrong)
{
	static const char *const TEXT[WRONG_COUNT] = {
		[WRONG_NOTHING] = "nothing",
		[WRONG_DEAD] = "nothing boots",
		[WRONG_UNEXPECTED] = "a release boots that nobody could expect",
		[WRONG_HALF] = "a release is started that is not complete",
		[WRONG_EARLY] = "a trial is started before its try is spent",
		[WRONG_FLOOR] = "the floor fell, or a release below it was started",
		[WRONG_RECORD] = "the record names a release that the slot does not hold",
		[WRONG_HEADER] = "a header stands where no whole release stands",
		[WRONG_FAILED] = "a command failed",
		[WRONG_LIED] = "a command said that it is done, and it is not",
		[WRONG_GOAL] = "the next attempt did not complete",
	};

	return TEXT[wrong];
}

static struct disk *part_open(const struct layout_part *part, enum disk_mode mode, GError **error)
{
	return fakedisk_open((enum part)part->offset);
}

/* The machine's layout names partitions by their number. */
static struct layout *layout_make(void)
{
	struct layout *layout = g_new0(struct layout, 1);
	struct layout_part *parts[PART_COUNT] = { &layout->state, &layout->boot[0],
						  &layout->boot[1], &layout->root[0],
						  &layout->root[1] };

	for (unsigned i = 0; i < PART_COUNT; i++)
		*parts[i] = (struct layout_part){ .offset = i,
						  .size_bytes = fakedisk_size((enum part)i),
						  .open = part_open };
	return layout;
}

static struct machine *machine_make(const struct machine_now *now, bool knows_floor)
{
	struct bootinfo *boot = g_new0(struct bootinfo, 1);

	(void)releases_state_folder(); /* var does not count: it may be lost at any time */
	boot->running = now->slot;
	if (knows_floor)
		boot->floor = fakedisk_belief()->floor; /* as azboot told it at this boot */
	return machine_open_on(releases_config(), layout_make(), boot);
}

static gboolean install(struct machine *machine, const struct command *command, bool forced,
			GError **error)
{
	const struct release *release = release_get(command->version);
	const struct machine_install options = {
		.fd = command->kind == COMMAND_DELTA ? release->delta[command->argument]
						     : release->bundle,
		.force = forced,
		.activate = command->kind == COMMAND_RESTORE ? command->argument == 0
							     : command->kind != COMMAND_STAGE,
	};
	struct machine_installed installed;
	const gboolean done = machine_install(machine, &options, &installed, error);

	if (done)
		machine_installed_clear(&installed);
	return done;
}

static gboolean repair(struct machine *machine, const struct command *command, GError **error)
{
	const struct machine_install options = { .fd = release_get(command->version)->bundle };
	struct machine_checked checked;
	const gboolean done = machine_repair(machine, command->argument, &options, &checked, error);

	machine_checked_clear(&checked);
	return done;
}

static gboolean judge(struct machine *machine, gboolean healthy, GError **error)
{
	g_autoptr(GPtrArray) none = g_ptr_array_new();
	const struct health_result result = {
		.checks = none,
		.healthy = healthy,
		.why = healthy ? FAULT_OK : FAULT_HEALTH_REQUIRED,
		.reason = (char *)"it is sick",
	};
	enum machine_verdict verdict;

	return machine_judge(machine, &result, &verdict, error);
}

/* The record is not signed: whoever can write it can ask for any floor. */
static gboolean floor_request(uint64_t floor, GError **error)
{
	g_autoptr(Disk) disk = fakedisk_open(PART_STATE);
	struct bootrec rec;

	if (!recstore_load(disk, &rec, error))
		return FALSE;
	rec.table.floor_request = floor;
	return recstore_save(disk, &rec, error);
}

static gboolean machine_do(const struct command *command, const struct machine_now *now,
			   GError **error)
{
	g_autoptr(Machine) machine = machine_make(now, command->kind != COMMAND_RESTORE);
	unsigned other;

	switch (command->kind) {
	case COMMAND_NONE:
	case COMMAND_BOOT:
		break;
	case COMMAND_HEALTHY:
	case COMMAND_SICK:
		return judge(machine, command->kind == COMMAND_HEALTHY, error);
	case COMMAND_INSTALL:
	case COMMAND_DELTA:
	case COMMAND_STAGE:
	case COMMAND_RESTORE:
		return install(machine, command, now->forced, error);
	case COMMAND_ACTIVATE:
		return machine_activate(machine, command->argument, error);
	case COMMAND_ROLLBACK:
		return machine_rollback(machine, &other, error);
	case COMMAND_MARK_GOOD:
		return machine_mark_good(machine, now->slot, error);
	case COMMAND_MARK_BAD:
		return machine_mark_bad(machine, command->argument, "it is marked", error);
	case COMMAND_REPAIR:
		return repair(machine, command, error);
	case COMMAND_FLOOR:
		return floor_request(command->version, error);
	}
	g_assert_not_reached();
}

/* What it means when it is done, and what may have gone while it is not. */
static void effects_of(enum command_kind kind, belief_effect *ret_while, belief_effect *ret_done)
{
	static const belief_effect DONE[] = {
		[COMMAND_HEALTHY] = effect_committed,  [COMMAND_SICK] = effect_none,
		[COMMAND_INSTALL] = effect_installed,  [COMMAND_DELTA] = effect_installed,
		[COMMAND_STAGE] = effect_staged,       [COMMAND_ACTIVATE] = effect_activated,
		[COMMAND_ROLLBACK] = effect_activated, [COMMAND_MARK_GOOD] = effect_committed,
		[COMMAND_MARK_BAD] = effect_bad,       [COMMAND_REPAIR] = effect_none,
		[COMMAND_RESTORE] = effect_installed,  [COMMAND_FLOOR] = effect_none,
	};
	const bool fills = kind == COMMAND_INSTALL || kind == COMMAND_DELTA ||
			   kind == COMMAND_STAGE;

	*ret_done = DONE[kind];
	*ret_while = fills ? effect_emptied : effect_none;
}

static enum wrong boot_run(uint16_t key, struct machine_now *now)
{
	struct belief belief = *fakedisk_belief();
	struct firmware_boot boot;
	const uint64_t floor = belief.floor;

	belief_power(&belief);
	fakedisk_note(&belief);
	boot = firmware_boot(key);
	now->slot = boot.slot;
	now->version = boot.version;
	if (boot.floor_fell || (boot.version != 0 && boot.version < floor))
		return WRONG_FLOOR; /* a release's security version is its number */
	if (boot.version == 0)
		return WRONG_DEAD;
	if (boot.early)
		return WRONG_EARLY;
	if (!boot.expected) {
		g_free(message);
		message = g_strdup_printf("version %u, not of the set 0x%x", boot.version,
					  belief_allows(&belief));
		return WRONG_UNEXPECTED;
	}
	return (now->strict ? oracle_whole : oracle_boots)(fakedisk_view(), boot.slot) ==
			       boot.version
		       ? WRONG_NOTHING
		       : WRONG_HALF;
}

/* A filled slot is whole, and a repaired one too; the record says what it should. */
static bool is_done(const struct command *command, const struct machine_now *now)
{
	const struct medium *medium = fakedisk_durable();
	const struct oracle_record record = oracle_record(medium);
	const unsigned other = now->slot == SLOT_A ? SLOT_B : SLOT_A;
	const unsigned slot = command->argument;

	switch (command->kind) {
	case COMMAND_INSTALL:
	case COMMAND_DELTA:
		return oracle_whole(medium, other) == command->version &&
		       (record.slots[other].state == ORACLE_TRYING ||
			record.slots[other].state == ORACLE_GOOD);
	case COMMAND_STAGE:
		return oracle_whole(medium, other) == command->version &&
		       record.slots[other].state == ORACLE_STAGED;
	case COMMAND_REPAIR:
		return oracle_whole(medium, slot) == command->version;
	case COMMAND_HEALTHY:
	case COMMAND_MARK_GOOD:
		return record.slots[now->slot].state == ORACLE_GOOD &&
		       record.slots[now->slot].failures == 0 &&
		       (now->version != RELEASE_REVOKING ||
			record.slots[other].state == ORACLE_BAD ||
			record.slots[other].state == ORACLE_EMPTY);
	case COMMAND_MARK_BAD:
		return record.slots[slot].state == ORACLE_BAD;
	case COMMAND_NONE:
	case COMMAND_BOOT:
	case COMMAND_SICK:
	case COMMAND_RESTORE:
	case COMMAND_FLOOR:
		return record.valid;
	case COMMAND_ACTIVATE:
	case COMMAND_ROLLBACK:
		break;
	}
	return record.slots[other].state == ORACLE_TRYING ||
	       record.slots[other].state == ORACLE_GOOD;
}

enum wrong command_run(const struct command *command, struct machine_now *now)
{
	const struct belief before = *fakedisk_belief();
	struct belief during = before;
	struct belief after = before;
	g_autoptr(GError) error = NULL;
	belief_effect effect_while;
	belief_effect effect_done;
	gboolean done;

	now->last = command->kind;
	if (command->kind == COMMAND_BOOT)
		return boot_run((uint16_t)command->argument, now);
	effects_of(command->kind, &effect_while, &effect_done);
	belief_apply(&after, effect_done, now->version, command->version);
	belief_apply(&during, effect_while, now->version, command->version);
	belief_join(&during, &before);
	belief_join(&during, &after);
	fakedisk_note(&during);
	done = machine_do(command, now, &error);
	if (!done) {
		g_free(message);
		message = g_strdup(error->message);
		return WRONG_FAILED;
	}
	fakedisk_note(&after);
	return is_done(command, now) ? WRONG_NOTHING : WRONG_LIED;
}
