# SPDX-License-Identifier: MIT
"""The TCG event log (TCG PC Client Platform Firmware Profile 1.05, section 10) and its replay."""
import hashlib
import struct

SHA256 = 0x000b
NO_ACTION = 3
_DIGEST_SIZES = {0x0004: 20, 0x000b: 32, 0x000c: 48, 0x000d: 64}


def events(log):
    """Yields (pcr, type, SHA-256 digest, data) of each event behind the specification header."""
    at = 32 + struct.unpack_from("<I", log, 28)[0]
    while at + 12 <= len(log):
        pcr, kind, count = struct.unpack_from("<III", log, at)
        at += 12
        digests = {}
        for _ in range(count):
            algorithm = struct.unpack_from("<H", log, at)[0]
            size = _DIGEST_SIZES[algorithm]
            digests[algorithm] = log[at + 2:at + 2 + size]
            at += 2 + size
        size = struct.unpack_from("<I", log, at)[0]
        yield pcr, kind, digests[SHA256], log[at + 4:at + 4 + size]
        at += 4 + size


def replay(log):
    """PCR values (bytes) that the log leads to, of the PCRs that it names."""
    values = {}
    for pcr, kind, digest, _ in events(log):
        if kind != NO_ACTION:
            values[pcr] = hashlib.sha256(values.get(pcr, bytes(32)) + digest).digest()
    return values
