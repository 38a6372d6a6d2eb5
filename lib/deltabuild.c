/* SPDX-License-Identifier: MIT */
#include "deltabuild.h"

#include <errno.h>
#include <string.h>

#include "deltacompanion.h"
#include "deltaframe.h"
#include "deltaplan.h"
#include "failure.h"

enum { BLOCK = DELTAINDEX_BLOCK_SIZE, SHORT_BLOCKS = 4 };

struct building {
	const struct deltabuild_options *options;
	struct deltaplan_images images;
	GPtrArray *stored; /* GByteArray of each frame */
	gint plain_count;
	gint failed_frame; /* plus one; 0: none */
};

static gboolean base_read(void *user_data, uint64_t offset, uint8_t *ret_bytes, size_t size_bytes,
			  GError **error)
{
	const struct deltacontent *base = user_data;

	memcpy(ret_bytes, deltacontent_bytes(base, offset), size_bytes);
	return TRUE;
}

/* Whether a device would get the right blocks out of this. */
static gboolean frame_check(const struct building *building, unsigned number,
			    const GByteArray *stored)
{
	const struct deltaframe_base base = { base_read, NULL, (gpointer)building->images.base,
					      deltacompanion_end(building->images.base) };
	const GArray *blocks =
		g_array_index(building->images.form->frames, struct deltaform_frame, number).blocks;
	const size_t size = (size_t)blocks->len * BLOCK;
	g_autofree uint8_t *made = g_malloc(size);
	uint8_t room[BLOCK];

	if (stored->len > DELTAINDEX_FRAME_STORED_MAX ||
	    !deltaframe_apply(stored->data, stored->len, &base, made, size, NULL))
		return FALSE;
	for (guint i = 0; i < blocks->len; i++)
		if (memcmp(made + (size_t)i * BLOCK,
			   deltascan_block(&building->images.new_content->image,
					   g_array_index(blocks, uint32_t, i), room),
			   BLOCK) != 0)
			return FALSE;
	return TRUE;
}

static gboolean frame_try(struct building *building, unsigned number, gboolean plain_only)
{
	struct deltaencode_plan plan;
	g_autoptr(GByteArray) stored = NULL;
	gboolean done;

	deltaencode_plan_init(&plan);
	deltaplan_make(&building->images, number, plain_only, &plan);
	stored = deltaencode_frame(&plan, &building->options->effort);
	deltaencode_plan_done(&plan);
	done = frame_check(building, number, stored);
	if (done)
		g_ptr_array_index(building->stored, number) = g_steal_pointer(&stored);
	return done;
}

static void frame_build(gpointer data, gpointer user_data)
{
	struct building *building = user_data;
	const unsigned number = (unsigned)GPOINTER_TO_SIZE(data) - 1;

	if (frame_try(building, number, FALSE))
		return;
	g_atomic_int_inc(&building->plain_count);
	if (!frame_try(building, number, TRUE))
		g_atomic_int_set(&building->failed_frame, (gint)number + 1);
}

static gboolean frames_build(struct building *building, unsigned jobs, GError **error)
{
	const guint count = building->images.form->frames->len;
	GThreadPool *pool = g_thread_pool_new(frame_build, building, (gint)jobs, TRUE, NULL);

	g_ptr_array_set_size(building->stored, (gint)count);
	for (gsize i = 0; i < count; i++)
		g_thread_pool_push(pool, GSIZE_TO_POINTER(i + 1), NULL);
	g_thread_pool_free(pool, FALSE, TRUE);
	if (building->failed_frame != 0)
		return failure_set(error, FAULT_DELTA_FRAME,
				   "frame %d does not give the right blocks", /* a bug of ours */
				   building->failed_frame - 1);
	return TRUE;
}

/* Adds a frame to the index, its blocks as runs. */
static void frame_index(const struct building *building, struct deltaindex *index, unsigned number)
{
	const GArray *blocks =
		g_array_index(building->images.form->frames, struct deltaform_frame, number).blocks;
	struct deltaindex_frame frame = {
		.stored_size = ((GByteArray *)g_ptr_array_index(building->stored, number))->len,
		.block_count = blocks->len,
		.first_output = index->outputs->len,
	};
	struct deltaindex_output output = { 0, 0 };

	for (guint i = 0; i < blocks->len; i++) {
		const uint32_t block = g_array_index(blocks, uint32_t, i);

		if (output.block_count > 0 && output.first_block + output.block_count == block) {
			output.block_count++;
			continue;
		}
		if (output.block_count > 0)
			g_array_append_val(index->outputs, output);
		output = (struct deltaindex_output){ block, 1 };
	}
	g_array_append_val(index->outputs, output);
	frame.output_count = index->outputs->len - frame.first_output;
	g_array_append_val(index->frames, frame);
}

