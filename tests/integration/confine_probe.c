/* SPDX-License-Identifier: MIT */
/* Gives up its rights as azfetch does, and then tries something that it should not be able to:
 * confine_probe net|decode|free ATTEMPT. "free" keeps them, so that a try which always fails shows.
 * Ends with 0: it could; 1: it was refused; 3: not confined; or with the signal that ended it. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "confine.h"

static int try_write(void)
{
	return open("/tmp/azupdate-probe", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
}

static int try_read(void)
{
	return open("/etc/passwd", O_RDONLY | O_CLOEXEC);
}

static int try_list(void)
{
	return open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static int try_execute(void)
{
	return execl("/bin/true", "true", (char *)NULL);
}

static int try_fork(void)
{
	const pid_t pid = (pid_t)syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, 0);

	if (pid == 0)
		_exit(0);
	return pid;
}

static int try_trace(void)
{
	return (int)ptrace(PTRACE_TRACEME, 0, NULL, NULL);
}

static int try_memory(void)
{
	struct iovec here = { &here, sizeof here };
	struct iovec there = { &here, 1 };

	return (int)syscall(SYS_process_vm_readv, getpid(), &here, 1, &there, 1, 0);
}

static int try_mount(void)
{
	return mount("probe", "/mnt", "tmpfs", 0, NULL);
}

static int try_unix(void)
{
	return socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
}

static int try_packet(void)
{
	return socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
}

static int try_inet(void)
{
	return socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
}

static int try_bind(void)
{
	const struct sockaddr_in place = { .sin_family = AF_INET,
					   .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	return fd < 0 ? fd : bind(fd, (const struct sockaddr *)&place, sizeof place);
}

static int try_root(void)
{
	return setresuid(0, 0, 0);
}

static int try_namespace(void)
{
	return (int)syscall(SYS_unshare, 0x10000000); /* of users */
}

static int try_code(void)
{
	return mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1,
		    0) == MAP_FAILED
		       ? -1
		       : 0;
}

static int try_bpf(void)
{
	return syscall(SYS_bpf, 0, NULL, 0) < 0 && errno != EINVAL && errno != EFAULT ? -1 : 0;
}

static const struct {
	const char *name;
	int (*run)(void);
} ATTEMPTS[] = {
	{ "write", try_write },     { "read", try_read },           { "list", try_list },
	{ "execute", try_execute }, { "fork", try_fork },           { "trace", try_trace },
	{ "memory", try_memory },   { "mount", try_mount },         { "unix", try_unix },
	{ "packet", try_packet },   { "inet", try_inet },           { "bind", try_bind },
	{ "root", try_root },       { "namespace", try_namespace }, { "code", try_code },
	{ "bpf", try_bpf },
};

int main(int argc, char **argv)
{
	g_autoptr(GError) error = NULL;

	if (argc == 3 && strcmp(argv[1], "free") != 0 &&
	    confine(strcmp(argv[1], "net") == 0 ? WORKER_NET : WORKER_DECODE, &error) == 0)
		return 3;
	for (unsigned i = 0; argc == 3 && i < G_N_ELEMENTS(ATTEMPTS); i++)
		if (strcmp(argv[2], ATTEMPTS[i].name) == 0)
			_exit(ATTEMPTS[i].run() >= 0 ? 0 : 1); /* nothing to put in order */
	return 4;
}
