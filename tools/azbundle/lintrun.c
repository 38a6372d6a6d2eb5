/* SPDX-License-Identifier: MIT */
/* Checks are rows of a table: each counts what it finds; what that costs without a delta is
 * measured here, for all in the same way. */
#include <string.h>

#include "bytes.h"
#include "lint.h"
#include "patchsize.h"

enum { FRAME_SIZE = 1 << 20 }; /* as azbundle build makes them */

static const struct lint_check CHECKS[] = {
	{ "damaged", LINT_DAMAGE, "places", "make the image again: files point outside of it",
	  lint_damaged },
	{ "private-keys", LINT_SECURITY, "files",
	  "leave the keys out: each machine must make or get its own", lint_private_keys },
	{ "host-keys", LINT_SECURITY, "files",
	  "remove the keys after ssh is installed: each machine must make its own",
	  lint_host_keys },
	{ "machine-id", LINT_SECURITY, "files",
	  "make the file empty: each machine must get its own identity", lint_machine_id },
	{ "random-seeds", LINT_SECURITY, "files",
	  "remove the seeds: machines must not start with the same one", lint_random_seeds },
	{ "packed-file-system", LINT_SIZE, "files",
	  "do not compress the file system: what is downloaded is compressed anyway, and a small "
	  "change then stays small",
	  lint_packed_file_system },
	{ "packed-initrd", LINT_SIZE, "files",
	  "leave the initrd uncompressed in the UKI: it is compressed for transport",
	  lint_compressed_initrd },
	{ "packed-kernel", LINT_SIZE, "files",
	  "use a kernel that is compressed by lz4 (CONFIG_KERNEL_LZ4), which deltas make again",
	  lint_compressed_kernel },
	{ "packed-modules", LINT_SIZE, "files",
	  "leave kernel modules uncompressed: xz -d, zstd -d, then depmod",
	  lint_compressed_modules },
	{ "packed-files", LINT_SIZE, "files", "install these files uncompressed",
	  lint_packed_files },
	{ "gzip-files", LINT_SIZE, "files",
	  "leave them out (manuals, change logs), or make them with gzip -9n, which deltas make "
	  "again",
	  lint_gzip_files },
	{ "gzip-times", LINT_SIZE, "files", "use gzip -n: the time of packing is in the file",
	  lint_gzip_times },
	{ "pyc-times", LINT_SIZE, "files",
	  "compile with --invalidation-mode unchecked-hash: the source's time is in the file",
	  lint_pyc_times },
	{ "inline-tails", LINT_SIZE, "files",
	  "use mkfs.erofs -E noinline_data: what is among metadata moves with it",
	  lint_inline_tails },
	{ "shifted-files", LINT_SIZE, "files",
	  "place files at blocks of 4096 bytes: unchanged files stand at other bytes of a block",
	  lint_shifted_files },
	{ "metadata", LINT_SIZE, "blocks",
	  "keep times, owners and the order of files the same from build to build", lint_metadata },
	{ "times", LINT_SIZE, "times",
	  "set all times to SOURCE_DATE_EPOCH, or to one that never changes (mkfs.erofs -T)",
	  lint_times },
	{ "duplicates", LINT_SIZE, "files", "use hard links for files of equal content",
	  lint_duplicates },
	{ "leftovers", LINT_SIZE, "files", "remove caches, logs and backups from the tree",
	  lint_leftovers },
	{ "dirty-free-blocks", LINT_SIZE, "blocks",
	  "make the file system anew from a tree (mke2fs -d), or use zerofree", lint_free_blocks },
	{ "dirty-slack", LINT_SIZE, "files",
	  "make the file system anew from a tree: bytes behind the ends of files are not zero",
	  lint_slack },
	{ NULL, LINT_SIZE, NULL, NULL, NULL },
};

const struct lint_check *lint_checks(void)
{
	return CHECKS;
}

struct lint_run *lint_run_new(struct lint_image *image, struct lint_image *old, gint64 epoch_s)
{
	struct lint_run *run = g_new0(struct lint_run, 1);

	run->image = image;
	run->old = old;
	run->epoch_s = epoch_s;
	run->patches = g_new(gint64, image->files->len + 1);
	for (guint i = 0; i < image->files->len; i++)
		run->patches[i] = -1;
	run->metadata = lint_image_metadata(image);
	run->old_metadata = old != NULL ? lint_image_metadata(old) : NULL;
	return run;
}

void lint_run_free(struct lint_run *run)
{
	g_array_unref(run->metadata);
	g_clear_pointer(&run->old_metadata, g_array_unref);
	g_free(run->patches);
	g_free(run);
}

