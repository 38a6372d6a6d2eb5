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

static gboolean tpm_status_handle(BusManager *manager, GDBusMethodInvocation *invocation,
				  gpointer user_data)
{
	struct machine_tpm_status status = { .volume = NULL };
	struct machine *machine;
	GError *error = NULL;

	if (!server_machine(user_data, &machine, &error) ||
	    !machine_tpm_status_get(machine, &status, &error))
		return call_fail(invocation, error);
	bus_manager_complete_tpm_status(manager, invocation, status_pack(&status));
	machine_tpm_status_clear(&status);
	return TRUE;
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

static gboolean tpm_enroll_handle(BusManager *manager, GDBusMethodInvocation *invocation,
				  GUnixFDList *fds, GVariant *key, GVariant *options,
				  gpointer user_data)
{
	struct given_keys given = { .key = NULL };
	struct machine *machine;
	GError *error = NULL;
	gboolean done = server_machine(user_data, &machine, &error) &&
			keys_take(fds, key, options, &given, &error);

	if (done) {
		const struct machine_tpm_keys keys = { given.key, given.recovery_key, given.pin };

		g_message("TpmEnroll, asked by %s",
			  g_dbus_method_invocation_get_sender(invocation));
		done = machine_tpm_enroll(machine, &keys, &error);
	}
	given_keys_clear(&given);
	if (!done)
		return call_fail(invocation, error);
	bus_manager_complete_tpm_enroll(manager, invocation, NULL);
	return TRUE;
}

void tpm_methods_connect(BusManager *manager, struct server *server)
{
	g_signal_connect(manager, "handle-tpm-status", G_CALLBACK(tpm_status_handle), server);
	g_signal_connect(manager, "handle-tpm-enroll", G_CALLBACK(tpm_enroll_handle), server);
}
