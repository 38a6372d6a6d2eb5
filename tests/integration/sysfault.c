/* SPDX-License-Identifier: MIT */
/* SECCOMP_RET_TRAP (seccomp(2)) turns a system call into a signal; its handler decides, and makes
 * the call itself. That one comes from a place that the filter knows, so it is not trapped again.
 * In the process itself, this takes a microsecond; a tracer would take two switches each. */
#include "sysfault.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

enum { /* ways in which a call is known to fail, of manual pages and file systems */
       EIO_ = 1u << SYSFAULT_EIO,
       NOSPC = 1u << SYSFAULT_ENOSPC,
       NOMEM = 1u << SYSFAULT_ENOMEM,
       INTR = 1u << SYSFAULT_EINTR,
       SHORT = 1u << SYSFAULT_SHORT,
       KILL = 1u << SYSFAULT_KILL,
       ERRORS = EIO_ | NOSPC | NOMEM | INTR,
       ARGUMENTS = 6,
       SIZE_ARGUMENT = 2, /* of the reads and writes that can be short */
       CALLS_MAX = 64,
};

struct call {
	int number;
	const char *name;
	unsigned ills;
};

static const struct call CALLS[] = {
	{ SYS_openat, "openat", EIO_ | NOSPC | NOMEM | INTR },
	{ SYS_open, "open", EIO_ | NOSPC | NOMEM | INTR },
	{ SYS_read, "read", EIO_ | INTR | SHORT },
	{ SYS_pread64, "pread", EIO_ | INTR | SHORT },
	{ SYS_readv, "readv", EIO_ | INTR },
	{ SYS_preadv, "preadv", EIO_ | INTR },
	{ SYS_write, "write", EIO_ | NOSPC | INTR | SHORT },
	{ SYS_pwrite64, "pwrite", EIO_ | NOSPC | INTR | SHORT },
	{ SYS_writev, "writev", EIO_ | NOSPC | INTR },
	{ SYS_pwritev, "pwritev", EIO_ | NOSPC | INTR },
	{ SYS_fsync, "fsync", EIO_ | NOSPC | INTR },
	{ SYS_fdatasync, "fdatasync", EIO_ | NOSPC | INTR },
	{ SYS_sync_file_range, "sync_file_range", EIO_ | NOSPC },
	{ SYS_mmap, "mmap", NOMEM },
	{ SYS_mremap, "mremap", NOMEM },
	{ SYS_ftruncate, "ftruncate", EIO_ | INTR },
	{ SYS_fallocate, "fallocate", EIO_ | NOSPC | INTR },
	{ SYS_fadvise64, "fadvise", EIO_ },
	{ SYS_rename, "rename", EIO_ | NOSPC | KILL },
	{ SYS_renameat2, "renameat2", EIO_ | NOSPC | KILL },
	{ SYS_unlink, "unlink", EIO_ | KILL },
	{ SYS_mkdir, "mkdir", EIO_ | NOSPC | KILL },
	{ SYS_renameat, "renameat", EIO_ | NOSPC | KILL },
	{ SYS_unlinkat, "unlinkat", EIO_ | KILL },
	{ SYS_rmdir, "rmdir", EIO_ | KILL },
	{ SYS_mkdirat, "mkdirat", EIO_ | NOSPC | KILL },
	{ SYS_linkat, "linkat", EIO_ | NOSPC | KILL },
	{ SYS_symlinkat, "symlinkat", EIO_ | NOSPC | KILL },
	{ SYS_fcntl, "fcntl", EIO_ | INTR },
	{ SYS_ioctl, "ioctl", EIO_ },
	{ SYS_lseek, "lseek", EIO_ },
	{ SYS_stat, "stat", EIO_ | NOMEM },
	{ SYS_fstat, "fstat", EIO_ | NOMEM },
	{ SYS_newfstatat, "newfstatat", EIO_ | NOMEM },
	{ SYS_statx, "statx", EIO_ | NOMEM },
	{ SYS_access, "access", EIO_ | NOMEM },
	{ SYS_readlink, "readlink", EIO_ | NOMEM },
	{ SYS_getdents64, "getdents", EIO_ },
	{ SYS_getrandom, "getrandom", EIO_ | INTR },
	{ SYS_memfd_create, "memfd_create", NOMEM },
	{ SYS_close, "close", EIO_ | INTR },
};
enum { CALL_COUNT = sizeof CALLS / sizeof CALLS[0] };
_Static_assert((int)CALL_COUNT <= (int)CALLS_MAX, "a jump of the filter has 8 bits");

static const int ERRNOS[SYSFAULT_ILL_COUNT] = { 0, EIO, ENOSPC, ENOMEM, EINTR, 0, 0 };
static const char *const NAMES[SYSFAULT_ILL_COUNT] = { "nothing", "EIO",   "ENOSPC", "ENOMEM",
						       "EINTR",   "short", "kill" };

