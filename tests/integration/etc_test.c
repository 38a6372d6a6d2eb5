/* SPDX-License-Identifier: MIT */
/* /etc across releases, with real overlays: what is changed through one is stored, put back bit
 * for bit, compared three ways, and survives kills, full disks and rot. In a mount namespace. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "../unit/tap.h"
#include "etcboot.h"
#include "etcdiff.h"
#include "etcrig.h"
#include "etcstore.h"
#include "failure.h"

static void etc_mount(void)
{
	etcrig_shell(
		"mount -t overlay overlay -o lowerdir=defaults,upperdir=state/etc/upper,"
		"workdir=state/etc/work,index=off,metacopy=off,redirect_dir=nofollow,xino=off etc");
}

static void etc_unmount(void)
{
	etcrig_shell("umount etc");
}

static struct etcboot_done boot(const char *root_hash)
{
	g_autofree char *defaults = etcrig_path("defaults");
	const struct etcboot facts = { etcrig_state, defaults, root_hash, root_hash };
	g_autoptr(GError) error = NULL;
	struct etcboot_done done;

	expect(etcboot_run(&facts, &done, &error));
	if (error != NULL)
		printf("# %s\n", error->message);
	if (done.reason != NULL)
		printf("# told: %s\n", done.reason);
	return done;
}

static void boot_well(const char *root_hash, unsigned stored, unsigned restored)
{
	struct etcboot_done done = boot(root_hash);

	expect(done.why == FAULT_OK && done.stored == stored && done.restored == restored);
	etcboot_done_clear(&done);
}

static void boot_anyhow(const char *root_hash)
{
	struct etcboot_done done = boot(root_hash);

	expect(done.why == FAULT_OK);
	etcboot_done_clear(&done);
}

static void request(const char *root_hash, const char *from, unsigned number)
{
	const struct etcboot_request asked = { (char *)root_hash, (char *)from, number };

	expect(etcboot_request_save(etcrig_state, &asked, NULL));
}

static void changes_make(void)
{
	etcrig_shell(
		"cd etc; echo mine >conf.d/a; rm conf.d/b; echo new >added; chmod 4711 added; "
		"chown "
		"3:4 "
		"added; rm -r old; mkdir old; echo n >old/n; ln -sf /nowhere link; mkfifo pipe; "
		"mkdir -m 1777 empty; ln -s 'a target' \"$(printf 'odd \\377 name')\"; chmod 711 "
		".; "
		"head -c 300000 /dev/urandom >large; touch large -d '1960-01-02 "
		"03:04:05.678901234'; "
		": >nothing; chown -h 5:6 link");
}

static void attributes_make(void)
{
	static const uint8_t CAPABILITY[20] = { 0, 0, 0, 2, 1 }; /* version 2, CAP_CHOWN */
	g_autofree char *added = etcrig_path("etc/added");
	g_autofree char *folder = etcrig_path("etc/empty");

	expect(setxattr(added, "user.note", "x\0y", 3, 0) == 0);
	expect(setxattr(added, "user.none", "", 0, 0) == 0);
	expect(setxattr(added, "security.capability", CAPABILITY, sizeof CAPABILITY, 0) == 0);
	expect(setxattr(folder, "trusted.own", "t", 1, 0) == 0);
}

/* Boots release 1, and changes things. */
static void changed_begin(void)
{
	etcrig_begin();
	boot_well("r1", 0, 0);
	etc_mount();
	changes_make();
	attributes_make();
}

static void test_bit_for_bit(void)
{
	g_autofree char *etc = NULL, *before = NULL, *between = NULL, *after = NULL;

	changed_begin();
	etc = etcrig_path("etc");
	before = etcrig_look(etc);
	etc_unmount();
	boot_well("r2", 1, 0);
	boot_well("r2", 0, 0);
	etc_mount();
	etcrig_shell(
		"cd etc; rm -rf added old empty link; echo other >conf.d/a; echo newer >newer");
	between = etcrig_look(etc);
	etc_unmount();
	request("r1", NULL, 0);
	boot_well("r2", 0, 0); /* it is not meant */
	boot_well("r1", 2, 1);
	etc_mount();
	after = etcrig_look(etc);
	expect(strcmp(before, after) == 0);
	etc_unmount();
	request("r1", NULL, 2); /* the newer changes were not lost */
	boot_well("r1", 0, 2);  /* what is put away is state 1 still */
	etc_mount();
	g_free(after);
	after = etcrig_look(etc);
	expect(strcmp(between, after) == 0);
	etcrig_end();
}

