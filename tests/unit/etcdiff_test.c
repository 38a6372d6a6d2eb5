/* SPDX-License-Identifier: MIT */
#include "etcdiff.h"

#include <string.h>
#include <sys/stat.h>

#include "etcboot.h"
#include "failure.h"
#include "tap.h"

enum { FILE_MODE = S_IFREG | 0644, FOLDER_MODE = S_IFDIR | 0755 };

static struct etctree *tree_new(void)
{
	return etctree_new("1.0", "abcd", "test");
}

/* `content`: a number; files of the same one are the same. mode 0: gone. */
static struct etctree_entry *put(struct etctree *tree, const char *path, uint32_t mode,
				 uint8_t content)
{
	struct etctree_entry *entry = etctree_entry_new(path);
	const uint8_t hash[ETCTREE_HASH_SIZE] = { content };

	entry->mode = mode;
	if (S_ISLNK(mode)) {
		g_free(entry->target);
		entry->target = g_strdup_printf("to-%u", content);
	}
	etctree_seal(entry, hash);
	etctree_add(tree, entry);
	return entry;
}

/* What may stand at one path: nothing, or one of two files and a link. */
enum { NOTHING, FILE_1, FILE_2, LINK, STATES };

static void state_put(struct etctree *tree, unsigned state)
{
	if (state == NOTHING)
		return;
	put(tree, "x", state == LINK ? S_IFLNK | 0777 : FILE_MODE, (uint8_t)state);
}

/* What the header says, restated: base, ours, theirs; base STATES is one that is not known. */
static void expected(unsigned base, unsigned ours, unsigned theirs, enum etcdiff_kind *ret_kind,
		     enum etcdiff_conflict *ret_conflict)
{
	const bool moved = base != STATES && base != theirs;

	*ret_conflict = ETCDIFF_CLEAR;
	if (ours == theirs) {
		*ret_kind = ETCDIFF_SAME;
	} else if (ours == NOTHING) {
		*ret_kind = ETCDIFF_REMOVED;
		*ret_conflict = moved ? ETCDIFF_REMOVED_CHANGED : ETCDIFF_CLEAR;
	} else if (theirs == NOTHING) {
		*ret_kind = ETCDIFF_ADDED;
		*ret_conflict = moved ? ETCDIFF_CHANGED_GONE : ETCDIFF_CLEAR;
	} else {
		*ret_kind = ETCDIFF_CHANGED;
		if (moved)
			*ret_conflict = (ours == LINK) != (theirs == LINK) ? ETCDIFF_TYPE
					: base == NOTHING                  ? ETCDIFF_BOTH_ADDED
									   : ETCDIFF_BOTH_CHANGED;
	}
}

static struct etctree *ours_make(unsigned base, unsigned ours)
{
	g_autoptr(Etctree) defaults = tree_new();
	struct etctree *tree = tree_new();

	put(tree, "", FOLDER_MODE, 0);
	if (ours == NOTHING)
		put(tree, "x", 0, 0);
	else
		state_put(tree, ours);
	put(defaults, "", FOLDER_MODE, 0);
	if (base != STATES)
		state_put(defaults, base);
	etctree_base_note(tree, NULL, base != STATES ? defaults : NULL);
	return tree;
}

static void test_every_state(void)
{
	for (unsigned base = 0; base <= STATES; base++)
		for (unsigned ours = 0; ours < STATES; ours++)
			for (unsigned theirs = 0; theirs < STATES; theirs++) {
				g_autoptr(Etctree) changes = ours_make(base, ours);
				g_autoptr(Etctree) release = tree_new();
				g_autoptr(GPtrArray) rows = NULL;
				enum etcdiff_conflict conflict;
				enum etcdiff_kind kind;
				const struct etcdiff_row *row;

				put(release, "", FOLDER_MODE, 0);
				state_put(release, theirs);
				rows = etcdiff_make(changes, release);
				expected(base, ours, theirs, &kind, &conflict);
				expect(rows->len == 1);
				if (rows->len != 1)
					continue;
				row = rows->pdata[0];
				expect(strcmp(row->path, "x") == 0 && row->kind == kind &&
				       row->conflict == conflict);
			}
}

