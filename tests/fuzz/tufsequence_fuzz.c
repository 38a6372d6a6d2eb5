/* SPDX-License-Identifier: MIT */
/* A repository, a mirror and a machine over time: each byte is something that one of them does. A
 * model that knows what was truly published says what the machine may never do: go back, or trust
 * what was not signed for it. */
#include <string.h>

#include "../unit/tufmake.h"
#include "failure.h"
#include "fuzz.h"

enum {
	STEPS_MAX = 48,
	FIRST_KEY = 4, /* of those that keys are rotated to */
};

struct world {
	struct tufmake *make;
	struct tufmake *mirror; /* what machines see; its `files` may be older, or spoiled */
	struct tufkeep *keep;
	GHashTable *published; /* SHA-256 of what the true maker signed, as bytes and canonical */
	unsigned next_key;
	GBytes *shipped;
	uint64_t seen[TUFROLE_KINDS]; /* versions; the true maker's never go back */
	gint64 now_s;
};

static char *hash_of(GBytes *bytes)
{
	return g_compute_checksum_for_bytes(G_CHECKSUM_SHA256, bytes);
}

/* All files go to the mirror. */
static void mirror_copy(struct world *world)
{
	GHashTableIter each;
	gpointer name, bytes;

	g_hash_table_iter_init(&each, world->make->files);
	while (g_hash_table_iter_next(&each, &name, &bytes))
		g_hash_table_insert(world->mirror->files, g_strdup(name), g_bytes_ref(bytes));
}

static void published_note(struct world *world)
{
	GHashTableIter each;
	gpointer name, bytes;

	g_hash_table_iter_init(&each, world->make->files);
	while (g_hash_table_iter_next(&each, &name, &bytes)) {
		if (!g_hash_table_add(world->published, hash_of(bytes)))
			continue;
		for (unsigned kind = 0; kind < TUFROLE_KINDS; kind++) {
			g_autoptr(Tufrole) role = tufrole_decode(kind, "role", bytes, NULL);

			if (role != NULL)
				g_hash_table_add(world->published, hash_of(role->canonical));
		}
	}
}

/* Root's key stays: the shipped root is the first one. */
static void key_rotate(struct world *world, unsigned kind)
{
	if (kind == TUFROLE_ROOT || world->next_key == TUFMAKE_KEYS)
		return;
	world->make->keys[kind] = world->next_key++;
	world->make->versions[TUFROLE_ROOT]++;
	tufmake_root(world->make);
	tufmake_publish(world->make);
}

/* The mirror's own doing: one of its files under the name of another, or with one byte changed. */
static void mirror_spoil(struct world *world, unsigned choice)
{
	g_autoptr(GList) names = g_list_sort(g_hash_table_get_keys(world->mirror->files),
					     (GCompareFunc)strcmp);
	const guint count = g_list_length(names);
	const char *from = g_list_nth_data(names, choice % count);
	const char *to = g_list_nth_data(names, (choice / 7) % count);
	GBytes *bytes = g_hash_table_lookup(world->mirror->files, from);

	if (choice % 3 == 0) {
		const gsize size_bytes = g_bytes_get_size(bytes);
		uint8_t *copy = g_memdup2(g_bytes_get_data(bytes, NULL), size_bytes);

		copy[(choice * 37) % size_bytes] ^= (uint8_t)(1 + choice % 255);
		bytes = g_bytes_new_take(copy, size_bytes);
	} else {
		g_bytes_ref(bytes);
	}
	g_hash_table_insert(world->mirror->files, g_strdup(to), bytes);
}

/* --- what must hold --- */

static struct tufrole *kept_role(const struct world *world, enum tufrole_kind kind)
{
	static const char *const NAMES[] = { "root.json", "timestamp.json", "snapshot.json",
					     "targets.json" };
	GBytes *bytes = g_hash_table_lookup(world->keep->files, NAMES[kind]);

	return bytes != NULL ? tufrole_decode(kind, NAMES[kind], bytes, NULL) : NULL;
}

/* White space may differ from what was published, nothing else. */
static gboolean is_published(const struct world *world, const struct tufrole *role)
{
	g_autofree char *hash = hash_of(role->canonical);

	return g_hash_table_contains(world->published, hash);
}

static void world_check(struct world *world)
{
	for (unsigned kind = 0; kind < TUFROLE_KINDS; kind++) {
		g_autoptr(Tufrole) role = kept_role(world, kind);

		if (role == NULL)
			continue;
		if (!is_published(world, role) || role->version < world->seen[kind])
			__builtin_trap();
		world->seen[kind] = role->version;
	}
}

static void machine_refresh(struct world *world, unsigned saves)
{
	const struct tuflimits limits = tuflimits_default();
	const struct tufview view = { .now_s = world->now_s };
	g_autoptr(Tufclient)
		client = tufclient_new(&world->mirror->transport, &world->keep->storage, &limits);

	world->keep->saves_left = saves;
	if (tufclient_begin(client, world->shipped, NULL) && tufclient_refresh(client, view, NULL))
		(void)tufclient_target(client, "target", NULL, NULL);
	world_check(world);
}

/* --- steps --- */

static void step_run(struct world *world, uint8_t byte)
{
	const unsigned choice = byte / 8;

	switch (byte % 8) {
	case 0:
		tufmake_publish(world->make);
		published_note(world);
		break;
	case 1:
		key_rotate(world, choice % TUFROLE_KINDS);
		published_note(world);
		break;
	case 2:
	case 3:
		mirror_copy(world);
		break;
	case 4:
		mirror_spoil(world, choice);
		break;
	case 5:
		world->now_s += (gint64)choice * 3600;
		break;
	case 6:
		machine_refresh(world, choice);
		break;
	case 7:
		machine_refresh(world, G_MAXUINT);
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size_bytes)
{
	struct world world = { .make = tufmake_new(),
			       .mirror = tufmake_new(),
			       .keep = tufkeep_new(),
			       .next_key = FIRST_KEY,
			       .now_s = TUFMAKE_NOW_S };

	world.published = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	world.shipped = g_bytes_ref(g_hash_table_lookup(world.make->files, "1.root.json"));
	published_note(&world);
	for (size_t i = 0; i < MIN(size_bytes, STEPS_MAX); i++)
		step_run(&world, bytes[i]);
	g_bytes_unref(world.shipped);
	g_hash_table_unref(world.published);
	tufkeep_free(world.keep);
	tufmake_free(world.mirror);
	tufmake_free(world.make);
	return 0;
}

size_t fuzz_seed(unsigned number, uint8_t *ret_bytes, size_t room)
{
	/* Publish, copy, refresh; with rotations, cuts, spoiled files and time in between. Short,
	 * since each bit of them is flipped. */
	static const uint8_t SEEDS[][8] = {
		{ 7, 0, 2, 14, 22, 0, 2, 7 },
		{ 7, 9, 2, 7, 17, 2, 30, 7 },
		{ 0, 2, 7, 28, 7, 100, 7, 2 },
		{ 7, 25, 2, 7, 253, 7, 2, 7 },
	};

	if (number >= G_N_ELEMENTS(SEEDS) || room < sizeof SEEDS[0])
		return 0;
	memcpy(ret_bytes, SEEDS[number], sizeof SEEDS[0]);
	return sizeof SEEDS[0];
}
