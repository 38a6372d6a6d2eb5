/* SPDX-License-Identifier: MIT */
/* The search over delegations: its order, its ends, and whose keys count. */
#include "tufclient.h"

#include <string.h>

#include "failure.h"
#include "tap.h"
#include "tufmake.h"

enum { SOME_KEY = 8, OTHER_KEY = 9 };

struct world {
	struct tufmake *make;
	struct tufkeep *keep;
	struct tuflimits limits;
	struct tufclient *client;
	struct tufview view;
};

static struct world world_new(void)
{
	return (struct world){ .make = tufmake_new(),
			       .keep = tufkeep_new(),
			       .limits = tuflimits_default(),
			       .view = { .now_s = TUFMAKE_NOW_S } };
}

static void world_free(struct world *world)
{
	tufclient_free(world->client);
	tufmake_free(world->make);
	tufkeep_free(world->keep);
}

/* What a role says of one that it delegates to. */
struct link {
	const char *to;
	unsigned key;
	gboolean terminating;
	const char *pattern;
};

static json_t *delegations_of(const struct link *links, unsigned count)
{
	json_t *keys = json_object();
	json_t *roles = json_array();

	for (unsigned i = 0; i < count; i++) {
		json_object_set_new(keys, tufmake_keyid(links[i].key), tufmake_key(links[i].key));
		json_array_append_new(
			roles, json_pack("{s:s,s:[s],s:i,s:b,s:[s]}", "name", links[i].to, "keyids",
					 tufmake_keyid(links[i].key), "threshold", 1, "terminating",
					 links[i].terminating, "paths", links[i].pattern));
	}
	return json_pack("{s:o,s:o}", "keys", keys, "roles", roles);
}

/* A role with one target, or none, that may delegate further. */
static void role_add(struct world *world, const char *name, const char *target,
		     const struct link *links, unsigned count)
{
	json_t *body = tufmake_body("targets", 1, TUFMAKE_LATER);
	json_t *targets = json_object();

	if (target != NULL)
		tufmake_target_add(targets, target, 4);
	json_object_set_new(body, "targets", targets);
	if (count > 0)
		json_object_set_new(body, "delegations", delegations_of(links, count));
	tufmake_delegated(world->make, name, body, SOME_KEY);
}

static void client_start(struct world *world)
{
	GBytes *root = g_hash_table_lookup(world->make->files, "1.root.json");
	g_autoptr(GError) error = NULL;

	world->client = tufclient_new(&world->make->transport, &world->keep->storage,
				      &world->limits);
	expect(tufclient_begin(world->client, root, &error));
	expect(tufclient_refresh(world->client, world->view, &error));
	g_ptr_array_set_size(world->make->asked, 0);
}

static void publish(struct world *world, const struct link *links, unsigned count)
{
	world->make->delegations = delegations_of(links, count);
	tufmake_publish(world->make);
	client_start(world);
}

/* `role`: that lists it; NULL: `why` is the outcome. */
static void expect_found(struct world *world, const char *target, const char *role, fault why)
{
	const struct tufrole *found = NULL;
	g_autoptr(GError) error = NULL;
	const struct tuffile *file = tufclient_target(world->client, target, &found, &error);

	expect((file != NULL) == (role != NULL));
	expect(role == NULL || (found != NULL && strcmp(found->name, role) == 0));
	expect(role != NULL || (error != NULL && failure_code(error) == why));
	if (role == NULL && error != NULL && failure_code(error) != why)
		printf("# %s: fault %u instead of %u\n", target, failure_code(error), why);
}

static void expect_asked(const struct world *world, const char *names)
{
	g_autofree char *asked = NULL;

	g_ptr_array_add(world->make->asked, NULL);
	asked = g_strjoinv(" ", (char **)world->make->asked->pdata);
	if (strcmp(asked, names) != 0)
		printf("# asked for %s\n", asked);
	expect(strcmp(asked, names) == 0);
	g_ptr_array_set_size(world->make->asked, 0);
}

static void test_order(void)
{
	static const struct link TOP[] = { { "a", SOME_KEY, FALSE, "*" },
					   { "b", SOME_KEY, FALSE, "*" } };
	static const struct link FROM_A[] = { { "c", SOME_KEY, FALSE, "x*" },
					      { "b", SOME_KEY, FALSE, "*" },
					      { "a", SOME_KEY, FALSE, "*" } };
	struct world world = world_new();

	tufmake_target_add(world.make->targets, "own", 1);
	role_add(&world, "a", "in-a", FROM_A, G_N_ELEMENTS(FROM_A));
	role_add(&world, "b", "x-in-b", NULL, 0);
	role_add(&world, "c", "x-in-c", NULL, 0);
	publish(&world, TOP, G_N_ELEMENTS(TOP));
	expect_found(&world, "own", "targets", FAULT_OK);
	expect_asked(&world, "");
	expect_found(&world, "in-a", "a", FAULT_OK);
	expect_asked(&world, "1.a.json");
	expect_found(&world, "in-b", NULL, FAULT_TUF_TARGET);
	expect_asked(&world, "1.b.json");
	expect_found(&world, "x-in-b", "b", FAULT_OK);
	expect_asked(&world, "1.c.json");
	expect_found(&world, "x-in-c", "c", FAULT_OK);
	expect_found(&world, "y-in-c", NULL, FAULT_TUF_TARGET);
	expect_asked(&world, "");
	world_free(&world);
}

