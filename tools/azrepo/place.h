/* SPDX-License-Identifier: MIT */
#pragma once
/* Places: which product, architecture and channel a command is about. What the repository has only
 * one of need not be said. */

#include <glib.h>

#include "repository.h"

struct place {
	char *product, *architecture, *channel;
};

/* The options --product, --architecture, --channel, for an array of GOptionEntry. */
#define PLACE_ENTRIES(place)                                                                       \
	{ "product", 0, 0, G_OPTION_ARG_STRING, &(place).product, "product", "NAME" },             \
		{ "architecture", 0,     0, G_OPTION_ARG_STRING, &(place).architecture,            \
		  "architecture", "NAME" },                                                        \
	{                                                                                          \
		"channel", 0, 0, G_OPTION_ARG_STRING, &(place).channel, "channel", "NAME"          \
	}

/* Fills in product and architecture where the repository has only one. FAULT_ARGUMENT: one is
 * missing; FAULT_AZREPO_NAME. */
gboolean place_complete(const struct repository *repository, struct place *place, GError **error);
/* "channels/p/a/c.json"; the caller frees. */
char *place_target(const struct place *place);
/* Whether a target "PREFIX/PRODUCT/ARCHITECTURE/..." is of this product and architecture. */
gboolean place_has(const struct place *place, const char *prefix, const char *target);
