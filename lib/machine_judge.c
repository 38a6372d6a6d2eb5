/* SPDX-License-Identifier: MIT */
/* After the health checks: commit, or record the reason and say whether a reboot helps. */
#include "crypto.h"
#include "failure.h"
#include "machine_private.h"

static gboolean judge_good(struct machine *machine, struct bootrec *rec, fault lost, GError **error)
{
	const unsigned running = machine->boot->running;
	const struct slot *slot = &rec->table.slots[running];
	g_autofree char *root_hash = crypto_hex(slot->root_hash, SLOT_HASH_SIZE);

	/* Nothing to change is nothing to write: azboot writes the record at each boot anyway. */
	if (slot->state != SLOT_GOOD || slot->failures > 0 || slot->fault != FAULT_OK ||
	    rec->table.recovered || lost != FAULT_OK) {
		if (!machine_commit(machine, rec, running, error) ||
		    !machine_record_save(machine, rec, error))
			return FALSE;
	}
	machine_failed_note(machine, NULL, root_hash, FAULT_OK, NULL);
	return TRUE;
}

static gboolean judge_bad(struct machine *machine, struct bootrec *rec,
			  const struct health_result *result, GError **error)
{
	const unsigned running = machine->boot->running;
	g_autoptr(Slotstore) store = slotstore_read(&machine->layout->boot[running], NULL);
	g_autofree char *root_hash = crypto_hex(rec->table.slots[running].root_hash,
						SLOT_HASH_SIZE);
	const fault why = slot_note_fault(&rec->table, running, result->why);

	if (why != FAULT_OK)
		return failure_set(error, why, "slot %s: no release to judge",
				   machine_slot_name(running));
	if (rec->table.slots[running].state == SLOT_TRYING)
		machine_failed_note(machine, store != NULL ? store->head.version : NULL, root_hash,
				    result->why, result->reason);
	return machine_record_save(machine, rec, error);
}

gboolean machine_judge(struct machine *machine, const struct health_result *result,
		       enum machine_verdict *ret_verdict, GError **error)
{
	struct bootrec rec;
	fault lost;

	if (machine->boot->running == MACHINE_RUNNING_UNKNOWN)
		return failure_set(
			error, FAULT_SLOT_UNKNOWN,
			"the machine was not booted from a slot: there is nothing to commit");
	if (!machine_record_load(machine, &rec, &lost, error))
		return FALSE;
	if (result->healthy) {
		*ret_verdict = MACHINE_COMMITTED;
		return judge_good(machine, &rec, lost, error);
	}
	*ret_verdict = slot_reboot_helps(&rec.table, machine->boot->running) ? MACHINE_REBOOT
									     : MACHINE_STAY;
	return judge_bad(machine, &rec, result, error);
}

/* A header or manifest that cannot be read leaves the rest unknown. */
void machine_boot_get(struct machine *machine, struct machine_boot *ret_release)
{
	const unsigned running = machine->boot->running;
	g_autoptr(Slotstore) store = NULL;
	struct bootrec rec;
	fault lost;

	*ret_release = (struct machine_boot){ .slot = running };
	if (running == MACHINE_RUNNING_UNKNOWN)
		return;
	store = slotstore_read(&machine->layout->boot[running], NULL);
	if (store != NULL) {
		ret_release->version = g_strdup(store->head.version);
		ret_release->root_hash = crypto_hex(store->head.root_hash, SLOT_HASH_SIZE);
	}
	if (store != NULL && store->manifest != NULL)
		ret_release->build_time_s = store->manifest->time_s;
	ret_release->on_trial = machine_record_load(machine, &rec, &lost, NULL) &&
				rec.table.slots[running].state == SLOT_TRYING;
}

void machine_boot_clear(struct machine_boot *release)
{
	g_free(release->version);
	g_free(release->root_hash);
}
