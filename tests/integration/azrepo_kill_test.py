#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""azrepo killed at each write: a client that reads then sees the old repository or the new one, whole,
and the next command carries on or begins anew.

azrepo_kill_test.py AZREPO AZBUNDLE. Prints TAP."""
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

from azrepo_rig import Client, Keeper, Refused, Works, run

AZREPO, AZBUNDLE = map(os.path.abspath, sys.argv[1:])
# What changes a file or its name. Flushes change nothing that a reader could see.
CALLS = ("write", "rename", "unlink")
ENVIRONMENT = {**os.environ, "ASAN_OPTIONS": "detect_leaks=0"}


def counts(words, log, calls=CALLS):
    run("strace", "-f", "-qq", "-o", log, "-e", f"trace={','.join(calls)}", AZREPO, *words, env=ENVIRONMENT)
    names = re.findall(r"^\d+ +(\w+)\(", log.read_text(), re.M)
    return {name: names.count(name) for name in calls}


def killed(words, call, number):
    done = subprocess.run(["strace", "-f", "-qq", "-o", "/dev/null", "-e", f"trace={call}", "-e",
                           f"inject={call}:signal=KILL:when={number}", AZREPO, *map(str, words)],
                          capture_output=True, env=ENVIRONMENT)
    return done.returncode != 0


def renew(path, good):
    """The repository as it was. Its files are never written in place, so links will do."""
    shutil.rmtree(path, ignore_errors=True)
    shutil.copytree(good, path, copy_function=os.link)


def said(client):
    """What the channels say, but for the moment at which they were made to."""
    return re.sub(r"'published': '[^']*'", "", str(client.refresh()))


def story(keeper, words):
    """Kills the command at each call; returns how often, and how often it was carried on."""
    repo, good, after = keeper.repo, keeper.folder / "good", keeper.folder / "after"
    shutil.copytree(repo, good)
    calls = counts(words, keeper.folder / "trace")
    shutil.move(repo, after)
    old, new = Client(good), Client(after)
    wanted = {said(old), said(new)}
    versions = {"old": old.versions(), "new": new.versions()}
    cuts = carried = 0
    for call, count in calls.items():
        for number in range(1, count + 1):
            renew(repo, good)
            machine = Client(repo) # which has seen the old repository
            machine.refresh()
            if not killed(words, call, number):
                continue
            cuts += 1
            told = said(machine)
            machine.bundles()
            assert told in wanted, f"{call} {number}: a mixture"
            now = machine.versions()
            for role, version in now.items():
                assert version in (versions["old"][role], versions["new"][role]), f"{call} {number}: {now}"
            carried += "carrying on" in keeper.do("renew", repo).stdout
            machine.bundles()
            assert machine.versions() in versions.values(), f"{call} {number}: {machine.versions()}"
            if machine.versions() == versions["old"]:
                keeper.do(*words)
            machine.bundles()
            assert list((repo / ".azrepo/tmp").iterdir()) == [], "something was left aside"
    keeper.do("check", repo)
    print(f"# killed at {cuts} of {calls}, carried on {carried} times", flush=True)
    assert cuts >= 10 and carried >= 3, (cuts, carried)


def test_publish(keeper, works):
    """A release put into a channel."""
    story(keeper, ("publish", keeper.repo, "4.0.2", "--channel", "stable", "--waves", "0=1%,1d=100%", "--salt", "s",
                   "--start", "2026-11-26T00:00:00Z"))


def test_rotation(keeper, works):
    """A key replaced that signs the timestamp: old and new roots are both good all the time."""
    story(keeper, ("rotate-key", keeper.repo, "--role", "timestamp", "--add", keeper.key("spare"), "--remove",
                   keeper.keyid("timestamp")))


def test_lost(keeper, works):
    """A lost key replaced: a client may be refused in one moment, and the next command ends that."""
    repo, good = keeper.repo, keeper.folder / "good"
    words = ("rotate-key", repo, "--role", "timestamp", "--add", keeper.key("spare"), "--remove",
             keeper.keyid("timestamp"), "--lost")
    keeper.key("timestamp").unlink()
    shutil.copytree(repo, good)
    refused = 0
    for number in range(1, counts(words, keeper.folder / "trace")["rename"] + 1):
        renew(repo, good)
        machine = Client(repo)
        assert killed(words, "rename", number), number
        try:
            machine.refresh()
        except Refused as why:
            assert "too few signatures" in str(why), why
            refused += 1
        if "carrying on" not in keeper.do("renew", repo).stdout:
            keeper.do(*words)
        machine.bundles()
        assert machine.root["signed"]["version"] == 2
    assert refused == 1, refused


def test_add(keeper, works):
    """A bundle taken in."""
    extra = keeper.folder / "extra.azb"
    shutil.copy(works.full1, extra)
    story(keeper, ("add", keeper.repo, extra))


def test_init(keeper, works):
    """A repository that begins: init again, or whatever comes next, makes it whole."""
    words = keeper.init_words()
    shutil.rmtree(keeper.repo)
    calls = counts(words, keeper.folder / "trace", (*CALLS, "mkdir"))
    cuts = 0
    for call, count in calls.items():
        for number in range(1, count + 1):
            shutil.rmtree(keeper.repo, ignore_errors=True)
            if not killed(words, call, number):
                continue
            cuts += 1
            done = keeper.do(*words, ok=False)
            if done.returncode != 0:
                assert "AZREPO_EXISTS" in done.stderr, done.stderr
                keeper.do("renew", keeper.repo)
            keeper.client().refresh()
    print(f"# killed at {cuts} of {calls}", flush=True)
    assert cuts >= 15, cuts


def main():
    cases, failed = [test_publish, test_rotation, test_lost, test_add, test_init], 0
    print(f"1..{len(cases)}", flush=True)
    with tempfile.TemporaryDirectory() as base:
        works = Works(AZBUNDLE, base)
        for number, case in enumerate(cases, 1):
            with tempfile.TemporaryDirectory() as folder:
                keeper = Keeper(AZREPO, pathlib.Path(folder)).init()
                keeper.do("add", keeper.repo, works.full1, works.full2)
                keeper.do("publish", keeper.repo, "4.0.1", "--channel", "stable")
                try:
                    case(keeper, works)
                    print(f"ok {number} {case.__doc__}", flush=True)
                except (AssertionError, Refused) as error:
                    failed += 1
                    print(f"not ok {number} {case.__doc__}", flush=True)
                    print("".join(f"# {line}\n" for line in str(error).splitlines()), end="", flush=True)
    sys.exit(failed > 0)


main()
