/* SPDX-License-Identifier: MIT */
/* azverity: the first process of the initrd. Finds the root image that the signed command line
 * names, lets the kernel verify it, and starts the system on it.
 *
 * It never gives a shell. Whatever fails is told, noted in the boot record, and ended by a reset:
 * azboot has counted a try for this boot, so resets lead to the other slot. */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/reboot.h>
#include <unistd.h>

#include "cmdline.h"
#include "early.h"
#include "etcoverlay.h"
#include "faultnote.h"
#include "faulttext.h"
#include "hint.h"
#include "root.h"
#include "say.h"
#include "switchroot.h"
#include "textfile.h"
#include "unlock.h"
#include "watchdog.h"

enum { CMDLINE_SIZE_MAX = 8192, MESSAGE_SHOWN_S = 2 };

static fault cmdline_load(struct cmdline *ret_cmdline)
{
	static char text[CMDLINE_SIZE_MAX];

	if (!textfile_read("/proc/cmdline", text, sizeof text))
		return FAULT_ROOT_CMDLINE;
	return cmdline_parse(text, ret_cmdline);
}

/* What is this machine's own. A release may have said that its defaults are better than no boot. */
static fault local_mount(const struct root *root, const struct cmdline *cmdline)
{
	fault why = root_mount_var(root, cmdline, "/sysroot");
	const bool is_lost = why == FAULT_VAR_MOUNT && cmdline->etc_or_defaults;

	if (is_lost)
		why = root_mount_no_var("/sysroot");
	if (why != FAULT_OK || !cmdline->etc_overlay)
		return why;
	why = etcoverlay_mount("/sysroot", "/run", is_lost);
	if (why == FAULT_OK || !cmdline->etc_or_defaults)
		return why;
	say(SAY_CRITICAL, "fault %u: local changes of /etc are not in force, the release's own is",
	    (unsigned)why);
	return FAULT_OK;
}

/* Comes back only on failure. */
static fault system_start(const struct hint *hint)
{
	struct cmdline cmdline;
	struct root root;
	fault why = cmdline_load(&cmdline);

	if (why == FAULT_OK && cmdline.watchdog_s > 0)
		watchdog_arm(cmdline.watchdog_s);
	if (why == FAULT_OK)
		why = root_mount(&cmdline, hint, "/sysroot", &root);
	if (why == FAULT_OK)
		why = root_report(&root, &cmdline, "/run/azupdate");
	if (why == FAULT_OK && cmdline.var_encrypted)
		why = unlock_run("/sysroot", "/run");
	else if (why == FAULT_OK && unlock_has_policies())
		unlock_leave_phase("/sysroot");
	if (why == FAULT_OK)
		why = local_mount(&root, &cmdline);
	if (why != FAULT_OK)
		return why;
	root_claim("/run");
	say(SAY_INFO, "root is slot %c, %s", 'a' + (int)root.slot, root.partition.device);
	return switchroot_start("/sysroot", cmdline.init);
}

static _Noreturn void machine_reset(const struct hint *hint, fault why)
{
	const struct faulttext *text = faulttext_find((uint32_t)why);
	const bool noted = faultnote_store(hint, why);

	say(SAY_CRITICAL, "fault %u %s: %s", (unsigned)why, text->name, text->sentence);
	say(SAY_CRITICAL, "the fault is %s; resetting",
	    noted ? "noted in the boot record" : "not noted");
	sync();
	sleep(MESSAGE_SHOWN_S);
	/* If even this fails, returning from the first process makes the kernel panic. */
	reboot(RB_AUTOBOOT);
	exit(EXIT_FAILURE);
}

int main(void)
{
	struct hint hint;

	if (getpid() != 1) {
		fprintf(stderr, "azverity: only runs as the first process of an initrd\n");
		return EXIT_FAILURE;
	}
	/* No udev runs here, so libdevmapper must make the device nodes itself. */
	setenv("DM_DISABLE_UDEV", "1", 1);
	early_mount();
	early_load_modules("/modules");
	early_mount_efivars();
	unlock_keep_extra("/run");
	hint_read(&hint);
	machine_reset(&hint, system_start(&hint));
}
