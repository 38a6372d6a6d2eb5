/* SPDX-License-Identifier: MIT */
#include "textfile.h"

#include <fcntl.h>
#include <unistd.h>

bool textfile_read(const char *path, char *ret_text, size_t size_bytes)
{
	const int fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t filled = 0;
	ssize_t got = 1;

	if (fd < 0)
		return false;
	while (got > 0 && filled < size_bytes) {
		got = read(fd, ret_text + filled, size_bytes - filled);
		filled += got > 0 ? (size_t)got : 0;
	}
	close(fd);
	if (got < 0 || filled == size_bytes)
		return false;
	ret_text[filled] = '\0';
	return true;
}
