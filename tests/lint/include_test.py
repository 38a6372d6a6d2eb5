#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The headers for other programs: each compiles alone, and says what schemas and pages say.

include_test.py CLANG TOP FAULT_CODES_H. Prints TAP."""
import json
import pathlib
import re
import subprocess
import sys

CLANG, TOP, FAULT_CODES = sys.argv[1], pathlib.Path(sys.argv[2]), pathlib.Path(sys.argv[3])
HEADER = TOP / "include" / "azupdate" / "azupdate.h"


def preprocessed(expressions):
    """Values of macros, as the compiler sees them: strings that stand side by side are one."""
    source = f'#include "{HEADER}"\n' + "".join(f"= {each}\n" for each in expressions)
    done = subprocess.run([CLANG, "-E", "-P", "-x", "c", "-"], input=source, capture_output=True, text=True,
                          check=True)
    lines = re.findall(r"^= (.*)$", done.stdout, re.M)
    return ["".join(re.findall(r'"([^"]*)"', line)) for line in lines]


def names(pattern):
    return re.findall(rf"^#define ({pattern}\w+) ", HEADER.read_text(encoding="utf-8"), re.M)


def test_alone():
    """each header compiles alone as C and as C++, without a warning"""
    use = '#include "{h}"\n#include "{h}"\n'
    for header in (HEADER, FAULT_CODES):
        for language, standard in (("c", "c99"), ("c", "c17"), ("c++", "c++11"), ("c++", "c++20")):
            subprocess.run([CLANG, "-x", language, f"-std={standard}", "-Wall", "-Wextra", "-Wpedantic",
                            "-Werror", "-fsyntax-only", "-"], input=use.format(h=header), text=True,
                           check=True)


def test_bus():
    """names on the bus are those of the interface's XML"""
    text = (TOP / "schema" / "org.azupdate.Update1.xml").read_text(encoding="utf-8")
    described = set(re.findall(r'<interface name="([\w.]+)"', text))
    assert set(preprocessed(names("AZUPDATE_BUS_INTERFACE_"))) == described, described
    assert preprocessed(["AZUPDATE_BUS_NAME"]) == ["org.azupdate.Update1"]
    assert preprocessed(["AZUPDATE_BUS_PATH_SLOT_B"]) == ["/org/azupdate/Update1/slot/b"]


def test_schemas():
    """identifiers of schemas are those of the schema files"""
    described = set()
    for path in (TOP / "schema").glob("*.schema.json"):
        properties = json.loads(path.read_text(encoding="utf-8"))["properties"]
        if "schema" in properties:
            described.add(properties["schema"]["const"])
    assert set(preprocessed(names("AZUPDATE_SCHEMA_"))) == described, described


def test_exits():
    """exit statuses are those of azupdate(1)"""
    page = (TOP / "docs" / "man" / "azupdate.1").read_text(encoding="utf-8")
    told = re.findall(r"^\.It (\d+)$", page.split(".Sh EXIT STATUS")[1].split(".Sh")[0], re.M)
    given = re.findall(r"AZUPDATE_EXIT_\w+ = (\d+)", HEADER.read_text(encoding="utf-8"))
    assert told == given and len(given) > 7, f"{told}, not {given}"


def test_no_literals():
    """library, daemon and tools take names and identifiers from the header"""
    found = []
    for folder in ("lib", "daemon", "tools"):
        for path in (TOP / folder).rglob("*.[ch]"):
            text = path.read_text(encoding="utf-8")
            found += [f"{path.name}: {hit}" for hit in
                      re.findall(r'"[/]?org[./]azupdate[^"]*"|"azupdate\.\w+/\d+"', text)]
    assert not found, found


def main():
    cases, failed = [test_alone, test_bus, test_schemas, test_exits, test_no_literals], 0
    print(f"1..{len(cases)}")
    for number, case in enumerate(cases, 1):
        try:
            case()
            print(f"ok {number} {case.__doc__}")
        except (AssertionError, subprocess.CalledProcessError) as error:
            failed += 1
            print(f"not ok {number} {case.__doc__}\n# {error}")
    sys.exit(failed > 0)


main()
