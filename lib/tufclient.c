/* SPDX-License-Identifier: MIT */
#include "tufclient_private.h"

#include <string.h>

#include "failure.h"
#include "tufpath.h"

static const char *const NAMES[TUFROLE_KINDS] = { "root", "timestamp", "snapshot", "targets" };

struct tuflimits tuflimits_default(void)
{
	return (struct tuflimits){
		.root_bytes = 512 * 1024,
		.timestamp_bytes = 16 * 1024,
		.snapshot_bytes = 2 * 1024 * 1024,
		.targets_bytes = 5 * 1024 * 1024,
		.roots = 256,
		.delegations = 32,
	};
}

struct tufclient *tufclient_new(struct tuftransport *metadata, struct tufstorage *storage,
				const struct tuflimits *limits)
{
	struct tufclient *client = g_new0(struct tufclient, 1);

	client->metadata = metadata;
	client->storage = storage;
	client->limits = *limits;
	return client;
}

static void roles_forget(struct tufclient *client)
{
	g_clear_pointer(&client->delegated, g_ptr_array_unref);
	g_clear_pointer(&client->targets, tufrole_free);
	g_clear_pointer(&client->snapshot, tufrole_free);
	g_clear_pointer(&client->timestamp, tufrole_free);
}

void tufclient_free(struct tufclient *client)
{
	if (client == NULL)
		return;
	roles_forget(client);
	tufrole_free(client->root);
	g_free(client);
}

static size_t size_max(const struct tufclient *client, enum tufrole_kind kind)
{
	const size_t sizes[TUFROLE_KINDS] = { client->limits.root_bytes,
					      client->limits.timestamp_bytes,
					      client->limits.snapshot_bytes,
					      client->limits.targets_bytes };

	return sizes[kind];
}

static void role_replace(struct tufrole **place, struct tufrole *role)
{
	tufrole_free(*place);
	*place = role;
}

static gboolean role_save(struct tufclient *client, const struct tufrole *role, GError **error)
{
	g_autofree char *name = tufpath_metadata_file(role->name, 0);

	return client->storage->save(client->storage, name, role->bytes, error);
}

static gboolean time_check(const struct tufclient *client, const struct tufrole *role,
			   GError **error)
{
	return client->view.accept_expired || tufrole_check_time(role, client->view.now_s, error);
}

/* NULL without an error: there is no such file. */
static GBytes *file_fetch(struct tufclient *client, const char *name, size_t max, GError **error)
{
	GBytes *bytes = NULL;

	if (client->view.offline)
		return NULL;
	return client->metadata->get(client->metadata, name, max, &bytes, error) ? bytes : NULL;
}

static GBytes *file_demand(struct tufclient *client, const char *name, size_t max, GError **error)
{
	GError *why = NULL;
	GBytes *bytes = file_fetch(client, name, max, &why);

	if (bytes == NULL && why == NULL)
		failure_set(&why, FAULT_TUF_MISSING, "%s is not there", name);
	if (why != NULL)
		g_propagate_error(error, why);
	return bytes;
}

/* --- what the store has --- */

/* NULL without an error: there is none that the present keys have signed. One that cannot be read
 * at all is a failure: to go on would be to forget what was newest. */
static struct tufrole *stored_load(struct tufclient *client, enum tufrole_kind kind, GError **error)
{
	g_autofree char *name = tufpath_metadata_file(NAMES[kind], 0);
	g_autoptr(GBytes) bytes = NULL;
	g_autoptr(GError) why = NULL;
	g_autoptr(Tufrole) role = NULL;

	if (!client->storage->load(client->storage, name, size_max(client, kind), &bytes, error) ||
	    bytes == NULL)
		return NULL;
	role = tufrole_decode(kind, NAMES[kind], bytes, &why);
	if (role == NULL) {
		failure_set(error, FAULT_TUF_STORE_DAMAGED, "the kept %s", why->message);
		return NULL;
	}
	return tufrole_verify(role, &client->root->grants[kind], NULL) ? g_steal_pointer(&role)
								       : NULL;
}

/* --- root --- */

static struct tufrole *root_decode(GBytes *bytes, GError **error)
{
	g_autoptr(GError) why = NULL;
	g_autoptr(Tufrole) root = tufrole_decode(TUFROLE_ROOT, "root", bytes, &why);

	if (root != NULL && tufrole_verify(root, &root->grants[TUFROLE_ROOT], &why))
		return g_steal_pointer(&root);
	failure_set(error, FAULT_TUF_ROOT, "the trusted root cannot be used: %s", why->message);
	return NULL;
}

