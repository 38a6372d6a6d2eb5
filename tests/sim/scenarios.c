/* SPDX-License-Identifier: MIT */
#include <glib.h>
#include <string.h>

#include "bytes.h"
#include "scenario.h"

static void bit_flip(struct medium *medium, enum part part, unsigned block, unsigned byte)
{
	uint32_t *id = &medium->ids[medium_span(part).first + block];
	uint8_t bytes[MEDIUM_BLOCK];

	memcpy(bytes, medium_bytes(*id), sizeof bytes);
	bytes[byte] ^= 4;
	*id = medium_intern(bytes);
}

static void rubbish(struct medium *medium, enum part part, unsigned block)
{
	uint8_t bytes[MEDIUM_BLOCK];

	memset(bytes, 0xa5, sizeof bytes);
	medium->ids[medium_span(part).first + block] = medium_intern(bytes);
}

/* Of the two copies the older one is a step behind: what was done last may be forgotten. */
static void first_copy_rots(struct medium *medium, struct belief *belief)
{
	struct belief also = { .count = 1, .maybe = { { .good = 1 } } };

	bit_flip(medium, PART_STATE, 0, 70);
	belief_join(belief, &also);
}

static void second_copy_rots(struct medium *medium, struct belief *belief)
{
	struct belief also = { .count = 1, .maybe = { { .good = 1 } } };

	bit_flip(medium, PART_STATE, 1, 70);
	belief_join(belief, &also);
}

/* The headers are all that is left: the release that was there first goes first. */
static void both_copies_rot(struct medium *medium, struct belief *belief)
{
	rubbish(medium, PART_STATE, 0);
	bit_flip(medium, PART_STATE, 1, 30);
	*belief = (struct belief){ .count = 1, .maybe = { { .good = 1, .other = 2 } } };
}

static void header_rots(struct medium *medium, struct belief *belief)
{
	(void)belief;                         /* nobody knows yet */
	bit_flip(medium, PART_BOOT_B, 0, 80); /* the security version */
}

/* Then a slot whose header rots, too, is none. */
static void record_and_header_rot(struct medium *medium, struct belief *belief)
{
	both_copies_rot(medium, belief);
	header_rots(medium, belief);
	belief->maybe[0].other = 0;
}

/* The older copy of the record counts, from before the install: it prefers what stood in A. */
static void newer_copy_rots(struct medium *medium, struct belief *belief)
{
	const uint32_t *ids = medium->ids + medium_span(PART_STATE).first;
	const bool is_second = bytes_load_u64(medium_bytes(ids[1]) + 24) >
			       bytes_load_u64(medium_bytes(ids[0]) + 24);

	rubbish(medium, PART_STATE, is_second);
	*belief = (struct belief){ .count = 2,
				   .maybe = { { .good = 1, .other = 2 }, { .good = 2 } } };
}

/* The headers decide: whatever they name must be whole. */
static void record_is_lost(struct medium *medium, struct belief *belief)
{
	rubbish(medium, PART_STATE, 0);
	rubbish(medium, PART_STATE, 1);
	*belief = (struct belief){
		.count = 3,
		.maybe = { { .good = 1, .other = 2 }, { .good = 2 }, { .good = 2, .other = 3 } }
	};
}

static void root_rots(struct medium *medium, struct belief *belief)
{
	(void)belief; /* nobody knows yet */
	bit_flip(medium, PART_ROOT_B, 1, 100);
	bit_flip(medium, PART_ROOT_B, 2, 7);
	bit_flip(medium, PART_ROOT_B, 3, 4000);
}

static void tree_rots(struct medium *medium, struct belief *belief)
{
	(void)belief; /* nobody knows yet */
	bit_flip(medium, PART_ROOT_B, 15, 33);
	bit_flip(medium, PART_ROOT_B, 16, 90);
	rubbish(medium, PART_BOOT_B, 0);
}

enum { A, B };

