/* SPDX-License-Identifier: MIT */
#pragma once
/* Objects that were made before they are read: in a file without a name, which is gone with
 * whoever has it open. */

#include <glib.h>
#include <stddef.h>
#include <stdint.h>

struct staticspool;
typedef struct staticspool Staticspool; /* for g_autoptr() only */

/* How many bytes it should come to: half of what is free in the folder, up to 64 GiB. */
uint64_t staticspool_room(const char *folder);

/* For objects of these numbers, 0 to count - 1, of room_bytes in all. FAULT_STATICDELTA_ROOM here
 * and below. */
struct staticspool *staticspool_new(const char *folder, guint count, uint64_t room_bytes,
				    GError **error);
void staticspool_free(struct staticspool *spool); /* NULL is fine */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Staticspool, staticspool_free)

/* Each object once. */
gboolean staticspool_put(struct staticspool *spool, guint object, const uint8_t *bytes,
			 size_t size_bytes, GError **error);
gboolean staticspool_has(const struct staticspool *spool, guint object); /* NULL has nothing */
GBytes *staticspool_get(const struct staticspool *spool, guint object, GError **error);
