#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Releases in an ostree repository behind a plain web server: published, read, attacked.

ostree_source_test.py AZBUNDLE AZREPO DRIVER. Prints TAP."""
import base64
import http.server
import os
import random
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import threading
import time

import ostreerig

AZBUNDLE, AZREPO, DRIVER = map(os.path.abspath, sys.argv[1:])
run = ostreerig.run


class Server:
    """Python's plain file server, with a list of what was asked for, and faults on demand."""

    def __init__(self, folder):
        server = self
        self.asked, self.broken, self.delay = [], set(), 0

        class Handler(http.server.SimpleHTTPRequestHandler):
            def __init__(self, *words, **options):
                super().__init__(*words, directory=folder, **options)

            def do_GET(self):
                server.asked.append(self.path)
                if self.path in server.broken:
                    server.broken.discard(self.path)
                    self.send_response(200)
                    self.send_header("Content-Length", "100000")
                    self.end_headers()
                    self.wfile.write(b"x" * 10)
                    self.close_connection = True
                    return
                super().do_GET()

            def log_message(self, *words):
                pass

        self.http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.http.serve_forever)
        self.thread.start()
        self.url = f"ostree+http://127.0.0.1:{self.http.server_port}"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.http.shutdown()
        self.thread.join()
        self.http.server_close()


class World:
    """A repository with releases of a branch, keys, and a state folder of a machine."""

    def __init__(self, place):
        self.at = lambda name: os.path.join(place, name)
        self.commit = ostreerig.Commit(place)
        self.build = ostreerig.Builder(AZBUNDLE, place)
        os.mkdir(self.at("signers"))
        self.signer = self.key("signer")
        self.files = {f"usr/f{i}": random.Random(i).randbytes(5000 + 700 * i) for i in range(40)}

    def key(self, name, trusted=True):
        run(AZREPO, "keygen", self.at(name))
        public = subprocess.check_output(["openssl", "pkey", "-pubin", "-in", self.at(name + ".pub"), "-outform",
                                          "DER"])[-32:]
        if trusted:
            with open(self.at(f"signers/{name}.ed25519"), "wb") as out:
                out.write(base64.b64encode(public) + b"\n")
        return self.at(name)

    def release(self, version, key=None, deltas=(), **changes):
        self.files |= changes
        entries = [ostreerig.folder("./"), ostreerig.folder("./usr")]
        entries += [ostreerig.file(f"./{name}", content) for name, content in self.files.items()]
        self.system = self.commit.make(entries, "os/1", f"--add-metadata-string=version={version}")
        bundle = self.build.bundle(f"{self.commit.repo}:os/1", self.commit.image(AZBUNDLE), version)
        key = self.signer if key is None else key
        done = run(AZBUNDLE, "ostree", "--repo", self.commit.repo, *(["--sign-key", key] if key else []),
                   *(f"--delta-from={each}" for each in deltas), bundle)
        self.deltas, self.published, ref = re.fullmatch(r"((?:delta .*\n)*)commit (\w{64})\nref (.*)\n",
                                                        done.stdout).groups()
        assert ref == "azupdate/os/1"
        return bundle

    def own_delta(self, old, new):
        """A delta bundle, as azbundle makes it."""
        path = self.at(f"delta-{os.path.basename(old)}-{os.path.basename(new)}")
        run(AZBUNDLE, "delta", "--old", old, "--new", new, "-o", path)
        return path

    def republish(self, folder, ref="azupdate/os/1"):
        """A signed commit of that folder, as azbundle would make it."""
        commit = run("ostree", f"--repo={self.commit.repo}", "commit", "-b", ref, f"--tree=dir={folder}",
                     f"--add-metadata-string=azupdate.commit={self.system}", "--owner-uid=0", "--owner-gid=0").stdout.strip()
        path = os.path.join(self.commit.repo, "objects", commit[:2], commit[2:])
        signature = subprocess.check_output(["openssl", "pkeyutl", "-sign", "-rawin", "-inkey", self.signer, "-in",
                                             path + ".commit"])
        # GVariant a{sv} of one entry, an aay of one signature.
        value = signature + bytes([len(signature)]) + b"\0aay"
        entry = b"ostree.sign.ed25519\0".ljust(24, b"\0") + value + bytes([20])
        with open(path + ".commitmeta", "wb") as out:
            out.write(entry + bytes([len(entry)]))

    def read(self, server, *more, ref="azupdate/os/1", ok=True):
        return run(DRIVER, f"{server.url}#{ref}", self.at("signers"), self.at("state"), self.at("read"), *more, ok=ok)

    def refused(self, server, fault, *more, **options):
        done = self.read(server, *more, ok=False, **options)
        assert done.returncode == 1 and fault in done.stderr, f"{fault} wanted: {done.stderr}{done.stdout}"


