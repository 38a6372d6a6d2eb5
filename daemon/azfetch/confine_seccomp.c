/* SPDX-License-Identifier: MIT */
/* Which system calls a worker may make. A decoder is killed at any other; the network worker, which
 * runs libraries of the machine's choice, is refused most others and killed at those that no
 * library has business with. */
#include <errno.h>
#include <linux/sockios.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#include "confine.h"

/* For both: memory, threads, the socket to azupdated, time, and an orderly end. */
static const char *const COMMON[] = {
	"brk",          "clock_getres",   "clock_gettime",   "clock_nanosleep",
	"close",        "exit",           "exit_group",      "fcntl",
	"fstat",        "futex",          "getpid",          "getrandom",
	"gettid",       "gettimeofday",   "lseek",           "madvise",
	"membarrier",   "mremap",         "munmap",          "nanosleep",
	"newfstatat",   "poll",           "ppoll",           "pread64",
	"read",         "recvmsg",        "restart_syscall", "rseq",
	"rt_sigaction", "rt_sigprocmask", "rt_sigreturn",    "sched_getaffinity",
	"sched_yield",  "sendmsg",        "set_robust_list", "sigaltstack",
	"tgkill",       "write",
};

/* Files to read, sockets, threads. */
static const char *const NET[] = {
	"access",        "bind",        "connect",
	"dup",           "dup2",        "dup3",
	"epoll_create1", "epoll_ctl",   "epoll_pwait",
	"epoll_wait",    "eventfd2",    "faccessat",
	"faccessat2",    "fstatfs",     "getcpu",
	"getdents64",    "getegid",     "geteuid",
	"getgid",        "getpeername", "getppid",
	"getsockname",   "getsockopt",  "getuid",
	"lstat",         "mmap",        "mprotect",
	"open",          "openat",      "pipe",
	"pipe2",         "readlink",    "readlinkat",
	"readv",         "recvfrom",    "recvmmsg",
	"sendmmsg",      "sendto",      "set_robust_list",
	"setsockopt",    "shutdown",    "socketpair",
	"stat",          "statx",       "sysinfo",
	"uname",         "writev",
};

/* A decoder is refused these instead of killed: a library asks, and does without. */
static const char *const DECODE_REFUSED[] = {
	"access",   "faccessat", "faccessat2", "ioctl",   "open",  "openat", "prlimit64",
	"readlink", "stat",      "statx",      "sysinfo", "uname", "getcpu",
};

/* The network worker is killed at these. */
static const char *const NET_KILLED[] = {
	"acct",
	"add_key",
	"bpf",
	"chroot",
	"delete_module",
	"execve",
	"execveat",
	"finit_module",
	"fork",
	"fsopen",
	"init_module",
	"io_uring_setup",
	"kexec_file_load",
	"kexec_load",
	"keyctl",
	"kill",
	"memfd_create",
	"mknod",
	"mknodat",
	"mount",
	"move_mount",
	"name_to_handle_at",
	"open_by_handle_at",
	"open_tree",
	"perf_event_open",
	"pidfd_getfd",
	"pivot_root",
	"process_vm_readv",
	"process_vm_writev",
	"ptrace",
	"reboot",
	"request_key",
	"setns",
	"setresuid",
	"setuid",
	"swapon",
	"tkill",
	"umount2",
	"unshare",
	"userfaultfd",
	"vfork",
};

struct rules {
	scmp_filter_ctx filter;
	int why; /* of the first that could not be added */
};

/* A call that this processor does not have needs no rule. */
static int call_number(const char *name)
{
	return seccomp_syscall_resolve_name(name);
}

static void rules_add(struct rules *rules, uint32_t action, const char *const *names, size_t count)
{
	for (size_t i = 0; i < count && rules->why == 0; i++) {
		const int number = call_number(names[i]);

		if (number >= 0)
			rules->why = seccomp_rule_add(rules->filter, action, number, 0);
	}
}

static void rule_add(struct rules *rules, uint32_t action, const char *name,
		     struct scmp_arg_cmp argument)
{
	const int number = call_number(name);

	if (number >= 0 && rules->why == 0)
		rules->why = seccomp_rule_add_array(rules->filter, action, number, 1, &argument);
}

/* Nothing becomes code that was not when it began. */
static void decode_add(struct rules *rules)
{
	const struct scmp_arg_cmp no_code = SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0);

	rules_add(rules, SCMP_ACT_ERRNO(EPERM), DECODE_REFUSED, G_N_ELEMENTS(DECODE_REFUSED));
	rule_add(rules, SCMP_ACT_ALLOW, "mmap", no_code);
	rule_add(rules, SCMP_ACT_ALLOW, "mprotect", no_code);
}

static void net_add(struct rules *rules)
{
	static const scmp_datum_t FAMILIES[] = { AF_INET, AF_INET6, AF_NETLINK };
	static const scmp_datum_t REQUESTS[] = { FIONREAD, FIONBIO, SIOCGSTAMP };

	rules_add(rules, SCMP_ACT_ALLOW, NET, G_N_ELEMENTS(NET));
	rules_add(rules, SCMP_ACT_KILL_PROCESS, NET_KILLED, G_N_ELEMENTS(NET_KILLED));
	for (unsigned i = 0; i < G_N_ELEMENTS(FAMILIES); i++)
		rule_add(rules, SCMP_ACT_ALLOW, "socket", SCMP_A0(SCMP_CMP_EQ, FAMILIES[i]));
	for (unsigned i = 0; i < G_N_ELEMENTS(REQUESTS); i++)
		rule_add(rules, SCMP_ACT_ALLOW, "ioctl", SCMP_A1(SCMP_CMP_EQ, REQUESTS[i]));
}

int confine_seccomp(enum worker_kind kind)
{
	struct rules rules = { .filter = seccomp_init(kind == WORKER_NET ? SCMP_ACT_ERRNO(EPERM)
									 : SCMP_ACT_KILL_PROCESS) };

	if (rules.filter == NULL)
		return ENOSYS;
	rules_add(&rules, SCMP_ACT_ALLOW, COMMON, G_N_ELEMENTS(COMMON));
	/* Threads, and no processes; what is passed to clone3() a filter cannot see. */
	rule_add(&rules, SCMP_ACT_ALLOW, "clone",
		 SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_THREAD, CLONE_THREAD));
	rules_add(&rules, SCMP_ACT_ERRNO(ENOSYS), (const char *const[]){ "clone3" }, 1);
	rule_add(&rules, SCMP_ACT_ALLOW, "prctl", SCMP_A0(SCMP_CMP_EQ, PR_SET_NAME));
	if (kind == WORKER_NET)
		net_add(&rules);
	else
		decode_add(&rules);
	if (rules.why == 0)
		rules.why = seccomp_load(rules.filter);
	seccomp_release(rules.filter);
	return -rules.why;
}
