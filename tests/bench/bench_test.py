#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The benchmark's own test: what it counts, refuses and prints, on files of a few KiB. TAP."""
import os
import pathlib
import random
import sys
import tempfile
import xml.dom.minidom

TOP = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(TOP / "vm"))

import measure
import pairs
import rauc
import report
import rivals
import rootimage
import tap
import times
import tiny
from web import Web

BLOCK = 4096


def case(function):
    """A test that is given an empty folder of its own."""
    def act(work):
        at = work / function.__name__
        at.mkdir()
        function(at)
    act.__name__ = function.__name__
    return tap.case(act)


def expect(one, other):
    assert one == other, f"{one!r} is not {other!r}"


def fails(act, *arguments):
    try:
        act(*arguments)
    except measure.Failed:
        return
    raise AssertionError("nothing failed")


def image_pair(at):
    """Two images of 64 blocks; four blocks in two places differ."""
    old = bytearray(rootimage.Maker(1).text(64 * BLOCK))
    new = bytearray(old)
    for block in (10, 11, 40, 63):
        new[block * BLOCK:(block + 1) * BLOCK] = random.Random(block).randbytes(BLOCK)
    (at / "old").write_bytes(old)
    (at / "new").write_bytes(new)
    return rivals.Job(at / "old", at / "new", at, at)


@case
def cost_is_the_childs(at):
    cost = measure.measure(sys.executable, "-c", "import time; held = bytearray(96 << 20); time.sleep(0.2)")
    assert 96 << 20 < cost.memory < 256 << 20, cost
    assert cost.wall >= 0.2, cost
    small = measure.measure("true")
    assert small.memory < 16 << 20, small


@case
def failures_are_seen(at):
    (at / "one").write_bytes(b"one")
    (at / "longer").write_bytes(b"one more")
    fails(measure.run, "false")
    fails(measure.measure, "false")
    fails(measure.same, at / "one", at / "longer")
    measure.same(at / "one", at / "one")


@case
def results_replace_and_last(at):
    results = measure.Results(at / "results.json")
    results.put({"tool": "a", "pair": 1}, {"bytes": 1})
    other = measure.Results(at / "results.json")
    other.put({"tool": "b", "pair": 1}, {"bytes": 2})
    results.put({"tool": "a", "pair": 1}, {"bytes": 3})
    again = measure.Results(at / "results.json")
    expect([row["bytes"] for row in again.find(pair=1)], [2, 3])


@case
def web_counts_what_it_sent(at):
    (at / "site").mkdir()
    (at / "site" / "file").write_bytes(os.urandom(100000))
    with Web(at / "site", at / "web") as web:
        measure.run("curl", "-s", "-o", "/dev/null", f"{web.url}/file")
        measure.run("curl", "-s", "-o", "/dev/null", "-r", "10-1009", f"{web.url}/file")
        measure.run("curl", "-s", "-o", "/dev/null", f"{web.url}/missing")
        expect(web.counted(), (3, 101000))


@case
def tools_apply_what_they_make(at):
    job = image_pair(at)
    for act in (rivals.zstd_plain, rivals.casync):
        row = act(job)
        assert 4 * BLOCK <= row["bytes"] < 64 * BLOCK, row
        (at / "out").unlink()
    assert rivals.casync(job)["requests"] > 1
    os.truncate(at / "old", rivals.BSDIFF_MAX + 1)
    assert "skipped" in rivals.bsdiff(job)


@case
def rauc_needs_blocks_with_new_chunks(at):
    job = image_pair(at)
    sizes = [100 + number for number in range(4)]
    expect(rauc.blocks_needed(job.new, job.old, sizes, 64 << 10), (100 + 102 + 103, 2))
    expect(rauc.blocks_needed(job.new, job.new, sizes, 64 << 10), (0, 0))
    (at / "index").write_bytes(b"".join(rauc.chunks(job.new)))
    rauc.index_check(job.new, at / "index")
    fails(rauc.index_check, job.old, at / "index")


@case
def kernels_are_told_apart(at):
    made = []
    keep = pairs.run
    pairs.run = lambda *words: made.append(words) or "".join(
        f"linux-image-6.1.0-{number}-amd64 - Linux\n" for number in (9, 47, 48, 56, 57)).encode()
    try:
        expect(pairs.kernel_before("6.1.0-56-amd64"), "6.1.0-48-amd64")
    finally:
        pairs.run = keep


