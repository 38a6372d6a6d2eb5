/* SPDX-License-Identifier: MIT */
/* azfetch: gives up its rights, then fetches or decodes for azupdated what nobody trusts yet. */
#include <locale.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "confine.h"
#include "failure.h"
#include "memory.h"
#include "session.h"

enum { EXIT_USAGE = 2 };

static const char USAGE[] = "usage: azfetch net|decode\n"
			    "\n"
			    "azupdated or systemd starts it, with a socket as descriptor 3: see "
			    "azfetch(8).\n";

void session_say(const struct workerwire_message *message)
{
	if (!workerwire_send(WORKERWIRE_FD, message, NULL))
		_exit(0);
}

void session_await(enum workerwire_kind kind)
{
	struct workerwire_message message;

	if (workerwire_receive(WORKERWIRE_FD, -1, &message, NULL) != WORKERWIRE_GOT ||
	    message.kind != kind)
		_exit(0);
}

gboolean session_refuse(GError **error)
{
	return failure_set(error, FAULT_WORKER_ANSWER, "the request cannot be");
}

gboolean session_memory(const struct request *request, struct sharedmem *ret_memory, GError **error)
{
	int fd;

	if (request->fds->count < 1)
		return session_refuse(error);
	fd = request->fds->fds[0];
	request->fds->fds[0] = -1;
	return sharedmem_take(ret_memory, fd, WORKERWIRE_MEMORY_MAX) || session_refuse(error);
}

static void fds_close(struct workerwire_fds *fds)
{
	for (unsigned i = 0; i < fds->count; i++)
		if (fds->fds[i] >= 0)
			(void)close(fds->fds[i]); /* they were only read */
}

static void failed_set(struct workerwire_message *answer, const GError *error)
{
	answer->kind = WORKERWIRE_FAILED;
	answer->code = failure_code(error);
	workerwire_text_set(answer, error->message);
}

static void request_serve(const session_func *functions, const struct request *request)
{
	const uint32_t kind = request->message->kind;
	struct workerwire_message answer = { .kind = WORKERWIRE_DONE };
	g_autoptr(GError) error = NULL;

	if (kind >= WORKERWIRE_KIND_COUNT || functions[kind] == NULL)
		session_refuse(&error);
	else if (!functions[kind](request, &answer, &error))
		g_assert(error != NULL);
	if (error != NULL)
		failed_set(&answer, error);
	session_say(&answer);
}

/* Ends with azupdated's end of the socket; there is nothing to put in order. */
static _Noreturn void session_run(const session_func *functions)
{
	struct workerwire_message message;
	struct workerwire_fds fds = { .count = 0 };
	const struct request request = { &message, &fds };

	while (workerwire_receive(WORKERWIRE_FD, -1, &message, &fds) == WORKERWIRE_GOT) {
		request_serve(functions, &request);
		fds_close(&fds);
	}
	_exit(0);
}

static void worker_run(enum worker_kind kind)
{
	struct workerwire_message ready = { .kind = WORKERWIRE_READY };
	g_autoptr(GError) error = NULL;

	/* systemd's socket is root's alone; nobody else has business here all the same. */
	if (!workerwire_peer_is_trusted(WORKERWIRE_FD))
		return;
	ready.numbers[0] = confine(kind, &error);
	if (error != NULL)
		failed_set(&ready, error);
	session_say(&ready);
	if (error == NULL)
		session_run(kind == WORKER_NET ? NET_FUNCTIONS : DECODE_FUNCTIONS);
}

int main(int argc, char **argv)
{
	setlocale(LC_ALL, "C.UTF-8");
	memory_return_large();
	if (argc == 2 && strcmp(argv[1], "--help") == 0) {
		fputs(USAGE, stdout);
		return 0;
	}
	if (argc == 2 && strcmp(argv[1], "--version") == 0) {
		puts("azfetch " AZUPDATE_VERSION);
		return 0;
	}
	if (argc == 2 && strcmp(argv[1], "net") == 0)
		worker_run(WORKER_NET);
	else if (argc == 2 && strcmp(argv[1], "decode") == 0)
		worker_run(WORKER_DECODE);
	else
		fputs(USAGE, stderr);
	return EXIT_USAGE;
}
