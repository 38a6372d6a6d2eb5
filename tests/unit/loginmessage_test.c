/* SPDX-License-Identifier: MIT */
#include "loginmessage.h"

#include <string.h>

#include "tap.h"

static gboolean says(const struct loginmessage *message, const char *wanted)
{
	g_autofree char *text = loginmessage_text(message);

	if (g_strcmp0(text, wanted) == 0)
		return TRUE;
	printf("# %s\n", text != NULL ? text : "nothing");
	return FALSE;
}

static void test_nothing(void)
{
	const struct loginmessage as_it_should_be = {
		.running = "1.0", .next = "1.0", .floor = 3, .floor_request = 3
	};
	const struct loginmessage without_a_floor = { .running = "1.0",
						      .next = "1.0",
						      .floor_request = 3 };
	const struct loginmessage not_from_a_slot = { .held = TRUE };

	expect(says(&as_it_should_be, NULL));
	expect(says(&without_a_floor, NULL));
	expect(says(&not_from_a_slot, NULL));
}

static void test_lines(void)
{
	const struct loginmessage trial = {
		.running = "2.0", .next = "2.0", .on_trial = TRUE, .tries_left = 1
	};
	const struct loginmessage left = { .running = "1.0",
					   .next = "1.0",
					   .left = "2.0",
					   .left_reason = "check \"net\" failed" };
	const struct loginmessage reboots = { .running = "1.0", .next = "2.0", .reboots = TRUE };
	const struct loginmessage stuck = { .running = "1.0" };
	const struct loginmessage held = {
		.running = "1.0", .next = "1.0", .held = TRUE, .held_reason = "inventory"
	};
	const struct loginmessage etc = { .running = "1.0",
					  .next = "1.0",
					  .etc = "local changes are lost: \n\033x" };
	const struct loginmessage floor = {
		.running = "1.0", .next = "1.0", .floor = 3, .floor_request = 4
	};

	expect(says(&trial, "azupdate: Version 2.0 is on trial: its health checks have not passed "
			    "yet, 1 try left.\n"));
	expect(says(&left, "azupdate: Version 2.0 failed on this machine, version 1.0 runs: check "
			   "\"net\" failed\n"));
	expect(says(&reboots, "azupdate: Version 2.0 starts with the next reboot.\n"));
	expect(says(&stuck, "azupdate: No slot can be booted: install a release before you "
			    "reboot.\n"));
	expect(says(&etc, "azupdate: Local changes are lost:   x\n"));
	expect(says(&held, "azupdate: Updates are held: inventory\n"));
	expect(says(&floor, "azupdate: The floor rises to security version 4 with a coming "
			    "boot.\n"));
}

/* Never more than three lines, whatever is the matter. The one about /etc comes first, since what
 * keeps others out may not be in force; then that about the trial. */
static void test_limits(void)
{
	g_autofree char *flood = g_strnfill(100000, 'x');
	const struct loginmessage all = {
		.running = "2.0",
		.on_trial = TRUE,
		.left = "3.0",
		.left_reason = flood,
		.next = "1.0",
		.reboots = TRUE,
		.held = TRUE,
		.held_until_s = 1,
		.held_reason = flood,
		.floor_request = 7,
	};
	struct loginmessage more = all;
	g_autofree char *text = loginmessage_text(&all);
	g_autofree char *other = (more.etc = flood, loginmessage_text(&more));
	unsigned lines = 0;

	for (const char *at = text; *at != '\0'; at++)
		lines += *at == '\n';
	expect(lines == LOGINMESSAGE_LINES_MAX && strlen(text) < 1000);
	expect(g_str_has_prefix(text, "azupdate: Version 2.0 is on trial"));
	expect(g_str_has_prefix(other, "azupdate: Xxx") && strlen(other) < 1000);
	expect(strstr(other, "\nazupdate: Version 2.0 is on trial") != NULL);
}

static void test_hostile(void)
{
	const struct loginmessage message = { .running = "1\033[2J",
					      .next = "1",
					      .left = "\xff\xfe\n\n\n\\n",
					      .left_reason = "a\\4b\r\n\aroot login:\n" };
	g_autofree char *text = loginmessage_text(&message);
	g_autofree char *issue = loginmessage_issue(text);

	expect(g_utf8_validate(text, -1, NULL));
	expect(strchr(text, '\n') == text + strlen(text) - 1);
	for (const char *at = text; at[1] != '\0'; at++)
		expect((unsigned char)*at >= ' ' && *at != 127);
	expect(strchr(issue, '\\') == NULL && strlen(issue) == strlen(text));
}

static const struct tap_case CASES[] = {
	{ "nothing to say", test_nothing },
	{ "each line", test_lines },
	{ "three lines at most", test_limits },
	{ "hostile words", test_hostile },
};
TAP_MAIN(CASES)
