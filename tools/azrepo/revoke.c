/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "channeldoc.h"
#include "command.h"
#include "failure.h"
#include "finish.h"
#include "names.h"
#include "place.h"

static struct {
	struct place place;
	struct command_signing signing;
	char *reason;
	gboolean undo;
} options;

static const GOptionEntry ENTRIES[] = { PLACE_ENTRIES(options.place),
					{ "reason", 0, 0, G_OPTION_ARG_STRING, &options.reason,
					  "why, for whoever asks a machine", "TEXT" },
					{ "undo", 0, 0, G_OPTION_ARG_NONE, &options.undo,
					  "take it back", NULL },
					G_OPTION_ENTRY_NULL };

/* Names of the channels of that product and architecture; all of them, or the one that was asked
 * for. */
static GPtrArray *channels_list(const struct repository *repository)
{
	json_t *targets = json_object_get(role_signed(repository_latest(repository, ROLE_CHANNELS)),
					  "targets");
	GPtrArray *list = g_ptr_array_new_with_free_func(g_free);
	const char *name;
	json_t *entry;

	json_object_foreach(targets, name, entry)
	{
		g_autofree char *file = g_path_get_basename(name);

		if (!place_has(&options.place, "channels", name) ||
		    !g_str_has_suffix(file, ".json"))
			continue;
		file[strlen(file) - strlen(".json")] = '\0';
		if (options.place.channel == NULL || strcmp(options.place.channel, file) == 0)
			g_ptr_array_add(list, g_steal_pointer(&file));
	}
	return list;
}

static gboolean channel_revoke(struct repository *repository, char *channel, const char *version,
			       GError **error)
{
	const struct place place = { options.place.product, options.place.architecture, channel };
	g_autoptr(JsonValue) document = channeldoc_load(repository, &place, FALSE, error);

	if (document == NULL)
		return FALSE;
	channeldoc_revoke(document, version, options.undo ? NULL : options.reason);
	return channeldoc_store(repository, &place, document, error);
}

gboolean command_revoke(int argc, char **argv, GError **error)
{
	static const struct command_text TEXT = {
		"REPO VERSION",
		"Tells machines never to stage a release, and those that run it to leave it at "
		"once, whatever the waves say: in all channels, or in one. A newer release should "
		"be "
		"there to go to.",
		2, 2
	};
	g_autoptr(Keychain) keychain = NULL;
	g_autoptr(Repository) repository = NULL;
	g_autoptr(GPtrArray) channels = NULL;

	if (!command_parse(&argc, &argv, &TEXT, ENTRIES, &options.signing, error) ||
	    !names_check("version", argv[2], error))
		return FALSE;
	if (!options.undo && (!command_need("reason", options.reason, error) ||
			      !names_reason_check(options.reason, error)))
		return FALSE;
	repository = command_begin(argv[1], &options.signing, &keychain, error);
	if (repository == NULL || !place_complete(repository, &options.place, error))
		return FALSE;
	channels = channels_list(repository);
	if (channels->len == 0)
		return failure_set(error, FAULT_AZREPO_CHANNEL,
				   "there is no channel to revoke it in");
	for (unsigned i = 0; i < channels->len; i++)
		if (!channel_revoke(repository, channels->pdata[i], argv[2], error))
			return FALSE;
	return finish(repository, keychain, options.signing.prepare, error);
}
