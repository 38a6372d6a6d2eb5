/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>

#include "command.h"
#include "failure.h"
#include "finish.h"
#include "request.h"

static struct {
	gboolean discard;
	struct command_signing signing;
} options;

static const GOptionEntry ENTRIES[] = { { "discard", 0, 0, G_OPTION_ARG_NONE, &options.discard,
					  "drop what waits for signatures instead", NULL },
					G_OPTION_ENTRY_NULL };

static gboolean discard(struct repository *repository, GError **error)
{
	if (repository->published[ROLE_TIMESTAMP] == NULL)
		return failure_set(error, FAULT_ARGUMENT,
				   "nothing was published yet: remove the folder instead");
	for (unsigned i = 0; i < ROLE_COUNT; i++) {
		if (repository->draft[i] != NULL)
			printf("dropped: %s %lld\n", role_name((enum role)i),
			       (long long)role_version(repository->draft[i]));
		json_decref(repository->draft[i]);
		repository->draft[i] = NULL;
	}
	return repository_draft_save(repository, error);
}

gboolean command_join(int argc, char **argv, GError **error)
{
	static const struct command_text TEXT = {
		"REPO [FILE...]",
		"Takes signatures that azrepo sign has made into the repository, and publishes "
		"what "
		"has enough of them. Copies of one request that several people signed may be given "
		"together.",
		1, -1
	};
	g_autoptr(Keychain) keychain = NULL;
	g_autoptr(Repository) repository = NULL;

	if (!command_parse(&argc, &argv, &TEXT, ENTRIES, &options.signing, error))
		return FALSE;
	repository = command_begin(argv[1], &options.signing, &keychain, error);
	if (repository == NULL)
		return FALSE;
	if (options.discard)
		return discard(repository, error);
	for (int i = 2; i < argc; i++) {
		g_autoptr(JsonValue) request = request_read(argv[i], error);
		struct finish_wait waits[ROLE_COUNT];

		if (request == NULL ||
		    !request_join(request, waits, finish_waits(repository, waits), error))
			return FALSE;
	}
	return finish(repository, keychain, options.signing.prepare, error);
}
