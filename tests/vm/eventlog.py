# SPDX-License-Identifier: MIT
"""The TCG2 event log (TCG PC Client Platform Firmware Profile 1.05, 10.2), SHA-256 bank."""
import hashlib
import struct

SHA256, DIGEST_SIZES = 0x0b, {0x04: 20, 0x0b: 32, 0x0c: 48, 0x0d: 64, 0x12: 32}
EV_NO_ACTION, EV_EVENT_TAG = 3, 6


def events(log):
    """Yields (pcr, type, SHA-256 digest, data) until the log ends or turns into zeros."""
    at = 28 + struct.unpack_from("<28xI", log)[0] + 4          # past the SHA-1 shaped header event
    while at + 12 <= len(log):
        pcr, kind, count = struct.unpack_from("<III", log, at)
        if kind == 0 and count == 0 or not 1 <= count <= 5:
            return
        at += 12
        digest = None
        for _ in range(count):
            algorithm = struct.unpack_from("<H", log, at)[0]
            size = DIGEST_SIZES[algorithm]
            if algorithm == SHA256:
                digest = log[at + 2:at + 2 + size]
            at += 2 + size
        size = struct.unpack_from("<I", log, at)[0]
        yield pcr, kind, digest, log[at + 4:at + 4 + size]
        at += 4 + size


def replay(log, pcr):
    value = bytes(32)
    for number, kind, digest, _ in events(log):
        if number == pcr and kind != EV_NO_ACTION:
            value = hashlib.sha256(value + digest).digest()
    return value
