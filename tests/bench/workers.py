#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What workers cost: the same installs with azfetch and in one process, in alternating turns.

workers.py BUILD FOLDER KEYRING DISK FULL.azb DELTA.azb [TURNS]

BUILD is a release build, FOLDER an empty one, best in memory (/dev/shm); DISK a disk as `azbundle disk` makes
it, whose slot a has the release that DELTA.azb is made against. Prints the median of processor and wall time of each
install and their ratio; then, of one more of each with workers, the most memory that all processes had together at
one time: the sum of their proportional shares (PSS), looked at every 20 ms. Files are given over HTTP, by nginx."""
import contextlib
import json
import os
import pathlib
import resource
import shutil
import statistics
import subprocess
import sys
import time

from measure import DEVICE_CONFIG, run
from web import Web

LOOK_S = 0.02


class Device:
    def __init__(self, build, at, keyring, disk):
        self.at, self.build = at, build
        (at / "run").mkdir()
        run("cp", "--sparse=always", disk, at / "disk")
        (at / "config").write_text(DEVICE_CONFIG.format(at=at, keyring=keyring))
        (at / "run" / "boot.json").write_text(json.dumps({"slot": "a", "disk": str(at / "disk")}))
        parts = json.loads(run("sfdisk", "-J", at / "disk"))["partitiontable"]["partitions"]
        self.parts = {part["name"]: (part["start"] * 512, part["size"] * 512) for part in parts}

    def empty(self):
        for name in ("boot_b", "root_b"):
            start, size = self.parts[name]
            run("fallocate", "-p", "-o", start, "-l", size, self.at / "disk")

    def start(self, url, workers):
        more = {"WORKER": str(self.build / "daemon" / "azfetch")} if workers else {}
        return subprocess.Popen([self.build / "tests" / "bench" / "bench-install", self.at / "config", url],
                                stdout=subprocess.PIPE, env={**os.environ, **more})

    def timed(self, url, workers):
        """(processor, wall) seconds, of the installer and all its workers."""
        self.empty()
        before, begin = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
        done(self.start(url, workers))
        wall, after = time.monotonic() - begin, resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, wall

    def peak(self, url, workers):
        """MiB of all processes together."""
        self.empty()
        process, most = self.start(url, workers), 0
        while process.poll() is None:
            most = max(most, sum(pss_kb(pid) for pid in family(process.pid)))
            time.sleep(LOOK_S)
        done(process)
        return most / 1024


def done(process):
    process.communicate()
    if process.returncode != 0:
        sys.exit(f"an install ended with {process.returncode}")


def family(pid):
    with contextlib.suppress(FileNotFoundError):
        return [pid, *map(int, pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()),
                *(int(child) for task in os.listdir(f"/proc/{pid}/task") if int(task) != pid
                  for child in pathlib.Path(f"/proc/{pid}/task/{task}/children").read_text().split())]
    return [pid]


def pss_kb(pid):
    """Of one that has just ended: none."""
    with contextlib.suppress(OSError):
        for line in open(f"/proc/{pid}/smaps_rollup", encoding="ascii"):
            if line.startswith("Pss:"):
                return int(line.split()[1])
    return 0


def turns(device, name, url, count):
    found = {False: [], True: []}
    for turn in range(count):
        for workers in (False, True) if turn % 2 == 0 else (True, False):
            found[workers].append(device.timed(url, workers))
    for index, what in enumerate(("processor", "wall")):
        alone, apart = (statistics.median(pair[index] for pair in found[workers]) for workers in (False, True))
        ranges = ["{:.2f} to {:.2f}".format(min(pair[index] for pair in found[workers]),
                                            max(pair[index] for pair in found[workers]))
                  for workers in (False, True)]
        print(f"{name}, {what}: {alone:.2f} s ({ranges[0]}) in one process, {apart:.2f} s ({ranges[1]}) with workers, "
              f"ratio {apart / alone:.3f}", flush=True)


def main():
    build, at, keyring, disk, full, delta, *rest = sys.argv[1:]
    build, at = pathlib.Path(build).resolve(), pathlib.Path(at).resolve()
    www = at / "www"
    www.mkdir(parents=True)
    for name, path in (("full.azb", full), ("delta.azb", delta)):
        shutil.copy(path, www / name)
    device = Device(build, at, os.path.abspath(keyring), disk)
    with Web(www, at / "web") as web:
        for name in ("full", "delta"):
            turns(device, name, f"{web.url}/{name}.azb", int(rest[0]) if rest else 5)
        for name in ("full", "delta"):
            peaks = [device.peak(f"{web.url}/{name}.azb", workers) for workers in (False, True)]
            print(f"{name}, memory: {peaks[0]:.1f} MiB in one process, {peaks[1]:.1f} MiB with workers", flush=True)


main()