/* A release falls back: by itself nothing is put back, and on request only right then. */
static void test_fallback(void)
{
	g_autofree char *etc = NULL, *first = NULL, *now = NULL;

	changed_begin();
	etc = etcrig_path("etc");
	first = etcrig_look(etc);
	etc_unmount();
	request("r1", "r2", 0);
	boot_well("r1", 0, 0); /* r2 has not run yet */
	boot_well("r2", 1, 0);
	etc_mount();
	etcrig_shell("echo late >etc/late");
	etc_unmount();
	boot_well("r1", 2, 1);
	etc_mount();
	now = etcrig_look(etc);
	expect(strcmp(first, now) == 0);
	etc_unmount();
	expect(etcboot_request_load(etcrig_state).root_hash == NULL);
	boot_well("r2", 0, 0); /* as it was stored already */
	request("r1", "r2", 0);
	boot_well("r3", 3, 0); /* the same changes, but left by r2; and the request is over */
	expect(etcboot_request_load(etcrig_state).root_hash == NULL);
	etcrig_end();
}

static const struct etcdiff_row *row_of(const GPtrArray *rows, const char *path)
{
	for (guint i = 0; i < rows->len; i++)
		if (strcmp(((struct etcdiff_row *)rows->pdata[i])->path, path) == 0)
			return rows->pdata[i];
	return NULL;
}

static void test_three_ways(void)
{
	static const struct {
		const char *path;
		enum etcdiff_kind kind;
		enum etcdiff_conflict conflict;
	} WANTED[] = {
		{ "", ETCDIFF_CHANGED, ETCDIFF_CLEAR },
		{ "added", ETCDIFF_ADDED, ETCDIFF_CLEAR },
		{ "conf.d/a", ETCDIFF_CHANGED, ETCDIFF_BOTH_CHANGED },
		{ "conf.d/b", ETCDIFF_REMOVED, ETCDIFF_REMOVED_CHANGED },
		{ "conf.d/c", ETCDIFF_ADDED, ETCDIFF_CHANGED_GONE },
		{ "news", ETCDIFF_CHANGED, ETCDIFF_BOTH_ADDED },
		{ "old", ETCDIFF_CHANGED, ETCDIFF_CLEAR },
		{ "old/deep", ETCDIFF_HIDDEN, ETCDIFF_CLEAR },
		{ "passwd", ETCDIFF_CHANGED, ETCDIFF_CLEAR },
	};
	g_autofree char *upper = NULL, *store = NULL;
	g_autoptr(Etctree) ours = NULL, theirs = NULL;
	g_autoptr(Storerepo) repo = NULL;
	g_autoptr(GPtrArray) rows = NULL;

	changed_begin();
	etcrig_shell("cd etc; echo c2 >conf.d/c; echo mine >news; echo me >>passwd");
	etc_unmount();
	etcrig_release(2);
	boot_well("r2", 1, 0);
	upper = etcrig_path("state/etc/upper");
	store = etcrig_path("state/store");
	theirs = etcboot_last(etcrig_state);
	repo = etcstore_open(store, FALSE, NULL);
	ours = etcstore_look(repo, &(struct etcstore_add){ upper, theirs, "r2", "r2", "" }, NULL);
	expect(ours != NULL && theirs != NULL);
	rows = etcdiff_make(ours, theirs);
	for (unsigned i = 0; i < G_N_ELEMENTS(WANTED); i++) {
		const struct etcdiff_row *row = row_of(rows, WANTED[i].path);

		if (row == NULL || row->kind != WANTED[i].kind ||
		    row->conflict != WANTED[i].conflict)
			printf("# %s: %s, %d\n", WANTED[i].path,
			       row != NULL ? etcdiff_kind_name(row->kind) : "none",
			       row != NULL ? (int)row->conflict : -1);
		expect(row != NULL && row->kind == WANTED[i].kind &&
		       row->conflict == WANTED[i].conflict);
	}
	expect(row_of(rows, "ssh") == NULL && row_of(rows, "conf.d") == NULL);
	etcrig_end();
}

