#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""azupdated and a repository that azrepo keeps: finding, taking and not taking releases, on a real
machine whose disk is a file. tuf_test.py does what a mirror can do, and policy_test.c the policy."""
import contextlib
import http.server
import json
import subprocess
import threading

import machine_test
import rig
from fleet_rig import Server
from machine_test import CONFIG, MAKER, Machine
from rig import expect, expect_equal
from nebraska import Group, Nebraska

REPOSITORY = """
[repository]
url={url}
root=@/root.json
bundles={bundles}
[reboot]
warn=0
[policy]
reboot={reboot}
{policy}
"""


@contextlib.contextmanager
def serving(folder):
    """A web server of static files."""
    class Files(machine_test.Ranges):
        def do_GET(self):
            path = folder / self.path.strip("/")
            if not path.is_file():
                self.send_error(404)
                return
            self.files[self.path.strip("/")] = path.read_bytes()
            super().do_GET()

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Files)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class Repository:
    """What azrepo keeps: keys made anew, and releases in the channel stable."""

    def __init__(self, folder, versions, maker):
        self.folder, self.maker = folder / "repo", maker
        keys = folder / "keys"
        keys.mkdir()
        roles = ("root", "targets", "channels", "snapshot", "timestamp")
        for role in roles:
            self.azrepo("keygen", str(keys / role))
        self.azrepo("init", "--product=shop", *(f"--{role}-key={keys / role}" for role in roles), str(self.folder))
        for version in versions:
            self.add(version)

    def azrepo(self, *words):
        done = subprocess.run([rig.program("AZREPO"), *words], capture_output=True, text=True)
        expect(done.returncode == 0, f"azrepo {words}: {done.stdout}{done.stderr}")
        return done.stdout

    def add(self, number):
        self.azrepo("add", str(self.folder), self.maker.bundle(number))
        self.azrepo("publish", "--channel=stable", "--all", str(self.folder), self.maker.VERSION.format(number))


class Following(Machine):
    """A machine that follows a repository: a folder, or what `url` names."""

    def __init__(self, versions=(2,), maker=MAKER):
        super().__init__(maker=maker)
        self.repository = Repository(self.folder, versions, maker)
        self.configure()
        (self.folder / "root.json").write_bytes((self.repository.folder / "metadata/1.root.json").read_bytes())

    def configure(self, url=None, policy="", reboot="never", listed=False, more=""):
        text = CONFIG + REPOSITORY.format(url=url or f"file://{self.repository.folder}", policy=policy,
                                          reboot=reboot, bundles="listed" if listed else "any") + more
        self.configuration_write(text)

    def configure_again(self, **options):
        self.stop()
        self.configure(**options)
        self.start()

    def export(self, number, name):
        """A bundle of the repository with its metadata; the path."""
        path = str(self.folder / name)
        targets = (self.repository.folder / "targets/bundles").rglob("*.azb")
        file = next(file for file in targets if f"/{number}.0/" in str(file))
        self.repository.azrepo("export", "-o", path, str(self.repository.folder),
                               f"bundles/shop/x86_64/{number}.0/{file.name.split('.', 1)[1]}")
        return path

    def automatic(self):
        return self.json("update", "--automatic")["result"]

    def why(self):
        """What is said, and the reasons by their names."""
        said = self.json("why")
        return said, [reason["id"] for reason in said["reasons"]]

    def history(self):
        return [(event["what"], event["version"]) for event in self.json("history")["events"]]

    def commit(self, slot):
        self.reboot(slot)
        self.json("health", "run", "--act")


def test_by_hand():
    with Following() as machine:
        expect("never-checked" in machine.why()[1], machine.why())
        expect_equal(machine.json("history")["events"], [])
        text = machine.cli("check").stdout
        expect("2.0" in text, text)
        expect_equal(machine.slots()["b"], (None, "empty"))
        job = machine.json("update")
        expect_equal((job["kind"], job["result"]["did"], job["result"]["version"]), ("update", "activated", "2.0"))
        expect_equal(machine.slots()["b"], ("2.0", "trial"))
        machine.commit("b")
        expect_equal(machine.history(), [("staged", "2.0"), ("activated", "2.0"), ("committed", "2.0")])
        expect("up-to-date" in machine.why()[1], machine.why())
        expect("2.0" in machine.cli("history").stdout and machine.cli("why").stdout, "text")
        expect_equal(machine.automatic()["did"], "nothing")


def test_by_itself_over_http():
    with Following() as machine:
        folder = machine.repository.folder
        with serving(folder) as url:
            machine.configure_again(url=url)
            expect_equal(machine.automatic()["did"], "activated")
        expect_equal(machine.slots()["b"], ("2.0", "trial"))
        expect("reboot-never" in machine.why()[1], machine.why())
        # Without the server, what is known goes on to hold.
        expect_equal(machine.automatic()["did"], "nothing")
        error = machine.json("check", status=1)
        expect(error["name"].startswith("HTTP_"), error)
        expect_equal(machine.slots()["b"], ("2.0", "trial"))


def test_newer_one_before_the_reboot():
    with Following() as machine:
        machine.automatic()
        machine.repository.add(3)
        machine.cli("check")
        expect_equal(machine.automatic()["version"], "3.0")
        expect_equal(machine.slots()["b"], ("3.0", "trial"))
        machine.commit("b")
        expect_equal(machine.history()[-1], ("committed", "3.0"))


def test_window_hold_approval():
    with Following() as machine:
        machine.configure_again(policy="windows=Mon 03:00-03:01\n")
        result = machine.automatic()
        said = json.loads(result["why"])
        if "window" not in [reason["id"] for reason in said["reasons"]]:
            raise rig.Skip("it is that very minute of the week")
        expect_equal(result["did"], "nothing")
        expect("2.0" in machine.cli("why").stdout, "text")
        machine.configure_again(policy="approval=manual")
        expect("approval" in machine.why()[1], machine.why())
        expect_equal(machine.automatic()["did"], "nothing")
        expect_equal(machine.json("approve", "2.0")["version"], "2.0")
        machine.cli("hold", "--for=2h", "--reason=inventory")
        said, names = machine.why()
        expect("hold" in names and "inventory" in json.dumps(said), said)
        expect_equal(machine.automatic()["did"], "nothing")
        machine.cli("unhold")
        expect_equal(machine.automatic()["did"], "activated")
        expect_equal([what for what, _ in machine.history()], ["approved", "held", "unheld", "staged", "activated"])
        expect_equal(machine.json("hold", "--until=2001-01-01", status=2)["name"], "ARGUMENT")
        expect_equal(machine.json("hold", "--for=5parsecs", status=2)["name"], "ARGUMENT")
        expect_equal(machine.json("approve", "../2", status=2)["name"], "ARGUMENT")


def test_failed_here():
    with Following() as machine:
        machine.automatic()
        machine.reboot("b")
        machine.check_add("net", "exit 3")
        machine.json("health", "run", "--act", status=1)        # no systemd here to reboot
        machine.cli("mark-bad", "b", "--reason", "no network")  # as azboot does when its tries are spent
        (machine.folder / "health/required.d/net").unlink()
        machine.commit("a")
        expect_equal(machine.history()[-1], ("rolled-back", "2.0"))
        said, names = machine.why()
        expect("failed" in names and said["action"] == "nothing", said)
        expect_equal(machine.automatic()["did"], "nothing")
        expect_equal(machine.slots()["b"], ("2.0", "bad"))
        machine.repository.add(3)
        machine.cli("check")
        expect_equal(machine.automatic()["version"], "3.0")


def test_revoked():
    with Following() as machine:
        machine.automatic()
        machine.repository.azrepo("revoke", "--reason=eats disks", str(machine.repository.folder), "2.0")
        machine.cli("check")
        expect_equal(machine.automatic()["did"], "nothing")
        expect_equal(machine.slots()["b"], ("2.0", "bad"))
        expect("eats disks" in machine.cli("why").stdout, machine.cli("why").stdout)
        expect_equal(machine.history()[-1], ("dropped", "2.0"))


def test_hooks():
    """A hook's no holds the policy back at each step, and is told until the hook says yes."""
    with Following() as machine:
        for kind, before, after in (("pre-stage", "nothing", (None, "empty")), ("pre-activate", "staged", ("2.0", "staged"))):
            hook = machine.hook_add(kind, "10-no", f'test "$AZUPDATE_REASON" = "by the policy" && echo no {kind} now; exit 1')
            expect_equal((machine.automatic()["did"], machine.slots()["b"]), (before, after), kind)
            expect_equal(machine.automatic()["did"], "nothing")
            said, names = machine.why()
            expect("hook" in names and f"no {kind} now" in json.dumps(said), said)
            hook.unlink()
        expect_equal(machine.automatic()["did"], "activated")
        expect("hook" not in machine.why()[1], machine.why())
        machine.hook_add("pre-reboot", "10-no", "echo not while people work; exit 1")
        machine.configure_again(reboot="auto")
        expect_equal(machine.automatic()["did"], "nothing")
        expect("not while people work" in machine.cli("why").stdout, machine.cli("why").stdout)
        expect_equal([what for what, _ in machine.history()],
                     ["vetoed", "staged", "vetoed", "activated", "vetoed"])


