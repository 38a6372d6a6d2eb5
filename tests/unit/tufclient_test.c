/* SPDX-License-Identifier: MIT */
/* The workflow over a repository and a store in memory. What the public conformance suite asks for
 * is in tests/conformance; here is what it does not: cuts between saves, limits, the shipped root,
 * and that what is refused leaves no trace. */
#include "tufclient.h"

#include <string.h>

#include "failure.h"
#include "tap.h"
#include "tufmake.h"

enum { CHAIN = 3 };

struct world {
	struct tufmake *make;
	struct tufkeep *keep;
	struct tufview view;
	struct tuflimits limits;
	GBytes *shipped;
};

static struct world world_new(void)
{
	struct world world = { .make = tufmake_new(),
			       .keep = tufkeep_new(),
			       .view = { .now_s = TUFMAKE_NOW_S },
			       .limits = tuflimits_default() };

	world.shipped = g_bytes_ref(g_hash_table_lookup(world.make->files, "1.root.json"));
	return world;
}

static void world_free(struct world *world)
{
	tufmake_free(world->make);
	tufkeep_free(world->keep);
	g_bytes_unref(world->shipped);
}

/* One run of a client from begin to end; FAULT_OK, or what stopped it. */
static fault refresh(struct world *world)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(Tufclient) client = tufclient_new(&world->make->transport, &world->keep->storage,
						    &world->limits);

	if (tufclient_begin(client, world->shipped, &error) &&
	    tufclient_refresh(client, world->view, &error))
		return FAULT_OK;
	return failure_code(error);
}

/* Refused, and nothing in the store has changed. */
static void expect_refused(struct world *world, fault why)
{
	g_autofree char *before = tufkeep_text(world->keep);
	g_autofree char *after = NULL;
	const fault outcome = refresh(world);

	if (outcome != why)
		printf("# fault %u instead of %u\n", outcome, why);
	expect(outcome == why);
	after = tufkeep_text(world->keep);
	expect(strcmp(before, after) == 0);
}

static uint64_t kept_version(const struct world *world, enum tufrole_kind kind)
{
	static const char *const NAMES[] = { "root.json", "timestamp.json", "snapshot.json",
					     "targets.json" };
	GBytes *bytes = g_hash_table_lookup(world->keep->files, NAMES[kind]);
	g_autoptr(Tufrole) role = bytes != NULL ? tufrole_decode(kind, NAMES[kind], bytes, NULL)
						: NULL;

	return role != NULL ? role->version : 0;
}

static void test_first(void)
{
	static const char *const ASKED[] = { "2.root.json", "timestamp.json", "1.snapshot.json",
					     "1.targets.json" };
	struct world world = world_new();

	expect(refresh(&world) == FAULT_OK);
	expect(world.make->asked->len == G_N_ELEMENTS(ASKED));
	for (unsigned i = 0; i < MIN(world.make->asked->len, G_N_ELEMENTS(ASKED)); i++)
		expect(strcmp(world.make->asked->pdata[i], ASKED[i]) == 0);
	for (unsigned i = 0; i < TUFROLE_KINDS; i++)
		expect(kept_version(&world, i) == 1);
	/* Once more: only the two that may be newer under a known name are asked for. */
	g_ptr_array_set_size(world.make->asked, 0);
	expect(refresh(&world) == FAULT_OK);
	expect(world.make->asked->len == 2);
	world_free(&world);
}

/* --- cuts --- */

/* New roots, all keys but root's rotated on the way, then new metadata. */
static void history_make(struct tufmake *make)
{
	for (unsigned i = 0; i < CHAIN; i++) {
		make->versions[TUFROLE_ROOT]++;
		make->keys[TUFROLE_TIMESTAMP] = 4 + 3 * i;
		make->keys[TUFROLE_SNAPSHOT] = 5 + 3 * i;
		make->keys[TUFROLE_TARGETS] = 6 + 3 * i;
		tufmake_root(make);
	}
	tufmake_target_add(make->targets, "new", 3);
	tufmake_publish(make);
	tufmake_publish(make);
}

static struct world world_before_history(void)
{
	struct world world = world_new();

	expect(refresh(&world) == FAULT_OK);
	history_make(world.make);
	return world;
}

/* Runs with the power cut after each number of saves, and again in the run after that; what the
 * third run ends with must be what one run without a cut ends with. */
