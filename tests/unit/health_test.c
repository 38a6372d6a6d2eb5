/* SPDX-License-Identifier: MIT */
/* Runs real programs: small shell scripts in a folder of their own. */
#include "health.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "failure.h"
#include "tap.h"
#include "tempdir.h"

/* A folder of checks as a user would have it, and the one that overrides it. */
struct bench {
	char *base;
	char *usr;
	char *etc;
	char *folders[3];
	struct health_options options;
};

static struct bench *bench_new(void)
{
	struct bench *bench = g_new0(struct bench, 1);

	bench->base = tempdir_new();
	bench->usr = g_build_filename(bench->base, "usr", NULL);
	bench->etc = g_build_filename(bench->base, "etc", NULL);
	bench->folders[0] = bench->usr;
	bench->folders[1] = bench->etc;
	bench->options = (struct health_options){ .folders = bench->folders,
						  .timeout_s = 20,
						  .trust_owner = TRUE };
	return bench;
}

static void bench_free(struct bench *bench)
{
	tempdir_free(bench->base);
	g_free(bench->usr);
	g_free(bench->etc);
	g_free(bench);
}
typedef struct bench Bench; /* for g_autoptr() only */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Bench, bench_free)

static void bench_add(const struct bench *bench, const char *name, const char *body)
{
	g_autofree char *text = g_strdup_printf("#!/bin/sh\n%s\n", body);

	expect(tempdir_write(bench->base, name, text, 0755));
}

static struct health_result *bench_run(const struct bench *bench)
{
	g_autoptr(GError) error = NULL;
	struct health_result *result = health_run(&bench->options, NULL, &error);

	if (error != NULL)
		printf("# %s\n", error->message);
	expect(result != NULL);
	return result == NULL ? g_new0(struct health_result, 1) : result;
}

static const struct health_check *check_named(const struct health_result *result, const char *name)
{
	static const struct health_check NONE = { .name = NULL, .output = NULL, .runs = 99 };

	for (guint i = 0; result->checks != NULL && i < result->checks->len; i++) {
		const struct health_check *check = g_ptr_array_index(result->checks, i);

		if (strcmp(check->name, name) == 0)
			return check;
	}
	expect(!"the check was run");
	return &NONE;
}

static void test_none(void)
{
	g_autoptr(Bench) bench = bench_new();
	g_autoptr(HealthResult) result = bench_run(bench);

	expect(result->healthy && result->why == FAULT_OK && result->checks->len == 0);
	expect(result->reason != NULL);
}

static void test_pass_and_fail(void)
{
	g_autoptr(Bench) bench = bench_new();
	g_autoptr(HealthResult) result = NULL;
	const struct health_check *check;

	bench_add(bench, "usr/required.d/10-good", "echo fine; echo indeed >&2");
	bench_add(bench, "usr/required.d/20-bad", "echo no route; exit 3");
	bench_add(bench, "usr/wanted.d/wish", "exit 1");
	bench_add(bench, "usr/required.d/.hidden", "exit 1");
	bench_add(bench, "usr/required.d/backup~", "exit 1");
	result = bench_run(bench);
	expect(result->checks->len == 3);
	expect(!result->healthy && result->why == FAULT_HEALTH_REQUIRED);
	expect(g_strcmp0(result->reason, "check \"20-bad\" failed: exit status 3: no route") == 0);
	check = check_named(result, "10-good");
	expect(check->passed && check->required && check->exit_status == 0 && check->runs == 1);
	expect(g_strcmp0(check->output, "fine\nindeed\n") == 0);
	check = check_named(result, "20-bad");
	expect(!check->passed && check->why == FAULT_HEALTH_REQUIRED && check->exit_status == 3);
	check = check_named(result, "wish");
	expect(!check->passed && !check->required);
}

