/* SPDX-License-Identifier: MIT */
#include "healthstate.h"

#include <string.h>

#include "tap.h"
#include "tempdir.h"

static void test_round(void)
{
	char *folder = tempdir_new();

	for (unsigned kind = 0; kind < HEALTHSTATE_KIND_COUNT; kind++) {
		const struct healthstate state = { .kind = (enum healthstate_kind)kind,
						   .version = "2.0~rc1",
						   .slot = "b",
						   .time_us = 1234567890123456 };
		struct healthstate again;

		expect(healthstate_save(folder, &state, NULL));
		again = healthstate_load(folder);
		expect(again.kind == state.kind && again.time_us == state.time_us);
		expect(strcmp(again.version, "2.0~rc1") == 0 && strcmp(again.slot, "b") == 0);
	}
	tempdir_free(folder);
}

static void test_bodies(void)
{
	const struct healthstate state = {
		.kind = HEALTHSTATE_UNHEALTHY, .version = "2.0", .slot = "b", .time_us = 7
	};
	g_autofree char *body = healthstate_body(&state);
	g_autofree char *azure = healthstate_azure_body(&state);

	expect(strcmp(body, "{\"state\":\"unhealthy\",\"version\":\"2.0\",\"slot\":\"b\","
			    "\"time_us\":7}\n") == 0);
	expect(strcmp(azure, "{\"ApplicationHealthState\": \"Unhealthy\"}\n") == 0);
}

/* Whatever stands there, nothing is healthy by mistake. */
static void test_damaged(void)
{
	static const char *const TEXTS[] = {
		"",
		"{",
		"[\"healthy\"]",
		"{\"state\": 1}",
		"{\"state\": \"Healthy\"}",
		"{\"state\": \"healthy\", \"state\": \"healthy\"}",
		"{\"version\": {}, \"slot\": 3, \"time_us\": \"x\"}",
	};
	g_autofree char *flood = g_strnfill(2 * HEALTHSTATE_FILE_MAX, ' ');
	g_autofree char *large = g_strconcat("{\"state\": \"healthy\"}", flood, NULL);
	char *folder = tempdir_new();

	expect(healthstate_load(folder).kind == HEALTHSTATE_INITIALIZING);
	for (size_t i = 0; i < G_N_ELEMENTS(TEXTS); i++) {
		expect(tempdir_write(folder, "health-state.json", TEXTS[i], 0644));
		expect(healthstate_load(folder).kind == HEALTHSTATE_INITIALIZING);
	}
	expect(tempdir_write(folder, "health-state.json", large, 0644));
	expect(healthstate_load(folder).kind == HEALTHSTATE_INITIALIZING);
	tempdir_free(folder);
}

static const struct tap_case CASES[] = {
	{ "what is written is read", test_round },
	{ "what is answered", test_bodies },
	{ "damaged files", test_damaged },
};
TAP_MAIN(CASES)
