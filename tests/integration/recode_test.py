#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Streams that other programs compressed, through the recoders: recode_test.py DRIVER. TAP.

The driver proves that each stream which was split comes back bit for bit; here we see that what
gzip and zlib make costs next to nothing, and that the rest is refused or paid for."""
import gzip
import os
import random
import shutil
import struct
import subprocess
import sys
import tempfile
import zlib

DRIVER = sys.argv[1]
FREE = 3            # bytes of corrections when all was foretold
EVERY_LEVEL = ("text-65300", "mixed-1", "table")
WORDS = "the device slot tree root of a block that boots and is signed hash to in for".split()


def text(rng, size):
    """Sentences with a few new words, so that matches of all lengths and distances occur."""
    out, length = [], 0
    while length < size:
        word = rng.choice(WORDS) if rng.random() < 0.8 else "%x" % rng.getrandbits(rng.choice([8, 16, 40]))
        word += "\n" if rng.random() < 0.1 else " "
        out.append(word)
        length += len(word)
    return "".join(out).encode()[:size]


def table(rng, size):
    """Binary records: few literals that repeat, many short matches."""
    out, row = bytearray(), 0
    while len(out) < size:
        out += struct.pack("<IHBBQ", row, rng.choice([1, 2, 700]), 0, rng.getrandbits(2), rng.getrandbits(6) << 20)
        row += 1
    return bytes(out[:size])


def mixed(rng, size):
    parts, left = [], size
    while left > 0:
        part = rng.choice([text, table, lambda r, n: r.randbytes(n), lambda r, n: bytes(n)])
        count = min(left, rng.choice([200, 5000, 40000]))
        parts.append(part(rng, count))
        left -= count
    return b"".join(parts)


def contents(rng):
    """Sizes around the windows and buffers of the encoders, and contents of each kind."""
    for size in (0, 1, 2, 3, 4, 5, 10, 300, 32506, 32768, 65274, 65275, 65300, 65535, 65536, 98300):
        yield f"text-{size}", text(rng, size)
    yield "zeros", bytes(70000)
    yield "aaa", b"a" * 1000
    yield "random", rng.randbytes(70000)
    yield "random-small", rng.randbytes(30)
    yield "table", table(rng, 80000)
    yield "long", text(rng, 300000)
    for number in range(4):
        yield f"mixed-{number}", mixed(rng, rng.randrange(30000, 250000))
    yield "fibonacci", b"".join(bytes([i]) * n for i, n in enumerate(fibonacci(21)))
    shuffled = bytearray(b"".join(bytes([i * 7 & 255]) * n for i, n in enumerate(fibonacci(20))))
    rng.shuffle(shuffled)
    yield "fibonacci-shuffled", bytes(shuffled)


def fibonacci(count):
    values = [1, 1]
    while len(values) < count:
        values.append(values[-1] + values[-2])
    return values


class Streams:
    """Files to split, and what is expected of them."""

    def __init__(self, folder):
        self.folder, self.names, self.expected = folder, [], []

    def add(self, name, data, streams=1, price=FREE):
        """Any number of streams, if that is None. `price`: the most bytes of corrections in all; None:
        each may be refused."""
        path = os.path.join(self.folder, name)
        with open(path, "wb") as file:
            file.write(data)
        self.names.append(path)
        self.expected.append((streams, price))

    def problems(self):
        run = subprocess.run([DRIVER, "-"], input="\n".join(self.names) + "\n", text=True, capture_output=True)
        found = [] if run.returncode == 0 else [f"exit status {run.returncode}: {run.stderr.strip()}"]
        rows = {}
        for line in run.stdout.splitlines():
            path, kind, _, size, raw, price = line.split("\t")
            rows.setdefault(path, []).append((kind, int(size), int(raw), price))
        for path, (streams, price) in zip(self.names, self.expected):
            got = [row for row in rows.get(path, []) if row[0] != "none"]
            prices = [row[3] for row in got]
            if streams is not None and len(got) != streams:
                found.append(f"{os.path.basename(path)}: {len(got)} streams, not {streams}")
            elif price is not None and ("-" in prices or sum(map(int, prices)) > price):
                found.append(f"{os.path.basename(path)}: corrections {prices}, more than {price}")
        return found


def gnu_gzip(data, *options):
    return subprocess.run(["gzip", *options], input=data, capture_output=True, check=True).stdout


def gnu_gzip_file(folder, data, *options):
    """From a file, as packages are built: it is read in one piece."""
    path = os.path.join(folder, "input")
    with open(path, "wb") as file:
        file.write(data)
    return subprocess.run(["gzip", "-c", *options, path], capture_output=True, check=True).stdout


def zlib_gzip(data, level, memory=8, strategy=zlib.Z_DEFAULT_STRATEGY, flush=None):
    maker = zlib.compressobj(level, zlib.DEFLATED, 31, memory, strategy)
    if flush is None:
        return maker.compress(data) + maker.flush()
    out = b""
    for start in range(0, len(data), 20000):
        out += maker.compress(data[start:start + 50000]) + maker.flush(flush)
    return out + maker.flush()


def case_gzip(streams, rng):
    """GNU gzip, every level, is foretold wholly."""
    for name, data in contents(rng):
        for level in (range(1, 10) if name in EVERY_LEVEL else (9,)):
            streams.add(f"{name}-{level}", gnu_gzip_file(streams.folder, data, f"-{level}n"))


def case_zlib(streams, rng):
    """zlib, every level, is foretold wholly; its header may say another system."""
    for name, data in contents(rng):
        for level in (range(1, 10) if name in EVERY_LEVEL else (6,)):
            for memory in ((8, 9) if name in EVERY_LEVEL[1:] else (8,)):
                streams.add(f"{name}-{level}-{memory}", zlib_gzip(data, level, memory))


def case_other_zlib(streams, rng):
    """Other ways of zlib are right, whatever they cost."""
    data = mixed(rng, 80000)
    for strategy in (zlib.Z_FILTERED, zlib.Z_HUFFMAN_ONLY, zlib.Z_RLE, zlib.Z_FIXED):
        streams.add(f"strategy-{strategy}", zlib_gzip(data, 6, 8, strategy), price=None)
    for flush in (zlib.Z_SYNC_FLUSH, zlib.Z_FULL_FLUSH, zlib.Z_PARTIAL_FLUSH, zlib.Z_BLOCK):
        streams.add(f"flush-{flush}", zlib_gzip(data, 9, 8, flush=flush),
                    price=None if flush == zlib.Z_FULL_FLUSH else 400)
    for memory in range(1, 8):
        streams.add(f"memory-{memory}", zlib_gzip(text(rng, 50000), 6, memory), price=None)
    streams.add("stored", zlib_gzip(data, 0), price=200)
    streams.add("python", gzip.compress(data, 9, mtime=1700000000), price=FREE + 10)


def case_headers(streams, rng):
    """Names, times and comments in the header are kept."""
    data = text(rng, 5000)
    body = gnu_gzip(data, "-9n")[10:]
    head = b"\x1f\x8b\x08"
    tail = b"\x00\x00\x00\x00\x02\x03"
    extra = struct.pack("<H", 5) + b"extra"
    for name, flags, fields in (("name", 8, b"file\0"), ("comment", 16, b"what\0"), ("extra", 4, extra),
                                ("crc", 2, b"\x12\x34"), ("all", 31, extra + b"file\0what\0\x12\x34")):
        streams.add(name, head + bytes([flags]) + tail + fields + body, price=FREE + 10 + len(fields))
    streams.add("reserved", head + b"\x20" + tail + body, streams=0)
    streams.add("unended", head + b"\x08" + tail + b"a" * 50, streams=0)
    streams.add("time", gnu_gzip(data, "-9"), price=FREE + 10)


def case_members(streams, rng):
    """Each member is a stream of its own; what follows the last one is not."""
    one, two = gnu_gzip(text(rng, 4000), "-9n"), zlib_gzip(table(rng, 50000), 6)
    streams.add("two", one + two, streams=2, price=2 * FREE)
    streams.add("garbage", one + b"garbage", streams=1)
    streams.add("cut", one[:-1], streams=0)
    streams.add("second-cut", one + two[:-9], streams=1)
    streams.add("checksum", one[:-8] + bytes([one[-8] ^ 1]) + one[-7:], streams=0)
    streams.add("size", one[:-4] + bytes([one[-4] ^ 1]) + one[-3:], streams=0)
    streams.add("plain", text(rng, 3000), streams=0)


def case_foreign(streams, rng):
    """Encoders that are not foretold: right, or refused."""
    data = mixed(rng, 60000) + text(rng, 90000)
    plain = os.path.join(streams.folder, "plain")
    with open(plain, "wb") as file:
        file.write(data)
    for name, command in (("pigz", "pigz -9nc -b 32 -p 2"), ("pigz-11", "pigz -11nc"), ("zopfli", "zopfli --i1 -c"),
                          ("libdeflate", "libdeflate-gzip -c -12"), ("libdeflate-1", "libdeflate-gzip -c -1"),
                          ("7z", "7z a -tgzip -so -mx=9 dummy"), ("rsyncable", "gzip -9nc --rsyncable")):
        if shutil.which(command.split()[0]) is None:
            print(f"# {command.split()[0]} is not installed")
            continue
        out = subprocess.run([*command.split(), plain], capture_output=True, check=True, cwd=streams.folder).stdout
        streams.add(name, out, price=None if "gzip -9nc" not in command and name != "pigz" else 1000)


def damaged(rng, data):
    out = bytearray(data)
    for _ in range(rng.randrange(1, 4)):
        out[rng.randrange(len(out))] ^= 1 << rng.randrange(8)
    return bytes(out)


def case_resealed(streams, rng):
    """Changed bits under a right checksum: choices that no encoder makes are right, or refused."""
    made = 0
    data = zlib_gzip(text(rng, 3000), 6)
    for _ in range(1000):
        body = damaged(rng, data[10:-8])
        try:
            maker = zlib.decompressobj(-15)
            raw = maker.decompress(body, 1 << 20)
        except zlib.error:
            continue
        if not maker.eof or maker.unused_data:
            continue
        streams.add(f"resealed-{made}", data[:10] + body + struct.pack("<II", zlib.crc32(raw), len(raw)), None, None)
        made += 1
    assert made > 10, made


def bzimage(payload):
    head = bytearray(2 * 512)
    struct.pack_into("<4sH", head, 0x202, b"HdrS", 0x20f)
    head[0x1f1] = 1
    struct.pack_into("<II", head, 0x248, 64, len(payload))
    return bytes(head) + bytes(64) + payload + bytes(100)


def pe(sections):
    """A PE file of just a header and these sections."""
    size = 1024
    head = bytearray(size)
    head[:2] = b"MZ"
    struct.pack_into("<I", head, 60, 64)
    struct.pack_into("<4sHHIIIHH", head, 64, b"PE", 0x8664, len(sections), 0, 0, 0, 112, 0)
    struct.pack_into("<H", head, 88, 0x20b)
    body = b""
    for number, (name, data) in enumerate(sections):
        struct.pack_into("<8sIIII", head, 200 + 40 * number, name, len(data), 0, len(data), size + len(body))
        body += data
    return bytes(head) + body


def case_kernels(streams, rng):
    """Payloads of kernels: LZ4 legacy at several levels, gzip; alone, in a UKI, and in a zboot image."""
    data = bytes(4 << 20) + mixed(rng, 1 << 20) + bytes(4 << 20)
    trailer = struct.pack("<I", len(data))
    for level in (1, 9, 12):
        lz4 = subprocess.run(["lz4", "-l", f"-{level}", "-c"], input=data, capture_output=True, check=True).stdout
        streams.add(f"lz4-{level}", bzimage(lz4 + trailer), streams=2, price=2)
    small = subprocess.run(["lz4", "-l", "-9", "-c"], input=data[(4 << 20):(4 << 20) + 100000], capture_output=True, check=True).stdout
    kernel = bzimage(small + trailer)
    streams.add("uki-lz4", pe([(b".osrel", b"ID=x\n"), (b".linux", kernel)]), streams=1, price=1)
    streams.add("lz4-changed", kernel[:1300] + bytes([kernel[1300] ^ 1]) + kernel[1301:], streams=1, price=None)
    streams.add("lz4-cut", bzimage((small + trailer)[:-50]), streams=0)
    packed = gnu_gzip(data[4 << 20:5 << 20], "-9n")
    streams.add("bzimage-gzip", bzimage(packed + trailer))
    streams.add("uki-gzip", pe([(b".linux", bzimage(packed))]))
    streams.add("image-gz", packed)
    zboot = bytearray(64)
    struct.pack_into("<2s2x4sII", zboot, 0, b"MZ", b"zimg", 64, len(packed))
    streams.add("zboot", bytes(zboot) + packed)
    old = bytearray(kernel)
    struct.pack_into("<H", old, 0x206, 0x207)
    streams.add("old-protocol", bytes(old), streams=0)
    far = bytearray(kernel)
    struct.pack_into("<I", far, 0x248, 0xfffffff0)
    streams.add("far-payload", bytes(far), streams=0)


CASES = [case_gzip, case_zlib, case_other_zlib, case_headers, case_members, case_foreign, case_resealed, case_kernels]


def main():
    status = 0
    print(f"1..{len(CASES)}")
    for number, case in enumerate(CASES, 1):
        with tempfile.TemporaryDirectory() as folder:
            streams = Streams(folder)
            case(streams, random.Random(number))
            found = streams.problems()
        print(f"{'not ok' if found else 'ok'} {number} {case.__doc__.splitlines()[0]}")
        for line in found[:20]:
            print(f"# {line}")
        sys.stdout.flush()
        status |= bool(found)
    sys.exit(status)


main()
