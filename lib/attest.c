/* SPDX-License-Identifier: MIT */
#include "attest.h"

#include <azupdate/azupdate.h>
#include <string.h>

#include "crypto.h"
#include "eventlog.h"
#include "failure.h"
#include "json.h"
#include "manifest.h"
#include "slot.h"

enum { SIGNATURE_SIZE_MAX = 64 * 1024 }; /* as boot headers have it */

void attest_free(struct attest *attest)
{
	if (attest == NULL)
		return;
	tpmquote_clear(&attest->quote);
	g_clear_pointer(&attest->log, g_bytes_unref);
	g_clear_pointer(&attest->manifest, g_bytes_unref);
	g_clear_pointer(&attest->signature, g_bytes_unref);
	g_free(attest);
}

static json_t *base64_json(GBytes *bytes)
{
	g_autofree char *text = NULL;

	if (bytes == NULL)
		return json_null();
	text = g_base64_encode(g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes));
	return json_string(text);
}

static json_t *pcrs_json(const struct tpmquote *quote)
{
	json_t *pcrs = json_object();

	for (unsigned pcr = 0; pcr < QUOTE_PCR_COUNT; pcr++) {
		g_autofree char *hex = crypto_hex(quote->pcrs.values[pcr], QUOTE_HASH_SIZE);
		char name[4];

		(void)g_snprintf(name, sizeof name, "%u", pcr); /* two digits at most */
		if (quote_has_pcr(pcr))
			json_object_set_new(pcrs, name, json_string(hex));
	}
	return pcrs;
}

static json_t *ek_json(const struct tpmquote *quote)
{
	json_t *certificates = json_array();

	for (unsigned i = 0; i < TPMQUOTE_EK_MAX; i++)
		if (quote->ek_certificates[i] != NULL)
			json_array_append_new(certificates, base64_json(quote->ek_certificates[i]));
	return certificates;
}

char *attest_encode(const struct attest *attest)
{
	static const char *const SLOTS[] = { "a", "b" };
	json_t *slot = attest->slot < SLOT_COUNT ? json_string(SLOTS[attest->slot]) : json_null();
	g_autoptr(JsonValue) object = json_pack(
		"{s:s, s:s, s:o, s:o, s:{s:o, s:o}, s:o, s:{s:o}, s:o, s:o, s:o, s:o}", "schema",
		AZUPDATE_SCHEMA_ATTESTATION, "azupdate", AZUPDATE_VERSION, "quote",
		base64_json(attest->quote.quote), "signature", base64_json(attest->quote.signature),
		"key", "public", base64_json(attest->quote.key), "certificate",
		base64_json(attest->quote.certificate), "ek_certificates", ek_json(&attest->quote),
		"pcrs", "sha256", pcrs_json(&attest->quote), "event_log", base64_json(attest->log),
		"slot", slot, "manifest", base64_json(attest->manifest), "manifest_signature",
		base64_json(attest->signature));

	return json_text(object, JSON_COMPACT);
}

static gboolean bad_member(const struct json_reader *reader, const char *key)
{
	return failure_set(reader->error, (fault)reader->code,
			   "%s: \"%s\" is missing or cannot be read", reader->what, key);
}

/* Exactly as an encoder would have it: GLib's decoder passes over what it does not know. */
static GBytes *base64_decode(json_t *value, size_t size_max)
{
	const char *text = json_string_value(value);
	g_autofree guchar *bytes = NULL;
	g_autofree char *again = NULL;
	gsize size_bytes = 0;

	if (text == NULL || json_string_length(value) > size_max / 3 * 4 + 4)
		return NULL;
	bytes = g_base64_decode(text, &size_bytes);
	again = g_base64_encode(bytes, size_bytes);
	if (strcmp(again, text) != 0 || size_bytes > size_max)
		return NULL;
	return g_bytes_new_take(g_steal_pointer(&bytes), size_bytes);
}

static gboolean bytes_get(const struct json_reader *reader, json_t *object, const char *key,
			  size_t size_max, GBytes **ret_bytes)
{
	*ret_bytes = base64_decode(json_object_get(object, key), size_max);
	return *ret_bytes != NULL || bad_member(reader, key);
}

/* NULL where it is null or missing. */
static gboolean bytes_get_any(const struct json_reader *reader, json_t *object, const char *key,
			      size_t size_max, GBytes **ret_bytes)
{
	json_t *value = json_object_get(object, key);

	return value == NULL || json_is_null(value) ||
	       bytes_get(reader, object, key, size_max, ret_bytes);
}

