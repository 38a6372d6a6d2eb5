/* SPDX-License-Identifier: MIT */
#include "healthsetup.h"

#include "dmroot.h"
#include "etckeep.h"
#include "network.h"

static const char *const GREENBOOT_FOLDERS[] = { "/usr/lib/greenboot", "/etc/greenboot", NULL };

enum { MS_PER_S = 1000 };

static struct health_expected expected_of(const struct healthsetup *setup,
					  const struct config *config)
{
	return (struct health_expected){
		.root_hash = setup->release.root_hash,
		.etc = setup->etc,
		.build_time_s = setup->release.build_time_s,
		.space_path = config->state_dir,
		.space_mib = config->health.space_mib,
		.failed_except = config->health.failed_except,
		.repository = config->repository,
		.network = &setup->network,
	};
}

/* What cannot be asked is told by the check itself, if that is wanted. */
static gboolean root_is_verified(const struct machine_boot *release)
{
	struct healthjudge_root root;

	if (release->root_hash == NULL || !dmroot_read(&root, NULL))
		return FALSE;
	g_free(root.root_hash);
	return root.is_verity;
}

void healthsetup_init(struct healthsetup *setup, struct server *server, struct machine *machine)
{
	const struct config *config = server_config(server);
	g_auto(EtckeepLaid) laid = etckeep_laid(config);

	machine_boot_get(machine, &setup->release);
	setup->network = network_options(config);
	setup->etc = etckeep_laid_text(&laid);
	setup->var_is_lost = laid.is_meant && laid.why == FAULT_VAR_MOUNT;
	setup->options = (struct health_options){
		.folders = config->health_dirs,
		.timeout_s = config->health_timeout_s,
		.retries = config->health_retries,
		.pause_ms = config->health.pause_s * MS_PER_S,
		.soak_s = config->health.soak_s,
		.parallel = config->health.parallel,
		.memory_mib = config->health.memory_mib,
		.tasks_max = config->health.tasks,
		.bus = server_bus(server),
		.greenboot = config->health.greenboot ? (char **)GREENBOOT_FOLDERS : NULL,
		.units = config->health.units,
		.wanted_units = config->health.wanted_units,
		.unit_soak_s = config->health.unit_soak_s,
		.builtins = config->health.builtins,
		.wanted_builtins = config->health.wanted_builtins,
		.root_is_verified = root_is_verified(&setup->release),
		.etc_is_kept = laid.is_meant,
		.expected = expected_of(setup, config),
	};
}

void healthsetup_done(struct healthsetup *setup)
{
	machine_boot_clear(&setup->release);
	g_free(setup->etc);
}
