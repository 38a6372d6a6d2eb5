/* SPDX-License-Identifier: MIT */
#pragma once
/* Faults: what can be wrong, one number per failing check, the same on both sides of the reboot.
 * The numbers are generated from schema/faults.tsv, which is append-only: a number that was
 * released keeps its meaning for ever, since an older release may have left it in a boot record. */

#include "fault_codes.h"

typedef enum fault fault;
