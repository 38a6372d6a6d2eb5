#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""azupdated with workers that were taken over: each job fails with the fault that names it, the daemon
lives, and the machine boots what it did. hostile_worker.c has the modes."""
import http.server
import json
import os
import shutil
import subprocess
import threading

import rig
from machine_test import MAKER, Machine, Ranges
from rig import expect, expect_equal

DIED, LIED = {"WORKER_DIED"}, {"WORKER_ANSWER"}
# Its bytes are what is wrong: what a hostile server or bundle would give.
HEAD, BLOCKS = {"BUNDLE_MAGIC"}, {"BUNDLE_BLOCK"}
MODES = {               # of the network worker, of a decoder
    "die": (DIED, DIED),
    "crash": (DIED, DIED),
    "flood": (LIED, LIED),
    "more": (HEAD, BLOCKS),
    "idle": (HEAD, BLOCKS),
    "event": (LIED, LIED),
    "ready": (LIED, LIED),
    "unknown": (LIED, LIED),
    "short": (LIED, LIED),
    "long": (LIED, LIED),
    "fault": (LIED, LIED),
    "descriptors": (HEAD, BLOCKS),
    "memory": (HEAD, BLOCKS),
    "change": (HEAD, BLOCKS),
    "early": (LIED, LIED),
    "unconfined": ({"WORKER_CONFINE"}, {"WORKER_CONFINE"}),
}
# Else nothing that is freed comes back.
os.environ["ASAN_OPTIONS"] = os.environ.get("ASAN_OPTIONS", "") + ":quarantine_size_mb=1"
GROWTH_KB = 16 << 10    # of the daemon over all of the second round


class Hostile(Machine):
    """A machine whose azfetch does what the file beside it says."""

    def __init__(self):
        super().__init__()
        self.at = self.folder / "libexec"
        self.at.mkdir(mode=0o755)
        shutil.copy(rig.program("AZUPDATED"), self.at / "azupdated")
        shutil.copy(rig.program("HOSTILE_WORKER"), self.at / "azfetch")
        self.program = str(self.at / "azupdated")

    def mode(self, name):
        (self.at / "mode").write_text(name)

    def resident_kb(self):
        text = open(f"/proc/{self.daemon.pid}/status", encoding="ascii").read()
        return int(text.partition("VmRSS:")[2].split()[0])

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.daemon.pid}/fd"))

    def workers(self):
        done = subprocess.run(["ps", "--no-headers", "-o", "pid", "--ppid", str(self.daemon.pid)],
                              capture_output=True, text=True)
        return done.stdout.split()

    def refused(self, mode, bundle, faults):
        self.mode(mode)
        pid = self.daemon.pid
        error = self.json("install", bundle, status=1)
        expect(error["name"] in faults, f"{mode}: {error}, not {faults}")
        expect(self.daemon.poll() is None and self.daemon.pid == pid, f"{mode}: the daemon is gone")
        expect_equal(self.slots(), {"a": ("1.0", "good"), "b": (None, "empty")}, mode)
        expect_equal(self.status()["next"], "a", mode)
        expect_equal(self.workers(), [], f"{mode}: a worker is left")


def served(server):
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"http://127.0.0.1:{server.server_port}/2.azb"


def round_of(machine, url):
    for mode, (net, decode) in MODES.items():
        machine.refused(mode, url, net)
        machine.refused(mode, MAKER.bundle(2), decode)


def test_each_mode_fails_the_job_only():
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Ranges) as server, Hostile() as machine:
        url = served(server)
        round_of(machine, url)
        before = machine.resident_kb(), machine.descriptors()
        for mode in ("memory", "flood", "descriptors", "change"):
            machine.refused(mode, url, MODES[mode][0])
            machine.refused(mode, MAKER.bundle(2), MODES[mode][1])
        expect(machine.resident_kb() < before[0] + GROWTH_KB, f"{before[0]} KB grew to {machine.resident_kb()}")
        expect_equal(machine.descriptors(), before[1], "descriptors")
        expect("\n\n" not in (machine.folder / "log").read_text(), "a worker wrote to the log")
        shutil.copy(rig.program("AZFETCH"), machine.at / "azfetch.new")
        os.rename(machine.at / "azfetch.new", machine.at / "azfetch")
        machine.json("install", url)
        expect_equal(machine.slots()["b"], ("2.0", "trial"))
        server.shutdown()


def cancel_hanging(machine):
    machine.mode("hang")
    client = subprocess.Popen(machine.command("install", MAKER.bundle(2)), stderr=subprocess.PIPE, text=True)
    rig.wait_until(machine.workers, "the worker")
    machine.cli("cancel")
    client.communicate(timeout=rig.PATIENCE_S)
    expect_equal(client.returncode, 5)
    expect_equal(machine.workers(), [], "a worker is left")
    expect_equal(machine.slots(), {"a": ("1.0", "good"), "b": (None, "empty")})


def test_cancel_of_a_worker_that_hangs():
    with Hostile() as machine:
        cancel_hanging(machine)


def test_worker_that_hangs():
    """In the library, whose test waits for less long than the daemon would."""
    with Hostile() as machine:
        machine.mode("hang")
        done = subprocess.run([rig.program("HTTP_DRIVER"), "http://127.0.0.1:1/x", "0:1"], check=True,
                              capture_output=True, text=True,
                              env={**os.environ, "WORKER": str(machine.at / "azfetch"), "WORKER_SILENCE": "2"})
        expect_equal(json.loads(done.stdout)["fault"], "WORKER_SILENT")


def test_worker_that_is_not_there():
    with Hostile() as machine:
        (machine.at / "azfetch").unlink()
        expect_equal(machine.json("install", MAKER.bundle(2), status=1)["name"], "WORKER_START")
        expect_equal(machine.slots(), {"a": ("1.0", "good"), "b": (None, "empty")})


def test_advice_that_cannot_be():
    """What a worker makes of a server's answer is checked field by field."""
    with Hostile() as machine:
        machine.mode("advice")
        done = subprocess.run([rig.program("FLEET_DRIVER"), "check", "url=http://127.0.0.1:1/",
                               f"state={machine.folder}/omaha"], check=True, capture_output=True, text=True,
                              env={**os.environ, "WORKER": str(machine.at / "azfetch")})
        expect_equal(json.loads(done.stdout)["fault"], "WORKER_ANSWER")
        expect("has read what cannot be" in done.stdout, done.stdout)


if __name__ == "__main__":
    rig.main(globals())
