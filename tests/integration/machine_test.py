#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""azupdated and azupdate on a real machine whose disk is a file: bundles and disk come from
azbundle, and what the initrd would say after a boot is written by hand."""
import atexit
import contextlib
import fcntl
import http.server
import json
import os
import pathlib
import random
import re
import shutil
import struct
import subprocess
import tempfile
import threading
import time

import rig
from rig import Rig, expect, expect_equal, wait_until

F_OFD_SETLK = 37        # of Linux' fcntl.h; Python 3.11 does not name it
HEAD = 60000            # bytes: the head of a bundle and the begin of its first frame
STUB = "/usr/lib/systemd/boot/efi/linuxx64.efi.stub"
CONFIG = """[layout]
disk=@/disk
[product]
name=shop
architecture=x86_64
[network]
retry-time=0
[trust]
keyring=@/keyring
[paths]
state=@/state
run=@/run
efivars=@/efivars
[health]
folders=@/health
retries=0
"""


class Maker:
    """Makes releases that share most of their blocks, and the disk of a new machine."""

    IMAGE = 3 << 20
    VERSION = "{}.0"

    def __init__(self, numbers=(1, 2, 3)):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="azupdate-"))
        atexit.register(shutil.rmtree, self.folder)
        self.random = random.Random(1)
        self.image = bytearray(self.random.randbytes(self.IMAGE))
        self.run("keys", "keys")
        (self.folder / "linux").write_bytes(self.random.randbytes(500_000))
        (self.folder / "initrd").write_bytes(self.random.randbytes(50_000))
        for number in numbers:
            self.files(number)
            self.release(number)
        self.run("disk", "--azboot=uki1", "--keyring=keys/ca.crt", "-o", "disk", "1.azb")

    def run(self, *words):
        subprocess.run([rig.program("AZBUNDLE"), *words], cwd=self.folder, check=True,
                       stdout=subprocess.DEVNULL)

    def files(self, number):
        """The root image of a release, and whatever else is another one's than before."""
        at = number * 4096 * 7
        self.image[at:at + 40960] = self.random.randbytes(40960)
        (self.folder / "root").write_bytes(self.image)

    def release(self, number):
        (self.folder / "os-release").write_text(
            f"ID=shop\nVERSION_ID={self.VERSION.format(number)}\nAZUPDATE_SECURITY_VERSION={number}\n")
        self.run("uki", f"--stub={STUB}", "--linux=linux", "--initrd=initrd", "--uname=6.1",
                 "--os-release=os-release", "--root=root", "--product=shop", "-o", f"uki{number}")
        self.run("build", "--product=shop", f"--version={self.VERSION.format(number)}", "--root=root", "--level=1",
                 f"--uki=uki{number}", "--key=keys/release.key", "--cert=keys/release.crt",
                 "-o", f"{number}.azb")

    def bundle(self, number):
        return str(self.folder / f"{number}.azb")


MAKER = Maker()


class TwinMaker(Maker):
    """Makes releases whose kernel and one module stand in the root image and in the UKI."""

    KERNEL, MODULE = 300_000, 200_001

    def files(self, number):
        modules = self.folder / "tree" / "usr" / "lib" / "modules" / "6.1"
        modules.mkdir(parents=True, exist_ok=True)
        (modules / "vmlinuz").write_bytes(self.random.randbytes(self.KERNEL))
        (modules / "x.ko").write_bytes(self.random.randbytes(self.MODULE))
        shutil.copy(modules / "vmlinuz", self.folder / "linux")
        packed = subprocess.run(["cpio", "--create", "--format=newc", "--quiet"], cwd=modules, check=True,
                                input=b"x.ko\n", capture_output=True)
        (self.folder / "initrd").write_bytes(packed.stdout)
        (self.folder / "root").unlink(missing_ok=True)
        subprocess.run(["mkfs.erofs", "--quiet", "-T0", "root", "tree"], cwd=self.folder, check=True)


