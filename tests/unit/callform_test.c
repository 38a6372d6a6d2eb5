/* SPDX-License-Identifier: MIT */
#include "callform.h"

#include <string.h>

#include "failure.h"
#include "tap.h"

static const struct httpcall_form OMAHA = { HTTPCALL_OMAHA, "shop", TRUE };
static const struct httpcall_form FLEETLOCK = { .kind = HTTPCALL_FLEETLOCK };
static const struct httpcall_form RAW = { .kind = HTTPCALL_RAW };

static const char UPDATE[] =
	"<response protocol=\"3.0\"><app appid=\"shop\" status=\"ok\"><updatecheck status=\"ok\">"
	"<urls><url codebase=\"https://h.example/d/\"/></urls><manifest version=\"2.0.0\">"
	"<packages><package name=\"2.azb\"/></packages></manifest></updatecheck></app></response>";

static struct httpcall_answer answer_of(unsigned status, const char *body)
{
	return (struct httpcall_answer){ .status = status,
					 .body = g_strdup(body),
					 .body_bytes = strlen(body) };
}

static void test_raw(void)
{
	struct httpcall_answer answer = answer_of(500, "anything");

	expect(callform_apply(&RAW, &answer, NULL) && strcmp(answer.body, "anything") == 0);
	expect(callform_is_sane(&RAW, &answer) && callform_size_max(&RAW, 17) == 17);
	httpcall_answer_clear(&answer);
}

static void test_omaha(void)
{
	struct httpcall_answer answer = answer_of(200, UPDATE);
	g_auto(OmahaAdvice) advice = { .outcome = OMAHA_NONE };

	expect(callform_apply(&OMAHA, &answer, NULL) && callform_is_sane(&OMAHA, &answer));
	expect(answer.body_bytes == callform_size_max(&OMAHA, 17));
	callform_omaha_take(&answer, &advice);
	expect(advice.outcome == OMAHA_UPDATE && strcmp(advice.version, "2.0.0") == 0);
	expect(strcmp(advice.url, "https://h.example/d/2.azb") == 0);
	expect(strcmp(advice.status, "ok") == 0);
	httpcall_answer_clear(&answer);
}

/* A failure says so; another status leaves nothing of the page. */
static void test_omaha_that_is_none(void)
{
	g_autoptr(GError) error = NULL;
	struct httpcall_answer page = answer_of(503, "<html>");
	struct httpcall_answer broken = answer_of(200, "<response");

	expect(callform_apply(&OMAHA, &page, NULL) && page.body_bytes == 0);
	expect(callform_is_sane(&OMAHA, &page));
	expect(!callform_apply(&OMAHA, &broken, &error) && broken.body == NULL);
	expect(failure_code(error) == FAULT_OMAHA_ANSWER);
	expect(g_str_has_prefix(error->message, "the answer of the Omaha server: "));
	httpcall_answer_clear(&page);
}

static gboolean struct_is_sane(const struct httpcall_form *form, unsigned status, const void *made,
			       size_t size_bytes)
{
	struct httpcall_answer answer = { .status = status,
					  .body = g_memdup2(made, size_bytes),
					  .body_bytes = size_bytes };
	const gboolean is_sane = callform_is_sane(form, &answer);

	httpcall_answer_clear(&answer);
	return is_sane;
}

static gboolean omaha_is_sane(unsigned status, const struct callform_omaha *made)
{
	return struct_is_sane(&OMAHA, status, made, sizeof *made);
}

/* What a worker that was taken over might say. */
static void test_omaha_lies(void)
{
	const struct callform_omaha good = { OMAHA_UPDATE, "ok", "2.0", "http://h/x" };
	struct callform_omaha lie = good;

	expect(omaha_is_sane(200, &good) && !omaha_is_sane(500, &good));
	lie.outcome = OMAHA_LATER + 1;
	expect(!omaha_is_sane(200, &lie));
	lie = good;
	lie.outcome = OMAHA_NONE; /* and yet a version */
	expect(!omaha_is_sane(200, &lie));
	lie = good;
	memset(lie.status, 'a', sizeof lie.status);
	expect(!omaha_is_sane(200, &lie));
	lie = good;
	memset(lie.version, '1', sizeof lie.version);
	expect(!omaha_is_sane(200, &lie));
	lie = good;
	memset(lie.url, 'a', sizeof lie.url);
	expect(!omaha_is_sane(200, &lie));
	lie = (struct callform_omaha){ OMAHA_UPDATE, "ok", "../2", "http://h/x" };
	expect(!omaha_is_sane(200, &lie));
	lie = (struct callform_omaha){ OMAHA_UPDATE, "ok", "2.0", "file:///etc/passwd" };
	expect(!omaha_is_sane(200, &lie));
	lie = (struct callform_omaha){ OMAHA_LATER, "a\033[2J", "", "" };
	expect(!omaha_is_sane(200, &lie));
	lie = (struct callform_omaha){ OMAHA_LATER, "", "", "" };
	expect(!omaha_is_sane(200, &lie));
}

static void test_fleetlock(void)
{
	struct httpcall_answer answer = answer_of(409, "{\"kind\":\"full\",\"value\":\"wait\"}");
	struct fleetlock_answer made;

	expect(callform_apply(&FLEETLOCK, &answer, NULL) && callform_is_sane(&FLEETLOCK, &answer));
	callform_fleetlock_take(&answer, &made);
	expect(made.outcome == FLEETLOCK_LATER && strcmp(made.kind, "full") == 0);
	expect(strcmp(made.value, "wait") == 0);
	httpcall_answer_clear(&answer);
}

static gboolean fleetlock_is_sane(unsigned status, const struct fleetlock_answer *made)
{
	return struct_is_sane(&FLEETLOCK, status, made, sizeof *made);
}

static void test_fleetlock_lies(void)
{
	const struct fleetlock_answer granted = { FLEETLOCK_GRANTED, "", "" };
	struct fleetlock_answer lie = { FLEETLOCK_LATER, "two words", "" };
	const struct httpcall_answer short_one = { .status = 200, .body = "x", .body_bytes = 1 };

	expect(fleetlock_is_sane(200, &granted) && !fleetlock_is_sane(423, &granted));
	expect(!fleetlock_is_sane(500, &lie) && !callform_is_sane(&FLEETLOCK, &short_one));
	lie = (struct fleetlock_answer){ FLEETLOCK_LATER, "", "a\nb" };
	expect(!fleetlock_is_sane(500, &lie));
	lie = (struct fleetlock_answer){ FLEETLOCK_REFUSED, "", "" };
	expect(!fleetlock_is_sane(500, &lie) && fleetlock_is_sane(400, &lie));
	memset(lie.kind, 'a', sizeof lie.kind);
	expect(!fleetlock_is_sane(400, &lie));
	lie = (struct fleetlock_answer){ FLEETLOCK_REFUSED, "", "" };
	memset(lie.value, 'a', sizeof lie.value);
	expect(!fleetlock_is_sane(400, &lie));
}

static const struct tap_case CASES[] = {
	{ "raw", test_raw },
	{ "an Omaha answer", test_omaha },
	{ "what is no Omaha answer", test_omaha_that_is_none },
	{ "lies about Omaha", test_omaha_lies },
	{ "a FleetLock answer", test_fleetlock },
	{ "lies about FleetLock", test_fleetlock_lies },
};
TAP_MAIN(CASES)
