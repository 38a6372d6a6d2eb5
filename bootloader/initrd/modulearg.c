/* SPDX-License-Identifier: MIT */
#include "modulearg.h"

#include <string.h>

#include "kernelarg.h"

static char plain(char c)
{
	return c == '-' ? '_' : c;
}

/* Where the parameter begins in MODULE.PARAMETER, or 0. */
static size_t parameter_at(struct kernelarg word, const char *module)
{
	const size_t skip = strlen(module);

	if (skip == 0 || word.size_bytes <= skip + 1 || word.start[skip] != '.')
		return 0;
	for (size_t i = 0; i < skip; i++)
		if (plain(word.start[i]) != plain(module[i]))
			return 0;
	return skip + 1;
}

bool modulearg_collect(const char *cmdline, const char *module, char *ret_text, size_t size_bytes)
{
	const size_t cmdline_size = strlen(cmdline);
	struct kernelarg word;
	size_t filled = 0;
	size_t at = 0;

	ret_text[0] = '\0';
	while (kernelarg_next(cmdline, cmdline_size, &at, &word)) {
		const size_t from = parameter_at(word, module);
		const size_t size = word.size_bytes - from;

		if (from == 0)
			continue;
		if (size + 2 > size_bytes - filled) {
			ret_text[0] = '\0';
			return false;
		}
		if (filled > 0)
			ret_text[filled++] = ' ';
		memcpy(ret_text + filled, word.start + from, size);
		filled += size;
		ret_text[filled] = '\0';
	}
	return true;
}
