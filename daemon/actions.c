/* SPDX-License-Identifier: MIT */
#include "actions.h"

#include <string.h>

#include "azupdate/azupdate.h"
#include "plaintext.h"
#include "source.h"

struct row {
	const char *method;
	const char *option; /* with it the row counts, and must come before the one without */
	const char *id;     /* NULL: anyone */
};

static const struct row ROWS[] = {
	{ "Refresh", NULL, NULL },
	{ "HealthLast", NULL, NULL },
	{ "HealthList", NULL, NULL },
	{ "HealthShow", NULL, NULL },
	{ "Why", NULL, NULL },
	{ "History", NULL, NULL },
	{ "Check", NULL, AZUPDATE_POLKIT_PREFIX "check" },
	{ "Update", "reboot", AZUPDATE_POLKIT_PREFIX "update-reboot" },
	{ "Update", NULL, AZUPDATE_POLKIT_PREFIX "update" },
	{ "Install", "force", AZUPDATE_POLKIT_PREFIX "install-force" },
	{ "Install", "accept_expired", AZUPDATE_POLKIT_PREFIX "install-force" },
	{ "Install", NULL, AZUPDATE_POLKIT_PREFIX "install" },
	{ "InstallUrl", "force", AZUPDATE_POLKIT_PREFIX "install-force" },
	{ "InstallUrl", "accept_expired", AZUPDATE_POLKIT_PREFIX "install-force" },
	{ "InstallUrl", NULL, AZUPDATE_POLKIT_PREFIX "install" },
	{ "Plan", NULL, AZUPDATE_POLKIT_PREFIX "plan" },
	{ "PlanUrl", NULL, AZUPDATE_POLKIT_PREFIX "plan" },
	{ "Activate", NULL, AZUPDATE_POLKIT_PREFIX "activate" },
	{ "Rollback", NULL, AZUPDATE_POLKIT_PREFIX "rollback" },
	{ "RollbackEtc", NULL, AZUPDATE_POLKIT_PREFIX "rollback" },
	{ "EtcList", NULL, NULL },
	{ "EtcDiff", NULL, AZUPDATE_POLKIT_PREFIX "etc" },
	{ "EtcSave", NULL, AZUPDATE_POLKIT_PREFIX "etc" },
	{ "EtcRestore", NULL, AZUPDATE_POLKIT_PREFIX "etc" },
	{ "MarkGood", NULL, AZUPDATE_POLKIT_PREFIX "mark" },
	{ "MarkBad", NULL, AZUPDATE_POLKIT_PREFIX "mark" },
	{ "Restore", "force", AZUPDATE_POLKIT_PREFIX "install-force" },
	{ "Restore", NULL, AZUPDATE_POLKIT_PREFIX "rollback" },
	{ "StoreAdd", NULL, AZUPDATE_POLKIT_PREFIX "store" },
	{ "StorePrune", NULL, AZUPDATE_POLKIT_PREFIX "store" },
	{ "StoreCheck", NULL, AZUPDATE_POLKIT_PREFIX "store" },
	{ "Verify", NULL, AZUPDATE_POLKIT_PREFIX "verify" },
	{ "Repair", NULL, AZUPDATE_POLKIT_PREFIX "repair" },
	{ "RepairUrl", NULL, AZUPDATE_POLKIT_PREFIX "repair" },
	{ "RunHealth", NULL, AZUPDATE_POLKIT_PREFIX "health" },
	{ "HealthHold", NULL, AZUPDATE_POLKIT_PREFIX "health" },
	{ "Hold", NULL, AZUPDATE_POLKIT_PREFIX "hold" },
	{ "Unhold", NULL, AZUPDATE_POLKIT_PREFIX "hold" },
	{ "Approve", NULL, AZUPDATE_POLKIT_PREFIX "approve" },
	{ "Cancel", NULL, AZUPDATE_POLKIT_PREFIX "cancel" },
	{ "Attest", NULL, AZUPDATE_POLKIT_PREFIX "attest" },
	{ "TpmStatus", NULL, AZUPDATE_POLKIT_PREFIX "tpm-status" },
	{ "TpmEnroll", NULL, AZUPDATE_POLKIT_PREFIX "tpm-enroll" },
};

/* The last argument, if that is an a{sv}; else NULL. */
static GVariant *options_of(GVariant *parameters)
{
	const gsize count = g_variant_n_children(parameters);
	g_autoptr(GVariant) last = NULL;

	if (count == 0)
		return NULL;
	last = g_variant_get_child_value(parameters, count - 1);
	return g_variant_is_of_type(last, G_VARIANT_TYPE_VARDICT) ? g_steal_pointer(&last) : NULL;
}

/* A name that is given twice counts if it is set once; of another type than b it is refused later,
 * when the call is read. */
