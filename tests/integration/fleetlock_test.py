#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""FleetLock against a stand-in that answers as airlock does, and against others: fleetlock_test.py
DRIVER. TAP."""
import json
import re
import subprocess
import threading
import time

import fleet_rig
from fleet_rig import Server, bad, dead_url, drive, folder, good


class Airlock(Server):
    """Counting semaphores, one for each group; a machine holds one slot however often it asks."""

    def __init__(self, slots=1, groups=("default",), **options):
        super().__init__(self.answer, **options)
        self.slots, self.holders, self.lock = slots, {group: set() for group in groups}, threading.Lock()

    def error(self, request, status, kind, value):
        request.reply(status, json.dumps({"kind": kind, "value": value}))

    def answer(self, request):
        if request.command != "POST" or request.headers.get("fleet-lock-protocol") != "true":
            return self.error(request, 400, "invalid_client_identity", "no protocol header")
        try:
            who = json.loads(request.text)["client_params"]
            machine, group = who["id"], who["group"]
        except (ValueError, KeyError, TypeError):
            return self.error(request, 400, "invalid_client_identity", "no parameters")
        if not machine or not re.fullmatch("[a-zA-Z0-9.-]+", group):
            return self.error(request, 400, "invalid_client_identity", "empty id or bad group")
        if group not in self.holders:
            return self.error(request, 400, "unknown_group", f"unknown group {group!r}")
        holders = self.holders[group]
        path = request.path.split("?")[0]
        with self.lock:
            if path == "/v1/steady-state":
                holders.discard(machine)
                return request.reply(200)
            if path != "/v1/pre-reboot":
                return request.reply(404)
            if machine not in holders and len(holders) >= self.slots:
                return self.error(request, 500, "failed_lock",
                                  f"all {self.slots} semaphore slots currently locked")
            holders.add(machine)
            return request.reply(200)

    def paths(self):
        return [request.path.rsplit("/", 1)[1] for request in self.requests]


def later_boot(state, **changes):
    """The state as the next boot finds it: what was written names another boot."""
    path = state / "fleetlock.json"
    kept = json.loads(path.read_text())
    for name in ("asked_boot", "told_boot"):
        if kept[name]:
            kept[name] = "0" * 31 + "1"
    path.write_text(json.dumps({**kept, **changes}))


def test_cycle():
    """locked before the reboot, kept on trial, released once committed"""
    state = folder()
    with Airlock() as server:
        assert good(drive("lock", url=server.url, state=state, id="a"))["asked"]
        assert server.holders["default"] == {"a"}
        good(drive("sync", url=server.url, state=state, id="a", committed=1, wanted=1))
        assert server.holders["default"] == {"a"}, "the reboot is still to come"
        later_boot(state)
        good(drive("sync", url=server.url, state=state, id="a", committed=0))
        assert server.holders["default"] == {"a"}, "the release is on trial"
        assert not good(drive("sync", url=server.url, state=state, id="a", committed=1))["asked"]
        assert server.holders["default"] == set()
        good(drive("sync", url=server.url, state=state, id="a", committed=1))
        assert server.paths() == ["pre-reboot", "steady-state"], server.paths()


def test_rollback():
    """after a rollback the old release is committed, and the lock goes back"""
    state = folder()
    with Airlock() as server:
        good(drive("lock", url=server.url, state=state, id="a"))
        for _ in range(3):
            later_boot(state)
            good(drive("sync", url=server.url, state=state, id="a", committed=0))
        assert server.holders["default"] == {"a"}
        later_boot(state)
        good(drive("sync", url=server.url, state=state, id="a", committed=1))
        assert server.holders["default"] == set()


def test_called_off():
    """a reboot that was called off gives the lock back in the same boot"""
    state = folder()
    with Airlock() as server:
        good(drive("lock", url=server.url, state=state, id="a"))
        good(drive("sync", url=server.url, state=state, id="a", committed=1, wanted=0))
        assert server.holders["default"] == set()


def test_full():
    """a full group: asked again until there is room, or patience ends"""
    first, second = folder(), folder()
    with Airlock() as server:
        good(drive("lock", url=server.url, state=first, id="a"))
        bad(drive("lock", url=server.url, state=second, id="b"), "FLEETLOCK_HELD", "failed_lock",
            "all 1 semaphore slots currently locked")
        waiting = subprocess.Popen(fleet_rig.command("lock", url=server.url, state=second, id="b", patience=60),
                                   stdout=subprocess.PIPE, env=fleet_rig.clean_environment())
        while server.paths().count("pre-reboot") < 4:
            assert waiting.poll() is None, waiting.communicate()
            time.sleep(0.05)
        good(drive("sync", url=server.url, state=first, id="a", committed=1))
        out = json.loads(waiting.communicate(timeout=100)[0])
        assert out["fault"] == "OK" and server.holders["default"] == {"b"}, out
        good(drive("sync", url=server.url, state=second, id="b", committed=1))
        assert server.holders["default"] == set()


def test_cancel():
    """waiting for a lock can be cancelled"""
    with Airlock(slots=0) as server:
        bad(drive("lock", url=server.url, state=folder(), patience=3600, cancel=300), "JOB_CANCELLED")


def test_two_slots():
    """as many at a time as the group has slots; the same machine takes one"""
    with Airlock(slots=2) as server:
        states = {name: folder() for name in "abc"}
        for name in "aaab":
            good(drive("lock", url=server.url, state=states[name], id=name))
        bad(drive("lock", url=server.url, state=states["c"], id="c"), "FLEETLOCK_HELD")
        assert server.holders["default"] == {"a", "b"}


def test_refusals():
    """what the server does not take is told at once, however much patience there is"""
    with Airlock() as server:
        bad(drive("lock", url=server.url, state=folder(), group="web", patience=60), "FLEETLOCK_REFUSED",
            "unknown_group", "status 400")
        bad(drive("lock", url=server.url, state=folder(), id="", patience=60), "FLEETLOCK_REFUSED",
            "invalid_client_identity")
        bad(drive("lock", url=f"{server.url}/elsewhere", state=folder(), patience=60), "FLEETLOCK_REFUSED",
            "status 404")
        assert len(server.requests) == 3, server.paths()


def test_down():
    """a server that is away: no lock, and what may have been granted is released later"""
    state, url = folder(), dead_url()
    assert bad(drive("lock", url=url, state=state, id="a"), "HTTP_CONNECT")["asked"]
    bad(drive("sync", url=url, state=state, id="a", committed=1), "HTTP_CONNECT")
    with Airlock(port=int(url.rsplit(":", 1)[1])) as server:
        server.holders["default"].add("a")
        assert not good(drive("sync", url=url, state=state, id="a", committed=1))["asked"]
        assert server.holders["default"] == set()


def test_moved():
    """a lock goes back to where it was taken, whatever is configured by now"""
    state = folder()
    with Airlock() as old, Airlock(groups=("web",)) as new:
        good(drive("lock", url=old.url, state=state, id="a"))
        later_boot(state)
        good(drive("sync", url=new.url, group="web", state=state, id="a", committed=1))
        assert old.holders["default"] == set() and new.requests == []
        good(drive("lock", url=old.url, state=state, id="a"))
        good(drive("lock", url=new.url, group="web", state=state, id="a"))
        assert old.holders["default"] == set() and new.holders["web"] == {"a"}


def test_lost_state():
    """whoever has lost his state says once in each boot that all is well"""
    state = folder()
    with Airlock() as server:
        good(drive("lock", url=server.url, state=state, id="a"))
        (state / "fleetlock.json").unlink()
        good(drive("sync", url=server.url, state=state, id="a", committed=0))
        assert server.holders["default"] == {"a"}
        for _ in range(2):
            good(drive("sync", url=server.url, state=state, id="a", committed=1))
        assert server.paths() == ["pre-reboot", "steady-state"], server.paths()
        (state / "fleetlock.json").write_text('{"asked": true, "url": 7')
        good(drive("sync", url=server.url, state=state, id="a", committed=1))
        assert len(server.requests) == 3, server.paths()


def test_state_first():
    """nothing is asked that could not be remembered"""
    state = folder() / "file"
    state.write_text("")
    with Airlock() as server:
        bad(drive("lock", url=server.url, state=state), "STATE_FILE")
        assert server.requests == []


def test_secret():
    """the state may hold a password, and is root's alone"""
    state = folder()
    with Airlock() as server:
        good(drive("lock", url=server.url.replace("//", "//me:secret@") + "/?sig=x", state=state))
        assert (state / "fleetlock.json").stat().st_mode & 0o777 == 0o600
        request = server.requests[0]
        assert request.path == "/v1/pre-reboot?sig=x" and "Authorization" in request.headers, request.path


