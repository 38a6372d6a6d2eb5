/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "command.h"
#include "failure.h"
#include "finish.h"
#include "keyset.h"
#include "names.h"

enum { OFFLINE_DAYS = 365, CHANNELS_DAYS = 30, SNAPSHOT_DAYS = 30, TIMESTAMP_DAYS = 7 };

static struct {
	char **products, **expires;
	char **keys[ROLE_COUNT];
	int thresholds[ROLE_COUNT];
	struct command_signing signing;
} options;

static const GOptionEntry ENTRIES[] = {
	{ "product", 0, 0, G_OPTION_ARG_STRING_ARRAY, &options.products,
	  "product whose releases it holds; may be given several times", "NAME" },
	{ "root-key", 0, 0, G_OPTION_ARG_STRING_ARRAY, &options.keys[ROLE_ROOT],
	  "key that says which keys are right; may be given several times, as all of these; a "
	  "public "
	  "key where the private one is elsewhere",
	  "KEY" },
	{ "root-threshold", 0, 0, G_OPTION_ARG_INT, &options.thresholds[ROLE_ROOT],
	  "how many of them must sign (1)", "N" },
	{ "targets-key", 0, 0, G_OPTION_ARG_STRING_ARRAY, &options.keys[ROLE_TARGETS],
	  "key that says which bundles there are", "KEY" },
	{ "targets-threshold", 0, 0, G_OPTION_ARG_INT, &options.thresholds[ROLE_TARGETS],
	  "how many of them must sign (1)", "N" },
	{ "channels-key", 0, 0, G_OPTION_ARG_STRING_ARRAY, &options.keys[ROLE_CHANNELS],
	  "key that says which channel has which release", "KEY" },
	{ "snapshot-key", 0, 0, G_OPTION_ARG_STRING_ARRAY, &options.keys[ROLE_SNAPSHOT],
	  "key that says which metadata go together", "KEY" },
	{ "timestamp-key", 0, 0, G_OPTION_ARG_STRING_ARRAY, &options.keys[ROLE_TIMESTAMP],
	  "key that says what is the newest", "KEY" },
	{ "expires", 0, 0, G_OPTION_ARG_STRING_ARRAY, &options.expires,
	  "how long a role's signatures hold (root and targets 365, channels and snapshot 30, "
	  "timestamp 7)",
	  "ROLE=DAYS" },
	G_OPTION_ENTRY_NULL
};

static gboolean products_check(json_t *settings, GError **error)
{
	json_t *list = json_object_get(settings, "products");

	if (options.products == NULL)
		return command_need("product", NULL, error);
	for (unsigned i = 0; options.products[i] != NULL; i++) {
		if (!names_check("product", options.products[i], error))
			return FALSE;
		json_array_append_new(list, json_string(options.products[i]));
	}
	return json_array_size(list) <= REPOSITORY_PRODUCTS_MAX ||
	       failure_set(error, FAULT_AZREPO_LIMIT, "more than %d products",
			   REPOSITORY_PRODUCTS_MAX);
}

static gboolean expires_parse(json_t *settings, GError **error)
{
	json_t *days = json_object_get(settings, "expires_days");

	for (unsigned i = 0; options.expires != NULL && options.expires[i] != NULL; i++) {
		g_auto(GStrv) sides = g_strsplit(options.expires[i], "=", 2);
		guint64 number;
		enum role role;

		if (g_strv_length(sides) != 2 ||
		    !g_ascii_string_to_unsigned(sides[1], 10, 1, REPOSITORY_DAYS_MAX, &number,
						NULL))
			return failure_set(error, FAULT_ARGUMENT,
					   "--expires is ROLE=DAYS with 1 to %d days, not %s",
					   REPOSITORY_DAYS_MAX, options.expires[i]);
		if (!role_find(sides[0], &role, error))
			return FALSE;
		json_object_set_new(days, role_name(role), json_integer((json_int_t)number));
	}
	return TRUE;
}

