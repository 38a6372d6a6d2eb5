/* SPDX-License-Identifier: MIT */
/* Configuration: what is taken is within the limits of the manual page, and is read the same twice;
 * what is refused is refused for one of three reasons. */
#include "config.h"

#include <string.h>

#include "failure.h"
#include "fleetlock.h"
#include "fuzz.h"

static gboolean is_path(const char *text, gboolean needed)
{
	return text != NULL ? text[0] == '/' : !needed;
}

static gboolean is_word(const char *text)
{
	return text != NULL && *text != '\0' && g_utf8_validate(text, -1, NULL) &&
	       !g_ascii_isspace(text[0]) && !g_ascii_isspace(text[strlen(text) - 1]);
}

/* libcurl is content with one slash. */
static gboolean is_url(const char *text)
{
	return text == NULL || g_ascii_strncasecmp(text, "http:/", 6) == 0 ||
	       g_ascii_strncasecmp(text, "https:/", 7) == 0;
}

static void numbers_check(const struct config *config)
{
	promise(config->tries >= 1 && config->tries <= 7);
	promise(config->health_timeout_s >= 1 && config->health_timeout_s <= 3600);
	promise(config->health_retries <= 10);
	promise(config->parallel >= 1 && config->parallel <= 8);
	promise(config->retry_time_s <= 86400 && config->slow_bytes_s <= 1048576);
	promise(config->slow_time_s >= 1 && config->slow_time_s <= 3600);
	promise(config->soak_s <= 31536000 && config->boot_spread_s <= 86400);
	promise(config->check_interval_s >= 300 && config->check_interval_s <= 604800);
	promise(config->battery_minimum <= 100 && config->free_space_minimum_mib <= 1048576);
	promise(config->attempts >= 1 && config->attempts <= 100);
	promise(config->hook_time_s >= 1 && config->hook_time_s <= 3600 && config->warn_s <= 3600);
}

static void texts_check(const struct config *config)
{
	promise(is_word(config->product) && is_word(config->architecture));
	promise(is_word(config->channel) && is_word(config->omaha_track));
	promise(is_path(config->disk, FALSE) && is_path(config->keyring, TRUE));
	promise(is_path(config->state_dir, TRUE) && is_path(config->run_dir, TRUE));
	promise(is_path(config->efivars_dir, TRUE) && is_path(config->eventlog, TRUE));
	promise(is_path(config->ca_file, FALSE) && is_path(config->certificate, FALSE));
	promise(is_path(config->key, FALSE) && is_path(config->repository_root, TRUE));
	promise(is_path(config->report_prometheus, FALSE) && is_path(config->volume, FALSE));
	for (char **folder = config->health_dirs; *folder != NULL; folder++)
		promise(is_path(*folder, TRUE));
	promise(is_url(config->fleetlock_url) && is_url(config->omaha_url) &&
		is_url(config->report_url));
	promise(fleetlock_group_is_valid(config->fleetlock_group));
	promise(config->windows == NULL || config->windows->n_parts > 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size_bytes)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(Config) config = NULL;
	g_autoptr(Config) again = NULL;
	char path[FUZZ_PATH_SIZE];

	fuzz_file(bytes, size_bytes, path);
	config = config_load(path, &error);
	again = config_load(path, NULL);
	promise((config == NULL) == (again == NULL));
	if (config == NULL) {
		promise(failure_code(error) == FAULT_CONFIG_SYNTAX ||
			failure_code(error) == FAULT_CONFIG_VALUE ||
			failure_code(error) == FAULT_WINDOW);
		return 0;
	}
	numbers_check(config);
	texts_check(config);
	promise(strcmp(config->product, again->product) == 0 && config->tries == again->tries);
	return 0;
}

size_t fuzz_seed(unsigned number, uint8_t *ret_bytes, size_t room)
{
	static const char *const SEEDS[] = {
		"[product]\nname=demo\n[boot]\ntries = 2\n# comment\n[health]\nfolders=/a; /b;\n"
		"timeout=5\n[repository]\nurl=https://u:p@example.org/r?x\nchannel=beta\n"
		"bundles=listed\n[trust]\nkeyring=/k\n",
		"[product]\nname=a\\sb\narchitecture=x86_64\n[policy]\nwindows=Mon..Fri "
		"22:00-06:00; Sat 01:00-02:00\napproval=manual\nreboot=never\nsoak=60\n"
		"[fleetlock]\nurl=http://[::1]:80/\ngroup=a.b-c\n[network]\nproxy=none\nrate=1\n",
	};

	return number < G_N_ELEMENTS(SEEDS)
		       ? fuzz_copy(SEEDS[number], strlen(SEEDS[number]), ret_bytes, room)
		       : 0;
}
