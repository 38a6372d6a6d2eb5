/* SPDX-License-Identifier: MIT */
#include "machine.h"

#include <string.h>

#include "bytes.h"
#include "crypto.h"
#include "failure.h"
#include "faulttext.h"
#include "json.h"
#include "machine_private.h"
#include "machine_tpm.h"
#include "pcr11.h"
#include "recstore.h"
#include "tpm.h"

void machine_free(struct machine *machine)
{
	if (machine == NULL)
		return;
	bootinfo_free(machine->boot);
	layout_free(machine->layout);
	g_free(machine);
}

static struct slot_table table_from_headers(struct machine *machine, uint64_t *ret_sequence)
{
	struct slot_evidence evidence[SLOT_COUNT] = { 0 };

	*ret_sequence = 0;
	for (unsigned i = 0; i < SLOT_COUNT; i++) {
		g_autoptr(Slotstore) store = slotstore_read(&machine->layout->boot[i], NULL);

		if (store == NULL)
			continue;
		evidence[i] = boothead_evidence(&store->head);
		*ret_sequence = MAX(*ret_sequence, store->head.staged_sequence);
	}
	return slot_recover(evidence);
}

gboolean machine_record_load(struct machine *machine, struct bootrec *ret_rec, fault *ret_fault,
			     GError **error)
{
	g_autoptr(Disk) disk = layout_open(&machine->layout->state, DISK_READ_ONLY, error);
	g_autoptr(GError) why = NULL;

	if (disk == NULL)
		return FALSE;
	*ret_fault = FAULT_OK;
	if (recstore_load(disk, ret_rec, &why))
		return TRUE;
	*ret_fault = failure_code(why);
	if (*ret_fault != FAULT_BOOTREC_LOST) {
		g_propagate_error(error, g_steal_pointer(&why));
		return FALSE;
	}
	bootrec_init(ret_rec);
	ret_rec->table = table_from_headers(machine, &ret_rec->sequence);
	return TRUE;
}

gboolean machine_record_save(struct machine *machine, struct bootrec *rec, GError **error)
{
	g_autoptr(Disk) disk = layout_open(&machine->layout->state, DISK_SHARED_WRITE, error);

	return disk != NULL && recstore_save(disk, rec, error);
}

static const char *fault_sentence(uint32_t why)
{
	return faulttext_find(why)->sentence;
}

void machine_failed_note(struct machine *machine, const char *version, const char *root_hash,
			 fault why, const char *reason)
{
	g_autoptr(GPtrArray) list = failed_load(machine->config->state_dir);
	g_autoptr(GError) error = NULL;

	if (why != FAULT_OK)
		failed_add(list, version, root_hash, why, reason);
	else if (!failed_remove(list, root_hash))
		return;
	if (!failed_save(machine->config->state_dir, list, &error))
		g_warning("the list of failed releases is old: %s", error->message);
}

/* Releases whose slot went bad while nobody could say so (a panic, a refused UKI): they are
 * remembered now, so that they are not installed again by themselves. */
static gboolean failures_note(struct machine *machine, GError **error)
{
	g_autoptr(GPtrArray) list = failed_load(machine->config->state_dir);
	struct bootrec rec;
	gboolean changed = FALSE;
	fault why;

	if (!machine_record_load(machine, &rec, &why, error))
		return FALSE;
	for (unsigned i = 0; i < SLOT_COUNT; i++) {
		const struct slot *slot = &rec.table.slots[i];
		g_autofree char *root_hash = crypto_hex(slot->root_hash, SLOT_HASH_SIZE);
		g_autoptr(Slotstore) store = NULL;

		if (slot->state != SLOT_BAD || failed_find(list, root_hash) != NULL)
			continue;
		store = slotstore_read(&machine->layout->boot[i], NULL);
		failed_add(list, store != NULL ? store->head.version : NULL, root_hash,
			   (fault)slot->fault, fault_sentence(slot->fault));
		changed = TRUE;
	}
	return !changed || failed_save(machine->config->state_dir, list, error);
}

struct machine *machine_open_on(const struct config *config, struct layout *layout,
				struct bootinfo *boot)
{
	struct machine *machine = g_new0(struct machine, 1);
	g_autoptr(GError) why = NULL;

	machine->config = config;
	machine->layout = layout;
	machine->boot = boot;
	if (!failures_note(machine, &why))
		g_message("cannot look after failed releases: %s", why->message);
	return machine;
}