class LargeMaker(Maker):
    """Makes releases with so many leaf hashes that their bundles have the parents of those."""

    IMAGE = 20 << 20


class Machine(Rig):
    """A machine that runs version 1.0 from slot a."""

    def __init__(self, running="a", maker=MAKER):
        super().__init__(rig.program("AZUPDATED"), CONFIG)
        shutil.copy(maker.folder / "disk", self.folder / "disk")
        shutil.copy(maker.folder / "keys" / "ca.crt", self.folder / "keyring")
        (self.folder / "run").mkdir()
        self.boot(running)

    def boot(self, running):
        """What the initrd leaves behind."""
        text = json.dumps({"slot": running, "disk": str(self.folder / "disk")})
        (self.folder / "run" / "boot.json").write_text(text)

    def reboot(self, running):
        self.stop()
        self.boot(running)
        self.start()

    def place(self, name):
        """Where a partition is on the disk: offset and size in bytes."""
        table = subprocess.check_output(["sfdisk", "--json", str(self.folder / "disk")])
        part = next(part for part in json.loads(table)["partitiontable"]["partitions"]
                    if part["name"] == name)
        return part["start"] * 512, part["size"] * 512

    def read(self, name):
        offset, size = self.place(name)
        with open(self.folder / "disk", "rb") as disk:
            disk.seek(offset)
            return disk.read(size)

    def write(self, name, at, content):
        """As rot would: behind everybody's back."""
        with open(self.folder / "disk", "r+b") as disk:
            disk.seek(self.place(name)[0] + at)
            disk.write(content)

    def slots(self):
        return {slot["slot"]: (slot["version"], slot["state"]) for slot in self.status()["slots"]}


def test_status():
    with Machine() as machine:
        status = machine.status()
        expect_equal(machine.slots(), {"a": ("1.0", "good"), "b": (None, "empty")})
        expect_equal((status["running"], status["next"], status["committed"]), ("a", "a", True))
        expect_equal(status["record"]["fault"], 0)
        expect(re.fullmatch("[0-9a-f]{64}", status["pcr11"]["predicted"]), "no prediction")
        expect("Version 1.0 runs from slot a, committed." in machine.cli("status").stdout, "text")


def test_life_of_a_release():
    with Machine() as machine:
        job = machine.json("install", MAKER.bundle(2))
        expect_equal((job["result"]["slot"], job["result"]["version"]), ("b", "2.0"))
        expect(job["result"]["copied_bytes"] > 2 << 20, "the running slot was no seed")
        expect_equal(machine.slots()["b"], ("2.0", "trial"))
        expect_equal(machine.status()["next_reason"], "trial")
        machine.reboot("b")
        expect_equal(machine.status()["committed"], False)
        expect("not committed" in machine.cli("status").stdout, "text")
        machine.check_add("fine", "echo well")
        job = machine.json("health", "run", "--act")
        expect_equal((job["result"]["healthy"], job["result"]["verdict"]), (True, "committed"))
        expect_equal(machine.slots(), {"a": ("1.0", "good"), "b": ("2.0", "good")})
        expect_equal(machine.json("health", "show")["checks"][0]["output"], "well\n")
        expect("passed   fine (required" in machine.cli("health", "show").stdout, "text")
        expect_equal(machine.json("rollback")["next"], "a")
        expect_equal(machine.status()["next"], "a")
        expect_equal(machine.json("activate", "b")["next"], "b")


