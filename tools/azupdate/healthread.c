/* SPDX-License-Identifier: MIT */
#include "healthread.h"

#include <string.h>

#include "failure.h"
#include "json.h"

/* A field of the record, and the type that a health job has it in. */
struct field {
	const char *name;
	const char *type;
};

static const struct field CHECK_FIELDS[] = {
	{ "name", "s" },        { "required", "b" }, { "passed", "b" },      { "fault", "u" },
	{ "exit_status", "i" }, { "runs", "u" },     { "duration_ms", "u" }, { "output", "s" },
	{ "kind", "s" },        { "reason", "s" },
};

static const struct field RESULT_FIELDS[] = {
	{ "healthy", "b" }, { "reason", "s" },  { "slot", "s" },
	{ "time_us", "x" }, { "boot", "s" },    { "version", "s" },
	{ "verdict", "s" }, { "because", "s" }, { "fault", "u" },
};

/* NULL if the value is of another type than the field. */
static GVariant *value_decode(json_t *value, char type)
{
	if (type == 's' && json_is_string(value))
		return g_variant_new_string(json_string_value(value));
	if (type == 'b' && json_is_boolean(value))
		return g_variant_new_boolean(json_is_true(value));
	if (!json_is_integer(value))
		return NULL;
	if (type == 'x')
		return g_variant_new_int64(json_integer_value(value));
	if (type == 'i')
		return g_variant_new_int32((gint32)json_integer_value(value));
	return type == 'u' ? g_variant_new_uint32((guint32)json_integer_value(value)) : NULL;
}

static void fields_decode(json_t *object, const struct field *fields, size_t count,
			  GVariantBuilder *builder)
{
	for (size_t i = 0; i < count; i++) {
		GVariant *value = value_decode(json_object_get(object, fields[i].name),
					       fields[i].type[0]);

		if (value != NULL)
			g_variant_builder_add(builder, "{sv}", fields[i].name, value);
	}
}

static GVariant *checks_decode(json_t *checks)
{
	GVariantBuilder builder;

	g_variant_builder_init(&builder, G_VARIANT_TYPE("aa{sv}"));
	for (size_t i = 0; i < json_array_size(checks); i++) {
		g_variant_builder_open(&builder, G_VARIANT_TYPE_VARDICT);
		fields_decode(json_array_get(checks, i), CHECK_FIELDS, G_N_ELEMENTS(CHECK_FIELDS),
			      &builder);
		g_variant_builder_close(&builder);
	}
	return g_variant_builder_end(&builder);
}

GVariant *healthread_decode(const char *json, GError **error)
{
	g_autofree char *why = NULL;
	g_autoptr(JsonValue) object = json_object_parse(json, strlen(json), &why);
	GVariantBuilder builder;

	if (object == NULL) {
		failure_set(error, FAULT_STATE_FILE, "the health record cannot be read: %s", why);
		return NULL;
	}
	g_variant_builder_init(&builder, G_VARIANT_TYPE_VARDICT);
	fields_decode(object, RESULT_FIELDS, G_N_ELEMENTS(RESULT_FIELDS), &builder);
	g_variant_builder_add(&builder, "{sv}", "checks",
			      checks_decode(json_object_get(object, "checks")));
	return g_variant_builder_end(&builder);
}

GVariant *healthread_list(const char *json, GError **error)
{
	g_autofree char *wrapped = g_strdup_printf("{\"boots\":%s}", json);
	g_autofree char *why = NULL;
	g_autoptr(JsonValue) object = json_object_parse(wrapped, strlen(wrapped), &why);
	const json_t *list = json_object_get(object, "boots");
	GVariantBuilder builder;

	if (object == NULL) {
		failure_set(error, FAULT_STATE_FILE, "the list of records cannot be read: %s", why);
		return NULL;
	}
	g_variant_builder_init(&builder, G_VARIANT_TYPE("aa{sv}"));
	for (size_t i = 0; i < json_array_size(list); i++) {
		g_variant_builder_open(&builder, G_VARIANT_TYPE_VARDICT);
		fields_decode(json_array_get(list, i), RESULT_FIELDS, G_N_ELEMENTS(RESULT_FIELDS),
			      &builder);
		g_variant_builder_close(&builder);
	}
	return g_variant_builder_end(&builder);
}