def test_bundle_of_another_release():
    """A mirror that puts another signed release of the same maker in place of the one."""
    with Following() as machine:
        target = next((machine.repository.folder / "targets").rglob("*.azb"))
        target.write_bytes(open(MAKER.bundle(3), "rb").read())
        error = machine.json("update", status=1)
        expect_equal(error["name"], "MANIFEST_OTHER")
        expect_equal(machine.slots()["b"], (None, "empty"))
        expect_equal(machine.history()[-1], ("failed", "2.0"))
        expect_equal(machine.automatic()["did"], "nothing")
        expect("backoff" in machine.why()[1], machine.why())


class Lock(Server):
    """FleetLock with one slot for all."""

    def __init__(self):
        super().__init__(self.answer)
        self.asked, self.full = [], False

    def answer(self, request):
        step = request.path.rsplit("/", 1)[1]
        self.asked.append((step, json.loads(request.text)["client_params"]["group"]))
        if self.full and step == "pre-reboot":
            request.reply(409, json.dumps({"kind": "all_slots_full", "value": "somebody else reboots"}))
        else:
            request.reply()


def test_lock():
    with Following() as machine, Lock() as lock:
        lock.full = True
        machine.configure_again(reboot="auto", more=f"[fleetlock]\nurl={lock.url}\ngroup=shops\n")
        expect_equal(machine.automatic()["did"], "staged", "it is activated right before the reboot")
        expect_equal(lock.asked, [("pre-reboot", "shops")])
        expect("somebody else reboots" in json.dumps(machine.why()[0]), machine.why())


