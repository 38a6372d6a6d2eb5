/* SPDX-License-Identifier: MIT */
/* The unit is looked at rather than listened to: the end of its output says when, and once in a
 * while it is looked at without. So this needs no main loop, and no signal can be missed. */
#include "rununit.h"

#include <errno.h>
#include <gio/gunixfdlist.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "plaintext.h"

enum {
	LOOK_FIRST_MS = 10, /* after the end of the output; then each time twice as long, */
	LOOK_MOST_MS = 250, /* up to this */
	END_TIME_S = 10,    /* for systemd, to end what it was told to end */
	/* Should we be gone by then, systemd ends it by itself. */
	BELT_S = 30,
	CALL_MS = 25000,
	EXIT_EXEC = 203, /* systemd's, of a program that could not be executed */
};

static const char SYSTEMD[] = "org.freedesktop.systemd1";
static const char MANAGER_PATH[] = "/org/freedesktop/systemd1";
static const char MANAGER[] = "org.freedesktop.systemd1.Manager";
static const char UNIT[] = "org.freedesktop.systemd1.Unit";
static const char SERVICE[] = "org.freedesktop.systemd1.Service";

struct unit {
	GDBusConnection *bus;
	char *name;
	char *path; /* its object */
	int output_fd;
};

gboolean rununit_is_there(GDBusConnection *bus)
{
	g_autoptr(GVariant) reply = NULL;
	gboolean owned = FALSE;

	if (bus == NULL)
		return FALSE;
	reply = g_dbus_connection_call_sync(bus, "org.freedesktop.DBus", "/org/freedesktop/DBus",
					    "org.freedesktop.DBus", "NameHasOwner",
					    g_variant_new("(s)", SYSTEMD), G_VARIANT_TYPE("(b)"),
					    G_DBUS_CALL_FLAGS_NO_AUTO_START, CALL_MS, NULL, NULL);
	if (reply != NULL)
		g_variant_get(reply, "(b)", &owned);
	return owned;
}

/* --- starting --- */

static void text_add(GVariantBuilder *properties, const char *name, const char *value)
{
	g_variant_builder_add(properties, "(sv)", name, g_variant_new_string(value));
}

static void number_add(GVariantBuilder *properties, const char *name, guint64 value)
{
	g_variant_builder_add(properties, "(sv)", name, g_variant_new_uint64(value));
}

/* systemd puts variables into the arguments, but for $$. */
static char *argument_escape(const char *argument)
{
	g_auto(GStrv) parts = g_strsplit(argument, "$", 0);

	return g_strjoinv("$$", parts);
}

static GVariant *command_of(const struct healthexec_program *program)
{
	GVariantBuilder commands, arguments;

	g_variant_builder_init(&arguments, G_VARIANT_TYPE("as"));
	g_variant_builder_add(&arguments, "s", program->path);
	for (const char *const *argument = program->arguments;
	     argument != NULL && *argument != NULL; argument++) {
		g_autofree char *escaped = argument_escape(*argument);

		g_variant_builder_add(&arguments, "s", escaped);
	}
	g_variant_builder_init(&commands, G_VARIANT_TYPE("a(sasb)"));
	g_variant_builder_add(&commands, "(sasb)", program->path, &arguments, FALSE);
	return g_variant_builder_end(&commands);
}

static void limits_add(GVariantBuilder *properties, const struct healthexec_program *program)
{
	number_add(properties, "RuntimeMaxUSec",
		   ((guint64)program->timeout_s + BELT_S) * G_USEC_PER_SEC);
	number_add(properties, "TimeoutStopUSec", (guint64)2 * G_USEC_PER_SEC);
	number_add(properties, "LimitCORE", 0);
	if (program->memory_mib != 0)
		number_add(properties, "MemoryMax", (guint64)program->memory_mib << 20);
	if (program->tasks_max != 0)
		number_add(properties, "TasksMax", program->tasks_max);
}

/* AddRef keeps it until we have seen how it ended. What is left when the program has ended was
 * not meant to stay: it is not asked, but killed. */
static GVariant *properties_of(const struct healthexec_program *program)
{
	g_autofree char *description = g_strdup_printf(
		"azupdate: %s", program->what != NULL ? program->what : program->path);
	GVariantBuilder properties;

	g_variant_builder_init(&properties, G_VARIANT_TYPE("a(sv)"));
	text_add(&properties, "Description", description);
	text_add(&properties, "Slice", "azupdate.slice");
	text_add(&properties, "Type", "exec");
	text_add(&properties, "CollectMode", "inactive-or-failed");
	text_add(&properties, "KillMode", "control-group");
	g_variant_builder_add(&properties, "(sv)", "AddRef", g_variant_new_boolean(TRUE));
	g_variant_builder_add(&properties, "(sv)", "SendSIGKILL", g_variant_new_boolean(TRUE));
	g_variant_builder_add(&properties, "(sv)", "KillSignal", g_variant_new_int32(SIGKILL));
	g_variant_builder_add(&properties, "(sv)", "IgnoreSIGPIPE", g_variant_new_boolean(FALSE));
	g_variant_builder_add(&properties, "(sv)", "Environment",
			      g_variant_new_strv((const char *const *)program->environment, -1));
	g_variant_builder_add(&properties, "(sv)", "StandardOutputFileDescriptor",
			      g_variant_new_handle(0));
	g_variant_builder_add(&properties, "(sv)", "StandardErrorFileDescriptor",
			      g_variant_new_handle(1));
	limits_add(&properties, program);
	g_variant_builder_add(&properties, "(sv)", "ExecStart", command_of(program));
	return g_variant_builder_end(&properties);
}

