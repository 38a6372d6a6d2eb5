/* SPDX-License-Identifier: MIT */
#include "bundlearg.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "failure.h"

gboolean bundlearg_is_url(const char *bundle)
{
	static const char *const SCHEMES[] = { "http://", "https://", "ostree+http://",
					       "ostree+https://" };

	for (unsigned i = 0; i < G_N_ELEMENTS(SCHEMES); i++)
		if (g_str_has_prefix(bundle, SCHEMES[i]))
			return TRUE;
	return FALSE;
}

GUnixFDList *bundlearg_open(const char *bundle, GError **error)
{
	int fd;

	if (strcmp(bundle, "-") == 0)
		fd = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3);
	else
		fd = open(bundle, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (fd >= 0)
		return g_unix_fd_list_new_from_array(&fd, 1); /* takes over fd */
	failure_set(error, FAULT_BUNDLE_READ, "%s: %s", bundle, g_strerror(errno));
	return NULL;
}
