/* SPDX-License-Identifier: MIT */
#include "plantext.h"

#include <stdio.h>

#include "amount.h"
#include "terminal.h"

struct column {
	const char *title;
	const char *member;
};

static const struct column COLUMNS[] = {
	{ "there", "keep_bytes" },    { "zeros", "zero_bytes" },     { "copied", "copy_bytes" },
	{ "by delta", "make_bytes" }, { "in full", "decode_bytes" }, { "to fetch", "frame_bytes" },
};

static void titles_print(gboolean is_url)
{
	printf("\n%-5s %-6s", "", "delta");
	for (size_t i = 0; i < G_N_ELEMENTS(COLUMNS); i++)
		printf(" %11s", COLUMNS[i].title);
	puts(is_url ? " requests" : "");
}

static void payload_print(GVariant *payload, gboolean is_url)
{
	gboolean is_delta = FALSE;
	const char *name = "?";

	g_variant_lookup(payload, "name", "&s", &name);
	g_variant_lookup(payload, "delta", "b", &is_delta);
	printf("%-5s %-6s", name, is_delta ? "yes" : "no");
	for (size_t i = 0; i < G_N_ELEMENTS(COLUMNS); i++) {
		g_autofree char *size = amount_of(payload, COLUMNS[i].member);

		printf(" %11s", size);
	}
	if (is_url)
		printf(" %8" G_GUINT64_FORMAT, amount_get(payload, "requests"));
	putchar('\n');
}

static void static_print(GVariant *result)
{
	const guint64 parts = amount_get(result, "static_parts");
	g_autofree char *delta = amount_of(result, "static_bytes");
	g_autofree char *objects = amount_of(result, "static_object_bytes");

	if (parts > 0)
		printf("\nA static delta is used: %" G_GUINT64_FORMAT
		       " %s of it, %s, instead of objects of %s.\n",
		       parts, parts == 1 ? "part" : "parts", delta, objects);
}

void plantext_print(GVariant *result, gboolean is_url)
{
	g_autoptr(GVariant)
		payloads = g_variant_lookup_value(result, "payloads", G_VARIANT_TYPE("aa{sv}"));
	g_autofree char *all = amount_of(result, "fetch_bytes");
	g_autofree char *head = amount_of(result, "head_bytes");
	const char *slot = "?", *version = "?";
	g_autofree char *clean = NULL;
	guint64 requests = 0;

	g_variant_lookup(result, "slot", "&s", &slot);
	g_variant_lookup(result, "version", "&s", &version);
	clean = terminal_clean(version);
	printf("Version %s would go into slot %s. Nothing was written.\n", clean, slot);
	titles_print(is_url);
	for (gsize i = 0; payloads != NULL && i < g_variant_n_children(payloads); i++) {
		g_autoptr(GVariant) payload = g_variant_get_child_value(payloads, i);

		payload_print(payload, is_url);
		requests += amount_get(payload, "requests");
	}
	printf("\n%s of the bundle are needed, with the %s that this plan took", all, head);
	if (is_url)
		printf("; %" G_GUINT64_FORMAT " %s for the rest", requests,
		       requests == 1 ? "request" : "requests");
	puts(".");
	static_print(result);
}
