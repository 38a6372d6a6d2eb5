/* SPDX-License-Identifier: MIT */
#pragma once
/* Idleness: leaves the bus without losing a call.
 *
 * The name is given back first. The bus answers that after every message that it has sent to us
 * before, so if none came in meanwhile, none is lost; else the name is taken again. */

#include <gio/gio.h>

struct idle;

struct idle_options {
	GDBusConnection *bus; /* borrowed */
	const char *name;     /* the well-known name, which must be owned already */
	unsigned timeout_s;
	gboolean (*is_busy)(gpointer user_data);
	void (*leave)(gpointer user_data);
	gpointer user_data;
};

struct idle *idle_new(const struct idle_options *options);
void idle_free(struct idle *idle);

/* Takes a well-known name; NULL connection errors and a name that is taken are FAULT_BUS. */
gboolean idle_name_take(GDBusConnection *bus, const char *name, GError **error);
