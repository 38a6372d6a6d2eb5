#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""azupdated's face on the bus, over a machine in memory: that objects are found and properties tell
their changes, that nobody waits for somebody else's call, and that strangers change nothing."""
import os
import pathlib
import re
import signal
import subprocess
import time

import rig
from rig import NAME, PATH, Rig, Skip, expect, expect_equal, wait_until

# A sanitizer keeps what was freed, which is no growth.
os.environ["ASAN_OPTIONS"] = os.environ.get("ASAN_OPTIONS", "") + ":quarantine_size_mb=4"
FAKE = rig.program("AZUPDATED_FAKE")
FLOOD = rig.program("BUS_FLOOD")
STRANGER = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")
CONFIG = "[product]\nname=shop\n[paths]\nstate=@\nrun=@\n[health]\nfolders=@/health\nretries=0\n"
OBJECTS = (PATH, f"{PATH}/slot/a", f"{PATH}/slot/b", f"{PATH}/job/1")


def as_stranger():
    if os.geteuid() != 0:
        raise Skip("only root can become another user")
    if subprocess.run([*STRANGER, rig.program("AZUPDATE"), "--version"],
                      capture_output=True).returncode != 0:
        raise Skip("the build folder cannot be read by another user")
    return STRANGER


def bundle(machine, text):
    path = machine.folder / "bundle.azb"
    path.write_text(text)
    return str(path)


class Monitor:
    """What the daemon says to everybody, from when it is there until it is read."""

    def __init__(self, machine):
        self.machine, self.path = machine, machine.folder / "monitor"
        with open(self.path, "w") as out:
            self.process = subprocess.Popen(
                ["gdbus", "monitor", "--address", machine.address, "-d", NAME], stdout=out)
        wait_until(lambda: "is owned by" in self.path.read_text(), "the monitor")

    def read(self):
        """All that was said until now: a job's end is a mark that comes after it."""
        job = self.machine.json("verify")["job"]
        wait_until(lambda: f"{job}: {NAME}.Job.Finished" in self.path.read_text(), "the monitor's mark")
        self.process.terminate()
        self.process.wait()
        return self.path.read_text()


def introspect(machine, path):
    return subprocess.run(["gdbus", "introspect", "--xml", "--address", machine.address, "-d", NAME,
                           "-o", path], capture_output=True, text=True, check=True).stdout


def properties_of(machine):
    """(interface, property, is const) of all that can be read."""
    for path in OBJECTS:
        for interface, body in re.findall(r'<interface name="([\w.]+)">(.*?)</interface>',
                                          introspect(machine, path), re.S):
            if not interface.startswith(NAME):
                continue
            for name, access, rest in re.findall(
                    r'<property [^>]*?name="(\w+)"[^>]*?access="(\w+)"[^>]*?(/>|>.*?</property>)', body, re.S):
                expect_equal(access, "read", name)
                yield interface.removeprefix(NAME + "."), name, 'value="const"' in rest


def test_properties_tell_their_changes():
    """Each property is seen to change, or says that it never does."""
    with Rig(FAKE, CONFIG) as machine:
        machine.status()
        monitor = Monitor(machine)
        machine.cli("install", bundle(machine, "slow 2.0"))
        machine.json("install", bundle(machine, "rubbish"), status=1)
        expect_equal(machine.gdbus("Manager.MarkBad", "b", "it burns").returncode, 0)
        expect_equal(machine.gdbus("Manager.HealthHold", "true").returncode, 0)
        (machine.folder / "watchdog").write_text("[watchdog]\nstate=missing\n")
        (machine.folder / "etc-defaults").mkdir()       # of a release whose azetc has told nothing
        machine.cli("install", bundle(machine, "release shifted"))
        told = set()
        for interface, changes in re.findall(
                r"PropertiesChanged \('" + NAME + r"\.(\w+)', \{(.*)\}, ", monitor.read()):
            told |= {(interface, name) for name in re.findall(r"'(\w+)': <", changes)}
        properties = set(properties_of(machine))
        expect(len(properties) > 30, properties)
        for interface, name, is_const in sorted(properties):
            if is_const:
                expect((interface, name) not in told, f"{interface}.{name} changes")
            else:
                expect((interface, name) in told, f"{interface}.{name} does not tell its change")


def managed(machine, prefix=()):
    return machine.gdbus_raw(NAME, PATH, "org.freedesktop.DBus.ObjectManager.GetManagedObjects",
                             prefix=prefix).stdout


