#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Reports to a server, which may be away for long, and to the journal: report_test.py DRIVER. TAP."""
import json
import os
import pathlib
import socket
import subprocess
import sys
import time

import fleet_rig
import schema
from fleet_rig import Server, bad, dead_url, drive, folder, good

EVENT = json.loads((pathlib.Path(os.environ["SCHEMA"]) / "event.schema.json").read_text())
SPOOL_MAX = 256


class Collector(Server):
    """Keeps events by their id, and says `status`."""

    def __init__(self, status=200, **options):
        super().__init__(self.take, **options)
        self.status, self.documents, self.headers = status, [], {}

    def take(self, request):
        document = json.loads(request.text)
        problems = list(schema.complaints(document, EVENT))
        assert not problems, problems
        assert request.headers["Content-Type"] == "application/json"
        self.documents.append(document)
        status = self.status(document) if callable(self.status) else self.status
        request.reply(status, "", **self.headers)

    def events(self):
        return [event for document in self.documents for event in document["events"]]


def report(server, state, **options):
    return drive("report", url=server.url, state=state, **options)


def keep(state, **options):
    good(drive("keep", state=state, **options))


def due(state):
    """What is waited for after a failure is over."""
    path = state / "reports" / "state.json"
    kept = json.loads(path.read_text())
    assert kept["failures"] > 0, kept
    path.write_text(json.dumps({**kept, "until_ms": kept["since_ms"]}))


def test_delivery():
    """each kind arrives once, with all that belongs to it, and fits its schema"""
    state = folder()
    for kind in range(6):
        keep(state, kind=kind, version="2.0", previous="1.0", fault=700 if kind > 2 else 0,
             reason='check "net" failed' if kind == 3 else "")
    with Collector() as server:
        result = good(report(server, state, id="c0ffee"))
        assert (result["next"], result["waiting"], result["dropped"]) == (0, 0, 0), result
        document, = server.documents
        assert (document["machine"], document["product"], document["architecture"]) == ("c0ffee", "shop", "x86_64")
        kinds = ["staged", "activated", "committed", "rolled-back", "failed", "stayed"]
        assert [event["kind"] for event in document["events"]] == kinds, document
        assert [event["sequence"] for event in document["events"]] == [1, 2, 3, 4, 5, 6], document
        event = document["events"][3]
        assert (event["fault"], event["fault_name"], event["reason"]) == (700, "HEALTH_REQUIRED", 'check "net" failed')
        assert (event["version"], event["previous"], event["slot"]) == ("2.0", "1.0", "b"), event
        assert abs(event["time_us"] / 1e6 - time.time()) < 600, event
        good(report(server, state))
        assert len(server.documents) == 1, "nothing is left to be sent"


def test_week():
    """a server down for a week: as much as fits is kept, and arrives when it is back"""
    state, url = folder(), dead_url()
    for _ in range(14):
        keep(state, count=20)
        result = bad(drive("report", url=url, state=state), "HTTP_CONNECT")
        assert 1 <= result["next"] <= 6 * 3600, result
        due(state)
    assert (result["waiting"], result["dropped"]) == (SPOOL_MAX, 280 - SPOOL_MAX), result
    with Collector(port=int(url.rsplit(":", 1)[1])) as server:
        result = good(drive("report", url=url, state=state))
        assert (result["waiting"], result["next"]) == (0, 0), result
        numbers = [event["sequence"] for event in server.events()]
        assert numbers == list(range(281 - SPOOL_MAX, 281)), "in order, and the gap shows"
        assert len({event["id"] for event in server.events()}) == SPOOL_MAX
        assert [len(document["events"]) for document in server.documents] == [32] * 8
        assert server.documents[0]["dropped"] == 280 - SPOOL_MAX


def test_patience():
    """after a failure nothing is sent before it is due, whatever asks"""
    state = folder()
    keep(state)
    with Collector(status=503) as server:
        server.headers = {"Retry-After": "3600"}
        result = bad(report(server, state), "HTTP_STATUS", "503")
        assert 3500 <= result["next"] <= 3600, result
        for _ in range(3):
            assert 3500 <= good(report(server, state))["next"] <= 3600
        assert len(server.documents) == 1, "one try"
        server.status = 200
        due(state)
        assert good(report(server, state))["waiting"] == 0
        assert server.events()[0]["id"] == server.events()[1]["id"], "the same event, twice"


def test_clock():
    """a clock that was set back keeps nobody waiting"""
    state = folder()
    keep(state)
    with Collector(status=503) as server:
        bad(report(server, state), "HTTP_STATUS")
        path = state / "reports" / "state.json"
        kept = json.loads(path.read_text())
        for change in ({"until_ms": 10 ** 15, "since_ms": 0}, {"until_ms": 10 ** 15, "since_ms": 10 ** 15}):
            path.write_text(json.dumps({**kept, **change}))
            assert 1 <= bad(report(server, state), "HTTP_STATUS")["next"] <= 6 * 3600


