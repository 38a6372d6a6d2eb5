/* SPDX-License-Identifier: MIT */
/* recode_driver FILE...: finds the compressed streams in each file, splits, expands and joins them.
 * One line per stream: kind, offset, size, raw size, size of the corrections (- if it was
 * refused). Fails if anything that was split does not come back. "-" reads names from input. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "recode.h"

static const char *const KINDS[RECODE_KIND_COUNT] = { "none", "gzip", "lz4" };

/* What the device does with what the builder made. */
static gboolean comes_back(const struct recode_span *span, const uint8_t *bytes,
			   const GByteArray *raw, const GByteArray *corrections)
{
	const struct recode_raw source = { raw->data, raw->len, corrections->data,
					   corrections->len };
	g_autofree uint8_t *expanded = g_malloc(raw->len + 1);
	g_autofree uint8_t *joined = g_malloc(span->size_bytes);

	if (recode_expand(span->kind, bytes, span->size_bytes, expanded, raw->len) != NULL ||
	    recode_join(span->kind, &source, joined, span->size_bytes) != NULL)
		return FALSE;
	return (raw->len == 0 || memcmp(expanded, raw->data, raw->len) == 0) &&
	       memcmp(joined, bytes, span->size_bytes) == 0;
}

static gboolean span_run(const char *path, const struct recode_span *span, const uint8_t *bytes)
{
	g_autoptr(GByteArray) raw = g_byte_array_new();
	g_autoptr(GByteArray) corrections = g_byte_array_new();
	const gboolean is_split = recode_split(span->kind, bytes, span->size_bytes, raw,
					       corrections);
	g_autofree char *count = is_split ? g_strdup_printf("%u", corrections->len) : g_strdup("-");

	printf("%s\t%s\t%" G_GUINT64_FORMAT "\t%" G_GUINT64_FORMAT "\t%u\t%s\n", path,
	       KINDS[span->kind], span->offset, span->size_bytes, raw->len, count);
	if (!is_split || comes_back(span, bytes, raw, corrections))
		return TRUE;
	fprintf(stderr, "%s: the stream at %" G_GUINT64_FORMAT " does not come back\n", path,
		span->offset);
	return FALSE;
}

static gboolean file_run(const char *path)
{
	g_autofree char *bytes = NULL;
	g_autoptr(GArray) spans = NULL;
	gsize size_bytes;
	gboolean is_fine = TRUE;

	if (!g_file_get_contents(path, &bytes, &size_bytes, NULL)) {
		fprintf(stderr, "%s: cannot be read\n", path);
		return FALSE;
	}
	spans = recode_find((const uint8_t *)bytes, size_bytes);
	if (spans->len == 0)
		printf("%s\tnone\t0\t0\t0\t-\n", path);
	for (guint i = 0; i < spans->len; i++) {
		const struct recode_span *span = &g_array_index(spans, struct recode_span, i);

		if (!span_run(path, span, (const uint8_t *)bytes + span->offset))
			is_fine = FALSE;
	}
	return is_fine;
}

static gboolean names_run(void)
{
	char path[4096];
	gboolean is_fine = TRUE;

	while (fgets(path, sizeof path, stdin) != NULL) {
		path[strcspn(path, "\n")] = '\0';
		if (!file_run(path))
			is_fine = FALSE;
	}
	return is_fine;
}

int main(int argc, char **argv)
{
	int status = EXIT_SUCCESS;

	for (int i = 1; i < argc; i++)
		if (!(strcmp(argv[i], "-") == 0 ? names_run() : file_run(argv[i])))
			status = EXIT_FAILURE;
	return status;
}
