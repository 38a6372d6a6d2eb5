/* SPDX-License-Identifier: MIT */
#pragma once
/* azbundle lint: what in an image makes its updates large, and what must not be in it at all. */

#include <glib.h>
#include <stdint.h>

#include "lintimage.h"

enum { LINT_EXAMPLES_MAX = 3 };

enum lint_kind {
	LINT_SIZE,     /* makes updates larger */
	LINT_SECURITY, /* all machines of a product would share a secret or an identity */
	LINT_DAMAGE,   /* the image is not whole */
};

/* One image, compared with one old one. */
struct lint_run {
	struct lint_image *image;
	struct lint_image *old; /* NULL: nothing to compare with */
	gint64 epoch_s;         /* SOURCE_DATE_EPOCH; -1: not given */
	gint64 *patches;        /* what each file costs in a delta; -1: not measured yet */
	GArray *metadata;       /* of the image */
	GArray *old_metadata;   /* NULL without an old image */
};

struct lint_finding {
	unsigned count;
	uint64_t bytes;
	gint64 delta_bytes; /* -1: not measured */
	gint64 fetch_bytes; /* the same */
	const char *examples[LINT_EXAMPLES_MAX];
	GArray *extents; /* where it is in the image */
};

struct lint_check {
	const char *id;
	enum lint_kind kind;
	const char *unit;   /* what is counted: "files" */
	const char *advice; /* what to do */
	void (*run)(struct lint_run *run, struct lint_finding *finding);
};

/* All checks, in the order in which they are told; the last one's id is NULL. */
const struct lint_check *lint_checks(void);
/* Runs a check, and measures what it costs without a delta. Free with lint_finding_done(). */
struct lint_finding lint_check_run(const struct lint_check *check, struct lint_run *run);
void lint_finding_done(struct lint_finding *finding);

struct lint_run *lint_run_new(struct lint_image *image, struct lint_image *old, gint64 epoch_s);
void lint_run_free(struct lint_run *run);
/* What the file costs in a delta; 0: it is as it was, or there is nothing to compare with. */
uint64_t lint_patch(struct lint_run *run, guint index);
/* What a device that has the old image fetches of these blocks without a delta, compressed as in a
 * bundle; of all of them, if there is no old image. */
gint64 lint_fetch(struct lint_run *run, const GArray *extents);
const struct lint_file *lint_old_self(const struct lint_run *run, const struct lint_file *file);
gboolean lint_is_same(const struct lint_run *run, const struct lint_file *file);

/* For checks: counts a file, or a range of the image. */
void lint_finding_file(struct lint_run *run, struct lint_finding *finding,
		       const struct filemap_file *file);
void lint_finding_extent(struct lint_finding *finding, const struct filemap_extent *extent);
void lint_finding_example(struct lint_finding *finding, const char *path);
/* "etc/x" of ".initrd/etc/x", too. */
const char *lint_plain_path(const char *path);

/* Checks of what files hold (lintfiles.c). */
void lint_compressed_initrd(struct lint_run *run, struct lint_finding *finding);
void lint_compressed_kernel(struct lint_run *run, struct lint_finding *finding);
void lint_compressed_modules(struct lint_run *run, struct lint_finding *finding);
void lint_gzip_times(struct lint_run *run, struct lint_finding *finding);
void lint_gzip_files(struct lint_run *run, struct lint_finding *finding);
void lint_packed_files(struct lint_run *run, struct lint_finding *finding);
void lint_pyc_times(struct lint_run *run, struct lint_finding *finding);
void lint_duplicates(struct lint_run *run, struct lint_finding *finding);
void lint_leftovers(struct lint_run *run, struct lint_finding *finding);
void lint_machine_id(struct lint_run *run, struct lint_finding *finding);
void lint_host_keys(struct lint_run *run, struct lint_finding *finding);
void lint_private_keys(struct lint_run *run, struct lint_finding *finding);
void lint_random_seeds(struct lint_run *run, struct lint_finding *finding);

/* Checks of how the image is laid out (lintlayout.c). */
void lint_packed_file_system(struct lint_run *run, struct lint_finding *finding);
void lint_inline_tails(struct lint_run *run, struct lint_finding *finding);
void lint_shifted_files(struct lint_run *run, struct lint_finding *finding);
void lint_metadata(struct lint_run *run, struct lint_finding *finding);
void lint_times(struct lint_run *run, struct lint_finding *finding);
void lint_free_blocks(struct lint_run *run, struct lint_finding *finding);
void lint_slack(struct lint_run *run, struct lint_finding *finding);
void lint_damaged(struct lint_run *run, struct lint_finding *finding);
