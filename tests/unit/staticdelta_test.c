/* SPDX-License-Identifier: MIT */
/* Static deltas that libostree has made, and hostile ones. */
#include "staticdelta.h"

#include <ostree.h>
#include <string.h>

#include "crypto.h"
#include "failure.h"
#include "objectfile.h"
#include "staticpart.h"
#include "tap.h"
#include "tempdir.h"

enum { HASH = STATICDELTA_HASH_SIZE, LARGE = 200000, MODE = 0100644 };

/* --- a repository with two commits --- */

struct repo {
	char *folder;
	OstreeRepo *repo;
	char *commits[2];
	struct staticdelta_pair pair;
};

static void repo_clear(struct repo *repo)
{
	g_clear_object(&repo->repo);
	g_clear_pointer(&repo->folder, tempdir_free);
	g_free(repo->commits[0]);
	g_free(repo->commits[1]);
}

static void file_add(struct repo *repo, OstreeMutableTree *tree, const char *name, GBytes *bytes)
{
	gsize size;
	const guint8 *data = g_bytes_get_data(bytes, &size);
	g_autofree char *checksum = ostree_repo_write_regfile_inline(repo->repo, NULL, 0, 7, MODE,
								     NULL, data, size, NULL, NULL);

	g_assert(checksum != NULL && ostree_mutable_tree_replace_file(tree, name, checksum, NULL));
}

/* `number` 1 has changes all over the first file, and a run in the middle of the second. */
static GBytes *large_make(unsigned number, unsigned file)
{
	g_autoptr(GRand) random = g_rand_new_with_seed(file);
	uint8_t *bytes = g_malloc(LARGE);

	for (unsigned i = 0; i < LARGE; i++)
		bytes[i] = (uint8_t)g_rand_int(random);
	for (unsigned i = 0; number == 1 && i < LARGE; i += 500)
		bytes[file == 0 ? i : 100000 + i / 500] ^= 1;
	return g_bytes_new_take(bytes, LARGE);
}

static void tree_fill(struct repo *repo, OstreeMutableTree *tree, unsigned number)
{
	for (unsigned file = 0; file < 2; file++) {
		g_autofree char *name = g_strdup_printf("large%u", file);
		g_autoptr(GBytes) bytes = large_make(number, file);

		file_add(repo, tree, name, bytes);
	}
	if (number == 1) {
		g_autoptr(GBytes) small = g_bytes_new_static("small", 5);
		g_autoptr(GBytes) empty = g_bytes_new_static("", 0);
		g_autofree char *link = ostree_repo_write_symlink(repo->repo, NULL, 0, 0, NULL,
								  "small", NULL, NULL);

		file_add(repo, tree, "small", small);
		file_add(repo, tree, "empty", empty);
		g_assert(ostree_mutable_tree_replace_file(tree, "link", link, NULL));
	}
}

static char *commit_make(struct repo *repo, unsigned number)
{
	g_autoptr(OstreeMutableTree) tree = ostree_mutable_tree_new();
	g_autoptr(GFileInfo) info = g_file_info_new();
	g_autoptr(GVariant) metadata = NULL;
	g_autofree guchar *bytes = NULL;
	g_autofree char *checksum = NULL;
	g_autoptr(GFile) root = NULL;
	char *commit = NULL;

	g_file_info_set_attribute_uint32(info, "unix::uid", 0);
	g_file_info_set_attribute_uint32(info, "unix::gid", 0);
	g_file_info_set_attribute_uint32(info, "unix::mode", 0040755);
	metadata = g_variant_ref_sink(ostree_create_directory_metadata(info, NULL));
	g_assert(ostree_repo_prepare_transaction(repo->repo, NULL, NULL, NULL));
	g_assert(ostree_repo_write_metadata(repo->repo, OSTREE_OBJECT_TYPE_DIR_META, NULL, metadata,
					    &bytes, NULL, NULL));
	checksum = ostree_checksum_from_bytes(bytes);
	ostree_mutable_tree_set_metadata_checksum(tree, checksum);
	tree_fill(repo, tree, number);
	g_assert(ostree_repo_write_mtree(repo->repo, tree, &root, NULL, NULL));
	g_assert(ostree_repo_write_commit(repo->repo, repo->commits[0], "s", NULL, NULL,
					  OSTREE_REPO_FILE(root), &commit, NULL, NULL));
	g_assert(ostree_repo_commit_transaction(repo->repo, NULL, NULL, NULL));
	return commit;
}

