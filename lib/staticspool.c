/* SPDX-License-Identifier: MIT */
#include "staticspool.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "failure.h"

static const uint64_t ROOM_MAX = UINT64_C(1) << 36;

struct place {
	uint64_t offset;
	size_t size_bytes;
	gboolean is_there;
};

struct staticspool {
	int fd;
	uint64_t room_bytes;
	uint64_t end; /* of what was written */
	struct place *places;
};

uint64_t staticspool_room(const char *folder)
{
	struct statvfs info;

	if (statvfs(folder, &info) < 0)
		return 0;
	return MIN((uint64_t)info.f_bavail * info.f_frsize / 2, ROOM_MAX);
}

/* Not every file system has files without names. */
static int file_make(const char *folder)
{
	g_autofree char *path = NULL;
	int fd = open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

	if (fd >= 0)
		return fd;
	path = g_build_filename(folder, "static-XXXXXX", NULL);
	fd = g_mkstemp_full(path, O_RDWR | O_CLOEXEC, 0600);
	if (fd >= 0)
		(void)g_unlink(path); /* a file that stays is overwritten by nobody */
	return fd;
}

struct staticspool *staticspool_new(const char *folder, guint count, uint64_t room_bytes,
				    GError **error)
{
	const int fd = file_make(folder);
	struct staticspool *spool;

	if (fd < 0) {
		failure_set(error, FAULT_STATICDELTA_ROOM, "cannot make a file in %s: %s", folder,
			    g_strerror(errno));
		return NULL;
	}
	spool = g_new0(struct staticspool, 1);
	spool->fd = fd;
	spool->room_bytes = room_bytes;
	spool->places = g_new0(struct place, count + 1u);
	return spool;
}

void staticspool_free(struct staticspool *spool)
{
	if (spool == NULL)
		return;
	(void)close(spool->fd); /* nobody reads it any more */
	g_free(spool->places);
	g_free(spool);
}

gboolean staticspool_put(struct staticspool *spool, guint object, const uint8_t *bytes,
			 size_t size_bytes, GError **error)
{
	size_t done = 0;

	if (size_bytes > spool->room_bytes - spool->end)
		return failure_set(
			error, FAULT_STATICDELTA_ROOM,
			"the static delta makes more than the state folder has room for");
	while (done < size_bytes) {
		const ssize_t written = pwrite(spool->fd, bytes + done, size_bytes - done,
					       (off_t)(spool->end + done));

		if (written < 0 && errno == EINTR)
			continue;
		if (written <= 0)
			return failure_set(error, FAULT_STATICDELTA_ROOM,
					   "cannot write into the state folder: %s",
					   g_strerror(errno));
		done += (size_t)written;
	}
	spool->places[object] = (struct place){ spool->end, size_bytes, TRUE };
	spool->end += size_bytes;
	return TRUE;
}

gboolean staticspool_has(const struct staticspool *spool, guint object)
{
	return spool != NULL && spool->places[object].is_there;
}

GBytes *staticspool_get(const struct staticspool *spool, guint object, GError **error)
{
	const struct place *place = &spool->places[object];
	g_autofree uint8_t *bytes = g_malloc(place->size_bytes + 1);
	size_t done = 0;

	while (done < place->size_bytes) {
		const ssize_t got = pread(spool->fd, bytes + done, place->size_bytes - done,
					  (off_t)(place->offset + done));

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0) {
			failure_set(error, FAULT_STATICDELTA_ROOM,
				    "cannot read from the state folder: %s",
				    got < 0 ? g_strerror(errno) : "the file ends");
			return NULL;
		}
		done += (size_t)got;
	}
	return g_bytes_new_take(g_steal_pointer(&bytes), place->size_bytes);
}
