/* SPDX-License-Identifier: MIT */
/* The command line of azupdate; the first byte says what: options and operands (a line each), spans
 * and times as people write them, a record of health checks that is printed as JSON. */
#include "../../tools/azupdate/cli.h"

#include <string.h>

#include "../../tools/azupdate/amount.h"
#include "../../tools/azupdate/healthread.h"
#include "../../tools/azupdate/jsonwrite.h"
#include "../../tools/azupdate/terminal.h"
#include "../../tools/azupdate/timearg.h"
#include "failure.h"
#include "fuzz.h"
#include "json.h"

enum { OPERANDS_MAX = 2, ARGUMENTS_MAX = 64, SPAN_MAX_S = 10 * 366 * 86400 };

/* What ends the program with its help. */
static gboolean asks_for_help(const char *argument)
{
	return argument[0] == '-' &&
	       (strstr(argument, "help") != NULL || strpbrk(argument, "h?") != NULL);
}

static void options_run(const char *text)
{
	static const struct command COMMAND = {
		.name = "fuzz", .operands = "[A [B]]", .summary = "s", .waits = TRUE
	};
	g_autofree char *name = NULL;
	gboolean force = FALSE;
	int number = 0;
	const GOptionEntry options[] = {
		{ "name", 'n', 0, G_OPTION_ARG_STRING, &name, "n", "NAME" },
		{ "force", 'f', 0, G_OPTION_ARG_NONE, &force, "f", NULL },
		{ "number", 0, 0, G_OPTION_ARG_INT, &number, "i", "N" },
		{ .long_name = NULL },
	};
	g_auto(GStrv) words = g_strsplit(text, "\n", ARGUMENTS_MAX);
	struct cli cli = { .command = &COMMAND };
	g_autofree char **argv = g_new0(char *, g_strv_length(words) + 2);
	char **arguments = argv;
	int argc = 1;
	g_autoptr(GError) error = NULL;

	argv[0] = (char *)"azupdate";
	for (char **word = words; *word != NULL; word++) {
		if (asks_for_help(*word))
			return;
		argv[argc++] = *word;
	}
	if (cli_parse(&cli, options, OPERANDS_MAX, &argc, &arguments, &error)) {
		promise(argc >= 1 && argc <= 1 + OPERANDS_MAX);
		promise(cli.progress <= CLI_PROGRESS_NONE);
		for (int i = 1; i < argc; i++)
			promise(g_strv_contains((const char *const *)words, arguments[i]));
	} else {
		promise(failure_code(error) == FAULT_ARGUMENT);
	}
	g_free(cli.bus);
}

static void times_run(const char *text)
{
	gint64 span_s = 0;
	gint64 time_s = 0;
	g_autofree char *shown = NULL;

	if (timearg_span(text, &span_s, NULL)) {
		g_autofree char *plain = amount_time(span_s);

		promise(span_s > 0 && span_s <= SPAN_MAX_S && g_ascii_isdigit(text[0]));
		promise(plain[0] != '\0');
	}
	if (!timearg_time(text, &time_s, NULL))
		return;
	shown = timearg_show(time_s);
	promise(shown[0] != '\0');
}

/* What is printed is JSON with the same texts. */
static void health_run(const char *text)
{
	g_autoptr(GVariant) record = healthread_decode(text, NULL);
	g_autoptr(GString) printed = g_string_new(NULL);
	g_autofree char *clean = NULL;
	g_autofree char *why = NULL;
	g_autoptr(JsonValue) back = NULL;
	const char *reason = NULL;

	if (record == NULL)
		return;
	g_variant_ref_sink(record);
	jsonwrite_variant(printed, record);
	back = json_object_parse(printed->str, printed->len, &why);
	promise(back != NULL);
	promise(json_is_array(json_object_get(back, "checks")));
	if (g_variant_lookup(record, "reason", "&s", &reason))
		promise(strcmp(json_string_value(json_object_get(back, "reason")), reason) == 0);
	clean = terminal_clean(reason);
	for (const char *at = clean; *at != '\0'; at = g_utf8_next_char(at))
		promise(g_unichar_isprint(g_utf8_get_char(at)));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size_bytes)
{
	static void (*const RUN[])(const char *) = { options_run, times_run, health_run };
	g_autofree char *text = NULL;

	if (size_bytes == 0)
		return 0;
	text = fuzz_text(bytes + 1, size_bytes - 1);
	RUN[bytes[0] % G_N_ELEMENTS(RUN)](text);
	return 0;
}

size_t fuzz_seed(unsigned number, uint8_t *ret_bytes, size_t room)
{
	static const char *const SEEDS[] = {
		"0--name\nx\n-f\n--json\n--progress=lines\n--\n-a\nb",
		"0--number=5\n--bus\nsession\na\nb\nc",
		"190min",
		"12026-11-26T22:00:00Z",
		"12026-11-26 22:00",
		"2{\"healthy\":false,\"reason\":\"a\\u007f\\n\\\"\\u00e9\",\"slot\":\"a\",\"time_"
		"us\":5,"
		"\"checks\":[{\"name\":\"n\",\"required\":true,\"fault\":7,\"exit_status\":-1,"
		"\"output\":\"o\"},{}]}",
	};

	return number < G_N_ELEMENTS(SEEDS)
		       ? fuzz_copy(SEEDS[number], strlen(SEEDS[number]), ret_bytes, room)
		       : 0;
}
