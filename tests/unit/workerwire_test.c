/* SPDX-License-Identifier: MIT */
#include "workerwire.h"

#include <sys/socket.h>
#include <unistd.h>

#include "fault.h"
#include "tap.h"

static void pair_make(int ret_ends[2])
{
	expect(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ret_ends) == 0);
}

static void test_last_words_after_unread(void)
{
	const struct workerwire_message call = { .kind = WORKERWIRE_READ };
	struct workerwire_message said = { .kind = WORKERWIRE_FAILED,
					   .code = FAULT_WORKER_CONFINE };
	int ends[2];

	pair_make(ends);
	expect(workerwire_send(ends[0], &call, NULL));
	workerwire_text_set(&said, "why");
	expect(workerwire_send(ends[1], &said, NULL));
	(void)close(ends[1]); /* with the call unread, which is an error for ends[0] */
	expect(workerwire_receive(ends[0], 0, &said, NULL) == WORKERWIRE_GOT);
	expect(said.code == FAULT_WORKER_CONFINE);
	expect(g_str_equal(said.text, "why"));
	expect(workerwire_receive(ends[0], 0, &said, NULL) == WORKERWIRE_GONE);
	(void)close(ends[0]);
}

static void test_gone_with_unread(void)
{
	const struct workerwire_message call = { .kind = WORKERWIRE_READ };
	struct workerwire_message said;
	int ends[2];

	pair_make(ends);
	expect(workerwire_send(ends[0], &call, NULL));
	(void)close(ends[1]);
	expect(workerwire_receive(ends[0], 0, &said, NULL) == WORKERWIRE_GONE);
	expect(!workerwire_send(ends[0], &call, NULL));
	(void)close(ends[0]);
}

static void test_foreign_and_nothing(void)
{
	struct workerwire_message said;
	int ends[2];

	pair_make(ends);
	expect(workerwire_receive(ends[0], 0, &said, NULL) == WORKERWIRE_NOTHING);
	expect(send(ends[1], "short", 5, 0) == 5);
	expect(workerwire_receive(ends[0], 0, &said, NULL) == WORKERWIRE_FOREIGN);
	(void)close(ends[0]);
	(void)close(ends[1]);
}

static void test_descriptors(void)
{
	const struct workerwire_message call = { .kind = WORKERWIRE_OPEN };
	struct workerwire_message got;
	struct workerwire_fds fds = { { 0 }, 0 };
	int ends[2];

	pair_make(ends);
	expect(workerwire_send(ends[0], &call,
			       &(struct workerwire_fds){ { ends[0], ends[1] }, 2 }));
	expect(workerwire_receive(ends[1], 0, &got, &fds) == WORKERWIRE_GOT);
	expect(got.kind == WORKERWIRE_OPEN);
	expect(fds.count == 2);
	for (unsigned i = 0; i < fds.count; i++)
		expect(close(fds.fds[i]) == 0);
	(void)close(ends[0]);
	(void)close(ends[1]);
}

static const struct tap_case CASES[] = {
	{ "last words after something unread", test_last_words_after_unread },
	{ "gone, with something unread", test_gone_with_unread },
	{ "foreign, and nothing", test_foreign_and_nothing },
	{ "descriptors", test_descriptors },
};
TAP_MAIN(CASES)
