/* SPDX-License-Identifier: MIT */
/* What a web server may have in place of a static delta; the first byte says what it is to be: a
 * signed superblock, a superblock, a part, a patch, a base. What is read of the first two stands in
 * the bytes; a part is looked through once and then made without a further surprise, twice the
 * same; of patches the rule is restated, a byte at a time; a base encodes again to the same. */
#include "staticdelta.h"

#include <string.h>

#include "fuzz.h"
#include "staticbase.h"
#include "staticpart.h"

enum { OLD_SIZE = 64, NEW_MAX = 4096, TYPES = 8 };

static gboolean stands_in(const struct bspatch_bytes *bytes, const void *part, size_t size_bytes)
{
	return size_bytes == 0 || memmem(bytes->bytes, bytes->size_bytes, part, size_bytes) != NULL;
}

static void signed_try(const struct bspatch_bytes *bytes)
{
	g_autoptr(GBytes) input = g_bytes_new(bytes->bytes, bytes->size_bytes);
	g_autoptr(GBytes) superblock = NULL;
	g_autoptr(GPtrArray) signatures = NULL;

	if (!staticdelta_signed_decode(input, &superblock, &signatures, NULL)) {
		promise(superblock == NULL && signatures == NULL);
		return;
	}
	promise(stands_in(bytes, "OSTSGNDT", 8));
	promise(stands_in(bytes, g_bytes_get_data(superblock, NULL), g_bytes_get_size(superblock)));
	for (guint i = 0; i < signatures->len; i++)
		promise(stands_in(bytes, g_bytes_get_data(signatures->pdata[i], NULL),
				  g_bytes_get_size(signatures->pdata[i])));
}

static struct staticdelta_pair pair_make(void)
{
	struct staticdelta_pair pair;

	memset(pair.from, 'f', sizeof pair.from);
	memset(pair.to, 't', sizeof pair.to);
	return pair;
}

static void superblock_try(const struct bspatch_bytes *bytes)
{
	const struct staticdelta_pair pair = pair_make();
	g_autoptr(GBytes) input = g_bytes_new(bytes->bytes, bytes->size_bytes);
	g_autoptr(Staticdelta) delta = staticdelta_decode(input, &pair, NULL);
	guint objects = 0;

	if (delta == NULL)
		return;
	promise(stands_in(bytes, pair.from, sizeof pair.from));
	promise(stands_in(bytes, pair.to, sizeof pair.to));
	promise(delta->parts->len <= STATICDELTA_PARTS_MAX);
	for (guint i = 0; i < delta->parts->len; i++) {
		const struct staticdelta_part *part = &g_array_index(delta->parts,
								     struct staticdelta_part, i);

		promise(part->first_object == objects);
		promise(stands_in(bytes, part->checksum, sizeof part->checksum));
		objects += part->object_count;
	}
	promise(objects == delta->objects->len && objects <= STATICDELTA_OBJECTS_MAX);
	for (guint i = 0; i < objects; i++)
		promise(stands_in(
			bytes, g_array_index(delta->objects, struct staticdelta_object, i).checksum,
			STATICDELTA_HASH_SIZE));
}

static void object_try(const struct staticpart *part, guint index)
{
	static const uint8_t OLD[OLD_SIZE] = "an older object, which has a few bytes";
	const struct bspatch_bytes source = { OLD, sizeof OLD };
	struct staticpart_object object;
	g_autofree uint8_t *first = NULL;
	g_autofree uint8_t *again = NULL;
	size_t size_bytes;

	promise(staticpart_look(part, index, &object, NULL));
	if (!object.is_file || object.content_size > NEW_MAX * NEW_MAX / 16)
		return;
	promise(object.header_size <= STATICPART_HEADER_MAX);
	size_bytes = object.header_size + object.content_size;
	first = g_malloc0(size_bytes);
	again = g_malloc0(size_bytes);
	if (staticpart_make(part, index, object.has_source ? &source : NULL, first, NULL)) {
		promise(staticpart_make(part, index, object.has_source ? &source : NULL, again,
					NULL));
		promise(memcmp(first, again, size_bytes) == 0);
	} else {
		promise(object.has_source); /* all else was looked through before */
	}
}

