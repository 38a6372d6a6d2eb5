/* SPDX-License-Identifier: MIT */
#include "tufget.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "failure.h"
#include "tufget_private.h"

/* --- a folder --- */

static int open_beneath(int folder, const char *path)
{
	const struct open_how how = { .flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK,
				      .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS };

	return (int)syscall(SYS_openat2, folder, path, &how, sizeof how);
}

static gboolean folder_fail(const struct tufget *get, const char *name, GError **error)
{
	return failure_set(error, FAULT_REPO_FOLDER, "cannot read %s/%s: %s", get->path, name,
			   g_strerror(errno));
}

/* One byte more than allowed is read, to tell the one from the other. */
static gboolean bytes_read(const struct tufget *get, int fd, const char *name, size_t max,
			   GBytes **ret_bytes, GError **error)
{
	g_autoptr(GByteArray) bytes = g_byte_array_new();
	uint8_t piece[16384];
	ssize_t got;

	while (bytes->len <= max) {
		got = read(fd, piece, MIN(sizeof piece, max + 1 - bytes->len));
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return folder_fail(get, name, error);
		if (got == 0)
			break;
		g_byte_array_append(bytes, piece, (guint)got);
	}
	if (bytes->len > max)
		return failure_set(error, FAULT_TUF_LENGTH, "%s has more than %zu bytes", name,
				   max);
	*ret_bytes = g_byte_array_free_to_bytes(g_steal_pointer(&bytes));
	return TRUE;
}

static gboolean file_read(const struct tufget *get, int folder, const char *name, size_t max,
			  GBytes **ret_bytes, GError **error)
{
	g_autofree char *path = g_uri_unescape_string(name, NULL);
	const int fd = path != NULL ? open_beneath(folder, path) : -1;
	struct stat status;
	gboolean done;

	if (path == NULL || (fd < 0 && (errno == ENOENT || errno == ENOTDIR)))
		return TRUE;
	if (fd < 0)
		return folder_fail(get, name, error);
	if (fstat(fd, &status) < 0 || !S_ISREG(status.st_mode))
		done = failure_set(error, FAULT_REPO_FOLDER, "%s/%s is no file", get->path, name);
	else
		done = bytes_read(get, fd, name, max, ret_bytes, error);
	close(fd);
	return done;
}

static gboolean folder_get(struct tuftransport *transport, const char *name, size_t max,
			   GBytes **ret_bytes, GError **error)
{
	const struct tufget *get = (const struct tufget *)transport;
	const int folder = open(get->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	gboolean done;

	*ret_bytes = NULL;
	if (folder < 0)
		return folder_fail(get, "", error);
	done = file_read(get, folder, name, max, ret_bytes, error);
	close(folder);
	return done;
}

struct tufget *tufget_folder(const char *path)
{
	struct tufget *get = g_new0(struct tufget, 1);

	get->transport.get = folder_get;
	get->path = g_strdup(path);
	return get;
}

/* --- a web server --- */

char *tufget_url_join(const char *url, const char *name)
{
	const size_t size_bytes = strcspn(url, "?#");
	const char *query = url[size_bytes] == '?' ? url + size_bytes : "";
	const size_t query_size = strcspn(query, "#");
	const char *slash = size_bytes > 0 && url[size_bytes - 1] == '/' ? "" : "/";

	return g_strdup_printf("%.*s%s%s%.*s", (int)size_bytes, url, slash, name, (int)query_size,
			       query);
}

gboolean tufget_url_check(const char *url, GError **error)
{
	const char *host = strstr(url, "://");
	struct transfer_url parsed;
	g_autofree char *shown = NULL;

	/* curl takes a URL without a host, and the first part of its path as one. */
	if (host != NULL && host[3] != '/' && transfer_url_parse(NULL, url, &parsed)) {
		transfer_url_clear(&parsed);
		return TRUE;
	}
	shown = source_url_for_people(url);
	return failure_set(error, FAULT_HTTP_URL, "not an http or https address: %s", shown);
}

struct tufget *tufget_http(const char *url, const struct source_options *options,
			   unsigned file_time_s, GCancellable *cancellable, GError **error)
{
	const struct source_options fallback = source_options_default();
	const struct source_options *network = options != NULL ? options : &fallback;
	struct tufget *get;

	if (!tufget_url_check(url, error))
		return NULL;
	get = g_new0(struct tufget, 1);
	get->transport.get = tufget_http_get;
	get->url = g_strdup(url);
	get->file_time_us = (int64_t)file_time_s * G_USEC_PER_SEC;
	get->minimum.bytes_s = network->slow_bytes_s;
	get->minimum.time_us = (int64_t)network->slow_time_s * G_USEC_PER_SEC;
	get->cancellable = cancellable != NULL ? g_object_ref(cancellable) : NULL;
	if (network->workers == NULL) {
		get->transfers = tufget_transfers_new(network);
		return get;
	}
	get->transport.get = tufget_worker_get;
	get->worker = tufget_worker_new(url, network, file_time_s);
	return get;
}

/* --- both --- */

void tufget_free(struct tufget *get)
{
	if (get == NULL)
		return;
	transfers_free(get->transfers);
	tufget_worker_free(get->worker);
	g_clear_object(&get->cancellable);
	g_free(get->path);
	g_free(get->url);
	g_free(get);
}

struct tuftransport *tufget_transport(struct tufget *get)
{
	return &get->transport;
}

char *tufget_location(const struct tufget *get, const char *name)
{
	g_autofree char *path = NULL;

	if (get->url != NULL)
		return tufget_url_join(get->url, name);
	path = g_uri_unescape_string(name, NULL);
	return path != NULL ? g_build_filename(get->path, path, NULL) : NULL;
}
