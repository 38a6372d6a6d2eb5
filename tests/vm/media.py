#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Bad media and hangs: each scenario starts a machine on its own copy of one prepared disk, and must
end on the good slot in a bounded number of boots.

media.py BUILD [--work FOLDER] [--list] [SCENARIO...]

BUILD is a release build of this project (no sanitizers). Most of an hour in emulation."""
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
import mediaworld
import respawn
import wdat
from bootrecord import Slot
from mediaworld import BLOCK, MIB, SECTOR

BOOT_S = 40             # under KVM; machine.slowness makes it fit emulation

# What version 2 has on its command line in the scenarios of hangs. The watchdog is the chipset's,
# which ACPI describes; its time is short, for nobody learns more by waiting longer.
WATCHED = "azupdate.watchdog=40 systemd.watchdog_sec=20"
VARIANTS = {
    "watched": WATCHED,
    # The kernel finds no program to start, then waits for a root device that never comes.
    "kernel": f"{WATCHED} loglevel=7 rdinit=/none root=/dev/none rootwait",
    # The first program of the root reads from a console where nobody types.
    "init": f"{WATCHED} loglevel=7 init=/usr/bin/cat",
    "check": f"{WATCHED} demo.hang=check",
    "unit": "demo.hang=unit",
}
WATCHDOG_HINT = "azverity: .*watchdog"


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
    evidence: str = ""                  # on the console, or the scenario showed something else
    wait_s: int = 0                     # how long its hangs last


def flip(name, offset):
    return lambda world, disk: disk.flip(name, offset(world) if callable(offset) else offset)


def sector(name, offset):
    return lambda world, disk: disk.sector(name, offset(world) if callable(offset) else offset)


def superblock_salt(world):
    return world.data_blocks() * BLOCK + 88


def tree_top(world):
    return (world.data_blocks() + 1) * BLOCK + 5


def tree_leaf(world):
    return world.tree_leaf() * BLOCK + 5


def program(world):
    return world.program_block() * BLOCK + 5


def hanging_payload(world, disk):
    disk.write("boot_b", 0, world.hanging_payload())


def crash_init(guest):
    """systemd freezes when it crashes: the machine runs, and nobody is at home."""
    with contextlib.suppress(vm.MachineError):
        guest.run("kill -SEGV 1", 5)


# It says so by way of journald to who is logged in, if somebody is just then; and it lets go of the watchdog, a second
# time after azverity has handed it over.
FROZEN = r"Freezing execution|(?:watchdog did not stop![\s\S]*){2}"
PANIC = "Kernel panic - not syncing: dm-verity device corrupted"
SCENARIOS = [
    # A release on trial whose bits are wrong.
    Scenario("data", "a data block, one bit", 4, tries=3, spoil=flip("root_b", 1100), evidence=PANIC),
    Scenario("program", "a data block of systemd, one bit", 2, spoil=flip("root_b", program),
             evidence=PANIC),
    Scenario("leaf", "a leaf block of the tree, one bit", 2, spoil=flip("root_b", tree_leaf),
             evidence=PANIC),
    Scenario("top", "the top block of the tree, one bit", 2, spoil=flip("root_b", tree_top),
             evidence="azverity: fault 140 "),
    Scenario("superblock", "the salt in the verity superblock, one bit", 2,
             spoil=flip("root_b", superblock_salt), evidence="azverity: fault 140 "),
    Scenario("uki", "the UKI, one bit", 1, tries=3, spoil=flip("boot_b", MIB)),
    Scenario("header", "the boot partition's header, one bit", 1, tries=3, spoil=flip("boot_b", 30)),
    # A release on trial with sectors that cannot be read.
    Scenario("eio-data", "a data block, unreadable", 2, unreadable=sector("root_b", program),
             evidence="I/O error, dev vda"),
    Scenario("eio-leaf", "a leaf block of the tree, unreadable", 2,
             unreadable=sector("root_b", tree_leaf), evidence="I/O error, dev vda"),
    Scenario("eio-uki", "the UKI, unreadable", 1, tries=3, unreadable=sector("boot_b", MIB)),
    # Drives give a bad sector another place when it is written; firmware looks at the first one.
    Scenario("eio-record", "the newer copy of the boot record, unreadable until it is written", 1,
             ends="b", unreadable=sector("azstate", 5 * SECTOR), once=True),
    Scenario("eio-record-ever", "the newer copy of the boot record, unreadable for ever: no try can "
             "be counted", 1, unreadable=sector("azstate", 5 * SECTOR)),
    # A committed release, months later.
    Scenario("rot", "committed; a data block of systemd rots", 4, tries=0,
             spoil=flip("root_b", program), evidence=PANIC),
    Scenario("rot-uki", "committed; the UKI rots", 1, tries=0, spoil=flip("boot_b", MIB)),
    Scenario("rot-eio", "committed; a block of the tree becomes unreadable", 4, tries=0,
             unreadable=sector("root_b", tree_leaf), evidence="I/O error, dev vda"),
    # A release that hangs.
    Scenario("hang-stub", "hangs in the UKI's stub, before the kernel", 2, spoil=hanging_payload,
             evidence="payload end", wait_s=180),
    Scenario("hang-kernel", "hangs in the kernel, before userspace", 2, variant="kernel",
             evidence="Waiting for root device", wait_s=40),
    Scenario("hang-init", "hangs as the first program of the root", 2, variant="init",
             evidence=WATCHDOG_HINT, wait_s=40),
    Scenario("hang-unit", "a unit never starts, so that nobody judges the boot", 2, variant="unit",
             wait_s=mediaworld.UNJUDGED_S),
    Scenario("hang-check", "systemd hangs in the health checks, before the commit", 2,
             variant="check", evidence=FROZEN, wait_s=20),
    Scenario("hang-later", "systemd hangs after the commit", 2, ends="b", variant="watched",
             act=crash_init, evidence=FROZEN, wait_s=20),
]


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
        if scenario.evidence and not re.search(scenario.evidence, console):
            raise vm.MachineError(f"the console lacks {scenario.evidence!r}")
        if boots > scenario.bound:
            raise vm.MachineError(f"{boots} boots, at most {scenario.bound} were promised")
        return boots

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


def arguments():
    parser = argparse.ArgumentParser(description="spoil media, hang releases: the good slot comes back")
    parser.add_argument("build")
    parser.add_argument("--work", help="folder to keep everything in; a disk made there is used again")
    parser.add_argument("--list", action="store_true", help="say what the scenarios are")
    parser.add_argument("scenarios", nargs="*", metavar="SCENARIO")
    return parser.parse_intermixed_args()


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))     # machines end, folders go
    options = arguments()
    names = [scenario.name for scenario in SCENARIOS]
    unknown = [name for name in options.scenarios if name not in names]
    if unknown:
        sys.exit(f"media: no such scenario: {' '.join(unknown)}; there are {' '.join(names)}")
    chosen = [scenario for scenario in SCENARIOS if scenario.name in (options.scenarios or names)]
    if options.list:
        print("\n".join(f"{scenario.name:12} {scenario.text}" for scenario in chosen))
        return 0
    work = options.work or tempfile.mkdtemp(prefix="azupdate-media-")
    world = mediaworld.MediaWorld(work, options.build, VARIANTS, lambda text: print(text, flush=True))
    try:
        world.make()
        return table(play_all(world, chosen))
    finally:
        if options.work is None:
            shutil.rmtree(work, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