/* The first byte: how many objects it has. */
static void part_try(const struct bspatch_bytes *bytes)
{
	static const uint8_t KNOWN[TYPES] = { 1, 1, 1, 2, 1, 3, 1, 1 };
	struct bspatch_bytes stored = { bytes->bytes + 1, bytes->size_bytes - 1 };
	struct staticpart_object object;
	g_autoptr(Staticpart) part = NULL;
	guint count;

	if (bytes->size_bytes == 0)
		return;
	count = bytes->bytes[0] % (TYPES + 1);
	part = staticpart_open(&stored, KNOWN, count, NULL);
	for (guint i = 0; part != NULL && i < count; i++)
		object_try(part, i);
	promise(part == NULL || !staticpart_look(part, count, &object, NULL));
}

/* --- patches: the rule again --- */

static int64_t number_of(const uint8_t *bytes)
{
	int64_t value = bytes[7] & 0x7f;

	for (int i = 6; i >= 0; i--)
		value = value * 256 + bytes[i];
	return (bytes[7] & 0x80) != 0 ? -value : value;
}

/* The byte of the new ones at `made`, or -1: the patch is of no use. */
struct told {
	const struct bspatch_bytes *patch;
	size_t at;
	int64_t add, fresh, seek, old_at;
};

static int byte_of(struct told *told, const uint8_t *old)
{
	int byte;

	while (told->add == 0 && told->fresh == 0) {
		const uint8_t *numbers = told->patch->bytes + told->at;

		if (told->patch->size_bytes - told->at < 24 ||
		    __builtin_add_overflow(told->old_at, told->seek, &told->old_at))
			return -1;
		told->add = number_of(numbers);
		told->fresh = number_of(numbers + 8);
		told->seek = number_of(numbers + 16);
		told->at += 24;
		if (told->add < 0 || told->fresh < 0)
			return -1;
	}
	if (told->at == told->patch->size_bytes)
		return -1;
	byte = told->patch->bytes[told->at++];
	if (told->add == 0) {
		told->fresh--;
		return byte;
	}
	told->add--;
	if (told->old_at >= 0 && told->old_at < OLD_SIZE)
		byte = (byte + old[(int)told->old_at]) & 0xff;
	return __builtin_add_overflow(told->old_at, 1, &told->old_at) ? -1 : byte;
}

/* The first two bytes: how many are to be made. */
static void patch_try(const struct bspatch_bytes *bytes)
{
	static const uint8_t OLD[OLD_SIZE] = "older bytes, of which some stay what they are";
	const struct bspatch_bytes old = { OLD, sizeof OLD };
	struct bspatch_bytes patch = { bytes->bytes + 2, bytes->size_bytes - 2 };
	struct told told = { .patch = &patch };
	uint8_t made[NEW_MAX];
	size_t size_bytes, right = 0;
	gboolean done;

	if (bytes->size_bytes < 2)
		return;
	size_bytes = (size_t)(bytes->bytes[0] + 256 * bytes->bytes[1]) % NEW_MAX;
	done = bspatch_apply(&patch, &old, made, size_bytes);
	while (done && right < size_bytes && byte_of(&told, OLD) == made[right])
		right++;
	promise(!done || right == size_bytes);
}

