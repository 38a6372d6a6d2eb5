/* SPDX-License-Identifier: MIT */
#include "secretask.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "failure.h"

static struct secret *file_read(const char *file, GError **error)
{
	const int fd = open(file, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	struct secret *secret;

	if (fd < 0) {
		failure_set(error, FAULT_SECRET_READ, "%s: %s", file, g_strerror(errno));
		return NULL;
	}
	secret = secret_read(fd, error);
	close(fd);
	return secret;
}

/* One line; the terminal gives it whole, however long somebody thinks. */
static struct secret *line_read(int terminal, GError **error)
{
	g_autoptr(Secret) line = secret_new(SECRET_SIZE_MAX);
	const ssize_t got = read(terminal, line->bytes, line->size_bytes);

	if (got > 1 && line->bytes[got - 1] == '\n')
		return secret_copy(line->bytes, (size_t)got - 1);
	failure_set(error, FAULT_SECRET_READ,
		    got == (ssize_t)line->size_bytes ? "what was typed is too long"
						     : "nothing was typed");
	return NULL;
}

/* Without echo, and without signals, which would end the program before it is turned on again. */
static struct secret *terminal_ask(const char *prompt, GError **error)
{
	const int terminal = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
	struct secret *secret = NULL;
	struct termios before, silent;

	if (terminal < 0 || tcgetattr(terminal, &before) != 0) {
		failure_set(error, FAULT_SECRET_READ,
			    "there is no terminal to ask on: name a file");
		if (terminal >= 0)
			close(terminal);
		return NULL;
	}
	silent = before;
	silent.c_lflag &= ~(tcflag_t)(ECHO | ISIG);
	silent.c_lflag |= ICANON;
	if (tcsetattr(terminal, TCSAFLUSH, &silent) == 0) {
		dprintf(terminal, "%s: ", prompt);
		secret = line_read(terminal, error);
		dprintf(terminal, "\n");
		(void)tcsetattr(terminal, TCSAFLUSH, &before); /* nothing else could be done */
	} else {
		failure_set(error, FAULT_SECRET_READ, "the terminal cannot be made silent");
	}
	close(terminal);
	return secret;
}

struct secret *secretask_get(const char *file, const char *prompt, GError **error)
{
	if (file == NULL)
		return terminal_ask(prompt, error);
	return strcmp(file, "-") == 0 ? secret_read(STDIN_FILENO, error) : file_read(file, error);
}

struct secret *secretask_get_new(const char *file, const char *prompt, GError **error)
{
	g_autofree char *again_prompt = g_strdup_printf("%s, again", prompt);
	g_autoptr(Secret) first = secretask_get(file, prompt, error);
	g_autoptr(Secret) again = NULL;

	if (first == NULL || file != NULL)
		return g_steal_pointer(&first);
	again = terminal_ask(again_prompt, error);
	if (again == NULL)
		return NULL;
	if (again->size_bytes == first->size_bytes &&
	    memcmp(again->bytes, first->bytes, first->size_bytes) == 0)
		return g_steal_pointer(&first);
	failure_set(error, FAULT_SECRET_READ, "these were two different ones");
	return NULL;
}
