/* SPDX-License-Identifier: MIT */
/* One function for each check, in the order of CHECKS: first those on which all others rest. */
#include "attestjudge.h"

#include <string.h>

#include "bytes.h"
#include "crypto.h"
#include "failure.h"
#include "faulttext.h"
#include "pcr11.h"
#include "slot.h"
#include "version.h"

struct judge {
	const struct attest *attest;
	const struct attestjudge_demand *demand;
	struct attestjudge_report *report;
	struct quote_key quote_key;
	struct quote quote;
	gboolean is_certified; /* the key, by somebody who was demanded */
	struct eventlog *log;  /* NULL: none that may be believed */
};

static void finding_free(gpointer data)
{
	struct attestjudge_finding *finding = data;

	g_free(finding->text);
	g_free(finding);
}

void attestjudge_report_free(struct attestjudge_report *report)
{
	if (report == NULL)
		return;
	g_ptr_array_unref(report->findings);
	g_free(report->print);
	pubkey_free(report->key);
	manifest_free(report->manifest);
	g_free(report->phase);
	g_free(report);
}

static void finding_add(struct judge *judge, const char *check, enum attestjudge_verdict verdict,
			fault why, char *text)
{
	struct attestjudge_finding *finding = g_new(struct attestjudge_finding, 1);

	*finding = (struct attestjudge_finding){ check, verdict, why, text };
	g_ptr_array_add(judge->report->findings, finding);
	if (verdict == ATTESTJUDGE_REFUSED)
		judge->report->good = FALSE;
}

static gboolean G_GNUC_PRINTF(3, 4)
	told(struct judge *judge, const char *check, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	finding_add(judge, check, ATTESTJUDGE_GOOD, FAULT_OK, g_strdup_vprintf(format, arguments));
	va_end(arguments);
	return TRUE;
}

static gboolean G_GNUC_PRINTF(3, 4)
	noted(struct judge *judge, const char *check, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	finding_add(judge, check, ATTESTJUDGE_NOTE, FAULT_OK, g_strdup_vprintf(format, arguments));
	va_end(arguments);
	return TRUE;
}

static gboolean G_GNUC_PRINTF(4, 5)
	refused(struct judge *judge, const char *check, fault why, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	finding_add(judge, check, ATTESTJUDGE_REFUSED, why, g_strdup_vprintf(format, arguments));
	va_end(arguments);
	return FALSE;
}

static gboolean refused_as(struct judge *judge, const char *check, const GError *error)
{
	return refused(judge, check, failure_code(error), "%s", error->message);
}

static gboolean refused_plainly(struct judge *judge, const char *check, fault why)
{
	return refused(judge, check, why, "%s", faulttext_find(why)->sentence);
}

static gboolean key_is_certified(struct judge *judge, const struct pubkey *key)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(Pubkey) certified = NULL;
	g_autofree char *name = NULL;

	if (judge->attest->quote.certificate == NULL)
		return refused(judge, "key", FAULT_ATTEST_KEY_UNKNOWN,
			       "the attestation key has no certificate");
	certified = pubkey_of_certificate(judge->attest->quote.certificate, judge->demand->anchors,
					  &name, &error);
	if (certified == NULL)
		return refused_as(judge, "key", error);
	if (!pubkey_equals(certified, key))
		return refused(judge, "key", FAULT_ATTEST_KEY_UNKNOWN,
			       "the certificate is of another key than the attestation's");
	judge->is_certified = TRUE;
	return told(judge, "key", "certified for %s", name);
}

static gboolean key_check(struct judge *judge)
{
	GBytes *area = judge->attest->quote.key;
	const fault why = quote_key_decode(g_bytes_get_data(area, NULL), g_bytes_get_size(area),
					   &judge->quote_key);
	struct attestjudge_report *report = judge->report;
	g_autoptr(GError) error = NULL;
	uint8_t print[PUBKEY_PRINT_SIZE];

	if (why != FAULT_OK)
		return refused_plainly(judge, "key", why);
	report->key = pubkey_of_quote(&judge->quote_key, &error);
	if (report->key == NULL)
		return refused_as(judge, "key", error);
	pubkey_print(report->key, print);
	report->print = crypto_hex(print, sizeof print);
	if (judge->demand->key != NULL && !pubkey_equals(judge->demand->key, report->key))
		return refused(judge, "key", FAULT_ATTEST_KEY_UNKNOWN,
			       "it is another key than the machine's: %s", report->print);
	if (judge->demand->anchors != NULL && !key_is_certified(judge, report->key))
		return FALSE;
	if (judge->demand->key != NULL)
		return told(judge, "key", "the machine's: %s", report->print);
	if (judge->is_certified)
		return TRUE;
	if (judge->demand->enrol)
		return noted(judge, "key", "believed unseen, to be enrolled: %s", report->print);
	return refused(judge, "key", FAULT_ATTEST_KEY_UNKNOWN, "no key is known: %s",
		       report->print);
}