def test_poison():
    """an event that the server does not want costs no other"""
    for status in (400, 413, 415, 422):
        state = folder()
        keep(state, count=3)
        keep(state, reason="poison")
        keep(state, count=3)
        with Collector(lambda document, status=status:
                       status if any(event["reason"] == "poison" for event in document["events"]) else 204) as server:
            result = good(report(server, state))
            assert (result["waiting"], result["dropped"]) == (0, 1) and "does not want" in result["stderr"], result
            assert sum(len(document["events"]) for document in server.documents) == 7 + 7, server.documents


def test_wrong_address():
    """a server that refuses the machine itself is asked again later"""
    for status in (301, 401, 403, 404, 500):
        state = folder()
        keep(state, count=2)
        with Collector(status=status) as server:
            result = bad(report(server, state), "HTTP_STATUS", str(status))
            assert result["waiting"] == 2 and result["next"] > 0 and len(server.documents) == 1, result


def test_damaged():
    """a damaged event costs itself alone; foreign files are left"""
    state = folder()
    keep(state, count=4)
    spool = state / "reports"
    files = sorted(spool.glob("0*.json"))
    files[0].write_text("")
    files[1].write_text('{"id": 1')
    files[2].write_text("x" * 100000)
    (spool / "notes").write_text("")
    with Collector() as server:
        result = good(report(server, state))
        assert (result["waiting"], result["dropped"]) == (0, 3) and result["stderr"].count("damaged") == 3, result
        assert [event["sequence"] for event in server.events()] == [4]
    assert (spool / "notes").exists()


def test_kept_meanwhile():
    """what happens while others are delivered is kept, counted and delivered"""
    state = folder()
    keep(state)

    def status(document):
        if document["events"][0]["sequence"] == 1:
            keep(state, kind=1)
        return 200
    with Collector(status) as server:
        result = good(report(server, state))
        assert result["waiting"] == 0 and [event["sequence"] for event in server.events()] == [1, 2], result
        keep(state)
        good(report(server, state))
        assert server.events()[-1]["sequence"] == 3, server.events()
    counts = json.loads((state / "reports" / "state.json").read_text())["counts"]
    assert (counts["staged"], counts["activated"]) == (2, 1), counts


def test_reasons():
    """whatever a health check has said, the event is valid"""
    state = folder()
    for reason in ('"\\\n\t\x1b[31m', "é" * 600, "\udcff\udcfe", "x" * 100000):
        keep(state, reason=reason, kind=3)
    with Collector() as server:
        good(report(server, state))
        reasons = [event["reason"] for event in server.events()]
        assert len(reasons) == 4 and reasons[0] == '"\\   [31m' and reasons[1] == "é" * 256, reasons


def test_slow():
    """a server that hangs can be cancelled, and nothing is lost"""
    state = folder()
    keep(state)
    with Server(lambda request: request.hang()) as server:
        result = bad(report(server, state, cancel=300), "JOB_CANCELLED")
        assert result["waiting"] == 1, result


def journal(work):
    """In a mount namespace: a journal of our own, to whose socket the driver's stderr is connected."""
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", "/run"], check=True)
    os.makedirs("/run/systemd/journal")
    entries = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    entries.bind("/run/systemd/journal/socket")
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind("/run/systemd/journal/stdout")
    listener.listen()
    stream = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    stream.connect("/run/systemd/journal/stdout")
    subprocess.run(fleet_rig.command("log", kind=3, version="2.0", previous="1.0", fault=700, reason="no net"),
                   check=True, stdout=subprocess.DEVNULL, stderr=stream)
    entries.settimeout(30)
    pathlib.Path(work).write_bytes(entries.recv(65536))


def test_journal():
    """to the journal by its own protocol, as fields"""
    work = folder() / "entry"
    unshare = ["unshare", "--mount", "--propagation", "private"]
    if os.geteuid() != 0 or subprocess.run([*unshare, "true"], capture_output=True).returncode != 0:
        print("# no mount namespace can be made here: the journal was not tried")
        return
    done = subprocess.run([*unshare, sys.executable, __file__, sys.argv[1], "--journal", str(work)],
                          capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stderr
    fields = dict(line.split(b"=", 1) for line in work.read_bytes().splitlines() if b"=" in line)
    assert fields[b"MESSAGE"] == b"version 2.0 was rolled back to 1.0: no net", fields
    assert fields[b"MESSAGE_ID"] == b"5a8753960c5541a3a656d8036c6b69ae", fields
    assert fields[b"PRIORITY"] == b"4" and fields[b"AZUPDATE_FAULT_NAME"] == b"HEALTH_REQUIRED", fields


if "--journal" in sys.argv:
    journal(sys.argv[3])
else:
    fleet_rig.run(globals())
