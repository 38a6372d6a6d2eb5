/* SPDX-License-Identifier: MIT */
#include "faulttext.h"

const struct faulttext *faulttext_find(uint32_t number)
{
	static const struct faulttext UNKNOWN = {
		.name = "UNKNOWN",
		.sentence = "a fault that this release does not know",
		.advice = "look the number up in a later release's table",
	};

	for (unsigned i = 0; i < FAULTTEXT_COUNT; i++)
		if (FAULTTEXT_TABLE[i].number == number)
			return &FAULTTEXT_TABLE[i];
	return &UNKNOWN;
}
