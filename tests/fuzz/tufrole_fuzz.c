/* SPDX-License-Identifier: MIT */
/* Metadata of each role, by the first byte: what decodes keeps its promises, and nothing that is
 * not signed verifies. */
#include "tufrole.h"

#include <string.h>

#include "../unit/tufmake.h"
#include "fuzz.h"

static void grant_check(const struct tufrole *role, const struct tufgrant *grant)
{
	if (grant->threshold < 1 || grant->threshold > TUFROLE_NUMBER_MAX || grant->keys == NULL)
		__builtin_trap();
	/* If this says yes, the keys are those of the seeds, and so is what they signed. */
	(void)tufrole_verify(role, grant, NULL);
}

static void file_check(gpointer name, gpointer value, gpointer user_data)
{
	const struct tuffile *file = value;
	g_autoptr(GBytes) none = g_bytes_new_static("", 0);

	if (file->version > TUFROLE_NUMBER_MAX || file->size_bytes > TUFROLE_NUMBER_MAX ||
	    (file->sha256 != NULL && strlen(file->sha256) != 64) ||
	    (file->sha512 != NULL && strlen(file->sha512) != 128))
		__builtin_trap();
	(void)tuffile_check(file, name, none, NULL);
}

static void role_check(const struct tufrole *role)
{
	if (role->version < 1 || role->version > TUFROLE_NUMBER_MAX || role->expires_s < 0)
		__builtin_trap();
	for (unsigned i = 0; role->kind == TUFROLE_ROOT && i < TUFROLE_KINDS; i++)
		grant_check(role, &role->grants[i]);
	if (role->meta != NULL)
		g_hash_table_foreach(role->meta, file_check, NULL);
	if (role->targets != NULL)
		g_hash_table_foreach(role->targets, file_check, NULL);
	for (guint i = 0; role->delegations != NULL && i < role->delegations->len; i++) {
		const struct tufdelegation *delegation = role->delegations->pdata[i];

		grant_check(role, &delegation->grant);
		(void)tufdelegation_covers(delegation, "channels/demo/x86_64/stable.json");
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size_bytes)
{
	const enum tufrole_kind kind = size_bytes > 0 ? bytes[0] % TUFROLE_KINDS : 0;
	g_autoptr(GBytes)
		document = g_bytes_new(bytes + MIN(size_bytes, 1), size_bytes - MIN(size_bytes, 1));
	g_autoptr(Tufrole) role = tufrole_decode(kind, "role", document, NULL);

	if (role != NULL)
		role_check(role);
	return 0;
}

static json_t *delegations_make(void)
{
	json_t *keys = json_object();

	json_object_set_new(keys, tufmake_keyid(7), tufmake_key(7));
	return json_pack("{s:o,s:[{s:s,s:[s],s:i,s:b,s:[s]},{s:s,s:[s],s:i,s:b,s:[s]}]}", "keys",
			 keys, "roles", "name", "channels", "keyids", tufmake_keyid(7), "threshold",
			 1, "terminating", 1, "paths", "channels/*/*/*", "name", "?", "keyids",
			 tufmake_keyid(7), "threshold", 2, "terminating", 0, "path_hash_prefixes",
			 "0f");
}

size_t fuzz_seed(unsigned number, uint8_t *ret_bytes, size_t room)
{
	static const char *const NAMES[] = { "1.root.json", "timestamp.json", "1.snapshot.json",
					     "1.targets.json" };
	struct tufmake *make;
	gsize size_bytes = 0;
	const void *data;

	if (number >= G_N_ELEMENTS(NAMES))
		return 0;
	make = tufmake_new();
	tufmake_target_add(make->targets, "bundles/a.azb", 9);
	make->delegations = delegations_make();
	make->hashes = TRUE;
	tufmake_targets(make);
	tufmake_snapshot(make);
	tufmake_timestamp(make);
	data = g_bytes_get_data(g_hash_table_lookup(make->files, NAMES[number]), &size_bytes);
	if (size_bytes + 1 <= room) {
		ret_bytes[0] = (uint8_t)number;
		memcpy(ret_bytes + 1, data, size_bytes);
		size_bytes++;
	} else {
		size_bytes = 0;
	}
	tufmake_free(make);
	return size_bytes;
}
