/* SPDX-License-Identifier: MIT */
#pragma once
/* The face of libostree, for the files lib/ostree*.c alone. */

#include <ostree.h>

#include "ostreetree.h"

OstreeRepo *ostreetree_repo(struct ostreetree *tree);
