#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Repositories that a mirror, a network or a clock spoils: tuf_test.py DRIVER. TAP.

Each threat has a stated outcome: a fault by name, or that it does no harm. The repositories are made
by tufmaker.py, which shares nothing with the C code."""
import concurrent.futures
import hashlib
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import threading
import time

from http_rig import Certificates, Server, nginx, proxy
from tufmaker import DAY, NOW, Key, Repository, envelope, grant

DRIVER = os.path.abspath(sys.argv[1])
CHANNEL = "channels/demo/x86_64/stable.json"
BUNDLE = "bundles/demo/x86_64/1.0/full.azb"
OPTIONS = {"now": NOW, "connect_time": 60}
YEAR_2100 = 4102444800
WORLD = tempfile.TemporaryDirectory()
CERTIFICATES = Certificates(WORLD.name)


class Machine:
    """One that follows a repository, with its state folder."""

    def __init__(self, repository, location=None, root=None):
        self.folder = pathlib.Path(tempfile.mkdtemp(dir=WORLD.name))
        self.state = self.folder / "state"
        self.root = self.folder / "root.json"
        self.root.write_bytes(root or repository.root_file.read_bytes())
        self.location = location or str(repository.folder)

    def words(self, commands, options):
        return [DRIVER, self.location, str(self.root), str(self.state),
                *(f"{name}={value}" for name, value in {**OPTIONS, **options}.items()), *commands]

    def run(self, *commands, wrap=(), **options):
        """The answers, one for each command that was reached; None if it was killed."""
        clean = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
        if wrap:  # the leak checker cannot work under strace
            clean["ASAN_OPTIONS"] = "detect_leaks=0"
        done = subprocess.run([*wrap, *self.words(commands, options)], capture_output=True, text=True, timeout=120,
                              check=False, env=clean)
        if wrap and done.returncode < 0:
            return None
        assert done.returncode == 0 and not done.stderr, done.stderr[-2000:]
        return [json.loads(line) for line in done.stdout.splitlines()]

    def kept(self):
        return {str(path.relative_to(self.state)): path.read_bytes()
                for path in self.state.rglob("*") if path.is_file()}

    def good(self, *commands, **options):
        answers = self.run("refresh", *commands, **options)
        assert all(answer["fault"] == "OK" for answer in answers), answers
        return answers[-1]

    def wrong(self, fault, *commands, text="", same=True, **options):
        """A refresh, and perhaps more, ends with that fault; nothing that was kept has changed."""
        before = self.kept()
        answer = self.run(*(commands or ("refresh",)), **options)[-1]
        assert answer["fault"] == fault and text in answer["message"], f"expected {fault} {text}: {answer}"
        assert not same or self.kept() == before, "what was refused left a trace"
        return answer

    def version(self, role):
        return json.loads(self.kept()[f"{role}.json"])["signed"]["version"]


def repository():
    return Repository(tempfile.mkdtemp(dir=WORLD.name))


def serve(repo, special=None, **options):
    """A server of the folder; special(connection, request, name) answers first, if it returns True."""
    def behave(connection, request):
        path = repo.path(request.target)
        if special and special(connection, request, path.name):
            return
        if path.is_file():
            connection.answer(200, body=path.read_bytes())
        else:
            connection.answer(404, body=b"there is no such page")
    return Server(behave, **options)


def only(name, answer):
    def special(connection, _request, asked):
        if asked == name:
            answer(connection)
        return asked == name
    return special


def test_good():
    """keys of three kinds, a delegated channel, by folder and by HTTP"""
    repo = repository()
    with serve(repo) as server:
        for location in (None, server.url):
            machine = Machine(repo, location)
            assert machine.good(f"read:{CHANNEL}")["text"] == '{"format": 1}'
            target = machine.good(f"target:{BUNDLE}")
            digest = hashlib.sha256(b"a bundle").hexdigest()
            place = f"{location or repo.folder}/targets/bundles/demo/x86_64/1.0/{digest}.full.azb"
            assert target["location"] == place and target["is_file"] == (location is None), target
            assert (target["role"], target["size"], target["sha256"]) == ("targets", 8, digest), target
            assert target["custom"] == {"azupdate": {"format": 1}}, target
            machine.run("refresh", f"read:{CHANNEL}")
            roles = machine.run("load", f"read:{CHANNEL}", "roles")[-1]
            names = ["root", "timestamp", "snapshot", "targets", "channels"]
            assert roles["roles"] == [[name, 1] for name in names], roles
            assert roles["expires"] == NOW + 30 * DAY, roles


def test_requests():
    """nothing is asked for twice, and no more than is needed"""
    repo = repository()
    with serve(repo) as server:
        machine = Machine(repo, server.url)
        machine.good(f"read:{CHANNEL}", f"read:{CHANNEL}")
        digest = hashlib.sha256(b'{"format": 1}').hexdigest()
        first = ["2.root.json", "timestamp.json", "1.snapshot.json", "1.targets.json", "1.channels.json",
                 f"{digest}.stable.json"]
        assert [request.target.rsplit("/", 1)[1] for request in server.requests] == first
        assert all(request.method == "GET" and request.first is None for request in server.requests)
        server.requests.clear()
        machine.good(f"read:{CHANNEL}")
        assert [request.target.rsplit("/", 1)[1] for request in server.requests] == first[:2]
        repo.add(CHANNEL, b'{"format": 2}', role="channels")
        repo.publish()
        assert machine.good(f"read:{CHANNEL}")["text"] == '{"format": 2}'


def test_freeze():
    """freeze: a mirror that holds news back is noticed at the expiry: TUF_EXPIRED"""
    for role in ("timestamp", "snapshot", "targets", "channels"):
        repo = repository()
        repo.lives[role] = 3 * DAY
        repo.publish()
        machine = Machine(repo)
        machine.good(f"read:{CHANNEL}")
        machine.wrong("TUF_EXPIRED", "refresh", f"read:{CHANNEL}", now=NOW + 3 * DAY, text=role,
                      same=role != "channels")
        machine.wrong("TUF_EXPIRED", "load", f"read:{CHANNEL}", now=NOW + 3 * DAY, text=role)
        machine.good(f"read:{CHANNEL}", now=NOW + 3 * DAY, accept_expired=1)


def test_rollback():
    """rollback: an older state of the repository, whole: TUF_ROLLBACK, expired ones accepted or not"""
    repo = repository()
    old = shutil.copytree(repo.folder, f"{repo.folder}-old")
    repo.publish()
    machine = Machine(repo)
    machine.good()
    machine.location = str(old)
    machine.wrong("TUF_ROLLBACK")
    machine.wrong("TUF_ROLLBACK", accept_expired=1, now=YEAR_2100)


def test_mix():
    """mix and match: an old file under a new name: TUF_HASH, or without hashes TUF_VERSION"""
    for hashes, fault in ((True, "TUF_HASH"), (False, "TUF_VERSION")):
        for role in ("snapshot", "targets", "channels"):
            repo = repository()
            repo.announce_hashes = hashes
            machine = Machine(repo)
            machine.good()
            repo.publish()
            metadata = repo.folder / "metadata"
            shutil.copy(metadata / f"1.{role}.json", metadata / f"2.{role}.json")
            machine.wrong(fault, "refresh", f"read:{CHANNEL}", text=role, same=False)
            assert f"{role}.json" not in machine.kept() or machine.version(role) == 1


def test_endless():
    """endless data: TUF_LENGTH after no more than may be; an endless header: HTTP_ANSWER"""
    repo = repository()
    repo.publish()
    for name in ("timestamp.json", "2.root.json", "2.snapshot.json", "2.targets.json", "2.channels.json",
                 "stable.json"):
        sent = []

        def flood(connection, sent=sent):
            connection.send("HTTP/1.1 200 x\r\n\r\n")
            while True:
                connection.send(b"[" * 65536)
                sent.append(65536)

        def special(connection, _request, asked, name=name, flood=flood):
            if asked.endswith(name):
                flood(connection)
            return asked.endswith(name)

        with serve(repo, special) as server:
            Machine(repo, server.url).wrong("TUF_LENGTH", "refresh", f"read:{CHANNEL}", same=False)
            assert sum(sent) < 8 * 2**20, f"{name}: {sum(sent)} bytes were taken"

    def header(connection):
        connection.send("HTTP/1.1 200 x\r\n")
        for number in range(100000):
            connection.send(f"X-{number}: {'a' * 1000}\r\n")
    with serve(repo, only("timestamp.json", header)) as server:
        Machine(repo, server.url).wrong("HTTP_ANSWER", same=False)


def test_slow():
    """slow data: REPO_SLOW, by the least speed, by the time for a file, and if nothing comes at all"""
    repo = repository()
    stop = threading.Event()

    def trickle(connection):
        connection.send("HTTP/1.1 200 x\r\nContent-Length: 5000\r\n\r\n")
        while not stop.wait(0.05):
            connection.send(b" ")

    def silence(_connection):
        stop.wait(60)

    for answer in (trickle, silence):
        for options, text in (({"slow": 1000, "slow_time": 1}, "less than 1000 bytes"),
                              ({"slow": 0, "file_time": 1}, "within 1 s")):
            with serve(repo, only("timestamp.json", answer)) as server:
                Machine(repo, server.url).wrong("REPO_SLOW", same=False, text=text, **options)
    stop.set()


def test_wrong_key():
    """wrong key: TUF_SIGNATURES, for each role"""
    for role in ("timestamp", "snapshot", "targets", "channels", "root"):
        repo = repository()
        machine = Machine(repo)
        machine.good()
        good = repo.keys[role]
        repo.keys[role] = [Key(), Key()]
        if role == "root":
            repo.write_root()
        else:
            # The roles that grant go on to name the good key.
            repo.delegations = lambda keys=repo.keys, good=good, role=role, make=repo.delegations: (
                {**make(), "keys": {good[0].id: good[0].public},
                 "roles": [{**make()["roles"][0], **grant(good)}]} if role == "channels" else make())
            repo.publish()
        machine.wrong("TUF_SIGNATURES", "refresh", f"read:{CHANNEL}", text=role, same=False)
        assert f"{role}.json" not in machine.kept() or machine.version(role) == 1


def test_rotation():
    """key rotation while a machine is on its way: what it began with still fits, then it follows"""
    repo = repository()
    done = []

    def rotate(_connection, _request, asked):
        if asked == "1.snapshot.json" and not done:
            done.append(True)
            old = repo.keys["root"]
            for role in repo.keys:
                repo.keys[role] = [Key() for _ in range(3 if role == "root" else 1)]
            repo.write_root(signers=old)
            repo.publish()
        return False

    with serve(repo, rotate) as server:
        machine = Machine(repo, server.url)
        machine.good(f"read:{CHANNEL}")
        assert machine.version("root") == 1
        machine.good(f"read:{CHANNEL}")
        assert [machine.version(role) for role in ("root", "timestamp", "targets", "channels")] == [2, 2, 2, 2]


def test_thresholds():
    """thresholds 0, -1, "1", null: TUF_THRESHOLD; 1.0: CANON_NUMBER"""
    for value, fault in ((0, "TUF_THRESHOLD"), (-1, "TUF_THRESHOLD"), ("1", "TUF_THRESHOLD"),
                         (None, "TUF_THRESHOLD"), (1.0, "CANON_NUMBER")):
        repo = repository()
        machine = Machine(repo)
        machine.good()
        body = repo.root_body()
        body["roles"]["timestamp"]["threshold"] = value
        repo.sign("root", body)
        machine.wrong(fault)


def test_twin():
    """the same key under two ids counts once: TUF_SIGNATURES"""
    for kind in ("ed25519", "ecdsa"):
        repo = repository()
        machine = Machine(repo)
        machine.good()
        key = Key(kind)
        twin = Key(kind, key.private, note="another name")
        assert key.id != twin.id
        repo.keys["timestamp"], repo.thresholds["timestamp"] = [key, twin], 2
        repo.write_root()
        repo.publish()
        machine.wrong("TUF_SIGNATURES", text="1 good", same=False)
        repo.keys["timestamp"] = [key, Key(kind)]
        repo.write_root()
        repo.publish()
        machine.good()


def test_json():
    """duplicate JSON keys and what is no JSON: TUF_JSON; two signatures by one key: TUF_SIGNATURE_TWICE"""
    repo = repository()
    machine = Machine(repo)
    machine.good()
    repo.publish()
    place = repo.folder / "metadata/timestamp.json"
    good = place.read_bytes()
    twice = json.loads(good)
    twice["signatures"] *= 2
    for data, fault in ((good.replace(b'"version"', b'"version": 9, "version"', 1), "TUF_JSON"),
                        (good.replace(b'"signed"', b'"signed": {}, "signed"', 1), "TUF_JSON"),
                        (b"<html>Log in to this network</html>", "TUF_JSON"), (b"", "TUF_JSON"),
                        (good[:-20], "TUF_JSON"), (good + b"x", "TUF_JSON"),
                        (json.dumps(twice).encode(), "TUF_SIGNATURE_TWICE")):
        place.write_bytes(data)
        machine.wrong(fault)
    place.write_bytes(good)
    machine.good()


def test_names():
    """path traversal: names that leave the folder: TUF_PATH; names of roles stay within the state"""
    repo = repository()
    machine = Machine(repo)
    for name in ("../secret", "/etc/passwd", "a/../../b", "a//b", ".", "a\\b", "a\nb"):
        repo.targets["targets"][name] = {"length": 1, "hashes": {"sha256": "0" * 64}}
    evil = "../../evil"
    repo.keys[evil] = [Key()]
    repo.versions[evil], repo.lives[evil] = 0, 30 * DAY
    data = envelope({**repo.body(evil, "targets"), "targets": {}}, repo.keys[evil])
    repo.write("metadata/1.../../evil.json", data)
    delegation = {**grant(repo.keys[evil]), "name": evil, "paths": ["evil/*"], "terminating": False}
    make = repo.delegations
    repo.delegations = lambda: {"keys": {**make()["keys"], repo.keys[evil][0].id: repo.keys[evil][0].public},
                                "roles": [delegation, *make()["roles"]]}
    plain = repo.publish_snapshot
    repo.publish_snapshot = lambda meta: plain({**meta, f"{evil}.json": {"version": 1}})
    repo.publish()
    for name in ("../secret", "/etc/passwd", "a/../../b", "a//b", ".", "a\\b", "a\nb"):
        machine.wrong("TUF_PATH", "refresh", f"target:{name}", same=False)
    with serve(repo, lambda connection, request, _: "evil" in request.target and
               not connection.answer(200, body=data)) as server:
        machine.location = server.url
        machine.wrong("TUF_TARGET", "refresh", "target:evil/x", same=False)
        asked = [request.target for request in server.requests if "evil" in request.target]
        assert asked == ["/metadata/1...%2F..%2Fevil.json"], asked
    assert "..%2F..%2Fevil.json" in machine.kept()
    assert sorted(path.name for path in machine.folder.iterdir()) == ["root.json", "state"]


def test_links():
    """a stick with a link that leads out of it: REPO_FOLDER; one that was pulled: REPO_FOLDER"""
    repo = repository()
    machine = Machine(repo)
    machine.good()
    place = repo.folder / "metadata/timestamp.json"
    outside = machine.folder / "elsewhere.json"
    shutil.move(place, outside)
    place.symlink_to(outside)
    machine.wrong("REPO_FOLDER")
    place.unlink()
    place.mkdir()
    machine.wrong("REPO_FOLDER")
    place.rmdir()
    os.mkfifo(place)
    machine.wrong("REPO_FOLDER")
    shutil.rmtree(repo.folder)
    machine.wrong("REPO_FOLDER")


def test_clock():
    """clock in 1970: TUF_CLOCK; in 2100: TUF_EXPIRED, and forgotten when it is right again"""
    repo = repository()
    machine = Machine(repo)
    machine.wrong("TUF_CLOCK", now=0, not_before=NOW - DAY, same=False)
    machine.wrong("TUF_EXPIRED", now=YEAR_2100, same=False)
    machine.good(now=NOW)
    machine.wrong("TUF_EXPIRED", now=YEAR_2100)
    machine.good(now=NOW + 10)
    machine.wrong("TUF_CLOCK", now=0)
    machine.wrong("TUF_CLOCK", now=NOW - 3700)
    machine.good(now=NOW - 600)
    machine.good(now=0, accept_expired=1)


def test_kill():
    """killed at each write, flush and rename of the state: the next refresh gets there"""
    repo = repository()
    fresh = Machine(repo)
    fresh.good()
    for _ in range(2):
        repo.write_root()
        repo.publish()
    whole = Machine(repo)
    shutil.copytree(fresh.state, whole.state)
    whole.good()
    for calls in ("?renameat,?renameat2", "fsync", "write"):
        for number in range(1, 200):
            machine = Machine(repo)
            shutil.copytree(fresh.state, machine.state)
            trace = ["strace", "-f", "-o", "/dev/null", "-e", f"trace={calls}", "-e",
                     f"inject={calls}:signal=KILL:when={number}"]
            ended = machine.run("refresh", wrap=trace)
            assert machine.version("root") >= 1 and machine.version("timestamp") >= 1
            machine.good()
            kept, wanted = machine.kept(), whole.kept()
            kept.pop("unfinished", None), kept.pop("history/unfinished", None)
            assert kept == wanted, f"{calls} {number}: {sorted(kept)}"
            if ended is not None:
                break
        assert number > 5, f"{calls}: only {number}"


def test_liar():
    """a mirror that lies: another file, half a file, a compressed one, errors"""
    repo = repository()
    stable = hashlib.sha256(b'{"format": 1}').hexdigest() + ".stable.json"
    for fault, name, answer in (
            ("TUF_HASH", stable, lambda connection: connection.answer(200, body=b'{"format": 7}')),
            ("TUF_LENGTH", stable, lambda connection: connection.answer(200, body=b"{}")),
            ("TUF_MISSING", stable, lambda connection: connection.answer(410)),
            ("TUF_MISSING", "timestamp.json", lambda connection: connection.answer(403)),
            ("HTTP_STATUS", "timestamp.json", lambda connection: connection.answer(500)),
            ("HTTP_STATUS", "2.root.json", lambda connection: connection.answer(503)),
            ("HTTP_STATUS", "timestamp.json", lambda connection: connection.answer(204)),
            ("HTTP_TRANSFER", "timestamp.json", lambda connection: connection.answer(200, body=b"{", length=99) or
             connection.close()),
            ("HTTP_TRANSFER", "timestamp.json", lambda connection: connection.reset()),
            ("HTTP_ANSWER", "timestamp.json", lambda connection: connection.answer(
                200, "Content-Encoding: gzip", body=b"{}")),
            ("HTTP_ANSWER", "timestamp.json", lambda connection: connection.send("220 mail ready\r\n") or
             connection.close())):
        with serve(repo, only(name, answer)) as server:
            answer = Machine(repo, server.url).run("refresh", f"read:{CHANNEL}")[-1 if name == stable else 0]
            assert answer["fault"] == fault, f"expected {fault}: {answer}"


def test_down():
    """server down: HTTP_CONNECT; what was trusted can be used until it expires"""
    repo = repository()
    server = serve(repo)
    machine = Machine(repo, server.url)
    machine.good(f"read:{CHANNEL}")
    server.close()
    week = NOW + 7 * DAY
    machine.wrong("HTTP_CONNECT", now=week)
    answers = machine.run("refresh", "load", f"read:{CHANNEL}", f"target:{BUNDLE}", now=week)
    assert [answer["fault"] for answer in answers] == ["HTTP_CONNECT", "OK", "OK", "OK"], answers
    machine.wrong("TUF_EXPIRED", "load", now=NOW + 31 * DAY)
    with serve(repo, port=server.port):
        machine.good(now=week)


def redirecting(location, status=302):
    def special(connection, request, _name):
        if request.target.startswith("/there"):
            return False
        connection.answer(status, f"Location: {location(request)}")
        return True
    return special


def test_redirects():
    """redirects: followed 3 times, never to http or another scheme: HTTP_REDIRECT"""
    repo = repository()
    with serve(repo) as there:
        with Server(lambda connection, request: connection.answer(
                307, f"Location: {there.url}{request.target}")) as here:
            machine = Machine(repo, here.url.replace("://", "://user:word@") + "?token=1")
            machine.good()
            assert all("authorization" in request.headers for request in here.requests)
            assert not any("authorization" in request.headers for request in there.requests)
        secure = CERTIFICATES.context("good")
        for location, tls in ((there.url, secure), ("ftp://localhost/", None), ("file:///etc/passwd", None),
                              ("", None)):
            with Server(lambda connection, request, to=location: connection.answer(
                    302, f"Location: {to}{request.target if to else ''}"), tls=tls) as here:
                Machine(repo, here.url).wrong("HTTP_REDIRECT", same=False, ca=CERTIFICATES.at("ca.pem"))
                assert len(here.requests) in (1, 4), len(here.requests)


def test_location():
    """user, password and a query go with each request, and into the location of a target"""
    repo = repository()
    with serve(repo) as server:
        machine = Machine(repo, server.url.replace("://", "://user:a%20word@") + "/?sv=1&sig=x%2Fy")
        machine.good()
        target = machine.good(f"target:{BUNDLE}")
        digest = hashlib.sha256(b"a bundle").hexdigest()
        assert target["location"] == (f"http://user:a%20word@{server.host}/targets/bundles/demo/x86_64/1.0/"
                                      f"{digest}.full.azb?sv=1&sig=x%2Fy"), target
        for request in server.requests:
            assert request.target.endswith("?sv=1&sig=x%2Fy"), request.target
            assert request.headers["authorization"] == "Basic dXNlcjphIHdvcmQ=", request.headers
    with serve(repo, only("timestamp.json", lambda connection: connection.answer(500))) as server:
        answer = Machine(repo, server.url.replace("://", "://user:geheim@") + "?sig=geheim").wrong(
            "HTTP_STATUS", same=False)
        assert "geheim" not in answer["message"], answer
    for location in ("ftp://host/", "nowhere", "http://"):
        assert Machine(repo, location).run("refresh")[0]["fault"] == "HTTP_URL"


def test_tls():
    """TLS: a certificate that is not trusted or has expired: HTTP_TLS; a proxy is gone through"""
    repo = repository()
    trust = {"ca": CERTIFICATES.at("ca.pem")}
    with serve(repo, tls=CERTIFICATES.context("good")) as server:
        Machine(repo, server.url).wrong("HTTP_TLS", same=False)
        Machine(repo, server.url).good(**trust)
        with Server(proxy) as between:
            Machine(repo, server.url).good(**trust, proxy=between.url)
            assert between.requests[0].method == "CONNECT"
    with serve(repo, tls=CERTIFICATES.context("expired")) as server:
        Machine(repo, server.url).wrong("HTTP_TLS", same=False, **trust)


def test_state():
    """a state folder that cannot be: TUF_STORE; one that is damaged: TUF_STORE_DAMAGED"""
    repo = repository()
    machine = Machine(repo)
    machine.state.write_bytes(b"")
    machine.wrong("TUF_STORE", same=False)
    machine.state.unlink()
    machine.good(f"read:{CHANNEL}")
    for name in ("root.json", "timestamp.json", "snapshot.json", "time"):
        place = machine.state / name
        good = place.read_bytes()
        place.write_bytes(b"rot" + good[3:])
        machine.wrong("TUF_STORE_DAMAGED")
        place.write_bytes(good)
    for name in ("targets.json", "channels.json", f"read/{hashlib.sha256(CHANNEL.encode()).hexdigest()}"):
        (machine.state / name).write_bytes(b"rot")
        machine.good(f"read:{CHANNEL}")
    full = machine.run("refresh", f"read:{CHANNEL}")
    assert full[-1]["text"] == '{"format": 1}', full


def test_root():
    """a trusted root that is none: TUF_ROOT, and nothing is asked of the server"""
    repo = repository()
    good = repo.root_file.read_bytes()
    stranger = Repository(tempfile.mkdtemp(dir=WORLD.name)).root_file.read_bytes()
    with serve(repo) as server:
        for data in (b"{}", b"x", good.replace(b'"version": 1', b'"version": 2')):
            Machine(repo, server.url, root=data).wrong("TUF_ROOT", same=False)
        machine = Machine(repo, server.url)
        machine.root.unlink()
        machine.wrong("TUF_ROOT", same=False)
        assert not server.requests
        Machine(repo, server.url, root=stranger).wrong("TUF_SIGNATURES", same=False)


def test_half_copied():
    """a repository that is half copied: TUF_MISSING, and all is well when the rest comes"""
    repo = repository()
    with tempfile.TemporaryDirectory(dir=WORLD.name) as folder:
        shutil.copytree(repo.folder / "metadata", f"{folder}/metadata")
        shutil.copytree(repo.folder / "targets", f"{folder}/targets")
        with nginx(folder, CERTIFICATES) as (plain, secure, log):
            machine = Machine(repo, plain)
            machine.good(f"read:{CHANNEL}")
            repo.publish()
            shutil.copy(repo.folder / "metadata/timestamp.json", f"{folder}/metadata")
            machine.wrong("TUF_MISSING", text="2.snapshot.json", same=False)
            machine.wrong("TUF_MISSING", text="2.snapshot.json")
            shutil.copytree(repo.folder / "metadata", f"{folder}/metadata", dirs_exist_ok=True)
            machine.good(f"read:{CHANNEL}")
            Machine(repo, secure).good(f"read:{CHANNEL}", ca=CERTIFICATES.at("ca.pem"))
            with open(log, encoding="ascii") as lines:
                assert {"HTTP/1.1 200", "HTTP/2.0 200"} <= set(lines.read().splitlines())


def test_missing():
    """a target that no role lists: TUF_TARGET; a role that the snapshot does not list: TUF_SNAPSHOT"""
    repo = repository()
    machine = Machine(repo)
    machine.good()
    machine.wrong("TUF_TARGET", "refresh", "target:bundles/demo/x86_64/9/full.azb")
    # The online key of the channels cannot bring a bundle in.
    repo.targets["channels"]["bundles/demo/x86_64/9/full.azb"] = {"length": 1, "hashes": {"sha256": "0" * 64}}
    repo.publish()
    machine.wrong("TUF_TARGET", "refresh", "target:bundles/demo/x86_64/9/full.azb", same=False)
    repo = repository()
    plain = repo.publish_snapshot
    repo.publish_snapshot = lambda meta: plain({"targets.json": meta["targets.json"]})
    repo.publish()
    Machine(repo).wrong("TUF_SNAPSHOT", "refresh", f"read:{CHANNEL}", same=False)
    repo.add("large", b"a" * 70000)
    repo.targets["targets"]["odd"] = {"length": 1, "hashes": {"md5": "0" * 32}}
    repo.publish()
    Machine(repo).wrong("TUF_LENGTH", "refresh", "read:large", same=False)
    Machine(repo).wrong("TUF_HASH", "refresh", "target:odd", same=False)


TESTS = [each for name, each in list(globals().items()) if name.startswith("test_")]


def attempt(test):
    """What went wrong, or None; and how long it took."""
    begun = time.monotonic()
    try:
        test()
    except (AssertionError, subprocess.SubprocessError, OSError, KeyError) as error:
        return f"{test.__name__}: {type(error).__name__} {error}".replace("\n", "\n# "), time.monotonic() - begun
    return None, time.monotonic() - begun


def main():
    CERTIFICATES.make("good")
    CERTIFICATES.make("expired", "-days", "-1")
    failed = 0
    print(f"1..{len(TESTS)}")
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        for number, (test, (wrongs, took)) in enumerate(zip(TESTS, pool.map(attempt, TESTS)), 1):
            print(f"{'not ok' if wrongs else 'ok'} {number} {test.__doc__}\n# {took:.1f} s", flush=True)
            if wrongs:
                failed += 1
                print(f"# {wrongs}", flush=True)
    WORLD.cleanup()
    sys.exit(failed > 0)


main()