def test_release_that_fails():
    with Machine() as machine:
        machine.cli("install", MAKER.bundle(3))
        machine.reboot("b")
        machine.check_add("net", "echo no route; exit 3")
        job = machine.json("health", "run", status=7)
        expect_equal(job["result"]["verdict"], "none")
        expect_equal(machine.status()["failed"], [])
        # There is no systemd on this bus, so the verdict stands and the reboot fails.
        expect_equal(machine.json("health", "run", "--act", status=1)["name"], "REBOOT")
        failed = machine.status()["failed"]
        expect_equal((failed[0]["version"], failed[0]["reason"]),
                     ("3.0", 'check "net" failed: exit status 3: no route'))
        machine.cli("mark-bad", "b", "--reason", "no network")
        machine.reboot("a")
        text = machine.cli("status").stdout
        for wanted in ("bad: no network (fault 703 MARKED_BAD)", "the other slot is bad",
                       "Failed on this machine"):
            expect(wanted in text, f"{wanted!r} is not in {text}")
        error = machine.json("install", MAKER.bundle(3), status=1)
        expect_equal(error["name"], "RELEASE_FAILED_HERE")
        machine.cli("install", "--force", MAKER.bundle(3))
        expect_equal(machine.slots()["b"], ("3.0", "trial"))


def test_checks_that_cannot_be_run():
    with Machine() as machine:
        machine.cli("install", MAKER.bundle(3))
        machine.reboot("b")
        machine.check_add("net", "exit 0")
        os.chmod(machine.folder / "health/required.d", 0o777)
        expect_equal(machine.json("health", "run", status=1)["name"], "HEALTH_FOLDER")
        expect_equal(machine.status()["failed"], [])
        expect_equal(machine.json("health", "run", "--act", status=1)["name"], "REBOOT")
        expect_equal(machine.status()["failed"][0]["fault_name"], "HEALTH_FOLDER")
        expect_equal(machine.slots()["b"], ("3.0", "trial"))


def test_stage_only():
    with Machine() as machine:
        machine.cli("install", "--no-activate", MAKER.bundle(2))
        expect_equal(machine.slots()["b"], ("2.0", "staged"))
        expect_equal(machine.status()["next"], "a")
        expect_equal(machine.json("activate")["next"], "b")


def test_pipe():
    with Machine() as machine:
        with open(MAKER.bundle(2), "rb") as bundle:
            cat = subprocess.Popen(["cat"], stdin=bundle, stdout=subprocess.PIPE)
            machine.cli("install", "-", stdin=cat.stdout)
            cat.stdout.close()          # what is not needed is not read to its end
            cat.wait()
        expect_equal(machine.slots()["b"], ("2.0", "trial"))


def test_cancel_during_a_pipe_that_stalls():
    with Machine() as machine:
        ours, theirs = os.pipe()
        client = subprocess.Popen(machine.command("install", "-"), stdin=ours,
                                  stderr=subprocess.PIPE, text=True)
        os.close(ours)
        os.write(theirs, pathlib.Path(MAKER.bundle(2)).read_bytes()[:HEAD])
        wait_until(lambda: machine.status()["jobs"], "the job")
        time.sleep(0.3)
        machine.cli("cancel")
        text = client.communicate(timeout=rig.PATIENCE_S)[1]
        os.close(theirs)
        expect_equal(client.returncode, 5, text)
        expect_equal(machine.slots()["a"], ("1.0", "good"))
        expect_equal(machine.status()["next"], "a")
        machine.cli("install", MAKER.bundle(2))
        expect_equal(machine.slots()["b"], ("2.0", "trial"))


def test_kill_during_install():
    """The daemon dies in the middle: the machine still boots what it did, and the next try ends."""
    machine = Machine().start()
    try:
        ours, theirs = os.pipe()
        client = subprocess.Popen(machine.command("install", "-"), stdin=ours,
                                  stderr=subprocess.DEVNULL)
        os.close(ours)
        os.write(theirs, pathlib.Path(MAKER.bundle(2)).read_bytes()[:HEAD])
        wait_until(lambda: machine.status()["jobs"], "the job")
        time.sleep(0.5)
        machine.daemon.kill()
        machine.daemon.wait()
        expect_equal(client.wait(rig.PATIENCE_S), 6)
        os.close(theirs)
        machine.start()
        expect_equal(machine.slots(), {"a": ("1.0", "good"), "b": (None, "empty")})
        expect_equal(machine.status()["next"], "a")
        machine.cli("install", MAKER.bundle(2))
        expect_equal(machine.slots()["b"], ("2.0", "trial"))
    finally:
        machine.close()


