/* SPDX-License-Identifier: MIT */
#include "firmware.h"

#include "check.h"
#include "screen.h"

/* UEFI 7.5: codes up to 0xffff are the firmware's own. */
static const uint64_t WATCHDOG_CODE = 0x617a626f6f74; /* "azboot" */

enum { WATCHDOG_S = 180 };

struct efi_system_table *firmware;

void firmware_watchdog_arm(void)
{
	/* A firmware without a watchdog is no reason not to boot. */
	(void)firmware->boot->set_watchdog_timer(WATCHDOG_S, WATCHDOG_CODE, 0, NULL);
}

_Noreturn void firmware_reset(void)
{
	firmware->runtime->reset_system(EFI_RESET_COLD, EFI_SUCCESS, 0, NULL);
	for (;;)
		; /* UEFI 8.5.1: ResetSystem() does not return */
}

/* Safe, because the try was spent before anything that could fail. */
_Noreturn void check_failed(const char *condition, const char *file, unsigned line)
{
	screen_text("azboot: check failed: ");
	screen_text(condition);
	screen_text(" at ");
	screen_text(file);
	screen_text(":");
	screen_number(line);
	screen_text("\n");
	firmware_reset();
}
