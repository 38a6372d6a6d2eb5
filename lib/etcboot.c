/* SPDX-License-Identifier: MIT */
#include "etcboot.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "etcstore.h"
#include "etcwalk.h"
#include "etcwrite.h"
#include "failure.h"
#include "statefile.h"

enum { REQUEST_SIZE_MAX = 4096, ROOT_HASH_MAX = 128, PRIVATE_MODE = 0700 };

static const char REQUEST[] = "request.json";
static const char LAST[] = "last";
static const char UPPER[] = "upper";
static const char NEXT[] = "next";

static char *folder_of(const char *state_dir)
{
	return g_build_filename(state_dir, "etc", NULL);
}

/* The request. */

void etcboot_request_clear(struct etcboot_request *request)
{
	g_clear_pointer(&request->root_hash, g_free);
	g_clear_pointer(&request->from, g_free);
}

static gboolean request_decode(json_t *object, struct etcboot_request *ret_request)
{
	const struct json_reader reader = { REQUEST, FAULT_STATE_FILE, NULL };
	const char *root_hash = json_get_text(&reader, object, "root_hash", ROOT_HASH_MAX);
	uint64_t number = 0;

	if (root_hash == NULL ||
	    !json_get_number(&reader, object, "number", ETCSTORE_NUMBER_MAX, &number))
		return FALSE;
	ret_request->root_hash = g_strdup(root_hash);
	ret_request->from = g_strdup(json_string_value(json_object_get(object, "from")));
	ret_request->number = (unsigned)number;
	return TRUE;
}

struct etcboot_request etcboot_request_load(const char *state_dir)
{
	static const char LOST[] = "no state of /etc is put back";
	g_autofree char *folder = folder_of(state_dir);
	g_autoptr(JsonValue) object = statefile_read(folder, REQUEST, REQUEST_SIZE_MAX, LOST);
	struct etcboot_request request = { .root_hash = NULL };

	if (object != NULL && !request_decode(object, &request))
		g_warning("%s: %s/%s is damaged", LOST, folder, REQUEST);
	return request;
}

gboolean etcboot_request_save(const char *state_dir, const struct etcboot_request *request,
			      GError **error)
{
	g_autofree char *folder = folder_of(state_dir);
	g_autofree char *path = g_build_filename(folder, REQUEST, NULL);
	g_autoptr(JsonValue) object = NULL;

	if (request->root_hash == NULL)
		return unlink(path) == 0 || errno == ENOENT ||
		       failure_set(error, FAULT_STATE_FILE, "cannot remove %s: %s", path,
				   g_strerror(errno));
	object = json_pack("{s:i, s:s, s:s*, s:I}", "format", 1, "root_hash", request->root_hash,
			   "from", request->from, "number", (json_int_t)request->number);
	return statefile_write(folder, REQUEST, object, error);
}

struct etcboot_plan etcboot_plan(const char *last, const char *now,
				 const struct etcboot_request *request)
{
	const gboolean asked = request->root_hash != NULL;
	const gboolean is_meant = asked && strcmp(request->root_hash, now) == 0;
	const gboolean ran = request->from == NULL || g_strcmp0(request->from, last) == 0;
	/* A third release has come: what was to be if one falls back to the other is over. */
	const gboolean is_over = asked && !is_meant && request->from != NULL &&
				 strcmp(request->from, now) != 0;

	return (struct etcboot_plan){
		.store = (is_meant && ran) || (last != NULL && strcmp(last, now) != 0),
		.restore = is_meant && ran,
		.forget = (is_meant && ran) || is_over,
	};
}

/* What the release brings. */

struct etctree *etcboot_last(const char *state_dir)
{
	g_autofree char *path = g_build_filename(state_dir, "etc", LAST, NULL);
	g_autoptr(GMappedFile) file = g_mapped_file_new(path, FALSE, NULL);
	g_autoptr(GBytes) bytes = file != NULL ? g_mapped_file_get_bytes(file) : NULL;

	return bytes != NULL ? etctree_decode(bytes, NULL) : NULL;
}

