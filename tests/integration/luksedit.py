# SPDX-License-Identifier: MIT
"""LUKS2 headers as somebody with the disk in hand would change them: LUKS2 On-Disk Format 1.1, 2."""
import hashlib
import json

COPY, JSON_AT, CHECKSUM_AT, CHECKSUM_SIZE, SEQUENCE_AT = 16384, 4096, 448, 64, 16


def read(path):
    with open(path, "rb") as file:
        head = file.read(COPY)
    return json.loads(head[JSON_AT:].split(b"\0", 1)[0])


def write(path, value):
    """Both copies, with their checksums and a later sequence number."""
    text = json.dumps(value, separators=(",", ":")).encode()
    assert len(text) < COPY - JSON_AT, "the header has no room for it"
    with open(path, "r+b") as file:
        for copy in (0, 1):
            file.seek(copy * COPY)
            head = bytearray(file.read(COPY))
            sequence = int.from_bytes(head[SEQUENCE_AT:SEQUENCE_AT + 8], "big") + 2
            head[SEQUENCE_AT:SEQUENCE_AT + 8] = sequence.to_bytes(8, "big")
            head[JSON_AT:] = text.ljust(COPY - JSON_AT, b"\0")
            head[CHECKSUM_AT:CHECKSUM_AT + CHECKSUM_SIZE] = bytes(CHECKSUM_SIZE)
            digest = hashlib.sha256(head).digest()
            head[CHECKSUM_AT:CHECKSUM_AT + len(digest)] = digest
            file.seek(copy * COPY)
            file.write(head)
