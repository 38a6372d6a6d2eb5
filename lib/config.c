/* SPDX-License-Identifier: MIT */
/* One table says everything about a key: where it stands, what it may be, what it is otherwise. */
#include "config.h"

#include <limits.h>
#include <stddef.h>
#include <string.h>
#include <sys/utsname.h>

#include "failure.h"
#include "fleetlock.h"
#include "healthbuiltin.h"
#include "hooks.h"
#include "rebootcount.h"
#include "slot.h"
#include "source.h"
#include "transfer.h"

enum key_kind {
	KEY_TEXT,   /* a word that is not empty */
	KEY_PATH,   /* an absolute path */
	KEY_PATHS,  /* absolute paths, separated by ; */
	KEY_NUMBER, /* between minimum and maximum */
	KEY_WINDOW, /* maintenance windows, see window.h */
	KEY_YES,    /* these five: one of two words, the second one is TRUE */
	KEY_APPROVAL,
	KEY_REBOOT,
	KEY_BUNDLES,
	KEY_ROLLBACK,
	KEY_URL,           /* http or https */
	KEY_GROUP,         /* of a lock server */
	KEY_NAMES,         /* words, separated by ;, or none */
	KEY_CHECKS,        /* names of built-in checks */
	KEY_WANTED_CHECKS, /* likewise, also of such that may not decide */
};

enum { NAMES_MAX = 64 }; /* in one list */

struct key {
	const char *group;
	const char *name;
	enum key_kind kind;
	size_t offset;        /* of the member of struct config */
	const char *fallback; /* NULL: the member stays NULL */
	unsigned minimum;
	unsigned maximum;
};

static const char HEALTH_FOLDERS[] =
	"/usr/lib/azupdate/health.d;/etc/azupdate/health.d;/run/azupdate/health.d";

