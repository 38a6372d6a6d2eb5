#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Cuts the power of a real machine in each of its writes: power.py BUILD [--work FOLDER] [--seed NUMBER]

The story is told once, with every write and flush of the machine recorded. Then each disk that a power cut
could have left is judged on the host, and each that azboot could tell from the others is booted. BUILD is
a release build of this project. A recording that stands in FOLDER is used again."""
import argparse
import contextlib
import filecmp
import json
import os
import shutil
import sys
import tempfile
import time

import machine as vm
import powerboot
import powerjudge
import powerstory
import powersweep
import rawdisk
import writelog

KINDS = (("prefix", "prefixes of the control writes"), ("reordering", "reorderings of control writes"),
         ("tear", "torn control writes"))


class Power:
    def __init__(self, world, seed):
        self.world, self.seed = world, seed
        self.violations, self.started = 0, time.monotonic()

    def tell(self, text):
        print(f"[{time.monotonic() - self.started:5.0f} s] {text}", flush=True)

    def violation(self, cut, text):
        self.violations += 1
        self.tell(f"VIOLATION: {cut.kind} between entries {cut.first} and {cut.last}, with the writes "
                  f"{[(part.index, part.skip, part.size) for part in cut.parts()]}: {text}")

    # Recording.

    def record(self):
        world = self.world
        story = powerstory.PowerStory(world, False)
        world.say = story.show
        self.tell("Making keys, three releases, and a disk.")
        world.make()
        rawdisk.copy(world.disk, world.at("before.img"))
        story.tell_all()
        if story.failed:
            raise RuntimeError("the recorded story itself went wrong")
        with open(world.at("recording.json"), "w", encoding="utf-8") as out:
            logs = [os.path.basename(log) for log in story.guest.logs]
            json.dump({"phases": story.phases, "logs": logs}, out)

    def load(self):
        """(log, phases)."""
        with open(self.world.at("recording.json"), encoding="utf-8") as file:
            recording = json.load(file)
        logs = [self.world.at("run", name) for name in recording["logs"]]
        return writelog.read(logs), recording["phases"]

    # Judgement.

    @contextlib.contextmanager
    def judge(self):
        """Over the disk as it was before the first boot."""
        folder = self.world.at("judge")
        shutil.rmtree(folder, ignore_errors=True)
        os.makedirs(folder)
        image = os.path.join(folder, "disk.img")
        rawdisk.copy(self.world.at("before.img"), image)
        disk = rawdisk.RawDisk(image)
        try:
            yield powerjudge.Judge(disk, folder, self.world.at("keys/ca.crt"))
        finally:
            disk.close()
            shutil.rmtree(folder)

    def sweep(self, log, phases):
        with self.judge() as judge:
            sweep = powersweep.Sweep(log, phases, judge, self.seed)
            boots = powerboot.PowerBoot(self.world, judge)
            states = set()
            for cut, verdict in sweep.cuts():
                if verdict.flaw:
                    self.violation(cut, verdict.flaw)
                if verdict.key not in states:
                    states.add(verdict.key)
                    self.boot(cut, verdict, boots)
            if not filecmp.cmp(judge.disk.path, self.world.disk, shallow=False):
                self.violations += 1
                self.tell("VIOLATION: the log does not lead to the disk that the machine had in the end")
            self.figures(sweep.counts, judge, boots, len(states))

    def boot(self, cut, verdict, boots):
        differs = boots.differs(cut.parts(), verdict)
        if differs:
            self.violation(cut, differs)
        self.tell(f"state {boots.count}, {cut.kind} of {cut.first} entries: version {verdict.version}, "
                  f"{verdict.decision.reason}{'' if differs else ', booted'}")

    # The check of the checks.

    def must_be_found(self, log, phases):
        root = rawdisk.partitions(self.world.at("before.img"))["root_b"]
        for text, broken, expected in flawed(log, powersweep.Phases(phases), root):
            with self.judge() as judge:
                sweep = powersweep.Sweep(broken, phases, judge, self.seed)
                found = next((verdict.flaw for _, verdict in sweep.cuts()
                              if verdict.flaw and expected in verdict.flaw), None)
            self.tell(f"{text}: {found or 'NOT FOUND'}")
            self.violations += found is None

    def run(self):
        if not os.path.exists(self.world.at("recording.json")):
            self.record()
        log, phases = self.load()
        self.tell("Logs that are wrong must be found to be so.")
        self.must_be_found(log, phases)
        self.tell(f"Cutting the power, seed {self.seed}.")
        self.sweep(log, phases)

    def figures(self, counts, judge, boots, states):
        rows = [("writes of the machine", counts["writes"]),
                ("of them, control writes", counts["control writes"]),
                ("flush epochs", counts["flush epochs"]),
                ("of them, with control writes", counts["flush epochs with control writes"])]
        rows += [(text, counts[kind]) for kind, text in KINDS]
        rows += [("power cuts judged, with none, all or some of the data writes", counts["judged"]),
                 ("of them, with an earlier write missing than one that is there", counts["reordered"]),
                 ("contents of a slot verified", judge.inspected), ("distinct control states", states),
                 ("booted to the kernel", boots.count), ("distinct decisions", len(boots.decisions)),
                 ("booted to user space", boots.full_count), ("violations", self.violations)]
        for text, number in rows:
            print(f"# {text}: {number:,}")


def flawed(log, phases, root):
    """Yields (what is wrong, the log, what must be found). root: range of the slot updated first."""
    staging, activating = phases.start("staging 2"), phases.start("activating 2")
    end = phases.start("2 is activated")
    image = [i for i in range(staging, activating) if isinstance(log[i], writelog.Write)
             and rawdisk.overlap(log[i].offset, log[i].size, root)[1]]
    yield "a write of the image is lost", _without(log, {max(image, key=lambda i: log[i].size)}), \
        "slot b would boot, and is not complete"
    yield "no flush while 2 is staged and activated", _without_flushes(log, staging, end), \
        "slot b is chosen and would not start"
    yield "no flush while 2 is activated", _without_flushes(log, activating, end), \
        "version 1 would boot"


def _without_flushes(log, start, end):
    return _without(log, {i for i in range(start, end) if isinstance(log[i], writelog.Flush)})


def _without(log, indexes):
    return [writelog.Lost() if i in indexes else entry for i, entry in enumerate(log)]


def arguments():
    parser = argparse.ArgumentParser(description="power cuts in the real writes of a machine")
    parser.add_argument("build")
    parser.add_argument("--work")
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args()


def main():
    options = arguments()
    work = options.work or tempfile.mkdtemp(prefix="azupdate-power-")
    power = Power(powerstory.PowerWorld(work, options.build), options.seed)
    try:
        power.run()
    except (vm.MachineError, RuntimeError) as error:
        print(f"The recording failed: {error}", flush=True)
        return 1
    finally:
        if options.work is None:
            shutil.rmtree(work, ignore_errors=True)
    return 1 if power.violations else 0


if __name__ == "__main__":
    sys.exit(main())
