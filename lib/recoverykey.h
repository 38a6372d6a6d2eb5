/* SPDX-License-Identifier: MIT */
#pragma once
/* Recovery keys: 256 random bits as text that can be read out, typed, and told from anything else.
 * The form is systemd-cryptenroll's: 8 words of 8 letters out of "cbdefghijklnrtuv" (modhex, which
 * all keyboards have at the same places), with dashes between. */

#include "secret.h"

enum { RECOVERYKEY_SIZE = 8 * 8 + 7 };

struct secret *recoverykey_new(void);

/* The text as it was made: in capitals, or without dashes, a key is still one. NULL: it is none. */
struct secret *recoverykey_normalize(const struct secret *text);
