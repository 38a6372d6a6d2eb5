/* SPDX-License-Identifier: MIT */
/* Landlock, as far as the kernel has it: no file at all for a decoder, and for the network worker
 * what the name service and TLS read. The numbers are the kernel's, include/uapi/linux/landlock.h;
 * those of later versions are not in every C library's headers yet. */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "confine.h"

enum {
	RULE_PATH_BENEATH = 1,
	CREATE_VERSION = 1,
	FILE_READ = 1 << 2,
	DIR_READ = 1 << 3,
	NET_BIND = 1 << 0,
	NET_CONNECT = 1 << 1,
	SCOPES = 3, /* abstract sockets, signals */
};

struct ruleset {
	uint64_t fs;
	uint64_t net;
	uint64_t scoped;
};

struct __attribute__((packed)) path_beneath {
	uint64_t allowed;
	int32_t parent;
};

/* Which rights over files each version knows. */
static uint64_t fs_rights(long version)
{
	static const uint64_t COUNTS[] = { 0, 13, 14, 15, 15, 16 };

	return (UINT64_C(1) << COUNTS[version < 5 ? version : 5]) - 1;
}

static const char *const READABLE[] = {
	"/etc/resolv.conf",
	"/etc/hosts",
	"/etc/host.conf",
	"/etc/nsswitch.conf",
	"/etc/gai.conf",
	"/etc/services",
	"/etc/ld.so.cache",
	"/etc/ssl",
	"/etc/pki",
	"/etc/ca-certificates",
	"/etc/crypto-policies",
	"/usr/share/ca-certificates",
	"/usr/share/pki",
	"/usr/share/crypto-policies",
	"/usr/lib",
	"/usr/lib64",
	"/lib",
	"/lib64",
	"/run/systemd/resolve/resolv.conf",
	"/run/systemd/resolve/stub-resolv.conf",
	"/dev/urandom",
};

/* What is not there needs no rule. A right over folders is refused for a file. */
static void rule_add(int ruleset, const char *path)
{
	struct path_beneath rule = { FILE_READ | DIR_READ, open(path, O_PATH | O_CLOEXEC) };

	if (rule.parent < 0)
		return;
	if (syscall(SYS_landlock_add_rule, ruleset, RULE_PATH_BENEATH, &rule, 0) < 0) {
		rule.allowed = FILE_READ;
		(void)syscall(SYS_landlock_add_rule, ruleset, RULE_PATH_BENEATH, &rule, 0);
	}
	(void)close(rule.parent); /* a place, not a file */
}

int confine_landlock(enum worker_kind kind)
{
	const long version = syscall(SYS_landlock_create_ruleset, NULL, 0, CREATE_VERSION);
	struct ruleset rules = { 0 };
	int ruleset, why;

	if (version < 1)
		return version < 0 ? errno : ENOSYS;
	rules.fs = fs_rights(version);
	if (version >= 4)
		rules.net = kind == WORKER_NET ? NET_BIND : NET_BIND | NET_CONNECT;
	rules.scoped = version >= 6 ? SCOPES : 0;
	ruleset = (int)syscall(SYS_landlock_create_ruleset, &rules, sizeof rules, 0);
	if (ruleset < 0)
		return errno;
	for (unsigned i = 0; kind == WORKER_NET && i < G_N_ELEMENTS(READABLE); i++)
		rule_add(ruleset, READABLE[i]);
	why = syscall(SYS_landlock_restrict_self, ruleset, 0) < 0 ? errno : 0;
	(void)close(ruleset); /* it is in force, or not */
	return why;
}
