/* SPDX-License-Identifier: MIT */
#include "report.h"

#include <string.h>

#include "failure.h"
#include "faulttext.h"
#include "json.h"
#include "plaintext.h"
#include "reportspool.h"
#include "version.h"

struct kind {
	const char *name;
	const char *message_id; /* drawn once; never change one */
	gboolean bad;
};

static const struct kind KINDS[] = {
	[REPORT_STAGED] = { "staged", "501f3723bb594b71af38b7a1e2e3a843", FALSE },
	[REPORT_ACTIVATED] = { "activated", "82d4b0823b5f42f08ce11025b800e98d", FALSE },
	[REPORT_COMMITTED] = { "committed", "bd37fdbb12fc472fbbc709010a3f9612", FALSE },
	[REPORT_ROLLED_BACK] = { "rolled-back", "5a8753960c5541a3a656d8036c6b69ae", TRUE },
	[REPORT_FAILED] = { "failed", "b518a6aebe964621b67a5de6eec4e47c", TRUE },
	[REPORT_STAYED] = { "stayed", "27ea545f51ce4ff3a4f33ae445f58360", TRUE },
};
_Static_assert(G_N_ELEMENTS(KINDS) == REPORT_KIND_COUNT, "a kind has no name");

const char *report_kind_name(enum report_kind kind)
{
	return KINDS[kind].name;
}

const char *report_kind_message_id(enum report_kind kind)
{
	return KINDS[kind].message_id;
}

/* An event in the form in which it is shown and kept: each text has an end. */
struct plain {
	enum report_kind kind;
	char version[VERSION_SIZE_MAX + 1];
	char previous[VERSION_SIZE_MAX + 1]; /* "": not known */
	char slot[2];                        /* "": none */
	unsigned fault;
	const char *fault_name;
	char reason[REPORT_REASON_MAX + 1]; /* "": none */
	int64_t time_us;
};

static struct plain plain_of(const struct report_event *event)
{
	const struct faulttext *text = faulttext_find(event->why);
	struct plain plain = { .kind = event->kind,
			       .slot = { event->slot },
			       .fault = event->why,
			       .fault_name = text->name };
	const char *reason = event->reason != NULL    ? event->reason
			     : event->why != FAULT_OK ? text->sentence
						      : "";

	plaintext_copy(event->version, plain.version, VERSION_SIZE_MAX);
	plaintext_copy(event->previous != NULL ? event->previous : "", plain.previous,
		       VERSION_SIZE_MAX);
	plaintext_copy(reason, plain.reason, REPORT_REASON_MAX);
	plain.time_us = event->time_us != 0 ? event->time_us : g_get_real_time();
	return plain;
}

/* --- the journal --- */

static char *message_of(const struct plain *plain)
{
	const char *colon = plain->reason[0] != '\0' ? ": " : "";

	switch (plain->kind) {
	case REPORT_STAGED:
		return g_strdup_printf("version %s is staged%s%s", plain->version,
				       plain->slot[0] != '\0' ? " in slot " : "", plain->slot);
	case REPORT_ACTIVATED:
		return g_strdup_printf("version %s is the next boot", plain->version);
	case REPORT_COMMITTED:
		return g_strdup_printf("version %s is committed", plain->version);
	case REPORT_ROLLED_BACK:
		return g_strdup_printf("version %s was rolled back%s%s%s%s", plain->version,
				       plain->previous[0] != '\0' ? " to " : "", plain->previous,
				       colon, plain->reason);
	case REPORT_FAILED:
		return g_strdup_printf("version %s failed%s%s", plain->version, colon,
				       plain->reason);
	case REPORT_STAYED:
		return g_strdup_printf("version %s stays, though it is unhealthy%s%s",
				       plain->version, colon, plain->reason);
	case REPORT_KIND_COUNT:
		break;
	}
	g_assert_not_reached();
}

void report_log(const struct report_event *event)
{
	const struct plain plain = plain_of(event);
	const struct kind *kind = &KINDS[event->kind];
	g_autofree char *message = message_of(&plain);
	g_autofree char *number = g_strdup_printf("%u", plain.fault);
	const GLogField fields[] = {
		{ "MESSAGE", message, -1 },
		{ "MESSAGE_ID", kind->message_id, -1 },
		{ "PRIORITY", kind->bad ? "4" : "5", -1 },
		{ "GLIB_DOMAIN", "azupdate", -1 },
		{ "AZUPDATE_EVENT", kind->name, -1 },
		{ "AZUPDATE_VERSION", plain.version, -1 },
		{ "AZUPDATE_PREVIOUS", plain.previous, -1 },
		{ "AZUPDATE_SLOT", plain.slot, -1 },
		{ "AZUPDATE_FAULT", number, -1 },
		{ "AZUPDATE_FAULT_NAME", plain.fault_name, -1 },
		{ "AZUPDATE_REASON", plain.reason, -1 },
	};

	/* GLib keeps levels below MESSAGE to itself. */
	g_log_structured_array(kind->bad ? G_LOG_LEVEL_WARNING : G_LOG_LEVEL_MESSAGE, fields,
			       G_N_ELEMENTS(fields));
}

/* --- the spool --- */

static char *event_encode(const struct plain *plain, uint64_t sequence)
{
	g_autofree char *id = g_uuid_string_random();
	g_autoptr(JsonValue) object = json_pack(
		"{s:s, s:I, s:s, s:s, s:s, s:s, s:I, s:s, s:s, s:I}", "id", id, "sequence",
		(json_int_t)sequence, "kind", KINDS[plain->kind].name, "version", plain->version,
		"previous", plain->previous, "slot", plain->slot, "fault", (json_int_t)plain->fault,
		"fault_name", plain->fault_name, "reason", plain->reason, "time_us",
		(json_int_t)plain->time_us);

	return json_text(object, JSON_COMPACT);
}

static gboolean event_keep(struct reportspool *spool, const struct report_event *event,
			   gboolean deliver, GError **error)
{
	const struct plain plain = plain_of(event);
	g_autofree char *text = event_encode(&plain, spool->sequence + 1);

	if (deliver && !reportspool_add(spool, text, error))
		return FALSE;
	spool->counts[event->kind]++;
	spool->last_us[event->kind] = plain.time_us;
	return reportspool_save(spool, error);
}

gboolean report_keep(const char *state_dir, const struct report_event *event, gboolean deliver,
		     GError **error)
{
	struct reportspool spool;
	gboolean done;

	reportspool_lock();
	reportspool_init(&spool, state_dir);
	done = event_keep(&spool, event, deliver, error);
	reportspool_done(&spool);
	reportspool_unlock();
	return done;
}

void report_spool_state(const char *state_dir, struct report_spool_state *ret_state)
{
	g_autoptr(GArray) list = NULL;
	struct reportspool spool;

	reportspool_init(&spool, state_dir);
	list = reportspool_list(&spool);
	ret_state->waiting = list->len;
	ret_state->dropped = spool.dropped;
	memcpy(ret_state->counts, spool.counts, sizeof spool.counts);
	memcpy(ret_state->last_us, spool.last_us, sizeof spool.last_us);
	reportspool_done(&spool);
}
