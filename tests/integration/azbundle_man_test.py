#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""azbundle(1) is true: its examples run, and it names what the program takes, no more and no less.

azbundle_man_test.py AZBUNDLE AZBOOT PAGE. Prints TAP."""
import os
import pathlib
import random
import re
import shutil
import subprocess
import sys
import tempfile

AZBUNDLE, AZBOOT, PAGE = map(os.path.abspath, sys.argv[1:])
TEXT = pathlib.Path(PAGE).read_text(encoding="utf-8")


def examples():
    """The literal displays of the page, as a reader would type them."""
    blocks = re.findall(r"^\.Bd -literal.*?\n(.*?)^\.Ed$", TEXT, re.S | re.M)
    return [block.replace("\\e", "\\") for block in blocks]


def shell(folder, commands):
    path = f"{os.path.dirname(AZBUNDLE)}:{os.environ['PATH']}:/usr/sbin:/sbin"
    return subprocess.run(["sh", "-euc", commands], cwd=folder, env={**os.environ, "PATH": path},
                          capture_output=True, text=True)


def inputs_make(folder):
    """What the page says is at hand."""
    source = random.Random(1)
    (folder / "tree" / "etc").mkdir(parents=True)
    (folder / "tree" / "etc" / "os-release").write_text("ID=shop\nAZUPDATE_SECURITY_VERSION=1\n")
    (folder / "tree" / "data").write_bytes(source.randbytes(300_000))
    (folder / "vmlinuz").write_bytes(source.randbytes(70_000))
    (folder / "initrd.img").write_bytes(source.randbytes(20_000))
    shutil.copy(AZBOOT, folder / "azboot.efi")


def test_examples(folder):
    """From keys to a disk, as the page has it."""
    inputs_make(folder)
    first, delta, second = examples()
    done = shell(folder, first)
    assert done.returncode == 0, done.stderr
    assert "good: version 1.0 of shop" in done.stdout, done.stdout
    table = subprocess.run(["sfdisk", "--verify", folder / "shop-1.0.img"], capture_output=True, text=True)
    assert table.returncode == 0, table.stderr
    (folder / "tree" / "data").write_bytes(b"of the next release")
    again = re.search(r"mkfs.*?(?=^azbundle verify)", first, re.S | re.M).group(0)
    done = shell(folder, again.replace("1.0", "1.1"))
    assert done.returncode == 0, done.stderr
    done = shell(folder, delta)
    assert done.returncode == 0 and "root 1.0 to 1.1: " in done.stdout, done.stdout + done.stderr
    assert (folder / "shop-1.0-to-1.1.azb").stat().st_size < (folder / "shop-1.1.azb").stat().st_size
    done = shell(folder, second)
    assert done.returncode == 1 and '>   "version": "1.1",' in done.stdout, done.stdout + done.stderr


def help_of(*words):
    return subprocess.run([AZBUNDLE, *words, "--help"], capture_output=True, text=True, check=True).stdout


def test_options(folder):
    """Commands and options of the page are those of the program."""
    commands = re.findall(r"^  ([\w-]+) ", subprocess.check_output([AZBUNDLE, "--help"], text=True), re.M)
    synopsis, description = TEXT.split(".Sh DESCRIPTION")
    told = re.findall(r"^\.Cm ([\w-]+)$", synopsis, re.M)
    assert told == commands and len(commands) > 5, f"{told}, not {commands}"
    for command in commands:
        wanted = set(re.findall(r"--([a-z-]+)", help_of(command))) - {"help"}
        part = re.search(rf"^\.Cm {command}$(.*?)^\.Nm azbundle$", synopsis, re.S | re.M).group(1)
        assert set(re.findall(r"Fl -([a-z-]+)", part)) == wanted, f"synopsis of {command}"
        part = re.search(rf"^\.It Cm {command}\b(.*?)^\.It Cm|^\.It Cm {command}\b(.*?)^\.Pp",
                         description, re.S | re.M)
        part = part.group(1) or part.group(2)
        described = {name for line in re.findall(r"^\.It Fl.*$", part, re.M)
                     for name in re.findall(r"Fl -([a-z-]+)", line)}
        assert described == wanted, f"description of {command}: {described ^ wanted}"


def test_exit_status(folder):
    """Exit status 0, 1 and 2 are as the page says."""
    for words, status in ((["--version"], 0), (["info", "/nonexistent"], 1), (["verify", "x"], 2),
                          (["nonsense"], 2), ([], 2), (["build", "--colour"], 2)):
        done = subprocess.run([AZBUNDLE, *words], capture_output=True, text=True)
        assert done.returncode == status, f"{words}: {done.returncode}"


def main():
    cases, failed = [test_examples, test_options, test_exit_status], 0
    print(f"1..{len(cases)}", flush=True)
    for number, case in enumerate(cases, 1):
        with tempfile.TemporaryDirectory() as folder:
            try:
                case(pathlib.Path(folder))
                print(f"ok {number} {case.__doc__}", flush=True)
            except AssertionError as error:
                failed += 1
                print(f"not ok {number} {case.__doc__}", flush=True)
                print("".join(f"# {line}\n" for line in str(error).splitlines()), end="", flush=True)
    sys.exit(failed > 0)


main()