const struct scenario SCENARIOS[] = {
	{ .name = "boot",
	  .run = { { .kind = COMMAND_BOOT }, { .kind = COMMAND_HEALTHY } },
	  .goal = 1,
	  .depth = 2 },
	{ .name = "activate",
	  .before = { { COMMAND_STAGE, 2, 0, false } },
	  .run = { { COMMAND_ACTIVATE, 2, B, false } },
	  .again = { COMMAND_INSTALL, 2, 0, false },
	  .goal = 2,
	  .forced = true, /* three cuts can spend all tries */
	  .depth = 2 },
	{ .name = "trial and commit",
	  .before = { { COMMAND_INSTALL, 2, 0, false } },
	  .run = { { .kind = COMMAND_BOOT }, { .kind = COMMAND_HEALTHY } },
	  .again = { COMMAND_INSTALL, 2, 0, false },
	  .goal = 2,
	  .forced = true, /* three cuts can spend all tries */
	  .depth = 2 },
	{ .name = "three sick boots, and back",
	  .before = { { COMMAND_INSTALL, 2, 0, false } },
	  .run = { { .kind = COMMAND_BOOT },
		   { .kind = COMMAND_SICK },
		   { .kind = COMMAND_BOOT },
		   { .kind = COMMAND_SICK },
		   { .kind = COMMAND_BOOT },
		   { .kind = COMMAND_SICK },
		   { .kind = COMMAND_BOOT },
		   { .kind = COMMAND_HEALTHY } },
	  .goal = 1,
	  .sick = 2,
	  .depth = 2 },
	{ .name = "three boots that hang, and back",
	  .before = { { COMMAND_INSTALL, 2, 0, false } },
	  .run = { { .kind = COMMAND_BOOT },
		   { .kind = COMMAND_BOOT },
		   { .kind = COMMAND_BOOT },
		   { .kind = COMMAND_BOOT },
		   { .kind = COMMAND_HEALTHY } },
	  .goal = 1,
	  .sick = 2,
	  .depth = 2 },
	{ .name = "rollback",
	  .before = { { COMMAND_INSTALL, 2, 0, false },
		      { COMMAND_BOOT, 0, 0, false },
		      { COMMAND_HEALTHY, 0, 0, false } },
	  .run = { { COMMAND_ROLLBACK, 1, 0, false },
		   { .kind = COMMAND_BOOT },
		   { .kind = COMMAND_HEALTHY } },
	  .again = { COMMAND_ROLLBACK, 1, 0, false },
	  .goal = 1,
	  .depth = 2 },
	{ .name = "mark good",
	  .before = { { COMMAND_INSTALL, 2, 0, false }, { COMMAND_BOOT, 0, 0, false } },
	  .run = { { .kind = COMMAND_MARK_GOOD } },
	  .again = { COMMAND_INSTALL, 2, 0, false },
	  .goal = 2,
	  .forced = true, /* three cuts can spend all tries */
	  .depth = 2 },
	{ .name = "mark the other slot bad",
	  .before = { { COMMAND_INSTALL, 2, 0, false } },
	  .run = { { COMMAND_MARK_BAD, 2, B, false } },
	  .again = { COMMAND_MARK_BAD, 2, B, false },
	  .goal = 1,
	  .sick = 2,
	  .again_always = true,
	  .depth = 2 },
	{ .name = "a good release fails three times, and back",
	  .before = { { COMMAND_INSTALL, 2, 0, false },
		      { COMMAND_BOOT, 0, 0, false },
		      { COMMAND_HEALTHY, 0, 0, false } },
	  .run = { { .kind = COMMAND_BOOT },
		   { .kind = COMMAND_BOOT },
		   { .kind = COMMAND_BOOT },
		   { .kind = COMMAND_BOOT },
		   { .kind = COMMAND_HEALTHY } },
	  .goal = 1,
	  .sick = 2,
	  .depth = 2 },
	{ .name = "the last good release is not marked bad",
	  .run = { { .kind = COMMAND_MARK_BAD, .version = 1, .argument = A, .refused = true },
		   { .kind = COMMAND_BOOT } },
	  .goal = 1,
	  .depth = 2 },
	{ .name = "the fallback stays until the commit",
	  .before = { { COMMAND_INSTALL, 2, 0, false }, { COMMAND_BOOT, 0, 0, false } },
	  .run = { { .kind = COMMAND_INSTALL, .version = 3, .refused = true },
		   { .kind = COMMAND_BOOT },
		   { .kind = COMMAND_BOOT },
		   { .kind = COMMAND_BOOT } },
	  .goal = 1,
	  .sick = 2,
	  .depth = 2 },
	/* What was on trial before is all that is left when version 3 fails, too. An error of the
	 * disk that gives up the one would then leave nothing. */
	{ .name = "forced over the fallback, and a floor is requested",
	  .before = { { COMMAND_INSTALL, 2, 0, false },
		      { COMMAND_BOOT, 0, 0, false },
		      { COMMAND_BOOT, 0, 0, false },
		      { COMMAND_BOOT, 0, 0, false },
		      { COMMAND_FLOOR, 3, 0, false },
		      { COMMAND_INSTALL, 3, 0, false } },
	  .run = { { .kind = COMMAND_BOOT },
		   { .kind = COMMAND_SICK },
		   { .kind = COMMAND_BOOT },
		   { .kind = COMMAND_SICK },
		   { .kind = COMMAND_BOOT },
		   { .kind = COMMAND_SICK },
		   { .kind = COMMAND_BOOT },
		   { .kind = COMMAND_HEALTHY } },
	  .goal = 2,
	  .sick = 3,
	  .forced = true,
	  .cuts_only = true,
	  .depth = 2 },
	{ .name = "floor",
	  .before = { { COMMAND_INSTALL, 2, 0, false },
		      { COMMAND_BOOT, 0, 0, false },
		      { COMMAND_HEALTHY, 0, 0, false },
		      { COMMAND_INSTALL, 3, 0, false },
		      { COMMAND_BOOT, 0, 0, false },
		      { COMMAND_HEALTHY, 0, 0, false } },
	  .run = { { COMMAND_FLOOR, 3, 0, false },
		   { .kind = COMMAND_BOOT },
		   { .kind = COMMAND_HEALTHY },
		   { COMMAND_ROLLBACK, 2, 0, false },
		   { .kind = COMMAND_BOOT },
		   { .kind = COMMAND_HEALTHY } },
	  .again = { COMMAND_ROLLBACK, 2, 0, false },
	  .goal = 2,
	  .depth = 2 },
	{ .name = "one copy of the record rotten, the first",
	  .before = { { COMMAND_INSTALL, 2, 0, false } },
	  .damage = first_copy_rots,
	  .run = { { .kind = COMMAND_BOOT }, { .kind = COMMAND_HEALTHY } },
	  .again = { COMMAND_INSTALL, 2, 0, false },
	  .goal = 2,
	  .rotten = true,
	  .depth = 2 },
	{ .name = "one copy of the record rotten, the second",
	  .before = { { COMMAND_INSTALL, 2, 0, false } },
	  .damage = second_copy_rots,
	  .run = { { .kind = COMMAND_BOOT }, { .kind = COMMAND_HEALTHY } },
	  .again = { COMMAND_INSTALL, 2, 0, false },
	  .goal = 2,
	  .rotten = true,
	  .depth = 2 },
	{ .name = "both copies of the record rotten",
	  .before = { { COMMAND_STAGE, 2, 0, false } },
	  .damage = both_copies_rot,
	  .run = { { .kind = COMMAND_BOOT }, { .kind = COMMAND_HEALTHY } },
	  .again = { COMMAND_ACTIVATE, 2, B, false },
	  .goal = 2,
	  .depth = 2 },
	{ .name = "both copies of the record rotten, and a header",
	  .before = { { COMMAND_STAGE, 2, 0, false } },
	  .damage = record_and_header_rot,
	  .run = { { .kind = COMMAND_BOOT }, { .kind = COMMAND_HEALTHY } },
	  .goal = 1,
	  .depth = 2 },
	{ .name = "a staged release whose header rots is not activated",
	  .before = { { COMMAND_STAGE, 2, 0, false } },
	  .damage = header_rots,
	  .run = { { COMMAND_ACTIVATE, 2, B, true }, { .kind = COMMAND_BOOT } },
	  .goal = 1,
	  .rotten = true,
	  .depth = 2 },
	{ .name = "install",
	  .run = { { COMMAND_INSTALL, 2, 0, false } },
	  .again = { COMMAND_INSTALL, 2, 0, false },
	  .goal = 2,
	  .depth = 1,
	  .sample = 400 },
	{ .name = "install a delta over an old release",
	  .before = { { COMMAND_INSTALL, 2, 0, false },
		      { COMMAND_BOOT, 0, 0, false },
		      { COMMAND_HEALTHY, 0, 0, false } },
	  .run = { { COMMAND_DELTA, 3, 2, false } },
	  .again = { COMMAND_DELTA, 3, 2, false },
	  .goal = 3,
	  .depth = 1,
	  .sample = 400 },
	{ .name = "install over an old release",
	  .before = { { COMMAND_INSTALL, 2, 0, false },
		      { COMMAND_BOOT, 0, 0, false },
		      { COMMAND_HEALTHY, 0, 0, false } },
	  .run = { { COMMAND_INSTALL, 3, 0, false } },
	  .again = { COMMAND_INSTALL, 3, 0, false },
	  .goal = 3,
	  .depth = 1,
	  .sample = 400 },
	{ .name = "install over a staged one",
	  .before = { { COMMAND_STAGE, 3, 0, false } },
	  .run = { { COMMAND_INSTALL, 2, 0, false } },
	  .again = { COMMAND_INSTALL, 2, 0, false },
	  .goal = 2,
	  .depth = 1,
	  .sample = 400 },
	{ .name = "forced install over the fallback",
	  .before = { { COMMAND_INSTALL, 2, 0, false },
		      { COMMAND_BOOT, 0, 0, false },
		      { COMMAND_BOOT, 0, 0, false },
		      { COMMAND_BOOT, 0, 0, false } },
	  .run = { { COMMAND_INSTALL, 3, 0, false } },
	  .again = { COMMAND_INSTALL, 3, 0, false },
	  .goal = 3,
	  .forced = true,
	  .depth = 1,
	  .sample = 400 },
	/* Version 1 is below the floor of 2 that these make; version 3 stays. */
	{ .name = "a release below the floor",
	  .before = { { COMMAND_INSTALL, 2, 0, false },
		      { COMMAND_BOOT, 0, 0, false },
		      { COMMAND_HEALTHY, 0, 0, false },
		      { COMMAND_INSTALL, 3, 0, false },
		      { COMMAND_BOOT, 0, 0, false },
		      { COMMAND_HEALTHY, 0, 0, false },
		      { COMMAND_FLOOR, 3, 0, false },
		      { COMMAND_BOOT, 0, 0, false },
		      { COMMAND_HEALTHY, 0, 0, false },
		      { COMMAND_RESTORE, 1, 0, false } },
	  .run = { { .kind = COMMAND_BOOT }, { .kind = COMMAND_HEALTHY } },
	  .goal = 3,
	  .depth = 2 },
	{ .name = "an install below the floor is refused",
	  .before = { { COMMAND_INSTALL, 2, 0, false },
		      { COMMAND_BOOT, 0, 0, false },
		      { COMMAND_HEALTHY, 0, 0, false },
		      { COMMAND_INSTALL, 3, 0, false },
		      { COMMAND_BOOT, 0, 0, false },
		      { COMMAND_HEALTHY, 0, 0, false },
		      { COMMAND_BOOT, 0, 0, false },
		      { COMMAND_HEALTHY, 0, 0, false } },
	  .run = { { COMMAND_STAGE, 1, 0, true },
		   { .kind = COMMAND_BOOT },
		   { .kind = COMMAND_HEALTHY } },
	  .again = { COMMAND_ROLLBACK, 3, 0, false },
	  .goal = 3,
	  .depth = 1 },
	{ .name = "what is staged below the floor is not activated",
	  .before = { { COMMAND_INSTALL, 2, 0, false },
		      { COMMAND_BOOT, 0, 0, false },
		      { COMMAND_HEALTHY, 0, 0, false },
		      { COMMAND_INSTALL, 3, 0, false },
		      { COMMAND_BOOT, 0, 0, false },
		      { COMMAND_HEALTHY, 0, 0, false },
		      { COMMAND_BOOT, 0, 0, false },
		      { COMMAND_HEALTHY, 0, 0, false },
		      { COMMAND_RESTORE, 1, 1, false } },
	  .run = { { COMMAND_ACTIVATE, 1, B, true },
		   { .kind = COMMAND_BOOT },
		   { .kind = COMMAND_HEALTHY } },
	  .goal = 3,
	  .depth = 2 },
	/* However often it fails from then on, version 1 never comes back. */
	{ .name = "a release that revokes the one before",
	  .before = { { COMMAND_INSTALL, 4, 0, false }, { COMMAND_BOOT, 0, 0, false } },
	  .run = { { .kind = COMMAND_HEALTHY },
		   { .kind = COMMAND_BOOT },
		   { .kind = COMMAND_SICK },
		   { .kind = COMMAND_BOOT },
		   { .kind = COMMAND_SICK },
		   { .kind = COMMAND_BOOT },
		   { .kind = COMMAND_SICK },
		   { .kind = COMMAND_BOOT },
		   { .kind = COMMAND_HEALTHY } },
	  .goal = 4,
	  .cuts_only = true, /* of a record that cannot be read just then, the older copy counts */
	  .depth = 2 },
	{ .name = "the commit of a release that revokes",
	  .before = { { COMMAND_INSTALL, 4, 0, false }, { COMMAND_BOOT, 0, 0, false } },
	  .run = { { .kind = COMMAND_HEALTHY } },
	  .again = { COMMAND_INSTALL, 4, 0, false },
	  .goal = 4,
	  .forced = true, /* three cuts can spend all tries */
	  .depth = 2 },
	{ .name = "a release that revoked the one before",
	  .before = { { COMMAND_INSTALL, 4, 0, false },
		      { COMMAND_BOOT, 0, 0, false },
		      { COMMAND_HEALTHY, 0, 0, false },
		      { COMMAND_BOOT, 0, 0, false } },
	  .run = { { .kind = COMMAND_SICK },
		   { .kind = COMMAND_BOOT },
		   { .kind = COMMAND_SICK },
		   { .kind = COMMAND_BOOT },
		   { .kind = COMMAND_SICK },
		   { .kind = COMMAND_BOOT },
		   { .kind = COMMAND_HEALTHY } },
	  .goal = 4,
	  .depth = 2 },
	{ .name = "install, and the record is lost with the power",
	  .before = { { COMMAND_INSTALL, 2, 0, false },
		      { COMMAND_BOOT, 0, 0, false },
		      { COMMAND_HEALTHY, 0, 0, false } },
	  .run = { { COMMAND_INSTALL, 3, 0, false } },
	  .damage_after = record_is_lost,
	  .again = { COMMAND_INSTALL, 3, 0, false },
	  .goal = 3,
	  .forced = true,
	  .depth = 1,
	  .sample = 400 },
	{ .name = "install, and the newer copy of the record is lost with the power",
	  .before = { { COMMAND_INSTALL, 2, 0, false },
		      { COMMAND_BOOT, 0, 0, false },
		      { COMMAND_HEALTHY, 0, 0, false },
		      { COMMAND_ROLLBACK, 1, 0, false } },
	  .run = { { COMMAND_STAGE, 3, 0, false } },
	  .damage_after = newer_copy_rots,
	  .again = { COMMAND_INSTALL, 2, 0, false },
	  .goal = 2,
	  .rotten = true,
	  .depth = 1,
	  .sample = 100 },
	{ .name = "install again what has rotted",
	  .before = { { COMMAND_STAGE, 2, 0, false } },
	  .damage = root_rots,
	  .run = { { COMMAND_INSTALL, 2, 0, false } },
	  .again = { COMMAND_INSTALL, 2, 0, false },
	  .goal = 2,
	  .rotten = true,
	  .rotten_image = true,
	  .depth = 1,
	  .sample = 100 },
	{ .name = "repair data",
	  .before = { { COMMAND_INSTALL, 2, 0, false },
		      { COMMAND_BOOT, 0, 0, false },
		      { COMMAND_HEALTHY, 0, 0, false },
		      { COMMAND_ROLLBACK, 1, 0, false },
		      { COMMAND_BOOT, 0, 0, false },
		      { COMMAND_HEALTHY, 0, 0, false } },
	  .damage = root_rots,
	  .run = { { COMMAND_REPAIR, 2, B, false } },
	  .again = { COMMAND_REPAIR, 2, B, false },
	  .goal = 1,
	  .again_always = true,
	  .rotten = true,
	  .rotten_image = true,
	  .depth = 1 },
	{ .name = "repair tree and header",
	  .before = { { COMMAND_INSTALL, 2, 0, false },
		      { COMMAND_BOOT, 0, 0, false },
		      { COMMAND_HEALTHY, 0, 0, false },
		      { COMMAND_ROLLBACK, 1, 0, false },
		      { COMMAND_BOOT, 0, 0, false },
		      { COMMAND_HEALTHY, 0, 0, false } },
	  .damage = tree_rots,
	  .run = { { COMMAND_REPAIR, 2, B, false } },
	  .again = { COMMAND_REPAIR, 2, B, false },
	  .goal = 1,
	  .again_always = true,
	  .rotten = true,
	  .depth = 1 },
};
const unsigned SCENARIO_COUNT = G_N_ELEMENTS(SCENARIOS);
