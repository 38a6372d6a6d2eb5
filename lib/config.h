/* SPDX-License-Identifier: MIT */
#pragma once
/* Configuration: /etc/azupdate/azupdate.conf, a GLib key file. docs/azupdate.conf.5 describes it.
 * Unknown keys are refused, so that a misspelt one does not silently mean its default. */

#include <glib.h>

struct config {
	char *disk;                /* [layout] disk=, NULL: the one that was booted from */
	char *product;             /* [product] name=, required */
	char *architecture;        /* [product] architecture=, default: this machine's */
	char *keyring;             /* [trust] keyring=, default /etc/azupdate/keyring */
	char *state_dir;           /* [paths] state=, default /var/lib/azupdate */
	char *run_dir;             /* [paths] run=, default /run/azupdate */
	char *efivars_dir;         /* [paths] efivars=, default /sys/firmware/efi/efivars */
	char **health_dirs;        /* [health] folders=, default /usr/lib/azupdate/health.d;
				 * /etc/azupdate/health.d;/run/azupdate/health.d */
	unsigned tries;            /* [boot] tries=, 1..7, default 3 */
	unsigned health_timeout_s; /* [health] timeout=, per check, 1..3600, default 60 */
	unsigned health_retries;   /* [health] retries=, 0..10, default 2 */
};
typedef struct config Config; /* for g_autoptr() only */

/* NULL with FAULT_CONFIG_SYNTAX or FAULT_CONFIG_VALUE. A missing file is an error. */
struct config *config_load(const char *path, GError **error);
void config_free(struct config *config);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Config, config_free)
