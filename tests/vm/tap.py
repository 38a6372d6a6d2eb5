# SPDX-License-Identifier: MIT
"""Tests in TAP: functions marked @tap.case, run in their order; one that raises has failed."""
import time
import traceback

_cases = []


def case(function):
    _cases.append(function)
    return function


def _passes(function, *arguments):
    try:
        function(*arguments)
        return True
    except Exception:           # whatever it is, it is this case's, and the next one still runs
        print("# " + traceback.format_exc().rstrip().replace("\n", "\n# "))
        return False


def run(names, *arguments):
    """Runs the named cases, or all. Returns how many failed."""
    chosen = [function for function in _cases if not names or function.__name__ in names]
    failed = 0
    print(f"1..{len(chosen)}", flush=True)
    for number, function in enumerate(chosen, 1):
        start = time.monotonic()
        passed = _passes(function, *arguments)
        failed += not passed
        print(f"{'ok' if passed else 'not ok'} {number} {function.__name__} "
              f"({time.monotonic() - start:.1f} s)", flush=True)
    return failed
