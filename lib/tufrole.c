/* SPDX-License-Identifier: MIT */
#include "tufrole.h"

#include <string.h>

#include "canonjson.h"
#include "crypto.h"
#include "failure.h"
#include "tufrole_private.h"

enum {
	ID_MAX = 128, /* of a key that signed; others than 64 match no key */
	WORD_MAX = 64,
	TIME_CHARACTERS = 20,
};

struct signature {
	char *id;
	GBytes *bytes; /* empty: it was no hex */
};

static void signature_free(gpointer data)
{
	struct signature *signature = data;

	g_free(signature->id);
	g_bytes_unref(signature->bytes);
	g_free(signature);
}

/* --- fields --- */

gboolean tufreader_fail(const struct tufreader *reader, const char *field, const char *problem)
{
	return failure_set(reader->error, FAULT_TUF_FIELD, "%s: \"%.80s\" %s", reader->role, field,
			   problem);
}

json_t *tufreader_object(const struct tufreader *reader, json_t *object, const char *field,
			 size_t max)
{
	json_t *value = json_object_get(object, field);

	if (!json_is_object(value))
		tufreader_fail(reader, field, "is missing or no object");
	else if (json_object_size(value) > max)
		tufreader_fail(reader, field, "has too many members");
	else
		return value;
	return NULL;
}

json_t *tufreader_array(const struct tufreader *reader, json_t *object, const char *field,
			size_t max)
{
	json_t *value = json_object_get(object, field);

	if (!json_is_array(value))
		tufreader_fail(reader, field, "is missing or no array");
	else if (json_array_size(value) > max)
		tufreader_fail(reader, field, "has too many members");
	else
		return value;
	return NULL;
}

const char *tufreader_text(const struct tufreader *reader, json_t *object, const char *field,
			   size_t max)
{
	json_t *value = json_object_get(object, field);

	if (json_is_string(value) && json_string_length(value) > 0 &&
	    json_string_length(value) <= max)
		return json_string_value(value);
	tufreader_fail(reader, field, "is missing, no text, empty or too long");
	return NULL;
}

gboolean tufreader_number(const struct tufreader *reader, json_t *object, const char *field,
			  uint64_t *ret_number)
{
	json_t *value = json_object_get(object, field);

	if (!json_is_integer(value) || json_integer_value(value) < 0 ||
	    (uint64_t)json_integer_value(value) > TUFROLE_NUMBER_MAX)
		return tufreader_fail(reader, field, "is missing or no integer from 0 to 2^53 - 1");
	*ret_number = (uint64_t)json_integer_value(value);
	return TRUE;
}

/* --- times --- */

char *tufrole_time_format(gint64 time_s)
{
	g_autoptr(GDateTime) time = g_date_time_new_from_unix_utc(time_s);

	return time != NULL ? g_date_time_format(time, "%Y-%m-%dT%H:%M:%SZ") : g_strdup("never");
}

/* Written back it must be the same text: so nothing that a lenient reader lets pass does. */
gboolean tufrole_time_parse(const char *text, gint64 *ret_s)
{
	g_autoptr(GDateTime) time = NULL;
	g_autofree char *again = NULL;

	if (strlen(text) != TIME_CHARACTERS)
		return FALSE;
	time = g_date_time_new_from_iso8601(text, NULL);
	if (time == NULL)
		return FALSE;
	again = tufrole_time_format(g_date_time_to_unix(time));
	if (strcmp(again, text) != 0 || g_date_time_to_unix(time) < 0)
		return FALSE;
	*ret_s = g_date_time_to_unix(time);
	return TRUE;
}

gboolean tufrole_check_time(const struct tufrole *role, gint64 now_s, GError **error)
{
	g_autofree char *end = NULL;
	g_autofree char *now = NULL;

	if (role->expires_s > now_s)
		return TRUE;
	end = tufrole_time_format(role->expires_s);
	now = tufrole_time_format(now_s);
	return failure_set(error, FAULT_TUF_EXPIRED,
			   "%s version %" G_GUINT64_FORMAT " expired at %s, and it is %s",
			   role->name, role->version, end, now);
}

