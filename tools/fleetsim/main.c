/* SPDX-License-Identifier: MIT */
/* Runs the policy for a whole fleet. The machines are dealt out to threads in pieces. */
#include <stdio.h>

#include "failure.h"
#include "plot.h"
#include "report.h"
#include "run.h"

enum { PIECE = 1000 };

struct share {
	const struct story *story;
	struct tally *tally;
	gint *next; /* the first machine that nobody has taken */
};

static gpointer share_run(gpointer data)
{
	const struct share *share = data;
	const int machines = share->story->options->machines;

	for (;;) {
		const int first = g_atomic_int_add(share->next, PIECE);

		if (first >= machines)
			return NULL;
		run_machines(share->story, first, MIN(machines, first + PIECE), share->tally);
	}
}

static struct tally *fleet_run(const struct story *story)
{
	const unsigned n_threads = (unsigned)story->options->threads;
	g_autofree GThread **threads = g_new(GThread *, n_threads);
	g_autofree struct share *shares = g_new(struct share, n_threads);
	struct tally *sum = tally_new(story);
	gint next = 0;

	for (unsigned i = 0; i < n_threads; i++) {
		shares[i] = (struct share){ story, tally_new(story), &next };
		threads[i] = g_thread_new("machines", share_run, &shares[i]);
	}
	for (unsigned i = 0; i < n_threads; i++) {
		g_thread_join(threads[i]);
		tally_add(sum, shares[i].tally);
		tally_free(shares[i].tally);
	}
	return sum;
}

static gboolean fleet_tell(const struct story *story, GError **error)
{
	struct tally *tally = fleet_run(story);
	gboolean done = report_check(story, tally);

	if (story->options->json)
		report_print_json(story, tally);
	else
		report_print(story, tally);
	if (done && story->options->svg != NULL)
		done = plot_write(story->options->svg, story, tally, error);
	tally_free(tally);
	return done;
}

static gboolean machine_tell(const struct story *story)
{
	struct tally *tally = tally_new(story);
	gboolean done;

	run_told(story, story->options->machine, tally);
	done = tally->impossible == 0;
	tally_free(tally);
	return done;
}

static int failure_show(const GError *error)
{
	g_autofree char *message = error != NULL ? failure_describe(error) : NULL;

	if (message != NULL)
		fprintf(stderr, "fleetsim: %s\n", message);
	return error != NULL && failure_code(error) == FAULT_ARGUMENT ? 2 : 1;
}

int main(int argc, char **argv)
{
	g_autoptr(GError) error = NULL;
	struct options options;
	struct story story;
	gboolean done;

	if (!options_parse(argc, argv, &options, &error))
		return failure_show(error);
	done = story_init(&story, &options, &error);
	if (done)
		done = options.machine >= 0 ? machine_tell(&story) : fleet_tell(&story, &error);
	story_done(&story);
	g_free(options.svg);
	return done ? 0 : failure_show(error);
}
