/* SPDX-License-Identifier: MIT */
/* Good metadata, and what becomes of it with one place changed. */
#include "tufrole.h"

#include <string.h>

#include "canonjson.h"
#include "failure.h"
#include "tap.h"
#include "tufmake.h"

static GBytes *file_of(const struct tufmake *make, const char *name)
{
	return g_bytes_ref(g_hash_table_lookup(make->files, name));
}

static fault decode(enum tufrole_kind kind, GBytes *bytes)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(Tufrole) role = tufrole_decode(kind, "role", bytes, &error);

	expect((role == NULL) == (error != NULL));
	return error != NULL ? failure_code(error) : FAULT_OK;
}

static fault decode_text(enum tufrole_kind kind, const char *text)
{
	g_autoptr(GBytes) bytes = g_bytes_new(text, strlen(text));

	return decode(kind, bytes);
}

/* --- one value of a good document replaced --- */

struct change {
	enum tufrole_kind kind;
	const char *path;  /* keys between dots */
	const char *value; /* JSON; NULL: removed */
	fault why;
};

static void value_set(json_t *document, const char *path, const char *value)
{
	g_auto(GStrv) keys = g_strsplit(path, ".", -1);
	const guint last = g_strv_length(keys) - 1;
	json_t *at = document;

	for (guint i = 0; i < last; i++)
		at = json_is_array(at)
			     ? json_array_get(at, (size_t)g_ascii_strtoull(keys[i], NULL, 10))
			     : json_object_get(at, g_str_equal(keys[i], "snapshot_json")
							   ? "snapshot.json"
							   : keys[i]);
	g_assert(at != NULL);
	if (value == NULL)
		g_assert(json_object_del(at, keys[last]) == 0);
	else
		g_assert(json_object_set_new(at, keys[last],
					     json_loads(value, JSON_DECODE_ANY, NULL)) == 0);
}

static json_t *good_document(enum tufrole_kind kind)
{
	static const char *const NAMES[] = { "1.root.json", "timestamp.json", "1.snapshot.json",
					     "1.targets.json" };
	struct tufmake *make = tufmake_new();
	g_autoptr(GBytes) bytes = NULL;

	tufmake_target_add(make->targets, "a/b", 5);
	make->delegations = json_pack("{s:{},s:[]}", "keys", "roles");
	json_object_set_new(json_object_get(make->delegations, "keys"), tufmake_keyid(7),
			    tufmake_key(7));
	json_array_append_new(json_object_get(make->delegations, "roles"),
			      json_pack("{s:s,s:[s],s:i,s:b,s:[s]}", "name", "channels", "keyids",
					tufmake_keyid(7), "threshold", 1, "terminating", 1, "paths",
					"a/*"));
	tufmake_targets(make);
	bytes = file_of(make, NAMES[kind]);
	tufmake_free(make);
	return json_loadb(g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes), 0, NULL);
}

static fault changed(const struct change *change)
{
	g_autoptr(JsonValue) document = good_document(change->kind);
	char *text;
	fault why;

	if (change->path != NULL)
		value_set(document, change->path, change->value);
	text = json_dumps(document, 0);
	why = decode_text(change->kind, text);
	free(text);
	return why;
}

static void expect_changes(const struct change *changes, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		const fault why = changed(&changes[i]);

		if (why != changes[i].why)
			printf("# %s = %s: fault %u, not %u\n", changes[i].path,
			       changes[i].value != NULL ? changes[i].value : "(none)", why,
			       changes[i].why);
		expect(why == changes[i].why);
	}
}

static void test_good(void)
{
	for (unsigned kind = 0; kind < TUFROLE_KINDS; kind++) {
		const struct change none = { .kind = kind };

		expect(changed(&none) == FAULT_OK);
	}
}

