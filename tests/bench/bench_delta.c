/* SPDX-License-Identifier: MIT */
/* bench-delta make OLD NEW INDEX FRAMES [JOBS [fast]]: writes a delta and says what it has.
 * bench-delta apply OLD INDEX FRAMES OUTPUT: makes the new image, as a device would. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "deltabuild.h"
#include "deltaframe.h"
#include "deltaindex.h"
#include "failure.h"

enum { BLOCK = DELTAINDEX_BLOCK_SIZE };

static gboolean make(int argc, char **argv, GError **error)
{
	const struct deltabuild_options options = {
		.old_path = argv[2],
		.new_path = argv[3],
		.jobs = argc > 6 ? (unsigned)strtoul(argv[6], NULL, 10) : 0,
		.effort = { .try_all = argc <= 7, .line_kb = 100 },
	};
	g_autoptr(GByteArray) index = g_byte_array_new();
	FILE *frames = fopen(argv[5], "wbe");
	struct deltabuild_report report;
	gboolean done;

	if (frames == NULL)
		return failure_set(error, FAULT_BUILD_OUTPUT, "cannot open %s", argv[5]);
	done = deltabuild_make(&options, index, frames, &report, error);
	if (fclose(frames) != 0 && done)
		return failure_set(error, FAULT_BUILD_OUTPUT, "cannot write %s", argv[5]);
	if (!done ||
	    !g_file_set_contents(argv[4], (const char *)index->data, (gssize)index->len, error))
		return FALSE;
	printf("blocks: zero %" G_GUINT64_FORMAT " copied %" G_GUINT64_FORMAT
	       " made %" G_GUINT64_FORMAT "\n",
	       report.zero_blocks, report.copied_blocks, report.made_blocks);
	printf("frames: %u, of these plain %u\n", report.frame_count, report.plain_count);
	printf("bytes: index %" G_GUINT64_FORMAT " frames %" G_GUINT64_FORMAT
	       " all %" G_GUINT64_FORMAT "\n",
	       report.index_bytes, report.frame_bytes, report.index_bytes + report.frame_bytes);
	return TRUE;
}

static gboolean file_read(void *user_data, uint64_t offset, uint8_t *ret_bytes, size_t size_bytes,
			  GError **error)
{
	if (fseeko(user_data, (off_t)offset, SEEK_SET) != 0 ||
	    fread(ret_bytes, 1, size_bytes, user_data) != size_bytes)
		return failure_set(error, FAULT_DISK_READ,
				   "cannot read %zu bytes at %" G_GUINT64_FORMAT, size_bytes,
				   offset);
	return TRUE;
}

/* What a device holds while it applies a delta. */
struct device {
	FILE *old_file, *frames, *output;
	uint64_t old_size;
	struct deltaindex *index;
	uint8_t *blocks;
};

static gboolean output_write(struct device *device, uint64_t block, const uint8_t *bytes,
			     uint64_t count)
{
	return fseeko(device->output, (off_t)(block * BLOCK), SEEK_SET) == 0 &&
	       fwrite(bytes, BLOCK, count, device->output) == count;
}

static gboolean run_apply(struct device *device, const struct deltaindex_run *run, GError **error)
{
	for (uint64_t i = 0; run->kind == DELTAINDEX_COPY && i < run->block_count; i++) {
		const uint64_t offset = (run->from + i) * BLOCK;

		memset(device->blocks, 0, BLOCK);
		if (!file_read(device->old_file, offset, device->blocks,
			       (size_t)MIN(BLOCK, device->old_size - offset), error))
			return FALSE;
		if (!output_write(device, run->first_block + i, device->blocks, 1))
			return failure_set(error, FAULT_DISK_WRITE, "cannot write a block");
	}
	return TRUE;
}

