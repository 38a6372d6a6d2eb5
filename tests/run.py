#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Runs the tests of a build folder and ends with `N passed, N failed`: run.py BUILD [SUITE|TEST...]."""
import json
import os
import subprocess
import sys

FIGURES = ("# power cuts, in all: ", "# mutation score: ", "# model: ", "# fault loops: ") # what a test has counted, to be read here


# AddressSanitizer keeps freed memory, 256 MiB of it, and tests that fork thousands of times spend most of their time on
# copying and dropping its page tables.
QUARANTINE = "quarantine_size_mb=16"
LINES = 40 # of what a failed test said
SLOWEST = 12 # tests whose time is told


def why(result):
    """What a failed test printed that is not a test that passed; meson keeps it to itself."""
    said = [line for line in (result.get("stdout", "") + result.get("stderr", "")).splitlines()
            if not line.startswith("ok ")]
    return "\n".join(said[-LINES:])


def slowest(results):
    times = sorted(((result["duration"], result["name"].split(" / ")[-1]) for result in results), reverse=True)
    return ", ".join(f"{name} {seconds:.0f}" for seconds, name in times[:SLOWEST])


def main():
    build, names = sys.argv[1], sys.argv[2:]
    os.environ["ASAN_OPTIONS"] = ":".join(filter(None, (os.environ.get("ASAN_OPTIONS"), QUARANTINE)))
    subprocess.run(["meson", "compile", "-C", build], check=True, stdout=subprocess.DEVNULL)
    listed = json.loads(subprocess.check_output(["meson", "introspect", "--tests", build]))
    suites = {suite.split(":")[-1] for test in listed for suite in test["suite"]}
    known = suites | {test["name"] for test in listed}
    unknown = [name for name in names if name not in known]
    if unknown:
        sys.exit(f"no such test or suite: {' '.join(unknown)}")
    chosen = [test["name"] for test in listed
              if not names or test["name"] in names
              or any(suite.split(":")[-1] in names for suite in test["suite"])]
    log = os.path.join(build, "meson-logs", "testlog.json")
    # One more than there are processors: many tests wait, for a time that passes or a machine that starts.
    subprocess.run(["meson", "test", "-C", build, "--no-rebuild", "--print-errorlogs",
                    f"--num-processes={len(os.sched_getaffinity(0)) + 1}", *chosen])
    with open(log, encoding="utf-8") as stream:
        results = [json.loads(line) for line in stream]
    passed = failed = 0
    for result in results:
        for said in result.get("stdout", "").splitlines():
            if said.startswith(FIGURES):
                print(said)
        ok = result["result"] in ("OK", "EXPECTEDFAIL")
        if result["result"] == "SKIP":
            print(f"skipped: {result['name']}")
            continue
        if not ok:
            print(f"failed: {result['name']}\n{why(result)}")
        passed += ok
        failed += not ok
    if len(results) != len(chosen): # the test runner itself broke down
        print(f"{len(chosen) - len(results)} of {len(chosen)} tests have no result")
        failed += abs(len(chosen) - len(results))
    print(f"# the longest, in s: {slowest(results)}")
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or passed == 0 else 0


sys.exit(main())