static gboolean signature_check(struct judge *judge)
{
	const struct tpmquote *quote = &judge->attest->quote;
	struct quote_signature signature;
	const fault why = quote_signature_decode(g_bytes_get_data(quote->signature, NULL),
						 g_bytes_get_size(quote->signature), &signature);

	if (why != FAULT_OK)
		return refused_plainly(judge, "signature", why);
	if (!pubkey_verify(judge->report->key, quote->quote, &signature))
		return refused_plainly(judge, "signature", FAULT_ATTEST_SIGNATURE);
	return told(judge, "signature", "the quote is signed by this key");
}

static gboolean quote_check(struct judge *judge)
{
	GBytes *bytes = judge->attest->quote.quote;
	const fault why = quote_decode(g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes),
				       &judge->quote);

	if (why != FAULT_OK)
		return refused_plainly(judge, "quote", why);
	/* A certified key may stand anywhere below a hierarchy; ours stands right below. */
	if (!judge->is_certified && !quote_is_by_primary(&judge->quote, &judge->quote_key))
		return refused(judge, "quote", FAULT_ATTEST_KEY_KIND,
			       "the quote names another key than the one that is shown");
	return told(judge, "quote", "made by a TPM, over the PCRs that are wanted");
}

static gboolean nonce_check(struct judge *judge)
{
	const struct quote_bytes *nonce = &judge->quote.nonce;

	if (nonce->size_bytes != judge->demand->nonce_size ||
	    memcmp(nonce->bytes, judge->demand->nonce, nonce->size_bytes) != 0)
		return refused_plainly(judge, "nonce", FAULT_ATTEST_NONCE);
	return told(judge, "nonce", "the quote was made for this nonce");
}

static gboolean digest_check(struct judge *judge)
{
	uint8_t digest[QUOTE_HASH_SIZE];

	quote_digest(&judge->attest->quote.pcrs, digest);
	if (memcmp(digest, judge->quote.digest, sizeof digest) != 0)
		return refused_plainly(judge, "pcrs", FAULT_ATTEST_DIGEST);
	return told(judge, "pcrs", "the values are those that the TPM has signed");
}

static gboolean clock_check(struct judge *judge)
{
	const struct quote *quote = &judge->quote;
	struct attestseen *now = &judge->report->now;
	const struct attestseen *last;
	const char *why;

	*now = (struct attestseen){ MIN(quote->clock_ms, INT64_MAX), quote->reset_count,
				    quote->restart_count, quote->safe };
	last = judge->demand->seen != NULL
		       ? g_hash_table_lookup(judge->demand->seen, judge->report->print)
		       : NULL;
	why = last != NULL ? attestseen_judge(last, now) : NULL;
	if (why != NULL)
		return refused(judge, "clock", FAULT_ATTEST_CLOCK, "%s", why);
	if (judge->demand->seen != NULL && last == NULL)
		noted(judge, "clock", "nothing was seen of this TPM before");
	if (!quote->safe)
		noted(judge, "clock", "the TPM's clock may be behind, as after a power cut");
	return told(judge, "clock",
		    "the TPM was on for %" G_GUINT64_FORMAT ".%" G_GUINT64_FORMAT
		    " hours in all, with %u resets and %u resumes",
		    now->clock_ms / 3600000, now->clock_ms % 3600000 / 360000, now->reset_count,
		    now->restart_count);
}

/* Nothing that runs later extends these. */
static gboolean is_firmwares(unsigned pcr)
{
	return pcr <= 7 || (pcr >= 12 && pcr <= 14);
}

static gboolean log_replays(struct judge *judge, const struct eventlog *log)
{
	for (unsigned pcr = 0; pcr < QUOTE_PCR_COUNT; pcr++) {
		g_autoptr(GError) error = NULL;
		uint8_t value[PCR11_SIZE_MAX];

		if (!is_firmwares(pcr))
			continue;
		if (!eventlog_replay(log, pcr11_bank_find("sha256", NULL), pcr, value, &error))
			return refused_as(judge, "log", error);
		if (memcmp(value, judge->attest->quote.pcrs.values[pcr], QUOTE_HASH_SIZE) != 0)
			return refused(judge, "log", FAULT_ATTEST_LOG,
				       "the event log does not lead to PCR %u", pcr);
	}
	return TRUE;
}

