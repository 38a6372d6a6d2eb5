/* SPDX-License-Identifier: MIT */
#include "etcstore.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "bytes.h"
#include "crypto.h"
#include "etcwalk.h"
#include "etcwrite.h"
#include "failure.h"

enum { NAME_SIZE = 16, PRIVATE_MODE = 0700 };

void etcstore_state_free(struct etcstore_state *state)
{
	if (state == NULL)
		return;
	etctree_free(state->tree);
	g_free(state);
}

struct storerepo *etcstore_open(const char *path, gboolean create, GError **error)
{
	struct storerepo *repo = storerepo_open(path, create, NULL, error);

	if (repo == NULL)
		return NULL;
	storerepo_set_kind(repo, STOREREPO_ETC);
	/* What is put in it may be secret, whatever the folder was before. */
	if (create && chmod(path, PRIVATE_MODE) != 0) {
		failure_set(error, FAULT_STORE_OPEN, "cannot keep others out of %s: %s", path,
			    g_strerror(errno));
		storerepo_free(repo);
		return NULL;
	}
	return repo;
}

static void name_make(unsigned number, char ret_name[static NAME_SIZE])
{
	snprintf(ret_name, NAME_SIZE, "%08u", number);
}

/* 0: it is no number. */
static unsigned name_read(const char *name)
{
	char again[NAME_SIZE];
	guint64 number;

	if (!g_ascii_string_to_unsigned(name, 10, 1, ETCSTORE_NUMBER_MAX, &number, NULL))
		return 0;
	name_make((unsigned)number, again);
	return strcmp(again, name) == 0 ? (unsigned)number : 0;
}

/* Reading. */

struct etcstore_state *etcstore_read(struct storerepo *repo, unsigned number, GError **error)
{
	g_autoptr(EtcstoreState) state = g_new0(struct etcstore_state, 1);
	g_autoptr(StorerepoEntry) entry = NULL;
	g_autoptr(GError) why = NULL;
	char name[NAME_SIZE];

	name_make(number, name);
	entry = storerepo_read(repo, name, &why);
	if (entry == NULL) {
		const gboolean none = failure_code(why) == FAULT_STORE_RELEASE;

		failure_set(error, none ? FAULT_ETC_NONE : FAULT_ETC_DAMAGED,
			    none ? "the store has no state %u of /etc"
				 : "state %u of /etc is damaged",
			    number);
		return NULL;
	}
	state->number = number;
	state->time_s = entry->time_s;
	state->tree = etctree_decode(entry->index, error);
	return state->tree != NULL ? g_steal_pointer(&state) : NULL;
}

static gint state_compare(gconstpointer a, gconstpointer b)
{
	const struct etcstore_state *const *first = a;
	const struct etcstore_state *const *second = b;

	return ((*first)->number > (*second)->number) - ((*first)->number < (*second)->number);
}

GPtrArray *etcstore_list(struct storerepo *repo, GError **error)
{
	g_autoptr(GPtrArray) names = storerepo_names(repo, error);
	GPtrArray *states;

	if (names == NULL)
		return NULL;
	states = g_ptr_array_new_with_free_func((GDestroyNotify)etcstore_state_free);
	for (guint i = 0; i < names->len; i++) {
		const unsigned number = name_read(names->pdata[i]);
		struct etcstore_state *state;

		if (number == 0)
			continue; /* not ours */
		state = etcstore_read(repo, number, NULL);
		if (state == NULL) {
			state = g_new0(struct etcstore_state, 1);
			state->number = number;
		}
		g_ptr_array_add(states, state);
	}
	g_ptr_array_sort(states, state_compare);
	return states;
}

unsigned etcstore_last(const GPtrArray *states, const char *root_hash)
{
	for (guint i = states->len; i-- > 0;) {
		const struct etcstore_state *state = states->pdata[i];

		if (root_hash == NULL ||
		    (state->tree != NULL && strcmp(state->tree->root_hash, root_hash) == 0))
			return state->number;
	}
	return 0;
}

/* The tree of that state; borrowed, NULL: there is none, or none that can be read. */
static const struct etctree *tree_of(const GPtrArray *states, unsigned number)
{
	for (guint i = 0; i < states->len; i++) {
		const struct etcstore_state *state = states->pdata[i];

		if (state->number == number)
			return state->tree;
	}
	return NULL;
}

/* Adding. */

static gboolean content_put(gpointer data, const uint8_t *bytes, size_t size_bytes,
			    uint8_t ret_object[static ETCTREE_HASH_SIZE], GError **error)
{
	gboolean is_new;

	return storerepo_put(data, bytes != NULL ? bytes : (const uint8_t *)"", size_bytes,
			     ret_object, &is_new, error);
}

/* What a change was made on is what the youngest state says that has the very change. */
static void bases_note(struct etctree *tree, const GPtrArray *states,
		       const struct etctree *defaults)
{
	etctree_base_note(tree, NULL, defaults);
	for (guint i = 0; i < states->len; i++)
		etctree_base_note(tree, ((struct etcstore_state *)states->pdata[i])->tree, NULL);
}

static struct etctree *changes_read(const struct etcstore_add *add, struct storerepo *keep,
				    const GPtrArray *states, GError **error)
{
	const struct etcwalk walk = { TRUE, keep != NULL ? content_put : NULL, keep };
	g_autoptr(Etctree) tree = etctree_new(add->version, add->root_hash, add->reason);

	if (!etcwalk_read(add->upper, &walk, tree, error))
		return NULL;
	bases_note(tree, states, add->defaults);
	return g_steal_pointer(&tree);
}

