/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>

#include "client.h"
#include "crypto.h"
#include "failure.h"
#include "quote.h"

static GVariant *nonce_parse(const char *text, GError **error)
{
	uint8_t nonce[QUOTE_NONCE_MAX];
	const size_t size_bytes = text != NULL ? strlen(text) / 2 : 0;
	g_autofree char *lower = text != NULL ? g_ascii_strdown(text, -1) : NULL;

	if (size_bytes >= QUOTE_NONCE_MIN && size_bytes <= QUOTE_NONCE_MAX &&
	    crypto_unhex(lower, nonce, size_bytes))
		return g_variant_new_fixed_array(G_VARIANT_TYPE_BYTE, nonce, size_bytes, 1);
	failure_set(error, FAULT_ARGUMENT, "attest: --nonce: give %d to %d bytes in hexadecimal",
		    QUOTE_NONCE_MIN, QUOTE_NONCE_MAX);
	return NULL;
}

static int attestation_show(struct cli *cli, const char *text, const char *output, GError **error)
{
	g_autoptr(GError) cause = NULL;
	g_autofree char *line = g_strconcat(text, "\n", NULL);

	if (output != NULL && !g_file_set_contents(output, line, -1, &cause)) {
		failure_set(error, FAULT_BUILD_OUTPUT, "%s", cause->message);
		return AZUPDATE_EXIT_FAILED;
	}
	if (output == NULL || cli->json)
		fputs(line, stdout);
	else
		printf("Written to %s: %zu bytes.\n", output, strlen(line));
	return AZUPDATE_EXIT_OK;
}

static int attest_run(struct cli *cli, int argc, char **argv, GError **error)
{
	g_autofree char *nonce_text = NULL;
	g_autofree char *output = NULL;
	const GOptionEntry options[] = {
		{ "nonce", 0, 0, G_OPTION_ARG_STRING, &nonce_text,
		  "16 to 64 bytes that the verifier has drawn", "HEX" },
		{ "output", 'o', 0, G_OPTION_ARG_FILENAME, &output, "default: standard output",
		  "FILE" },
		{ .long_name = NULL },
	};
	g_autoptr(BusManager) manager = NULL;
	g_autoptr(GVariant) nonce = NULL;
	g_autofree char *text = NULL;
	GError *cause = NULL;

	if (!cli_parse(cli, options, 0, &argc, &argv, error))
		return AZUPDATE_EXIT_USAGE;
	nonce = nonce_parse(nonce_text, error);
	if (nonce == NULL)
		return AZUPDATE_EXIT_USAGE;
	g_variant_ref_sink(nonce);
	manager = client_manager_unread(cli, error);
	if (manager == NULL)
		return AZUPDATE_EXIT_FAILED;
	if (!bus_manager_call_attest_sync(manager, nonce, &text, NULL, &cause)) {
		client_fail(error, cause);
		return AZUPDATE_EXIT_FAILED;
	}
	return attestation_show(cli, text, output, error);
}

const struct command COMMAND_ATTEST = {
	.name = "attest",
	.operands = "",
	.summary = "show what was booted, signed by the TPM",
	.description = "Makes an attestation: PCRs and a nonce, signed by a key of the TPM, with "
		       "event log and\n"
		       "the release's signed manifest. On another machine, azbundle attest-verify "
		       "checks it.",
	.run = attest_run,
};
