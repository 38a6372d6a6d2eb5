#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Health checks where systemd runs, or a stand-in of it: checks as transient units, units that must
run, failed units, the reboot."""
import os
import subprocess
import time

import rig
from rig import Rig, expect, expect_equal, wait_until

FAKE = rig.program("AZUPDATED_FAKE")
CONFIG = ("[product]\nname=shop\n[paths]\nstate=@/state\nrun=@/run\n[health]\nfolders=@/health\n"
          "greenboot=no\nwanted-builtins=\nretries=0\nmemory=64\n")


class World(Rig):
    """A machine with a systemd; `units` is the text of its key file."""

    def __init__(self, more="", units=""):
        super().__init__(FAKE, CONFIG + more)
        self.set(units)
        with open(self.folder / "calls", "w", encoding="ascii") as log:
            self.systemd = subprocess.Popen([rig.program("FAKE_SYSTEMD"), self.address,
                                             str(self.folder / "units")], stdout=log)
        wait_until(lambda: "ready" in self.calls(), "systemd's name")

    def set(self, units):
        (self.folder / "units.new").write_text(units)
        (self.folder / "units.new").rename(self.folder / "units")

    def calls(self):
        return (self.folder / "calls").read_text().splitlines()

    def called(self, start):
        return [line for line in self.calls() if line.startswith(start)]

    def close(self):
        self.systemd.terminate()
        self.systemd.wait()
        super().close()

    def health(self, *words, healthy=False):
        result = self.json("health", "run", *words, status=0 if healthy else 7)["result"]
        return {check["name"]: check for check in result["checks"]}, result


def is_gone(path):
    """Whether the process whose number is in the file is dead."""
    try:
        with open(f"/proc/{int(path.read_text())}/stat", encoding="ascii") as stat:
            return ") Z " in stat.read()
    except FileNotFoundError:
        return True


def test_programs():
    with World() as machine:
        machine.check_add("good", 'echo "$AZUPDATE_CHECK $AZUPDATE_KIND $AZUPDATE_RUN"')
        machine.check_add("bad", "echo no route; echo more >&2; exit 3")
        machine.check_add("signal", "kill -SEGV $$")
        machine.check_add("garbage", "").write_text("#!/nowhere/at/all\n")
        machine.check_add("text", "exit 0").chmod(0o644)
        checks, _ = machine.health()
        expect_equal((checks["good"]["passed"], checks["good"]["output"]), (True, "good required 1\n"))
        expect_equal((checks["bad"]["exit_status"], checks["bad"]["output"]), (3, "no route\nmore\n"))
        for name, reason in (("bad", "failed: exit status 3: no route"),
                             ("signal", "was killed by signal 11 (Segmentation fault)"),
                             ("garbage", "could not be started: Exec format error"),
                             ("text", "could not be started: Permission denied")):
            expect_equal(checks[name]["reason"], reason)
        for line in ("Slice='azupdate.slice'", "KillMode='control-group'", "MemoryMax=67108864",
                     "TasksMax=256", "Type='exec'", "Description='azupdate: health check good'"):
            expect(line in machine.calls(), f"{line} is not among the properties")
        expect_equal(len(machine.called("StartTransientUnit")), 4)
        expect_equal(len(machine.called("UnrefUnit")), 4, "a unit is kept for ever")


def test_hang():
    with World("timeout=1\n") as machine:
        pid = machine.folder / "pid"
        machine.check_add("hang", f"trap '' TERM\necho $$ >{pid}; echo waiting\nwhile :; do sleep 100; done")
        checks, result = machine.health()
        expect_equal(result["reason"], 'check "hang" did not end within 1 s: waiting')
        expect_equal(checks["hang"]["fault"], 701)
        expect_equal(len(machine.called("KillUnit")), 1)
        expect(is_gone(pid), "the check goes on")


def test_flood():
    with World("timeout=1\n") as machine:
        pid = machine.folder / "pid"
        machine.check_add("flood", f"echo $$ >{pid}; echo first; exec yes")
        checks, _ = machine.health()
        expect_equal(checks["flood"]["reason"], "did not end within 1 s: first")
        expect(1000 < len(checks["flood"]["output"]) <= 4096, "the output is not capped")
        expect(is_gone(pid), "the check goes on")


def test_cancel():
    with World("timeout=1000\n") as machine:
        pid = machine.folder / "pid"
        machine.check_add("hang", f"echo $$ >{pid}; sleep 1000")
        client = subprocess.Popen(machine.command("health", "run"), stderr=subprocess.PIPE, text=True)
        wait_until(lambda: pid.exists() and pid.read_text(), "the check")
        machine.cli("cancel")
        expect("JOB_CANCELLED" in client.communicate()[1], "it was not cancelled")
        expect(is_gone(pid), "the check goes on")


def test_refused():
    """What systemd does not start is not started otherwise."""
    with World(units="[systemd]\nrefuse=StartTransientUnit\n") as machine:
        proof = machine.folder / "proof"
        machine.check_add("check", f"touch {proof}")
        checks, _ = machine.health()
        expect_equal(checks["check"]["reason"], "could not be started: systemd: as the test wants")
        expect_equal(checks["check"]["fault"], 702)
        expect(not proof.exists(), "it ran")


def unit(name, state="active", age_s=100, restarts=0, invocation=1):
    since = int((time.clock_gettime(time.CLOCK_MONOTONIC) - age_s) * 1e6)
    return (f"[{name}]\nActiveState={state}\nActiveEnter={since}\nNRestarts={restarts}\n"
            f"Invocation={invocation}\n")


def test_units():
    units = unit("web.service") + unit("old.mount") + unit("late.service", "failed")
    with World("units=web.service;old.mount\nwanted-units=late.service;none.service\n", units) as machine:
        checks, _ = machine.health(healthy=True)
        expect_equal([checks[name]["passed"] for name in ("web.service", "old.mount", "late.service",
                                                          "none.service")], [True, True, False, False])
        expect_equal(checks["late.service"]["reason"], "has failed")
        expect_equal(checks["none.service"]["reason"], "does not exist, or cannot be loaded")
        expect_equal((checks["web.service"]["kind"], checks["late.service"]["fault"]), ("unit", 1169))


def test_unit_that_restarts():
    with World("units=web.service\nunit-soak=300\n", unit("web.service", age_s=1)) as machine:
        client = subprocess.Popen(machine.command("health", "run"), stdout=subprocess.PIPE, text=True)
        wait_until(lambda: len(machine.called("LoadUnit")) >= 2, "two looks")
        machine.set(unit("web.service", age_s=0, restarts=1, invocation=2))
        text = client.communicate()[0]
        expect_equal(client.returncode, 7)
        expect('check "web.service" was restarted within' in text, text)


def test_unit_that_dies():
    with World("units=web.service\nunit-soak=300\nretries=3\n", unit("web.service", age_s=1)) as machine:
        client = subprocess.Popen(machine.command("health", "run"), stdout=subprocess.PIPE, text=True)
        wait_until(lambda: len(machine.called("LoadUnit")) >= 2, "two looks")
        machine.set(unit("web.service", "failed"))
        text = client.communicate()[0]
        expect_equal(client.returncode, 7)
        expect('check "web.service" was active, and is failed' in text, text)
        expect("1 run)" in text, "it was given another chance")


def test_failed_units():
    with World("builtins=failed-units\nfailed-units-except=*.mount;x\n",
               "[systemd]\nfailed=a.service;b.mount\n") as machine:
        checks, result = machine.health()
        expect_equal(checks["failed-units"]["reason"], "failed: failed units: a.service")
        expect_equal((checks["failed-units"]["kind"], checks["failed-units"]["fault"]), ("builtin", 1171))
        machine.set("[systemd]\nfailed=b.mount\n")
        machine.health(healthy=True)
        machine.set("[systemd]\nrefuse=ListUnitsFiltered\n")
        checks, result = machine.health()
        expect("systemd cannot be asked: as the test wants" in result["reason"], result)


def test_reboot():
    """A red boot reboots by systemd; held, it does not."""
    with World() as machine:
        machine.check_add("net", "exit 3")
        _, result = machine.health("--act")
        expect_equal(result["verdict"], "reboot")
        expect_equal(machine.called("StartUnit"), ["StartUnit(reboot.target)"])
        machine.cli("health", "hold")
        _, result = machine.health("--act")
        expect_equal((result["verdict"], len(machine.called("StartUnit"))), ("stay", 1))


def test_space_and_clock():
    with World("builtins=clock\nwanted-builtins=space;source\nspace=1048576\n") as machine:
        (machine.folder / "state").mkdir()
        checks, _ = machine.health(healthy=True)
        expect("1048576 MiB are needed" in checks["space"]["reason"], checks)
        expect_equal(checks["source"]["reason"], "failed: no repository is configured")


def test_wrong_names():
    for line in ("builtins=source", "builtins=rot", "wanted-builtins=rot", "units=" + "a;" * 65):
        with Rig(FAKE, CONFIG + line + "\n") as machine:
            expect_equal(machine.json("health", "run", status=1)["name"], "CONFIG_VALUE", line)


if __name__ == "__main__":
    os.umask(0o022)
    rig.main(globals())