static struct repo repo_make(const char *params)
{
	struct repo repo = { .folder = tempdir_new() };
	g_autoptr(GFile) path = g_file_new_for_path(repo.folder);
	g_autoptr(GVariant) options = g_variant_ref_sink(g_variant_new_parsed(params));

	repo.repo = ostree_repo_new(path);
	g_assert(ostree_repo_create(repo.repo, OSTREE_REPO_MODE_ARCHIVE, NULL, NULL));
	repo.commits[0] = commit_make(&repo, 0);
	repo.commits[1] = commit_make(&repo, 1);
	ostree_checksum_inplace_to_bytes(repo.commits[0], repo.pair.from);
	ostree_checksum_inplace_to_bytes(repo.commits[1], repo.pair.to);
	g_assert(ostree_repo_static_delta_generate(
		repo.repo, OSTREE_STATIC_DELTA_GENERATE_OPT_MAJOR, repo.commits[0], repo.commits[1],
		NULL, options, NULL, NULL));
	return repo;
}

static GBytes *delta_file(const struct repo *repo, const char *file)
{
	g_autofree char *name = staticdelta_path(&repo->pair, file);
	g_autofree char *path = g_build_filename(repo->folder, name, NULL);
	char *bytes = NULL;
	gsize size = 0;

	expect(g_file_get_contents(path, &bytes, &size, NULL));
	return g_bytes_new_take(bytes, size);
}

/* --- what libostree makes --- */

static GBytes *content_load(const struct repo *repo, const uint8_t *object)
{
	char checksum[OSTREE_SHA256_STRING_LEN + 1];
	g_autoptr(GInputStream) input = NULL;
	g_autoptr(GFileInfo) info = NULL;
	g_autofree uint8_t *bytes = g_malloc(LARGE + 1);
	gsize size = 0;

	ostree_checksum_inplace_from_bytes(object, checksum);
	expect(ostree_repo_load_file(repo->repo, checksum, &input, &info, NULL, NULL, NULL));
	if (input != NULL)
		expect(g_input_stream_read_all(input, bytes, LARGE + 1, &size, NULL, NULL));
	return g_bytes_new(bytes, size);
}

/* The checksum over header and content, as libostree has it. */
static void object_sum(const uint8_t *made, const struct staticpart_object *object,
		       uint8_t ret_hash[static HASH])
{
	g_autoptr(GByteArray) head = g_byte_array_new();
	const uint32_t size[2] = { GUINT32_TO_BE((uint32_t)object->header_size), 0 };

	g_byte_array_append(head, (const uint8_t *)size, sizeof size);
	g_byte_array_append(head, made, (guint)object->header_size);
	crypto_digest("SHA256", head->data, head->len, made + object->header_size,
		      object->content_size, ret_hash);
}

static void object_try(const struct repo *repo, const struct staticpart *part, guint index,
		       const uint8_t *checksum)
{
	struct staticpart_object object;
	g_autoptr(GBytes) old = NULL;
	g_autoptr(GBytes) wanted = content_load(repo, checksum);
	struct bspatch_bytes source = { NULL, 0 };
	g_autofree uint8_t *made = NULL;
	uint8_t hash[HASH];

	expect(staticpart_look(part, index, &object, NULL) && object.is_file);
	expect(object.content_size == g_bytes_get_size(wanted));
	if (object.has_source) {
		old = content_load(repo, object.source);
		source.bytes = g_bytes_get_data(old, &source.size_bytes);
	}
	made = g_malloc(object.header_size + object.content_size);
	expect(staticpart_make(part, index, object.has_source ? &source : NULL, made, NULL));
	object_sum(made, &object, hash);
	expect(memcmp(hash, checksum, HASH) == 0);
	/* Out of another object, another object comes, or none. */
	if (object.has_source) {
		source.size_bytes /= 2;
		if (staticpart_make(part, index, &source, made, NULL)) {
			object_sum(made, &object, hash);
			expect(memcmp(hash, checksum, HASH) != 0);
		}
	}
}

