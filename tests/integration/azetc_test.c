/* SPDX-License-Identifier: MIT */
/* azetc itself, in a root as azverity would leave it: what it lays over /etc, also where var does
 * not carry it, and what it tells. In a mount namespace. */
#include <stdio.h>
#include <stdlib.h>

#include "../unit/tap.h"
#include "etcrig.h"

static void root_begin(void)
{
	etcrig_begin();
	etcrig_shell(
		"mkdir -p root/etc root/var root/run/azupdate/etc-defaults root/proc root/usr "
		"root/sys; "
		"cp -a defaults/. root/etc; for f in bin lib lib64 sbin; do ln -s usr/$f root/$f; "
		"done; "
		"mount --rbind /usr root/usr; mount -t proc proc root/proc; "
		"echo quiet roothash=r1 >cmdline; mount --bind cmdline root/proc/cmdline; "
		"mount --bind root/etc root/run/azupdate/etc-defaults; mkdir root/opt; cp %s "
		"root/opt",
		getenv("AZETC"));
}

static void root_end(void)
{
	etcrig_shell("umount -q root/etc || true; umount -q root/var || true; umount "
		     "root/run/azupdate/etc-defaults "
		     "root/proc/cmdline root/proc; umount -R root/usr");
	etcrig_end();
}

static void test_program(void)
{
	root_begin();
	etcrig_shell(
		"chroot root /opt/azetc; echo mine >root/etc/passwd; umount root/etc; "
		"echo quiet roothash=r2 >cmdline; chroot root /opt/azetc; "
		"test \"$(cat root/etc/passwd)\" = mine; test \"$(cat defaults/passwd)\" = passwd; "
		"grep -q '\"stored\":1' root/run/azupdate/etc.json; "
		"grep -q '\"laid\":\"writable\"' root/run/azupdate/etc.json; "
		"grep -q '\"fault\":0' root/run/azupdate/etc.json; umount root/etc; "
		/* no command line that names a root: told, and nothing is mounted */
		"echo quiet >cmdline; if chroot root /opt/azetc 2>said; then exit 1; fi; "
		"grep -q roothash= said; test -s root/run/azupdate/etc-fault; "
		"test \"$(cat root/etc/passwd)\" = passwd");
	expect(true);
	root_end();
}

/* Two releases by turns, and nobody activates: states do not get more and more. */
static void test_to_and_fro(void)
{
	root_begin();
	etcrig_shell(
		"mkdir root/etc/azupdate; printf '[product]\\nname=test\\n[etc]\\nhistory=2\\n' "
		">root/etc/azupdate/azupdate.conf; "
		"for i in 1 2 3 4 5 6 7; do echo quiet roothash=r$((i %% 2)) >cmdline; "
		"chroot root /opt/azetc; echo $i >root/etc/number; umount root/etc; done; "
		"cd root/var/lib/azupdate/store/refs/heads/etc; test \"$(ls | xargs)\" = "
		"'00000005 00000006'");
	/* The local configuration says more, and holds; a broken one is as none. */
	etcrig_shell("mkdir root/var/lib/azupdate/etc/upper/azupdate; sed s/=2/=4/ "
		     "root/etc/azupdate/azupdate.conf "
		     ">root/var/lib/azupdate/etc/upper/azupdate/azupdate.conf; "
		     "for i in 8 9 10 11; do echo quiet roothash=r$((i %% 2)) >cmdline; "
		     "chroot root /opt/azetc; echo $i >root/etc/number; umount root/etc; done; "
		     "cd root/var/lib/azupdate/store/refs/heads/etc; test \"$(ls | xargs)\" = "
		     "'00000007 00000008 00000009 00000010'");
	etcrig_shell("echo broken >root/var/lib/azupdate/etc/upper/azupdate/azupdate.conf; "
		     "for i in $(seq 12 32); do echo quiet roothash=r$((i %% 2)) >cmdline; "
		     "chroot root /opt/azetc; echo $i >root/etc/number; umount root/etc; done; "
		     "test $(ls root/var/lib/azupdate/store/refs/heads/etc | wc -l) = 20");
	expect(true);
	root_end();
}

/* Where var does not carry an overlay that can be written. */
static void test_not_as_meant(void)
{
	root_begin();
	etcrig_shell("chroot root /opt/azetc; echo mine >root/etc/passwd; rm root/etc/conf.d/b; "
		     "umount root/etc");
	/* It cannot be written: what was changed is in force. */
	etcrig_shell(
		"mount --bind root/var root/var; mount -o remount,bind,ro root/var; "
		"chroot root /opt/azetc 2>said; grep -q 'cannot be changed' said; "
		"test \"$(cat root/etc/passwd)\" = mine; test ! -e root/etc/conf.d/b; "
		"test \"$(cat root/etc/conf.d/a)\" = a1; "
		"if touch root/etc/new 2>/dev/null; then exit 1; fi; "
		"grep -q '\"laid\":\"read-only\",\"laid_fault\":1375' root/run/azupdate/etc.json; "
		"test ! -e root/run/azupdate/etc-fault; umount root/etc root/var");
	/* Nothing can be mounted that can be written: here, work is of another file system. */
	etcrig_shell(
		"mkdir w; mount -t tmpfs tmpfs w; mount --move w root/var/lib/azupdate/etc/work; "
		"chroot root /opt/azetc 2>said; grep -q 'cannot be changed' said; "
		"test \"$(cat root/etc/passwd)\" = mine; umount root/etc "
		"root/var/lib/azupdate/etc/work");
	/* The changes are gone: nothing is laid, and azverity told so. */
	etcrig_shell(
		"mv root/var/lib/azupdate/etc/upper away; "
		"if chroot root /opt/azetc 2>said; then exit 1; fi; grep -q 'not in force' said; "
		"grep -q '^1377$' root/run/azupdate/etc-fault; "
		"grep -q '\"laid\":\"release\",\"laid_fault\":1377' root/run/azupdate/etc.json; "
		"test ! -e root/var/lib/azupdate/etc/upper; mv away "
		"root/var/lib/azupdate/etc/upper");
	/* var is another one. */
	etcrig_shell("if chroot root /opt/azetc --var-lost 2>said; then exit 1; fi; "
		     "grep -q 'not in force' said; test \"$(cat root/etc/passwd)\" = passwd; "
		     "grep -q '\"laid_reason\":\"var cannot' root/run/azupdate/etc.json");
	expect(true);
	root_end();
}

static const struct tap_case CASES[] = {
	{ "laid over", test_program },
	{ "to and fro", test_to_and_fro },
	{ "not as meant", test_not_as_meant },
};

int main(void)
{
	if (!etcrig_may_mount()) {
		puts("1..0 # SKIP no overlay can be mounted here: it takes root and overlayfs");
		return EXIT_SUCCESS;
	}
	return tap_run(CASES, G_N_ELEMENTS(CASES));
}