static gboolean log_check(struct judge *judge)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(Eventlog) log = NULL;

	if (g_bytes_get_size(judge->attest->log) == 0)
		return noted(judge, "log",
			     "there is no event log: PCR 0 to 7 are values that nothing explains");
	log = eventlog_decode(judge->attest->log, &error);
	if (log == NULL)
		return refused_as(judge, "log", error);
	if (!log_replays(judge, log))
		return FALSE;
	judge->log = g_steal_pointer(&log);
	return told(judge, "log", "%u events lead to the PCRs of firmware and boot programs",
		    judge->log->events->len);
}

static gboolean release_is_known(const struct judge *judge)
{
	GPtrArray *known = judge->demand->known;

	for (guint i = 0; i < known->len; i++)
		if (g_bytes_equal(g_ptr_array_index(known, i), judge->attest->manifest))
			return TRUE;
	return FALSE;
}

static gboolean release_is_revoked(const struct judge *judge)
{
	const char *const *version = judge->demand->revoked;

	for (; version != NULL && *version != NULL; version++)
		if (version_compare(*version, judge->report->manifest->version) == 0)
			return TRUE;
	return FALSE;
}

static gboolean release_judge(struct judge *judge)
{
	const struct manifest *manifest = judge->report->manifest;

	if (judge->demand->known != NULL && !release_is_known(judge))
		return refused(judge, "known", FAULT_ATTEST_RELEASE,
			       "version %s is not among the known releases", manifest->version);
	if (release_is_revoked(judge))
		return refused(judge, "revoked", FAULT_ATTEST_REVOKED, "version %s is revoked",
			       manifest->version);
	if (manifest->security_version < judge->demand->security_version)
		return refused(judge, "revoked", FAULT_ATTEST_REVOKED,
			       "security version %" G_GUINT64_FORMAT
			       " is under the demanded %" G_GUINT64_FORMAT,
			       manifest->security_version, judge->demand->security_version);
	return judge->demand->known == NULL ||
	       told(judge, "known", "it is among the known releases");
}

static gboolean release_check(struct judge *judge)
{
	const struct attest *attest = judge->attest;
	g_autoptr(GError) error = NULL;
	g_autofree char *signers = NULL;
	struct manifest *manifest;

	if (attest->manifest == NULL || attest->signature == NULL)
		return refused(judge, "release", FAULT_ATTEST_RELEASE,
			       "the machine shows no release: it was not booted from a slot");
	if (!crypto_cms_verify(
		    g_bytes_get_data(attest->manifest, NULL), g_bytes_get_size(attest->manifest),
		    g_bytes_get_data(attest->signature, NULL), g_bytes_get_size(attest->signature),
		    judge->demand->keyring, &signers, &error))
		return refused_as(judge, "release", error);
	manifest = manifest_decode(g_bytes_get_data(attest->manifest, NULL),
				   g_bytes_get_size(attest->manifest), &error);
	if (manifest == NULL)
		return refused_as(judge, "release", error);
	judge->report->manifest = manifest;
	told(judge, "release",
	     "version %s of %s, security version %" G_GUINT64_FORMAT ", signed by %s",
	     manifest->version, manifest->product, manifest->security_version, signers);
	return release_judge(judge);
}

/* What the log has of PCR 11 is the stub's part, which the manifest predicts. */
static gboolean log_has_stub(const struct judge *judge, const char *predicted)
{
	uint8_t value[PCR11_SIZE_MAX];
	g_autofree char *hex = NULL;

	if (judge->log == NULL || !eventlog_has(judge->log, 11))
		return TRUE;
	if (!eventlog_replay(judge->log, pcr11_bank_find("sha256", NULL), 11, value, NULL))
		return FALSE;
	hex = crypto_hex(value, QUOTE_HASH_SIZE);
	return strcmp(hex, predicted) == 0;
}