/* --- signatures --- */

static GBytes *hex_decode(const char *text)
{
	const size_t size_bytes = strlen(text) / 2;
	g_autofree uint8_t *bytes = g_malloc(size_bytes + 1);

	if (size_bytes > TUFROLE_SIGNATURE_SIZE_MAX || !crypto_unhex(text, bytes, size_bytes))
		return g_bytes_new(NULL, 0);
	return g_bytes_new(bytes, size_bytes);
}

static gboolean signature_twice(const struct tufreader *reader, const char *id)
{
	g_autofree char *shown = g_strescape(id, NULL);

	return failure_set(reader->error, FAULT_TUF_SIGNATURE_TWICE,
			   "%s: two signatures by key %.16s", reader->role, shown);
}

static gboolean signature_take(struct tufrole *role, const struct tufreader *reader, json_t *value)
{
	const char *id = tufreader_text(reader, value, "keyid", ID_MAX);
	const char *text = json_string_value(json_object_get(value, "sig"));
	struct signature *signature;

	if (id == NULL)
		return FALSE;
	if (text == NULL)
		return tufreader_fail(reader, "sig", "is missing or no text");
	for (guint i = 0; i < role->signatures->len; i++) {
		const struct signature *other = role->signatures->pdata[i];

		if (strcmp(other->id, id) == 0)
			return signature_twice(reader, id);
	}
	signature = g_new0(struct signature, 1);
	signature->id = g_strdup(id);
	signature->bytes = hex_decode(text);
	g_ptr_array_add(role->signatures, signature);
	return TRUE;
}

static gboolean signatures_take(struct tufrole *role, const struct tufreader *reader)
{
	json_t *list = tufreader_array(reader, role->document, "signatures",
				       TUFROLE_SIGNATURES_MAX);

	if (list == NULL)
		return FALSE;
	role->signatures = g_ptr_array_new_with_free_func(signature_free);
	for (size_t i = 0; i < json_array_size(list); i++)
		if (!signature_take(role, reader, json_array_get(list, i)))
			return FALSE;
	return TRUE;
}

static const struct tufkey *signer_find(const struct tufrole *role, const struct tufgrant *grant,
					const struct signature *signature)
{
	for (guint i = 0; i < grant->keys->len; i++) {
		const struct tufkey *key = grant->keys->pdata[i];

		if (strcmp(tufkey_id(key), signature->id) == 0)
			return tufkey_verify(key, role->canonical, signature->bytes) ? key : NULL;
	}
	return NULL;
}

static gboolean print_is_in(const GPtrArray *prints, const uint8_t *print)
{
	for (guint i = 0; i < prints->len; i++)
		if (memcmp(prints->pdata[i], print, TUFKEY_PRINT_SIZE) == 0)
			return TRUE;
	return FALSE;
}

gboolean tufrole_verify(const struct tufrole *role, const struct tufgrant *grant, GError **error)
{
	g_autoptr(GPtrArray) prints = g_ptr_array_new();

	for (guint i = 0; i < role->signatures->len; i++) {
		const struct tufkey *key = signer_find(role, grant, role->signatures->pdata[i]);

		if (key != NULL && !print_is_in(prints, tufkey_print(key)))
			g_ptr_array_add(prints, (gpointer)tufkey_print(key));
	}
	/* The second condition cannot be without the first; a mistake here would be the worst. */
	if (prints->len >= grant->threshold && prints->len > 0)
		return TRUE;
	return failure_set(error, FAULT_TUF_SIGNATURES,
			   "%s version %" G_GUINT64_FORMAT
			   ": %u good signatures of %" G_GUINT64_FORMAT " that are needed",
			   role->name, role->version, prints->len, grant->threshold);
}

/* --- the envelope --- */

/* Nothing of it is signed for yet: it must not reach a terminal as it is. */
static gboolean text_fail(const struct tufreader *reader, fault why, const char *what,
			  const char *text)
{
	g_autofree char *shown = g_strescape(text, NULL);

	return failure_set(reader->error, why, "%s: %s \"%s\"", reader->role, what, shown);
}

