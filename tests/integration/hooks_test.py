#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Hooks, steps by hand, the login message, the watchdog and the published health state, on a real
machine whose disk is a file: hooks_test.py SYSTEMD. TAP."""
import os
import re
import subprocess
import sys

SYSTEMD = os.path.abspath(sys.argv.pop(1))

import rig
from machine_test import MAKER, Machine
from rig import Rig, expect, expect_equal, wait_until

FAKE = rig.program("AZUPDATED_FAKE")
KINDS = ("pre-stage", "post-stage", "pre-activate", "pre-reboot", "post-commit", "post-rollback")
REPORT = ('echo "$AZUPDATE_KIND $AZUPDATE_VERSION $AZUPDATE_SLOT ${#AZUPDATE_ROOT_HASH} $AZUPDATE_RUNNING_VERSION '
          '$AZUPDATE_FAULT $AZUPDATE_REASON" >>@/marks')


class Hooked(Machine):
    """A machine with a hook of each kind that leaves a mark."""

    def __init__(self, **options):
        super().__init__(**options)
        for kind in KINDS:
            self.hook_add(kind, "50-mark", REPORT.replace("@", str(self.folder)))

    def marks(self):
        """What hooks were asked and told since the last look."""
        path = self.folder / "marks"
        text = path.read_text() if path.exists() else ""
        path.unlink(missing_ok=True)
        return text.splitlines()

    def judge(self, slot):
        self.reboot(slot)
        return self.json("health", "run", "--act")["result"]["verdict"]

    def history(self):
        return [(event["what"], event["version"], event["reason"]) for event in self.json("history")["events"]]

    def motd(self):
        path = self.folder / "p-motd" / "50-azupdate"
        return path.read_text() if path.exists() else None


def test_each_kind():
    with Hooked() as machine:
        machine.cli("install", MAKER.bundle(2))
        expect_equal(machine.marks(), ["pre-stage 2.0 b 64 1.0 0 by hand", "post-stage 2.0 b 64 1.0 0 by hand",
                                       "pre-activate 2.0 b 64 1.0 0 by hand"])
        machine.cli("install", MAKER.bundle(2))      # it is there already, and the next boot
        expect_equal(machine.marks(), [])
        expect_equal(machine.judge("b"), "committed")
        expect_equal(machine.marks(), ["post-commit 2.0 b 64 2.0 0 by the health checks"])
        expect_equal(machine.judge("b"), "committed")
        expect_equal(machine.marks(), [])
        machine.cli("rollback")
        expect_equal(machine.marks(), ["pre-activate 1.0 a 64 2.0 0 by hand"])
        expect_equal(machine.judge("a"), "committed")
        expect_equal(sorted(machine.marks()), ["post-commit 1.0 a 64 1.0 0 by the health checks",
                                               "post-rollback 2.0 b 64 1.0 0 rollback by hand"])
        expect_equal(machine.judge("a"), "committed")
        expect_equal(machine.marks(), [])


def test_after_a_rollback():
    """Once, in the old release, with the reason and the version that failed."""
    with Hooked() as machine:
        machine.judge("a")
        machine.cli("install", MAKER.bundle(3))
        machine.reboot("b")
        machine.check_add("net", "echo no route; exit 3")
        machine.json("health", "run", "--act", status=1)        # no systemd here to reboot
        machine.marks()
        machine.cli("mark-bad", "b", "--reason", "no network")  # as azboot does when its tries are spent
        (machine.folder / "health/required.d/net").unlink()
        machine.judge("a")
        expect_equal(machine.marks(), ["post-rollback 3.0 b 64 1.0 703 no network"])
        machine.judge("a")
        expect_equal(machine.marks(), [])
        # Tried anew, it may fail anew.
        machine.cli("install", "--force", MAKER.bundle(3))
        machine.reboot("b")
        machine.cli("mark-bad", "b", "--reason", "still none")
        machine.marks()
        machine.judge("a")
        expect_equal(machine.marks(), ["post-rollback 3.0 b 64 1.0 703 still none"])


def test_veto_before_staging():
    """Nothing is written, and everybody who asks is told why."""
    with Hooked() as machine:
        hook = machine.hook_add("pre-stage", "10-no", 'printf "backup runs\\033[2J until noon\\nmore\\n" >&2; exit 3')
        before = machine.read("boot_b"), machine.read("azstate")
        error = machine.json("install", MAKER.bundle(2), status=1)
        wanted = "pre-stage hook 10-no: backup runs [2J until noon (exit status 3)"
        expect_equal((error["name"], error["message"]), ("HOOK_VETO", wanted))
        expect_equal((machine.read("boot_b"), machine.read("azstate")), before)
        expect_equal(machine.marks(), [])
        machine.json("install", MAKER.bundle(2), status=1)
        expect_equal(machine.history(), [("vetoed", "2.0", wanted)])
        hook.unlink()
        hook.symlink_to("/dev/null")
        machine.cli("install", MAKER.bundle(2))
        expect_equal(machine.slots()["b"], ("2.0", "trial"))


def test_veto_before_activation():
    """The release stays staged; rollback and activate ask, too."""
    with Hooked() as machine:
        hook = machine.hook_add("pre-activate", "10-no", "echo not today; exit 1")
        expect_equal(machine.json("install", MAKER.bundle(2), status=1)["name"], "HOOK_VETO")
        expect_equal(machine.slots()["b"], ("2.0", "staged"))
        expect("not today" in machine.json("activate", "b", status=1)["message"], "reason")
        expect_equal(machine.json("rollback", status=1)["name"], "HOOK_VETO")
        expect_equal(machine.status()["next"], "a")
        hook.unlink()
        expect_equal(machine.json("activate", "b")["changed"], True)


def test_failure_afterwards():
    """What is done is done; it is told and noted."""
    with Hooked() as machine:
        machine.hook_add("post-stage", "10-no", "echo no printer; exit 1")
        machine.hook_add("post-commit", "10-no", "kill -9 $$")
        machine.cli("install", MAKER.bundle(2))
        expect_equal(machine.judge("b"), "committed")
        expect("post-commit 2.0" in machine.marks()[-1], "the others are told")
        failed = [event for event in machine.history() if event[0] == "hook-failed"]
        expect_equal([version for _, version, _ in failed], ["2.0", "2.0"])
        expect("no printer" in failed[0][2] and "signal 9" in failed[1][2], failed)


def test_strangers_files():
    with Hooked() as machine:
        hook = machine.hook_add("pre-stage", "10-any", "exit 0")
        for path in (hook, hook.parent, hook.parent.parent):
            mode = path.stat().st_mode & 0o777
            path.chmod(0o777)
            expect_equal(machine.json("install", MAKER.bundle(2), status=1)["name"], "HOOK_FOLDER")
            path.chmod(mode)
        expect_equal(machine.slots()["b"], (None, "empty"))


def test_time_out():
    with Hooked() as machine:
        machine.stop()
        machine.configuration_write((machine.folder / "azupdate.conf").read_text() + "\n[hooks]\ntimeout=1\n")
        machine.start()
        machine.hook_add("pre-stage", "10-slow", "trap '' TERM; sleep 600 & echo $! >@/pid; wait".replace(
            "@", str(machine.folder)))
        expect_equal(machine.json("install", MAKER.bundle(2), status=1)["name"], "HOOK_TIMEOUT")
        pid = (machine.folder / "pid").read_text().strip()
        expect(not os.path.exists(f"/proc/{pid}") or ") Z " in open(f"/proc/{pid}/stat").read(), "it lives on")


def test_hook_that_calls_azupdate():
    """It may look, and is refused what would change something: nothing waits for it for ever."""
    with Rig(FAKE) as machine:
        words = " ".join(machine.command("status", "--json")), " ".join(machine.command("activate", "a"))
        machine.hook_add("pre-activate", "10-look",
                         f"{words[0]} >{machine.folder}/seen || exit 1\n{words[1]} 2>{machine.folder}/refused\n"
                         "test $? = 4")
        (machine.folder / "bundle").write_text("release 2.0")
        machine.cli("install", str(machine.folder / "bundle"))
        expect('"kind": "install"' in (machine.folder / "seen").read_text().replace('":"', '": "'), "the job is seen")
        expect("JOB_BUSY" in (machine.folder / "refused").read_text(), "it was not refused")


def test_status_and_cancel_meanwhile():
    with Rig(FAKE) as machine:
        machine.hook_add("pre-activate", "10-slow", "sleep 600")
        (machine.folder / "bundle").write_text("release 2.0")
        machine.cli("install", "--no-activate", str(machine.folder / "bundle"))
        client = subprocess.Popen(machine.command("activate", "b"), stderr=subprocess.PIPE, text=True)
        job = wait_until(lambda: next((job for job in machine.status()["jobs"] if job["step"] == "pre-activate"), None),
                         "the hook")
        expect_equal((job["kind"], job["state"]), ("activate", "running"))
        expect_equal(machine.json("mark-bad", "b", status=4)["name"], "JOB_BUSY")
        machine.cli("cancel", job["job"])
        expect("JOB_CANCELLED" in client.communicate()[1], "the fault is not shown")
        expect_equal(client.returncode, 5)
        expect_equal(machine.slot("b")["state"], "staged")


def test_twice():
    """The same state, exit status 0, and a word that it was so already."""
    with Machine() as machine:
        machine.cli("install", "--no-activate", MAKER.bundle(2))
        for words, state in ((["activate", "b"], "trial"), (["mark-good", "b"], "good"),
                             (["rollback", "--to=1.0"], "good"), (["rollback"], "good"),
                             (["mark-bad", "b", "--reason=first"], "bad")):
            expect_equal(machine.json(*words)["changed"], True, words)
            again = machine.json(*words)
            expect_equal((again["changed"], machine.slot("b")["state"]), (False, state), words)
            expect("already" in machine.cli(*words).stdout, words)
        machine.json("mark-bad", "b", "--reason=second")
        expect_equal(machine.slot("b")["reason"], "first")


def test_rollback_to():
    with Machine() as machine:
        machine.cli("install", MAKER.bundle(2))
        expect_equal(machine.json("rollback", "--to=1.0")["next"], "a")
        expect_equal(machine.json("rollback", "--to=2.0")["next"], "b")
        error = machine.json("rollback", "--to=9.0", status=1)
        expect_equal(error["name"], "RELEASE_ABSENT")
        expect("slot b holds 2.0, slot a holds 1.0" in error["message"], error)
        expect_equal(machine.json("rollback", "--to=../x", status=2)["name"], "ARGUMENT")
        expect_equal(machine.status()["next"], "b")


def test_login_message():
    with Hooked() as machine:
        machine.judge("a")
        expect_equal(machine.motd(), None)
        machine.cli("install", MAKER.bundle(2))
        expect_equal(machine.motd(), "azupdate: Version 2.0 starts with the next reboot.\n")
        machine.reboot("b")
        machine.check_add("net", "exit 3")
        machine.json("health", "run", "--act", status=1)
        expect("Version 2.0 is on trial" in machine.motd(), machine.motd())
        machine.cli("mark-bad", "b", "--reason", "a\\b")
        (machine.folder / "health/required.d/net").unlink()
        machine.judge("a")
        expect_equal(machine.motd(), "azupdate: Version 2.0 failed on this machine, version 1.0 runs: a\\b\n")
        issue = (machine.folder / "p-issue" / "azupdate.issue").read_text()
        expect_equal(issue, machine.motd().replace("\\", "/"))
        machine.cli("install", "--force", "--no-activate", MAKER.bundle(3))
        expect_equal(machine.motd(), None)
        expect(not (machine.folder / "p-issue" / "azupdate.issue").exists(), "an old issue")


class Watched:
    """A stand-in of systemd on the machine's bus, and a watchdog."""

    def __init__(self, machine, time_us, *words, device=True):
        self.log = machine.folder / "systemd"
        (machine.folder / "p-watchdogs" / ("watchdog0" if device else "")).mkdir(parents=True, exist_ok=True)
        with open(self.log, "w", encoding="ascii") as log:
            self.process = subprocess.Popen([SYSTEMD, machine.address, str(time_us), *words], stdout=log)
        wait_until(lambda: "ready" in self.log.read_text(), "systemd's name")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()

    def times(self):
        return [int(line) for line in self.log.read_text().split()[1:]]


