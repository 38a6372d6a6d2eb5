/* SPDX-License-Identifier: MIT */
#include "files.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "failure.h"

enum { CHUNK = 1 << 20, FOLDER_MODE = 0755, FILE_MODE = 0644 };

static const char ASIDE[] = ".azrepo/tmp";

static gboolean write_failure(const char *path, GError **error)
{
	return failure_set(error, FAULT_AZREPO_WRITE, "cannot write %s: %s", path,
			   g_strerror(errno));
}

static gboolean folder_make(const char *folder, GError **error)
{
	return g_mkdir_with_parents(folder, FOLDER_MODE) == 0 || write_failure(folder, error);
}

/* A folder that was made, or got another name in it, is on the medium only after this. */
static gboolean folder_flush(const char *folder, GError **error)
{
	const int fd = g_open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
	const gboolean done = fd >= 0 && fsync(fd) == 0;

	if (!done)
		write_failure(folder, error);
	if (fd >= 0)
		(void)close(fd); /* read only */
	return done;
}

/* Flushes the file's folder and those above it, up to `top`: any of them may be new. */
static gboolean folders_flush(const char *top, const char *name, GError **error)
{
	g_autofree char *folder = g_path_get_dirname(name);

	for (;;) {
		g_autofree char *path = g_build_filename(top, folder, NULL);
		g_autofree char *above = g_path_get_dirname(folder);

		if (!folder_flush(path, error))
			return FALSE;
		if (strcmp(folder, ".") == 0)
			return TRUE;
		g_free(folder);
		folder = g_steal_pointer(&above);
	}
}

static int aside_open(const char *top, char **ret_path, GError **error)
{
	g_autofree char *folder = g_build_filename(top, ASIDE, NULL);
	g_autofree char *path = g_build_filename(folder, "XXXXXX", NULL);
	int fd;

	if (!folder_make(folder, error))
		return -1;
	fd = g_mkstemp_full(path, O_WRONLY | O_CLOEXEC, FILE_MODE);
	if (fd < 0)
		write_failure(path, error);
	else
		*ret_path = g_steal_pointer(&path);
	return fd;
}

static gboolean bytes_write(int fd, const char *bytes, size_t size_bytes)
{
	while (size_bytes > 0) {
		const ssize_t written = write(fd, bytes, size_bytes);

		if (written < 0 && errno == EINTR)
			continue;
		if (written < 0)
			return FALSE;
		bytes += written;
		size_bytes -= (size_t)written;
	}
	return TRUE;
}

gboolean files_put(const char *top, const char *name, const void *bytes, size_t size_bytes,
		   GError **error)
{
	g_autofree char *aside = NULL;
	const int fd = aside_open(top, &aside, error);
	gboolean done;

	if (fd < 0)
		return FALSE;
	done = bytes_write(fd, bytes, size_bytes) && fsync(fd) == 0;
	if (!done)
		write_failure(aside, error);
	done = close(fd) == 0 && done;
	return done && files_adopt(top, aside, name, error);
}

gboolean files_adopt(const char *top, const char *aside, const char *name, GError **error)
{
	g_autofree char *path = g_build_filename(top, name, NULL);
	g_autofree char *folder = g_path_get_dirname(path);

	if (!folder_make(folder, error))
		return FALSE;
	if (g_rename(aside, path) < 0)
		return write_failure(path, error);
	return folders_flush(top, name, error);
}

/* Reads to the end; `to` -1: only hashes. */
static gboolean stream(int from, int to, uint64_t *ret_size_bytes, GChecksum *hash)
{
	g_autofree char *chunk = g_malloc(CHUNK);
	uint64_t size_bytes = 0;

	for (;;) {
		const ssize_t count = read(from, chunk, CHUNK);

		if (count < 0 && errno == EINTR)
			continue;
		if (count < 0)
			return FALSE;
		if (count == 0)
			break;
		g_checksum_update(hash, (const guchar *)chunk, count);
		size_bytes += (uint64_t)count;
		if (to >= 0 && !bytes_write(to, chunk, (size_t)count))
			return FALSE;
	}
	*ret_size_bytes = size_bytes;
	return to < 0 || fsync(to) == 0;
}