struct machine *machine_open(const struct config *config, GError **error)
{
	g_autoptr(Bootinfo) boot = bootinfo_read(config->run_dir, config->efivars_dir);
	const char *disk = config->disk != NULL ? config->disk : boot->disk;
	struct layout *layout;

	if (disk == NULL) {
		failure_set(
			error, FAULT_PART_MISSING,
			"it is not known which disk the slots are on: the machine was not booted "
			"from one, and the configuration names none");
		return NULL;
	}
	layout = layout_find(disk, error);
	return layout != NULL ? machine_open_on(config, layout, g_steal_pointer(&boot)) : NULL;
}

void machine_status_free(struct machine_status *status)
{
	if (status == NULL)
		return;
	for (unsigned i = 0; i < SLOT_COUNT; i++) {
		g_free(status->slots[i].version);
		g_free(status->slots[i].root_hash);
		g_free(status->slots[i].reason);
	}
	g_clear_pointer(&status->failed, g_ptr_array_unref);
	g_free(status->boot_reason);
	g_free(status->pcr11);
	g_free(status->pcr11_predicted);
	g_free(status);
}

static void slot_describe(struct machine *machine, unsigned index, const struct slot *slot,
			  struct machine_status *status)
{
	struct machine_slot *view = &status->slots[index];
	g_autoptr(Slotstore) store = slotstore_read(&machine->layout->boot[index], NULL);
	const struct failed *failed;

	view->slot = *slot;
	view->running = index == machine->boot->running;
	if (slot->state != SLOT_EMPTY)
		view->root_hash = crypto_hex(slot->root_hash, SLOT_HASH_SIZE);
	if (store == NULL)
		return;
	view->version = g_strdup(store->head.version);
	if (view->running && store->manifest != NULL && store->manifest->pcr11_sha256 != NULL)
		status->pcr11_predicted = pcr11_now(store->manifest->pcr11_sha256, status->pcr11);
	failed = view->root_hash != NULL ? failed_find(status->failed, view->root_hash) : NULL;
	if (failed != NULL)
		view->reason = g_strdup(failed->reason);
	else if (slot->fault != FAULT_OK)
		view->reason = g_strdup(fault_sentence(slot->fault));
}

/* As azboot will: what is below the floor does not start, and the other slot has its turn. */
static struct slot_choice next_choose(const struct slot_table *table, uint64_t floor)
{
	struct slot_choice choice = slot_choose(table, SLOT_NONE);

	if (choice.index != SLOT_NONE && slot_is_below(&table->slots[choice.index], floor))
		choice = slot_choose(table, choice.index);
	if (choice.index != SLOT_NONE && slot_is_below(&table->slots[choice.index], floor))
		choice = (struct slot_choice){ .index = SLOT_NONE, .table = choice.table };
	return choice;
}

/* A record of a later format cannot be told: the slots' headers are shown, and the fault. */
static gboolean record_describe(struct machine *machine, struct machine_status *status,
				GError **error)
{
	g_autoptr(GError) why = NULL;
	struct bootrec rec;
	struct slot_choice choice;

	if (!machine_record_load(machine, &rec, &status->record_fault, &why)) {
		if (status->record_fault != FAULT_BOOTREC_LATER) {
			g_propagate_error(error, g_steal_pointer(&why));
			return FALSE;
		}
		bootrec_init(&rec);
		rec.table = table_from_headers(machine, &rec.sequence);
	}
	choice = next_choose(&rec.table, machine->boot->floor);
	status->floor_request = rec.table.floor_request;
	status->next = choice.index;
	status->next_reason = choice.reason;
	for (unsigned i = 0; i < SLOT_COUNT; i++)
		slot_describe(machine, i, &rec.table.slots[i], status);
	status->committed = status->running != MACHINE_RUNNING_UNKNOWN &&
			    slot_is_committed(&rec.table, status->running);
	return TRUE;
}

/* NULL says that there is none. */
static char *pcr11_measured(const char *tcti)
{
	g_autoptr(Tpm) tpm = tpm_open(tcti, NULL);

	return tpm != NULL ? tpm_pcr_read(tpm, 11, NULL) : NULL;
}

struct machine_status *machine_status_get(struct machine *machine, GError **error)
{
	g_autoptr(MachineStatus) status = g_new0(struct machine_status, 1);

	status->failed = failed_load(machine->config->state_dir);
	status->running = machine->boot->running;
	status->floor = machine->boot->floor;
	status->boot_fault = (fault)machine->boot->fault;
	status->boot_reason = g_strdup(machine->boot->reason);
	status->boot_time_us = machine->boot->time_us;
	status->pcr11 = pcr11_measured(machine->config->tcti);
	if (!record_describe(machine, status, error))
		return NULL;
	return g_steal_pointer(&status);
}