static gboolean pcrs_get(const struct json_reader *reader, json_t *object, struct tpmquote *quote)
{
	json_t *banks = json_get_object(reader, object, "pcrs");
	json_t *pcrs = banks != NULL ? json_get_object(reader, banks, "sha256") : NULL;

	if (pcrs == NULL)
		return FALSE;
	for (unsigned pcr = 0; pcr < QUOTE_PCR_COUNT; pcr++) {
		const char *text;
		char name[4];

		if (!quote_has_pcr(pcr))
			continue;
		(void)g_snprintf(name, sizeof name, "%u", pcr); /* two digits at most */
		text = json_get_text(reader, pcrs, name, (size_t)2 * QUOTE_HASH_SIZE);
		if (text == NULL)
			return FALSE;
		if (!crypto_unhex(text, quote->pcrs.values[pcr], QUOTE_HASH_SIZE))
			return bad_member(reader, name);
	}
	return TRUE;
}

static gboolean ek_get(const struct json_reader *reader, json_t *object, struct tpmquote *quote)
{
	json_t *list = json_object_get(object, "ek_certificates");

	if (list == NULL)
		return TRUE;
	if (!json_is_array(list) || json_array_size(list) > TPMQUOTE_EK_MAX)
		return bad_member(reader, "ek_certificates");
	for (size_t i = 0; i < json_array_size(list); i++) {
		quote->ek_certificates[i] = base64_decode(json_array_get(list, i),
							  TPMQUOTE_CERTIFICATE_MAX);
		if (quote->ek_certificates[i] == NULL)
			return bad_member(reader, "ek_certificates");
	}
	return TRUE;
}

static gboolean slot_get(const struct json_reader *reader, json_t *object, unsigned *ret_slot)
{
	json_t *value = json_object_get(object, "slot");
	const char *text = json_string_value(value);

	*ret_slot = SLOT_NONE;
	if (value == NULL || json_is_null(value))
		return TRUE;
	if (text == NULL || (strcmp(text, "a") != 0 && strcmp(text, "b") != 0))
		return bad_member(reader, "slot");
	*ret_slot = text[0] == 'a' ? SLOT_A : SLOT_B;
	return TRUE;
}

static gboolean members_get(const struct json_reader *reader, json_t *object, struct attest *attest)
{
	struct tpmquote *quote = &attest->quote;
	json_t *key = json_get_object(reader, object, "key");

	return key != NULL && bytes_get(reader, object, "quote", QUOTE_SIZE_MAX, &quote->quote) &&
	       bytes_get(reader, object, "signature", QUOTE_SIZE_MAX, &quote->signature) &&
	       bytes_get(reader, key, "public", QUOTE_SIZE_MAX, &quote->key) &&
	       bytes_get_any(reader, key, "certificate", TPMQUOTE_CERTIFICATE_MAX,
			     &quote->certificate) &&
	       ek_get(reader, object, quote) && pcrs_get(reader, object, quote) &&
	       bytes_get(reader, object, "event_log", EVENTLOG_SIZE_MAX, &attest->log) &&
	       slot_get(reader, object, &attest->slot) &&
	       bytes_get_any(reader, object, "manifest", MANIFEST_SIZE_MAX, &attest->manifest) &&
	       bytes_get_any(reader, object, "manifest_signature", SIGNATURE_SIZE_MAX,
			     &attest->signature);
}

struct attest *attest_decode(const char *bytes, size_t size_bytes, GError **error)
{
	const struct json_reader reader = { "attestation", FAULT_ATTEST_FILE, error };
	g_autoptr(Attest) attest = g_new0(struct attest, 1);
	g_autoptr(JsonValue) object = NULL;
	g_autofree char *why = NULL;
	const char *schema;

	if (size_bytes > ATTEST_SIZE_MAX) {
		failure_set(error, FAULT_ATTEST_FILE, "the attestation is larger than %d bytes",
			    ATTEST_SIZE_MAX);
		return NULL;
	}
	object = json_object_parse(bytes, size_bytes, &why);
	if (object == NULL) {
		failure_set(error, FAULT_ATTEST_FILE, "it is no attestation: %s", why);
		return NULL;
	}
	schema = json_string_value(json_object_get(object, "schema"));
	if (g_strcmp0(schema, AZUPDATE_SCHEMA_ATTESTATION) != 0) {
		failure_set(error, FAULT_ATTEST_FILE, "it is no %s", AZUPDATE_SCHEMA_ATTESTATION);
		return NULL;
	}
	return members_get(&reader, object, attest) ? g_steal_pointer(&attest) : NULL;
}
