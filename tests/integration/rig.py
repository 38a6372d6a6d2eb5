# SPDX-License-Identifier: MIT
"""What the tests of daemon and command line share: a bus of their own, a daemon, a disk, TAP."""
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time
import traceback

import schema

NAME = "org.azupdate.Update1"
PATH = "/org/azupdate/Update1"
PATIENCE_S = 60         # for what takes a moment; long enough for a slow machine

BUS = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>custom</type><listen>unix:path={path}</listen><auth>EXTERNAL</auth>
  <policy context="default">
    <allow user="*"/><allow own="*"/><allow eavesdrop="true"/>
    <allow send_destination="*" eavesdrop="true"/>
  </policy>
  {more}
</busconfig>
"""


def program(name):
    return os.environ[name]


def wait_until(condition, what):
    """Polls, since what is waited for is seen from outside only."""
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        time.sleep(0.02)
    raise AssertionError(f"in vain waited for: {what}")


def expect(condition, message):
    if not condition:
        raise AssertionError(message)


def expect_equal(actual, wanted, message=""):
    expect(actual == wanted, f"{message}: {actual!r}, not {wanted!r}")


class Rig:
    """A folder with a bus and a daemon on it, both ended by close()."""

    def __init__(self, daemon, config="[product]\nname=shop\n", idle=0, policy=""):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="azupdate-"))
        self.folder.chmod(0o755)
        self.address = f"unix:path={self.folder}/bus"
        (self.folder / "bus.conf").write_text(BUS.format(path=self.folder / "bus", more=policy))
        self.configuration_write(config)
        (self.folder / "health" / "required.d").mkdir(parents=True, mode=0o755)
        self.bus = subprocess.Popen(
            ["dbus-daemon", f"--config-file={self.folder}/bus.conf", "--nofork", "--nopidfile"],
            stderr=subprocess.DEVNULL)
        wait_until((self.folder / "bus").exists, "the bus")
        self.program, self.idle, self.log = daemon, idle, open(self.folder / "log", "w+")
        self.daemon, self.options = None, []

    def configuration_write(self, text):
        """What the text leaves out must not be that of the machine the test runs on."""
        own = {"paths": ("state", "run", "motd", "issue", "watchdogs"), "hooks": ("folders",)}
        for group, keys in own.items():
            missing = [f"{key}=@/{group[0]}-{key}\n" for key in keys if f"\n{key}=" not in text or group == "hooks"]
            text += f"\n[{group}]\n" + "".join(missing)
        (self.folder / "azupdate.conf").write_text(text.replace("@", str(self.folder)))

    def start(self):
        self.daemon = subprocess.Popen(
            [self.program, f"--bus={self.address}", f"--config={self.folder}/azupdate.conf",
             f"--idle={self.idle}", *self.options], stderr=self.log, stdout=self.log)
        wait_until(self.owned, "the daemon's name")
        return self

    def owned(self):
        return "true" in self.gdbus_raw("org.freedesktop.DBus", "/org/freedesktop/DBus",
                                        "org.freedesktop.DBus.NameHasOwner", NAME).stdout

    def stop(self):
        """Ends the daemon in an orderly way; a leak or bad access shows in its exit status."""
        if self.daemon is None:
            return
        self.daemon.terminate()
        try:
            status = self.daemon.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            self.daemon.kill()
            status = self.daemon.wait()
        self.daemon = None
        self.log.seek(0)
        expect(status == 0, f"the daemon ended with {status}: {self.log.read()}")

    def close(self):
        try:
            self.stop()
        finally:
            self.bus.terminate()
            self.bus.wait()
            self.log.close()
            shutil.rmtree(self.folder)

    def __enter__(self):
        return self.start()

    def __exit__(self, *failure):
        self.close()

    def command(self, *words):
        return [program("AZUPDATE"), words[0], f"--bus={self.address}", *words[1:]]

    def cli(self, *words, status=0, prefix=(), **options):
        done = subprocess.run([*prefix, *self.command(*words)], capture_output=True, text=True,
                              **options)
        expect(done.returncode == status, f"azupdate {' '.join(words)} gives {done.returncode}, "
               f"not {status}: {done.stdout}{done.stderr}")
        return done

    def json(self, *words, status=0, **options):
        text = self.cli(*words, "--json", status=status, **options).stdout
        value = json.loads(text)
        validate_output(value)
        return value

    def json_lines(self, *words, status=0, **options):
        """Of a command that prints more than one line."""
        values = [json.loads(line) for line in self.cli(*words, status=status, **options).stdout.splitlines()]
        for value in values:
            validate_output(value)
        return values

    def status(self):
        return self.json("status")

    def slot(self, name):
        return next(slot for slot in self.status()["slots"] if slot["slot"] == name)

    def gdbus_raw(self, destination, path, method, *arguments, prefix=()):
        return subprocess.run(
            [*prefix, "gdbus", "call", "--address", self.address, "-d", destination, "-o", path,
             "-m", method, *arguments], capture_output=True, text=True)

    def gdbus(self, method, *arguments, path=PATH, prefix=()):
        return self.gdbus_raw(NAME, path, f"{NAME}.{method}", *arguments, prefix=prefix)

    def job_state(self, path):
        reply = self.gdbus_raw(NAME, path, "org.freedesktop.DBus.Properties.Get", f"{NAME}.Job",
                               "State")
        return re.search(r"<'(\w+)'>", reply.stdout).group(1)

    def hook_add(self, kind, name, body):
        folder = self.folder / "h-folders" / f"{kind}.d"
        folder.mkdir(parents=True, exist_ok=True, mode=0o755)
        (folder / name).write_text(f"#!/bin/sh\n{body}\n")
        (folder / name).chmod(0o755)
        return folder / name

    def check_add(self, name, body):
        path = self.folder / "health" / "required.d" / name
        path.write_text(f"#!/bin/sh\n{body}\n")
        path.chmod(0o755)
        return path


def validate_output(value):
    kind = re.fullmatch(r"azupdate\.(\w+)/1", value["schema"]).group(1)
    path = pathlib.Path(program("SCHEMA")) / f"{kind}.schema.json"
    described = json.loads(path.read_text())
    described["additionalProperties"] = False      # members that this release adds must be described
    found = list(schema.complaints(value, described))
    expect(not found, f"{path.name}: {found}")


class Skip(Exception):
    """A test that needs what this machine lacks; the reason is shown."""


def run_one(number, test):
    name = test.__name__.removeprefix("test_").replace("_", " ")
    try:
        test()
    except Skip as why:
        print(f"ok {number} {name} # SKIP {why}", flush=True)
        return True
    except Exception:
        print("".join(f"# {line}\n" for line in traceback.format_exc().splitlines()), end="")
        print(f"not ok {number} {name}", flush=True)
        return False
    print(f"ok {number} {name}", flush=True)
    return True


def main(names):
    """Runs the functions test_* of a module in their order, or those named on the command line."""
    tests = [value for name, value in names.items() if name.startswith("test_")]
    if len(sys.argv) > 1:
        tests = [test for test in tests if test.__name__ in sys.argv[1:]]
    print(f"1..{len(tests)}")
    sys.exit(0 if all([run_one(i + 1, test) for i, test in enumerate(tests)]) else 1)
