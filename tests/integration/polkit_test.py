#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Who may call what: azupdated over a machine in memory, and the real polkitd on the same private
bus, with our actions and a test's rules in a mount namespace of its own."""
import os
import pathlib
import pty
import re
import shutil
import signal
import subprocess

import rig
from rig import NAME, PATH, Rig, Skip, expect, expect_equal, wait_until

FAKE = rig.program("AZUPDATED_FAKE")
POLKITD = "/usr/lib/polkit-1/polkitd"
STRANGER = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")
CONFIG = "[product]\nname=shop\n[paths]\nstate=@\nrun=@\n[health]\nfolders=@/health\nretries=0\n"

# What this administrator lets a stranger do, by the details that azupdated gives.
RULES = """
polkit.addRule(function(action, subject) {
    if (subject.user != "nobody")
        return polkit.Result.NOT_HANDLED;
    var said = function(name) { var value = action.lookup(name); return value ? value : ""; };
    polkit.log("asked " + action.id + " method=" + said("method") + " slot=" + said("slot") +
               " url=" + said("url") + " reason=" + said("reason") + " force=" + said("option-force"));
    if (action.id == "org.azupdate.update1.mark" && said("slot") == "a" && said("reason") != "no")
        return polkit.Result.YES;
    if (action.id == "org.azupdate.update1.cancel" || action.id == "org.azupdate.update1.install")
        return polkit.Result.YES;
    if (action.id == "org.azupdate.update1.verify")
        return polkit.Result.NO;
    return polkit.Result.NOT_HANDLED;
});
"""


