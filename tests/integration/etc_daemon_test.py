#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""azupdated and azupdate with local changes of /etc, on a machine with a disk in a file. What a boot does with
them is done by etc_test.c, with real overlays; here the upper folder is made by hand."""
import json
import os
import pathlib
import stat
import zlib

import rig
from machine_test import CONFIG, MAKER, Machine
from rig import Skip, expect, expect_equal


class EtcMachine(Machine):
    """What azetc leaves behind: a release's /etc, and changes of it."""

    def __init__(self):
        if os.geteuid() != 0:
            raise Skip("only root can make what says that a file is gone")
        super().__init__()
        self.defaults, self.upper = self.folder / "run" / "etc-defaults", self.folder / "state" / "etc" / "upper"

    def lay(self, laid, fault=0, reason=""):
        """As azetc tells it."""
        (self.folder / "run" / "etc.json").write_text(json.dumps({
            "stored": 0, "restored": 0, "fault": 0, "reason": "", "laid": laid, "laid_fault": fault, "laid_reason": reason}))

    def overlay(self):
        self.lay("writable")
        (self.defaults / "conf").mkdir(parents=True)
        (self.upper / "conf").mkdir(parents=True)
        for name in ("passwd", "conf/a", "conf/b"):
            (self.defaults / name).write_text(name)
        (self.upper / "passwd").write_text("mine")
        (self.upper / "added").write_text("added")
        os.mknod(self.upper / "conf" / "a", stat.S_IFCHR, 0)

    def states(self):
        return self.json("etc", "list")["states"]

    def request(self):
        return self.json("etc")["request"]

    def objects(self):
        return (self.folder / "state" / "store" / "objects").glob("*/*.filez")

    def rot(self, content):
        """Damages the store's object that has it."""
        for path in self.objects():
            stored = path.read_bytes()
            header = 8 + int.from_bytes(stored[:4], "big")      # what ostree writes before the contents
            if zlib.decompress(stored[header:], -15) == content:
                path.write_bytes(stored[:-8] + bytes(8))
                return
        raise AssertionError("no object has it")

    def root(self, slot):
        return self.slot(slot)["root_hash"]


def test_off():
    with EtcMachine() as machine:
        expect_equal(machine.json("etc")["overlay"], False)
        expect("keeps no local changes" in machine.cli("etc").stdout, "text")
        for words in (["save"], ["diff"], ["restore", "1"]):
            expect_equal(machine.json("etc", *words, status=1)["name"], "ETC_OFF")
        machine.cli("etc", "restore", status=2)
        machine.cli("etc", "list", "1", status=2)
        machine.cli("etc", "diff", "x", status=2)
        machine.cli("install", MAKER.bundle(2))
        expect_equal(machine.json("rollback", "--etc", "--to=1.0", status=1)["name"], "ETC_OFF")
        expect_equal(machine.status()["next"], "b")
        machine.cli("rollback", "--etc", "--keep-etc", status=2)
        expect(not (machine.folder / "state" / "store").exists(), "something was stored")


def test_diff_and_save():
    with EtcMachine() as machine:
        machine.overlay()
        wanted = [("added", "added", None), ("conf/a", "removed", None), ("passwd", "changed", None)]
        diff = machine.json("etc", "diff")
        expect_equal([(row["path"], row["change"], row["conflict"]) for row in diff["changes"]], wanted)
        expect_equal(machine.json("etc", "save")["state"], 1)
        expect_equal(machine.json("etc", "save")["state"], 1)
        expect("state 1." in machine.cli("etc", "save").stdout, "text")
        (machine.defaults / "passwd").write_text("theirs, too")
        text = machine.cli("etc", "diff").stdout
        expect("changed  /etc/passwd  conflict: both-changed\n" in text and "removed  /etc/conf/a\n" in text, text)
        (machine.upper / "added").unlink()
        expect_equal(machine.json("etc", "save")["state"], 2)
        paths = [row["path"] for row in machine.json("etc", "diff", "1")["changes"]]
        expect_equal(paths, ["added", "conf/a", "passwd"])
        expect_equal(machine.json("etc", "diff", "3", status=1)["name"], "ETC_NONE")
        states = machine.states()
        expect_equal([(state["number"], state["reason"], state["damaged"]) for state in states],
                     [(1, "by hand", False), (2, "by hand", False)])
        expect("   1  " in machine.cli("etc", "list").stdout, "text")
        expect_equal((machine.folder / "state" / "store").stat().st_mode & 0o77, 0)


def test_restore():
    with EtcMachine() as machine:
        machine.overlay()
        machine.cli("etc", "save")
        expect_equal(machine.json("etc", "restore", "1")["state"], 1)
        expect_equal(machine.request(), {"root_hash": machine.root("a"), "from": None, "number": 1})
        expect("will put back state 1" in machine.cli("etc").stdout, "text")
        expect_equal(machine.json("etc", "restore", "7", status=1)["name"], "ETC_NONE")
        expect_equal(machine.request()["number"], 1)
        machine.cli("etc", "restore", "0")
        expect_equal(machine.request(), None)


