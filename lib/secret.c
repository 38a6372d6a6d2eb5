/* SPDX-License-Identifier: MIT */
#include "secret.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "failure.h"

enum { BASE64_MAX = SECRET_SIZE_MAX * 4 / 3 + 4 };

/* A mapping of its own, so that neither a core dump nor, where the limit allows it, swap has it. */
struct secret *secret_new(size_t size_bytes)
{
	struct secret *secret = g_new0(struct secret, 1);
	void *bytes;

	g_assert(size_bytes <= BASE64_MAX);
	bytes = mmap(NULL, size_bytes + 1, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
		     0);
	if (bytes == MAP_FAILED)
		g_error("no memory for a secret: %s", g_strerror(errno));
	/* Where these do not work, the secret is as safe as all other memory. */
	(void)madvise(bytes, size_bytes + 1, MADV_DONTDUMP);
	(void)mlock(bytes, size_bytes + 1);
	secret->bytes = bytes;
	secret->size_bytes = size_bytes;
	return secret;
}

struct secret *secret_copy(const void *bytes, size_t size_bytes)
{
	struct secret *secret = secret_new(size_bytes);

	memcpy(secret->bytes, bytes, size_bytes);
	return secret;
}

void secret_free(struct secret *secret)
{
	if (secret == NULL)
		return;
	explicit_bzero(secret->bytes, secret->size_bytes);
	(void)munmap(secret->bytes, secret->size_bytes + 1); /* a leak, at worst */
	g_free(secret);
}

struct secret *secret_base64(const struct secret *secret)
{
	char text[BASE64_MAX];
	struct secret *copy;
	gint state = 0, save = 0;
	gsize size_bytes;

	g_assert(secret->size_bytes <= SECRET_SIZE_MAX);
	size_bytes = g_base64_encode_step(secret->bytes, secret->size_bytes, FALSE, text, &state,
					  &save);
	size_bytes += g_base64_encode_close(FALSE, text + size_bytes, &state, &save);
	copy = secret_copy(text, size_bytes);
	explicit_bzero(text, sizeof text);
	return copy;
}

static ssize_t part_read(int fd, uint8_t *bytes, size_t room)
{
	struct pollfd wait = { .fd = fd, .events = POLLIN };
	int ready;

	do
		ready = poll(&wait, 1, SECRET_WAIT_MS_MAX);
	while (ready < 0 && errno == EINTR);
	if (ready == 0)
		errno = ETIMEDOUT;
	return ready > 0 ? read(fd, bytes, room) : -1;
}

struct secret *secret_read(int fd, GError **error)
{
	g_autoptr(Secret) buffer = secret_new(SECRET_SIZE_MAX + 2);
	size_t size_bytes = 0;
	ssize_t got;

	do {
		got = part_read(fd, buffer->bytes + size_bytes, buffer->size_bytes - size_bytes);
		size_bytes += got > 0 ? (size_t)got : 0;
	} while (got > 0 && size_bytes < buffer->size_bytes);
	if (got < 0) {
		failure_set(error, FAULT_SECRET_READ, "cannot read the key: %s", g_strerror(errno));
		return NULL;
	}
	if (size_bytes > 0 && buffer->bytes[size_bytes - 1] == '\n')
		size_bytes--;
	if (size_bytes == 0 || size_bytes > SECRET_SIZE_MAX) {
		failure_set(error, FAULT_SECRET_READ, "the key is %s",
			    size_bytes == 0 ? "empty" : "longer than 512 bytes");
		return NULL;
	}
	return secret_copy(buffer->bytes, size_bytes);
}

int secret_pipe(const struct secret *secret, GError **error)
{
	int ends[2];
	gboolean written;

	/* It is far smaller than what a pipe holds, so that writing does not wait for a reader. */
	if (pipe2(ends, O_CLOEXEC) != 0) {
		failure_set(error, FAULT_SECRET_READ, "no pipe for a key: %s", g_strerror(errno));
		return -1;
	}
	written = write(ends[1], secret->bytes, secret->size_bytes) == (ssize_t)secret->size_bytes;
	close(ends[1]);
	if (written)
		return ends[0];
	close(ends[0]);
	failure_set(error, FAULT_SECRET_READ, "cannot hand a key over");
	return -1;
}
