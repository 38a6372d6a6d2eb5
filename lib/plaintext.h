/* SPDX-License-Identifier: MIT */
#pragma once
/* Plain text: words of others, made fit to be shown on a terminal and to be kept. */

#include <stddef.h>

/* Copies as many whole characters as fit into size_max bytes and a NUL. What is no valid UTF-8 is
 * replaced, and what cannot be printed becomes a space. */
void plaintext_copy(const char *text, char *ret_text, size_t size_max);
