#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""docs/THREATS.md names tests that exist: threats_test.py TOP BUILD. TAP."""
import json
import os
import re
import subprocess
import sys

TOP, BUILD = sys.argv[1:3]
COLUMN = "shown by"
NAME = re.compile(r"`([a-z0-9_-]+)(?:/([a-z0-9_]+))?`")


def tests():
    """Each test's name, and the source file of what it runs."""
    listed = json.loads(subprocess.check_output(["meson", "introspect", "--tests", BUILD]))
    found = {}
    for test in listed:
        words = [word for word in test["cmd"] if word.startswith("/")]
        scripts = [word for word in words if word.endswith(".py") and word.startswith(TOP)]
        path = scripts[0] if scripts else os.path.join(TOP, os.path.relpath(words[0], BUILD)) + ".c"
        found[test["name"]] = path
    return found


def rows(text):
    """The cells under COLUMN, row by row, with the line's number."""
    column = None
    for number, line in enumerate(text.splitlines(), 1):
        cells = [cell.strip() for cell in line.strip("|").split("|")] if line.startswith("|") else None
        if cells is None:
            column = None
        elif column is None:
            column = cells.index(COLUMN) if COLUMN in cells else -1
        elif column >= 0 and not line.startswith("|---"):
            yield number, cells[column]


def problems(text, known):
    seen = 0
    for number, cell in rows(text):
        names = NAME.findall(cell)
        seen += len(names)
        if cell and (not names or NAME.sub("", cell).strip()):
            yield f"{number}: more than names of tests: {cell}"
        for name, part in names:
            if name not in known:
                yield f"{number}: there is no test {name}"
            elif part and not re.search(rf"^(?:static void |def ){part}\(", read(known[name]), re.M):
                yield f"{number}: {known[name]} has no {part}"
    if seen == 0:
        yield "no test is named at all"


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def report(number, name, wrong):
    print(f"{'not ok' if wrong else 'ok'} {number} {name}")
    for line in wrong:
        print(f"# {line}")
    return bool(wrong)


def main():
    known = tests()
    text = read(os.path.join(TOP, "docs", "THREATS.md"))
    flawed = text.replace("`install/test_flipped`", "`install/test_nothing`").replace("`power-cuts`", "`no-such-test`")
    print("1..2")
    failed = report(1, "every test that docs/THREATS.md names exists", list(problems(text, known)))
    found = list(problems(flawed, known))
    failed |= report(2, "one that does not exist is found",
                     [] if len(found) >= 2 else [f"found {found}"])
    return failed


sys.exit(main())