/* Kills. */

static gboolean is_change(uint64_t number)
{
	static const long CALLS[] = {
		SYS_write,  SYS_rename,   SYS_renameat, SYS_renameat2, SYS_unlink,    SYS_unlinkat,
		SYS_mkdir,  SYS_mkdirat,  SYS_rmdir,    SYS_symlink,   SYS_mknod,     SYS_mknodat,
		SYS_lchown, SYS_fchownat, SYS_chmod,    SYS_fchmodat,  SYS_lsetxattr, SYS_utimensat,
		SYS_linkat, SYS_fsync,    SYS_syncfs,   SYS_fdatasync, SYS_link,      SYS_fchmod,
	};

	for (unsigned i = 0; i < G_N_ELEMENTS(CALLS); i++)
		if (number == (uint64_t)CALLS[i])
			return TRUE;
	return FALSE;
}

static _Noreturn void victim_run(void)
{
	g_autofree char *defaults = etcrig_path("defaults");
	const struct etcboot facts = { etcrig_state, defaults, "r1", "r1" };
	struct etcboot_done done;

	ptrace(PTRACE_TRACEME, 0, NULL, NULL);
	raise(SIGSTOP);
	_exit(etcboot_run(&facts, &done, NULL) && done.why == FAULT_OK ? 0 : 1);
}

/* Lets it run until just before its call number `left` that changes something, in whatever of its
 * threads. TRUE: it has ended by itself before. */
static gboolean victim_follow(pid_t victim, unsigned left)
{
	for (;;) {
		struct __ptrace_syscall_info info = { 0 };
		int status;
		const pid_t who = waitpid(-1, &status, __WALL);

		if (who < 0 || (who == victim && (WIFEXITED(status) || WIFSIGNALED(status))))
			return TRUE;
		if (!WIFSTOPPED(status))
			continue;
		if (WSTOPSIG(status) == (SIGTRAP | 0x80) &&
		    ptrace(PTRACE_GET_SYSCALL_INFO, who, sizeof info, &info) > 0 &&
		    info.op == PTRACE_SYSCALL_INFO_ENTRY && is_change(info.entry.nr) && left-- == 0)
			return FALSE;
		ptrace(PTRACE_SYSCALL, who, NULL, NULL);
	}
}

static gboolean killed_boot(unsigned calls)
{
	const pid_t victim = fork();
	gboolean ended;
	int status;

	if (victim == 0)
		victim_run();
	waitpid(victim, &status, 0);
	ptrace(PTRACE_SETOPTIONS, victim, NULL,
	       PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACECLONE | PTRACE_O_EXITKILL);
	ptrace(PTRACE_SYSCALL, victim, NULL, NULL);
	ended = victim_follow(victim, calls);
	kill(victim, SIGKILL);
	while (waitpid(-1, &status, __WALL) > 0)
		continue;
	return ended;
}

static void test_kills(void)
{
	enum { STRIDE = 13 };
	g_autofree char *etc = NULL, *then = NULL, *newer = NULL, *upper = NULL;
	unsigned calls = 0, before = 0, after = 0;
	gboolean ended;

	changed_begin();
	etc = etcrig_path("etc");
	upper = etcrig_path("state/etc/upper");
	then = etcrig_look(etc);
	etc_unmount();
	boot_well("r2", 1, 0);
	etc_mount();
	etcrig_shell("cd etc; rm -r old added; echo newer >newer; echo x >conf.d/a");
	newer = etcrig_look(etc);
	etc_unmount();
	request("r1", "r2", 0);
	etcrig_shell("cp -a state state-then");
	do {
		g_autofree char *seen = NULL;

		etcrig_shell("rm -rf state; cp -a state-then state");
		ended = killed_boot(calls);
		expect(g_file_test(upper, G_FILE_TEST_IS_DIR));
		etcrig_shell("rm -rf state/etc/work; mkdir state/etc/work");
		etc_mount();
		seen = etcrig_look(etc);
		etc_unmount();
		expect(strcmp(seen, then) == 0 || strcmp(seen, newer) == 0);
		before += strcmp(seen, newer) == 0;
		after += strcmp(seen, then) == 0;
		boot_anyhow("r1");
		etc_mount();
		g_free(seen);
		seen = etcrig_look(etc);
		etc_unmount();
		expect(strcmp(seen, then) == 0);
		request("r1", NULL, 2);
		boot_anyhow("r1");
		etc_mount();
		g_free(seen);
		seen = etcrig_look(etc);
		etc_unmount();
		expect(strcmp(seen, newer) == 0); /* the newer changes are in the store */
		calls += STRIDE;
	} while (!ended && !tap_failed);
	printf("# killed at %u places: %u times before the switch, %u after it\n", calls / STRIDE,
	       before, after);
	expect(before > 0 && after > 1);
	etcrig_end();
}

