#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Sick releases: version 2, on trial, has a check or a service that misbehaves in one of the ways that
such things do. The machine must end where docs/HEALTH.md says, and tell why.

health.py BUILD [--work FOLDER] [--list] [SCENARIO...]

BUILD is a release build of this project (no sanitizers). A quarter of an hour in emulation."""
import sys

import machine as vm
import mediaworld
import releases
import scenario
from scenario import Scenario

CHECK_S, SOAK_S, DIES_S = 12, 45, 30
KINDS = ("failing", "hanging", "flapping", "forking", "flooding", "dying", "restarting", "red", "wanted")
VARIANTS = {kind: f"demo.health={kind}" for kind in KINDS}

CHECK = r"""#!/bin/bash
kind=$(sed -n 's/.*demo\.health=\([a-z]*\).*/\1/p' /proc/cmdline)
case $kind in
failing)  echo 'the service of this release does not answer'; exit 3 ;;
hanging)  trap '' TERM INT HUP; echo 'waiting for an answer'; while :; do sleep 1000; done ;;
flapping) [ -e /run/demo-flapped ] && exit 0; touch /run/demo-flapped; echo 'not yet'; exit 1 ;;
# What it leaves behind keeps its output open and belongs to no group and no session of its own.
forking)  for n in 1 2 3; do setsid --fork /bin/bash -c 'trap "" TERM HUP; exec -a demo-left sleep 100000'; done; exit 0 ;;
flooding) exec yes 'a line of many' ;;
esac
exit 0
"""
# Up, and gone after a while.
SERVICE = """#!/bin/bash
grep -q demo.health={} /proc/cmdline || exec sleep infinity
sleep {}
exit 1
"""
ONLY_WHERE = "#!/bin/bash\n! grep -q demo.health={} /proc/cmdline\n"
CONFIGURATION = (f"{releases.CONFIGURATION}\n[health]\ntimeout={CHECK_S}\nretries=1\n"
                 f"units=demo-dying.service;demo-restarting.service\n"
                 f"unit-soak={SOAK_S}\n")
STAGED = {
    "etc/azupdate/azupdate.conf": CONFIGURATION,
    "usr/lib/azupdate/health.d/required.d/50-demo": CHECK,
    "usr/lib/azupdate/health.d/wanted.d/50-nice": ONLY_WHERE.format("wanted"),
    "etc/greenboot/check/required.d/10-green.sh": ONLY_WHERE.format("red"),
    "usr/libexec/demo-dying": SERVICE.format("dying", DIES_S),
    "usr/libexec/demo-restarting": SERVICE.format("restarting", 5),
    "usr/lib/systemd/system/demo-dying.service": "[Service]\nExecStart=/usr/libexec/demo-dying\n",
    "usr/lib/systemd/system/demo-restarting.service":
        "[Unit]\nStartLimitIntervalSec=0\n"
        "[Service]\nExecStart=/usr/libexec/demo-restarting\nRestart=always\nRestartSec=1\n",
    "usr/lib/systemd/system/multi-user.target.d/demo.conf":
        "[Unit]\nWants=demo-dying.service demo-restarting.service\n",
}


class HealthWorld(mediaworld.MediaWorld):
    STAGED = STAGED


def nothing_left(guest):
    out = guest.run("grep -lz '^demo[-]left' /proc/[0-9]*/cmdline; echo end", 10)[1]
    if out.strip() != "end":
        raise vm.MachineError(f"the check's processes live on: {out}")


SCENARIOS = [
    Scenario("failing", "a required check fails", 2, variant="failing", wait_s=CHECK_S,
             told=r'check "50-demo" failed: exit status 3'),
    Scenario("hanging", "a required check hangs and ignores signals", 2, variant="hanging", wait_s=4 * CHECK_S,
             told=r"50-demo.*did not end within"),
    Scenario("flapping", "a required check fails once, then passes: retried, and committed", 1,
             ends="b", variant="flapping", wait_s=2 * SOAK_S),
    Scenario("forking", "a check passes and leaves processes behind: none is left, and committed", 1,
             ends="b", variant="forking", wait_s=2 * SOAK_S, settled=nothing_left),
    Scenario("flooding", "a required check writes without end", 2, variant="flooding", wait_s=4 * CHECK_S,
             told=r"50-demo.*did not end within"),
    Scenario("dying", f"a required service is up, and dies after {DIES_S} s for good", 2, variant="dying",
             wait_s=2 * SOAK_S, told="demo-dying.service"),
    Scenario("restarting", "a required service dies and is restarted all the time", 2,
             variant="restarting", wait_s=2 * SOAK_S, told="demo-restarting.service"),
    Scenario("red", "a required check of greenboot's folders fails", 2, variant="red", wait_s=SOAK_S,
             told="10-green.sh"),
    Scenario("wanted", "a wanted check fails: told, and committed", 1, ends="b", variant="wanted",
             wait_s=2 * SOAK_S),
]


if __name__ == "__main__":
    sys.exit(scenario.main("sick releases: each ends as documented, and tells why", SCENARIOS,
                           lambda work, build, say: HealthWorld(work, build, VARIANTS, say)))
