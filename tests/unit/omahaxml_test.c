/* SPDX-License-Identifier: MIT */
#include "omahaxml.h"

#include <string.h>

#include "failure.h"
#include "tap.h"

static const struct omaha_client CLIENT = {
	.app = "{E96281A6-D1AF-4BDE-9A0A-97B76E56DC57}",
	.track = "stable",
	.architecture = "aarch64",
	.machine_id = "0123456789abcdef0123456789abcdef",
	.boot_id = "fedcba9876543210fedcba9876543210",
	.version = "4.0.20260801",
};

static char *encode(const struct omaha_client *client, GError **error)
{
	const struct omahaxml_event events[] = { { 3, 0, 811, NULL }, { 3, 2, 0, "4.0.1" } };
	const struct omahaxml_request request = { client, TRUE, FALSE, events, 2 };

	return omahaxml_encode(&request, error);
}

static void test_encode(void)
{
	g_autofree char *text = encode(&CLIENT, NULL);

	expect(text != NULL);
	expect(strstr(text, "installsource=\"scheduler\"") != NULL);
	expect(strstr(text, "version=\"azupdate-") != NULL);
	expect(strstr(text, "board=\"arm64-usr\"") != NULL && strstr(text, "arch=\"arm\"") != NULL);
	expect(strstr(text, "<event eventtype=\"3\" eventresult=\"0\" errorcode=\"811\"/>"
			    "<event eventtype=\"3\" eventresult=\"2\" previousversion=\"4.0.1\"/>"
			    "<ping active=\"1\"/><updatecheck/></app></request>") != NULL);
	/* In braces it would be no machine that counts. */
	expect(strstr(text, " machineid=\"0123456789abcdef0123456789abcdef\"") != NULL);
}

static void test_escapes(void)
{
	struct omaha_client client = CLIENT;
	g_autofree char *text = NULL;

	client.track = "a\"b<c>&'d";
	text = encode(&client, NULL);
	expect(text != NULL);
	expect(strstr(text, "track=\"a&quot;b&lt;c&gt;&amp;&#39;d\"") != NULL ||
	       strstr(text, "track=\"a&quot;b&lt;c&gt;&amp;&apos;d\"") != NULL);
}

static void expect_value_refused(const struct omaha_client *client)
{
	g_autoptr(GError) error = NULL;
	g_autofree char *text = encode(client, &error);

	expect(text == NULL && error != NULL && failure_code(error) == FAULT_OMAHA_VALUE);
}

static void test_values_refused(void)
{
	struct omaha_client client = CLIENT;

	client.architecture = "riscv64"; /* the server would take it for x86-64 */
	expect_value_refused(&client);
	client = CLIENT;
	client.version = "4.0";
	expect_value_refused(&client);
	client = CLIENT;
	client.app = "";
	expect_value_refused(&client);
	client = CLIENT;
	client.track = "a\nb";
	expect_value_refused(&client);
}

static void test_versions(void)
{
	static const struct {
		const char *version;
		gboolean sayable;
	} ROWS[] = {
		{ "0.0.0", TRUE },
		{ "1.2.3", TRUE },
		{ "10.20.20260801", TRUE },
		{ "1.2.3-rc.1", TRUE },
		{ "1.2.3+b5", TRUE },
		{ "1.2.3-a-b.7+01.x", TRUE },
		{ "1", FALSE },
		{ "1.2", FALSE },
		{ "1.2.3.4", FALSE },
		{ "01.2.3", FALSE },
		{ "1.02.3", FALSE },
		{ "1.2.3-", FALSE },
		{ "1.2.3-01", FALSE },
		{ "1.2.3-a..b", FALSE },
		{ "1.2.3+", FALSE },
		{ "1.2.3~rc1", FALSE },
		{ "1.2.3 ", FALSE },
		{ "v1.2.3", FALSE },
		{ "", FALSE },
		{ "1..3", FALSE },
		{ "1.2.-3", FALSE },
		{ "1234567890123456789.1.1", FALSE },
	};

	for (size_t i = 0; i < G_N_ELEMENTS(ROWS); i++)
		expect(omahaxml_version_is_sayable(ROWS[i].version) == ROWS[i].sayable);
}

#define PROLOG "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
#define RESPONSE(inside)                                                                           \
	PROLOG "<response protocol=\"3.0\" server=\"nebraska\">"                                   \
	       "<daystart elapsed_seconds=\"0\"></daystart>" inside "</response>"