static void test_common(void)
{
	static const struct change CHANGES[] = {
		{ TUFROLE_TIMESTAMP, "signed", "[]", FAULT_TUF_FIELD },
		{ TUFROLE_TIMESTAMP, "signed", NULL, FAULT_TUF_FIELD },
		{ TUFROLE_TIMESTAMP, "signatures", NULL, FAULT_TUF_FIELD },
		{ TUFROLE_TIMESTAMP, "signatures", "[{}]", FAULT_TUF_FIELD },
		{ TUFROLE_TIMESTAMP, "signatures", "[1]", FAULT_TUF_FIELD },
		{ TUFROLE_TIMESTAMP, "signatures", "[{\"keyid\":\"a\"}]", FAULT_TUF_FIELD },
		{ TUFROLE_TIMESTAMP, "signatures", "[{\"keyid\":\"a\",\"sig\":\"\"}]", FAULT_OK },
		{ TUFROLE_TIMESTAMP, "signatures", "[{\"keyid\":\"a\",\"sig\":\"xyz\"}]",
		  FAULT_OK },
		{ TUFROLE_TIMESTAMP, "signatures",
		  "[{\"keyid\":\"a\",\"sig\":\"\"},{\"keyid\":\"a\",\"sig\":\"00\"}]",
		  FAULT_TUF_SIGNATURE_TWICE },
		{ TUFROLE_TIMESTAMP, "signed._type", "\"snapshot\"", FAULT_TUF_TYPE },
		{ TUFROLE_TIMESTAMP, "signed._type", NULL, FAULT_TUF_FIELD },
		{ TUFROLE_TIMESTAMP, "signed.spec_version", "\"1.0\"", FAULT_OK },
		{ TUFROLE_TIMESTAMP, "signed.spec_version", "\"2.0.0\"", FAULT_TUF_SPEC },
		{ TUFROLE_TIMESTAMP, "signed.spec_version", "\"10.0\"", FAULT_TUF_SPEC },
		{ TUFROLE_TIMESTAMP, "signed.spec_version", "\"1.x\"", FAULT_TUF_SPEC },
		{ TUFROLE_TIMESTAMP, "signed.spec_version", "1", FAULT_TUF_FIELD },
		{ TUFROLE_TIMESTAMP, "signed.version", "0", FAULT_TUF_FIELD },
		{ TUFROLE_TIMESTAMP, "signed.version", "-1", FAULT_TUF_FIELD },
		{ TUFROLE_TIMESTAMP, "signed.version", "\"1\"", FAULT_TUF_FIELD },
		{ TUFROLE_TIMESTAMP, "signed.version", "true", FAULT_TUF_FIELD },
		{ TUFROLE_TIMESTAMP, "signed.version", "null", FAULT_TUF_FIELD },
		{ TUFROLE_TIMESTAMP, "signed.version", "1.0", FAULT_CANON_NUMBER },
		{ TUFROLE_TIMESTAMP, "signed.version", "9007199254740991", FAULT_OK },
		{ TUFROLE_TIMESTAMP, "signed.version", "9007199254740992", FAULT_TUF_FIELD },
		{ TUFROLE_TIMESTAMP, "signed.expires", "\"2027-01-15\"", FAULT_TUF_FIELD },
		{ TUFROLE_TIMESTAMP, "signed.expires", "1800000000", FAULT_TUF_FIELD },
		{ TUFROLE_TIMESTAMP, "signed.unknown", "{\"a\":[1,null,\"b\"]}", FAULT_OK },
		{ TUFROLE_TIMESTAMP, "signed.unknown", "0.5", FAULT_CANON_NUMBER },
		{ TUFROLE_TIMESTAMP, "unknown", "0.5", FAULT_OK },
	};

	expect_changes(CHANGES, G_N_ELEMENTS(CHANGES));
}