const struct lint_file *lint_old_self(const struct lint_run *run, const struct lint_file *file)
{
	return run->old != NULL ? lint_image_match(run->old, file->file->path) : NULL;
}

gboolean lint_is_same(const struct lint_run *run, const struct lint_file *file)
{
	const struct lint_file *old = lint_old_self(run, file);

	return old != NULL && old->hash == file->hash &&
	       old->file->size_bytes == file->file->size_bytes;
}

uint64_t lint_patch(struct lint_run *run, guint index)
{
	const struct lint_file *file = &g_array_index(run->image->files, struct lint_file, index);
	const struct lint_file *old = lint_old_self(run, file);
	g_autoptr(GBytes) content = NULL;
	g_autoptr(GBytes) old_content = NULL;

	if (run->old == NULL || !file->is_readable || lint_is_same(run, file))
		return 0;
	if (run->patches[index] < 0) {
		content = lint_image_read(run->image, file);
		old_content = old != NULL ? lint_image_read(run->old, old) : NULL;
		run->patches[index] = (gint64)patchsize(content, old_content);
	}
	return (uint64_t)run->patches[index];
}

const char *lint_plain_path(const char *path)
{
	const char *const inner = g_str_has_prefix(path, ".initrd") ? strchr(path, '/') : NULL;

	return inner != NULL ? inner + 1 : path;
}

void lint_finding_example(struct lint_finding *finding, const char *path)
{
	for (unsigned i = 0; i < LINT_EXAMPLES_MAX; i++)
		if (finding->examples[i] == NULL) {
			finding->examples[i] = path;
			return;
		}
}

void lint_finding_extent(struct lint_finding *finding, const struct filemap_extent *extent)
{
	g_array_append_val(finding->extents, *extent);
}

void lint_finding_file(struct lint_run *run, struct lint_finding *finding,
		       const struct filemap_file *file)
{
	finding->count++;
	finding->bytes += file->size_bytes;
	lint_finding_example(finding, file->path);
	for (unsigned i = 0; i < file->extent_count; i++)
		lint_finding_extent(finding,
				    &g_array_index(run->image->map->extents, struct filemap_extent,
						   file->first_extent + i));
}

/* One bit for each block that the extents touch. */
static uint8_t *blocks_touched(const struct lint_run *run, const GArray *extents, uint64_t count)
{
	uint8_t *touched = g_malloc0((size_t)(count / 8 + 1));

	for (guint i = 0; i < extents->len; i++) {
		const struct filemap_extent *extent = &g_array_index(extents, struct filemap_extent,
								     i);
		const uint64_t end = extent->image_offset + extent->size_bytes;

		for (uint64_t block = extent->image_offset / LINT_BLOCK_SIZE;
		     block * LINT_BLOCK_SIZE < end; block++)
			if (block < count)
				touched[block / 8] |= (uint8_t)(1u << block % 8);
	}
	return touched;
}

gint64 lint_fetch(struct lint_run *run, const GArray *extents)
{
	const uint64_t count = run->image->map->size_bytes / LINT_BLOCK_SIZE;
	g_autofree uint8_t *touched = blocks_touched(run, extents, count);
	g_autoptr(GByteArray) frame = g_byte_array_new();
	gint64 total = 0;

	for (uint64_t block = 0; block <= count; block++) {
		const uint8_t *bytes = run->image->bytes + block * LINT_BLOCK_SIZE;
		const gboolean is_wanted = block < count &&
					   (touched[block / 8] >> block % 8 & 1) != 0 &&
					   !bytes_are_zero(bytes, LINT_BLOCK_SIZE) &&
					   (run->old == NULL ||
					    !lint_image_has_block(run->old, bytes));

		if (is_wanted)
			g_byte_array_append(frame, bytes, LINT_BLOCK_SIZE);
		if (frame->len == FRAME_SIZE || (block == count && frame->len > 0)) {
			g_autoptr(GBytes) content = g_bytes_new_static(frame->data, frame->len);

			total += (gint64)patchsize(content, NULL);
			g_byte_array_set_size(frame, 0);
		}
	}
	return total;
}

struct lint_finding lint_check_run(const struct lint_check *check, struct lint_run *run)
{
	struct lint_finding finding = {
		.delta_bytes = -1,
		.fetch_bytes = -1,
		.extents = g_array_new(FALSE, FALSE, sizeof(struct filemap_extent)),
	};

	check->run(run, &finding);
	if (finding.extents->len > 0)
		finding.fetch_bytes = lint_fetch(run, finding.extents);
	return finding;
}

void lint_finding_done(struct lint_finding *finding)
{
	g_array_unref(finding->extents);
}
