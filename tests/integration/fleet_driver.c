/* SPDX-License-Identifier: MIT */
/* Makes one call of the library that talks to a fleet's servers or to logind, for the tests beside
 * it: fleet_driver COMMAND NAME=VALUE... Prints one JSON object. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "busaddress.h"
#include "failure.h"
#include "faulttext.h"
#include "fleetid.h"
#include "fleetlock.h"
#include "httpcall.h"
#include "json.h"
#include "omaha.h"
#include "rebootguard.h"
#include "report.h"
#include "worker.h"

enum { SILENCE_S = 60 };

struct driver {
	GHashTable *options;
	struct source_options network;
	GCancellable *cancellable;
	json_t *output;
};

static const char *text_get(const struct driver *driver, const char *name, const char *fallback)
{
	const char *value = g_hash_table_lookup(driver->options, name);

	return value != NULL ? value : fallback;
}

static unsigned number_get(const struct driver *driver, const char *name, unsigned fallback)
{
	const char *value = text_get(driver, name, NULL);

	return value != NULL ? (unsigned)strtoul(value, NULL, 10) : fallback;
}

static void output_text(struct driver *driver, const char *name, const char *text)
{
	json_object_set_new(driver->output, name, text != NULL ? json_string(text) : json_null());
}

static void output_number(struct driver *driver, const char *name, uint64_t number)
{
	json_object_set_new(driver->output, name, json_integer((json_int_t)number));
}

/* --- commands; FALSE with a failure --- */

static gboolean run_call(struct driver *driver, GError **error)
{
	const char *header = text_get(driver, "header", NULL);
	const char *const headers[] = { header, NULL };
	const char *body = text_get(driver, "body", NULL);
	const struct httpcall call = { .url = text_get(driver, "url", ""),
				       .headers = header != NULL ? headers : NULL,
				       .body = body,
				       .body_bytes = body != NULL ? strlen(body) : 0,
				       .answer_max = number_get(driver, "answer_max", 65536),
				       .time_s = number_get(driver, "time", 10) };
	struct httpcall_answer answer;

	if (!httpcall_run(&call, &driver->network, driver->cancellable, &answer, error))
		return FALSE;
	output_number(driver, "status", answer.status);
	output_number(driver, "retry_after", answer.retry_after_s);
	output_number(driver, "size", answer.body_bytes);
	output_text(driver, "body", answer.body_bytes < 1024 ? answer.body : "");
	httpcall_answer_clear(&answer);
	return TRUE;
}

static struct fleetlock_client lock_client(const struct driver *driver)
{
	return (struct fleetlock_client){ .url = text_get(driver, "url", ""),
					  .group = text_get(driver, "group", "default"),
					  .id = text_get(driver, "id", "machine"),
					  .state_dir = text_get(driver, "state", NULL),
					  .network = &driver->network };
}

static gboolean run_lock(struct driver *driver, GError **error)
{
	const struct fleetlock_client client = lock_client(driver);
	const gboolean done = fleetlock_lock(&client, number_get(driver, "patience", 0),
					     driver->cancellable, error);

	json_object_set_new(driver->output, "asked",
			    json_boolean(fleetlock_is_asked(client.state_dir)));
	return done;
}

static gboolean run_sync(struct driver *driver, GError **error)
{
	const struct fleetlock_client client = lock_client(driver);
	const gboolean done = fleetlock_sync(&client, number_get(driver, "committed", 0) != 0,
					     number_get(driver, "wanted", 0) != 0,
					     driver->cancellable, error);

	json_object_set_new(driver->output, "asked",
			    json_boolean(fleetlock_is_asked(client.state_dir)));
	return done;
}