static void test_thresholds(void)
{
	static const char *const BAD[] = { "0",    "-1",  "\"1\"", "null",
					   "true", "[1]", NULL,    "9007199254740992" };
	static const char *const PLACES[] = { "signed.roles.root.threshold",
					      "signed.roles.timestamp.threshold",
					      "signed.delegations.roles.0.threshold" };

	for (unsigned place = 0; place < G_N_ELEMENTS(PLACES); place++)
		for (unsigned i = 0; i < G_N_ELEMENTS(BAD); i++) {
			const struct change change = { place < 2 ? TUFROLE_ROOT : TUFROLE_TARGETS,
						       PLACES[place], BAD[i], FAULT_TUF_THRESHOLD };

			expect_changes(&change, 1);
		}
	{
		/* More than there are keys decodes, and is never reached. */
		const struct change high = { TUFROLE_ROOT, PLACES[1], "2147483648", FAULT_OK };
		const struct change real = { TUFROLE_ROOT, PLACES[1], "1.0", FAULT_CANON_NUMBER };

		expect_changes(&high, 1);
		expect_changes(&real, 1);
	}
}

static void test_parts(void)
{
	static const struct change CHANGES[] = {
		{ TUFROLE_ROOT, "signed.consistent_snapshot", NULL, FAULT_OK },
		{ TUFROLE_ROOT, "signed.consistent_snapshot", "1", FAULT_TUF_FIELD },
		{ TUFROLE_ROOT, "signed.roles.targets", NULL, FAULT_TUF_FIELD },
		{ TUFROLE_ROOT, "signed.roles.mirrors", "{}", FAULT_OK },
		{ TUFROLE_ROOT, "signed.roles.root.keyids", "[\"00\"]", FAULT_TUF_FIELD },
		{ TUFROLE_ROOT, "signed.roles.root.keyids", "[1]", FAULT_TUF_FIELD },
		{ TUFROLE_ROOT, "signed.roles.root.keyids", "{}", FAULT_TUF_FIELD },
		{ TUFROLE_ROOT, "signed.keys.00", "{}", FAULT_TUF_KEY_ID },
		{ TUFROLE_ROOT, "signed.keys.00", "1", FAULT_TUF_KEY_ID },
		{ TUFROLE_TIMESTAMP, "signed.meta", "{}", FAULT_TUF_FIELD },
		{ TUFROLE_TIMESTAMP, "signed.meta.other", "{\"version\":1}", FAULT_TUF_FIELD },
		{ TUFROLE_TIMESTAMP, "signed.meta.snapshot_json.version", "0", FAULT_TUF_FIELD },
		{ TUFROLE_TIMESTAMP, "signed.meta.snapshot_json.length", "-1", FAULT_TUF_FIELD },
		{ TUFROLE_TIMESTAMP, "signed.meta.snapshot_json.length", "0", FAULT_OK },
		{ TUFROLE_TIMESTAMP, "signed.meta.snapshot_json.hashes", "{}", FAULT_TUF_FIELD },
		{ TUFROLE_TIMESTAMP, "signed.meta.snapshot_json.hashes", "{\"md5\":\"0\"}",
		  FAULT_OK },
		{ TUFROLE_TIMESTAMP, "signed.meta.snapshot_json.hashes", "{\"sha256\":\"0\"}",
		  FAULT_TUF_FIELD },
		{ TUFROLE_TIMESTAMP, "signed.meta.snapshot_json.hashes", "{\"sha512\":1}",
		  FAULT_TUF_FIELD },
		{ TUFROLE_SNAPSHOT, "signed.meta", "{}", FAULT_TUF_FIELD },
		{ TUFROLE_SNAPSHOT, "signed.meta.a", "{\"version\":1}", FAULT_TUF_FIELD },
		{ TUFROLE_TARGETS, "signed.targets", NULL, FAULT_TUF_FIELD },
		{ TUFROLE_TARGETS, "signed.targets.x", "{\"length\":1}", FAULT_TUF_FIELD },
		{ TUFROLE_TARGETS, "signed.targets.x", "{\"length\":1,\"hashes\":{\"md5\":\"0\"}}",
		  FAULT_OK },
		{ TUFROLE_TARGETS, "signed.targets.x",
		  "{\"length\":1,\"hashes\":{\"md5\":\"0\"},\"custom\":1}", FAULT_TUF_FIELD },
		{ TUFROLE_TARGETS, "signed.targets.x", "1", FAULT_TUF_FIELD },
		{ TUFROLE_TARGETS, "signed.delegations", "1", FAULT_TUF_FIELD },
		{ TUFROLE_TARGETS, "signed.delegations", "{}", FAULT_OK },
		{ TUFROLE_TARGETS, "signed.delegations.roles.0.name", "\"snapshot\"",
		  FAULT_TUF_PATH },
		{ TUFROLE_TARGETS, "signed.delegations.roles.0.name", "\"\"", FAULT_TUF_FIELD },
		{ TUFROLE_TARGETS, "signed.delegations.roles.0.name", "\"../root\"", FAULT_OK },
		{ TUFROLE_TARGETS, "signed.delegations.roles.0.terminating", NULL,
		  FAULT_TUF_FIELD },
		{ TUFROLE_TARGETS, "signed.delegations.roles.0.paths", NULL, FAULT_TUF_FIELD },
		{ TUFROLE_TARGETS, "signed.delegations.roles.0.paths", "[1]", FAULT_TUF_FIELD },
		{ TUFROLE_TARGETS, "signed.delegations.roles.0.path_hash_prefixes", "[\"00\"]",
		  FAULT_TUF_FIELD },
	};

	expect_changes(CHANGES, G_N_ELEMENTS(CHANGES));
}