/* A number may stand in more bytes than it needs. */
static void base_try(const struct bspatch_bytes *bytes)
{
	const struct staticdelta_pair pair = pair_make();
	g_autoptr(GBytes) input = g_bytes_new(bytes->bytes, bytes->size_bytes);
	g_autoptr(Staticbase) base = staticbase_decode(input, pair.from, NULL);
	g_autoptr(GBytes) written = base != NULL ? staticbase_encode(base) : NULL;
	g_autoptr(Staticbase) again = NULL;
	g_autoptr(GBytes) twice = NULL;

	if (base == NULL)
		return;
	again = staticbase_decode(written, pair.from, NULL);
	promise(again != NULL && g_bytes_get_size(written) <= bytes->size_bytes);
	twice = staticbase_encode(again);
	promise(g_bytes_equal(written, twice));
	for (guint i = 0; i < base->sources->len; i++) {
		const struct staticbase_source *source = &g_array_index(
			base->sources, struct staticbase_source, i);

		promise(staticbase_find(base, source->object) == source);
		promise(source->size_bytes <= STATICBASE_CONTENT_MAX);
	}
}

static void (*const KINDS[])(const struct bspatch_bytes *bytes) = { signed_try, superblock_try,
								    part_try, patch_try, base_try };

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size_bytes)
{
	struct bspatch_bytes rest;

	if (size_bytes == 0)
		return 0;
	rest = (struct bspatch_bytes){ bytes + 1, size_bytes - 1 };
	KINDS[bytes[0] % G_N_ELEMENTS(KINDS)](&rest);
	return 0;
}

/* --- seeds --- */

static GBytes *signed_seed(unsigned number)
{
	g_autoptr(GBytes) superblock = g_bytes_new_static("superblock", number * 5);
	g_autoptr(GBytes) signature = g_bytes_new_static("signature", 9);

	return staticdelta_signed_encode(superblock, signature);
}

static GVariant *hash_make(const uint8_t hash[static STATICDELTA_HASH_SIZE])
{
	return g_variant_new_fixed_array(G_VARIANT_TYPE_BYTE, hash, STATICDELTA_HASH_SIZE, 1);
}

static GBytes *superblock_seed(unsigned number)
{
	static const uint8_t OBJECTS[2 * 33] = { STATICDELTA_FILE, 'a', 'b' };
	const struct staticdelta_pair pair = pair_make();
	GVariantBuilder parts;
	GVariantDict metadata;
	g_autoptr(GVariant) superblock = NULL;

	g_variant_dict_init(&metadata, NULL);
	g_variant_dict_insert(&metadata, "ostree.endianness", "y", number == 0 ? 'l' : 'B');
	g_variant_builder_init(&parts, G_VARIANT_TYPE("a(uayttay)"));
	for (unsigned i = 0; i < number + 1; i++)
		g_variant_builder_add(
			&parts, "(u@aytt@ay)", 0, hash_make(pair.to), G_GUINT64_CONSTANT(99),
			G_GUINT64_CONSTANT(1000),
			g_variant_new_fixed_array(G_VARIANT_TYPE_BYTE, OBJECTS, sizeof OBJECTS, 1));
	superblock = g_variant_ref_sink(g_variant_new(
		"(@a{sv}t@ay@ay@(a{sv}aya(say)sstayay)@aya(uayttay)@a(yaytt))",
		g_variant_dict_end(&metadata), G_GUINT64_CONSTANT(7), hash_make(pair.from),
		hash_make(pair.to),
		g_variant_new("(@a{sv}@aya(say)sst@ay@ay)",
			      g_variant_new_array(G_VARIANT_TYPE("{sv}"), NULL, 0),
			      g_variant_new("ay", NULL), NULL, "subject", "", G_GUINT64_CONSTANT(9),
			      hash_make(pair.to), hash_make(pair.to)),
		g_variant_new("ay", NULL), &parts,
		g_variant_new_array(G_VARIANT_TYPE("(yaytt)"), NULL, 0)));
	return g_variant_get_data_as_bytes(superblock);
}

