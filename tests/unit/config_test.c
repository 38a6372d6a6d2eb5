/* SPDX-License-Identifier: MIT */
#include "config.h"

#include <string.h>
#include <sys/utsname.h>

#include "failure.h"
#include "tap.h"
#include "tempdir.h"

static struct config *load(const char *text, GError **error)
{
	char *folder = tempdir_new();
	g_autofree char *path = g_build_filename(folder, "azupdate.conf", NULL);
	struct config *config;

	expect(tempdir_write(folder, "azupdate.conf", text, 0644));
	config = config_load(path, error);
	tempdir_free(folder);
	return config;
}

static void test_defaults(void)
{
	g_autoptr(Config) config = load("[product]\nname=shop\n", NULL);
	struct utsname machine;

	uname(&machine);
	expect(config != NULL);
	if (config == NULL)
		return;
	expect(config->disk == NULL);
	expect(strcmp(config->product, "shop") == 0);
	expect(strcmp(config->architecture, machine.machine) == 0);
	expect(strcmp(config->keyring, "/etc/azupdate/keyring") == 0);
	expect(strcmp(config->state_dir, "/var/lib/azupdate") == 0);
	expect(strcmp(config->run_dir, "/run/azupdate") == 0);
	expect(strcmp(config->efivars_dir, "/sys/firmware/efi/efivars") == 0);
	expect(strcmp(config->eventlog, "/sys/kernel/security/tpm0/binary_bios_measurements") == 0);
	expect(g_strv_length(config->health_dirs) == 3);
	expect(strcmp(config->health_dirs[0], "/usr/lib/azupdate/health.d") == 0);
	expect(config->tries == 3);
	expect(config->health_timeout_s == 60 && config->health_retries == 2);
	expect(config->parallel == 4 && config->rate_bytes_s == 0 && config->retry_time_s == 600);
	expect(config->slow_bytes_s == 1024 && config->slow_time_s == 60);
	expect(config->proxy == NULL && config->ca_file == NULL);
	expect(config->certificate == NULL && config->key == NULL);
	expect(config->repository == NULL && strcmp(config->channel, "stable") == 0);
	expect(strcmp(config->repository_root, "/etc/azupdate/root.json") == 0);
	expect(config->windows == NULL && config->reboot_windows == NULL);
	expect(!config->approval_manual && !config->mains && !config->metered);
	expect(!config->reboot_never && config->soak_s == 0 && config->check_interval_s == 21600);
	expect(config->battery_minimum == 30 && config->free_space_minimum_mib == 16);
	expect(config->attempts == 6 && config->boot_spread_s == 600);
	expect(!config->bundles_listed && !config->accept_expired);
}

static void test_policy(void)
{
	g_autoptr(Config) config = load(
		"[product]\nname=x\n[repository]\nurl=https://u/\nroot=/r\n"
		"bundles=listed\naccept-expired=yes\nchannel=edge\n[policy]\nwindows=Mon "
		"01:00-02:00\n"
		"reboot-windows=02:00-03:00; Sun 00:00-24:00\napproval=manual\n"
		"mains=yes\nmetered=yes\nreboot=never\nsoak=86400\n"
		"check-interval=300\nboot-spread=0\nbattery-minimum=0\nfree-space-minimum=2\n"
		"attempts=1\n[reboot]\nwarn=0\n",
		NULL);
	struct policy_config policy;

	expect(config != NULL);
	if (config == NULL)
		return;
	expect(strcmp(config->repository, "https://u/") == 0);
	expect(strcmp(config->repository_root, "/r") == 0 && strcmp(config->channel, "edge") == 0);
	policy = config_policy(config);
	expect(policy.windows->n_parts == 1 && policy.reboot_windows->n_parts == 2);
	expect(policy.approval && policy.mains && policy.metered && !policy.reboot);
	expect(policy.soak_s == 86400 && policy.check_interval_s == 300);
	expect(policy.boot_spread_s == 0 && config->bundles_listed && config->accept_expired);
	expect(policy.battery_minimum == 0 && policy.free_minimum_bytes == 2 << 20);
	expect(policy.attempts == 1 && policy.warn_s == 0 && !policy.lock);
}

