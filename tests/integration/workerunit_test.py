#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""azupdated with workers that systemd's socket units begin: systemd-socket-activate does here what
systemd does on a machine, one process for each connection. What differs from workers of its own is tried:
who may be at the other end, how one ends that hangs, and that nothing is left."""
import http.server
import os
import shutil
import socket
import subprocess
import sys

import rig
from hostile_test import MODES, Hostile, cancel_hanging, served
from machine_test import MAKER, Ranges
from rig import expect, expect_equal

NOBODY = 65534


class Listener:
    """systemd-socket-activate for one kind of worker."""

    def __init__(self, folder, kind, program, **options):
        self.path = folder / f"azfetch-{kind}"
        self.process = subprocess.Popen(
            ["systemd-socket-activate", "--accept", "--seqpacket", "-l", str(self.path), str(program), kind],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **options)
        rig.wait_until(self.path.exists, "the socket")

    def children(self):
        done = subprocess.run(["ps", "--no-headers", "-o", "pid,stat", "--ppid", str(self.process.pid)],
                              capture_output=True, text=True)
        return [line for line in done.stdout.splitlines() if "Z" not in line.split()[1]]

    def close(self):
        self.process.terminate()
        self.process.wait()


class Units(Hostile):
    """A machine whose workers are begun at sockets; azfetch is the hostile one, or the real one."""

    def __init__(self, real=False):
        super().__init__()
        if real:
            shutil.copy(rig.program("AZFETCH"), self.at / "real")
        self.sockets = self.folder / "sockets"
        self.sockets.mkdir()
        self.options = [f"--workers={self.sockets}"]
        self.listeners = [Listener(self.sockets, kind, self.at / ("real" if real else "azfetch"))
                          for kind in ("net", "decode")]

    def workers(self):
        return [pid for listener in self.listeners for pid in listener.children()]

    def close(self):
        for listener in self.listeners:
            listener.close()
        super().close()


def test_install():
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Ranges) as server, Units(real=True) as machine:
        machine.json("install", served(server))
        expect_equal(machine.slots()["b"], ("2.0", "trial"))
        expect_equal(machine.workers(), [], "a worker is left")
        server.shutdown()


def test_hostile():
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Ranges) as server, Units() as machine:
        url = served(server)
        before = machine.descriptors()
        for mode in ("die", "flood", "descriptors", "early", "unconfined"):
            machine.refused(mode, url, MODES[mode][0])
        for mode in ("crash", "memory", "short"):
            machine.refused(mode, MAKER.bundle(2), MODES[mode][1])
        expect_equal(machine.descriptors(), before, "descriptors")
        server.shutdown()


def test_cancel_of_a_worker_that_hangs():
    """Not our child, and it never looks at its socket again."""
    with Units() as machine:
        cancel_hanging(machine)


def test_no_socket():
    """It is not done without: azupdated's own unit has no rights to give up any more."""
    with Units() as machine:
        machine.listeners[1].close()
        machine.listeners[1].path.unlink(missing_ok=True)
        error = machine.json("install", MAKER.bundle(2), status=1)
        expect_equal(error["name"], "WORKER_SOCKET")
        expect_equal(machine.slots(), {"a": ("1.0", "good"), "b": (None, "empty")})


def test_socket_of_another():
    """Whoever listens there would see passwords, and be given the base."""
    if os.geteuid() != 0:
        raise rig.Skip("takes root")
    with Units() as machine:
        for listener in machine.listeners:
            listener.close()
            listener.path.unlink(missing_ok=True)
        machine.sockets.chmod(0o777)
        machine.listeners = [Listener(machine.sockets, kind, machine.at / "azfetch", user=NOBODY)
                             for kind in ("net", "decode")]
        error = machine.json("install", MAKER.bundle(2), status=1)
        expect_equal(error["name"], "WORKER_SOCKET")
        expect("is not root's" in error["message"], error)


def test_worker_serves_root_only():
    """The real one, begun by root with a socket of somebody else's."""
    if os.geteuid() != 0:
        raise rig.Skip("takes root")
    os.seteuid(NOBODY)      # the kernel keeps who has made a pair
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    os.seteuid(0)
    with ours, theirs:
        done = subprocess.run([sys.executable, "-c", "import os, sys\n"
                               "os.dup2(int(sys.argv[1]), 3)\nos.execv(sys.argv[2], [sys.argv[2], 'decode'])",
                               str(theirs.fileno()), rig.program("AZFETCH")],
                              pass_fds=[theirs.fileno()], timeout=rig.PATIENCE_S)
        expect_equal(done.returncode, 2)
        theirs.close()
        expect_equal(ours.recv(1024), b"", "it speaks to a stranger")


if __name__ == "__main__":
    rig.main(globals())
