/* SPDX-License-Identifier: MIT */
#include "runoutput.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "plaintext.h"

enum { DRAIN_READS_MAX = 1024 };

/* 0, or errno. */
static int fd_raise(int *fd)
{
	const int raised = fcntl(*fd, F_DUPFD_CLOEXEC, 3);

	if (raised < 0)
		return errno;
	close(*fd);
	*fd = raised;
	return 0;
}

int runoutput_pipe(int ret_fds[static 2])
{
	int why;

	if (pipe2(ret_fds, O_CLOEXEC) != 0)
		return errno;
	why = fd_raise(&ret_fds[0]);
	if (why == 0)
		why = fd_raise(&ret_fds[1]);
	if (why != 0) {
		close(ret_fds[0]);
		close(ret_fds[1]);
		return why;
	}
	fcntl(ret_fds[0], F_SETFL, O_NONBLOCK); /* cannot fail for a pipe of our own */
	return 0;
}

static void head_add(struct runoutput *output, const char *bytes, size_t size_bytes)
{
	const size_t taken = MIN(size_bytes, sizeof output->head - output->head_bytes);

	memcpy(output->head + output->head_bytes, bytes, taken);
	output->head_bytes += taken;
}

static void tail_add(struct runoutput *output, const char *bytes, size_t size_bytes)
{
	if (output->tail_bytes + size_bytes > sizeof output->tail) {
		const size_t surplus = output->tail_bytes - (HEALTH_OUTPUT_MAX - size_bytes);

		memmove(output->tail, output->tail + surplus, output->tail_bytes - surplus);
		output->tail_bytes -= surplus;
	}
	memcpy(output->tail + output->tail_bytes, bytes, size_bytes);
	output->tail_bytes += size_bytes;
}

gboolean runoutput_read(struct runoutput *output, int *fd)
{
	char bytes[HEALTH_OUTPUT_MAX];
	const ssize_t size_read = read(*fd, bytes, sizeof bytes);

	if (size_read > 0) {
		head_add(output, bytes, (size_t)size_read);
		tail_add(output, bytes, (size_t)size_read);
		return TRUE;
	}
	if (size_read == 0) {
		close(*fd);
		*fd = -1; /* poll() passes over it */
	}
	return FALSE;
}

void runoutput_drain(struct runoutput *output, int *fd)
{
	for (unsigned i = 0; i < DRAIN_READS_MAX && *fd >= 0 && runoutput_read(output, fd); i++)
		;
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

void runoutput_first(const struct runoutput *output, char ret_line[static HEALTHEXEC_FIRST_MAX + 1])
{
	const char *end = memchr(output->head, '\n', output->head_bytes);
	const size_t size = end != NULL ? (size_t)(end - output->head) : output->head_bytes;
	g_autofree char *line = g_strndup(output->head, size);

	plaintext_copy(line, ret_line, HEALTHEXEC_FIRST_MAX);
	g_strchomp(ret_line);
}

/* Making bytes valid can make them more, so the limit is applied once more afterwards. */
char *runoutput_text(const struct runoutput *output)
{
	const size_t cut = output->tail_bytes > HEALTH_OUTPUT_MAX
				   ? output->tail_bytes - HEALTH_OUTPUT_MAX
				   : 0;
	g_autofree char *text = g_utf8_make_valid(output->tail + cut,
						  (gssize)(output->tail_bytes - cut));
	const size_t size_bytes = strlen(text);
	const char *from = text;

	if (size_bytes > HEALTH_OUTPUT_MAX)
		from += size_bytes - HEALTH_OUTPUT_MAX;
	while ((*from & 0xc0) == 0x80)
		from++; /* not into the middle of a character */
	return g_strdup(from);
}
