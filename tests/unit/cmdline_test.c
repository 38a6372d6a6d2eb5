/* SPDX-License-Identifier: MIT */
#include "cmdline.h"

#include <stdio.h>
#include <string.h>

#include "tap.h"

#define HASH "00112233445566778899aabbccddeeff00112233445566778899AABBCCDDEEFF"

static void test_values(void)
{
	struct cmdline cmdline;

	expect(cmdline_parse("quiet roothash=" HASH "\tazupdate.blocks=16777216 ro\n", &cmdline) ==
	       FAULT_OK);
	expect(cmdline.data_blocks == 16777216);
	expect(cmdline.root_hash[0] == 0 && cmdline.root_hash[9] == 0x99);
	expect(cmdline.root_hash[31] == 0xff);
	expect(strcmp(cmdline.fstype, "erofs") == 0 && strcmp(cmdline.init, "/sbin/init") == 0);
	expect(cmdline_parse("roothash=" HASH " azupdate.blocks=1 rootfstype=ext4 init=/x init=/y",
			     &cmdline) == FAULT_OK);
	expect(strcmp(cmdline.fstype, "ext4") == 0 && strcmp(cmdline.init, "/y") == 0);
}

static void test_refused(void)
{
	static const struct {
		const char *text;
		fault why;
	} ROWS[] = {
		{ "", FAULT_ROOT_CMDLINE },
		{ "azupdate.blocks=1", FAULT_ROOT_CMDLINE },
		{ "azupdate.blocks=1 roothash", FAULT_ROOT_CMDLINE },
		{ "azupdate.blocks=1 roothash=", FAULT_ROOT_CMDLINE },
		{ "azupdate.blocks=1 roothash=0" HASH, FAULT_ROOT_CMDLINE },
		{ "azupdate.blocks=1 xroothash=" HASH, FAULT_ROOT_CMDLINE },
		{ "azupdate.blocks=1 roothash=" HASH " roothash=" HASH, FAULT_ROOT_CMDLINE },
		{ "azupdate.blocks=1 -- roothash=" HASH, FAULT_ROOT_CMDLINE },
		{ "azupdate.blocks=1 x=\"a roothash=" HASH " b\"", FAULT_ROOT_CMDLINE },
		{ "roothash=" HASH, FAULT_ROOT_BLOCKS },
		{ "roothash=" HASH " azupdate.blocks=", FAULT_ROOT_BLOCKS },
		{ "roothash=" HASH " azupdate.blocks=0", FAULT_ROOT_BLOCKS },
		{ "roothash=" HASH " azupdate.blocks=-1", FAULT_ROOT_BLOCKS },
		{ "roothash=" HASH " azupdate.blocks=1x", FAULT_ROOT_BLOCKS },
		{ "roothash=" HASH " azupdate.blocks=16777217", FAULT_ROOT_BLOCKS },
		{ "roothash=" HASH " azupdate.blocks=99999999999999999999999", FAULT_ROOT_BLOCKS },
		{ "roothash=" HASH " azupdate.blocks=2 azupdate.blocks=2", FAULT_ROOT_BLOCKS },
	};
	struct cmdline cmdline = { .data_blocks = 77 };

	for (unsigned i = 0; i < sizeof ROWS / sizeof ROWS[0]; i++) {
		expect(cmdline_parse(ROWS[i].text, &cmdline) == ROWS[i].why);
		expect(cmdline.data_blocks == 77);
	}
}

/* Each digit of the hash counts: none may be anything but a hex digit. */
static void test_each_digit(void)
{
	struct cmdline cmdline;
	char text[] = "azupdate.blocks=1 roothash=" HASH;
	char *hash = strstr(text, "roothash=") + strlen("roothash=");

	for (unsigned i = 0; i < 64; i++) {
		const char kept = hash[i];

		hash[i] = 'g';
		expect(cmdline_parse(text, &cmdline) == FAULT_ROOT_CMDLINE);
		hash[i] = kept;
	}
	expect(cmdline_parse(text, &cmdline) == FAULT_OK);
}

/* A value that does not fit is not cut short. */
static void test_long_values(void)
{
	struct cmdline cmdline;
	char text[1024];

	snprintf(text, sizeof text, "roothash=%s azupdate.blocks=1 rootfstype=%015d init=/%0254d",
		 HASH, 1, 1);
	expect(cmdline_parse(text, &cmdline) == FAULT_OK);
	expect(strlen(cmdline.fstype) == 15 && strlen(cmdline.init) == 255);
	snprintf(text, sizeof text, "roothash=%s azupdate.blocks=1 rootfstype=%016d init=/%0255d",
		 HASH, 1, 1);
	expect(cmdline_parse(text, &cmdline) == FAULT_OK);
	expect(strcmp(cmdline.fstype, "erofs") == 0 && strcmp(cmdline.init, "/sbin/init") == 0);
}