def test_objects_are_found():
    stranger = as_stranger()
    with Rig(FAKE, CONFIG) as machine:
        expect("/slot/a" in managed(machine) and "/slot/b" in managed(machine), managed(machine))
        expect("/job/" not in managed(machine), managed(machine))
        monitor = Monitor(machine)
        for number in range(9):
            machine.cli("install", bundle(machine, f"release {number}"))
        found = managed(machine, prefix=stranger)
        for part in (f"'{PATH}/job/9': {{'{NAME}.Job': {{'Kind': <'install'>", "'Version': <'8'>"):
            expect(part in found, f"{part} is not in {found}")
        expect(f"{PATH}/job/1'" not in found, found)
        text = monitor.read()
        for line in (rf"InterfacesAdded \(objectpath '{PATH}/job/1'",
                     rf"InterfacesRemoved \(objectpath '{PATH}/job/1', \['{NAME}.Job'\]"):
            expect(re.search(line, text), f"{line} is not in {text}")


def test_commands_of_the_document():
    """Those of docs/DBUS.md, one after the other, on a bus of our own."""
    commands = re.findall(r"^\$ ((?:gdbus|busctl) .*)$", pathlib.Path(rig.program("DOCUMENT")).read_text(), re.M)
    expect(len(commands) >= 6, commands)
    with Rig(FAKE, CONFIG) as machine:
        for command in commands:
            here = command.replace("--system", f"--address={machine.address}", 1)
            done = subprocess.run(here, shell=True, capture_output=True, text=True)
            expect_equal(done.returncode, 0, f"{here}: {done.stderr}")


def test_job_outlives_its_client():
    """It goes on when its client has left the bus, and another one of root's cancels it."""
    with Rig(FAKE, CONFIG) as machine:
        client = subprocess.Popen(machine.command("install", bundle(machine, "hang")),
                                  stderr=subprocess.DEVNULL)
        job = wait_until(lambda: machine.status()["jobs"], "the job")[0]["job"]
        client.send_signal(signal.SIGKILL)
        client.wait()
        expect_equal(machine.job_state(job), "running")
        expect_equal(machine.gdbus("Job.Cancel", path=job).returncode, 0)
        wait_until(lambda: machine.job_state(job) == "cancelled", "the job to end")


