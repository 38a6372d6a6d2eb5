/* SPDX-License-Identifier: MIT */
#include "policytext.h"

#include <string.h>

#include "json.h"
#include "tap.h"

enum { NOW = 1800000000 }; /* Fri 2027-01-15 08:00 UTC */

static const struct policy_reason FULL = {
	.version = "4.0.2",
	.text = "why so",
	.by = "ann",
	.have = 1700000000,
	.want = 1700000001,
	.until_s = NOW + 3600,
};

/* Each reason and action has a name of its own and a sentence, with and without its members. */
static void test_table(void)
{
	g_autoptr(GHashTable) names = g_hash_table_new(g_str_hash, g_str_equal);

	for (unsigned id = 0; id < POLICY_REASON_COUNT; id++) {
		struct policy_reason reason = FULL;
		g_autofree char *full = NULL;
		g_autofree char *bare = NULL;

		reason.id = (enum policy_reason_id)id;
		full = policytext_sentence(&reason, NULL);
		reason = (struct policy_reason){
			.id = reason.id, .version = "4.0.2", .want = 1, .have = reason.have
		};
		bare = policytext_sentence(&reason, NULL);
		expect(strlen(full) > 10 && strlen(bare) > 10);
		expect(strpbrk(bare, "[]{}?") == NULL && strpbrk(full, "[]{}?") == NULL);
		expect(!g_ascii_isupper(*full) && !g_str_has_suffix(full, "."));
		expect(g_hash_table_add(names, (gpointer)policytext_reason_name(reason.id)));
	}
	for (unsigned i = 0; i < POLICY_ACTION_COUNT; i++)
		expect(strlen(policytext_action_name((enum policy_action)i)) > 3);
}

static void sentence_check(struct policy_reason reason, const char *wanted)
{
	g_autofree char *sentence = policytext_sentence(&reason, NULL);

	expect(strcmp(sentence, wanted) == 0);
	if (strcmp(sentence, wanted) != 0)
		printf("# %s\n", sentence);
}

static void test_sentences(void)
{
	struct policy_reason reason = { .id = POLICY_REASON_HOLD };

	sentence_check(reason, "updates are held");
	reason.text = "fair";
	sentence_check(reason, "updates are held: fair");
	reason.by = "ann";
	sentence_check(reason, "updates are held by ann: fair");
	reason = (struct policy_reason){ .id = POLICY_REASON_UNREACHABLE };
	sentence_check(reason, "the repository does not answer");
	reason.have = NOW;
	sentence_check(reason, "the repository does not answer, it last did Fri 2027-01-15 08:00");
	reason = (struct policy_reason){ .id = POLICY_REASON_SPACE, .have = 0, .want = 16 << 20 };
	sentence_check(reason, "0 bytes are free, 16.0\xc2\xa0MiB are needed");
}

static struct policy_decision example(unsigned n_reasons)
{
	struct policy_decision decision = { .next_s = NOW + 600 };

	for (unsigned i = 0; i < n_reasons; i++) {
		struct policy_reason *reason = &decision.reasons[decision.n_reasons++];

		*reason = FULL;
		reason->id = (enum policy_reason_id)(i % POLICY_REASON_COUNT);
		reason->blocks = i % 3 != 0;
	}
	return decision;
}

/* However many reasons there are, and however long: one screen. */
static void test_screen(void)
{
	for (unsigned n = 0; n <= POLICY_REASONS_MAX; n++) {
		struct policy_decision decision = example(n);
		g_autofree char *text = NULL;
		g_auto(GStrv) lines = NULL;
		unsigned count;

		if (n > 2)
			decision.reasons[2].text =
				"\xc3\xa4 very long reason that somebody wrote when nothing short "
				"would do, and which goes on and on";
		text = policytext_print(&decision, NOW, NULL);
		lines = g_strsplit(text, "\n", 0);
		count = g_strv_length(lines) - 1;
		expect(count == MIN(n + 1, POLICYTEXT_LINES_MAX));
		for (unsigned i = 0; i < count; i++)
			expect(g_utf8_validate(lines[i], -1, NULL) &&
			       g_utf8_strlen(lines[i], -1) <= POLICYTEXT_COLUMNS);
		expect((strstr(text, "more: --json") != NULL) == (n >= POLICYTEXT_LINES_MAX));
	}
}

static void test_print(void)
{
	static const struct zone_span SPAN = { 0, 3600 };
	const struct zone zone = { 1, (struct zone_span *)&SPAN };
	struct policy_decision decision = { .next_s = NOW + 600, .n_reasons = 4 };
	g_autofree char *text = NULL;

	decision.reasons[0] = (struct policy_reason){ .id = POLICY_REASON_AVAILABLE,
						      .version = "4.0.3",
						      .until_s = POLICY_UNTIL_CHANGE };
	decision.reasons[1] = (struct policy_reason){
		.id = POLICY_REASON_HOLD, .blocks = true, .by = "ann", .until_s = POLICY_UNTIL_ACT
	};
	decision.reasons[2] = (struct policy_reason){ .id = POLICY_REASON_WINDOW,
						      .blocks = true,
						      .until_s = NOW + 7200 };
	decision.reasons[3] = (struct policy_reason){ .id = POLICY_REASON_NEXT_CHECK,
						      .have = NOW - 60,
						      .until_s = NOW + 600 };
	text = policytext_print(&decision, NOW, &zone);
	expect(strcmp(text,
		      "Fri 2027-01-15 09:00: nothing is to be done now; the next look is Fri "
		      "2027-01-15 09:10\n"
		      "  until somebody acts         updates are held by ann\n"
		      "  until Fri 2027-01-15 11:00  staging waits for this machine's place in a "
		      "window\n"
		      "                              4.0.3 is available\n"
		      "  on Fri 2027-01-15 09:10     the repository is looked at, last on Fri "
		      "2027-01-15 08:59\n") == 0);
	if (tap_failed)
		printf("# %s\n", text);
}

static void test_json(void)
{
	struct policy_decision decision = example(3);
	g_autofree char *text = NULL;
	g_autofree char *why = NULL;
	g_autoptr(JsonValue) object = NULL;
	json_t *reasons;

	decision.reasons[1].until_s = POLICY_UNTIL_ACT;
	decision.reasons[2].until_s = POLICY_UNTIL_CHANGE;
	text = policytext_json(&decision, NOW, NULL);
	object = json_object_parse(text, strlen(text), &why);
	reasons = json_object_get(object, "reasons");
	expect(json_array_size(reasons) == 3);
	expect(json_integer_value(json_object_get(json_array_get(reasons, 0), "until")) ==
	       NOW + 3600);
	for (unsigned i = 1; i < 3; i++) {
		json_t *reason = json_array_get(reasons, i);

		expect(json_is_null(json_object_get(reason, "until")));
		expect(strcmp(json_string_value(json_object_get(reason, "ends")),
			      i == 1 ? "act" : "change") == 0);
	}
	expect(strcmp(json_string_value(json_object_get(object, "action")), "nothing") == 0);
}

static const struct tap_case CASES[] = {
	{ "all names and sentences", test_table },
	{ "sentences", test_sentences },
	{ "one screen", test_screen },
	{ "lines", test_print },
	{ "JSON", test_json },
};
TAP_MAIN(CASES)