class Ranges(http.server.SimpleHTTPRequestHandler):
    """Static files with single ranges, as any real web server has them."""

    PAUSE_S = 0         # after each 4 KiB
    files = {}          # by name, besides MAKER's

    def do_GET(self):
        name = self.path.partition("?")[0].strip("/")
        content = self.files[name] if name in self.files else (MAKER.folder / name).read_bytes()
        asked = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        first = int(asked[1]) if asked else 0
        last = min(int(asked[2]) if asked and asked[2] else len(content), len(content) - 1)
        self.send_response(206 if asked else 200)
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("Content-Length", str(last + 1 - first))
        if asked:
            self.send_header("Content-Range", f"bytes {first}-{last}/{len(content)}")
        self.end_headers()
        try:
            for at in range(first, last + 1, 4096):
                self.wfile.write(content[at:min(at + 4096, last + 1)])
                time.sleep(self.PAUSE_S)
        except ConnectionError:
            self.close_connection = True        # the client has what it needs

    def log_message(self, *_):
        pass


def test_secrets_in_url():
    """Password and token are for the server: neither log nor error shows them."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Ranges) as server, Machine() as machine:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        machine.json("install", f"http://me:hush@127.0.0.1:{server.server_port}/2.azb?sig=hush@x")
        server.shutdown()
        error = machine.json("install", "http://me:hush@127.0.0.1:1/2.azb?sig=hush", status=1)
        expect("hush" not in str(error), error)
        expect("http://127.0.0.1:1/2.azb" in str(error), error)
        log = (machine.folder / "log").read_text()
        expect("hush" not in log and "/2.azb" in log, log)


def test_url():
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Ranges) as server, Machine() as machine:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        job = machine.json("install", f"http://127.0.0.1:{server.server_port}/2.azb")
        expect_equal(machine.slots()["b"], ("2.0", "trial"))
        expect(job["result"]["fetched_bytes"] < os.path.getsize(MAKER.bundle(2)) * 2 / 3,
               f"everything was fetched: {job['result']}")
        server.shutdown()


# What a server may have sent already when it is asked for less, in bytes: the client's first guess.
SENT_AHEAD_MAX = 65536


class Slow(Ranges):
    """Slow enough for progress to be seen."""

    PAUSE_S = 0.05


def test_progress():
    """What is to be fetched is known before it is fetched, and is what was fetched in the end."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Slow) as server, Machine() as machine:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}/2.azb"
        *steps, job = machine.json_lines("install", "--progress=json", url)
        server.shutdown()
        result = job["result"]
        expect_equal((job["kind"], job["state"], result["version"]), ("install", "done", "2.0"))
        known = [line for line in steps if line["fetch_bytes"] > line["fetched_bytes"]]
        expect(known and any(line["rate_bytes_s"] for line in steps), steps)
        expect_equal((job["fetched_bytes"], job["fetch_bytes"]), (result["fetched_bytes"],) * 2)
        # What the server had sent already when it was asked for less counts as well.
        for line in known:
            expect(0 <= result["fetched_bytes"] - line["fetch_bytes"] < SENT_AHEAD_MAX,
                   f"{line}: {result}")


