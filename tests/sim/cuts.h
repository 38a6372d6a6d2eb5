/* SPDX-License-Identifier: MIT */
#pragma once
/* Cuts: every medium that a power cut could leave, out of the log of a run.
 *
 * Before and after each operation, and inside each write: of the writes that no flush has followed
 * any may be there and any may be missing, and one of them may be torn. Of up to CUTS_ALL of them
 * every subset is taken; of more: none, all, each one missing, each one alone, and random ones. */

#include "fakedisk.h"

enum { CUTS_ALL = 12, CUTS_TORN_ALL = 6, CUTS_RANDOM = 16 };

typedef void (*cut_func)(const struct medium *medium, const struct belief *belief,
			 gpointer user_data);

/* Gives each cut; what is there twice for another reason is given twice. Returns how many. */
unsigned long cuts_walk(const struct log *log, uint64_t *random, cut_func each, gpointer user_data);

/* splitmix64, https://prng.di.unimi.it/splitmix64.c (public domain). */
uint64_t random_next(uint64_t *random);
