/* SPDX-License-Identifier: MIT */
#include "hooks.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "failure.h"
#include "tap.h"
#include "tempdir.h"

/* Two folders of hooks, and a place where they leave marks. */
struct bench {
	char *folder;
	char *first;
	char *second;
	char *kind; /* where the second folder's hooks of the kind are */
	const char *dirs[3];
	enum hooks_kind asked;
};

static void bench_init(struct bench *bench)
{
	bench->folder = tempdir_new();
	bench->first = g_build_filename(bench->folder, "usr", NULL);
	bench->second = g_build_filename(bench->folder, "etc", NULL);
	bench->dirs[0] = bench->first;
	bench->dirs[1] = bench->second;
	bench->dirs[2] = NULL;
	bench->asked = HOOKS_PRE_REBOOT;
	bench->kind = g_build_filename(bench->second, "pre-reboot.d", NULL);
}

static void bench_done(struct bench *bench)
{
	g_free(bench->first);
	g_free(bench->second);
	g_free(bench->kind);
	tempdir_free(bench->folder);
}

/* `name` is FOLDER/FILE. */
static void hook_add(const struct bench *bench, const char *name, const char *body)
{
	g_auto(GStrv) parts = g_strsplit(name, "/", 2);
	g_autofree char *path = g_strdup_printf("%s/%s.d/%s", parts[0], hooks_name(bench->asked),
						parts[1]);
	g_autofree char *text = g_strdup_printf("#!/bin/sh\nM='%s/marks'\n%s\n", bench->folder,
						body);

	expect(tempdir_write(bench->folder, path, text, 0755));
}

static fault hooks_ask(const struct bench *bench, unsigned time_s, char **ret_message)
{
	const struct hooks_options options = { .folders = bench->dirs,
					       .time_s = time_s,
					       .trust_owner = TRUE };
	const struct hooks_event event = { .version = "2.0",
					   .slot = "b",
					   .root_hash = "abcd",
					   .reason = "by\nhand",
					   .why = FAULT_SLOT_TRIES_SPENT };
	g_autoptr(GError) error = NULL;
	const gboolean done = hooks_run(bench->asked, &event, &options, NULL, &error);

	expect(done == (error == NULL));
	if (ret_message != NULL)
		*ret_message = g_strdup(error != NULL ? error->message : "");
	return error != NULL ? failure_code(error) : FAULT_OK;
}

static char *marks(const struct bench *bench)
{
	g_autofree char *path = g_build_filename(bench->folder, "marks", NULL);
	char *text = NULL;

	return g_file_get_contents(path, &text, NULL, NULL) ? text : g_strdup("");
}

static void test_none(void)
{
	struct bench bench;

	bench_init(&bench);
	expect(hooks_ask(&bench, 5, NULL) == FAULT_OK);
	bench_done(&bench);
}

/* By name over both folders; one in /etc takes the place of one in /usr; a link takes one out. */
static void test_order(void)
{
	struct bench bench;
	g_autofree char *mask = NULL;
	g_autofree char *left = NULL;

	bench_init(&bench);
	mask = g_build_filename(bench.kind, "30-masked", NULL);
	hook_add(&bench, "usr/20-b", "echo b >>$M");
	hook_add(&bench, "usr/40-d", "echo wrong >>$M; exit 1");
	hook_add(&bench, "usr/30-masked", "echo masked >>$M; exit 1");
	hook_add(&bench, "etc/40-d", "echo d >>$M");
	hook_add(&bench, "etc/10-a", "echo a $AZUPDATE_VERSION $AZUPDATE_KIND $AZUPDATE_HOOK >>$M");
	hook_add(&bench, "etc/50-e~", "exit 1");
	expect(symlink("/dev/null", mask) == 0);
	expect(hooks_ask(&bench, 5, NULL) == FAULT_OK);
	left = marks(&bench);
	expect(strcmp(left, "a 2.0 pre-reboot 10-a\nb\nd\n") == 0);
	bench_done(&bench);
}

