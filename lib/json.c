/* SPDX-License-Identifier: MIT */
#include "json.h"

#include <string.h>

#include "failure.h"

json_t *json_object_parse(const char *bytes, size_t size_bytes, char **ret_why)
{
	json_error_t why;
	json_t *value = json_loadb(bytes, size_bytes, JSON_REJECT_DUPLICATES, &why);

	if (value == NULL) {
		*ret_why = g_strdup_printf("line %d: %s", why.line, why.text);
		return NULL;
	}
	if (!json_is_object(value)) {
		json_decref(value);
		*ret_why = g_strdup("it is not an object");
		return NULL;
	}
	return value;
}

char *json_text(const json_t *value, size_t flags)
{
	char *text = json_dumps(value, flags);
	char *copy = g_strdup(text);

	free(text); /* jansson's */
	return copy;
}

json_t *json_get_object(const struct json_reader *reader, json_t *object, const char *key)
{
	json_t *value = json_object_get(object, key);

	if (json_is_object(value))
		return value;
	failure_set(reader->error, (fault)reader->code, "%s: \"%s\" is missing or no object",
		    reader->what, key);
	return NULL;
}

static gboolean is_printable(const char *text)
{
	for (; *text != '\0'; text++)
		if (!g_ascii_isprint(*text))
			return FALSE;
	return TRUE;
}

const char *json_get_text(const struct json_reader *reader, json_t *object, const char *key,
			  size_t max)
{
	json_t *value = json_object_get(object, key);

	if (json_is_string(value) && json_string_length(value) > 0 &&
	    json_string_length(value) <= max && is_printable(json_string_value(value)))
		return json_string_value(value);
	failure_set(reader->error, (fault)reader->code,
		    "%s: \"%s\" is missing or no text of 1 to %zu characters", reader->what, key,
		    max);
	return NULL;
}

gboolean json_get_number(const struct json_reader *reader, json_t *object, const char *key,
			 uint64_t max, uint64_t *ret_number)
{
	json_t *value = json_object_get(object, key);

	if (!json_is_integer(value) || json_integer_value(value) < 0 ||
	    (uint64_t)json_integer_value(value) > max)
		return failure_set(
			reader->error, (fault)reader->code,
			"%s: \"%s\" is missing or no number from 0 to %" G_GUINT64_FORMAT,
			reader->what, key, max);
	*ret_number = (uint64_t)json_integer_value(value);
	return TRUE;
}
