# SPDX-License-Identifier: MIT
"""Runs a command and says what it took; keeps what was found in one JSON file."""
import dataclasses
import fcntl
import json
import os
import pathlib
import subprocess
import tempfile

PATH = "/usr/sbin:/usr/bin:/sbin:/bin"
# Of a device whose disk is a file, for the library: no bus, no TPM.
DEVICE_CONFIG = """[layout]
disk={at}/disk
[product]
name=bench
architecture=x86_64
[trust]
keyring={keyring}
[paths]
state={at}/state
run={at}/run
efivars={at}/efivars
"""


class Failed(Exception):
    """A step did not do what it should."""


@dataclasses.dataclass
class Cost:
    """Wall and processor seconds; the largest resident set of any one process, in bytes."""
    wall: float
    cpu: float
    memory: int

    def __add__(self, other):
        return Cost(self.wall + other.wall, self.cpu + other.cpu, max(self.memory, other.memory))


def run(*words, cwd=None):
    """Runs a program to its good end and returns its output."""
    done = subprocess.run([str(word) for word in words], cwd=cwd, capture_output=True,
                          env={**os.environ, "PATH": PATH, "LC_ALL": "C"})
    if done.returncode != 0:
        said = (done.stdout + done.stderr)[-2000:].decode(errors="replace")
        raise Failed(f"{' '.join(map(str, words))[:400]}\n{said}")
    return done.stdout.decode(errors="replace")


def measure(*words, cwd=None):
    """As run(), but returns the Cost. GNU time starts the program, so that the peak is not this process's."""
    with tempfile.NamedTemporaryFile(mode="r", encoding="utf-8") as said:
        run("time", "-q", "-o", said.name, "-f", "%e %U %S %M", *words, cwd=cwd)
        wall, user, system, kilobytes = said.read().split()
    return Cost(float(wall), float(user) + float(system), int(kilobytes) * 1024)


def same(one, other):
    """Compares two files up to the end of both; a difference ends the benchmark's step."""
    run("cmp", one, other)


class Results:
    """What was measured: rows, kept in a file after each, so that a stopped run goes on. Two processes may
    add to the same file."""

    def __init__(self, path):
        self.path = pathlib.Path(path)
        self.rows = self.read()

    def read(self):
        return json.loads(self.path.read_text()) if self.path.exists() else []

    def find(self, **key):
        return [row for row in self.rows if all(row.get(name) == value for name, value in key.items())]

    def put(self, key, values):
        """Replaces the row of that key."""
        with open(self.path.with_suffix(".lock"), "w", encoding="utf-8") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            self.rows = self.read()
            before = self.find(**key)
            self.rows = [row for row in self.rows if row not in before] + [{**key, **values}]
            part = self.path.with_suffix(".part")
            part.write_text("[\n" + ",\n".join(json.dumps(row) for row in self.rows) + "\n]\n")
            os.replace(part, self.path)
