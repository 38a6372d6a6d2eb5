#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Fuzzes with libFuzzer: fuzz.py NAME... [SECONDS], or all [SECONDS]; --keep NAME... minimizes what was found into
tests/fuzz/corpus. docs/FUZZING.md tells the rest."""
import os
import pathlib
import re
import shutil
import subprocess
import sys

TOP = pathlib.Path(__file__).resolve().parents[2]
HERE = TOP / "tests" / "fuzz"
BUILD = TOP / os.environ.get("FUZZ_BUILD", "build-fuzz")
CACHE = TOP / ".cache" / "fuzz"
SECONDS = 60
TIMEOUT_S = 20       # for one input
MEMORY_MIB = 1024
KEEP_BYTES = 20000   # of one target's corpus in the repository
SIZE_MAX = 4096      # bytes of an input, unless it says otherwise here
SIZES = {"attest": 16384, "bundle": 16384, "deltaframe": 16384, "filemap": 32768, "inflate": 16384, "manifest": 16384,
         "pe": 8192, "recode": 16384, "tufrole": 16384, "tufsequence": 512}


def targets():
    return sorted(path.name[:-len("_fuzz.c")] for path in HERE.glob("*_fuzz.c"))


def build(names):
    if not (BUILD / "build.ninja").exists():
        subprocess.run(["meson", "setup", BUILD, "-Dfuzzer=true", "-Db_sanitize=address,undefined",
                        "-Db_lundef=false"], check=True, cwd=TOP, env=dict(os.environ, CC="clang"))
    wanted = [f"tests/fuzz/{name}_{kind}" for name in names for kind in ("fuzz", "libfuzzer")]
    subprocess.run(["ninja", "-C", BUILD, *wanted], check=True, stdout=subprocess.DEVNULL)


def folders(name):
    """The growing corpus and the findings: both stay."""
    corpus, findings = CACHE / name / "corpus", CACHE / name / "findings"
    corpus.mkdir(parents=True, exist_ok=True)
    findings.mkdir(exist_ok=True)
    subprocess.run([BUILD / "tests" / "fuzz" / f"{name}_fuzz", "--seeds", corpus], check=True)
    return corpus, findings


def command(name, findings):
    dictionary = HERE / "dict" / f"{name}.dict"
    return [BUILD / "tests" / "fuzz" / f"{name}_libfuzzer", f"-max_len={SIZES.get(name, SIZE_MAX)}",
            f"-timeout={TIMEOUT_S}", f"-rss_limit_mb={MEMORY_MIB}", f"-artifact_prefix={findings}/",
            *([f"-dict={dictionary}"] if dictionary.exists() else [])]


def figure(pattern, text):
    found = re.findall(pattern, text, re.M)
    return int(found[-1]) if found else 0


def fuzz(name, seconds, shown):
    """Runs one target; what it did, as a row of the table."""
    corpus, findings = folders(name)
    committed = HERE / "corpus" / name
    log = CACHE / name / "log"
    before = set(findings.iterdir())
    with open(log, "w", encoding="utf-8") as stream:
        done = subprocess.run([*command(name, findings), f"-max_total_time={seconds}", "-print_final_stats=1", corpus,
                               *([committed] if committed.exists() else [])],
                              stdout=None if shown else stream, stderr=None if shown else stream, cwd=CACHE / name)
    text = "" if shown else log.read_text(encoding="utf-8", errors="replace")
    found = sorted(set(findings.iterdir()) - before)
    return {"name": name, "runs": figure(r"^stat::number_of_executed_units: +(\d+)", text),
            "edges": figure(r"cov: (\d+)", text), "findings": found, "failed": done.returncode != 0}


def fuzz_all(names, seconds):
    failed = False
    print(f"{'target':<14}{'executions':>12}{'edges':>8}  findings", flush=True)
    for name in names:
        row = fuzz(name, seconds, shown=False)
        told = ", ".join(str(path) for path in row["findings"]) or \
            (f"ended badly: {CACHE / name / 'log'}" if row["failed"] else "none")
        print(f"{name:<14}{row['runs']:>12}{row['edges']:>8}  {told}", flush=True)
        failed = failed or row["failed"]
    return failed


def keep(name):
    """Smallest inputs first, that cover what all cover, as far as there is room; regressions stay anyway."""
    corpus, findings = folders(name)
    kept, committed = CACHE / name / "kept", HERE / "corpus" / name
    shutil.rmtree(kept, ignore_errors=True)
    kept.mkdir()
    committed.mkdir(parents=True, exist_ok=True)
    subprocess.run([*command(name, findings), "-merge=1", kept, committed, corpus], check=True,
                   stderr=subprocess.DEVNULL, cwd=CACHE / name)
    room = KEEP_BYTES
    for old in committed.iterdir():
        if old.name.startswith("regression-"):
            room -= old.stat().st_size
        else:
            old.unlink()
    for path in sorted(kept.iterdir(), key=lambda path: (path.stat().st_size, path.name)):
        room -= path.stat().st_size
        if room < 0:
            break
        if path.stat().st_size > 0:
            shutil.copyfile(path, committed / path.name[:12])


def main():
    words = sys.argv[1:]
    keeping = "--keep" in words
    words = [word for word in words if word != "--keep"]
    seconds = int(words.pop()) if words and words[-1].isdigit() else SECONDS
    names = targets() if words == ["all"] else words
    wrong = [name for name in names if name not in targets()]
    if not names or wrong:
        sys.exit(f"which target? all, or some of: {' '.join(targets())}")
    build(names)
    if keeping:
        for name in names:
            keep(name)
        return 0
    if len(names) > 1:
        return fuzz_all(names, seconds)
    return fuzz(names[0], seconds, shown=True)["failed"]


sys.exit(main())