/* Full disks, rot, limits. */

static void test_full(void)
{
	g_autofree char *etc = NULL, *newer = NULL, *now = NULL;
	struct etcboot_done done;

	etcrig_begin();
	etcrig_shell("mount -t tmpfs -o size=4m tmpfs state");
	boot_well("r1", 0, 0);
	etc_mount();
	changes_make();
	etc_unmount();
	boot_well("r2", 1, 0);
	etc_mount();
	etcrig_shell("cd etc; head -c 400000 /dev/urandom >large; echo newer >newer");
	etc = etcrig_path("etc");
	newer = etcrig_look(etc);
	etc_unmount();
	request("r1", NULL, 0);
	etcrig_shell("head -c 100m /dev/zero >state/fill 2>/dev/null || true");
	done = boot("r1");
	expect((done.why == FAULT_STORE_SPACE || done.why == FAULT_STORE_WRITE ||
		done.why == FAULT_STORE_OPEN) &&
	       done.restored == 0);
	etcboot_done_clear(&done);
	etcrig_shell("rm state/fill");
	etc_mount();
	now = etcrig_look(etc);
	etc_unmount();
	expect(strcmp(newer, now) == 0);
	request("r1", NULL, 1);
	boot_well("r1", 2, 1);
	etcrig_end();
}

static void test_rot(void)
{
	g_autofree char *etc = NULL, *newer = NULL, *now = NULL, *store = NULL;
	g_autoptr(GPtrArray) dropped = g_ptr_array_new_with_free_func(g_free);
	g_autoptr(Storerepo) repo = NULL;
	g_autoptr(GPtrArray) states = NULL;
	struct etcboot_done done;

	changed_begin();
	etc_unmount();
	boot_well("r2", 1, 0);
	etc_mount();
	etcrig_shell("cd etc; rm large; echo newer >newer");
	etc = etcrig_path("etc");
	store = etcrig_path("state/store");
	newer = etcrig_look(etc);
	etc_unmount();
	etcrig_shell("cd state/store/objects; large=$(find . -name '*.filez' -size +200k); "
		     "printf xxxx | dd of=$large bs=1 seek=5000 conv=notrunc status=none");
	request("r1", NULL, 1);
	done = boot("r1");
	expect(done.why == FAULT_ETC_DAMAGED && done.restored == 0 && done.stored == 2);
	etcboot_done_clear(&done);
	etc_mount();
	now = etcrig_look(etc);
	expect(strcmp(newer, now) == 0);
	repo = etcstore_open(store, FALSE, NULL);
	expect(etcstore_check(repo, dropped, NULL) && dropped->len == 1 &&
	       strcmp(dropped->pdata[0], "etc/1") == 0);
	states = etcstore_list(repo, NULL);
	expect(states != NULL && states->len == 1);
	etcrig_end();
}

static void refused(const char *change, fault why)
{
	struct etcboot_done done;

	etcrig_begin();
	boot_well("r1", 0, 0);
	etcrig_shell("cd state/etc/upper; %s", change);
	done = boot("r2");
	expect(done.why == why && done.stored == 0);
	etcboot_done_clear(&done);
	etcrig_end();
}

static void test_limits(void)
{
	refused("truncate -s 17M large", FAULT_ETC_LIMIT);
	refused("p=a; for i in $(seq 40); do p=$p/a; done; mkdir -p $p", FAULT_ETC_LIMIT);
	refused("python3 -c 'import os; open(\"f\", \"w\"); os.setxattr(\"f\", "
		"\"trusted.overlay.metacopy\", b\"\")'",
		FAULT_ETC_READ);
	refused("python3 -c 'import os; os.mkdir(\"f\"); os.setxattr(\"f\", "
		"\"trusted.overlay.redirect\", b\"/x\")'",
		FAULT_ETC_READ);
}

