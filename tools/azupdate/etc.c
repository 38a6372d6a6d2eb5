/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>

#include "amount.h"
#include "client.h"
#include "etclay.h"
#include "failure.h"
#include "json.h"
#include "terminal.h"
#include "timearg.h"

static char *clean_of(const json_t *object, const char *name)
{
	const char *text = json_string_value(json_object_get(object, name));

	return terminal_clean(text != NULL ? text : "");
}

static void state_print(const json_t *state)
{
	g_autofree char *when = timearg_show(json_integer_value(json_object_get(state, "time")));
	g_autofree char *version = clean_of(state, "version");
	g_autofree char *reason = clean_of(state, "reason");
	const json_int_t number = json_integer_value(json_object_get(state, "number"));
	const json_int_t size = json_integer_value(json_object_get(state, "size_bytes"));
	g_autofree char *amount = amount_text((guint64)MAX(size, 0));

	if (json_is_true(json_object_get(state, "damaged")))
		printf("%4lld  damaged\n", (long long)number);
	else
		printf("%4lld  %s  %s, %s: %s\n", (long long)number, when,
		       version[0] != '\0' ? version : "?", amount, reason);
}

static void lay_print(const json_t *list)
{
	const json_t *boot = json_object_get(list, "boot");
	g_autofree char *reason = clean_of(boot, "laid_reason");
	g_autofree char *text = NULL;
	enum etclay lay;

	if (etclay_find(json_string_value(json_object_get(boot, "laid")), &lay))
		text = etclay_text(lay, reason);
	if (text != NULL)
		printf("%c%s.\n", g_ascii_toupper(text[0]), text + 1);
	else if (!json_is_true(json_object_get(list, "overlay")))
		puts("This release keeps no local changes of /etc.");
}

static void list_print(const json_t *list)
{
	const json_t *request = json_object_get(list, "request");
	const json_t *boot = json_object_get(list, "boot");
	const json_t *states = json_object_get(list, "states");
	const json_int_t number = json_integer_value(json_object_get(request, "number"));
	const json_t *state;
	size_t i;

	lay_print(list);
	json_array_foreach(states, i, state) state_print(state);
	if (json_integer_value(json_object_get(boot, "restored")) != 0)
		printf("This boot has put back state %lld.\n",
		       (long long)json_integer_value(json_object_get(boot, "restored")));
	if (json_integer_value(json_object_get(boot, "fault")) != 0) {
		g_autofree char *reason = clean_of(boot, "reason");

		printf("This boot has stored or put back nothing: %s.\n", reason);
	}
	if (json_is_string(json_object_get(request, "from")))
		puts("If the release that is tried next falls back, /etc of now comes back.");
	else if (json_is_object(request))
		printf("A boot will put back state %lld.\n", (long long)number);
}

static void diff_print(const json_t *diff)
{
	const json_t *row;
	size_t i, conflicts = 0;

	json_array_foreach(json_object_get(diff, "changes"), i, row)
	{
		g_autofree char *path = clean_of(row, "path");
		g_autofree char *change = clean_of(row, "change");
		g_autofree char *conflict = clean_of(row, "conflict");

		conflicts += conflict[0] != '\0';
		printf("%-8s /etc%s%s%s%s\n", change, path[0] != '\0' ? "/" : "", path,
		       conflict[0] != '\0' ? "  conflict: " : "", conflict);
	}
	if (i == 0)
		puts("Nothing differs from what the release brings.");
	if (conflicts > 0)
		printf("%zu of them where the release has changed, too: what is here holds.\n",
		       conflicts);
}

static const char NO_SENSE[] = "azupdated gives no sense";

/* One thing that can be done; `number` of a state, or 0. */
struct verb {
	const char *name;
	gboolean takes_number;
	gboolean needs_number;
	int (*run)(struct cli *cli, BusManager *manager, guint number, GError **error);
};

static int fail(GError **error, GError *cause)
{
	client_fail(error, cause);
	return AZUPDATE_EXIT_FAILED;
}

