/* SPDX-License-Identifier: MIT */
#include "names.h"

#include <string.h>

#include "failure.h"

gboolean names_check(const char *what, const char *name, GError **error)
{
	static const char OTHERS[] = "._~^+-";
	const size_t size_bytes = strlen(name);
	gboolean good = size_bytes > 0 && size_bytes <= NAMES_SIZE_MAX && name[0] != '.' &&
			name[0] != '-';
	g_autofree char *shown = NULL;

	for (const char *at = name; good && *at != '\0'; at++)
		good = g_ascii_isalnum(*at) || strchr(OTHERS, *at) != NULL;
	if (good)
		return TRUE;
	shown = g_strescape(name, NULL);
	return failure_set(error, FAULT_AZREPO_NAME, "the %s \"%.200s\" cannot be a name here",
			   what, shown);
}

gboolean names_reason_check(const char *reason, GError **error)
{
	const size_t size_bytes = strlen(reason);
	gboolean good = size_bytes > 0 && size_bytes <= NAMES_REASON_MAX;

	for (const char *at = reason; good && *at != '\0'; at++)
		good = g_ascii_isprint(*at);
	return good || failure_set(error, FAULT_AZREPO_NAME,
				   "the reason is not 1 to %d printable ASCII characters",
				   NAMES_REASON_MAX);
}
