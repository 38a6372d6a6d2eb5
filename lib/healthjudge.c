/* SPDX-License-Identifier: MIT */
#include "healthjudge.h"

#include <stdio.h>
#include <string.h>

enum {
	NAMES_SHOWN = 4,
	AGE_YEARS_MAX = 40, /* no release is run for longer; a clock that says so is wrong */
	DAY_S = 86400,
	ROUTE_UP = 0x0001, /* RTF_UP */
	ROUTE_REJECT = 0x0200,
};

char *healthjudge_root(const struct healthjudge_root *root, const char *expected)
{
	if (expected == NULL)
		return NULL;
	if (!root->is_verity)
		return g_strdup("the root is not on dm-verity");
	if (root->is_corrupted)
		return g_strdup("dm-verity has met a wrong block of the root");
	if (root->root_hash == NULL)
		return g_strdup("dm-verity does not say which root hash it enforces");
	if (g_ascii_strcasecmp(root->root_hash, expected) != 0)
		return g_strdup_printf("the root has root hash %.16s..., but the running slot's "
				       "release %.16s...",
				       root->root_hash, expected);
	return NULL;
}

static gboolean is_excepted(const char *name, char **except)
{
	for (; except != NULL && *except != NULL; except++)
		if (g_pattern_match_simple(*except, name))
			return TRUE;
	return FALSE;
}

char *healthjudge_failed_units(char **failed, char **except)
{
	g_autoptr(GString) text = g_string_new("failed units: ");
	unsigned count = 0;

	for (; *failed != NULL; failed++) {
		if (is_excepted(*failed, except))
			continue;
		if (count < NAMES_SHOWN)
			g_string_append_printf(text, "%s%s", count > 0 ? ", " : "", *failed);
		count++;
	}
	if (count == 0)
		return NULL;
	if (count > NAMES_SHOWN)
		g_string_append_printf(text, " and %u more", count - NAMES_SHOWN);
	return g_string_free(g_steal_pointer(&text), FALSE);
}

char *healthjudge_network(const struct healthjudge_network *network)
{
	if (network->links == 0)
		return g_strdup("no network interface is up");
	if (network->addresses == 0)
		return g_strdup("no network interface has an address");
	return network->has_route ? NULL : g_strdup("there is no default route");
}

/* Columns: interface, destination, gateway, flags, references, uses, metric, mask, ...; hex. */
gboolean healthjudge_route4(const char *text)
{
	g_auto(GStrv) lines = g_strsplit(text, "\n", 0);

	for (char **line = lines; *line != NULL; line++) {
		unsigned destination, gateway, flags, mask;

		if (sscanf(*line, "%*s %x %x %x %*s %*s %*s %x", &destination, &gateway, &flags,
			   &mask) == 4 &&
		    destination == 0 && mask == 0 && (flags & ROUTE_UP) != 0 &&
		    (flags & ROUTE_REJECT) == 0)
			return TRUE;
	}
	return FALSE;
}

/* Columns: destination, prefix, source, prefix, next hop, metric, references, uses, flags,
 * interface; hex. The kernel's own last resort, which rejects, is on lo. */
gboolean healthjudge_route6(const char *text)
{
	static const char NOWHERE[] = "00000000000000000000000000000000";
	g_auto(GStrv) lines = g_strsplit(text, "\n", 0);

	for (char **line = lines; *line != NULL; line++) {
		char destination[33], interface[33];
		unsigned prefix, flags;

		if (sscanf(*line, "%32s %x %*s %*s %*s %*s %*s %*s %x %32s", destination, &prefix,
			   &flags, interface) == 4 &&
		    strcmp(destination, NOWHERE) == 0 && prefix == 0 && (flags & ROUTE_UP) != 0 &&
		    (flags & ROUTE_REJECT) == 0 && strcmp(interface, "lo") != 0)
			return TRUE;
	}
	return FALSE;
}

gboolean healthjudge_address(const guint8 *bytes, size_t size_bytes)
{
	static const guint8 ZERO[16] = { 0 };

	if (size_bytes == 4)
		return bytes[0] != 0 && bytes[0] != 127 && bytes[0] < 224 &&
		       !(bytes[0] == 169 && bytes[1] == 254);
	if (size_bytes != 16 || memcmp(bytes, ZERO, 15) == 0)
		return FALSE; /* :: and ::1 */
	return bytes[0] != 0xff && !(bytes[0] == 0xfe && (bytes[1] & 0xc0) == 0x80);
}

char *healthjudge_clock(guint64 now_s, guint64 build_s)
{
	const guint64 age_max_s = (guint64)AGE_YEARS_MAX * 366 * DAY_S;

	if (build_s == 0)
		return NULL;
	/* A builder's clock may be ahead by a little. */
	if (now_s + DAY_S < build_s)
		return g_strdup("the clock is before the day on which the running release was "
				"built");
	return now_s > build_s + age_max_s
		       ? g_strdup_printf(
				 "the clock is more than %d years after the day on which the "
				 "running release was built",
				 AGE_YEARS_MAX)
		       : NULL;
}

char *healthjudge_space(guint64 free_mib, unsigned needed_mib)
{
	return free_mib >= needed_mib
		       ? NULL
		       : g_strdup_printf("%" G_GUINT64_FORMAT " MiB are free, %u MiB are needed",
					 free_mib, needed_mib);
}
