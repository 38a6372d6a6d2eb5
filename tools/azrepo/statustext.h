/* SPDX-License-Identifier: MIT */
#pragma once
/* The summary as lines for a terminal. */

#include <stdio.h>

#include "json.h"

void statustext_print(const json_t *summary, FILE *to);
