#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""azupdated and deltas in an ostree repository, libostree's static ones and our own: used where they cost less, and what a
hostile server or signer can do with them. ostree_machine_test.py has all that goes without."""
import hashlib
import lzma
import os
import re
import shutil

import ostree_machine_test as ostree
import rig
from rig import expect, expect_equal

NUMBER = 2


class DeltaMaker(ostree.OstreeMaker):
    """Makes two releases: half of the files of the second are edited ones of the first."""

    def files(self, number):
        if number == 1:
            self.start()
        for i in range(0, self.FILES, 2):
            path = self.folder / "tree" / f"f{i}"
            content = bytearray(path.read_bytes())
            for at in range(i, len(content), 1000):
                content[at] ^= number
            path.write_bytes(content)
        self.commit(number)

    def commit(self, number):
        ostree.run("ostree", f"--repo={self.folder}/repo", "commit", "--branch=os", f"--tree=dir={self.folder}/tree",
                   "--owner-uid=0", "--owner-gid=0", f"--add-metadata-string=version={number}.0")
        self.run("image", "--ostree=repo:os", "-o", "root")
        shutil.copy(self.folder / "root", self.folder / f"root{number}")
        self.contents[number] = self.files_listed()

    def publish(self, number, key):
        told = self.program("AZBUNDLE", "ostree", "--repo=repo", f"--sign-key={key}", "--delta-from=auto",
                            f"{number}.azb")
        return re.search(r"commit (\w{64})\nref azupdate/os\n", told).group(1)


MAKER = DeltaMaker((1, NUMBER))
CONTENTS = MAKER.contents[NUMBER]
NEW = set(CONTENTS) - set(MAKER.contents[1])
OWN = "own"     # release 2 again, with a delta of azbundle's own as well


def own_publish():
    MAKER.program("AZBUNDLE", "delta", "--old=1.azb", f"--new={NUMBER}.azb", "--output=delta.azb")
    told = MAKER.program("AZBUNDLE", "ostree", "--repo=repo", "--sign-key=signer", "--delta=delta.azb",
                         f"--delta-from={MAKER.commits[1]}", f"{NUMBER}.azb")
    MAKER.commits[OWN] = re.search(r"commit (\w{64})\nref azupdate/os\n", told).group(1)
    return ostree.files_of(MAKER.folder / "repo", "azupdate/os")


OWN_FILES = own_publish()
DELTA = next((MAKER.folder / "repo" / "deltas").rglob("superblock")).parent.relative_to(MAKER.folder / "repo")


class Server(ostree.Server):
    def __init__(self):
        super().__init__(NUMBER, MAKER)

    def path(self, file):
        return f"/{DELTA}/{file}"

    def delta(self, file):
        return self.file(self.path(file))

    def objects_asked(self):
        return set(self.asked) & NEW

    def asked_bytes(self):
        return sum(os.path.getsize(self.folder / path[1:]) for path in set(self.asked))


class OwnServer(Server):
    """Its release has both kinds of deltas."""

    def __init__(self):
        super().__init__()
        self.head(OWN)

    def head_only(self):
        """Nothing was asked for that a delta makes unnecessary."""
        expect_equal(self.objects_asked(), set())
        expect(OWN_FILES["recipe"] not in self.asked, "the whole recipe was fetched")
        expect(not [path for path in self.asked if "deltas" in path], "the static delta was asked for")
        expect_equal(len(self.asked), len(set(self.asked)), self.asked)


class Machine(ostree.OstreeMachine):
    def __init__(self, url=None):
        super().__init__(url, maker=MAKER)

    def rot(self):
        """Of what runs, where a delta refers to it."""
        old = next(content for path, content in MAKER.contents[1].items() if path not in CONTENTS)
        self.write("root_a", self.read("root_a").index(old) + 5000, b"rot")

    def told(self):
        return (self.folder / "log").read_text()


def test_used():
    """the delta is fetched instead of objects, which makes a tenth of the bytes; the plan says so"""
    with Server() as server, Machine() as machine:
        plan = machine.json("install", "--plan", server.url)["result"]
        expect(plan["static_parts"] >= 1, plan)
        objects = sum(os.path.getsize(server.folder / path[1:]) for path in NEW)
        expect_equal(plan["static_object_bytes"], objects)
        parts = sum(path.stat().st_size for path in (server.folder / DELTA).iterdir() if path.name.isdigit())
        expect_equal(plan["static_bytes"], parts)
        expect(parts * 10 < objects, f"{parts} bytes of parts, {objects} of objects")
        expect(not [path for path in server.asked if path.split("/")[-1].isdigit()], "the plan fetched a part")
        expect("A static delta is used: " in machine.cli("install", "--plan", server.url).stdout, "no word of it")
        server.asked.clear()
        result = machine.json("install", server.url)["result"]
        machine.has_release("b", NUMBER)
        expect_equal(server.objects_asked(), set())
        expect_equal(len(server.asked), len(set(server.asked)), server.asked)
        expect_equal(result["fetched_bytes"], server.asked_bytes())
        expect("objects come out of" in machine.told(), machine.told())
        machine.json("verify", "b")
        spared = result["fetched_bytes"]
    with Server() as server, Machine() as machine:
        shutil.rmtree(server.folder / "deltas")
        plan = machine.json("install", "--plan", server.url)["result"]
        expect_equal((plan["static_parts"], plan["static_bytes"], plan["static_object_bytes"]), (0, 0, 0))
        result = machine.json("install", server.url)["result"]
        expect_equal(server.objects_asked(), NEW)
        print(f"# {spared} bytes with the delta, {result['fetched_bytes']} without")
        expect(spared + objects // 2 < result["fetched_bytes"], f"{spared} of {result['fetched_bytes']} bytes")


def test_followed():
    """an update by the policy uses it as well, one request at a time, too"""
    with Server() as server, Machine(server.url) as machine:
        conf = machine.folder / "azupdate.conf"
        conf.write_text(conf.read_text().replace("retry-time=0", "retry-time=0\nparallel=1"))
        machine.reboot("a")
        machine.cli("check")
        result = machine.json("update", "--automatic")["result"]
        expect_equal((result["did"], result["version"]), ("activated", f"{NUMBER}.0"))
        machine.has_release("b", NUMBER)
        expect_equal(server.objects_asked(), set())


def test_rest():
    """what is in the slot already is not made again: a delta that is not worth it any more is not fetched"""
    with Server() as server, Machine() as machine:
        machine.json("install", "--no-activate", server.url)
        right = machine.read("root_b")
        path = sorted(NEW)[0]
        machine.write("root_b", right.index(CONTENTS[path]) + 5000, b"rot")
        server.asked.clear()
        machine.json("repair", "b", server.url)
        expect(machine.read("root_b") == right, "the slot is not what it was")
        # One object would be more than all of the part is: the part it is.
        expect_equal([each for each in server.asked if each.split("/")[-1].isdigit()], [server.path("0")])
        (server.folder / DELTA / "0").unlink()
        machine.write("root_b", right.index(CONTENTS[path]) + 5000, b"rot")
        machine.json("repair", "b", server.url)
        expect_equal(server.objects_asked(), {path})
        expect(machine.read("root_b") == right, "the slot is not what it was")


# --- our own ---


def test_own_used():
    """a delta of our own is taken before all else, and neither the long recipe nor a static delta is asked for"""
    with OwnServer() as server, Machine() as machine:
        plan = machine.json("install", "--plan", server.url)["result"]
        expect_equal([payload["delta"] for payload in plan["payloads"]], [True, True])
        server.head_only()
        server.asked.clear()
        result = machine.json("install", server.url)["result"]
        machine.has_release("b", NUMBER)
        server.head_only()
        expect_equal(result["fetched_bytes"], server.asked_bytes())
        whole = sum(os.path.getsize(server.folder / path[1:]) for path in NEW)
        print(f"# {result['fetched_bytes']} bytes in {len(server.asked)} requests, {whole} of objects")
        expect(result["fetched_bytes"] * 10 < whole, f"{result['fetched_bytes']} of {whole} bytes")
        machine.json("verify", "b")


def test_own_checked():
    """a check reads the head alone, an update by the policy the head and the delta"""
    with OwnServer() as server, Machine(server.url) as machine:
        machine.reboot("a")
        machine.cli("check")
        server.head_only()
        expect(len(server.asked) <= 6, server.asked)
        result = machine.json("update", "--automatic")["result"]
        expect_equal((result["did"], result["version"]), ("activated", f"{NUMBER}.0"))
        machine.has_release("b", NUMBER)
        expect_equal(server.objects_asked(), set())
        expect(OWN_FILES["recipe"] not in server.asked, "the whole recipe was fetched")


def test_own_fails():
    """the running image has rotted where the delta copies from: what it lacks comes as objects, in the same run"""
    with OwnServer() as server, Machine() as machine:
        machine.rot()
        machine.json("install", server.url)
        machine.has_release("b", NUMBER)
        expect("the delta of root is of no use" in machine.told(), machine.told())
        expect(OWN_FILES["recipe"] in server.asked, "nothing was fetched instead")


def test_own_damaged():
    """a piece of the delta is not what the signed recipe says: refused, and the same command goes on later"""
    with OwnServer() as server, Machine() as machine:
        for name in sorted(OWN_FILES)[1:4]:
            path = server.file(OWN_FILES[name])
            good = path.read_bytes()
            path.write_bytes(good[:-2] + bytes([good[-2] ^ 1]) + good[-1:])
            machine.refuses("OSTREE_OBJECT", "install", server.url)
            path.write_bytes(good)
        machine.json("install", server.url)
        machine.has_release("b", NUMBER)


# --- hostile ones ---


class Wrapper:
    """A signed superblock: its bytes stand behind the magic, and end where the last bytes of the file say."""

    def __init__(self, server):
        self.path = server.delta("superblock")
        self.bytes = bytearray(self.path.read_bytes())
        size = 1 if len(self.bytes) < 256 else 2 if len(self.bytes) < 65536 else 4
        self.end = int.from_bytes(self.bytes[-size:], "little")
        self.old = self.signature("signer")
        assert self.bytes.count(self.old) == 1

    def superblock(self):
        return bytes(self.bytes[8:self.end])

    def signature(self, key):
        path = MAKER.folder / "signed"
        path.write_bytes(self.superblock())
        return ostree.run("openssl", "pkeyutl", "-sign", "-rawin", "-in", path, "-inkey", MAKER.folder / key)

    def replace(self, old, new):
        assert len(old) == len(new) and self.superblock().count(old) >= 1
        self.bytes[8:self.end] = self.superblock().replace(old, new)

    def write(self, key="signer"):
        """Signed by somebody."""
        self.path.write_bytes(self.bytes.replace(self.old, self.signature(key)))


def unsigned(server):
    wrapper = Wrapper(server)
    wrapper.path.write_bytes(wrapper.superblock())


def no_signature(server):
    wrapper = Wrapper(server)
    wrapper.path.write_bytes(wrapper.bytes.replace(b"ostree.sign.ed25519", b"ostree.sign.ed25518"))


def forged(server):
    wrapper = Wrapper(server)
    wrapper.path.write_bytes(wrapper.bytes.replace(wrapper.old, bytes(64)))


def changed(server):
    """One bit of the superblock, behind the signer's back."""
    wrapper = Wrapper(server)
    wrapper.bytes[wrapper.end - 40] ^= 1
    wrapper.path.write_bytes(wrapper.bytes)