static void test_veto(void)
{
	struct bench bench;
	g_autofree char *message = NULL;
	g_autofree char *left = NULL;

	bench_init(&bench);
	hook_add(&bench, "etc/10-a", "echo a >>$M");
	hook_add(&bench, "etc/20-b", "printf 'backup runs until noon\\033\\nmore\\n' >&2; exit 3");
	hook_add(&bench, "etc/30-c", "echo c >>$M");
	expect(hooks_ask(&bench, 5, &message) == FAULT_HOOK_VETO);
	expect(strcmp(message, "pre-reboot hook 20-b: backup runs until noon (exit status 3)") ==
	       0);
	left = marks(&bench);
	expect(strcmp(left, "a\n") == 0);
	bench_done(&bench);
}

/* However much it says, the reason is its first line, cut. */
static void test_flood(void)
{
	struct bench bench;
	g_autofree char *message = NULL;

	bench_init(&bench);
	hook_add(&bench, "etc/10-a", "echo first; yes | head -c 1000000; exit 1");
	expect(hooks_ask(&bench, 20, &message) == FAULT_HOOK_VETO);
	expect(g_str_has_suffix(message, ": first (exit status 1)"));
	g_clear_pointer(&message, g_free);
	hook_add(&bench, "etc/10-a", "yes | tr -d '\\n' | head -c 100000; exit 1");
	expect(hooks_ask(&bench, 20, &message) == FAULT_HOOK_VETO);
	expect(strlen(message) > 256 && strlen(message) < 340);
	bench_done(&bench);
}

static void test_killed(void)
{
	struct bench bench;
	g_autofree char *message = NULL;

	bench_init(&bench);
	hook_add(&bench, "etc/10-a", "kill -9 $$");
	expect(hooks_ask(&bench, 5, &message) == FAULT_HOOK_VETO);
	expect(strstr(message, "signal 9") != NULL);
	bench_done(&bench);
}

static gboolean is_alive(const char *pid)
{
	g_autofree char *path = g_strdup_printf("/proc/%s/stat", pid);
	g_autofree char *text = NULL;

	return g_file_get_contents(path, &text, NULL, NULL) && strstr(text, ") Z ") == NULL;
}

/* With what it started. */
static void test_timeout(void)
{
	struct bench bench;
	g_autofree char *message = NULL;
	g_autofree char *left = NULL;

	bench_init(&bench);
	hook_add(&bench, "etc/10-a", "sleep 600 & echo $! >>$M; wait");
	expect(hooks_ask(&bench, 1, &message) == FAULT_HOOK_TIMEOUT);
	expect(strcmp(message, "pre-reboot hook 10-a did not end within 1 s") == 0);
	left = marks(&bench);
	expect(g_ascii_isdigit(*left) && !is_alive(g_strstrip(left)));
	bench_done(&bench);
}

static void test_refused(void)
{
	struct bench bench;
	g_autofree char *message = NULL;
	g_autofree char *path = NULL;

	bench_init(&bench);
	hook_add(&bench, "etc/10-a", "exit 0");
	path = g_build_filename(bench.kind, "10-a", NULL);
	expect(g_chmod(path, 0777) == 0);
	expect(hooks_ask(&bench, 5, &message) == FAULT_HOOK_FOLDER);
	expect(strstr(message, "10-a") != NULL && strstr(message, "0777") != NULL);
	expect(g_chmod(path, 0644) == 0);
	expect(hooks_ask(&bench, 5, NULL) == FAULT_HOOK_RUN);
	expect(g_chmod(path, 0755) == 0 && g_chmod(bench.kind, 0775) == 0);
	expect(hooks_ask(&bench, 5, NULL) == FAULT_HOOK_FOLDER);
	expect(g_chmod(bench.kind, 0755) == 0 && g_chmod(bench.second, 0775) == 0);
	expect(hooks_ask(&bench, 5, NULL) == FAULT_HOOK_FOLDER);
	expect(g_chmod(bench.second, 0755) == 0);
	expect(hooks_ask(&bench, 5, NULL) == FAULT_OK);
	bench_done(&bench);
}

static gpointer cancel_soon(gpointer user_data)
{
	g_usleep(100000);
	g_cancellable_cancel(user_data);
	return NULL;
}

