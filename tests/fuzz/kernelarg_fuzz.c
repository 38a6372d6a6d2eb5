/* SPDX-License-Identifier: MIT */
/* Kernel command lines: words as the kernel's next_arg() finds them, restated here; then what
 * azboot and azverity take from them. */
#include "kernelarg.h"

#include <string.h>

#include "cmdline.h"
#include "fuzz.h"
#include "modulearg.h"

/* The kernel's isspace(): its table has the no-break space of Latin 1, too. */
static gboolean is_space(char c)
{
	return c != '\0' && strchr(" \t\n\v\f\r\xa0", c) != NULL;
}

/* Where the word ends that begins at `at`. */
static size_t word_end(const char *text, size_t at)
{
	unsigned quotes = 0;

	for (; text[at] != '\0' && (quotes % 2 == 1 || !is_space(text[at])); at++)
		quotes += text[at] == '"';
	return at;
}

/* Cuts the text itself up to its words, before which `--` ends them. */
static GPtrArray *words_find(const char *text)
{
	GPtrArray *words = g_ptr_array_new_with_free_func(g_free);
	size_t at = 0;

	for (;;) {
		size_t end;
		char *word;

		while (is_space(text[at]))
			at++;
		end = word_end(text, at);
		word = g_strndup(text + at, end - at);
		if (*word == '\0' || strcmp(word, "--") == 0) {
			g_free(word);
			return words;
		}
		g_ptr_array_add(words, word);
		at = end;
	}
}

static void words_check(const char *text, size_t size_bytes, const GPtrArray *words)
{
	struct kernelarg word;
	size_t at = 0;

	for (guint i = 0; i < words->len; i++) {
		promise(kernelarg_next(text, size_bytes, &at, &word));
		promise(strlen(words->pdata[i]) == word.size_bytes &&
			memcmp(words->pdata[i], word.start, word.size_bytes) == 0);
	}
	promise(!kernelarg_next(text, size_bytes, &at, &word));
}

static void find_check(const char *text, size_t size_bytes, const GPtrArray *words)
{
	struct kernelarg value;
	const char *last = NULL;
	unsigned count = 0;

	for (guint i = 0; i < words->len; i++)
		if (g_str_has_prefix(words->pdata[i], "roothash=")) {
			last = (const char *)words->pdata[i] + strlen("roothash=");
			count++;
		}
	promise(kernelarg_find(text, size_bytes, "roothash", &value) == count);
	promise(value.size_bytes == (last != NULL ? strlen(last) : 0));
	promise(last == NULL || memcmp(value.start, last, value.size_bytes) == 0);
}

static void cmdline_check(const char *text)
{
	struct cmdline cmdline;
	char *arguments = g_malloc(strlen(text) + 1);

	promise(modulearg_collect(text, "dm_verity", arguments, strlen(text) + 1));
	promise(strlen(arguments) <= strlen(text));
	g_free(arguments);
	promise(kernelarg_watchdog_s(text, strlen(text)) <= KERNELARG_WATCHDOG_S_MAX);
	if (cmdline_parse(text, &cmdline) != FAULT_OK)
		return;
	promise(cmdline.data_blocks > 0 && cmdline.data_blocks <= VERITREE_DATA_BLOCKS_MAX);
	promise(cmdline.fec_roots == 0 || (cmdline.fec_roots >= 2 && cmdline.fec_roots <= 24));
	promise(memchr(cmdline.fstype, 0, sizeof cmdline.fstype) != NULL);
	promise(memchr(cmdline.init, 0, sizeof cmdline.init) != NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size_bytes)
{
	g_autofree char *text = fuzz_text(bytes, size_bytes);
	g_autoptr(GPtrArray) words = words_find(text);

	words_check((const char *)bytes, size_bytes, words);
	find_check((const char *)bytes, size_bytes, words);
	cmdline_check(text);
	return 0;
}

size_t fuzz_seed(unsigned number, uint8_t *ret_bytes, size_t room)
{
	static const char *const SEEDS[] = {
		"quiet x=\"a b\" azupdate.watchdog=60 roothash=ab roothash=\"cd\" -- y=1",
		"roothash=00112233445566778899aabbccddeeff00112233445566778899AABBCCDDEEFF "
		"azupdate.blocks=1000 azupdate.fec=24 azupdate.var=encrypted rootfstype=ext4 "
		"init=/bin/sh dm_verity.require_signatures=1 dm-verity.x=\"1 2\"\n",
		"a\vb\fc\rd\te --",
	};

	return number < G_N_ELEMENTS(SEEDS)
		       ? fuzz_copy(SEEDS[number], strlen(SEEDS[number]), ret_bytes, room)
		       : 0;
}
