#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""azupdated and releases in an ostree repository behind a plain web server: installed, repaired, followed; and what
such a server can do to a machine. ostree_source_test.py has the reader alone."""
import base64
import functools
import http.server
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import threading
import time

import rig
from machine_test import CONFIG, Machine, Maker
from rig import Rig, expect, expect_equal, wait_until

REF = "azupdate/os"
OTHER_COMMIT = "ab" * 32
TRUST = CONFIG.replace("keyring=@/keyring\n", "keyring=@/keyring\nostree-keys=@/signers\n")
FOLLOWED = "[repository]\nurl={url}\nbundles={bundles}\n[reboot]\nwarn=0\n[policy]\nreboot=never\n"


def run(*words, **options):
    return subprocess.run([str(word) for word in words], check=True, capture_output=True, **options).stdout


def object_path(commit, kind):
    return f"/objects/{commit[:2]}/{commit[2:]}.{kind}"


def files_of(repo, ref):
    """{path in the commit: path on the server} of its files."""
    text = run("ostree", f"--repo={repo}", "ls", "-RC", ref).decode()
    found = re.findall(r"^-\S+ +\d+ +\d+ +\d+ (\w{64}) /(\S+)$", text, re.M)
    return {path: object_path(name, "filez") for name, path in found}


class OstreeMaker(Maker):
    """Makes releases out of commits, and publishes them: half of the files stay what they were."""

    FILES, SIZE = 40, 120_000

    def __init__(self, numbers=(1, 2, 3)):
        self.commits, self.contents = {}, {}
        super().__init__(numbers)
        self.key("stranger")

    def key(self, name):
        """The public half, as libostree has it."""
        self.program("AZREPO", "keygen", name)
        public = run("openssl", "pkey", "-pubin", "-in", self.folder / f"{name}.pub", "-outform", "DER")[-32:]
        return base64.b64encode(public) + b"\n"

    def program(self, program, *words):
        return run(rig.program(program), *words, cwd=self.folder).decode()

    def start(self):
        run("ostree", f"--repo={self.folder}/repo", "init", "--mode=archive")
        (self.folder / "signers").mkdir()
        (self.folder / "signers" / "a.ed25519").write_bytes(self.key("signer"))
        (self.folder / "tree").mkdir()
        for i in range(self.FILES):
            (self.folder / "tree" / f"f{i}").write_bytes(self.random.randbytes(self.SIZE))

    def files(self, number):
        if number == 1:
            self.start()
        for i in range(0, self.FILES, 2):
            (self.folder / "tree" / f"f{i}").write_bytes(self.random.randbytes(self.SIZE))
        run("ostree", f"--repo={self.folder}/repo", "commit", "--branch=os", f"--tree=dir={self.folder}/tree",
            "--owner-uid=0", "--owner-gid=0", f"--add-metadata-string=version={number}.0")
        self.run("image", "--ostree=repo:os", "-o", "root")
        shutil.copy(self.folder / "root", self.folder / f"root{number}")
        self.contents[number] = self.files_listed()

    def run(self, *words):
        if words[0] == "build":
            words = ["--ostree=repo:os" if word == "--root=root" else word for word in words]
        super().run(*words)
        if words[0] == "build":
            number = int(words[-1].partition(".")[0])
            while time.time() < self.commit_time() + 1:         # a commit's time counts in seconds
                time.sleep(0.1)
            self.commits[number] = self.publish(number, "signer")

    def commit_time(self):
        last = self.commits.get(max(self.commits, default=0))
        path = self.folder / "repo" / object_path(last, "commit")[1:] if last else None
        return path.stat().st_mtime if path else 0

    def publish(self, number, key):
        told = self.program("AZBUNDLE", "ostree", "--repo=repo", f"--sign-key={key}", f"{number}.azb")
        return re.match(r"commit (\w{64})\nref azupdate/os\n", told).group(1)

    def files_listed(self):
        """The names under which the server has the files of the newest system commit, with what is in them."""
        return {name: (self.folder / "tree" / path).read_bytes()
                for path, name in files_of(self.folder / "repo", "os").items()}


MAKER = OstreeMaker()


class Server:
    """A file server over a copy of the repository. It notes what it gave, and fails as it is told to."""

    def __init__(self, number=3, maker=MAKER):
        server, self.maker = self, maker
        self.folder = pathlib.Path(maker.folder) / f"served-{time.monotonic_ns()}"
        shutil.copytree(maker.folder / "repo", self.folder)
        self.head(number)
        self.asked, self.given, self.bodies = [], [], {}
        self.pause_s = 0
        self.late, self.held = None, threading.Event()
        self.busy, self.busiest, lock = 0, 0, threading.Lock()

        class Handler(http.server.SimpleHTTPRequestHandler):
            def do_GET(self):
                server.asked.append(self.path)
                with lock:
                    server.busy += 1
                    server.busiest = max(server.busy, server.busiest)
                time.sleep(server.pause_s if self.path.endswith(".filez") else 0)
                with lock:                      # before the answer: the next request may come in the middle of it
                    server.busy -= 1
                body = server.bodies.get(self.path)
                if body is not None:
                    body(self)
                elif server.late is not None and self.path in LATE and not server.late():
                    self.close_connection = True
                else:
                    super().do_GET()
                    server.given.append(self.path)

            def log_message(self, *_):
                pass

        self.http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(
            Handler, directory=str(self.folder)))
        self.thread = threading.Thread(target=self.http.serve_forever)
        self.thread.start()
        self.url = f"ostree+http://127.0.0.1:{self.http.server_port}#{REF}"

    def head(self, number, ref=REF):
        """Moves a ref to the commit of a release, or to any commit."""
        path = self.folder / "refs" / "heads" / ref
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(self.maker.commits.get(number, number) + "\n")

    def file(self, name):
        """A file of the copy that can be written."""
        path = self.folder / name.strip("/")
        content = path.read_bytes()
        path.unlink()
        path.write_bytes(content)
        return path

    def count(self):
        """How many files of the newest system were given."""
        return len([path for path in self.given if path in NEW])

    def before_late(self):
        """Waits until all files were given that are not late. Whoever asks in order asks for those before."""
        wait_until(lambda: self.count() >= len(NEW) - len(LATE), "the files that are not late")

    def die(self):
        """The late files are not given."""
        self.before_late()
        return False

    def hold(self):
        """The late files are given when `held` is set."""
        self.before_late()
        return self.held.wait()

    def __enter__(self):
        return self

    def __exit__(self, *failure):
        self.held.set()
        self.http.shutdown()
        self.http.server_close()
        self.thread.join()
        shutil.rmtree(self.folder)


CONTENTS = MAKER.contents[3]
NEW = set(CONTENTS) - set(MAKER.contents[1])         # what a machine with 1.0 needs for 3.0
VICTIM = sorted(NEW)[0]
LATE = sorted(NEW, key=lambda path: (MAKER.folder / "root3").read_bytes().index(CONTENTS[path]))[-5:]


class OstreeMachine(Machine):
    """A machine that runs 1.0; it follows `url`, if there is one."""

    def __init__(self, url=None, bundles="any", maker=MAKER):
        self.maker = maker
        Rig.__init__(self, rig.program("AZUPDATED"),
                     TRUST + (FOLLOWED.format(url=url, bundles=bundles) if url else ""))
        shutil.copy(maker.folder / "disk", self.folder / "disk")
        shutil.copy(maker.folder / "keys" / "ca.crt", self.folder / "keyring")
        shutil.copytree(maker.folder / "signers", self.folder / "signers")
        (self.folder / "run").mkdir()
        self.boot("a")

    def has_release(self, slot, number):
        root = (self.maker.folder / f"root{number}").read_bytes()
        expect(self.read(f"root_{slot}")[:len(root)] == root, "the root image is another one")
        expect_equal(self.slot(slot)["version"], f"{number}.0")

    def refuses(self, fault, *words):
        """A clear failure; the other slot is empty, and the machine boots what it ran."""
        error = self.json(*words, status=1)
        expect_equal(error["name"], fault, error)
        expect_equal(self.slots(), {"a": ("1.0", "good"), "b": (None, "empty")})
        expect_equal(self.status()["next"], "a")
        return error

    def why(self):
        return [reason["id"] for reason in self.json("why")["reasons"]]


def test_install():
    """of the files those are fetched that changed, each once, and no other"""
    with Server() as server, OstreeMachine() as machine:
        before = (machine.folder / "disk").read_bytes()
        plan = machine.json("install", "--plan", server.url)["result"]
        expect((machine.folder / "disk").read_bytes() == before, "the disk was written")
        expect_equal((plan["version"], plan["slot"]), ("3.0", "b"))
        expect_equal([path for path in server.asked if path in CONTENTS], [])
        server.asked.clear()
        result = machine.json("install", server.url)["result"]
        asked = [path for path in server.asked if path in CONTENTS]
        expect_equal((set(asked), len(asked)), (NEW, len(NEW)))
        expect_equal(len(NEW), MAKER.FILES // 2)
        expect_equal(len(server.asked), len(set(server.asked)), server.asked)
        sizes = sum(os.path.getsize(server.folder / path[1:]) for path in set(server.asked))
        expect_equal(result["fetched_bytes"], sizes)
        machine.has_release("b", 3)
        machine.json("verify", "b")


def test_several_at_a_time():
    for parallel, busiest in (1, {1}), (3, {2, 3, 4}):          # three, and the reader
        with Server() as server, OstreeMachine() as machine:
            conf = machine.folder / "azupdate.conf"
            conf.write_text(conf.read_text().replace("retry-time=0", f"retry-time=0\nparallel={parallel}"))
            machine.reboot("a")
            server.pause_s = 0.03
            machine.json("install", server.url)
            expect(server.busiest in busiest, f"{server.busiest} requests at a time with parallel={parallel}")
            expect_equal(len(server.asked), len(set(server.asked)), server.asked)
            expect_equal(set(server.asked) & set(CONTENTS), NEW)
            machine.has_release("b", 3)


def children(machine):
    """The processes that the daemon's threads have begun, with their command lines."""
    tasks = pathlib.Path(f"/proc/{machine.daemon.pid}/task").glob("*/children")
    pids = [pid for task in tasks for pid in task.read_text().split()]
    return {int(pid): pathlib.Path(f"/proc/{pid}/cmdline").read_text() for pid in pids}