static gboolean frame_apply(struct device *device, const struct deltaindex_frame *frame,
			    GError **error)
{
	const struct deltaframe_base base = { file_read, NULL, device->old_file, device->old_size };
	g_autofree uint8_t *stored = g_malloc(frame->stored_size);
	const uint8_t *from = device->blocks;

	if (!file_read(device->frames, frame->offset, stored, frame->stored_size, error) ||
	    !deltaframe_apply(stored, frame->stored_size, &base, device->blocks,
			      (size_t)frame->block_count * BLOCK, error))
		return FALSE;
	for (uint32_t i = 0; i < frame->output_count; i++) {
		const struct deltaindex_output *output = &g_array_index(
			device->index->outputs, struct deltaindex_output, frame->first_output + i);

		if (!output_write(device, output->first_block, from, output->block_count))
			return failure_set(error, FAULT_DISK_WRITE, "cannot write a block");
		from += (size_t)output->block_count * BLOCK;
	}
	return TRUE;
}

static gboolean device_run(struct device *device, GError **error)
{
	if ((device->old_size + BLOCK - 1) / BLOCK != device->index->base_blocks)
		return failure_set(error, FAULT_DELTA_BASE,
				   "the base has %" G_GUINT64_FORMAT " bytes, not %u blocks",
				   device->old_size, device->index->base_blocks);
	for (guint i = 0; i < device->index->runs->len; i++)
		if (!run_apply(device,
			       &g_array_index(device->index->runs, struct deltaindex_run, i),
			       error))
			return FALSE;
	for (guint i = 0; i < device->index->frames->len; i++)
		if (!frame_apply(device,
				 &g_array_index(device->index->frames, struct deltaindex_frame, i),
				 error))
			return FALSE;
	/* The last block is written whole; zeros at the end may not have been written at all. */
	if (fflush(device->output) != 0 ||
	    ftruncate(fileno(device->output), (off_t)device->index->new_blocks * BLOCK) != 0)
		return failure_set(error, FAULT_DISK_WRITE, "cannot write the image");
	return TRUE;
}

static gboolean apply(int argc, char **argv, GError **error)
{
	struct device device = {
		fopen(argv[2], "rbe"), fopen(argv[4], "rbe"), fopen(argv[5], "wbe"), 0, NULL, NULL
	};
	g_autofree char *index = NULL;
	struct rusage usage;
	gsize index_size;
	gboolean done;

	if (device.old_file == NULL || device.frames == NULL || device.output == NULL)
		return failure_set(error, FAULT_BUILD_INPUT, "cannot open a file: %s",
				   g_strerror(errno));
	if (!g_file_get_contents(argv[3], &index, &index_size, error) ||
	    !deltaindex_decode((const uint8_t *)index, index_size, &device.index, error) ||
	    fseeko(device.old_file, 0, SEEK_END) != 0)
		return FALSE;
	device.old_size = (uint64_t)ftello(device.old_file);
	device.blocks = g_malloc(DELTAINDEX_FRAME_BLOCKS_MAX * BLOCK);
	done = device_run(&device, error);
	getrusage(RUSAGE_SELF, &usage);
	printf("memory: %ld KiB at most, CPU: %ld.%02ld s\n", usage.ru_maxrss,
	       usage.ru_utime.tv_sec, usage.ru_utime.tv_usec / 10000);
	g_free(device.blocks);
	deltaindex_free(device.index);
	fclose(device.old_file);
	fclose(device.frames);
	fclose(device.output);
	return done;
}

int main(int argc, char **argv)
{
	g_autoptr(GError) error = NULL;
	gboolean done = FALSE;

	if (argc >= 6 && strcmp(argv[1], "make") == 0)
		done = make(argc, argv, &error);
	else if (argc == 6 && strcmp(argv[1], "apply") == 0)
		done = apply(argc, argv, &error);
	else
		fprintf(stderr, "usage: bench-delta make|apply ...\n");
	if (error != NULL)
		fprintf(stderr, "bench-delta: %s\n", error->message);
	return done ? 0 : 1;
}
