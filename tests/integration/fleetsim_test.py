#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The policy in a fleet of 10,000: nothing is lost, a pause stops the spread, nobody comes all at once.

fleetsim_test.py FLEETSIM SCHEMA_FOLDER. Prints TAP."""
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import traceback
import xml.etree.ElementTree

import schema

FLEETSIM, SCHEMAS = map(os.path.abspath, sys.argv[1:])
MACHINES, HOUR, DAY = 10000, 3600, 86400
# How long a machine may act on what it heard before a pause: a check counts for 15 minutes, before the
# download and again before the reboot.
LATE = 2 * 900 + 660


def run(*words):
    return subprocess.run([FLEETSIM, *map(str, words)], capture_output=True, text=True)


def fleet(*words, machines=MACHINES):
    done = run("--machines", machines, "--json", *words)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["machines"] == machines == sum(told["running"].values()), told
    return told


def test_conservation():
    """every machine is somewhere at the end, with a reason if it is behind"""
    told = fleet()
    assert sum(told["behind"].values()) == MACHINES - told["running"]["1.2"], told
    assert told["committed_1_2"]["total"] == told["running"]["1.2"] > 0.98 * MACHINES, told
    assert told["rolled_back"]["total"] > 0 and told["running"]["1.1"] == 0, told
    starts = told["rolled_back"]["total"] + told["committed_1_2"]["total"]
    assert starts <= told["downloads"]["total"] - told["broken_downloads"], told
    assert told["broken_downloads"] > 0, told


def test_pause():
    """a pause stops the spread of a bad release, the sooner the better"""
    unpaused = fleet("--pause", 0, "--fix", 0)["rolled_back"]["total"]
    paused = []
    for hours in (2, 8, 16):
        told = fleet("--pause", hours * HOUR, "--fix", 0)
        assert told["last_bad_s"] <= hours * HOUR + LATE, told
        assert told["running"]["1.0"] == MACHINES, told
        paused.append(told["rolled_back"]["total"])
    assert 0 < paused[0] < paused[1] < paused[2] < unpaused / 4, (paused, unpaused)
    assert unpaused > 0.9 * MACHINES, unpaused


def test_failed_once():
    """a machine tries a release that failed on it no second time"""
    told = fleet("--pause", 0, "--fix", 0, "--days", 14, "--flaky", 0)
    assert told["rolled_back"]["total"] == told["downloads"]["total"] <= MACHINES, told


def test_revoked():
    """machines on a release that is revoked leave it before their turn"""
    told = fleet("--bad", 100, "--pause", 0, "--fix", 60 * HOUR, "--days", 4, "--asleep", 0)
    waiting = fleet("--bad", 1000, "--pause", 0, "--fix", 60 * HOUR, "--days", 4, "--asleep", 0)
    assert told["committed_1_1"]["total"] > 0.3 * MACHINES, told
    assert told["running"]["1.1"] < 0.01 * MACHINES, told
    assert told["running"]["1.2"] > 1.5 * waiting["running"]["1.2"], (told, waiting)


def test_waves():
    """machines come when the waves say, evenly"""
    told = fleet("--bad", 0, "--pause", 0, "--fix", 0, "--asleep", 0, "--clocks-off", 0, "--flaky", 0,
                 "--windows", "00:00-24:00", "--days", 4)
    after_s = dict(told["committed_1_1"]["after_s"])
    assert told["running"]["1.1"] == MACHINES, told
    assert 0 <= after_s[0.01] <= 1.3 * HOUR * 6, after_s
    for share, turn in ((0.5, DAY + 0.3 / 0.8 * 2 * DAY), (0.9, DAY + 0.7 / 0.8 * 2 * DAY)):
        assert turn < after_s[share] < turn + 2 * HOUR, (share, after_s)
    # A tenth of a day's share of the steeper wave in one minute would be a herd.
    assert told["downloads"]["peak_minute"] < 0.4 * MACHINES / DAY * 60 * 6, told["downloads"]


def test_outage():
    """a server that was away for two days is not overrun when it is back"""
    told = fleet("--outage", 12 * HOUR, "--outage-for", 48 * HOUR, "--pause", 0, "--fix", 0, "--bad", 0)
    usual = fleet("--pause", 0, "--fix", 0, "--bad", 0)
    assert told["failed_checks"] > 0 and told["running"]["1.1"] > 0.97 * MACHINES, told
    # While it is away they ask more often, but each time later.
    assert told["failed_checks"] < 15 * MACHINES, told
    assert told["checks"]["peak_minute"] < 5 * usual["checks"]["peak_minute"], (told, usual)
    assert told["downloads"]["peak_minute"] < 4 * usual["downloads"]["peak_minute"], (told, usual)


def test_same():
    """the same seed gives the same, however many threads there are"""
    one = fleet("--threads", 1, machines=3000)
    assert one == fleet("--threads", 3, machines=3000) != fleet("--seed", 2, machines=3000)


def test_why():
    """what one machine is told follows the schema, and fits on a screen"""
    described = json.loads((pathlib.Path(SCHEMAS) / "why.schema.json").read_text(encoding="utf-8"))
    actions = set()
    for number in range(30):
        done = run("--machines", 30, "--machine", number, "--json", "--flaky", 300)
        assert done.returncode == 0, done.stderr
        for line in done.stdout.splitlines():
            told = json.loads(line)
            wrong = list(schema.complaints(told, described))
            assert not wrong, wrong
            assert told["next"] > told["time"] and (told["reasons"] or told["action"] != "nothing"), told
            assert all(reason["until"] > told["time"] for reason in told["reasons"]
                       if reason["ends"] == "time" and reason["blocks"]), told
            actions.add(told["action"])
    assert actions >= {"nothing", "check", "stage", "activate", "reboot"}, actions
    assert "is staged" in run("--machines", 30, "--machine", 3).stdout


def test_svg():
    """the plot is well-formed and has a curve for each count"""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "fleet.svg")
        fleet("--svg", path, machines=500)
        top = xml.etree.ElementTree.parse(path).getroot()
        curves = top.findall("{http://www.w3.org/2000/svg}polyline")
        assert len(curves) == 5 and all(len(curve.get("points").split()) == 840 for curve in curves)
        done = run("--machines", 10, "--svg", folder)
        assert done.returncode == 1 and "BUILD_OUTPUT" in done.stderr, done.stderr


def test_refused():
    """options that make no sense are refused"""
    for words in (["--machines", 0], ["--bad", 1001], ["--waves", "5"], ["--waves", "0:5,0:6"],
                  ["--waves", "0:5,9:5"], ["--waves", "0:1001"], ["--machine", 1000000], ["more"],
                  ["--no-such"]):
        done = run(*words)
        assert done.returncode == 2 and done.stderr, (words, done)
    assert "WINDOW" in run("--windows", "x").stderr


def main():
    tests = [value for name, value in globals().items() if name.startswith("test_")]
    failed = False
    print(f"1..{len(tests)}")
    for number, test in enumerate(tests, 1):
        try:
            test()
            print(f"ok {number} {test.__doc__}", flush=True)
        except Exception:
            failed = True
            print("".join(f"# {line}\n" for line in traceback.format_exc().splitlines()), end="")
            print(f"not ok {number} {test.__doc__}", flush=True)
    sys.exit(failed)


main()