static char *history_name(uint64_t version)
{
	return g_strdup_printf("history/%" G_GUINT64_FORMAT ".root.json", version);
}

/* The history first: it must have whatever was trusted once. */
static gboolean root_save(struct tufclient *client, const struct tufrole *root, GError **error)
{
	g_autofree char *name = history_name(root->version);

	return client->storage->save(client->storage, name, root->bytes, error) &&
	       role_save(client, root, error);
}

/* Whether the store knows another root of that version. What it has not kept it cannot tell. */
static gboolean root_differs(struct tufclient *client, const struct tufrole *shipped,
			     gboolean *ret_differs, GError **error)
{
	g_autofree char *name = history_name(shipped->version);
	g_autoptr(GBytes) bytes = NULL;
	g_autoptr(Tufrole) known = NULL;

	if (!client->storage->load(client->storage, name, client->limits.root_bytes, &bytes, error))
		return FALSE;
	known = bytes != NULL ? tufrole_decode(TUFROLE_ROOT, "root", bytes, NULL) : NULL;
	*ret_differs = known != NULL && !g_bytes_equal(known->canonical, shipped->canonical);
	return TRUE;
}

/* NULL without an error: there is none. */
static struct tufrole *root_stored(struct tufclient *client, GError **error)
{
	g_autoptr(GBytes) bytes = NULL;
	g_autoptr(GError) why = NULL;
	struct tufrole *root;

	if (!client->storage->load(client->storage, "root.json", client->limits.root_bytes, &bytes,
				   error) ||
	    bytes == NULL)
		return NULL;
	root = root_decode(bytes, &why);
	if (root == NULL)
		failure_set(error, FAULT_TUF_STORE_DAMAGED, "the kept root: %s", why->message);
	return root;
}

static gboolean root_choose(struct tufclient *client, struct tufrole *shipped, GError **error)
{
	const struct tufrole *stored = client->root;
	gboolean differs = FALSE;

	if (stored != NULL && stored->version >= shipped->version &&
	    !root_differs(client, shipped, &differs, error)) {
		tufrole_free(shipped);
		return FALSE;
	}
	if (stored != NULL && stored->version >= shipped->version && !differs) {
		tufrole_free(shipped);
		return TRUE;
	}
	role_replace(&client->root, shipped);
	return root_save(client, shipped, error);
}

gboolean tufclient_begin(struct tufclient *client, GBytes *shipped, GError **error)
{
	GError *why = NULL;
	struct tufrole *root;

	roles_forget(client);
	role_replace(&client->root, root_stored(client, &why));
	if (why != NULL) {
		g_propagate_error(error, why);
		return FALSE;
	}
	if (shipped == NULL)
		return client->root != NULL ||
		       failure_set(error, FAULT_TUF_ROOT, "no trusted root was given");
	root = root_decode(shipped, error);
	return root != NULL && root_choose(client, root, error);
}

/* TRUE with *ret_more FALSE: there is no later one. */
static gboolean root_step(struct tufclient *client, gboolean *ret_more, GError **error)
{
	const uint64_t version = client->root->version + 1;
	g_autofree char *name = tufpath_metadata_file("root", version);
	GError *why = NULL;
	g_autoptr(GBytes) bytes = file_fetch(client, name, client->limits.root_bytes, &why);
	g_autoptr(Tufrole) root = NULL;

	*ret_more = bytes != NULL;
	if (bytes == NULL) {
		if (why != NULL)
			g_propagate_error(error, why);
		return why == NULL;
	}
	root = tufrole_decode(TUFROLE_ROOT, "root", bytes, error);
	if (root == NULL || !tufrole_verify(root, &client->root->grants[TUFROLE_ROOT], error) ||
	    !tufrole_verify(root, &root->grants[TUFROLE_ROOT], error))
		return FALSE;
	if (root->version != version)
		return failure_set(error, FAULT_TUF_VERSION, "%s has version %" G_GUINT64_FORMAT,
				   name, root->version);
	if (!root_save(client, root, error))
		return FALSE;
	role_replace(&client->root, g_steal_pointer(&root));
	return TRUE;
}

static gboolean roots_follow(struct tufclient *client, GError **error)
{
	gboolean more = TRUE;

	for (unsigned i = 0; i < client->limits.roots && more; i++)
		if (!root_step(client, &more, error))
			return FALSE;
	if (more)
		return failure_set(error, FAULT_TUF_ROOT_COUNT,
				   "root: %u new ones, now at version %" G_GUINT64_FORMAT,
				   client->limits.roots, client->root->version);
	return time_check(client, client->root, error);
}