static void test_json(void)
{
	g_autofree char *deep = g_strnfill(100, '[');
	g_autofree char *text = g_strdup_printf("{\"signed\":{\"a\":%s", deep);
	g_autofree char *closing = g_strnfill(100, ']');
	g_autofree char *whole = g_strdup_printf("%s%s},\"signatures\":[]}", text, closing);

	expect(decode_text(TUFROLE_ROOT, "") == FAULT_TUF_JSON);
	expect(decode_text(TUFROLE_ROOT, "[]") == FAULT_TUF_JSON);
	expect(decode_text(TUFROLE_ROOT, "{\"signed\":{},\"signed\":{}}") == FAULT_TUF_JSON);
	expect(decode_text(TUFROLE_ROOT, "{\"signed\":{\"a\":1,\"a\":1}}") == FAULT_TUF_JSON);
	expect(decode_text(TUFROLE_ROOT, "{\"signed\":{\"a\":\"\\u0000\"}}") == FAULT_TUF_JSON);
	expect(decode_text(TUFROLE_ROOT, "{\"signed\":{\"a\":\"\\ud800\"}}") == FAULT_TUF_JSON);
	expect(decode_text(TUFROLE_ROOT, "{\"signed\":{\"a\":\"\xff\"}}") == FAULT_TUF_JSON);
	expect(decode_text(TUFROLE_ROOT, "{\"signed\":{\"a\":NaN}}") == FAULT_TUF_JSON);
	expect(decode_text(TUFROLE_ROOT, "{} {}") == FAULT_TUF_JSON);
	expect(decode_text(TUFROLE_ROOT, whole) == FAULT_CANON_DEPTH);
}

/* What a stranger wrote into a file must not move a terminal's cursor. */
static void test_messages(void)
{
	static const char *const TEXTS[] = {
		"\x1b[2J",
		"{\"signed\":\x1b[2J}",
		"{\"signed\":{\"_type\":\"\\u001b[2J\"},\"signatures\":[]}",
		"{\"signed\":{},\"signatures\":[{\"keyid\":\"\\u001b\",\"sig\":\"\"},"
		"{\"keyid\":\"\\u001b\",\"sig\":\"\"}]}",
	};

	for (unsigned i = 0; i < G_N_ELEMENTS(TEXTS); i++) {
		g_autoptr(GBytes) bytes = g_bytes_new(TEXTS[i], strlen(TEXTS[i]));
		g_autoptr(GError) error = NULL;
		g_autoptr(Tufrole) role = tufrole_decode(TUFROLE_ROOT, "role", bytes, &error);

		expect(role == NULL && error != NULL);
		expect(error != NULL && strchr(error->message, '\x1b') == NULL);
	}
}

