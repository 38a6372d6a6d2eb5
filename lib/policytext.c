/* SPDX-License-Identifier: MIT */
/* One table has all sentences. In them {word} stands for a member of the reason, and what is in
 * brackets is left out when a member in it says nothing. */
#include "policytext.h"

#include <string.h>

#include "azupdate/azupdate.h"
#include "json.h"

enum { ENDS_COLUMNS = 28, INDENT = 2 };

struct text {
	const char *name;
	const char *sentence;
};

static const struct text REASONS[POLICY_REASON_COUNT] = {
	[POLICY_REASON_NO_SLOT] = { "no-slot", "the machine was not booted from a slot" },
	[POLICY_REASON_BUSY] = { "busy", "a job is running" },
	[POLICY_REASON_CLOCK] = { "clock", "the clock is wrong: it was {want_time} already" },
	[POLICY_REASON_TRIAL] = { "trial", "{version} is on trial" },
	[POLICY_REASON_NEVER_CHECKED] = { "never-checked", "the channel was never read" },
	[POLICY_REASON_UNREACHABLE] = { "unreachable", "the repository does not answer[, it last "
						       "did {have_time}]" },
	[POLICY_REASON_EXPIRED] = { "metadata-expired",
				    "the repository's metadata expired {have_time}" },
	[POLICY_REASON_UNDATED] = { "undated", "an ostree ref: no expiry, waves or revocations" },
	[POLICY_REASON_RUNNING_REVOKED] = { "running-revoked",
					    "{version} runs, and is revoked[: {text}]" },
	[POLICY_REASON_NO_WAY] = { "no-way", "there is nothing that {version} may move to" },
	[POLICY_REASON_DEAD_END] = { "dead-end", "no way leads on from {version}[: {text}]" },
	[POLICY_REASON_STAGED_REVOKED] = { "staged-revoked",
					   "{version} is staged, and is revoked[: {text}]" },
	[POLICY_REASON_STAGED_FAILED] = { "staged-failed",
					  "{version} is staged, and failed here before[: {text}]" },
	[POLICY_REASON_STAGED_BELOW] = { "staged-below-floor",
					 "{version} is staged; its security version {have} is "
					 "below the floor {want}" },
	[POLICY_REASON_BY_HAND] = { "staged-by-hand",
				    "{version} is staged, but the channel does not lead there" },
	[POLICY_REASON_BARRIER] = { "barrier", "{version} must be passed through first" },
	[POLICY_REASON_REVOKED] = { "revoked", "{version} is revoked[: {text}]" },
	[POLICY_REASON_FAILED] = { "failed", "{version} failed here[: {text}]" },
	[POLICY_REASON_ATTEMPTS] = { "attempts", "{have} attempts to stage {version} "
						 "failed[: {text}]" },
	[POLICY_REASON_FLOOR] = { "floor", "the security version {have} of {version} is below "
					   "the floor {want}" },
	[POLICY_REASON_PAUSED] = { "paused", "the rollout of {version} is paused[: {text}]" },
	[POLICY_REASON_WAVE] = { "wave", "this machine's turn for {version} has not come" },
	[POLICY_REASON_UP_TO_DATE] = { "up-to-date", "{version} runs: the channel has nothing "
						     "newer" },
	[POLICY_REASON_AVAILABLE] = { "available", "{version} is available" },
	[POLICY_REASON_SUPERSEDE] = { "supersede",
				      "{version} is staged, and will be replaced before it boots" },
	[POLICY_REASON_STAGED] = { "staged", "{version} is staged" },
	[POLICY_REASON_HOLD] = { "hold", "updates are held[ by {by}][: {text}]" },
	[POLICY_REASON_APPROVAL] = { "approval", "{version} waits for approval" },
	[POLICY_REASON_HOOK] = { "hook", "a hook says no[: {text}]" },
	[POLICY_REASON_SOAK] = { "soak", "{version} has not run for long enough" },
	[POLICY_REASON_BACKOFF] = { "backoff", "staging {version} failed, attempt {have}"
					       "[: {text}]" },
	[POLICY_REASON_MAINS] = { "mains", "the machine runs on battery" },
	[POLICY_REASON_BATTERY] = { "battery", "the battery is at {have} %, below {want} %" },
	[POLICY_REASON_METERED] = { "metered", "the network is metered" },
	[POLICY_REASON_SPACE] = { "space", "{have_bytes} are free, {want_bytes} are needed" },
	[POLICY_REASON_WINDOW] = { "window", "staging waits for this machine's place in a "
					     "window" },
	[POLICY_REASON_REBOOT_NEVER] = { "reboot-never", "{version} is the next boot; reboots are "
							 "left to people" },
	[POLICY_REASON_REBOOT_WINDOW] = { "reboot-window", "the reboot waits for this machine's "
							   "place in a window" },
	[POLICY_REASON_INHIBITOR] = { "inhibitor", "no reboot now[: {text}]" },
	[POLICY_REASON_LOCK] = { "lock", "the fleet's lock was refused[: {text}]" },
	[POLICY_REASON_USERS] = { "users", "logged-in users were warned of the reboot: {have}" },
	[POLICY_REASON_LOCK_IDLE] = { "lock-idle", "the fleet's lock is held without need" },
	[POLICY_REASON_NEXT_CHECK] = { "next-check",
				       "the repository is looked at[, last on {have_time}]" },
};

