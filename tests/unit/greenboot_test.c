/* SPDX-License-Identifier: MIT */
/* Scripts as greenboot's users have them, in folders as greenboot has them. */
#include "greenboot.h"

#include <string.h>

#include "failure.h"
#include "tap.h"
#include "tempdir.h"

struct bench {
	char *base;
	char *folders[3];
	struct health_options options;
};

static void bench_init(struct bench *bench)
{
	bench->base = tempdir_new();
	bench->folders[0] = g_build_filename(bench->base, "usr", NULL);
	bench->folders[1] = g_build_filename(bench->base, "etc", NULL);
	bench->folders[2] = NULL;
	bench->options = (struct health_options){ .greenboot = bench->folders,
						  .timeout_s = 30,
						  .trust_owner = TRUE };
}

static void bench_done(struct bench *bench)
{
	tempdir_free(bench->base);
	g_free(bench->folders[0]);
	g_free(bench->folders[1]);
}

/* A script that says its name in the file `ran`. */
static void script_add(const struct bench *bench, const char *name, const char *body, mode_t mode)
{
	g_autofree char *text = g_strdup_printf("#!/bin/bash\necho %s >>%s/ran\n%s\n", name,
						bench->base, body);

	expect(tempdir_write(bench->base, name, text, mode));
}

static char *ran(const struct bench *bench)
{
	g_autofree char *path = g_build_filename(bench->base, "ran", NULL);
	char *text = NULL;

	if (!g_file_get_contents(path, &text, NULL, NULL))
		return g_strdup("");
	return g_strdelimit(g_strchomp(text), "\n", ' ');
}

static void expect_ran(const struct bench *bench, const char *wanted)
{
	g_autofree char *text = ran(bench);

	if (strcmp(text, wanted) != 0)
		printf("# %s\n", text);
	expect(strcmp(text, wanted) == 0);
}

static void test_order(void)
{
	struct bench bench;
	g_autoptr(HealthResult) result = NULL;

	bench_init(&bench);
	script_add(&bench, "etc/check/required.d/01-a.sh", "", 0755);
	script_add(&bench, "usr/check/required.d/02-b.sh", "", 0644); /* bash needs no permission */
	script_add(&bench, "usr/check/required.d/03-c", "", 0755);
	script_add(&bench, "usr/check/required.d/04-text", "", 0644);
	script_add(&bench, "usr/check/wanted.d/05-w.sh", "exit 1", 0755);
	script_add(&bench, "etc/check/wanted.d/06-w.sh", "", 0755);
	result = health_run(&bench.options, NULL, NULL);
	expect(result != NULL && result->healthy && result->checks->len == 5);
	expect_ran(&bench, "usr/check/required.d/02-b.sh usr/check/required.d/03-c "
			   "etc/check/required.d/01-a.sh usr/check/wanted.d/05-w.sh "
			   "etc/check/wanted.d/06-w.sh");
	bench_done(&bench);
}

static void test_first_failure(void)
{
	struct bench bench;
	g_autoptr(HealthResult) result = NULL;

	bench_init(&bench);
	script_add(&bench, "usr/check/required.d/01.sh", "", 0755);
	script_add(&bench, "usr/check/required.d/02.sh", "echo no DNS; exit 7", 0755);
	script_add(&bench, "usr/check/required.d/03.sh", "", 0755);
	script_add(&bench, "usr/check/wanted.d/04.sh", "", 0755);
	result = health_run(&bench.options, NULL, NULL);
	expect(result != NULL && !result->healthy && result->checks->len == 2);
	expect(result != NULL &&
	       strcmp(result->reason, "check \"02.sh\" failed: exit status 7: no DNS") == 0);
	expect_ran(&bench, "usr/check/required.d/01.sh usr/check/required.d/02.sh");
	bench_done(&bench);
}

/* greenboot runs scripts with -C: a file that is there is not written over. */
static void test_noclobber(void)
{
	struct bench bench;
	g_autoptr(HealthResult) result = NULL;

	bench_init(&bench);
	script_add(&bench, "usr/check/required.d/a.sh",
		   "f=$(mktemp); ! echo x >$f; s=$?; rm $f; "
		   "exit $s",
		   0755);
	result = health_run(&bench.options, NULL, NULL);
	expect(result != NULL && result->healthy);
	bench_done(&bench);
}