static const struct sysfault_plan *the_plan;
static struct sysfault_report *the_report;

/* The kernel's calling convention, and the one place that may call. */
long sysfault_raw(long number, const long *arguments);
extern const char sysfault_raw_end[];
__asm__(".text\n"
	".globl sysfault_raw\n"
	".type sysfault_raw, @function\n"
	"sysfault_raw:\n"
	"	mov %rdi, %rax\n"
	"	mov %rsi, %r11\n"
	"	mov 0(%r11), %rdi\n"
	"	mov 8(%r11), %rsi\n"
	"	mov 16(%r11), %rdx\n"
	"	mov 24(%r11), %r10\n"
	"	mov 32(%r11), %r8\n"
	"	mov 40(%r11), %r9\n"
	"	syscall\n"
	".globl sysfault_raw_end\n"
	"sysfault_raw_end:\n"
	"	ret\n"
	".size sysfault_raw, . - sysfault_raw\n");

const char *sysfault_ill_name(enum sysfault_ill ill)
{
	return NAMES[ill];
}

static const struct call *call_find(long number)
{
	for (unsigned i = 0; i < CALL_COUNT; i++)
		if (CALLS[i].number == number)
			return &CALLS[i];
	return NULL;
}

static bool plan_is_about(const struct sysfault_plan *plan, const struct call *call)
{
	const unsigned ills = plan->every ? call->ills | ERRORS : call->ills;

	return plan->ill == SYSFAULT_NONE || (ills & 1u << plan->ill) != 0;
}

/* Counts the call, and says whether it is the one. */
static bool is_hit(const struct call *call)
{
	unsigned long count;

	if (call == NULL || !plan_is_about(the_plan, call))
		return false;
	count = __atomic_add_fetch(&the_report->calls, 1, __ATOMIC_SEQ_CST);
	if (count < the_plan->at || (count > the_plan->at && !the_plan->sticky) ||
	    the_plan->ill == SYSFAULT_NONE)
		return false;
	if (the_report->hit == NULL)
		the_report->hit = call->name;
	if (the_plan->ill == SYSFAULT_KILL)
		(void)kill(getpid(), SIGKILL); /* nothing is left to say that it failed */
	if (call->number == SYS_mmap || call->number == SYS_mremap)
		the_report->no_memory = true;
	return true;
}

static long call_make(long number, long *arguments)
{
	if (!is_hit(call_find(number)))
		return sysfault_raw(number, arguments);
	/* Linux has closed the descriptor, whatever it says. */
	if (number == SYS_close)
		(void)sysfault_raw(number, arguments);
	if (the_plan->ill != SYSFAULT_SHORT)
		return -ERRNOS[the_plan->ill];
	if (arguments[SIZE_ARGUMENT] > 1)
		arguments[SIZE_ARGUMENT] /= 2;
	return sysfault_raw(number, arguments);
}

static void trapped(int signal, siginfo_t *info, void *context)
{
	greg_t *registers = ((ucontext_t *)context)->uc_mcontext.gregs;
	long arguments[ARGUMENTS] = { registers[REG_RDI], registers[REG_RSI], registers[REG_RDX],
				      registers[REG_R10], registers[REG_R8],  registers[REG_R9] };

	(void)signal; /* there is but one */
	registers[REG_RAX] = call_make(info->si_syscall, arguments);
}

/* allow if called from sysfault_raw, else trap what CALLS has, else allow. */
static bool filter_install(void)
{
	const uint64_t end = (uint64_t)(uintptr_t)sysfault_raw_end;
	const uint32_t halves[] = { (uint32_t)end, (uint32_t)(end >> 32) };
	const uint32_t at = offsetof(struct seccomp_data, instruction_pointer);
	struct sock_filter filter[CALLS_MAX + 8];
	struct sock_fprog program = { .filter = filter };
	unsigned n = 0;

	filter[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, at);
	filter[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, halves[0], 0, 3);
	filter[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, at + 4);
	filter[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, halves[1], 0, 1);
	filter[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	filter[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
						   offsetof(struct seccomp_data, nr));
	for (unsigned i = 0; i < CALL_COUNT; i++)
		filter[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K,
							   (uint32_t)CALLS[i].number,
							   (uint8_t)(CALL_COUNT - i), 0);
	filter[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	filter[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRAP);
	program.len = (unsigned short)n;
	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
	       syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) == 0;
}

bool sysfault_start(const struct sysfault_plan *plan, struct sysfault_report *report)
{
	/* A library's handler that was interrupted by a signal may make calls of its own. */
	const struct sigaction action = { .sa_sigaction = trapped,
					  .sa_flags = SA_SIGINFO | SA_NODEFER };

	the_plan = plan;
	the_report = report;
	return sigaction(SIGSYS, &action, NULL) == 0 && filter_install();
}
