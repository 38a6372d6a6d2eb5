#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What of media.py and health.py needs no machine: that each kind of broken promise is noticed, and where things are
on the medium."""
import dataclasses
import itertools
import json
import struct
import sys
import time

sys.dont_write_bytecode = True
import machine as vm
import health
import media
import mediaworld
import tap
import wdat
from scenario import Run, Scenario


class FakeGuest:
    """A machine that resets once per look, `resets` times, and then says this of itself."""
    slowness = 0.02     # no scenario waits long here

    def __init__(self, running="a", committed=True, resets=1, console="", text=""):
        self.resets, self.left, self.console, self.text = 0, resets, console, text
        self.answer = json.dumps({"running": running, "committed": committed})

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def run(self, command, _seconds):
        if command == "azupdate status":
            return 0, self.text
        assert command == "azupdate status --json", command
        if self.left > 0:
            self.left -= 1
            self.resets += 1
            raise vm.MachineError("the guest rebooted during the command")
        return 0, self.answer

    def serial(self):
        return self.console


class FakeRun(Run):
    def __init__(self, guest, **fields):
        scenario = Scenario("x", "x", 2)
        self.scenario = dataclasses.replace(scenario, **fields)
        self.guest, self.status, self.fake = None, None, guest

    def prepare(self):
        return self.fake


def refusal(guest, **fields):
    """Why the promise counts as broken."""
    try:
        boots = FakeRun(guest, **fields).play()
    except vm.MachineError as error:
        return str(error)
    raise AssertionError(f"it passed, with {boots} boots")


@tap.case
def a_kept_promise_passes():
    assert FakeRun(FakeGuest()).play() == 2
    assert FakeRun(FakeGuest(resets=0)).play() == 1
    assert FakeRun(FakeGuest(console="a PANIC b"), evidence="PA.IC").play() == 2
    assert FakeRun(FakeGuest(running="b"), ends="b").play() == 2


@tap.case
def one_boot_too_many_is_noticed():
    assert "boot 3 begins" in refusal(FakeGuest(resets=2))
    assert "boot 2 begins" in refusal(FakeGuest(resets=1), bound=1)
    assert "boot 3 begins" in refusal(FakeGuest(resets=99))


@tap.case
def the_wrong_slot_is_noticed():
    assert "slot a does not run" in refusal(FakeGuest(running="b"))


@tap.case
def a_slot_that_is_not_committed_is_noticed():
    assert "slot a does not run" in refusal(FakeGuest(committed=False))


@tap.case
def what_did_not_happen_is_noticed():
    assert "the console lacks" in refusal(FakeGuest(console="all is well"), evidence="panic")


@tap.case
def a_reason_that_is_not_told_is_noticed():
    assert FakeRun(FakeGuest(text="2 failed: check x"), told="check x").play() == 2
    assert "the status lacks" in refusal(FakeGuest(text="2 failed"), told="check x")


@tap.case
def a_hang_that_was_none_is_noticed():
    """After a hang there must be another boot, although the slot is the same."""
    begin = time.monotonic()
    assert "1 boots" in refusal(FakeGuest(running="b", resets=0), ends="b", act=lambda guest: None)
    assert time.monotonic() - begin < 20


@tap.case
def bounds_follow_from_tries():
    both = media.SCENARIOS + health.SCENARIOS
    names = [scenario.name for scenario in both]
    assert len(set(names)) == len(names)
    for scenario in both:
        failures = scenario.tries or 3
        assert scenario.bound in (1, failures + 1), scenario.name
        assert scenario.spoil or scenario.unreadable or scenario.variant, scenario.name
        assert not scenario.variant or scenario.variant in {**media.VARIANTS, **health.VARIANTS}, scenario.name


@tap.case
def the_tree_is_where_the_format_says():
    class Sized(mediaworld.MediaWorld):
        def __init__(self, blocks):
            self.blocks = blocks

        def data_blocks(self):
            return self.blocks

    for blocks in itertools.chain(range(1, 400), (16384, 16385, 33000, 128 ** 3, 128 ** 3 + 1)):
        levels = [blocks]
        while levels[-1] > 1 or len(levels) == 1:
            levels.append(-(-levels[-1] // 128))
        assert Sized(blocks).tree_leaf() == blocks + 1 + sum(levels[2:]), blocks


@tap.case
def the_watchdog_s_table_is_sound():
    table = wdat.tco()
    size, = struct.unpack_from("<I", table, 4)
    count, = struct.unpack_from("<I", table, 64)
    assert table[:4] == b"WDAT" and sum(table) & 0xff == 0
    assert size == len(table) == 68 + 24 * count


if __name__ == "__main__":
    sys.exit(1 if tap.run(sys.argv[1:]) else 0)