def test_workers_killed():
    """the processes that fetch die: others go on"""
    with Server() as server, OstreeMachine() as machine:
        server.pause_s = 0.05
        client = subprocess.Popen(machine.command("install", server.url), stdout=subprocess.DEVNULL)
        wait_until(lambda: server.count() >= 3, "some of the files")
        workers = [pid for pid, line in children(machine).items() if "azfetch" in line and "net" in line]
        expect(workers, "nobody fetches")
        for pid in workers:
            os.kill(pid, signal.SIGKILL)
        expect_equal(client.wait(rig.PATIENCE_S), 0)
        machine.has_release("b", 3)


def in_slot(machine):
    slot = machine.read("root_b")
    return {path for path, content in CONTENTS.items() if path in NEW and content in slot}


def resume(server, machine):
    """What is in the slot already is not fetched again."""
    first = set(server.given) & NEW
    kept = in_slot(machine) & first
    expect(len(NEW) > len(first) >= len(kept) > 0, f"{len(first)} were given, {len(kept)} are in the slot")
    server.given.clear()
    server.late = None
    server.held.set()
    machine.json("install", server.url)
    expect_equal(set(server.given) & NEW & kept, set())
    expect_equal(set(server.given) & NEW, NEW - kept)
    machine.has_release("b", 3)