def test_whole(place):
    """What was published is the release: read back over HTTP, its signature and each block verify."""
    world = World(place)
    world.release("1")
    with Server(world.commit.repo) as server:
        told = world.read(server).stdout
        assert world.system in told, told
        verified = run(AZBUNDLE, "verify", "--keyring", world.at("keys/ca.crt"), world.at("read"))
        assert "good: version 1 of p" in verified.stdout
        assert len(server.asked) == len(set(server.asked)), "something was fetched twice"
        objects = {path for path in server.asked if path.endswith(".filez")}
    # Every file came as its own object, as the system's commit has it.
    listed = run("ostree", f"--repo={world.commit.repo}", "ls", "-RC", "os/1").stdout
    files = re.findall(r"^-\S+ +\d+ +\d+ +\d+ (\w{64}) /usr/f", listed, re.M)
    assert len(files) == 40 and all(f"/objects/{name[:2]}/{name[2:]}.filez" in objects for name in files)
    run("ostree", f"--repo={world.commit.repo}", "fsck")


def test_parts(place):
    """A read fetches the objects that it needs and no other; the next release shares what it can."""
    world = World(place)
    world.release("1")
    with Server(world.commit.repo) as server:
        world.read(server)
        before = set(server.asked)
        size = os.path.getsize(world.at("read"))
        server.asked.clear()
        told = world.read(server, 0, size - 8192, 4096).stdout
        # Both recipes, the head, and what is read.
        assert len([path for path in server.asked if path.endswith(".filez")]) <= 4, server.asked
        assert int(told.split()[0]) == len(server.asked)
        world.release("2", **{"usr/f7": b"new" * 3000})
        server.asked.clear()
        world.read(server)
        fresh = {path for path in server.asked if path.endswith(".filez")} - before
        # The new file; both recipes; the head with the manifest, both lists of hashes, the inodes, and the
        # UKI, which has another root hash in it.
        assert len(fresh) == 8, fresh


