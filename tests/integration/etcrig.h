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
