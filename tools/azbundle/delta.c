/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <glib/gstdio.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "bundlewrite.h"
#include "command.h"
#include "deltabuild.h"
#include "failure.h"
#include "payload.h"

enum { PAYLOADS = 2, LINE_KB_DEFAULT = 100, LINE_KB_MAX = 1000000 };

static const char *const NAMES[PAYLOADS] = { "uki", "root" };

static struct {
	char **old;
	char *new, *output;
	gboolean full, quick;
	int jobs, line_kb;
} options = { .line_kb = LINE_KB_DEFAULT };

static const GOptionEntry ENTRIES[] = {
	{ "old", 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &options.old,
	  "full bundle of a release that machines have; may be given several times", "BUNDLE" },
	{ "new", 0, 0, G_OPTION_ARG_FILENAME, &options.new,
	  "full bundle of the release that they shall get", "BUNDLE" },
	{ "full", 0, 0, G_OPTION_ARG_NONE, &options.full,
	  "put the full payload in too, for all other machines", NULL },
	{ "quick", 0, 0, G_OPTION_ARG_NONE, &options.quick,
	  "try fewer ways to code each part: faster, larger", NULL },
	{ "line", 0, 0, G_OPTION_ARG_INT, &options.line_kb,
	  "slowest line that it is for, in kB/s (100): what takes long to decode is used where "
	  "that "
	  "saves time",
	  "KB" },
	{ "jobs", 0, 0, G_OPTION_ARG_INT, &options.jobs, "threads (one per processor)", "N" },
	{ "output", 'o', 0, G_OPTION_ARG_FILENAME, &options.output, "bundle to write", "FILE" },
	G_OPTION_ENTRY_NULL
};

/* A full bundle, and its images in files of a temporary folder. */
struct release {
	struct source *source;
	struct bundle *bundle;
	char *paths[PAYLOADS];
};
typedef struct release Release; /* for g_autoptr() only */

static void release_free(struct release *release)
{
	if (release == NULL)
		return;
	for (unsigned i = 0; i < PAYLOADS; i++) {
		if (release->paths[i] != NULL)
			(void)unlink(release->paths[i]); /* a temporary file */
		g_free(release->paths[i]);
	}
	bundle_free(release->bundle);
	source_close(release->source);
	g_free(release);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Release, release_free)

static gboolean payload_extract(struct release *release, unsigned payload, GError **error)
{
	const int fd = g_file_open_tmp("azbundle-XXXXXX", &release->paths[payload], NULL);
	FILE *to = fd >= 0 ? fdopen(fd, "wb") : NULL;
	gboolean done;

	if (to == NULL)
		return failure_set(error, FAULT_BUILD_OUTPUT, "cannot make a temporary file: %s",
				   g_strerror(errno));
	done = payload_walk(release->bundle, NAMES[payload], to, error);
	if (fclose(to) != 0 && done)
		return failure_set(error, FAULT_BUILD_OUTPUT, "cannot write a temporary file: %s",
				   g_strerror(errno));
	return done;
}

static struct release *release_open(const char *path, GError **error)
{
	g_autoptr(Release) release = g_new0(struct release, 1);

	release->source = payload_source(path, error);
	if (release->source == NULL)
		return NULL;
	release->bundle = bundle_open(release->source, NULL, error);
	if (release->bundle == NULL)
		return NULL;
	for (unsigned i = 0; i < PAYLOADS; i++)
		if (!payload_extract(release, i, error))
			return NULL;
	return g_steal_pointer(&release);
}

static void report_print(const struct release *old, const struct release *new, unsigned payload,
			 const struct deltabuild_report *report)
{
	printf("%s %s to %s: %" G_GUINT64_FORMAT " bytes in %u frames; blocks: %" G_GUINT64_FORMAT
	       " copied, %" G_GUINT64_FORMAT " made, %" G_GUINT64_FORMAT " zeros\n",
	       NAMES[payload], old->bundle->manifest->version, new->bundle->manifest->version,
	       report->index_bytes + report->frame_bytes, report->frame_count,
	       report->copied_blocks, report->made_blocks, report->zero_blocks);
}