static struct omaha_client omaha_client_of(const struct driver *driver)
{
	return (struct omaha_client){
		.url = text_get(driver, "url", ""),
		.app = text_get(driver, "app", "shop"),
		.track = text_get(driver, "track", "stable"),
		.architecture = text_get(driver, "architecture", "x86_64"),
		.machine_id = text_get(driver, "id", "0123456789abcdef0123456789abcdef"),
		.boot_id = text_get(driver, "boot", "fedcba9876543210fedcba9876543210"),
		.version = text_get(driver, "version", "1.0.0"),
		.state_dir = text_get(driver, "state", NULL),
		.network = &driver->network,
	};
}

static gboolean run_check(struct driver *driver, GError **error)
{
	static const char *const OUTCOMES[] = { "update", "none", "later" };
	const struct omaha_client client = omaha_client_of(driver);
	const struct omaha_check check = { .on_demand = number_get(driver, "demand", 0) != 0,
					   .in_progress = number_get(driver, "progress", 0) != 0 };
	g_auto(OmahaAdvice) advice = { .outcome = OMAHA_NONE };

	if (!omaha_check(&client, &check, driver->cancellable, &advice, error))
		return FALSE;
	output_text(driver, "outcome", OUTCOMES[advice.outcome]);
	output_text(driver, "status", advice.status);
	output_text(driver, "version", advice.version);
	output_text(driver, "url", advice.url);
	return TRUE;
}

static gboolean run_note(struct driver *driver, GError **error)
{
	const struct omaha_step step = {
		.event = (enum omaha_event)number_get(driver, "event", 0),
		.version = text_get(driver, "to", NULL),
		.previous = text_get(driver, "previous", NULL),
		.why = (fault)number_get(driver, "fault", 0),
	};

	return omaha_note(text_get(driver, "state", NULL), &step, error);
}

static gboolean run_send(struct driver *driver, GError **error)
{
	const struct omaha_client client = omaha_client_of(driver);

	return omaha_send(&client, driver->cancellable, error);
}

static struct report_event event_of(const struct driver *driver)
{
	return (struct report_event){
		.kind = (enum report_kind)number_get(driver, "kind", 0),
		.version = text_get(driver, "version", "2.0"),
		.previous = text_get(driver, "previous", NULL),
		.slot = text_get(driver, "slot", "b")[0],
		.why = (fault)number_get(driver, "fault", 0),
		.reason = text_get(driver, "reason", NULL),
	};
}

static gboolean run_log(struct driver *driver, GError **error)
{
	const struct report_event event = event_of(driver);

	report_log(&event);
	return TRUE;
}

static gboolean run_keep(struct driver *driver, GError **error)
{
	const struct report_event event = event_of(driver);

	for (unsigned i = 0; i < number_get(driver, "count", 1); i++)
		if (!report_keep(text_get(driver, "state", NULL), &event, TRUE, error))
			return FALSE;
	return TRUE;
}

static gboolean run_report(struct driver *driver, GError **error)
{
	const struct report_sender sender = { .url = text_get(driver, "url", ""),
					      .state_dir = text_get(driver, "state", NULL),
					      .machine_id = text_get(driver, "id", "machine"),
					      .product = "shop",
					      .architecture = "x86_64",
					      .network = &driver->network };
	struct report_spool_state state;
	unsigned next_s = 0;
	const gboolean done = report_send(&sender, driver->cancellable, &next_s, error);

	report_spool_state(sender.state_dir, &state);
	output_number(driver, "next", next_s);
	output_number(driver, "waiting", state.waiting);
	output_number(driver, "dropped", state.dropped);
	return done;
}

static gboolean run_id(struct driver *driver, GError **error)
{
	char id[FLEETID_SIZE];

	if (!fleetid_load(text_get(driver, "file", NULL), id, error))
		return FALSE;
	output_text(driver, "id", id);
	return TRUE;
}

static gboolean with_bus(struct driver *driver, GError **error,
			 gboolean (*run)(struct driver *driver,
					 const struct rebootguard_options *options, GError **error))
{
	g_autoptr(GDBusConnection) bus = busaddress_connect(text_get(driver, "bus", NULL), error);
	const struct rebootguard_options options = {
		.bus = bus,
		.warn_s = number_get(driver, "warn", 0),
		.version = text_get(driver, "version", NULL),
	};

	return bus != NULL && run(driver, &options, error);
}

