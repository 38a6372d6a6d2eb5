/* SPDX-License-Identifier: MIT */
#pragma once
/* The initrd with a signature of the root hash behind it, for kernels that want one. */

#include <glib.h>
#include <stdint.h>

enum { SIGNINITRD_HASH_SIZE = 32 };

/* An archive of its own (cpio, newc) with ROOTSIG_FILE behind the initrd, whatever that is packed
 * by: the kernel takes one archive after the other, each from a multiple of 4 bytes on. The same
 * input gives the same bytes. Faults are those of crypto_kernel_sign(). */
GBytes *signinitrd_make(GBytes *initrd, const uint8_t root_hash[static SIGNINITRD_HASH_SIZE],
			const char *key, const char *certificate, GError **error);
