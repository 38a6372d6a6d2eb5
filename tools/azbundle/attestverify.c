/* SPDX-License-Identifier: MIT */
#include <azupdate/azupdate.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "attestjudge.h"
#include "command.h"
#include "crypto.h"
#include "failure.h"
#include "faulttext.h"
#include "json.h"

enum { KNOWN_MAX = 4096 }; /* manifests */

struct arguments {
	char *nonce;
	char *keyring;
	char *key;
	char *anchors;
	char *enrol;
	char *state;
	char *known;
	char **revoked;
	char *security_version;
	char **pcrs;
	gboolean extras;
	gboolean secure_boot;
	gboolean json;
};

/* What arguments come to. */
struct inputs {
	uint8_t nonce[QUOTE_NONCE_MAX];
	struct pubkey *key;
	GPtrArray *known;
	GArray *pcrs;
	GHashTable *seen;
	struct attest *attest;
	struct attestjudge_demand demand;
};

static void inputs_clear(struct inputs *inputs)
{
	pubkey_free(inputs->key);
	g_clear_pointer(&inputs->known, g_ptr_array_unref);
	g_clear_pointer(&inputs->pcrs, g_array_unref);
	g_clear_pointer(&inputs->seen, g_hash_table_unref);
	attest_free(inputs->attest);
}

static gboolean nonce_parse(const char *text, struct inputs *inputs, GError **error)
{
	const size_t size_bytes = strlen(text) / 2;
	g_autofree char *lower = g_ascii_strdown(text, -1);

	if (size_bytes < QUOTE_NONCE_MIN || size_bytes > QUOTE_NONCE_MAX ||
	    !crypto_unhex(lower, inputs->nonce, size_bytes))
		return failure_set(error, FAULT_ARGUMENT,
				   "--nonce: give %d to %d bytes in hexadecimal", QUOTE_NONCE_MIN,
				   QUOTE_NONCE_MAX);
	inputs->demand.nonce = inputs->nonce;
	inputs->demand.nonce_size = size_bytes;
	return TRUE;
}

/* "7:HEX" */
static gboolean pcr_parse(const char *text, struct attestjudge_pcr *ret_pcr, GError **error)
{
	g_auto(GStrv) parts = g_strsplit(text, ":", 2);
	guint64 pcr;

	if (g_strv_length(parts) != 2 ||
	    !g_ascii_string_to_unsigned(parts[0], 10, 0, QUOTE_PCR_COUNT - 1, &pcr, NULL) ||
	    !quote_has_pcr((unsigned)pcr) ||
	    !crypto_unhex(parts[1], ret_pcr->value, sizeof ret_pcr->value))
		return failure_set(error, FAULT_ARGUMENT,
				   "--pcr=%s: give 0 to 7 or 11 to 15, a colon, and 64 hex digits",
				   text);
	ret_pcr->pcr = (unsigned)pcr;
	return TRUE;
}

static gboolean pcrs_parse(char **texts, struct inputs *inputs, GError **error)
{
	inputs->pcrs = g_array_new(FALSE, FALSE, sizeof(struct attestjudge_pcr));
	for (; texts != NULL && *texts != NULL; texts++) {
		struct attestjudge_pcr pcr;

		if (!pcr_parse(*texts, &pcr, error))
			return FALSE;
		g_array_append_val(inputs->pcrs, pcr);
	}
	inputs->demand.pcrs = inputs->pcrs;
	return TRUE;
}

