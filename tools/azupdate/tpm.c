/* SPDX-License-Identifier: MIT */
#include <gio/gunixfdlist.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "client.h"
#include "failure.h"
#include "recoverykey.h"
#include "secretask.h"
#include "terminal.h"

struct options {
	gboolean pin;
	char *pin_file;
	char *key_file;
};

static gboolean flag(GVariant *status, const char *name)
{
	gboolean value = FALSE;

	return g_variant_lookup(status, name, "b", &value) && value;
}

static const char *text(GVariant *status, const char *name)
{
	const char *value = "";

	g_variant_lookup(status, name, "&s", &value);
	return value;
}

static void state_print(GVariant *status)
{
	if (flag(status, "unlocks")) {
		terminal_paint(TERMINAL_GOOD, "Unlocks by itself");
		puts(flag(status, "pin") ? " with a PIN, when the running release boots."
					 : " when the running release boots.");
	} else {
		g_autofree char *reason = terminal_clean(text(status, "reason"));

		terminal_paint(flag(status, "encrypted") ? TERMINAL_WARN : TERMINAL_BAD,
			       "Does not unlock by itself");
		printf(": %s.\n", reason);
	}
}

static guint64 number(GVariant *status, const char *name)
{
	guint64 value = 0;

	g_variant_lookup(status, name, "t", &value);
	return value;
}

static void gate_print(GVariant *status)
{
	if (flag(status, "gated"))
		printf("Gate          releases from security version %" G_GUINT64_FORMAT
		       " on; the TPM's counter is at %" G_GUINT64_FORMAT "\n",
		       number(status, "floor"), number(status, "counter"));
	else if (flag(status, "enrolled"))
		puts("Gate          none: a revoked release could get the key");
}

static void status_print(GVariant *status)
{
	g_autofree char *volume = terminal_clean(text(status, "volume"));
	g_autofree char *key = terminal_clean(text(status, "key"));

	state_print(status);
	printf("Volume        %s, %s\n", volume,
	       flag(status, "encrypted") ? "encrypted" : "no LUKS2 volume that is accepted");
	printf("TPM           %s\n", flag(status, "tpm") ? "there" : "none");
	printf("Recovery key  %s\n", flag(status, "recovery_key") ? "there" : "none");
	if (flag(status, "enrolled"))
		printf("Sealed to     key %s%s\n", key[0] != '\0' ? key : "unknown",
		       flag(status, "pin") ? ", with a PIN" : "");
	gate_print(status);
	printf("Bound         %s\n",
	       flag(status, "bound") ? "yes: the TPM knows the volume" : "no");
}

static GVariant *status_get(BusManager *manager, GError **error)
{
	GVariant *status = NULL;
	GError *cause = NULL;

	if (!bus_manager_call_tpm_status_sync(manager, &status, NULL, &cause))
		client_fail(error, cause);
	return status;
}

static int status_show(struct cli *cli, BusManager *manager, GError **error)
{
	g_autoptr(GVariant) status = status_get(manager, error);

	if (status == NULL)
		return AZUPDATE_EXIT_FAILED;
	if (cli->json)
		cli_print_json(AZUPDATE_SCHEMA_TPM, status);
	else
		status_print(status);
	return AZUPDATE_EXIT_OK;
}

/* Before anything is stored: a key that is in the volume was shown, whatever happens. */
static void recovery_show(const struct cli *cli, const struct secret *recovery_key)
{
	GVariantBuilder builder;

	if (cli->json) {
		g_variant_builder_init(&builder, G_VARIANT_TYPE_VARDICT);
		g_variant_builder_add(&builder, "{sv}", "new_recovery_key",
				      g_variant_new_string((char *)recovery_key->bytes));
		cli_print_json(AZUPDATE_SCHEMA_TPM, g_variant_builder_end(&builder));
	} else {
		printf("The recovery key of this machine is:\n\n    %s\n\n"
		       "Keep it elsewhere, it is not shown again. It counts if this command ends "
		       "well.\n",
		       (char *)recovery_key->bytes);
	}
	fflush(stdout);
}

/* The handle of a descriptor that holds the secret, or -1. */
static gint32 secret_append(GUnixFDList *fds, const struct secret *secret, GError **error)
{
	const int fd = secret_pipe(secret, error);
	gint32 handle;

	if (fd < 0)
		return -1;
	handle = g_unix_fd_list_append(fds, fd, error);
	close(fd);
	return handle;
}

