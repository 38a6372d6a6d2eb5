/* SPDX-License-Identifier: MIT */
/* Reads a bundle out of an ostree repository: ostree_driver URL KEYS STATE OUTPUT [RETRY-S [AT
 * SIZE]]. All of it, or the range, goes into OUTPUT; tells requests and bytes. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bundle.h"
#include "failure.h"
#include "source_ostree.h"

enum { STEP = 1 << 20 };

static gboolean range_copy(struct source *source, uint64_t at, uint64_t end, FILE *to,
			   GError **error)
{
	g_autofree uint8_t *bytes = g_malloc(STEP);

	for (size_t size; at < end; at += size) {
		size = (size_t)MIN(STEP, end - at);
		if (!source_read(source, at, bytes, size, error))
			return FALSE;
		fwrite(bytes, 1, size, to);
	}
	return TRUE;
}

static gboolean run(struct source *source, char **words, GError **error)
{
	g_autoptr(Bundle) bundle = bundle_open(source, NULL, error);
	const gboolean is_range = words[4] != NULL && words[5] != NULL && words[6] != NULL;
	const uint64_t at = is_range ? strtoull(words[5], NULL, 10) : 0;
	FILE *to = fopen(words[3], "wbe");
	gboolean done;

	if (bundle == NULL || to == NULL)
		return FALSE;
	done = range_copy(source, at,
			  is_range ? at + strtoull(words[6], NULL, 10) : bundle->total_bytes, to,
			  error);
	fclose(to);
	printf("%u requests, %u retries, %" G_GUINT64_FORMAT " bytes, of %s\n", source->requests,
	       source->retries, source->fetched_bytes, source_ostree_origin(source));
	return done;
}

int main(int argc, char **argv)
{
	struct source_options network = source_options_default();
	const struct source_ostree_options ostree = { .keys = argc > 4 ? argv[2] : NULL,
						      .state = argc > 4 ? argv[3] : NULL,
						      .max_time_s = 30 };
	g_autoptr(GError) error = NULL;
	g_autoptr(Source) source = NULL;

	if (argc < 5)
		return 2;
	network.retry_first_ms = 50;
	network.retry_most_ms = 200;
	network.retry_time_s = argc > 5 ? (unsigned)strtoul(argv[5], NULL, 10) : 0;
	source = source_open_ostree(argv[1], &ostree, &network, NULL, &error);
	if (source != NULL && run(source, argv + 1, &error))
		return 0;
	if (error != NULL) {
		g_autofree char *text = failure_describe(error);

		fprintf(stderr, "%s\n", text);
	}
	return 1;
}