static gboolean type_check(const struct tufrole *role, const struct tufreader *reader, json_t *body)
{
	static const char *const NAMES[] = { "root", "timestamp", "snapshot", "targets" };
	const char *type = tufreader_text(reader, body, "_type", WORD_MAX);
	const char *spec = NULL;

	if (type == NULL)
		return FALSE;
	if (strcmp(type, NAMES[role->kind]) != 0)
		return text_fail(reader, FAULT_TUF_TYPE, "its type is", type);
	spec = tufreader_text(reader, body, "spec_version", WORD_MAX);
	if (spec == NULL)
		return FALSE;
	if (spec[0] == '1' && spec[1] == '.' && g_ascii_isdigit(spec[2]) &&
	    strspn(spec, "0123456789.") == strlen(spec))
		return TRUE;
	return text_fail(reader, FAULT_TUF_SPEC, "its spec_version is", spec);
}

static gboolean common_take(struct tufrole *role, const struct tufreader *reader, json_t *body)
{
	const char *expires;

	if (!type_check(role, reader, body) ||
	    !tufreader_number(reader, body, "version", &role->version))
		return FALSE;
	if (role->version == 0)
		return tufreader_fail(reader, "version", "is 0");
	expires = tufreader_text(reader, body, "expires", WORD_MAX);
	if (expires == NULL)
		return FALSE;
	return tufrole_time_parse(expires, &role->expires_s) ||
	       tufreader_fail(reader, "expires", "is no time like 2026-11-26T09:00:00Z");
}

static gboolean body_take(struct tufrole *role, const struct tufreader *reader, json_t *body)
{
	switch (role->kind) {
	case TUFROLE_ROOT:
		return tufrole_root_take(role, reader, body);
	case TUFROLE_TIMESTAMP:
	case TUFROLE_SNAPSHOT:
		return tufrole_meta_take(role, reader, body);
	case TUFROLE_TARGETS:
		return tufrole_targets_take(role, reader, body);
	}
	g_assert_not_reached();
}

static json_t *document_parse(const struct tufreader *reader, GBytes *bytes)
{
	gsize size_bytes;
	const char *text = g_bytes_get_data(bytes, &size_bytes);
	g_autofree char *why = NULL;
	json_t *document = json_object_parse(text, size_bytes, &why);

	if (document == NULL)
		text_fail(reader, FAULT_TUF_JSON, "no strict JSON:", why);
	return document;
}

struct tufrole *tufrole_decode(enum tufrole_kind kind, const char *name, GBytes *bytes,
			       GError **error)
{
	const struct tufreader reader = { name, error };
	json_t *document = document_parse(&reader, bytes);
	json_t *body;
	g_autoptr(Tufrole) role = NULL;

	if (document == NULL)
		return NULL;
	role = g_new0(struct tufrole, 1);
	role->kind = kind;
	role->name = g_strdup(name);
	role->bytes = g_bytes_ref(bytes);
	role->document = document;
	body = tufreader_object(&reader, document, "signed", SIZE_MAX);
	if (body == NULL)
		return NULL;
	/* First, since it has the limit of depth for all that follows. */
	role->canonical = canonjson(body, error);
	if (role->canonical == NULL || !signatures_take(role, &reader) ||
	    !common_take(role, &reader, body) || !body_take(role, &reader, body))
		return NULL;
	return g_steal_pointer(&role);
}

void tufrole_free(struct tufrole *role)
{
	if (role == NULL)
		return;
	for (unsigned i = 0; i < TUFROLE_KINDS; i++)
		tufgrant_clear(&role->grants[i]);
	g_clear_pointer(&role->delegations, g_ptr_array_unref);
	g_clear_pointer(&role->targets, g_hash_table_unref);
	g_clear_pointer(&role->meta, g_hash_table_unref);
	g_clear_pointer(&role->keys, g_hash_table_unref);
	g_clear_pointer(&role->signatures, g_ptr_array_unref);
	g_clear_pointer(&role->canonical, g_bytes_unref);
	g_clear_pointer(&role->bytes, g_bytes_unref);
	json_decref(role->document);
	g_free(role->name);
	g_free(role);
}