static void test_folders(void)
{
	g_autoptr(Etctree) ours = tree_new();
	g_autoptr(Etctree) theirs = tree_new();
	g_autoptr(GPtrArray) rows = NULL;
	static const struct {
		const char *path;
		enum etcdiff_kind kind;
	} WANTED[] = {
		{ "anew", ETCDIFF_CHANGED },
		{ "anew-not", ETCDIFF_CHANGED },
		{ "anew/deep/gone", ETCDIFF_HIDDEN },
		{ "anew/deep", ETCDIFF_HIDDEN },
	};

	put(ours, "", FOLDER_MODE, 0);
	put(ours, "same", FOLDER_MODE, 0);
	put(ours, "anew", FOLDER_MODE, 0)->opaque = TRUE;
	etctree_seal(ours->entries->pdata[2], (const uint8_t[ETCTREE_HASH_SIZE]){ 0 });
	put(ours, "anew-not", FILE_MODE, 1);
	put(theirs, "", FOLDER_MODE, 0);
	put(theirs, "same", FOLDER_MODE, 0);
	put(theirs, "same/file", FILE_MODE, 1);
	put(theirs, "anew", FOLDER_MODE, 0);
	put(theirs, "anew/deep", FOLDER_MODE, 0);
	put(theirs, "anew/deep/gone", FILE_MODE, 0);
	put(theirs, "anew-not", FILE_MODE, 2);
	etctree_sort(ours);
	etctree_sort(theirs);
	rows = etcdiff_make(ours, theirs);
	expect(rows->len == G_N_ELEMENTS(WANTED));
	for (guint i = 0; i < rows->len; i++) {
		const struct etcdiff_row *row = rows->pdata[i];
		bool found = false;

		for (guint k = 0; k < G_N_ELEMENTS(WANTED); k++)
			found = found || (strcmp(row->path, WANTED[k].path) == 0 &&
					  row->kind == WANTED[k].kind);
		expect(found && row->conflict == ETCDIFF_CLEAR);
	}
}

/* A change that is older than this release keeps what it was made on; one that was made again
 * since is on this release's. */
static void test_bases(void)
{
	g_autoptr(Etctree) first = ours_make(FILE_1, LINK);
	g_autoptr(Etctree) later = tree_new();
	g_autoptr(Etctree) other = tree_new();
	g_autoptr(Etctree) release = tree_new();
	g_autoptr(GPtrArray) rows = NULL;
	g_autoptr(GPtrArray) others = NULL;

	put(release, "", FOLDER_MODE, 0);
	state_put(release, FILE_2);
	put(later, "", FOLDER_MODE, 0);
	state_put(later, LINK);
	etctree_base_note(later, first, release);
	rows = etcdiff_make(later, release);
	expect(rows->len == 1 && ((struct etcdiff_row *)rows->pdata[0])->conflict == ETCDIFF_TYPE);
	put(other, "", FOLDER_MODE, 0);
	put(other, "x", FILE_MODE, 77);
	etctree_base_note(other, first, release);
	others = etcdiff_make(other, release);
	expect(others->len == 1 &&
	       ((struct etcdiff_row *)others->pdata[0])->conflict == ETCDIFF_CLEAR);
	expect(etctree_is_same(later, later) && !etctree_is_same(later, other));
}

static void test_names(void)
{
	for (unsigned i = 0; i < ETCDIFF_KIND_COUNT; i++)
		expect(etcdiff_kind_name((enum etcdiff_kind)i) != NULL);
	for (unsigned i = 0; i < ETCDIFF_CONFLICT_COUNT; i++)
		expect((etcdiff_conflict_name((enum etcdiff_conflict)i) == NULL) ==
		       (i == ETCDIFF_CLEAR));
}

/* Bytes. */

static struct etctree *whole_make(void)
{
	struct etctree *tree = tree_new();
	struct etctree_entry *entry;

	put(tree, "", FOLDER_MODE, 0);
	entry = put(tree, "file", S_IFREG | 04711, 1);
	entry->uid = 7;
	entry->gid = UINT32_MAX;
	entry->mtime_ns = -5;
	entry->size_bytes = ETCTREE_FILE_MAX;
	memset(entry->object, 0x5a, sizeof entry->object);
	g_variant_unref(entry->xattrs);
	entry->xattrs = g_variant_ref_sink(
		g_variant_new_parsed("[(b'user.a', @ay [0x00, 0x01]), (b'user.b', @ay [])]"));
	etctree_seal(entry, entry->object);
	put(tree, "folder", FOLDER_MODE, 0)->opaque = TRUE;
	put(tree, "folder/\xff\xfe", S_IFLNK | 0777, 3);
	put(tree, "gone", 0, 0);
	put(tree, "pipe", S_IFIFO | 0600, 0);
	etctree_base_note(tree, NULL, tree);
	return tree;
}

static void test_bytes(void)
{
	g_autoptr(Etctree) tree = whole_make();
	g_autoptr(GBytes) bytes = etctree_encode(tree);
	g_autoptr(Etctree) again = etctree_decode(bytes, NULL);
	g_autoptr(GBytes) twice = again != NULL ? etctree_encode(again) : NULL;

	expect(again != NULL && etctree_is_same(tree, again));
	expect(twice != NULL && g_bytes_equal(bytes, twice));
}

/* Whatever is cut off or turned over: refused, or read as something that may be. */
static void test_damage(void)
{
	g_autoptr(Etctree) tree = whole_make();
	g_autoptr(GBytes) bytes = etctree_encode(tree);
	gsize size_bytes;
	const uint8_t *data = g_bytes_get_data(bytes, &size_bytes);
	unsigned refused = 0;

	for (gsize i = 0; i < size_bytes; i++) {
		g_autofree uint8_t *bad = g_memdup2(data, size_bytes);
		g_autoptr(GBytes) cut = g_bytes_new(data, i);
		g_autoptr(GBytes) turned = NULL;
		g_autoptr(Etctree) shorter = etctree_decode(cut, NULL);
		g_autoptr(Etctree) other = NULL;

		expect(shorter == NULL);
		bad[i] ^= 0xff;
		turned = g_bytes_new(bad, size_bytes);
		other = etctree_decode(turned, NULL);
		refused += other == NULL;
		for (guint k = 0; other != NULL && k < other->entries->len; k++)
			expect(etctree_path_is_good(
				((struct etctree_entry *)other->entries->pdata[k])->path));
	}
	printf("# %u of %zu bytes turned over are refused\n", refused, size_bytes);
	expect(refused > size_bytes / 5);
}

