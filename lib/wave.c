/* SPDX-License-Identifier: MIT */
#include "wave.h"

#include <glib.h>
#include <string.h>

#include "crypto.h"

/* Places are compared in units of 2^-24 permille: with times of up to a year every product of the
 * two fits into 64 bits. */
enum { UNIT_BITS = 24 };

uint64_t wave_place(const char *machine_id, const char *salt)
{
	g_autofree char *text = g_strconcat("azupdate-wave:", salt, NULL);
	uint8_t digest[CRYPTO_HASH_SIZE];
	uint64_t place = 0;

	crypto_hmac("SHA256", machine_id, strlen(machine_id), text, digest);
	for (unsigned i = 0; i < sizeof place; i++)
		place = place << 8 | digest[i];
	return place;
}

/* From (from_s, from) to (to_s, to), as of a wave. */
struct stretch {
	int64_t from_s;
	int64_t to_s;
	uint64_t from; /* units */
	uint64_t to;
};

static struct stretch stretch_get(const struct channel_rollout *rollout, unsigned index)
{
	const struct channel_wave *wave = &rollout->waves[index];
	const struct channel_wave *other = index > 0 ? wave - 1 : wave + 1;
	struct stretch stretch = { .to = (uint64_t)wave->permille << UNIT_BITS };

	stretch.from_s = rollout->start_s + wave->after_s;
	if (index > 0) {
		stretch.to_s = stretch.from_s;
		stretch.from_s = rollout->start_s + other->after_s;
		stretch.from = (uint64_t)other->permille << UNIT_BITS;
		return stretch;
	}
	stretch.to_s = stretch.from_s + WAVE_FIRST_S;
	if (rollout->n_waves > 1)
		stretch.to_s = MIN(stretch.to_s, rollout->start_s + other->after_s);
	return stretch;
}

bool wave_turn(const struct channel_rollout *rollout, uint64_t place, int64_t *ret_time_s)
{
	const uint64_t units = (place >> 32) * CHANNEL_PERMILLE >> (32 - UNIT_BITS);

	for (unsigned i = 0; i < rollout->n_waves; i++) {
		const struct stretch stretch = stretch_get(rollout, i);
		const uint64_t span_s = (uint64_t)(stretch.to_s - stretch.from_s);

		if (units >= stretch.to)
			continue;
		*ret_time_s = stretch.from_s + (int64_t)((units - stretch.from) * span_s /
							 (stretch.to - stretch.from));
		return true;
	}
	return false;
}

double wave_share(const struct channel_rollout *rollout, int64_t now_s)
{
	double share = 0;

	for (unsigned i = 0; i < rollout->n_waves; i++) {
		const struct stretch stretch = stretch_get(rollout, i);
		const double whole = (double)(stretch.to - stretch.from) / (1 << UNIT_BITS);

		if (now_s >= stretch.to_s)
			share += whole;
		else if (now_s > stretch.from_s)
			share += whole * (double)(now_s - stretch.from_s) /
				 (double)(stretch.to_s - stretch.from_s);
	}
	return share;
}