static const struct text ACTIONS[POLICY_ACTION_COUNT] = {
	[POLICY_NOTHING] = { "nothing", "nothing is to be done now" },
	[POLICY_CHECK] = { "check", "the repository is to be looked at now" },
	[POLICY_STAGE] = { "stage", "{version} is to be staged now" },
	[POLICY_DROP] = { "drop", "what is staged must not boot: its slot is to be marked bad" },
	[POLICY_ACTIVATE] = { "activate", "{version} is to be activated now" },
	[POLICY_LOCK] = { "lock",
			  "the fleet's lock is to be taken, for the reboot into {version}" },
	[POLICY_WARN] = { "warn", "logged-in users are to be warned of the reboot into {version}" },
	[POLICY_REBOOT] = { "reboot", "the machine is to reboot into {version} now" },
	[POLICY_UNLOCK] = { "unlock", "the fleet's lock is to be given back now" },
};

const char *policytext_reason_name(enum policy_reason_id id)
{
	return REASONS[id].name;
}

const char *policytext_action_name(enum policy_action action)
{
	return ACTIONS[action].name;
}

/* Local time, such as Fri 2027-01-15 08:00. */
static char *time_print(int64_t time_s, const struct zone *zone)
{
	const int64_t local_s = CLAMP(time_s, 0, POLICY_TIME_MAX_S - 2 * 86400) +
				zone_offset(zone, time_s);
	g_autoptr(GDateTime) time = g_date_time_new_from_unix_utc(local_s);
	static const char DAYS[][4] = { "Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun" };

	return g_strdup_printf("%s %04d-%02d-%02d %02d:%02d",
			       DAYS[g_date_time_get_day_of_week(time) - 1],
			       g_date_time_get_year(time), g_date_time_get_month(time),
			       g_date_time_get_day_of_month(time), g_date_time_get_hour(time),
			       g_date_time_get_minute(time));
}

static char *number_print(const char *word, uint64_t number, const struct zone *zone)
{
	if (g_str_has_suffix(word, "_time"))
		return number > 0 ? time_print((int64_t)MIN(number, INT64_MAX), zone) : NULL;
	if (g_str_has_suffix(word, "_bytes"))
		return g_format_size_full(number, G_FORMAT_SIZE_IEC_UNITS);
	return g_strdup_printf("%" G_GUINT64_FORMAT, number);
}

/* What a word in braces stands for; NULL if it says nothing. */
static char *word_print(const char *word, const struct policy_reason *reason,
			const struct zone *zone)
{
	if (strcmp(word, "version") == 0)
		return g_strdup(reason->version);
	if (strcmp(word, "text") == 0)
		return g_strdup(reason->text);
	if (strcmp(word, "by") == 0)
		return g_strdup(reason->by);
	return number_print(word, g_str_has_prefix(word, "have") ? reason->have : reason->want,
			    zone);
}

static char *sentence_print(const char *sentence, const struct policy_reason *reason,
			    const struct zone *zone)
{
	g_autoptr(GString) line = g_string_new(NULL);
	gsize bracket = 0;
	bool silent = false;

	for (const char *at = sentence; *at != '\0'; at++) {
		g_autofree char *word = NULL;
		g_autofree char *value = NULL;
		const char *end;

		if (*at == '[') {
			bracket = line->len;
			silent = false;
		} else if (*at == ']') {
			g_string_truncate(line, silent ? bracket : line->len);
		} else if (*at == '{') {
			end = strchr(at, '}');
			word = g_strndup(at + 1, (gsize)(end - at - 1));
			value = word_print(word, reason, zone);
			silent = silent || value == NULL;
			g_string_append(line, value != NULL ? value : "?");
			at = end;
		} else {
			g_string_append_c(line, *at);
		}
	}
	return g_string_free(g_steal_pointer(&line), FALSE);
}

