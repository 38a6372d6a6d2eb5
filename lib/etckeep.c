/* SPDX-License-Identifier: MIT */
#include "etckeep.h"

#include <string.h>

#include "azupdate/azupdate.h"
#include "etcboot.h"
#include "etcdiff.h"
#include "etcstore.h"
#include "etcwalk.h"
#include "failure.h"
#include "json.h"

enum { BOOT_FILE_MAX = 16 * 1024 };

static char *store_of(const struct config *config)
{
	return g_build_filename(config->state_dir, "store", NULL);
}

static char *upper_of(const struct config *config)
{
	return g_build_filename(config->state_dir, "etc", "upper", NULL);
}

static char *defaults_of(const struct config *config)
{
	return g_build_filename(config->run_dir, "etc-defaults", NULL);
}

/* What azetc has noted, or NULL. */
static json_t *boot_read(const struct config *config)
{
	g_autofree char *path = g_build_filename(config->run_dir, "etc.json", NULL);
	g_autofree char *text = NULL;
	g_autofree char *why = NULL;
	gsize size_bytes;

	if (!g_file_get_contents(path, &text, &size_bytes, NULL) || size_bytes > BOOT_FILE_MAX)
		return NULL;
	return json_object_parse(text, size_bytes, &why);
}

void etckeep_laid_clear(struct etckeep_laid *laid)
{
	g_clear_pointer(&laid->reason, g_free);
}

/* An azetc that has ended before its time has noted nothing, and laid nothing. */
static struct etckeep_laid laid_decode(const struct config *config, const json_t *boot)
{
	g_autofree char *defaults = defaults_of(config);
	const char *reason = json_string_value(json_object_get(boot, "laid_reason"));
	struct etckeep_laid laid = {
		.is_meant = g_file_test(defaults, G_FILE_TEST_IS_DIR),
		.lay = ETCLAY_RELEASE,
		.why = FAULT_ETC_MOUNT,
	};

	if (!etclay_find(json_string_value(json_object_get(boot, "laid")), &laid.lay))
		reason = "azetc did not come to its end";
	else
		laid.why = (fault)json_integer_value(json_object_get(boot, "laid_fault"));
	laid.reason = g_utf8_make_valid(reason != NULL ? reason : "", -1);
	return laid;
}

struct etckeep_laid etckeep_laid(const struct config *config)
{
	g_autoptr(JsonValue) boot = boot_read(config);

	return laid_decode(config, boot);
}

char *etckeep_laid_text(const struct etckeep_laid *laid)
{
	return laid->is_meant ? etclay_text(laid->lay, laid->reason) : NULL;
}

static gboolean is_on(const struct config *config, const struct etckeep_laid *laid)
{
	g_autofree char *upper = upper_of(config);

	return laid->is_meant && laid->lay != ETCLAY_RELEASE &&
	       g_file_test(upper, G_FILE_TEST_IS_DIR);
}

gboolean etckeep_is_on(const struct config *config)
{
	g_auto(EtckeepLaid) laid = etckeep_laid(config);

	return is_on(config, &laid);
}

gboolean etckeep_require(const struct config *config, GError **error)
{
	g_auto(EtckeepLaid) laid = etckeep_laid(config);
	g_autofree char *text = etckeep_laid_text(&laid);

	if (is_on(config, &laid))
		return TRUE;
	if (text != NULL)
		return failure_set(error, laid.why, "%s", text);
	return failure_set(error, FAULT_ETC_OFF,
			   "this boot has not laid changes over the release's /etc");
}

/* What the release brings: azetc has noted it, unless it could not. */
static struct etctree *defaults_read(const struct etckeep *keep, GError **error)
{
	static const struct etcwalk WALK = { .is_upper = FALSE };
	g_autofree char *path = defaults_of(keep->config);
	g_autoptr(Etctree) noted = etcboot_last(keep->config->state_dir);
	g_autoptr(Etctree) tree = NULL;

	if (noted != NULL && strcmp(noted->root_hash, keep->root_hash) == 0)
		return g_steal_pointer(&noted);
	tree = etctree_new(keep->version, keep->root_hash, "");
	return etcwalk_read(path, &WALK, tree, error) ? g_steal_pointer(&tree) : NULL;
}

