#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""House style and dependency direction, as far as a program can see them: style.py TOP. TAP."""
import os
import re
import subprocess
import sys

TOP = sys.argv[1]
CC = os.environ.get("CC", "cc")
FUNCTION_LINES, FILE_LINES, COLUMNS, NESTING = 60, 600, 100, 5
# Each external library is included by one file of lib/ (json.h is the face of jansson, ostreelib.h of libostree,
# tpmesys.h of tpm2-tss).
LIBRARIES = {
    "<lzma.h": {"lzmapack.c"},
    "blkid": {"layout.c"},
    "curl/": {"transfer.c"},
    "divsufsort": {"suffix.c"},
    "ext2fs/": {"filemap_ext4.c"},
    "intel-ipsec-mb": {"blockhash_ipsecmb.c"},
    "jansson.h": {"json.h"},
    "libcryptsetup": {"dmroot.c", "luks.c"},
    "lz4hc": {"recode_lz4.c"},
    "openssl/": {"crypto.c", "enginekey.c", "pubkey.c", "signkey.c", "tufkey.c", "tufsign.c"},
    "<ostree": {"ostreelib.h", "storerepo.c"},   # and the device's store of past releases
    "microhttpd": set(),
    "tss2/": {"tpm.c", "tpmesys.h"},
    "zstd.h": {"frame.c"},
}
CORE_SYSTEM = {"stdbool.h", "stddef.h", "stdint.h"}
# What may be included from where: folder -> folders whose headers it may name.
BANNED = {"lib/core": ["lib/", "daemon/", "tools/", "bootloader/"], "lib": ["daemon/", "tools/"],
          "bootloader/azboot": ["daemon/", "tools/"]}

problems = {}


def problem(rule, path, line, text):
    problems.setdefault(rule, []).append(f"{path}:{line}: {text}")


def sources():
    listed = subprocess.check_output(["git", "-C", TOP, "ls-files", "-co", "--exclude-standard"], text=True)
    return [path for path in listed.splitlines() if os.path.isfile(os.path.join(TOP, path))]


def functions(lines):
    """Yields (first line number, length) of each function: a brace alone in the first column."""
    start = None
    for number, line in enumerate(lines, 1):
        if line == "{":
            start = number
        elif line == "}" and start is not None:
            yield start, number - start + 1
            start = None


def check_lengths(path, lines):
    if len(lines) > FILE_LINES:
        problem("files up to 600 lines", path, len(lines), f"{len(lines)} lines")
    for start, length in functions(lines):
        head = "\n".join(lines[max(0, start - 6):start])
        if length > FUNCTION_LINES and "lint: long-function:" not in head:
            problem("functions up to 60 lines", path, start, f"{length} lines")


def check_lines(path, lines):
    for number, line in enumerate(lines, 1):
        wide = len(line.expandtabs(8))
        if wide > COLUMNS:
            problem("lines up to 100 columns", path, number, f"{wide} columns")
        if line != line.rstrip():
            problem("no space at the end of a line", path, number, "space at the end")
        if re.search(r"\b(TODO|FIXME|XXX)\b", line):
            problem("no unfinished marks", path, number, line.strip())
        if re.match(r"\t{%d,}(if|for|while|switch)\b" % (NESTING + 1), line):
            problem("nesting", path, number, "nested too deeply")
        if re.search(r"\bgoto\b", line) and not line.lstrip().startswith(("*", "/*")):
            problem("no goto", path, number, line.strip())


def check_licence(path, lines):
    if not any("SPDX-License-Identifier: MIT" in line for line in lines[:3]):
        problem("one SPDX line", path, 1, "no SPDX line")


def check_conditionals(path, lines):
    inside = False
    for number, line in enumerate(lines, 1):
        inside = True if line == "{" else False if line == "}" else inside
        if inside and re.match(r"#\s*if", line):
            problem("no #if inside a function", path, number, line)


def check_includes(path, lines):
    folder = os.path.dirname(path)
    for number, line in enumerate(lines, 1):
        found = re.match(r'#include ([<"])([^>"]+)', line)
        if not found:
            continue
        name = found.group(2)
        if folder == "lib/core" and found.group(1) == "<" and name not in CORE_SYSTEM:
            problem("lib/core is freestanding", path, number, name)
        if folder == "lib":
            for library, owners in LIBRARIES.items():
                if library in found.group(1) + name and os.path.basename(path) not in owners:
                    problem("one file includes an external library", path, number, name)
        for banned in BANNED.get(folder, []):
            if name.startswith(banned):
                problem("direction of includes", path, number, name)


def check_header(path, lines):
    text = "\n".join(lines)
    if "#pragma once" not in text:
        problem("headers are included once", path, 1, "no #pragma once")
    if "/*" not in text.split("#pragma once")[-1].strip()[:4]:
        problem("headers say what they are for", path, 1, "no first comment")


def check_modules(paths):
    """A test of each module of lib/core; each .c file of lib in its build file."""
    for folder in ("lib/core", "lib"):
        build = open(os.path.join(TOP, folder, "meson.build"), encoding="utf-8").read()
        for path in paths:
            name = os.path.basename(path)
            if os.path.dirname(path) == folder and name.endswith(".c") and f"'{name}'" not in build:
                problem("no dead files", path, 1, "not in meson.build")
    for path in paths:
        name = os.path.splitext(os.path.basename(path))[0]
        if os.path.dirname(path) == "lib/core" and path.endswith(".c") and \
                f"tests/unit/{name}_test.c" not in paths:
            problem("a test for each module of lib/core", path, 1, "no test")


def check_faults(paths):
    """Every fault of the table is used, and none twice under another number."""
    text = "".join(open(os.path.join(TOP, path), encoding="utf-8").read() for path in paths
                   if path.endswith((".c", ".h", ".py")) and path != "schema/faults.tsv")
    for line in open(os.path.join(TOP, "schema/faults.tsv"), encoding="utf-8"):
        if line.startswith("#"):
            continue
        name = line.split("\t")[1]
        if not re.search(rf"\bFAULT_{name}\b", text):
            problem("no fault without a check", "schema/faults.tsv", 1, name)


def main():
    paths = sources()
    for path in paths:
        is_c = path.endswith((".c", ".h"))
        is_script = path.endswith((".py", ".sh")) or path in ("dev", ".ci/run")
        if not is_c and not is_script:
            continue
        lines = open(os.path.join(TOP, path), encoding="utf-8").read().split("\n")[:-1]
        check_licence(path, lines)
        if is_c:
            check_lengths(path, lines)
            check_lines(path, lines)
            check_conditionals(path, lines)
            check_includes(path, lines)
        if path.endswith(".h") and not path.startswith("tests/"):
            check_header(path, lines)
    check_modules(paths)
    check_faults(paths)
    rules = ["files up to 600 lines", "functions up to 60 lines", "lines up to 100 columns",
             "no space at the end of a line", "no unfinished marks", "nesting", "no goto",
             "one SPDX line", "no #if inside a function", "lib/core is freestanding",
             "one file includes an external library", "direction of includes",
             "headers are included once", "headers say what they are for", "no dead files",
             "a test for each module of lib/core", "no fault without a check"]
    assert set(problems) <= set(rules), set(problems) - set(rules)
    print(f"1..{len(rules)}")
    for number, rule in enumerate(rules, 1):
        print(f"{'not ok' if rule in problems else 'ok'} {number} {rule}")
        for line in problems.get(rule, []):
            print(f"# {line}")
    sys.exit(bool(problems))


main()
