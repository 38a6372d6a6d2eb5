/* SPDX-License-Identifier: MIT */
#pragma once
/* Callers: the one place that decides who may call what. */

#include <gio/gio.h>

/* Connects the decision to an object. It is made before the object's own code sees the call, on
 * the message as it came in, which the caller cannot change any more. */
void caller_guard(GDBusInterfaceSkeleton *skeleton);
