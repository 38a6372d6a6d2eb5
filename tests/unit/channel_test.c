/* SPDX-License-Identifier: MIT */
#include "channel.h"

#include <string.h>

#include "failure.h"
#include "tap.h"

/* A document with a %s where a test puts its own; as the repository's format has it. */
#define HEAD                                                                                       \
	"{\"format\": 1, \"product\": \"demo\", \"architecture\": \"x86_64\", \"channel\": "       \
	"\"stable\""
#define BUNDLE(version, name) "\"bundles/demo/x86_64/" version "/" name ".azb\""
#define RELEASE(version, more)                                                                     \
	"{\"version\": \"" version "\", \"security_version\": 3, "                                 \
	"\"published\": \"2026-11-01T12:00:00Z\", \"bundles\": [" BUNDLE(version, "full") "]" more \
											  "}"
#define ROLLOUT(more, waves)                                                                       \
	", \"rollout\": {\"start\": \"2026-11-01T12:00:00Z\", \"salt\": \"s\"" more ", "           \
	"\"waves\": [" waves "]}"
#define WAVE(after, permille) "{\"after_s\": " after ", \"permille\": " permille "}"
#define DOCUMENT(releases, more) HEAD ", \"releases\": [" releases "]" more "}"

static struct channel *decode(const char *text, GError **error)
{
	return channel_decode((const uint8_t *)text, strlen(text), error);
}

static const char WHOLE[] = DOCUMENT(
	RELEASE("4.0.1", ", \"barrier\": true, \"dead_end\": \"a \xc3\xa9nd\"") "," RELEASE(
		"4.0.2",
		", \"minimum_free_bytes\": 5, \"later\": [1]" ROLLOUT(
			", \"paused\": \"wait\"", WAVE("0", "10") "," WAVE("86400", "1000"))),
	", \"revoked\": [{\"version\": \"4.0.1\", \"reason\": \"eats data\"}], \"later\": null");

static void test_whole(void)
{
	g_autoptr(Channel) channel = decode(WHOLE, NULL);
	const struct channel_release *release;

	expect(channel != NULL);
	if (channel == NULL)
		return;
	expect(strcmp(channel->product, "demo") == 0 && strcmp(channel->name, "stable") == 0);
	expect(strcmp(channel->architecture, "x86_64") == 0 && channel->n_releases == 2);
	release = &channel->releases[0];
	expect(strcmp(release->version, "4.0.1") == 0 && release->security_version == 3);
	expect(release->published_s == 1793534400 && release->barrier && release->rollout == NULL);
	expect(strcmp(release->dead_end, "a \xc3\xa9nd") == 0 && release->minimum_free_bytes == 0);
	release = channel_find(channel, "4.0.2");
	expect(release == &channel->releases[1] && !release->barrier && release->dead_end == NULL);
	expect(strcmp(release->bundles[0], "bundles/demo/x86_64/4.0.2/full.azb") == 0);
	expect(release->bundles[1] == NULL && release->minimum_free_bytes == 5);
	expect(release->rollout->n_waves == 2 && release->rollout->waves[1].after_s == 86400);
	expect(release->rollout->waves[0].permille == 10);
	expect(strcmp(release->rollout->paused, "wait") == 0);
	expect(release->rollout->start_s == 1793534400);
	expect(channel_find(channel, "4.0.3") == NULL);
	expect(strcmp(channel_revoked(channel, "4.0.1"), "eats data") == 0);
	expect(channel_revoked(channel, "4.0.2") == NULL);
}

static void test_encode(void)
{
	g_autoptr(Channel) channel = decode(WHOLE, NULL);
	g_autoptr(Channel) back = NULL;
	g_autofree char *text = channel_encode(channel);
	g_autofree char *again = NULL;

	back = decode(text, NULL);
	expect(back != NULL);
	if (back == NULL)
		return;
	again = channel_encode(back);
	expect(strcmp(text, again) == 0 && back->n_releases == 2 && back->n_revoked == 1);
	expect(back->releases[0].barrier && back->releases[1].rollout->n_waves == 2);
}

static void test_check(void)
{
	g_autoptr(Channel) channel = decode(WHOLE, NULL);
	g_autoptr(GError) error = NULL;

	expect(channel_check(channel, "demo", "x86_64", "stable", NULL));
	expect(!channel_check(channel, "demo", "x86_64", "edge", NULL));
	expect(!channel_check(channel, "demo", "aarch64", "stable", NULL));
	expect(!channel_check(channel, "shop", "x86_64", "stable", &error));
	expect(failure_code(error) == FAULT_CHANNEL_OTHER);
}

struct refusal {
	const char *text;
	fault why;
	const char *named; /* must stand in the message */
};