def test_rollback_with_etc():
    with EtcMachine() as machine:
        machine.overlay()
        machine.cli("install", MAKER.bundle(2))
        states = machine.states()
        expect_equal([(state["version"], state["reason"]) for state in states], [("1.0", "before an activation")])
        expect_equal(states[0]["root_hash"], machine.root("a"))
        expect_equal(machine.request(), None)
        machine.reboot("b")
        expect_equal(machine.json("rollback", "--etc")["next"], "a")
        expect_equal(machine.request(), {"root_hash": machine.root("a"), "from": None, "number": 1})
        # It is another release's now, so it is stored, though it is the same.
        expect_equal([state["version"] for state in machine.states()], ["1.0", "2.0"])
        machine.cli("activate", "b")
        expect_equal(machine.request(), None)
        machine.cli("rollback")
        expect_equal(machine.request(), None)
        machine.cli("activate", "b")
        machine.cli("rollback", "--keep-etc")
        expect_equal(machine.request(), None)


def test_rollback_to_what_left_nothing():
    with EtcMachine() as machine:
        machine.cli("install", MAKER.bundle(2))
        machine.reboot("b")
        machine.overlay()
        expect_equal(machine.json("rollback", "--etc", status=1)["name"], "ETC_NONE")
        expect_equal((machine.status()["next"], machine.request()), ("b", None))


def test_configured():
    with EtcMachine() as machine:
        machine.overlay()
        machine.stop()
        machine.configuration_write(CONFIG + "[etc]\nrollback=restore\nhistory=2\n")
        machine.start()
        machine.cli("install", MAKER.bundle(2))
        expect_equal(machine.request(), {"root_hash": machine.root("a"), "from": machine.root("b"), "number": 0})
        expect("falls back" in machine.cli("etc").stdout, "text")
        machine.reboot("b")
        machine.cli("mark-good", "b")
        expect_equal(machine.request(), None)
        for number in range(4):
            (machine.upper / "added").write_text(str(number))
            machine.cli("etc", "save")
        # The last one that each release in a slot has left stays.
        expect_equal([(state["number"], state["version"]) for state in machine.states()], [(1, "1.0"), (5, "2.0")])
        machine.cli("rollback", "--keep-etc")
        expect_equal(machine.request(), None)
        machine.cli("activate", "b")
        machine.cli("rollback")
        expect_equal(machine.request()["number"], 1)


def test_what_cannot_be_stored():
    with EtcMachine() as machine:
        machine.overlay()
        with open(machine.upper / "large", "wb") as file:
            file.truncate(17 << 20)
        expect_equal(machine.json("etc", "save", status=1)["name"], "ETC_LIMIT")
        machine.cli("install", MAKER.bundle(2))
        expect_equal((machine.status()["next"], machine.states()), ("b", []))
        machine.reboot("b")
        expect_equal(machine.json("rollback", "--etc", status=1)["name"], "ETC_LIMIT")
        expect_equal(machine.status()["next"], "b")
        machine.cli("rollback")
        expect_equal(machine.status()["next"], "a")


def test_check():
    """azupdate store check: a damaged state goes, and the wish to have it back; all else stays"""
    with EtcMachine() as machine:
        expect_equal(machine.json("store", "check", status=1)["name"], "STORE_OFF")
        machine.overlay()
        for number in (1, 2, 3):
            (machine.upper / "added").write_text(f"{number} " * 1000)
            expect_equal(machine.json("etc", "save")["state"], number)
        machine.cli("etc", "restore", "1")
        expect_equal(machine.json("store", "check")["result"]["dropped"], [])
        expect_equal(machine.request()["number"], 1)
        machine.cli("etc", "restore", "2")
        machine.rot(b"2 " * 1000)
        expect("State 2 of /etc was dropped." in machine.cli("store", "check").stdout, "text")
        expect_equal(([state["number"] for state in machine.states()], machine.request()), ([1, 3], None))
        expect("state 2 of /etc is dropped from the store" in (machine.folder / "log").read_text(), "log")
        expect_equal(machine.json("store", "check")["result"]["dropped"], [])
        (machine.upper / "added").write_text("2 " * 1000)
        expect_equal(machine.json("etc", "save")["state"], 4)
        expect_equal(machine.json("store", "check")["result"]["dropped"], [])