/* History: what goes, and that a sweep of releases leaves states alone. */
static void test_history(void)
{
	static const char *const ROOTS[] = { "r1", "r5", NULL };
	static const unsigned LEFT[] = { 1, 2, 5, 6 }; /* 2: it is wanted */
	g_autoptr(Storerepo) repo = NULL, releases = NULL;
	g_autofree char *store = NULL, *upper = NULL;
	g_autoptr(GPtrArray) states = NULL;
	struct stat info;

	changed_begin();
	store = etcrig_path("state/store");
	upper = etcrig_path("state/etc/upper");
	repo = etcstore_open(store, TRUE, NULL);
	for (unsigned i = 1; i <= 6; i++) {
		g_autofree char *root = g_strdup_printf("r%u", i);
		const struct etcstore_add add = { upper, NULL, root, root, "test" };
		unsigned number = 0;
		gboolean is_new = FALSE;

		etcrig_shell("echo %u >etc/number", i);
		expect(etcstore_add(repo, &add, &number, &is_new, NULL) && number == i && is_new);
		expect(etcstore_add(repo, &add, &number, &is_new, NULL) && number == i && !is_new);
	}
	expect(etcstore_trim(repo, 2, ROOTS, 2, NULL));
	releases = storerepo_open(store, FALSE, NULL, NULL);
	expect(storerepo_sweep(releases, NULL));
	states = etcstore_list(repo, NULL);
	expect(states != NULL && states->len == G_N_ELEMENTS(LEFT));
	for (guint i = 0; i < states->len; i++) {
		const struct etcstore_state *state = states->pdata[i];
		g_autofree char *again = etcrig_path("again");

		expect(state->number == LEFT[i] && state->tree != NULL);
		expect(etcstore_write(repo, state->tree, again, NULL));
		etcrig_shell("test $(cat again/number) = %u; rm -rf again", LEFT[i]);
	}
	expect(stat(store, &info) == 0 && (info.st_mode & 077) == 0);
	etcrig_end();
}

/* The folder of the changes is gone. Only a state that was asked for takes its place. */
static void test_lost(void)
{
	g_autofree char *defaults = NULL, *etc = NULL, *then = NULL, *now = NULL;
	struct etcboot facts = { .root_hash = "r2", .version = "r2" };
	struct etcboot_done done;

	changed_begin();
	etc = etcrig_path("etc");
	defaults = etcrig_path("defaults");
	then = etcrig_look(etc);
	etc_unmount();
	boot_well("r2", 1, 0);
	etcrig_shell("rm -r state/etc/upper");
	facts.state_dir = etcrig_state;
	facts.defaults = defaults;
	for (unsigned i = 0; i < 4; i++) {
		g_autoptr(GError) error = NULL;

		/* 9 is not there; 0: r2 has left none */
		if (i > 0)
			request(i == 1 ? "r1" : "r2", NULL, i == 2 ? 9 : 0);
		expect(!etcboot_run(&facts, &done, &error) &&
		       failure_code(error) == FAULT_ETC_LOST && done.stored == 0);
		printf("# %s\n", error != NULL ? error->message : "");
		etcboot_done_clear(&done);
		etcrig_shell("test ! -e state/etc/upper");
	}
	request("r2", NULL, 1);
	boot_well("r2", 0, 1);
	etc_mount();
	now = etcrig_look(etc);
	expect(strcmp(then, now) == 0);
	etc_unmount();
	boot_well("r2", 0, 0);
	etcrig_end();
}

static const struct tap_case CASES[] = {
	{ "put back bit for bit", test_bit_for_bit },
	{ "a release falls back", test_fallback },
	{ "three ways", test_three_ways },
	{ "killed at each step", test_kills },
	{ "a full disk", test_full },
	{ "rot", test_rot },
	{ "limits", test_limits },
	{ "history", test_history },
	{ "the changes are lost", test_lost },
};

int main(void)
{
	if (!etcrig_may_mount()) {
		puts("1..0 # SKIP no overlay can be mounted here: it takes root and overlayfs");
		return EXIT_SUCCESS;
	}
	return tap_run(CASES, G_N_ELEMENTS(CASES));
}
