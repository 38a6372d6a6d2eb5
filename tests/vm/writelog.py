# SPDX-License-Identifier: MIT
"""What a virtual machine wrote to its disk: the logs of QEMU's blklogwrites, in the format of dm-log-writes.

    log = read(["boot0.log", "boot1.log"])      # one after the other, as one stream
    log[17].data()

A sector that starts with the head of the log, then entries: a sector that says what, and the data behind it.
The order is that of the machine's requests. A flush stands behind the writes that it makes durable."""
import dataclasses
import os
import struct

MAGIC = 0x6a736677736872
VERSION = 1
FLUSH, FUA, DISCARD, MARK = 1, 2, 4, 8
_HEAD, _ENTRY = struct.Struct("<QQQI"), struct.Struct("<QQQQ")


class LogError(Exception):
    """The log is no log, or holds what the machine's disk does not offer."""


@dataclasses.dataclass(frozen=True)
class Write:
    offset: int                 # on the disk, in bytes
    size: int
    path: str                   # of the log that has the data
    at: int

    def data(self):
        with open(self.path, "rb") as file:
            file.seek(self.at)
            found = file.read(self.size)
        if len(found) != self.size:
            raise LogError(f"{self.path} ends within a write")
        return found


@dataclasses.dataclass(frozen=True)
class Flush:
    pass


@dataclasses.dataclass(frozen=True)
class Lost:
    """In the place of an entry that a test takes away, so that the others keep their numbers."""


def count(path):
    """Entries that are complete: the head is written anew after each one."""
    if os.path.getsize(path) < _HEAD.size:
        return 0
    with open(path, "rb") as file:
        return _head(path, file)[0]


def read(paths):
    return [entry for path in paths for entry in _read(path)]


def _head(path, file):
    magic, version, entries, sector_size = _HEAD.unpack(file.read(_HEAD.size))
    if (magic, version) != (MAGIC, VERSION) or sector_size < _ENTRY.size:
        raise LogError(f"{path} is no log of writes")
    return entries, sector_size


def _read(path):
    found = []
    if os.path.getsize(path) == 0:
        return found
    with open(path, "rb") as file:
        entries, sector_size = _head(path, file)
        at = sector_size
        for _ in range(entries):
            file.seek(at)
            sector, sectors, flags, _ = _ENTRY.unpack(file.read(_ENTRY.size))
            at += sector_size
            if flags & (FUA | DISCARD | MARK):      # virtio-blk has no FUA, and discards are ignored
                raise LogError(f"{path}: an entry with flags {flags:#x}")
            if flags & FLUSH:                       # before the data, if there are any
                found.append(Flush())
            if sectors:
                found.append(Write(sector * sector_size, sectors * sector_size, path, at))
                at += sectors * sector_size
    return found
