/* SPDX-License-Identifier: MIT */
#pragma once
/* Plans: what one delta frame has to do to make its blocks. */

#include "deltaencode.h"
#include "deltaform.h"

/* All that is known of the two images. */
struct deltaplan_images {
	const struct deltacontent *base;
	const struct deltacontent *new_content;
	const GArray *pairs; /* struct deltapair */
	const struct deltaform *form;
};

/* With `plain_only`, no stream of the base is expanded: for frames that take too much memory. */
void deltaplan_make(const struct deltaplan_images *images, unsigned frame, gboolean plain_only,
		    struct deltaencode_plan *plan);
