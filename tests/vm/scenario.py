# SPDX-License-Identifier: MIT
"""Scenarios: each starts a machine on its own copy of one prepared disk (mediaworld.py), whose slot a
holds a committed release and slot b a newer one; it must end on the promised slot in a bounded number
of boots, and tell what is promised."""
import argparse
import contextlib
import dataclasses
import json
import os
import re
import shutil
import signal
import sys
import tempfile
import time
import typing

import machine as vm
import respawn
import wdat
from bootrecord import Slot

BOOT_S = 40             # under KVM; machine.slowness makes it fit emulation


@dataclasses.dataclass
class Scenario:
    name: str
    text: str
    bound: int                          # of boots, the first one included
    ends: str = "a"
    tries: int = 1                      # of slot b; 0: it is committed
    variant: str = ""                   # of version 2's UKI
    spoil: typing.Callable = None       # (world, disk): what is wrong on the medium
    unreadable: typing.Callable = None  # (world, disk): a sector that cannot be read
    once: bool = False                  # ... the first time only
    act: typing.Callable = None         # (guest): what happens once slot b is committed
    settled: typing.Callable = None     # (guest): looks at it in the end; MachineError: not as promised
    evidence: str = ""                  # on the console, or the scenario showed something else
    wait_s: int = 0                     # how long its hangs last
    told: str = ""                      # what `azupdate status` says in the end: a pattern


class Run:
    """One scenario on one machine."""

    def __init__(self, world, scenario):
        self.world, self.scenario = world, scenario
        self.folder = world.at("run-" + scenario.name)
        self.guest, self.status = None, None

    def boots(self):
        return self.guest.resets + 1

    def prepare(self):
        scenario, nodes = self.scenario, None
        with self.world.copy(self.folder) as disk:
            if scenario.variant:
                with open(self.world.at(scenario.variant + ".boot"), "rb") as file:
                    disk.write("boot_b", 0, file.read())
            slot_b = Slot("trying", 2, scenario.tries) if scenario.tries else Slot("good", 2)
            disk.record_put(Slot("good", 1), slot_b)
            if scenario.spoil:
                scenario.spoil(self.world, disk)
            if scenario.unreadable:
                nodes = [blkdebug(scenario.unreadable(self.world, disk), scenario.once)]
            table = os.path.join(self.folder, "wdat")
            with open(table, "wb") as out:
                out.write(wdat.tco())
        return respawn.RespawningMachine(
            disk.path, os.path.join(self.folder, "vars.fd"), os.path.join(self.folder, "tpm"),
            self.folder, extra=["-acpitable", f"file={table}", *wdat.QEMU], blockdev=nodes)

    def settle(self, slot, boots_least=1):
        """Until that slot runs and is committed; what it says of itself then."""
        seconds = self.scenario.bound * (BOOT_S * self.guest.slowness + self.scenario.wait_s)
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if self.boots() > self.scenario.bound:
                raise vm.MachineError(f"boot {self.boots()} begins, at most "
                                      f"{self.scenario.bound} were promised")
            with contextlib.suppress(vm.MachineError, ValueError):
                status = json.loads(self.guest.run("azupdate status --json", 3)[1])
                if self.boots() >= boots_least and status["running"] == slot and status["committed"]:
                    return status
            time.sleep(0.5)
        raise vm.MachineError(f"slot {slot} does not run and be well after {seconds:.0f} s and "
                              f"{self.boots()} boots")

    def play(self):
        """The number of boots. MachineError: the promise is broken."""
        scenario = self.scenario
        with self.prepare() as self.guest:
            if scenario.act:
                self.settle("b")
                scenario.act(self.guest)
            self.status = self.settle(scenario.ends, 2 if scenario.act else 1)
            boots, console = self.boots(), self.guest.serial()
            self.told_check()
            if scenario.settled:
                scenario.settled(self.guest)
        if scenario.evidence and not re.search(scenario.evidence, console):
            raise vm.MachineError(f"the console lacks {scenario.evidence!r}")
        if boots > scenario.bound:
            raise vm.MachineError(f"{boots} boots, at most {scenario.bound} were promised")
        return boots

    def told_check(self):
        if self.scenario.told:
            text = self.guest.run("azupdate status", 10)[1]
            if not re.search(self.scenario.told, text):
                raise vm.MachineError(f"the status lacks {self.scenario.told!r}:\n{text}")

    def console_end(self):
        path = os.path.join(self.folder, "serial.log")
        if not os.path.exists(path):
            return ""
        with open(path, "rb") as log:
            return log.read().decode(errors="replace")[-3000:]


def blkdebug(bad_sector, once):
    return ("driver=blkdebug,node-name=disk0,image=disk0-host,inject-error.0.event=none,"
            "inject-error.0.iotype=read,inject-error.0.errno=5,"
            f"inject-error.0.once={'on' if once else 'off'},inject-error.0.sector={bad_sector}")


def play_all(world, scenarios):
    """Rows (scenario, boots, seconds, why it failed or None), told as they come."""
    rows = []
    for scenario in scenarios:
        run, started, boots, why = Run(world, scenario), time.monotonic(), 0, None
        print(f"{scenario.name}: {scenario.text}", flush=True)
        try:
            boots = run.play()
            shutil.rmtree(run.folder, ignore_errors=True)
        except (vm.MachineError, OSError) as error:
            why = str(error)
            print(f"    FAILED: {why}\n{run.console_end()}", flush=True)
        rows.append((scenario, boots, time.monotonic() - started, why))
        if why is None:
            print(f"    slot {scenario.ends} after {boots} boots, {rows[-1][2]:.0f} s", flush=True)
    return rows


def table(rows):
    print("\n| scenario | what is wrong with slot b | tries | boots | bound | ends on | s |")
    print("|---|---|---|---|---|---|---|")
    for scenario, boots, seconds, why in rows:
        print(f"| {scenario.name} | {scenario.text} | {scenario.tries or 'committed'} | "
              f"{boots if why is None else '-'} | {scenario.bound} | "
              f"{scenario.ends if why is None else 'FAILED: ' + why.splitlines()[0]} | {seconds:.0f} |")
    failed = sum(why is not None for *_, why in rows)
    print(f"\n{len(rows) - failed} passed, {failed} failed", flush=True)
    return 1 if failed else 0


def arguments(text, argv):
    parser = argparse.ArgumentParser(description=text)
    parser.add_argument("build")
    parser.add_argument("--work", help="folder to keep everything in; a disk made there is used again")
    parser.add_argument("--list", action="store_true", help="say what the scenarios are")
    parser.add_argument("scenarios", nargs="*", metavar="SCENARIO")
    return parser.parse_intermixed_args(argv)


def main(text, scenarios, make_world):
    """make_world(work, build, say): the world, not made yet."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))     # machines end, folders go
    options = arguments(text, sys.argv[1:])
    names = [scenario.name for scenario in scenarios]
    unknown = [name for name in options.scenarios if name not in names]
    if unknown:
        sys.exit(f"no such scenario: {' '.join(unknown)}; there are {' '.join(names)}")
    chosen = [scenario for scenario in scenarios if scenario.name in (options.scenarios or names)]
    if options.list:
        print("\n".join(f"{scenario.name:12} {scenario.text}" for scenario in chosen))
        return 0
    work = options.work or tempfile.mkdtemp(prefix="azupdate-scenarios-")
    world = make_world(work, options.build, lambda text: print(text, flush=True))
    try:
        world.make()
        return table(play_all(world, chosen))
    finally:
        if options.work is None:
            shutil.rmtree(work, ignore_errors=True)