static gboolean delta_make(const struct release *old, const struct release *new, unsigned payload,
			   GPtrArray *parts, GError **error)
{
	const struct deltabuild_options build = {
		.old_path = old->paths[payload],
		.new_path = new->paths[payload],
		.companion_path = payload == 0 ? NULL : new->paths[0], /* which is made before */
		.jobs = (unsigned)options.jobs,
		.effort = { .try_all = !options.quick, .line_kb = (uint32_t)options.line_kb },
	};
	const struct manifest_image *base = payload_image(old->bundle, NAMES[payload]);
	struct bundle_section section = { .kind = BUNDLE_DELTA_INDEX };
	struct deltabuild_report report;
	GByteArray *index = g_byte_array_new();
	FILE *frames = tmpfile();

	if (frames == NULL || !deltabuild_make(&build, index, frames, &report, error)) {
		g_byte_array_unref(index);
		if (frames == NULL)
			return failure_set(error, FAULT_BUILD_OUTPUT,
					   "cannot make a temporary file: %s", g_strerror(errno));
		(void)fclose(frames); /* of no use any more */
		return FALSE;
	}
	g_strlcpy(section.name, NAMES[payload], sizeof section.name);
	memcpy(section.base, base->root_hash, sizeof section.base);
	bundlewrite_part_add(parts, &section, g_byte_array_free_to_bytes(index), NULL);
	section.kind = BUNDLE_DELTA_FRAMES;
	bundlewrite_part_add(parts, &section, NULL, frames);
	report_print(old, new, payload, &report);
	return TRUE;
}

/* The new bundle's own sections, with their checksums: the full payloads, and deltas that it has
 * already. */
static gboolean full_add(const struct bundle *bundle, GPtrArray *parts, GError **error)
{
	for (unsigned i = 0; i < bundle->section_count; i++)
		if (!payload_section_add(bundle, &bundle->sections[i], parts, error))
			return FALSE;
	return TRUE;
}

static gboolean deltas_add(const struct release *new, GPtrArray *parts, GError **error)
{
	for (char **path = options.old; *path != NULL; path++) {
		g_autoptr(Release) old = release_open(*path, error);

		if (old == NULL)
			return FALSE;
		if (strcmp(old->bundle->manifest->product, new->bundle->manifest->product) != 0)
			return failure_set(error, FAULT_BUILD_INPUT,
					   "%s is of product \"%s\", the new release of \"%s\"",
					   *path, old->bundle->manifest->product,
					   new->bundle->manifest->product);
		for (unsigned i = 0; i < PAYLOADS; i++)
			if (!delta_make(old, new, i, parts, error))
				return FALSE;
	}
	return TRUE;
}

gboolean command_delta(int argc, char **argv, GError **error)
{
	g_autoptr(GPtrArray) parts = bundlewrite_parts_new();
	g_autoptr(Release) new = NULL;

	if (!command_parse(
		    &argc, &argv, NULL,
		    "Makes a bundle with only what machines lack that have an old release. It "
		    "has the new release's manifest and signature; no key is needed.",
		    ENTRIES, 0, error) ||
	    !command_need("old", options.old != NULL ? options.old[0] : NULL, error) ||
	    !command_need("new", options.new, error) ||
	    !command_need("output", options.output, error))
		return FALSE;
	if (options.jobs < 0 || options.jobs > 256)
		return failure_set(error, FAULT_ARGUMENT, "--jobs %d is not from 1 to 256",
				   options.jobs);
	if (options.line_kb < 1 || options.line_kb > LINE_KB_MAX)
		return failure_set(error, FAULT_ARGUMENT, "--line %d is not from 1 to %d",
				   options.line_kb, LINE_KB_MAX);
	new = release_open(options.new, error);
	if (new == NULL)
		return FALSE;
	return deltas_add(new, parts, error) &&
	       (!options.full || full_add(new->bundle, parts, error)) &&
	       bundlewrite_assemble(options.output, new->bundle->manifest_bytes,
				    new->bundle->signature, parts, error);
}