static void test_fleet_defaults(void)
{
	g_autoptr(Config) config = load("[product]\nname=shop\n", NULL);

	expect(config != NULL);
	if (config == NULL)
		return;
	expect(config->fleetlock_url == NULL && config->omaha_url == NULL);
	expect(config->report_url == NULL && config->report_prometheus == NULL);
	expect(strcmp(config->fleetlock_group, "default") == 0 && config->omaha_app == NULL);
	expect(strcmp(config->omaha_track, "stable") == 0);
	expect(config->hook_time_s == 60 && config->warn_s == 60 && config->watchdog_s == 60);
	expect(strcmp(config->hook_dirs[1], "/etc/azupdate/hooks") == 0);
}

static void test_fleet_keys(void)
{
	g_autoptr(Config) config = load(
		"[product]\nname=shop\n[fleetlock]\nurl=http://lock.example\ngroup=web.1-a\n"
		"[omaha]\nurl=https://me:secret@o.example/v1/update/\napp=x y\ntrack=beta\n"
		"[report]\nurl=https://r.example/?sig=a%2Fb\nprometheus=/p.prom\n"
		"[reboot]\nwarn=0\n[hooks]\ntimeout=3600\nfolders=/a;/b\n[health]\nwatchdog=0\n",
		NULL);

	expect(config != NULL);
	if (config == NULL)
		return;
	expect(strcmp(config->fleetlock_url, "http://lock.example") == 0);
	expect(strcmp(config->fleetlock_group, "web.1-a") == 0);
	expect(strcmp(config->omaha_url, "https://me:secret@o.example/v1/update/") == 0);
	expect(strcmp(config->omaha_app, "x y") == 0 && strcmp(config->omaha_track, "beta") == 0);
	expect(strcmp(config->report_url, "https://r.example/?sig=a%2Fb") == 0);
	expect(strcmp(config->report_prometheus, "/p.prom") == 0);
	expect(config->hook_time_s == 3600 && config->warn_s == 0);
	expect(strcmp(config->hook_dirs[1], "/b") == 0 && config->watchdog_s == 0);
}

static void test_health_keys(void)
{
	g_autoptr(Config) config = load(
		"[product]\nname=shop\n[health]\nretry-pause=600\nsoak=3600\nrounds=5\n"
		"parallel=16\nmemory=0\ntasks=100000\ngreenboot=no\nunits=a.service; b.mount;\n"
		"wanted-units=c.timer\nunit-soak=0\nbuiltins=root;network\n"
		"wanted-builtins=source\nfailed-units-except=*.mount\nspace=0\nreboot=never\n"
		"reboots-per-day=100\n",
		NULL);

	expect(config != NULL);
	if (config == NULL)
		return;
	expect(config->health.pause_s == 600 && config->health.soak_s == 3600);
	expect(config->health.rounds == 5 && config->health.parallel == 16);
	expect(config->health.memory_mib == 0 && config->health.tasks == 100000);
	expect(!config->health.greenboot && config->health.unit_soak_s == 0);
	expect(g_strv_length(config->health.units) == 2);
	expect(strcmp(config->health.units[1], "b.mount") == 0);
	expect(strcmp(config->health.wanted_units[0], "c.timer") == 0);
	expect(strcmp(config->health.builtins[1], "network") == 0);
	expect(strcmp(config->health.wanted_builtins[0], "source") == 0);
	expect(strcmp(config->health.failed_except[0], "*.mount") == 0);
	expect(config->health.space_mib == 0 && config->health.reboot_never);
	expect(config->health.reboots_max == 100);
}

static void test_health_defaults(void)
{
	g_autoptr(Config) config = load("[product]\nname=shop\n", NULL);

	expect(config != NULL);
	if (config == NULL)
		return;
	expect(config->health.units[0] == NULL);
	expect(strcmp(config->health.builtins[0], "auto") == 0 &&
	       config->health.builtins[1] == NULL);
	expect(g_strv_length(config->health.wanted_builtins) == 4);
	expect(config->health.greenboot && !config->health.reboot_never);
	expect(config->health.unit_soak_s == 30 && config->health.reboots_max == 10);
}