static gboolean known_load(const char *path, struct inputs *inputs, GError **error)
{
	g_autoptr(GError) why = NULL;
	g_autoptr(GDir) folder = g_dir_open(path, 0, &why);
	const char *name;

	if (folder == NULL)
		return failure_set(error, FAULT_BUILD_INPUT, "%s", why->message);
	inputs->known = g_ptr_array_new_with_free_func((GDestroyNotify)g_bytes_unref);
	while ((name = g_dir_read_name(folder)) != NULL) {
		g_autofree char *file = g_build_filename(path, name, NULL);
		GBytes *manifest;

		if (!g_str_has_suffix(name, ".json"))
			continue;
		manifest = inputs->known->len < KNOWN_MAX ? command_file(file, error) : NULL;
		if (inputs->known->len == KNOWN_MAX)
			return failure_set(error, FAULT_BUILD_INPUT,
					   "%s holds more than %d manifests", path, KNOWN_MAX);
		if (manifest == NULL)
			return FALSE;
		g_ptr_array_add(inputs->known, manifest);
	}
	inputs->demand.known = inputs->known;
	return TRUE;
}

static gboolean key_load(const struct arguments *arguments, struct inputs *inputs, GError **error)
{
	const gboolean both = arguments->key != NULL && arguments->enrol != NULL;
	const gboolean none = arguments->key == NULL && arguments->enrol == NULL;

	if (both || (none && arguments->anchors == NULL))
		return failure_set(error, FAULT_ARGUMENT,
				   "say how the attestation key is known: --ak, --ak-ca or, once, "
				   "--enrol");
	if (arguments->enrol != NULL && g_file_test(arguments->enrol, G_FILE_TEST_EXISTS))
		return failure_set(error, FAULT_BUILD_OUTPUT,
				   "%s exists: a key is enrolled once, give it with --ak",
				   arguments->enrol);
	inputs->demand.anchors = arguments->anchors;
	inputs->demand.enrol = arguments->enrol != NULL;
	if (arguments->key != NULL)
		inputs->key = pubkey_load(arguments->key, error);
	inputs->demand.key = inputs->key;
	return arguments->key == NULL || inputs->key != NULL;
}

/* No more than it may have: the file is from outside. */
static struct attest *attest_load(const char *path, GError **error)
{
	FILE *file = fopen(path, "r");
	g_autofree char *text = NULL;
	size_t size_bytes;

	if (file == NULL) {
		failure_set(error, FAULT_BUILD_INPUT, "cannot read %s: %s", path,
			    g_strerror(errno));
		return NULL;
	}
	text = g_malloc(ATTEST_SIZE_MAX + 1);
	size_bytes = fread(text, 1, ATTEST_SIZE_MAX + 1, file);
	fclose(file); /* what was read is checked below */
	return attest_decode(text, size_bytes, error);
}

static gboolean inputs_load(const struct arguments *arguments, const char *path,
			    struct inputs *inputs, GError **error)
{
	struct attestjudge_demand *demand = &inputs->demand;

	demand->keyring = arguments->keyring;
	demand->revoked = (const char *const *)arguments->revoked;
	demand->extras = arguments->extras;
	demand->secure_boot = arguments->secure_boot;
	if (arguments->security_version != NULL &&
	    !g_ascii_string_to_unsigned(arguments->security_version, 10, 0, G_MAXINT64,
					&demand->security_version, NULL))
		return failure_set(error, FAULT_ARGUMENT,
				   "--security-version=%s: give a decimal number",
				   arguments->security_version);
	if (!nonce_parse(arguments->nonce, inputs, error) ||
	    !pcrs_parse(arguments->pcrs, inputs, error) || !key_load(arguments, inputs, error))
		return FALSE;
	if (arguments->known != NULL && !known_load(arguments->known, inputs, error))
		return FALSE;
	if (arguments->state != NULL) {
		inputs->seen = attestseen_load(arguments->state, error);
		if (inputs->seen == NULL)
			return FALSE;
		demand->seen = inputs->seen;
	}
	inputs->attest = attest_load(path, error);
	return inputs->attest != NULL;
}

static const char *const VERDICTS[] = {
	[ATTESTJUDGE_GOOD] = "good",
	[ATTESTJUDGE_NOTE] = "note",
	[ATTESTJUDGE_REFUSED] = "refused",
};