static gboolean result_write(const struct building *building, const GArray *runs,
			     GByteArray *ret_index, FILE *frames, GError **error)
{
	g_autoptr(Deltaindex) index = deltaindex_new(
		(uint32_t)deltascan_blocks(&building->images.new_content->image),
		(uint32_t)deltascan_blocks(&building->images.base->image));
	g_autoptr(Deltaindex) again = NULL;
	g_autoptr(GByteArray) encoded = NULL;

	if (building->images.base->companion != NULL)
		index->companion_blocks = (uint32_t)deltascan_blocks(
			&building->images.base->companion->image);
	g_array_append_vals(index->runs, runs->data, runs->len);
	for (guint i = 0; i < building->stored->len; i++) {
		const GByteArray *stored = g_ptr_array_index(building->stored, i);

		frame_index(building, index, i);
		if (fwrite(stored->data, 1, stored->len, frames) != stored->len)
			return failure_set(error, FAULT_BUILD_OUTPUT,
					   "cannot write the delta's frames: %s",
					   g_strerror(errno));
	}
	encoded = deltaindex_encode(index);
	if (!deltaindex_decode(encoded->data, encoded->len, &again, error))
		return FALSE; /* too many runs: the images have too little in common */
	g_byte_array_append(ret_index, encoded->data, encoded->len);
	return TRUE;
}

static void report_fill(struct deltabuild_report *report, const struct building *building,
			const GArray *runs, guint index_size)
{
	*report = (struct deltabuild_report){
		.index_bytes = index_size,
		.frame_count = building->stored->len,
		.plain_count = (unsigned)building->plain_count,
	};
	for (guint i = 0; i < runs->len; i++) {
		const struct deltaindex_run *run = &g_array_index(runs, struct deltaindex_run, i);

		report->zero_blocks += run->kind == DELTAINDEX_ZERO ? run->block_count : 0;
		report->copied_blocks += run->kind == DELTAINDEX_COPY ? run->block_count : 0;
		report->made_blocks += run->kind == DELTAINDEX_MADE ? run->block_count : 0;
	}
	for (guint i = 0; i < building->stored->len; i++)
		report->frame_bytes += ((GByteArray *)g_ptr_array_index(building->stored, i))->len;
}

static void bytes_free(gpointer bytes)
{
	if (bytes != NULL)
		g_byte_array_unref(bytes);
}

gboolean deltabuild_make(const struct deltabuild_options *options, GByteArray *ret_index,
			 FILE *frames, struct deltabuild_report *ret_report, GError **error)
{
	const unsigned jobs = options->jobs > 0 ? options->jobs : g_get_num_processors();
	g_autoptr(Deltacontent) base = deltacontent_open(options->old_path, error);
	g_autoptr(Deltacontent)
		new_content = base != NULL ? deltacontent_open(options->new_path, error) : NULL;
	g_autoptr(GArray) runs = g_array_new(FALSE, FALSE, sizeof(struct deltaindex_run));
	g_autoptr(GPtrArray) stored = g_ptr_array_new_with_free_func(bytes_free);
	g_autoptr(GArray) pairs = NULL;
	struct deltaform form;
	struct building building = { .options = options, .stored = stored };
	gboolean done;

	if (new_content == NULL)
		return FALSE;
	deltascan_runs(&base->image, &new_content->image, SHORT_BLOCKS, runs);
	deltacontent_split(base, NULL);
	if (options->companion_path != NULL &&
	    !deltacompanion_add(base, options->companion_path, error))
		return FALSE;
	deltacontent_split(new_content, runs);
	pairs = deltapair_all(base, new_content, runs, jobs);
	deltaform_init(&form, new_content, pairs, runs);
	building.images = (struct deltaplan_images){ base, new_content, pairs, &form };
	done = frames_build(&building, jobs, error) &&
	       result_write(&building, runs, ret_index, frames, error);
	if (done)
		report_fill(ret_report, &building, runs, ret_index->len);
	deltaform_done(&form);
	return done;
}