def call_about_the_tpm(machine):
    """One that is under way. Attest, which fails at once where the TPM is free, tells; it may come in first."""
    while True:
        slow = subprocess.Popen(
            ["gdbus", "call", "--timeout=600", "--address", machine.address, "-d", NAME, "-o", PATH,
             "-m", f"{NAME}.Manager.TpmStatus"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        wait_until(lambda: slow.poll() is not None or
                   "JOB_BUSY" in machine.gdbus("Manager.Attest", "[byte 1]").stderr, "the call to begin")
        if slow.poll() is None:
            return slow
        slow.communicate()


def test_nobody_waits_for_a_tpm():
    """While a call about the TPM takes its time, others are answered, and jobs run."""
    with Rig(FAKE, CONFIG + "[tpm]\nvolume=@/awake\n") as machine:
        slow = call_about_the_tpm(machine)
        machine.status()
        expect("JOB_BUSY" in machine.gdbus("Manager.TpmStatus").stderr, "two at the TPM")
        machine.cli("verify", "a")
        machine.cli("mark-good", "a")
        expect(slow.poll() is None, "it was answered before it could be")
        machine.daemon.terminate()      # it must wait for the answer
        wait_until(lambda: "is stopping" in machine.gdbus("Manager.Refresh").stderr, "the daemon to stop")
        (machine.folder / "awake").touch()
        expect("'volume': <'var'>" in slow.communicate()[0], "no answer")
        expect_equal(machine.daemon.wait(rig.PATIENCE_S), 0)
        machine.daemon = None


def test_many_ask_at_once():
    """All are answered, with what is so after they asked."""
    with Rig(FAKE, CONFIG) as machine:
        machine.cli("install", bundle(machine, "release 2.0"))
        callers = [subprocess.Popen(machine.command("status", "--json"), stdout=subprocess.PIPE, text=True)
                   for _ in range(8)]
        for caller in callers:
            expect('"version":"2.0"' in caller.communicate()[0], "old, or no answer")
            expect_equal(caller.returncode, 0)


def rss_kib(machine):
    text = pathlib.Path(f"/proc/{machine.daemon.pid}/status").read_text()
    return int(re.search(r"VmRSS:\s+(\d+) kB", text).group(1))


def flood(machine, prefix, count, at_once, seed):
    done = subprocess.run([*prefix, FLOOD, machine.address, str(count), str(at_once), str(seed)],
                          capture_output=True, text=True)
    expect_equal(done.returncode, 0, done.stderr)
    expect("DONE" not in done.stdout, f"seed {seed}: {done.stdout}")
    figures = dict(re.findall(r"(\w+) (\d+)\n", done.stdout))
    expect_equal(sum(map(int, figures.values())), count, "calls without an answer")
    return {name: int(figure) for name, figure in figures.items()}


def test_junk_of_a_stranger():
    """10,000 calls change nothing, and cost neither memory nor log."""
    stranger = as_stranger()
    with Rig(FAKE, CONFIG) as machine:
        job = machine.json("install", "--no-wait", bundle(machine, "hang"))["job"]
        before = machine.status()
        flood(machine, stranger, 1000, 1000, 1)
        rss_before = rss_kib(machine)
        lines_before = len((machine.folder / "log").read_text().splitlines())
        done = flood(machine, stranger, 5000, 1000, 2)["done"]
        done += flood(machine, stranger, 5000, 10, 3)["done"]
        expect(done > 300, f"only {done} calls came so far that they could be answered")
        print(f"# junk calls: 10000, of which {done} only looked; {rss_kib(machine) - rss_before} KiB more")
        expect(rss_kib(machine) < rss_before + 16384, f"{rss_before} KiB grow to {rss_kib(machine)} KiB")
        lines = (machine.folder / "log").read_text().splitlines()
        expect(len(lines) - lines_before < 200, f"{len(lines)} lines in the log")
        fds = len(list(pathlib.Path(f"/proc/{machine.daemon.pid}/fd").iterdir()))
        expect(fds < 64, f"{fds} descriptors are open")
        machine.cli("cancel", job)
        wait_until(lambda: machine.job_state(job) == "cancelled", "the job to end")
        expect_equal(machine.status()["slots"][0], before["slots"][0])
        expect_equal([job["job"] for job in machine.status()["jobs"]],
                     [job["job"] for job in before["jobs"]])


def test_junk_of_root():
    """The same of root's, of which only what it is for is done: the daemon outlives it."""
    with Rig(FAKE, CONFIG) as machine:
        machine.status()
        subprocess.run([FLOOD, machine.address, "2000", "20", "4"], capture_output=True, check=True)
        machine.json("status")


def test_too_large_and_too_many():
    as_stranger()
    with Rig(FAKE, CONFIG) as machine:
        error = machine.gdbus("Manager.MarkBad", "b", "x" * 20000).stderr
        expect("Error.CALL_LARGE: the call has 20" in error, error)
        error = machine.gdbus("Manager.MarkBad", "b", "x" * 10000).stderr
        expect("Error.ARGUMENT: the reason is longer" in error, error)
        expect(flood(machine, STRANGER, 500, 500, 5)["many"] > 50, "the limit was not met")
        expect_equal(flood(machine, STRANGER, 500, 6, 6)["many"], 0)
        machine.status()        # those who do not flood are served


class Activated:
    """A bus that starts the daemon when it is called, which leaves after a second."""

    def __enter__(self):
        self.services = pathlib.Path(rig.tempfile.mkdtemp(prefix="azupdate-services-"))
        self.machine = Rig(FAKE, CONFIG, policy=f"<servicedir>{self.services}</servicedir>")
        (self.services / f"{NAME}.service").write_text(
            f"[D-BUS Service]\nName={NAME}\nExec={FAKE} --bus={self.machine.address} "
            f"--config={self.machine.folder}/azupdate.conf --idle=1\n")
        self.machine.json("status")
        return self.machine

    def __exit__(self, *failure):
        wait_until(lambda: not self.machine.owned(), "the daemon to leave")
        self.machine.close()
        rig.shutil.rmtree(self.services)


def test_idle_with_clients():
    """Clients that are connected and say nothing do not keep it, and one that calls while it leaves
    is answered by it or by the next one."""
    with Activated() as machine:
        monitor = Monitor(machine)
        answered = 0
        for _ in range(12):
            time.sleep(0.24)
            machine.json("status")
            answered += 1
        wait_until(lambda: not machine.owned(), "the daemon to leave")
        machine.json("status")
        monitor.process.terminate()
        monitor.process.wait()
        expect_equal(answered, 12)


rig.main(globals())
