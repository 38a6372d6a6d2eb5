/* SPDX-License-Identifier: MIT */
#include "manager.h"

#include <fcntl.h>
#include <gio/gunixfdlist.h>
#include <string.h>
#include <sys/stat.h>

#include "call.h"
#include "changes.h"
#include "etc_methods.h"
#include "failure.h"
#include "healthmethods.h"
#include "publish.h"
#include "source.h"
#include "source_ostree.h"
#include "store_methods.h"
#include "tpm_methods.h"
#include "work.h"

enum { MANAGER_URL_MAX = 2048 };

struct work_option {
	const char *name; /* NULL ends a table */
	size_t offset;
};

static const struct work_option INSTALL_OPTIONS[] = {
	{ "force", offsetof(struct work, force) },
	{ "activate", offsetof(struct work, activate) },
	{ "accept_expired", offsetof(struct work, accept_expired) },
	{ .name = NULL },
};
static const struct work_option NO_OPTIONS[] = { { .name = NULL } };

static gboolean option_store(const struct work_option *option, GVariant *value, struct work *work,
			     GError **error)
{
	if (!g_variant_is_of_type(value, G_VARIANT_TYPE_BOOLEAN))
		return failure_set(error, FAULT_ARGUMENT, "option %s has type %s, not b",
				   option->name, g_variant_get_type_string(value));
	*(gboolean *)((char *)work + option->offset) = g_variant_get_boolean(value);
	return TRUE;
}

static const struct work_option *option_find(const struct work_option *options, const char *name)
{
	for (; options->name != NULL; options++)
		if (strcmp(options->name, name) == 0)
			return options;
	return NULL;
}

static gboolean options_parse(GVariant *given, const struct work_option *known, struct work *work,
			      GError **error)
{
	GVariantIter iter;
	const char *name;
	GVariant *value;

	g_variant_iter_init(&iter, given);
	while (g_variant_iter_next(&iter, "{&sv}", &name, &value)) {
		g_autoptr(GVariant) owned = value;
		const struct work_option *option = option_find(known, name);

		if (option == NULL)
			return failure_set(error, FAULT_ARGUMENT, "there is no option \"%.32s\"",
					   name);
		if (!option_store(option, value, work, error))
			return FALSE;
	}
	return TRUE;
}

/* NULL where an option is wrong. */
static struct work *work_ask(struct server *server, GVariant *options,
			     const struct work_option *known, GError **error)
{
	struct work *work = work_new(server);

	work->activate = TRUE;
	if (options_parse(options, known, work, error))
		return work;
	work_free(work);
	return NULL;
}

/* Only what can be read to its end like a file: reading a device could have effects. */
static gboolean descriptor_check(int fd, GError **error)
{
	const int flags = fcntl(fd, F_GETFL);
	struct stat info;

	if (flags < 0 || fstat(fd, &info) != 0 || (flags & O_PATH) != 0 ||
	    (flags & O_ACCMODE) == O_WRONLY)
		return failure_set(error, FAULT_ARGUMENT, "the descriptor cannot be read");
	if (!S_ISREG(info.st_mode) && !S_ISFIFO(info.st_mode) && !S_ISSOCK(info.st_mode))
		return failure_set(error, FAULT_ARGUMENT,
				   "the descriptor is no file, pipe or socket");
	return TRUE;
}

static gboolean descriptor_take(GUnixFDList *fds, GVariant *handle, int *ret_fd, GError **error)
{
	const gint32 index = g_variant_get_handle(handle);

	if (fds == NULL || index < 0 || index >= g_unix_fd_list_get_length(fds))
		return failure_set(error, FAULT_ARGUMENT, "no descriptor came with the call");
	*ret_fd = g_unix_fd_list_get(fds, index, error);
	return *ret_fd >= 0 && descriptor_check(*ret_fd, error);
}

static gboolean url_take(const char *url, char **ret_url, GError **error)
{
	if (strlen(url) > MANAGER_URL_MAX)
		return failure_set(error, FAULT_HTTP_URL, "the address is longer than %d bytes",
				   MANAGER_URL_MAX);
	if (!g_str_has_prefix(url, "http://") && !g_str_has_prefix(url, "https://") &&
	    !source_ostree_is_url(url))
		return failure_set(error, FAULT_HTTP_URL, "\"%s\" is not an http or https address",
				   url);
	*ret_url = g_strdup(url);
	return TRUE;
}