static void test_wanted_is_harmless(void)
{
	g_autoptr(Bench) bench = bench_new();
	g_autoptr(HealthResult) result = NULL;

	bench_add(bench, "usr/wanted.d/wish", "kill -9 $$");
	result = bench_run(bench);
	expect(result->healthy && result->why == FAULT_OK);
	expect(check_named(result, "wish")->exit_status == -1);
}

static void test_retries(void)
{
	g_autoptr(Bench) bench = bench_new();
	g_autoptr(HealthResult) result = NULL;

	bench->options.retries = 2;
	bench_add(bench, "usr/required.d/third", "test \"$AZUPDATE_RUN\" -eq 3");
	bench_add(bench, "usr/required.d/never", "echo run $AZUPDATE_RUN; exit 1");
	bench_add(bench, "usr/required.d/first", "exit 0");
	result = bench_run(bench);
	expect(!result->healthy);
	expect(check_named(result, "third")->passed && check_named(result, "third")->runs == 3);
	expect(!check_named(result, "never")->passed && check_named(result, "never")->runs == 3);
	expect(g_strcmp0(check_named(result, "never")->output, "run 3\n") == 0);
	expect(check_named(result, "first")->runs == 1);
}

/* The kernel needs a moment to bury what was killed. */
static gboolean process_is_gone(const char *pid_file)
{
	g_autofree char *text = NULL;
	pid_t pid;

	if (!g_file_get_contents(pid_file, &text, NULL, NULL))
		return FALSE;
	pid = (pid_t)g_ascii_strtoll(text, NULL, 10);
	if (pid <= 1)
		return FALSE;
	for (unsigned i = 0; i < 500; i++) {
		g_autofree char *path = g_strdup_printf("/proc/%d/stat", (int)pid);
		g_autofree char *stat = NULL;

		if (kill(pid, 0) != 0 && errno == ESRCH)
			return TRUE;
		if (!g_file_get_contents(path, &stat, NULL, NULL) || strstr(stat, ") Z ") != NULL)
			return TRUE;
		g_usleep(10000);
	}
	return FALSE;
}

static void test_timeout_kills_all(void)
{
	g_autoptr(Bench) bench = bench_new();
	g_autoptr(HealthResult) result = NULL;
	g_autofree char *pid_file = g_build_filename(bench->base, "grandchild", NULL);
	g_autofree char *body = g_strdup_printf(
		"trap '' TERM INT HUP\n"
		"(trap '' TERM HUP; sleep 1000 & echo $! >%s; wait) &\n"
		"echo waiting\nwait",
		pid_file);
	const gint64 start_us = g_get_monotonic_time();

	bench->options.timeout_s = 1;
	bench_add(bench, "usr/required.d/hang", body);
	result = bench_run(bench);
	expect(g_get_monotonic_time() - start_us < 15 * G_USEC_PER_SEC);
	expect(!result->healthy && result->why == FAULT_HEALTH_TIMEOUT);
	expect(g_strcmp0(result->reason, "check \"hang\" did not end within 1 s: waiting") == 0);
	expect(check_named(result, "hang")->exit_status == -1);
	expect(g_strcmp0(check_named(result, "hang")->output, "waiting\n") == 0);
	expect(check_named(result, "hang")->duration_ms >= 1000);
	expect(process_is_gone(pid_file));
}

/* A check that ends well but leaves something behind does not hang us, and leaves nothing. */
static void test_leftover(void)
{
	g_autoptr(Bench) bench = bench_new();
	g_autoptr(HealthResult) result = NULL;
	g_autofree char *pid_file = g_build_filename(bench->base, "left", NULL);
	g_autofree char *body = g_strdup_printf("sleep 1000 & echo $! >%s; exit 0", pid_file);

	bench_add(bench, "usr/required.d/leaves", body);
	result = bench_run(bench);
	expect(result->healthy);
	expect(process_is_gone(pid_file));
}

