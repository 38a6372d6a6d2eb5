/* SPDX-License-Identifier: MIT */
#include "tpm_methods.h"

#include <gio/gunixfdlist.h>
#include <string.h>
#include <unistd.h>

#include "call.h"
#include "failure.h"
#include "machine_tpm.h"

static GVariant *status_pack(const struct machine_tpm_status *status)
{
	const struct varcrypt_status *var = &status->var;
	const struct {
		const char *name;
		gboolean value;
	} flags[] = {
		{ "tpm", var->has_tpm },     { "encrypted", var->encrypted },
		{ "bound", var->bound },     { "recovery_key", var->recovery_key },
		{ "pin", var->pin },         { "enrolled", var->enrolled },
		{ "unlocks", var->unlocks }, { "gated", var->gated },
	};
	GVariantBuilder builder;

	g_variant_builder_init(&builder, G_VARIANT_TYPE_VARDICT);
	g_variant_builder_add(&builder, "{sv}", "volume", g_variant_new_string(status->volume));
	for (unsigned i = 0; i < G_N_ELEMENTS(flags); i++)
		g_variant_builder_add(&builder, "{sv}", flags[i].name,
				      g_variant_new_boolean(flags[i].value));
	g_variant_builder_add(&builder, "{sv}", "floor", g_variant_new_uint64(var->floor));
	g_variant_builder_add(&builder, "{sv}", "counter", g_variant_new_uint64(var->counter));
	g_variant_builder_add(&builder, "{sv}", "key",
			      g_variant_new_string(var->key_print != NULL ? var->key_print : ""));
	g_variant_builder_add(&builder, "{sv}", "fault", g_variant_new_uint32(var->why));
	g_variant_builder_add(&builder, "{sv}", "reason",
			      g_variant_new_string(var->reason != NULL ? var->reason : ""));
	return g_variant_builder_end(&builder);
}

/* What is asked of the TPM is asked in a thread: it takes its time, and a client that hands over
 * descriptors may take as long as it likes to write into them. */
struct tpm_call {
	struct server *server;
	struct machine *machine;
	GDBusMethodInvocation *invocation;
	GUnixFDList *fds;
	GVariant *key;
	GVariant *options;
};

static void tpm_call_free(gpointer data)
{
	struct tpm_call *call = data;

	g_clear_object(&call->fds);
	g_clear_pointer(&call->key, g_variant_unref);
	g_clear_pointer(&call->options, g_variant_unref);
	g_free(call);
}

/* The thread's result is the reply, a tuple. */
static void tpm_call_end(GObject *source, GAsyncResult *outcome, gpointer user_data)
{
	struct tpm_call *call = g_task_get_task_data(G_TASK(outcome));

	call_finish(call->invocation, outcome);
	server_release(call->server);
}

/* Takes over the call, which has the machine. */
static gboolean tpm_call_run(struct tpm_call *call, GTaskThreadFunc run)
{
	g_autoptr(GTask) task = g_task_new(NULL, NULL, tpm_call_end, NULL);

	g_task_set_task_data(task, call, tpm_call_free);
	g_task_run_in_thread(task, run);
	return TRUE;
}

static struct tpm_call *tpm_call_new(struct server *server, GDBusMethodInvocation *invocation,
				     enum server_hold hold, GError **error)
{
	struct machine *machine;
	struct tpm_call *call;

	if (!server_hold(server, hold, &machine, error))
		return NULL;
	call = g_new0(struct tpm_call, 1);
	call->server = server;
	call->machine = machine;
	call->invocation = invocation;
	return call;
}

static void status_run(GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
	const struct tpm_call *call = data;
	struct machine_tpm_status status = { .volume = NULL };
	GError *error = NULL;
	GVariant *reply = NULL;

	if (machine_tpm_status_get(call->machine, &status, &error)) {
		reply = g_variant_new("(@a{sv})", status_pack(&status));
		machine_tpm_status_clear(&status);
	}
	call_return(task, reply, error);
}

