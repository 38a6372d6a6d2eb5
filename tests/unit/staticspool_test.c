/* SPDX-License-Identifier: MIT */
#include "staticspool.h"

#include <string.h>

#include "failure.h"
#include "tap.h"
#include "tempdir.h"

static gboolean text_put(struct staticspool *spool, guint object, const char *text)
{
	return staticspool_put(spool, object, (const uint8_t *)text, strlen(text), NULL);
}

static gboolean has_text(const struct staticspool *spool, guint object, const char *text)
{
	g_autoptr(GBytes) wanted = g_bytes_new(text, strlen(text));
	g_autoptr(GBytes) found = staticspool_get(spool, object, NULL);

	return found != NULL && g_bytes_equal(found, wanted);
}

static void keeps(void)
{
	char *folder = tempdir_new();
	g_autoptr(Staticspool) spool = staticspool_new(folder, 4, 100, NULL);
	g_autoptr(GDir) listed = g_dir_open(folder, 0, NULL);

	expect(spool != NULL && g_dir_read_name(listed) == NULL); /* it has no name */
	expect(!staticspool_has(NULL, 0) && !staticspool_has(spool, 0));
	expect(text_put(spool, 2, "second") && text_put(spool, 0, "") && text_put(spool, 3, "x"));
	expect(staticspool_has(spool, 0) && !staticspool_has(spool, 1));
	expect(has_text(spool, 2, "second") && has_text(spool, 0, "") && has_text(spool, 3, "x"));
	tempdir_free(folder);
}

static void limits(void)
{
	char *folder = tempdir_new();
	g_autoptr(Staticspool) spool = staticspool_new(folder, 4, 10, NULL);
	g_autoptr(GError) error = NULL;

	expect(text_put(spool, 0, "123456"));
	expect(!staticspool_put(spool, 1, (const uint8_t *)"78901", 5, &error));
	expect(failure_code(error) == FAULT_STATICDELTA_ROOM && !staticspool_has(spool, 1));
	expect(text_put(spool, 1, "7890") && has_text(spool, 1, "7890"));
	expect(!text_put(spool, 2, "1") && text_put(spool, 3, ""));
	expect(staticspool_room(folder) > 0 && staticspool_room("/nowhere at all") == 0);
	tempdir_free(folder);
}

static void nowhere(void)
{
	g_autoptr(GError) error = NULL;

	expect(staticspool_new("/nowhere at all", 1, 10, &error) == NULL);
	expect(failure_code(error) == FAULT_STATICDELTA_ROOM);
}

static const struct tap_case CASES[] = {
	{ "what was put in comes out", keeps },
	{ "there is room for so much and no more", limits },
	{ "without a folder there is none", nowhere },
};

TAP_MAIN(CASES)