def test_plan():
    """Nothing is written, and the install that follows does what the plan said."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Ranges) as server, Machine() as machine:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}/2.azb"
        before = (machine.folder / "disk").read_bytes()
        for bundle in (url, MAKER.bundle(2)):
            plan = machine.json("install", "--plan", bundle)["result"]
            expect((machine.folder / "disk").read_bytes() == before, "the disk was written")
            uki, root = plan["payloads"]
            expect_equal((plan["slot"], plan["version"], root["name"], root["delta"]),
                         ("b", "2.0", "root", False))
            expect_equal(sum(root[f"{name}_bytes"] for name in
                             ("keep", "zero", "copy", "make", "decode")), len(MAKER.image))
            expect(40960 <= root["decode_bytes"] < 1 << 20 and root["requests"] > 0, root)
            done = machine.json("install", "--no-activate", bundle)["result"]
            # How much a server has sent of the head when it is told that this is enough is chance.
            slack = SENT_AHEAD_MAX if bundle == url else 0
            expect(abs(done["fetched_bytes"] - plan["fetch_bytes"]) <= slack, f"{done}: {plan}")
            expect(done["fetched_bytes"] >= uki["frame_bytes"] + root["frame_bytes"] > 0, done)
            expect_equal(done["copied_bytes"], uki["copy_bytes"] + root["copy_bytes"])
            again = machine.json("install", "--plan", bundle)["result"]["payloads"][1]
            expect_equal((again["keep_bytes"], again["frame_bytes"]), (len(MAKER.image), 0))
            machine.stop()
            (machine.folder / "disk").write_bytes(before)
            machine.start()
        text = machine.cli("install", "--plan", url).stdout
        expect(re.search(r"root +no .* [1-9]\n", text) and "requests for the rest." in text, text)
        server.shutdown()
        short = machine.folder / "short.azb"
        short.write_bytes(pathlib.Path(MAKER.bundle(2)).read_bytes()[:HEAD // 4])
        expect_equal(machine.json("install", "--plan", str(short), status=1)["name"], "BUNDLE_TRUNCATED")


def test_plan_of_a_delta():
    with Machine() as machine:
        delta = str(machine.folder / "delta.azb")
        MAKER.run("delta", f"--old={MAKER.bundle(1)}", f"--new={MAKER.bundle(2)}", "--quick", "-o", delta)
        plan = machine.json("install", "--plan", delta)["result"]
        root = plan["payloads"][1]
        expect_equal((root["delta"], root["decode_bytes"], root["make_bytes"] > 0), (True, 0, True))
        done = machine.json("install", delta)["result"]
        expect_equal(done["made_bytes"], sum(part["make_bytes"] for part in plan["payloads"]))
        expect_equal(machine.slots()["b"], ("2.0", "trial"))


def test_delta_of_twins():
    """What came with the UKI does not come with the root image again."""
    maker = TwinMaker((1, 2))
    try:
        delta, once = maker.folder / "delta.azb", maker.KERNEL + maker.MODULE
        for words, status in ((), 1), (("--full",), 0):
            maker.run("delta", "--old=1.azb", "--new=2.azb", "--quick", *words, "-o", str(delta))
            told = subprocess.run([rig.program("AZBUNDLE"), "info", str(delta)], check=True,
                                  capture_output=True, text=True).stdout
            parts = {name: (int(size), int(at)) for name, size, at in
                     re.findall(r"section +(\w+) +delta frames +(\d+) bytes at (\d+)", told)}
            expect(once < parts["uki"][0] < once + 20_000 and parts["root"][0] < 10_000, told)
            with Machine(maker=maker) as machine:
                plan = machine.json("install", "--plan", str(delta))["result"]["payloads"]
                expect(all(part["delta"] for part in plan), plan)
                done = machine.json("install", str(delta))["result"]
                expect(done["made_bytes"] > 2 * once, done)
                machine.cli("verify", "b")
            # Without the UKI's delta there is nothing that the root's could go by.
            content = bytearray(delta.read_bytes())
            at = parts["uki"][1] + parts["uki"][0] // 2
            content[at:at + 64] = bytes(64)
            delta.write_bytes(content)
            with Machine(maker=maker) as machine:
                machine.json("install", str(delta), status=status)
                expect_equal(machine.slots()["b"][0], None if status else "2.0")
    finally:
        shutil.rmtree(maker.folder)


def test_leaf_hashes():
    """A web server is asked for those leaf hashes only that the running release does not have."""
    maker = LargeMaker((1, 2))
    content = (maker.folder / "2.azb").read_bytes()
    told = subprocess.run([rig.program("AZBUNDLE"), "info", maker.bundle(2)], check=True, capture_output=True,
                          text=True).stdout
    (parents, at), = re.findall(r"section +root +parent hashes +(\d+) bytes at (\d+)", told)
    leaves = maker.IMAGE // 4096 * 32
    expect_equal(int(parents), leaves // 128)
    Ranges.files["large.azb"] = content
    Ranges.files["damaged.azb"] = content[:int(at)] + bytes(1) + content[int(at) + 1:]
    try:
        with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Ranges) as server:
            threading.Thread(target=server.serve_forever, daemon=True).start()
            url = f"http://127.0.0.1:{server.server_port}/"
            for rot in (False, True):
                with Machine(maker=maker) as machine:
                    if rot: # behind superblock and parents: half of the running release's leaf hashes
                        machine.write("root_a", maker.IMAGE + 2 * 4096, bytes(leaves // 2))
                    failed = machine.json("install", url + "damaged.azb", status=1)
                    expect_equal(failed["name"], "BUNDLE_CHECKSUM")
                    plan = machine.json("install", "--plan", url + "large.azb")["result"]
                    head = plan["fetch_bytes"] - sum(part["frame_bytes"] for part in plan["payloads"])
                    expect(head < leaves // 2 + SENT_AHEAD_MAX if not rot else head > leaves // 2, plan)
                    machine.json("install", url + "large.azb")
                    machine.cli("verify", "b")
            server.shutdown()
    finally:
        Ranges.files.clear()
        shutil.rmtree(maker.folder)


# Blocks of the root image: one that both releases have, and one that only version 1.0 has.
SHARED, OWN = 100, 20


def rot(machine, slot, *blocks):
    for block in blocks:
        machine.write(f"root_{slot}", block * 4096 + 77, b"rot")


def test_verify():
    with Machine() as machine:
        expect_equal(machine.json("verify")["result"]["wrong_bytes"], 0)
        machine.cli("install", "--no-activate", MAKER.bundle(2))
        done = machine.cli("verify", "--all")
        expect_equal(done.stdout, "Slot a, version 1.0: every block is right.\n"
                     "Slot b, version 2.0: every block is right.\n")
        rot(machine, "a", SHARED, OWN)
        before = (machine.folder / "disk").read_bytes()
        job = machine.json("verify", status=1)
        expect_equal((job["state"], job["fault_name"], job["result"]["wrong_bytes"],
                      job["result"]["version"]), ("failed", "CONVERGE_READBACK", 8192, "1.0"))
        expect("8.0 KiB are wrong. To heal it: azupdate repair a" in
               machine.cli("verify", "--all", status=1).stdout, "text")
        expect((machine.folder / "disk").read_bytes() == before, "the disk was written")
        machine.cli("verify", "b")


def test_repair():
    """The running slot, from the other one as far as that goes, and then from its bundle."""
    with Machine() as machine:
        machine.cli("install", "--no-activate", MAKER.bundle(2))
        right = machine.read("root_a")
        rot(machine, "a", SHARED, OWN)
        done = machine.cli("repair", status=1)
        expect("8.0 KiB were wrong; 4.0 KiB healed from slot b; 4.0 KiB still are." in done.stdout,
               done.stdout)
        expect("CONVERGE_UNHEALED" in done.stderr, done.stderr)
        expect_equal(machine.json("verify", status=1)["result"]["wrong_bytes"], 4096)
        job = machine.json("repair", MAKER.bundle(2), status=1)
        expect_equal(job["fault_name"], "RELEASE_OTHER")
        rot(machine, "a", SHARED)
        text = machine.cli("repair", "a", MAKER.bundle(1)).stdout
        expect("8.0 KiB were wrong; 4.0 KiB healed from slot b, 4.0 KiB from the bundle. " in text, text)
        expect(machine.read("root_a") == right, "the slot is not what it was")
        expect_equal(machine.cli("repair").stdout, "Slot a, version 1.0: nothing was wrong.\n")
        expect_equal(machine.slots(), {"a": ("1.0", "good"), "b": ("2.0", "staged")})


def test_repair_over_http():
    """Only the frames of what is wrong are fetched."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Ranges) as server, Machine() as machine:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        right = machine.read("root_a")
        rot(machine, "a", SHARED)
        job = machine.json("repair", f"http://127.0.0.1:{server.server_port}/1.azb?sig=hush")
        server.shutdown()
        result = job["result"]
        expect_equal((result["wrong_bytes"], result["copied_bytes"], result["decoded_bytes"]),
                     (4096, 0, 4096))
        expect(result["fetched_bytes"] < os.path.getsize(MAKER.bundle(1)) / 2, result)
        expect(machine.read("root_a") == right, "the slot is not what it was")
        expect("hush" not in (machine.folder / "log").read_text(), "a token is in the log")