gboolean files_copy(const char *top, const char *source, char **ret_aside, uint64_t *ret_size_bytes,
		    uint8_t ret_hash[static CRYPTO_HASH_SIZE], GError **error)
{
	g_autoptr(GChecksum) hash = g_checksum_new(G_CHECKSUM_SHA256);
	g_autofree char *aside = NULL;
	const int from = g_open(source, O_RDONLY | O_CLOEXEC, 0);
	gsize hash_size = CRYPTO_HASH_SIZE;
	gboolean done;
	int to;

	if (from < 0)
		return failure_set(error, FAULT_BUILD_INPUT, "cannot open %s: %s", source,
				   g_strerror(errno));
	to = aside_open(top, &aside, error);
	done = to >= 0 && stream(from, to, ret_size_bytes, hash);
	if (to >= 0 && !done)
		failure_set(error, FAULT_AZREPO_WRITE, "cannot copy %s to %s: %s", source, aside,
			    g_strerror(errno));
	(void)close(from); /* read only */
	if (to >= 0 && close(to) != 0 && done)
		done = write_failure(aside, error);
	if (!done)
		return FALSE;
	g_checksum_get_digest(hash, ret_hash, &hash_size);
	*ret_aside = g_steal_pointer(&aside);
	return TRUE;
}

static int name_open(const char *top, const char *name, GError **error)
{
	g_autofree char *path = g_build_filename(top, name, NULL);
	const int fd = g_open(path, O_RDONLY | O_CLOEXEC, 0);

	if (fd < 0)
		failure_set(error, FAULT_AZREPO_METADATA, "cannot open %s: %s", path,
			    g_strerror(errno));
	return fd;
}

GBytes *files_get(const char *top, const char *name, size_t max, GError **error)
{
	const int fd = name_open(top, name, error);
	g_autoptr(GByteArray) bytes = g_byte_array_new();
	g_autofree char *chunk = g_malloc(CHUNK);
	ssize_t count = 1;

	if (fd < 0)
		return NULL;
	while (count > 0 && bytes->len <= max) {
		count = read(fd, chunk, CHUNK);
		if (count > 0)
			g_byte_array_append(bytes, (const guint8 *)chunk, (guint)count);
	}
	(void)close(fd); /* read only */
	if (count < 0 || bytes->len > max) {
		failure_set(error, FAULT_AZREPO_METADATA,
			    "%s/%s cannot be read or has more than %zu bytes", top, name, max);
		return NULL;
	}
	return g_byte_array_free_to_bytes(g_steal_pointer(&bytes));
}

gboolean files_hash(const char *top, const char *name, uint64_t *ret_size_bytes,
		    uint8_t ret_hash[static CRYPTO_HASH_SIZE], GError **error)
{
	g_autoptr(GChecksum) hash = g_checksum_new(G_CHECKSUM_SHA256);
	const int fd = name_open(top, name, error);
	gsize hash_size = CRYPTO_HASH_SIZE;
	gboolean done;

	if (fd < 0)
		return FALSE;
	done = stream(fd, -1, ret_size_bytes, hash);
	(void)close(fd); /* read only */
	if (!done)
		return failure_set(error, FAULT_AZREPO_METADATA, "cannot read %s/%s: %s", top, name,
				   g_strerror(errno));
	g_checksum_get_digest(hash, ret_hash, &hash_size);
	return TRUE;
}

gboolean files_remove(const char *top, const char *name, GError **error)
{
	g_autofree char *path = g_build_filename(top, name, NULL);

	if (g_unlink(path) < 0 && errno != ENOENT)
		return write_failure(path, error);
	return folders_flush(top, name, error);
}

void files_clean(const char *top)
{
	g_autofree char *folder = g_build_filename(top, ASIDE, NULL);
	GDir *listing = g_dir_open(folder, 0, NULL);
	const char *name;

	while (listing != NULL && (name = g_dir_read_name(listing)) != NULL) {
		g_autofree char *path = g_build_filename(folder, name, NULL);

		(void)g_unlink(path); /* the next command tries again */
	}
	if (listing != NULL)
		g_dir_close(listing);
}
