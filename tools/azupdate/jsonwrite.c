/* SPDX-License-Identifier: MIT */
#include "jsonwrite.h"

static void string_write(GString *text, const char *string)
{
	g_string_append_c(text, '"');
	for (const char *at = string; *at != '\0'; at++) {
		const unsigned char byte = (unsigned char)*at;

		if (byte == '"' || byte == '\\')
			g_string_append_c(text, '\\');
		if (byte < 0x20 || byte == 0x7f)
			g_string_append_printf(text, "\\u%04x", byte);
		else
			g_string_append_c(text, *at);
	}
	g_string_append_c(text, '"');
}

static void object_write(GString *text, GVariant *value)
{
	g_string_append_c(text, '{');
	for (gsize i = 0; i < g_variant_n_children(value); i++) {
		g_autoptr(GVariant) entry = g_variant_get_child_value(value, i);
		g_autoptr(GVariant) key = g_variant_get_child_value(entry, 0);
		g_autoptr(GVariant) member = g_variant_get_child_value(entry, 1);

		if (i > 0)
			g_string_append_c(text, ',');
		string_write(text, g_variant_get_string(key, NULL));
		g_string_append_c(text, ':');
		jsonwrite_variant(text, member);
	}
	g_string_append_c(text, '}');
}

static void array_write(GString *text, GVariant *value)
{
	if (g_variant_is_of_type(value, G_VARIANT_TYPE("a{s*}"))) {
		object_write(text, value);
		return;
	}
	g_string_append_c(text, '[');
	for (gsize i = 0; i < g_variant_n_children(value); i++) {
		g_autoptr(GVariant) element = g_variant_get_child_value(value, i);

		if (i > 0)
			g_string_append_c(text, ',');
		jsonwrite_variant(text, element);
	}
	g_string_append_c(text, ']');
}

/* What holds at most one value: a variant, or a maybe. */
static void inner_write(GString *text, GVariant *value)
{
	g_autoptr(GVariant) inner = NULL;

	if (g_variant_n_children(value) == 1)
		inner = g_variant_get_child_value(value, 0);
	if (inner == NULL)
		g_string_append(text, "null");
	else
		jsonwrite_variant(text, inner);
}

void jsonwrite_variant(GString *text, GVariant *value)
{
	switch (g_variant_classify(value)) {
	case G_VARIANT_CLASS_BOOLEAN:
		g_string_append(text, g_variant_get_boolean(value) ? "true" : "false");
		return;
	case G_VARIANT_CLASS_STRING:
	case G_VARIANT_CLASS_OBJECT_PATH:
	case G_VARIANT_CLASS_SIGNATURE:
		string_write(text, g_variant_get_string(value, NULL));
		return;
	case G_VARIANT_CLASS_VARIANT:
	case G_VARIANT_CLASS_MAYBE:
		inner_write(text, value);
		return;
	case G_VARIANT_CLASS_ARRAY:
	case G_VARIANT_CLASS_TUPLE:
	case G_VARIANT_CLASS_DICT_ENTRY:
		array_write(text, value);
		return;
	case G_VARIANT_CLASS_BYTE:
	case G_VARIANT_CLASS_INT16:
	case G_VARIANT_CLASS_UINT16:
	case G_VARIANT_CLASS_INT32:
	case G_VARIANT_CLASS_UINT32:
	case G_VARIANT_CLASS_INT64:
	case G_VARIANT_CLASS_UINT64:
	case G_VARIANT_CLASS_HANDLE:
	case G_VARIANT_CLASS_DOUBLE: {
		g_autofree char *number = g_variant_print(value, FALSE);

		g_string_append(text, number);
		return;
	}
	}
	g_assert_not_reached();
}
