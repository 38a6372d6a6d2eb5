#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The model of the boot protocol holds, and each mistake in it is found: model_test.py SPIN CC MODEL. TAP."""
import pathlib
import re
import subprocess
import sys
import tempfile

SPIN, CC, MODEL = sys.argv[1], sys.argv[2], pathlib.Path(sys.argv[3]).resolve()
MISTAKES = {
    1: "the record is stored after the hand-over",
    2: "the record says too late that a slot is empty",
    3: "the header comes before the image",
    4: "the record is written in place",
    5: "the floor does not look at the other slot",
    6: "a try is not spent",
    7: "the fallback may be overwritten before the commit",
}


def check(mistake):
    """(errors, states, whether the whole space was searched)"""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([SPIN, "-a", f"-DBREAK={mistake}", MODEL], cwd=folder, check=True, stdout=subprocess.DEVNULL)
        subprocess.run([CC, "-O2", "-w", "-DSAFETY", "-DCOLLAPSE", "-DVECTORSZ=512", "-o", "pan", "pan.c"], cwd=folder,
                       check=True)
        said = subprocess.run(["./pan", "-m2000000", "-w24", "-n"], cwd=folder, check=True, text=True,
                              stdout=subprocess.PIPE).stdout
    errors = int(re.search(r"errors: (\d+)", said).group(1))
    states = float(re.search(r"([\d.e+]+) states, stored", said).group(1))
    return errors, states, "search was aborted" not in said and "max search depth too small" not in said.lower(), said


def main():
    print(f"1..{1 + len(MISTAKES)}", flush=True)
    errors, states, whole, said = check(0)
    failed = errors != 0 or not whole
    found = 0
    print(f"{'not ok' if failed else 'ok'} 1 the model holds", flush=True)
    if failed:
        print("# " + "\n# ".join(said.splitlines()[:12]))
    for number, (mistake, text) in enumerate(MISTAKES.items(), 2):
        errors, _, _, said = check(mistake)
        what = re.search(r"assertion violated (.*?) \(at depth", said)
        print(f"{'ok' if errors else 'not ok'} {number} found: {text}\n# {what.group(1) if what else 'nothing'}",
              flush=True)
        found += errors > 0
    print(f"# model: {states:.0f} states, {found} of {len(MISTAKES)} mistakes found")
    failed |= found != len(MISTAKES)
    sys.exit(failed)


main()