static gboolean option_add(GVariantBuilder *builder, GUnixFDList *fds, const char *name,
			   const struct secret *secret, GError **error)
{
	const gint32 handle = secret != NULL ? secret_append(fds, secret, error) : 0;

	if (secret != NULL && handle >= 0)
		g_variant_builder_add(builder, "{sv}", name, g_variant_new_handle(handle));
	return handle >= 0;
}

struct asked {
	struct secret *key;
	struct secret *pin;          /* NULL: none */
	struct secret *recovery_key; /* NULL: there is one */
};

static gboolean enroll_call(BusManager *manager, const struct asked *asked, GError **error)
{
	g_autoptr(GUnixFDList) fds = g_unix_fd_list_new();
	const gint32 key = secret_append(fds, asked->key, error);
	GVariantBuilder builder;
	GError *cause = NULL;

	g_variant_builder_init(&builder, G_VARIANT_TYPE_VARDICT);
	if (key < 0 || !option_add(&builder, fds, "pin", asked->pin, error) ||
	    !option_add(&builder, fds, "recovery_key", asked->recovery_key, error)) {
		g_variant_builder_clear(&builder);
		return FALSE;
	}
	return bus_manager_call_tpm_enroll_sync(manager, g_variant_new_handle(key),
						g_variant_builder_end(&builder), fds, NULL, NULL,
						&cause) ||
	       client_fail(error, cause);
}

static gboolean secrets_ask(const struct options *options, struct asked *asked, GError **error)
{
	asked->key = secretask_get(options->key_file, "Passphrase or recovery key of the volume",
				   error);
	if (asked->key == NULL)
		return FALSE;
	if (options->pin || options->pin_file != NULL)
		asked->pin = secretask_get_new(options->pin_file, "New PIN", error);
	return asked->pin != NULL || (!options->pin && options->pin_file == NULL);
}

static gboolean enroll(struct cli *cli, BusManager *manager, const struct options *options,
		       GError **error)
{
	g_autoptr(GVariant) status = status_get(manager, error);
	struct asked asked = { .key = NULL };
	gboolean done = status != NULL && secrets_ask(options, &asked, error);

	if (done && !flag(status, "recovery_key")) {
		asked.recovery_key = recoverykey_new();
		recovery_show(cli, asked.recovery_key);
	}
	done = done && enroll_call(manager, &asked, error);
	secret_free(asked.key);
	secret_free(asked.pin);
	secret_free(asked.recovery_key);
	return done;
}

static int tpm_run(struct cli *cli, int argc, char **argv, GError **error)
{
	g_autofree char *pin_file = NULL;
	g_autofree char *key_file = NULL;
	gboolean pin = FALSE;
	const GOptionEntry entries[] = {
		{ "pin", 0, 0, G_OPTION_ARG_NONE, &pin,
		  "with enroll: ask for a PIN, which each boot must be given", NULL },
		{ "pin-file", 0, 0, G_OPTION_ARG_FILENAME, &pin_file,
		  "with enroll: take that PIN out of a file; - is standard input", "FILE" },
		{ "recovery-key-file", 0, 0, G_OPTION_ARG_FILENAME, &key_file,
		  "with enroll: what opens the volume now, a recovery key or passphrase", "FILE" },
		{ .long_name = NULL },
	};
	g_autoptr(BusManager) manager = NULL;
	struct options options;

	if (!cli_parse(cli, entries, 1, &argc, &argv, error))
		return AZUPDATE_EXIT_USAGE;
	options = (struct options){ pin, pin_file, key_file };
	if (argc < 2 || (strcmp(argv[1], "status") != 0 && strcmp(argv[1], "enroll") != 0)) {
		failure_set(error, FAULT_ARGUMENT, "tpm: say status or enroll");
		return AZUPDATE_EXIT_USAGE;
	}
	manager = client_manager_unread(cli, error);
	if (manager == NULL)
		return AZUPDATE_EXIT_FAILED;
	if (strcmp(argv[1], "enroll") == 0 && !enroll(cli, manager, &options, error))
		return AZUPDATE_EXIT_FAILED;
	return status_show(cli, manager, error);
}

const struct command COMMAND_TPM = {
	.name = "tpm",
	.operands = "status|enroll",
	.summary = "how the encrypted var is unlocked",
	.description = "Shows how the encrypted var is unlocked, or seals a new key of it to the "
		       "TPM and to\n"
		       "the key of the running release's PCR signatures. If the volume has no "
		       "recovery key,\n"
		       "one is made first and shown once.",
	.run = tpm_run,
};