static void report_print(const struct attestjudge_report *report)
{
	for (guint i = 0; i < report->findings->len; i++) {
		const struct attestjudge_finding *finding = g_ptr_array_index(report->findings, i);
		const struct faulttext *text = faulttext_find(finding->why);

		printf("%-7s  %-11s  %s", VERDICTS[finding->verdict], finding->check,
		       finding->text);
		if (finding->why != FAULT_OK)
			printf(" (fault %u %s: %s)", text->number, text->name, text->advice);
		putchar('\n');
	}
}

static json_t *text_json(const char *text)
{
	return text != NULL ? json_string(text) : json_null();
}

static json_t *azboot_json(const struct attestjudge_report *report)
{
	static const char *const REASONS[] = { "none",      "once",     "trial",
					       "preferred", "fallback", "last-resort" };
	const struct eventlog_azboot *azboot = &report->azboot;

	if (report->azboot_found != EVENTLOG_PRESENT)
		return json_null();
	return json_pack("{s:s, s:s, s:b, s:i, s:I, s:I}", "slot", azboot->slot == 0 ? "a" : "b",
			 "reason", REASONS[azboot->reason], "stored", azboot->stored, "fault",
			 (int)azboot->fault, "floor", (json_int_t)MIN(azboot->floor, INT64_MAX),
			 "security_version", (json_int_t)MIN(azboot->security_version, INT64_MAX));
}

static json_t *findings_json(const struct attestjudge_report *report)
{
	json_t *findings = json_array();

	for (guint i = 0; i < report->findings->len; i++) {
		const struct attestjudge_finding *finding = g_ptr_array_index(report->findings, i);

		json_array_append_new(
			findings,
			json_pack("{s:s, s:s, s:i, s:s, s:s}", "check", finding->check, "verdict",
				  VERDICTS[finding->verdict], "fault", (int)finding->why, "name",
				  faulttext_find(finding->why)->name, "text", finding->text));
	}
	return findings;
}

static void report_print_json(const struct attestjudge_report *report)
{
	const struct manifest *manifest = report->manifest;
	json_t *secure_boot = report->secure_boot_found == EVENTLOG_PRESENT
				      ? json_boolean(report->secure_boot)
				      : json_null();
	json_t *security_version = manifest != NULL
					   ? json_integer((json_int_t)manifest->security_version)
					   : json_null();
	g_autoptr(JsonValue) object = json_pack(
		"{s:s, s:b, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "schema",
		AZUPDATE_SCHEMA_ATTESTED, "good", report->good, "key", text_json(report->print),
		"product", text_json(manifest != NULL ? manifest->product : NULL), "version",
		text_json(manifest != NULL ? manifest->version : NULL), "security_version",
		security_version, "phase", text_json(report->phase), "secure_boot", secure_boot,
		"azboot", azboot_json(report), "findings", findings_json(report));
	char *text = json_dumps(object, JSON_COMPACT);

	puts(text);
	free(text); /* jansson's */
}

/* Only of an attestation that holds all that was demanded. */
static gboolean report_keep(const struct arguments *arguments, struct inputs *inputs,
			    const struct attestjudge_report *report, GError **error)
{
	g_autofree char *pem = arguments->enrol != NULL ? pubkey_pem(report->key) : NULL;
	g_autoptr(GError) why = NULL;

	if (pem != NULL && !g_file_set_contents(arguments->enrol, pem, -1, &why))
		return failure_set(error, FAULT_BUILD_OUTPUT, "%s", why->message);
	if (inputs->seen == NULL)
		return TRUE;
	attestseen_note(inputs->seen, report->print, &report->now);
	return attestseen_save(arguments->state, inputs->seen, error);
}

