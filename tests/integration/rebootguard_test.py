#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Inhibitors, warnings and the reboot, against a stand-in of logind: rebootguard_test.py DRIVER
LOGIND. TAP."""
import json
import os
import socket
import subprocess
import sys
import time

import fleet_rig
from fleet_rig import bad, drive, folder, good
from rig import BUS, wait_until

LOGIND = os.path.abspath(sys.argv[2])
SESSIONS = {"sessions": {"c1": "greeter|online", "2": "user|active", "3": "user|closing", "4": "user|gone"}}


class World:
    """A bus, and on it a logind with these settings; None: no logind. `more` is for the bus."""

    def __init__(self, settings=None, more=""):
        self.folder = folder()
        self.address = f"unix:path={self.folder}/bus"
        (self.folder / "bus.conf").write_text(BUS.format(path=self.folder / "bus", more=more))
        self.log, self.processes = self.folder / "log", []
        try:
            self.begin(settings)
        except BaseException:
            self.__exit__()
            raise

    def begin(self, settings):
        self.run_beside(["dbus-daemon", f"--config-file={self.folder}/bus.conf", "--nofork", "--nopidfile"])
        wait_until(self.bus_listens, "the bus")
        if settings is not None:
            self.set(settings)
            self.run_beside([LOGIND, self.address, str(self.folder / "settings")])
            wait_until(lambda: "ready" in self.log.read_text(), "logind's name")

    def run_beside(self, words):
        with open(self.log, "a", encoding="ascii") as log:
            self.processes.append(subprocess.Popen(words, stdout=log, stderr=subprocess.DEVNULL))

    def bus_listens(self):
        """Its file is there a moment before it listens."""
        with socket.socket(socket.AF_UNIX) as probe:
            return probe.connect_ex(str(self.folder / "bus")) == 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for process in reversed(self.processes):
            process.terminate()
            process.wait()

    def set(self, settings):
        text = "".join(f"[{group}]\n" + "".join(f"{key}={value}\n" for key, value in values.items())
                       for group, values in settings.items())
        (self.folder / "new").write_text(text)
        (self.folder / "new").rename(self.folder / "settings")

    def run(self, name, **options):
        return drive(name, bus=self.address, **options)

    def start(self, name, **options):
        return subprocess.Popen(fleet_rig.command(name, bus=self.address, **options), stdout=subprocess.PIPE)

    def calls(self):
        return [line.split("(")[0] for line in self.log.read_text().splitlines() if line != "ready"]

    def line(self, method):
        return next(line for line in self.log.read_text().splitlines() if line.startswith(method))


def inhibitor(mode, what="shutdown:sleep"):
    return {"inhibitors": {"0": f"{what}|backup|the nightly copy|{mode}"}}


def test_none():
    """nothing inhibits, nobody is there: the reboot goes through logind, at once"""
    with World({}) as world:
        good(world.run("inhibitors"))
        assert good(world.run("reboot", warn=60))["outcome"] == "rebooting"
        assert world.calls()[-1] == "Reboot" and "ScheduleShutdown" not in world.calls(), world.calls()
        assert world.line("Reboot") == "Reboot(false,)"


def test_block():
    """a blocking inhibitor is named, and there is no reboot"""
    for mode in ("block", "block-weak"):
        with World(inhibitor(mode)) as world:
            bad(world.run("inhibitors"), "REBOOT_INHIBITED", "backup", "the nightly copy")
            bad(world.run("reboot"), "REBOOT_INHIBITED")
            assert set(world.calls()) == {"ListInhibitors"}, world.calls()


def test_not_ours():
    """who inhibits something else, or only a delay, does not stand in the way"""
    for settings in (inhibitor("delay"), inhibitor("block", "sleep:idle")):
        with World(settings) as world:
            good(world.run("inhibitors"))
            good(world.run("reboot"))
            assert world.calls()[-1] == "Reboot", world.calls()


def test_words():
    """an inhibitor's words are fit to be shown"""
    with World({"inhibitors": {"0": f"shutdown|a\x1b[2J{'b' * 5000}|\\n\\n{'c' * 5000}|block"}}) as world:
        text = bad(world.run("inhibitors"), "REBOOT_INHIBITED", "a [2Jbbb")["text"]
        assert text.isprintable() and len(text) < 400, text


def test_planned():
    """a shutdown that somebody has planned is left alone"""
    for kind, stands in (("poweroff", True), ("reboot", True), ("dry-reboot", False), ("", False)):
        with World({"plan": {"type": kind, "time": 4102444800000000}}) as world:
            if stands:
                bad(world.run("reboot"), "REBOOT_INHIBITED", kind)
                assert "Reboot" not in world.calls()
            else:
                good(world.run("reboot"))


