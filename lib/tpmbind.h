/* SPDX-License-Identifier: MIT */
#pragma once
/* The volume that this machine trusts: 32 bytes in the TPM's own memory, which say which volume key
 * it is. Without them, whoever can write the disk could put a volume of their own there, with a key
 * that they have sealed for this very TPM: anyone may seal. But only a signed release in its initrd
 * can write here. */

#include <glib.h>

#include "tpmseal.h"

enum { TPMBIND_SIZE = 32 };

/* What is written for a volume: a hash of what systemd measures of it (luks_measured()). */
void tpmbind_value(const struct secret *volume_key, const char *measured,
		   uint8_t ret_value[static TPMBIND_SIZE]);

/* *ret_there: a signed release's initrd has written *ret_value. Trusts only an index whose public
 * area is the one that tpmbind_write() makes for this key. Changes nothing. FAULT_TPM_COMMAND,
 * FAULT_SEAL_ROOT_KEY. */
gboolean tpmbind_read(struct tpm *tpm, const struct signkey_public *key, gboolean *ret_there,
		      uint8_t ret_value[static TPMBIND_SIZE], GError **error);

/* Sees to it that there is an index to write to: makes one, unwritten, if there is none. One of
 * another policy stays, for the release that it belongs to. FAULT_TPM_FULL: no room for it. */
gboolean tpmbind_prepare(struct tpm *tpm, const struct signkey_public *key, GError **error);

/* Only in a phase that `keys` have signed; replaces an index of another policy. FAULT_TPM_FULL: no
 * room; else as tpmseal_open(). */
gboolean tpmbind_write(struct tpm *tpm, const struct tpmseal_keys *keys,
		       const uint8_t value[static TPMBIND_SIZE], GError **error);