static const struct refusal REFUSALS[] = {
	{ "", FAULT_CHANNEL_SYNTAX, "not valid" },
	{ "[]", FAULT_CHANNEL_SYNTAX, "object" },
	{ "{\"format\": 1, \"format\": 1}", FAULT_CHANNEL_SYNTAX, "format" },
	{ "{}", FAULT_CHANNEL_FIELD, "format" },
	{ "{\"format\": 2}", FAULT_CHANNEL_LATER, "2" },
	{ "{\"format\": 0}", FAULT_CHANNEL_LATER, "0" },
	{ "{\"format\": \"1\"}", FAULT_CHANNEL_FIELD, "format" },
	{ HEAD "}", FAULT_CHANNEL_FIELD, "releases" },
	{ "{\"format\": 1, \"product\": \"../x\"}", FAULT_CHANNEL_FIELD, "product" },
	{ "{\"format\": 1, \"product\": \"a/b\"}", FAULT_CHANNEL_FIELD, "product" },
	{ DOCUMENT("1", ""), FAULT_CHANNEL_FIELD, "release 1" },
	{ DOCUMENT(RELEASE("4", "") "," RELEASE("4", ""), ""), FAULT_CHANNEL_FIELD, "not newer" },
	{ DOCUMENT(RELEASE("4", "") "," RELEASE("3", ""), ""), FAULT_CHANNEL_FIELD, "release 2" },
	{ DOCUMENT(RELEASE("4/..", ""), ""), FAULT_CHANNEL_FIELD, "no version" },
	{ DOCUMENT("{\"version\": \"4\"}", ""), FAULT_CHANNEL_FIELD, "security_version" },
	{ DOCUMENT(RELEASE("4", ", \"barrier\": 1"), ""), FAULT_CHANNEL_FIELD, "barrier" },
	{ DOCUMENT(RELEASE("4", ", \"dead_end\": \"\""), ""), FAULT_CHANNEL_FIELD, "dead_end" },
	{ DOCUMENT(RELEASE("4", ", \"dead_end\": \"\\u001b[2J\""), ""), FAULT_CHANNEL_FIELD,
	  "dead_end" },
	{ DOCUMENT(RELEASE("4", ", \"dead_end\": \"\\u202eabc\""), ""), FAULT_CHANNEL_FIELD,
	  "dead_end" },
	{ DOCUMENT(RELEASE("4", ", \"minimum_free_bytes\": -1"), ""), FAULT_CHANNEL_FIELD,
	  "minimum_free_bytes" },
	{ DOCUMENT(RELEASE("4", ", \"rollout\": null"), ""), FAULT_CHANNEL_FIELD, "rollout" },
	{ DOCUMENT(RELEASE("4", ROLLOUT("", "")), ""), FAULT_CHANNEL_FIELD, "waves" },
	{ DOCUMENT(RELEASE("4", ROLLOUT("", WAVE("0", "0"))), ""), FAULT_CHANNEL_FIELD, "wave 1" },
	{ DOCUMENT(RELEASE("4", ROLLOUT("", WAVE("0", "1001"))), ""), FAULT_CHANNEL_FIELD,
	  "permille" },
	{ DOCUMENT(RELEASE("4", ROLLOUT("", WAVE("0", "1.5"))), ""), FAULT_CHANNEL_FIELD,
	  "permille" },
	{ DOCUMENT(RELEASE("4", ROLLOUT("", WAVE("-1", "1"))), ""), FAULT_CHANNEL_FIELD,
	  "after_s" },
	{ DOCUMENT(RELEASE("4", ROLLOUT("", WAVE("31622401", "1"))), ""), FAULT_CHANNEL_FIELD,
	  "after_s" },
	{ DOCUMENT(RELEASE("4", ROLLOUT("", WAVE("0", "5") "," WAVE("0", "6"))), ""),
	  FAULT_CHANNEL_FIELD, "wave 2" },
	{ DOCUMENT(RELEASE("4", ROLLOUT("", WAVE("0", "5") "," WAVE("1", "5"))), ""),
	  FAULT_CHANNEL_FIELD, "wave 2" },
	{ DOCUMENT(RELEASE("4", ROLLOUT("", "7")), ""), FAULT_CHANNEL_FIELD, "wave 1" },
	{ DOCUMENT("", ", \"revoked\": {}"), FAULT_CHANNEL_FIELD, "revoked" },
	{ DOCUMENT("", ", \"revoked\": [{\"version\": \"4\"}]"), FAULT_CHANNEL_FIELD, "reason" },
	{ DOCUMENT("", ", \"revoked\": [\"4\"]"), FAULT_CHANNEL_FIELD, "revoked 1" },
};

static void refusal_check(const struct refusal *row)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(Channel) channel = decode(row->text, &error);

	expect(channel == NULL && error != NULL);
	if (error == NULL)
		printf("# taken: %s\n", row->text);
	if (error == NULL)
		return;
	expect(failure_code(error) == row->why && strstr(error->message, row->named) != NULL);
	if (strstr(error->message, row->named) == NULL)
		printf("# %s\n", error->message);
}

static void test_refusals(void)
{
	for (size_t i = 0; i < G_N_ELEMENTS(REFUSALS); i++)
		refusal_check(&REFUSALS[i]);
}

