/* SPDX-License-Identifier: MIT */
#include "watchdog.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/watchdog.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "say.h"

static const char DEVICE[] = "/dev/watchdog0";

void watchdog_arm(unsigned seconds)
{
	const int fd = open(DEVICE, O_WRONLY | O_CLOEXEC);
	int timeout_s = (int)seconds;

	if (fd < 0) {
		say(SAY_ERROR, "%s: %s; a hang of userspace will not end by itself", DEVICE,
		    strerror(errno));
		return;
	}
	/* Some cannot count so far: their own time is as good a limit. */
	if (ioctl(fd, WDIOC_SETTIMEOUT, &timeout_s) != 0)
		say(SAY_ERROR, "%s does not take %u s: %s", DEVICE, seconds, strerror(errno));
	if (ioctl(fd, WDIOC_GETTIMEOUT, &timeout_s) == 0)
		say(SAY_INFO, "the watchdog must be taken over within %d s", timeout_s);
	/* Closed without the letter that would stop it, it goes on counting. */
	close(fd);
}