char *policytext_sentence(const struct policy_reason *reason, const struct zone *zone)
{
	return sentence_print(REASONS[reason->id].sentence, reason, zone);
}

static char *action_sentence(const struct policy_decision *decision)
{
	const struct policy_reason reason = {
		.version = decision->release != NULL ? decision->release->version : NULL,
	};

	return sentence_print(ACTIONS[decision->action].sentence, &reason, NULL);
}

static char *ends_print(const struct policy_reason *reason, const struct zone *zone)
{
	g_autofree char *time = NULL;

	if (reason->id != POLICY_REASON_NEXT_CHECK && !reason->blocks)
		return g_strdup("");
	if (reason->until_s == POLICY_UNTIL_ACT)
		return g_strdup("until somebody acts");
	if (reason->until_s == POLICY_UNTIL_CHANGE)
		return g_strdup("until that changes");
	time = time_print(reason->until_s, zone);
	return g_strconcat(reason->id == POLICY_REASON_NEXT_CHECK ? "on " : "until ", time, NULL);
}

static void line_append(GString *text, const struct policy_reason *reason, const struct zone *zone)
{
	g_autofree char *ends = ends_print(reason, zone);
	g_autofree char *sentence = policytext_sentence(reason, zone);
	const glong room = POLICYTEXT_COLUMNS - INDENT - ENDS_COLUMNS;
	const glong length = g_utf8_strlen(sentence, -1);
	g_autofree char *cut = g_utf8_substring(sentence, 0, MIN(length, room - 3));

	g_string_append_printf(text, "%*s%-*s%s%s\n", INDENT, "", ENDS_COLUMNS, ends,
			       length > room ? cut : sentence, length > room ? "..." : "");
}

char *policytext_print(const struct policy_decision *decision, int64_t now_s,
		       const struct zone *zone)
{
	g_autofree char *action = action_sentence(decision);
	g_autofree char *now = time_print(now_s, zone);
	g_autofree char *next = time_print(decision->next_s, zone);
	g_autoptr(GString) text = g_string_new(NULL);
	unsigned lines = 1;

	g_string_append_printf(text, "%s: %s", now, action);
	if (decision->action == POLICY_NOTHING)
		g_string_append_printf(text, "; the next look is %s", next);
	g_string_append_c(text, '\n');
	/* What holds back, then the rest. */
	for (unsigned i = 0; i < 2 * decision->n_reasons; i++) {
		const struct policy_reason *reason = &decision->reasons[i % decision->n_reasons];

		if (reason->blocks != (i < decision->n_reasons))
			continue;
		if (++lines == POLICYTEXT_LINES_MAX && decision->n_reasons >= POLICYTEXT_LINES_MAX)
			g_string_append_printf(text, "%*sand %u more: --json tells all\n", INDENT,
					       "", decision->n_reasons + 2 - lines);
		else if (lines <= POLICYTEXT_LINES_MAX)
			line_append(text, reason, zone);
	}
	return g_string_free(g_steal_pointer(&text), FALSE);
}

static json_t *reason_encode(const struct policy_reason *reason, const struct zone *zone)
{
	g_autofree char *sentence = policytext_sentence(reason, zone);
	const char *ends = reason->until_s == POLICY_UNTIL_ACT      ? "act"
			   : reason->until_s == POLICY_UNTIL_CHANGE ? "change"
								    : "time";
	json_t *until = *ends == 't' ? json_integer(reason->until_s) : json_null();

	return json_pack("{s:s, s:b, s:s, s:s?, s:s, s:o}", "id", REASONS[reason->id].name,
			 "blocks", (int)reason->blocks, "text", sentence, "version",
			 reason->version, "ends", ends, "until", until);
}

char *policytext_json(const struct policy_decision *decision, int64_t now_s,
		      const struct zone *zone)
{
	g_autofree char *action = action_sentence(decision);
	g_autoptr(JsonValue) object = json_pack(
		"{s:s, s:I, s:s, s:s, s:s?, s:b, s:I, s:[]}", "schema", AZUPDATE_SCHEMA_WHY, "time",
		(json_int_t)now_s, "action", ACTIONS[decision->action].name, "text", action,
		"version", decision->release != NULL ? decision->release->version : NULL, "urgent",
		(int)decision->urgent, "next", (json_int_t)decision->next_s, "reasons");

	for (unsigned i = 0; i < decision->n_reasons; i++)
		json_array_append_new(json_object_get(object, "reasons"),
				      reason_encode(&decision->reasons[i], zone));
	return json_text(object, JSON_COMPACT);
}
