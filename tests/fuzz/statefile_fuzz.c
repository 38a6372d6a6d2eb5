/* SPDX-License-Identifier: MIT */
/* Files of the state and run folders; the first byte says which. Whatever was there, what is stored
 * of it is read again and stored again to the same bytes. */
#include <glib/gstdio.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "advice.h"
#include "attestseen.h"
#include "bootinfo.h"
#include "failed.h"
#include "fuzz.h"
#include "omahastate.h"
#include "pending.h"
#include "policystate.h"
#include "reportspool.h"
#include "version.h"

static const char *folder; /* in memory, or each round would be flushed to the medium */

static char *path_of(const char *name)
{
	return g_build_filename(folder, name, NULL);
}

static gboolean advice_round(void)
{
	g_auto(Advice) advice = advice_load(folder);

	promise(advice.kind <= ADVICE_WAIT);
	promise(advice.kind != ADVICE_TAKE || version_is_valid(advice.version));
	return advice_save(folder, &advice, NULL);
}

static gboolean pending_round(void)
{
	g_auto(Pending) pending = pending_load(folder);

	promise(pending.slot < SLOT_COUNT && pending.time_us >= 0);
	return pending.version != NULL && pending_save(folder, &pending, NULL);
}

static gboolean policystate_round(void)
{
	g_autoptr(Policystate) state = policystate_load(folder, NULL);

	if (state == NULL)
		return FALSE;
	promise(state->holds->len <= POLICYSTATE_HOLDS_MAX &&
		state->approved->len <= POLICYSTATE_APPROVED_MAX &&
		state->attempts->len <= POLICYSTATE_ATTEMPTS_MAX &&
		state->history->len <= POLICYSTATE_HISTORY_MAX);
	return policystate_save(folder, state, NULL);
}

static gboolean failed_round(void)
{
	g_autoptr(GPtrArray) list = failed_load(folder);

	promise(list->len <= FAILED_MAX);
	return failed_save(folder, list, NULL);
}

static gboolean omahastate_round(void)
{
	struct omahastate state;

	omahastate_load(folder, &state);
	promise(state.phase < OMAHASTATE_PHASE_COUNT && state.count <= OMAHA_PENDING_MAX);
	promise(state.version[0] == '\0' || version_is_valid(state.version));
	for (unsigned i = 0; i < state.count; i++)
		promise(state.pending[i].event < OMAHA_EVENT_COUNT);
	return omahastate_save(folder, &state, NULL);
}

static gboolean reportspool_round(void)
{
	struct reportspool spool;
	gboolean saved;

	reportspool_init(&spool, folder);
	for (unsigned i = 0; i < REPORT_KIND_COUNT; i++)
		promise(spool.last_us[i] >= 0);
	promise(spool.backoff.since_ms >= 0 && spool.backoff.until_ms >= 0);
	saved = reportspool_save(&spool, NULL);
	reportspool_done(&spool);
	return saved;
}

static gboolean attestseen_round(void)
{
	g_autofree char *path = path_of("seen.json");
	g_autoptr(GHashTable) table = attestseen_load(path, NULL);

	return table != NULL && attestseen_save(path, table, NULL);
}

/* Nothing of ours writes these; they are read only. */
static gboolean boot_round(void)
{
	g_autoptr(Bootinfo) info = bootinfo_read(folder, folder);

	promise(info->running <= SLOT_NONE);
	promise(info->root_hash == NULL || strlen(info->root_hash) <= 64);
	promise(info->reason == NULL || g_str_is_ascii(info->reason));
	return FALSE;
}

static const struct kind {
	const char *name;
	gboolean (*round)(void); /* reads and stores; FALSE: nothing was stored */
} KINDS[] = {
	{ "advice.json", advice_round },
	{ "pending.json", pending_round },
	{ "policy.json", policystate_round },
	{ "failed.json", failed_round },
	{ "omaha.json", omahastate_round },
	{ "reports/state.json", reportspool_round },
	{ "seen.json", attestseen_round },
	{ "boot.json", boot_round },
	{ "AzbootReason-65592c1d-1a73-488e-ba46-1bbab7a13ee8", boot_round },
	{ "LoaderTimeExecUSec-4a67b082-0a4c-41cf-b6c7-440b29bb8c4f", boot_round },
};

static void folder_make(void)
{
	g_autofree char *reports = NULL;

	if (folder != NULL)
		return;
	folder = fuzz_folder();
	reports = path_of("reports");
	promise(g_mkdir(reports, 0700) == 0);
}

static void write_bytes(const char *path, const uint8_t *bytes, size_t size_bytes)
{
	FILE *file = fopen(path, "w");

	promise(file != NULL && fwrite(bytes, 1, size_bytes, file) == size_bytes);
	promise(fclose(file) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size_bytes)
{
	const struct kind *kind = &KINDS[size_bytes > 0 ? bytes[0] % G_N_ELEMENTS(KINDS) : 0];
	g_autofree char *path = NULL;
	g_autofree char *first = NULL;
	g_autofree char *second = NULL;

	folder_make();
	path = path_of(kind->name);
	write_bytes(path, bytes + MIN(size_bytes, 1), size_bytes - MIN(size_bytes, 1));
	if (kind->round() && g_file_get_contents(path, &first, NULL, NULL)) {
		promise(kind->round() && g_file_get_contents(path, &second, NULL, NULL));
		promise(strcmp(first, second) == 0);
	}
	(void)unlink(path); /* it may be gone */
	return 0;
}

size_t fuzz_seed(unsigned number, uint8_t *ret_bytes, size_t room)
{
	static const char *const SEEDS[G_N_ELEMENTS(KINDS)] = {
		"{\"format\":1,\"advice\":\"take\",\"version\":\"1.2\",\"words\":\"w\"}",
		"{\"format\":1,\"version\":\"1.2\",\"previous\":\"1\",\"slot\":1,\"time_us\":5}",
		"{\"format\":1,\"holds\":[{\"by\":\"b\",\"reason\":\"r\",\"until\":9}],"
		"\"approved\":"
		"[\"1\"],\"attempts\":[{\"version\":\"1\",\"count\":2,\"last\":3,\"reason\":\"r\"}]"
		","
		"\"history\":[{\"time\":1,\"what\":\"staged\",\"version\":\"1\",\"reason\":\"r\"}],"
		"\"last_known\":5,\"last_check\":6,\"check_failures\":1,\"lock_held\":true}",
		"[]",
		"{\"format\":1,\"phase\":\"granted\",\"version\":\"1.2.3\",\"pending\":[]}",
		"{\"format\":1,\"sequence\":7,\"dropped\":1,\"failures\":2,\"since_ms\":3,"
		"\"until_ms\":4,\"counts\":{\"staged\":1},\"last_us\":{\"staged\":5}}",
		"{\"00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\":"
		"{\"clock_ms\":1,\"reset_count\":2,\"restart_count\":3}}",
		"{\"slot\":\"a\",\"disk\":\"/dev/sda\",\"root_hash\":\"00\"}",
		"\6\0\0\0t\0r\0i\0a\0l\0\0",
		"\6\0\0\0001\0002\0003\0\0",
	};
	static const size_t TEXTS = 8; /* the others are of efivarfs, with zeros in them */
	size_t size_bytes;

	if (number >= G_N_ELEMENTS(SEEDS))
		return 0;
	size_bytes = number < TEXTS ? strlen(SEEDS[number]) : number == TEXTS ? 16 : 12;
	ret_bytes[0] = (uint8_t)number;
	return size_bytes < room ? 1 + fuzz_copy(SEEDS[number], size_bytes, ret_bytes + 1, room - 1)
				 : 0;
}
