/* SPDX-License-Identifier: MIT */
#include "fakedisk.h"

#include <string.h>

#include "failure.h"

static struct log log_now;
static struct medium view;
static struct medium durable;
static struct ill_plan plan;
static unsigned long operations;
static bool was_ill;
static bool was_ill_reading;
static bool frozen;

static void log_clear(void)
{
	if (log_now.ops == NULL) {
		log_now.ops = g_array_new(FALSE, FALSE, sizeof(struct op));
		log_now.pieces = g_array_new(FALSE, FALSE, sizeof(struct piece));
		log_now.notes = g_array_new(FALSE, FALSE, sizeof(struct belief));
	}
	g_array_set_size(log_now.ops, 0);
	g_array_set_size(log_now.pieces, 0);
	g_array_set_size(log_now.notes, 0);
}

void fakedisk_start(const struct medium *medium, const struct belief *belief)
{
	log_clear();
	log_now.start = view = durable = *medium;
	g_array_append_vals(log_now.notes, belief, 1);
	fakedisk_plan(NULL);
	operations = 0;
	frozen = false;
}

void fakedisk_plan(const struct ill_plan *wanted)
{
	plan = wanted != NULL ? *wanted : (struct ill_plan){ .ill = ILL_NONE };
	was_ill = was_ill_reading = false;
}

void fakedisk_freeze(bool wanted)
{
	frozen = wanted;
}

void fakedisk_settle(void)
{
	durable = view;
}

const struct log *fakedisk_log(void)
{
	return &log_now;
}

const struct medium *fakedisk_view(void)
{
	return &view;
}

const struct medium *fakedisk_durable(void)
{
	return &durable;
}

unsigned long fakedisk_operations(void)
{
	return operations;
}

bool fakedisk_was_ill(void)
{
	return was_ill;
}

bool fakedisk_was_ill_reading(void)
{
	return was_ill_reading;
}

const struct belief *fakedisk_belief(void)
{
	return &g_array_index(log_now.notes, struct belief, log_now.notes->len - 1);
}

static void op_append(struct op op)
{
	op.note = log_now.notes->len - 1;
	g_array_append_val(log_now.ops, op);
}

void fakedisk_note(const struct belief *belief)
{
	g_array_append_vals(log_now.notes, belief, 1);
	op_append((struct op){ .kind = OP_NOTE });
}

uint64_t fakedisk_size(enum part part)
{
	return (uint64_t)medium_span(part).count * MEDIUM_BLOCK;
}

/* What becomes of this operation. */
static enum ill ill_now(void)
{
	const unsigned long number = operations++;

	if (frozen)
		return ILL_NOTHING;
	if (plan.ill == ILL_NONE || number < plan.at ||
	    (number > plan.at && !plan.sticky && plan.ill != ILL_KILL))
		return ILL_NONE;
	was_ill = true;
	return plan.ill == ILL_KILL ? ILL_NOTHING : plan.ill;
}

static void view_read(enum part part, uint64_t offset, uint8_t *bytes, size_t size_bytes)
{
	const unsigned first = medium_span(part).first;

	while (size_bytes > 0) {
		const size_t inside = (size_t)(offset % MEDIUM_BLOCK);
		const size_t size = MIN(size_bytes, MEDIUM_BLOCK - inside);

		memcpy(bytes, medium_bytes(view.ids[first + offset / MEDIUM_BLOCK]) + inside, size);
		offset += size;
		bytes += size;
		size_bytes -= size;
	}
}

/* The grains of whole sectors that a range inside of a block touches. */
static uint64_t sector_mask(size_t inside, size_t size_bytes)
{
	enum { SECTOR = MEDIUM_GRAIN * MEDIUM_SECTOR_GRAINS };
	uint64_t mask = 0;

	for (size_t sector = inside / SECTOR; sector * SECTOR < inside + size_bytes; sector++)
		mask |= (uint64_t)0xff << sector * MEDIUM_SECTOR_GRAINS;
	return mask;
}

static void view_write(enum part part, uint64_t offset, const uint8_t *bytes, size_t size_bytes)
{
	const unsigned first = medium_span(part).first;
	struct op op = { .kind = OP_WRITE, .part = part, .first_piece = log_now.pieces->len };

	while (size_bytes > 0) {
		const size_t inside = (size_t)(offset % MEDIUM_BLOCK);
		const size_t size = MIN(size_bytes, MEDIUM_BLOCK - inside);
		struct piece piece = { .mask = sector_mask(inside, size),
				       .block = (uint16_t)(first + offset / MEDIUM_BLOCK) };
		uint8_t block[MEDIUM_BLOCK];

		memcpy(block, medium_bytes(view.ids[piece.block]), MEDIUM_BLOCK);
		memcpy(block + inside, bytes, size);
		piece.id = view.ids[piece.block] = medium_intern(block);
		g_array_append_val(log_now.pieces, piece);
		offset += size;
		bytes += size;
		size_bytes -= size;
	}
	op.piece_count = log_now.pieces->len - op.first_piece;
	op_append(op);
}