static gboolean tpm_status_handle(BusManager *manager, GDBusMethodInvocation *invocation,
				  gpointer user_data)
{
	GError *error = NULL;
	/* Who only looks must not keep the health checks of a boot from being begun. */
	struct tpm_call *call = tpm_call_new(user_data, invocation, SERVER_HOLD_BESIDE, &error);

	if (call == NULL)
		return call_fail(invocation, error);
	return tpm_call_run(call, status_run);
}

struct given_keys {
	struct secret *key;
	struct secret *recovery_key;
	struct secret *pin;
};

static void given_keys_clear(struct given_keys *given)
{
	secret_free(given->key);
	secret_free(given->recovery_key);
	secret_free(given->pin);
}

static gboolean secret_take(GUnixFDList *fds, GVariant *handle, struct secret **ret_secret,
			    GError **error)
{
	const gint32 index = g_variant_get_handle(handle);
	int fd;

	if (fds == NULL || index < 0 || index >= g_unix_fd_list_get_length(fds))
		return failure_set(error, FAULT_ARGUMENT, "no descriptor came with the call");
	fd = g_unix_fd_list_get(fds, index, error);
	if (fd < 0)
		return FALSE;
	secret_free(*ret_secret);
	*ret_secret = secret_read(fd, error);
	close(fd);
	return *ret_secret != NULL;
}

static gboolean option_take(GUnixFDList *fds, const char *name, GVariant *value,
			    struct given_keys *given, GError **error)
{
	struct secret **secret = strcmp(name, "pin") == 0            ? &given->pin
				 : strcmp(name, "recovery_key") == 0 ? &given->recovery_key
								     : NULL;

	if (secret == NULL)
		return failure_set(error, FAULT_ARGUMENT, "there is no option \"%.32s\"", name);
	if (!g_variant_is_of_type(value, G_VARIANT_TYPE_HANDLE))
		return failure_set(error, FAULT_ARGUMENT, "option %s has type %s, not h", name,
				   g_variant_get_type_string(value));
	return secret_take(fds, value, secret, error);
}

static gboolean keys_take(GUnixFDList *fds, GVariant *key, GVariant *options,
			  struct given_keys *given, GError **error)
{
	GVariantIter iter;
	const char *name;
	GVariant *value;

	if (!secret_take(fds, key, &given->key, error))
		return FALSE;
	g_variant_iter_init(&iter, options);
	while (g_variant_iter_next(&iter, "{&sv}", &name, &value)) {
		g_autoptr(GVariant) owned = value;

		if (!option_take(fds, name, owned, given, error))
			return FALSE;
	}
	return TRUE;
}

static void enroll_run(GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
	const struct tpm_call *call = data;
	struct given_keys given = { .key = NULL };
	GError *error = NULL;
	gboolean done = keys_take(call->fds, call->key, call->options, &given, &error);

	if (done) {
		const struct machine_tpm_keys keys = { given.key, given.recovery_key, given.pin };

		done = machine_tpm_enroll(call->machine, &keys, &error);
	}
	given_keys_clear(&given);
	call_return(task, done ? g_variant_new("()") : NULL, error);
}

static gboolean tpm_enroll_handle(BusManager *manager, GDBusMethodInvocation *invocation,
				  GUnixFDList *fds, GVariant *key, GVariant *options,
				  gpointer user_data)
{
	GError *error = NULL;
	struct tpm_call *call = tpm_call_new(user_data, invocation, SERVER_HOLD_ALONE, &error);

	if (call == NULL)
		return call_fail(invocation, error);
	call_log(invocation, "this volume");
	call->fds = fds != NULL ? g_object_ref(fds) : NULL;
	call->key = g_variant_ref(key);
	call->options = g_variant_ref(options);
	return tpm_call_run(call, enroll_run);
}

void tpm_methods_connect(BusManager *manager, struct server *server)
{
	g_signal_connect(manager, "handle-tpm-status", G_CALLBACK(tpm_status_handle), server);
	g_signal_connect(manager, "handle-tpm-enroll", G_CALLBACK(tpm_enroll_handle), server);
}
