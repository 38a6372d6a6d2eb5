/* SPDX-License-Identifier: MIT */
/* Channels: what decodes must encode, and decode again to the same; and every turn in it can be
 * told. */
#include <string.h>

#include "channel.h"
#include "fuzz.h"
#include "wave.h"

static const char *const SEEDS[] = {
	"{\"format\":1,\"product\":\"p\",\"architecture\":\"a\",\"channel\":\"c\",\"releases\":["
	"{\"version\":\"1\",\"security_version\":2,\"published\":\"2026-11-01T12:00:00Z\","
	"\"bundles\":[\"bundles/p/a/1/f.azb\"],\"dead_end\":\"d\",\"barrier\":true},"
	"{\"version\":\"2\",\"security_version\":2,\"published\":\"2026-11-01T12:00:00Z\","
	"\"bundles\":[\"bundles/p/a/2/f.azb\"],\"minimum_free_bytes\":9,\"rollout\":{"
	"\"start\":\"2026-11-01T12:00:00Z\",\"salt\":\"s\",\"paused\":\"p\",\"waves\":["
	"{\"after_s\":0,\"permille\":10},{\"after_s\":9,\"permille\":999}]}}],"
	"\"revoked\":[{\"version\":\"0\",\"reason\":\"r\"}]}",
	"{\"format\":1,\"product\":\"p\",\"architecture\":\"a\",\"channel\":\"c\",\"releases\":[]}",
};

static void rollout_check(const struct channel_rollout *rollout)
{
	int64_t first_s, last_s;

	if (!wave_turn(rollout, 0, &first_s) || first_s < rollout->start_s)
		__builtin_trap();
	if (wave_turn(rollout, UINT64_MAX, &last_s) && last_s < first_s)
		__builtin_trap();
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size_bytes)
{
	g_autoptr(Channel) channel = channel_decode(bytes, size_bytes, NULL);
	g_autoptr(Channel) back = NULL;
	g_autofree char *text = NULL;
	g_autofree char *again = NULL;

	if (channel == NULL)
		return 0;
	for (unsigned i = 0; i < channel->n_releases; i++)
		if (channel->releases[i].rollout != NULL)
			rollout_check(channel->releases[i].rollout);
	text = channel_encode(channel);
	back = channel_decode((const uint8_t *)text, strlen(text), NULL);
	/* Indenting may take it over the limit of bytes. */
	if (back == NULL && strlen(text) <= CHANNEL_SIZE_MAX)
		__builtin_trap();
	if (back == NULL)
		return 0;
	again = channel_encode(back);
	if (strcmp(text, again) != 0)
		__builtin_trap();
	return 0;
}

size_t fuzz_seed(unsigned number, uint8_t *ret_bytes, size_t room)
{
	const size_t size_bytes = number < sizeof SEEDS / sizeof *SEEDS ? strlen(SEEDS[number]) : 0;

	if (size_bytes > room)
		return 0;
	if (size_bytes > 0)
		memcpy(ret_bytes, SEEDS[number], size_bytes);
	return size_bytes;
}
