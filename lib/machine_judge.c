/* SPDX-License-Identifier: MIT */
/* After the health checks: commit, or record the reason and say whether a reboot helps. */
#include <errno.h>

#include "crypto.h"
#include "failure.h"
#include "json.h"
#include "machine_private.h"

enum { HEALTH_FILE_MAX = 4 * 1024 * 1024 };

static json_t *check_encode(const struct health_check *check)
{
	return json_pack("{s:s, s:b, s:b, s:i, s:i, s:i, s:i, s:s}", "name", check->name,
			 "required", check->required, "passed", check->passed, "fault",
			 (int)check->why, "exit_status", check->exit_status, "runs",
			 (int)check->runs, "duration_ms", (int)check->duration_ms, "output",
			 check->output != NULL ? check->output : "");
}

static char *result_encode(const struct machine *machine, const struct health_result *result)
{
	g_autoptr(JsonValue) object = json_pack(
		"{s:i, s:s, s:b, s:i, s:s*, s:I, s:s*, s:[]}", "format", 1, "slot",
		machine->boot->running == MACHINE_RUNNING_UNKNOWN
			? "unknown"
			: machine_slot_name(machine->boot->running),
		"healthy", result->healthy, "fault", (int)result->why, "reason", result->reason,
		"time_us", (json_int_t)g_get_real_time(), "root_hash", machine->boot->root_hash,
		"checks");
	char *text;
	char *copy;

	for (guint i = 0; i < result->checks->len; i++)
		json_array_append_new(json_object_get(object, "checks"),
				      check_encode(result->checks->pdata[i]));
	text = json_dumps(object, JSON_INDENT(2));
	copy = g_strdup(text);
	free(text);
	return copy;
}

char *machine_health_last(struct machine *machine, GError **error)
{
	g_autofree char *path = g_build_filename(machine->config->state_dir, "health.json", NULL);
	g_autoptr(GError) cause = NULL;
	g_autofree char *text = NULL;
	gsize size_bytes;

	if (!g_file_get_contents(path, &text, &size_bytes, &cause) ||
	    size_bytes > HEALTH_FILE_MAX) {
		failure_set(error, FAULT_STATE_FILE, "there is no health result: %s",
			    cause != NULL ? cause->message : "the file is too large");
		return NULL;
	}
	return g_steal_pointer(&text);
}

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

/* The result is for people. The verdict does not depend on whether it could be stored. */
static void result_store(const struct machine *machine, const struct health_result *result)
{
	g_autofree char *text = result_encode(machine, result);
	g_autoptr(GError) error = NULL;

	if (!state_write(machine->config->state_dir, "health.json", text, &error))
		g_warning("the health result is not stored: %s", error->message);
}

gboolean machine_judge(struct machine *machine, const struct health_result *result,
		       enum machine_verdict *ret_verdict, GError **error)
{
	struct bootrec rec;
	fault lost;

	result_store(machine, result);
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
