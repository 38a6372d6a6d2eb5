/* SPDX-License-Identifier: MIT */
/* Verifies a repository with the code that machines have: the client of lib/repo.h follows the
 * metadata from the first root on, and each file is then compared with what is signed of it. */
#include <glib/gstdio.h>
#include <stdio.h>
#include <string.h>

#include "bundlefile.h"
#include "channel.h"
#include "checkchannel.h"
#include "command.h"
#include "failure.h"
#include "files.h"
#include "finish.h"
#include "repo.h"

static struct {
	gboolean quick;
	char *keyring;
} options;

static const GOptionEntry ENTRIES[] = {
	{ "quick", 0, 0, G_OPTION_ARG_NONE, &options.quick, "leave the bundles out", NULL },
	{ "keyring", 0, 0, G_OPTION_ARG_FILENAME, &options.keyring,
	  "certificates that the bundles' signatures must lead to (not verified)",
	  "FILE or FOLDER" },
	G_OPTION_ENTRY_NULL
};

struct check {
	const struct repository *repository;
	struct repo *client;
	unsigned problems;
};

static void problem(struct check *check, const char *name, const char *text)
{
	g_autofree char *escaped = g_strescape(name, NULL);

	printf("problem: %s: %s\n", escaped, text);
	check->problems++;
}

static gboolean file_compare(const struct repo_target *target, GError **error)
{
	uint8_t hash[CRYPTO_HASH_SIZE];
	g_autofree char *hex = NULL;
	uint64_t size_bytes;

	if (!files_hash("/", target->location, &size_bytes, hash, error))
		return FALSE;
	hex = crypto_hex(hash, sizeof hash);
	return (size_bytes == target->size_bytes && g_strcmp0(hex, target->sha256) == 0) ||
	       failure_set(error, FAULT_AZREPO_METADATA, "%s is not the file that is signed",
			   target->location);
}

/* What the metadata say of a bundle must be what it says of itself: a machine believes the hash of
 * the manifest. */
static gboolean bundle_compare(const struct check *check, const struct repo_target *target,
			       const json_t *entry, GError **error)
{
	json_t *custom = json_object_get(json_object_get(entry, "custom"), "azupdate");
	struct bundlefile_options read = {
		.keyring = options.keyring,
		.from = (char *)json_string_value(json_object_get(custom, "from")),
	};
	g_autoptr(Bundlefile) file = bundlefile_read(check->repository, target->location,
						     target->name, &read, error);
	g_autofree char *name = file != NULL ? bundlefile_target(file) : NULL;
	g_autoptr(JsonValue) expected = file != NULL ? bundlefile_custom(file) : NULL;

	if (file == NULL)
		return FALSE;
	return (strcmp(name, target->name) == 0 &&
		json_equal(expected, json_object_get(entry, "custom"))) ||
	       failure_set(error, FAULT_AZREPO_METADATA,
			   "what is signed of it is not what the bundle says of itself");
}

static void bundles_check(struct check *check)
{
	json_t *targets = json_object_get(role_signed(check->repository->published[ROLE_TARGETS]),
					  "targets");
	const char *name;
	json_t *entry;

	json_object_foreach(targets, name, entry)
	{
		g_autoptr(GError) error = NULL;
		g_autoptr(RepoTarget) target = repo_target(check->client, name, &error);

		if (target == NULL || !file_compare(target, &error) ||
		    !bundle_compare(check, target, entry, &error))
			problem(check, name, error->message);
	}
}

static void channel_check_one(struct check *check, const char *name)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(GBytes) bytes = repo_read(check->client, name, CHANNEL_SIZE_MAX, &error);
	g_autoptr(Channel) channel = NULL;
	g_autoptr(GPtrArray) found = NULL;

	if (bytes != NULL)
		channel = channel_decode(g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes),
					 &error);
	if (channel == NULL) {
		problem(check, name, error->message);
		return;
	}
	found = checkchannel_run(
		channel, name,
		json_object_get(role_signed(check->repository->published[ROLE_TARGETS]),
				"targets"));
	for (unsigned i = 0; i < found->len; i++)
		problem(check, name, found->pdata[i]);
}