def test_repair_of_tree_and_header():
    with Machine() as machine:
        machine.cli("install", "--no-activate", MAKER.bundle(2))
        right = machine.read("root_b")
        machine.write("root_b", len(MAKER.image) + 2 * 4096, b"rot")
        error = machine.json("verify", "b", status=1)
        expect_equal((error["state"], error["kind"]), ("failed", "verify"))
        text = machine.cli("repair", "b").stdout
        expect("no data was wrong; 4.0 KiB of hash trees or parity were mended." in text, text)
        expect(machine.read("root_b") == right, "the slot is not what it was")
        machine.write("boot_b", 0, bytes(4096))
        expect_equal(machine.json("repair", "b", status=1)["fault_name"], "BOOTHEAD_MAGIC")
        job = machine.json("repair", "b", MAKER.bundle(2))
        expect_equal((job["result"]["header_mended"], job["result"]["wrong_bytes"]), (True, 0))
        machine.cli("verify", "--all")


def test_store():
    """past releases: stored after a commit, listed, restored without a bundle, checked"""
    with Machine() as machine:
        with open(machine.folder / "azupdate.conf", "a") as conf:
            conf.write("[store]\nhistory=2\n")
        log = machine.folder / "log"
        stored = lambda count: wait_until(
            lambda: log.read_text().count("store-add done") == count, "a stored release")
        expect("No past release is stored." in machine.cli("store").stdout, "text")
        expect_equal(machine.json("store", "check", status=1)["name"], "STORE_EMPTY")
        expect_equal(machine.json("store", "add")["result"]["version"], "1.0")
        machine.cli("install", MAKER.bundle(2))
        machine.reboot("b")
        expect_equal(machine.json("store", "add", status=1)["name"], "STORE_UNCOMMITTED")
        machine.json("health", "run", "--act")
        stored(2)
        right = machine.read("root_a"), machine.read("boot_a")[4096:400_000]
        machine.cli("install", MAKER.bundle(3))
        machine.reboot("a")
        machine.cli("mark-good", "a")
        stored(3)
        history = machine.json("history")["store"]
        expect_equal([(entry["version"], entry["complete"]) for entry in history],
                     [("1.0", True), ("2.0", True), ("3.0", True)])
        text = machine.cli("history").stdout
        expect("Stored releases:" in text and "1.0, " in text, text)
        expect_equal(machine.json("store", "restore", "9", status=1)["name"], "STORE_RELEASE")
        text = machine.cli("store", "restore", "1.0").stdout
        expect("Version 1.0 is in slot b again" in text, text)
        expect_equal(machine.slots()["b"], ("1.0", "trial"))
        image = len(MAKER.image)
        expect(machine.read("root_b")[:image] == right[0][:image], "the root image is another one")
        expect(machine.read("boot_b")[4096:400_000] == right[1], "the UKI is another one")
        expect_equal(machine.json("store", "check")["result"]["dropped"], [])
        expect("The store takes" in machine.cli("store", "prune").stdout, "text")
        machine.write("root_a", 5 * 4096, b"rot")       # of 3.0: the other slot has another block
        machine.write("root_a", 4096 * 22, b"rot")
        text = machine.cli("repair", "a").stdout
        expect("the store" in text or "slot b" in text, text)
        machine.cli("verify", "a")
        machine.cli("store", "sell", status=2)
        machine.cli("store", "restore", status=2)


