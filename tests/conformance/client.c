/* SPDX-License-Identifier: MIT */
/* The program that the public suite tuf-conformance drives; its command line is the suite's. Exit
 * status 0: it went well; 1: it did not, and standard error says why. */
#include <glib.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "failure.h"
#include "tufclient.h"
#include "tufget.h"
#include "tufpath.h"
#include "tufstore.h"

enum { TARGET_MAX = 16 * 1024 * 1024, FILE_TIME_S = 60 };

struct options {
	char *metadata_dir;
	char *metadata_url;
	char **target_names;
	char *target_dir;
	char *target_url;
};

struct session {
	const struct options *options;
	struct tufstore *store;
	struct tufget *metadata;
	struct tufget *files;
	struct tufclient *client;
};

static gboolean initialize(const struct options *options, const char *root_file, GError **error)
{
	g_autofree char *root = NULL;
	gsize size_bytes;
	g_autoptr(GBytes) bytes = NULL;
	g_autoptr(Tufstore) store = tufstore_open(options->metadata_dir, error);
	struct tufstorage *storage;

	if (store == NULL || !g_file_get_contents(root_file, &root, &size_bytes, error))
		return FALSE;
	storage = tufstore_storage(store);
	bytes = g_bytes_new(root, size_bytes);
	return storage->save(storage, "root.json", bytes, error);
}

static gboolean session_refresh(struct session *session, GError **error)
{
	const struct tuflimits limits = tuflimits_default();
	struct tufview view = { .now_s = 0 };

	session->store = tufstore_open(session->options->metadata_dir, error);
	if (session->store == NULL ||
	    !tufstore_time_check(session->store, time(NULL), 0, &view.now_s, error))
		return FALSE;
	session->metadata = tufget_http(session->options->metadata_url, NULL, FILE_TIME_S, NULL,
					error);
	if (session->metadata == NULL)
		return FALSE;
	session->client = tufclient_new(tufget_transport(session->metadata),
					tufstore_storage(session->store), &limits);
	return tufclient_begin(session->client, NULL, error) &&
	       tufclient_refresh(session->client, view, error) &&
	       tufstore_time_save(session->store, view.now_s, error);
}

static void session_end(struct session *session)
{
	tufclient_free(session->client);
	tufget_free(session->files);
	tufget_free(session->metadata);
	tufstore_close(session->store);
}

static gboolean is_there(const char *path, const char *name, const struct tuffile *file)
{
	char *text = NULL;
	gsize size_bytes;
	g_autoptr(GBytes) bytes = NULL;

	if (!g_file_get_contents(path, &text, &size_bytes, NULL))
		return FALSE;
	bytes = g_bytes_new_take(text, size_bytes);
	return tuffile_check(file, name, bytes, NULL);
}

static GBytes *target_fetch(struct session *session, const char *name, const struct tuffile *file,
			    GError **error)
{
	const char *hash = file->sha256 != NULL ? file->sha256 : file->sha512;
	g_autofree char *path = tufpath_target_file(
		name, tufclient_is_consistent(session->client) ? hash : NULL);
	struct tuftransport *transport = tufget_transport(session->files);
	g_autoptr(GBytes) bytes = NULL;

	if (!transport->get(transport, path, (size_t)MIN(file->size_bytes, TARGET_MAX), &bytes,
			    error))
		return NULL;
	if (bytes == NULL) {
		failure_set(error, FAULT_TUF_MISSING, "%s is not there", path);
		return NULL;
	}
	return tuffile_check(file, name, bytes, error) ? g_steal_pointer(&bytes) : NULL;
}

static gboolean target_download(struct session *session, const char *name, GError **error)
{
	const struct tuffile *file = tufclient_target(session->client, name, NULL, error);
	g_autofree char *encoded = tufpath_encode(name);
	g_autofree char *path = g_build_filename(session->options->target_dir, encoded, NULL);
	g_autoptr(GBytes) bytes = NULL;

	if (file == NULL)
		return FALSE;
	if (is_there(path, name, file))
		return TRUE;
	bytes = target_fetch(session, name, file, error);
	return bytes != NULL && g_file_set_contents(path, g_bytes_get_data(bytes, NULL),
						    (gssize)g_bytes_get_size(bytes), error);
}

static gboolean download(struct session *session, GError **error)
{
	session->files = tufget_http(session->options->target_url, NULL, FILE_TIME_S, NULL, error);
	if (session->files == NULL)
		return FALSE;
	for (char **name = session->options->target_names; *name != NULL; name++)
		if (!target_download(session, *name, error))
			return FALSE;
	return TRUE;
}

static gboolean command_run(const struct options *options, char **words, GError **error)
{
	struct session session = { .options = options };
	gboolean done = FALSE;

	if (options->metadata_dir == NULL || words == NULL || words[0] == NULL)
		return failure_set(error, FAULT_ARGUMENT, "no command, or no --metadata-dir");
	if (strcmp(words[0], "init") == 0 && words[1] != NULL)
		return initialize(options, words[1], error);
	if (options->metadata_url == NULL)
		return failure_set(error, FAULT_ARGUMENT, "no --metadata-url");
	if (strcmp(words[0], "refresh") == 0)
		done = session_refresh(&session, error);
	else if (strcmp(words[0], "download") == 0 && options->target_names != NULL &&
		 options->target_dir != NULL && options->target_url != NULL)
		done = session_refresh(&session, error) && download(&session, error);
	else
		failure_set(error, FAULT_ARGUMENT, "no such command: %s", words[0]);
	session_end(&session);
	return done;
}

int main(int argc, char **argv)
{
	struct options options = { 0 };
	char **words = NULL;
	const GOptionEntry entries[] = {
		{ "metadata-dir", 0, 0, G_OPTION_ARG_FILENAME, &options.metadata_dir,
		  "what is trusted", "DIR" },
		{ "metadata-url", 0, 0, G_OPTION_ARG_STRING, &options.metadata_url,
		  "the repository's metadata", "URL" },
		{ "target-name", 0, 0, G_OPTION_ARG_STRING_ARRAY, &options.target_names,
		  "to download; may be repeated", "NAME" },
		{ "target-dir", 0, 0, G_OPTION_ARG_FILENAME, &options.target_dir, "where it goes",
		  "DIR" },
		{ "target-base-url", 0, 0, G_OPTION_ARG_STRING, &options.target_url,
		  "the repository's targets", "URL" },
		{ G_OPTION_REMAINING, 0, 0, G_OPTION_ARG_STRING_ARRAY, &words, NULL,
		  "init ROOT | refresh | download" },
		{ 0 },
	};
	g_autoptr(GOptionContext) context = g_option_context_new(NULL);
	g_autoptr(GError) error = NULL;
	gboolean done;

	g_option_context_add_main_entries(context, entries, NULL);
	done = g_option_context_parse(context, &argc, &argv, &error) &&
	       command_run(&options, words, &error);
	if (error != NULL) {
		g_autofree char *text = failure_describe(error);

		fprintf(stderr, "tuf-client: %s\n", text);
	}
	g_strfreev(options.target_names);
	g_strfreev(words);
	g_free(options.metadata_dir);
	g_free(options.metadata_url);
	g_free(options.target_dir);
	g_free(options.target_url);
	return done ? 0 : 1;
}