def test_server_dies():
    with Server() as server, OstreeMachine() as machine:
        server.late = server.die
        machine.refuses("HTTP_TRANSFER", "install", server.url)
        resume(server, machine)


def test_daemon_killed():
    machine = OstreeMachine().start()
    try:
        with Server() as server:
            server.late = server.hold
            client = subprocess.Popen(machine.command("install", server.url), stderr=subprocess.DEVNULL)
            wait_until(lambda: in_slot(machine), "some of the files in the slot")
            machine.daemon.kill()
            machine.daemon.wait()
            expect_equal(client.wait(rig.PATIENCE_S), 6)
            machine.start()
            expect_equal(machine.slots(), {"a": ("1.0", "good"), "b": (None, "empty")})
            expect_equal(machine.status()["next"], "a")
            resume(server, machine)
    finally:
        machine.close()


def test_repair():
    """from the ref, or from the commit of the release that it is"""
    with Server(2) as server, OstreeMachine() as machine:
        machine.cli("install", "--no-activate", server.url)
        right = machine.read("root_b")
        changed = MAKER.contents[2]
        path = next(path for path in changed if path not in MAKER.contents[1])
        at = right.index(changed[path])
        machine.write("root_b", at + 5000, b"rot")
        server.asked.clear()
        result = machine.json("repair", "b", server.url)["result"]
        expect_equal((result["wrong_bytes"], result["decoded_bytes"]), (4096, 4096))
        expect_equal([name for name in server.asked if name in changed], [path])
        expect(machine.read("root_b") == right, "the slot is not what it was")
        server.head(3)
        machine.write("root_b", at + 5000, b"rot")
        expect_equal(machine.json("repair", "b", server.url, status=1)["fault_name"], "RELEASE_OTHER")
        machine.json("repair", "b", f"{server.url}@{MAKER.commits[2]}")
        expect(machine.read("root_b") == right, "the slot is not what it was")


