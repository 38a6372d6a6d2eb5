# SPDX-License-Identifier: MIT
"""A disk image that is rebuilt from a log of writes, and looked at as it would be after a power cut."""
import contextlib
import struct
import subprocess
import uuid

SECTOR = 512
COPY_CHUNK = 1 << 20


def _table_head(file):
    file.seek(SECTOR)
    head = file.read(92)
    if head[:8] != b"EFI PART":
        raise ValueError("the disk has no GPT")
    return head


def table_ranges(path):
    """(offset, size) of what stands before and behind all partitions: the GPT, twice."""
    with open(path, "rb") as file:
        first, last = struct.unpack_from("<QQ", _table_head(file), 40)
        end = file.seek(0, 2)
    return [(0, first * SECTOR), ((last + 1) * SECTOR, end - (last + 1) * SECTOR)]


def partitions(path):
    """{label: (offset, size)} of the GPT."""
    with open(path, "rb") as file:
        entries, count, size = struct.unpack_from("<QII", _table_head(file), 72)
        file.seek(entries * SECTOR)
        table = file.read(count * size)
    found = {}
    for at in range(0, count * size, size):
        kind = uuid.UUID(bytes_le=table[at:at + 16])
        first, last = struct.unpack_from("<QQ", table, at + 32)
        label = table[at + 56:at + 128].decode("utf-16-le").rstrip("\0")
        if kind.int:
            found[label] = (first * SECTOR, (last + 1 - first) * SECTOR)
    return found


def overlap(offset, size, region):
    """(offset, size) of what two ranges share; size 0 if nothing."""
    start, end = max(offset, region[0]), min(offset + size, region[0] + region[1])
    return start, max(0, end - start)


def copy(source, target):
    subprocess.run(["cp", "--sparse=always", source, target], check=True)


class RawDisk:
    def __init__(self, path):
        self.path = path
        self._file = open(path, "r+b")

    def close(self):
        self._file.close()

    def read(self, offset, size, parts=()):
        """With the parts of writes in their order over what stands there."""
        self._file.seek(offset)
        found = bytearray(self._file.read(size))
        for part in parts:
            start, shared = overlap(part.offset, part.length, (offset, size))
            if shared:
                data = part.data()[start - part.offset:][:shared]
                found[start - offset:start - offset + shared] = data
        return bytes(found)

    def write(self, offset, data):
        self._file.seek(offset)
        self._file.write(data)
        self._file.flush()

    @contextlib.contextmanager
    def with_parts(self, parts):
        """The image has them, until the end of the block."""
        before = []
        for part in parts:
            data = part.data()
            before.append((part.offset, self.read(part.offset, len(data))))
            self.write(part.offset, data)
        try:
            yield
        finally:
            for offset, data in reversed(before):
                self.write(offset, data)

    def extract(self, offset, size, path):
        """A range as a file; zeros become holes."""
        with open(path, "wb") as out:
            for at in range(0, size, COPY_CHUNK):
                self._file.seek(offset + at)
                data = self._file.read(min(COPY_CHUNK, size - at))
                if data.count(0) == len(data):
                    out.seek(len(data), 1)
                else:
                    out.write(data)
            out.truncate(size)