#define APP(inside)                                                                                \
	RESPONSE("<app appid=\"e96281a6-d1af-4bde-9a0a-97b76e56dc57\" status=\"ok\">"              \
		 "<ping status=\"ok\"></ping>" inside "</app>")
#define UPDATE(url, version, name)                                                                 \
	APP("<updatecheck status=\"ok\"><urls><url codebase=\"" url "\"></url>"                    \
	    "<url codebase=\"https://second.example/\"></url></urls>"                              \
	    "<manifest version=\"" version "\"><packages>"                                         \
	    "<package name=\"" name "\" hash=\"x\" size=\"5\" required=\"true\"></package>"        \
	    "<package name=\"extra.raw\" required=\"false\"></package></packages>"                 \
	    "<actions><action event=\"postinstall\" sha256=\"x\"></action></actions>"              \
	    "</manifest></updatecheck><event status=\"ok\"></event>")

static gboolean decode(const char *text, gboolean checked, struct omaha_advice *ret_advice,
		       GError **error)
{
	return omahaxml_decode(text, strlen(text), CLIENT.app, checked, ret_advice, error);
}

static void test_update(void)
{
	g_auto(OmahaAdvice) advice = { .outcome = OMAHA_NONE };

	expect(decode(UPDATE("https://host.example/path", "4.0.20260901", "azl.azb"), TRUE, &advice,
		      NULL));
	expect(advice.outcome == OMAHA_UPDATE);
	expect(g_strcmp0(advice.version, "4.0.20260901") == 0);
	expect(g_strcmp0(advice.url, "https://host.example/path/azl.azb") == 0);
}

static void expect_outcome(const char *text, gboolean checked, enum omaha_outcome outcome,
			   const char *status)
{
	g_auto(OmahaAdvice) advice = { .outcome = OMAHA_NONE };
	g_autoptr(GError) error = NULL;

	expect(decode(text, checked, &advice, &error));
	if (error != NULL)
		printf("# %s\n", error->message);
	expect(advice.outcome == outcome && g_strcmp0(advice.status, status) == 0);
	expect(advice.version == NULL && advice.url == NULL);
}

static void test_outcomes(void)
{
	expect_outcome(APP("<updatecheck status=\"noupdate\"><urls></urls></updatecheck>"), TRUE,
		       OMAHA_NONE, "noupdate");
	expect_outcome(APP("<updatecheck status=\"error-internal\"><urls></urls></updatecheck>"),
		       TRUE, OMAHA_LATER, "error-internal");
	expect_outcome(RESPONSE("<app appid=\"E96281A6-D1AF-4BDE-9A0A-97B76E56DC57\" "
				"status=\"error-updatesDisabled\"><updatecheck "
				"status=\"error-internal\"/></app>"),
		       TRUE, OMAHA_LATER, "error-updatesDisabled");
	expect_outcome(RESPONSE("<app appid=\"{e96281a6-d1af-4bde-9a0a-97b76e56dc57}\" "
				"status=\"error-failedToRetrieveUpdatePackageInfo\"/>"),
		       TRUE, OMAHA_LATER, "error-failedToRetrieveUpdatePackageInfo");
	expect_outcome(APP("<event status=\"ok\"></event>"), FALSE, OMAHA_NONE, "ok");
	expect_outcome(
		RESPONSE("<app appid=\"other\" status=\"ok\"><updatecheck status=\"ok\"/></app>"
			 "<app appid=\"e96281a6-d1af-4bde-9a0a-97b76e56dc57\" status=\"ok\">"
			 "<later><updatecheck status=\"ok\"/></later>"
			 "<updatecheck status=\"noupdate\" more=\"&lt;\"/></app>"
			 "<!-- later servers --><?later say more?>"),
		TRUE, OMAHA_NONE, "noupdate");
}