/* --- timestamp --- */

static const struct tuffile *meta_of(const struct tufrole *role, const char *name)
{
	return g_hash_table_lookup(role->meta, name);
}

static gboolean timestamp_compare(const struct tufrole *old, const struct tufrole *new,
				  GError **error)
{
	const uint64_t had = meta_of(old, "snapshot")->version;
	const uint64_t has = meta_of(new, "snapshot")->version;

	if (new->version < old->version)
		return failure_set(error, FAULT_TUF_ROLLBACK,
				   "timestamp: version %" G_GUINT64_FORMAT
				   " after version %" G_GUINT64_FORMAT,
				   new->version, old->version);
	return new->version == old->version || has >= had ||
	       failure_set(error, FAULT_TUF_ROLLBACK,
			   "timestamp: snapshot version %" G_GUINT64_FORMAT
			   " after version %" G_GUINT64_FORMAT,
			   has, had);
}

static gboolean timestamp_fetch(struct tufclient *client, GError **error)
{
	g_autoptr(GBytes) bytes = file_demand(client, "timestamp.json",
					      client->limits.timestamp_bytes, error);
	g_autoptr(Tufrole) new = NULL;

	if (bytes == NULL)
		return FALSE;
	new = tufrole_decode(TUFROLE_TIMESTAMP, "timestamp", bytes, error);
	if (new == NULL || !tufrole_verify(new, &client->root->grants[TUFROLE_TIMESTAMP], error))
		return FALSE;
	if (client->timestamp != NULL && !timestamp_compare(client->timestamp, new, error))
		return FALSE;
	if (client->timestamp != NULL && client->timestamp->version == new->version)
		return TRUE;
	if (!time_check(client, new, error) || !role_save(client, new, error))
		return FALSE;
	role_replace(&client->timestamp, g_steal_pointer(&new));
	return TRUE;
}

static gboolean timestamp_update(struct tufclient *client, GError **error)
{
	GError *why = NULL;

	role_replace(&client->timestamp, stored_load(client, TUFROLE_TIMESTAMP, &why));
	if (why != NULL) {
		g_propagate_error(error, why);
		return FALSE;
	}
	if (!client->view.offline && !timestamp_fetch(client, error))
		return FALSE;
	if (client->timestamp == NULL)
		return failure_set(error, FAULT_TUF_MISSING, "there is no timestamp yet");
	return time_check(client, client->timestamp, error);
}

/* --- snapshot --- */

static gboolean is_announced(const struct tuffile *file, const struct tufrole *role)
{
	return role->version == file->version && tuffile_check(file, role->name, role->bytes, NULL);
}

/* Each role that was listed still is, and at no lower version. */
static gboolean snapshot_compare(const struct tufrole *old, const struct tufrole *new,
				 GError **error)
{
	GHashTableIter each;
	gpointer name, had;

	g_hash_table_iter_init(&each, old->meta);
	while (g_hash_table_iter_next(&each, &name, &had)) {
		const struct tuffile *before = had;
		const struct tuffile *after = meta_of(new, name);

		if (after == NULL)
			return failure_set(error, FAULT_TUF_ROLLBACK,
					   "snapshot: %.80s is not listed any more",
					   (const char *)name);
		if (after->version < before->version)
			return failure_set(error, FAULT_TUF_ROLLBACK,
					   "snapshot: %.80s version %" G_GUINT64_FORMAT
					   " after version %" G_GUINT64_FORMAT,
					   (const char *)name, after->version, before->version);
	}
	return TRUE;
}

static char *file_name(const struct tufclient *client, const char *role, uint64_t version)
{
	return tufpath_metadata_file(role, client->root->consistent_snapshot ? version : 0);
}

/* Fetches what `file` announces; everything is checked but what it says about time and others. */
static struct tufrole *announced_fetch(struct tufclient *client, enum tufrole_kind kind,
				       const char *role_name, const struct tuffile *file,
				       GError **error)
{
	const size_t limit = size_max(client, kind);
	const size_t max = file->has_size ? MIN(limit, file->size_bytes) : limit;
	g_autofree char *name = file_name(client, role_name, file->version);
	g_autoptr(GBytes) bytes = file_demand(client, name, max, error);

	if (bytes == NULL || !tuffile_check(file, name, bytes, error))
		return NULL;
	return tufrole_decode(kind, role_name, bytes, error);
}