static void write_flipped(enum part part, uint64_t offset, const uint8_t *bytes, size_t size_bytes)
{
	g_autofree uint8_t *other = g_memdup2(bytes, size_bytes);

	other[size_bytes / 2] ^= 0x10;
	view_write(part, offset, other, size_bytes);
}

bool fakedisk_read(enum part part, uint64_t offset, uint8_t *bytes, size_t size_bytes)
{
	const enum ill ill = ill_now();

	was_ill_reading |= ill != ILL_NONE && !frozen && part == PART_STATE;
	switch (ill) {
	case ILL_NOTHING:
	case ILL_PART:
	case ILL_ALL:
		return false;
	case ILL_FLIP:
		view_read(part, offset, bytes, size_bytes);
		bytes[size_bytes / 2] ^= 0x20; /* another bit than in a write, or it came back */
		return true;
	case ILL_NONE:
	case ILL_DROP:
	case ILL_LOSE:
	case ILL_KILL:
	case ILL_COUNT:
		break;
	}
	view_read(part, offset, bytes, size_bytes);
	return true;
}

bool fakedisk_write(enum part part, uint64_t offset, const uint8_t *bytes, size_t size_bytes)
{
	switch (ill_now()) {
	case ILL_NOTHING:
		return false;
	case ILL_PART:
		view_write(part, offset, bytes, MAX(size_bytes / 2, 1));
		return false;
	case ILL_ALL:
		view_write(part, offset, bytes, size_bytes);
		return false;
	case ILL_LOSE:
		return true;
	case ILL_FLIP:
		write_flipped(part, offset, bytes, size_bytes);
		return true;
	case ILL_NONE:
	case ILL_DROP:
	case ILL_KILL:
	case ILL_COUNT:
		break;
	}
	view_write(part, offset, bytes, size_bytes);
	return true;
}

static void part_copy(struct medium *to, const struct medium *from, enum part part)
{
	const struct medium_span span = medium_span(part);

	memcpy(to->ids + span.first, from->ids + span.first, span.count * sizeof to->ids[0]);
}

bool fakedisk_flush(enum part part)
{
	switch (ill_now()) {
	case ILL_NOTHING:
	case ILL_PART:
		return false;
	case ILL_DROP:
		part_copy(&view, &durable, part);
		return false;
	case ILL_ALL:
		part_copy(&durable, &view, part);
		op_append((struct op){ .kind = OP_FLUSH, .part = part });
		return false;
	case ILL_NONE:
	case ILL_LOSE: /* nobody could tell, and nothing helps */
	case ILL_FLIP:
	case ILL_KILL:
	case ILL_COUNT:
		break;
	}
	part_copy(&durable, &view, part);
	op_append((struct op){ .kind = OP_FLUSH, .part = part });
	return true;
}

/* The same as a struct disk. */

struct face {
	struct disk disk;
	enum part part;
};

static gboolean face_read(struct disk *disk, uint64_t offset, uint8_t *bytes, size_t size_bytes,
			  GError **error)
{
	return fakedisk_read(((struct face *)disk)->part, offset, bytes, size_bytes) ||
	       failure_set(error, FAULT_DISK_READ, "%s: cannot be read", disk->name);
}

static gboolean face_write(struct disk *disk, uint64_t offset, const uint8_t *bytes,
			   size_t size_bytes, GError **error)
{
	return fakedisk_write(((struct face *)disk)->part, offset, bytes, size_bytes) ||
	       failure_set(error, FAULT_DISK_WRITE, "%s: cannot be written", disk->name);
}

static gboolean face_flush(struct disk *disk, GError **error)
{
	return fakedisk_flush(((struct face *)disk)->part) ||
	       failure_set(error, FAULT_DISK_FLUSH, "%s: cannot be flushed", disk->name);
}

/* Nobody needs them: what they hold may be anything. */
static void face_discard(struct disk *disk, uint64_t offset, uint64_t size_bytes)
{
	uint8_t rubbish[MEDIUM_BLOCK];

	memset(rubbish, 0xdb, sizeof rubbish);
	for (uint64_t done = 0; done < size_bytes; done += MEDIUM_BLOCK)
		(void)fakedisk_write(((struct face *)disk)->part, offset + done, rubbish,
				     sizeof rubbish); /* a hint cannot fail */
}

static void face_close(struct disk *disk)
{
	g_free(disk);
}

static char *const NAMES[PART_COUNT] = { "azstate", "boot_a", "boot_b", "root_a", "root_b" };

struct disk *fakedisk_open(enum part part)
{
	static const struct disk_ops OPS = {
		.read = face_read,
		.write = face_write,
		.flush = face_flush,
		.read_medium = face_read,
		.discard = face_discard,
		.close = face_close,
	};
	struct face *face = g_new0(struct face, 1);

	face->disk.ops = &OPS;
	face->disk.size_bytes = fakedisk_size(part);
	face->disk.name = NAMES[part];
	face->part = part;
	return &face->disk;
}