static void test_every_key(void)
{
	g_autoptr(Config)
		config = load("# all of them\n[layout]\ndisk=/dev/vda\n"
			      "[product]\nname = a b \narchitecture=riscv64\n"
			      "[trust]\nkeyring=/k\n[paths]\nstate=/s\nrun=/r\nefivars=/e\n"
			      "eventlog=/l\n"
			      "[health]\nfolders=/one; /two ;\ntimeout=1\nretries=0\n"
			      "[boot]\ntries=7\n"
			      "[network]\nparallel=8\nrate=4294967295\nretry-time=0\n"
			      "slow-rate=0\nslow-time=1\nproxy=none\nca=/ca\ncertificate=/c\n"
			      "key=/x\n[tpm]\nvolume=/v\ntcti=device:/t\n",
			      NULL);

	expect(config != NULL);
	if (config == NULL)
		return;
	expect(strcmp(config->disk, "/dev/vda") == 0 && strcmp(config->product, "a b") == 0);
	expect(strcmp(config->architecture, "riscv64") == 0 && strcmp(config->keyring, "/k") == 0);
	expect(strcmp(config->state_dir, "/s") == 0 && strcmp(config->run_dir, "/r") == 0);
	expect(strcmp(config->efivars_dir, "/e") == 0 && strcmp(config->eventlog, "/l") == 0);
	expect(g_strv_length(config->health_dirs) == 2);
	expect(strcmp(config->health_dirs[1], "/two") == 0);
	expect(config->health_timeout_s == 1 && config->health_retries == 0 && config->tries == 7);
	expect(config->parallel == 8 && config->rate_bytes_s == 4294967295);
	expect(config->retry_time_s == 0 && config->slow_bytes_s == 0 && config->slow_time_s == 1);
	expect(strcmp(config->proxy, "none") == 0 && strcmp(config->ca_file, "/ca") == 0);
	expect(strcmp(config->volume, "/v") == 0 && strcmp(config->tcti, "device:/t") == 0);
	expect(strcmp(config->certificate, "/c") == 0 && strcmp(config->key, "/x") == 0);
}

struct refusal {
	const char *text;
	fault why;
	const char *named; /* must stand in the message */
};