static void test_none(void)
{
	struct bench bench;
	g_autoptr(HealthResult) result = NULL;
	g_autoptr(HealthResult) installed = NULL;

	bench_init(&bench);
	result = health_run(&bench.options, NULL, NULL);
	expect(result != NULL && result->healthy && result->checks->len == 0);
	script_add(&bench, "usr/check/wanted.d/a.sh", "", 0755);
	installed = health_run(&bench.options, NULL, NULL);
	expect(installed != NULL && !installed->healthy);
	expect(installed != NULL && installed->why == FAULT_HEALTH_GREENBOOT);
	expect_ran(&bench, "");
	bench_done(&bench);
}

static void test_disabled(void)
{
	static const struct {
		const char *text;
		const char *words;
	} ROWS[] = {
		{ "DISABLED_HEALTHCHECKS=(\"a.sh\" \"b\")\n", "a.sh b" },
		{ "# DISABLED_HEALTHCHECKS=(x)\nDISABLED_HEALTHCHECKS=(a 'b c'\n  d )\n",
		  "a b c d" },
		{ "DISABLED_HEALTHCHECKS=()\n", "" },
		{ "GREENBOOT_MAX_BOOT_ATTEMPTS=3\n", "" },
		{ "", "" },
		{ "DISABLED_HEALTHCHECKS=(\"a", "a" },
		{ "DISABLED_HEALTHCHECKS=(a, \"b\", )", "a b" },
	};
	struct bench bench;
	g_autoptr(HealthResult) result = NULL;

	for (size_t i = 0; i < G_N_ELEMENTS(ROWS); i++) {
		g_auto(GStrv) words = greenboot_disabled_parse(ROWS[i].text);
		g_autofree char *joined = g_strjoinv(" ", words);

		expect(strcmp(joined, ROWS[i].words) == 0);
	}
	bench_init(&bench);
	script_add(&bench, "usr/check/required.d/a.sh", "exit 1", 0755);
	script_add(&bench, "usr/check/required.d/b.sh", "", 0755);
	expect(tempdir_write(bench.base, "etc/greenboot.conf", "DISABLED_HEALTHCHECKS=(\"a.sh\")\n",
			     0644));
	result = health_run(&bench.options, NULL, NULL);
	expect(result != NULL && result->healthy && result->checks->len == 1);
	bench_done(&bench);
}

static void test_after(void)
{
	struct bench bench;

	bench_init(&bench);
	script_add(&bench, "usr/green.d/1.sh", "exit 1", 0755);
	script_add(&bench, "etc/green.d/2", "", 0755);
	script_add(&bench, "usr/red.d/3.sh", "", 0755);
	greenboot_conclude(&bench.options, TRUE, NULL);
	expect_ran(&bench, "usr/green.d/1.sh etc/green.d/2");
	greenboot_conclude(&bench.options, FALSE, NULL);
	expect_ran(&bench, "usr/green.d/1.sh etc/green.d/2 usr/red.d/3.sh");
	bench_done(&bench);
}

static void refused(const struct bench *bench, const char *name)
{
	g_autofree char *path = g_build_filename(bench->base, name, NULL);
	g_autoptr(GError) error = NULL;

	g_chmod(path, 0777);
	expect(health_run(&bench->options, NULL, &error) == NULL);
	expect(failure_code(error) == FAULT_HEALTH_FOLDER);
	g_chmod(path, 0755);
}

static void test_writable(void)
{
	struct bench bench;

	bench_init(&bench);
	script_add(&bench, "etc/check/required.d/a.sh", "", 0755);
	expect(tempdir_write(bench.base, "etc/greenboot.conf", "", 0644));
	refused(&bench, "etc");
	refused(&bench, "etc/check");
	refused(&bench, "etc/check/required.d");
	refused(&bench, "etc/check/required.d/a.sh");
	refused(&bench, "etc/greenboot.conf");
	expect_ran(&bench, "");
	bench_done(&bench);
}

static const struct tap_case CASES[] = {
	{ "order", test_order },
	{ "the first failure ends it", test_first_failure },
	{ "bash -C", test_noclobber },
	{ "not installed, and half installed", test_none },
	{ "disabled checks", test_disabled },
	{ "after the verdict", test_after },
	{ "writable by others", test_writable },
};
TAP_MAIN(CASES)