static void channels_check(struct check *check)
{
	json_t *targets = json_object_get(role_signed(check->repository->published[ROLE_CHANNELS]),
					  "targets");
	const char *name;
	json_t *entry;

	json_object_foreach(targets, name, entry)
	{
		channel_check_one(check, name);
	}
}

static void notes_print(const struct repository *repository)
{
	struct finish_wait waits[ROLE_COUNT];
	const unsigned count = finish_waits(repository, waits);

	for (unsigned i = 0; i < ROLE_COUNT; i++) {
		const gint64 left_s = role_expires_s(repository->published[i]) - repository->now_s;
		const gint64 life_s = repository_expiry(repository, (enum role)i) -
				      repository->now_s;

		if (left_s < life_s / REPOSITORY_SOON_SHARE)
			printf("note: %s expires soon: renew it\n", role_name((enum role)i));
	}
	for (unsigned i = 0; i < count; i++)
		printf("note: %s version %lld waits for signatures\n", role_name(waits[i].role),
		       (long long)role_version(waits[i].envelope));
}

static void folder_remove(const char *path)
{
	GDir *listing = g_dir_open(path, 0, NULL);
	const char *name;

	while (listing != NULL && (name = g_dir_read_name(listing)) != NULL) {
		g_autofree char *below = g_build_filename(path, name, NULL);

		if (g_file_test(below, G_FILE_TEST_IS_DIR) &&
		    !g_file_test(below, G_FILE_TEST_IS_SYMLINK))
			folder_remove(below);
		else
			(void)g_unlink(below); /* a temporary file */
	}
	if (listing != NULL)
		g_dir_close(listing);
	(void)g_rmdir(path); /* a temporary folder */
}

static void run(struct check *check, const char *state_dir)
{
	g_autofree char *location = g_canonicalize_filename(check->repository->path, NULL);
	g_autofree char *root = g_build_filename(location, "metadata", "1.root.json", NULL);
	const struct repo_options client = {
		.location = location,
		.root_file = root,
		.state_dir = state_dir,
	};
	g_autoptr(GError) error = NULL;
	g_autoptr(Repo) opened = repo_open(&client, &error);

	check->client = opened;
	if (opened == NULL || !repo_refresh(opened, check->repository->now_s, &error)) {
		problem(check, "metadata", error->message);
		return;
	}
	channels_check(check);
	if (!options.quick)
		bundles_check(check);
}

gboolean command_check(int argc, char **argv, GError **error)
{
	static const struct command_text TEXT = { "REPO",
						  "Verifies all of a repository with the code that "
						  "machines have: from the first root "
						  "on, every signature, every file, every channel. "
						  "Names what a machine would refuse.",
						  1, 1 };
	g_autoptr(Repository) repository = NULL;
	g_autoptr(GError) why = NULL;
	g_autofree char *state_dir = NULL;
	struct check check = { .problems = 0 };

	if (!command_parse(&argc, &argv, &TEXT, ENTRIES, NULL, error))
		return FALSE;
	repository = repository_open(argv[1], FALSE, error);
	if (repository == NULL)
		return FALSE;
	if (repository->published[ROLE_TIMESTAMP] == NULL ||
	    repository->published[ROLE_ROOT] == NULL)
		return failure_set(error, FAULT_AZREPO_WAITING, "nothing was published yet");
	state_dir = g_dir_make_tmp("azrepo-XXXXXX", &why);
	if (state_dir == NULL)
		return failure_set(error, FAULT_BUILD_OUTPUT, "%s", why->message);
	check.repository = repository;
	run(&check, state_dir);
	folder_remove(state_dir);
	notes_print(repository);
	if (check.problems > 0)
		return failure_set(error, FAULT_AZREPO_FOUND, "%u problem%s", check.problems,
				   check.problems == 1 ? "" : "s");
	printf("good: root %lld, timestamp %lld\n",
	       (long long)role_version(repository->published[ROLE_ROOT]),
	       (long long)role_version(repository->published[ROLE_TIMESTAMP]));
	return TRUE;
}