def on_trial(machine):
    machine.cli("install", MAKER.bundle(2))
    machine.reboot("b")


def test_watchdog():
    """Armed, and after the commit as it was before. This systemd runs no programs: there are no checks."""
    with Machine() as machine, Watched(machine, 2**64 - 1) as systemd:
        on_trial(machine)
        expect_equal(machine.json("health", "run", "--act")["result"]["verdict"], "committed")
        expect_equal(systemd.times(), [60000000, 2**64 - 1])
        expect_equal(machine.status()["watchdog"], None)


def test_watchdog_until_committed():
    with Machine() as machine, Watched(machine, 0) as systemd:
        on_trial(machine)
        machine.check_add("net", "exit 3")
        machine.json("health", "run", "--act", status=1)
        machine.reboot("b")                         # the daemon's, not the machine's
        expect_equal(systemd.times(), [60000000])
        expect_equal(machine.status()["watchdog"], "armed")
        expect("armed until" in machine.cli("status").stdout, "text")
        machine.cli("mark-good")
        expect_equal((systemd.times(), machine.status()["watchdog"]), ([60000000, 0], None))


def test_watchdog_left_alone():
    for time_us, words, device, wanted in ((30000000, (), True, None), (0, (), False, "missing"),
                                           (0, ("refuse",), True, None)):
        with Machine() as machine, Watched(machine, time_us, *words, device=device) as systemd:
            on_trial(machine)
            machine.check_add("net", "exit 3")
            machine.json("health", "run", "--act", status=1)
            expect_equal((systemd.times(), machine.status()["watchdog"]), ([], wanted))
            if wanted:
                expect("there is none" in machine.cli("status").stdout, "text")


def published(machine):
    path = machine.folder / "run" / "health-state.json"
    return re.search(r'"state": "(\w+)"', path.read_text()).group(1) if path.exists() else None


def test_published_health():
    with Machine() as machine:
        expect_equal(published(machine), None)
        on_trial(machine)
        machine.check_add("net", "exit 3")
        machine.json("health", "run", "--act", status=1)
        expect_equal(published(machine), "unhealthy")
        machine.cli("mark-good")
        expect_equal(published(machine), "healthy")
        expect_equal((machine.folder / "run" / "health-state.json").stat().st_mode & 0o777, 0o644)


rig.main(globals())
