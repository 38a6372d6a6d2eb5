/* SPDX-License-Identifier: MIT */
#include "faultloop.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "failure.h"
#include "faultdisk.h"
#include "faulttext.h"
#include "layout.h"
#include "recstore.h"
#include "slotstore.h"
#include "sysfault.h"

enum { PATIENCE_S = 300, MESSAGE_SIZE = 256 };

/* In memory that parent and child share: what the command said. */
struct said {
	struct sysfault_report report;
	gboolean ended;
	gboolean done;
	fault why;
	char message[MESSAGE_SIZE];
};

struct loop {
	struct fixture *fixture;
	const struct command *command;
	const struct faultloop_options *options;
	struct faultloop_tally *tally;
	struct faultdisk *start;
	GHashTable *judged; /* names of states, and what was said of them */
	struct said *said;
	struct sysfault_plan plan;
};

static void violation(const struct loop *loop, const char *what)
{
	const struct said *said = loop->said;

	loop->tally->violations++;
	if (loop->options->quiet)
		return;
	printf("# VIOLATION %s, %s%s of call %lu (%s): %s", loop->command->name,
	       sysfault_ill_name(loop->plan.ill), loop->plan.sticky ? " for good" : "",
	       loop->plan.at, said->report.hit != NULL ? said->report.hit : "none", what);
	printf("; it said: %s\n", !said->ended ? "nothing" : said->done ? "done" : said->message);
}

static gboolean command_run(const struct loop *loop, GError **error)
{
	g_autoptr(Machine) machine = machine_open(&loop->fixture->config, error);

	return machine != NULL && loop->command->run(loop->fixture, machine, error);
}

/* To open the machine is the same for all commands: one of them has that looked at for the rest. */
static gboolean command_run_ill(const struct loop *loop, GError **error)
{
	const gboolean late = !loop->command->opens && !loop->options->every;
	g_autoptr(Machine) machine = late ? machine_open(&loop->fixture->config, error) : NULL;

	alarm(PATIENCE_S);
	if (loop->plan.ill == SYSFAULT_ENOMEM) /* sanitizers write pages about each */
		(void)dup2(open("/dev/null", O_WRONLY | O_CLOEXEC), STDERR_FILENO);
	if (!sysfault_start(&loop->plan, &loop->said->report))
		_exit(1);
	if (!late)
		return command_run(loop, error);
	return machine != NULL && loop->command->run(loop->fixture, machine, error);
}

static void child_run(struct loop *loop)
{
	struct said *said = loop->said;
	g_autoptr(GError) error = NULL;

	said->done = command_run_ill(loop, &error);
	said->why = error != NULL ? failure_code(error) : FAULT_OK;
	g_strlcpy(said->message, error != NULL ? error->message : "", sizeof said->message);
	said->ended = TRUE;
	_exit(0);
}

/* One run with one fault; the status as of wait(2). */
static int run_once(struct loop *loop)
{
	pid_t child;
	int status = 0;

	memset(loop->said, 0, sizeof *loop->said);
	fflush(stdout);
	child = fork();
	if (child == 0)
		child_run(loop);
	if (child < 0 || waitpid(child, &status, 0) != child)
		printf("Bail out! cannot run a child\n");
	return status;
}

/* The version that the next boot starts, decided as azboot does; 0: nothing, or nothing whole. */
static unsigned next_version(struct fixture *fixture)
{
	g_autoptr(Layout) layout = layout_find(fixture->disk, NULL);
	g_autoptr(Disk) state = layout_open(&layout->state, DISK_READ_ONLY, NULL);
	struct bootrec rec;
	unsigned slot;

	if (state == NULL || !recstore_load(state, &rec, NULL))
		return 0;
	slot = slot_choose(&rec.table, SLOT_NONE).index;
	for (unsigned version = 1; slot != SLOT_NONE && version < 4; version++)
		if (fixture_slot_holds(fixture, slot, fixture->bundle[version]))
			return version;
	return 0;
}

/* What was said must be so, and the machine must be able to boot. */
static void state_judge(const struct loop *loop)
{
	const struct command *command = loop->command;
	const unsigned next = next_version(loop->fixture);

	if (next == 0)
		violation(loop, "the next boot would start nothing that is whole");
	else if (next != command->after && (loop->said->done || next != command->before))
		violation(loop, "the next boot would start another release");
	if (loop->said->done && !command->is_done(loop->fixture))
		violation(loop, "it is not done");
}

