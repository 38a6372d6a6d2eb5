# SPDX-License-Identifier: MIT
"""A disk with two releases, made once; each scenario spoils its own copy of it.

Slot a holds version 1, committed; slot b holds version 2 as `azupdate install` leaves it: activated,
on trial. Version 2 can be told by its command line to hang; without that it is as healthy as version
1. UKIs of other command lines are made for the slot by the same tools."""
import os
import shutil
import subprocess
import tarfile

import bootrecord
import machine as vm
import rawdisk
import releases
from guest import mkguest

BLOCK, SECTOR, MIB = 4096, 512, 1 << 20
BOOT_MIB, ROOT_MIB = 80, 192
HASHES_PER_BLOCK = BLOCK // 32
PAYLOAD_MARK, PAYLOAD_SIZE = b"#PAYLOAD-OSREL", 512
DISK_SIZES = ["--boot-size", str(BOOT_MIB), "--root-size", str(ROOT_MIB)]

# What version 2 does where demo.hang= of its command line asks for it, and the time, shorter than
# the product's, after which a boot that was not judged is over.
UNJUDGED_S = 200
HANGS = {
    "usr/lib/systemd/system/demo-hang.service":
        "[Unit]\nConditionKernelCommandLine=demo.hang=unit\nBefore=multi-user.target\n"
        "[Service]\nType=oneshot\nTimeoutStartSec=infinity\nExecStart=/bin/sleep infinity\n",
    "usr/lib/systemd/system/multi-user.target.d/hang.conf": "[Unit]\nWants=demo-hang.service\n",
    "usr/lib/systemd/system/azupdate-health.service.d/soon.conf":
        f"[Unit]\nJobTimeoutSec={UNJUDGED_S}\n",
    "usr/lib/azupdate/health.d/required.d/50-demo":
        "#!/bin/sh\n! grep -q demo.hang=check /proc/cmdline || { kill -SEGV 1; sleep infinity; }\n",
}