static void test_flood(void)
{
	g_autoptr(Bench) bench = bench_new();
	g_autoptr(HealthResult) result = NULL;
	const char *output;

	bench_add(bench, "usr/required.d/flood",
		  "head -c 3000000 /dev/zero | tr '\\0' x; echo; echo the end");
	result = bench_run(bench);
	output = check_named(result, "flood")->output;
	expect(output != NULL && strlen(output) <= HEALTH_OUTPUT_MAX && strlen(output) > 4000);
	expect(output != NULL && g_str_has_suffix(output, "x\nthe end\n"));
}

/* Two of three bytes are invalid or NUL, so making them valid more than doubles them. */
static void test_invalid_utf8(void)
{
	g_autoptr(Bench) bench = bench_new();
	g_autoptr(HealthResult) result = NULL;
	const char *output;

	bench_add(bench, "usr/required.d/bytes",
		  "i=0; while [ $i -lt 1700 ]; do printf '\\377\\000\\303\\251'; i=$((i+1)); done");
	result = bench_run(bench);
	output = check_named(result, "bytes")->output;
	expect(output != NULL && g_utf8_validate(output, -1, NULL));
	expect(output != NULL && strlen(output) <= HEALTH_OUTPUT_MAX && strlen(output) > 4000);
	expect(output != NULL && strstr(output, "\xc3\xa9") != NULL);
}

static void test_masking(void)
{
	g_autoptr(Bench) bench = bench_new();
	g_autoptr(HealthResult) result = NULL;
	g_autofree char *mask = g_build_filename(bench->etc, "required.d", "out", NULL);

	bench_add(bench, "usr/required.d/same", "echo from usr; exit 1");
	bench_add(bench, "usr/required.d/out", "exit 1");
	bench_add(bench, "etc/required.d/same", "echo from etc");
	expect(symlink("/dev/null", mask) == 0);
	result = bench_run(bench);
	expect(result->healthy && result->checks->len == 1);
	expect(g_strcmp0(check_named(result, "same")->output, "from etc\n") == 0);
}

static void expect_refused(const struct bench *bench, const char *named)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(HealthResult) result = health_run(&bench->options, NULL, &error);

	expect(result == NULL && failure_code(error) == FAULT_HEALTH_FOLDER);
	expect(error != NULL && strstr(error->message, named) != NULL);
}

static void test_writable_refused(void)
{
	g_autoptr(Bench) bench = bench_new();
	g_autofree char *folder = g_build_filename(bench->usr, "required.d", NULL);
	g_autofree char *file = g_build_filename(folder, "check", NULL);
	g_autofree char *proof = g_build_filename(bench->base, "ran", NULL);
	g_autofree char *body = g_strdup_printf("touch %s", proof);

	bench_add(bench, "usr/required.d/check", body);
	g_chmod(file, 0757);
	expect_refused(bench, "check");
	g_chmod(file, 0775);
	expect_refused(bench, "check");
	g_chmod(file, 0755);
	g_chmod(folder, 0777);
	expect_refused(bench, "required.d");
	g_chmod(folder, 0755);
	g_chmod(bench->usr, 0777);
	expect_refused(bench, "usr");
	g_chmod(bench->usr, 0755);
	expect(!g_file_test(proof, G_FILE_TEST_EXISTS));
	g_unlink(file);
	expect(symlink("/bin/true", file) == 0);
	expect_refused(bench, "neither a regular file");
}

/* Only root can give a file away, to show that it is then refused. */
static void test_stranger_refused(void)
{
	g_autoptr(Bench) bench = bench_new();
	g_autofree char *file = g_build_filename(bench->usr, "required.d", "check", NULL);

	bench_add(bench, "usr/required.d/check", "exit 0");
	if (geteuid() == 0) {
		expect(chown(file, 65534, 65534) == 0);
	} else {
		bench->options.trust_owner = FALSE;
	}
	expect_refused(bench, geteuid() == 0 ? "check" : "usr");
}