static const struct key KEYS[] = {
	{ "layout", "disk", KEY_PATH, offsetof(struct config, disk), NULL, 0, 0 },
	{ "product", "name", KEY_TEXT, offsetof(struct config, product), NULL, 0, 0 },
	{ "product", "architecture", KEY_TEXT, offsetof(struct config, architecture), NULL, 0, 0 },
	{ "trust", "keyring", KEY_PATH, offsetof(struct config, keyring), "/etc/azupdate/keyring",
	  0, 0 },
	{ "trust", "ostree-keys", KEY_PATH, offsetof(struct config, ostree_keys),
	  "/etc/azupdate/ostree-keys", 0, 0 },
	{ "paths", "state", KEY_PATH, offsetof(struct config, state_dir), "/var/lib/azupdate", 0,
	  0 },
	{ "paths", "run", KEY_PATH, offsetof(struct config, run_dir), "/run/azupdate", 0, 0 },
	{ "paths", "efivars", KEY_PATH, offsetof(struct config, efivars_dir),
	  "/sys/firmware/efi/efivars", 0, 0 },
	{ "paths", "motd", KEY_PATH, offsetof(struct config, motd_dir), "/run/motd.d", 0, 0 },
	{ "paths", "issue", KEY_PATH, offsetof(struct config, issue_dir), "/run/issue.d", 0, 0 },
	{ "paths", "watchdogs", KEY_PATH, offsetof(struct config, watchdogs_dir),
	  "/sys/class/watchdog", 0, 0 },
	{ "paths", "eventlog", KEY_PATH, offsetof(struct config, eventlog),
	  "/sys/kernel/security/tpm0/binary_bios_measurements", 0, 0 },
	{ "tpm", "tcti", KEY_TEXT, offsetof(struct config, tcti), NULL, 0, 0 },
	{ "tpm", "volume", KEY_PATH, offsetof(struct config, volume), NULL, 0, 0 },
	{ "health", "folders", KEY_PATHS, offsetof(struct config, health_dirs), HEALTH_FOLDERS, 0,
	  0 },
	{ "boot", "tries", KEY_NUMBER, offsetof(struct config, tries), "3", 1, SLOT_TRIES_MAX },
	{ "health", "timeout", KEY_NUMBER, offsetof(struct config, health_timeout_s), "60", 1,
	  3600 },
	{ "health", "retries", KEY_NUMBER, offsetof(struct config, health_retries), "2", 0, 10 },
	{ "health", "retry-pause", KEY_NUMBER, offsetof(struct config, health.pause_s), "1", 1,
	  600 },
	{ "health", "soak", KEY_NUMBER, offsetof(struct config, health.soak_s), "0", 0, 3600 },
	{ "health", "rounds", KEY_NUMBER, offsetof(struct config, health.rounds), "1", 1, 5 },
	{ "health", "parallel", KEY_NUMBER, offsetof(struct config, health.parallel), "4", 1, 16 },
	{ "health", "memory", KEY_NUMBER, offsetof(struct config, health.memory_mib), "512", 0,
	  1048576 },
	{ "health", "tasks", KEY_NUMBER, offsetof(struct config, health.tasks), "256", 0, 100000 },
	{ "health", "greenboot", KEY_YES, offsetof(struct config, health.greenboot), "yes", 0, 0 },
	{ "health", "units", KEY_NAMES, offsetof(struct config, health.units), "", 0, 0 },
	{ "health", "wanted-units", KEY_NAMES, offsetof(struct config, health.wanted_units), "", 0,
	  0 },
	{ "health", "unit-soak", KEY_NUMBER, offsetof(struct config, health.unit_soak_s), "30", 0,
	  3600 },
	{ "health", "builtins", KEY_CHECKS, offsetof(struct config, health.builtins),
	  HEALTHBUILTIN_AUTO, 0, 0 },
	{ "health", "wanted-builtins", KEY_WANTED_CHECKS,
	  offsetof(struct config, health.wanted_builtins), "root;failed-units;clock;space", 0, 0 },
	{ "health", "failed-units-except", KEY_NAMES, offsetof(struct config, health.failed_except),
	  "", 0, 0 },
	{ "health", "space", KEY_NUMBER, offsetof(struct config, health.space_mib), "16", 0,
	  1048576 },
	{ "health", "reboot", KEY_REBOOT, offsetof(struct config, health.reboot_never), "auto", 0,
	  0 },
	{ "health", "reboots-per-day", KEY_NUMBER, offsetof(struct config, health.reboots_max),
	  "10", 0, REBOOTCOUNT_MAX },
	{ "health", "watchdog", KEY_NUMBER, offsetof(struct config, watchdog_s), "60", 0, 3600 },
	{ "network", "parallel", KEY_NUMBER, offsetof(struct config, parallel), "4", 1,
	  SOURCE_PARALLEL_MAX },
	{ "network", "rate", KEY_NUMBER, offsetof(struct config, rate_bytes_s), "0", 0, UINT_MAX },
	{ "network", "retry-time", KEY_NUMBER, offsetof(struct config, retry_time_s), "600", 0,
	  SOURCE_RETRY_TIME_S_MAX },
	{ "network", "slow-rate", KEY_NUMBER, offsetof(struct config, slow_bytes_s), "1024", 0,
	  1048576 },
	{ "network", "slow-time", KEY_NUMBER, offsetof(struct config, slow_time_s), "60", 1, 3600 },
	{ "network", "proxy", KEY_TEXT, offsetof(struct config, proxy), NULL, 0, 0 },
	{ "network", "ca", KEY_PATH, offsetof(struct config, ca_file), NULL, 0, 0 },
	{ "network", "certificate", KEY_PATH, offsetof(struct config, certificate), NULL, 0, 0 },
	{ "network", "key", KEY_PATH, offsetof(struct config, key), NULL, 0, 0 },
	{ "repository", "url", KEY_TEXT, offsetof(struct config, repository), NULL, 0, 0 },
	{ "repository", "root", KEY_PATH, offsetof(struct config, repository_root),
	  "/etc/azupdate/root.json", 0, 0 },
	{ "repository", "channel", KEY_TEXT, offsetof(struct config, channel), "stable", 0, 0 },
	{ "repository", "bundles", KEY_BUNDLES, offsetof(struct config, bundles_listed), "any", 0,
	  0 },
	{ "repository", "accept-expired", KEY_YES, offsetof(struct config, accept_expired), "no", 0,
	  0 },
	{ "policy", "windows", KEY_WINDOW, offsetof(struct config, windows), NULL, 0, 0 },
	{ "policy", "reboot-windows", KEY_WINDOW, offsetof(struct config, reboot_windows), NULL, 0,
	  0 },
	{ "policy", "approval", KEY_APPROVAL, offsetof(struct config, approval_manual), "auto", 0,
	  0 },
	{ "policy", "mains", KEY_YES, offsetof(struct config, mains), "no", 0, 0 },
	{ "policy", "metered", KEY_YES, offsetof(struct config, metered), "no", 0, 0 },
	{ "policy", "reboot", KEY_REBOOT, offsetof(struct config, reboot_never), "auto", 0, 0 },
	{ "policy", "soak", KEY_NUMBER, offsetof(struct config, soak_s), "0", 0, 31536000 },
	{ "policy", "check-interval", KEY_NUMBER, offsetof(struct config, check_interval_s),
	  "21600", 300, 604800 },
	{ "policy", "boot-spread", KEY_NUMBER, offsetof(struct config, boot_spread_s), "600", 0,
	  86400 },
	{ "policy", "battery-minimum", KEY_NUMBER, offsetof(struct config, battery_minimum), "30",
	  0, 100 },
	{ "policy", "free-space-minimum", KEY_NUMBER,
	  offsetof(struct config, free_space_minimum_mib), "16", 0, 1048576 },
	{ "policy", "attempts", KEY_NUMBER, offsetof(struct config, attempts), "6", 1, 100 },
	{ "fleetlock", "url", KEY_URL, offsetof(struct config, fleetlock_url), NULL, 0, 0 },
	{ "fleetlock", "group", KEY_GROUP, offsetof(struct config, fleetlock_group), "default", 0,
	  0 },
	{ "omaha", "url", KEY_URL, offsetof(struct config, omaha_url), NULL, 0, 0 },
	{ "omaha", "app", KEY_TEXT, offsetof(struct config, omaha_app), NULL, 0, 0 },
	{ "omaha", "track", KEY_TEXT, offsetof(struct config, omaha_track), "stable", 0, 0 },
	{ "report", "url", KEY_URL, offsetof(struct config, report_url), NULL, 0, 0 },
	{ "report", "prometheus", KEY_PATH, offsetof(struct config, report_prometheus), NULL, 0,
	  0 },
	{ "hooks", "folders", KEY_PATHS, offsetof(struct config, hook_dirs),
	  "/usr/lib/azupdate/hooks;/etc/azupdate/hooks", 0, 0 },
	{ "hooks", "timeout", KEY_NUMBER, offsetof(struct config, hook_time_s), "60", 1,
	  HOOKS_TIME_S_MAX },
	{ "store", "history", KEY_NUMBER, offsetof(struct config, store_history), "0", 0, 100 },
	{ "store", "size-limit", KEY_NUMBER, offsetof(struct config, store_limit_mib), "0", 0,
	  1048576 },
	{ "etc", "history", KEY_NUMBER, offsetof(struct config, etc_history), "20", 2, 1000 },
	{ "etc", "rollback", KEY_ROLLBACK, offsetof(struct config, etc_restore), "keep", 0, 0 },
	{ "reboot", "warn", KEY_NUMBER, offsetof(struct config, warn_s), "60", 0, 3600 },
};

