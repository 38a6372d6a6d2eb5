/* SPDX-License-Identifier: MIT */
#include "release.h"

#include "channeldoc.h"
#include "failure.h"
#include "finish.h"
#include "names.h"
#include "version.h"

gboolean release_change(char **argv, struct release_change *options, gboolean create,
			release_func change, GError **error)
{
	g_autoptr(Keychain) keychain = NULL;
	g_autoptr(Repository) repository = NULL;
	g_autoptr(JsonValue) document = NULL;

	if (!command_need("channel", options->place.channel, error) ||
	    !names_check("version", argv[2], error))
		return FALSE;
	repository = command_begin(argv[1], &options->signing, &keychain, error);
	if (repository == NULL || !place_complete(repository, &options->place, error))
		return FALSE;
	document = channeldoc_load(repository, &options->place, create, error);
	return document != NULL && change(repository, &options->place, document, argv[2], error) &&
	       channeldoc_store(repository, &options->place, document, error) &&
	       finish(repository, keychain, options->signing.prepare, error);
}
