# SPDX-License-Identifier: MIT
"""Part "synthetic" of the benchmark: building, installing and updating made-up images, quickly."""
import json
import os
import pathlib
import re
import shutil
import statistics
import subprocess
import tempfile
import time

import rootimage
from measure import DEVICE_CONFIG, Failed

MIB = 1 << 20
ROOT_MIB, BIG_MIB, CHANGED, RUNS = 256, 1024, 0.05, 3
MEMORY_MIB_MAX = 64
STUB = "/usr/lib/systemd/boot/efi/linuxx64.efi.stub"
PATH = "/usr/sbin:/sbin:" + os.environ["PATH"]


class Bench:
    def __init__(self, build, work):
        self.azbundle = build / "tools" / "azbundle" / "azbundle"
        self.installer = build / "tests" / "bench" / "bench-install"
        self.work = work

    def at(self, name):
        return str(self.work / name)

    def run(self, *words):
        done = subprocess.run([str(word) for word in words], cwd=self.work, capture_output=True, text=True,
                              env={**os.environ, "PATH": PATH})
        if done.returncode != 0:
            raise Failed(f"{' '.join(map(str, words))}\n{done.stdout}{done.stderr}")
        return done

    def shell(self, script):
        return self.run("bash", "-euo", "pipefail", "-c", script)

    # Releases and a disk.

    def release(self, version, root, level):
        (self.work / "initrd").write_bytes(os.urandom(65536))
        (self.work / "osrel").write_text("ID=bench\n")
        self.run(self.azbundle, "uki", "--stub", STUB, "--linux=initrd", "--initrd=initrd",
                 "--os-release=osrel", f"--root={root}", "--product=bench", f"--output=uki{version}")
        self.bundle(version, root, level)

    def bundle(self, version, root, level=9):
        self.run(self.azbundle, "build", "--product=bench", f"--version={version}", f"--root={root}",
                 f"--uki=uki{version}", "--key=keys/release.key", "--cert=keys/release.crt",
                 f"--level={level}", f"--output={version}.azb")

    def disk_make(self):
        self.run(self.azbundle, "disk", "--azboot=uki1", "--keyring=keys/ca.crt", "--esp-size=34",
                 "--var-size=8", f"--root-size={BIG_MIB + 32}", "--output=disk", "1.azb")
        parts = json.loads(self.run("sfdisk", "-J", "disk").stdout)["partitiontable"]["partitions"]
        self.parts = {part["name"]: (part["start"] * 512, part["size"] * 512) for part in parts}
        (self.work / "config").write_text(DEVICE_CONFIG.format(at=self.work, keyring=self.at("keys/ca.crt")))
        (self.work / "run").mkdir()

    def slot_empty(self, running):
        """Slot b as new; `running`: whether the machine runs from slot a, which then is the seed."""
        for name in ("boot_b", "root_b"):
            start, size = self.parts[name]
            self.run("fallocate", "-p", "-o", start, "-l", size, "disk")
        boot = self.work / "run" / "boot.json"
        boot.unlink(missing_ok=True)
        if running:
            boot.write_text(json.dumps({"slot": "a", "disk": self.at("disk")}))

    def install(self, bundle):
        return json.loads(self.run(self.installer, "config", bundle).stdout)

    def slot_check(self, root):
        """What was measured must also have been right: slot b holds the image, read by us."""
        start, _ = self.parts["root_b"]
        size = os.path.getsize(self.at(root))
        self.run("cmp", f"--ignore-initial={start}:0", f"--bytes={size}", "disk", root)

    def inputs_make(self):
        rootimage.write(self.at("root1"), ROOT_MIB * MIB)
        rootimage.change(self.at("root1"), self.at("root2"), CHANGED)
        self.run(self.azbundle, "keys", "keys")
        self.release(1, "root1", 9)
        self.release(2, "root2", 9)
        self.disk_make()

    # What is measured: each returns its table's rows, ours first.

    def contest(self, contestants):
        """Seconds of each, the median of alternating runs. A contestant: (prepare, act)."""
        seconds = [[] for _ in contestants]
        for _ in range(RUNS):
            for times, (prepare, act) in zip(seconds, contestants):
                prepare()
                os.sync()
                begin = time.monotonic()
                act()
                times.append(time.monotonic() - begin)
        return [statistics.median(times) for times in seconds]

    def build_bench(self):
        """veritysetup needs its own copy, as it appends the tree."""
        verity = (f"veritysetup format --hash-offset={ROOT_MIB * MIB} verity1 verity1 >said; "
                  "zstd -q -f -9 -T1 verity1 -o verity1.zst")
        contestants = [
            (lambda: None, lambda: self.bundle(1, "root1")),
            (lambda: self.run("cp", "root1", "verity1"), lambda: self.shell(verity)),
            (lambda: shutil.rmtree(self.at("store1"), ignore_errors=True),
             lambda: self.run("casync", "make", "--store=store1", "1.caibx", "root1"))]
        names = ["azbundle build (level 9)", "veritysetup format + zstd -9 -T1", "casync make"]
        seconds = self.contest(contestants)
        sizes = [os.path.getsize(self.at("1.azb")), os.path.getsize(self.at("verity1.zst")),
                 store_size(self.work / "store1") + os.path.getsize(self.at("1.caibx"))]
        self.root_hash = re.search(r"Root hash:\s+(\w+)", (self.work / "said").read_text()).group(1)
        return list(zip(names, seconds, sizes))

    def install_bench(self):
        def remove(name):
            return lambda: (self.work / name).unlink(missing_ok=True)
        uncache = "dd if={0} iflag=nocache count=0 status=none"
        zstd = ("zstd -q -d -c verity1.zst | dd of=slot bs=1M conv=fsync status=none; "
                f"{uncache.format('slot')}; veritysetup verify --hash-offset={ROOT_MIB * MIB} slot slot "
                f"{self.root_hash}")
        casync = ("casync extract --seed-output=no --store=store1 1.caibx slot >/dev/null; sync slot; "
                  f"{uncache.format('slot')}; sha256sum slot >/dev/null")
        names = ["azupdate install", "zstd -d | dd conv=fsync, veritysetup verify",
                 "casync extract, sync, sha256sum"]
        seconds = self.contest([(lambda: self.slot_empty(False), lambda: self.install("1.azb")),
                                (remove("slot"), lambda: self.shell(zstd)),
                                (remove("slot"), lambda: self.shell(casync))])
        self.slot_check("root1")
        self.run("cmp", "slot", "root1")
        sizes = [os.path.getsize(self.at("1.azb")), os.path.getsize(self.at("verity1.zst")),
                 store_size(self.work / "store1") + os.path.getsize(self.at("1.caibx"))]
        return list(zip(names, seconds, sizes))

    def update_bench(self):
        self.run("casync", "make", "--store=store2", "2.caibx", "root2")
        have, want = chunks(self.work / "store1"), chunks(self.work / "store2")
        bytes_casync = sum(size for name, size in want.items() if name not in have)
        casync = ("casync extract --seed-output=no --store=store2 --seed=root1 2.caibx slot >/dev/null; "
                  "sync slot; dd if=slot iflag=nocache count=0 status=none; sha256sum slot >/dev/null")
        counted = {}
        seconds = self.contest([
            (lambda: self.slot_empty(True), lambda: counted.update(self.install("2.azb"))),
            (lambda: (self.work / "slot").unlink(missing_ok=True), lambda: self.shell(casync))])
        self.slot_check("root2")
        self.run("cmp", "slot", "root2")
        if counted["copied"] == 0:
            raise Failed("the running slot was no seed")
        return [("azupdate install", seconds[0], counted["fetched"]),
                ("casync extract --seed, sync, sha256sum", seconds[1],
                 bytes_casync + os.path.getsize(self.at("2.caibx")))]

    def memory_bench(self):
        """GNU time starts the program from a process of its own, so that the peak is not ours."""
        with open(self.at("big"), "wb") as out:
            for name in ("root1", "root2") * (BIG_MIB // ROOT_MIB // 2):
                with open(self.at(name), "rb") as part:
                    shutil.copyfileobj(part, out, MIB)
        self.release(3, "big", 1)
        self.slot_empty(True)
        done = self.run("time", "-f", "%M", self.installer, "config", "3.azb")
        self.slot_check("big")
        return int(done.stderr.split()[-1]) / 1024


def chunks(store):
    return {path.name: path.stat().st_size for path in store.rglob("*.cacnk")}


def store_size(store):
    return sum(chunks(store).values())


def table_print(title, rows, what):
    print(f"\n{title}")
    width = max(len(row[0]) for row in rows)
    print(f"  {'':{width}}  {'time':>8}  {'ratio':>6}  {what:>14}  {'ratio':>6}")
    for name, seconds, size in rows:
        print(f"  {name:{width}}  {seconds:6.2f} s  {seconds / rows[0][1]:6.2f}  {size / MIB:10.1f} MiB"
              f"  {size / rows[0][2]:6.2f}", flush=True)


def measure_all(self):
    self.inputs_make()
    table_print(f"(a) Building a release of {ROOT_MIB} MiB", self.build_bench(), "result")
    table_print(f"(b) Installing {ROOT_MIB} MiB in full", self.install_bench(), "read")
    table_print(f"(c) Updating {ROOT_MIB} MiB, {CHANGED:.0%} of the blocks changed, scattered",
                self.update_bench(), "fetched")
    memory = self.memory_bench()
    print(f"\n(d) Peak memory of an install of {BIG_MIB} MiB: {memory:.1f} MiB, "
          f"to stay under {MEMORY_MIB_MAX} MiB", flush=True)
    return memory < MEMORY_MIB_MAX


def bench(build, work):
    """Prints its tables; whether memory stayed in its limit. WORK: a folder with 7 GiB free."""
    begin = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="synthetic-", dir=work) as folder:
        good = measure_all(Bench(build, pathlib.Path(folder)))
    print(f"Medians of {RUNS} alternating runs; ratio: to the first line. "
          f"All of it took {time.monotonic() - begin:.0f} s.")
    return good