struct etctree *etcstore_look(struct storerepo *repo, const struct etcstore_add *add,
			      GError **error)
{
	g_autoptr(GPtrArray) states = repo != NULL ? etcstore_list(repo, error) : g_ptr_array_new();

	return states != NULL ? changes_read(add, NULL, states, error) : NULL;
}

static gboolean state_commit(struct storerepo *repo, const struct etctree *tree, unsigned number,
			     GError **error)
{
	g_autoptr(GBytes) index = etctree_encode(tree);
	const struct storerepo_entry entry = {
		.time_s = (uint64_t)(g_get_real_time() / G_USEC_PER_SEC),
		.index = index,
	};
	char name[NAME_SIZE];

	if (g_bytes_get_size(index) > ETCTREE_SIZE_MAX)
		return failure_set(error, FAULT_ETC_LIMIT, "what says how /etc is has %zu bytes",
				   g_bytes_get_size(index));
	name_make(number, name);
	return storerepo_commit(repo, name, &entry, error);
}

/* Inside a transaction. *ret_new FALSE: nothing is to be committed. */
static gboolean state_add(struct storerepo *repo, const struct etcstore_add *add,
			  const GPtrArray *states, unsigned *ret_number, GError **error)
{
	const unsigned last = etcstore_last(states, NULL);
	const unsigned of_release = etcstore_last(states, add->root_hash);
	const struct etctree *before = tree_of(states, of_release);
	g_autoptr(Etctree) tree = changes_read(add, repo, states, error);

	if (tree == NULL)
		return FALSE;
	*ret_number = of_release;
	if (before != NULL && etctree_is_same(tree, before))
		return TRUE;
	if (last >= ETCSTORE_NUMBER_MAX)
		return failure_set(error, FAULT_ETC_LIMIT, "there are no numbers left");
	*ret_number = last + 1;
	return state_commit(repo, tree, last + 1, error);
}

gboolean etcstore_add(struct storerepo *repo, const struct etcstore_add *add, unsigned *ret_number,
		      gboolean *ret_new, GError **error)
{
	g_autoptr(GPtrArray) states = etcstore_list(repo, error);
	gboolean done;

	if (states == NULL || !storerepo_begin(repo, error))
		return FALSE;
	done = state_add(repo, add, states, ret_number, error);
	*ret_new = done && *ret_number > etcstore_last(states, NULL);
	storerepo_abort(repo); /* of what was committed nothing is left to do */
	return done;
}

/* Writing. */

static GBytes *content_get(gpointer data, const struct etctree_entry *entry, GError **error)
{
	g_autoptr(GError) why = NULL;
	GBytes *content = storerepo_get(data, entry->object, &why);

	if (content == NULL)
		failure_set(error, FAULT_ETC_DAMAGED, "%s in /etc cannot be put back: %s",
			    entry->path, why->message);
	return content;
}

gboolean etcstore_write(struct storerepo *repo, const struct etctree *tree, const char *path,
			GError **error)
{
	const struct etcwrite write = { content_get, repo };

	return etcwrite_tree(path, tree, &write, error);
}

/* Dropping. */

static gboolean is_kept(const GPtrArray *states, unsigned number, const char *const *roots)
{
	for (; *roots != NULL; roots++)
		if (etcstore_last(states, *roots) == number)
			return TRUE;
	return etcstore_last(states, NULL) == number;
}

gboolean etcstore_trim(struct storerepo *repo, unsigned history, const char *const *roots,
		       unsigned wanted, GError **error)
{
	g_autoptr(GPtrArray) states = etcstore_list(repo, error);
	guint left;

	if (states == NULL)
		return FALSE;
	left = states->len;
	for (guint i = 0; i < states->len && left > history; i++) {
		const struct etcstore_state *state = states->pdata[i];
		char name[NAME_SIZE];

		if (state->number == wanted || is_kept(states, state->number, roots))
			continue;
		name_make(state->number, name);
		if (!storerepo_remove(repo, name, error))
			return FALSE;
		left--;
	}
	return left == states->len || storerepo_sweep(repo, error);
}

gboolean etcstore_check(struct storerepo *repo, GPtrArray *dropped, GError **error)
{
	g_autoptr(GHashTable) good = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	g_autoptr(GPtrArray) states = etcstore_list(repo, error);

	for (guint i = 0; states != NULL && i < states->len; i++) {
		const struct etcstore_state *state = states->pdata[i];
		g_autoptr(GError) why = NULL;
		char name[NAME_SIZE];

		name_make(state->number, name);
		if (storerepo_verify(repo, name, good, &why) && state->tree != NULL)
			continue;
		if (why != NULL && failure_code(why) == FAULT_JOB_CANCELLED) {
			g_propagate_error(error, g_steal_pointer(&why));
			return FALSE;
		}
		g_message("state %u of /etc is dropped from the store: %s", state->number,
			  why != NULL ? why->message : "what says how it was is damaged");
		if (!storerepo_remove(repo, name, error))
			return FALSE;
		g_ptr_array_add(dropped, g_strdup_printf("etc/%u", state->number));
	}
	return states != NULL;
}
