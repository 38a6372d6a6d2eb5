/* SPDX-License-Identifier: MIT */
#include "request.h"

#include <stdio.h>
#include <string.h>

#include "canonjson.h"
#include "failure.h"
#include "files.h"
#include "signature.h"

static json_t *spec_pack(const struct role_spec *spec)
{
	return json_pack("{s:O, s:O, s:I}", "keys", spec->keys, "keyids", spec->keyids, "threshold",
			 spec->threshold);
}

static json_t *entry_pack(const struct finish_wait *wait, GError **error)
{
	json_t *content = role_signed(wait->envelope);
	g_autoptr(GBytes) canonical = canonjson(content, error);
	g_autofree char *text = NULL;
	json_t *specs = json_array();

	if (canonical == NULL) {
		json_decref(specs);
		return NULL;
	}
	for (unsigned i = 0; i < wait->spec_count; i++)
		json_array_append_new(specs, spec_pack(&wait->specs[i]));
	text = g_base64_encode(g_bytes_get_data(canonical, NULL), g_bytes_get_size(canonical));
	return json_pack("{s:s, s:I, s:O, s:s, s:o, s:O}", "role", role_name(wait->role), "version",
			 role_version(wait->envelope), "signed", content, "canonical", text,
			 "specs", specs, "signatures", role_signatures(wait->envelope));
}

gboolean request_save(const char *path, const json_t *request, GError **error)
{
	char *text = json_dumps(request, JSON_INDENT(1) | JSON_SORT_KEYS);
	g_autoptr(GError) why = NULL;
	const gboolean done = g_file_set_contents_full(
		path, text, -1, G_FILE_SET_CONTENTS_CONSISTENT | G_FILE_SET_CONTENTS_DURABLE, 0644,
		&why);

	free(text);
	return done || failure_set(error, FAULT_BUILD_OUTPUT, "%s", why->message);
}

gboolean request_write(const char *path, const struct finish_wait *waits, unsigned count,
		       GError **error)
{
	g_autoptr(JsonValue)
		request = json_pack("{s:s, s:[]}", "schema", REQUEST_SCHEMA, "requests");

	for (unsigned i = 0; i < count; i++) {
		json_t *entry = entry_pack(&waits[i], error);

		if (entry == NULL)
			return FALSE;
		json_array_append_new(json_object_get(request, "requests"), entry);
	}
	return request_save(path, request, error);
}

/* Whoever signs reads "signed" and signs "canonical": they must say the same. */
static gboolean entry_is_honest(json_t *entry)
{
	const char *text = json_string_value(json_object_get(entry, "canonical"));
	g_autoptr(GBytes) canonical = canonjson(json_object_get(entry, "signed"), NULL);
	g_autofree guchar *told = NULL;
	gsize size_bytes = 0;
	enum role role;

	if (text == NULL || canonical == NULL || !json_is_string(json_object_get(entry, "role")) ||
	    !role_find(json_string_value(json_object_get(entry, "role")), &role, NULL) ||
	    !role_is(role, entry) || !json_is_array(json_object_get(entry, "signatures")) ||
	    !json_is_array(json_object_get(entry, "specs")))
		return FALSE;
	told = g_base64_decode(text, &size_bytes);
	return size_bytes == g_bytes_get_size(canonical) &&
	       memcmp(told, g_bytes_get_data(canonical, NULL), size_bytes) == 0 &&
	       json_integer_value(json_object_get(entry, "version")) == role_version(entry);
}

json_t *request_read(const char *path, GError **error)
{
	g_autofree char *whole = g_canonicalize_filename(path, NULL);
	g_autofree char *why = NULL;
	g_autoptr(GError) cause = NULL;
	g_autoptr(GBytes) bytes = files_get("/", whole, REQUEST_SIZE_MAX, &cause);
	g_autoptr(JsonValue) request = NULL;
	json_t *entry;
	size_t i;

	if (bytes == NULL) {
		failure_set(error, FAULT_AZREPO_REQUEST, "%s", cause->message);
		return NULL;
	}
	request = json_object_parse(g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes), &why);
	if (request == NULL ||
	    g_strcmp0(json_string_value(json_object_get(request, "schema")), REQUEST_SCHEMA) != 0) {
		failure_set(error, FAULT_AZREPO_REQUEST, "%s is no request of azrepo: %s", path,
			    why != NULL ? why : "its schema is another");
		return NULL;
	}
	json_array_foreach(json_object_get(request, "requests"), i, entry)
	{
		if (!entry_is_honest(entry)) {
			failure_set(error, FAULT_AZREPO_REQUEST,
				    "%s, request %zu: what is to be read and what is to be signed "
				    "differ",
				    path, i + 1);
			return NULL;
		}
	}
	return g_steal_pointer(&request);
}

static gboolean spec_read(const json_t *value, struct role_spec *ret_spec)
{
	ret_spec->keys = json_object_get(value, "keys");
	ret_spec->keyids = json_object_get(value, "keyids");
	ret_spec->threshold = json_integer_value(json_object_get(value, "threshold"));
	return json_is_object(ret_spec->keys) && json_is_array(ret_spec->keyids);
}

