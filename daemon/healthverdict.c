/* SPDX-License-Identifier: MIT */
#include "healthverdict.h"

#include <errno.h>
#include <glib/gstdio.h>

#include "failed.h"
#include "failure.h"
#include "healthrecord.h"
#include "publish.h"
#include "rebootcount.h"

static const char HOLD[] = "health-hold";

gboolean healthverdict_is_held(const struct config *config)
{
	g_autofree char *path = g_build_filename(config->run_dir, HOLD, NULL);

	return g_file_test(path, G_FILE_TEST_EXISTS);
}

gboolean healthverdict_hold(const struct config *config, gboolean held, GError **error)
{
	g_autofree char *path = g_build_filename(config->run_dir, HOLD, NULL);
	g_autoptr(GError) cause = NULL;

	if (held && !state_write(config->run_dir, HOLD, "", &cause))
		return failure_set(error, FAULT_HEALTH_HOLD, "%s", cause->message);
	if (!held && g_unlink(path) != 0 && errno != ENOENT)
		return failure_set(error, FAULT_HEALTH_HOLD, "%s: %s", path, g_strerror(errno));
	return TRUE;
}

static struct ladder_state state_read(const struct config *config,
				      const struct machine_boot *release, gboolean healthy,
				      gboolean reboot_helps)
{
	struct ladder_state state = {
		.healthy = healthy,
		.reboot_helps = reboot_helps,
		.on_trial = release->on_trial,
		.held = healthverdict_is_held(config),
		.reboot_never = config->health.reboot_never,
		.reboots_max = config->health.reboots_max,
	};

	if (!healthy)
		state.counted = rebootcount_get(config->state_dir, g_get_real_time(),
						&state.reboots);
	return state;
}

/* What cannot be noted is not known at the next boot: so it is as if it were not known now. */
struct ladder_choice healthverdict_choose(const struct config *config,
					  const struct machine_boot *release, gboolean healthy,
					  gboolean reboot_helps)
{
	struct ladder_state state = state_read(config, release, healthy, reboot_helps);
	const struct ladder_choice choice = ladder_choose(&state);
	g_autoptr(GError) error = NULL;

	if (choice.step != LADDER_REBOOT ||
	    rebootcount_note(config->state_dir, g_get_real_time(), &error))
		return choice;
	g_warning("the reboot cannot be counted: %s", error->message);
	state.counted = FALSE;
	return ladder_choose(&state);
}

void healthverdict_record(const struct config *config, const struct machine_boot *release,
			  const struct health_result *result, const char *verdict,
			  const char *because)
{
	const struct healthrecord record = {
		.result = result,
		.slot = publish_slot_name(release->slot)[0],
		.root_hash = release->root_hash,
		.version = release->version,
		.verdict = verdict,
		.because = because,
	};
	g_autoptr(GError) error = NULL;

	healthrecord_log(&record);
	if (!healthrecord_save(config->state_dir, &record, &error))
		g_warning("the health result is not stored: %s", error->message);
}