static gboolean last_note(const struct etcboot *boot, const char *folder, GError **error)
{
	static const struct etcwalk WALK = { .is_upper = FALSE };
	g_autofree char *path = g_build_filename(folder, LAST, NULL);
	g_autoptr(Etctree) tree = etctree_new(boot->version, boot->root_hash, "");
	g_autoptr(GError) cause = NULL;
	g_autoptr(GBytes) bytes = NULL;

	if (!etcwalk_read(boot->defaults, &WALK, tree, error))
		return FALSE;
	bytes = etctree_encode(tree);
	return g_file_set_contents_full(path, g_bytes_get_data(bytes, NULL),
					(gssize)g_bytes_get_size(bytes),
					G_FILE_SET_CONTENTS_CONSISTENT, 0600, &cause) ||
	       failure_set(error, FAULT_ETC_WRITE, "%s", cause->message);
}

/* Storing, and putting back. */

void etcboot_done_clear(struct etcboot_done *done)
{
	g_clear_pointer(&done->reason, g_free);
}

static gboolean left_store(const struct etcboot *boot, const struct etctree *last,
			   struct storerepo *repo, unsigned *ret_stored, GError **error)
{
	g_autofree char *upper = g_build_filename(boot->state_dir, "etc", UPPER, NULL);
	const struct etcstore_add add = {
		.upper = upper,
		.defaults = last,
		.version = last != NULL ? last->version : "",
		.root_hash = last != NULL ? last->root_hash : "",
		.reason = "left at a reboot",
	};
	unsigned number;
	gboolean is_new;

	if (!etcstore_add(repo, &add, &number, &is_new, error))
		return FALSE;
	*ret_stored = is_new ? number : 0;
	return TRUE;
}

static unsigned number_find(struct storerepo *repo, const char *root_hash, GError **error)
{
	g_autoptr(GPtrArray) states = etcstore_list(repo, error);
	unsigned number;

	if (states == NULL)
		return 0;
	number = etcstore_last(states, root_hash);
	if (number == 0)
		failure_set(error, FAULT_ETC_NONE, "this release has left no state of /etc");
	return number;
}

/* The old state is on the disk as a whole until the new one is, and gone only after it. */
static gboolean state_restore(const char *folder, struct storerepo *repo, unsigned number,
			      GError **error)
{
	g_autofree char *next = g_build_filename(folder, NEXT, NULL);
	g_autofree char *upper = g_build_filename(folder, UPPER, NULL);
	g_autoptr(EtcstoreState) state = etcstore_read(repo, number, error);

	if (state == NULL || !etcwrite_remove(next, error) ||
	    !etcstore_write(repo, state->tree, next, error))
		return FALSE;
	if (g_file_test(upper, G_FILE_TEST_IS_DIR))
		return etcwrite_exchange(folder, UPPER, NEXT, error);
	return rename(next, upper) == 0 ||
	       failure_set(error, FAULT_ETC_WRITE, "cannot make %s: %s", upper, g_strerror(errno));
}

/* Of changes that are lost nothing is left to be kept. */
static struct storerepo *left_keep(const struct etcboot *boot, const struct etctree *last,
				   gboolean is_lost, struct etcboot_done *done, GError **error)
{
	g_autofree char *store = g_build_filename(boot->state_dir, "store", NULL);
	g_autoptr(Storerepo) repo = etcstore_open(store, TRUE, error);

	if (repo == NULL || (!is_lost && !left_store(boot, last, repo, &done->stored, error)))
		return NULL;
	return g_steal_pointer(&repo);
}

/* `number` 0: the last state that this release has left. */
static gboolean state_return(const struct etcboot *boot, struct storerepo *repo, unsigned number,
			     struct etcboot_done *done, GError **error)
{
	g_autofree char *folder = folder_of(boot->state_dir);

	if (number == 0)
		number = number_find(repo, boot->root_hash, error);
	if (number == 0 || !state_restore(folder, repo, number, error))
		return FALSE;
	done->restored = number;
	return TRUE;
}

/* The overlay's root shows the attributes of its upper folder, so a new one has the release's. */
static gboolean upper_make(const struct etcboot *boot, const char *folder, GError **error)
{
	static const struct etcwalk WALK = { .is_upper = FALSE };
	static const struct etcwrite WRITE = { NULL, NULL };
	g_autofree char *upper = g_build_filename(folder, UPPER, NULL);
	g_autofree char *next = g_build_filename(folder, NEXT, NULL);
	g_autoptr(Etctree) tree = NULL;

	if (g_file_test(upper, G_FILE_TEST_IS_DIR))
		return TRUE;
	tree = etctree_new("", "", "");
	if (!etcwalk_read(boot->defaults, &WALK, tree, error))
		return FALSE;
	g_ptr_array_set_size(tree->entries, 1);
	if (!etcwrite_remove(next, error) || !etcwrite_tree(next, tree, &WRITE, error))
		return FALSE;
	return rename(next, upper) == 0 ||
	       failure_set(error, FAULT_ETC_WRITE, "cannot make %s: %s", upper, g_strerror(errno));
}

