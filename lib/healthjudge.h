/* SPDX-License-Identifier: MIT */
#pragma once
/* Health judge: what the built-in checks hold against what they have read. Pure. Each returns NULL
 * if all is well, else what is wrong, to be freed: what follows a check's name and a colon. */

#include <glib.h>

/* What the device mapper says of the root. */
struct healthjudge_root {
	gboolean is_verity;
	gboolean is_corrupted; /* a wrong block was met */
	char *root_hash;       /* hex; NULL: not known */
};
/* expected NULL: the machine runs from no slot, and nothing is expected. */
char *healthjudge_root(const struct healthjudge_root *root, const char *expected);

/* Patterns are of the form *.mount; NULL: none. */
char *healthjudge_failed_units(char **failed, char **except);

struct healthjudge_network {
	unsigned links;     /* that are up, but for the loopback */
	unsigned addresses; /* on those, that are not only of the link */
	gboolean has_route; /* a default route, of either family */
};
char *healthjudge_network(const struct healthjudge_network *network);
/* Whether /proc/net/route, or ipv6_route, has a default route that is up. */
gboolean healthjudge_route4(const char *text);
gboolean healthjudge_route6(const char *text);
/* Whether an address of 4 or 16 bytes serves for more than this host and this link. */
gboolean healthjudge_address(const guint8 *bytes, size_t size_bytes);

/* Seconds since 1970; build_s 0: not known. */
char *healthjudge_clock(guint64 now_s, guint64 build_s);
char *healthjudge_space(guint64 free_mib, unsigned needed_mib);
