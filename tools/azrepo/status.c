/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>

#include "command.h"
#include "failure.h"
#include "statuspage.h"
#include "statustext.h"
#include "summary.h"

static struct {
	gboolean json;
	char *page;
} options;

static const GOptionEntry ENTRIES[] = {
	{ "json", 0, 0, G_OPTION_ARG_NONE, &options.json, "one line of JSON", NULL },
	{ "html", 0, 0, G_OPTION_ARG_FILENAME, &options.page,
	  "write a page for a browser, which needs nothing else", "FILE" },
	G_OPTION_ENTRY_NULL
};

static gboolean page_write(const json_t *summary, GError **error)
{
	g_autoptr(GString) page = statuspage_make(summary);
	g_autoptr(GError) why = NULL;

	return g_file_set_contents(options.page, page->str, (gssize)page->len, &why) ||
	       failure_set(error, FAULT_BUILD_OUTPUT, "%s", why->message);
}

gboolean command_status(int argc, char **argv, GError **error)
{
	static const struct command_text TEXT = {
		"REPO",
		"Tells what is in the repository: roles and when they expire, channels, releases, "
		"waves, bundles, and what waits for signatures. It reads, and verifies nothing.",
		1, 1
	};
	g_autoptr(Repository) repository = NULL;
	g_autoptr(JsonValue) summary = NULL;
	char *line;

	if (!command_parse(&argc, &argv, &TEXT, ENTRIES, NULL, error))
		return FALSE;
	repository = repository_open(argv[1], FALSE, error);
	summary = repository != NULL ? summary_make(repository, error) : NULL;
	if (summary == NULL)
		return FALSE;
	if (options.page != NULL && !page_write(summary, error))
		return FALSE;
	if (options.json) {
		line = json_dumps(summary, JSON_COMPACT);
		printf("%s\n", line);
		free(line);
	} else if (options.page == NULL) {
		statustext_print(summary, stdout);
	}
	return TRUE;
}