/* NULL without a failure where nothing was stored yet. */
static struct storerepo *store_look(const struct config *config, GError **error)
{
	g_autofree char *path = store_of(config);
	GError *why = NULL;
	struct storerepo *repo = etcstore_open(path, FALSE, &why);

	if (repo != NULL)
		return repo;
	if (failure_code(why) == FAULT_STORE_EMPTY)
		g_error_free(why);
	else
		g_propagate_error(error, why);
	return NULL;
}

gboolean etckeep_save(const struct etckeep *keep, const char *reason, const char *const *roots,
		      unsigned *ret_number, GError **error)
{
	g_autofree char *store = store_of(keep->config);
	g_autofree char *upper = upper_of(keep->config);
	g_autoptr(Storerepo) repo = NULL;
	g_autoptr(Etctree) defaults = NULL;
	struct etcstore_add add = {
		.upper = upper,
		.version = keep->version,
		.root_hash = keep->root_hash,
		.reason = reason,
	};
	g_auto(EtcbootRequest) request = etcboot_request_load(keep->config->state_dir);
	gboolean is_new;

	if (!etckeep_require(keep->config, error))
		return FALSE;
	defaults = defaults_read(keep, error);
	repo = defaults != NULL ? etcstore_open(store, TRUE, error) : NULL;
	add.defaults = defaults;
	return repo != NULL && etcstore_add(repo, &add, ret_number, &is_new, error) &&
	       etcstore_trim(repo, keep->config->etc_history, roots, request.number, error);
}

unsigned etckeep_find(const struct config *config, const char *root_hash)
{
	g_autoptr(Storerepo) repo = store_look(config, NULL);
	g_autoptr(GPtrArray) states = repo != NULL ? etcstore_list(repo, NULL) : NULL;

	return states != NULL ? etcstore_last(states, root_hash) : 0;
}

gboolean etckeep_restore(const struct config *config, const char *root_hash, unsigned number,
			 GError **error)
{
	const struct etcboot_request request = { (char *)root_hash, NULL, number };
	g_auto(EtckeepLaid) laid = etckeep_laid(config);
	g_autoptr(Storerepo) repo = NULL;
	g_autoptr(EtcstoreState) state = NULL;
	g_autoptr(GError) why = NULL;

	if (!laid.is_meant && !etckeep_require(config, error))
		return FALSE;
	repo = store_look(config, &why);
	if (repo != NULL && number > 0 && number <= ETCSTORE_NUMBER_MAX)
		state = etcstore_read(repo, number, &why);
	if (why != NULL) {
		g_propagate_error(error, g_steal_pointer(&why));
		return FALSE;
	}
	if (state == NULL)
		return failure_set(error, FAULT_ETC_NONE, "the store has no state %u of /etc",
				   number);
	return etcboot_request_save(config->state_dir, &request, error);
}

/* Its number is given to the next state: that one was not meant. */
static gboolean request_follow(const struct config *config, const GPtrArray *dropped,
			       GError **error)
{
	static const struct etcboot_request NOTHING = { .root_hash = NULL };
	g_auto(EtcbootRequest) request = etcboot_request_load(config->state_dir);
	g_autofree char *name = g_strdup_printf("etc/%u", request.number);

	if (request.root_hash == NULL || request.number == 0 ||
	    !g_ptr_array_find_with_equal_func((GPtrArray *)dropped, name, g_str_equal, NULL))
		return TRUE;
	g_message("state %u of /etc is not put back: it is damaged", request.number);
	return etcboot_request_save(config->state_dir, &NOTHING, error);
}

gboolean etckeep_check(const struct config *config, struct storerepo *repo, GPtrArray *dropped,
		       GError **error)
{
	gboolean done;

	storerepo_set_kind(repo, STOREREPO_ETC);
	done = etcstore_check(repo, dropped, error);
	storerepo_set_kind(repo, STOREREPO_RELEASES);
	return done && request_follow(config, dropped, error);
}

/* JSON. */

static json_t *state_encode(const struct etcstore_state *state)
{
	const struct etctree *tree = state->tree;
	uint64_t size_bytes = 0;

	for (guint i = 0; tree != NULL && i < tree->entries->len; i++)
		size_bytes += ((struct etctree_entry *)tree->entries->pdata[i])->size_bytes;
	return json_pack("{s:I, s:I, s:s, s:s, s:s, s:I, s:I, s:b}", "number",
			 (json_int_t)state->number, "time", (json_int_t)state->time_s, "version",
			 tree != NULL ? tree->version : "", "root_hash",
			 tree != NULL ? tree->root_hash : "", "reason",
			 tree != NULL ? tree->reason : "", "entries",
			 (json_int_t)(tree != NULL ? tree->entries->len : 0), "size_bytes",
			 (json_int_t)size_bytes, "damaged", tree == NULL);
}