/* The names of bundles, put into an otherwise good document. */
static void test_bundles(void)
{
	static const char *const REFUSED[] = {
		"[]",
		"[1]",
		"\"x\"",
		"[\"full.azb\"]",
		"[\"/bundles/demo/x86_64/4/full.azb\"]",
		"[\"bundles/demo/x86_64/5/full.azb\"]",
		"[\"bundles/shop/x86_64/4/full.azb\"]",
		"[\"bundles/demo/x86_64/4/../5/full.azb\"]",
		"[\"bundles/demo/x86_64/4/.azb\"]",
		"[\"bundles/demo/x86_64/4/full.raw\"]",
		"[\"bundles/demo/x86_64/4/a b.azb\"]",
		"[\"bundles/demo/x86_64/4/a%2fb.azb\"]",
		"[\"bundles/demo/x86_64/4/\"]",
	};

	for (size_t i = 0; i < G_N_ELEMENTS(REFUSED); i++) {
		g_autofree char *text = g_strdup_printf(
			HEAD ", \"releases\": [{\"version\": \"4\", \"security_version\": 1, "
			     "\"published\": \"2026-11-01T12:00:00Z\", \"bundles\": %s}]}",
			REFUSED[i]);

		refusal_check(&(struct refusal){ text, FAULT_CHANNEL_FIELD, "undle" });
	}
}

/* One more of each than is allowed. */
static void test_limits(void)
{
	g_autoptr(GString) text = g_string_new(NULL);
	g_autoptr(GError) error = NULL;
	g_autofree char *large = g_malloc0(CHANNEL_SIZE_MAX + 1);

	expect(channel_decode((const uint8_t *)large, CHANNEL_SIZE_MAX + 1, &error) == NULL);
	expect(failure_code(error) == FAULT_CHANNEL_SIZE);
	for (unsigned more = 0; more < 2; more++) {
		g_autofree char *reason = g_strnfill(CHANNEL_TEXT_MAX + more, 'x');
		g_autoptr(Channel) channel = NULL;

		g_string_printf(text,
				HEAD ", \"releases\": [], \"revoked\": [{\"version\": \"1\", "
				     "\"reason\": \"%s\"}]}",
				reason);
		channel = decode(text->str, NULL);
		expect((channel != NULL) == (more == 0));
	}
	for (unsigned more = 0; more < 2; more++) {
		g_autoptr(Channel) channel = NULL;

		g_string_assign(text, HEAD ", \"releases\": [");
		for (unsigned i = 0; i < CHANNEL_RELEASES_MAX + more; i++)
			g_string_append_printf(text,
					       "%s{\"version\": \"%u\", \"security_version\": 1, "
					       "\"published\": \"2026-11-01T12:00:00Z\", "
					       "\"bundles\": [\"bundles/demo/x86_64/%u/f.azb\"]}",
					       i > 0 ? "," : "", i, i);
		g_string_append(text, "]}");
		channel = decode(text->str, NULL);
		expect((channel != NULL) == (more == 0));
	}
}

static void test_times(void)
{
	static const char *const REFUSED[] = {
		"",
		"2026-11-01T12:00:00",
		"2026-11-01T12:00:00+00:00",
		"2026-11-01 12:00:00Z",
		"2026-11-01t12:00:00z",
		"2026-02-29T12:00:00Z",
		"2026-13-01T12:00:00Z",
		"2026-11-01T24:00:00Z",
		"2026-11-01T12:00:60Z",
		"1969-12-31T23:59:59Z",
		"+026-11-01T12:00:00Z",
		"2026-11- 1T12:00:00Z",
		"2026-11-01T12:00:00ZZ",
		"2026-11-01T12:00:0.Z",
	};
	static const struct {
		const char *text;
		int64_t time_s;
	} TAKEN[] = {
		{ "1970-01-01T00:00:00Z", 0 },
		{ "2028-02-29T23:59:59Z", 1835481599 },
		{ "9999-12-31T23:59:59Z", 253402300799 },
	};
	int64_t time_s = -5;

	for (size_t i = 0; i < G_N_ELEMENTS(REFUSED); i++)
		expect(!channel_time_decode(REFUSED[i], &time_s) && time_s == -5);
	for (size_t i = 0; i < G_N_ELEMENTS(TAKEN); i++) {
		g_autofree char *text = channel_time_encode(TAKEN[i].time_s);

		expect(channel_time_decode(TAKEN[i].text, &time_s));
		expect(time_s == TAKEN[i].time_s && strcmp(text, TAKEN[i].text) == 0);
	}
}

static const struct tap_case CASES[] = {
	{ "a whole document", test_whole },
	{ "what is encoded decodes", test_encode },
	{ "the one that was asked for", test_check },
	{ "refusals", test_refusals },
	{ "names of bundles", test_bundles },
	{ "limits", test_limits },
	{ "times", test_times },
};
TAP_MAIN(CASES)