static unsigned cuts_walk(const char *wanted)
{
	unsigned histories = 0;
	gboolean cut_first = TRUE;

	for (unsigned first = 0; cut_first; first++) {
		gboolean cut_second = TRUE;

		for (unsigned second = 0; cut_second; second++, histories++) {
			struct world world = world_before_history();
			g_autofree char *text = NULL;
			uint64_t root;

			world.keep->saves_left = first;
			cut_first = refresh(&world) != FAULT_OK;
			root = kept_version(&world, TUFROLE_ROOT);
			world.keep->saves_left = second;
			cut_second = refresh(&world) != FAULT_OK;
			expect(kept_version(&world, TUFROLE_ROOT) >= root);
			world.keep->saves_left = G_MAXUINT;
			expect(refresh(&world) == FAULT_OK);
			text = tufkeep_text(world.keep);
			expect(strcmp(text, wanted) == 0);
			world_free(&world);
		}
	}
	return histories;
}

static void test_cuts(void)
{
	struct world world = world_before_history();
	g_autofree char *wanted = NULL;
	unsigned histories;

	expect(refresh(&world) == FAULT_OK);
	wanted = tufkeep_text(world.keep);
	world_free(&world);
	histories = cuts_walk(wanted);
	printf("# %u histories of two cuts\n", histories);
	/* 3 roots are saved twice each, and 3 other roles: 9 saves. */
	expect(histories >= 9 * 10 / 2);
}

/* A cut between two saves, and then a mirror that has only older files. */
static void test_cut_then_old(void)
{
	for (unsigned saves = 1; saves <= 3; saves++) {
		struct world world = world_new();
		GBytes *old = g_bytes_ref(g_hash_table_lookup(world.make->files, "timestamp.json"));

		expect(refresh(&world) == FAULT_OK);
		tufmake_publish(world.make);
		world.keep->saves_left = saves;
		expect((refresh(&world) == FAULT_OK) == (saves == 3));
		world.keep->saves_left = G_MAXUINT;
		g_hash_table_insert(world.make->files, g_strdup("timestamp.json"), old);
		expect_refused(&world, FAULT_TUF_ROLLBACK);
		world_free(&world);
	}
}

/* --- what a mirror can do --- */

static void test_rollback(void)
{
	struct world world = world_new();
	struct tufmake *make = world.make;

	tufmake_publish(make);
	expect(refresh(&world) == FAULT_OK);
	make->versions[TUFROLE_TIMESTAMP] = 1;
	tufmake_timestamp(make);
	expect_refused(&world, FAULT_TUF_ROLLBACK);
	/* Expiry may be waived; this is not. */
	world.view.accept_expired = TRUE;
	expect_refused(&world, FAULT_TUF_ROLLBACK);
	world.view.accept_expired = FALSE;

	make->versions[TUFROLE_TIMESTAMP] = 3;
	make->versions[TUFROLE_SNAPSHOT] = 1;
	tufmake_timestamp(make);
	expect_refused(&world, FAULT_TUF_ROLLBACK);
	world_free(&world);
}

/* The snapshot is new and lists older targets, or fewer roles. The timestamp before it was good,
 * and stays. */
static void test_rollback_in_snapshot(void)
{
	struct world world = world_new();
	struct tufmake *make = world.make;

	tufmake_publish(make);
	expect(refresh(&world) == FAULT_OK);
	make->versions[TUFROLE_TARGETS] = 0;
	tufmake_publish(make);
	expect(refresh(&world) == FAULT_TUF_ROLLBACK);
	expect(kept_version(&world, TUFROLE_SNAPSHOT) == 2);
	expect(kept_version(&world, TUFROLE_TARGETS) == 2);
	expect_refused(&world, FAULT_TUF_ROLLBACK);
	world_free(&world);
}

static void test_freeze(void)
{
	struct world world = world_new();

	expect(refresh(&world) == FAULT_OK);
	world.view.now_s = G_GINT64_CONSTANT(4102444800); /* 2100 */
	expect_refused(&world, FAULT_TUF_EXPIRED);
	world.view.accept_expired = TRUE;
	expect(refresh(&world) == FAULT_OK);
	world_free(&world);

	for (unsigned kind = 0; kind < TUFROLE_KINDS; kind++) {
		world = world_new();
		expect(refresh(&world) == FAULT_OK);
		world.make->expires[kind] = TUFMAKE_EARLIER;
		world.make->versions[TUFROLE_ROOT]++;
		tufmake_root(world.make);
		tufmake_publish(world.make);
		expect(refresh(&world) == FAULT_TUF_EXPIRED);
		/* An expired root is kept: it may name the keys of its successor. */
		expect(kept_version(&world, kind) == (kind == TUFROLE_ROOT ? 2 : 1));
		world.view.accept_expired = TRUE;
		expect(refresh(&world) == FAULT_OK);
		world_free(&world);
	}
}

