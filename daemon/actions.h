/* SPDX-License-Identifier: MIT */
#pragma once
/* Actions: which permission a call needs, and what polkit's rules are told about it. Pure.
 *
 * org.azupdate.update1.policy describes the actions to people and to polkit. A method that has no
 * row is for root alone, so that one that is new is never open by mistake. */

#include <gio/gio.h>

enum {
	ACTIONS_TEXT_MAX = 256,  /* bytes of a detail, with its NUL; what is longer is cut */
	ACTIONS_OPTIONS_MAX = 8, /* options of a call that become details */
};

enum actions_access {
	ACTIONS_ANYONE, /* it only looks */
	ACTIONS_POLKIT, /* root, and whom polkit allows it */
	ACTIONS_ROOT,   /* root alone */
};

struct actions_need {
	enum actions_access access;
	const char *id;  /* static; polkit's action for ACTIONS_POLKIT, else NULL */
	gboolean beside; /* it is done beside a job, or refused because of one: none is disturbed */
};

/* What a call of `method` with these arguments needs. Options that make a call do more make it
 * another action. */
struct actions_need actions_need(const char *method, GVariant *parameters);

/* The actions of all methods in order, each once; NULL at the end of `index`. For the test that
 * compares them with the policy file. */
const char *actions_id(unsigned index);

/* An a{ss}, floating: "method"; text, numbers and booleans among the arguments by their names in
 * the interface; "option-NAME" = "yes" for each option that is set. An address is told without its
 * secrets; descriptors and bytes are not told. */
GVariant *actions_details(const GDBusMethodInfo *method, GVariant *parameters);