def test_check_beside_releases():
    with EtcMachine() as machine:
        with open(machine.folder / "azupdate.conf", "a") as conf:
            conf.write("[store]\nhistory=2\n")
        expect_equal(machine.json("store", "check", status=1)["name"], "STORE_EMPTY")
        machine.cli("store", "add")
        release = set(machine.objects())
        machine.overlay()
        for number in (1, 2):
            (machine.upper / "added").write_text(f"{number} " * 1000)
            machine.cli("etc", "save")
        machine.rot(b"2 " * 1000)
        expect_equal(machine.json("store", "check")["result"]["dropped"], ["etc/2"])
        expect_equal([entry["complete"] for entry in machine.json("history")["store"]], [True])
        largest = max(release, key=lambda path: path.stat().st_size)
        largest.write_bytes(bytes(largest.stat().st_size))
        expect_equal(machine.json("store", "check")["result"]["dropped"], ["1.0"])
        expect_equal((machine.json("history")["store"], [state["number"] for state in machine.states()]), ([], [1]))
        expect(not release & set(machine.objects()) - {largest}, "what only the release had is still there")
        expect_equal(machine.json("store", "check")["result"]["dropped"], [])


def test_not_as_meant():
    """told wherever somebody looks; fatal to a release on trial, and to none that was committed before"""
    with EtcMachine() as machine:
        expect_equal(machine.status()["etc"], None)
        machine.overlay()
        machine.cli("install", MAKER.bundle(2))
        right = {"laid": "writable", "fault": 0, "fault_name": "OK", "reason": None}
        expect_equal(machine.status()["etc"], right)
        expect_equal(machine.json("health", "run")["result"]["healthy"], True)
        machine.reboot("b")
        machine.cli("mark-good", "b")       # so that there is a good release that one could go to
        machine.reboot("a")
        for laid, fault, name, text in (("read-only", 1375, "ETC_WRITE", "/etc cannot be changed: because"),
                                        ("release", 1377, "ETC_LOST", "local changes of /etc are not in force: because")):
            machine.lay(laid, fault, "because")
            expect_equal(machine.status()["etc"], {"laid": laid, "fault": fault, "fault_name": name, "reason": "because"})
            expect(f"  /etc       {text} (fault {fault} {name})" in machine.cli("status").stdout, "text")
            expect(text[:1].upper() + text[1:] in (machine.folder / "p-motd" / "50-azupdate").read_text(), "message")
            result = machine.json("health", "run", "--act", status=7)["result"]
            expect_equal((result["reason"], result["verdict"], result["because"]),
                         (f'check "etc" failed: {text}', "stay", "a reboot would lead nowhere better"))
        for words in (["etc", "diff"], ["etc", "save"], ["rollback", "--etc"]):
            expect_equal(machine.json(*words, status=1)["name"], "ETC_LOST")
        expect("Local changes of /etc are not in force: because.\n" in machine.cli("etc").stdout, "text")
        machine.json("etc", "restore", "1")         # it is what brings them back
        (machine.folder / "run" / "etc.json").unlink()
        expect("azetc did not come to its end.\n" in machine.cli("etc").stdout, "text")
        expect_equal(machine.status()["etc"]["reason"], "azetc did not come to its end")
        machine.lay("writable")
        expect_equal(machine.status()["etc"], right)


def test_other_checks_may_fail_for_it():
    """whatever else fails where changes are not in force: a machine does not reboot to and fro"""
    with EtcMachine() as machine:
        machine.overlay()
        machine.cli("install", MAKER.bundle(2))
        machine.reboot("b")
        machine.cli("mark-good", "b")
        machine.reboot("a")
        machine.check_add("shop", "exit 1")
        machine.lay("release", 1377, "they are lost")
        result = machine.json("health", "run", "--act", status=7)["result"]
        expect_equal((result["reason"], result["verdict"]), ('check "shop" failed: exit status 1', "stay"))
        machine.lay("writable")
        expect_equal(machine.json("health", "run", "--act", status=1)["name"], "REBOOT")
        machine.reboot("a")
        machine.stop()
        text = (machine.folder / "azupdate.conf").read_text()
        machine.configuration_write(text.replace("[health]\n", "[health]\nbuiltins=\n"))
        machine.start()
        machine.lay("release", 144, "var cannot be mounted")
        result = machine.json("health", "run", "--act", status=7)["result"]
        expect_equal((len([check for check in result["checks"] if check["required"]]), result["verdict"]), (1, "stay"))


def test_on_trial():
    with EtcMachine() as machine:
        machine.overlay()
        machine.cli("install", MAKER.bundle(2))
        machine.reboot("b")
        machine.lay("release", 1376, "no overlayfs")
        expect_equal(machine.json("health", "run", "--act", status=1)["name"], "REBOOT")
        machine.reboot("a")
        machine.lay("writable")
        expect_equal([row["version"] for row in machine.status()["failed"]], ["2.0"])
        expect("no overlayfs" in machine.status()["failed"][0]["reason"], "reason")


def test_odd_names():
    with EtcMachine() as machine:
        machine.overlay()
        pathlib.Path(os.fsdecode(os.fsencode(machine.upper) + b"/\xff\x1b[31m")).write_text("x")
        text = machine.cli("etc", "diff").stdout
        expect("\x1b" not in text and "added" in text, repr(text))
        json.loads(machine.cli("etc", "diff", "--json").stdout)


if __name__ == "__main__":
    rig.main(globals())