@contextlib.contextmanager
def store_locked(machine):
    """As by another program that writes the store: what is to be stored waits."""
    folder = machine.folder / "state" / "store"
    with open(folder / "config", "a") as config:
        config.write("lock-timeout-secs=600\n")
    with open(folder / ".lock", "a+b") as lock:
        fcntl.fcntl(lock, F_OFD_SETLK, struct.pack("hhqqi4x", fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0))
        yield


def test_store_gives_way():
    """what is stored by itself holds nobody up, and is stored later, also out of the fallback"""
    with Machine() as machine:
        with open(machine.folder / "azupdate.conf", "a") as conf:
            conf.write("[store]\nhistory=2\n")
        log = machine.folder / "log"
        logged = lambda words, count: wait_until(lambda: log.read_text().count(words) == count, words)
        machine.cli("store", "add")
        machine.cli("install", MAKER.bundle(2))
        machine.reboot("b")
        with store_locked(machine):
            machine.cli("mark-good", "b")
            logged("store-add started", 2)
            expect_equal(machine.json("store", "add", status=4)["name"], "JOB_BUSY")
            machine.cli("hold")
            machine.cli("unhold")
            expect_equal(log.read_text().count("store-add cancelled"), 0)
            expect_equal(machine.json("verify", "b")["state"], "done")
            logged("store-add cancelled", 1)
            logged("store-add started", 3)
            expect_equal(machine.json("store", "restore", "9", status=1)["name"], "STORE_RELEASE")
            logged("store-add cancelled", 2)
            logged("store-add started", 4)
            expect_equal(len(machine.json("history")["store"]), 1)
            machine.cli("install", MAKER.bundle(3))
            machine.reboot("a")
        machine.cli("mark-good", "a")
        logged("store-add done", 2)
        expect_equal([entry["version"] for entry in machine.json("history")["store"]], ["1.0", "2.0", "3.0"])


