/* SPDX-License-Identifier: MIT */
#include "loginmessage.h"

#include "plaintext.h"

struct words {
	char text[LOGINMESSAGE_WORDS_MAX + 1];
};

static struct words words_of(const char *text)
{
	struct words words;

	plaintext_copy(text, words.text, LOGINMESSAGE_WORDS_MAX);
	g_strchomp(words.text);
	return words;
}

/* ": REASON", or nothing. */
static char *reason_of(const char *reason)
{
	struct words words;

	if (reason == NULL || reason[0] == '\0')
		return g_strdup("");
	words = words_of(reason);
	return g_strconcat(": ", words.text, NULL);
}

static char *next_line(const struct loginmessage *message)
{
	struct words next;

	if (message->next == NULL)
		return g_strdup("No slot can be booted: install a release before you reboot.");
	if (!message->reboots)
		return NULL;
	next = words_of(message->next);
	return g_strdup_printf("Version %s starts with the next reboot.", next.text);
}

static char *trial_line(const struct loginmessage *message)
{
	const struct words running = words_of(message->running);

	if (!message->on_trial)
		return NULL;
	return g_strdup_printf("Version %s is on trial: its health checks have not passed yet, "
			       "%u %s left.",
			       running.text, message->tries_left,
			       message->tries_left == 1 ? "try" : "tries");
}

static char *etc_line(const struct loginmessage *message)
{
	struct words words;

	if (message->etc == NULL)
		return NULL;
	words = words_of(message->etc);
	words.text[0] = g_ascii_toupper(words.text[0]);
	return g_strdup(words.text);
}

static char *left_line(const struct loginmessage *message)
{
	g_autofree char *reason = reason_of(message->left_reason);
	const struct words running = words_of(message->running);
	struct words left;

	if (message->left == NULL)
		return NULL;
	left = words_of(message->left);
	return g_strdup_printf("Version %s failed on this machine, version %s runs%s", left.text,
			       running.text, reason);
}

static char *held_line(const struct loginmessage *message)
{
	g_autofree char *reason = reason_of(message->held_reason);
	g_autoptr(GDateTime)
		until = message->held_until_s > 0
				? g_date_time_new_from_unix_local(message->held_until_s)
				: NULL;
	g_autofree char *when = until != NULL ? g_date_time_format(until, " until %F %R") : NULL;

	return message->held
		       ? g_strconcat("Updates are held", when != NULL ? when : "", reason, NULL)
		       : NULL;
}

static char *floor_line(const struct loginmessage *message)
{
	/* Without azboot there is no floor, and nobody who would raise one. */
	if (message->floor == 0 || message->floor_request <= message->floor)
		return NULL;
	return g_strdup_printf("The floor rises to security version %" G_GUINT64_FORMAT
			       " with a coming boot.",
			       message->floor_request);
}

char *loginmessage_text(const struct loginmessage *message)
{
	static char *(*const LINES[])(const struct loginmessage *message) = {
		etc_line, trial_line, left_line, next_line, held_line, floor_line,
	};
	g_autoptr(GString) text = g_string_new(NULL);
	unsigned count = 0;

	if (message->running == NULL)
		return NULL;
	for (size_t i = 0; i < G_N_ELEMENTS(LINES) && count < LOGINMESSAGE_LINES_MAX; i++) {
		g_autofree char *line = LINES[i](message);

		if (line == NULL)
			continue;
		g_string_append_printf(text, "azupdate: %s\n", line);
		count++;
	}
	return count > 0 ? g_string_free(g_steal_pointer(&text), FALSE) : NULL;
}

char *loginmessage_issue(const char *text)
{
	return g_strdelimit(g_strdup(text), "\\", '/');
}
