/* SPDX-License-Identifier: MIT */
#pragma once
/* Fake disk: the partitions of the simulated machine, with a cache that forgets.
 *
 * What is written can be read back at once, as from a drive; it is on the medium for sure only
 * after a flush of its partition. Everything that happens goes into a log, out of which cuts.h
 * makes every medium that a power cut could have left. Faults can be ordered for an operation. */

#include <glib.h>

#include "belief.h"
#include "disk.h"
#include "medium.h"

enum op_kind {
	OP_WRITE,
	OP_FLUSH,
	OP_NOTE, /* nothing of the disk: from here on the belief is another one */
};

struct piece { /* one block of a write */
	uint32_t id;
	uint64_t mask;
	uint16_t block; /* in struct medium */
};

struct op {
	enum op_kind kind;
	enum part part;
	unsigned first_piece; /* in log.pieces, of a write */
	unsigned piece_count;
	unsigned note; /* in log.notes: what is believed from here on */
};

struct log {
	struct medium start;
	GArray *ops;    /* struct op */
	GArray *pieces; /* struct piece */
	GArray *notes;  /* struct belief; 0 is the one at the start */
};

enum ill { /* what the disk does instead of what it was asked for */
	   ILL_NONE,
	   ILL_NOTHING, /* fails, nothing is done (EIO, ENOSPC, EINTR) */
	   ILL_PART,    /* fails after the first half (ENOSPC, a short write) */
	   ILL_ALL,     /* fails, and yet all is done */
	   ILL_DROP,    /* a flush: fails, and what was not flushed is gone, as in Linux */
	   ILL_LOSE,    /* says that it is done, and nothing is */
	   ILL_FLIP,    /* says that it is done, and a bit is another one */
	   ILL_KILL,    /* from here on nothing is done: the program is gone, the kernel lives */
	   ILL_COUNT
};

struct ill_plan {
	enum ill ill;
	bool sticky;
	unsigned long at; /* number of the operation since fakedisk_start() */
};

/* Starts anew from a medium. */
void fakedisk_start(const struct medium *medium, const struct belief *belief);
void fakedisk_plan(const struct ill_plan *plan); /* NULL: healthy */
/* The disk stops listening: what follows fails and does nothing. */
void fakedisk_freeze(bool frozen);
/* As after a reboot in good order: what was written is on the medium. */
void fakedisk_settle(void);

const struct log *fakedisk_log(void);
const struct medium *fakedisk_view(void);    /* with what is in the cache */
const struct medium *fakedisk_durable(void); /* without */
unsigned long fakedisk_operations(void);     /* since fakedisk_start(), reads too */
bool fakedisk_was_ill(void);                 /* the plan came to pass */
bool fakedisk_was_ill_reading(void);         /* and it was a read of the record */
void fakedisk_note(const struct belief *belief);
const struct belief *fakedisk_belief(void);

/* For the firmware. */
bool fakedisk_read(enum part part, uint64_t offset, uint8_t *bytes, size_t size_bytes);
bool fakedisk_write(enum part part, uint64_t offset, const uint8_t *bytes, size_t size_bytes);
bool fakedisk_flush(enum part part);

/* For the library. */
struct disk *fakedisk_open(enum part part);
uint64_t fakedisk_size(enum part part);
