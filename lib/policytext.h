/* SPDX-License-Identifier: MIT */
#pragma once
/* Policy in words: what azupdate why prints, and the same as JSON (schema/why.schema.json). */

#include <glib.h>

#include "policy.h"

enum {
	POLICYTEXT_LINES_MAX = 22, /* of policytext_print(): fits on any terminal */
	POLICYTEXT_COLUMNS = 100,
};

/* A stable word for programs: up-to-date, window, ... and nothing, check, stage, ... */
const char *policytext_reason_name(enum policy_reason_id id);
const char *policytext_action_name(enum policy_action action);

/* One sentence, lower case, without a full stop. Times in it are those of `zone`. Free with
 * g_free(). */
char *policytext_sentence(const struct policy_reason *reason, const struct zone *zone);

/* What is done now, and a line for each reason with the time when it ends; what holds something
 * back comes first. At most POLICYTEXT_LINES_MAX lines of POLICYTEXT_COLUMNS. Free with g_free().
 */
char *policytext_print(const struct policy_decision *decision, int64_t now_s,
		       const struct zone *zone);
/* One line of JSON, without a line feed. Free with g_free(). */
char *policytext_json(const struct policy_decision *decision, int64_t now_s,
		      const struct zone *zone);