static const struct {
	const char *text;
	const char *named;
} REFUSALS[] = {
	{ "", "" },
	{ PROLOG, "" },
	{ "<html><body>log in</body></html>", "no <response>" },
	{ "not xml", "" },
	{ PROLOG "<response protocol=\"3.1\"></response>", "3.0" },
	{ PROLOG "<response></response>", "response" },
	{ RESPONSE(""), "app" },
	{ RESPONSE("<app appid=\"other\" status=\"ok\"/>"), "about app" },
	{ RESPONSE("<app appid=\"e96281a6-d1af-4bde-9a0a-97b76e56dc57\"/>"), "app" },
	{ APP(""), "updatecheck" },
	{ APP("<updatecheck/>"), "updatecheck" },
	{ APP("<updatecheck status=\"perhaps\"/>"), "perhaps" },
	{ APP("<updatecheck status=\"noupdate\"/><updatecheck status=\"ok\"/>"), "twice" },
	{ APP("<updatecheck status=\"noupdate\" status=\"ok\"/>"), "" },
	{ APP("<updatecheck status=\"ok\"/>"), "without" },
	{ APP("<updatecheck status=\"noupdate\"></app></response>"), "" },
	{ APP("<updatecheck status=\"&who;\"/>"), "" },
	{ APP("<updatecheck status=\"a\xff\"/>"), "" },
	{ APP("<![CDATA[x]]>"), "raw section" },
	{ "<!DOCTYPE response [<!ENTITY a \"b\">]>" RESPONSE(""), "document type" },
	{ "<!DOCTYPE response SYSTEM \"file:///etc/passwd\">" RESPONSE(""), "document type" },
	{ UPDATE("ftp://host/", "1.0.0", "a"), "http" },
	{ UPDATE("/path", "1.0.0", "a"), "http" },
	{ UPDATE("https://host/", "1.0.0", "../../a"), "http" },
	{ UPDATE("https://host/", "1.0.0", "https://other/"), "http" },
	{ UPDATE("https://host/", "1.0.0", "/a"), "http" },
	{ UPDATE("https://host/", "1.0.0", "a b"), "package" },
	{ UPDATE("https://host/", "", "a"), "manifest" },
	{ UPDATE("https://host/", "1.0.0;rm", "a"), "1.0.0;rm" },
	{ UPDATE("https://host/", ".1", "a"), ".1" },
	{ RESPONSE("") "<response protocol=\"3.0\"/>", "" },
};

static void test_refusals(void)
{
	for (size_t i = 0; i < G_N_ELEMENTS(REFUSALS); i++) {
		struct omaha_advice advice = { .outcome = OMAHA_LATER };
		g_autoptr(GError) error = NULL;

		expect(!decode(REFUSALS[i].text, TRUE, &advice, &error));
		expect(error != NULL && failure_code(error) == FAULT_OMAHA_ANSWER);
		if (error == NULL || strstr(error->message, REFUSALS[i].named) == NULL) {
			printf("# row %zu: %s\n", i, error != NULL ? error->message : "accepted");
			expect(false);
		}
		expect(advice.outcome == OMAHA_LATER && advice.status == NULL);
	}
}

static void expect_refused(GString *text)
{
	struct omaha_advice advice = { .outcome = OMAHA_NONE };
	g_autoptr(GError) error = NULL;

	expect(!omahaxml_decode(text->str, text->len, CLIENT.app, TRUE, &advice, &error));
	expect(error != NULL && failure_code(error) == FAULT_OMAHA_ANSWER);
	expect(error != NULL && strlen(error->message) < 400);
	g_string_free(text, TRUE);
}

static void test_limits(void)
{
	GString *deep = g_string_new("<response protocol=\"3.0\">");
	GString *many = g_string_new("<response protocol=\"3.0\">");
	GString *large = g_string_new(RESPONSE(""));
	GString *nul = g_string_new(APP("<updatecheck status=\"noupdate\"/>"));
	g_autofree char *long_url = g_strnfill(OMAHAXML_VALUE_MAX, 'u');
	GString *value = g_string_new(NULL);

	for (unsigned i = 0; i < OMAHAXML_DEPTH_MAX; i++)
		g_string_append(deep, "<a>");
	for (unsigned i = 0; i < OMAHAXML_ELEMENTS_MAX; i++)
		g_string_append(many, "<a/>");
	while (large->len <= OMAHA_ANSWER_MAX)
		g_string_append(large, "          ");
	g_string_insert_c(nul, 60, '\0');
	g_string_printf(value,
			"<response protocol=\"3.0\"><app appid=\"%s\" status=\"ok\">"
			"<updatecheck status=\"ok\"><urls><url codebase=\"http://%s\"/></urls>"
			"</updatecheck></app></response>",
			CLIENT.app, long_url);
	expect_refused(deep);
	expect_refused(many);
	expect_refused(large);
	expect_refused(nul);
	expect_refused(value);
}

static const struct tap_case CASES[] = {
	{ "the request", test_encode },
	{ "what has a meaning in XML", test_escapes },
	{ "what the protocol cannot say", test_values_refused },
	{ "versions", test_versions },
	{ "an update", test_update },
	{ "other outcomes", test_outcomes },
	{ "what is no answer", test_refusals },
	{ "limits", test_limits },
};
TAP_MAIN(CASES)
