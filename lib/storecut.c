/* SPDX-License-Identifier: MIT */
#include "storecut.h"

#include "bytes.h"

const struct storecut_rule STORECUT_DATA = { 31, 8, STORECUT_DATA_MOST };
const struct storecut_rule STORECUT_LEAVES = { 1023, 256, STORECUT_LEAVES_MOST };

bool storecut_ends(const struct storecut_rule *rule, uint32_t count,
		   const uint8_t hash[static STORECUT_HASH_SIZE])
{
	return count >= rule->most ||
	       (count >= rule->least && (bytes_load_u32(hash) & rule->mask) == 0);
}