struct counts {
	guint files, patched, others;
};

static void part_try(const struct repo *repo, const struct staticdelta *delta, guint number,
		     struct counts *counts)
{
	const struct staticdelta_part *known = &g_array_index(delta->parts, struct staticdelta_part,
							      number);
	g_autofree char *name = g_strdup_printf("%u", number);
	g_autoptr(GBytes) stored = delta_file(repo, name);
	g_autofree uint8_t *types = g_malloc(known->object_count);
	struct bspatch_bytes bytes;
	g_autoptr(Staticpart) part = NULL;
	uint8_t hash[HASH];

	bytes.bytes = g_bytes_get_data(stored, &bytes.size_bytes);
	crypto_digest("SHA256", bytes.bytes, bytes.size_bytes, NULL, 0, hash);
	expect(memcmp(hash, known->checksum, HASH) == 0);
	expect(bytes.size_bytes == known->stored_bytes);
	for (guint i = 0; i < known->object_count; i++)
		types[i] = g_array_index(delta->objects, struct staticdelta_object,
					 known->first_object + i)
				   .type;
	part = staticpart_open(&bytes, types, known->object_count, NULL);
	expect(part != NULL);
	for (guint i = 0; part != NULL && i < known->object_count; i++) {
		const struct staticdelta_object *each = &g_array_index(
			delta->objects, struct staticdelta_object, known->first_object + i);
		struct staticpart_object object;

		expect(staticpart_look(part, i, &object, NULL));
		if (object.is_file)
			object_try(repo, part, i, each->checksum);
		counts->files += object.is_file ? 1 : 0;
		counts->patched += object.has_source ? 1 : 0;
		counts->others += object.is_file ? 0 : 1;
	}
}

/* Each object that libostree has put in is the one that libostree has. */
static void delta_try(const char *params, guint patched)
{
	struct repo repo = repo_make(params);
	g_autoptr(GBytes) superblock = delta_file(&repo, "superblock");
	g_autoptr(GError) error = NULL;
	g_autoptr(Staticdelta) delta = staticdelta_decode(superblock, &repo.pair, &error);
	struct counts counts = { 0 };

	expect(delta != NULL && delta->parts->len > 0);
	for (guint i = 0; delta != NULL && i < delta->parts->len; i++)
		part_try(&repo, delta, i, &counts);
	/* A link and the new folder beside the files. */
	expect(counts.files == 4 && counts.others == 2 && counts.patched == patched);
	repo_clear(&repo);
}

static void patches(void)
{
	delta_try("@a{sv} {}", 2);
}

static void whole(void)
{
	delta_try("{'bsdiff-enabled': <false>}", 1); /* the other one by its equal parts */
}

static void foreign_order(void)
{
	delta_try("{'endianness': <uint32 4321>}", 2);
}

/* --- hostile ones --- */

static void other_commits(void)
{
	struct repo repo = repo_make("@a{sv} {}");
	g_autoptr(GBytes) superblock = delta_file(&repo, "superblock");
	struct staticdelta_pair pairs[2] = { repo.pair, repo.pair };

	pairs[0].from[31] ^= 1;
	pairs[1].to[0] ^= 1;
	for (unsigned i = 0; i < 2; i++) {
		g_autoptr(GError) error = NULL;
		g_autoptr(Staticdelta) delta = staticdelta_decode(superblock, &pairs[i], &error);

		expect(delta == NULL && failure_code(error) == FAULT_STATICDELTA_OTHER);
	}
	repo_clear(&repo);
}

static void cut(void)
{
	struct repo repo = repo_make("@a{sv} {}");
	g_autoptr(GBytes) superblock = delta_file(&repo, "superblock");

	for (gsize size = 0; size < g_bytes_get_size(superblock); size++) {
		g_autoptr(GBytes) piece = g_bytes_new_from_bytes(superblock, 0, size);
		g_autoptr(GError) error = NULL;
		g_autoptr(Staticdelta) delta = staticdelta_decode(piece, &repo.pair, &error);

		expect(delta == NULL && error != NULL);
	}
	repo_clear(&repo);
}

