/* SPDX-License-Identifier: MIT */
#include "checked.h"

#include <stdio.h>

#include "amount.h"
#include "failure.h"
#include "jobwait.h"
#include "terminal.h"

struct finding {
	const char *slot;
	guint64 wrong_bytes;
	guint64 tree_bytes;
	guint64 copied_bytes;
	guint64 decoded_bytes;
	guint64 fetched_bytes;
	gboolean from_store; /* and not from a bundle */
	gboolean header_mended;
};

static struct finding finding_read(GVariant *result)
{
	struct finding finding = {
		.slot = "?",
		.wrong_bytes = amount_get(result, "wrong_bytes"),
		.tree_bytes = amount_get(result, "tree_bytes"),
		.copied_bytes = amount_get(result, "copied_bytes"),
		.decoded_bytes = amount_get(result, "decoded_bytes"),
		.fetched_bytes = amount_get(result, "fetched_bytes"),
	};

	g_variant_lookup(result, "slot", "&s", &finding.slot);
	g_variant_lookup(result, "from_store", "b", &finding.from_store);
	g_variant_lookup(result, "header_mended", "b", &finding.header_mended);
	return finding;
}

static void part_print(guint64 size_bytes, const char *before, const char *after)
{
	g_autofree char *size = amount_text(size_bytes);

	if (size_bytes > 0)
		printf("%s%s%s", before, size, after);
}

static void verified_print(const struct finding *finding)
{
	if (finding->wrong_bytes == 0) {
		puts("every block is right.");
		return;
	}
	part_print(finding->wrong_bytes, "", " are wrong. ");
	printf("To heal it: azupdate repair %s\n", finding->slot);
}

static void healed_print(const struct finding *finding)
{
	const char *other = g_str_equal(finding->slot, "a") ? "slot b" : "slot a";
	const guint64 healed = finding->copied_bytes + finding->decoded_bytes;

	part_print(finding->copied_bytes, "; ", " healed from ");
	printf("%s", finding->copied_bytes > 0 ? other : "");
	part_print(finding->decoded_bytes, finding->copied_bytes > 0 ? ", " : "; ",
		   finding->copied_bytes > 0 ? " from " : " healed from ");
	printf("%s", finding->decoded_bytes == 0 ? ""
		     : finding->from_store       ? "the store"
						 : "the bundle");
	if (finding->wrong_bytes > healed)
		part_print(finding->wrong_bytes - healed, "; ", " still are");
}

static void repaired_print(const struct finding *finding)
{
	if (finding->wrong_bytes == 0 && finding->tree_bytes == 0 && !finding->header_mended) {
		puts("nothing was wrong.");
		return;
	}
	if (finding->wrong_bytes == 0)
		printf("no data was wrong");
	part_print(finding->wrong_bytes, "", " were wrong");
	healed_print(finding);
	part_print(finding->tree_bytes, "; ", " of hash trees or parity were mended");
	if (finding->header_mended)
		printf("; its header was written anew");
	if (!finding->from_store)
		part_print(finding->fetched_bytes, ". ", " of the bundle were read");
	puts(".");
}

static gboolean is_silent(const struct finding *finding, gboolean done)
{
	return !done && finding->wrong_bytes == 0 && finding->tree_bytes == 0;
}

/* Of a job that failed before it found something, the failure says it all. */
static void outcome_print(GVariant *outcome, gboolean done)
{
	g_autoptr(GVariant) result = jobwait_result(outcome);
	const struct finding finding = finding_read(result);
	const char *kind = "", *version = "";
	g_autofree char *clean = NULL;

	if (is_silent(&finding, done))
		return;
	g_variant_lookup(outcome, "kind", "&s", &kind);
	g_variant_lookup(result, "version", "&s", &version);
	clean = terminal_clean(version);
	printf("Slot %s, version %s: ", finding.slot, clean);
	if (g_str_equal(kind, "repair"))
		repaired_print(&finding);
	else
		verified_print(&finding);
}

int checked_finish(struct cli *cli, const char *path, GError **error)
{
	g_autoptr(GVariant) outcome = NULL;
	g_autoptr(GError) why = NULL;
	const gboolean done = jobwait_run(cli, path, &outcome, &why);

	if (outcome != NULL && cli->json) {
		cli_print_json(AZUPDATE_SCHEMA_JOB, outcome);
		return done ? AZUPDATE_EXIT_OK : cli_exit_status(failure_code(why));
	}
	if (outcome != NULL)
		outcome_print(outcome, done);
	if (done)
		return AZUPDATE_EXIT_OK;
	g_propagate_error(error, g_steal_pointer(&why));
	return AZUPDATE_EXIT_FAILED;
}
