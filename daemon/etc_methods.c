/* SPDX-License-Identifier: MIT */
#include "etc_methods.h"

#include <string.h>

#include "call.h"
#include "etcboot.h"
#include "etckeep.h"
#include "failure.h"
#include "words.h"

struct etc_call {
	struct server *server;
	struct machine *machine;
	GDBusMethodInvocation *invocation;
	unsigned number;
	char *reason;
	struct machine_boot boot;
	struct etckeep keep; /* of the release that `boot` is about */
	/* The reply, a tuple, or NULL with a failure. */
	GVariant *(*run)(struct etc_call *call, GError **error);
};

static void call_free(gpointer data)
{
	struct etc_call *call = data;

	machine_boot_clear(&call->boot);
	g_free(call->reason);
	g_free(call);
}

static void call_end(GObject *source, GAsyncResult *outcome, gpointer user_data)
{
	struct etc_call *call = g_task_get_task_data(G_TASK(outcome));

	call_finish(call->invocation, outcome);
	server_release(call->server);
}

static void call_thread(GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
	struct etc_call *call = data;
	GError *error = NULL;
	GVariant *reply;

	machine_boot_get(call->machine, &call->boot);
	call->keep.version = call->boot.version != NULL ? call->boot.version : "";
	call->keep.root_hash = call->boot.root_hash != NULL ? call->boot.root_hash : "";
	reply = call->run(call, &error);
	call_return(task, reply, error);
}

/* Takes `call` over. */
static gboolean call_start(struct etc_call *call, GDBusMethodInvocation *invocation,
			   enum server_hold hold)
{
	GError *error = NULL;
	g_autoptr(GTask) task = NULL;

	if (!server_hold(call->server, hold, &call->machine, &error)) {
		call_free(call);
		return call_fail(invocation, error);
	}
	call->keep.config = server_config(call->server);
	call->invocation = invocation;
	task = g_task_new(NULL, NULL, call_end, NULL);
	g_task_set_task_data(task, call, call_free);
	g_task_run_in_thread(task, call_thread);
	return TRUE;
}

static struct etc_call *call_new(struct server *server,
				 GVariant *(*run)(struct etc_call *call, GError **error))
{
	struct etc_call *call = g_new0(struct etc_call, 1);

	call->server = server;
	call->run = run;
	return call;
}

static GVariant *text_pack(char *text)
{
	g_autofree char *owned = text;

	return text != NULL ? g_variant_new("(s)", text) : NULL;
}

static GVariant *list_run(struct etc_call *call, GError **error)
{
	return text_pack(etckeep_list(call->keep.config, error));
}

static GVariant *diff_run(struct etc_call *call, GError **error)
{
	return text_pack(etckeep_diff(&call->keep, call->number, error));
}

static GVariant *save_run(struct etc_call *call, GError **error)
{
	const char *roots[SLOT_COUNT + 1] = { NULL };
	g_autoptr(MachineStatus) status = machine_status_get(call->machine, error);
	unsigned number, count = 0;

	if (status == NULL)
		return NULL;
	for (unsigned i = 0; i < SLOT_COUNT; i++)
		if (status->slots[i].root_hash != NULL)
			roots[count++] = status->slots[i].root_hash;
	return etckeep_save(&call->keep, call->reason, roots, &number, error)
		       ? g_variant_new("(u)", (guint32)number)
		       : NULL;
}

static GVariant *restore_run(struct etc_call *call, GError **error)
{
	static const struct etcboot_request NOTHING = { .root_hash = NULL };
	const struct config *config = call->keep.config;
	const gboolean done = call->number == 0
				      ? etcboot_request_save(config->state_dir, &NOTHING, error)
				      : etckeep_restore(config, call->keep.root_hash, call->number,
							error);

	return done ? g_variant_new("()") : NULL;
}

static gboolean list_handle(BusManager *manager, GDBusMethodInvocation *invocation,
			    gpointer user_data)
{
	return call_start(call_new(user_data, list_run), invocation, SERVER_HOLD_BESIDE);
}

static gboolean diff_handle(BusManager *manager, GDBusMethodInvocation *invocation, guint state,
			    gpointer user_data)
{
	struct etc_call *call = call_new(user_data, diff_run);

	call->number = state;
	return call_start(call, invocation, SERVER_HOLD_BESIDE);
}

static gboolean save_handle(BusManager *manager, GDBusMethodInvocation *invocation,
			    const char *reason, gpointer user_data)
{
	struct etc_call *call;
	GError *error = NULL;

	if (!words_check(reason, &error))
		return call_fail(invocation, error);
	call_log(invocation, reason);
	call = call_new(user_data, save_run);
	call->reason = g_utf8_make_valid(reason, MIN((gssize)strlen(reason), ETCTREE_TEXT_MAX - 4));
	return call_start(call, invocation, SERVER_HOLD_ALONE);
}

static gboolean restore_handle(BusManager *manager, GDBusMethodInvocation *invocation, guint state,
			       gpointer user_data)
{
	g_autofree char *about = g_strdup_printf("state %u", state);
	struct etc_call *call = call_new(user_data, restore_run);

	call_log(invocation, about);
	call->number = state;
	return call_start(call, invocation, SERVER_HOLD_ALONE);
}

void etc_methods_connect(BusManager *manager, struct server *server)
{
	g_signal_connect(manager, "handle-etc-list", G_CALLBACK(list_handle), server);
	g_signal_connect(manager, "handle-etc-diff", G_CALLBACK(diff_handle), server);
	g_signal_connect(manager, "handle-etc-save", G_CALLBACK(save_handle), server);
	g_signal_connect(manager, "handle-etc-restore", G_CALLBACK(restore_handle), server);
}