def test_lock_given_back():
    """There is no systemd on this bus: what does not reboot gives the lock back."""
    with Following() as machine, Lock() as lock:
        machine.configure_again(reboot="auto", more=f"[fleetlock]\nurl={lock.url}\ngroup=shops\n")
        expect_equal(machine.json("update", "--reboot", status=1)["name"], "REBOOT")
        expect_equal([step for step, _ in lock.asked], ["pre-reboot", "steady-state"])
        expect_equal(machine.slots()["b"], ("2.0", "trial"))


def test_lock_until_committed():
    """A machine on trial keeps the lock, and gives it back when its release is good."""
    with Following() as machine, Lock() as lock:
        machine.configure_again(more=f"[fleetlock]\nurl={lock.url}\n")
        machine.automatic()
        lock.asked = []
        (machine.folder / "state/fleetlock.json").write_text(json.dumps(
            {"format": 1, "asked": True, "asked_boot": "0" * 32, "told_boot": "", "url": lock.url, "group": "default"}))
        machine.reboot("b")
        machine.cli("update", "--automatic")
        expect("steady-state" not in [step for step, _ in lock.asked], lock.asked)
        machine.json("health", "run", "--act")
        expect_equal(lock.asked[-1], ("steady-state", "default"))


class SemverMaker(machine_test.Maker):
    """Omaha knows versions of three numbers only."""

    VERSION = "{}.0.0"


def omaha_events(server):
    return [event[:2] for event in server.events]


