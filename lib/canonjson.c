/* SPDX-License-Identifier: MIT */
#include "canonjson.h"

#include <string.h>

#include "failure.h"

struct key {
	const char *bytes;
	size_t size_bytes;
	json_t *value;
};

struct writer {
	GByteArray *out;
	unsigned depth;
};

static gboolean write_value(struct writer *writer, const json_t *value, GError **error);

static void write_bytes(struct writer *writer, const char *bytes, size_t size_bytes)
{
	g_byte_array_append(writer->out, (const uint8_t *)bytes, (unsigned)size_bytes);
}

static void write_string(struct writer *writer, const char *bytes, size_t size_bytes)
{
	size_t done = 0;

	write_bytes(writer, "\"", 1);
	for (size_t i = 0; i < size_bytes; i++)
		if (bytes[i] == '"' || bytes[i] == '\\') {
			write_bytes(writer, bytes + done, i - done);
			write_bytes(writer, "\\", 1);
			done = i;
		}
	write_bytes(writer, bytes + done, size_bytes - done);
	write_bytes(writer, "\"", 1);
}

/* memcmp() orders UTF-8 by code point, which is the order that the format asks for. */
static int key_compare(const void *a, const void *b)
{
	const struct key *x = a, *y = b;
	const int order = memcmp(x->bytes, y->bytes, MIN(x->size_bytes, y->size_bytes));

	if (order != 0)
		return order;
	return x->size_bytes < y->size_bytes ? -1 : x->size_bytes > y->size_bytes;
}

static GArray *keys_sorted(const json_t *object)
{
	/* jansson's iterators want it writable, and do not write. */
	json_t *walked = (json_t *)object;
	GArray *keys = g_array_new(FALSE, FALSE, sizeof(struct key));

	for (void *i = json_object_iter(walked); i != NULL; i = json_object_iter_next(walked, i)) {
		const struct key key = { .bytes = json_object_iter_key(i),
					 .size_bytes = json_object_iter_key_len(i),
					 .value = json_object_iter_value(i) };

		g_array_append_val(keys, key);
	}
	g_array_sort(keys, key_compare);
	return keys;
}

static gboolean write_object(struct writer *writer, const json_t *object, GError **error)
{
	g_autoptr(GArray) keys = keys_sorted(object);

	write_bytes(writer, "{", 1);
	for (unsigned i = 0; i < keys->len; i++) {
		const struct key *key = &g_array_index(keys, struct key, i);

		if (i > 0)
			write_bytes(writer, ",", 1);
		write_string(writer, key->bytes, key->size_bytes);
		write_bytes(writer, ":", 1);
		if (!write_value(writer, key->value, error))
			return FALSE;
	}
	write_bytes(writer, "}", 1);
	return TRUE;
}

static gboolean write_array(struct writer *writer, const json_t *array, GError **error)
{
	write_bytes(writer, "[", 1);
	for (size_t i = 0; i < json_array_size(array); i++) {
		if (i > 0)
			write_bytes(writer, ",", 1);
		if (!write_value(writer, json_array_get(array, i), error))
			return FALSE;
	}
	write_bytes(writer, "]", 1);
	return TRUE;
}

static gboolean write_nested(struct writer *writer, const json_t *value, GError **error)
{
	gboolean done;

	if (writer->depth == CANONJSON_DEPTH_MAX)
		return failure_set(error, FAULT_CANON_DEPTH,
				   "the document is nested deeper than %d", CANONJSON_DEPTH_MAX);
	writer->depth++;
	done = json_is_object(value) ? write_object(writer, value, error)
				     : write_array(writer, value, error);
	writer->depth--;
	return done;
}

static void write_integer(struct writer *writer, json_int_t number)
{
	char text[32];

	g_snprintf(text, sizeof text, "%" JSON_INTEGER_FORMAT, number);
	write_bytes(writer, text, strlen(text));
}

static gboolean write_value(struct writer *writer, const json_t *value, GError **error)
{
	switch (json_typeof(value)) {
	case JSON_OBJECT:
	case JSON_ARRAY:
		return write_nested(writer, value, error);
	case JSON_STRING:
		write_string(writer, json_string_value(value), json_string_length(value));
		return TRUE;
	case JSON_INTEGER:
		write_integer(writer, json_integer_value(value));
		return TRUE;
	case JSON_REAL:
		return failure_set(error, FAULT_CANON_NUMBER,
				   "the document holds %g, which is no integer",
				   json_real_value(value));
	case JSON_TRUE:
		write_bytes(writer, "true", 4);
		return TRUE;
	case JSON_FALSE:
		write_bytes(writer, "false", 5);
		return TRUE;
	case JSON_NULL:
		write_bytes(writer, "null", 4);
		return TRUE;
	}
	g_assert_not_reached();
}

GBytes *canonjson(const json_t *value, GError **error)
{
	struct writer writer = { .out = g_byte_array_new() };

	if (!write_value(&writer, value, error)) {
		g_byte_array_unref(writer.out);
		return NULL;
	}
	return g_byte_array_free_to_bytes(writer.out);
}