def other_signer(server):
    server.head(3)
    path = server.file(object_path(MAKER.commits[3], "commitmeta"))
    commit = server.folder / object_path(MAKER.commits[3], "commit")[1:]
    path.write_bytes(path.read_bytes().replace(signature_of(commit, "signer"), signature_of(commit, "stranger")))


def signature_of(path, key):
    return run("openssl", "pkeyutl", "-sign", "-rawin", "-in", path, "-inkey", MAKER.folder / key)


def other_system(server):
    """A commit of somebody who may sign commits, whose recipe and metadata name another system's commit."""
    tree, repo = server.folder / "forged", f"--repo={server.folder}"
    run("ostree", repo, "checkout", "-U", MAKER.commits[3], tree)
    recipe = bytearray((tree / "recipe").read_bytes())
    recipe[8:40] = bytes.fromhex(OTHER_COMMIT)
    (tree / "recipe").unlink()
    (tree / "recipe").write_bytes(recipe)
    forged = run("ostree", repo, "commit", f"--branch={REF}", f"--tree=dir={tree}",
                 f"--add-metadata-string=azupdate.commit={OTHER_COMMIT}").decode().strip()
    meta = server.folder / object_path(MAKER.commits[3], "commitmeta")[1:]
    old = signature_of(server.folder / object_path(MAKER.commits[3], "commit")[1:], "signer")
    new = signature_of(server.folder / object_path(forged, "commit")[1:], "signer")
    (server.folder / object_path(forged, "commitmeta")[1:]).write_bytes(meta.read_bytes().replace(old, new))


def damaged(server):
    path = server.file(VICTIM)
    content = bytearray(path.read_bytes())
    content[-100] ^= 1
    path.write_bytes(content)


def endless(handler):
    handler.send_response(200)
    handler.end_headers()
    try:
        while True:
            handler.wfile.write(bytes(65536))
    except ConnectionError:
        handler.close_connection = True


def truncated(handler):
    handler.send_response(200)
    handler.send_header("Content-Length", "100000")
    handler.end_headers()
    handler.wfile.write(b"x" * 1000)
    handler.close_connection = True


def body(path, answer):
    return lambda server: server.bodies.update({path: answer})


HOSTILE = (
    ("OSTREE_SIGNATURE", other_signer),
    ("OSTREE_SIGNATURE", lambda server: (server.folder / object_path(MAKER.commits[3], "commitmeta")[1:]).unlink()),
    ("OSTREE_PINNED", other_system),
    ("OSTREE_OBJECT", damaged),
    ("OSTREE_OBJECT", lambda server: server.file(object_path(MAKER.commits[3], "commit")).write_bytes(b"commit")),
    ("OSTREE_FETCH", lambda server: (server.folder / VICTIM[1:]).unlink()),
    ("OSTREE_FETCH", lambda server: server.head("no commit")),
    ("OSTREE_LARGE", body(f"/refs/heads/{REF}", endless)),
    ("OSTREE_LARGE", body(object_path(MAKER.commits[3], "commit"), endless)),
    ("OSTREE_LARGE", body(VICTIM, endless)),
    ("HTTP_TRANSFER", body(object_path(MAKER.commits[3], "commit"), truncated)),
    ("HTTP_TRANSFER", body(VICTIM, truncated)),
)