static gboolean pcr11_check(struct judge *judge)
{
	const struct manifest *manifest = judge->report->manifest;
	g_autofree char *measured = crypto_hex(judge->attest->quote.pcrs.values[11],
					       QUOTE_HASH_SIZE);
	char *phase;

	if (manifest == NULL)
		return FALSE; /* that was refused already */
	if (manifest->pcr11_sha256 == NULL)
		return refused(judge, "pcr11", FAULT_ATTEST_PCR11,
			       "the release's manifest does not say what PCR 11 should be");
	phase = pcr11_path_find(manifest->pcr11_sha256, measured);
	if (phase == NULL)
		return refused(judge, "pcr11", FAULT_ATTEST_PCR11,
			       "PCR 11 is not what version %s makes of it, in any phase",
			       manifest->version);
	if (!log_has_stub(judge, manifest->pcr11_sha256)) {
		g_free(phase);
		return refused(judge, "pcr11", FAULT_ATTEST_LOG,
			       "the event log has another UKI in PCR 11 than the manifest");
	}
	judge->report->phase = phase;
	return told(judge, "pcr11", "PCR 11 is what the release's UKI makes of it, phase: %s",
		    phase[0] != '\0' ? phase : "none yet");
}

static gboolean extras_check(struct judge *judge)
{
	const uint8_t *arguments = judge->attest->quote.pcrs.values[12];
	const uint8_t *extensions = judge->attest->quote.pcrs.values[13];
	const gboolean none = bytes_are_zero(arguments, QUOTE_HASH_SIZE) &&
			      bytes_are_zero(extensions, QUOTE_HASH_SIZE);

	if (none)
		return told(judge, "extras",
			    "no kernel arguments, credentials or extensions but the signed ones");
	if (!judge->demand->extras)
		return refused_plainly(judge, "extras", FAULT_ATTEST_EXTRAS);
	return noted(judge, "extras", "%s", faulttext_find(FAULT_ATTEST_EXTRAS)->sentence);
}

static gboolean azboot_tell(struct judge *judge)
{
	static const char *const REASONS[SLOT_REASON_COUNT] = {
		[SLOT_REASON_NONE] = "?",
		[SLOT_REASON_ONCE] = "chosen for one boot",
		[SLOT_REASON_TRIAL] = "on trial",
		[SLOT_REASON_PREFERRED] = "the preferred one",
		[SLOT_REASON_FALLBACK] = "as the fallback",
		[SLOT_REASON_LAST_RESORT] = "as the last resort",
	};
	const struct eventlog_azboot *azboot = &judge->report->azboot;
	const struct faulttext *met = faulttext_find(azboot->fault);

	if (!azboot->closed)
		noted(judge, "azboot",
		      "the firmware has not measured that it handed over: the system itself "
		      "could have added azboot's decision");
	if (azboot->fault != FAULT_OK)
		noted(judge, "azboot", "at this boot azboot met fault %u %s: %s", azboot->fault,
		      met->name, met->sentence);
	return told(judge, "azboot",
		    "azboot started slot %s, %s; floor %" G_GUINT64_FORMAT
		    ", security version %" G_GUINT64_FORMAT "%s",
		    azboot->slot == SLOT_A ? "a" : "b", REASONS[azboot->reason], azboot->floor,
		    azboot->security_version,
		    azboot->stored ? "" : "; the boot record could not be stored");
}

static gboolean azboot_check(struct judge *judge)
{
	struct attestjudge_report *report = judge->report;
	const struct manifest *manifest = report->manifest;
	const struct eventlog_azboot *azboot = &report->azboot;

	if (judge->log == NULL)
		return TRUE; /* there is nothing to look into, which was told */
	report->azboot_found = eventlog_azboot_find(judge->log, &report->azboot);
	switch (report->azboot_found) {
	case EVENTLOG_ABSENT:
		return noted(judge, "azboot", "the event log has no decision of azboot");
	case EVENTLOG_FORGED:
		return refused(judge, "azboot", FAULT_ATTEST_AZBOOT,
			       "the event log shows a decision of azboot that was not measured");
	case EVENTLOG_PRESENT:
		break;
	}
	if (judge->attest->slot != azboot->slot)
		return refused(judge, "azboot", FAULT_ATTEST_AZBOOT,
			       "azboot started another slot than the machine says");
	if (manifest != NULL && manifest->security_version != azboot->security_version)
		return refused(judge, "azboot", FAULT_ATTEST_AZBOOT,
			       "azboot started security version %" G_GUINT64_FORMAT
			       ", the manifest has %" G_GUINT64_FORMAT,
			       azboot->security_version, manifest->security_version);
	return azboot_tell(judge);
}

