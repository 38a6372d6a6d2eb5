#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Measures azupdate beside the tools one would take instead: bench.py BUILD_RELEASE [OPTION]...

docs/BENCHMARKS.md says what each figure includes. What was measured is kept in WORK/results.json, and
not measured again: a stopped run goes on. Exit status 1 if a step fails or an install needs 64 MiB of
memory or more; no time is asserted."""
import argparse
import os
import pathlib
import shutil
import sys

import history
import ours
import pairs as releases
import report
import sizes
import synthetic
import times
import tiny
from measure import Failed, Results

TOP = pathlib.Path(__file__).resolve().parents[2]
SIZES = {"sizes": sizes.Sizes.run, "ostree": sizes.Sizes.run_ostree, "slow": sizes.Sizes.run_slow}
PARTS = ["synthetic", "sizes", "ostree", "slow", "store", "times", "memory"]


def arguments():
    parser = argparse.ArgumentParser(description="azupdate beside other tools")
    parser.add_argument("build", type=pathlib.Path)
    parser.add_argument("--work", type=pathlib.Path, default=TOP / ".cache" / "bench",
                        help="folder with 60 GiB free; pairs and results are kept there")
    parser.add_argument("--pairs", default="p1,p2,p3", help="of p1 (months), p2 (a fix), p3 (a kernel)")
    parser.add_argument("--parts", default=",".join(PARTS), help="of " + ", ".join(PARTS))
    parser.add_argument("--quick", action="store_true", help="a made-up pair of a few MiB instead")
    parser.add_argument("--again", action="store_true", help="forget what was measured before")
    return parser.parse_args()


def inputs_make(options, programs, parts):
    """The pairs to measure; they are made if they are not there, as images that these parts want."""
    if options.quick:
        options.work = options.work / "quick"
        shutil.rmtree(options.work, ignore_errors=True)
        options.work.mkdir(parents=True)
        tiny.make(programs.azbundle, options.work)
        return ["tiny"]
    options.work.mkdir(parents=True, exist_ok=True)
    pairs = options.pairs.split(",")
    releases.pairs_make(programs.azbundle, options.work, pairs,
                        releases.FORMATS if parts & {"sizes", "slow"} else releases.FORMATS[:2])
    return pairs


def bench(options, parts):
    """Whether all that is asserted held."""
    good = synthetic.bench(options.build, options.work) if "synthetic" in parts else True
    parts.discard("synthetic")
    if not parts:
        return good
    programs = ours.Programs(options.build)
    pairs = inputs_make(options, programs, parts)
    results = Results(options.work / "results.json")
    scratch = options.work / "scratch"
    for part, act in SIZES.items():
        if part in parts:
            act(sizes.Sizes(results, options.work, scratch / part, programs), pairs)
    if "store" in parts:
        history.History(results, options.work, scratch, programs).run()
    if parts & {"times", "memory"}:
        part = times.Times(results, options.work, scratch, programs)
        if "times" in parts:
            part.run(pairs[0])
        if "memory" in parts:
            good = part.memories(pairs[0], options.quick) and good
    results.put({"part": "versions"}, {"packages": sizes.versions()})
    print(report.write(results, options.work))
    print(f"bench: {options.work}/results.json, tables.md, sizes.svg")
    return good


def main():
    options = arguments()
    options.build, options.work = options.build.resolve(), options.work.resolve()
    os.umask(0o022)
    options.work.mkdir(parents=True, exist_ok=True)
    if options.again:
        (options.work / "results.json").unlink(missing_ok=True)
        shutil.rmtree(options.work / "scratch", ignore_errors=True)
    try:
        return 0 if bench(options, set(options.parts.split(","))) else 1
    except Failed as why:
        print(f"bench: {why}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
