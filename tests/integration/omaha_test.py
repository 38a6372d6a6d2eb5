#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The Omaha client against a stand-in of Nebraska, and against servers that misbehave: omaha_test.py
DRIVER. TAP."""
import datetime
import json
import xml.etree.ElementTree as xml

import fleet_rig
import nebraska
from fleet_rig import Server, bad, dead_url, drive, folder, good
from nebraska import Group, Nebraska

STARTED, FINISHED, STAGED, COMMITTED, FAILED = range(5)
MACHINE = "0123456789abcdef0123456789abcdef"


def shop(version="2.0.0", **options):
    return Nebraska({("stable", "amd64"): Group(version), ("stable", "aarch64"): Group("9.0.0"), ("beta", "amd64"):
                     Group("3.0.0-rc.1")}, **options)


class Client:
    """A machine, which has a state folder and a version."""

    def __init__(self, server, version="1.0.0", **options):
        self.server, self.version, self.options, self.state = server, version, options, folder()

    def run(self, name, **options):
        return drive(name, **{"url": f"{self.server.url}/v1/update/", "state": self.state,
                              "version": self.version, **self.options, **options})

    def check(self, **options):
        return good(self.run("check", **options))

    def note(self, event, to="2.0.0", **options):
        return good(drive("note", state=self.state, event=event, to=to, **options))

    def tell(self, event, **options):
        self.note(event, **options)
        return good(self.run("send"))

    def instance(self):
        return self.server.instances[self.options.get("id", MACHINE)]


def expect(result, outcome, status, version=None):
    assert (result["outcome"], result["status"], result["version"]) == (outcome, status, version), result
    return result


def test_good_update():
    """checked, downloaded, staged, and complete once it is committed"""
    with shop() as server:
        client = Client(server)
        result = expect(client.check(), "update", "ok", "2.0.0")
        assert result["url"] == "https://host.example/releases/azl.azb", result
        client.tell(STARTED)
        client.tell(FINISHED)
        client.tell(STAGED)
        assert client.instance().status == nebraska.INSTALLED
        client.version = "2.0.0"
        client.tell(COMMITTED, previous="1.0.0")
        assert server.events == [(13, 1, 0, ""), (14, 1, 0, ""), (800, 1, 0, ""), (3, 2, 0, "1.0.0")], server.events
        assert client.instance().history == [nebraska.GRANTED, nebraska.DOWNLOADING, nebraska.DOWNLOADED,
                                             nebraska.INSTALLED, nebraska.COMPLETE]
        expect(client.check(), "none", "noupdate")
        assert server.dropped == [], server.dropped


def test_rollback():
    """a release that was rolled back has failed, and may be offered again"""
    with shop() as server:
        client = Client(server)
        client.check()
        for event in (STARTED, FINISHED, STAGED):
            client.note(event)
        client.tell(FAILED, fault=700)
        assert server.events[-1] == (3, 0, 700, "") and client.instance().status == nebraska.ERROR
        expect(client.check(), "update", "ok", "2.0.0")


def test_server_down():
    """what could not be told is told later, in order"""
    with shop() as server:
        client, server_now = Client(server), server
        client.check()
        client.server = type("Dead", (), {"url": dead_url()})
        client.note(STARTED)
        bad(client.run("send"), "HTTP_CONNECT")
        client.note(FINISHED)
        client.note(STAGED)
        bad(client.run("check", progress=1), "HTTP_CONNECT")
        client.server = server_now
        expect(client.check(progress=1), "later", "error-updateInProgressOnInstance")
        assert [event[0] for event in server.events] == [13, 14, 800], server.events
        good(client.run("send"))
        assert len(server.requests) == 2, "there was nothing to send"


def test_power_cut():
    """an update that a power cut has ended does not stay in progress for ever"""
    for last in (STARTED, FINISHED, STAGED):
        with shop() as server:
            client = Client(server)
            client.check()
            for event in range(last + 1):
                client.tell(event)
            expect(client.check(progress=1), "later", "error-updateInProgressOnInstance")
            expect(client.check(), "update", "ok", "2.0.0")
            assert server.events[-1][:2] == (3, 0), server.events
            client.tell(STARTED)
            assert client.instance().status == nebraska.DOWNLOADING


def test_lost_state():
    """a client that has lost its state finds out of an update in progress"""
    with shop() as server:
        client = Client(server)
        client.check()
        client.tell(STARTED)
        for text in (None, "{", '{"phase": "none", "version": "", "pending": []}'):
            client.state = folder()
            if text is not None:
                (client.state / "omaha.json").write_text(text)
            before = len(server.requests)
            expect(client.check(), "update", "ok", "2.0.0")
            assert len(server.requests) == before + 2, "once to find out, once more to be rid of it"
            client.tell(STARTED)


def test_not_followed():
    """an update that is granted and not begun is granted again; one given up at once is told"""
    with shop() as server:
        client = Client(server)
        expect(client.check(), "update", "ok", "2.0.0")
        expect(client.check(), "update", "ok", "2.0.0")
        assert server.events == []
        client.tell(FAILED, fault=803)
        assert server.events == [(3, 0, 803, "")] and client.instance().status == nebraska.ERROR


def test_other_release():
    """what was installed from elsewhere is not told"""
    with shop() as server:
        client = Client(server)
        client.check()
        client.tell(STARTED, to="2.0.5")
        client.tell(FAILED, to="2.0.5", fault=700)
        assert server.events == [] and len(server.requests) == 1, server.events


def test_policies():
    """each no of the server is a later, with its word"""
    berlin = datetime.timezone(datetime.timedelta(hours=1))
    cases = (("error-updatesDisabled", {"enabled": False}), ("error-noPackageFound", {"version": None}),
             ("error-maxUpdatesPerPeriodLimitReached", {"max_per_period": 0}),
             ("error-updatesDisabled", {"office_hours": berlin}))
    for status, settings in cases:
        with shop() as server:
            server.now = datetime.datetime(2026, 11, 26, 19, tzinfo=berlin)
            vars(server.groups["stable", "amd64"]).update(settings)
            expect(Client(server).check(), "later", status)


def test_limits_of_the_group():
    """in safe mode one machine goes first; its timeout ends the roll-out"""
    with shop() as server:
        group = server.groups["stable", "amd64"]
        group.safe_mode, group.max_per_period, group.max_timed_out = True, 2, 1
        clients = [Client(server, id=f"{i}{MACHINE[1:]}") for i in range(3)]
        expect(clients[0].check(), "update", "ok", "2.0.0")
        expect(clients[1].check(), "update", "ok", "2.0.0")
        expect(clients[2].check(), "later", "error-maxUpdatesPerPeriodLimitReached")
        server.now += datetime.timedelta(minutes=20)
        expect(clients[2].check(), "later", "error-maxConcurrentUpdatesLimitReached")
        server.now += datetime.timedelta(minutes=60)
        expect(clients[2].check(), "later", "error-maxTimedOutUpdatesLimitReached")
        expect(clients[2].check(), "later", "error-updatesDisabled")


def test_unknown():
    """an application or a track that is not known is a later, too"""
    with shop() as server:
        for options in ({"app": "other"}, {"track": "none"}):
            expect(Client(server).check(**options), "later", "error-failedToRetrieveUpdatePackageInfo")


def test_groups():
    """track and architecture choose the group; an id in braces is the same"""
    with shop(apps=("{E96281A6-D1AF-4BDE-9A0A-97B76E56DC57}", "shop")) as server:
        expect(Client(server).check(architecture="aarch64"), "update", "ok", "9.0.0")
        expect(Client(server, id="a").check(track="beta"), "update", "ok", "3.0.0-rc.1")
        expect(Client(server, id="b").check(app="e96281a6-d1af-4bde-9a0a-97b76e56dc57"), "update", "ok", "2.0.0")


def test_request():
    """the request is one that Go's strict decoder takes, however odd the words"""
    with shop(apps=("a\"b<c>&'d",)) as server:
        client = Client(server, app="a\"b<c>&'d")
        expect(client.check(demand=1), "update", "ok", "2.0.0")
        request = server.requests[0]
        root = xml.fromstring(request.text)
        assert request.headers["Content-Type"] == "text/xml" and len(request.text) < 65536
        assert root.get("installsource") == "ondemandupdate" and root.get("protocol") == "3.0"
        app = root.find("app")
        assert app.get("machineid") == MACHINE and app.get("board") == "amd64-usr", app.attrib
        assert [each.tag for each in app] == ["ping", "updatecheck"], list(app)
        client.check()
        assert xml.fromstring(server.requests[1].text).get("installsource") == "scheduler"