static gboolean folders_make(const struct etcboot *boot, const char *folder, gboolean is_lost,
			     GError **error)
{
	g_autofree char *work = g_build_filename(folder, "work", NULL);

	if (g_mkdir_with_parents(boot->state_dir, 0755) != 0 ||
	    (mkdir(folder, PRIVATE_MODE) != 0 && errno != EEXIST))
		return failure_set(error, FAULT_ETC_WRITE, "cannot make %s: %s", folder,
				   g_strerror(errno));
	/* What is left in it is of an upper folder that may be another one by now. */
	if (!etcwrite_remove(work, error) || (!is_lost && !upper_make(boot, folder, error)))
		return FALSE;
	return mkdir(work, PRIVATE_MODE) == 0 ||
	       failure_set(error, FAULT_ETC_WRITE, "cannot make %s: %s", work, g_strerror(errno));
}

gboolean etcboot_trim(const char *state_dir, const char *root_hash, unsigned history,
		      GError **error)
{
	const char *const roots[] = { root_hash, NULL };
	g_autofree char *store = g_build_filename(state_dir, "store", NULL);
	g_auto(EtcbootRequest) request = etcboot_request_load(state_dir);
	g_autoptr(Storerepo) repo = etcstore_open(store, FALSE, error);

	return repo != NULL && etcstore_trim(repo, history, roots, request.number, error);
}

/* A machine on which a release has run has had its folder of changes, if only an empty one. */
static gboolean upper_is_lost(const char *folder)
{
	g_autofree char *upper = g_build_filename(folder, UPPER, NULL);
	g_autofree char *last = g_build_filename(folder, LAST, NULL);

	return g_file_test(last, G_FILE_TEST_EXISTS) && !g_file_test(upper, G_FILE_TEST_IS_DIR);
}

static gboolean lost_fail(const char *folder, const GError *why, GError **error)
{
	return failure_set(error, FAULT_ETC_LOST, "%s/%s is gone%s%s", folder, UPPER,
			   why != NULL ? ", and no state was put back: " : "",
			   why != NULL ? why->message : "");
}

static void why_note(struct etcboot_done *done, const GError *why)
{
	if (done->why != FAULT_OK)
		return; /* the first one says more */
	done->why = failure_code(why);
	done->reason = g_strdup(why->message);
}

gboolean etcboot_run(const struct etcboot *boot, struct etcboot_done *ret_done, GError **error)
{
	g_autofree char *folder = folder_of(boot->state_dir);
	g_autofree char *next = g_build_filename(folder, NEXT, NULL);
	g_autoptr(Etctree) last = etcboot_last(boot->state_dir);
	g_auto(EtcbootRequest) request = etcboot_request_load(boot->state_dir);
	const struct etcboot_plan plan = etcboot_plan(last != NULL ? last->root_hash : NULL,
						      boot->root_hash, &request);
	static const struct etcboot_request NOTHING = { .root_hash = NULL };
	const gboolean is_lost = upper_is_lost(folder);
	g_autoptr(Storerepo) repo = NULL;
	g_autoptr(GError) why = NULL;
	g_autoptr(GError) forgotten = NULL;

	memset(ret_done, 0, sizeof *ret_done);
	if (!folders_make(boot, folder, is_lost, error))
		return FALSE;
	if (plan.store)
		repo = left_keep(boot, last, is_lost, ret_done, &why);
	if (why == NULL && plan.restore)
		(void)state_return(boot, repo, request.number, ret_done, &why); /* `why` tells */
	if (is_lost && ret_done->restored == 0)
		return lost_fail(folder, why, error);
	if (why != NULL)
		why_note(ret_done, why);
	if (plan.forget && !etcboot_request_save(boot->state_dir, &NOTHING, &forgotten))
		why_note(ret_done, forgotten);
	(void)etcwrite_remove(next, NULL); /* what stays takes room until the next time */
	/* While what was left is not stored, what it was made on is kept. */
	if (why == NULL && (last == NULL || strcmp(last->root_hash, boot->root_hash) != 0) &&
	    !last_note(boot, folder, &why))
		why_note(ret_done, why);
	return TRUE;
}