def row(size):
    cost = {"wall": 1.0, "cpu": 1.0, "memory": 1 << 20}
    return {"bytes": size, "requests": 2, "note": "", "make": cost, "apply": cost}


def put(results, image, tool, values, pair="p2"):
    results.put({"part": "sizes", "pair": pair, "image": image, "tool": tool}, values)


@case
def goals_are_judged(at):
    results = measure.Results(at / "results.json")
    put(results, "erofs+uki", "azupdate delta", row(400000))
    put(results, "tree+uki", "ostree static delta", row(1000000))
    put(results, "erofs", "zstd -19 --patch-from, tuned", row(300000))
    put(results, "uki", "zstd -19 --patch-from, tuned", row(200000))
    put(results, "erofs", "casync", row(9000000))
    put(results, "erofs", "bsdiff", {"skipped": "too big"})
    text = report.write(results, at)
    for line in ("delta to ostree static delta: 0.40, goal 0.35: NOT met",
                 "delta to tuned whole-image zstd -19: 0.80, goal 1.0: met",
                 "delta to the best of RAUC adaptive and casync: not measured",
                 "| p2 | erofs | bsdiff | too big |",
                 "| zstd -19 --patch-from, tuned, erofs + uki | 0.500 (4) |"):
        assert line in text, f"{line}\n{text}"
    xml.dom.minidom.parse(str(at / "sizes.svg"))


@case
def time_goals_are_judged(at):
    results = measure.Results(at / "results.json")
    assert "goal" not in report.write(results, at)
    for what, median in ((report.FULL, 12.0), ("raw: decode, hash twice and write, at once", 10.0),
                         ("rauc install, plain bundle", 15.0), (report.DELTA, 2.0)):
        results.put({"part": "times", "what": what}, {"median": median, "all": [median], "bytes": 1000})
    for what, written in (("first", 100000), ("second", 0)):
        results.put({"part": "times", "what": f"{what} install"}, {"read": 5, "written": written})
    results.put({"part": "times", "what": "peak memory, image of 1GiB"}, {"memory": 128 << 20, "wall": 1.0})
    text = report.write(results, at)
    for line in ("the raw rates, all at once: 1.20, goal 1.25: met", "to rauc install: 0.80, goal 0.65: NOT met",
                 "the same and reading back: not measured", "casync extract with its seed: not measured",
                 "bytes written first: 0.00, goal 0.001: met", "image of 1GiB, to 64 MiB: 2.00, goal 1.0: NOT met"):
        assert line in text, f"{line}\n{text}"


@case
def commands_end_together(at):
    times.together([["sh", "-c", f"echo > {at}/one"], ["true"]])
    assert (at / "one").exists()
    fails(times.together, [["true"], ["false"]])


@case
def stores_are_told(at):
    results = measure.Results(at / "results.json")
    for what, disk in (("images", 4000000), ("in the store", 1000000)):
        results.put({"part": "store", "what": f"5 releases: {what}"}, {"disk": disk})
    results.put({"part": "store", "what": "add 1 of 5"}, {"new": 2000000, **row(1)["apply"]})
    put(results, "tree", "ostree objects", row(3000000))
    text = report.write(results, at)
    for line in ("| 5 releases: in the store | 1.00 | 0.25 |", "| add 1 of 5 | 2.00 | 1.0 | 1.0 | 1 |",
                 "| ostree objects, tree | 3.00 (2) |"):
        assert line in text, f"{line}\n{text}"


@case
def histories_go_on(at):
    """Each made-up release differs from the one before and keeps its changes; the same each time."""
    rounds = [[tiny.changes(number, rounds) for number in range(tiny.FILES)] for rounds in range(5)]
    for before, after in zip(rounds, rounds[1:]):
        assert all(one == two[:len(one)] for one, two in zip(before, after))
        assert 3 < sum(one != two for one, two in zip(before, after)) < 40
    expect(tiny.content(5, []), rootimage.Maker(5).text(random.Random(5).randint(tiny.FILE_MIN, tiny.FILE_MAX)))
    assert len({tiny.content(5, range(rounds)) for rounds in range(5)}) == 5


def main():
    with tempfile.TemporaryDirectory() as work:
        return tap.run(sys.argv[1:], pathlib.Path(work)) != 0


if __name__ == "__main__":
    sys.exit(main())
