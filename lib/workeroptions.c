/* SPDX-License-Identifier: MIT */
#include "workeroptions.h"

#include <string.h>

#include "failure.h"

/* url; numbers as in NUMBERS; proxy; PEM of the authorities, the certificate, the key; of a call:
 * headers, body, app; of the environment: names and values. */
static const char TYPE[] = "(satmsmaymaymayasmaymsa(ss))";

/* What libcurl heeds. */
static const char *const VARIABLES[] = {
	"http_proxy", "https_proxy", "HTTPS_PROXY", "all_proxy",
	"ALL_PROXY",  "no_proxy",    "NO_PROXY",
};

enum { NUMBER_COUNT = 14 };

static void numbers_of(const struct workeroptions *options, guint64 ret_numbers[NUMBER_COUNT])
{
	const struct source_options *network = &options->network;
	const guint64 numbers[NUMBER_COUNT] = {
		network->parallel,       network->rate_bytes_s,
		network->retry_time_s,   network->greet_time_s,
		network->retry_first_ms, network->retry_most_ms,
		network->connect_time_s, network->slow_bytes_s,
		network->slow_time_s,    options->file_time_s,
		options->call.time_s,    options->call.answer_max,
		options->call.form.kind, options->call.form.checked != FALSE,
	};

	memcpy(ret_numbers, numbers, sizeof numbers);
}

static void numbers_take(struct workeroptions *options, const guint64 numbers[NUMBER_COUNT])
{
	struct source_options *network = &options->network;
	unsigned *const places[] = {
		&network->parallel,       NULL,
		&network->retry_time_s,   &network->greet_time_s,
		&network->retry_first_ms, &network->retry_most_ms,
		&network->connect_time_s, &network->slow_bytes_s,
		&network->slow_time_s,    &options->file_time_s,
		&options->call.time_s,
	};

	for (unsigned i = 0; i < G_N_ELEMENTS(places); i++)
		if (places[i] != NULL)
			*places[i] = (unsigned)numbers[i];
	network->rate_bytes_s = numbers[1];
	options->call.answer_max = (size_t)numbers[11];
	options->call.form.kind = (enum httpcall_form_kind)numbers[12];
	options->call.form.checked = numbers[13] != 0;
}

/* A "may" of the file's bytes: nothing if there is none. */
static gboolean file_add(GVariantBuilder *builder, GBytes *bytes, const char *path, GError **error)
{
	g_autofree char *content = NULL;
	gsize size_bytes = 0;
	GVariant *value = NULL;

	if (bytes == NULL && path != NULL) {
		if (!g_file_get_contents(path, &content, &size_bytes, NULL))
			return failure_set(error, FAULT_HTTP_TLS, "cannot read %s", path);
		if (size_bytes > WORKEROPTIONS_FILE_MAX)
			return failure_set(error, FAULT_WORKER_OPTIONS, "%s has %zu bytes, over %d",
					   path, size_bytes, WORKEROPTIONS_FILE_MAX);
	}
	if (bytes != NULL)
		value = g_variant_new_from_bytes(G_VARIANT_TYPE_BYTESTRING, bytes, TRUE);
	else if (path != NULL)
		value = g_variant_new_fixed_array(G_VARIANT_TYPE_BYTE, content, size_bytes, 1);
	g_variant_builder_add_value(builder, g_variant_new_maybe(G_VARIANT_TYPE_BYTESTRING, value));
	return TRUE;
}

static void call_add(GVariantBuilder *builder, const struct httpcall *call)
{
	static const char *const NONE[] = { NULL };
	GVariant *body = NULL;

	if (call->body != NULL)
		body = g_variant_new_fixed_array(G_VARIANT_TYPE_BYTE, call->body, call->body_bytes,
						 1);
	g_variant_builder_add_value(
		builder, g_variant_new_strv(call->headers != NULL ? call->headers : NONE, -1));
	g_variant_builder_add_value(builder, g_variant_new_maybe(G_VARIANT_TYPE_BYTESTRING, body));
	g_variant_builder_add(builder, "ms", call->form.app);
}

/* One whose value is not UTF-8 is no proxy. */
static void environment_add(GVariantBuilder *builder)
{
	g_variant_builder_open(builder, G_VARIANT_TYPE("a(ss)"));
	for (unsigned i = 0; i < G_N_ELEMENTS(VARIABLES); i++) {
		const char *value = g_getenv(VARIABLES[i]);

		if (value != NULL && g_utf8_validate(value, -1, NULL))
			g_variant_builder_add(builder, "(ss)", VARIABLES[i], value);
	}
	g_variant_builder_close(builder);
}

static gboolean options_add(GVariantBuilder *builder, const struct workeroptions *options,
			    GError **error)
{
	const struct source_options *network = &options->network;
	guint64 numbers[NUMBER_COUNT];

	numbers_of(options, numbers);
	g_variant_builder_add(builder, "s", options->url);
	g_variant_builder_add_value(builder,
				    g_variant_new_fixed_array(G_VARIANT_TYPE_UINT64, numbers,
							      NUMBER_COUNT, sizeof numbers[0]));
	g_variant_builder_add(builder, "ms", network->proxy);
	return file_add(builder, network->ca_pem, network->ca_file, error) &&
	       file_add(builder, network->certificate_pem, network->certificate, error) &&
	       file_add(builder, network->key_pem, network->key, error);
}

