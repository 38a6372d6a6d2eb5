/* SPDX-License-Identifier: MIT */
#include "etcstep.h"

#include <string.h>

#include "etckeep.h"
#include "failure.h"

static gboolean is_wanted(const struct etcstep *step)
{
	switch (step->choice) {
	case ETCSTEP_KEEP:
		return FALSE;
	case ETCSTEP_RESTORE:
		return TRUE;
	case ETCSTEP_CONFIGURED:
		return step->config->etc_restore;
	}
	g_assert_not_reached();
}

static gboolean changes_save(const struct etcstep *step, GError **error)
{
	const struct etckeep keep = {
		.config = step->config,
		.version = step->version != NULL ? step->version : "",
		.root_hash = step->root_hash != NULL ? step->root_hash : "",
	};
	const char *const roots[] = { keep.root_hash, step->next_root_hash, NULL };
	unsigned number;

	if (!etckeep_save(&keep, step->rollback ? "before a rollback" : "before an activation",
			  roots, &number, error))
		return FALSE;
	g_message("the changes of /etc are state %u", number);
	return TRUE;
}

/* What the next boots put back. An activation makes an earlier wish void. */
static gboolean request_make(const struct etcstep *step, struct etcboot_request *ret_request,
			     GError **error)
{
	unsigned number;

	*ret_request = (struct etcboot_request){ .root_hash = NULL };
	if (step->choice == ETCSTEP_RESTORE && step->next_root_hash == NULL)
		return failure_set(error, FAULT_ETC_NONE, "it is not known which release that is");
	if (!is_wanted(step) || step->root_hash == NULL || step->next_root_hash == NULL)
		return TRUE;
	if (!step->rollback) { /* if the next release falls back to this one */
		ret_request->root_hash = g_strdup(step->root_hash);
		ret_request->from = g_strdup(step->next_root_hash);
		return TRUE;
	}
	number = etckeep_find(step->config, step->next_root_hash);
	if (number == 0 && step->choice == ETCSTEP_RESTORE)
		return failure_set(error, FAULT_ETC_NONE,
				   "that release has left no state of /etc in the store");
	if (number == 0)
		return TRUE;
	ret_request->root_hash = g_strdup(step->next_root_hash);
	ret_request->number = number;
	return TRUE;
}

gboolean etcstep_before(const struct etcstep *step, GError **error)
{
	g_auto(EtcbootRequest) request = { .root_hash = NULL };
	g_autoptr(GError) why = NULL;

	if (!etckeep_is_on(step->config))
		return step->choice != ETCSTEP_RESTORE || etckeep_require(step->config, error);
	if (!changes_save(step, &why)) {
		if (step->choice == ETCSTEP_RESTORE) {
			g_propagate_error(error, g_steal_pointer(&why));
			return FALSE;
		}
		g_warning("the changes of /etc are not stored now: %s", why->message);
	}
	return request_make(step, &request, error) &&
	       etcboot_request_save(step->config->state_dir, &request, error);
}

void etcstep_undo(const struct etcstep *step, const struct etcboot_request *before)
{
	g_autoptr(GError) error = NULL;

	if (etckeep_is_on(step->config) &&
	    !etcboot_request_save(step->config->state_dir, before, &error))
		g_warning("what is put back of /etc may be wrong: %s", error->message);
}

void etcstep_committed(const struct config *config, const char *root_hash)
{
	static const struct etcboot_request NOTHING = { .root_hash = NULL };
	g_auto(EtcbootRequest) request = etcboot_request_load(config->state_dir);
	g_autoptr(GError) error = NULL;

	if (request.root_hash == NULL || g_strcmp0(request.from, root_hash) != 0)
		return;
	if (!etcboot_request_save(config->state_dir, &NOTHING, &error))
		g_warning("a fallback would put back the /etc of before: %s", error->message);
}
