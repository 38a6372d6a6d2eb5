/* SPDX-License-Identifier: MIT */
#pragma once
/* Checks: conditions that only a bug in our own code can break. Always on. */

/* Each program supplies this: hosted programs abort, the boot program resets the machine. */
_Noreturn void check_failed(const char *condition, const char *file, unsigned line);

#define check(condition) ((condition) ? (void)0 : check_failed(#condition, __FILE__, __LINE__))