def test_refusals():
    with Machine() as machine:
        broken = machine.folder / "broken.azb"
        content = bytearray(pathlib.Path(MAKER.bundle(2)).read_bytes())
        broken.write_bytes(content[:HEAD])
        expect_equal(machine.json("install", str(broken), status=1)["name"], "BUNDLE_TRUNCATED")
        for at in range(HEAD, len(content), 4096):      # some of it is needed
            content[at] ^= 1
        broken.write_bytes(content)
        error = machine.json("install", str(broken), status=1)
        expect(error["name"] in ("BUNDLE_FRAME", "BUNDLE_BLOCK"), error)
        expect_equal(machine.slots(), {"a": ("1.0", "good"), "b": (None, "empty")})
        expect_equal(machine.status()["next"], "a")
        (machine.folder / "keyring").unlink()
        expect_equal(machine.json("install", MAKER.bundle(3), status=1)["name"], "KEYRING_MISSING")
        expect_equal(machine.json("rollback", status=1)["name"], "NO_OTHER_RELEASE")
        expect_equal(machine.json("mark-bad", "a", status=1)["name"], "SLOT_ONLY_ONE")
        expect_equal(machine.json("mark-good", "b", status=1)["name"], "SLOT_EMPTY")


def test_record_lost():
    """Both copies of the boot record are gone: status says so, and the headers decide."""
    with Machine() as machine:
        machine.stop()
        machine.write("azstate", 0, bytes(8192))
        machine.start()
        status = machine.status()
        expect_equal(status["record"]["fault_name"], "BOOTREC_LOST")
        expect_equal(status["next"], "a")
        expect("fault 104 BOOTREC_LOST" in machine.cli("status").stdout, "text")
        machine.json("health", "run", "--act")
        expect_equal(machine.status()["record"]["fault"], 0)


if __name__ == "__main__":
    rig.main(globals())