class Guarded(Rig):
    """A rig with polkitd on its bus."""

    def __init__(self):
        if os.geteuid() != 0 or not os.access(POLKITD, os.X_OK):
            raise Skip("needs root and polkitd")
        super().__init__(FAKE, CONFIG)
        actions, rules = self.folder / "actions", self.folder / "rules"
        for folder in (actions, rules):
            folder.mkdir(mode=0o755)
        shutil.copy(rig.program("POLKIT_POLICY"), actions)
        (rules / "50-test.rules").write_text(RULES)
        self.polkit_log = open(self.folder / "polkit.log", "w")
        self.polkitd = subprocess.Popen(
            ["unshare", "--mount", "--propagation=private", "sh", "-c",
             f"mount --bind {actions} /usr/share/polkit-1/actions && "
             f"mount --bind {rules} /etc/polkit-1/rules.d && exec {POLKITD}"],
            env={**os.environ, "DBUS_SYSTEM_BUS_ADDRESS": self.address},
            stdout=self.polkit_log, stderr=self.polkit_log)
        wait_until(lambda: "true" in self.gdbus_raw(
            "org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus.NameHasOwner",
            "org.freedesktop.PolicyKit1").stdout, "polkitd")

    def polkit_said(self):
        return (self.folder / "polkit.log").read_text()

    def pause(self):
        """polkitd does not answer until it goes on."""
        self.polkitd.send_signal(signal.SIGSTOP)

    def go_on(self):
        self.polkitd.send_signal(signal.SIGCONT)

    def close(self):
        self.polkitd.send_signal(signal.SIGCONT)
        self.polkitd.terminate()
        self.polkitd.wait()
        self.polkit_log.close()
        super().close()

    def begin(self, method, *arguments, prefix=STRANGER):
        """A call that is not waited for."""
        return subprocess.Popen(
            [*prefix, "gdbus", "call", "--timeout=300", "--address", self.address, "-d", NAME, "-o", PATH,
             "-m", f"{NAME}.{method}", *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            text=True)

    def logged(self, text):
        return text in (self.folder / "log").read_text()


def may_look(machine):
    if subprocess.run([*STRANGER, rig.program("AZUPDATE"), "--version"], capture_output=True).returncode:
        raise Skip("the build folder cannot be read by another user")


def test_rules_decide():
    """By action and by details; root needs none."""
    with Guarded() as machine:
        error = machine.gdbus("Manager.MarkGood", "b", prefix=STRANGER).stderr
        expect("Error.AUTH_NEEDED: MarkGood needs an administrator's authentication "
               "(org.azupdate.update1.mark)" in error, error)
        expect_equal(machine.gdbus("Manager.MarkGood", "a", prefix=STRANGER).returncode, 0)
        error = machine.gdbus("Manager.Verify", "a", "{}", prefix=STRANGER).stderr
        expect("Error.NOT_ALLOWED: polkit does not allow user 65534" in error, error)
        expect_equal(machine.gdbus("Manager.Verify", "a", "{}").returncode, 0)
        expect(machine.logged("polkit allows org.azupdate.update1.mark"), "it is not in the log")
        expect("AUTH_NEEDED" in machine.gdbus("Manager.Activate", "b", prefix=STRANGER).stderr, "activate")


def test_details_have_no_secrets():
    with Guarded() as machine:
        machine.gdbus("Manager.InstallUrl", "http://me:pass@localhost:1/x.azb?token=7",
                      "{'force': <true>, 'slot': <true>}", prefix=STRANGER)
        said = machine.polkit_said()
        expect("asked org.azupdate.update1.install-force method=InstallUrl slot= "
               "url=http://localhost:1/x.azb reason= force=yes" in said, said)
        expect("pass" not in said and "token" not in said, said)


def test_command_line():
    """A user to whom polkit allows it installs and cancels like root; a refusal has its exit status."""
    with Guarded() as machine:
        may_look(machine)
        (machine.folder / "x.azb").write_text("hang")
        job = machine.json("install", "--no-wait", str(machine.folder / "x.azb"), prefix=STRANGER)["job"]
        machine.cli("cancel", job, prefix=STRANGER)
        wait_until(lambda: machine.job_state(job) == "cancelled", "the job to end")
        error = machine.json("rollback", status=3, prefix=STRANGER)
        expect_equal(error["name"], "AUTH_NEEDED")
        error = machine.json("install", "--force", str(machine.folder / "x.azb"), status=3, prefix=STRANGER)
        expect_equal(error["name"], "AUTH_NEEDED")


def test_asks_only_on_a_terminal():
    """polkit may open a dialog only for who is there to answer it."""
    with Guarded() as machine:
        may_look(machine)
        watch = machine.folder / "watch"
        with open(watch, "w") as out:
            monitor = subprocess.Popen(["dbus-monitor", "--address", machine.address,
                                        "member=CheckAuthorization"], stdout=out)
        wait_until(lambda: "NameAcquired" in watch.read_text(), "the monitor")

        def flags():
            return re.findall(r"member=CheckAuthorization.*?\n   uint32 (\d)", watch.read_text(), re.S)

        machine.cli("rollback", status=3, prefix=STRANGER, stdin=subprocess.DEVNULL)
        wait_until(lambda: flags() == ["0"], "a question without a dialog")
        ours, theirs = pty.openpty()
        machine.cli("rollback", status=3, prefix=STRANGER, stdin=theirs)
        machine.cli("rollback", "--json", status=3, prefix=STRANGER, stdin=theirs)
        wait_until(lambda: flags() == ["0", "1", "0"], f"one question with a dialog: {flags()}")
        os.close(ours)
        os.close(theirs)
        monitor.terminate()
        monitor.wait()


def test_nobody_waits_for_polkit():
    with Guarded() as machine:
        machine.pause()
        slow = machine.begin("Manager.MarkGood", "a")
        machine.cli("mark-good", "a")
        machine.status()
        expect_equal(machine.gdbus("Updates.History", prefix=STRANGER).returncode, 0)
        expect(slow.poll() is None, "it was answered without polkit")
        machine.go_on()
        expect_equal(slow.communicate()[1], "")
        expect_equal(slow.returncode, 0)


def test_caller_that_leaves():
    """What polkit would have allowed does not happen once its caller is gone."""
    with Guarded() as machine:
        machine.pause()
        caller = machine.begin("Manager.MarkBad", "a", "it burns")
        queued = machine.begin("Manager.MarkGood", "b")
        (machine.folder / "x.azb").write_text("release 2.0")
        machine.cli("install", str(machine.folder / "x.azb"))
        before = machine.status()
        caller.kill()
        caller.communicate()
        wait_until(lambda: machine.logged("refused: MarkBad"), "the call to be dropped")
        machine.go_on()
        queued.communicate()
        expect_equal(machine.status()["slots"], before["slots"])
        expect(not machine.logged("MarkBad by user"), "it was carried out")


def test_arguments_are_frozen():
    """Two calls of one caller are two decisions, each about what it came with."""
    with Guarded() as machine:
        (machine.folder / "x.azb").write_text("release 2.0")
        machine.cli("install", str(machine.folder / "x.azb"))
        machine.pause()
        refused = machine.begin("Manager.MarkBad", "b", "it burns")
        allowed = machine.begin("Manager.MarkGood", "a")
        machine.go_on()
        expect("AUTH_NEEDED" in refused.communicate()[1], "b")
        expect_equal(allowed.communicate()[1], "")
        expect_equal(machine.slot("b")["state"], "trial")


def test_daemon_leaves_meanwhile():
    with Guarded() as machine:
        machine.pause()
        slow = machine.begin("Manager.MarkGood", "a")
        wait_until(lambda: machine.gdbus("Manager.Refresh").returncode == 0, "the daemon")
        machine.stop()          # in order, or it has leaked
        expect(slow.communicate()[1] != "", "it was done")


def test_polkit_dies():
    with Guarded() as machine:
        machine.pause()
        slow = machine.begin("Manager.MarkGood", "a")
        wait_until(lambda: machine.gdbus("Manager.Refresh").returncode == 0, "the daemon")
        machine.polkitd.kill()
        error = slow.communicate()[1]
        expect("NOT_ALLOWED" in error, error)
        error = machine.gdbus("Manager.MarkGood", "a", prefix=STRANGER).stderr
        expect("Error.NOT_ALLOWED: only root may call MarkGood" in error, error)
        machine.cli("mark-good", "a")


def test_questions_are_bounded():
    """One user's unanswered questions: so many and no more, and root is not held up by them."""
    with Guarded() as machine:
        machine.pause()
        calls = [machine.begin("Manager.MarkGood", "a") for _ in range(10)]
        wait_until(lambda: sum(call.poll() is not None for call in calls) == 2, "two to be refused")
        machine.cli("mark-good", "a")
        machine.go_on()
        errors = [call.communicate()[1] for call in calls]
        expect_equal(sum("CALLS_MANY" in error for error in errors), 2)
        # Those that polkit allowed become jobs, of which one runs at a time.
        expect_equal(sum(error == "" or "JOB_BUSY" in error for error in errors), 8)
        expect("" in errors, errors)


rig.main(globals())