def answering(status, body, **headers):
    return lambda request: request.reply(status, body, **headers)


def test_impostors():
    """what is no FleetLock server gives no lock"""
    html = "<!DOCTYPE html><html>please log in</html>"
    cases = ((answering(200, html), "FLEETLOCK_HELD"), (answering(302, "", Location="/x"), "FLEETLOCK_REFUSED"),
             (answering(202, ""), "FLEETLOCK_HELD"), (answering(500, html), "FLEETLOCK_HELD"),
             (answering(500, "x" * 70000), "CALL_SIZE"), (answering(503, '{"kind":' * 5000), "FLEETLOCK_HELD"),
             (answering(500, '{"kind":"\\u001b[2J","value":"\\u0007\\u202e"}'), "FLEETLOCK_HELD"))
    for behave, fault in cases:
        with Server(behave) as server:
            result = bad(drive("lock", url=server.url, state=folder()), fault)
            assert result["text"].isprintable(), result


def test_retry_after():
    """a server that asks for a pause gets it"""
    with Server(answering(503, "", Retry_After=2)) as server:
        began = time.monotonic()
        bad(drive("lock", url=server.url, state=folder(), patience=3), "FLEETLOCK_HELD")
        assert time.monotonic() - began >= 2 and len(server.requests) <= 3, len(server.requests)


def test_id():
    """systemd's own tool gives the same id for this machine"""
    done = subprocess.run(["systemd-id128", "machine-id", "--app-specific=3c8a4f0be1c24f0a9a1f6a8d2b57e410"],
                          capture_output=True, text=True)
    if done.returncode != 0:
        return bad(drive("id"), "FLEET_ID")
    assert good(drive("id"))["id"] == done.stdout.strip()


fleet_rig.run(globals())