def test_hostile(place):
    """Wrong signature, none, other ref, older commit, another recipe, damaged and missing objects."""
    world = World(place)
    world.release("1")
    repo = world.commit.repo
    old = world.published
    head = os.path.join(repo, "refs/heads/azupdate/os/1")
    path = lambda name, kind: os.path.join(repo, "objects", name[:2], f"{name[2:]}.{kind}")
    with Server(repo) as server:
        world.read(server)
        other = world.key("other", trusted=False)
        time.sleep(1.1)  # a commit's time counts in seconds
        world.release("2", key=other)
        world.refused(server, "OSTREE_SIGNATURE")
        world.release("3", key="")
        world.refused(server, "OSTREE_SIGNATURE")
        world.release("4")
        world.read(server)
        new = world.published
        # A signature of another commit.
        shutil.copy(path(new, "commitmeta"), world.at("kept"))
        shutil.copy(path(old, "commitmeta"), path(new, "commitmeta"))
        world.refused(server, "OSTREE_SIGNATURE")
        shutil.copy(world.at("kept"), path(new, "commitmeta"))
        world.read(server)
        # The old release, signed and whole, again.
        with open(head, "w", encoding="ascii") as out:
            out.write(old + "\n")
        world.refused(server, "OSTREE_OLDER")
        # A machine that has never seen the repository cannot know; the signed manifest is what it goes by.
        shutil.rmtree(world.at("state"))
        world.read(server)
        # The same commit under another name.
        os.makedirs(os.path.join(repo, "refs/heads/azupdate/os"), exist_ok=True)
        shutil.copy(head, os.path.join(repo, "refs/heads/azupdate/os/2"))
        world.refused(server, "OSTREE_BINDING", ref="azupdate/os/2")
        # The system's own commit, signed by nobody.
        world.refused(server, "OSTREE_SIGNATURE", ref="os/1")
        world.refused(server, "OSTREE_FETCH", ref="none")
        world.refused(server, "HTTP_URL", ref="../x")
        with open(head, "w", encoding="ascii") as out:
            out.write("x" * 64)
        world.refused(server, "OSTREE_FETCH")
        with open(head, "w", encoding="ascii") as out:
            out.write(new + "\n")
        seen = set()
        server.asked.clear()
        world.read(server)
        for name in list(server.asked):
            kind = name.rsplit(".")[-1]
            if kind not in ("commit", "dirtree", "filez") or (kind in seen and len(seen) == 3):
                continue
            seen.add(kind)
            file = repo + name
            content = open(file, "rb").read()
            for bad in (content[:-1] + bytes([content[-1] ^ 1]), content[:len(content) // 2], b"", b"\xff" * 40,
                        content[:12] + b"\x7f" + content[13:]):
                os.unlink(file)
                with open(file, "wb") as out:
                    out.write(bad)
                world.refused(server, "OSTREE_OBJECT")
            os.unlink(file)
            world.refused(server, "OSTREE_FETCH")
            with open(file, "wb") as out:
                out.write(content)
        assert len(seen) == 3, seen
        world.read(server)
        shutil.rmtree(world.at("signers"))
        world.refused(server, "KEYRING_MISSING")


def test_network(place):
    """A transfer that breaks off is taken up again; without patience it is the network's failure."""
    world = World(place)
    world.release("1")
    with Server(world.commit.repo) as server:
        world.read(server)
        names = [path for path in server.asked if path.endswith(".filez")]
        server.broken = set(names[::5])
        told = world.read(server, 20).stdout
        assert f"{len(names[::5])} retries" in told, told
        run(AZBUNDLE, "verify", "--keyring", world.at("keys/ca.crt"), world.at("read"))
        server.broken = {names[3]}
        world.refused(server, "HTTP_TRANSFER")


def test_publish(place):
    """Publishing refuses what is not the commit's; another ref can be named; nothing is left behind."""
    world = World(place)
    bundle = world.release("1")
    repo = world.commit.repo
    temporary = world.at("tmp")
    os.mkdir(temporary)
    env = {**os.environ, "TMPDIR": temporary}
    words = lambda *more: (AZBUNDLE, "ostree", "--repo", repo, *more)
    done = run(*words("--ref", "x/y", bundle), env=env)
    assert "ref x/y" in done.stdout and not os.listdir(temporary)
    plain = world.build.plain()
    ostreerig.refused("RECIPE_OTHER", *words(plain))
    bare = world.at("bare")
    run("ostree", f"--repo={bare}", "init", "--mode=bare-user")
    run("ostree", f"--repo={bare}", "pull-local", repo, "os/1")
    ostreerig.refused("OSTREE_REPOSITORY", AZBUNDLE, "ostree", "--repo", bare, bundle)
    run("openssl", "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", world.at("ec"))
    before = open(os.path.join(repo, "refs/heads/azupdate/os/1"), encoding="ascii").read()
    ostreerig.refused("KEY_KIND", *words("--sign-key", world.at("ec"), bundle))
    assert open(os.path.join(repo, "refs/heads/azupdate/os/1"), encoding="ascii").read() == before
    run("ostree", f"--repo={repo}", "refs", "--delete", "os/1")
    run("ostree", f"--repo={repo}", "prune", "--refs-only")
    ostreerig.refused("OSTREE_OBJECT", *words(bundle))


def edited(content, step=700):
    content = bytearray(content)
    for i in range(0, len(content), step):
        content[i] ^= 1
    return bytes(content)


def static_delta(repo, *words):
    return run("ostree", f"--repo={repo}", "static-delta", *words).stdout


def test_deltas(place):
    """Static deltas are published where they cost less: signed as libostree has it, and libostree applies them."""
    world = World(place)
    repo = world.commit.repo
    world.release("1", deltas=["auto"])         # from nothing
    assert world.deltas == "" and not os.path.exists(f"{repo}/deltas")
    first, changes = world.system, {name: edited(world.files[name]) for name in list(world.files)[:20]}
    world.release("2", deltas=["auto"], **changes)
    found = re.fullmatch(rf"delta from {first}: (\d+) bytes for (\d+) of objects\n", world.deltas)
    assert found and int(found[1]) * 10 < int(found[2]), world.deltas
    name = f"{first}-{world.system}"
    assert static_delta(repo, "list").split() == [name]
    shown = static_delta(repo, "show", name)
    assert "Signed: yes" in shown and "bspatch=20" in shown, shown
    listed = run("ostree", f"--repo={repo}", "ls", "azupdate/os/1").stdout
    assert f"/base-{first}" in listed and not [each for each in os.listdir(f"{repo}/tmp") if "azupdate" in each]
    superblock, = [os.path.join(where, "superblock") for where, _, names in os.walk(f"{repo}/deltas")
                   if "superblock" in names]
    with open(superblock, "rb") as file:
        content = file.read()
    assert content[:8] == b"OSTSGNDT"
    bare = world.at("bare")
    run("ostree", f"--repo={bare}", "init", "--mode=bare-user")
    run("ostree", f"--repo={bare}", "pull-local", repo, first)
    run("ostree", f"--repo={bare}", "static-delta", "apply-offline", os.path.dirname(superblock))
    run("ostree", f"--repo={bare}", "fsck")
    content = subprocess.check_output(["ostree", f"--repo={bare}", "cat", world.system, "/usr/f0"])
    assert content == changes["usr/f0"]
    # From one of its own releases by name; one from the same system is none, and what saves nothing stays away.
    second, release = world.system, world.published
    world.release("3", deltas=[release, world.system, "os/1"], **{"usr/new": random.Random(9).randbytes(9000)})
    assert world.deltas.count(f"delta from {second}: ") == 2 and world.deltas.count("; not published") == 2
    assert static_delta(repo, "list").split() == [name]
    bundle = world.at("bundle-3")
    ostreerig.refused("ARGUMENT", AZBUNDLE, "ostree", "--repo", repo, "--delta-from=auto", bundle)
    ostreerig.refused("OSTREE_REF", AZBUNDLE, "ostree", "--repo", repo, "--sign-key", world.signer,
                      "--delta-from=none", bundle)


def test_own_deltas(place):
    """Deltas of azbundle's own are published in front of the release: read without its long recipe."""
    world = World(place)
    repo = world.commit.repo
    bundles = [world.release(str(number), **{f"usr/f{number}": edited(world.files[f"usr/f{number}"])})
               for number in (1, 2, 3)]
    deltas = [world.own_delta(old, bundles[2]) for old in bundles[:2]]
    words = lambda *more: (AZBUNDLE, "ostree", "--repo", repo, "--sign-key", world.signer, *more)
    carrying = world.at("carrying")
    run(AZBUNDLE, "delta", "--old", bundles[0], "--new", bundles[2], "--full", "-o", carrying)
    # Its own one, the same from another file, and one more.
    run(*words("--delta", deltas[0], f"--delta={deltas[1]}", carrying))
    with Server(repo) as server:
        world.read(server)
        told = run(AZBUNDLE, "info", world.at("read")).stdout
        assert told.count("delta index") == 4 and told.count("delta frames") == 4, told
        run(AZBUNDLE, "verify", "--keyring", world.at("keys/ca.crt"), world.at("read"))
        head = min(int(at) for at in re.findall(r"(?:parent|leaf) hashes .* at (\d+)", told))
        server.asked.clear()
        world.read(server, 0, 0, head)
        few = len(server.asked)
        server.asked.clear()
        world.read(server)
        assert few < len(server.asked) - 40, (few, server.asked)
    ostreerig.refused("RECIPE_OTHER", *words("--delta", deltas[0], bundles[1]))
    ostreerig.refused("BUILD_INPUT", *words("--delta", bundles[2], bundles[2]))
    ostreerig.refused("BUNDLE_READ", *words("--delta", world.at("none"), bundles[2]))


def test_no_head(place):
    """What was published before there were recipes of heads is read as ever; one that lies is found out."""
    world = World(place)
    world.release("1")
    repo = world.commit.repo
    folder = world.at("folder")
    run("ostree", f"--repo={repo}", "checkout", "-U", "azupdate/os/1", folder)
    with Server(repo) as server:
        world.read(server)
        kept = open(world.at("read"), "rb").read()
        os.unlink(os.path.join(folder, "recipe-head"))
        world.republish(folder)
        world.read(server)
        assert open(world.at("read"), "rb").read() == kept
        # The head of another commit, and one that has too little.
        recipe = open(os.path.join(folder, "recipe"), "rb").read()
        for bad, fault in ((recipe[:8] + bytes(32) + recipe[40:], "OSTREE_PINNED"), (recipe[:60], "RECIPE_FORMAT")):
            with open(os.path.join(folder, "recipe-head"), "wb") as out:
                out.write(bad)
            world.republish(folder)
            world.refused(server, fault)


sys.exit(ostreerig.main([test_whole, test_parts, test_hostile, test_network, test_publish, test_deltas, test_own_deltas,
                         test_no_head]))
