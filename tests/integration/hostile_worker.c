/* SPDX-License-Identifier: MIT */
/* Stands in for azfetch, taken over by whoever wrote the bytes that it reads: it does one of the
 * things below, once for each time that it is asked. The mode stands in a file beside it. Where the
 * real one stands beside it as "honest", all but parts of static deltas are left to that. */
#include <glib.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "callform.h"
#include "fault.h"
#include "workerwire.h"

enum { FLOOD = 1 << 20 };

static struct workerwire_message asked;
static struct workerwire_fds fds;

static void say(uint32_t kind, uint64_t first, uint64_t second, uint64_t third)
{
	const struct workerwire_message message = { .kind = kind,
						    .numbers = { first, second, third } };

	(void)workerwire_send(WORKERWIRE_FD, &message, NULL); /* whoever has left is not told */
}

static void mode_die(void)
{
	_exit(3);
}

static void mode_crash(void)
{
	(void)raise(SIGSEGV);
	(void)raise(SIGKILL); /* where a sanitizer caught the first one */
}

static void mode_hang(void)
{
	for (;;)
		(void)pause();
}

/* Signs of life without an end, and nothing else. */
static void mode_flood(void)
{
	for (unsigned i = 0; i < FLOOD; i++)
		say(WORKERWIRE_ALIVE, 0, 0, 0);
	mode_hang();
}

static void mode_more(void)
{
	say(WORKERWIRE_DONE, UINT64_MAX, UINT64_MAX, UINT64_MAX);
}

/* Says that it has done it, and has not: zeros. */
static void mode_idle(void)
{
	say(WORKERWIRE_DONE, 1, 1, 1);
}

static void mode_event(void)
{
	say(WORKERWIRE_RESERVE, UINT64_MAX, 0, 0);
	mode_hang();
}

static void mode_ready(void)
{
	say(WORKERWIRE_READY, 0, 0, 0);
	mode_hang();
}

static void mode_unknown(void)
{
	say(UINT32_MAX, 0, 0, 0);
	mode_hang();
}

static void mode_short(void)
{
	(void)send(WORKERWIRE_FD, "short", 5, MSG_NOSIGNAL); /* whoever has left is not told */
	mode_hang();
}

static void mode_long(void)
{
	static uint8_t bytes[sizeof(struct workerwire_message) + 1];

	(void)send(WORKERWIRE_FD, bytes, sizeof bytes, MSG_NOSIGNAL); /* as above */
	mode_hang();
}

/* A failure with a number that is not one of this call, and a text that would spoil a log. */
static void mode_fault(void)
{
	struct workerwire_message message = { .kind = WORKERWIRE_FAILED, .code = FAULT_JOB_BUSY };

	memset(message.text, '\n', sizeof message.text);
	(void)workerwire_send(WORKERWIRE_FD, &message, NULL); /* whoever has left is not told */
}

/* Descriptors that would pile up in the daemon. */
static void mode_descriptors(void)
{
	const struct workerwire_message message = { .kind = WORKERWIRE_ALIVE };
	const struct workerwire_fds many = { { 0, 1, 2 }, 3 };

	for (unsigned i = 0; i < 32; i++)
		(void)workerwire_send(WORKERWIRE_FD, &message, &many); /* as above */
	mode_idle();
}

/* All the memory that is shared, and a try at making it smaller under the daemon. */
static void mode_memory(void)
{
	for (unsigned i = 0; i < fds.count; i++) {
		const off_t size = lseek(fds.fds[i], 0, SEEK_END);
		uint8_t *bytes;

		if (size <= 0 || ftruncate(fds.fds[i], 0) == 0)
			continue;
		bytes = mmap(NULL, (size_t)size, PROT_READ | PROT_WRITE, MAP_SHARED, fds.fds[i], 0);
		if (bytes != MAP_FAILED)
			memset(bytes, 0xa5, (size_t)size);
	}
	mode_idle();
}

/* Blocks that keep changing while the daemon looks at them. */
static void mode_change(void)
{
	static uint8_t *bytes;
	static size_t size;

	if (fds.count > 0) {
		size = (size_t)lseek(fds.fds[0], 0, SEEK_END);
		bytes = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fds.fds[0], 0);
	}
	mode_idle();
	for (unsigned round = 0; round < 8 && bytes != MAP_FAILED; round++)
		memset(bytes, (int)round, size);
}

/* An update of no version from nowhere. */
static void mode_advice(void)
{
	if (asked.kind == WORKERWIRE_OPEN)
		mode_idle();
	else
		say(WORKERWIRE_DONE, 200, 0, sizeof(struct callform_omaha));
}

static const struct {
	const char *name;
	void (*run)(void);
} MODES[] = {
	{ "die", mode_die },
	{ "crash", mode_crash },
	{ "hang", mode_hang },
	{ "flood", mode_flood },
	{ "more", mode_more },
	{ "idle", mode_idle },
	{ "event", mode_event },
	{ "ready", mode_ready },
	{ "unknown", mode_unknown },
	{ "short", mode_short },
	{ "long", mode_long },
	{ "fault", mode_fault },
	{ "descriptors", mode_descriptors },
	{ "memory", mode_memory },
	{ "change", mode_change },
	{ "advice", mode_advice },
};

/* Before anything is asked it can only die, or not be confined. */
static void mode_unconfined(void)
{
	struct workerwire_message message = { .kind = WORKERWIRE_FAILED,
					      .code = FAULT_WORKER_CONFINE };

	workerwire_text_set(&message, "cannot filter system calls: it was asked not to");
	(void)workerwire_send(WORKERWIRE_FD, &message, NULL); /* whoever has left is not told */
	_exit(2);
}

/* Looks at what is asked first, without taking it. */
static gboolean is_of_parts(void)
{
	struct workerwire_message first = { .kind = 0 };

	return recv(WORKERWIRE_FD, &first, sizeof first, MSG_PEEK) > 0 &&
	       first.kind == WORKERWIRE_PART_OPEN;
}

/* Becomes the real one, if that is there and is to do it. */
static void honest_run(const char *folder, char **argv)
{
	g_autofree char *path = g_build_filename(folder, "honest", NULL);

	if (access(path, X_OK) == 0 && !is_of_parts())
		(void)execv(path, argv); /* it is there */
}

int main(int argc, char **argv)
{
	g_autofree char *folder = g_path_get_dirname(argv[0]);
	g_autofree char *path = g_build_filename(folder, "mode", NULL);
	g_autofree char *mode = NULL;

	if (!g_file_get_contents(path, &mode, NULL, NULL))
		return 2;
	honest_run(folder, argv);
	if (strcmp(mode, "unconfined") == 0)
		mode_unconfined();
	if (strcmp(mode, "early") == 0)
		mode_idle();
	else
		say(WORKERWIRE_READY, WORKERWIRE_BOUND_SECCOMP, 0, 0);
	while (workerwire_receive(WORKERWIRE_FD, -1, &asked, &fds) == WORKERWIRE_GOT) {
		for (unsigned i = 0; i < G_N_ELEMENTS(MODES); i++)
			if (strcmp(mode, MODES[i].name) == 0)
				MODES[i].run();
		for (unsigned i = 0; i < fds.count; i++)
			(void)close(fds.fds[i]); /* nothing was written */
	}
	return 0;
}