static gboolean is_read(const struct etctree *tree)
{
	g_autoptr(GBytes) bytes = etctree_encode(tree);
	g_autoptr(GError) error = NULL;
	g_autoptr(Etctree) again = etctree_decode(bytes, &error);

	return again != NULL || failure_code(error) != FAULT_ETC_DAMAGED;
}

static gboolean is_read_with(const char *path, uint32_t mode)
{
	g_autoptr(Etctree) tree = tree_new();

	put(tree, "", FOLDER_MODE, 0);
	put(tree, "dir", FOLDER_MODE, 0);
	put(tree, "link", S_IFLNK | 0777, 0);
	put(tree, path, mode, 0);
	return is_read(tree);
}

static void test_hostile(void)
{
	g_autofree char *wide = g_strnfill(ETCTREE_PATH_MAX + 1, 'm');
	g_autoptr(Etctree) none = tree_new();
	g_autoptr(Etctree) xattr = whole_make();
	struct etctree_entry *entry = xattr->entries->pdata[1];

	expect(is_read_with("n", FILE_MODE) && is_read_with("n", 0));
	expect(!is_read_with("../x", FILE_MODE) && !is_read_with("/x", FILE_MODE));
	expect(!is_read_with("link/x", FILE_MODE)); /* it would be written where the link leads */
	expect(!is_read_with("m/x", FILE_MODE));    /* in no folder */
	expect(!is_read_with("a", FILE_MODE));      /* not in order */
	expect(!is_read_with("link", FILE_MODE));   /* twice */
	expect(!is_read_with("m/", FILE_MODE) && !is_read_with("m//x", FILE_MODE));
	expect(!is_read_with(wide, FILE_MODE));
	expect(!is_read_with("n", S_IFCHR | 0600)); /* 0/0 would be one that is gone */
	expect(!is_read_with("n", 0644) && !is_read_with("n", S_IFREG | 0x80000000));
	expect(!is_read(none));
	put(none, "", 0, 0);
	expect(!is_read(none)); /* the root is gone */
	g_variant_unref(entry->xattrs);
	entry->xattrs = g_variant_ref_sink(
		g_variant_new_parsed("[(b'trusted.overlay.redirect', @ay [0x2f])]"));
	expect(!is_read(xattr));
}

static void test_paths(void)
{
	static const char *const BAD[] = { "/", "a/", "/a", "a//b", ".", "..", "a/..", "./a" };
	GString *deep = g_string_new("a");

	for (unsigned i = 0; i < G_N_ELEMENTS(BAD); i++)
		expect(!etctree_path_is_good(BAD[i]));
	expect(etctree_path_is_good("") && etctree_path_is_good("a/...") &&
	       etctree_path_is_good(".a/b."));
	for (unsigned i = 1; i < ETCTREE_DEPTH_MAX; i++)
		g_string_append(deep, "/a");
	expect(etctree_path_is_good(deep->str));
	g_string_append(deep, "/a");
	expect(!etctree_path_is_good(deep->str));
	g_string_free(deep, TRUE);
}

/* Which boot does what: every combination of what ran, what boots and what was asked for. */
static void test_plan(void)
{
	static char *const ROOTS[] = { NULL, (char *)"r1", (char *)"r2", (char *)"r3" };

	for (unsigned last = 0; last < 4; last++)
		for (unsigned now = 1; now < 4; now++)
			for (unsigned asked = 0; asked < 4; asked++)
				for (unsigned from = 0; from < 4; from++) {
					const struct etcboot_request request = { ROOTS[asked],
										 ROOTS[from], 0 };
					const struct etcboot_plan plan = etcboot_plan(
						ROOTS[last], ROOTS[now], &request);
					const bool due = asked == now &&
							 (from == 0 || from == last);
					const bool over = asked != 0 && asked != now && from != 0 &&
							  from != now;

					expect(plan.restore == due);
					/* Nothing is put back over what was not stored. */
					expect(plan.store == (due || (last != 0 && last != now)));
					expect(plan.forget == (due || over));
				}
}

static const struct tap_case CASES[] = {
	{ "every base, change and release", test_every_state },
	{ "folders", test_folders },
	{ "what a change was made on", test_bases },
	{ "names", test_names },
	{ "bytes and back", test_bytes },
	{ "damage", test_damage },
	{ "hostile trees", test_hostile },
	{ "paths", test_paths },
	{ "what each boot does", test_plan },
};
TAP_MAIN(CASES)