def stranger(server):
    Wrapper(server).write("stranger")


def commits(server):
    """The superblock's own commits: from, to."""
    log = ostree.run("ostree", f"--repo={server.folder}", "log", "os").decode()
    to, start = re.findall(r"^commit (\w{64})", log, re.M)
    return bytes.fromhex(start), bytes.fromhex(to)


def other_from(server):
    wrapper = Wrapper(server)
    wrapper.replace(commits(server)[0], bytes.fromhex(ostree.OTHER_COMMIT))
    wrapper.write()


def other_to(server):
    wrapper = Wrapper(server)
    wrapper.replace(commits(server)[1], bytes.fromhex(ostree.OTHER_COMMIT))
    wrapper.write()


def malformed(server):
    """Signed by who may, and no superblock at all."""
    wrapper = Wrapper(server)
    wrapper.bytes[8:wrapper.end] = bytes(range(256)) * (wrapper.end // 256) + bytes((wrapper.end - 8) % 256)
    wrapper.write()


def damaged_part(server):
    path = server.delta("0")
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def no_part(server):
    server.delta("0").unlink()


def part_put(server, content):
    """Another part, of whoever may sign."""
    path, wrapper = server.delta("0"), Wrapper(server)
    before = path.read_bytes()
    wrapper.replace(hashlib.sha256(before).digest(), hashlib.sha256(content).digest())
    wrapper.replace(len(before).to_bytes(8, "little"), len(content).to_bytes(8, "little"))
    path.write_bytes(content)
    wrapper.write()


def raw_of(server):
    content = (server.folder / DELTA / "0").read_bytes()
    assert content[:1] == b"x"
    return bytearray(lzma.decompress(content[1:]))


def packed(raw):
    return b"x" + lzma.compress(bytes(raw), preset=8)


def bomb(server):
    part_put(server, packed(bytes(1 << 28)))


def garbage(server):
    part_put(server, b"x" + bytes(5000))


def unknown_packing(server):
    part_put(server, b"z" + lzma.compress(bytes(raw_of(server)), preset=8))


def bad_operation(server):
    """In place of the last end of an object; no operation has this letter."""
    raw = raw_of(server)
    raw[raw.rindex(b"cR")] = ord("Z")
    part_put(server, packed(raw))


def bad_range(server):
    """Behind a patch's letter stands where it is in the part."""
    raw = raw_of(server)
    at = raw.rindex(b"cR")
    at = raw.rindex(b"B", 0, at)
    raw[at + 1:at + 4] = b"\xff\xff\x7f"
    part_put(server, packed(raw))


def wrong_objects(server):
    """A patch that makes one other byte: what it adds is zeros mostly."""
    raw = raw_of(server)
    raw[raw.index(bytes(500)) + 250] ^= 0x40
    part_put(server, packed(raw))


def endless(file):
    return lambda server: server.bodies.update({server.path(file): ostree.endless})


HOSTILE = (
    ("the server has no", lambda server: server.delta("superblock").unlink()),
    ("is not signed", unsigned),
    ("no signature by a key", no_signature),
    ("no signature by a key", forged),
    ("no signature by a key", changed),
    ("no signature by a key", stranger),
    ("is of other commits", other_from),
    ("is of other commits", other_to),
    ("superblock is malformed", malformed),
    ("has another checksum", damaged_part),
    ("the server has no", no_part),
    ("cannot be unpacked, or is larger", bomb),
    ("cannot be unpacked", garbage),
    ("packed in an unknown way", unknown_packing),
    ("operations do not make", bad_operation),
    ("operations do not make", bad_range),
    ("makes bytes of another checksum", wrong_objects),
    ("bytes", endless("superblock")),
    ("bytes", endless("0")),
)


def test_hostile():
    """whatever is wrong with a delta: objects instead, in the same run, and the release is right"""
    for words, spoil in HOSTILE:
        with Server() as server, Machine() as machine:
            spoil(server)
            machine.json("install", server.url)
            machine.has_release("b", NUMBER)
            told = re.findall(r"the static delta is of no use: (.*); objects are fetched instead", machine.told())
            expect(len(told) == 1 and words in told[0], f"{spoil}: {words!r} wanted: {told}")
            # Of one wrong object those before it were good.
            expect(server.objects_asked() == NEW or spoil is wrong_objects and server.objects_asked(), f"{spoil}")


WORKERS = {             # what the decoder does that takes parts apart, and what is told of it
    "die": "worker ended",
    "crash": "the decode worker",
    "flood": "worker floods",
    "more": "an object that cannot be",
    "idle": "of another checksum",
    "event": "what nobody asked",
    "unknown": "what nobody asked",
    "short": "our language",
    "fault": "with what cannot be",
    "descriptors": "of another checksum",
    "memory": "of another checksum",
    "change": "of another checksum",
}


def test_workers():
    """the process that takes parts apart was taken over by what it read: objects instead"""
    for mode, words in WORKERS.items():
        with Server() as server, Machine() as machine:
            at = machine.folder / "libexec"
            at.mkdir(mode=0o755)
            shutil.copy(rig.program("AZUPDATED"), at / "azupdated")
            shutil.copy(rig.program("AZFETCH"), at / "honest")
            shutil.copy(rig.program("HOSTILE_WORKER"), at / "azfetch")
            (at / "mode").write_text(mode)
            machine.program = str(at / "azupdated")
            machine.reboot("a")
            machine.json("install", server.url)
            machine.has_release("b", NUMBER)
            told = re.findall(r"the static delta is of no use: (.*); objects are fetched instead", machine.told())
            expect(len(told) == 1 and words in told[0], f"{mode}: {words!r} wanted: {told}")
            expect(server.path("0") in server.asked and server.objects_asked() == NEW, mode)


def test_unsigned_commit():
    """a good delta does not make up for a release that nobody signed"""
    with Server() as server, Machine() as machine:
        (server.folder / ostree.object_path(MAKER.commits[NUMBER], "commitmeta")[1:]).unlink()
        machine.refuses("OSTREE_SIGNATURE", "install", server.url)
        expect(not [path for path in server.asked if "deltas" in path], "the delta was asked for")


def test_base_damaged():
    """the running image has rotted where the delta refers to it: objects instead"""
    with Server() as server, Machine() as machine:
        machine.rot()
        machine.json("install", server.url)
        machine.has_release("b", NUMBER)
        expect("makes bytes of another checksum" in machine.told(), machine.told())
        expect(server.objects_asked(), "no object was fetched")


def test_too_large():
    """a part that is larger than machines take is not even asked for, and costs no word"""
    with Server() as server, Machine() as machine:
        path, wrapper = server.delta("0"), Wrapper(server)
        wrapper.replace(path.stat().st_size.to_bytes(8, "little"), (1 << 40).to_bytes(8, "little"))
        wrapper.write()
        plan = machine.json("install", "--plan", server.url)["result"]
        expect_equal(plan["static_parts"], 0)
        machine.json("install", server.url)
        machine.has_release("b", NUMBER)
        expect(server.path("0") not in server.asked, "it was asked for")
        expect_equal(server.objects_asked(), NEW)


if __name__ == "__main__":
    rig.main(globals())
