/* SPDX-License-Identifier: MIT */
#pragma once
/* JSON objects, read field by field with limits. The parser is jansson's, made strict. */

#include <glib.h>
#include <jansson.h>
#include <stdint.h>

typedef json_t JsonValue; /* for g_autoptr() only */
static inline void json_value_unref(json_t *value)
{
	json_decref(value);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC(JsonValue, json_value_unref)

/* Where the fields are read from, for messages: `what` "manifest", `code` FAULT_MANIFEST_FIELD. */
struct json_reader {
	const char *what;
	int code;
	GError **error;
};

/* Strict: one object, no duplicate keys, no NUL, valid UTF-8. NULL and *ret_why otherwise. */
json_t *json_object_parse(const char *bytes, size_t size_bytes, char **ret_why);
/* As text, with jansson's flags, in GLib's memory: the caller frees it with g_free(). NULL where
 * jansson has no memory. */
char *json_text(const json_t *value, size_t flags);
json_t *json_get_object(const struct json_reader *reader, json_t *object, const char *key);
/* Borrowed; 1 to `max` printable ASCII characters. */
const char *json_get_text(const struct json_reader *reader, json_t *object, const char *key,
			  size_t max);
gboolean json_get_number(const struct json_reader *reader, json_t *object, const char *key,
			 uint64_t max, uint64_t *ret_number);
