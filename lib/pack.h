/* SPDX-License-Identifier: MIT */
#pragma once
/* Packs: byte streams inside a delta, each stored in whichever way is smallest: as it is, with
 * zstd, or with raw LZMA. What is read is hostile: no read takes more memory than the window of
 * 8 MiB, or gives more bytes than were asked for. */

#include <glib.h>
#include <stdint.h>

#include "varint.h"

enum { PACK_MEMORY = 8 << 20 }; /* bytes that reading takes, about */
enum pack_kind { PACK_STORED, PACK_ZSTD, PACK_LZMA, PACK_KIND_COUNT };

/* Appends: raw size, and unless that is 0: kind, stored size, for LZMA its model byte, bytes. */
void pack_append(GByteArray *to, const uint8_t *bytes, size_t size_bytes);
/* The same for a device that fetches `line_kb` thousands of bytes per second, at least 1: LZMA only
 * where to fetch what it saves takes longer than to unpack it. */
void pack_append_line(GByteArray *to, const uint8_t *bytes, size_t size_bytes, uint32_t line_kb);

/* One pack in a larger buffer; borrows it. */
struct pack_stream {
	const uint8_t *bytes;
	size_t stored_size;
	size_t size_bytes; /* unpacked */
	enum pack_kind kind;
	uint8_t model; /* of LZMA */
};

/* Takes the next pack out of the reader; FALSE (and the reader fails) if it is not whole, or has
 * more than `size_max` bytes unpacked. */
gboolean pack_take(struct varint_reader *reader, size_t size_max, struct pack_stream *ret_stream);

struct pack_reader;
typedef struct pack_reader PackReader; /* for g_autoptr() only */

/* NULL if the stream cannot be read at all. */
struct pack_reader *pack_reader_new(const struct pack_stream *stream);
void pack_reader_free(struct pack_reader *reader);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(PackReader, pack_reader_free)
/* Exactly that many bytes more; FALSE where the stream is damaged or ends early. */
gboolean pack_reader_read(struct pack_reader *reader, uint8_t *ret_bytes, size_t size_bytes);

/* The whole stream; NULL if it is damaged. An empty one gives an array of no bytes. */
GByteArray *pack_unpack(const struct pack_stream *stream);
