/* SPDX-License-Identifier: MIT */
#pragma once
/* Fault texts: the name, sentence and advice of each fault number, generated from
 * schema/faults.tsv. Freestanding, as the boot program shows them when nothing can be booted; it
 * has those that a boot record can hold. */

#include <stdint.h>

struct faulttext {
	uint32_t number;
	const char *name;     /* stable, e.g. "SLOT_EMPTY" */
	const char *sentence; /* what is wrong, no full stop */
	const char *advice;   /* what to do, may be "" */
};

extern const struct faulttext FAULTTEXT_TABLE[];
extern const unsigned FAULTTEXT_COUNT;

/* Never NULL: a number of a later release gives the name "UNKNOWN". */
const struct faulttext *faulttext_find(uint32_t number);
