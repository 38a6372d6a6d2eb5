/* SPDX-License-Identifier: MIT */
/* The idea is that of Percival's "Naive differences of executable code" (2003): exact matches are
 * only anchors; around each one the contents are laid side by side as long as more bytes agree
 * than not, since code that moved differs just where it holds addresses. */
#include "deltamatch.h"

#include "suffix.h"

enum {
	GAIN_MIN = 8, /* so many bytes more must a new anchor match than the present alignment */
};

/* Lays new_at over old_at. */
struct anchor {
	size_t new_at, old_at;
};

struct search {
	struct deltamatch_content old_content, new_content;
	GArray *matches;
	struct anchor last;
	size_t done; /* new bytes described so far */
};

/* How many bytes agree if the alignment of the last anchor goes on. */
static size_t agreeing(const struct search *search, size_t new_at, size_t size_bytes)
{
	size_t count = 0;

	for (size_t i = new_at; i < new_at + size_bytes; i++) {
		const size_t old_at = search->last.old_at + (i - search->last.new_at);

		if (old_at >= search->old_content.size_bytes)
			break;
		count += search->old_content.bytes[old_at] == search->new_content.bytes[i];
	}
	return count;
}

/* How far to go on from the last anchor, up to `end`: where agreeing bytes most exceed others. */
static size_t reach_forward(const struct search *search, size_t end)
{
	const uint8_t *old_bytes = search->old_content.bytes + search->last.old_at;
	const uint8_t *new_bytes = search->new_content.bytes + search->last.new_at;
	const size_t most = MIN(end - search->last.new_at,
				search->old_content.size_bytes - search->last.old_at);
	ptrdiff_t score = 0, best_score = 0;
	size_t best = 0;

	for (size_t i = 0; i < most; i++) {
		score += old_bytes[i] == new_bytes[i] ? 1 : -1;
		if (score > best_score) {
			best_score = score;
			best = i + 1;
		}
	}
	return best;
}

/* The same, backward from an anchor that is new, down to `start`. */
static size_t reach_backward(const struct search *search, struct anchor anchor, size_t start)
{
	const uint8_t *old_bytes = search->old_content.bytes + anchor.old_at;
	const uint8_t *new_bytes = search->new_content.bytes + anchor.new_at;
	const size_t most = MIN(anchor.new_at - start, anchor.old_at);
	ptrdiff_t score = 0, best_score = 0;
	size_t best = 0;

	for (size_t i = 1; i <= most; i++) {
		score += old_bytes[-(ptrdiff_t)i] == new_bytes[-(ptrdiff_t)i] ? 1 : -1;
		if (score > best_score) {
			best_score = score;
			best = i;
		}
	}
	return best;
}

/* Both alignments claim `size_bytes` from new_at on: how many of these the last one shall have. */
static size_t overlap_split(const struct search *search, struct anchor anchor, size_t new_at,
			    size_t size_bytes)
{
	ptrdiff_t score = 0, best_score = 0;
	size_t best = 0;

	for (size_t i = 0; i < size_bytes; i++) {
		const uint8_t byte = search->new_content.bytes[new_at + i];
		const size_t last_at = search->last.old_at + (new_at + i - search->last.new_at);
		const size_t next_at = anchor.old_at - (anchor.new_at - new_at - i);

		score += search->old_content.bytes[last_at] == byte;
		score -= search->old_content.bytes[next_at] == byte;
		if (score > best_score) {
			best_score = score;
			best = i + 1;
		}
	}
	return best;
}

/* Describes all from the last anchor up to the next one, which starts at `next.new_at`. */
static void gap_close(struct search *search, struct anchor next, gboolean is_end)
{
	const size_t forward = reach_forward(search, next.new_at);
	size_t backward = is_end ? 0 : reach_backward(search, next, search->done);
	struct deltamatch match = { .old_at = search->last.old_at, .add = forward };

	if (search->last.new_at + forward + backward > next.new_at) {
		const size_t from = next.new_at - backward;
		const size_t size = search->last.new_at + forward - from;
		const size_t kept = overlap_split(search, next, from, size);

		match.add -= size - kept;
		backward -= kept;
	}
	match.extra = next.new_at - backward - search->last.new_at - match.add;
	if (match.add + match.extra > 0)
		g_array_append_val(search->matches, match);
	search->last = (struct anchor){ next.new_at - backward, next.old_at - backward };
	search->done = search->last.new_at;
}

void deltamatch_find(const struct deltamatch_content *old_content,
		     const struct deltamatch_content *new_content, GArray *matches)
{
	g_autoptr(Suffix) suffix = suffix_new(old_content->bytes, old_content->size_bytes);
	struct search search = { *old_content, *new_content, matches, { 0, 0 }, 0 };
	struct anchor end = { new_content->size_bytes, 0 };

	for (size_t at = 0; at < new_content->size_bytes;) {
		size_t old_at = 0;
		const size_t size = suffix_find(suffix, new_content->bytes + at,
						new_content->size_bytes - at, &old_at);
		const size_t present = agreeing(&search, at, size);

		/* As good as that: the present alignment goes on, and nothing needs a look. */
		if (present + GAIN_MIN >= size && present > size / 2 && size >= GAIN_MIN) {
			at += size;
			continue;
		}
		if (size < GAIN_MIN || present + GAIN_MIN >= size) {
			at++;
			continue;
		}
		gap_close(&search, (struct anchor){ at, old_at }, FALSE);
		at += size;
	}
	gap_close(&search, end, TRUE);
}
