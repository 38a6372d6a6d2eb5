/* SPDX-License-Identifier: MIT */
#pragma once
/* Bundle arguments: what names a bundle on the command line: a file, a web address, or "-" for
 * standard input. */

#include <gio/gunixfdlist.h>

gboolean bundlearg_is_url(const char *bundle);
/* A list with one descriptor, to be sent along; opened by the caller's own rights, so that the
 * daemon cannot be made to read for somebody. FAULT_BUNDLE_READ. */
GUnixFDList *bundlearg_open(const char *bundle, GError **error);