def test_values():
    """what the server would take for something else is not sent"""
    with shop() as server:
        for options in ({"version": "1.0"}, {"version": "1.0.0.1"}, {"architecture": "riscv64"}, {"app": ""}):
            bad(Client(server).run("check", **options), "OMAHA_VALUE")
        assert server.requests == []


def test_secret():
    """a secret in the address is right or wrong"""
    with shop(secret="word") as server:
        client = Client(server)
        bad(client.run("check"), "HTTP_STATUS", "501")
        expect(good(drive("check", url=f"{server.url}/v1/update/word", state=client.state)), "update", "ok", "2.0.0")


def answer(inside, app='appid="shop" status="ok"'):
    return f'<response protocol="3.0"><app {app}>{inside}</app></response>'


UPDATE = ('<updatecheck status="ok"><urls><url codebase="{url}"/></urls><manifest version="{version}"><packages>'
          '<package name="{name}"/></packages></manifest></updatecheck>')
LAUGHS = "".join(f'<!ENTITY l{i} "{f"&l{i - 1};" * 10}">' for i in range(1, 10))
HOSTILE = {
    "nothing": "",
    "only a prolog": nebraska.PROLOG,
    "a page": "<!DOCTYPE html><html><body>please log in</body></html>",
    "other protocol": '<response protocol="4.0"/>',
    "laughs": f'<?xml version="1.0"?><!DOCTYPE response [<!ENTITY l0 "ha">{LAUGHS}]>' + answer("&l9;"),
    "external entity": '<!DOCTYPE r [<!ENTITY x SYSTEM "file:///etc/passwd">]>' + answer("<updatecheck status='&x;'/>"),
    "deep": "<response protocol='3.0'>" + "<a>" * 100000,
    "many": answer("<event/>" * 50000),
    "attributes": answer("<event " + " ".join(f'a{i}=""' for i in range(30000)) + "/>" * 2),
    "long value": answer(UPDATE.format(url="http://h/" + "a" * 500000, version="2.0.0", name="a")),
    "cut": answer(UPDATE.format(url="http://h/", version="2.0.0", name="a"))[:-30],
    "script": answer(UPDATE.format(url="javascript:alert(1)", version="2.0.0", name="a")),
    "file": answer(UPDATE.format(url="file:///etc", version="2.0.0", name="passwd")),
    "upwards": answer(UPDATE.format(url="http://h/a/", version="2.0.0", name="../../x")),
    "version": answer(UPDATE.format(url="http://h/", version="../../2.0.0", name="a")),
    "version is long": answer(UPDATE.format(url="http://h/", version="1." * 40 + "0", name="a")),
    "no package": answer('<updatecheck status="ok"><urls/><manifest version="2.0.0"/></updatecheck>'),
    "other app": answer('<updatecheck status="noupdate"/>', 'appid="x" status="ok"'),
    "not utf-8": '<?xml version="1.0"?><response protocol="3.0" server="\udcff"/>',
}