static gboolean secure_boot_check(struct judge *judge)
{
	struct attestjudge_report *report = judge->report;
	const char *what;

	if (judge->log != NULL)
		report->secure_boot_found = eventlog_secure_boot_find(judge->log,
								      &report->secure_boot);
	if (report->secure_boot_found == EVENTLOG_PRESENT && report->secure_boot)
		return told(judge, "secure-boot", "Secure Boot was on");
	what = "it is not known whether Secure Boot was on";
	if (report->secure_boot_found == EVENTLOG_PRESENT)
		what = "Secure Boot was off";
	if (judge->demand->secure_boot)
		return refused(judge, "secure-boot", FAULT_ATTEST_SECURE_BOOT, "%s", what);
	return noted(judge, "secure-boot", "%s", what);
}

/* Whoever runs instead of azboot can extend PCR 11 as a release would: what speaks for azboot is
 * its hash in PCR 4, or Secure Boot and whose keys it trusts, in PCR 7. */
static gboolean boot_program_tell(struct judge *judge)
{
	const struct attestjudge_report *report = judge->report;
	GArray *pcrs = judge->demand->pcrs;

	for (guint i = 0; pcrs != NULL && i < pcrs->len; i++) {
		const unsigned pcr = g_array_index(pcrs, struct attestjudge_pcr, i).pcr;

		if (pcr == 4 || pcr == 7)
			return TRUE;
	}
	if (report->secure_boot_found == EVENTLOG_PRESENT && report->secure_boot)
		return noted(judge, "demanded",
			     "whose keys Secure Boot trusts is told by the value of PCR 7, which "
			     "was not demanded");
	return noted(judge, "demanded",
		     "neither Secure Boot nor the value of PCR 4 or 7 speaks for the boot program, "
		     "which could have made up PCR 11");
}

static gboolean demanded_check(struct judge *judge)
{
	GArray *pcrs = judge->demand->pcrs;
	const guint count = pcrs != NULL ? pcrs->len : 0;

	for (guint i = 0; i < count; i++) {
		const struct attestjudge_pcr *wanted = &g_array_index(pcrs, struct attestjudge_pcr,
								      i);
		const uint8_t *value = judge->attest->quote.pcrs.values[wanted->pcr];
		g_autofree char *hex = crypto_hex(value, QUOTE_HASH_SIZE);

		if (memcmp(wanted->value, value, QUOTE_HASH_SIZE) != 0)
			return refused(judge, "demanded", FAULT_ATTEST_PCR, "PCR %u is %s",
				       wanted->pcr, hex);
	}
	if (count > 0)
		told(judge, "demanded", "%u PCRs have the values that are demanded", count);
	return boot_program_tell(judge);
}

struct check {
	gboolean (*run)(struct judge *judge);
	gboolean is_base; /* nothing else is worth looking at if it fails */
};

static const struct check CHECKS[] = {
	{ key_check, TRUE },       { signature_check, TRUE }, { quote_check, TRUE },
	{ nonce_check, TRUE },     { digest_check, TRUE },    { clock_check, FALSE },
	{ log_check, FALSE },      { release_check, FALSE },  { pcr11_check, FALSE },
	{ extras_check, FALSE },   { azboot_check, FALSE },   { secure_boot_check, FALSE },
	{ demanded_check, FALSE },
};

/* Names come out of certificates and manifests: what a terminal would obey is not told. */
static void texts_clean(GPtrArray *findings)
{
	for (guint i = 0; i < findings->len; i++) {
		struct attestjudge_finding *finding = g_ptr_array_index(findings, i);
		char *text = g_utf8_make_valid(finding->text, -1);

		for (char *at = text; *at != '\0'; at++)
			if (g_ascii_iscntrl(*at))
				*at = '?';
		g_free(finding->text);
		finding->text = text;
	}
}

struct attestjudge_report *attestjudge(const struct attest *attest,
				       const struct attestjudge_demand *demand)
{
	struct attestjudge_report *report = g_new0(struct attestjudge_report, 1);
	struct judge judge = { .attest = attest, .demand = demand, .report = report };

	report->good = TRUE;
	report->findings = g_ptr_array_new_with_free_func(finding_free);
	for (size_t i = 0; i < G_N_ELEMENTS(CHECKS); i++)
		if (!CHECKS[i].run(&judge) && CHECKS[i].is_base)
			break;
	eventlog_free(judge.log);
	texts_clean(report->findings);
	return report;
}
