/* SPDX-License-Identifier: MIT */
#include "osrel.h"

#include <string.h>

#include "tap.h"

static void test_find(void)
{
	static const struct {
		const char *text, *field, *value;
	} ROWS[] = {
		{ "ID=azl\nVERSION_ID=4.0\n", "ID", "azl" },
		{ "ID=azl\nVERSION_ID=4.0", "VERSION_ID", "4.0" },
		{ "NAME=\"Azure Linux\"\n", "NAME", "Azure Linux" },
		{ "NAME='x'\n", "NAME", "x" },
		{ "XID=1\nID=2\n", "ID", "2" },
		{ "NAME=\"\n", "NAME", "\"" },
		{ "ID=\n", "ID", "" },
		{ "IDX=1\n", "ID", NULL },
		{ "ID", "ID", NULL },
		{ "", "ID", NULL },
	};

	for (unsigned i = 0; i < sizeof ROWS / sizeof ROWS[0]; i++) {
		const uint8_t *value = NULL;
		size_t size = 0;
		const fault why = osrel_find((const uint8_t *)ROWS[i].text, strlen(ROWS[i].text),
					     ROWS[i].field, &value, &size);

		expect((why == FAULT_OK) == (ROWS[i].value != NULL));
		if (why == FAULT_OK && ROWS[i].value != NULL)
			expect(size == strlen(ROWS[i].value) &&
			       memcmp(value, ROWS[i].value, size) == 0);
	}
}

static void test_security_version(void)
{
	static const struct {
		const char *text;
		fault why;
		uint64_t version;
	} ROWS[] = {
		{ "ID=x\n", FAULT_OK, 0 },
		{ "AZUPDATE_SECURITY_VERSION=7\n", FAULT_OK, 7 },
		{ "AZUPDATE_SECURITY_VERSION=\"12\"", FAULT_OK, 12 },
		{ "AZUPDATE_SECURITY_VERSION=999999999999999999\n", FAULT_OK, 999999999999999999 },
		{ "AZUPDATE_SECURITY_VERSION=1000000000000000000\n", FAULT_OSREL_NUMBER, 42 },
		{ "AZUPDATE_SECURITY_VERSION=\n", FAULT_OSREL_NUMBER, 42 },
		{ "AZUPDATE_SECURITY_VERSION=-1\n", FAULT_OSREL_NUMBER, 42 },
		{ "AZUPDATE_SECURITY_VERSION=0x1\n", FAULT_OSREL_NUMBER, 42 },
	};

	for (unsigned i = 0; i < sizeof ROWS / sizeof ROWS[0]; i++) {
		uint64_t version = 42;

		expect(osrel_security_version((const uint8_t *)ROWS[i].text, strlen(ROWS[i].text),
					      &version) == ROWS[i].why);
		expect(version == ROWS[i].version);
	}
}

static const struct tap_case CASES[] = {
	{ "fields", test_find },
	{ "security version", test_security_version },
};
TAP_MAIN(CASES)
