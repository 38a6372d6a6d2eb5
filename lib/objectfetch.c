/* SPDX-License-Identifier: MIT */
#include "objectfetch.h"

#include <string.h>

enum { HASH = OBJECTFILE_HASH_SIZE, WAIT_US = 100000 };

enum entry_state {
	ENTRY_BUSY,  /* on its way */
	ENTRY_READY, /* here, and not taken */
	ENTRY_OVER,  /* taken, or left to the reader */
};

struct entry {
	uint8_t object[HASH];
	enum entry_state state;
	GBytes *content; /* of READY */
};

struct fetcher {
	struct objectfetch *fetch;
	struct tufget *get;
	GThread *thread; /* NULL: not begun */
};

struct objectfetch {
	size_t content_max;
	size_t packed_max;
	GCancellable *stop;
	struct fetcher fetchers[SOURCE_PARALLEL_MAX];
	unsigned count;
	GMutex lock; /* for all below */
	GCond changed;
	GByteArray *queue;   /* checksums */
	size_t next;         /* index in it */
	GHashTable *entries; /* struct entry, by its checksum */
	size_t ready_bytes;
	gboolean is_paused; /* something failed */
	struct objectfetch_costs costs;
};

static void entry_free(gpointer data)
{
	struct entry *entry = data;

	g_clear_pointer(&entry->content, g_bytes_unref);
	g_free(entry);
}

/* With the lock held. */
static struct entry *entry_add(struct objectfetch *fetch, const uint8_t *object,
			       enum entry_state state)
{
	struct entry *entry = g_new0(struct entry, 1);

	memcpy(entry->object, object, HASH);
	entry->state = state;
	g_hash_table_insert(fetch->entries, entry->object, entry);
	return entry;
}

/* --- the threads --- */

/* With the lock held. NULL: nothing is to be done now. */
static struct entry *entry_next(struct objectfetch *fetch)
{
	if (fetch->is_paused || fetch->ready_bytes >= OBJECTFETCH_READY_MAX)
		return NULL;
	while (fetch->next < fetch->queue->len / HASH) {
		const uint8_t *object = fetch->queue->data + fetch->next++ * HASH;

		if (!g_hash_table_contains(fetch->entries, object))
			return entry_add(fetch, object, ENTRY_BUSY);
	}
	return NULL;
}

/* NULL: it could not be had. */
static GBytes *content_get(struct fetcher *fetcher, const uint8_t *object, size_t *ret_bytes)
{
	const struct objectfetch *fetch = fetcher->fetch;
	struct tuftransport *transport = tufget_transport(fetcher->get);
	g_autofree char *name = objectfile_path(object, "filez");
	g_autoptr(GBytes) packed = NULL;

	*ret_bytes = 0;
	if (!transport->get(transport, name, fetch->packed_max, &packed, NULL) || packed == NULL)
		return NULL;
	*ret_bytes = g_bytes_get_size(packed);
	return objectfile_content(packed, object, fetch->content_max, NULL);
}

static void entry_fetch(struct fetcher *fetcher, struct entry *entry)
{
	struct objectfetch *fetch = fetcher->fetch;
	size_t packed_bytes;
	GBytes *content;

	g_mutex_unlock(&fetch->lock);
	content = content_get(fetcher, entry->object, &packed_bytes);
	g_mutex_lock(&fetch->lock);
	fetch->costs.requests++;
	fetch->costs.bytes += packed_bytes;
	entry->content = content;
	entry->state = content != NULL ? ENTRY_READY : ENTRY_OVER;
	if (content != NULL)
		fetch->ready_bytes += g_bytes_get_size(content);
	else
		fetch->is_paused = TRUE;
	g_cond_broadcast(&fetch->changed);
}

static gpointer fetcher_run(gpointer data)
{
	struct fetcher *fetcher = data;
	struct objectfetch *fetch = fetcher->fetch;

	g_mutex_lock(&fetch->lock);
	while (!g_cancellable_is_cancelled(fetch->stop)) {
		struct entry *entry = entry_next(fetch);

		if (entry != NULL)
			entry_fetch(fetcher, entry);
		else
			g_cond_wait(&fetch->changed, &fetch->lock);
	}
	g_mutex_unlock(&fetch->lock);
	return NULL;
}

/* --- the reader --- */