/* FEC is a help: what it is not, is none, and no boot ends for it. */
static void test_fec(void)
{
	static const struct {
		const char *text;
		unsigned roots;
	} ROWS[] = {
		{ "", 0 },
		{ " azupdate.fec=2", 2 },
		{ " azupdate.fec=24 quiet", 24 },
		{ " azupdate.fec=1", 0 },
		{ " azupdate.fec=25", 0 },
		{ " azupdate.fec=", 0 },
		{ " azupdate.fec", 0 },
		{ " azupdate.fec=2x", 0 },
		{ " azupdate.fec=-2", 0 },
		{ " azupdate.fec=18446744073709551618", 0 },
		{ " azupdate.fec=2 azupdate.fec=3", 0 },
		{ " -- azupdate.fec=2", 0 },
	};

	for (unsigned i = 0; i < sizeof ROWS / sizeof ROWS[0]; i++) {
		struct cmdline cmdline;
		char text[256];

		snprintf(text, sizeof text, "roothash=%s azupdate.blocks=1%s", HASH, ROWS[i].text);
		expect(cmdline_parse(text, &cmdline) == FAULT_OK);
		expect(cmdline.fec_roots == ROWS[i].roots && cmdline.data_blocks == 1);
	}
}

static void test_watchdog(void)
{
	struct cmdline cmdline;

	expect(cmdline_parse("roothash=" HASH " azupdate.blocks=1", &cmdline) == FAULT_OK);
	expect(cmdline.watchdog_s == 0);
	expect(cmdline_parse("roothash=" HASH " azupdate.blocks=1 azupdate.watchdog=60",
			     &cmdline) == FAULT_OK);
	expect(cmdline.watchdog_s == 60);
}

static void test_etc(void)
{
	static const char START[] = "roothash=" HASH " azupdate.blocks=1";
	struct cmdline cmdline;

	expect(cmdline_parse(START, &cmdline) == FAULT_OK && !cmdline.etc_overlay);
	expect(cmdline_parse("roothash=" HASH " azupdate.blocks=1 -- azupdate.etc=overlay",
			     &cmdline) == FAULT_OK &&
	       !cmdline.etc_overlay);
	expect(cmdline_parse("roothash=" HASH " azupdate.blocks=1 azupdate.etc=overlay",
			     &cmdline) == FAULT_OK &&
	       cmdline.etc_overlay && !cmdline.var_encrypted);
	expect(cmdline_parse("roothash=" HASH " azupdate.blocks=1 azupdate.etc=overlai",
			     &cmdline) == FAULT_OK &&
	       cmdline.etc_overlay);
}

/* Only the very word, and nothing beside it, makes a boot go on without its changes. */
static void test_etc_or_defaults(void)
{
	static const char *const STRICT[] = {
		" azupdate.etc=overlay",
		" azupdate.etc",
		" azupdate.etc=",
		" azupdate.etc=overlay-or-default",
		" azupdate.etc=overlay-or-defaults2",
		" azupdate.etc=Overlay-or-defaults",
		" azupdate.etc=overlay azupdate.etc=overlay-or-defaults",
		" azupdate.etc=overlay-or-defaults azupdate.etc=overlay-or-defaults",
		" -- azupdate.etc=overlay-or-defaults",
	};
	struct cmdline cmdline;

	expect(cmdline_parse("azupdate.etc=overlay-or-defaults roothash=" HASH " azupdate.blocks=1",
			     &cmdline) == FAULT_OK);
	expect(cmdline.etc_overlay && cmdline.etc_or_defaults);
	for (unsigned i = 0; i < sizeof STRICT / sizeof STRICT[0]; i++) {
		char text[512];

		snprintf(text, sizeof text, "roothash=%s azupdate.blocks=1%s", HASH, STRICT[i]);
		expect(cmdline_parse(text, &cmdline) == FAULT_OK && !cmdline.etc_or_defaults);
	}
}

static void test_var(void)
{
	static const char START[] = "roothash=" HASH " azupdate.blocks=1";
	static const char *const ENCRYPTED[] = { " azupdate.var=encrypted",
						 " azupdate.var=Encrypted", " azupdate.var=",
						 " azupdate.var=x azupdate.var=y" };
	struct cmdline cmdline;

	expect(cmdline_parse(START, &cmdline) == FAULT_OK && !cmdline.var_encrypted);
	expect(cmdline_parse("roothash=" HASH " azupdate.blocks=1 -- azupdate.var=encrypted",
			     &cmdline) == FAULT_OK &&
	       !cmdline.var_encrypted);
	for (unsigned i = 0; i < sizeof ENCRYPTED / sizeof ENCRYPTED[0]; i++) {
		char text[256];

		snprintf(text, sizeof text, "%s%s", START, ENCRYPTED[i]);
		expect(cmdline_parse(text, &cmdline) == FAULT_OK && cmdline.var_encrypted);
	}
}

static const struct tap_case CASES[] = {
	{ "changes of /etc", test_etc },     { "changes of /etc, or not", test_etc_or_defaults },
	{ "encrypted var", test_var },       { "values", test_values },
	{ "refused", test_refused },         { "each digit", test_each_digit },
	{ "long values", test_long_values }, { "fec", test_fec },
	{ "watchdog", test_watchdog },
};
TAP_MAIN(CASES)
