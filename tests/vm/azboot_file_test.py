#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""azboot.efi as a file: azboot_file_test.py AZBOOT_EFI SOURCE_ROOT CORE_OBJECT..."""
import os
import struct
import subprocess
import sys

import tap

SIZE_MAX = 64 * 1024
# What freestanding code may leave to its program (a compiler may call the mem* on its own).
ALLOWED = {"check_failed", "memcpy", "memmove", "memset", "memcmp"}


def symbols(path, option):
    lines = subprocess.check_output(["llvm-nm", option, "--format=just-symbols", path], text=True)
    return set(lines.split())


def sections(data):
    """{name: (content, characteristics)} of a PE file."""
    coff = struct.unpack_from("<I", data, 60)[0] + 4
    count, optional_size = struct.unpack_from("<H", data, coff + 2)[0], \
        struct.unpack_from("<H", data, coff + 16)[0]
    found = {}
    for i in range(count):
        at = coff + 20 + optional_size + 40 * i
        name, virtual, _, size, offset = struct.unpack_from("<8sIIII", data, at)
        flags = struct.unpack_from("<I", data, at + 36)[0]
        found[name.rstrip(b"\0").decode()] = data[offset:offset + min(size, virtual)], flags
    return found


@tap.case
def core_needs_nothing_from_outside(azboot, root, core):
    assert len(core) >= 6, core
    defined = set().union(*(symbols(path, "--defined-only") for path in core))
    for path in core:
        foreign = symbols(path, "--undefined-only") - ALLOWED - defined
        assert not foreign, f"{os.path.basename(path)} needs {sorted(foreign)}"


@tap.case
def azboot_is_small(azboot, root, core):
    print(f"# azboot.efi: {len(azboot)} bytes")
    assert len(azboot) < SIZE_MAX, len(azboot)


@tap.case
def azboot_can_be_revoked(azboot, root, core):
    text = sections(azboot)[".sbat"][0].rstrip(b"\0").decode()
    rows = [line.split(",") for line in text.splitlines()]
    assert rows[0][:2] == ["sbat", "1"], rows
    assert rows[1][:4] == ["azboot", "1", "The azupdate developers", "azboot"], rows
    assert all(len(row) == 6 and all(row) for row in rows), rows


@tap.case
def no_section_is_writable_code(azboot, root, core):
    for name, (_, flags) in sections(azboot).items():
        assert not (flags & 0x20000000 and flags & 0x80000000), name


@tap.case
def azboot_is_reproducible(azboot, root, core):
    coff = struct.unpack_from("<I", azboot, 60)[0] + 4
    assert struct.unpack_from("<I", azboot, coff + 4)[0] == 0, "it holds a time stamp"
    assert root.encode() not in azboot, "it holds the path of the build machine"


def main():
    path, root, *core = sys.argv[1:]
    with open(path, "rb") as file:
        azboot = file.read()
    return 1 if tap.run([], azboot, root, core) else 0


sys.exit(main())
