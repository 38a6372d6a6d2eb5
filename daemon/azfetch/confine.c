/* SPDX-License-Identifier: MIT */
/* The steps, in an order that none of them takes away what a later one needs. */
#include "confine.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/securebits.h>
#include <pwd.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "failure.h"

enum { CAPABILITIES_MAX = 64 };

/* The first that this machine has. Both own nothing; that others run as the second is no harm,
 * since a worker cannot be traced, and reaches nobody else. */
static const char *const USERS[] = { "azfetch", "nobody" };

/* How much of each a worker may have: for the network, for decoding. That it makes threads and no
 * processes the filter of system calls sees to; a limit would count those of other workers too. */
static const struct {
	__rlimit_resource_t resource;
	rlim_t limits[2];
} LIMITS[] = {
	{ RLIMIT_CORE, { 0, 0 } },
	{ RLIMIT_FSIZE, { 0, 0 } },
	{ RLIMIT_MEMLOCK, { 0, 0 } },
	{ RLIMIT_MSGQUEUE, { 0, 0 } },
	{ RLIMIT_NOFILE, { 64, 16 } },
	/* With the sanitizers, whose shadow is counted, there is no limit to memory. */
	{ RLIMIT_AS, { AZFETCH_ADDRESS_MAX, AZFETCH_ADDRESS_MAX } },
	{ RLIMIT_DATA, { AZFETCH_DATA_MAX, AZFETCH_DATA_MAX } },
};

/* Each by itself, so that what a container has is taken. A process of no rights gets them in a user
 * namespace of its own, and gives them up with all the others. */
static int namespaces_leave(enum worker_kind kind)
{
	static const int FLAGS[] = { CLONE_NEWNS, CLONE_NEWIPC, CLONE_NEWUTS, CLONE_NEWCGROUP,
				     CLONE_NEWNET };
	const unsigned count = kind == WORKER_NET ? 4 : 5; /* the last is the network */
	int why = 0;

	if (geteuid() != 0 && unshare(CLONE_NEWUSER) < 0)
		return errno;
	for (unsigned i = 0; i < count; i++)
		if (unshare(FLAGS[i]) < 0)
			why = errno;
	return why;
}

/* An empty folder that nobody can write to becomes the root. The network worker keeps the
 * machine's, for the name service and the certificates; Landlock leaves it those alone. */
static int root_leave(enum worker_kind kind)
{
	if (kind == WORKER_NET)
		return 0;
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount("azfetch", "/tmp", "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC,
		  "mode=555,size=4k,nr_inodes=2") < 0 ||
	    chdir("/tmp") < 0 || syscall(SYS_pivot_root, ".", ".") < 0 ||
	    umount2(".", MNT_DETACH) < 0 || chdir("/") < 0 ||
	    mount(NULL, "/", NULL,
		  MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) < 0)
		return errno;
	return 0;
}

static const struct passwd *user_find(void)
{
	const struct passwd *user = NULL;

	for (unsigned i = 0; i < G_N_ELEMENTS(USERS) && user == NULL; i++)
		user = getpwnam(USERS[i]);
	return user;
}

static int capabilities_drop(void)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	const struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = { 0 };
	struct __user_cap_data_struct held[_LINUX_CAPABILITY_U32S_3];

	/* The kernel does this at a change of users, but not for one that never was root. */
	(void)prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	/* In its own unit it has none, and may not even say so. */
	if (syscall(SYS_capget, &head, held) == 0 && memcmp(held, none, sizeof none) == 0)
		return 0;
	return syscall(SYS_capset, &head, none) < 0 ? errno : 0;
}

/* While it is root: nothing that it could execute would ever give it rights again. What is missing
 * here is kept by no_new_privs. */
static void rights_bound(void)
{
	for (unsigned long i = 0; i < CAPABILITIES_MAX; i++)
		(void)prctl(PR_CAPBSET_DROP, i, 0, 0, 0); /* FALSE behind the last one */
	(void)prctl(PR_SET_SECUREBITS,
		    SECBIT_NOROOT | SECBIT_NOROOT_LOCKED | SECBIT_NO_SETUID_FIXUP_LOCKED |
			    SECBIT_KEEP_CAPS_LOCKED | SECBIT_NO_CAP_AMBIENT_RAISE |
			    SECBIT_NO_CAP_AMBIENT_RAISE_LOCKED,
		    0, 0, 0);
}

static int user_become(const struct passwd *user)
{
	if (geteuid() != 0)
		return capabilities_drop();
	if (user == NULL || user->pw_uid == 0 || user->pw_gid == 0)
		return ENOENT;
	rights_bound();
	if (setgroups(0, NULL) < 0 || setresgid(user->pw_gid, user->pw_gid, user->pw_gid) < 0 ||
	    setresuid(user->pw_uid, user->pw_uid, user->pw_uid) < 0)
		return errno;
	return capabilities_drop();
}

/* After the change of users, which undoes it. */
static int process_bind(void)
{
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0 ||
	    prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0)
		return errno;
	return 0;
}

static int limits_set(enum worker_kind kind)
{
	for (unsigned i = 0; i < G_N_ELEMENTS(LIMITS); i++) {
		struct rlimit limit;

		if (getrlimit(LIMITS[i].resource, &limit) < 0)
			return errno;
		limit.rlim_max = MIN(limit.rlim_max, LIMITS[i].limits[kind]);
		limit.rlim_cur = limit.rlim_max;
		if (setrlimit(LIMITS[i].resource, &limit) < 0)
			return errno;
	}
	return 0;
}

/* What a kernel without it, or a container, answers; all else is a bug. */
static gboolean is_tolerable(int why)
{
	return why == EPERM || why == ENOSYS || why == EINVAL || why == EOPNOTSUPP ||
	       why == ENOSPC || why == EACCES || why == EUSERS;
}

static gboolean step_judge(const char *what, int why, gboolean is_needed, GError **error)
{
	if (why == 0 || (!is_needed && is_tolerable(why)))
		return TRUE;
	return failure_set(error, FAULT_WORKER_CONFINE, "cannot %s: %s", what, g_strerror(why));
}

unsigned confine(enum worker_kind kind, GError **error)
{
	const struct passwd *user = user_find(); /* while there are files to find it in */
	const int namespaces = namespaces_leave(kind);
	const int root = namespaces == 0 ? root_leave(kind) : EPERM;
	int landlock;

	if (!step_judge("enter own namespaces", namespaces, FALSE, error) ||
	    !step_judge("leave the root folder", root, FALSE, error) ||
	    !step_judge("become the user azfetch or nobody", user_become(user), TRUE, error) ||
	    !step_judge("give up privileges", process_bind(), TRUE, error) ||
	    !step_judge("limit resources", limits_set(kind), TRUE, error))
		return 0;
	landlock = confine_landlock(kind);
	if (!step_judge("set up Landlock", landlock, FALSE, error) ||
	    !step_judge("filter system calls", confine_seccomp(kind), TRUE, error))
		return 0;
	return WORKERWIRE_BOUND_USER | WORKERWIRE_BOUND_SECCOMP |
	       (namespaces == 0 ? WORKERWIRE_BOUND_NAMESPACES : 0) |
	       (root == 0 ? WORKERWIRE_BOUND_ROOT : 0) |
	       (landlock == 0 ? WORKERWIRE_BOUND_LANDLOCK : 0);
}
