#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Runs the public suite tuf-conformance against our TUF client. Nothing of it is ours or in this
repository: give checkouts of it and, where the installed ones are missing or too old, of python-tuf
(5.1 or later) and securesystemslib (1.x). Needs pytest, requests, cryptography and faketime.

No test is expected to fail; one that does makes the run fail. A report of a sanitizer is a failure
of its own, never one that a test expects."""
import argparse
import os
import pathlib
import subprocess
import sys
import tempfile

TOP = pathlib.Path(__file__).resolve().parent.parent.parent
# securesystemslib names two types that python-cryptography has only had since version 40.
SHIM = '''"""Names that an older python-cryptography lacks."""
from cryptography.hazmat.primitives.asymmetric import types

for new, old in (("PublicKeyTypes", "PUBLIC_KEY_TYPES"), ("PrivateKeyTypes", "PRIVATE_KEY_TYPES")):
    if not hasattr(types, new):
        setattr(types, new, getattr(types, old))
'''


def options_read():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("suite", metavar="SUITE", type=pathlib.Path,
                        help="checkout of theupdateframework/tuf-conformance")
    parser.add_argument("library", metavar="LIBRARY", type=pathlib.Path, nargs="*",
                        help="checkouts of python-tuf and of securesystemslib")
    parser.add_argument("--client", type=pathlib.Path,
                        default=TOP / "build/tests/conformance/tuf-client",
                        help="the program under test (default: %(default)s)")
    parser.add_argument("--test", help="only tests whose names match this, as pytest's -k")
    return parser.parse_args()


def interpreter():
    """Debian's packages are of Debian's Python, which need not be the first one of the path."""
    for python in (sys.executable, "/usr/bin/python3"):
        probe = [python, "-c", "import pytest, requests, cryptography"]
        if subprocess.run(probe, stderr=subprocess.DEVNULL, check=False).returncode == 0:
            return python
    sys.exit("pytest, requests or cryptography is missing: see tests/conformance/packages.txt")


def environment(folder, libraries):
    (pathlib.Path(folder) / "sitecustomize.py").write_text(SHIM)
    # python-tuf has its package at the top, securesystemslib too.
    places = [folder, *(str(path.resolve()) for path in libraries)]
    # faketime is loaded before the sanitizer; and to look for leaks takes longer than all else.
    preload = {"ASAN_OPTIONS": "exitcode=77:verify_asan_link_order=0:detect_leaks=0",
               "UBSAN_OPTIONS": "exitcode=77:halt_on_error=1"}
    return {**os.environ, **preload, "PYTHONPATH": os.pathsep.join(places),
            "PYTHONDONTWRITEBYTECODE": "1"}


def main():
    options = options_read()
    if not options.client.exists():
        sys.exit(f"{options.client} is not there: build it first")
    tests = options.suite / "tuf_conformance"
    if not (tests / "conftest.py").exists():
        sys.exit(f"{options.suite} is no checkout of tuf-conformance")
    command = [interpreter(), "-m", "pytest", "-q", "-p", "no:cacheprovider", "--tb=short",
               "--rootdir", str(options.suite.resolve()), str(tests.resolve()),
               "--entrypoint", str(options.client.resolve())]
    if options.test:
        command += ["-k", options.test]
    with tempfile.TemporaryDirectory() as folder:
        outcome = subprocess.run(command, env=environment(folder, [options.suite, *options.library]),
                                 cwd=folder, check=False)
    sys.exit(outcome.returncode)


if __name__ == "__main__":
    main()
