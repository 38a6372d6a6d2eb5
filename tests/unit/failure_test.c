/* SPDX-License-Identifier: MIT */
#include "failure.h"

#include <gio/gio.h>
#include <string.h>

#include "tap.h"

static void test_carries(void)
{
	g_autoptr(GError) error = NULL;
	g_autofree char *text = NULL;

	expect(!failure_set(&error, FAULT_PART_SMALL, "root_b has %d bytes", 7));
	expect(failure_code(error) == FAULT_PART_SMALL);
	text = failure_describe(error);
	expect(g_str_has_prefix(text, "root_b has 7 bytes (fault 513 PART_SMALL: make the "));
	expect(g_str_has_suffix(text, ")"));
}

static void test_foreign(void)
{
	g_autoptr(GError) error = g_error_new_literal(G_IO_ERROR, G_IO_ERROR_FAILED, "odd");
	g_autofree char *text = NULL;

	expect(failure_code(error) == FAULT_ARGUMENT);
	text = failure_describe(error);
	expect(strcmp(text, "odd") == 0);
	expect(!failure_set(NULL, FAULT_ARGUMENT, "nobody listens"));
}

static const struct tap_case CASES[] = {
	{ "carries number and sentence", test_carries },
	{ "errors of others", test_foreign },
};
TAP_MAIN(CASES)