size_t workeroptions_encode(const struct workeroptions *options, struct sharedmem *memory,
			    GError **error)
{
	g_auto(GVariantBuilder) builder = G_VARIANT_BUILDER_INIT(G_VARIANT_TYPE(TYPE));
	g_autoptr(GVariant) value = NULL;
	size_t size_bytes;

	if (!g_utf8_validate(options->url, -1, NULL)) {
		failure_set(error, FAULT_WORKER_OPTIONS, "an address is not UTF-8");
		return 0;
	}
	if (!options_add(&builder, options, error))
		return 0;
	call_add(&builder, &options->call);
	environment_add(&builder);
	value = g_variant_ref_sink(g_variant_builder_end(&builder));
	size_bytes = g_variant_get_size(value);
	if (size_bytes > MIN(memory->size_bytes, WORKERWIRE_OPTIONS_MAX)) {
		failure_set(error, FAULT_WORKER_OPTIONS, "%zu bytes are too much for a worker",
			    size_bytes);
		return 0;
	}
	g_variant_store(value, memory->bytes);
	return size_bytes;
}

struct workeroptions_read {
	struct workeroptions options;
	GVariant *value;
	char *url, *proxy, *app;
	GBytes *ca, *certificate, *key, *body;
	const char **headers;
};

static GBytes *bytes_take(GVariant *value, gsize index)
{
	g_autoptr(GVariant) maybe = g_variant_get_child_value(value, index);
	g_autoptr(GVariant) bytes = g_variant_get_maybe(maybe);

	return bytes != NULL ? g_variant_get_data_as_bytes(bytes) : NULL;
}

static gboolean read_fill(struct workeroptions_read *read)
{
	g_autoptr(GVariant) numbers = g_variant_get_child_value(read->value, 1);
	gsize count = 0;
	const guint64 *values = g_variant_get_fixed_array(numbers, &count, sizeof *values);
	struct workeroptions *options = &read->options;

	if (count != NUMBER_COUNT || values[12] >= HTTPCALL_FORM_COUNT)
		return FALSE;
	numbers_take(options, values);
	g_variant_get_child(read->value, 0, "s", &read->url);
	g_variant_get_child(read->value, 2, "ms", &read->proxy);
	read->ca = bytes_take(read->value, 3);
	read->certificate = bytes_take(read->value, 4);
	read->key = bytes_take(read->value, 5);
	g_variant_get_child(read->value, 6, "^a&s", &read->headers);
	read->body = bytes_take(read->value, 7);
	g_variant_get_child(read->value, 8, "ms", &read->app);
	options->call.form.app = read->app;
	options->url = options->call.url = read->url;
	options->network.proxy = read->proxy;
	options->network.ca_pem = read->ca;
	options->network.certificate_pem = read->certificate;
	options->network.key_pem = read->key;
	options->call.headers = read->headers;
	if (read->body != NULL)
		options->call.body = g_bytes_get_data(read->body, &options->call.body_bytes);
	if (read->body != NULL && options->call.body == NULL) /* which is POSTed all the same */
		options->call.body = "";
	return TRUE;
}

struct workeroptions_read *workeroptions_decode(const struct sharedmem *memory, size_t size_bytes)
{
	g_autoptr(WorkeroptionsRead) read = g_new0(struct workeroptions_read, 1);
	g_autoptr(GBytes) bytes = NULL;

	if (size_bytes > MIN(memory->size_bytes, WORKERWIRE_OPTIONS_MAX))
		return NULL;
	bytes = g_bytes_new(memory->bytes, size_bytes);
	read->value = g_variant_ref_sink(
		g_variant_new_from_bytes(G_VARIANT_TYPE(TYPE), bytes, FALSE));
	return read_fill(read) ? g_steal_pointer(&read) : NULL;
}

const struct workeroptions *workeroptions_get(const struct workeroptions_read *read)
{
	return &read->options;
}

void workeroptions_environment(const struct workeroptions_read *read)
{
	g_autoptr(GVariant) pairs = g_variant_get_child_value(read->value, 9);

	for (gsize i = 0; i < g_variant_n_children(pairs); i++) {
		const char *name = NULL;
		const char *value = NULL;

		g_variant_get_child(pairs, i, "(&s&s)", &name, &value);
		if (name[0] != '\0' && strchr(name, '=') == NULL)
			g_setenv(name, value, TRUE);
	}
}

void workeroptions_read_free(struct workeroptions_read *read)
{
	if (read == NULL)
		return;
	g_clear_pointer(&read->ca, g_bytes_unref);
	g_clear_pointer(&read->certificate, g_bytes_unref);
	g_clear_pointer(&read->key, g_bytes_unref);
	g_clear_pointer(&read->body, g_bytes_unref);
	g_clear_pointer(&read->value, g_variant_unref);
	g_free(read->headers);
	g_free(read->url);
	g_free(read->proxy);
	g_free(read->app);
	g_free(read);
}
