/* SPDX-License-Identifier: MIT */
#include "actions.h"

#include <string.h>

#include "tap.h"

/* $SCHEMA and $POLKIT_POLICY are set by the build. */
static char *file_text(const char *variable, const char *name)
{
	g_autofree char *path = g_build_filename(g_getenv(variable), name, NULL);
	char *text = NULL;

	if (!g_file_get_contents(path, &text, NULL, NULL))
		g_error("%s cannot be read", path);
	return text;
}

static GDBusNodeInfo *interfaces(void)
{
	g_autofree char *text = file_text("SCHEMA", "org.azupdate.Update1.xml");
	g_autoptr(GError) error = NULL;
	GDBusNodeInfo *node = g_dbus_node_info_new_for_xml(text, &error);

	if (node == NULL)
		g_error("the interface: %s", error->message);
	return node;
}

static struct actions_need need_of(const char *method, const char *parameters)
{
	g_autoptr(GVariant) value = g_variant_ref_sink(g_variant_new_parsed(parameters, NULL));

	return actions_need(method, value);
}

static const GDBusMethodInfo *method_find(const GDBusNodeInfo *node, const char *name)
{
	for (unsigned i = 0; node->interfaces[i] != NULL; i++) {
		const GDBusMethodInfo *method = g_dbus_interface_info_lookup_method(
			node->interfaces[i], name);

		if (method != NULL)
			return method;
	}
	g_error("the interface has no method %s", name);
}

/* A method without a row is for root alone: safe, but nobody meant it. */
static void test_every_method_has_a_row(void)
{
	g_autoptr(GDBusNodeInfo) node = interfaces();
	g_autoptr(GVariant) nothing = g_variant_ref_sink(g_variant_new("()"));

	for (unsigned i = 0; node->interfaces[i] != NULL; i++) {
		GDBusMethodInfo **methods = node->interfaces[i]->methods;

		for (unsigned j = 0; methods != NULL && methods[j] != NULL; j++) {
			const struct actions_need need = actions_need(methods[j]->name, nothing);

			if (need.access == ACTIONS_ROOT)
				printf("# %s has no row in daemon/actions.c\n", methods[j]->name);
			expect(need.access != ACTIONS_ROOT);
		}
	}
}

static void test_only_looking_is_free(void)
{
	static const char *const FREE[] = { "Refresh", "HealthLast", "HealthList", "HealthShow",
					    "Why",     "History",    "EtcList" };
	g_autoptr(GDBusNodeInfo) node = interfaces();
	g_autoptr(GVariant) nothing = g_variant_ref_sink(g_variant_new("()"));
	unsigned count = 0;

	for (unsigned i = 0; node->interfaces[i] != NULL; i++) {
		GDBusMethodInfo **methods = node->interfaces[i]->methods;

		for (unsigned j = 0; methods != NULL && methods[j] != NULL; j++)
			count += actions_need(methods[j]->name, nothing).access == ACTIONS_ANYONE;
	}
	expect(count == G_N_ELEMENTS(FREE));
	for (unsigned i = 0; i < G_N_ELEMENTS(FREE); i++)
		expect(actions_need(FREE[i], nothing).access == ACTIONS_ANYONE);
	expect(actions_need("Nonsense", nothing).access == ACTIONS_ROOT);
	expect(actions_need("refresh", nothing).access == ACTIONS_ROOT);
	expect(actions_need("", nothing).access == ACTIONS_ROOT);
}

/* Both ways: what polkit does not know is refused by it, and what is never asked misleads. */
static void test_policy_file_agrees(void)
{
	g_autofree char *policy = file_text("POLKIT_POLICY", NULL);
	g_autoptr(GString) rest = g_string_new(policy);
	unsigned count = 0, described = 0;

	for (const char *id; (id = actions_id(count)) != NULL; count++) {
		g_autofree char *element = g_strdup_printf("<action id=\"%s\">", id);

		if (strstr(policy, element) == NULL)
			printf("# %s is not described\n", id);
		expect(strstr(policy, element) != NULL);
	}
	for (const char *at = policy; (at = strstr(at, "<action id=")) != NULL; at++)
		described++;
	expect(count == described);
	expect(strstr(policy, "<allow_active>yes") == NULL);
	expect(strstr(policy, "_keep<") == NULL);
}