static const char *const WORDS[][2] = {
	[KEY_YES] = { "no", "yes" },
	[KEY_APPROVAL] = { "auto", "manual" },
	[KEY_REBOOT] = { "auto", "never" },
	[KEY_BUNDLES] = { "any", "listed" },
	[KEY_ROLLBACK] = { "keep", "restore" },
};

static const struct key *key_find(const char *group, const char *name)
{
	for (size_t i = 0; i < G_N_ELEMENTS(KEYS); i++)
		if (g_str_equal(KEYS[i].group, group) && g_str_equal(KEYS[i].name, name))
			return &KEYS[i];
	return NULL;
}

static gboolean value_refuse(GError **error, const struct key *key, const char *value,
			     const char *wanted)
{
	return failure_set(error, FAULT_CONFIG_VALUE, "[%s] %s=%s: it must be %s", key->group,
			   key->name, value, wanted);
}

static gboolean url_is_good(const char *value)
{
	struct transfer_url url;

	if (!transfer_url_parse(NULL, value, &url))
		return FALSE;
	transfer_url_clear(&url);
	return TRUE;
}

static gboolean text_store(const struct key *key, const char *value, char **member, GError **error)
{
	if (value[0] == '\0')
		return value_refuse(error, key, value, "a word");
	if (key->kind == KEY_PATH && !g_path_is_absolute(value))
		return value_refuse(error, key, value, "an absolute path");
	if (key->kind == KEY_GROUP && !fleetlock_group_is_valid(value))
		return value_refuse(error, key, value, "1 to 64 letters, digits, dots and dashes");
	if (key->kind == KEY_URL && !url_is_good(value))
		return failure_set(error, FAULT_CONFIG_VALUE, /* it may hold a password */
				   "[%s] %s must be an http or https address", key->group,
				   key->name);
	*member = g_strdup(value);
	return TRUE;
}

