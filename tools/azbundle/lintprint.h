/* SPDX-License-Identifier: MIT */
#pragma once
/* What azbundle lint has found, as text for a person or as JSON for a program. */

#include "lint.h"

struct lint_report {
	struct lint_run *run;
	struct lint_finding *findings; /* one for each of lint_checks() */
	guint *largest;                /* indexes of files, the one that costs most first */
	guint largest_count;
};

void lint_print_text(const struct lint_image *image, const GPtrArray *reports);
/* azupdate.lint/1, as lint.schema.json describes it. */
void lint_print_json(const struct lint_image *image, const GPtrArray *reports);