static void file_move(struct tufmake *make, const char *from, const char *to)
{
	g_hash_table_insert(make->files, g_strdup(to),
			    g_bytes_ref(g_hash_table_lookup(make->files, from)));
}

static void test_mix(void)
{
	for (gboolean hashes = FALSE; hashes <= TRUE; hashes++) {
		struct world world = world_new();

		world.make->hashes = hashes;
		tufmake_publish(world.make);
		file_move(world.make, "1.targets.json", "2.targets.json");
		expect(refresh(&world) == (hashes ? FAULT_TUF_HASH : FAULT_TUF_VERSION));
		world_free(&world);

		world = world_new();
		tufmake_publish(world.make);
		file_move(world.make, "2.targets.json", "2.snapshot.json");
		expect(refresh(&world) == FAULT_TUF_TYPE);
		world_free(&world);
	}
}

static void test_lengths(void)
{
	struct world world = world_new();

	world.limits.timestamp_bytes = 100;
	expect(refresh(&world) == FAULT_TUF_LENGTH);
	world.limits = tuflimits_default();
	world.limits.targets_bytes = 100;
	expect(refresh(&world) == FAULT_TUF_LENGTH);
	world_free(&world);
}

static void test_missing(void)
{
	static const char *const NAMES[] = { "timestamp.json", "1.snapshot.json",
					     "1.targets.json" };

	for (unsigned i = 0; i < G_N_ELEMENTS(NAMES); i++) {
		struct world world = world_new();

		g_hash_table_remove(world.make->files, NAMES[i]);
		expect(refresh(&world) == FAULT_TUF_MISSING);
		world_free(&world);
	}
}

static void test_wrong_key(void)
{
	for (unsigned kind = 1; kind < TUFROLE_KINDS; kind++) {
		struct world world = world_new();

		expect(refresh(&world) == FAULT_OK);
		world.make->keys[kind] = 20;
		tufmake_publish(world.make);
		expect(refresh(&world) == FAULT_TUF_SIGNATURES);
		expect(kept_version(&world, kind) == 1);
		world_free(&world);
	}
}

/* --- roots --- */

static void test_root_chain(void)
{
	struct world world = world_new();
	GBytes *third;

	history_make(world.make);
	third = g_bytes_ref(g_hash_table_lookup(world.make->files, "3.root.json"));
	/* A gap ends the chain, and the keys that sign now are not known then. */
	g_hash_table_remove(world.make->files, "3.root.json");
	expect(refresh(&world) == FAULT_TUF_SIGNATURES);
	expect(kept_version(&world, TUFROLE_ROOT) == 2);
	/* Another version under that name. */
	file_move(world.make, "4.root.json", "3.root.json");
	expect_refused(&world, FAULT_TUF_VERSION);
	g_hash_table_insert(world.make->files, g_strdup("3.root.json"), third);
	expect(refresh(&world) == FAULT_OK);
	expect(kept_version(&world, TUFROLE_ROOT) == 1 + CHAIN);
	world_free(&world);
}

/* Who holds the old key alone, or the new one alone, makes no new root. */
static void test_root_keys(void)
{
	for (unsigned i = 0; i < 2; i++) {
		struct world world = world_new();
		g_autoptr(JsonValue) document = NULL;
		GBytes *bytes;

		world.make->versions[TUFROLE_ROOT] = 2;
		world.make->keys[TUFROLE_ROOT] = 20;
		tufmake_root(world.make);
		bytes = g_hash_table_lookup(world.make->files, "2.root.json");
		document = json_loadb(g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes), 0,
				      NULL);
		bytes = tufmake_sign(json_incref(json_object_get(document, "signed")),
				     i == 0 ? 0 : 20, 1);
		g_hash_table_insert(world.make->files, g_strdup("2.root.json"), bytes);
		expect(refresh(&world) == FAULT_TUF_SIGNATURES);
		expect(kept_version(&world, TUFROLE_ROOT) == 1);
		world_free(&world);
	}
}

static void test_root_count(void)
{
	struct world world = world_new();

	world.limits.roots = CHAIN - 1;
	history_make(world.make);
	expect(refresh(&world) == FAULT_TUF_ROOT_COUNT);
	expect(kept_version(&world, TUFROLE_ROOT) == CHAIN);
	expect(refresh(&world) == FAULT_OK); /* goes on where it stopped */
	world_free(&world);
}

static GBytes *unsigned_root(const struct world *world)
{
	gsize size_bytes;
	const char *text = g_bytes_get_data(world->shipped, &size_bytes);
	g_autoptr(JsonValue) document = json_loadb(text, size_bytes, 0, NULL);

	return tufmake_sign(json_incref(json_object_get(document, "signed")), 20, 1);
}