/* For the log: no secrets of an address. */
static char *work_describe(const struct work *work)
{
	const gboolean has_slot = work->slot != SLOT_NONE;
	g_autofree char *shown = work->url == NULL ? NULL : source_url_for_people(work->url);
	const char *from = shown == NULL ? "a descriptor" : shown;
	const gboolean has_bundle = work->fd >= 0 || shown != NULL;

	return g_strconcat(has_slot ? "slot " : "", publish_slot_name(work->slot),
			   has_slot && has_bundle ? " " : "", has_bundle ? "from " : "",
			   has_bundle ? from : "", NULL);
}

/* Starts the job and answers with its path. Takes over `work`. */
static gboolean work_answer(GDBusMethodInvocation *invocation, struct work *work,
			    enum work_kind kind)
{
	g_autofree char *description = work_describe(work);
	GError *error = NULL;
	const char *path;

	call_log(invocation, description);
	path = work_start(work, kind, &error);
	if (path == NULL)
		return call_fail(invocation, error);
	g_dbus_method_invocation_return_value(invocation, g_variant_new("(o)", path));
	return TRUE;
}

/* What a call gives that installs or plans: a bundle by descriptor, or by its address. */
struct given {
	GUnixFDList *fds;
	GVariant *bundle;
	const char *url; /* NULL: the descriptor */
	GVariant *options;
};

static gboolean bundle_answer(GDBusMethodInvocation *invocation, struct server *server,
			      const struct given *given, enum work_kind kind)
{
	GError *error = NULL;
	g_autoptr(Work) work = work_ask(server, given->options, INSTALL_OPTIONS, &error);

	if (work == NULL ||
	    !(given->url != NULL ? url_take(given->url, &work->url, &error)
				 : descriptor_take(given->fds, given->bundle, &work->fd, &error)))
		return call_fail(invocation, error);
	return work_answer(invocation, g_steal_pointer(&work), kind);
}

static gboolean install_handle(BusManager *manager, GDBusMethodInvocation *invocation,
			       GUnixFDList *fds, GVariant *bundle, GVariant *options,
			       gpointer user_data)
{
	const struct given given = { .fds = fds, .bundle = bundle, .options = options };

	return bundle_answer(invocation, user_data, &given, WORK_INSTALL);
}

static gboolean install_url_handle(BusManager *manager, GDBusMethodInvocation *invocation,
				   const char *url, GVariant *options, gpointer user_data)
{
	const struct given given = { .url = url, .options = options };

	return bundle_answer(invocation, user_data, &given, WORK_INSTALL);
}

static gboolean plan_handle(BusManager *manager, GDBusMethodInvocation *invocation,
			    GUnixFDList *fds, GVariant *bundle, GVariant *options,
			    gpointer user_data)
{
	const struct given given = { .fds = fds, .bundle = bundle, .options = options };

	return bundle_answer(invocation, user_data, &given, WORK_PLAN);
}

static gboolean plan_url_handle(BusManager *manager, GDBusMethodInvocation *invocation,
				const char *url, GVariant *options, gpointer user_data)
{
	const struct given given = { .url = url, .options = options };

	return bundle_answer(invocation, user_data, &given, WORK_PLAN);
}

static gboolean verify_handle(BusManager *manager, GDBusMethodInvocation *invocation,
			      const char *name, GVariant *options, gpointer user_data)
{
	GError *error = NULL;
	g_autoptr(Work) work = work_ask(user_data, options, NO_OPTIONS, &error);

	if (work == NULL || !call_slot_parse(name, &work->slot, &error))
		return call_fail(invocation, error);
	return work_answer(invocation, g_steal_pointer(&work), WORK_VERIFY);
}

static gboolean repair_handle(BusManager *manager, GDBusMethodInvocation *invocation,
			      GUnixFDList *fds, const char *name, GVariant *bundle,
			      GVariant *options, gpointer user_data)
{
	GError *error = NULL;
	g_autoptr(Work) work = work_ask(user_data, options, NO_OPTIONS, &error);

	if (work == NULL || !call_slot_parse(name, &work->slot, &error) ||
	    !descriptor_take(fds, bundle, &work->fd, &error))
		return call_fail(invocation, error);
	return work_answer(invocation, g_steal_pointer(&work), WORK_REPAIR);
}

