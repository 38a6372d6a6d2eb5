/* SPDX-License-Identifier: MIT */
/* Reads ranges of a URL as an install does, for http_test.py: http_driver URL OPTION... RANGE...
 *
 * OPTION is name=value (struct source_options, and the driver's own), RANGE is OFFSET:SIZE. All
 * ranges are announced, unless schedule=0, and read. Prints one JSON object. $WORKER: the path
 * of a worker that does it; $WORKER_SOCKETS: where systemd listens for one. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "failure.h"
#include "faulttext.h"
#include "ranges.h"
#include "source.h"
#include "worker.h"

enum { SILENCE_S = 60 };

struct driver {
	struct source_options options;
	unsigned schedule;
	unsigned chunk_bytes;
	unsigned cancel_ms; /* after the first read has begun; 0: never */
	unsigned waits;
	GArray *ranges;
	GCancellable *cancellable;
};

static gboolean number_set(struct driver *driver, const char *name, uint64_t value)
{
	const struct {
		const char *name;
		unsigned *member;
	} ROWS[] = {
		{ "parallel", &driver->options.parallel },
		{ "retry_time", &driver->options.retry_time_s },
		{ "greet_time", &driver->options.greet_time_s },
		{ "retry_first", &driver->options.retry_first_ms },
		{ "retry_most", &driver->options.retry_most_ms },
		{ "slow", &driver->options.slow_bytes_s },
		{ "slow_time", &driver->options.slow_time_s },
		{ "schedule", &driver->schedule },
		{ "chunk", &driver->chunk_bytes },
		{ "cancel", &driver->cancel_ms },
	};

	for (size_t i = 0; i < G_N_ELEMENTS(ROWS); i++)
		if (strcmp(ROWS[i].name, name) == 0) {
			*ROWS[i].member = (unsigned)value;
			return TRUE;
		}
	if (strcmp(name, "rate") == 0)
		driver->options.rate_bytes_s = value;
	return strcmp(name, "rate") == 0;
}

static void text_set(struct driver *driver, const char *name, const char *value)
{
	const struct {
		const char *name;
		const char **member;
	} ROWS[] = {
		{ "proxy", &driver->options.proxy },
		{ "ca", &driver->options.ca_file },
		{ "certificate", &driver->options.certificate },
		{ "key", &driver->options.key },
	};

	for (size_t i = 0; i < G_N_ELEMENTS(ROWS); i++)
		if (strcmp(ROWS[i].name, name) == 0) {
			*ROWS[i].member = value;
			return;
		}
	if (!number_set(driver, name, g_ascii_strtoull(value, NULL, 10)))
		g_error("no such option: %s", name);
}

static void argument_take(struct driver *driver, char *argument)
{
	char *equals = strchr(argument, '=');
	char *colon = strchr(argument, ':');
	struct source_range range;

	if (equals != NULL) {
		*equals = '\0';
		text_set(driver, argument, equals + 1);
		return;
	}
	range.offset = g_ascii_strtoull(argument, NULL, 10);
	range.size_bytes = g_ascii_strtoull(colon + 1, NULL, 10);
	g_array_append_val(driver->ranges, range);
}

static void waiting(gpointer user_data, const char *why, unsigned wait_ms)
{
	struct driver *driver = user_data;

	driver->waits++;
}

static gpointer cancel_later(gpointer user_data)
{
	struct driver *driver = user_data;

	g_usleep(driver->cancel_ms * 1000UL);
	g_cancellable_cancel(driver->cancellable);
	return NULL;
}

static gboolean range_read(struct driver *driver, struct source *source,
			   const struct source_range *range, GChecksum *sum, GError **error)
{
	g_autofree uint8_t *bytes = g_malloc(driver->chunk_bytes);

	for (uint64_t done = 0; done < range->size_bytes;) {
		const size_t size = (size_t)MIN(driver->chunk_bytes, range->size_bytes - done);

		if (!source_read(source, range->offset + done, bytes, size, error))
			return FALSE;
		g_checksum_update(sum, bytes, (gssize)size);
		done += size;
	}
	return TRUE;
}

static gboolean ranges_read(struct driver *driver, struct source *source, GChecksum *sum,
			    GError **error)
{
	const struct source_range *ranges = (const struct source_range *)driver->ranges->data;

	if (driver->schedule)
		source_schedule(source, ranges, driver->ranges->len);
	for (guint i = 0; i < driver->ranges->len; i++)
		if (!range_read(driver, source, &ranges[i], sum, error))
			return FALSE;
	return TRUE;
}

static void report(const struct driver *driver, const struct source *source, GChecksum *sum,
		   const GError *error)
{
	g_autofree char *text = g_strescape(error != NULL ? error->message : "", NULL);
	const fault why = error != NULL ? failure_code(error) : FAULT_OK;

	printf("{\"fault\": \"%s\", \"text\": \"%s\", \"sha256\": \"%s\"",
	       faulttext_find(why)->name, text, g_checksum_get_string(sum));
	if (source != NULL)
		printf(", \"requests\": %u, \"retries\": %u, \"fetched\": %" G_GUINT64_FORMAT
		       ", \"total\": %" G_GUINT64_FORMAT ", \"name\": \"%s\"",
		       source->requests, source->retries, source->fetched_bytes,
		       source->total_bytes, source->name);
	printf(", \"waits\": %u}\n", driver->waits);
}

int main(int argc, char **argv)
{
	const char *silence = getenv("WORKER_SILENCE");
	const struct workers workers = { getenv("WORKER"),
					 silence != NULL ? (unsigned)strtoul(silence, NULL, 10)
							 : SILENCE_S,
					 getenv("WORKER_SOCKETS") };
	struct driver driver = { .options = source_options_default(),
				 .schedule = 1,
				 .chunk_bytes = 65536 };
	g_autoptr(GChecksum) sum = g_checksum_new(G_CHECKSUM_SHA256);
	g_autoptr(Source) source = NULL;
	g_autoptr(GError) error = NULL;
	g_autoptr(GThread) canceller = NULL;

	driver.ranges = g_array_new(FALSE, FALSE, sizeof(struct source_range));
	driver.cancellable = g_cancellable_new();
	driver.options.waiting = waiting;
	driver.options.user_data = &driver;
	driver.options.workers = workers.program != NULL || workers.sockets != NULL ? &workers
										    : NULL;
	for (int i = 2; i < argc; i++)
		argument_take(&driver, argv[i]);
	if (driver.cancel_ms > 0)
		canceller = g_thread_new("cancel", cancel_later, &driver);
	source = source_open_http(argv[1], &driver.options, driver.cancellable, &error);
	if (source != NULL)
		(void)ranges_read(&driver, source, sum, &error); /* `error` is what is reported */
	report(&driver, source, sum, error);
	if (canceller != NULL)
		g_thread_join(g_steal_pointer(&canceller));
	g_array_free(driver.ranges, TRUE);
	g_object_unref(driver.cancellable);
	return 0;
}