static gboolean verify(const struct arguments *arguments, struct inputs *inputs, GError **error)
{
	g_autoptr(AttestReport) report = attestjudge(inputs->attest, &inputs->demand);
	const struct attestjudge_finding *first = NULL;

	if (arguments->json)
		report_print_json(report);
	else
		report_print(report);
	if (report->good)
		return report_keep(arguments, inputs, report, error);
	for (guint i = 0; first == NULL; i++) {
		const struct attestjudge_finding *finding = g_ptr_array_index(report->findings, i);

		first = finding->verdict == ATTESTJUDGE_REFUSED ? finding : NULL;
	}
	return failure_set(error, first->why, "%s", first->text);
}

static gboolean arguments_parse(int *argc, char ***argv, struct arguments *arguments,
				GError **error)
{
	const GOptionEntry entries[] = {
		{ "nonce", 0, 0, G_OPTION_ARG_STRING, &arguments->nonce,
		  "what the machine was asked with", "HEX" },
		{ "keyring", 0, 0, G_OPTION_ARG_FILENAME, &arguments->keyring,
		  "certificates that are trusted to sign releases", "FILE or FOLDER" },
		{ "ak", 0, 0, G_OPTION_ARG_FILENAME, &arguments->key,
		  "the machine's attestation key, PEM", "FILE" },
		{ "ak-ca", 0, 0, G_OPTION_ARG_FILENAME, &arguments->anchors,
		  "certificates of who certifies attestation keys, PEM", "FILE" },
		{ "enrol", 0, 0, G_OPTION_ARG_FILENAME, &arguments->enrol,
		  "believe the key unseen, and write it there if all else is good", "FILE" },
		{ "state", 0, 0, G_OPTION_ARG_FILENAME, &arguments->state,
		  "refuse TPMs whose clock or counters went back since the last time", "FILE" },
		{ "known", 0, 0, G_OPTION_ARG_FILENAME, &arguments->known,
		  "only releases whose manifest is there, as *.json", "FOLDER" },
		{ "revoked", 0, 0, G_OPTION_ARG_STRING_ARRAY, &arguments->revoked,
		  "not this version; can be repeated", "VERSION" },
		{ "security-version", 0, 0, G_OPTION_ARG_STRING, &arguments->security_version,
		  "no release with a lower one", "N" },
		{ "pcr", 0, 0, G_OPTION_ARG_STRING_ARRAY, &arguments->pcrs,
		  "this PCR has this value; can be repeated", "N:HEX" },
		{ "secure-boot", 0, 0, G_OPTION_ARG_NONE, &arguments->secure_boot,
		  "Secure Boot was on, as the event log proves", NULL },
		{ "allow-extras", 0, 0, G_OPTION_ARG_NONE, &arguments->extras,
		  "kernel arguments, credentials and extensions besides the signed ones", NULL },
		{ "json", 0, 0, G_OPTION_ARG_NONE, &arguments->json, "print JSON", NULL },
		G_OPTION_ENTRY_NULL
	};

	return command_parse(
		       argc, argv, "FILE",
		       "Checks an attestation that azupdate attest has made on another machine, "
		       "and tells what was booted there.",
		       entries, 1, error) &&
	       command_need("nonce", arguments->nonce, error) &&
	       command_need("keyring", arguments->keyring, error);
}

static void arguments_clear(struct arguments *arguments)
{
	g_free(arguments->nonce);
	g_free(arguments->keyring);
	g_free(arguments->key);
	g_free(arguments->anchors);
	g_free(arguments->enrol);
	g_free(arguments->state);
	g_free(arguments->known);
	g_strfreev(arguments->revoked);
	g_free(arguments->security_version);
	g_strfreev(arguments->pcrs);
}

gboolean command_attest_verify(int argc, char **argv, GError **error)
{
	struct arguments arguments = { .nonce = NULL };
	struct inputs inputs = { .key = NULL };
	const gboolean done = arguments_parse(&argc, &argv, &arguments, error) &&
			      inputs_load(&arguments, argv[1], &inputs, error) &&
			      verify(&arguments, &inputs, error);

	inputs_clear(&inputs);
	arguments_clear(&arguments);
	return done;
}