static json_t *settings_make(GError **error)
{
	g_autoptr(JsonValue) settings = json_pack(
		"{s:i, s:[], s:{}, s:{s:i, s:i, s:i, s:i, s:i}}", "format", 1, "products", "keys",
		"expires_days", "root", OFFLINE_DAYS, "targets", OFFLINE_DAYS, "channels",
		CHANNELS_DAYS, "snapshot", SNAPSHOT_DAYS, "timestamp", TIMESTAMP_DAYS);

	return products_check(settings, error) && expires_parse(settings, error)
		       ? g_steal_pointer(&settings)
		       : NULL;
}

static gboolean keys_add(json_t *settings, json_t *parent, enum role role, GError **error)
{
	char **wheres = options.keys[role];

	if (wheres == NULL) {
		g_autofree char *name = g_strconcat(role_name(role), "-key", NULL);

		return command_need(name, NULL, error);
	}
	for (unsigned i = 0; wheres[i] != NULL; i++) {
		g_autoptr(Tufsign) key = tufsign_load(wheres[i], error);

		if (key == NULL)
			return FALSE;
		keyset_add(parent, role, key);
		if (tufsign_is_private(key))
			keychain_remember(settings, key, wheres[i]);
	}
	return keyset_threshold(parent, role, options.thresholds[role], error);
}

static gboolean keys_suffice(struct keychain *keychain, json_t *root, json_t *targets,
			     GError **error)
{
	for (unsigned i = 0; options.signing.prepare == NULL && i < ROLE_COUNT; i++) {
		struct role_spec spec;

		if (role_spec((enum role)i, i == ROLE_CHANNELS ? targets : root, &spec) &&
		    keychain_count(keychain, &spec) < spec.threshold)
			return failure_set(error, FAULT_AZREPO_KEY_MISSING,
					   "%s must be signed by %lld keys, and only %lld are at "
					   "hand",
					   role_name((enum role)i), (long long)spec.threshold,
					   (long long)keychain_count(keychain, &spec));
	}
	return TRUE;
}

/* Everything is checked before the first folder is made. */
static gboolean begin(const char *path, json_t *settings, json_t *root, json_t *targets,
		      GError **error)
{
	g_autoptr(Keychain) keychain = keychain_new(options.signing.keys, settings, error);
	g_autoptr(Repository) repository = NULL;
	json_t *channels;

	if (keychain == NULL || !keys_suffice(keychain, root, targets, error))
		return FALSE;
	repository = repository_create(path, settings, error);
	if (repository == NULL)
		return FALSE;
	channels = role_new(ROLE_CHANNELS, repository_expiry(repository, ROLE_CHANNELS));
	json_object_set_new(role_signed(channels), "targets", json_object());
	repository->draft[ROLE_ROOT] = json_incref(root);
	repository->draft[ROLE_TARGETS] = json_incref(targets);
	repository->draft[ROLE_CHANNELS] = channels;
	return finish(repository, keychain, options.signing.prepare, error);
}

static gint64 expiry(json_t *settings, enum role role)
{
	const struct repository now = { .settings = settings,
					.now_s = g_get_real_time() / G_USEC_PER_SEC };

	return repository_expiry(&now, role);
}

gboolean command_init(int argc, char **argv, GError **error)
{
	static const struct command_text TEXT = {
		"REPO",
		"Begins a repository in a folder. Its subfolders metadata and targets go to the "
		"server; .azrepo stays here and remembers where the private keys are, not the "
		"keys.",
		1, 1
	};
	g_autoptr(JsonValue) settings = NULL;
	g_autoptr(JsonValue) root = NULL;
	g_autoptr(JsonValue) targets = NULL;

	if (!command_parse(&argc, &argv, &TEXT, ENTRIES, &options.signing, error))
		return FALSE;
	settings = settings_make(error);
	if (settings == NULL)
		return FALSE;
	root = keyset_root_new(expiry(settings, ROLE_ROOT));
	targets = keyset_targets_new(expiry(settings, ROLE_TARGETS));
	for (unsigned i = 0; i < ROLE_COUNT; i++)
		if (!keys_add(settings, i == ROLE_CHANNELS ? targets : root, (enum role)i, error))
			return FALSE;
	return begin(argv[1], settings, root, targets, error);
}
