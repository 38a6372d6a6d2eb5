/* SPDX-License-Identifier: MIT */
#pragma once
/* Options of fleetsim: the fleet, and the story that it lives through. */

#include <glib.h>
#include <stdint.h>

#include "channel.h"
#include "window.h"

struct options {
	int machines;
	int days; /* from the publication on */
	int check_interval_s;
	int asleep;     /* permille: on by day only, as laptops are */
	int clocks_off; /* permille: by up to three days; a tenth of them show 1970 */
	int flaky;      /* permille of downloads that break off */
	int bad;        /* permille of machines on which the release does not pass its trial */
	int pause_s;    /* after the publication; 0: nobody pauses */
	int fix_s;      /* after the publication; 0: no better release comes */
	int outage_s;   /* when the server goes away; 0: it does not */
	int outage_for_s;
	int machine; /* tell this one's story; -1: of none */
	int threads;
	gint64 seed;
	gboolean json;
	char *svg;                      /* file, or NULL */
	struct window windows;          /* of machines that are always on */
	struct channel_rollout rollout; /* waves of each release; the rest is filled in later */
};

/* FAULT_ARGUMENT. */
gboolean options_parse(int argc, char **argv, struct options *ret_options, GError **error);
