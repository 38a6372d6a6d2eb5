#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Bad media and hangs: each scenario starts a machine on its own copy of one prepared disk, and must
end on the good slot in a bounded number of boots.

media.py BUILD [--work FOLDER] [--list] [SCENARIO...]

BUILD is a release build of this project (no sanitizers). Most of an hour in emulation."""
import contextlib
import sys

import machine as vm
import mediaworld
import scenario
from mediaworld import BLOCK, MIB, SECTOR
from scenario import Scenario


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


if __name__ == "__main__":
    sys.exit(scenario.main("spoil media, hang releases: the good slot comes back", SCENARIOS,
                           lambda work, build, say: mediaworld.MediaWorld(work, build, VARIANTS, say)))