static void test_time(void)
{
	static const char *const BAD[] = {
		"",
		"2027-01-15T08:00:00",
		"2027-01-15T08:00:00z",
		"2027-01-15 08:00:00Z",
		"2027-01-15T08:00:00.5Z",
		"2027-01-15T08:00:00+00:00",
		"2027-02-29T08:00:00Z",
		"2027-13-01T08:00:00Z",
		"2027-00-01T08:00:00Z",
		"2027-01-15T24:00:00Z",
		"2027-01-15T08:60:00Z",
		"2027-01-15T08:00:60Z",
		"1969-12-31T23:59:59Z",
		"2027-W03-5T08:00:00Z",
		"+027-01-15T08:00:00Z",
	};
	gint64 time_s = 7;

	for (unsigned i = 0; i < G_N_ELEMENTS(BAD); i++)
		expect(!tufrole_time_parse(BAD[i], &time_s) && time_s == 7);
	expect(tufrole_time_parse("1970-01-01T00:00:00Z", &time_s) && time_s == 0);
	expect(tufrole_time_parse("2028-02-29T23:59:59Z", &time_s) && time_s == 1835481599);
	expect(tufrole_time_parse("9999-12-31T23:59:59Z", &time_s) && time_s == 253402300799);
	expect(tufrole_time_parse("2027-01-15T08:00:00Z", &time_s) && time_s == TUFMAKE_NOW_S);
}

/* --- signatures --- */

/* A root with those keys and one grant for all roles; both are taken over. */
static struct tufrole *root_with(json_t *keys, json_t *grant)
{
	json_t *body = tufmake_body("root", 1, TUFMAKE_LATER);
	g_autoptr(GBytes) bytes = NULL;

	json_object_set_new(body, "keys", keys);
	json_object_set_new(body, "roles",
			    json_pack("{s:O,s:O,s:O,s:o}", "root", grant, "timestamp", grant,
				      "snapshot", grant, "targets", grant));
	bytes = tufmake_sign(body, 0, 1);
	return tufrole_decode(TUFROLE_ROOT, "root", bytes, NULL);
}

static json_t *keys_of(unsigned first, unsigned count)
{
	json_t *keys = json_object();

	for (unsigned i = first; i < first + count; i++)
		json_object_set_new(keys, tufmake_keyid(i), tufmake_key(i));
	return keys;
}

static gboolean is_signed(int threshold, unsigned keys, unsigned first, unsigned count)
{
	g_autoptr(Tufrole) root = root_with(keys_of(0, keys), tufmake_grant(threshold, 0, keys));
	json_t *body = tufmake_body("timestamp", 1, TUFMAKE_LATER);
	g_autoptr(GBytes) bytes = NULL;
	g_autoptr(Tufrole) role = NULL;

	json_object_set_new(body, "meta", json_pack("{s:{s:i}}", "snapshot.json", "version", 1));
	bytes = tufmake_sign(body, first, count);
	role = tufrole_decode(TUFROLE_TIMESTAMP, "timestamp", bytes, NULL);
	return tufrole_verify(role, &root->grants[TUFROLE_TIMESTAMP], NULL);
}

/* Signed by keys first, first + 1, ...: as many of them as are below `keys` count. */
static void test_threshold(void)
{
	for (unsigned keys = 1; keys <= 4; keys++)
		for (unsigned threshold = 1; threshold <= 5; threshold++)
			for (unsigned first = 0; first <= 5; first++)
				for (unsigned count = 0; count <= 5; count++) {
					const unsigned end = MIN(first + count, keys);
					const unsigned good = end > first ? end - first : 0;

					expect(is_signed((int)threshold, keys, first, count) ==
					       (good >= threshold));
				}
}

static char *keyid_of(const json_t *key)
{
	g_autoptr(GBytes) canonical = canonjson(key, NULL);

	return g_compute_checksum_for_bytes(G_CHECKSUM_SHA256, canonical);
}