static void test_cancel(void)
{
	g_autoptr(GCancellable) cancellable = g_cancellable_new();
	g_autoptr(GError) error = NULL;
	struct bench bench;
	const struct hooks_event event = { .version = "2.0" };
	struct hooks_options options = { .time_s = 600, .trust_owner = TRUE };
	GThread *thread;

	bench_init(&bench);
	options.folders = bench.dirs;
	hook_add(&bench, "etc/10-a", "sleep 600");
	thread = g_thread_new("cancel", cancel_soon, cancellable);
	expect(!hooks_run(HOOKS_PRE_REBOOT, &event, &options, cancellable, &error));
	expect(error != NULL && failure_code(error) == FAULT_JOB_CANCELLED);
	g_thread_join(thread);
	bench_done(&bench);
}

/* Exactly these variables, with values that are fit to be used in a script. */
static void test_environment(void)
{
	static const char WANTED[] = "AZUPDATE_FAULT=113\nAZUPDATE_HOOK=10-a\n"
				     "AZUPDATE_KIND=pre-reboot\nAZUPDATE_REASON=by hand\n"
				     "AZUPDATE_ROOT_HASH=abcd\nAZUPDATE_RUNNING_VERSION=\n"
				     "AZUPDATE_SLOT=b\nAZUPDATE_TIMEOUT=5\nAZUPDATE_VERSION=2.0\n"
				     "LANG=C\n";
	struct bench bench;
	g_autofree char *left = NULL;

	bench_init(&bench);
	g_setenv("AZUPDATE_LEAK", "1", TRUE);
	hook_add(&bench, "etc/10-a",
		 "unset M PATH_; env | /usr/bin/env -i /bin/sh -c "
		 "\"/usr/bin/sort | /bin/grep -v -e '^PWD=' -e '^_=' -e "
		 "'^OLDPWD=' -e '^SHLVL=' -e '^PATH='\" >\"${0%/*}/../../marks\"");
	expect(hooks_ask(&bench, 5, NULL) == FAULT_OK);
	left = marks(&bench);
	expect(strcmp(left, WANTED) == 0);
	g_unsetenv("AZUPDATE_LEAK");
	bench_done(&bench);
}

/* After the fact: all are told, and what failed is counted. */
static void test_after(void)
{
	struct bench bench;
	g_autofree char *message = NULL;
	g_autofree char *left = NULL;

	bench_init(&bench);
	bench.asked = HOOKS_POST_COMMIT;
	hook_add(&bench, "etc/10-a", "echo a >>$M; echo no room; exit 1");
	hook_add(&bench, "etc/20-b", "echo b >>$M");
	hook_add(&bench, "etc/30-c", "echo c >>$M; exit 2");
	expect(hooks_ask(&bench, 5, &message) == FAULT_HOOK_FAILED);
	expect(strcmp(message,
		      "post-commit hook 10-a: no room (exit status 1); and 1 more failed") == 0);
	left = marks(&bench);
	expect(strcmp(left, "a\nb\nc\n") == 0);
	bench_done(&bench);
}

static void test_kinds(void)
{
	for (unsigned i = 0; i < HOOKS_KIND_COUNT; i++) {
		const char *name = hooks_name((enum hooks_kind)i);

		expect(hooks_can_veto((enum hooks_kind)i) == (strncmp(name, "pre-", 4) == 0));
		for (unsigned j = 0; j < i; j++)
			expect(strcmp(name, hooks_name((enum hooks_kind)j)) != 0);
	}
}

static const struct tap_case CASES[] = {
	{ "kinds", test_kinds },
	{ "the environment", test_environment },
	{ "after the fact all are told", test_after },
	{ "no folders", test_none },
	{ "order and masks", test_order },
	{ "a veto ends it", test_veto },
	{ "a flood has a first line", test_flood },
	{ "killed by a signal", test_killed },
	{ "too late is a veto, and nothing is left", test_timeout },
	{ "writable by others", test_refused },
	{ "cancelled", test_cancel },
};
TAP_MAIN(CASES)
