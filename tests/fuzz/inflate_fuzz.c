/* SPDX-License-Identifier: MIT */
/* Deflate streams: the two ways of reading them agree, and zlib reads the same. */
#include "inflate.h"

#include <string.h>
#include <zlib.h>

#include "fuzz.h"

static void both_agree(const uint8_t *bytes, size_t size_bytes, const GByteArray *raw)
{
	g_autofree uint8_t *expanded = g_malloc(raw->len + 1);

	if (inflate_expand(bytes, size_bytes, expanded, raw->len) != NULL ||
	    (raw->len > 0 && memcmp(expanded, raw->data, raw->len) != 0))
		__builtin_trap();
	if (inflate_expand(bytes, size_bytes, expanded, raw->len + 1) == NULL)
		__builtin_trap();
}

/* The tokens make up the content. */
static void tokens_add_up(const struct inflate_parts *parts)
{
	size_t size_bytes = 0;

	for (guint i = 0; i < parts->tokens->len; i++)
		size_bytes += deflate_size(g_array_index(parts->tokens, uint32_t, i));
	for (guint i = 0; i < parts->blocks->len; i++) {
		const struct inflate_block *block = &g_array_index(parts->blocks,
								   struct inflate_block, i);

		if (block->type == DEFLATE_STORED)
			size_bytes += block->size_bytes;
	}
	if (size_bytes != parts->raw->len)
		__builtin_trap();
}

enum { WINDOW_BITS = 15, ZLIB_ROOM = 1 << 20 };

struct zlib_answer {
	uint8_t *raw; /* of ZLIB_ROOM bytes */
	size_t size_bytes;
	size_t used;
	const char *why; /* it refuses the stream; NULL: it wants more of it, or has no room */
};

/* FALSE: zlib does not take it. */
static gboolean zlib_read(const uint8_t *bytes, size_t size_bytes, struct zlib_answer *answer)
{
	z_stream stream = { .next_in = (uint8_t *)(uintptr_t)bytes,
			    .avail_in = (uInt)size_bytes,
			    .next_out = answer->raw,
			    .avail_out = ZLIB_ROOM };
	int status;

	if (inflateInit2(&stream, -WINDOW_BITS) != Z_OK)
		fuzz_broken("zlib", __FILE__, __LINE__);
	status = inflate(&stream, Z_FINISH);
	answer->size_bytes = stream.total_out;
	answer->used = stream.total_in;
	answer->why = stream.msg;
	inflateEnd(&stream);
	return status == Z_STREAM_END;
}

/* zlib refuses codes that leave something out, ours reads on until it meets that. Padding that is
 * not zero could not be written again; zlib does not look at it. */
static void zlib_agrees(const uint8_t *bytes, size_t size_bytes, const char *why,
			const GByteArray *raw, size_t used)
{
	g_autofree uint8_t *room = g_malloc(ZLIB_ROOM);
	struct zlib_answer other = { .raw = room };

	if (!zlib_read(bytes, size_bytes, &other)) {
		promise(why != NULL || raw->len > ZLIB_ROOM ||
			(other.why != NULL && (g_str_has_suffix(other.why, " set") ||
					       strstr(other.why, "missing") != NULL)));
		return;
	}
	if (why != NULL) {
		promise(strstr(why, "padding") != NULL);
		return;
	}
	promise(other.size_bytes == raw->len && other.used == used);
	promise(raw->len == 0 || memcmp(room, raw->data, raw->len) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size_bytes)
{
	g_autoptr(GByteArray) raw = g_byte_array_new();
	g_autoptr(GArray) tokens = g_array_new(FALSE, FALSE, sizeof(uint32_t));
	g_autoptr(GArray) blocks = g_array_new(FALSE, FALSE, sizeof(struct inflate_block));
	struct inflate_parts parts = { raw, tokens, blocks };
	uint8_t few[100];
	size_t used = 0;
	const char *why;

	(void)inflate_expand(bytes, size_bytes, few, sizeof few); /* only crashes count */
	why = inflate_parse(bytes, size_bytes, &parts, &used);
	zlib_agrees(bytes, size_bytes, why, raw, used);
	if (why != NULL)
		return 0;
	if (used > size_bytes)
		__builtin_trap();
	tokens_add_up(&parts);
	both_agree(bytes, size_bytes, raw);
	return 0;
}

size_t fuzz_seed(unsigned number, uint8_t *ret_bytes, size_t room)
{
	/* A fixed block, "abcabcabc"; a stored one, "ab", and an empty fixed one; a dynamic one. */
	static const uint8_t FIXED[] = { 0x4b, 0x4c, 0x4a, 0x4e, 0x04, 0x23, 0x00 };
	static const uint8_t STORED[] = { 0x00, 0x02, 0x00, 0xfd, 0xff, 'a', 'b', 0x03, 0x00 };
	static const uint8_t DYNAMIC[] = { 0xed, 0xd0, 0x31, 0x01, 0x00, 0x00, 0x08, 0xc3,
					   0xb0, 0x59, 0x05, 0xff, 0x22, 0xb0, 0xb0, 0x93,
					   0x23, 0xa9, 0x83, 0x26, 0x00, 0x00, 0xc0, 0x77,
					   0xb3, 0x5d, 0x4e, 0xf5, 0x0e };
	static const struct {
		const uint8_t *bytes;
		size_t size_bytes;
	} SEEDS[] = { { FIXED, sizeof FIXED },
		      { STORED, sizeof STORED },
		      { DYNAMIC, sizeof DYNAMIC } };

	if (number >= G_N_ELEMENTS(SEEDS) || room < SEEDS[number].size_bytes)
		return 0;
	memcpy(ret_bytes, SEEDS[number].bytes, SEEDS[number].size_bytes);
	return SEEDS[number].size_bytes;
}
