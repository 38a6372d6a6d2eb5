#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Decoders beside independent ones: differential_test.py ANSWERS FUZZ_FOLDER BUILD_FOLDER [SEED]. Each gets seeds,
corpus and some mutants; what both take must mean the same. Prints TAP."""
import json
import os
import pathlib
import random
import re
import struct
import subprocess
import sys
import tempfile

ANSWERS, HERE, BUILD = sys.argv[1], pathlib.Path(sys.argv[2]), pathlib.Path(sys.argv[3])
SEED = int(sys.argv[4]) if len(sys.argv) > 4 else 1
DEPTH_MAX = 32
INTEGERS = range(-2 ** 63, 2 ** 63)
chance = random.Random(SEED)


def corpus(name):
    """What tests/fuzz/fuzz.py has kept of a target, and its regressions."""
    for path in sorted((HERE / "corpus" / name).glob("regression-*")):
        yield path.read_bytes()
    path = HERE / "corpus" / name / "kept"
    pack = path.read_bytes() if path.exists() else b""
    while pack:
        size, = struct.unpack_from("<I", pack)
        yield pack[4:4 + size]
        pack = pack[4 + size:]


def inputs(name, folder, mutants):
    """Seeds, corpus and mutants of a target, as files of a folder."""
    folder = pathlib.Path(folder, name)
    folder.mkdir()
    subprocess.run([BUILD / f"{name}_fuzz", "--seeds", folder], check=True)
    start = [path.read_bytes() for path in sorted(folder.iterdir())] + [*corpus(name)]
    return [store(folder, number, content) for number, content in
            enumerate([*start, *(mutant(chance.choice(start)) for _ in range(mutants))])]


def store(folder, number, content):
    path = pathlib.Path(folder, f"input-{number:05}")
    path.write_bytes(content)
    return path


def mutant(content):
    changed = bytearray(content)
    for _ in range(chance.randint(1, 3)):
        at, what = chance.randrange(len(changed) + 1), chance.randrange(4)
        if what == 0 and at < len(changed):
            changed[at] = chance.choice(b"0123456789\"\\{}[],:eE.-+ \0\x7f\x80\xff\xc3")
        elif what == 1:
            changed[at:at] = bytes([chance.randrange(256)])
        elif what == 2:
            del changed[at:at + 1]
        elif at < len(changed):
            changed[at] ^= 1 << chance.randrange(8)
    return bytes(changed)


def ask(kind, paths, **environment):
    done = subprocess.run([ANSWERS, kind, *paths], capture_output=True, text=True, check=True,
                          env={**os.environ, **environment})
    said = done.stdout.splitlines()
    assert len(said) == len(paths), done.stderr
    return zip(paths, said)


def compare(figures):
    """Something was taken, and something was refused: else nothing was compared."""
    taken, refused = figures
    print(f"# taken by both: {taken}, refused by one: {refused}")
    assert taken > 0 and refused > 0, figures


def no_twins(pairs):
    keys = [key for key, _ in pairs]
    if len(set(keys)) != len(keys):
        raise ValueError("twice")
    return dict(pairs)


def canonical(value, depth=0):
    if value is True or value is False or value is None:
        return {True: "true", False: "false", None: "null"}[value]
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float) or depth == DEPTH_MAX:
        raise ValueError("a fraction, or too deep")
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    if isinstance(value, list):
        return "[" + ",".join(canonical(each, depth + 1) for each in value) + "]"
    return "{" + ",".join(f"{canonical(key)}:{canonical(value[key], depth + 1)}" for key in sorted(value)) + "}"


def integer(text):
    if int(text) not in INTEGERS:
        raise ValueError("too large")
    return int(text)


def refuse(_):
    raise ValueError("no number of JSON")


def python_canonical(content):
    """None: refused."""
    try:
        text = content.decode("utf-8")
        value = json.loads(text, object_pairs_hook=no_twins, parse_int=integer, parse_constant=refuse)
        if not isinstance(value, dict):
            return None
        answer = canonical(value).encode("utf-8")
        return None if b"\0" in answer else answer.hex()
    except (ValueError, RecursionError):
        return None


def test_canonjson(folder):
    """canonical JSON is what Python makes of it, and refused where Python's reader or the rules refuse"""
    figures = [0, 0]
    for path, said in ask("canonjson", inputs("canonjson", folder, 1500)):
        other = python_canonical(path.read_bytes()) or "refused"
        assert said == other, f"{path.read_bytes()}: {said}, and Python: {other}"
        figures[said == "refused"] += 1
    compare(figures)


def test_manifest(folder):
    """a manifest that is taken is JSON for Python, with the same fields"""
    figures = [0, 0]
    for path, said in ask("manifest", inputs("manifest", folder, 600)):
        if said == "refused":
            figures[1] += 1
            continue
        value = json.loads(path.read_text(encoding="utf-8"), object_pairs_hook=no_twins)
        fields = [value["product"], value["architecture"], value["version"], value["root"]["file_system"],
                  str(value["root"]["size"]), str(value["uki"]["size"])]
        assert said.split(" ") == fields, f"{said}, and Python: {fields}"
        figures[0] += 1
    compare(figures)


def veritysetup(path):
    """None: refused."""
    image = path.with_suffix(".image")
    image.write_bytes(path.read_bytes().ljust(4096, b"\0"))
    done = subprocess.run(["veritysetup", "dump", image], capture_output=True, text=True)
    fields = dict(re.findall(r"^([\w ]+):\s+(\S+)", done.stdout, re.M))
    if done.returncode != 0 or (fields["Data block size"], fields["Hash block size"]) != ("4096", "4096"):
        return None
    return f"{fields['Data blocks']} {fields['UUID'].replace('-', '')} {fields['Salt']}"