static GBytes *part_seed(unsigned number)
{
	/* A whole one, one out of the older object, and a patch of it: all of it new. */
	static const char OPERATIONS[] = "S\0\0\12\0"
					 "r\12o\0\0\4w\2\5Rw\2\0c"
					 "r\12o\0\0\4B\52\34cR";
	static const uint8_t BYTES[42 + 28] = { '0', '1', '2', [42] = 0, [50] = 4 };
	g_autoptr(GByteArray) seed = g_byte_array_new();
	g_autoptr(GVariant) part = g_variant_ref_sink(g_variant_new(
		"(@a(uuu)@aa(ayay)@ay@ay)",
		g_variant_new_parsed("[(uint32 0, uint32 0, uint32 %u)]", GUINT32_TO_BE(0100644)),
		g_variant_new_parsed("@aa(ayay) [[(b'user.a', b'value')]]"),
		g_variant_new_fixed_array(G_VARIANT_TYPE_BYTE, BYTES, sizeof BYTES, 1),
		g_variant_new_fixed_array(G_VARIANT_TYPE_BYTE, OPERATIONS,
					  number == 0 ? 5 : sizeof OPERATIONS - 1, 1)));

	g_byte_array_append(seed, (const uint8_t *)(number == 0 ? "\1\0" : "\3\0"), 2);
	g_byte_array_append(seed, g_variant_get_data(part), (guint)g_variant_get_size(part));
	return g_byte_array_free_to_bytes(g_steal_pointer(&seed));
}

static GBytes *patch_seed(unsigned number)
{
	static const uint8_t PATCH[] = { 6,   0, 2, 0, 0, 0, 0, 0, 0, 0,    2, 0, 0, 0, 0,
					 0,   0, 0, 9, 0, 0, 0, 0, 0, 0x80, 0, 1, 0, 2, 'x',
					 'y', 2, 0, 0, 0, 0, 0, 0, 0, 0,    0, 0, 0, 0, 0,
					 0,   0, 0, 0, 0, 0, 0, 0, 0, 0,    3, 4 };

	(void)number; /* there is one */
	return g_bytes_new_static(PATCH, sizeof PATCH);
}

static GBytes *base_seed(unsigned number)
{
	const struct staticdelta_pair pair = pair_make();
	g_autoptr(Staticbase) base = staticbase_new();

	memcpy(base->commit, pair.from, sizeof base->commit);
	for (unsigned i = 0; i < number * 3; i++) {
		const struct staticbase_source source = { { (uint8_t)i }, i * 40960, i * 1000 };
		const uint64_t stored = i * 99;

		g_array_append_val(base->sources, source);
		g_array_append_val(base->stored, stored);
	}
	return staticbase_encode(base);
}

/* They must be taken, or the target looks at nothing. */
static void seed_check(unsigned kind, GBytes *seed)
{
	const struct staticdelta_pair pair = pair_make();
	gsize size_bytes;
	const uint8_t *data = g_bytes_get_data(seed, &size_bytes);
	g_autoptr(Staticdelta) delta = NULL;
	g_autoptr(Staticpart) part = NULL;
	g_autoptr(Staticbase) base = NULL;
	struct bspatch_bytes bytes = { data + 1, size_bytes - 1 };

	if (kind == 1)
		delta = staticdelta_decode(seed, &pair, NULL);
	if (kind == 2)
		part = staticpart_open(&bytes, (const uint8_t *)"\1\1\1", data[0], NULL);
	if (kind == 4)
		base = staticbase_decode(seed, pair.from, NULL);
	promise((delta != NULL) == (kind == 1) && (part != NULL) == (kind == 2) &&
		(base != NULL) == (kind == 4));
}

size_t fuzz_seed(unsigned number, uint8_t *ret_bytes, size_t room)
{
	static GBytes *(*const MAKERS[])(unsigned) = { signed_seed, superblock_seed, part_seed,
						       patch_seed, base_seed };
	const unsigned kind = number / 2;
	g_autoptr(GBytes) seed = NULL;

	if (kind >= G_N_ELEMENTS(MAKERS) || room < 1)
		return 0;
	seed = MAKERS[kind](number % 2);
	seed_check(kind, seed);
	ret_bytes[0] = (uint8_t)kind;
	return 1 + fuzz_copy(g_bytes_get_data(seed, NULL), g_bytes_get_size(seed), ret_bytes + 1,
			     room - 1);
}
