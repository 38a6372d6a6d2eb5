/* SPDX-License-Identifier: MIT */
/* Built in place of blockhash_ipsecmb.c where that library is missing. */
#include "blockhash_engine.h"

const struct blockhash_engine BLOCKHASH_MORE[1] = { { .name = NULL } };
const size_t BLOCKHASH_MORE_COUNT = 0;
