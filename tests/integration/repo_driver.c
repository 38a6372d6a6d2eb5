/* SPDX-License-Identifier: MIT */
/* Uses a repository as the daemon does, for tuf_test.py:
 *
 *	repo_driver LOCATION ROOT-FILE STATE-DIR NAME=VALUE... COMMAND...
 *
 * COMMAND is refresh, load, roles, target:NAME or read:NAME. Prints one JSON object for each, with
 * its fault. After a failed refresh or load only those two are run, after another failure none. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "failure.h"
#include "faulttext.h"
#include "json.h"
#include "repo.h"
#include "worker.h"

enum { SILENCE_S = 60 };

struct driver {
	struct repo_options options;
	struct source_options network;
	gint64 now_s;
	gboolean ready;
};

static gboolean option_set(struct driver *driver, const char *name, const char *value)
{
	const gint64 number = g_ascii_strtoll(value, NULL, 10);
	const struct {
		const char *name;
		unsigned *member;
	} NUMBERS[] = {
		{ "file_time", &driver->options.file_time_s },
		{ "slow", &driver->network.slow_bytes_s },
		{ "slow_time", &driver->network.slow_time_s },
		{ "connect_time", &driver->network.connect_time_s },
	};

	for (size_t i = 0; i < G_N_ELEMENTS(NUMBERS); i++)
		if (strcmp(NUMBERS[i].name, name) == 0) {
			*NUMBERS[i].member = (unsigned)number;
			return TRUE;
		}
	if (strcmp(name, "now") == 0)
		driver->now_s = number;
	else if (strcmp(name, "not_before") == 0)
		driver->options.not_before_s = number;
	else if (strcmp(name, "accept_expired") == 0)
		driver->options.accept_expired = number != 0;
	else if (strcmp(name, "ca") == 0)
		driver->network.ca_file = value;
	else if (strcmp(name, "proxy") == 0)
		driver->network.proxy = value;
	else
		return FALSE;
	return TRUE;
}

static void print(json_t *answer, const GError *error)
{
	const struct faulttext *text = faulttext_find(error != NULL ? failure_code(error)
								    : FAULT_OK);
	char *line;

	json_object_set_new(answer, "fault", json_string(text->name));
	json_object_set_new(answer, "message",
			    error != NULL ? json_string(error->message) : json_null());
	line = json_dumps(answer, JSON_COMPACT);
	puts(line);
	free(line);
	json_decref(answer);
}

static void target_show(struct repo *repo, const char *name, json_t *answer, GError **error)
{
	g_autoptr(RepoTarget) target = repo_target(repo, name, error);
	json_t *custom;

	if (target == NULL)
		return;
	custom = target->custom != NULL ? json_loads(target->custom, 0, NULL) : json_null();
	json_object_update_new(
		answer, json_pack("{s:s,s:b,s:s,s:I,s:s?,s:s?,s:o}", "location", target->location,
				  "is_file", target->is_file, "role", target->role, "size",
				  (json_int_t)target->size_bytes, "sha256", target->sha256,
				  "sha512", target->sha512, "custom", custom));
}

static void roles_show(const struct repo *repo, json_t *answer)
{
	g_autoptr(GPtrArray) roles = repo_roles(repo);
	json_t *list = json_array();
	const char *first = "";

	for (guint i = 0; i < roles->len; i++) {
		const struct repo_role *role = roles->pdata[i];

		json_array_append_new(list,
				      json_pack("[s,I]", role->name, (json_int_t)role->version));
	}
	json_object_set_new(answer, "roles", list);
	json_object_set_new(answer, "expires", json_integer(repo_expires(repo, &first)));
	json_object_set_new(answer, "first", json_string(first));
}

static gboolean is_view(const char *command)
{
	return strcmp(command, "refresh") == 0 || strcmp(command, "load") == 0;
}

static gboolean command_run(struct driver *driver, struct repo *repo, const char *command)
{
	json_t *answer = json_pack("{s:s}", "command", command);
	g_autoptr(GError) error = NULL;
	g_autoptr(GBytes) bytes = NULL;

	if (strcmp(command, "refresh") == 0)
		driver->ready = repo_refresh(repo, driver->now_s, &error);
	else if (strcmp(command, "load") == 0)
		driver->ready = repo_load(repo, driver->now_s, &error);
	else if (strcmp(command, "roles") == 0)
		roles_show(repo, answer);
	else if (g_str_has_prefix(command, "target:"))
		target_show(repo, command + strlen("target:"), answer, &error);
	else if (g_str_has_prefix(command, "read:"))
		bytes = repo_read(repo, command + strlen("read:"), 65536, &error);
	else
		failure_set(&error, FAULT_ARGUMENT, "no such command");
	if (bytes != NULL)
		json_object_set_new(
			answer, "text",
			json_stringn(g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes)));
	print(answer, error);
	return error == NULL || is_view(command);
}

int main(int argc, char **argv)
{
	const struct workers workers = { getenv("WORKER"), SILENCE_S, getenv("WORKER_SOCKETS") };
	struct driver driver = { .network = source_options_default() };
	g_autoptr(GError) error = NULL;
	g_autoptr(Repo) repo = NULL;
	int i = 4;

	if (argc < 5)
		return 2;
	driver.options.location = argv[1];
	driver.options.root_file = argv[2];
	driver.options.state_dir = argv[3];
	driver.options.network = &driver.network;
	driver.network.workers = workers.program != NULL || workers.sockets != NULL ? &workers
										    : NULL;
	for (; i < argc && strchr(argv[i], '=') != NULL; i++) {
		g_auto(GStrv) pair = g_strsplit(argv[i], "=", 2);

		if (!option_set(&driver, pair[0], strchr(argv[i], '=') + 1))
			return 2;
	}
	repo = repo_open(&driver.options, &error);
	if (repo == NULL) {
		print(json_pack("{s:s}", "command", "open"), error);
		return 0;
	}
	for (; i < argc; i++)
		if ((driver.ready || is_view(argv[i])) && !command_run(&driver, repo, argv[i]))
			break;
	return 0;
}