/* One change of the record: load, step, save. */
typedef fault (*record_step)(struct slot_table *table, unsigned slot, unsigned argument);

static gboolean record_change(struct machine *machine, record_step step, unsigned slot,
			      unsigned argument, GError **error)
{
	struct bootrec rec;
	fault lost;
	fault why;

	if (slot >= SLOT_COUNT)
		return failure_set(error, FAULT_SLOT_UNKNOWN, "there is no such slot");
	if (!machine_record_load(machine, &rec, &lost, error))
		return FALSE;
	why = step(&rec.table, slot, argument);
	if (why != FAULT_OK)
		return failure_set(error, why, "slot %s: %s", machine_slot_name(slot),
				   fault_sentence(why));
	return machine_record_save(machine, &rec, error);
}

static fault step_bad(struct slot_table *table, unsigned slot, unsigned argument)
{
	return slot_mark_bad(table, slot, (fault)argument);
}

/* The boot partition must hold what the record promises, and that must be above the floor, or the
 * next boot would find nothing. */
static gboolean slot_check_content(struct machine *machine, unsigned slot, GError **error)
{
	g_autoptr(Slotstore) store = NULL;
	struct bootrec rec;
	fault lost;

	if (slot >= SLOT_COUNT)
		return failure_set(error, FAULT_SLOT_UNKNOWN, "there is no such slot");
	if (!machine_record_load(machine, &rec, &lost, error))
		return FALSE;
	if (rec.table.slots[slot].state == SLOT_EMPTY)
		return failure_set(error, FAULT_SLOT_EMPTY, "slot %s is empty",
				   machine_slot_name(slot));
	store = slotstore_read(&machine->layout->boot[slot], error);
	if (store == NULL)
		return FALSE;
	if (!bytes_equal(store->head.root_hash, rec.table.slots[slot].root_hash, SLOT_HASH_SIZE))
		return failure_set(error, FAULT_SLOT_MISMATCH,
				   "slot %s holds another release than the boot record says",
				   machine_slot_name(slot));
	if (slot_is_below(&rec.table.slots[slot], machine->boot->floor))
		return failure_set(error, FAULT_SLOT_FLOOR,
				   "slot %s has security version %" G_GUINT64_FORMAT
				   ", below this machine's floor of %" G_GUINT64_FORMAT
				   ": it would not boot",
				   machine_slot_name(slot), rec.table.slots[slot].security_version,
				   machine->boot->floor);
	return TRUE;
}

gboolean machine_activate(struct machine *machine, unsigned slot, GError **error)
{
	return slot_check_content(machine, slot, error) &&
	       machine_tpm_prove(machine, slot, error) &&
	       record_change(machine, slot_activate, slot, machine->config->tries, error);
}

/* Where a step would lead, as the record would say it. */
static fault step_try(struct slot_table *table, enum machine_step step, unsigned slot,
		      unsigned tries)
{
	switch (step) {
	case MACHINE_STEP_ACTIVATE:
		return slot_activate(table, slot, tries);
	case MACHINE_STEP_MARK_GOOD:
		return slot_commit(table, slot);
	case MACHINE_STEP_MARK_BAD:
		return table->slots[slot].state == SLOT_BAD ? FAULT_OK : FAULT_SLOT_BAD;
	}
	return FAULT_SLOT_UNKNOWN;
}

gboolean machine_is_so(struct machine *machine, enum machine_step step, unsigned slot)
{
	uint8_t before[BOOTREC_SIZE], after[BOOTREC_SIZE];
	struct bootrec rec;
	fault lost;

	/* A record that must be written anew is a change in any case. */
	if (slot >= SLOT_COUNT || !machine_record_load(machine, &rec, &lost, NULL) ||
	    lost != FAULT_OK)
		return FALSE;
	bootrec_encode(&rec, before);
	if (step_try(&rec.table, step, slot, machine->config->tries) != FAULT_OK)
		return FALSE;
	bootrec_encode(&rec, after);
	return memcmp(before, after, sizeof before) == 0;
}

