/* SPDX-License-Identifier: MIT */
/* A machine in memory, for what a real one does not do on demand: jobs that hang until they are
 * cancelled or go on for a while. Its slots follow the real rules (lib/core). A "bundle" is a
 * text: `release VERSION`, `hang`, `slow VERSION`; anything else is refused, as it really is. A
 * release whose version is `rotten` has wrong blocks: two that the other slot has, one that only a
 * bundle has. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "failure.h"
#include "machine.h"
#include "machine_tpm.h"

struct machine {
	GMutex lock; /* it is looked at in another thread than it is changed in */
	struct slot_table table;
	char *versions[SLOT_COUNT];
	char *reasons[SLOT_COUNT];
	char *volume; /* see machine_tpm_status_get() */
};

enum { RUNNING = SLOT_A, BLOCK = 4096, HEAD_BYTES = 500, FETCH_BYTES = 10500 };

struct machine *machine_open(const struct config *config, GError **error)
{
	static const uint8_t HASH[SLOT_HASH_SIZE] = { 0xab, 0xcd };
	struct machine *machine;

	if (strcmp(config->product, "broken") == 0) {
		failure_set(error, FAULT_PART_MISSING, "partition azstate was not found");
		return NULL;
	}
	machine = g_new0(struct machine, 1);
	g_mutex_init(&machine->lock);
	machine->volume = g_strdup(config->volume);
	machine->table.once = machine->table.last = SLOT_NONE;
	slot_stage_begin(&machine->table, SLOT_A);
	slot_stage_end(&machine->table, SLOT_A, HASH, 1);
	slot_activate(&machine->table, SLOT_A, 3);
	slot_commit(&machine->table, SLOT_A);
	machine->versions[SLOT_A] = g_strdup("1.0");
	return machine;
}

void machine_free(struct machine *machine)
{
	for (unsigned i = 0; i < SLOT_COUNT; i++) {
		g_free(machine->versions[i]);
		g_free(machine->reasons[i]);
	}
	g_free(machine->volume);
	g_mutex_clear(&machine->lock);
	g_free(machine);
}

/* Everything that a status has is another than before, so that a test sees each property change. */
static void status_shift(struct machine_status *status)
{
	struct machine_slot *slot = &status->slots[SLOT_A];
	struct failed *failed = g_new0(struct failed, 1);

	slot->slot = (struct slot){ .state = SLOT_BAD,
				    .priority = 1,
				    .tries_left = 2,
				    .failures = 3,
				    .security_version = 4,
				    .fault = FAULT_MARKED_BAD };
	slot->reason = g_strdup("it was shifted");
	slot->running = FALSE;
	g_clear_pointer(&slot->root_hash, g_free);
	g_free(slot->version);
	slot->version = g_strdup("0.9");
	failed->version = g_strdup("0.8");
	failed->root_hash = g_strdup("ef");
	failed->reason = g_strdup("it failed");
	g_ptr_array_add(status->failed, failed);
	status->running = SLOT_B;
	status->committed = FALSE;
	status->floor = 5;
	status->floor_request = 6;
	status->boot_fault = FAULT_MARKED_BAD;
	status->boot_reason = g_strdup("fallback");
	status->boot_time_us = 7;
	status->record_fault = FAULT_BOOTREC_LOST;
	status->pcr11 = g_strdup("11");
	status->pcr11_predicted = g_strdup("12");
}

static void status_failed_free(gpointer data)
{
	struct failed *failed = data;

	g_free(failed->version);
	g_free(failed->root_hash);
	g_free(failed->reason);
	g_free(failed);
}

struct machine_status *machine_status_get(struct machine *machine, GError **error)
{
	g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&machine->lock);
	const struct slot_choice choice = slot_choose(&machine->table, SLOT_NONE);
	struct machine_status *status = g_new0(struct machine_status, 1);

	for (unsigned i = 0; i < SLOT_COUNT; i++) {
		status->slots[i].slot = machine->table.slots[i];
		status->slots[i].version = g_strdup(machine->versions[i]);
		status->slots[i].reason = g_strdup(machine->reasons[i]);
		status->slots[i].running = i == RUNNING;
	}
	status->slots[RUNNING].root_hash = g_strdup("abcd");
	status->running = RUNNING;
	status->committed = TRUE;
	status->next = choice.index;
	status->next_reason = choice.reason;
	status->boot_time_us = 41234;
	status->failed = g_ptr_array_new_with_free_func(status_failed_free);
	if (g_strcmp0(machine->versions[SLOT_B], "shifted") == 0)
		status_shift(status);
	return status;
}

