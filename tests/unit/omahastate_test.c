/* SPDX-License-Identifier: MIT */
#include "omahastate.h"

#include <string.h>

#include "tap.h"
#include "tempdir.h"

static gboolean step(struct omahastate *state, enum omaha_event event)
{
	const struct omaha_step taken = { event, "2.0.0", event == OMAHA_COMPLETE ? "1.0.0" : NULL,
					  event == OMAHA_FAILED ? FAULT_HEALTH_REQUIRED
								: FAULT_OK };

	return omahastate_step(state, &taken);
}

static void test_good_end(void)
{
	static const enum omaha_event EVENTS[] = { OMAHA_DOWNLOAD_STARTED, OMAHA_DOWNLOAD_FINISHED,
						   OMAHA_INSTALLED, OMAHA_COMPLETE };
	struct omahastate state = { 0 };

	expect(omahastate_grant(&state, "2.0.0") && !omahastate_grant(&state, "2.0.0"));
	for (unsigned i = 0; i < G_N_ELEMENTS(EVENTS); i++) {
		expect(step(&state, EVENTS[i]));
		expect(!step(&state, EVENTS[i])); /* noted already */
		expect(state.count == i + 1 && state.pending[i].event == EVENTS[i]);
	}
	expect(strcmp(state.pending[3].previous, "1.0.0") == 0);
	expect(state.phase == OMAHASTATE_NONE && state.version[0] == '\0');
}

/* From each phase each event, against the rules in other words: a step goes on or ends, and what
 * was never advised is not told. */
static void test_steps(void)
{
	for (unsigned phase = 0; phase < OMAHASTATE_PHASE_COUNT; phase++)
		for (unsigned event = 0; event < OMAHA_EVENT_COUNT; event++) {
			struct omahastate state = { .phase = (enum omahastate_phase)phase };
			const gboolean end = event == OMAHA_COMPLETE || event == OMAHA_FAILED;
			/* DOWNLOAD_STARTED is 0 and leads to phase 2, and so on. */
			const gboolean wanted = phase > 0 && (end || event + 2 > phase);

			if (phase > 0)
				strcpy(state.version, "2.0.0");
			expect(step(&state, (enum omaha_event)event) == wanted);
			expect(state.count == (wanted ? 1 : 0));
			expect(state.phase == (!wanted ? phase : end ? 0 : event + 2));
			expect((state.phase == 0) == (state.version[0] == '\0'));
		}
}

/* What was installed from elsewhere is not this server's business. */
static void test_other_version(void)
{
	struct omahastate state = { 0 };

	expect(omahastate_grant(&state, "2.0.1"));
	expect(!step(&state, OMAHA_DOWNLOAD_STARTED) && !step(&state, OMAHA_FAILED));
	expect(state.phase == OMAHASTATE_GRANTED && state.count == 0);
}

/* While it goes on, the same advice does not set it back; another one starts anew. */
static void test_grants(void)
{
	struct omahastate state = { 0 };

	omahastate_grant(&state, "2.0.0");
	step(&state, OMAHA_DOWNLOAD_STARTED);
	expect(!omahastate_grant(&state, "2.0.0") && state.phase == OMAHASTATE_DOWNLOADING);
	expect(omahastate_grant(&state, "3.0.0") && state.phase == OMAHASTATE_GRANTED);
	expect(!step(&state, OMAHA_DOWNLOAD_FINISHED));
}

static void test_give_up(void)
{
	for (unsigned phase = 0; phase < OMAHASTATE_PHASE_COUNT; phase++)
		for (unsigned force = 0; force < 2; force++) {
			struct omahastate state = { .phase = (enum omahastate_phase)phase,
						    .version = "2.0.0" };
			const gboolean wanted = force == 1 || phase > OMAHASTATE_GRANTED;

			expect(omahastate_give_up(&state, force == 1) == wanted);
			expect(state.count == (wanted ? 1 : 0));
			expect(!wanted || (state.phase == OMAHASTATE_NONE &&
					   state.pending[0].event == OMAHA_FAILED));
		}
}

