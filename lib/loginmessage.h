/* SPDX-License-Identifier: MIT */
#pragma once
/* Login message: what somebody who logs in should know of this machine's releases; nothing, on a
 * machine on which all is as it should be. Pure. */

#include <glib.h>

enum {
	LOGINMESSAGE_LINES_MAX = 3,   /* what comes first in the text matters most */
	LOGINMESSAGE_WORDS_MAX = 160, /* bytes of a reason; a longer one is cut */
};

/* Strings are borrowed; they may hold anything. */
struct loginmessage {
	const char *running; /* version that runs; NULL: not booted from a slot, nothing is said */
	const char *etc;     /* what is wrong with local changes of /etc, a clause; NULL: nothing */
	gboolean on_trial;
	unsigned tries_left;
	const char *left;        /* version that failed here and stands in the other slot; NULL */
	const char *left_reason; /* or NULL */
	const char *next;        /* version that the next boot starts; NULL: none can be booted */
	gboolean reboots;        /* that is another one than what runs */
	gboolean held;
	gint64 held_until_s; /* 0: until somebody ends it */
	const char *held_reason;
	guint64 floor;
	guint64 floor_request;
};

/* Up to LOGINMESSAGE_LINES_MAX lines of printable text, each ended by a newline; NULL: there is
 * nothing to say. The caller frees. */
char *loginmessage_text(const struct loginmessage *message);

/* The same for /etc/issue's rules, by which agetty takes a backslash for an order. The caller
 * frees. */
char *loginmessage_issue(const char *text);