static void test_terminating(void)
{
	static const struct link TOP[] = { { "a", SOME_KEY, TRUE, "x*" },
					   { "b", SOME_KEY, FALSE, "*" } };
	struct world world = world_new();

	role_add(&world, "a", NULL, NULL, 0);
	role_add(&world, "b", "x", NULL, 0);
	publish(&world, TOP, G_N_ELEMENTS(TOP));
	expect_found(&world, "x", NULL, FAULT_TUF_TARGET);
	expect_asked(&world, "1.a.json");
	world_free(&world);
}

/* b's delegation names another key for c than a's: what came by a's way is worth nothing there. */
static void test_two_ways(void)
{
	static const struct link TOP[] = { { "a", SOME_KEY, FALSE, "a*" },
					   { "b", SOME_KEY, FALSE, "b*" } };
	static const struct link FROM_A = { "c", SOME_KEY, FALSE, "*" };
	static const struct link FROM_B = { "c", OTHER_KEY, FALSE, "*" };
	struct world world = world_new();

	role_add(&world, "a", NULL, &FROM_A, 1);
	role_add(&world, "b", NULL, &FROM_B, 1);
	role_add(&world, "c", "b-in-c", NULL, 0);
	publish(&world, TOP, G_N_ELEMENTS(TOP));
	expect_found(&world, "a", NULL, FAULT_TUF_TARGET);
	expect_found(&world, "b-in-c", NULL, FAULT_TUF_SIGNATURES);
	expect_found(&world, "b-in-c", NULL, FAULT_TUF_SIGNATURES);
	/* Nor in the next run, which has c out of the store. */
	tufclient_free(world.client);
	client_start(&world);
	expect_found(&world, "b-in-c", NULL, FAULT_TUF_SIGNATURES);
	world_free(&world);
}

/* A chain of as many roles as are read, and one more. */
static void test_limit(void)
{
	for (unsigned over = 0; over < 2; over++) {
		struct world world = world_new();
		const unsigned count = 5 + over;
		static const struct link TOP = { "role0", SOME_KEY, FALSE, "*" };

		world.limits.delegations = 5;
		for (unsigned i = 0; i < count; i++) {
			g_autofree char *name = g_strdup_printf("role%u", i);
			g_autofree char *next = g_strdup_printf("role%u", i + 1);
			const struct link link = { next, SOME_KEY, FALSE, "*" };

			role_add(&world, name, i == count - 1 ? "x" : NULL, &link,
				 i < count - 1 ? 1 : 0);
		}
		publish(&world, &TOP, 1);
		expect_found(&world, "x", over == 0 ? "role4" : NULL, FAULT_TUF_DELEGATIONS);
		world_free(&world);
	}
}

static void test_refused(void)
{
	static const struct link TOP[] = { { "a", OTHER_KEY, FALSE, "a*" },
					   { "b", SOME_KEY, FALSE, "b*" },
					   { "c", SOME_KEY, FALSE, "c*" },
					   { "d", SOME_KEY, FALSE, "d*" } };
	struct world world = world_new();
	json_t *body = tufmake_body("targets", 1, TUFMAKE_EARLIER);

	json_object_set_new(body, "targets", json_object());
	role_add(&world, "a", "a", NULL, 0);
	tufmake_delegated(world.make, "b", body, SOME_KEY);
	role_add(&world, "c", "c", NULL, 0);
	g_hash_table_remove(world.make->files, "1.c.json");
	publish(&world, TOP, G_N_ELEMENTS(TOP));
	expect_found(&world, "a", NULL, FAULT_TUF_SIGNATURES);
	expect_found(&world, "b", NULL, FAULT_TUF_EXPIRED);
	expect_found(&world, "c", NULL, FAULT_TUF_MISSING);
	expect_found(&world, "d", NULL, FAULT_TUF_SNAPSHOT);
	expect_found(&world, "../e", NULL, FAULT_TUF_PATH);
	/* None of them is kept. */
	for (char name[] = "a.json"; name[0] <= 'd'; name[0]++)
		expect(!g_hash_table_contains(world.keep->files, name));
	world_free(&world);
}

static const struct tap_case CASES[] = {
	{ "depth first, each role once", test_order },
	{ "a terminating delegation", test_terminating },
	{ "one role on two ways", test_two_ways },
	{ "the limit of roles", test_limit },
	{ "roles that are refused", test_refused },
};

TAP_MAIN(CASES)
