#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What power.py works with, on logs and disks made for the purpose: power_test.py"""
import os
import random
import struct
import sys
import tempfile

import disk as disks
import hostloader
import powercuts
import powerjudge
import powersweep
import rawdisk
import tap
import writelog
from bootrecord import Header, Record, Slot
from powercuts import Part

SECTOR = 512
HASHES = [bytes([1]) * 32, bytes([2]) * 32]


def log_file(path, *entries):
    """entries: (sector, data) of a write, None for a flush, a number for other flags."""
    out = bytearray(struct.pack("<QQQI", writelog.MAGIC, 1, len(entries), SECTOR).ljust(SECTOR, b"\0"))
    for entry in entries:
        sector, data = entry if isinstance(entry, tuple) else (0, b"")
        flags = 0 if data else writelog.FLUSH if entry is None else entry
        out += struct.pack("<QQQQ", sector, len(data) // SECTOR, flags, 0).ljust(SECTOR, b"\0") + data
    with open(path, "wb") as file:
        file.write(out)
    return path


def sectors(*fills):
    return b"".join(bytes([fill]) * SECTOR for fill in fills)


def area(*records):
    return b"".join(record.encode() if record else bytes(4096) for record in records)


def headers(*sequences):
    """Of releases that stand in the slots; None: nothing does."""
    return [bytes(4096) if sequence is None else
            Header(uki_size=1, root_hash=HASHES[i], staged_sequence=sequence).encode()
            for i, sequence in enumerate(sequences)]


def record(slot_a, slot_b, sequence=10, **fields):
    slot_a.root_hash, slot_b.root_hash = HASHES
    return Record(sequence=sequence, slots=[slot_a, slot_b], **fields)


def decide(*records, starts=(True, True), heads=(1, 2)):
    return hostloader.decide(area(*records), headers(*heads), lambda i: starts[i])


@tap.case
def a_log_is_read_as_it_was_written(folder):
    first = log_file(folder + "/1", (3, sectors(1, 2)), None)
    second = log_file(folder + "/2", (9, sectors(3)))
    empty = folder + "/empty"
    with open(empty, "wb"):
        pass
    log = writelog.read([first, empty, second])
    assert [type(entry) for entry in log] == [writelog.Write, writelog.Flush, writelog.Write], log
    assert (log[0].offset, log[0].size, log[0].data()) == (3 * SECTOR, 2 * SECTOR, sectors(1, 2))
    assert log[2].data() == sectors(3)
    assert [writelog.count(path) for path in (first, empty, second)] == [2, 0, 1]


@tap.case
def what_is_no_log_is_refused(folder):
    wrong = [log_file(f"{folder}/flags{flags}", flags) for flags in
             (writelog.FUA, writelog.DISCARD, writelog.MARK)]
    wrong.append(log_file(folder + "/magic", None))
    with open(wrong[-1], "r+b") as file:
        file.write(b"x")
    for path in wrong:
        try:
            writelog.read([path])
        except writelog.LogError:
            continue
        raise AssertionError(path)
    short = log_file(folder + "/short", (0, sectors(1, 2)))
    os.truncate(short, 3 * SECTOR - 1)
    try:
        writelog.read([short])[0].data()
    except writelog.LogError:
        return
    raise AssertionError("a log that ends early")


def write(sector, size=SECTOR):
    return writelog.Write(sector * SECTOR, size, "", 0)


def cuts_of(epoch):
    """Control writes are those below sector 100, data those below sector 200."""
    return list(powercuts.cuts(epoch, lambda w: w.offset < 100 * SECTOR, lambda w: w.offset < 200 * SECTOR,
                               random.Random(1)))


@tap.case
def epochs_end_at_flushes(folder):
    log = [write(1), writelog.Flush(), writelog.Flush(), write(2), writelog.Lost(), write(3)]
    found = powercuts.epochs(log)
    assert [(epoch.start, epoch.end, [part.index for part in epoch.writes]) for epoch in found] == \
        [(0, 1, [0]), (2, 2, []), (3, 6, [3, 5])], found


@tap.case
def every_subset_of_few_control_writes_is_made(folder):
    log = [write(1), write(150), write(2), write(300), write(3)]
    found = cuts_of(powercuts.epochs(log)[0])
    subsets = {tuple(part.index for part in cut.control) for cut in found}
    assert len(subsets) == 8, subsets
    prefixes = {tuple(part.index for part in cut.control) for cut in found if cut.kind == "prefix"}
    assert prefixes == {(), (0,), (0, 2), (0, 2, 4)}, prefixes
    with_data = [cut for cut in found if cut.data]
    assert with_data and all([part.index for part in cut.data] == [1] for cut in with_data)
    last = [cut for cut in found if len(cut.control) == 3 and not cut.data and cut.kind != "tear"]
    assert [(cut.first, cut.last) for cut in last] == [(5, 5)], last
    nothing = [cut for cut in found if not cut.parts()]
    assert [(cut.first, cut.last) for cut in nothing] == [(0, 5)], nothing


@tap.case
def many_control_writes_are_sampled(folder):
    found = cuts_of(powercuts.epochs([write(i) for i in range(20)])[0])
    subsets = {cut.control for cut in found}
    assert len(found) == len(subsets), "each subset once"
    sizes = [len(control) for control in subsets]
    assert sizes.count(19) >= 20 and sizes.count(1) >= 20 and 80 < len(sizes) < 200, sizes
    assert found == cuts_of(powercuts.epochs([write(i) for i in range(20)])[0]), "a seed repeats"


@tap.case
def a_write_of_many_sectors_is_torn_between_them(folder):
    found = [cut.control for cut in cuts_of(powercuts.epochs([write(1), write(8, 4 * SECTOR)])[0])
             if cut.kind == "tear" and cut.control[-1].index == 1]
    ranges = [(control[-1].skip, control[-1].size) for control in found]
    assert sorted(ranges, key=str) == sorted(
        [(0, at) for at in (128, 512, 1024, 1536)] + [(at, None) for at in (128, 512, 1024, 1536)], key=str)
    assert all(control[0].index == 0 and len(control) == 2 for control in found)


@tap.case
def parts_of_writes_lie_over_the_disk_and_leave_it(folder):
    path = folder + "/disk"
    with open(path, "wb") as file:
        file.write(sectors(0, 0, 0, 0))
    log = writelog.read([log_file(folder + "/log", (1, sectors(1, 2)), (2, sectors(3)))])
    disk = rawdisk.RawDisk(path)
    parts = [Part(0, log[0]), Part(1, log[1])]
    assert disk.read(0, 2048, parts) == sectors(0, 1, 3, 0)
    assert disk.read(512, 512, parts) == sectors(1)
    assert disk.read(0, 2048, [Part(0, log[0], skip=512)]) == sectors(0, 0, 2, 0)
    assert disk.read(0, 2048, [Part(0, log[0], size=512)]) == sectors(0, 1, 0, 0)
    with disk.with_parts(parts):
        disk.extract(512, 1024, folder + "/extract")
    with open(folder + "/extract", "rb") as file:
        assert file.read() == sectors(1, 3)
    assert disk.read(0, 2048) == bytes(2048)
    disk.close()


@tap.case
def a_phase_counts_if_the_cut_may_be_in_it(folder):
    phases = powersweep.Phases([(0, ["1"], "x"), (10, ["1", "2"], "y"), (20, ["2"], "z")])
    expected = {(0, 5): ["1"], (0, 10): ["1"], (10, 19): ["1", "2"], (12, 20): ["2"], (25, 99): ["2"],
                (5, 25): []}
    for span, versions in expected.items():
        assert phases.allowed(*span) == versions, span


@tap.case
def the_loader_goes_by_the_record(folder):
    good, other = Slot("good", 1), Slot("good", 2)
    assert decide(record(good, other)).slot == 1
    assert decide(record(Slot("good", 2), Slot("good", 2))).slot == 0
    trial = decide(record(Slot("good", 1), Slot("trying", 2, 3)))
    assert (trial.slot, trial.reason, trial.copy) == (1, "trial", 1)
    assert trial.record.slots[1].tries_left == 2 and trial.record.sequence == 11
    assert decide(record(Slot("good", 1), Slot("staged"))).reason == "preferred"
    spent = decide(record(Slot("good", 1), Slot("trying", 2, 0)))
    assert (spent.slot, spent.reason, spent.record.slots[1].state) == (0, "fallback", "bad")
    assert spent.record.slots[0].failures == 1 and spent.record.slots[1].fault == 113
    assert decide(record(Slot("good", 1), Slot("good", 2), once=0)).reason == "once"
    assert decide(record(Slot("good", 1, failures=4), Slot("good", 2, failures=3))).slot == 1
    assert decide(record(Slot("trying", 2, 0), Slot("bad"))).reason == "last-resort"
    assert decide(record(Slot("bad"), Slot())).slot == hostloader.NONE


@tap.case
def the_loader_goes_by_the_later_copy(folder):
    a, b = record(Slot("good", 2), Slot("good", 1), 10), record(Slot("good", 1), Slot("good", 2), 11)
    assert (decide(a, b).slot, decide(a, b).copy) == (1, 0)
    torn = bytearray(area(a, b))
    torn[4096 + 40] ^= 1
    assert hostloader.decide(bytes(torn), headers(1, 2), lambda i: True).slot == 0
    lost = hostloader.decide(bytes(8192), headers(7, 5), lambda i: True)
    assert (lost.slot, lost.copy, lost.record.sequence) == (1, 0, 8), lost


@tap.case
def the_loader_passes_over_what_does_not_start(folder):
    trial = record(Slot("good", 1), Slot("trying", 2, 3))
    for decision in (decide(trial, starts=(True, False)), decide(trial, heads=(1, None))):
        assert (decision.slot, decision.passed_over) == (0, (1,)), decision
        assert decision.record.slots[1].state == "bad"
    assert decide(trial, starts=(False, False)).slot == hostloader.NONE


@tap.case
def the_judge_sees_an_incomplete_slot(folder):
    disk = disks.Disk.create(folder + "/whole.img", {}, [
        *disks.LAYOUT, ("root_a", disks.BOOT_TYPE, 42, 1), ("root_b", disks.BOOT_TYPE, 43, 0.5)])
    disk.put_record(record(Slot("good", 1), Slot()))
    disk.write("boot_a", 0, headers(1, None)[0])
    raw = rawdisk.RawDisk(disk.path)
    judge = powerjudge.Judge(raw, folder, "no keyring")
    start = judge.layout["boot_a"][0] // SECTOR
    assert judge.is_control(write(start)) and judge.is_control(write(0)) and judge.is_control(write(2048))
    assert not judge.is_control(write(start + 8)) and judge.is_data(write(start + 8))
    verdict = judge.judge((), ["1"])
    assert "slot a is chosen and would not start" in verdict.flaw, verdict
    assert judge.judge((), ["1"]).key == verdict.key and judge.inspected == 1
    raw.close()


def main():
    with tempfile.TemporaryDirectory() as folder:
        return 1 if tap.run(sys.argv[1:], folder) else 0


sys.exit(main())