/* Whether this key may sign the entry: it does, then. */
static gboolean entry_sign(json_t *entry, const struct tufsign *key, gboolean *ret_may,
			   GError **error)
{
	g_autoptr(GBytes) canonical = canonjson(json_object_get(entry, "signed"), error);
	g_autofree char *signature = NULL;
	struct role_spec spec;
	gboolean may = FALSE;
	json_t *value;
	size_t i;

	if (canonical == NULL)
		return FALSE;
	json_array_foreach(json_object_get(entry, "specs"), i, value)
		may = may || (spec_read(value, &spec) && role_spec_has(&spec, tufsign_keyid(key)));
	*ret_may = *ret_may || may;
	if (!may)
		return TRUE;
	signature = tufsign_sign(key, canonical, error);
	if (signature != NULL)
		signature_add(entry, tufsign_keyid(key), signature);
	return signature != NULL;
}

gboolean request_sign(json_t *request, char **keys, GError **error)
{
	for (unsigned i = 0; keys[i] != NULL; i++) {
		g_autoptr(Tufsign) key = tufsign_load(keys[i], error);
		gboolean may = FALSE;
		json_t *entry;
		size_t j;

		if (key == NULL)
			return FALSE;
		json_array_foreach(json_object_get(request, "requests"), j, entry)
		{
			if (!entry_sign(entry, key, &may, error))
				return FALSE;
		}
		if (!may)
			return failure_set(error, FAULT_AZREPO_KEY_OTHER,
					   "%s, key %.12s, may sign nothing in this request",
					   keys[i], tufsign_keyid(key));
	}
	return TRUE;
}

static const struct finish_wait *wait_find(const struct finish_wait *waits, unsigned count,
					   const json_t *entry)
{
	const char *name = json_string_value(json_object_get(entry, "role"));

	for (unsigned i = 0; i < count; i++)
		if (strcmp(role_name(waits[i].role), name) == 0)
			return &waits[i];
	return NULL;
}

/* Signatures by keys that the role does not have are left out; wrong ones are an error. */
static gboolean entry_join(const json_t *entry, const struct finish_wait *wait, GError **error)
{
	json_t *signature;
	size_t i;

	json_array_foreach(json_object_get(entry, "signatures"), i, signature)
	{
		const char *keyid = json_string_value(json_object_get(signature, "keyid"));
		const char *sig = json_string_value(json_object_get(signature, "sig"));
		const gboolean old = keyid != NULL && signature_find(wait->envelope, keyid) != NULL;

		for (unsigned j = 0; keyid != NULL && sig != NULL && j < wait->spec_count; j++) {
			if (old || !role_spec_has(&wait->specs[j], keyid))
				continue;
			signature_add(wait->envelope, keyid, sig);
			if (!signature_is_good(wait->envelope, &wait->specs[j], keyid))
				return failure_set(error, FAULT_AZREPO_SIGNATURE,
						   "the signature of %s by key %.12s is wrong",
						   role_name(wait->role), keyid);
		}
	}
	return TRUE;
}

gboolean request_join(const json_t *request, const struct finish_wait *waits, unsigned count,
		      GError **error)
{
	gboolean any = FALSE;
	json_t *entry;
	size_t i;

	json_array_foreach(json_object_get(request, "requests"), i, entry)
	{
		const struct finish_wait *wait = wait_find(waits, count, entry);

		if (wait == NULL || !json_equal(role_signed(wait->envelope), role_signed(entry)))
			continue;
		any = TRUE;
		if (!entry_join(entry, wait, error))
			return FALSE;
	}
	return any || failure_set(error, FAULT_AZREPO_REQUEST,
				  "nothing in the request is what the repository waits for");
}

/* The file may come from anywhere: nothing in it shall move the terminal's cursor. */
static void text_print(const char *before, const char *text, const char *after)
{
	g_autofree char *escaped = g_strescape(text != NULL ? text : "?", NULL);

	printf("%s%s%s", before, escaped, after);
}

static void keys_print(const char *what, const json_t *role)
{
	json_t *keyid;
	size_t i;

	text_print("  ", what, ":");
	printf(" %lld of", (long long)json_integer_value(json_object_get(role, "threshold")));
	json_array_foreach(json_object_get(role, "keyids"), i, keyid)
		text_print(" ", json_string_value(keyid), "");
	printf("\n");
}

static void content_print(json_t *content)
{
	json_t *delegations = json_object_get(content, "delegations");
	const char *name;
	json_t *value;
	size_t i;

	json_object_foreach(json_object_get(content, "roles"), name, value) keys_print(name, value);
	json_array_foreach(json_object_get(delegations, "roles"), i, value)
		keys_print(json_string_value(json_object_get(value, "name")), value);
	json_object_foreach(json_object_get(content, "targets"), name, value)
	{
		json_t *hash = json_object_get(json_object_get(value, "hashes"), "sha256");

		text_print("  ", name, ", sha256 ");
		text_print("", json_string_value(hash), "\n");
	}
	json_object_foreach(json_object_get(content, "meta"), name, value)
	{
		text_print("  ", name, "");
		printf(" %lld\n", (long long)json_integer_value(json_object_get(value, "version")));
	}
}

void request_print(const json_t *request)
{
	json_t *entry;
	size_t i, j;

	json_array_foreach(json_object_get(request, "requests"), i, entry)
	{
		json_t *content = json_object_get(entry, "signed");
		json_t *signature;

		text_print("", json_string_value(json_object_get(entry, "role")), " version ");
		printf("%lld, ", (long long)role_version(entry));
		text_print("expires ", json_string_value(json_object_get(content, "expires")),
			   "\n");
		content_print(content);
		json_array_foreach(json_object_get(entry, "signatures"), j, signature)
			text_print("  signed by ",
				   json_string_value(json_object_get(signature, "keyid")), "\n");
	}
}