static gboolean repair_url_handle(BusManager *manager, GDBusMethodInvocation *invocation,
				  const char *name, const char *url, GVariant *options,
				  gpointer user_data)
{
	GError *error = NULL;
	g_autoptr(Work) work = work_ask(user_data, options, NO_OPTIONS, &error);

	if (work == NULL || !call_slot_parse(name, &work->slot, &error) ||
	    (url[0] != '\0' && !url_take(url, &work->url, &error)))
		return call_fail(invocation, error);
	return work_answer(invocation, g_steal_pointer(&work), WORK_REPAIR);
}

static gboolean run_health_handle(BusManager *manager, GDBusMethodInvocation *invocation,
				  gboolean act, gpointer user_data)
{
	GError *error = NULL;
	const char *path;

	call_log(invocation, act ? "and act" : "without acting");
	path = work_health_start(user_data, act, &error);
	if (path == NULL)
		return call_fail(invocation, error);
	bus_manager_complete_run_health(manager, invocation, path);
	return TRUE;
}

static gboolean refresh_handle(BusManager *manager, GDBusMethodInvocation *invocation,
			       gpointer user_data)
{
	server_look_for(user_data, SERVER_LOOK_REFRESH, invocation);
	return TRUE;
}

/* A TPM takes its time, so it is asked in a thread of its own. */
struct attesting {
	struct server *server;
	const struct machine *machine;
	GBytes *nonce;
};

static void attesting_free(gpointer data)
{
	struct attesting *attesting = data;

	g_bytes_unref(attesting->nonce);
	g_free(attesting);
}

static void attest_run(GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
	const struct attesting *attesting = data;
	GError *error = NULL;
	gsize size_bytes;
	const uint8_t *nonce = g_bytes_get_data(attesting->nonce, &size_bytes);
	char *text = machine_attest(attesting->machine, nonce, size_bytes, &error);

	if (text != NULL)
		g_task_return_pointer(task, text, g_free);
	else
		g_task_return_error(task, error);
}

static void attest_answer(GObject *source, GAsyncResult *outcome, gpointer user_data)
{
	GDBusMethodInvocation *invocation = user_data;
	const struct attesting *attesting = g_task_get_task_data(G_TASK(outcome));
	GError *error = NULL;
	g_autofree char *text = g_task_propagate_pointer(G_TASK(outcome), &error);

	if (text == NULL)
		g_dbus_method_invocation_take_error(invocation, error);
	else
		bus_manager_complete_attest(BUS_MANAGER(source), invocation, text);
	server_release(attesting->server);
}

static gboolean attest_handle(BusManager *manager, GDBusMethodInvocation *invocation,
			      GVariant *nonce, gpointer user_data)
{
	struct attesting *attesting;
	struct machine *machine;
	g_autoptr(GTask) task = NULL;
	GError *error = NULL;

	if (!server_hold(user_data, SERVER_HOLD_BESIDE, &machine, &error))
		return call_fail(invocation, error);
	call_log(invocation, "this boot");
	attesting = g_new0(struct attesting, 1);
	attesting->server = user_data;
	attesting->machine = machine;
	attesting->nonce = g_variant_get_data_as_bytes(nonce);
	task = g_task_new(manager, NULL, attest_answer, invocation);
	g_task_set_task_data(task, attesting, attesting_free);
	g_task_run_in_thread(task, attest_run);
	return TRUE;
}

struct handler {
	const char *signal;
	GCallback call;
};

static const struct handler HANDLERS[] = {
	{ "handle-refresh", G_CALLBACK(refresh_handle) },
	{ "handle-install", G_CALLBACK(install_handle) },
	{ "handle-install-url", G_CALLBACK(install_url_handle) },
	{ "handle-plan", G_CALLBACK(plan_handle) },
	{ "handle-plan-url", G_CALLBACK(plan_url_handle) },
	{ "handle-verify", G_CALLBACK(verify_handle) },
	{ "handle-repair", G_CALLBACK(repair_handle) },
	{ "handle-repair-url", G_CALLBACK(repair_url_handle) },
	{ "handle-run-health", G_CALLBACK(run_health_handle) },
	{ "handle-attest", G_CALLBACK(attest_handle) },
};

void manager_connect(BusManager *manager, struct server *server)
{
	for (size_t i = 0; i < G_N_ELEMENTS(HANDLERS); i++)
		g_signal_connect(manager, HANDLERS[i].signal, HANDLERS[i].call, server);
	healthmethods_connect(manager, server);
	changes_connect(manager, server);
	tpm_methods_connect(manager, server);
	store_methods_connect(manager, server);
	etc_methods_connect(manager, server);
}
