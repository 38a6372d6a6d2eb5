/* SPDX-License-Identifier: MIT */
#include "workerwire.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

_Static_assert(sizeof(struct workerwire_message) == 512, "the same in all programs");

enum { SEND_TIME_MS = 10 * 1000 }; /* a worker that does not read for so long will not */

union control {
	struct cmsghdr head; /* for its alignment */
	char bytes[CMSG_SPACE(sizeof(int) * WORKERWIRE_FDS_MAX)];
};

static void fds_put(struct msghdr *header, union control *control, const struct workerwire_fds *fds)
{
	struct cmsghdr *part;

	if (fds == NULL || fds->count == 0)
		return;
	memset(control, 0, sizeof *control);
	header->msg_control = control->bytes;
	header->msg_controllen = CMSG_SPACE(sizeof(int) * fds->count);
	part = CMSG_FIRSTHDR(header);
	part->cmsg_level = SOL_SOCKET;
	part->cmsg_type = SCM_RIGHTS;
	part->cmsg_len = CMSG_LEN(sizeof(int) * fds->count);
	memcpy(CMSG_DATA(part), fds->fds, sizeof(int) * fds->count);
}

gboolean workerwire_send(int socket, const struct workerwire_message *message,
			 const struct workerwire_fds *fds)
{
	struct iovec bytes = { (void *)(uintptr_t)message, sizeof *message };
	struct msghdr header = { .msg_iov = &bytes, .msg_iovlen = 1 };
	union control control;
	struct pollfd room = { .fd = socket, .events = POLLOUT };
	ssize_t sent;

	fds_put(&header, &control, fds);
	do {
		if (poll(&room, 1, SEND_TIME_MS) == 0) {
			errno = ETIMEDOUT;
			return FALSE;
		}
		sent = sendmsg(socket, &header, MSG_NOSIGNAL | MSG_DONTWAIT);
	} while (sent < 0 && (errno == EINTR || errno == EAGAIN));
	return sent == (ssize_t)sizeof *message;
}

static void fds_take(struct msghdr *header, struct workerwire_fds *ret_fds)
{
	ret_fds->count = 0;
	for (struct cmsghdr *part = CMSG_FIRSTHDR(header); part != NULL;
	     part = CMSG_NXTHDR(header, part)) {
		if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS)
			continue;
		ret_fds->count = (unsigned)((part->cmsg_len - CMSG_LEN(0)) / sizeof(int));
		memcpy(ret_fds->fds, CMSG_DATA(part), sizeof(int) * ret_fds->count);
	}
}

/* Without room for descriptors the kernel closes those that come. */
static enum workerwire_result packet_take(int socket, int time_ms, struct msghdr *header,
					  struct workerwire_message *ret_message)
{
	struct iovec bytes = { ret_message, sizeof *ret_message };
	struct pollfd waiting = { .fd = socket, .events = POLLIN };
	ssize_t got;

	header->msg_iov = &bytes;
	header->msg_iovlen = 1;
	if (poll(&waiting, 1, time_ms) <= 0)
		return WORKERWIRE_NOTHING;
	got = recvmsg(socket, header, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	/* The other end closed and left something of ours unread. That is told once, and before
	 * what it said last, which is still there. */
	if (got < 0 && errno == ECONNRESET)
		got = recvmsg(socket, header, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	if (got < 0 && (errno == EINTR || errno == EAGAIN))
		return WORKERWIRE_NOTHING;
	if (got <= 0)
		return WORKERWIRE_GONE;
	ret_message->text[WORKERWIRE_TEXT - 1] = '\0';
	return got == (ssize_t)sizeof *ret_message && (header->msg_flags & MSG_TRUNC) == 0
		       ? WORKERWIRE_GOT
		       : WORKERWIRE_FOREIGN;
}

enum workerwire_result workerwire_receive(int socket, int time_ms,
					  struct workerwire_message *ret_message,
					  struct workerwire_fds *ret_fds)
{
	union control control;
	struct msghdr header = { .msg_control = ret_fds != NULL ? control.bytes : NULL,
				 .msg_controllen = ret_fds != NULL ? sizeof control.bytes : 0 };
	const enum workerwire_result result = packet_take(socket, time_ms, &header, ret_message);

	if (ret_fds != NULL && (result == WORKERWIRE_GOT || result == WORKERWIRE_FOREIGN))
		fds_take(&header, ret_fds);
	return result;
}

enum workerwire_result workerwire_receive_from(int socket, int time_ms,
					       struct workerwire_message *ret_message,
					       pid_t *ret_pid)
{
	/* The kernel puts the sender first, and then has no room for descriptors. */
	union {
		struct cmsghdr head; /* for its alignment */
		char bytes[CMSG_SPACE(sizeof(struct ucred))];
	} control;
	struct msghdr header = { .msg_control = control.bytes,
				 .msg_controllen = sizeof control.bytes };
	const enum workerwire_result result = packet_take(socket, time_ms, &header, ret_message);
	const struct cmsghdr *part = result == WORKERWIRE_GOT ? CMSG_FIRSTHDR(&header) : NULL;
	struct ucred sender = { .pid = 0 };

	if (part != NULL && part->cmsg_level == SOL_SOCKET && part->cmsg_type == SCM_CREDENTIALS &&
	    part->cmsg_len == CMSG_LEN(sizeof sender))
		memcpy(&sender, CMSG_DATA(part), sizeof sender);
	*ret_pid = sender.pid;
	return result;
}

gboolean workerwire_peer_is_trusted(int socket)
{
	struct ucred peer;
	socklen_t size = sizeof peer;

	return getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 &&
	       (peer.uid == 0 || peer.uid == geteuid());
}

void workerwire_text_set(struct workerwire_message *message, const char *text)
{
	memset(message->text, 0, sizeof message->text);
	g_strlcpy(message->text, text, sizeof message->text);
}

char *workerwire_text(const struct workerwire_message *message)
{
	char *text = g_utf8_make_valid(message->text, -1);

	for (char *at = text; *at != '\0'; at++)
		if (g_ascii_iscntrl(*at))
			*at = ' ';
	return text;
}
