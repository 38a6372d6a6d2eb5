/* SPDX-License-Identifier: MIT */
#pragma once
/* Network options: how servers are dealt with, as the configuration's [network] says. */

#include "config.h"
#include "source.h"

/* The strings are the configuration's. */
struct source_options network_options(const struct config *config);