static void again_judge(const struct loop *loop)
{
	g_autoptr(GError) error = NULL;

	if (!command_run(loop, &error))
		violation(loop, error->message);
	else if (!loop->command->is_done(loop->fixture) ||
		 next_version(loop->fixture) != loop->command->after)
		violation(loop, "given again, it is not done");
}

/* FAULT_ARGUMENT is also what an error of another library's becomes: no help to anybody. */
static gboolean is_named(const struct said *said)
{
	return said->why != FAULT_OK && said->why != FAULT_ARGUMENT && said->message[0] != '\0' &&
	       strcmp(faulttext_find((uint32_t)said->why)->name, "UNKNOWN") != 0;
}

/* GLib ends a process that gets no memory, and so do sanitizers; nothing else may. */
static void end_judge(const struct loop *loop, int status)
{
	struct faultloop_tally *tally = loop->tally;
	const struct said *said = loop->said;
	const gboolean aborted = WIFEXITED(status) ||
				 (WIFSIGNALED(status) &&
				  (WTERMSIG(status) == SIGABRT || WTERMSIG(status) == SIGTRAP));

	if (!said->ended && said->report.no_memory && aborted)
		tally->died++;
	else if (!said->ended)
		violation(loop, "it crashed or did not end");
	else if (said->done)
		tally->done++;
	else if (is_named(said))
		tally->refused++;
	else
		violation(loop, "it failed without a fault of its own");
}

/* A state and a word for it that were judged before need not be judged again. */
static void run_judge(struct loop *loop, int status)
{
	struct fixture *fixture = loop->fixture;
	g_autofree char *name = faultdisk_name(fixture->disk, fixture->config.state_dir);
	char *key = g_strdup_printf("%s %d", name, loop->said->done);

	end_judge(loop, status);
	if (!g_hash_table_add(loop->judged, key))
		return;
	loop->tally->states++;
	state_judge(loop);
	again_judge(loop);
}

static void faults_walk(struct loop *loop)
{
	for (loop->plan.at = 1;; loop->plan.at++) {
		int status;

		faultdisk_restore(loop->start);
		status = run_once(loop);
		if (loop->said->report.hit == NULL)
			return; /* it makes fewer calls than that */
		loop->tally->faults++;
		run_judge(loop, status);
	}
}

/* Without a fault: it completes, and is judged like the others. */
static void sound_run(struct loop *loop)
{
	const int status = run_once(loop);

	loop->tally->calls += loop->said->report.calls;
	if (!WIFEXITED(status) || !loop->said->done || loop->said->report.calls == 0)
		violation(loop, "without any fault it does not complete");
	state_judge(loop);
}

static void ills_walk(struct loop *loop)
{
	for (unsigned sticky = 0; sticky <= (loop->options->every ? 1 : 0); sticky++) {
		for (unsigned ill = SYSFAULT_EIO; ill < SYSFAULT_KILL; ill++) {
			/* Whoever is always interrupted, or gets half, never ends. */
			if (sticky != 0 && (ill == SYSFAULT_EINTR || ill == SYSFAULT_SHORT))
				continue;
			loop->plan = (struct sysfault_plan){
				.ill = (enum sysfault_ill)ill,
				.every = loop->options->every,
				.sticky = sticky != 0,
			};
			faults_walk(loop);
		}
	}
}

void faultloop_run(struct fixture *fixture, const struct command *command,
		   const struct faultloop_options *options, struct faultloop_tally *tally)
{
	struct loop loop = {
		.fixture = fixture, .command = command, .options = options, .tally = tally
	};

	loop.said = mmap(NULL, sizeof *loop.said, PROT_READ | PROT_WRITE,
			 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	loop.judged = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	command->prepare(fixture);
	loop.start = faultdisk_save(fixture->disk, fixture->config.state_dir);
	sound_run(&loop);
	ills_walk(&loop);
	faultdisk_free(loop.start);
	g_hash_table_unref(loop.judged);
	munmap(loop.said, sizeof *loop.said);
}