static void signatures(void)
{
	g_autoptr(GBytes) superblock = g_bytes_new_static("superblock", 10);
	g_autoptr(GBytes) signature = g_bytes_new_static("signature", 9);
	g_autoptr(GBytes) wrapped = staticdelta_signed_encode(superblock, signature);
	g_autoptr(GBytes) found = NULL;
	g_autoptr(GPtrArray) list = NULL;
	GBytes *none = NULL;
	GPtrArray *nobody = NULL;
	g_autoptr(GError) error = NULL;

	/* The first bytes of the file, whatever the machine. */
	expect(memcmp(g_bytes_get_data(wrapped, NULL), "OSTSGNDT", 8) == 0);
	expect(staticdelta_signed_decode(wrapped, &found, &list, NULL));
	expect(found != NULL && g_bytes_equal(found, superblock));
	expect(list != NULL && list->len == 1 && g_bytes_equal(list->pdata[0], signature));
	expect(!staticdelta_signed_decode(superblock, &none, &nobody, &error));
	expect(failure_code(error) == FAULT_STATICDELTA_SIGNATURE);
}

static void path(void)
{
	struct staticdelta_pair pair;
	g_autofree char *name = NULL;

	memset(pair.from, 0xff, sizeof pair.from);
	memset(pair.to, 0xfb, sizeof pair.to);
	name = staticdelta_path(&pair, "superblock");
	expect(strcmp(name, "deltas/__/________________________________________8-"
			    "+_v7+_v7+_v7+_v7+_v7+_v7+_v7+_v7+_v7+_v7+_s/superblock") == 0);
}

/* A part with these operations over the bytes "0123456789" and 32 zeros, of one object. */
static struct staticpart *part_make(const char *operations, gsize size, GError **error)
{
	static const uint8_t TYPES[] = { STATICDELTA_FILE, STATICDELTA_FILE };
	static const uint8_t BYTES[42] = "0123456789";
	g_autoptr(GVariant) variant = g_variant_ref_sink(g_variant_new(
		"(@a(uuu)@aa(ayay)@ay@ay)",
		g_variant_new_parsed("[(uint32 0, uint32 0, uint32 %u)]", GUINT32_TO_BE(MODE)),
		g_variant_new_parsed("@aa(ayay) [[]]"),
		g_variant_new_fixed_array(G_VARIANT_TYPE_BYTE, BYTES, sizeof BYTES, 1),
		g_variant_new_fixed_array(G_VARIANT_TYPE_BYTE, operations, size, 1)));
	g_autoptr(GByteArray) stored = g_byte_array_new();
	struct bspatch_bytes bytes;

	g_byte_array_append(stored, (const uint8_t *)"", 1);
	g_byte_array_append(stored, g_variant_get_data(variant),
			    (guint)g_variant_get_size(variant));
	bytes = (struct bspatch_bytes){ stored->data, stored->len };
	return staticpart_open(&bytes, TYPES, 1, error);
}

static gboolean is_taken(const char *operations, gsize size)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(Staticpart) part = part_make(operations, size, &error);

	expect(part != NULL || failure_code(error) == FAULT_STATICDELTA_FORMAT);
	return part != NULL;
}

#define TAKEN(text) is_taken(text, sizeof(text) - 1)

