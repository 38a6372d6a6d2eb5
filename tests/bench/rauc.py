# SPDX-License-Identifier: MIT
"""RAUC's adaptive update (block-hash-index), emulated from a real bundle.

Installing such a bundle needs device-mapper and a network block device, which a build machine's
kernel often lacks. What it would fetch follows from two things that are real here: the index that
`rauc bundle` makes, and the compressed blocks of the squashfs that it packs the image in: each such
block with a chunk that the old image does not have is fetched, once. Left out, in RAUC's favour: the
bundle's own hash tree, the signature, read-ahead. Left out, to its disadvantage: the old content of
the slot that is written, as a second source.
"""
import hashlib
import pathlib
import shutil
import struct
import subprocess
import zlib

from measure import Cost, Failed, measure, run
from rivals import row

CHUNK, BLOCK = 4096, 64 << 10
LEVEL = 15
MANIFEST = """[update]
compatible=bench
version=2
[bundle]
format={format}
"""
IMAGE = """[image.{slot}]
filename={name}
"""
ADAPTIVE = "adaptive=block-hash-index\n"
METADATA_PLAIN, DATA_PLAIN = 1 << 15, 1 << 24


def key_make(folder):
    if not (folder / "rauc.key").exists():
        run("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=bench", "-days", "365",
            "-keyout", folder / "rauc.key", "-out", folder / "rauc.crt")
    return [f"--key={folder / 'rauc.key'}", f"--cert={folder / 'rauc.crt'}"]


def padded_copy(source, target):
    """Slots are written in chunks, so an image must be a multiple of one."""
    shutil.copy(source, target)
    with open(target, "ab") as file:
        file.write(bytes(-file.tell() % CHUNK))


def bundle_make(at, images, out, *, kind="verity", squashfs=(), adaptive=True):
    """images: {slot: path}. Returns the Cost; the bundle's input stays in at/input."""
    folder = at / "input"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    text = MANIFEST.format(format=kind)
    for slot, path in images.items():
        padded_copy(path, folder / f"{slot}.img")
        text += IMAGE.format(slot=slot, name=f"{slot}.img") + (ADAPTIVE if adaptive else "")
    (folder / "manifest.raucm").write_text(text)
    out.unlink(missing_ok=True)
    arguments = [f"--mksquashfs-args={' '.join(squashfs)}"] if squashfs else []
    return measure("rauc", *key_make(at), *arguments, "bundle", folder, out)


# squashfs: where the blocks of its files are.

def unpack(packed, kind):
    if kind == 1:
        return zlib.decompress(packed)
    if kind == 6:
        return subprocess.run(["zstd", "-dcq"], input=packed, check=True, capture_output=True).stdout
    raise Failed(f"squashfs compression {kind} is not known here")


def metadata(file, begin, end, kind):
    """The unpacked metadata blocks between two offsets."""
    file.seek(begin)
    out = b""
    while file.tell() < end:
        size, = struct.unpack("<H", file.read(2))
        packed = file.read(size & ~METADATA_PLAIN)
        out += packed if size & METADATA_PLAIN else unpack(packed, kind)
    return out


def sizes_of(table, at, size, fragment, block):
    count = size // block if fragment != 0xffffffff else -(-size // block)
    return [value & ~DATA_PLAIN for value in struct.unpack_from(f"<{count}I", table, at)], at + 4 * count


def squashfs_files(path):
    """[(file size, [stored size of each block])], and the block size, of all files in a squashfs."""
    with open(path, "rb") as file:
        head = file.read(96)
        block, = struct.unpack_from("<I", head, 12)
        kind, = struct.unpack_from("<H", head, 20)
        inodes, directories = struct.unpack_from("<QQ", head, 64)
        table = metadata(file, inodes, directories, kind)
    at, found = 0, []
    while at < len(table):
        what, = struct.unpack_from("<H", table, at)
        if what == 1:                                   # a folder
            at += 32
        elif what == 2:                                 # a file
            _, fragment, _, size = struct.unpack_from("<IIII", table, at + 16)
            sizes, at = sizes_of(table, at + 32, size, fragment, block)
            found.append((size, sizes))
        elif what == 9:                                 # a big file
            _, size, _, _, fragment, _, _ = struct.unpack_from("<QQQIIII", table, at + 16)
            sizes, at = sizes_of(table, at + 56, size, fragment, block)
            found.append((size, sizes))
        else:
            raise Failed(f"inode of kind {what} in a RAUC bundle")
    return found, block


# The update.

def chunks(path):
    """The hash of each chunk, as the index has it."""
    with open(path, "rb") as file:
        while chunk := file.read(CHUNK):
            yield hashlib.sha256(chunk.ljust(CHUNK, b"\0")).digest()


def index_check(path, index):
    """The index that RAUC made is the list of hashes that we think it is."""
    wanted = b"".join(chunks(path))
    if index.read_bytes()[:len(wanted)] != wanted:
        raise Failed(f"{index.name} is not what it was taken for")


def blocks_needed(new, old, sizes, block):
    """(bytes, runs) of the squashfs blocks that hold a chunk which the old image lacks."""
    have = set(chunks(old))
    needed = sorted({number * CHUNK // block
                     for number, chunk in enumerate(chunks(new)) if chunk not in have})
    runs = sum(1 for before, number in zip([-2, *needed], needed) if number != before + 1)
    return sum(sizes[number] for number in needed), runs


class Adaptive:
    """The bundle of one new release: the same for all pairs that end in it."""

    def __init__(self, at, images):
        self.at, self.images = pathlib.Path(at), images
        self.at.mkdir(parents=True, exist_ok=True)
        self.bundle = self.at / "new.raucb"
        self.cost = bundle_make(self.at, images, self.bundle, squashfs=(
            "-comp", "zstd", "-Xcompression-level", str(LEVEL), "-b", str(BLOCK)))
        files, self.block = squashfs_files(self.bundle)
        self.sizes = {size: sizes for size, sizes in files}
        run("rauc", f"--keyring={self.at / 'rauc.crt'}", "extract", self.bundle, self.extracted())

    def extracted(self):
        folder = self.at / "extracted"
        shutil.rmtree(folder, ignore_errors=True)
        return folder

    def update(self, slot, old):
        """The row of one image from this old one."""
        new = self.at / "input" / f"{slot}.img"
        index = self.at / "extracted" / f"{slot}.img.block-hash-index"
        index_check(new, index)
        size, runs = blocks_needed(new, old, self.sizes[new.stat().st_size], self.block)
        stored = sum(self.sizes[index.stat().st_size])
        return row(size + stored, runs + 1, self.cost, Cost(0, 0, 0),
                   f"EMULATED: index {stored} bytes, squashfs blocks of 64 KiB, zstd {LEVEL}; "
                   "requests at least")