static void test_not_startable(void)
{
	g_autoptr(Bench) bench = bench_new();
	g_autoptr(HealthResult) result = NULL;

	bench->options.retries = 5;
	expect(tempdir_write(bench->base, "usr/required.d/a-text", "#!/bin/sh\nexit 0\n", 0644));
	expect(tempdir_write(bench->base, "usr/required.d/b-garbage", "neither\n", 0755));
	result = bench_run(bench);
	expect(!result->healthy && result->why == FAULT_HEALTH_RUN);
	expect(g_strcmp0(result->reason,
			 "check \"a-text\" could not be started: Permission denied") == 0);
	expect(check_named(result, "a-text")->runs == 1);
	expect(check_named(result, "b-garbage")->why == FAULT_HEALTH_RUN);
}

static void test_environment(void)
{
	g_autoptr(Bench) bench = bench_new();
	g_autoptr(HealthResult) result = NULL;
	const char *output;

	g_setenv("AZUPDATE_SECRET", "leaked", TRUE);
	bench_add(
		bench, "usr/wanted.d/show",
		"env | LC_ALL=C sort; pwd; ls /proc/self/fd | tr '\\n' ' '; cat; ps -o sid= -p $$ "
		"2>/dev/null | tr -d ' ' | grep -qx $$ && echo leader");
	result = bench_run(bench);
	g_unsetenv("AZUPDATE_SECRET");
	output = check_named(result, "show")->output;
	expect(output != NULL &&
	       strstr(output, "AZUPDATE_CHECK=show\nAZUPDATE_KIND=wanted\n"
			      "AZUPDATE_RUN=1\nAZUPDATE_TIMEOUT=20\nLANG=C\n") != NULL);
	expect(output != NULL && strstr(output, "leaked") == NULL);
	expect(output != NULL && strstr(output, "\n/\n0 1 2 3 ") != NULL);
}

/* Eight checks of half a second, four at a time, take about one second and not four. */
static void test_side_by_side(void)
{
	g_autoptr(Bench) bench = bench_new();
	g_autoptr(HealthResult) result = NULL;
	g_autofree char *count = g_strdup_printf(
		"d=%s/r.$$; mkdir $d; ls -d %s/r.* | wc -l; sleep 0.5; rmdir $d", bench->base,
		bench->base);
	long most = 0;

	for (unsigned i = 0; i < 8; i++) {
		g_autofree char *name = g_strdup_printf("usr/required.d/check%u", i);

		bench_add(bench, name, count);
	}
	result = bench_run(bench);
	expect(result->healthy && result->checks->len == 8);
	for (guint i = 0; i < result->checks->len; i++) {
		const struct health_check *check = g_ptr_array_index(result->checks, i);

		most = MAX(most, strtol(check->output, NULL, 10));
	}
	expect(most > 1 && most <= 4);
}

static gpointer cancel_later(gpointer cancellable)
{
	g_usleep(300000);
	g_cancellable_cancel(cancellable);
	return NULL;
}

static void test_cancel(void)
{
	g_autoptr(Bench) bench = bench_new();
	g_autoptr(GCancellable) cancellable = g_cancellable_new();
	g_autoptr(GError) error = NULL;
	const gint64 start_us = g_get_monotonic_time();
	GThread *thread;

	bench->options.timeout_s = 100;
	bench->options.retries = 3;
	bench_add(bench, "usr/required.d/hang", "sleep 1000");
	thread = g_thread_new("cancel", cancel_later, cancellable);
	expect(health_run(&bench->options, cancellable, &error) == NULL);
	g_thread_join(thread);
	expect(failure_code(error) == FAULT_JOB_CANCELLED);
	expect(g_get_monotonic_time() - start_us < 30 * G_USEC_PER_SEC);
}

