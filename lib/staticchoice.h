/* SPDX-License-Identifier: MIT */
#pragma once
/* What of a static delta is worth its bytes: a pure function of what is needed. */

#include <glib.h>
#include <stdint.h>

#include "staticbase.h"
#include "staticdelta.h"

struct staticchoice {
	guint parts;            /* that are to be fetched */
	guint objects;          /* that they make, of those that are needed */
	uint64_t part_bytes;    /* of those parts */
	uint64_t object_bytes;  /* of those objects, as the server has them */
	uint64_t content_bytes; /* what the parts make, at most */
};

enum { STATICCHOICE_NEEDED = 1, STATICCHOICE_MADE = 2 }; /* of an object */

/* A part is worth it if it has fewer bytes than those of its objects that are needed, and is not
 * larger than machines take; with what all of them make, room_bytes are not exceeded.
 * needed: of each object of the delta, STATICCHOICE_NEEDED or 0; of those that a chosen part will
 * make it becomes STATICCHOICE_MADE. base->stored has an entry for each. */
struct staticchoice staticchoice_make(const struct staticdelta *delta,
				      const struct staticbase *base, uint64_t room_bytes,
				      uint8_t *needed);