class MediaWorld(releases.World):
    VERSIONS = ("1", "2")
    STAGED = HANGS      # files of version 2

    def __init__(self, folder, build, variants, say=lambda text: None):
        """variants: by name, what a UKI of version 2 has on its command line beside the usual."""
        super().__init__(folder, build, say)
        self.variants = variants
        self.payload = os.path.join(self.build, "tests/vm/payload.efi")
        self.starts = {}

    def make(self):
        """What was made in this folder before is used again, as it is."""
        if not os.path.exists(self.at("slot_b")):
            super().make()
            self._fill_slot_b()
        self.starts = rawdisk.partitions(self.disk)
        for name, more in self.variants.items():
            if not os.path.exists(self.at(name + ".boot")):
                self.say(f"version 2 with {more}")
                self._variant(name, more)

    def _fill_slot_b(self):
        self.say("version 2 into slot b")
        self.starts = rawdisk.partitions(self.disk)
        with self.disk_with(self.bundle("2")) as other, DiskFile(self.disk, self.starts) as disk:
            for kind in ("boot", "root"):
                disk.write(f"{kind}_b", 0, other.read(f"{kind}_a"))
        with open(self.at("slot_b"), "w", encoding="utf-8") as mark:
            mark.write("2\n")

    def guest_words(self, version):
        return ["--stage", self.at("staged")] if version == "2" else []

    def disk_of(self, bundle, output, *words):
        super().disk_of(bundle, output, *DISK_SIZES, *words)

    def _stage(self):
        super()._stage()
        for path, text in self.STAGED.items():
            mkguest.write_file(self.at("staged", path), text, 0o755 if text[0] == "#" else 0o644)

    def _variant(self, name, more):
        uki, bundle = self.at("variant.efi"), self.at("variant.azb")
        self.uki("2", uki, f"{self.cmdline('2')} {more}", "db")
        self.bundle_make("2", uki, bundle)
        with self.disk_with(bundle) as disk, open(self.at(name + ".boot"), "wb") as out:
            out.write(disk.read("boot_a"))

    def disk_with(self, bundle):
        path = self.at("other.img")
        self.disk_of(bundle, path)
        return DiskFile(path, self.starts)

    # Copies.

    def copy(self, folder):
        """A scenario's own disk, variables and TPM, in its folder."""
        shutil.rmtree(folder, ignore_errors=True)
        os.makedirs(folder)
        copy = DiskFile(os.path.join(folder, "disk.img"), self.starts)
        subprocess.run(["cp", "--sparse=always", "--reflink=auto", self.disk, copy.path], check=True)
        shutil.copy(self.vars, os.path.join(folder, "vars.fd"))
        shutil.copytree(self.tpm, os.path.join(folder, "tpm"))
        return copy

    # Where things are.

    def data_blocks(self):
        return -(-os.path.getsize(self.at("2/root.erofs")) // BLOCK)

    def tree_leaf(self):
        """The block of the tree with the hashes of the first data blocks: behind the levels above."""
        at, count = self.data_blocks() + 1, -(-self.data_blocks() // HASHES_PER_BLOCK)
        while count > 1:
            count = -(-count // HASHES_PER_BLOCK)
            at += count
        return at

    def program_block(self):
        """A block of the first program of the root, which every boot reads."""
        with tarfile.open(mkguest.debian_cached(os.path.join(mkguest.TOP, ".cache"))) as tar:
            program = tar.extractfile("./usr/lib/systemd/systemd").read()
        with open(self.at("2/root.erofs"), "rb") as file:
            image = file.read()
        at = image.find(program[2 * BLOCK:3 * BLOCK])
        if at < 0 or at % BLOCK:
            raise vm.MachineError("systemd's blocks are not in the image as they are")
        return at // BLOCK

    def hanging_payload(self):
        """A boot partition whose UKI, properly signed, spins before it leaves boot services."""
        with open(self.payload, "rb") as file:
            data = file.read()
        at = data.index(PAYLOAD_MARK)
        text = PAYLOAD_MARK + b"\nPAYLOAD_END=hang\n"
        plain, signed = self.at("hang.efi"), self.at("hang.signed.efi")
        with open(plain, "wb") as out:
            out.write(data[:at] + text.ljust(PAYLOAD_SIZE, b"\0") + data[at + PAYLOAD_SIZE:])
        self.run("sbsign", "--key", self.at("keys/db.key"), "--cert", self.at("keys/db.crt"),
                 "--output", signed, plain)
        with open(signed, "rb") as file:
            uki = file.read()
        behind = BLOCK + -(-len(uki) // BLOCK) * BLOCK
        with DiskFile(self.disk, self.starts) as disk:
            root_hash = disk.root_hash("b")
        header = bootrecord.Header(uki_size=len(uki), tree_offset=behind, root_hash=root_hash,
                                   manifest_offset=behind + BLOCK, version="2",
                                   signature_offset=behind + 2 * BLOCK, security_version=1)
        return header.encode() + uki


class DiskFile:
    """A disk image by its partitions' names."""

    def __init__(self, path, starts):
        self.path, self.starts = path, starts
        self._file = None

    def __enter__(self):
        self._file = open(self.path, "r+b")
        return self

    def __exit__(self, *_):
        self._file.close()

    def at(self, name, offset=0):
        return self.starts[name][0] + offset

    def sector(self, name, offset=0):
        return self.at(name, offset) // SECTOR

    def read(self, name, offset=0, size=None):
        self._file.seek(self.at(name, offset))
        return self._file.read(self.starts[name][1] - offset if size is None else size)

    def write(self, name, offset, data):
        self._file.seek(self.at(name, offset))
        self._file.write(data)

    def flip(self, name, offset):
        self.write(name, offset, bytes([self.read(name, offset, 1)[0] ^ 1]))

    def root_hash(self, letter):
        return self.read("boot_" + letter, 88, 32)

    def record_put(self, slot_a, slot_b):
        """Both copies, the newer one first, as after years of boots."""
        for slot, letter in ((slot_a, "a"), (slot_b, "b")):
            slot.security_version, slot.root_hash = 1, self.root_hash(letter)
        for copy in (0, 1):
            record = bootrecord.Record(sequence=1000 - copy, slots=[slot_a, slot_b], last=0)
            self.write("azstate", copy * bootrecord.COPY_SIZE, record.encode())