void objectfetch_announce(struct objectfetch *fetch, const uint8_t *objects, size_t count)
{
	g_mutex_lock(&fetch->lock);
	g_byte_array_set_size(fetch->queue, 0);
	g_byte_array_append(fetch->queue, objects, (guint)(count * HASH));
	fetch->next = 0;
	g_cond_broadcast(&fetch->changed);
	g_mutex_unlock(&fetch->lock);
	for (unsigned i = 0; i < MIN(fetch->count, count); i++)
		if (fetch->fetchers[i].thread == NULL)
			fetch->fetchers[i].thread = g_thread_new("object", fetcher_run,
								 &fetch->fetchers[i]);
}

/* With the lock held. */
static GBytes *entry_take(struct objectfetch *fetch, struct entry *entry)
{
	GBytes *content = g_steal_pointer(&entry->content);

	entry->state = ENTRY_OVER;
	if (content != NULL)
		fetch->ready_bytes -= g_bytes_get_size(content);
	g_cond_broadcast(&fetch->changed);
	return content;
}

GBytes *objectfetch_take(struct objectfetch *fetch,
			 const uint8_t object[static OBJECTFILE_HASH_SIZE],
			 GCancellable *cancellable, struct objectfetch_costs *costs)
{
	struct entry *entry;
	GBytes *content = NULL;

	g_mutex_lock(&fetch->lock);
	entry = g_hash_table_lookup(fetch->entries, object);
	while (entry != NULL && entry->state == ENTRY_BUSY &&
	       !g_cancellable_is_cancelled(cancellable))
		(void)g_cond_wait_until(&fetch->changed, &fetch->lock, /* it looks again */
					g_get_monotonic_time() + WAIT_US);
	if (entry == NULL)
		(void)entry_add(fetch, object, ENTRY_OVER); /* the table has it */
	else if (entry->state == ENTRY_READY)
		content = entry_take(fetch, entry);
	costs->bytes += fetch->costs.bytes;
	costs->requests += fetch->costs.requests;
	fetch->costs = (struct objectfetch_costs){ 0 };
	g_mutex_unlock(&fetch->lock);
	return content;
}

void objectfetch_resume(struct objectfetch *fetch)
{
	g_mutex_lock(&fetch->lock);
	fetch->is_paused = FALSE;
	g_cond_broadcast(&fetch->changed);
	g_mutex_unlock(&fetch->lock);
}

/* --- begin and end --- */

struct objectfetch *objectfetch_new(const struct objectfetch_options *options)
{
	const unsigned parallel = MIN(options->network->parallel, SOURCE_PARALLEL_MAX);
	struct objectfetch *fetch;

	if (parallel < 2)
		return NULL;
	fetch = g_new0(struct objectfetch, 1);
	fetch->content_max = options->content_max;
	fetch->packed_max = options->packed_max;
	fetch->stop = g_cancellable_new();
	fetch->queue = g_byte_array_new();
	fetch->entries = g_hash_table_new_full(objectfile_hash, objectfile_equal, NULL, entry_free);
	g_mutex_init(&fetch->lock);
	g_cond_init(&fetch->changed);
	for (unsigned i = 0; i < parallel; i++) {
		struct fetcher *fetcher = &fetch->fetchers[i];

		fetcher->fetch = fetch;
		fetcher->get = tufget_http(options->url, options->network, options->file_time_s,
					   fetch->stop, NULL);
		if (fetcher->get == NULL)
			break;
		fetch->count++;
	}
	return fetch;
}

void objectfetch_free(struct objectfetch *fetch)
{
	if (fetch == NULL)
		return;
	g_mutex_lock(&fetch->lock);
	g_cancellable_cancel(fetch->stop);
	g_cond_broadcast(&fetch->changed);
	g_mutex_unlock(&fetch->lock);
	for (unsigned i = 0; i < fetch->count; i++)
		if (fetch->fetchers[i].thread != NULL)
			g_thread_join(fetch->fetchers[i].thread);
	/* A worker is freed once the thread that began it has ended. */
	for (unsigned i = 0; i < fetch->count; i++)
		tufget_free(fetch->fetchers[i].get);
	g_hash_table_unref(fetch->entries);
	g_byte_array_unref(fetch->queue);
	g_object_unref(fetch->stop);
	g_mutex_clear(&fetch->lock);
	g_cond_clear(&fetch->changed);
	g_free(fetch);
}
