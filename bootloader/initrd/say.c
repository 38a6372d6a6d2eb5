/* SPDX-License-Identifier: MIT */
#include "say.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

enum { SAY_SIZE_MAX = 512 };

static int say_fd = STDERR_FILENO;

void say_open(void)
{
	const int fd = open("/dev/kmsg", O_WRONLY | O_CLOEXEC);

	if (fd >= 0)
		say_fd = fd;
}

void say(enum say_level level, const char *format, ...)
{
	char line[SAY_SIZE_MAX];
	char text[SAY_SIZE_MAX - 32];
	va_list arguments;
	int size;

	va_start(arguments, format);
	vsnprintf(text, sizeof text, format, arguments);
	va_end(arguments);
	size = snprintf(line, sizeof line, "<%d>azverity: %s\n", (int)level, text);
	/* Nobody is left to be told that the console does not work. */
	if (write(say_fd, line, (size_t)size) < 0)
		return;
}