def test_veritree(folder):
    """a verity superblock that is taken is one for veritysetup, with the same fields"""
    figures = [0, 0]
    for path, said in ask("veritree", inputs("veritree", folder, 40)):
        if said != "refused" and int(said.split()[0]) < 2 ** 50:
            assert veritysetup(path) == said, f"{path.read_bytes()[:120]}: {said}, and {veritysetup(path)}"
        figures[said == "refused"] += 1
    compare(figures)


def event_log(count):
    """A log of firmware with one bank, as far as tpm2_eventlog cares."""
    log = struct.pack("<II20sI", 0, 3, bytes(20), 33) + \
        struct.pack("<16sIBBBBIHHB", b"Spec ID Event03\0", 0, 0, 2, 0, 2, 1, 0x0b, 32, 0)
    for number in range(count):
        log += struct.pack("<IIIH32sI", number * 5 % 16, 0x0d, 1, 0x0b, chance.randbytes(32), 4) + b"text"
    return log


def tpm2_eventlog(path):
    """None: refused. Only PCRs of the bank sha256."""
    done = subprocess.run(["tpm2_eventlog", path], capture_output=True, text=True, errors="replace")
    if done.returncode != 0 or "pcrs:" not in done.stdout:
        return None
    values = re.findall(r"^ {4}(\d+) *: 0x([0-9a-f]{64})$", done.stdout.split("pcrs:")[1], re.M)
    return {int(pcr): value for pcr, value in values}


def test_eventlog(folder):
    """PCRs of an event log are those that tpm2_eventlog comes to"""
    start = [event_log(count) for count in (1, 3, 9, 30)]
    paths = [store(folder, number, content) for number, content in
             enumerate([*start, *(mutant(chance.choice(start)) for _ in range(40))])]
    figures = [0, 0]
    for path, said in ask("eventlog", paths):
        other = tpm2_eventlog(path)
        ours = {int(word.split("=")[0]): word.split("=")[1] for word in said.split()[1:]}
        if said == "refused" or other is None:
            figures[1] += 1
            continue
        assert ours == {pcr: other[pcr] for pcr in ours if pcr in other}, f"{path}: {ours}, and {other}"
        assert set(other) <= set(ours), f"{path}: {set(other)}, and {set(ours)}"
        figures[0] += 1
    compare(figures)


def test_version(folder):
    """versions are ordered as systemd-analyze orders them"""
    pairs = [("1-^", "1-"), ("1~rc1", "1"), ("1.2", "1.10")]
    pairs += [tuple("".join(chance.choices("01~-^.a_", k=chance.randint(1, 6))) for _ in range(2)) for _ in range(60)]
    paths = [store(folder, number, "\n".join(pair).encode()) for number, pair in enumerate(pairs)]
    for (path, said), pair in zip(ask("version", paths), pairs):
        done = subprocess.run(["systemd-analyze", "compare-versions", "--", *pair], capture_output=True, text=True)
        other = done.stdout.split(" ")[1]
        assert said == other, f"{pair}: {said}, and systemd: {other}"


def openssl(*words, **more):
    return subprocess.run(["openssl", *words], capture_output=True, **more)


def signature_make(folder):
    """Key, certificate, content, and a signature over it."""
    made = {name: str(pathlib.Path(folder, name)) for name in ("key", "certificate", "content", "signature")}
    pathlib.Path(made["content"]).write_bytes(b"content")
    openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", made["key"],
            "-out", made["certificate"], "-subj", "/CN=signer", "-addext", "extendedKeyUsage=codeSigning", check=True)
    openssl("cms", "-sign", "-binary", "-in", made["content"], "-signer", made["certificate"], "-inkey", made["key"],
            "-outform", "DER", "-out", made["signature"], check=True)
    return made


def test_cms(folder):
    """a signature that is taken is one for openssl cms"""
    made = signature_make(folder)
    good = pathlib.Path(made["signature"]).read_bytes()
    paths = [store(folder, number, content) for number, content in
             enumerate([good, *(mutant(good) for _ in range(60)), good + b"\0"])]
    figures = [0, 0]
    for path, said in ask("cms", paths, KEYRING=made["certificate"], CONTENT=made["content"]):
        if said == "refused":
            figures[1] += 1
            continue
        done = openssl("cms", "-verify", "-binary", "-inform", "DER", "-in", path, "-content", made["content"],
                       "-CAfile", made["certificate"], "-purpose", "any", "-partial_chain")
        assert done.returncode == 0 and done.stdout == b"content", f"{path.read_bytes().hex()}: {done.stderr}"
        figures[0] += 1
    compare(figures)


def main():
    cases, failed = [test_canonjson, test_manifest, test_veritree, test_eventlog, test_version, test_cms], 0
    print(f"1..{len(cases)}\n# random seed {SEED}")
    for number, case in enumerate(cases, 1):
        with tempfile.TemporaryDirectory(prefix="azupdate-differential-") as folder:
            try:
                case(folder)
                print(f"ok {number} {case.__doc__}")
            except (AssertionError, subprocess.CalledProcessError) as error:
                failed += 1
                print(f"not ok {number} {case.__doc__}\n# {error}")
    sys.exit(failed > 0)


main()
