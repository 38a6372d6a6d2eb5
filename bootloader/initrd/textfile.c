/* SPDX-License-Identifier: MIT */
#include "textfile.h"

#include <fcntl.h>
#include <stdint.h>
#include <unistd.h>

ssize_t textfile_read_bytes(const char *path, void *ret_bytes, size_t size_bytes)
{
	const int fd = open(path, O_RDONLY | O_CLOEXEC);
	uint8_t *bytes = ret_bytes;
	size_t filled = 0;
	ssize_t got = 1;

	if (fd < 0)
		return -1;
	while (got > 0 && filled < size_bytes) {
		got = read(fd, bytes + filled, size_bytes - filled);
		filled += got > 0 ? (size_t)got : 0;
	}
	close(fd);
	return got < 0 || filled == size_bytes ? -1 : (ssize_t)filled;
}

bool textfile_read(const char *path, char *ret_text, size_t size_bytes)
{
	const ssize_t size = textfile_read_bytes(path, ret_text, size_bytes);

	if (size < 0)
		return false;
	ret_text[size] = '\0';
	return true;
}