static json_t *request_encode(const struct config *config)
{
	g_auto(EtcbootRequest) request = etcboot_request_load(config->state_dir);

	if (request.root_hash == NULL)
		return json_null();
	return json_pack("{s:s, s:s?, s:I}", "root_hash", request.root_hash, "from", request.from,
			 "number", (json_int_t)request.number);
}

/* What azetc has done at this boot. */
static json_t *boot_encode(const struct config *config)
{
	json_t *object = boot_read(config);
	g_auto(EtckeepLaid) laid = laid_decode(config, object);

	if (object == NULL && laid.is_meant)
		object = json_pack("{s:s, s:I, s:s}", "laid", etclay_name(laid.lay), "laid_fault",
				   (json_int_t)laid.why, "laid_reason", laid.reason);
	return object != NULL ? object : json_null();
}

char *etckeep_list(const struct config *config, GError **error)
{
	GError *why = NULL;
	g_autoptr(Storerepo) repo = store_look(config, &why);
	g_autoptr(GPtrArray) states = repo != NULL ? etcstore_list(repo, &why) : NULL;
	g_autoptr(JsonValue) object = NULL;
	json_t *array;

	if (why != NULL) {
		g_propagate_error(error, why);
		return NULL;
	}
	object = json_pack("{s:s, s:b, s:o, s:o, s:[]}", "schema", AZUPDATE_SCHEMA_ETC, "overlay",
			   etckeep_is_on(config), "request", request_encode(config), "boot",
			   boot_encode(config), "states");
	array = json_object_get(object, "states");
	for (guint i = 0; states != NULL && i < states->len; i++)
		json_array_append_new(array, state_encode(states->pdata[i]));
	return json_text(object, JSON_COMPACT);
}

static json_t *row_encode(const struct etcdiff_row *row)
{
	g_autofree char *path = g_utf8_make_valid(row->path, -1);

	return json_pack("{s:s, s:s, s:s?}", "path", path, "change", etcdiff_kind_name(row->kind),
			 "conflict", etcdiff_conflict_name(row->conflict));
}

static struct etctree *ours_read(const struct etckeep *keep, const struct etctree *defaults,
				 unsigned number, GError **error)
{
	g_autofree char *upper = upper_of(keep->config);
	const struct etcstore_add add = { upper, defaults, keep->version, keep->root_hash, "" };
	g_autoptr(EtcstoreState) state = NULL;
	GError *why = NULL;
	g_autoptr(Storerepo) repo = store_look(keep->config, &why);

	if (why != NULL) {
		g_propagate_error(error, why);
		return NULL;
	}
	if (number == 0)
		return etcstore_look(repo, &add, error);
	if (repo != NULL)
		state = etcstore_read(repo, number, error);
	else
		failure_set(error, FAULT_ETC_NONE, "no state of /etc was stored yet");
	return state != NULL ? g_steal_pointer(&state->tree) : NULL;
}

char *etckeep_diff(const struct etckeep *keep, unsigned number, GError **error)
{
	g_autoptr(Etctree)
		theirs = etckeep_require(keep->config, error) ? defaults_read(keep, error) : NULL;
	g_autoptr(Etctree) ours = theirs != NULL ? ours_read(keep, theirs, number, error) : NULL;
	g_autoptr(GPtrArray) rows = ours != NULL ? etcdiff_make(ours, theirs) : NULL;
	g_autoptr(JsonValue) object = NULL;
	json_t *array;

	if (rows == NULL)
		return NULL;
	object = json_pack("{s:s, s:I, s:s, s:[]}", "schema", AZUPDATE_SCHEMA_ETCDIFF, "state",
			   (json_int_t)number, "version", keep->version, "changes");
	array = json_object_get(object, "changes");
	for (guint i = 0; i < rows->len; i++)
		json_array_append_new(array, row_encode(rows->pdata[i]));
	return json_text(object, JSON_COMPACT);
}