static int list_run(struct cli *cli, BusManager *manager, guint number, GError **error)
{
	g_autofree char *text = NULL;
	GError *cause = NULL;

	if (!bus_manager_call_etc_list_sync(manager, &text, NULL, &cause))
		return fail(error, cause);
	return client_print(cli, text, list_print, NO_SENSE, error);
}

static int diff_run(struct cli *cli, BusManager *manager, guint number, GError **error)
{
	g_autofree char *text = NULL;
	GError *cause = NULL;

	if (!bus_manager_call_etc_diff_sync(manager, number, &text, NULL, &cause))
		return fail(error, cause);
	return client_print(cli, text, diff_print, NO_SENSE, error);
}

static int state_tell(struct cli *cli, const char *words, guint number)
{
	GVariantDict dict;

	if (!cli->json) {
		puts(words);
		return AZUPDATE_EXIT_OK;
	}
	g_variant_dict_init(&dict, NULL);
	g_variant_dict_insert(&dict, "state", "u", number);
	cli_print_json(AZUPDATE_SCHEMA_ETCSTATE, g_variant_dict_end(&dict));
	return AZUPDATE_EXIT_OK;
}

static int save_run(struct cli *cli, BusManager *manager, guint number, GError **error)
{
	g_autofree char *words = NULL;
	GError *cause = NULL;

	if (!bus_manager_call_etc_save_sync(manager, "by hand", &number, NULL, &cause))
		return fail(error, cause);
	words = g_strdup_printf("The changes of /etc are state %u.", number);
	return state_tell(cli, words, number);
}

static int restore_run(struct cli *cli, BusManager *manager, guint number, GError **error)
{
	g_autofree char *words = NULL;
	GError *cause = NULL;

	if (!bus_manager_call_etc_restore_sync(manager, number, NULL, &cause))
		return fail(error, cause);
	words = g_strdup_printf("The next boot of this release puts back state %u, after it has "
				"stored the changes of then.\nReboot when it suits.",
				number);
	return state_tell(cli, number == 0 ? "No boot puts back a state of /etc." : words, number);
}

static const struct verb VERBS[] = {
	{ "list", FALSE, FALSE, list_run },
	{ "diff", TRUE, FALSE, diff_run },
	{ "save", FALSE, FALSE, save_run },
	{ "restore", TRUE, TRUE, restore_run },
};

static const struct verb *verb_find(int argc, char **argv)
{
	if (argc < 2)
		return &VERBS[0];
	for (size_t i = 0; i < G_N_ELEMENTS(VERBS); i++)
		if (strcmp(argv[1], VERBS[i].name) == 0 && (argc == 2 || VERBS[i].takes_number) &&
		    (argc == 3 || !VERBS[i].needs_number))
			return &VERBS[i];
	return NULL;
}

static int etc_run(struct cli *cli, int argc, char **argv, GError **error)
{
	g_autoptr(BusManager) manager = NULL;
	const struct verb *verb;
	guint64 number = 0;

	if (!cli_parse(cli, NULL, 2, &argc, &argv, error))
		return AZUPDATE_EXIT_USAGE;
	verb = verb_find(argc, argv);
	if (verb == NULL || (argc == 3 && !g_ascii_string_to_unsigned(argv[2], 10, 0, G_MAXUINT32,
								      &number, NULL))) {
		failure_set(error, FAULT_ARGUMENT,
			    "etc: say list, diff [STATE], save or restore STATE");
		return AZUPDATE_EXIT_USAGE;
	}
	manager = client_manager_unread(cli, error);
	return manager != NULL ? verb->run(cli, manager, (guint)number, error)
			       : AZUPDATE_EXIT_FAILED;
}

const struct command COMMAND_ETC = {
	.name = "etc",
	.operands = "[list|diff|...]",
	.summary = "local changes of /etc, over releases",
	.description = "list: the states of /etc that are stored. diff [STATE]: what differs from "
		       "what the\n"
		       "running release brings, and where that has changed, too. save: store the "
		       "changes of\n"
		       "now. restore STATE: put that state back at the next boot of this release; "
		       "0: do not.",
	.run = etc_run,
};