static gboolean inhibitors_with(struct driver *driver, const struct rebootguard_options *options,
				GError **error)
{
	return rebootguard_inhibitors_check(options, driver->cancellable, error);
}

static gboolean run_inhibitors(struct driver *driver, GError **error)
{
	return with_bus(driver, error, inhibitors_with);
}

static gboolean reboot_with(struct driver *driver, const struct rebootguard_options *options,
			    GError **error)
{
	enum rebootguard_outcome outcome;

	if (!rebootguard_reboot(options, driver->cancellable, &outcome, error))
		return FALSE;
	output_text(driver, "outcome", outcome == REBOOTGUARD_REBOOTING ? "rebooting" : "none");
	return TRUE;
}

static gboolean run_reboot(struct driver *driver, GError **error)
{
	return with_bus(driver, error, reboot_with);
}

static const struct {
	const char *name;
	gboolean (*run)(struct driver *driver, GError **error);
} COMMANDS[] = {
	{ "call", run_call },
	{ "lock", run_lock },
	{ "sync", run_sync },
	{ "check", run_check },
	{ "note", run_note },
	{ "send", run_send },
	{ "log", run_log },
	{ "keep", run_keep },
	{ "report", run_report },
	{ "id", run_id },
	{ "inhibitors", run_inhibitors },
	{ "reboot", run_reboot },
};

/* --- the program --- */

static gpointer cancel_later(gpointer user_data)
{
	struct driver *driver = user_data;

	g_usleep(number_get(driver, "cancel", 0) * 1000UL);
	g_cancellable_cancel(driver->cancellable);
	return NULL;
}

static void command_run(struct driver *driver, const char *name)
{
	g_autoptr(GError) error = NULL;
	size_t i = 0;

	while (i < G_N_ELEMENTS(COMMANDS) && strcmp(COMMANDS[i].name, name) != 0)
		i++;
	if (i == G_N_ELEMENTS(COMMANDS))
		g_error("no such command: %s", name);
	if (COMMANDS[i].run(driver, &error) != (error == NULL))
		g_error("%s: the result and the failure do not fit", name);
	output_text(driver, "fault",
		    faulttext_find(error != NULL ? failure_code(error) : FAULT_OK)->name);
	output_text(driver, "text", error != NULL ? error->message : "");
}

static void options_take(struct driver *driver, char **words)
{
	for (; *words != NULL; words++) {
		char **parts = g_strsplit(*words, "=", 2);

		g_hash_table_insert(driver->options, parts[0], parts[1]);
		g_free(parts);
	}
	driver->network.proxy = text_get(driver, "proxy", NULL);
	driver->network.ca_file = text_get(driver, "ca", NULL);
	driver->network.certificate = text_get(driver, "certificate", NULL);
	driver->network.key = text_get(driver, "key", NULL);
}

int main(int argc, char **argv)
{
	const struct workers workers = { getenv("WORKER"), SILENCE_S, getenv("WORKER_SOCKETS") };
	struct driver driver = {
		.options = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free),
		.network = source_options_default(),
		.cancellable = g_cancellable_new(),
		.output = json_object(),
	};
	GThread *thread = NULL;

	driver.network.workers = workers.program != NULL || workers.sockets != NULL ? &workers
										    : NULL;
	if (argc < 2)
		g_error("give a command");
	options_take(&driver, argv + 2);
	if (text_get(&driver, "cancel", NULL) != NULL)
		thread = g_thread_new("cancel", cancel_later, &driver);
	command_run(&driver, argv[1]);
	if (thread != NULL)
		g_thread_join(thread);
	json_dumpf(driver.output, stdout, JSON_COMPACT);
	json_decref(driver.output);
	g_object_unref(driver.cancellable);
	g_hash_table_unref(driver.options);
	return 0;
}
