/* SPDX-License-Identifier: MIT */
#pragma once
/* Module arguments: what the kernel command line says to a module. The kernel itself hands such
 * words to what is built in only; for a module, whoever loads it must, as modprobe does. */

#include <stdbool.h>
#include <stddef.h>

/* The words MODULE.PARAMETER[=VALUE] without "MODULE.", spaces between: what finit_module(2)
 * takes. "-" and "_" are the same in a module's name. A text of strlen(cmdline) + 1 bytes always
 * fits; false if one does not, and *ret_text is "" then. */
bool modulearg_collect(const char *cmdline, const char *module, char *ret_text, size_t size_bytes);
