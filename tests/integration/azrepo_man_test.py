#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""azrepo(1) is true: its examples run, and it names what the program takes, no more and no less.

azrepo_man_test.py AZREPO AZBUNDLE PAGE GUIDE. Prints TAP."""
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

from azrepo_rig import Client, Refused, Works, run

AZREPO, AZBUNDLE, PAGE, GUIDE = map(os.path.abspath, sys.argv[1:])
TEXT = pathlib.Path(PAGE).read_text(encoding="utf-8")


def examples():
    """The literal displays of the page, as a reader would type them."""
    blocks = re.findall(r"^\.Bd -literal.*?\n(.*?)^\.Ed$", TEXT, re.S | re.M)
    return [block.replace("\\e", "\\") for block in blocks]


def shell(folder, commands):
    path = f"{os.path.dirname(AZREPO)}:{os.environ['PATH']}"
    return run("sh", "-euc", commands, cwd=folder, env={**os.environ, "PATH": path})


def shop(folder):
    """Bundles of two releases, and the delta between them."""
    works = Works(AZBUNDLE, folder)
    for source, name in ((works.release("1.0", 1, product="shop"), "shop-1.0"),
                         (works.release("1.1", 2, product="shop"), "shop-1.1")):
        shutil.move(source, folder / f"{name}.azb")
    run(AZBUNDLE, "delta", "--quick", "--old", folder / "shop-1.0.azb", "--new", folder / "shop-1.1.azb", "-o",
        folder / "shop-1.0-to-1.1.azb")
    shutil.move(works.ca, folder / "ca.crt")
    shutil.rmtree(folder / "keys")
    (folder / "www").mkdir()


def test_guide(folder):
    """docs/REPOSITORY.md, from nothing to a replaced key, as it stands."""
    shop(folder)
    for name in ("vault", "work"):
        (folder / name).mkdir()
    part = pathlib.Path(GUIDE).read_text(encoding="utf-8").split("## Keeping a repository")[1].split("\n## ")[0]
    blocks = re.findall(r"\n\n((?:    .*\n)+)", part)
    assert len(blocks) >= 8, blocks
    for block in blocks:
        if "KEYID" in block:
            told = json.loads(run(AZREPO, "status", "--json", folder / "repo").stdout)
            block = block.replace("KEYID", told["roles"][4]["keys"][0]["keyid"][:12])
        shell(folder, block)
    client = Client(folder / "repo")
    client.bundles()
    assert client.root["signed"]["version"] == 2
    Client(folder / "www").bundles()


def test_examples(folder):
    """A repository, a server's copy of it, a key that is elsewhere: as the page has it."""
    shop(folder)
    shutil.copy(folder / "shop-1.0.azb", folder / "shop-1.0-again.azb")
    (folder / "elsewhere").mkdir()
    begin, copy, elsewhere = examples()
    assert "good: root 1" in shell(folder, begin).stdout
    assert (folder / "status.html").stat().st_size > 5000
    shell(folder, copy)
    client = Client(folder / "www")
    assert sorted(client.refresh()) == [f"channels/shop/x86_64/{name}.json" for name in ("beta", "stable")]
    client.bundles()
    shell(folder, elsewhere)
    shell(folder, copy)
    client.bundles()
    assert "bundles/shop/x86_64/1.0/shop-1.0-again.azb" in client.targets["signed"]["targets"]


def help_of(*words):
    return run(AZREPO, *words, "--help").stdout


def names(text):
    return {name for line in re.findall(r"^\.It Fl(?:.*\\\n)*.*$", text, re.M)
            for name in re.findall(r"Fl -([a-z-]+)", line)}


def test_options(folder):
    """Commands and options of the page are those of the program."""
    commands = re.findall(r"^  ([\w-]+) ", run(AZREPO, "--help").stdout, re.M)
    synopsis, description = TEXT.split(".Sh DESCRIPTION")
    told = re.findall(r"^\.Cm ([\w-]+)$", synopsis, re.M)
    assert told == commands and len(commands) > 5, f"{told}, not {commands}"
    shared = names(description.split("The commands are:")[0])
    for command in commands:
        wanted = set(re.findall(r"^ +(?:-\w, )?--([a-z-]+)", help_of(command), re.M)) - {"help"}
        part = re.search(rf"^\.Cm {command}$(.*?)^\.Nm azrepo$", synopsis, re.S | re.M).group(1)
        assert set(re.findall(r"Fl -([a-z-]+)", part)) == wanted, f"synopsis of {command}: {wanted}"
        part = re.search(rf"^\.It Cm {command}\b(.*?)(?=^\.It Cm|^\.Sh FILES)", description, re.S | re.M).group(1)
        assert names(part) <= wanted <= names(part) | shared, f"{command}: {wanted ^ names(part)}"


def test_exit_status(folder):
    """Exit status 0, 1 and 2 are as the page says."""
    for words, status in ((["--version"], 0), (["status", "/nonexistent"], 1), (["init", "x"], 2),
                          (["nonsense"], 2), ([], 2), (["add", "--colour"], 2)):
        done = subprocess.run([AZREPO, *words], capture_output=True, text=True)
        assert done.returncode == status, f"{words}: {done.returncode}"


def main():
    cases, failed = [test_examples, test_guide, test_options, test_exit_status], 0
    print(f"1..{len(cases)}", flush=True)
    for number, case in enumerate(cases, 1):
        with tempfile.TemporaryDirectory() as folder:
            try:
                case(pathlib.Path(folder))
                print(f"ok {number} {case.__doc__}", flush=True)
            except (AssertionError, Refused) as error:
                failed += 1
                print(f"not ok {number} {case.__doc__}", flush=True)
                print("".join(f"# {line}\n" for line in str(error).splitlines()), end="", flush=True)
    sys.exit(failed > 0)


main()