/* Keeps what the bus has said as the reason. */
static gboolean failure_keep(struct healthexec_result *result, GError *cause)
{
	g_autofree char *text = NULL;

	g_dbus_error_strip_remote_error(cause);
	text = g_strdup_printf("systemd: %s", cause->message);
	plaintext_copy(text, result->first, HEALTHEXEC_FIRST_MAX);
	g_error_free(cause);
	result->end = HEALTHEXEC_NOT_STARTED;
	result->number = EIO;
	return FALSE;
}

static gboolean unit_ask(struct unit *unit, const struct healthexec_program *program,
			 int writing_fd, GCancellable *cancellable,
			 struct healthexec_result *result)
{
	g_autoptr(GUnixFDList) fds = g_unix_fd_list_new();
	g_autoptr(GVariant) reply = NULL;
	GError *cause = NULL;

	if (g_unix_fd_list_append(fds, writing_fd, &cause) < 0 ||
	    g_unix_fd_list_append(fds, writing_fd, &cause) < 0)
		return failure_keep(result, cause);
	reply = g_dbus_connection_call_with_unix_fd_list_sync(
		unit->bus, SYSTEMD, MANAGER_PATH, MANAGER, "StartTransientUnit",
		g_variant_new("(ss@a(sv)@a(sa(sv)))", unit->name, "fail", properties_of(program),
			      g_variant_new_array(G_VARIANT_TYPE("(sa(sv))"), NULL, 0)),
		G_VARIANT_TYPE("(o)"), G_DBUS_CALL_FLAGS_NONE, CALL_MS, fds, NULL, cancellable,
		&cause);
	return reply != NULL || failure_keep(result, cause);
}

/* --- looking --- */

static GVariant *property_get(const struct unit *unit, const char *interface, const char *name,
			      const char *type)
{
	GVariant *value = NULL;
	g_autoptr(GVariant) reply = g_dbus_connection_call_sync(
		unit->bus, SYSTEMD, unit->path, "org.freedesktop.DBus.Properties", "Get",
		g_variant_new("(ss)", interface, name), G_VARIANT_TYPE("(v)"),
		G_DBUS_CALL_FLAGS_NONE, CALL_MS, NULL, NULL);

	if (reply == NULL)
		return NULL;
	g_variant_get(reply, "(v)", &value);
	if (!g_variant_is_of_type(value, G_VARIANT_TYPE(type)))
		g_clear_pointer(&value, g_variant_unref);
	return value;
}

/* Before its job is done a unit is inactive, too: so the job is looked at first. A unit that
 * cannot be looked at is gone, or systemd is. */
static gboolean unit_has_ended(const struct unit *unit)
{
	g_autoptr(GVariant) job = property_get(unit, UNIT, "Job", "(uo)");
	g_autoptr(GVariant) state = property_get(unit, UNIT, "ActiveState", "s");
	guint32 job_number = 0;

	if (job == NULL || state == NULL)
		return TRUE;
	g_variant_get(job, "(uo)", &job_number, NULL);
	return job_number == 0 && (strcmp(g_variant_get_string(state, NULL), "inactive") == 0 ||
				   strcmp(g_variant_get_string(state, NULL), "failed") == 0);
}

/* Waits for a cancel, for output, or for the time. FALSE: cancelled. */
static gboolean unit_wait(struct unit *unit, struct runoutput *output, int cancel_fd, int time_ms)
{
	struct pollfd polls[] = {
		{ .fd = unit->output_fd, .events = POLLIN },
		{ .fd = cancel_fd, .events = POLLIN },
	};

	if (poll(polls, G_N_ELEMENTS(polls), time_ms) > 0 && polls[0].revents != 0)
		(void)runoutput_read(output, &unit->output_fd);
	return polls[1].revents == 0;
}

static enum healthexec_end unit_watch(struct unit *unit, struct runoutput *output,
				      unsigned timeout_s, GCancellable *cancellable)
{
	const int cancel_fd = g_cancellable_get_fd(cancellable);
	const gint64 deadline_us = g_get_monotonic_time() + (gint64)timeout_s * G_USEC_PER_SEC;
	gint64 look_us = 0, now_us;
	enum healthexec_end end = HEALTHEXEC_TIMEOUT;
	unsigned pause_ms = LOOK_FIRST_MS;

	while ((now_us = g_get_monotonic_time()) < deadline_us) {
		const gboolean was_open = unit->output_fd >= 0;

		if (now_us >= look_us) {
			if (unit_has_ended(unit)) {
				end = HEALTHEXEC_EXITED;
				break;
			}
			look_us = g_get_monotonic_time() + (gint64)pause_ms * 1000;
			pause_ms = MIN(2 * pause_ms, LOOK_MOST_MS);
		}
		if (!unit_wait(unit, output, cancel_fd, (int)pause_ms)) {
			end = HEALTHEXEC_CANCELLED;
			break;
		}
		if (was_open && unit->output_fd < 0) {
			look_us = 0; /* the output has ended, so probably has the program */
			pause_ms = LOOK_FIRST_MS;
		}
	}
	if (cancel_fd >= 0)
		g_cancellable_release_fd(cancellable);
	return end;
}