static gboolean announced_check(const struct tufrole *role, const struct tuffile *file,
				const struct tufgrant *grant, GError **error)
{
	if (!tufrole_verify(role, grant, error))
		return FALSE;
	return role->version == file->version ||
	       failure_set(error, FAULT_TUF_VERSION,
			   "%s has version %" G_GUINT64_FORMAT ", announced was %" G_GUINT64_FORMAT,
			   role->name, role->version, file->version);
}

static gboolean snapshot_fetch(struct tufclient *client, const struct tuffile *file, GError **error)
{
	g_autoptr(Tufrole) new = announced_fetch(client, TUFROLE_SNAPSHOT, "snapshot", file, error);

	if (new == NULL ||
	    !announced_check(new, file, &client->root->grants[TUFROLE_SNAPSHOT], error))
		return FALSE;
	if (client->snapshot != NULL && !snapshot_compare(client->snapshot, new, error))
		return FALSE;
	if (!time_check(client, new, error) || !role_save(client, new, error))
		return FALSE;
	role_replace(&client->snapshot, g_steal_pointer(&new));
	return TRUE;
}

static gboolean snapshot_update(struct tufclient *client, GError **error)
{
	const struct tuffile *file = meta_of(client->timestamp, "snapshot");
	GError *why = NULL;

	role_replace(&client->snapshot, stored_load(client, TUFROLE_SNAPSHOT, &why));
	if (why != NULL) {
		g_propagate_error(error, why);
		return FALSE;
	}
	if (client->snapshot != NULL && is_announced(file, client->snapshot))
		return time_check(client, client->snapshot, error);
	return snapshot_fetch(client, file, error);
}

/* --- targets, and delegated ones --- */

/* NULL without an error: the store has none that is the announced one. Nothing is lost with a
 * damaged one: what must not go back stands in the snapshot. */
static struct tufrole *listed_stored(struct tufclient *client, const char *name,
				     const struct tuffile *file, GError **error)
{
	g_autofree char *path = tufpath_metadata_file(name, 0);
	g_autoptr(GBytes) bytes = NULL;
	g_autoptr(Tufrole) role = NULL;

	if (!client->storage->load(client->storage, path, client->limits.targets_bytes, &bytes,
				   error) ||
	    bytes == NULL)
		return NULL;
	role = tufrole_decode(TUFROLE_TARGETS, name, bytes, NULL);
	return role != NULL && is_announced(file, role) ? g_steal_pointer(&role) : NULL;
}

struct tufrole *tufclient_listed_get(struct tufclient *client, const char *name,
				     const struct tufgrant *grant, GError **error)
{
	const struct tuffile *file = meta_of(client->snapshot, name);
	GError *why = NULL;
	g_autoptr(Tufrole) role = NULL;

	if (file == NULL) {
		failure_set(error, FAULT_TUF_SNAPSHOT, "the snapshot does not list %.80s", name);
		return NULL;
	}
	role = listed_stored(client, name, file, &why);
	if (why != NULL) {
		g_propagate_error(error, why);
		return NULL;
	}
	if (role != NULL && tufrole_verify(role, grant, NULL))
		return time_check(client, role, error) ? g_steal_pointer(&role) : NULL;
	role_replace(&role, announced_fetch(client, TUFROLE_TARGETS, name, file, error));
	if (role == NULL || !announced_check(role, file, grant, error) ||
	    !time_check(client, role, error) || !role_save(client, role, error))
		return NULL;
	return g_steal_pointer(&role);
}

gboolean tufclient_refresh(struct tufclient *client, struct tufview view, GError **error)
{
	g_assert(client->root != NULL);
	roles_forget(client);
	client->view = view;
	client->delegated = g_ptr_array_new_with_free_func((GDestroyNotify)tufrole_free);
	if (!roots_follow(client, error) || !timestamp_update(client, error) ||
	    !snapshot_update(client, error))
		return FALSE;
	client->targets = tufclient_listed_get(client, "targets",
					       &client->root->grants[TUFROLE_TARGETS], error);
	return client->targets != NULL;
}

gboolean tufclient_is_consistent(const struct tufclient *client)
{
	return client->root->consistent_snapshot;
}

GPtrArray *tufclient_roles(const struct tufclient *client)
{
	const struct tufrole *const roles[] = { client->root, client->timestamp, client->snapshot,
						client->targets };
	GPtrArray *list = g_ptr_array_new();

	for (unsigned i = 0; i < G_N_ELEMENTS(roles); i++)
		if (roles[i] != NULL)
			g_ptr_array_add(list, (gpointer)roles[i]);
	for (guint i = 0; client->delegated != NULL && i < client->delegated->len; i++)
		g_ptr_array_add(list, client->delegated->pdata[i]);
	return list;
}
