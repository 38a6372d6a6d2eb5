#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What a confined worker can still do: confine_test.py PROBE. TAP.

Each attempt is made three times: by a process that has kept its rights, where most must succeed, or the
test would show nothing, and by each kind of worker."""
import contextlib
import os
import signal
import subprocess
import sys

PROBE = os.path.abspath(sys.argv[1])
CAN, REFUSED = 0, 1
# What a worker may do after all; all else must be refused, or end it.
ALLOWED = {"net": {"inet", "code"}, "decode": set()}
# What may be refused to anybody, in a container or by a stricter kernel.
UNSURE = {"trace", "memory", "mount", "packet", "root", "namespace", "bpf"}
ATTEMPTS = ("write", "read", "list", "execute", "fork", "trace", "memory", "mount", "unix", "packet", "inet",
            "bind", "root", "namespace", "code", "bpf")


def attempt(kind, name):
    status = subprocess.run([PROBE, kind, name], stderr=subprocess.DEVNULL, timeout=60).returncode
    with contextlib.suppress(FileNotFoundError):
        os.unlink("/tmp/azupdate-probe")
    return status


def main():
    failed = 0
    print(f"1..{len(ATTEMPTS)}")
    for number, name in enumerate(ATTEMPTS, 1):
        wrongs = []
        free = attempt("free", name)
        if free != CAN and name not in UNSURE:
            wrongs.append(f"an unconfined process ends with {free}")
        for kind, allowed in ALLOWED.items():
            status = attempt(kind, name)
            wanted = {CAN} if name in allowed else {REFUSED, -signal.SIGSYS}
            if status not in wanted:
                wrongs.append(f"{kind} ends with {status}, not one of {wanted}")
        failed += bool(wrongs)
        print(f"{'not ok' if wrongs else 'ok'} {number} {name}", *wrongs, sep="\n# ", flush=True)
    sys.exit(failed > 0)


main()