/* How the check "root" is asked for; NULL: not at all. Here it fails: nothing runs from a slot. */
static const char *root_kind(char **required, char **wanted, gboolean is_verified)
{
	g_autoptr(Bench) bench = bench_new();
	g_autoptr(HealthResult) result = NULL;
	const struct health_check *check;

	bench->options.builtins = required;
	bench->options.wanted_builtins = wanted;
	bench->options.root_is_verified = is_verified;
	bench->options.expected.root_hash = "00";
	result = bench_run(bench);
	expect(result->checks->len <= 1); /* not twice */
	if (result->checks->len == 0)
		return NULL;
	check = check_named(result, "root");
	expect(check->required == !result->healthy);
	return check->required ? "required" : "wanted";
}

static void test_root_decides(void)
{
	char *automatic[] = { (char *)"auto", NULL };
	char *root[] = { (char *)"root", NULL };

	expect(g_strcmp0(root_kind(automatic, root, TRUE), "required") == 0);
	expect(g_strcmp0(root_kind(automatic, root, FALSE), "wanted") == 0);
	expect(g_strcmp0(root_kind(automatic, NULL, TRUE), "required") == 0);
	expect(root_kind(automatic, NULL, FALSE) == NULL);
	expect(g_strcmp0(root_kind(NULL, root, TRUE), "wanted") == 0);
	expect(g_strcmp0(root_kind(root, root, FALSE), "required") == 0);
}

/* Required by itself where changes of /etc are kept; and whether it is all that has failed. */
static void test_etc(void)
{
	char *automatic[] = { (char *)"auto", NULL };
	char *both[] = { (char *)"etc", (char *)"root", NULL };
	char *other[] = { (char *)"space", (char *)"etc", NULL };
	g_autoptr(Bench) bench = bench_new();
	g_autoptr(HealthResult) none = NULL, passed = NULL, failed = NULL, root_too = NULL;
	g_autoptr(HealthResult) more = NULL, not_etc = NULL;

	bench->options.builtins = automatic;
	none = bench_run(bench);
	expect(none->checks->len == 0 && none->healthy && !health_is_of_machine(none));
	bench->options.etc_is_kept = TRUE;
	passed = bench_run(bench);
	expect(passed->checks->len == 1 && passed->healthy && !health_is_of_machine(passed));
	bench->options.expected.etc = "they are not in force";
	failed = bench_run(bench);
	expect(!failed->healthy && failed->why == FAULT_HEALTH_ETC && health_is_of_machine(failed));
	expect(strcmp(failed->reason, "check \"etc\" failed: they are not in force") == 0);
	bench->options.builtins = both;
	bench->options.expected.root_hash = "00";
	root_too = bench_run(bench);
	expect(root_too->why == FAULT_HEALTH_ETC && !health_is_of_machine(root_too));
	bench->options.builtins = other;
	more = bench_run(bench);
	expect(more->why == FAULT_HEALTH_SPACE && health_is_of_machine(more));
	bench->options.expected.etc = NULL;
	not_etc = bench_run(bench);
	expect(not_etc->why == FAULT_HEALTH_SPACE && !health_is_of_machine(not_etc));
}

static const struct tap_case CASES[] = {
	{ "no folders, no checks", test_none },
	{ "whether the root decides", test_root_decides },
	{ "pass and fail", test_pass_and_fail },
	{ "a wanted check does not decide", test_wanted_is_harmless },
	{ "changes of /etc", test_etc },
	{ "retries", test_retries },
	{ "timeout kills grandchildren", test_timeout_kills_all },
	{ "what is left behind is killed", test_leftover },
	{ "output flood", test_flood },
	{ "invalid UTF-8", test_invalid_utf8 },
	{ "masking", test_masking },
	{ "writable by others", test_writable_refused },
	{ "owned by a stranger", test_stranger_refused },
	{ "cannot be started", test_not_startable },
	{ "clean environment", test_environment },
	{ "side by side, but bounded", test_side_by_side },
	{ "cancel", test_cancel },
};
TAP_MAIN(CASES)
