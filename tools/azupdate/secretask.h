/* SPDX-License-Identifier: MIT */
#pragma once
/* Secrets of a person: asked for on the terminal, without showing them, or read from a file. */

#include "secret.h"

/* `file` "-" is standard input; NULL: ask, with `prompt`. FAULT_SECRET_READ. */
struct secret *secretask_get(const char *file, const char *prompt, GError **error);
/* The same, asked for twice. */
struct secret *secretask_get_new(const char *file, const char *prompt, GError **error);