def test_hostile():
    """each is refused with a fault of its own; then the same machine takes the release"""
    with OstreeMachine() as machine:
        for fault, spoil in HOSTILE:
            with Server() as server:
                spoil(server)
                machine.refuses(fault, "install", server.url)
        with Server() as server:
            server.head(3, "azupdate/other")
            machine.refuses("OSTREE_BINDING", "install", server.url.replace(REF, "azupdate/other"))
            machine.refuses("OSTREE_FETCH", "install", server.url.replace(REF, "none"))
            machine.refuses("OSTREE_SIGNATURE", "install", server.url.replace(REF, "os"))
            machine.refuses("HTTP_URL", "install", server.url.replace(REF, "../os"))
            machine.refuses("HTTP_URL", "install", f"{server.url}@{'g' * 64}")
            machine.refuses("HTTP_URL", "install", server.url.partition("#")[0])
            machine.json("install", "--plan", server.url)
            server.head(2)
            machine.refuses("OSTREE_OLDER", "install", server.url)
            server.head(3)
            signers = machine.folder / "signers"
            signers.chmod(0o777)
            machine.refuses("OSTREE_KEYS", "install", server.url)
            signers.chmod(0o755)
            (signers / "a.ed25519").chmod(0o666)
            machine.refuses("OSTREE_KEYS", "install", server.url)
            (signers / "a.ed25519").chmod(0o644)
            machine.json("install", server.url)
            machine.has_release("b", 3)
    with Server() as server, OstreeMachine(server.url.replace(REF, "azupdate/other"), "listed") as machine:
        machine.refuses("CARRIED_MISSING", "install", server.url)


def test_follow():
    """check, why and update with a ref; a look at one that has not moved is one request"""
    with Server(2) as server, OstreeMachine(server.url, "listed") as machine:
        expect("never-checked" in machine.why(), machine.why())
        expect("2.0" in machine.cli("check").stdout, "check does not tell of 2.0")
        expect(not [path for path in server.asked if path in CONTENTS], "a check fetched files")
        server.asked.clear()
        machine.cli("check")
        expect_equal(server.asked, [f"/refs/heads/{REF}"])
        expect({"available", "undated"} <= set(machine.why()), machine.why())
        known = json.loads((machine.folder / "state" / "policy.json").read_text())
        expect_equal(known.get("last_known", 0), 0, "a check vouches for the clock")
        expect("no expiry" in machine.cli("why").stdout, "why does not tell what a ref cannot say")
        server.head(3)                          # between the check and the update
        result = machine.json("update", "--automatic")["result"]
        expect_equal((result["did"], result["version"]), ("activated", "2.0"))
        machine.has_release("b", 2)
        machine.cli("check")
        result = machine.json("update", "--automatic")["result"]
        expect_equal((result["did"], result["version"]), ("activated", "3.0"))
        machine.has_release("b", 3)
        machine.reboot("b")
        machine.json("health", "run", "--act")
        expect("up-to-date" in machine.why(), machine.why())
        server.asked.clear()
        machine.cli("check")
        expect_equal(server.asked, [f"/refs/heads/{REF}"])
        # Somebody goes back: nothing of that is believed, and the machine stays what it is.
        server.head(2)
        expect_equal(machine.json("check", status=1)["name"], "OSTREE_OLDER")
        expect("unreachable" in machine.why(), machine.why())
        expect_equal(machine.json("update", "--automatic")["result"]["did"], "nothing")
        expect_equal(machine.slots(), {"a": ("1.0", "good"), "b": ("3.0", "good")})
        state = machine.folder / "state" / "ostree" / "followed.json"
        state.write_text("{}")
        expect("never-checked" in machine.why(), machine.why())
        server.head(3)
        machine.cli("check")
        expect("up-to-date" in machine.why(), machine.why())


def test_follow_another_product():
    """a ref of other machines is refused at the check, not at each attempt to stage it"""
    with Server() as server, OstreeMachine(server.url) as machine:
        conf = machine.folder / "azupdate.conf"
        conf.write_text(conf.read_text().replace("name=shop", "name=desk"))
        machine.reboot("a")
        expect_equal(machine.json("check", status=1)["name"], "MANIFEST_PRODUCT")


if __name__ == "__main__":
    rig.main(globals())
