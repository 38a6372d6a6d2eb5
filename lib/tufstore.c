/* SPDX-License-Identifier: MIT */
#include "tufstore.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "failure.h"

enum { TIME_FILE_MAX = 32 };

static const char TIME_FILE[] = "time"; /* decimal, seconds since 1970 */
static const char TEMPORARY[] = "unfinished";

struct tufstore {
	struct tufstorage storage;
	char *path;
	int fd;
};

static gboolean store_fail(const struct tufstore *store, const char *what, const char *name,
			   GError **error)
{
	return failure_set(error, FAULT_TUF_STORE, "cannot %s %s/%s: %s", what, store->path, name,
			   g_strerror(errno));
}

/* --- load --- */

static gboolean read_all(int fd, uint8_t *bytes, size_t room, size_t *ret_size)
{
	size_t done = 0;

	while (done < room) {
		const ssize_t got = read(fd, bytes + done, room - done);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return FALSE;
		if (got == 0)
			break;
		done += (size_t)got;
	}
	*ret_size = done;
	return TRUE;
}

static gboolean file_read(const struct tufstore *store, const char *name, int fd, size_t max,
			  GBytes **ret_bytes, GError **error)
{
	struct stat status;
	g_autofree uint8_t *bytes = NULL;
	size_t size_bytes = 0;

	if (fstat(fd, &status) < 0)
		return store_fail(store, "read", name, error);
	if (!S_ISREG(status.st_mode) || (uint64_t)status.st_size > max)
		return failure_set(error, FAULT_TUF_STORE_DAMAGED,
				   "%s/%s is no file of at most %zu bytes", store->path, name, max);
	bytes = g_malloc((size_t)status.st_size + 1);
	if (!read_all(fd, bytes, (size_t)status.st_size, &size_bytes))
		return store_fail(store, "read", name, error);
	*ret_bytes = g_bytes_new_take(g_steal_pointer(&bytes), size_bytes);
	return TRUE;
}

static gboolean store_load(struct tufstorage *storage, const char *name, size_t max,
			   GBytes **ret_bytes, GError **error)
{
	const struct tufstore *store = (const struct tufstore *)storage;
	const int fd = openat(store->fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	gboolean done;

	*ret_bytes = NULL;
	if (fd < 0)
		return errno == ENOENT || store_fail(store, "open", name, error);
	done = file_read(store, name, fd, max, ret_bytes, error);
	close(fd);
	return done;
}

/* --- save --- */

/* The folder that `name` is in, opened; and its last part. */
static int folder_open(const struct tufstore *store, const char *name, const char **ret_last)
{
	const char *slash = strchr(name, '/');
	g_autofree char *folder = NULL;

	*ret_last = slash != NULL ? slash + 1 : name;
	if (slash == NULL)
		return openat(store->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	folder = g_strndup(name, (gsize)(slash - name));
	if (mkdirat(store->fd, folder, 0700) == 0) {
		if (fsync(store->fd) < 0)
			return -1;
	} else if (errno != EEXIST) {
		return -1;
	}
	return openat(store->fd, folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
}

static gboolean write_all(int fd, const uint8_t *bytes, size_t size_bytes)
{
	while (size_bytes > 0) {
		const ssize_t put = write(fd, bytes, size_bytes);

		if (put < 0 && errno == EINTR)
			continue;
		if (put <= 0)
			return FALSE;
		bytes += put;
		size_bytes -= (size_t)put;
	}
	return fsync(fd) == 0;
}

static gboolean temporary_write(int folder, GBytes *bytes)
{
	gsize size_bytes;
	const uint8_t *data = g_bytes_get_data(bytes, &size_bytes);
	const int fd = openat(folder, TEMPORARY,
			      O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	gboolean done;
	int why;

	if (fd < 0)
		return FALSE;
	done = write_all(fd, data, size_bytes);
	why = errno;
	if (close(fd) < 0 && done)
		return FALSE;
	errno = why;
	return done;
}

static gboolean store_save(struct tufstorage *storage, const char *name, GBytes *bytes,
			   GError **error)
{
	const struct tufstore *store = (const struct tufstore *)storage;
	const char *last;
	const int folder = folder_open(store, name, &last);
	gboolean done;

	if (folder < 0)
		return store_fail(store, "open the folder of", name, error);
	done = temporary_write(folder, bytes) && renameat(folder, TEMPORARY, folder, last) == 0 &&
	       fsync(folder) == 0;
	if (!done)
		store_fail(store, "write", name, error);
	close(folder);
	return done;
}

/* --- the store --- */

struct tufstore *tufstore_open(const char *path, GError **error)
{
	const gboolean made = g_mkdir_with_parents(path, 0700) == 0;
	const int fd = made ? open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
	struct tufstore *store;

	if (fd < 0) {
		failure_set(error, FAULT_TUF_STORE, "cannot open %s: %s", path, g_strerror(errno));
		return NULL;
	}
	store = g_new0(struct tufstore, 1);
	store->storage.load = store_load;
	store->storage.save = store_save;
	store->path = g_strdup(path);
	store->fd = fd;
	return store;
}

void tufstore_close(struct tufstore *store)
{
	if (store == NULL)
		return;
	close(store->fd);
	g_free(store->path);
	g_free(store);
}

struct tufstorage *tufstore_storage(struct tufstore *store)
{
	return &store->storage;
}

/* --- time --- */

static gboolean time_load(struct tufstore *store, gint64 *ret_time_s, GError **error)
{
	g_autoptr(GBytes) bytes = NULL;
	g_autofree char *text = NULL;

	*ret_time_s = 0;
	if (!store_load(&store->storage, TIME_FILE, TIME_FILE_MAX, &bytes, error))
		return FALSE;
	if (bytes == NULL)
		return TRUE;
	text = g_strndup(g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes));
	return g_ascii_string_to_signed(g_strchomp(text), 10, 0, G_MAXINT64, ret_time_s, NULL) ||
	       failure_set(error, FAULT_TUF_STORE_DAMAGED, "%s/%s holds no time", store->path,
			   TIME_FILE);
}

gboolean tufstore_time_check(struct tufstore *store, gint64 now_s, gint64 not_before_s,
			     gint64 *ret_now_s, GError **error)
{
	gint64 seen_s = 0;
	g_autofree char *now = NULL;
	g_autofree char *seen = NULL;

	if (!time_load(store, &seen_s, error))
		return FALSE;
	seen_s = MAX(seen_s, not_before_s);
	*ret_now_s = MAX(now_s, seen_s);
	if (seen_s < TUFSTORE_CLOCK_SLACK_S || now_s >= seen_s - TUFSTORE_CLOCK_SLACK_S)
		return TRUE;
	now = tufrole_time_format(now_s);
	seen = tufrole_time_format(seen_s);
	return failure_set(error, FAULT_TUF_CLOCK, "the clock says %s, but %s was seen before", now,
			   seen);
}

gboolean tufstore_time_save(struct tufstore *store, gint64 now_s, GError **error)
{
	gint64 seen_s = 0;
	g_autoptr(GBytes) bytes = NULL;
	char *text;

	if (!time_load(store, &seen_s, error))
		return FALSE;
	if (now_s <= seen_s)
		return TRUE;
	text = g_strdup_printf("%" G_GINT64_FORMAT "\n", now_s);
	bytes = g_bytes_new_take(text, strlen(text));
	return store_save(&store->storage, TIME_FILE, bytes, error);
}
