/* SPDX-License-Identifier: MIT */
#include "fleetid.h"

#include <string.h>

#include "failure.h"
#include "tap.h"
#include "tempdir.h"

/* By Python: hmac.new(bytes.fromhex(machine), bytes.fromhex(application), "sha256"), 16 bytes,
 * version and variant set; and the same by systemd-id128 of systemd 252 for this machine's own. */
static void test_known(void)
{
	char id[FLEETID_SIZE];

	expect(fleetid_derive("0123456789abcdef0123456789abcdef\n", id, NULL));
	expect(strcmp(id, "4580a43cf9cb45cab630486a05f7e11f") == 0);
	expect(fleetid_derive("0123456789ABCDEF0123456789ABCDEF", id, NULL));
	expect(strcmp(id, "4580a43cf9cb45cab630486a05f7e11f") == 0);
}

static void test_refused(void)
{
	static const char *const TEXTS[] = {
		"",
		"\n",
		"uninitialized\n",
		"0123456789abcdef0123456789abcde\n",
		"0123456789abcdef0123456789abcdef0",
		"0123456789abcdef0123456789abcdef\n\n",
		"0123456789abcdef0123456789abcdeg",
		"01234567-89ab-cdef-0123-456789abcdef",
		"00000000000000000000000000000000\n",
	};

	for (size_t i = 0; i < G_N_ELEMENTS(TEXTS); i++) {
		char id[FLEETID_SIZE] = "untouched";
		g_autoptr(GError) error = NULL;

		expect(!fleetid_derive(TEXTS[i], id, &error));
		expect(error != NULL && failure_code(error) == FAULT_FLEET_ID);
		expect(strcmp(id, "untouched") == 0);
	}
}

static void test_file(void)
{
	char *folder = tempdir_new();
	g_autofree char *good = g_build_filename(folder, "machine-id", NULL);
	g_autofree char *missing = g_build_filename(folder, "none", NULL);
	g_autofree char *large = g_build_filename(folder, "large", NULL);
	g_autofree char *text = g_strnfill(4096, 'a');
	g_autoptr(GError) error = NULL;
	char id[FLEETID_SIZE];

	expect(tempdir_write(folder, "machine-id", "fedcba9876543210fedcba9876543210\n", 0644));
	expect(tempdir_write(folder, "large", text, 0644));
	expect(fleetid_load(good, id, NULL) && strlen(id) == 32);
	expect(!fleetid_load(large, id, NULL));
	expect(!fleetid_load(missing, id, &error));
	expect(error != NULL && strstr(error->message, missing) != NULL);
	tempdir_free(folder);
}

static void test_boot(void)
{
	char first[FLEETID_SIZE];
	char second[FLEETID_SIZE];

	expect(fleetid_boot(first, NULL) && fleetid_boot(second, NULL));
	expect(strlen(first) == 32 && strcmp(first, second) == 0);
}

static const struct tap_case CASES[] = {
	{ "a known id", test_known },
	{ "what is no machine-id is refused", test_refused },
	{ "the file", test_file },
	{ "the boot's id stays", test_boot },
};
TAP_MAIN(CASES)