/* --- ending --- */

static void manager_tell(const struct unit *unit, const char *method, GVariant *parameters)
{
	g_autoptr(GError) cause = NULL;
	g_autoptr(GVariant) reply = g_dbus_connection_call_sync(
		unit->bus, SYSTEMD, MANAGER_PATH, MANAGER, method, parameters, NULL,
		G_DBUS_CALL_FLAGS_NONE, CALL_MS, NULL, &cause);

	/* It may have ended by itself meanwhile. */
	if (reply == NULL)
		g_debug("%s %s: %s", method, unit->name, cause->message);
}

static void unit_end(struct unit *unit, struct runoutput *output)
{
	const gint64 deadline_us = g_get_monotonic_time() + (gint64)END_TIME_S * G_USEC_PER_SEC;

	manager_tell(unit, "KillUnit", g_variant_new("(ssi)", unit->name, "all", SIGKILL));
	manager_tell(unit, "StopUnit", g_variant_new("(ss)", unit->name, "replace"));
	while (!unit_has_ended(unit)) {
		if (g_get_monotonic_time() >= deadline_us) {
			g_warning("systemd does not get rid of %s", unit->name);
			break;
		}
		(void)unit_wait(unit, output, -1, LOOK_FIRST_MS);
	}
}

static gint32 number_get(const struct unit *unit, const char *name)
{
	g_autoptr(GVariant) value = property_get(unit, SERVICE, name, "i");

	return value != NULL ? g_variant_get_int32(value) : 0;
}

static void result_read(const struct unit *unit, struct healthexec_result *result)
{
	g_autoptr(GVariant) word = property_get(unit, SERVICE, "Result", "s");
	const char *how = word != NULL ? g_variant_get_string(word, NULL) : "gone";
	const gint32 code = number_get(unit, "ExecMainCode");

	result->number = number_get(unit, "ExecMainStatus");
	if (code == CLD_KILLED || code == CLD_DUMPED) {
		result->end = strcmp(how, "timeout") == 0 ? HEALTHEXEC_TIMEOUT : HEALTHEXEC_KILLED;
	} else if (code != CLD_EXITED) {
		g_autofree char *text = g_strdup_printf("systemd: %s", how);

		result->end = HEALTHEXEC_NOT_STARTED;
		result->number = EIO;
		plaintext_copy(text, result->first, HEALTHEXEC_FIRST_MAX);
	} else if (result->number == EXIT_EXEC) {
		result->end = HEALTHEXEC_NOT_STARTED;
		result->number = ENOEXEC;
	}
	if (strcmp(how, "oom-kill") == 0)
		plaintext_copy("it needed more memory than it may have", result->first,
			       HEALTHEXEC_FIRST_MAX);
}

static void unit_follow(struct unit *unit, const struct healthexec_program *program,
			GCancellable *cancellable, struct runoutput *output,
			struct healthexec_result *result)
{
	result->end = unit_watch(unit, output, program->timeout_s, cancellable);
	if (result->end == HEALTHEXEC_EXITED)
		result_read(unit, result);
	else
		unit_end(unit, output);
	manager_tell(unit, "UnrefUnit", g_variant_new("(s)", unit->name));
}

/* As systemd has it: of the name, only letters and digits stand for themselves. */
static char *path_of(const char *name)
{
	GString *path = g_string_new("/org/freedesktop/systemd1/unit/");

	for (const char *c = name; *c != '\0'; c++) {
		if (g_ascii_isalnum(*c))
			g_string_append_c(path, *c);
		else
			g_string_append_printf(path, "_%02x", (unsigned char)*c);
	}
	return g_string_free(path, FALSE);
}

void rununit_run(const struct healthexec_program *program, GCancellable *cancellable,
		 struct runoutput *output, struct healthexec_result *result)
{
	g_autofree char *id = g_uuid_string_random();
	g_autofree char *name = g_strdup_printf("azupdate-run-%s.service", id);
	g_autofree char *path = path_of(name);
	struct unit unit = { .bus = program->bus, .name = name, .path = path, .output_fd = -1 };
	gboolean started;
	int fds[2];

	result->number = runoutput_pipe(fds);
	if (result->number != 0)
		return;
	unit.output_fd = fds[0];
	started = unit_ask(&unit, program, fds[1], cancellable, result);
	close(fds[1]);
	if (started)
		unit_follow(&unit, program, cancellable, output, result);
	runoutput_drain(output, &unit.output_fd);
}