/* One key under two names, since a field that nobody knows makes another name of it. */
static void test_twin(void)
{
	json_t *twin = tufmake_key(0);
	json_t *keys = keys_of(0, 1);
	json_t *grant = tufmake_grant(2, 0, 1);
	json_t *body = tufmake_body("timestamp", 1, TUFMAKE_LATER);
	g_autofree char *id = NULL;
	g_autoptr(JsonValue) document = NULL;
	g_autoptr(GBytes) bytes = NULL;
	g_autoptr(GBytes) twice = NULL;
	g_autoptr(Tufrole) root = NULL;
	g_autoptr(Tufrole) role = NULL;
	json_t *signatures;
	char *text;

	json_object_set_new(twin, "x", json_integer(1));
	id = keyid_of(twin);
	json_object_set_new(keys, id, twin);
	json_array_append_new(json_object_get(grant, "keyids"), json_string(id));
	root = root_with(keys, grant);
	json_object_set_new(body, "meta", json_pack("{s:{s:i}}", "snapshot.json", "version", 1));
	bytes = tufmake_sign(body, 0, 1);
	document = json_loadb(g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes), 0, NULL);
	signatures = json_object_get(document, "signatures");
	json_array_append_new(signatures, json_deep_copy(json_array_get(signatures, 0)));
	json_object_set_new(json_array_get(signatures, 1), "keyid", json_string(id));
	text = json_dumps(document, 0);
	twice = g_bytes_new(text, strlen(text));
	free(text);
	role = tufrole_decode(TUFROLE_TIMESTAMP, "timestamp", twice, NULL);
	expect(root != NULL && role != NULL);
	expect(!tufrole_verify(role, &root->grants[TUFROLE_TIMESTAMP], NULL));
}

/* Each bit of a signed document flipped: it is refused, or says exactly the same. */
static void test_flips(void)
{
	struct tufmake *make = tufmake_new();
	g_autoptr(GBytes) root_bytes = file_of(make, "1.root.json");
	g_autoptr(GBytes) bytes = file_of(make, "timestamp.json");
	g_autoptr(Tufrole) root = tufrole_decode(TUFROLE_ROOT, "root", root_bytes, NULL);
	g_autoptr(Tufrole) good = tufrole_decode(TUFROLE_TIMESTAMP, "timestamp", bytes, NULL);
	const gsize size_bytes = g_bytes_get_size(bytes);
	unsigned passed = 0;

	for (gsize bit = 0; bit < size_bytes * 8; bit++) {
		uint8_t *copy = g_memdup2(g_bytes_get_data(bytes, NULL), size_bytes);
		g_autoptr(GBytes) flipped = NULL;
		g_autoptr(Tufrole) role = NULL;

		copy[bit / 8] ^= (uint8_t)(1 << bit % 8);
		flipped = g_bytes_new_take(copy, size_bytes);
		role = tufrole_decode(TUFROLE_TIMESTAMP, "timestamp", flipped, NULL);
		if (role == NULL || !tufrole_verify(role, &root->grants[TUFROLE_TIMESTAMP], NULL))
			continue;
		passed++;
		expect(g_bytes_equal(role->canonical, good->canonical));
	}
	/* White space that becomes other white space. */
	expect(passed < 100);
	tufmake_free(make);
}

static void test_prefixes(void)
{
	g_autoptr(GPtrArray) prefixes = g_ptr_array_new();
	const struct tufdelegation delegation = { .hash_prefixes = prefixes };

	/* SHA-256 of "a" begins with ca97. */
	expect(!tufdelegation_covers(&delegation, "a"));
	g_ptr_array_add(prefixes, (gpointer) "00");
	expect(!tufdelegation_covers(&delegation, "a"));
	g_ptr_array_add(prefixes, (gpointer) "ca97");
	expect(tufdelegation_covers(&delegation, "a"));
	expect(!tufdelegation_covers(&delegation, "b"));
}

static const struct tap_case CASES[] = {
	{ "what is good", test_good },
	{ "fields of all roles", test_common },
	{ "thresholds", test_thresholds },
	{ "fields of each role", test_parts },
	{ "what is no strict JSON", test_json },
	{ "what messages show", test_messages },
	{ "times", test_time },
	{ "signatures are counted", test_threshold },
	{ "one key under two names", test_twin },
	{ "each bit flipped", test_flips },
	{ "delegation by hash", test_prefixes },
};

TAP_MAIN(CASES)
