/* SPDX-License-Identifier: MIT */
/* Programs that behave as badly as they can, over each way to run one that needs no systemd. Each
 * leaves a file with the number of the process that must be gone afterwards. */
#include "healthexec.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "tap.h"
#include "tempdir.h"

struct bench {
	char *folder;
	char *script;
	enum healthexec_back back;
};

static char *const ENVIRONMENT[] = { (char *)"PATH=/usr/sbin:/usr/bin:/sbin:/bin", NULL };

static struct healthexec_result run(const struct bench *bench, const char *body, unsigned timeout_s)
{
	g_autofree char *text = g_strdup_printf("#!/bin/bash\ncd %s\n%s\n", bench->folder, body);
	const struct healthexec_program program = { .path = bench->script,
						    .environment = ENVIRONMENT,
						    .timeout_s = timeout_s,
						    .tasks_max = HEALTHEXEC_TASKS,
						    .memory_mib = HEALTHEXEC_MEMORY_MIB,
						    .back = bench->back };
	struct healthexec_result result;

	expect(tempdir_write(bench->folder, "script", text, 0755));
	healthexec_call(&program, NULL, &result);
	return result;
}

static bool is_gone(const struct bench *bench, const char *name)
{
	g_autofree char *path = g_build_filename(bench->folder, name, NULL);
	g_autofree char *text = NULL;
	g_autofree char *stat_path = NULL;
	g_autofree char *stat = NULL;
	long pid;

	if (!g_file_get_contents(path, &text, NULL, NULL))
		return false;
	pid = strtol(text, NULL, 10);
	if (pid <= 1)
		return false;
	stat_path = g_strdup_printf("/proc/%ld/stat", pid);
	/* What is dead may be a zombie until somebody else buries it. */
	return !g_file_get_contents(stat_path, &stat, NULL, NULL) || strstr(stat, ") Z ") != NULL;
}

static void check_exit(const struct bench *bench)
{
	struct healthexec_result result = run(bench, "echo no route; echo more >&2; exit 3", 20);

	expect(result.end == HEALTHEXEC_EXITED && result.number == 3);
	expect(strcmp(result.first, "no route") == 0);
	expect(strcmp(result.output, "no route\nmore\n") == 0);
	g_free(result.output);
	result = run(bench, "kill -SEGV $$", 20);
	expect(result.end == HEALTHEXEC_KILLED && result.number == SIGSEGV);
	g_free(result.output);
}

static void check_fork(const struct bench *bench)
{
	struct healthexec_result result = run(bench, "sleep 1000 & echo $! >left; exit 0", 20);

	expect(result.end == HEALTHEXEC_EXITED && result.number == 0);
	expect(is_gone(bench, "left"));
	g_free(result.output);
}

/* As a daemon does: twice forked, a session of its own, none of our descriptors; and it forks on
 * and on, so that who kills one by one comes late. */
static void check_daemon(const struct bench *bench)
{
	struct healthexec_result result = run(
		bench,
		"cat >daemon <<'END'\n"
		"#!/bin/bash\n"
		"trap '' TERM HUP INT\n"
		"echo $$ >left\n"
		"for i in 1 2 3 4 5 6 7 8; do setsid sleep 1000 & done\n"
		"setsid sleep 1000 & echo $! >last\n"
		"wait\n"
		"END\n"
		"chmod +x daemon\n"
		"(setsid ./daemon <&- >&- 2>&- &)\n"
		"while [ ! -s last ]; do sleep 0.05; done",
		60);

	expect(result.end == HEALTHEXEC_EXITED && result.number == 0);
	expect(is_gone(bench, "left") && is_gone(bench, "last"));
	g_free(result.output);
}

