/* SPDX-License-Identifier: MIT */
#include "fleetlock.h"

#include <string.h>

#include "tap.h"

static struct fleetlock_answer decode(unsigned status, const char *body)
{
	return fleetlock_decode(status, body, strlen(body));
}

static void test_encode(void)
{
	g_autofree char *body = fleetlock_encode("c0ffee", "web.eu-1");

	expect(strcmp(body, "{\"client_params\":{\"id\":\"c0ffee\",\"group\":\"web.eu-1\"}}") == 0);
}

static void test_groups(void)
{
	g_autofree char *longest = g_strnfill(FLEETLOCK_GROUP_MAX, 'a');
	g_autofree char *longer = g_strnfill(FLEETLOCK_GROUP_MAX + 1, 'a');

	expect(fleetlock_group_is_valid("default") && fleetlock_group_is_valid("A-z.9"));
	expect(fleetlock_group_is_valid(longest) && !fleetlock_group_is_valid(longer));
	expect(!fleetlock_group_is_valid("") && !fleetlock_group_is_valid("a_b"));
	expect(!fleetlock_group_is_valid("a/b") && !fleetlock_group_is_valid("\xc3\xa4"));
}

/* 200 alone is a lock; what a full semaphore gives, and what a broken server does, passes. */
static void test_statuses(void)
{
	for (unsigned status = 200; status < 600; status++) {
		const gboolean later = (status > 200 && status < 300) || status >= 500 ||
				       status == 408 || status == 409 || status == 423 ||
				       status == 425 || status == 429;
		const enum fleetlock_outcome wanted = status == 200 ? FLEETLOCK_GRANTED
						      : later       ? FLEETLOCK_LATER
								    : FLEETLOCK_REFUSED;

		expect(decode(status, "").outcome == wanted);
		expect(decode(status, "{\"kind\":\"x\",\"value\":\"y\"}").outcome == wanted);
	}
}

static void test_kinds(void)
{
	const struct fleetlock_answer full = decode(
		500, "{\"kind\":\"failed_lock\",\"value\":\"all 1 semaphore slots currently "
		     "locked\",\"more\":[1]}");
	g_autofree char *nul = g_strdup("{\"kind\":\"a\"}");

	expect(strcmp(full.kind, "failed_lock") == 0);
	expect(strcmp(full.value, "all 1 semaphore slots currently locked") == 0);
	expect(strcmp(decode(500, "{\"kind\":\"two words\",\"value\":\"\"}").kind, "") == 0);
	expect(strcmp(decode(500, "{\"kind\":7,\"value\":{}}").value, "") == 0);
	expect(strcmp(decode(500, "{\"kind\":\"a\",\"kind\":\"b\"}").kind, "") == 0);
	expect(strcmp(decode(400, "{\"value\":\"a\\u001b[2Jb\\nc\"}").value, "a [2Jb c") == 0);
	expect(strcmp(decode(500, "[]").kind, "") == 0 && strcmp(decode(500, "{").kind, "") == 0);
	expect(strcmp(fleetlock_decode(500, nul, 4).kind, "") == 0);
}

/* A long answer is cut, and not in the middle of a character. */
static void test_long(void)
{
	g_autofree char *kind = g_strnfill(FLEETLOCK_KIND_MAX + 1, 'k');
	g_autofree char *filling = g_strnfill(FLEETLOCK_VALUE_MAX - 1, 'v');
	g_autofree char *body = g_strdup_printf("{\"kind\":\"%s\",\"value\":\"%s\xc3\xa4\"}", kind,
						filling);
	const struct fleetlock_answer answer = decode(500, body);

	expect(strcmp(answer.kind, "") == 0);
	expect(strcmp(answer.value, filling) == 0);
}

static void test_portal(void)
{
	expect(decode(200, " \n<!DOCTYPE html><html>log in</html>").outcome == FLEETLOCK_LATER);
	expect(decode(200, "released").outcome == FLEETLOCK_GRANTED);
	expect(decode(200, "   ").outcome == FLEETLOCK_GRANTED);
}

/* All situations, by the rules in other words. */
static void test_release(void)
{
	unsigned releases = 0;

	for (unsigned i = 0; i < 32; i++) {
		const struct fleetlock_situation situation = {
			.asked = i & 1,
			.asked_this_boot = (i & 2) != 0,
			.told_this_boot = (i & 4) != 0,
			.committed = (i & 8) != 0,
			.reboot_wanted = (i & 16) != 0,
		};
		const gboolean due = fleetlock_release_is_due(&situation);

		releases += due ? 1 : 0;
		if (!situation.committed)
			expect(!due); /* a release on trial keeps its machine's lock */
		else if (situation.asked && situation.asked_this_boot && situation.reboot_wanted)
			expect(!due); /* the reboot is still to come */
		else if (situation.asked)
			expect(due); /* it came, or was called off */
		else
			expect(due == !situation.told_this_boot);
	}
	expect(releases == 10);
}

static const struct tap_case CASES[] = {
	{ "the request", test_encode },      { "groups", test_groups },
	{ "statuses", test_statuses },       { "kinds and sentences", test_kinds },
	{ "long answers", test_long },       { "a page of HTML is no lock", test_portal },
	{ "when to release", test_release },
};
TAP_MAIN(CASES)
