#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Turns faults.tsv into C: faults.py TABLE OUT_HEADER OUT_SOURCE OUT_BOOT_SOURCE. The last one is for
the boot program, which is to be small."""
import sys

BOOT_END = 1000     # from here on: repositories and fleets, of which no boot record tells


def rows(path):
    last = -1
    names = set()
    for line in open(path, encoding="utf-8"):
        if line.startswith("#"):
            continue
        fields = line.rstrip("\n").split("\t") + [""]
        number, name, sentence, advice = int(fields[0]), fields[1], fields[2], fields[3]
        if number <= last or name in names or not sentence:
            sys.exit(f"{path}: row {number} {name}: numbers rise, names are unique, a sentence is needed")
        last = number
        names.add(name)
        yield number, name, sentence, advice


def quoted(text):
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


table = list(rows(sys.argv[1]))
with open(sys.argv[2], "w", encoding="utf-8") as out:
    out.write("/* Generated from schema/faults.tsv. */\n#pragma once\n\nenum fault {\n")
    for number, name, sentence, advice in table:
        out.write(f"\tFAULT_{name} = {number}, /* {sentence} */\n")
    out.write("};\n")
for path, end in ((sys.argv[3], sys.maxsize), (sys.argv[4], BOOT_END)):
    with open(path, "w", encoding="utf-8") as out:
        out.write('/* Generated from schema/faults.tsv. */\n#include "faulttext.h"\n\n')
        out.write("const struct faulttext FAULTTEXT_TABLE[] = {\n")
        for number, name, sentence, advice in table:
            if number < end:
                out.write(f"\t{{ {number}, {quoted(name)}, {quoted(sentence)}, {quoted(advice)} }},\n")
        out.write("};\nconst unsigned FAULTTEXT_COUNT = sizeof FAULTTEXT_TABLE / sizeof FAULTTEXT_TABLE[0];\n")