static void check_hang(const struct bench *bench)
{
	struct healthexec_result result = run(bench,
					      "trap '' TERM HUP INT QUIT\n"
					      "(setsid bash -c 'trap \"\" TERM; echo $$ >left; "
					      "while :; do sleep 1000; done' &)\n"
					      "while [ ! -s left ]; do sleep 0.05; done\n"
					      "echo $$ >self; echo waiting\n"
					      "while :; do sleep 1000; done",
					      5);

	expect(result.end == HEALTHEXEC_TIMEOUT && strcmp(result.first, "waiting") == 0);
	expect(is_gone(bench, "left") && is_gone(bench, "self"));
	g_free(result.output);
}

/* Output without end neither blocks us nor grows. */
static void check_flood(const struct bench *bench)
{
	struct healthexec_result result = run(bench, "echo $$ >self; echo first; exec yes", 1);

	expect(result.end == HEALTHEXEC_TIMEOUT && strcmp(result.first, "first") == 0);
	expect(strlen(result.output) <= HEALTH_OUTPUT_MAX && strlen(result.output) > 1000);
	expect(is_gone(bench, "self"));
	g_free(result.output);
}

static void check_missing(const struct bench *bench)
{
	const struct healthexec_program program = { .path = "/nowhere/at/all",
						    .environment = ENVIRONMENT,
						    .timeout_s = 5,
						    .back = bench->back };
	struct healthexec_result result;

	healthexec_call(&program, NULL, &result);
	expect(result.end == HEALTHEXEC_NOT_STARTED && result.number == ENOENT);
	g_free(result.output);
}

static void check_arguments(const struct bench *bench)
{
	static const char *const ARGUMENTS[] = { "-C",  "-c",    "printf '%s|' \"$0\" \"$@\"",
						 "a b", "$HOME", NULL };
	const struct healthexec_program program = { .path = "/bin/bash",
						    .arguments = ARGUMENTS,
						    .environment = ENVIRONMENT,
						    .timeout_s = 20,
						    .back = bench->back };
	struct healthexec_result result;

	healthexec_call(&program, NULL, &result);
	expect(result.end == HEALTHEXEC_EXITED && strcmp(result.output, "a b|$HOME|") == 0);
	g_free(result.output);
}

static void (*const CHECKS[])(const struct bench *bench) = {
	check_exit,  check_fork,    check_daemon,    check_hang,
	check_flood, check_missing, check_arguments,
};

static void check_all(enum healthexec_back back)
{
	for (size_t i = 0; i < G_N_ELEMENTS(CHECKS); i++) {
		g_autofree char *script = NULL;
		struct bench bench = { .folder = tempdir_new(), .back = back };

		bench.script = script = g_build_filename(bench.folder, "script", NULL);
		CHECKS[i](&bench);
		tempdir_free(bench.folder);
	}
}

static void test_session(void)
{
	check_all(HEALTHEXEC_SESSION);
}

/* A container may give us none to divide. */
static void test_cgroup(void)
{
	const struct bench bench = { .folder = tempdir_new(),
				     .script = (char *)"/bin/true",
				     .back = HEALTHEXEC_CGROUP };
	struct healthexec_result result = run(&bench, "exit 0", 20);

	tempdir_free(bench.folder);
	g_free(result.output);
	if (result.end == HEALTHEXEC_NOT_STARTED && result.number == ENOTSUP)
		puts("# no cgroup v2 that can be divided: not tried");
	else
		check_all(HEALTHEXEC_CGROUP);
}

/* Without systemd a unit is not made into something else. */
static void test_unit(void)
{
	const struct healthexec_program program = { .path = "/bin/true",
						    .environment = ENVIRONMENT,
						    .timeout_s = 5,
						    .back = HEALTHEXEC_UNIT };
	struct healthexec_result result;

	healthexec_call(&program, NULL, &result);
	expect(result.end == HEALTHEXEC_NOT_STARTED && result.number == ENOTSUP);
	g_free(result.output);
}

static const struct tap_case CASES[] = {
	{ "in a session", test_session },
	{ "in a cgroup", test_cgroup },
	{ "as a unit, where there is no systemd", test_unit },
};
TAP_MAIN(CASES)
