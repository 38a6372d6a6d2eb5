/* SPDX-License-Identifier: MIT */
#pragma once
/* Bundle files: what a bundle says of itself, as the repository lists it. */

#include <glib.h>

#include "json.h"
#include "repository.h"

struct bundlefile {
	char *product, *architecture, *version; /* out of the manifest, fit for names */
	char *file;                             /* without folders */
	char *manifest;                         /* SHA-256 of its bytes, hex */
	char *from;                             /* base of a delta, or NULL: full */
	uint64_t security_version;
};
typedef struct bundlefile Bundlefile; /* for g_autoptr() only */

struct bundlefile_options {
	char *keyring; /* NULL: signatures are not verified */
	char *from;    /* the base's version, where the repository does not have it; or NULL */
};

/* `aside`: where its bytes are; `path`: where they came from, for the name. FAULT_AZREPO_NAME,
 * FAULT_AZREPO_BUNDLE, FAULT_AZREPO_BASE and those of bundle.h. */
struct bundlefile *bundlefile_read(const struct repository *repository, const char *aside,
				   const char *path, const struct bundlefile_options *options,
				   GError **error);
void bundlefile_free(struct bundlefile *file);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Bundlefile, bundlefile_free)

/* "bundles/p/a/1/full.azb"; the caller frees. */
char *bundlefile_target(const struct bundlefile *file);
/* The "custom" of the target; the caller owns it. */
json_t *bundlefile_custom(const struct bundlefile *file);
