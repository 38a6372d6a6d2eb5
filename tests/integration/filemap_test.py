#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""File maps of what mkfs.erofs, mke2fs, cpio and objcopy make: each file's bytes, gathered through the
map, are the file's of the tree.

filemap_test.py FILEMAP_READ AZBUNDLE. Prints TAP."""
import hashlib
import os
import pathlib
import random
import subprocess
import sys
import tempfile

READ, AZBUNDLE = map(os.path.abspath, sys.argv[1:])
COMPRESSED, CONTAINER, INLINE_TAIL, DAMAGED = 1, 2, 4, 8
EMPTY = hashlib.sha256(b"").hexdigest()


def run(*words, **options):
    path = f"{os.environ['PATH']}:/usr/sbin:/sbin"
    done = subprocess.run([str(word) for word in words], capture_output=True, env={**os.environ, "PATH": path},
                          **options)
    assert done.returncode == 0, f"{words[0]}: {done.stderr.decode()}"
    return done.stdout


def tree_make(folder):
    """Files of the sizes where layouts change, holes, hard links, large folders, deep paths."""
    source = random.Random(3)
    folder.mkdir()
    for size in (0, 1, 59, 60, 61, 100, 150, 1023, 1024, 1025, 4000, 4095, 4096, 4097, 8191, 8192, 70_001,
                 1_300_000):
        (folder / f"size-{size}").write_bytes(source.randbytes(size))
    with open(folder / "holes", "wb") as out:
        for at in (0, 40_960, 200_000, 1_000_000):
            out.seek(at)
            out.write(source.randbytes(5000))
    (folder / "hole-at-end").write_bytes(b"x" * 9000)
    os.truncate(folder / "hole-at-end", 100_001)
    with open(folder / "only-hole", "wb") as out:
        out.truncate(300_000)
    (folder / "runs").write_bytes(b"".join(bytes([value]) * 4096 for value in (1, 2, 1, 1, 3) * 9))
    os.link(folder / "size-70001", folder / "twin")
    os.symlink("size-1", folder / "symlink")
    (folder / "many").mkdir()
    for number in range(700):
        (folder / "many" / f"{number}-{'n' * (number % 90)}").write_bytes(b"%d" % number)
    deep = folder
    for level in range(20):
        deep = deep / f"level-{level}"
        deep.mkdir()
    (deep / ("long" * 63)).write_bytes(source.randbytes(9999))
    (folder / "size-100").chmod(0o4711)


def tree_hashes(folder):
    """Path -> hash; of hard links, all of them."""
    found = {}
    for top, _, names in os.walk(folder):
        for name in names:
            path = pathlib.Path(top) / name
            if not path.is_symlink():
                found[str(path.relative_to(folder))] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found


def map_of(image):
    first, *lines = run(READ, image).decode().splitlines()
    kind, damaged, partial, stamps, free = first.split(" ")
    files = []
    for line in lines:
        flags, size, digest, path = line.split(" ", 3)
        files.append((path, int(flags), int(size), digest))
    assert damaged == "0" and partial == "0", first
    return kind, files, int(stamps), int(free)


def same(files, tree, prefix=""):
    """Each file of the tree once, a set of hard links once, with the bytes of the tree."""
    got = {path.removeprefix(prefix): digest for path, _, _, digest in files if path.startswith(prefix)}
    links = {"size-70001", "twin"}
    assert len(got) == len(files) or prefix, "a path stands twice"
    for path, digest in got.items():
        assert tree.get(path) == digest, f"{path}: {digest}, not {tree.get(path)}"
    missing = set(tree) - set(got)
    assert len(links & set(got)) == 1, links & set(got)
    assert missing <= links | {path for path in tree if tree[path] == EMPTY}, missing


def test_erofs(folder):
    """EROFS: plain and inline data, compact and extended inodes, chunks with holes."""
    tree = tree_hashes(folder / "tree")
    for number, (words, inline) in enumerate((
            ((), True), (("-Enoinline_data",), False), (("-Eforce-inode-extended",), True),
            (("-Eforce-inode-compact", "-T0"), True), (("--chunksize=4096",), False),
            (("--chunksize=65536", "-Eforce-chunk-indexes"), False),
            (("--chunksize=4096", "-Eforce-inode-blockmap"), False))):
        image = folder / f"erofs-{number}"
        run("mkfs.erofs", *words, image, folder / "tree")
        kind, files, stamps, _ = map_of(image)
        assert kind == "erofs", kind
        same(files, tree)
        assert inline == any(flags & INLINE_TAIL for _, flags, _, _ in files), words
        compact = "-Eforce-inode-compact" in words
        assert stamps == 1 if compact else stamps > len(files), f"{stamps} times"


def test_erofs_compressed(folder):
    """Compressed EROFS: files are listed with their sizes, and said to be compressed."""
    (folder / "plain").mkdir()
    (folder / "plain" / "file").write_bytes(b"compressible " * 9999)
    run("mkfs.erofs", "-zlz4hc", folder / "image", folder / "plain")
    assert map_of(folder / "image")[1] == [("file", COMPRESSED, 13 * 9999, "-")]


def test_ext4(folder):
    """ext2 and ext4: block maps, extents, inline data, small blocks and small inodes."""
    tree = tree_hashes(folder / "tree")
    for number, (words, inline) in enumerate((
            (("-text4",), False), (("-text2",), False), (("-text4", "-b1024"), False),
            (("-text4", "-O^64bit,^metadata_csum,^has_journal", "-I128"), False),
            (("-text4", "-Oinline_data", "-I256"), True), (("-text4", "-Oinline_data", "-I1024"), True))):
        image = folder / f"ext4-{number}"
        if inline:  # mke2fs 1.47 then cuts a file where its last hole starts
            for name in ("hole-at-end", "only-hole"):
                tree.pop(name, None)
                (folder / "tree" / name).unlink(missing_ok=True)
        run("mke2fs", "-q", *words, "-d", folder / "tree", image, "24M")
        kind, files, stamps, free = map_of(image)
        assert kind == "ext4" and stamps > len(files) and free > 0, (kind, stamps, free)
        same(files, tree)
        assert inline == any(flags & INLINE_TAIL for _, flags, _, _ in files), words


def test_unwritten(folder):
    """ext4: blocks that are allocated but were never written are a hole, whatever is in them."""
    image = folder / "image"
    run("mke2fs", "-q", "-text4", "-d", folder / "tree", image, "24M")
    commands = "rm size-1300000\nfallocate only-hole 0 60\n"
    run("debugfs", "-w", "-f", "-", image, input=commands.encode())
    assert b"(0-60" in run("debugfs", "-R", "stat only-hole", image).replace(b"[u]", b""), "not allocated"
    found = {path: digest for path, _, _, digest in map_of(image)[1]}
    assert found["only-hole"] == tree_hashes(folder / "tree")["only-hole"]


def cpio(tree):
    names = run("find", ".", cwd=tree)
    return run("cpio", "-o", "--quiet", "-Hnewc", cwd=tree, input=names)


def test_cpio(folder):
    """cpio: one archive, and several one after another with zeros between them."""
    tree = tree_hashes(folder / "tree")
    archive = cpio(folder / "tree")
    (folder / "one").write_bytes(archive)
    kind, files, _, _ = map_of(folder / "one")
    assert kind == "cpio", kind
    same(files, tree)
    (folder / "second" / "etc").mkdir(parents=True)
    (folder / "second" / "etc" / "added").write_text("x" * 4321)
    (folder / "two").write_bytes(archive + bytes(1020) + cpio(folder / "second"))
    _, files, _, _ = map_of(folder / "two")
    same(files, {**tree, **tree_hashes(folder / "second")})
    assert any(path == "etc/added" for path, *_ in files)


def uki_make(folder, initrd):
    for name, content in (("linux", b"kernel" * 9999), ("osrel", b"ID=x\n"), ("initrd", initrd),
                          ("root", bytes(8192))):
        (folder / name).write_bytes(content)
    run(AZBUNDLE, "uki", "--linux", folder / "linux", "--initrd", folder / "initrd", "--os-release",
        folder / "osrel", "--root", folder / "root", "--product", "p", "-o", folder / "uki")
    return folder / "uki"


def test_uki(folder):
    """UKI: sections are what objcopy finds, members of the initrd are files of their own."""
    tree = tree_hashes(folder / "tree")
    uki = uki_make(folder, cpio(folder / "tree"))
    kind, files, _, _ = map_of(uki)
    assert kind == "uki", kind
    same(files, tree, prefix=".initrd/")
    sections = {path: (flags, digest) for path, flags, _, digest in files if "/" not in path}
    for name in ("linux", "osrel", "cmdline", "initrd"):
        run("objcopy", "-Obinary", f"--only-section=.{name}", uki, folder / "section")
        digest = hashlib.sha256((folder / "section").read_bytes()).hexdigest()
        assert sections[f".{name}"] == (CONTAINER if name == "initrd" else 0, digest), name


def test_uki_rest(folder):
    """UKI: a compressed initrd behind an uncompressed one is a file, a compressed one is opaque."""
    packed = run("zstd", "-c", input=cpio(folder / "tree"))
    (folder / "early").mkdir()
    (folder / "early" / "microcode").write_bytes(b"m" * 5001)
    uki = uki_make(folder, cpio(folder / "early") + packed)
    files = {path: (flags, digest) for path, flags, _, digest in map_of(uki)[1]}
    assert files[".initrd"][0] == CONTAINER
    assert files[".initrd+rest"] == (0, hashlib.sha256(packed).hexdigest())
    assert files[".initrd/microcode"] == (0, hashlib.sha256(b"m" * 5001).hexdigest())
    files = {path: flags for path, flags, _, _ in map_of(uki_make(folder, packed))[1]}
    assert files[".initrd"] == 0 and ".initrd+rest" not in files


def test_others(folder):
    """Others: a map without files, and squashfs is known by its name."""
    for kind, content in (("unknown", b""), ("unknown", b"x"), ("unknown", bytes(99_999)),
                          ("unknown", b"MZ" + bytes(5000)), ("squashfs", b"hsqs" + bytes(5000))):
        (folder / "other").write_bytes(content)
        assert map_of(folder / "other")[:2] == (kind, []), kind
    done = subprocess.run([READ, folder / "none"], capture_output=True)
    assert done.returncode == 1 and b"none" in done.stderr, done.stderr


def damage(image, seed):
    source = random.Random(seed)
    content = bytearray(image.read_bytes())
    for _ in range(300):
        at = source.randrange(min(len(content), 900_000))
        content[at] = source.choice((0, 1, 0x7f, 0xff, source.randrange(256)))
    return bytes(content)


def test_damaged(folder):
    """Damaged ext4: whatever is wrong, the map is made, and quickly."""
    image = folder / "whole"
    run("mke2fs", "-q", "-text4", "-Oinline_data,^metadata_csum", "-I256", "-d", folder / "tree", image, "12M")
    for seed in range(30):
        (folder / "damaged").write_bytes(damage(image, seed))
        done = subprocess.run([READ, folder / "damaged"], capture_output=True, timeout=60)
        assert done.returncode == 0, f"{seed}: {done.stderr.decode()[-900:]}"


def main():
    cases = [test_erofs, test_erofs_compressed, test_ext4, test_unwritten, test_cpio, test_uki, test_uki_rest, test_others,
             test_damaged]
    failed = 0
    print(f"1..{len(cases)}", flush=True)
    for number, case in enumerate(cases, 1):
        with tempfile.TemporaryDirectory() as folder:
            try:
                tree_make(pathlib.Path(folder) / "tree")
                case(pathlib.Path(folder))
                print(f"ok {number} {case.__doc__}", flush=True)
            except (AssertionError, KeyError, subprocess.TimeoutExpired) as error:
                failed += 1
                print(f"not ok {number} {case.__doc__}", flush=True)
                print("".join(f"# {line}\n" for line in str(error).splitlines()), end="", flush=True)
    sys.exit(failed > 0)


main()
