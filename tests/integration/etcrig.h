/* SPDX-License-Identifier: MIT */
#pragma once
/* A folder with a release's /etc and a state folder, for tests of /etc. A failure ends the test. */

#include <glib.h>

extern char *etcrig_base;  /* the folder of a test; NULL outside of one */
extern char *etcrig_state; /* the state folder in it */

/* Free with g_free(). */
char *etcrig_path(const char *name);
/* Runs it in the folder; it must succeed. */
void etcrig_shell(const char *format, ...) G_GNUC_PRINTF(1, 2);
/* All that is seen of a folder, as a text. Free with g_free(). */
char *etcrig_look(const char *path);
/* The folder `defaults`: what that version of a release brings. */
void etcrig_release(unsigned version);
/* The folder of a test, with version 1, and its end, where nothing stays mounted. */
void etcrig_begin(void);
void etcrig_end(void);
/* Whether overlays can be mounted, from here on in a mount namespace of our own. */
gboolean etcrig_may_mount(void);
