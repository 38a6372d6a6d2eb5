/* SPDX-License-Identifier: MIT */
#include "source.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include "failure.h"

gboolean source_read(struct source *source, uint64_t offset, uint8_t *bytes, size_t size_bytes,
		     GError **error)
{
	if (source->forward_only && offset < source->position)
		return failure_set(error, FAULT_BUNDLE_RANGE,
				   "the bundle's parts do not stand in the order of a stream");
	if (!source->ops->read(source, offset, bytes, size_bytes, error))
		return FALSE;
	source->position = offset + size_bytes;
	return TRUE;
}

void source_schedule(struct source *source, const struct source_range *ranges, size_t count)
{
	if (source->ops->schedule != NULL)
		source->ops->schedule(source, ranges, count);
}

struct source_options source_options_default(void)
{
	return (struct source_options){
		.parallel = 4,
		.retry_time_s = 600,
		.greet_time_s = 15,
		.retry_first_ms = 1000,
		.retry_most_ms = 60000,
		.connect_time_s = 30,
		.slow_bytes_s = 1024,
		.slow_time_s = 60,
	};
}

void source_close(struct source *source)
{
	if (source == NULL)
		return;
	g_clear_object(&source->cancellable);
	g_free(source->name);
	source->ops->close(source);
}

struct source_fd {
	struct source source;
	int fd;
};

static gboolean cancel_check(struct source *source, GError **error)
{
	if (g_cancellable_is_cancelled(source->cancellable))
		return failure_set(error, FAULT_CONVERGE_CANCELLED, "the job was cancelled");
	return TRUE;
}

/* A pipe may stay silent for ever: wait in short steps, so that a cancel is noticed. */
static gboolean fd_wait(struct source_fd *file, GError **error)
{
	struct pollfd poll_fd = { .fd = file->fd, .events = POLLIN };

	do {
		if (!cancel_check(&file->source, error))
			return FALSE;
	} while (poll(&poll_fd, 1, 200) == 0);
	return TRUE;
}

static gboolean fd_take(struct source_fd *file, uint64_t offset, uint8_t *bytes, size_t size_bytes,
			GError **error)
{
	size_t done = 0;

	while (done < size_bytes) {
		ssize_t got;

		if (file->source.forward_only && !fd_wait(file, error))
			return FALSE;
		got = file->source.forward_only ? read(file->fd, bytes + done, size_bytes - done)
						: pread(file->fd, bytes + done, size_bytes - done,
							(off_t)(offset + done));
		if (got < 0 && (errno == EINTR || errno == EAGAIN))
			continue;
		if (got < 0)
			return failure_set(error, FAULT_BUNDLE_READ, "cannot read the bundle: %s",
					   g_strerror(errno));
		if (got == 0)
			return failure_set(error, FAULT_BUNDLE_TRUNCATED,
					   "the bundle ends at byte %" G_GUINT64_FORMAT,
					   offset + done);
		done += (size_t)got;
		file->source.fetched_bytes += (uint64_t)got;
	}
	return TRUE;
}

static gboolean fd_skip(struct source_fd *file, uint64_t to, GError **error)
{
	uint8_t dropped[16384];

	while (file->source.position < to) {
		const size_t size = (size_t)MIN(sizeof dropped, to - file->source.position);

		if (!fd_take(file, file->source.position, dropped, size, error))
			return FALSE;
		file->source.position += size;
	}
	return TRUE;
}

static gboolean fd_read(struct source *source, uint64_t offset, uint8_t *bytes, size_t size_bytes,
			GError **error)
{
	struct source_fd *file = (struct source_fd *)source;

	if (!cancel_check(source, error))
		return FALSE;
	if (source->forward_only && !fd_skip(file, offset, error))
		return FALSE;
	return fd_take(file, offset, bytes, size_bytes, error);
}

/* What was announced is read in order: let the kernel read further ahead. */
static void fd_schedule(struct source *source, const struct source_range *ranges, size_t count)
{
	const struct source_fd *file = (struct source_fd *)source;

	if (!source->forward_only)
		(void)posix_fadvise(file->fd, 0, 0, POSIX_FADV_SEQUENTIAL); /* only advice */
}

static void fd_close(struct source *source)
{
	struct source_fd *file = (struct source_fd *)source;

	(void)close(file->fd); /* it was only read */
	g_free(file);
}

struct source *source_open_fd(int fd, GCancellable *cancellable, GError **error)
{
	static const struct source_ops OPS = { .read = fd_read,
					       .schedule = fd_schedule,
					       .close = fd_close };
	struct source_fd *file;
	struct stat status;
	const int own = fcntl(fd, F_DUPFD_CLOEXEC, 3);

	if (own < 0 || fstat(own, &status) < 0) {
		failure_set(error, FAULT_BUNDLE_READ, "cannot use the bundle's descriptor: %s",
			    g_strerror(errno));
		return NULL;
	}
	if (S_ISDIR(status.st_mode)) {
		failure_set(error, FAULT_BUNDLE_READ, "the bundle is a folder");
		(void)close(own); /* it was not used */
		return NULL;
	}
	file = g_new0(struct source_fd, 1);
	file->fd = own;
	file->source.ops = &OPS;
	file->source.name = g_strdup("bundle");
	file->source.forward_only = !S_ISREG(status.st_mode) && !S_ISBLK(status.st_mode);
	file->source.cancellable = cancellable != NULL ? g_object_ref(cancellable) : NULL;
	return &file->source;
}