def test_hostile():
    """answers that are none: refused, with the reason, and nothing is remembered of them"""
    for name, text in HOSTILE.items():
        with Server(lambda request, text=text: request.reply(200, text.encode("utf-8", "surrogateescape"))) as server:
            client = Client(server)
            result = bad(client.run("check"), "OMAHA_ANSWER", "the answer of the Omaha server")
            assert len(result["text"]) < 500 and not (client.state / "omaha.json").exists(), (name, result)


def test_huge():
    """an answer of more than a megabyte is not read to its end"""
    with Server(lambda request: request.reply(200, "<response protocol='3.0'>" + " " * 2000000)) as server:
        bad(Client(server).run("check"), "CALL_SIZE")


def test_pending_kept():
    """what was to be told stays until an answer was understood"""
    with shop() as server:
        client = Client(server)
        client.check()
        client.note(STARTED)
        for behave in (lambda request: request.reply(200, ""), lambda request: request.reply(500, "x"),
                       lambda request: request.reply(302, "", Location="/")):
            with Server(behave) as broken:
                client.server = broken
                assert client.run("send")["fault"] in ("OMAHA_ANSWER", "HTTP_STATUS")
        client.server = server
        assert len(json.loads((client.state / "omaha.json").read_text())["pending"]) == 1
        good(client.run("send"))
        assert server.events == [(13, 1, 0, "")], server.events


def test_state_first():
    """where nothing can be remembered, nothing is begun"""
    state = folder() / "file"
    state.write_text("")
    with shop() as server:
        bad(drive("check", url=f"{server.url}/v1/update/", state=state), "STATE_FILE")


fleet_rig.run(globals())
