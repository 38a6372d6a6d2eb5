#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""docs/DBUS.md against the interface and the policy it describes: dbusdoc_test.py TOP. Every method,
signal and property has its row, with the very types; every row has something that it is about. TAP."""
import pathlib
import re
import sys
import xml.etree.ElementTree as ElementTree

TOP = pathlib.Path(sys.argv[1])
PREFIX = "org.azupdate.Update1."


def signature(item, direction):
    return "".join(arg.get("type") for arg in item.findall("arg")
                   if arg.get("direction", "out") == direction)


def described(interface):
    """(kind, name, types) as the rows of the document have them."""
    for item in interface:
        if item.tag == "method":
            yield "method", item.get("name"), f"{signature(item, 'in')} → {signature(item, 'out')}".strip()
        elif item.tag == "signal":
            yield "signal", item.get("name"), signature(item, "out")
        elif item.tag == "property":
            yield "property", item.get("name"), item.get("type")


def rows(text):
    """interface -> {(kind, name): types} of the document's tables."""
    tables, current = {}, None
    for line in text.splitlines():
        heading = re.match(r"#+ .*`(" + re.escape(PREFIX) + r"\w+)`", line)
        if line.startswith("#"):
            current = heading and heading.group(1)
        cells = [cell.strip().strip("`") for cell in line.strip("|").split("|")]
        if current and len(cells) >= 4 and cells[0] in ("method", "signal", "property"):
            tables.setdefault(current, {})[cells[0], cells[1]] = cells[2], cells[3]
    return tables


def complaints():
    text = (TOP / "docs/DBUS.md").read_text(encoding="utf-8")
    node = ElementTree.parse(TOP / "schema/org.azupdate.Update1.xml").getroot()
    tables = rows(text)
    for interface in node.findall("interface"):
        table = tables.pop(interface.get("name"), {})
        for kind, name, types in described(interface):
            found = table.pop((kind, name), None)
            if found is None:
                yield f"{kind} {interface.get('name')}.{name} is not described"
            elif found[0].replace(" ", "") != types.replace(" ", ""):
                yield f"{kind} {interface.get('name')}.{name} is `{types}`, not `{found[0]}`"
        for kind, name in table:
            yield f"there is no {kind} {interface.get('name')}.{name}"
    for name in tables:
        yield f"there is no interface {name}"
    policy = (TOP / "daemon/org.azupdate.update1.policy").read_text(encoding="utf-8")
    actions = set(re.findall(r'<action id="org\.azupdate\.update1\.([\w-]+)"', policy))
    told = set(re.findall(r"^\| `([\w-]+)` \| (?:`\w+`)", text, re.M))
    for name in actions ^ told:
        yield f"action {name} is {'not described' if name in actions else 'none of the policy file'}"


def main():
    problems = list(complaints())
    print("1..1")
    print(f"{'not ok' if problems else 'ok'} 1 docs/DBUS.md describes the interface")
    for line in problems:
        print(f"# {line}")
    return bool(problems)


sys.exit(main())