static gboolean option_is_set(GVariant *options, const char *wanted)
{
	GVariantIter iter;
	const char *name;
	GVariant *value;
	gboolean is_set = FALSE;

	g_variant_iter_init(&iter, options);
	while (g_variant_iter_next(&iter, "{&sv}", &name, &value)) {
		g_autoptr(GVariant) owned = value;

		if (strcmp(name, wanted) == 0 &&
		    g_variant_is_of_type(owned, G_VARIANT_TYPE_BOOLEAN))
			is_set = is_set || g_variant_get_boolean(owned);
	}
	return is_set;
}

/* All others need the machine to themselves, also those that are new. */
static gboolean is_beside(const char *method)
{
	static const char *const BESIDE[] = { "HealthHold", "Hold",   "Unhold",    "Approve",
					      "Cancel",     "Attest", "TpmStatus", "StoreAdd" };

	for (unsigned i = 0; i < G_N_ELEMENTS(BESIDE); i++)
		if (strcmp(method, BESIDE[i]) == 0)
			return TRUE;
	return FALSE;
}

struct actions_need actions_need(const char *method, GVariant *parameters)
{
	struct actions_need need = { .access = ACTIONS_ROOT, .beside = is_beside(method) };
	g_autoptr(GVariant) options = options_of(parameters);

	for (unsigned i = 0; i < G_N_ELEMENTS(ROWS); i++) {
		const struct row *row = &ROWS[i];

		if (strcmp(row->method, method) != 0 ||
		    (row->option != NULL &&
		     (options == NULL || !option_is_set(options, row->option))))
			continue;
		need.access = row->id == NULL ? ACTIONS_ANYONE : ACTIONS_POLKIT;
		need.id = row->id;
		break;
	}
	return need;
}

static gboolean id_is_first(unsigned row)
{
	for (unsigned i = 0; i < row; i++)
		if (g_strcmp0(ROWS[i].id, ROWS[row].id) == 0)
			return FALSE;
	return ROWS[row].id != NULL;
}

const char *actions_id(unsigned index)
{
	for (unsigned i = 0; i < G_N_ELEMENTS(ROWS); i++)
		if (id_is_first(i) && index-- == 0)
			return ROWS[i].id;
	return NULL;
}

static void detail_add(GVariantBuilder *details, const char *name, const char *value)
{
	char shown[ACTIONS_TEXT_MAX];

	plaintext_copy(value, shown, sizeof shown - 1);
	g_variant_builder_add(details, "{ss}", name, shown);
}

static void argument_add(GVariantBuilder *details, const char *name, GVariant *value)
{
	g_autofree char *text = NULL;

	if (g_variant_is_of_type(value, G_VARIANT_TYPE_STRING))
		text = strcmp(name, "url") == 0
			       ? source_url_for_people(g_variant_get_string(value, NULL))
			       : g_variant_dup_string(value, NULL);
	else if (g_variant_is_of_type(value, G_VARIANT_TYPE_BOOLEAN))
		text = g_strdup(g_variant_get_boolean(value) ? "yes" : "no");
	else if (g_variant_is_of_type(value, G_VARIANT_TYPE_INT64))
		text = g_strdup_printf("%" G_GINT64_FORMAT, g_variant_get_int64(value));
	if (text != NULL)
		detail_add(details, name, text);
}

/* The caller chooses the names of options: only such as ours look are passed on, under a prefix, so
 * that none is taken for an argument or for one of polkit's own details. */
static gboolean option_name_is_plain(const char *name)
{
	return name[0] != '\0' && strlen(name) <= 32 &&
	       strspn(name, "abcdefghijklmnopqrstuvwxyz_") == strlen(name);
}

static void options_add(GVariantBuilder *details, GVariant *options)
{
	g_autoptr(GPtrArray) seen = g_ptr_array_new();
	unsigned left = ACTIONS_OPTIONS_MAX;
	GVariantIter iter;
	const char *name;
	GVariant *value;

	g_variant_iter_init(&iter, options);
	while (left-- > 0 && g_variant_iter_next(&iter, "{&sv}", &name, &value)) {
		g_autoptr(GVariant) owned = value;
		g_autofree char *key = g_strconcat("option-", name, NULL);

		if (option_name_is_plain(name) && option_is_set(options, name) &&
		    !g_ptr_array_find_with_equal_func(seen, name, g_str_equal, NULL)) {
			detail_add(details, key, "yes");
			g_ptr_array_add(seen, (gpointer)name);
		}
	}
}

GVariant *actions_details(const GDBusMethodInfo *method, GVariant *parameters)
{
	g_autoptr(GVariant) options = options_of(parameters);
	const gsize count = g_variant_n_children(parameters);
	GVariantBuilder details;

	g_variant_builder_init(&details, G_VARIANT_TYPE("a{ss}"));
	detail_add(&details, "method", method->name);
	for (gsize i = 0; i < count && method->in_args[i] != NULL; i++) {
		g_autoptr(GVariant) value = g_variant_get_child_value(parameters, i);

		argument_add(&details, method->in_args[i]->name, value);
	}
	if (options != NULL)
		options_add(&details, options);
	return g_variant_builder_end(&details);
}