static void test_options_need_more(void)
{
	static const struct {
		const char *method;
		const char *parameters;
		const char *id;
	} ROWS[] = {
		{ "InstallUrl", "('http://x/', @a{sv} {})", "install" },
		{ "InstallUrl", "('http://x/', {'force': <true>})", "install-force" },
		{ "InstallUrl", "('http://x/', {'accept_expired': <true>})", "install-force" },
		{ "InstallUrl", "('http://x/', {'force': <false>})", "install" },
		{ "InstallUrl", "('http://x/', {'activate': <true>})", "install" },
		/* A name can be given twice: it counts if it may count when the call is read. */
		{ "InstallUrl", "('http://x/', {'force': <true>, 'force': <false>})",
		  "install-force" },
		{ "InstallUrl",
		  "('http://x/', {'activate': <true>, 'activate': <true>, 'activate': <true>, "
		  "'activate': <true>, 'activate': <true>, 'activate': <true>, 'activate': <true>, "
		  "'activate': <true>, 'activate': <true>, 'force': <true>})",
		  "install-force" },
		{ "InstallUrl", "('http://x/', {'force': <'yes'>})", "install" },
		{ "PlanUrl", "('http://x/', {'force': <true>})", "plan" },
		{ "Update", "({'reboot': <true>},)", "update-reboot" },
		{ "Update", "({'automatic': <true>},)", "update" },
		{ "Hold", "(int64 0, 'reboot')", "hold" },
	};

	for (unsigned i = 0; i < G_N_ELEMENTS(ROWS); i++) {
		const struct actions_need need = need_of(ROWS[i].method, ROWS[i].parameters);
		g_autofree char *id = g_strconcat("org.azupdate.update1.", ROWS[i].id, NULL);

		expect(need.access == ACTIONS_POLKIT && g_str_equal(need.id, id));
	}
}

/* The details as "key=value key=value". */
static char *details_of(const char *method, const char *parameters)
{
	g_autoptr(GDBusNodeInfo) node = interfaces();
	g_autoptr(GVariant) value = g_variant_ref_sink(g_variant_new_parsed(parameters, NULL));
	g_autoptr(GVariant)
		details = g_variant_ref_sink(actions_details(method_find(node, method), value));
	GString *text = g_string_new(NULL);
	GVariantIter iter;
	const char *key, *word;

	g_variant_iter_init(&iter, details);
	while (g_variant_iter_next(&iter, "{&s&s}", &key, &word))
		g_string_append_printf(text, "%s%s=%s", text->len == 0 ? "" : " ", key, word);
	return g_string_free(text, FALSE);
}

static void test_details(void)
{
	static const struct {
		const char *method;
		const char *parameters;
		const char *details;
	} ROWS[] = {
		{ "MarkBad", "('b', 'it\nburns')", "method=MarkBad slot=b reason=it burns" },
		{ "Install", "(handle 3, {'force': <true>, 'activate': <false>})",
		  "method=Install option-force=yes" },
		/* What a caller names is not taken for what we name, nor for polkit's own. */
		{ "InstallUrl", "('http://x/a', {'url': <true>, 'polkit.message': <true>})",
		  "method=InstallUrl url=http://x/a option-url=yes" },
		{ "InstallUrl", "('http://me:secret@x/a?token=secret', @a{sv} {})",
		  "method=InstallUrl url=http://x/a" },
		{ "Hold", "(int64 -5, '')", "method=Hold until=-5 reason=" },
		{ "RunHealth", "(true,)", "method=RunHealth act=yes" },
		{ "Attest", "(b'secret',)", "method=Attest" },
		{ "Approve", "('1.2',)", "method=Approve version=1.2" },
	};

	for (unsigned i = 0; i < G_N_ELEMENTS(ROWS); i++) {
		g_autofree char *text = details_of(ROWS[i].method, ROWS[i].parameters);

		if (!g_str_equal(text, ROWS[i].details))
			printf("# %s, not %s\n", text, ROWS[i].details);
		expect(g_str_equal(text, ROWS[i].details));
	}
}

static void test_details_are_bounded(void)
{
	g_autoptr(GDBusNodeInfo) node = interfaces();
	g_autofree char *words = g_strnfill(10000, 'x');
	g_autoptr(GVariant) value = g_variant_ref_sink(g_variant_new("(ss)", "b", words));
	g_autoptr(GVariant)
		details = g_variant_ref_sink(actions_details(method_find(node, "MarkBad"), value));

	expect(g_variant_get_size(details) < 2 * ACTIONS_TEXT_MAX);
}

static const struct tap_case CASES[] = {
	{ "every method has a row", test_every_method_has_a_row },
	{ "only looking is free", test_only_looking_is_free },
	{ "the policy file agrees", test_policy_file_agrees },
	{ "options need more", test_options_need_more },
	{ "details", test_details },
	{ "details are bounded", test_details_are_bounded },
};

TAP_MAIN(CASES)
