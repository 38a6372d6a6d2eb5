#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""azhealthd on a socket that systemd-socket-activate passes it, asked by curl and by who means it ill:
azhealthd_test.py AZHEALTHD. TAP."""
import os
import pathlib
import shutil
import socket
import subprocess
import sys
import tempfile
import time

AZHEALTHD = os.path.abspath(sys.argv.pop(1))

import rig
from rig import Rig, expect, expect_equal, wait_until


class Served:
    """The program, from the first connection on."""

    def __init__(self, run=None, idle=0):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="azupdate-"))
        self.run = pathlib.Path(run or self.folder)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.log = open(self.folder / "log", "w+", encoding="utf-8")
        self.process = subprocess.Popen(
            ["systemd-socket-activate", f"--listen=127.0.0.1:{self.port}", "--setenv=ASAN_OPTIONS", AZHEALTHD,
             f"--run={self.run}", f"--idle={idle}"], stderr=self.log)
        wait_until(lambda: "Listening on" in self.said(), "the socket")

    def said(self):
        return (self.folder / "log").read_text()

    def __enter__(self):
        return self

    def __exit__(self, *failure):
        self.process.terminate()
        status = self.process.wait(rig.PATIENCE_S)
        said = self.said()
        self.log.close()
        shutil.rmtree(self.folder)
        if failure[0] is None and "Communication attempt" in said:
            expect_equal(status, 0, said)

    def state(self, text):
        (self.run / "health-state.json").write_text(text)

    def curl(self, path, *words):
        """Status code and body."""
        done = subprocess.run(["curl", "--silent", "--show-error", "--max-time", "50", "--write-out", "\n%{http_code}",
                               *words, f"http://127.0.0.1:{self.port}{path}"], capture_output=True, text=True)
        expect_equal(done.returncode, 0, done.stderr)
        body, _, status = done.stdout.rpartition("\n")
        return int(status), body

    def connect(self):
        return socket.create_connection(("127.0.0.1", self.port), rig.PATIENCE_S)


STATE = '{{"state": "{}", "version": "2.0", "slot": "b", "time_us": 7}}'


def test_states():
    with Served() as served:
        for state, status, azure in ((None, 503, "Initializing"), ("healthy", 200, "Healthy"),
                                     ("unhealthy", 503, "Unhealthy"), ("perhaps", 503, "Initializing")):
            if state is not None:
                served.state(STATE.format(state))
            code, body = served.curl("/health")
            expect_equal(code, status)
            expect(f'"state":"{azure.lower()}"' in body, body)
            expect_equal(served.curl("/azure"), (200, f'{{"ApplicationHealthState": "{azure}"}}\n'))


def test_methods_and_addresses():
    with Served() as served:
        served.state(STATE.format("healthy"))
        expect_equal(served.curl("/health", "--head")[0], 200)
        expect("ontent-Length: " in served.curl("/health", "--head")[1], "a length")
        expect_equal(served.curl("/health?verbose=1")[0], 200)
        for path in ("/", "/healthy", "/health/", "/../health-state.json", "/%2e%2e/etc/passwd"):
            expect_equal(served.curl(path, "--path-as-is"), (404, ""), path)
        for method in ("POST", "PUT", "DELETE", "OPTIONS", "BREW"):
            expect_equal(served.curl("/health", "--request", method), (405, ""), method)
        expect("Allow: GET, HEAD" in served.curl("/health", "--request", "PUT", "--include")[1], "Allow")
        code, body = served.curl("/health", "--include")
        expect("application/json" in body and "no-store" in body, body)
        (served.folder / "large").write_bytes(b"x" * 10_000_000)
        done = subprocess.run(["curl", "--silent", "--max-time", "50", "--output", "/dev/null", "--write-out", "%{http_code}",
                               "--data-binary", f"@{served.folder}/large", f"http://127.0.0.1:{served.port}/health"],
                              capture_output=True, text=True)
        expect(done.stdout in ("405", "413", "000"), done.stdout)
        expect_equal(served.curl("/health")[0], 200)


def test_garbage():
    with Served() as served:
        served.state(STATE.format("healthy"))
        for head in (b"\0" * 5000, b"GET /health\r\n\r\n" * 500, b"A" * 100000, os.urandom(3000), b"\r\n" * 3000,
                     b"GET /" + b"a" * 20000 + b" HTTP/1.1\r\n\r\n", b"GET /health HTTP/9.9\r\n\r\n",
                     b"GET /health HTTP/1.1\r\n" + b"X: y\r\n" * 5000 + b"\r\n"):
            with served.connect() as peer:
                try:
                    peer.sendall(head)
                    peer.shutdown(socket.SHUT_WR)
                    while peer.recv(65536):
                        pass
                except OSError:
                    pass                    # it may close before it has read all
        expect_equal(served.curl("/health")[0], 200)
        resident = (pathlib.Path("/proc") / str(served.process.pid) / "statm").read_text().split()[1]
        expect(int(resident) * 4096 < 256 << 20, f"{resident} pages: it grows")


def test_flood_and_slow_ones():
    """Those who stay silent, and those who send a byte now and then, are sent away; who asks is answered."""
    with Served() as served:
        served.state(STATE.format("healthy"))
        silent = [served.connect() for _ in range(80)]
        for number, peer in enumerate(silent):
            peer.sendall(b"GET /health HTTP/1.1\r\nX: " if number % 2 else b"G")
        end = time.monotonic() + rig.PATIENCE_S
        dripping = silent[1]
        while time.monotonic() < end:
            try:
                dripping.sendall(b"y")
            except OSError:
                break
            time.sleep(0.3)
        expect(time.monotonic() < end, "one that drips is kept for ever")
        expect_equal(served.curl("/health")[0], 200)
        for peer in silent:
            peer.close()


def test_leaves_when_idle():
    with Served(idle=1) as served:
        served.state(STATE.format("healthy"))
        expect_equal(served.curl("/health")[0], 200)
        expect_equal(served.process.wait(rig.PATIENCE_S), 0)


def test_without_a_socket():
    for words, wanted in (([], "systemd"), (["--idle=-1"], "--idle"), (["x"], "not an option")):
        done = subprocess.run([AZHEALTHD, *words], capture_output=True, text=True, timeout=rig.PATIENCE_S)
        expect(done.returncode in (1, 2) and done.stderr.startswith("azhealthd: ") and wanted in done.stderr, done)
    environment = {**os.environ, "LISTEN_FDS": "1", "LISTEN_PID": "1"}
    done = subprocess.run([AZHEALTHD], capture_output=True, text=True, env=environment, timeout=rig.PATIENCE_S)
    expect_equal(done.returncode, 1, "a socket that is meant for another process")


def test_with_the_daemon():
    """What azupdated publishes is what is answered."""
    with Rig(rig.program("AZUPDATED_FAKE"), "[product]\nname=shop\n[health]\nfolders=@/health\nretries=0\n") as machine:
        with Served(run=machine.folder / "p-run") as served:
            expect_equal(served.curl("/health")[0], 503)
            check = machine.check_add("net", "exit 3")
            machine.cli("health", "run", "--act", status=1)     # no systemd here to reboot
            expect_equal(served.curl("/azure")[1], '{"ApplicationHealthState": "Unhealthy"}\n')
            check.unlink()
            machine.cli("health", "run", "--act")
            code, body = served.curl("/health")
            expect_equal(code, 200)
            expect('"version":"1.0","slot":"a"' in body, body)


def test_unit():
    """systemd's own judgement of the sandbox."""
    unit = pathlib.Path(rig.program("HEALTH_HTTP_UNIT"))
    done = subprocess.run(["systemd-analyze", "security", "--offline=true", "--threshold=15", "--no-pager", str(unit)],
                          capture_output=True, text=True)
    level = next((line for line in done.stdout.splitlines() if "Overall exposure level" in line), done.stderr)
    print(f"# {level.strip()}")
    expect_equal(done.returncode, 0, done.stdout[-2000:])


rig.main(globals())
