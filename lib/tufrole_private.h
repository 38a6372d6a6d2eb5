/* SPDX-License-Identifier: MIT */
#pragma once
/* What tufrole.c and tufrole_parts.c have in common. */

#include "tufrole.h"

/* Where a field is read from, for messages. */
struct tufreader {
	const char *role;
	GError **error;
};

/* Always FALSE, with FAULT_TUF_FIELD: "ROLE: FIELD PROBLEM". */
gboolean tufreader_fail(const struct tufreader *reader, const char *field, const char *problem);
/* NULL and a fault where it is none, or has more than `max` members. */
json_t *tufreader_object(const struct tufreader *reader, json_t *object, const char *field,
			 size_t max);
json_t *tufreader_array(const struct tufreader *reader, json_t *object, const char *field,
			size_t max);
/* Borrowed; 1 to `max` bytes. */
const char *tufreader_text(const struct tufreader *reader, json_t *object, const char *field,
			   size_t max);
gboolean tufreader_number(const struct tufreader *reader, json_t *object, const char *field,
			  uint64_t *ret_number);

/* What only a root, a timestamp or snapshot, or a targets role has. */
gboolean tufrole_root_take(struct tufrole *role, const struct tufreader *reader, json_t *body);
gboolean tufrole_meta_take(struct tufrole *role, const struct tufreader *reader, json_t *body);
gboolean tufrole_targets_take(struct tufrole *role, const struct tufreader *reader, json_t *body);

void tufgrant_clear(struct tufgrant *grant);
