#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""How far the units are confined, by systemd-analyze's own measure (0.0 is best, 10.0 worst), and
that systemd finds nothing wrong in them: unitsecurity_test.py DESTDIR-or-build-folder... TAP."""
import os
import pathlib
import re
import subprocess
import sys
import tempfile

# unit -> the highest exposure, in tenths. What is not built (yet) is passed over.
LIMITS = {
    "azupdated.service": 21,
    "azupdate-health.service": 14,
    "azupdate-update.service": 12,
    "azfetch-decode@.service": 6,
    "azfetch-net@.service": 13,
    "azupdate-health-http.service": 14,
    "azhealthd.service": 14,
}
NEEDED = ("azupdated.service", "azupdate-health.service", "azupdate-update.service",
          "azfetch-decode@.service", "azfetch-net@.service")


def units(folders):
    return {path.name: path for folder in folders for path in pathlib.Path(folder).rglob("*.service")
            if path.name in LIMITS}


def exposure(path):
    done = subprocess.run(["systemd-analyze", "security", "--offline=true", "--no-pager", str(path)],
                          capture_output=True, text=True)
    found = re.search(r"Overall exposure level for \S+ (\d+)\.(\d)", done.stdout)
    if found is None:
        return None, done.stdout + done.stderr
    return int(found.group(1)) * 10 + int(found.group(2)), done.stdout


def complaints_of(path, limit):
    tenths, said = exposure(path)
    if tenths is None:
        return [f"systemd-analyze cannot read it: {said}"]
    print(f"# {path.name}: {tenths / 10} of at most {limit / 10}")
    unknown = [line for line in said.splitlines()
               if re.search(r"Unknown (key|section)|Failed to parse|Invalid", line)]
    if tenths > limit:
        return unknown + [line for line in said.splitlines() if line.startswith("✗")]
    return unknown


def syntax_of(path):
    """Of a copy whose program is there, since that alone is missing here."""
    with tempfile.TemporaryDirectory() as folder:
        copy = pathlib.Path(folder) / path.name
        copy.write_text(re.sub(r"^(Exec\w+=[-+!@:]*)\S+", r"\1/bin/true", path.read_text(), flags=re.M))
        done = subprocess.run(["systemd-analyze", "verify", "--man=no", "--recursive-errors=no", str(copy)],
                              capture_output=True, text=True, env={**os.environ, "SYSTEMD_LOG_LEVEL": "notice"})
    return [line for line in done.stderr.splitlines() if path.name in line and
            re.search(r"[Uu]nknown|[Ff]ailed to parse|[Ii]nvalid|ignoring", line)]


def main():
    found = units(sys.argv[1:])
    names = sorted(set(NEEDED) | set(found))
    print(f"1..{len(names)}")
    failed = False
    for number, name in enumerate(names, 1):
        problems = (complaints_of(found[name], LIMITS[name]) + syntax_of(found[name])
                    if name in found else ["it was not built"])
        failed = failed or bool(problems)
        print(f"{'not ok' if problems else 'ok'} {number} {name}")
        for line in problems[:30]:
            print(f"# {line}")
    return failed


sys.exit(main())