static gboolean paths_store(const struct key *key, const char *value, char ***member,
			    GError **error)
{
	g_auto(GStrv) parts = g_strsplit(value, ";", 0);
	g_autoptr(GPtrArray) paths = g_ptr_array_new_with_free_func(g_free);

	for (char **part = parts; *part != NULL; part++) {
		if (*g_strstrip(*part) == '\0')
			continue;
		if (!g_path_is_absolute(*part))
			return value_refuse(error, key, value, "absolute paths, separated by ;");
		g_ptr_array_add(paths, g_strdup(*part));
	}
	g_ptr_array_add(paths, NULL);
	*member = (char **)g_ptr_array_free(g_steal_pointer(&paths), FALSE);
	return TRUE;
}

static gboolean name_is_allowed(const struct key *key, const char *name)
{
	return key->kind == KEY_NAMES ||
	       (key->kind == KEY_CHECKS ? healthbuiltin_may_be_required(name) ||
						  strcmp(name, HEALTHBUILTIN_AUTO) == 0
					: healthbuiltin_is_known(name));
}

static gboolean names_store(const struct key *key, const char *value, char ***member,
			    GError **error)
{
	g_auto(GStrv) parts = g_strsplit(value, ";", 0);
	g_autoptr(GStrvBuilder) names = g_strv_builder_new();
	unsigned count = 0;

	for (char **part = parts; *part != NULL; part++) {
		if (*g_strstrip(*part) == '\0')
			continue;
		if (++count > NAMES_MAX)
			return value_refuse(error, key, value, "a shorter list");
		if (!name_is_allowed(key, *part))
			return failure_set(error, FAULT_CONFIG_VALUE,
					   "[%s] %s: there is no such check as %s here", key->group,
					   key->name, *part);
		g_strv_builder_add(names, *part);
	}
	*member = g_strv_builder_end(names);
	return TRUE;
}

static gboolean number_store(const struct key *key, const char *value, unsigned *member,
			     GError **error)
{
	guint64 number;

	if (!g_ascii_string_to_unsigned(value, 10, key->minimum, key->maximum, &number, NULL))
		return failure_set(error, FAULT_CONFIG_VALUE,
				   "[%s] %s=%s: it must be a number from %u to %u", key->group,
				   key->name, value, key->minimum, key->maximum);
	*member = (unsigned)number;
	return TRUE;
}

static gboolean window_store(const struct key *key, const char *value, struct window **member,
			     GError **error)
{
	struct window window;

	if (!window_parse(value, &window, error)) {
		g_prefix_error(error, "[%s] %s=: ", key->group, key->name);
		return FALSE;
	}
	*member = g_memdup2(&window, sizeof window);
	return TRUE;
}

static gboolean word_store(const struct key *key, const char *value, gboolean *member,
			   GError **error)
{
	const char *const *words = WORDS[key->kind];

	if (!g_str_equal(value, words[0]) && !g_str_equal(value, words[1]))
		return failure_set(error, FAULT_CONFIG_VALUE, "[%s] %s=%s: it must be %s or %s",
				   key->group, key->name, value, words[0], words[1]);
	*member = g_str_equal(value, words[1]);
	return TRUE;
}

static gboolean value_store(const struct key *key, const char *value, struct config *config,
			    GError **error)
{
	void *member = (char *)config + key->offset;

	switch (key->kind) {
	case KEY_TEXT:
	case KEY_PATH:
	case KEY_URL:
	case KEY_GROUP:
		return text_store(key, value, member, error);
	case KEY_PATHS:
		return paths_store(key, value, member, error);
	case KEY_NAMES:
	case KEY_CHECKS:
	case KEY_WANTED_CHECKS:
		return names_store(key, value, member, error);
	case KEY_NUMBER:
		return number_store(key, value, member, error);
	case KEY_WINDOW:
		return window_store(key, value, member, error);
	case KEY_YES:
	case KEY_APPROVAL:
	case KEY_REBOOT:
	case KEY_BUNDLES:
	case KEY_ROLLBACK:
		return word_store(key, value, member, error);
	}
	g_assert_not_reached();
}