static const struct refusal REFUSALS[] = {
	{ "", FAULT_CONFIG_VALUE, "[product] name" },
	{ "[product]\nname=\n", FAULT_CONFIG_VALUE, "[product] name" },
	{ "name=x\n", FAULT_CONFIG_SYNTAX, "group" },
	{ "[product\nname=x\n", FAULT_CONFIG_SYNTAX, "azupdate.conf" },
	{ "[product]\nname=x\nnane=y\n", FAULT_CONFIG_VALUE, "nane" },
	{ "[product]\nname=x\n[boot]\ntimeout=9\n", FAULT_CONFIG_VALUE, "timeout" },
	{ "[product]\nname=x\n[boots]\ntries=3\n", FAULT_CONFIG_VALUE, "[boots]" },
	{ "[product]\nname=x\n[boot]\ntries=0\n", FAULT_CONFIG_VALUE, "from 1 to 7" },
	{ "[product]\nname=x\n[boot]\ntries=8\n", FAULT_CONFIG_VALUE, "tries=8" },
	{ "[product]\nname=x\n[boot]\ntries=\n", FAULT_CONFIG_VALUE, "tries" },
	{ "[product]\nname=x\n[boot]\ntries=3x\n", FAULT_CONFIG_VALUE, "tries=3x" },
	{ "[product]\nname=x\n[boot]\ntries=-1\n", FAULT_CONFIG_VALUE, "tries=-1" },
	{ "[product]\nname=x\n[health]\ntimeout=0\n", FAULT_CONFIG_VALUE, "timeout=0" },
	{ "[product]\nname=x\n[health]\ntimeout=3601\n", FAULT_CONFIG_VALUE, "3600" },
	{ "[product]\nname=x\n[health]\nretries=11\n", FAULT_CONFIG_VALUE, "retries=11" },
	{ "[product]\nname=x\n[health]\nfolders=/a;b\n", FAULT_CONFIG_VALUE, "folders" },
	{ "[product]\nname=x\n[network]\nparallel=9\n", FAULT_CONFIG_VALUE, "from 1 to 8" },
	{ "[product]\nname=x\n[network]\nparallel=0\n", FAULT_CONFIG_VALUE, "from 1 to 8" },
	{ "[product]\nname=x\n[network]\nrate=-1\n", FAULT_CONFIG_VALUE, "rate=-1" },
	{ "[product]\nname=x\n[network]\nproxy=\n", FAULT_CONFIG_VALUE, "proxy" },
	{ "[product]\nname=x\n[network]\nca=x\n", FAULT_CONFIG_VALUE, "absolute" },
	{ "[product]\nname=x\n[layout]\ndisk=vda\n", FAULT_CONFIG_VALUE, "absolute" },
	{ "[product]\nname=\xff\n", FAULT_CONFIG_VALUE, "UTF-8" },
	{ "[product]\nname=x\n[policy]\nwindows=always\n", FAULT_WINDOW, "[policy] windows" },
	{ "[product]\nname=x\n[policy]\nreboot=no\n", FAULT_CONFIG_VALUE, "auto or never" },
	{ "[product]\nname=x\n[policy]\nmains=1\n", FAULT_CONFIG_VALUE, "no or yes" },
	{ "[product]\nname=x\n[policy]\nattempts=0\n", FAULT_CONFIG_VALUE, "from 1 to 100" },
	{ "[product]\nname=x\n[policy]\ncheck-interval=299\n", FAULT_CONFIG_VALUE, "300" },
	{ "[product]\nname=x\n[policy]\nwindow=01:00-02:00\n", FAULT_CONFIG_VALUE, "window" },
	{ "[product]\nname=x\n[fleetlock]\nurl=a:b@lock.example\n", FAULT_CONFIG_VALUE,
	  "url must" },
	{ "[product]\nname=x\n[fleetlock]\ngroup=a_b\n", FAULT_CONFIG_VALUE, "dashes" },
	{ "[product]\nname=x\n[omaha]\nurl=ftp://x/\n", FAULT_CONFIG_VALUE, "[omaha] url" },
	{ "[product]\nname=x\n[report]\nurl=\n", FAULT_CONFIG_VALUE, "[report] url" },
	{ "[product]\nname=x\n[report]\nprometheus=p\n", FAULT_CONFIG_VALUE, "absolute" },
	{ "[product]\nname=x\n[reboot]\nwarn=3601\n", FAULT_CONFIG_VALUE, "3600" },
	{ "[product]\nname=x\n[hooks]\ntimeout=0\n", FAULT_CONFIG_VALUE, "from 1" },
};

static void test_refusals(void)
{
	for (size_t i = 0; i < G_N_ELEMENTS(REFUSALS); i++) {
		g_autoptr(GError) error = NULL;
		g_autoptr(Config) config = load(REFUSALS[i].text, &error);

		expect(config == NULL && error != NULL);
		if (error == NULL)
			continue;
		expect(failure_code(error) == REFUSALS[i].why);
		expect(strstr(error->message, REFUSALS[i].named) != NULL);
		if (strstr(error->message, REFUSALS[i].named) == NULL)
			printf("# row %zu: %s\n", i, error->message);
	}
}

static void test_missing(void)
{
	g_autoptr(GError) error = NULL;

	expect(config_load("/nonexistent/azupdate.conf", &error) == NULL);
	expect(failure_code(error) == FAULT_CONFIG_SYNTAX);
}

static const struct tap_case CASES[] = {
	{ "defaults", test_defaults },
	{ "a fleet's defaults", test_fleet_defaults },
	{ "keys of [health]", test_health_keys },
	{ "defaults of [health]", test_health_defaults },
	{ "every key", test_every_key },
	{ "every key of the policy", test_policy },
	{ "every key of a fleet's", test_fleet_keys },
	{ "refusals", test_refusals },
	{ "no file", test_missing },
};
TAP_MAIN(CASES)