def test_no_logind():
    """without logind there is nothing to ask, and systemd is the one to tell"""
    with World() as world:
        good(world.run("inhibitors"))
        assert good(world.run("reboot", warn=60))["outcome"] == "none"


def test_cannot_start():
    """a logind that the bus knows and cannot start, as one that is masked, is none"""
    services = folder()
    (services / "logind.service").write_text("[D-BUS Service]\nName=org.freedesktop.login1\nExec=/bin/false\n")
    with World(more=f"<servicedir>{services}</servicedir>") as world:
        good(world.run("inhibitors"))
        assert good(world.run("reboot", warn=60))["outcome"] == "none"


def test_odd_logind():
    """a logind that does not answer as it should is no yes"""
    for method in ("ListInhibitors", "ListSessions"):
        for what in ("org.freedesktop.DBus.Error.AccessDenied", "org.freedesktop.DBus.Error.NoReply", "wrong"):
            with World({**SESSIONS, "faults": {method: what}}) as world:
                bad(world.run("reboot"), "LOGIND")
                assert "Reboot" not in world.calls(), world.calls()
    with World({"faults": {"Reboot": "org.freedesktop.DBus.Error.AccessDenied"}}) as world:
        bad(world.run("reboot"), "REBOOT", "as the test wants")


def test_hang():
    """a logind that hangs is no yes either, and can be cancelled"""
    with World({"faults": {"ListInhibitors": "hang"}}) as world:
        bad(world.run("inhibitors", cancel=200), "JOB_CANCELLED")


def test_many_inhibitors():
    """more inhibitors than there can be"""
    with World({"inhibitors": {str(i): "sleep|a|b|block" for i in range(1025)}}) as world:
        bad(world.run("inhibitors"), "LOGIND", "1024")


def test_warning():
    """who is logged in is warned, and the reboot comes when it was said to"""
    with World(SESSIONS) as world:
        began = time.time()
        assert good(world.run("reboot", warn=2, version="2.0"))["outcome"] == "rebooting"
        wait_until(lambda: "rebooting" in world.calls(), "the reboot")
        assert time.time() - began >= 2 and "Reboot" not in world.calls(), world.calls()
        assert "'azupdate starts version 2.0.', true" in world.line("SetWallMessage")
        assert "CancelScheduledShutdown" not in world.calls()


def test_nobody():
    """a greeter, a session that closes and one that is gone are nobody"""
    with World({"sessions": {key: SESSIONS["sessions"][key] for key in ("c1", "3", "4")}}) as world:
        good(world.run("reboot", warn=60))
        assert world.calls()[-1] == "Reboot", world.calls()


def test_no_warning():
    """without a time to warn there is no warning"""
    with World(SESSIONS) as world:
        good(world.run("reboot", warn=0))
        assert world.calls()[-1] == "Reboot", world.calls()


def planned(world):
    wait_until(lambda: "ScheduleShutdown" in world.calls(), "the plan")


def expect_called_off(world, waiting, fault):
    out = json.loads(waiting.communicate(timeout=60)[0])
    assert out["fault"] == fault, out
    assert world.calls()[-1] == "CancelScheduledShutdown" and "rebooting" not in world.calls(), world.calls()


def test_inhibited_meanwhile():
    """who inhibits the reboot after the warning calls it off"""
    with World(SESSIONS) as world:
        waiting = world.start("reboot", warn=600)
        planned(world)
        world.set({**SESSIONS, **inhibitor("block")})
        expect_called_off(world, waiting, "REBOOT_INHIBITED")


def test_called_off():
    """an administrator who takes the plan back, or makes another, calls it off"""
    with World(SESSIONS) as world:
        waiting = world.start("reboot", warn=600)
        planned(world)
        subprocess.run(["gdbus", "call", "--address", world.address, "-d", "org.freedesktop.login1", "-o",
                        "/org/freedesktop/login1", "-m", "org.freedesktop.login1.Manager.CancelScheduledShutdown"],
                       check=True, stdout=subprocess.DEVNULL)
        out = json.loads(waiting.communicate(timeout=60)[0])
        assert out["fault"] == "REBOOT_INHIBITED" and "called" in out["text"], out


def test_cancelled():
    """a cancel takes the plan back"""
    with World(SESSIONS) as world:
        expect_called_off(world, world.start("reboot", warn=600, cancel=700), "JOB_CANCELLED")


fleet_rig.run(globals())
