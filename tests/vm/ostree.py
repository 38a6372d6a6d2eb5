#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A machine whose releases are commits in an ostree repository, on a plain web server. It follows the
ref from version 1 to 4 and keeps what it ran; then, with no server any more, it goes back to version 2
and heals both slots out of its store. What its slots hold is read from outside, and compared bit for
bit with the images that were signed.

ostree.py BUILD [--work FOLDER]         tells what it does
ostree.py BUILD --tap [--work FOLDER]   the same as a test

BUILD is a release build of this project (no sanitizers). Half an hour in emulation."""
import base64
import hashlib
import json
import os
import random
import re
import sys

import machine as vm
import mediaworld
import rawdisk
import releases
import story
from bootrecord import Header
from guest import mkguest

REF, PUBLISHED = "os/demo", "azupdate/os/demo"
VAR_MIB = 320
CONFIGURATION = """[repository]
url=ostree+http://{host}:{port}/repo#{ref}
[network]
retry-time=5
[store]
history=3
"""
BLOCK, MIB = 4096, 1 << 20
# Of each slot's release: its own content, which the other slot has not, far from its ends.
ROTTEN = (100, 101, 500, 900)


def sha256(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class OstreeWorld(releases.World):
    VERSIONS = ("1", "2", "3", "4")

    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        self.port, self.repo = story.free_port(), os.path.join(self.www, "repo")

    def _stage(self):
        """With the signer's key, and the ref to follow."""
        super()._stage()
        self.run("ostree", f"--repo={self.repo}", "init", "--mode=archive")
        self.run("ostree", f"--repo={self.repo}", "config", "set", "core.fsync", "false")
        self.run("openssl", "genpkey", "-algorithm", "ed25519", "-out", self.at("signer"))
        self.run("openssl", "pkey", "-in", self.at("signer"), "-pubout", "-outform", "DER", "-out", self.at("signer.der"))
        with open(self.at("signer.der"), "rb") as file:
            public = base64.b64encode(file.read()[-32:])
        etc = self.at("stage/etc/azupdate")
        mkguest.write_file(os.path.join(etc, "ostree-keys/demo.ed25519"), public + b"\n")
        with open(os.path.join(etc, "azupdate.conf"), "a", encoding="utf-8") as out:
            out.write(CONFIGURATION.format(host=story.HOST, port=self.port, ref=PUBLISHED))
        for version in self.VERSIONS:
            self._stage_differences(int(version))

    def _stage_differences(self, version):
        """As versions differ: files come, go, stay, and change in places."""
        lines = [f"line {number}" for number in range(60000)]
        for change in range(version):
            lines[change * 9000 + 70] = f"changed in version {change + 1}"
        share = self.at(f"staged-{version}", "usr/share/azupdate-demo")
        mkguest.write_file(os.path.join(share, "lines"), "\n".join(lines) + "\n")
        for number in range(version, version + 5):
            mkguest.write_file(os.path.join(share, f"part-{number}"), random.Random(number).randbytes(200000))

    def _releases(self):
        """One after the other: each is what the ref leads to while it is made."""
        for version in self.VERSIONS:
            self._release(version)

    def guest_words(self, version):
        same = ["--initrd", self.at("1/initrd")] if version != "1" else []
        return [*same, "--stage", self.at(f"staged-{version}"), "--ostree", f"{self.repo}:{REF}", "--azbundle", self.azbundle]

    def bundle_make(self, version, uki, output):
        """Of the commit, whose metadata have the version, too."""
        self.run(self.azbundle, "build", "--product", releases.PRODUCT, "--ostree", f"{self.repo}:{REF}", "--uki", uki,
                 "--key", self.at("keys/release.key"), "--cert", self.at("keys/release.crt"), "--level", "3", "-o", output)

    def disk_of(self, bundle, output, *words):
        super().disk_of(bundle, output, *mediaworld.DISK_SIZES, "--var-size", str(VAR_MIB), *words)

    def publish(self, version, *options):
        self.run(self.azbundle, "ostree", "--repo", self.repo, "--sign-key", self.at("signer"), *options,
                 self.bundle(version))

    def delta(self, old, new):
        path = self.at(f"{old}-{new}.azb")
        self.run(self.azbundle, "delta", "--old", self.bundle(old), "--new", self.bundle(new), "-o", path)
        return path

    def objects(self, ref):
        """{path in the commit: path on the server} of its files."""
        listed = self.run("ostree", f"--repo={self.repo}", "ls", "-RC", ref)
        return {name: f"/repo/objects/{commit[:2]}/{commit[2:]}.filez" for commit, name in re.findall(
            r"^-\S+ +\d+ +\d+ +\d+ (\w{64}) (/\S+)$", listed, re.M)}

    def image(self, version):
        return self.at(version, "root.erofs")


