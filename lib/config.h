/* SPDX-License-Identifier: MIT */
#pragma once
/* Configuration: /etc/azupdate/azupdate.conf, a GLib key file. docs/azupdate.conf.5 describes it.
 * Unknown keys are refused, so that a misspelt one does not silently mean its default. */

#include <glib.h>

#include "policy.h"

/* [health], but for folders=, timeout= and retries=. */
struct config_health {
	unsigned pause_s;       /* retry-pause=, 1..600, default 1 */
	unsigned soak_s;        /* soak=, 0..3600, default 0 */
	unsigned rounds;        /* rounds=, 1..5, default 1 */
	unsigned parallel;      /* parallel=, 1..16, default 4 */
	unsigned memory_mib;    /* memory=, 0..1048576, default 512 */
	unsigned tasks;         /* tasks=, 0..100000, default 256 */
	gboolean greenboot;     /* greenboot=no|yes, default yes */
	char **units;           /* units=, default none */
	char **wanted_units;    /* wanted-units=, default none */
	unsigned unit_soak_s;   /* unit-soak=, 0..3600, default 30 */
	char **builtins;        /* builtins=, default auto */
	char **wanted_builtins; /* wanted-builtins=, default root;failed-units;clock;space */
	char **failed_except;   /* failed-units-except=, default none */
	unsigned space_mib;     /* space=, 0..1048576, default 16 */
	gboolean reboot_never;  /* reboot=auto|never, default auto */
	unsigned reboots_max;   /* reboots-per-day=, 0..100, default 10 */
};
struct workers;

struct config {
	char *disk;                /* [layout] disk=, NULL: the one that was booted from */
	char *product;             /* [product] name=, required */
	char *architecture;        /* [product] architecture=, default: this machine's */
	char *keyring;             /* [trust] keyring=, default /etc/azupdate/keyring */
	char *ostree_keys;         /* [trust] ostree-keys=, default /etc/azupdate/ostree-keys */
	char *state_dir;           /* [paths] state=, default /var/lib/azupdate */
	char *run_dir;             /* [paths] run=, default /run/azupdate */
	char *efivars_dir;         /* [paths] efivars=, default /sys/firmware/efi/efivars */
	char *motd_dir;            /* [paths] motd=, default /run/motd.d */
	char *issue_dir;           /* [paths] issue=, default /run/issue.d */
	char *watchdogs_dir;       /* [paths] watchdogs=, default /sys/class/watchdog */
	char *eventlog;            /* [paths] eventlog=, the firmware's, default
				    * /sys/kernel/security/tpm0/binary_bios_measurements */
	char *tcti;                /* [tpm] tcti=, NULL: the kernel's resource manager */
	char *volume;              /* [tpm] volume=, NULL: the partition var of the disk */
	char **health_dirs;        /* [health] folders=, default /usr/lib/azupdate/health.d;
				 * /etc/azupdate/health.d;/run/azupdate/health.d */
	unsigned tries;            /* [boot] tries=, 1..7, default 3 */
	unsigned health_timeout_s; /* [health] timeout=, per check, 1..3600, default 60 */
	unsigned health_retries;   /* [health] retries=, 0..10, default 2 */
	unsigned watchdog_s;       /* [health] watchdog=, 0..3600, default 60; 0: leave it alone */
	unsigned parallel;         /* [network] parallel=, requests at a time, 1..8, default 4 */
	unsigned rate_bytes_s;     /* [network] rate=, 0: no limit, default 0 */
	unsigned retry_time_s;     /* [network] retry-time=, 0..86400, default 600 */
	unsigned slow_bytes_s;     /* [network] slow-rate=, 0..1048576, default 1024 */
	unsigned slow_time_s;      /* [network] slow-time=, 1..3600, default 60 */
	char *proxy;               /* [network] proxy=, "none"; NULL: as the environment says */
	char *ca_file;             /* [network] ca=, NULL: the system's */
	char *certificate;         /* [network] certificate=, NULL: none */
	char *key;                 /* [network] key=, NULL: in the certificate's file */
	char *repository;          /* [repository] url=, NULL: none; releases come by hand */
	char *repository_root;     /* [repository] root=, default /etc/azupdate/root.json */
	char *channel;             /* [repository] channel=, default stable */
	gboolean bundles_listed;   /* [repository] bundles=any|listed, default any */
	gboolean accept_expired;   /* [repository] accept-expired=no|yes, default no */
	struct window *windows;    /* [policy] windows=, NULL: always */
	struct window *reboot_windows;   /* [policy] reboot-windows=, NULL: as windows */
	gboolean approval_manual;        /* [policy] approval=auto|manual, default auto */
	gboolean mains;                  /* [policy] mains=no|yes, default no */
	gboolean metered;                /* [policy] metered=no|yes, default no */
	gboolean reboot_never;           /* [policy] reboot=auto|never, default auto */
	unsigned soak_s;                 /* [policy] soak=, 0..31536000, default 0 */
	unsigned check_interval_s;       /* [policy] check-interval=, 300..604800, default 21600 */
	unsigned boot_spread_s;          /* [policy] boot-spread=, 0..86400, default 600 */
	unsigned battery_minimum;        /* [policy] battery-minimum=, percent, default 30 */
	unsigned free_space_minimum_mib; /* [policy] free-space-minimum=, 0..1048576, default 16 */
	unsigned attempts;               /* [policy] attempts=, 1..100, default 6 */
	char *fleetlock_url;             /* [fleetlock] url=, NULL: no lock is asked for */
	char *fleetlock_group;           /* [fleetlock] group=, default "default" */
	char *omaha_url;                 /* [omaha] url=, NULL: no such server is asked */
	char *omaha_app;                 /* [omaha] app=, NULL: the product's name */
	char *omaha_track;               /* [omaha] track=, default "stable" */
	char *report_url;                /* [report] url=, NULL: events are not sent */
	char *report_prometheus;         /* [report] prometheus=, path of a file; NULL: none */
	char **hook_dirs;                /* [hooks] folders=, default /usr/lib/azupdate/hooks;
					  * /etc/azupdate/hooks */
	unsigned hook_time_s;            /* [hooks] timeout=, of each hook, 1..3600, default 60 */
	unsigned store_history;          /* [store] history=, 0..100, default 0: no store */
	unsigned store_limit_mib;        /* [store] size-limit=, default 0: no limit */
	unsigned etc_history;            /* [etc] history=, states, 2..1000, default 20 */
	gboolean etc_restore;            /* [etc] rollback=keep|restore, default keep */
	unsigned warn_s;                 /* [reboot] warn=, 0..3600, default 60 */
	struct config_health health;     /* the rest of [health] */
	/* Not of the file: the processes that fetch and decode; NULL: this one does. Borrowed. */
	const struct workers *workers;
};
typedef struct config Config; /* for g_autoptr() only */

/* NULL with FAULT_CONFIG_SYNTAX, FAULT_CONFIG_VALUE or FAULT_WINDOW. A missing file is an error. */
struct config *config_load(const char *path, GError **error);
void config_free(struct config *config);
/* What the policy is to know of it; borrows the windows. Whether there is a lock is not in it. */
struct policy_config config_policy(const struct config *config);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Config, config_free)