/* A misspelt key must not silently mean its default. */
static gboolean keys_known(GKeyFile *file, const char *path, GError **error)
{
	g_auto(GStrv) groups = g_key_file_get_groups(file, NULL);

	for (char **group = groups; *group != NULL; group++) {
		g_auto(GStrv) names = g_key_file_get_keys(file, *group, NULL, NULL);

		for (char **name = names; name != NULL && *name != NULL; name++)
			if (key_find(*group, *name) == NULL)
				return failure_set(error, FAULT_CONFIG_VALUE,
						   "%s: there is no key %s in [%s]", path, *name,
						   *group);
	}
	return TRUE;
}

static gboolean keys_load(GKeyFile *file, const char *path, struct config *config, GError **error)
{
	for (size_t i = 0; i < G_N_ELEMENTS(KEYS); i++) {
		const struct key *key = &KEYS[i];
		g_autofree char *value = NULL;

		if (g_key_file_has_key(file, key->group, key->name, NULL)) {
			value = g_key_file_get_string(file, key->group, key->name, NULL);
			if (value == NULL)
				return failure_set(error, FAULT_CONFIG_VALUE,
						   "%s: [%s] %s is not valid UTF-8", path,
						   key->group, key->name);
		} else {
			value = g_strdup(key->fallback);
		}
		if (value != NULL && !value_store(key, g_strstrip(value), config, error)) {
			g_prefix_error(error, "%s: ", path);
			return FALSE;
		}
	}
	return TRUE;
}

struct config *config_load(const char *path, GError **error)
{
	g_autoptr(Config) config = g_new0(struct config, 1);
	g_autoptr(GKeyFile) file = g_key_file_new();
	g_autoptr(GError) cause = NULL;

	if (!g_key_file_load_from_file(file, path, G_KEY_FILE_NONE, &cause)) {
		failure_set(error, FAULT_CONFIG_SYNTAX, "%s: %s", path, cause->message);
		return NULL;
	}
	if (!keys_known(file, path, error) || !keys_load(file, path, config, error))
		return NULL;
	if (config->product == NULL) {
		failure_set(error, FAULT_CONFIG_VALUE, "%s: [product] name is missing", path);
		return NULL;
	}
	if (config->architecture == NULL) {
		struct utsname name;

		uname(&name); /* fails only for a bad address */
		config->architecture = g_strdup(name.machine);
	}
	return g_steal_pointer(&config);
}

void config_free(struct config *config)
{
	if (config == NULL)
		return;
	g_free(config->disk);
	g_free(config->product);
	g_free(config->architecture);
	g_free(config->keyring);
	g_free(config->ostree_keys);
	g_free(config->state_dir);
	g_free(config->run_dir);
	g_free(config->efivars_dir);
	g_free(config->eventlog);
	g_free(config->tcti);
	g_free(config->volume);
	g_strfreev(config->health_dirs);
	g_strfreev(config->health.units);
	g_strfreev(config->health.wanted_units);
	g_strfreev(config->health.builtins);
	g_strfreev(config->health.wanted_builtins);
	g_strfreev(config->health.failed_except);
	g_strfreev(config->hook_dirs);
	g_free(config->motd_dir);
	g_free(config->issue_dir);
	g_free(config->watchdogs_dir);
	g_free(config->proxy);
	g_free(config->ca_file);
	g_free(config->certificate);
	g_free(config->key);
	g_free(config->repository);
	g_free(config->repository_root);
	g_free(config->channel);
	g_free(config->windows);
	g_free(config->reboot_windows);
	g_free(config->fleetlock_url);
	g_free(config->fleetlock_group);
	g_free(config->omaha_url);
	g_free(config->omaha_app);
	g_free(config->omaha_track);
	g_free(config->report_url);
	g_free(config->report_prometheus);
	g_free(config);
}

struct policy_config config_policy(const struct config *config)
{
	return (struct policy_config){
		.windows = config->windows,
		.reboot_windows = config->reboot_windows,
		.approval = config->approval_manual,
		.mains = config->mains,
		.metered = config->metered,
		.reboot = !config->reboot_never,
		.soak_s = config->soak_s,
		.check_interval_s = config->check_interval_s,
		.boot_spread_s = config->boot_spread_s,
		.battery_minimum = config->battery_minimum,
		.attempts = config->attempts,
		.warn_s = config->warn_s,
		.free_minimum_bytes = (uint64_t)config->free_space_minimum_mib << 20,
	};
}
