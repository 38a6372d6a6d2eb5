/* SPDX-License-Identifier: MIT */
#pragma once
/* Manifest: what a release is. JSON, described by schema/manifest.schema.json and signed as the
 * exact bytes it has. Decode it only after its signature verified. */

#include <glib.h>

#include "veritree.h"
#include "version.h"

enum {
	MANIFEST_SIZE_MAX = 64 * 1024,
	MANIFEST_FORMAT = 1,
	MANIFEST_NAME_MAX = 64, /* characters of product, architecture, file system */
	MANIFEST_REF_MAX = 255, /* characters of an ostree ref */
};

/* Parity behind the tree, see fec.h. */
struct manifest_fec {
	unsigned roots;                        /* 0: there is none */
	uint8_t root_hash[VERITREE_HASH_SIZE]; /* of a tree over the parity, without a salt */
};

/* An image and its tree: the root image, the UKI. */
struct manifest_image {
	uint64_t size_bytes; /* the last block is padded with zeros up to 4096 */
	struct veritree_superblock superblock;
	uint8_t root_hash[VERITREE_HASH_SIZE];
	struct manifest_fec fec; /* of the root image only */
};

struct manifest {
	char *product;
	char *architecture; /* x86_64, aarch64 */
	char *version;      /* see version.h */
	char *update_from;  /* lowest version that may update to it, or NULL */
	uint64_t security_version;
	uint64_t revokes_below; /* security version: older releases are not to boot; 0: none */
	uint64_t time_s;        /* of the build, since 1970 */
	char *file_system;      /* of the root image */
	struct manifest_image root;
	struct manifest_image uki;
	char *pcr11_sha256;  /* hex: PCR 11 after systemd-stub, or NULL */
	char *ostree_commit; /* hex: the commit that the root image was made of, or NULL */
	char *ostree_ref;    /* the ref that named it; NULL: none did */
};
typedef struct manifest Manifest; /* for g_autoptr() only */

/* NULL with FAULT_MANIFEST_SIZE, _SYNTAX (no JSON, duplicate keys, NUL, bad UTF-8),
 * _LATER, _FIELD. Unknown fields are ignored: a later writer may add some. */
struct manifest *manifest_decode(const uint8_t *bytes, size_t size_bytes, GError **error);
/* The same manifest gives the same bytes. */
char *manifest_encode(const struct manifest *manifest);
void manifest_free(struct manifest *manifest);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Manifest, manifest_free)