void machine_status_free(struct machine_status *status)
{
	for (unsigned i = 0; i < SLOT_COUNT; i++) {
		g_free(status->slots[i].version);
		g_free(status->slots[i].root_hash);
		g_free(status->slots[i].reason);
	}
	g_ptr_array_unref(status->failed);
	g_free(status->boot_reason);
	g_free(status->pcr11);
	g_free(status->pcr11_predicted);
	g_free(status);
}

static gboolean cancelled(const struct machine_install *options, GError **error)
{
	return g_cancellable_is_cancelled(options->cancellable) &&
	       !failure_set(error, FAULT_CONVERGE_CANCELLED, "the install was cancelled");
}

/* `hang` goes on for ever, `slow` for about two seconds. */
static gboolean linger(const struct machine_install *options, gboolean for_ever, GError **error)
{
	struct machine_progress progress = { .step = "write", .total_bytes = 100 };

	while (for_ever || progress.done_bytes < progress.total_bytes) {
		if (cancelled(options, error))
			return FALSE;
		progress.fetched_bytes = HEAD_BYTES + 100 * progress.done_bytes;
		progress.fetch_bytes = progress.done_bytes == 0 ? 0 : FETCH_BYTES;
		options->progress(&progress, options->user_data);
		g_usleep(20000);
		progress.done_bytes += for_ever && progress.done_bytes >= 50 ? 0 : 1;
	}
	return TRUE;
}

static void stage(struct machine *machine, const char *version, gboolean activate)
{
	static const uint8_t HASH[SLOT_HASH_SIZE] = { 0x12 };

	g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&machine->lock);

	slot_stage_begin(&machine->table, SLOT_B);
	slot_stage_end(&machine->table, SLOT_B, HASH, 2);
	if (activate)
		slot_activate(&machine->table, SLOT_B, 3);
	g_clear_pointer(&machine->reasons[SLOT_B], g_free);
	g_free(machine->versions[SLOT_B]);
	machine->versions[SLOT_B] = g_strdup(version);
}

/* Reads the text that stands for a bundle, and lingers where it says so. */
static gboolean bundle_read(const struct machine_install *options, char version[32],
			    guint64 *ret_read, GError **error)
{
	char text[128], kind[16];
	ssize_t size_read;

	version[0] = '\0';
	if (options->url != NULL)
		return failure_set(error, FAULT_HTTP_CONNECT, "%s: no network here", options->url);
	size_read = read(options->fd, text, sizeof text - 1);
	if (size_read < 0)
		return failure_set(error, FAULT_BUNDLE_READ, "the bundle cannot be read");
	text[size_read] = '\0';
	*ret_read = (guint64)size_read;
	if (sscanf(text, "%15s %31s", kind, version) < 1)
		return failure_set(error, FAULT_BUNDLE_TRUNCATED, "the bundle is empty");
	if (strcmp(kind, "hang") == 0 || strcmp(kind, "slow") == 0) {
		*ret_read = FETCH_BYTES;
		return linger(options, kind[0] == 'h', error);
	}
	return strcmp(kind, "release") == 0 ||
	       failure_set(error, FAULT_BUNDLE_MAGIC, "it begins with \"%s\"", kind);
}

gboolean machine_install(struct machine *machine, const struct machine_install *options,
			 struct machine_installed *ret_installed, GError **error)
{
	char version[32];
	guint64 size_read;

	const struct machine_release release = { .version = version,
						 .root_hash = "12",
						 .slot = SLOT_B };

