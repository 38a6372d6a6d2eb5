/* SPDX-License-Identifier: MIT */
#include "tufstore.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "failure.h"
#include "tap.h"
#include "tempdir.h"

enum { NOW_S = 1800000000, MAX = 100 };

static gboolean save(struct tufstore *store, const char *name, const char *text)
{
	struct tufstorage *storage = tufstore_storage(store);
	g_autoptr(GBytes) bytes = g_bytes_new(text, strlen(text));

	return storage->save(storage, name, bytes, NULL);
}

/* What is kept; "" for nothing, NULL for a failure. The caller frees. */
static char *load(struct tufstore *store, const char *name, fault *ret_why)
{
	struct tufstorage *storage = tufstore_storage(store);
	g_autoptr(GBytes) bytes = NULL;
	g_autoptr(GError) error = NULL;

	*ret_why = FAULT_OK;
	if (!storage->load(storage, name, MAX, &bytes, &error)) {
		*ret_why = failure_code(error);
		return NULL;
	}
	return bytes != NULL ? g_strndup(g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes))
			     : g_strdup("");
}

static void expect_kept(struct tufstore *store, const char *name, const char *text)
{
	fault why;
	g_autofree char *kept = load(store, name, &why);

	expect(g_strcmp0(kept, text) == 0);
}

static void test_files(void)
{
	char *folder = tempdir_new();
	g_autofree char *path = g_build_filename(folder, "a", "b", NULL);
	g_autofree char *left = g_build_filename(path, "unfinished", NULL);
	g_autoptr(Tufstore) store = tufstore_open(path, NULL);

	expect(store != NULL);
	expect_kept(store, "root.json", "");
	expect_kept(store, "history/1.root.json", "");
	expect(save(store, "root.json", "first"));
	expect(save(store, "history/1.root.json", "first"));
	expect(save(store, "history/2.root.json", "second"));
	expect(save(store, "root.json", "second"));
	expect_kept(store, "root.json", "second");
	expect_kept(store, "history/1.root.json", "first");
	expect_kept(store, "history/2.root.json", "second");
	expect(!g_file_test(left, G_FILE_TEST_EXISTS));
	/* What a cut has left does no harm. */
	expect(g_file_set_contents(left, "half of a long fi", -1, NULL));
	expect(save(store, "root.json", "3"));
	expect_kept(store, "root.json", "3");
	tempdir_free(folder);
}

static void test_odd_files(void)
{
	char *folder = tempdir_new();
	g_autofree char *large = g_strnfill(MAX + 1, 'a');
	g_autofree char *link = g_build_filename(folder, "timestamp.json", NULL);
	g_autofree char *pipe = g_build_filename(folder, "snapshot.json", NULL);
	g_autoptr(Tufstore) store = tufstore_open(folder, NULL);
	fault why;

	expect(save(store, "root.json", large));
	expect(load(store, "root.json", &why) == NULL && why == FAULT_TUF_STORE_DAMAGED);
	expect(symlink("root.json", link) == 0);
	expect(load(store, "timestamp.json", &why) == NULL && why == FAULT_TUF_STORE);
	expect(mkfifo(pipe, 0600) == 0);
	expect(load(store, "snapshot.json", &why) == NULL && why == FAULT_TUF_STORE_DAMAGED);
	/* A save replaces them. */
	expect(save(store, "timestamp.json", "good"));
	expect_kept(store, "timestamp.json", "good");
	expect(!g_file_test(link, G_FILE_TEST_IS_SYMLINK));
	tempdir_free(folder);
}

static void test_no_folder(void)
{
	char *folder = tempdir_new();
	g_autofree char *path = g_build_filename(folder, "file", "below", NULL);
	g_autoptr(GError) error = NULL;
	g_autoptr(Tufstore) store = NULL;

	expect(tempdir_write(folder, "file", "", 0600));
	store = tufstore_open(path, &error);
	expect(store == NULL && failure_code(error) == FAULT_TUF_STORE);
	tempdir_free(folder);
}

static fault check(struct tufstore *store, gint64 now_s, gint64 not_before_s, gint64 *ret_now_s)
{
	g_autoptr(GError) error = NULL;

	return tufstore_time_check(store, now_s, not_before_s, ret_now_s, &error)
		       ? FAULT_OK
		       : failure_code(error);
}

static void test_time(void)
{
	char *folder = tempdir_new();
	g_autoptr(Tufstore) store = tufstore_open(folder, NULL);
	gint64 now_s = 0;

	expect(check(store, 0, 0, &now_s) == FAULT_OK && now_s == 0);
	expect(check(store, 0, NOW_S, &now_s) == FAULT_TUF_CLOCK);
	expect(check(store, NOW_S, 0, &now_s) == FAULT_OK && now_s == NOW_S);
	expect(tufstore_time_save(store, NOW_S, NULL));
	/* A correction is taken, but time does not go back by it. */
	expect(check(store, NOW_S - TUFSTORE_CLOCK_SLACK_S, 0, &now_s) == FAULT_OK);
	expect(now_s == NOW_S);
	expect(check(store, NOW_S - TUFSTORE_CLOCK_SLACK_S - 1, 0, &now_s) == FAULT_TUF_CLOCK);
	expect(check(store, 0, 0, &now_s) == FAULT_TUF_CLOCK);
	expect(tufstore_time_save(store, NOW_S - 100, NULL));
	expect(check(store, NOW_S, 0, &now_s) == FAULT_OK && now_s == NOW_S);
	expect(check(store, NOW_S + 5, NOW_S + 9, &now_s) == FAULT_OK && now_s == NOW_S + 9);
	tempdir_free(folder);
}

static void test_damaged_time(void)
{
	static const char *const TEXTS[] = { "", "\n", "-1", "1x", "99999999999999999999", " 1" };
	char *folder = tempdir_new();
	g_autoptr(Tufstore) store = tufstore_open(folder, NULL);

	for (unsigned i = 0; i < G_N_ELEMENTS(TEXTS); i++) {
		gint64 now_s = 0;

		expect(save(store, "time", TEXTS[i]));
		expect(check(store, NOW_S, 0, &now_s) == FAULT_TUF_STORE_DAMAGED);
	}
	tempdir_free(folder);
}

static const struct tap_case CASES[] = {
	{ "files", test_files },
	{ "links, pipes and what is too large", test_odd_files },
	{ "no folder", test_no_folder },
	{ "time does not go back", test_time },
	{ "a damaged time", test_damaged_time },
};

TAP_MAIN(CASES)