/* The newest are kept. */
static void test_many(void)
{
	struct omahastate state = { 0 };

	for (unsigned i = 0; i < OMAHA_PENDING_MAX; i++) {
		omahastate_grant(&state, "2.0.0");
		step(&state, OMAHA_DOWNLOAD_STARTED);
		step(&state, i + 1 == OMAHA_PENDING_MAX ? OMAHA_COMPLETE : OMAHA_FAILED);
	}
	expect(state.count == OMAHA_PENDING_MAX);
	expect(state.pending[OMAHA_PENDING_MAX - 1].event == OMAHA_COMPLETE);
	expect(state.pending[OMAHA_PENDING_MAX - 2].event == OMAHA_DOWNLOAD_STARTED);
}

static void test_file(void)
{
	char *folder = tempdir_new();
	struct omahastate state = { 0 };
	struct omahastate read;

	omahastate_load(folder, &read);
	expect(read.phase == OMAHASTATE_NONE && read.count == 0);
	omahastate_grant(&state, "2.0.0");
	step(&state, OMAHA_FAILED);
	omahastate_grant(&state, "2.0.0");
	step(&state, OMAHA_COMPLETE);
	omahastate_grant(&state, "2.0.0");
	step(&state, OMAHA_INSTALLED);
	expect(omahastate_save(folder, &state, NULL));
	omahastate_load(folder, &read);
	expect(read.phase == OMAHASTATE_INSTALLED && strcmp(read.version, "2.0.0") == 0);
	expect(read.count == 3 && read.pending[0].event == OMAHA_FAILED);
	expect(read.pending[0].error == FAULT_HEALTH_REQUIRED);
	expect(strcmp(read.pending[1].previous, "1.0.0") == 0 && read.pending[1].error == 0);
	tempdir_free(folder);
}

/* Each is as if there were no file, and none is half a state. */
static void test_damaged(void)
{
	static const char *const TEXTS[] = {
		"",
		"{",
		"[]",
		"{\"phase\":\"none\"}",
		"{\"phase\":\"later\",\"version\":\"2.0.0\",\"pending\":[]}",
		"{\"phase\":\"installed\",\"version\":\"\",\"pending\":[]}",
		"{\"phase\":\"none\",\"version\":\"2.0.0\",\"pending\":[]}",
		"{\"phase\":\"installed\",\"version\":\"/etc\",\"pending\":[]}",
		"{\"phase\":\"installed\",\"version\":\"2.0.0\",\"pending\":[{\"event\":\"later\","
		"\"fault\":0,\"previous\":\"\"}]}",
		"{\"phase\":\"installed\",\"version\":\"2.0.0\",\"pending\":[1,2,3]}",
		"{\"phase\":\"installed\",\"version\":\"2.0.0\",\"pending\":[1,2,3,4,5,6,7,8,9,10,"
		"11,12,13,14,15,16,17]}",
	};

	for (size_t i = 0; i < G_N_ELEMENTS(TEXTS); i++) {
		char *folder = tempdir_new();
		struct omahastate state;

		expect(tempdir_write(folder, "omaha.json", TEXTS[i], 0644));
		omahastate_load(folder, &state);
		expect(state.phase == OMAHASTATE_NONE && state.count == 0);
		expect(state.version[0] == '\0');
		tempdir_free(folder);
	}
}

static const struct tap_case CASES[] = {
	{ "to the good end", test_good_end },
	{ "each step in each phase", test_steps },
	{ "another version", test_other_version },
	{ "advice again", test_grants },
	{ "giving up", test_give_up },
	{ "a server that is down for long", test_many },
	{ "the file", test_file },
	{ "a damaged file", test_damaged },
};
TAP_MAIN(CASES)