	if (!bundle_read(options, version, &size_read, error) ||
	    (options->allow != NULL && !options->allow(&release, options->allow_data, error)))
		return FALSE;
	stage(machine, version, options->activate);
	*ret_installed = (struct machine_installed){ .slot = SLOT_B,
						     .version = g_strdup(version),
						     .fetched_bytes = size_read };
	return TRUE;
}

/* `force` shows in the requests, so that a test sees that it arrives. */
gboolean machine_plan(struct machine *machine, const struct machine_install *options,
		      struct machine_plan *ret_plan, GError **error)
{
	char version[32];
	guint64 size_read;

	if (!bundle_read(options, version, &size_read, error))
		return FALSE;
	*ret_plan = (struct machine_plan){
		.slot = SLOT_B,
		.version = g_strdup(version),
		.head_bytes = HEAD_BYTES,
		.fetch_bytes = FETCH_BYTES,
		.payloads = { { .name = "uki",
				.decode_bytes = 3 * BLOCK,
				.frame_bytes = 7000,
				.requests = options->force ? 9 : 2 },
			      { .name = "root",
				.is_delta = TRUE,
				.keep_bytes = BLOCK,
				.zero_bytes = 2 * BLOCK,
				.copy_bytes = 20 * BLOCK,
				.make_bytes = 4 * BLOCK,
				.frame_bytes = 3000,
				.requests = 1 } },
	};
	return TRUE;
}

void machine_plan_clear(struct machine_plan *plan)
{
	g_free(plan->version);
}

static gboolean look(struct machine *machine, unsigned slot, struct machine_checked *ret_checked,
		     GError **error)
{
	*ret_checked = (struct machine_checked){ .slot = slot };
	if (machine->versions[slot] == NULL)
		return failure_set(error, FAULT_SLOT_EMPTY, "slot b holds no release");
	ret_checked->version = g_strdup(machine->versions[slot]);
	if (strcmp(machine->versions[slot], "rotten") == 0)
		ret_checked->wrong_bytes = 3 * BLOCK;
	return TRUE;
}

gboolean machine_verify(struct machine *machine, unsigned slot,
			const struct machine_install *options, struct machine_checked *ret_checked,
			GError **error)
{
	return look(machine, slot, ret_checked, error) &&
	       (ret_checked->wrong_bytes == 0 ||
		failure_set(error, FAULT_CONVERGE_READBACK, "3 blocks of root_b are wrong"));
}

gboolean machine_repair(struct machine *machine, unsigned slot,
			const struct machine_install *options, struct machine_checked *ret_checked,
			GError **error)
{
	const gboolean has_bundle = options->fd >= 0 || options->url != NULL;
	char version[32];

	if (!look(machine, slot, ret_checked, error) ||
	    (has_bundle && !bundle_read(options, version, &ret_checked->fetched_bytes, error)))
		return FALSE;
	if (ret_checked->wrong_bytes == 0)
		return TRUE;
	ret_checked->copied_bytes = 2 * BLOCK;
	if (!has_bundle)
		return failure_set(error, FAULT_CONVERGE_UNHEALED, "1 block of root_b is wrong");
	ret_checked->decoded_bytes = BLOCK;
	g_mutex_lock(&machine->lock);
	g_free(machine->versions[slot]);
	machine->versions[slot] = g_strdup("healed");
	g_mutex_unlock(&machine->lock);
	return TRUE;
}

void machine_checked_clear(struct machine_checked *checked)
{
	g_free(checked->version);
}

void machine_installed_clear(struct machine_installed *installed)
{
	g_free(installed->version);
}

static gboolean step(fault why, GError **error)
{
	return why == FAULT_OK || failure_set(error, why, "the step was refused");
}

gboolean machine_activate(struct machine *machine, unsigned slot, GError **error)
{
	g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&machine->lock);

	return step(slot_activate(&machine->table, slot, 3), error);
}

gboolean machine_is_so(struct machine *machine, enum machine_step step, unsigned slot)
{
	const struct slot *now = &machine->table.slots[slot];

	switch (step) {
	case MACHINE_STEP_ACTIVATE:
		return slot_choose(&machine->table, SLOT_NONE).index == slot;
	case MACHINE_STEP_MARK_GOOD:
		return now->state == SLOT_GOOD;
	case MACHINE_STEP_MARK_BAD:
		return now->state == SLOT_BAD;
	}
	return FALSE;
}

