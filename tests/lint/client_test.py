#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""azupdate talks to azupdated and nothing else: client_test.py TOP. Of the library it may use what
has to do with texts, faults and the bus; nothing that opens disks, the TPM, or the network. TAP."""
import pathlib
import re
import sys

TOP = pathlib.Path(sys.argv[1])
# What azupdate may include of lib/: each with the reason.
ALLOWED = {
    "busaddress.h": "finds the bus",
    "crypto.h": "reads hexadecimal",
    "busfault.h": "errors of the bus as faults",
    "etclay.h": "words for what became of /etc, pure",
    "failure.h": "faults",
    "faulttext.h": "their sentences",
    "fault.h": "their numbers",
    "json.h": "reads what azupdated has said",
    "quote.h": "how long a nonce is",
    "recoverykey.h": "makes a recovery key, to be shown to who asked for it",
    "secret.h": "keeps what was typed out of swap",
    "version.h": "compares versions, pure",
}


def included(path):
    return re.findall(r'^#include "([^"]+)"', path.read_text(encoding="utf-8"), re.M)


def main():
    library = {path.name for folder in ("lib", "lib/core") for path in (TOP / folder).glob("*.h")}
    problems, seen = [], set()
    for path in sorted((TOP / "tools/azupdate").glob("*.[ch]")):
        for name in included(path):
            if name in library:
                seen.add(name)
                if name not in ALLOWED:
                    problems.append(f"{path.relative_to(TOP)} includes {name}")
    # What is allowed must itself reach nothing more.
    for name in sorted(seen):
        header = TOP / "lib" / name
        more = included(header) if header.exists() else []
        problems += [f"lib/{name} includes {inner}, which azupdate thus reaches" for inner in more
                     if inner in library and inner not in ALLOWED]
    print("1..1")
    print(f"{'not ok' if problems else 'ok'} 1 azupdate uses nothing but the bus")
    for line in problems:
        print(f"# {line}")
    return bool(problems)


sys.exit(main())
