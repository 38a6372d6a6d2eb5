/* SPDX-License-Identifier: MIT */
#include "bspatch.h"

#include <string.h>

enum { NUMBER_SIZE = 8, STEP_NUMBERS = 3, STEP_SIZE = STEP_NUMBERS * NUMBER_SIZE };

struct patching {
	const struct bspatch_bytes *patch;
	const struct bspatch_bytes *old;
	size_t at;      /* in the patch */
	int64_t old_at; /* may lie outside */
	uint8_t *ret_new;
	size_t new_left;
};

static int64_t number_load(const uint8_t *bytes)
{
	uint64_t value;

	memcpy(&value, bytes, sizeof value);
	value = GUINT64_FROM_LE(value);
	return value >> 63 != 0 ? -(int64_t)(value & INT64_MAX) : (int64_t)value;
}

/* The next bytes of the patch become new ones. */
static gboolean bytes_take(struct patching *patching, int64_t size_bytes)
{
	const struct bspatch_bytes *patch = patching->patch;

	if (size_bytes < 0 || (uint64_t)size_bytes > patching->new_left ||
	    (uint64_t)size_bytes > patch->size_bytes - patching->at)
		return FALSE;
	if (size_bytes > 0)
		memcpy(patching->ret_new, patch->bytes + patching->at, (size_t)size_bytes);
	patching->at += (size_t)size_bytes;
	patching->ret_new += size_bytes;
	patching->new_left -= (size_t)size_bytes;
	return TRUE;
}

/* Adds the old bytes to those that were just made, as far as there are any. */
static void old_add(struct patching *patching, int64_t size_bytes)
{
	const struct bspatch_bytes *old = patching->old;
	uint8_t *made = patching->ret_new - size_bytes;

	for (int64_t i = 0; i < size_bytes; i++) {
		const int64_t from = patching->old_at + i;

		if (from >= 0 && (uint64_t)from < old->size_bytes)
			made[i] = (uint8_t)(made[i] + old->bytes[from]);
	}
}

static gboolean step(struct patching *patching)
{
	const uint8_t *numbers = patching->patch->bytes + patching->at;
	int64_t add, fresh;

	if (patching->patch->size_bytes - patching->at < STEP_SIZE)
		return FALSE;
	patching->at += STEP_SIZE;
	add = number_load(numbers);
	fresh = number_load(numbers + NUMBER_SIZE);
	if (!bytes_take(patching, add) || add > INT64_MAX - MAX(patching->old_at, 0))
		return FALSE;
	old_add(patching, add);
	return bytes_take(patching, fresh) &&
	       !__builtin_add_overflow(patching->old_at + add,
				       number_load(numbers + (ptrdiff_t)2 * NUMBER_SIZE),
				       &patching->old_at);
}

gboolean bspatch_apply(const struct bspatch_bytes *patch, const struct bspatch_bytes *old,
		       uint8_t *ret_new, size_t new_size)
{
	struct patching patching = {
		.patch = patch, .old = old, .ret_new = ret_new, .new_left = new_size
	};

	while (patching.new_left > 0)
		if (!step(&patching))
			return FALSE;
	return TRUE;
}