static void operations(void)
{
	expect(TAKEN("S\0\0\12\0"));
	expect(TAKEN("o\0\0\2w\2\1c"));
	expect(TAKEN("o\0\0\2w\1\1w\1\5cR"));
	expect(TAKEN("r\12o\0\0\2w\1\1Rw\1\5c"));
	expect(TAKEN("r\12o\0\0\2B\0\1c"));
	expect(!TAKEN(""));
	expect(!TAKEN("S\0\0\53\0"));         /* more bytes than there are */
	expect(!TAKEN("S\0\0\1\52"));         /* behind their end */
	expect(!TAKEN("S\1\0\1\0"));          /* no such owner */
	expect(!TAKEN("S\0\1\1\0"));          /* no such attributes */
	expect(!TAKEN("S\0\0\1"));            /* ends early */
	expect(!TAKEN("S\0\0\200\200"));      /* in a number */
	expect(!TAKEN("x"));                  /* no such operation */
	expect(!TAKEN("S\0\0\1\0S\0\0\1\0")); /* one object too many */
	expect(!TAKEN("o\0\0\2w\2\1"));       /* never ends */
	expect(!TAKEN("o\0\0\2w\1\1c"));      /* too short */
	expect(!TAKEN("o\0\0\2w\3\1c"));      /* too long */
	expect(!TAKEN("o\0\0\2o\0\0\2w\2\1c"));
	expect(!TAKEN("w\2\1c"));
	expect(!TAKEN("c"));
	expect(!TAKEN("o\0\0\2S\0\0\1\0w\2\1c"));
	expect(!TAKEN("o\0\0\2B\0\1c"));     /* no older object is named */
	expect(!TAKEN("r\13o\0\0\2B\0\1c")); /* its name is cut off */
	expect(!TAKEN("r\12o\0\0\2B\0\53c"));
	expect(!TAKEN("r\12o\0\0\2w\1\0B\0\1c"));
	expect(!TAKEN("r\12o\0\0\2w\1\1r\1w\1\1c")); /* two older objects at once */
}

/* Bytes of the older object that it does not have. */
static void beyond(void)
{
	static const char WORDS[] = "r\12o\0\0\2w\2\3c";
	g_autoptr(Staticpart) part = part_make(WORDS, sizeof WORDS - 1, NULL);
	struct bspatch_bytes source = { (const uint8_t *)"abcdefgh", 5 };
	struct staticpart_object object;
	uint8_t made[256];
	g_autoptr(GError) error = NULL;

	expect(part != NULL && staticpart_look(part, 0, &object, NULL) && object.has_source);
	expect(object.header_size + object.content_size <= sizeof made);
	expect(staticpart_make(part, 0, &source, made, NULL));
	expect(memcmp(made + object.header_size, "de", 2) == 0);
	source.size_bytes = 4;
	expect(!staticpart_make(part, 0, &source, made, &error));
	expect(failure_code(error) == FAULT_STATICDELTA_FORMAT);
	expect(!staticpart_make(part, 0, NULL, made, NULL));
	expect(!staticpart_look(part, 1, &object, NULL));
}

/* Packed bytes that become more than a part may have. */
static void bomb(void)
{
	static const uint8_t TYPES[] = { STATICDELTA_FILE };
	g_autofree char *folder = tempdir_new();
	g_autofree char *command = g_strdup_printf("sh -c 'head -c %d /dev/zero | xz -8 >%s/part'",
						   STATICPART_RAW_MAX + 1, folder);
	g_autofree char *file = g_build_filename(folder, "part", NULL);
	g_autofree char *packed = NULL;
	g_autoptr(GByteArray) stored = g_byte_array_new();
	g_autoptr(GError) error = NULL;
	struct bspatch_bytes bytes;
	gsize size = 0;

	expect(g_spawn_command_line_sync(command, NULL, NULL, NULL, NULL));
	expect(g_file_get_contents(file, &packed, &size, NULL) && size > 0);
	g_byte_array_append(stored, (const uint8_t *)"x", 1);
	g_byte_array_append(stored, (const uint8_t *)packed, (guint)size);
	bytes = (struct bspatch_bytes){ stored->data, stored->len };
	expect(staticpart_open(&bytes, TYPES, 1, &error) == NULL);
	expect(failure_code(error) == FAULT_STATICDELTA_FORMAT);
	tempdir_free(g_steal_pointer(&folder));
}

static const struct tap_case CASES[] = {
	{ "libostree's deltas give libostree's objects", patches },
	{ "without patches, too", whole },
	{ "and in the other byte order", foreign_order },
	{ "of other commits they are refused", other_commits },
	{ "so are superblocks that are cut off", cut },
	{ "signatures stand in a wrapper", signatures },
	{ "names in the repository are libostree's", path },
	{ "operations are looked through before any is run", operations },
	{ "an older object has no more bytes than it has", beyond },
	{ "a part has a limit when it is unpacked", bomb },
};

TAP_MAIN(CASES)
