# SPDX-License-Identifier: MIT
"""Boot record and boot header, read and written by the tables of docs/FORMATS.md.

Written apart from lib/core, so that a mistake there shows here."""
import dataclasses
import struct

STATES = ["empty", "staged", "trying", "good", "bad"]
COPY_SIZE = 4096


def crc32c(data):
    crc = 0xffffffff
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82f63b78 if crc & 1 else 0)
    return crc ^ 0xffffffff


def _head_decode(data, magic, size_min):
    """(format, reader_min, size) of a record or a header; None unless its checksum is right."""
    if data[:8] != magic:
        return None
    crc, form, reader_min, size = struct.unpack_from("<IHHI", data, 8)
    if not size_min <= size <= COPY_SIZE or crc32c(data[12:size]) != crc:
        return None
    return form, reader_min, size


@dataclasses.dataclass
class Slot:
    state: str = "empty"
    priority: int = 0
    tries_left: int = 0
    failures: int = 0
    fault: int = 0
    security_version: int = 0
    root_hash: bytes = bytes(32)

    def encode(self):
        return struct.pack("<BBBBIQ32s16x", STATES.index(self.state), self.priority,
                           self.tries_left, self.failures, self.fault, self.security_version,
                           self.root_hash)

    @classmethod
    def decode(cls, data):
        state, *rest = struct.unpack("<BBBBIQ32s16x", data)
        return cls(STATES[state], *rest)


@dataclasses.dataclass
class Record:
    sequence: int = 1
    slots: list = dataclasses.field(default_factory=lambda: [Slot(), Slot()])
    once: int = 255
    last: int = 255
    last_fault: int = 0
    floor_request: int = 0
    recovered: bool = False
    format: int = 1
    reader_min: int = 1
    size: int = 256

    def encode(self):
        body = struct.pack("<HHIIQBB2xIQ16x", self.format, self.reader_min, self.size,
                           1 if self.recovered else 0, self.sequence, self.once, self.last,
                           self.last_fault, self.floor_request)
        body += self.slots[0].encode() + self.slots[1].encode()
        body = body.ljust(self.size - 12, b"\0")
        return (b"AZBOOTRC" + struct.pack("<I", crc32c(body)) + body).ljust(COPY_SIZE, b"\0")

    @classmethod
    def decode(cls, data):
        """None if it is no sound record."""
        head = _head_decode(data, b"AZBOOTRC", 256)
        if head is None:
            return None
        form, reader_min, size = head
        flags, sequence, once, last, last_fault, floor = struct.unpack_from("<IQBB2xIQ", data, 20)
        slots = [Slot.decode(data[64:128]), Slot.decode(data[128:192])]
        return cls(sequence, slots, once, last, last_fault, floor, bool(flags & 1), form,
                   reader_min, size)


def newest(area):
    """The record that counts, out of the first 8 KiB of azstate; None if there is none."""
    records = [Record.decode(area[i:i + COPY_SIZE]) for i in (0, COPY_SIZE)]
    return max((r for r in records if r), key=lambda r: r.sequence, default=None)


@dataclasses.dataclass
class Header:
    uki_size: int
    uki_offset: int = 4096
    staged_sequence: int = 0
    tree_offset: int = 0
    manifest_offset: int = 0
    signature_offset: int = 0
    manifest_size: int = 0
    signature_size: int = 0
    security_version: int = 0
    root_hash: bytes = bytes(32)
    uki_root: bytes = bytes(32)
    version: str = "1"
    format: int = 1
    reader_min: int = 1

    def encode(self):
        body = struct.pack("<HHI4xQQQQQQIIQ32s32s64s72x", self.format, self.reader_min, 288,
                           self.staged_sequence, self.uki_offset, self.uki_size, self.tree_offset,
                           self.manifest_offset, self.signature_offset, self.manifest_size,
                           self.signature_size, self.security_version, self.root_hash,
                           self.uki_root, self.version.encode())
        return (b"AZBOOTHD" + struct.pack("<I", crc32c(body)) + body).ljust(4096, b"\0")

    @classmethod
    def decode(cls, data):
        """None if it is no sound header. Where it points to is not looked at."""
        head = _head_decode(data, b"AZBOOTHD", 288)
        if head is None:
            return None
        form, reader_min, _ = head
        (staged, uki, uki_size, tree, manifest, signature, manifest_size, signature_size, security,
         root_hash, uki_root, version) = struct.unpack_from("<QQQQQQIIQ32s32s64s", data, 24)
        return cls(uki_size, uki, staged, tree, manifest, signature, manifest_size, signature_size,
                   security, root_hash, uki_root, version.rstrip(b"\0").decode(), form, reader_min)
