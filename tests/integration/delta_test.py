#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Deltas between images that other programs make, built and applied: delta_test.py BENCH_DELTA. TAP."""
import filecmp
import gzip
import os
import random
import shutil
import subprocess
import sys
import tempfile

BENCH_DELTA = sys.argv[1]
RANDOM = random.Random(1)
WORDS = [bytes(RANDOM.randrange(97, 123) for _ in range(RANDOM.randrange(2, 9))) for _ in range(2000)]


def text(size):
    out = bytearray()
    while len(out) < size:
        out += RANDOM.choice(WORDS) + b" "
    return bytes(out[:size])


def edited(content, edits):
    """Changed bytes, and at one place more of them."""
    out = bytearray(content)
    for _ in range(edits):
        out[RANDOM.randrange(len(out))] ^= 0x11
    at = RANDOM.randrange(len(out))
    return bytes(out[:at] + b"something new" + out[at:])


def write(path, content):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as file:
        file.write(content)


def gzipped(path, content):
    """By the gzip program, whose streams the device must make again."""
    write(path, content)
    subprocess.run(["gzip", "-9nf", path], check=True)


def trees(top):
    """Two trees: changed, moved, equal, new and removed files, small and large, some gzipped."""
    for i in range(40):
        content = text(RANDOM.randrange(100, 40000))
        after = content if i % 3 == 0 else edited(content, 5)
        name = f"usr/lib/mod-{i % 7}/file{i}"
        write(f"{top}/old/{name}", content)
        write(f"{top}/new/{name if i % 5 else name.replace('mod-', 'mod-1.')}", after)
        gzipped(f"{top}/old/usr/share/doc/p{i}/changelog", content)
        gzipped(f"{top}/new/usr/share/doc/p{i}/changelog", after)
    big = RANDOM.randbytes(500000)
    write(f"{top}/old/usr/bin/big", big)
    write(f"{top}/new/usr/bin/big", edited(big, 500))
    write(f"{top}/new/usr/bin/added", text(50000))
    write(f"{top}/old/usr/bin/removed", text(50000))
    write(f"{top}/new/etc/zeros", bytes(40000))
    for root, folders, files in os.walk(top):
        for name in folders + files:
            os.utime(os.path.join(root, name), (1, 1))


def make_erofs(tree, image):
    subprocess.run(["mkfs.erofs", "--quiet", "-T1", "-U", "00000000-0000-0000-0000-000000000001", image, tree],
                   check=True, stdout=subprocess.DEVNULL)


def make_ext4(tree, image):
    with open(image, "wb") as file:
        file.truncate(16 << 20)
    subprocess.run(["mkfs.ext4", "-q", "-F", "-U", "00000000-0000-0000-0000-000000000001", "-d", tree, image],
                   check=True, env={**os.environ, "E2FSPROGS_FAKE_TIME": "1"})


def make_raw(tree, image):
    """No file system that is known: tar has the files at odd offsets."""
    subprocess.run(["tar", "--sort=name", "--owner=0", "--group=0", "-cf", image, "-C", tree, "."], check=True)


def run(*arguments):
    return subprocess.run([BENCH_DELTA, *arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          check=False)


def padded_equal(one, other):
    """Images are whole blocks; the last one of the second may be cut."""
    with open(one, "rb") as a, open(other, "rb") as b:
        first, second = a.read(), b.read()
    return first == second + bytes(-len(second) % 4096)


def delta(work, old, new, name, jobs="2", speed=()):
    """Size of the delta, or what went wrong."""
    index, frames, output = (f"{work}/{name}.{part}" for part in ("index", "frames", "output"))
    made = run("make", old, new, index, frames, jobs, *speed)
    if made.returncode != 0:
        return made.stdout
    applied = run("apply", old, index, frames, output)
    if applied.returncode != 0:
        return applied.stdout
    if not padded_equal(output, new):
        return "another image came out"
    return os.path.getsize(index) + os.path.getsize(frames)


def check_kind(work, kind, make, size_max):
    for side in ("old", "new"):
        make(f"{work}/{side}", f"{work}/{side}.{kind}")
    got = delta(work, f"{work}/old.{kind}", f"{work}/new.{kind}", kind, "2", ("fast",))
    print(f"# {kind}: {got}")
    return isinstance(got, int) and got <= size_max


def check_jobs(work):
    """The number of threads changes nothing."""
    old, new = f"{work}/old.erofs", f"{work}/new.erofs"
    return isinstance(delta(work, old, new, "one", "1", ("fast",)), int) and all(
        filecmp.cmp(f"{work}/one.{part}", f"{work}/erofs.{part}", shallow=False) for part in ("index", "frames"))


def check_nothing(work):
    """An image and itself; and against an empty file."""
    image = f"{work}/new.erofs"
    write(f"{work}/empty", b"")
    same, all_of_it, none = (delta(work, image, image, "same"), delta(work, f"{work}/empty", image, "all", "2", ("fast",)),
                             delta(work, image, f"{work}/empty", "none"))
    print(f"# same {same}, all {all_of_it}, none {none}")
    return isinstance(same, int) and same < 100 and isinstance(all_of_it, int) and isinstance(none, int)


def check_base(work):
    """Another base is noticed where its size differs, and never crashes where it does not."""
    other, wrong = f"{work}/other", f"{work}/wrong"
    shutil.copy(f"{work}/old.erofs", other)
    with open(other, "ab") as file:
        file.write(bytes(4096))
    refused = run("apply", other, f"{work}/erofs.index", f"{work}/erofs.frames", f"{work}/x")
    write(wrong, RANDOM.randbytes(os.path.getsize(f"{work}/old.erofs")))
    garbled = run("apply", wrong, f"{work}/erofs.index", f"{work}/erofs.frames", f"{work}/x")
    return refused.returncode == 1 and "not" in refused.stdout and garbled.returncode in (0, 1)


def main():
    with tempfile.TemporaryDirectory() as work:
        trees(work)
        checks = [
            ("EROFS", lambda: check_kind(work, "erofs", make_erofs, 60000)),
            ("ext4", lambda: check_kind(work, "ext4", make_ext4, 70000)),
            ("no file system", lambda: check_kind(work, "raw", make_raw, 300000)),
            ("the number of threads changes nothing", lambda: check_jobs(work)),
            ("nothing, and everything", lambda: check_nothing(work)),
            ("another base", lambda: check_base(work)),
        ]
        print(f"1..{len(checks)}")
        failed = False
        for number, (name, check) in enumerate(checks, 1):
            good = check()
            failed = failed or not good
            print(f"{'ok' if good else 'not ok'} {number} {name}", flush=True)
    sys.exit(failed)


main()