gboolean machine_rollback_find(struct machine *machine, const char *version, unsigned *ret_slot,
			       GError **error)
{
	for (unsigned i = 0; version != NULL && i < SLOT_COUNT; i++)
		if (g_strcmp0(machine->versions[i], version) == 0) {
			*ret_slot = i;
			return TRUE;
		}
	if (version != NULL)
		return failure_set(error, FAULT_RELEASE_ABSENT, "no slot holds version %s",
				   version);
	if (!slot_is_bootable(&machine->table.slots[SLOT_B]) &&
	    machine->table.slots[SLOT_B].state != SLOT_STAGED)
		return failure_set(error, FAULT_NO_OTHER_RELEASE, "slot b holds no release");
	*ret_slot = SLOT_B;
	return TRUE;
}

gboolean machine_mark_good(struct machine *machine, unsigned slot, GError **error)
{
	g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&machine->lock);

	return step(slot_commit(&machine->table, slot), error);
}

gboolean machine_mark_bad(struct machine *machine, unsigned slot, const char *reason,
			  GError **error)
{
	g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&machine->lock);

	if (!step(slot_mark_bad(&machine->table, slot, FAULT_MARKED_BAD), error))
		return FALSE;
	g_free(machine->reasons[slot]);
	machine->reasons[slot] = g_strdup(reason);
	return TRUE;
}

gboolean machine_judge(struct machine *machine, const struct health_result *result,
		       enum machine_verdict *ret_verdict, GError **error)
{
	*ret_verdict = result->healthy ? MACHINE_COMMITTED : MACHINE_REBOOT;
	return TRUE;
}

char *machine_attest(const struct machine *machine, const uint8_t *nonce, size_t nonce_size,
		     GError **error)
{
	failure_set(error, FAULT_TPM_OPEN, "this machine has no TPM 2");
	return NULL;
}

/* A TPM that takes its time: until the file that [tpm] volume= names is there. */
gboolean machine_tpm_status_get(struct machine *machine, struct machine_tpm_status *ret_status,
				GError **error)
{
	while (machine->volume != NULL && !g_file_test(machine->volume, G_FILE_TEST_EXISTS))
		g_usleep(20000);
	ret_status->volume = g_strdup("var");
	return TRUE;
}

void machine_tpm_status_clear(struct machine_tpm_status *status)
{
	g_free(status->volume);
}

gboolean machine_tpm_enroll(struct machine *machine, const struct machine_tpm_keys *keys,
			    GError **error)
{
	return failure_set(error, FAULT_TPM_OPEN, "this machine has no TPM 2");
}

void machine_boot_get(struct machine *machine, struct machine_boot *ret_release)
{
	*ret_release = (struct machine_boot){ .slot = RUNNING,
					      .version = g_strdup("1.0"),
					      .root_hash = g_strdup("abcd") };
}

void machine_boot_clear(struct machine_boot *release)
{
	g_free(release->version);
	g_free(release->root_hash);
}

/* The fake machine has no store. */
gboolean machine_store_add(struct machine *machine, const struct machine_install *options,
			   struct machine_stored *ret_stored, GError **error)
{
	return failure_set(error, FAULT_STORE_OFF, "[store] history is 0 on this machine");
}

gboolean machine_store_prune(struct machine *machine, const struct machine_install *options,
			     struct machine_stored *ret_stored, GError **error)
{
	return machine_store_add(machine, options, ret_stored, error);
}

gboolean machine_store_check(struct machine *machine, const struct machine_install *options,
			     struct machine_stored *ret_stored, GError **error)
{
	return machine_store_add(machine, options, ret_stored, error);
}

gboolean machine_restore(struct machine *machine, const char *version,
			 const struct machine_install *options,
			 struct machine_installed *ret_installed, GError **error)
{
	return machine_store_add(machine, options, NULL, error);
}

void machine_stored_clear(struct machine_stored *stored)
{
}