static gboolean version_find(struct machine *machine, const struct bootrec *rec,
			     const char *version, unsigned *ret_slot, GError **error)
{
	const unsigned first = machine->boot->running == SLOT_A ? SLOT_B : SLOT_A;
	g_autoptr(GString) held = g_string_new(NULL);

	for (unsigned i = 0; i < SLOT_COUNT; i++) {
		const unsigned slot = i == 0 ? first : 1 - first;
		g_autoptr(Slotstore) store = slotstore_read(&machine->layout->boot[slot], NULL);

		if (rec->table.slots[slot].state == SLOT_EMPTY || store == NULL)
			continue;
		if (strcmp(store->head.version, version) == 0) {
			*ret_slot = slot;
			return TRUE;
		}
		g_string_append_printf(held, "%sslot %s holds %s", held->len > 0 ? ", " : "",
				       machine_slot_name(slot), store->head.version);
	}
	return failure_set(error, FAULT_RELEASE_ABSENT, "no slot holds version %.64s: %s", version,
			   held->len > 0 ? held->str : "both are empty");
}

gboolean machine_rollback_find(struct machine *machine, const char *version, unsigned *ret_slot,
			       GError **error)
{
	struct bootrec rec;
	fault lost;
	unsigned other;

	if (!machine_record_load(machine, &rec, &lost, error))
		return FALSE;
	if (version != NULL)
		return version_find(machine, &rec, version, ret_slot, error);
	if (machine->boot->running == MACHINE_RUNNING_UNKNOWN)
		return failure_set(error, FAULT_NO_OTHER_RELEASE,
				   "the machine was not booted from a slot");
	other = 1 - machine->boot->running;
	if (rec.table.slots[other].state == SLOT_EMPTY)
		return failure_set(error, FAULT_NO_OTHER_RELEASE, "slot %s is empty",
				   machine_slot_name(other));
	*ret_slot = other;
	return TRUE;
}

gboolean machine_rollback(struct machine *machine, unsigned *ret_slot, GError **error)
{
	unsigned other;

	if (!machine_rollback_find(machine, NULL, &other, error) ||
	    !machine_activate(machine, other, error))
		return FALSE;
	*ret_slot = other;
	return TRUE;
}

/* The record, which is what counts, is changed already: the list may fail to follow. */
static void failed_follow(struct machine *machine, unsigned slot, fault why, const char *reason)
{
	g_autoptr(Slotstore) store = slotstore_read(&machine->layout->boot[slot], NULL);
	g_autofree char *root_hash = NULL;

	if (store == NULL)
		return; /* without a header there is no release to speak of */
	root_hash = crypto_hex(store->head.root_hash, SLOT_HASH_SIZE);
	machine_failed_note(machine, store->head.version, root_hash, why, reason);
}

gboolean machine_commit(struct machine *machine, struct bootrec *rec, unsigned slot, GError **error)
{
	g_autoptr(GError) cause = NULL;
	g_autoptr(Slotstore) store = slotstore_read(&machine->layout->boot[slot], &cause);
	const gboolean is_known = store != NULL && store->manifest != NULL;
	fault why;

	if (!is_known && rec->table.slots[slot].state != SLOT_GOOD)
		return failure_set(error, FAULT_DISK_READ,
				   "slot %s: its manifest cannot be read, which says what it "
				   "revokes%s%s",
				   machine_slot_name(slot), cause != NULL ? ": " : "",
				   cause != NULL ? cause->message : "");
	why = slot_commit(&rec->table, slot);
	if (why != FAULT_OK)
		return failure_set(error, why, "slot %s: %s", machine_slot_name(slot),
				   fault_sentence(why));
	if (is_known)
		slot_revoke(&rec->table, slot, store->manifest->revokes_below);
	return TRUE;
}

gboolean machine_mark_good(struct machine *machine, unsigned slot, GError **error)
{
	struct bootrec rec;
	fault lost;

	if (!slot_check_content(machine, slot, error) ||
	    !machine_record_load(machine, &rec, &lost, error) ||
	    !machine_commit(machine, &rec, slot, error) ||
	    !machine_record_save(machine, &rec, error))
		return FALSE;
	failed_follow(machine, slot, FAULT_OK, NULL);
	return TRUE;
}

gboolean machine_mark_bad(struct machine *machine, unsigned slot, const char *reason,
			  GError **error)
{
	/* Why it is bad is worth more than that somebody says so once more. */
	if (machine_is_so(machine, MACHINE_STEP_MARK_BAD, slot))
		return TRUE;
	if (!record_change(machine, step_bad, slot, FAULT_MARKED_BAD, error))
		return FALSE;
	failed_follow(machine, slot, FAULT_MARKED_BAD,
		      reason != NULL && reason[0] != '\0' ? reason
							  : fault_sentence(FAULT_MARKED_BAD));
	return TRUE;
}
