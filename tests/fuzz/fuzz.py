#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Fuzzes with libFuzzer: fuzz.py NAME... [SECONDS], or all [SECONDS]; --keep NAME... minimizes what was found into
tests/fuzz/corpus. docs/FUZZING.md tells the rest."""
import os
import pathlib
import re
import resource
import shutil
import struct
import subprocess
import sys

TOP = pathlib.Path(__file__).resolve().parents[2]
HERE = TOP / "tests" / "fuzz"
BUILD = TOP / os.environ.get("FUZZ_BUILD", "build-fuzz")
CACHE = TOP / ".cache" / "fuzz"
SECONDS = 60
TIMEOUT_S = 20       # for one input
MEMORY_MIB = 1024
KEEP_BYTES = 10000   # of one target's corpus in the repository, besides regressions
PACK = "kept"        # its inputs in one file: each behind its size in four bytes, little-endian
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


def committed_unpack(name):
    """The repository's corpus of a target, a file for each input."""
    folder, committed = CACHE / name / "committed", HERE / "corpus" / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for path in committed.glob("regression-*"):
        shutil.copyfile(path, folder / path.name)
    pack = (committed / PACK).read_bytes() if (committed / PACK).exists() else b""
    while pack:
        size, = struct.unpack_from("<I", pack)
        (folder / f"kept-{len(pack)}").write_bytes(pack[4:4 + size])
        pack = pack[4 + size:]
    return folder


def command(name, findings):
    dictionary = HERE / "dict" / f"{name}.dict"
    return [BUILD / "tests" / "fuzz" / f"{name}_libfuzzer", f"-max_len={SIZES.get(name, SIZE_MAX)}",
            f"-timeout={TIMEOUT_S}", f"-rss_limit_mb={MEMORY_MIB}", f"-artifact_prefix={findings}/",
            *([f"-dict={dictionary}"] if dictionary.exists() else [])]


def figure(pattern, text):
    found = re.findall(pattern, text, re.M)
    return int(found[-1]) if found else 0


def spent_s():
    """Processor time of all that was run so far: on a busy machine less than what the clock says."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def fuzz(name, seconds):
    """Runs one target, with its output on the terminal."""
    corpus, findings = folders(name)
    return subprocess.run([*command(name, findings), f"-max_total_time={seconds}", "-print_final_stats=1", corpus,
                           committed_unpack(name)], cwd=CACHE / name).returncode != 0


def fuzz_fully(name, seconds):
    """Runs one target until it had `seconds` of the processor, which libFuzzer cannot count: on a busy machine that is
    several runs, each on the corpus that the one before left. What they did, as a row of the table."""
    corpus, findings = folders(name)
    committed, log = committed_unpack(name), CACHE / name / "log"
    before, begin_s = set(findings.iterdir()), spent_s()
    row = {"name": name, "runs": 0, "edges": 0, "failed": False}
    while spent_s() < begin_s + seconds and not row["failed"]:
        left_s = max(int(begin_s + seconds - spent_s()), 1)
        with open(log, "w", encoding="utf-8") as stream:
            done = subprocess.run([*command(name, findings), f"-max_total_time={left_s}", "-print_final_stats=1", corpus,
                                   committed], stdout=stream, stderr=stream, cwd=CACHE / name)
        text = log.read_text(encoding="utf-8", errors="replace")
        row["runs"] += figure(r"^stat::number_of_executed_units: +(\d+)", text)
        row["edges"] = max(row["edges"], figure(r"cov: (\d+)", text))
        row["failed"] = done.returncode != 0
    return row | {"findings": sorted(set(findings.iterdir()) - before), "spent_s": spent_s() - begin_s}


def fuzz_all(names, seconds):
    failed, begin_s = False, spent_s()
    print(f"{'target':<14}{'seconds':>8}{'executions':>12}{'edges':>8}  findings", flush=True)
    for name in names:
        row = fuzz_fully(name, seconds)
        told = ", ".join(str(path) for path in row["findings"]) or \
            (f"ended badly: {CACHE / name / 'log'}" if row["failed"] else "none")
        print(f"{name:<14}{row['spent_s']:>8.0f}{row['runs']:>12}{row['edges']:>8}  {told}", flush=True)
        failed = failed or row["failed"]
    print(f"{len(names)} targets, {spent_s() - begin_s:.0f} s of processor time")
    return failed


def keep(name):
    """Inputs that cover what all cover, of all sizes, as far as there is room."""
    corpus, findings = folders(name)
    kept, committed = CACHE / name / "kept", HERE / "corpus" / name
    shutil.rmtree(kept, ignore_errors=True)
    kept.mkdir()
    committed.mkdir(parents=True, exist_ok=True)
    subprocess.run([*command(name, findings), "-merge=1", kept, committed_unpack(name), corpus], check=True,
                   stderr=subprocess.DEVNULL, cwd=CACHE / name)
    found = sorted((path.read_bytes() for path in kept.iterdir()), key=lambda content: (len(content), content))
    step = sum(len(content) + 4 for content in found) // KEEP_BYTES + 1
    pack = b""
    for content in found[step - 1::step]:
        if len(pack) + 4 + len(content) <= KEEP_BYTES:
            pack += struct.pack("<I", len(content)) + content
    (committed / PACK).write_bytes(pack)


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
    return fuzz(names[0], seconds)


sys.exit(main())
