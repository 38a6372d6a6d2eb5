/* SPDX-License-Identifier: MIT */
/* The search for a target: delegations in their order, depth first, each role once. */
#include "tufclient_private.h"

#include <string.h>

#include "failure.h"
#include "tufpath.h"

/* One delegation on the way; its role has not been looked at yet. */
struct visit {
	const char *name;
	const struct tufgrant *grant;
};

struct search {
	struct tufclient *client;
	const char *target;
	GArray *stack;       /* of struct visit; the next one is the last */
	GHashTable *visited; /* names of roles */
};

/* A role that was read before counts for this delegation only if its keys have signed it. */
static const struct tufrole *delegated_get(struct tufclient *client, const struct visit *visit,
					   GError **error)
{
	struct tufrole *role;

	for (guint i = 0; i < client->delegated->len; i++) {
		role = client->delegated->pdata[i];
		if (strcmp(role->name, visit->name) == 0)
			return tufrole_verify(role, visit->grant, error) ? role : NULL;
	}
	role = tufclient_listed_get(client, visit->name, visit->grant, error);
	if (role != NULL)
		g_ptr_array_add(client->delegated, role);
	return role;
}

/* A terminating delegation that covers the target cuts off all that would come after it. */
static void children_push(struct search *search, const struct tufrole *role)
{
	g_autoptr(GArray) children = g_array_new(FALSE, FALSE, sizeof(struct visit));

	for (guint i = 0; i < role->delegations->len; i++) {
		const struct tufdelegation *delegation = role->delegations->pdata[i];
		const struct visit visit = { delegation->name, &delegation->grant };

		if (!tufdelegation_covers(delegation, search->target))
			continue;
		g_array_append_val(children, visit);
		if (delegation->terminating) {
			g_array_set_size(search->stack, 0);
			break;
		}
	}
	for (guint i = children->len; i > 0; i--)
		g_array_append_val(search->stack, g_array_index(children, struct visit, i - 1));
}

static gboolean visit_next(struct search *search, const struct tufrole **ret_role, GError **error)
{
	const guint last = search->stack->len - 1;
	const struct visit visit = g_array_index(search->stack, struct visit, last);

	*ret_role = NULL;
	g_array_set_size(search->stack, last);
	if (g_hash_table_contains(search->visited, visit.name))
		return TRUE;
	if (g_hash_table_size(search->visited) == search->client->limits.delegations)
		return failure_set(error, FAULT_TUF_DELEGATIONS,
				   "%s: more than %u delegated roles would have to be read",
				   search->target, search->client->limits.delegations);
	*ret_role = delegated_get(search->client, &visit, error);
	if (*ret_role == NULL)
		return FALSE;
	g_hash_table_add(search->visited, (gpointer)(*ret_role)->name);
	children_push(search, *ret_role);
	return TRUE;
}

static const struct tuffile *search_run(struct search *search, const struct tufrole **ret_role,
					GError **error)
{
	const struct tuffile *file = g_hash_table_lookup(search->client->targets->targets,
							 search->target);
	const struct tufrole *role = search->client->targets;

	if (file == NULL)
		children_push(search, role);
	while (file == NULL && search->stack->len > 0) {
		if (!visit_next(search, &role, error))
			return NULL;
		if (role != NULL)
			file = g_hash_table_lookup(role->targets, search->target);
	}
	if (file == NULL)
		failure_set(error, FAULT_TUF_TARGET, "no role of the repository lists %s",
			    search->target);
	else if (ret_role != NULL)
		*ret_role = role;
	return file;
}

const struct tuffile *tufclient_target(struct tufclient *client, const char *name,
				       const struct tufrole **ret_role, GError **error)
{
	struct search search = { .client = client, .target = name };
	const struct tuffile *file;

	g_assert(client->targets != NULL);
	if (!tufpath_target_check(name, error))
		return NULL;
	search.stack = g_array_new(FALSE, FALSE, sizeof(struct visit));
	search.visited = g_hash_table_new(g_str_hash, g_str_equal);
	file = search_run(&search, ret_role, error);
	g_hash_table_unref(search.visited);
	g_array_unref(search.stack);
	return file;
}