def test_omaha():
    """It chooses among what is signed, and is told what became of it."""
    maker = SemverMaker()
    groups = {("stable", "amd64"): Group("2.0.0")}
    with Following(versions=(2, 3), maker=maker) as machine, Nebraska(groups) as server:
        machine.configure_again(more=f"[omaha]\nurl={server.url}/v1/update/\napp=shop\ntrack=stable\n")
        expect_equal(machine.automatic()["version"], "2.0.0", "not 3.0.0, which is newer")
        expect_equal(omaha_events(server), [(13, 1), (14, 1), (800, 1)])
        machine.commit("b")
        expect_equal(omaha_events(server)[-1], (3, 2))
        machine.cli("check")
        expect("nothing for this machine" in machine.cli("why").stdout, machine.cli("why").stdout)
        expect_equal(machine.automatic()["did"], "nothing")
        groups[("stable", "amd64")].version = "9.0.0"       # which nobody signed
        machine.cli("check")
        expect_equal(machine.automatic()["did"], "nothing")
        groups[("stable", "amd64")].version = "3.0.0"
        machine.cli("check")
        expect_equal(machine.automatic()["version"], "3.0.0")
        machine.reboot("a")
        machine.check_add("net", "exit 3")
        machine.json("health", "run", "--act", status=1)
        machine.cli("mark-bad", "a", "--reason", "no network")
        (machine.folder / "health/required.d/net").unlink()
        machine.commit("b")
        expect_equal(omaha_events(server)[-1], (3, 0))


def test_reports():
    """Events reach their server, and metrics stand in a file. (report_test.py has servers that are away.)"""
    told = []

    def take(request):
        told.extend((event["kind"], event["version"]) for event in json.loads(request.text)["events"])
        request.reply()

    with Following() as machine, Server(take) as server:
        machine.configure_again(more=f"[report]\nurl={server.url}/events\nprometheus=@/metrics.prom\n")
        machine.automatic()
        expect_equal(told, [("staged", "2.0"), ("activated", "2.0")])
        metrics = (machine.folder / "metrics.prom").read_text()
        expect('azupdate_events_total{kind="activated"} 1' in metrics, metrics)
        expect('version="2.0"' in metrics, metrics)
        machine.commit("b")
        expect_equal(told[2:], [("committed", "2.0")])


def test_offline_bundle():
    with Following(versions=(2,)) as machine:
        carried = machine.export(2, "carried.azb")
        machine.configure_again(listed=True)
        error = machine.json("install", MAKER.bundle(2), status=1)
        expect_equal(error["name"], "CARRIED_MISSING")
        machine.repository.add(3)
        newer = machine.export(3, "newer.azb")
        machine.cli("install", "--no-activate", newer)
        expect_equal(machine.slots()["b"], ("3.0", "staged"))
        error = machine.json("install", "--no-activate", carried, status=1)
        expect_equal(error["name"], "TUF_ROLLBACK", "metadata that are older than what was seen")


def test_offline_bundle_spliced():
    """Metadata of one bundle in front of another one."""
    with Following(versions=(2, 3)) as machine:
        two, three = (open(machine.export(number, f"{number}.azb"), "rb").read() for number in (2, 3))
        start = 4096 + int.from_bytes(two[16:20], "little") + int.from_bytes(two[20:24], "little")
        size = int.from_bytes(two[64 + 32:64 + 40], "little")
        head = 4096 + int.from_bytes(three[16:20], "little") + int.from_bytes(three[20:24], "little")
        expect_equal(size, int.from_bytes(three[64 + 32:64 + 40], "little"), "the same metadata but for the name")
        mixed = bytearray(three[:head] + two[start:start + size] + three[head + size:])
        mixed[64 + 20:64 + 24] = two[64 + 20:64 + 24]
        mixed[8:12] = bundle_crc(mixed[12:4096])
        (machine.folder / "mixed.azb").write_bytes(mixed)
        error = machine.json("install", str(machine.folder / "mixed.azb"), status=1)
        expect_equal(error["name"], "CARRIED_TARGET")
        expect_equal(machine.slots()["b"], (None, "empty"))


def bundle_crc(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return (crc ^ 0xFFFFFFFF).to_bytes(4, "little")


if __name__ == "__main__":
    rig.main(globals())