static void test_shipped(void)
{
	struct world world = world_new();
	GBytes *good = world.shipped;

	/* Nothing is asked for before it was checked. */
	world.shipped = unsigned_root(&world);
	expect_refused(&world, FAULT_TUF_ROOT);
	expect(world.make->asked->len == 0);
	g_bytes_unref(world.shipped);
	world.shipped = NULL;
	expect_refused(&world, FAULT_TUF_ROOT);
	world.shipped = good;

	/* A later one, of a newer image, is taken; an earlier one of the same chain is not. */
	history_make(world.make);
	world.shipped = g_hash_table_lookup(world.make->files, "3.root.json");
	expect(refresh(&world) == FAULT_OK);
	expect(strcmp(world.make->asked->pdata[0], "4.root.json") == 0);
	world.shipped = good;
	g_ptr_array_set_size(world.make->asked, 0);
	expect(refresh(&world) == FAULT_OK);
	expect(strcmp(world.make->asked->pdata[0], "5.root.json") == 0);
	world_free(&world);
}

/* The administrator gives the root of another repository: it begins anew. */
static void test_other_repository(void)
{
	struct world world = world_new();
	struct tufmake *other = tufmake_new();

	tufmake_publish(world.make);
	expect(refresh(&world) == FAULT_OK);
	for (unsigned i = 0; i < TUFROLE_KINDS; i++) {
		other->keys[i] = 16 + i;
		other->versions[i] = 0;
	}
	other->versions[TUFROLE_ROOT] = 1;
	tufmake_root(other);
	tufmake_publish(other);
	tufmake_free(world.make);
	world.make = other;
	g_bytes_unref(world.shipped);
	world.shipped = g_bytes_ref(g_hash_table_lookup(other->files, "1.root.json"));
	expect(refresh(&world) == FAULT_OK);
	for (unsigned i = 0; i < TUFROLE_KINDS; i++)
		expect(kept_version(&world, i) == 1);
	world_free(&world);
}

/* --- the store --- */

static void test_damage(void)
{
	static const char *const NAMES[] = { "root.json", "timestamp.json", "snapshot.json" };

	for (unsigned i = 0; i < G_N_ELEMENTS(NAMES); i++) {
		struct world world = world_new();

		expect(refresh(&world) == FAULT_OK);
		g_hash_table_insert(world.keep->files, g_strdup(NAMES[i]),
				    g_bytes_new_static("{", 1));
		expect_refused(&world, FAULT_TUF_STORE_DAMAGED);
		world_free(&world);
	}
}

static void test_damaged_targets(void)
{
	struct world world = world_new();

	expect(refresh(&world) == FAULT_OK);
	g_hash_table_insert(world.keep->files, g_strdup("targets.json"),
			    g_bytes_new_static("{", 1));
	expect(refresh(&world) == FAULT_OK);
	expect(kept_version(&world, TUFROLE_TARGETS) == 1);
	world_free(&world);
}

static void test_offline(void)
{
	struct world world = world_new();

	world.view.offline = TRUE;
	expect(refresh(&world) == FAULT_TUF_MISSING);
	world.view.offline = FALSE;
	expect(refresh(&world) == FAULT_OK);
	g_ptr_array_set_size(world.make->asked, 0);
	world.view.offline = TRUE;
	expect(refresh(&world) == FAULT_OK);
	expect(world.make->asked->len == 0);
	world.view.now_s = G_GINT64_CONSTANT(4102444800);
	expect(refresh(&world) == FAULT_TUF_EXPIRED);
	world_free(&world);
}

static const struct tap_case CASES[] = {
	{ "a first refresh, and a second", test_first },
	{ "the power cut at each save, and again", test_cuts },
	{ "a cut, then an older mirror", test_cut_then_old },
	{ "rollback", test_rollback },
	{ "rollback within a snapshot", test_rollback_in_snapshot },
	{ "freeze", test_freeze },
	{ "mix and match", test_mix },
	{ "more than may be", test_lengths },
	{ "files that are not there", test_missing },
	{ "wrong keys", test_wrong_key },
	{ "a chain of roots", test_root_chain },
	{ "a root needs both sets of keys", test_root_keys },
	{ "more roots than are followed at once", test_root_count },
	{ "the shipped root", test_shipped },
	{ "the root of another repository", test_other_repository },
	{ "a damaged store", test_damage },
	{ "damaged targets are fetched again", test_damaged_targets },
	{ "offline", test_offline },
};

TAP_MAIN(CASES)
