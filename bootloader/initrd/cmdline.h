/* SPDX-License-Identifier: MIT */
#pragma once
/* Command line: what the signed kernel command line says about the root image.
 *
 *   roothash=HEX            64 hex digits, exactly once
 *   azupdate.blocks=N       data blocks of the root image, so where its superblock stands; once
 *   azupdate.fec=N          roots of the parity behind its tree; any value but one from 2 to 24,
 *                           given once, means none: it is a help, and no condition
 *   azupdate.watchdog=N     seconds until systemd must have taken over the watchdog; default
 *                           none is touched
 *   azupdate.var=encrypted  var is unlocked by azunlock, a program of the root image; any value
 *                           means that, since one that is misspelt must not mean less
 *   azupdate.etc=overlay    changes of /etc are kept in var, and laid over the image's by azetc, a
 *                           program of the root image; any value means that, as above
 *   azupdate.etc=overlay-or-defaults
 *                           the same; but where that cannot be, or var cannot be mounted, the boot
 *                           goes on without. Only if it is given once, and so
 *   rootfstype=TYPE         default erofs
 *   init=PATH               default /sbin/init */

#include <stdbool.h>
#include <stdint.h>

#include "fault.h"
#include "veritree.h"

enum { CMDLINE_FSTYPE_SIZE = 16, CMDLINE_INIT_SIZE = 256 };

struct cmdline {
	uint8_t root_hash[VERITREE_HASH_SIZE];
	uint64_t data_blocks;
	unsigned fec_roots;  /* 0: none */
	unsigned watchdog_s; /* 0: none is touched */
	bool var_encrypted;
	bool etc_overlay;
	bool etc_or_defaults; /* only with etc_overlay */
	char fstype[CMDLINE_FSTYPE_SIZE];
	char init[CMDLINE_INIT_SIZE];
};

/* FAULT_ROOT_CMDLINE, FAULT_ROOT_BLOCKS. What stands behind the word "--" is init's, not ours. */
fault cmdline_parse(const char *text, struct cmdline *ret_cmdline);
