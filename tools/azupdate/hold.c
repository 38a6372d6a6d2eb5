/* SPDX-License-Identifier: MIT */
/* hold, unhold and approve: what a person says to the policy. */
#include <stdio.h>

#include "client.h"
#include "failure.h"
#include "timearg.h"

enum { USEC_PER_S = 1000000 };

struct hold {
	char *until;
	char *span;
	char *reason;
};

static void hold_done(struct hold *hold)
{
	g_free(hold->until);
	g_free(hold->span);
	g_free(hold->reason);
}

/* What was said, for people and as JSON. */
static void word_print(const struct cli *cli, const char *action, const char *member,
		       GVariant *value, const char *sentence)
{
	GVariantBuilder builder;

	if (!cli->json) {
		puts(sentence);
		g_variant_unref(g_variant_ref_sink(value));
		return;
	}
	g_variant_builder_init(&builder, G_VARIANT_TYPE_VARDICT);
	g_variant_builder_add(&builder, "{sv}", "action", g_variant_new_string(action));
	g_variant_builder_add(&builder, "{sv}", member, value);
	cli_print_json(AZUPDATE_SCHEMA_HOLD, g_variant_builder_end(&builder));
}

/* 0: until somebody ends it. */
static gboolean until_find(const struct hold *hold, gint64 *ret_until_s, GError **error)
{
	gint64 span_s;

	*ret_until_s = 0;
	if (hold->until != NULL && hold->span != NULL)
		return failure_set(error, FAULT_ARGUMENT, "hold: give --until or --for, not both");
	if (hold->until != NULL)
		return timearg_time(hold->until, ret_until_s, error);
	if (hold->span == NULL)
		return TRUE;
	if (!timearg_span(hold->span, &span_s, error))
		return FALSE;
	*ret_until_s = g_get_real_time() / USEC_PER_S + span_s;
	return TRUE;
}

static int hold_say(struct cli *cli, const struct hold *hold, gint64 until_s, GError **error)
{
	g_autoptr(BusUpdates) updates = client_updates(cli, error);
	g_autofree char *when = until_s == 0 ? NULL : timearg_show(until_s);
	g_autofree char *sentence =
		when == NULL ? g_strdup("No update out of the repository until azupdate unhold.")
			     : g_strdup_printf("No update out of the repository until %s.", when);
	GError *cause = NULL;

	if (updates == NULL)
		return AZUPDATE_EXIT_FAILED;
	if (!bus_updates_call_hold_sync(updates, until_s * USEC_PER_S,
					hold->reason == NULL ? "held by hand" : hold->reason, NULL,
					&cause)) {
		client_fail(error, cause);
		return AZUPDATE_EXIT_FAILED;
	}
	word_print(cli, "hold", "until_us", g_variant_new_int64(until_s * USEC_PER_S), sentence);
	return AZUPDATE_EXIT_OK;
}

static int hold_run(struct cli *cli, int argc, char **argv, GError **error)
{
	struct hold hold = { NULL };
	const GOptionEntry options[] = {
		{ "until", 0, 0, G_OPTION_ARG_STRING, &hold.until,
		  "YYYY-MM-DD or \"YYYY-MM-DD HH:MM\", local time", "TIME" },
		{ "for", 0, 0, G_OPTION_ARG_STRING, &hold.span, "such as 90min, 6h, 3d, 2w",
		  "SPAN" },
		{ "reason", 0, 0, G_OPTION_ARG_STRING, &hold.reason, "why; azupdate why shows it",
		  "TEXT" },
		{ .long_name = NULL },
	};
	gint64 until_s;
	int status = AZUPDATE_EXIT_USAGE;

	if (cli_parse(cli, options, 0, &argc, &argv, error) && until_find(&hold, &until_s, error))
		status = hold_say(cli, &hold, until_s, error);
	hold_done(&hold);
	return status;
}

static int unhold_run(struct cli *cli, int argc, char **argv, GError **error)
{
	g_autoptr(BusUpdates) updates = NULL;
	GError *cause = NULL;

	if (!cli_parse(cli, NULL, 0, &argc, &argv, error))
		return AZUPDATE_EXIT_USAGE;
	updates = client_updates(cli, error);
	if (updates == NULL)
		return AZUPDATE_EXIT_FAILED;
	if (!bus_updates_call_unhold_sync(updates, NULL, &cause)) {
		client_fail(error, cause);
		return AZUPDATE_EXIT_FAILED;
	}
	word_print(cli, "unhold", "until_us", g_variant_new_int64(0), "Nothing is held.");
	return AZUPDATE_EXIT_OK;
}

static int approve_run(struct cli *cli, int argc, char **argv, GError **error)
{
	g_autoptr(BusUpdates) updates = NULL;
	g_autofree char *sentence = NULL;
	GError *cause = NULL;

	if (!cli_parse(cli, NULL, 1, &argc, &argv, error))
		return AZUPDATE_EXIT_USAGE;
	if (argc < 2) {
		failure_set(error, FAULT_ARGUMENT, "approve: name a version");
		return AZUPDATE_EXIT_USAGE;
	}
	updates = client_updates(cli, error);
	if (updates == NULL)
		return AZUPDATE_EXIT_FAILED;
	if (!bus_updates_call_approve_sync(updates, argv[1], NULL, &cause)) {
		client_fail(error, cause);
		return AZUPDATE_EXIT_FAILED;
	}
	sentence = g_strdup_printf("Version %s is approved.", argv[1]);
	word_print(cli, "approve", "version", g_variant_new_string(argv[1]), sentence);
	return AZUPDATE_EXIT_OK;
}

const struct command COMMAND_HOLD = {
	.name = "hold",
	.operands = "",
	.summary = "no update for a while",
	.description =
		"Takes no release out of the repository, until azupdate unhold or for a time; also "
		"not "
		"by\nazupdate update. A bundle that azupdate install is given is installed all the "
		"same.",
	.run = hold_run,
};

const struct command COMMAND_UNHOLD = {
	.name = "unhold",
	.operands = "",
	.summary = "end what hold began",
	.description = "Lets updates begin again.",
	.run = unhold_run,
};

const struct command COMMAND_APPROVE = {
	.name = "approve",
	.operands = "VERSION",
	.summary = "let a release be taken",
	.description = "Where [policy] approval=manual is configured, no release is taken before "
		       "this was said.",
	.run = approve_run,
};