class OstreeStory(story.Story):
    def __init__(self, world, tap):
        super().__init__(world, tap)
        self.asked = 0              # lines of the server's log that were read

    # From outside.

    def slot_read(self, letter):
        """(header, UKI, root image) as they stand on the disk."""
        with mediaworld.DiskFile(self.world.disk, rawdisk.partitions(self.world.disk)) as disk:
            header = Header.decode(disk.read(f"boot_{letter}", 0, BLOCK))
            size = os.path.getsize(self.world.image(header.version if header else "1"))
            uki = disk.read(f"boot_{letter}", header.uki_offset, header.uki_size) if header else b""
            return header, uki, disk.read(f"root_{letter}", 0, size)

    def holds(self, letter, version):
        """Whether the slot holds that release to the last bit."""
        header, uki, root = self.slot_read(letter)
        return (header is not None and header.version == version and
                hashlib.sha256(root).hexdigest() == sha256(self.world.image(version)) and
                hashlib.sha256(uki).hexdigest() == sha256(self.world.at(version, "uki.efi")))

    def expect_holds(self, letter, version):
        self.check(self.holds(letter, version), f"slot {letter} holds version {version}, bit for bit, UKI and root image")

    def damage(self, letter, version):
        """Blocks of the release's own content are overwritten on the medium."""
        with open(self.world.image(version), "rb") as file:
            image = file.read()
        content = random.Random(f"release {version}").randbytes(mkguest.DIFFERENT_SIZE)
        at = image.find(content[:BLOCK])
        with mediaworld.DiskFile(self.world.disk, rawdisk.partitions(self.world.disk)) as disk:
            for number in ROTTEN:
                disk.write(f"root_{letter}", at + number * BLOCK, b"rotten" * 600)

    def requests(self):
        """(number, bytes, paths) of what the server was asked for since the last call."""
        with open(self.world.at("nginx/access.log"), encoding="utf-8") as file:
            lines = file.read().splitlines()
        news, self.asked = lines[self.asked:], len(lines)
        fields = [line.split('"') for line in news]
        return len(news), sum(int(each[2].split()[1]) for each in fields), {each[1].split()[1] for each in fields}

    # The chapters.

    def first_boot(self):
        self.tell("Version 1, made of a commit, starts for the first time.")
        self.guest.wait_ready(story.BOOT_S)
        self.expect_running("a", "1")       # it came committed: the store has it once version 2 is

    def follow(self, version, slot, *options):
        self.tell(f"Version {version} is published: a signed commit on the ref that the machine follows.")
        self.world.publish(version, *options)
        self.requests()
        self.command("check")
        self.command("update")
        count, size, paths = self.requests()
        self.show(f"{count} requests, {size} bytes; the root image has {os.path.getsize(self.world.image(version))}")
        self.check(0 < size < os.path.getsize(self.world.bundle(version)) // 2,
                   "less than half of what the whole bundle has was fetched")
        self.reboot_and_wait()
        self.expect_running(slot, version)
        self.expect_holds(slot, version)
        self.stored([str(number) for number in range(1, int(version) + 1)])
        return paths

    def follow_delta(self):
        self.tell("Version 4 comes with a delta from version 3.")
        before = self.world.objects(REF)
        paths = self.follow("4", "b", "--delta", self.world.delta("3", "4"))
        published = self.world.objects(PUBLISHED)
        self.check(published["/recipe-head"] in paths and published["/recipe"] not in paths and
                   not paths & set(before.values()), "neither a file of the system was fetched, nor the list of them")

    def followed(self):
        for version, slot in (("2", "b"), ("3", "a")):
            self.follow(version, slot)
        self.follow_delta()
        self.command("store")

    def back_offline(self):
        self.tell("The server is gone. Back to version 2, which no slot holds any more.")
        self.check(self.command("check", ok=False)[0] != 0, "nobody answers")
        self.expect_holds("a", "3")
        self.command("rollback --to 2")
        self.expect_holds("a", "2")
        self.reboot_and_wait()
        status = self.expect_running("a", "2")
        root_hash = self.slot_read("a")[0].root_hash.hex()
        manifest = self.world.run(self.world.azbundle, "info", "--manifest", self.world.bundle("2"))
        self.check(root_hash in manifest, "its root hash is the one that was signed")
        self.check(self.slot(status, "a")["root_hash"] == root_hash, "the machine says the same")
        self.stored(["1", "2", "3", "4"])

    def repaired(self):
        self.tell("Blocks rot in both slots, where no other slot has the same. The store has them.")
        for letter, version in (("b", "4"), ("a", "2")):
            self.damage(letter, version)
            self.check(self.command(f"verify {letter}", ok=False)[0] != 0, f"slot {letter} is found to be damaged")
            done = json.loads(self.run(f"azupdate repair {letter} --json", timeout=300))["result"]
            self.show(json.dumps(done))
            self.check(done["from_store"] and done["wrong_bytes"] == done["decoded_bytes"] == len(ROTTEN) * BLOCK,
                       f"slot {letter} was healed out of the store, and what rotted was all that was wrong")
            self.expect_holds(letter, version)
        self.command("verify --all")
        self.command("status")

    def play(self):
        with self.machine_class(self.world.disk, self.world.vars, self.world.tpm, self.world.at("run"),
                                net=True) as self.guest:
            with story.served(self.world):
                self.first_boot()
                self.followed()
            self.back_offline()
            self.repaired()
            self.guest.kill()


if __name__ == "__main__":
    sys.exit(story.main("a machine that follows an ostree repository", OstreeWorld, OstreeStory))
