#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""azbundle lint: each finding is found where it was put, counted exactly, and not found elsewhere.

azbundle_lint_test.py AZBUNDLE SCHEMA_FOLDER. Prints TAP."""
import gzip
import json
import os
import pathlib
import py_compile
import random
import subprocess
import sys
import tempfile
import zlib

import schema

AZBUNDLE, SCHEMAS = map(os.path.abspath, sys.argv[1:])
DESCRIBED = json.loads((pathlib.Path(SCHEMAS) / "lint.schema.json").read_text(encoding="utf-8"))
BLOCK = 4096
KEY = "-----BEGIN OPENSSH PRIVATE KEY-----\nnot one\n"
NOINLINE = ("-Enoinline_data", "-T1000000000")


def run(*words, ok=True, env=None, **options):
    path = f"{os.environ['PATH']}:/usr/sbin:/sbin"
    environment = {**os.environ, "PATH": path, **(env or {})}
    done = subprocess.run([str(word) for word in words], capture_output=True, env=environment, **options)
    assert not ok or done.returncode == 0, f"{words}: {done.stderr.decode()}"
    return done


def lint(image, *words, **env):
    """The findings of each comparison, by their names."""
    told = json.loads(run(AZBUNDLE, "lint", "--json", *words, image, env=env).stdout)
    assert not list(schema.complaints(told, DESCRIBED)), list(schema.complaints(told, DESCRIBED))
    found = [{finding["id"]: finding for finding in comparison["findings"]} for comparison in told["comparisons"]]
    return found[0] if len(found) == 1 else found


def patches(image, before):
    """What each file costs."""
    told = json.loads(run(AZBUNDLE, "lint", "--json", "--top=1000", old(before), image).stdout)
    return {entry["path"]: entry["delta_bytes"] for entry in told["comparisons"][0]["largest"]}


def old(image):
    return f"--old={image}"


def tree_write(tree, files):
    for path, content in files.items():
        target = tree / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content if isinstance(content, bytes) else content.encode())


def text(seed, size):
    """Text that compresses to about a third."""
    source = random.Random(seed)
    words = ["".join(source.choices("abcdefghijklmnop", k=source.randrange(2, 9))) for _ in range(3000)]
    return " ".join(source.choices(words, k=size)).encode()[:size]


def erofs(folder, name, files, words=NOINLINE):
    tree = folder / f"{name}.tree"
    tree.mkdir()
    tree_write(tree, files)
    run("mkfs.erofs", *words, folder / name, tree)
    return folder / name


def cpio(folder, name, files):
    tree = folder / f"{name}.tree"
    tree_write(tree, files)
    names = "".join(f"{path}\n" for path in sorted(files)).encode()
    return run("cpio", "-o", "--quiet", "-Hnewc", "--reproducible", cwd=tree, input=names).stdout


def uki(folder, name, initrd):
    """With a kernel, command line and root that never change."""
    for part, content in (("linux", random.Random(1).randbytes(9000)), ("osrel", b"ID=x\n"), ("initrd", initrd),
                          ("root", bytes(8192))):
        (folder / part).write_bytes(content)
    run(AZBUNDLE, "uki", "--linux", folder / "linux", "--initrd", folder / "initrd", "--os-release",
        folder / "osrel", "--root", folder / "root", "--product", "p", "-o", folder / name)
    return folder / name


def test_clean(folder):
    """A clean image has no findings, against itself neither; --strict then succeeds."""
    files = {"etc/name": "x" * 5000, "etc/machine-id": "", "usr/bin/a": text(1, 20_000), "usr/bin/b": "b"}
    image = erofs(folder, "image", files)
    assert not lint(image) and not lint(image, old(image)), lint(image, old(image))
    assert b"nothing found" in run(AZBUNDLE, "lint", "--strict", image).stdout


def test_paths(folder):
    """Secrets, identities and leftovers are told by path or content, in an initrd, too."""
    cases = (("etc/ssh/ssh_host_rsa_key", KEY, "host-keys"), ("etc/ssh/ssh_host_rsa_key.pub", "ssh-rsa A", None),
             ("etc/machine-id", "0123456789abcdef0123456789abcdef\n", "machine-id"),
             ("etc/machine-id", "uninitialized\n", None), ("etc/machine-id", "\n", None),
             ("var/lib/dbus/machine-id", "0123456789abcdef0123456789abcdef\n", "machine-id"),
             ("var/lib/systemd/random-seed", "seed", "random-seeds"),
             ("var/lib/systemd/credential.secret", "seed", "random-seeds"),
             ("etc/ssl/private/own.key", KEY, "private-keys"), ("root/.ssh/id", KEY, "private-keys"),
             ("etc/ssl/certs/public.pem", "-----BEGIN CERTIFICATE-----\n", None),
             ("usr/share/doc/example.key", KEY, None), ("var/log/messages", "told", "leftovers"),
             ("var/cache/apt/pkgcache.bin", "cache", "leftovers"), ("var/lib/apt/lists/x", "list", "leftovers"),
             ("var/lib/dpkg/status-old", "old", "leftovers"), ("var/lib/dpkg/status", "now", None),
             ("var/log/empty", "", None), ("usr/log/messages", "told", None))
    for number, (path, content, finding) in enumerate(cases):
        image = erofs(folder, f"image-{number}", {path: content})
        found = lint(image)
        assert list(found) == ([finding] if finding else []), f"{path}: {list(found)}"
        if finding:
            assert (found[finding]["count"], found[finding]["bytes"]) == (1, len(content)), found
            assert found[finding]["examples"] == [path], found
    for path, content, finding in cases[:12]:
        if content:
            (folder / "archive").write_bytes(cpio(folder, f"tree-{path.replace('/', '-')}", {path: content}))
            found = lint(uki(folder, "uki", (folder / "archive").read_bytes()))
            assert list(found) == ([finding] if finding else []), f".initrd/{path}: {list(found)}"


def test_duplicates(folder):
    """Duplicates: each further copy, but no hard link and nothing empty."""
    files = {f"copy-{number}": text(2, 9000) for number in range(3)}
    tree = folder / "tree"
    tree_write(tree, {**files, "other": text(3, 9000), "empty": "", "void": ""})
    os.link(tree / "copy-0", tree / "link")
    run("mkfs.erofs", *NOINLINE, folder / "image", tree)
    found = lint(folder / "image")
    assert list(found) == ["duplicates"], found
    assert (found["duplicates"]["count"], found["duplicates"]["bytes"]) == (2, 18_000), found


def test_initrd(folder):
    """Compressed initrd: costs nearly all of it, where its first file has become longer."""
    files = {f"usr/lib/modules/6.1.0-1/{number:02}.ko": text(number, 30_000) for number in range(20)}
    now = {path.replace("6.1.0-1", "6.1.0-2"): content for path, content in files.items()}
    now["usr/lib/modules/6.1.0-2/00.ko"] += b"a few more bytes"
    for tool, part in (("zstd", 0.6), ("xz", 0.6), ("bzip2", 0.6), ("gzip", 0), ("lz4", 0.0004)):
        images = []
        for name, members in ((f"{tool}-1", files), (f"{tool}-2", now)):
            packed = run(tool, "-c", input=cpio(folder, name, members)).stdout
            images.append(uki(folder, name, packed))
        found = lint(images[1], old(images[0]), "--top=1")["packed-initrd"]
        assert found["count"] == 1 and found["bytes"] == len(packed), found
        if part == 0:  # deltas make it again
            assert found["delta_bytes"] == 0, (tool, found)
            continue
        assert part * len(packed) < found["delta_bytes"] < 1.01 * len(packed), (tool, found)
        assert 0.6 * len(packed) < found["fetch_bytes"] < 1.1 * len(packed), (tool, found)
    plain = uki(folder, "plain", cpio(folder, "plain-tree", now))
    assert "packed-initrd" not in lint(plain)


def test_modules(folder):
    """Compressed modules, of another kernel than before; man pages of that name are none."""
    module = bytearray(text(4, 40_000))
    images = []
    for version in "12":
        module[100:100] = b"of another version"
        packed = run("xz", "-c", input=bytes(module)).stdout
        images.append(erofs(folder, version, {f"usr/lib/modules/6.1-{version}/kernel/a.ko.xz": packed,
                                              f"usr/lib/modules/6.1-{version}/kernel/b.ko": bytes(module),
                                              "usr/share/a.xz": packed, "boot/initrd.img": packed,
                                              "usr/share/man/initrd.5.xz": packed,
                                              "usr/share/b.xz": "not compressed"}))
    found = lint(images[1], old(images[0]))
    for name, count in (("packed-modules", 1), ("packed-files", 2), ("packed-initrd", 1)):
        assert (found[name]["count"], found[name]["bytes"]) == (count, count * len(packed)), (name, found[name])
    assert 0.9 * len(packed) < found["packed-modules"]["delta_bytes"] <= len(packed) + 100, found
    # Without an old image there is nothing to measure a delta with.
    assert lint(images[1])["packed-modules"]["delta_bytes"] is None


def kernel(payload, packed, has_size):
    """A bzImage as far as it is looked at: one sector of setup, then the payload."""
    head = bytearray(1024)
    head[0x1f1] = 1
    head[0x202:0x208] = b"HdrS\x0c\x02"
    body = packed + (len(payload).to_bytes(4, "little") if has_size else b"")
    head[0x248:0x250] = (16).to_bytes(4, "little") + len(body).to_bytes(4, "little")
    return bytes(head) + bytes(16) + body + bytes(99)


def test_kernel(folder):
    """Compressed kernel: what is in it is compared; but not if deltas make it again."""
    code = bytearray(text(8, 200_000))
    for tool in (("lz4", "-l", "-9"), ("xz", "--check=crc32"), ("gzip",), ("zstd",), ("bzip2",)):
        images = []
        for name in (f"{tool[0]}-1", f"{tool[0]}-2"):
            code[100:100] = b"of another version"
            packed = run(*tool, "-c", input=bytes(code)).stdout
            image = kernel(code, packed, has_size=tool != ("gzip",))
            images.append(erofs(folder, name, {"boot/vmlinuz-6.1": image, "boot/vmlinuz-odd": b"HdrS" * 999}))
        found = lint(images[1], old(images[0])).get("packed-kernel")
        assert (found is None) == (tool[0] in ("lz4", "gzip")), (tool, found)
        if found is not None:
            assert (found["count"], found["bytes"]) == (1, len(image)), (tool, found)
            part = 0.001 if tool[0] == "bzip2" else 0.5  # it gets back into step
            assert part * len(packed) < found["delta_bytes"] < 1.01 * len(packed), (tool, found, len(packed))


def gzip_odd(content):
    """As no compressor makes it by default: no repetition is used, blocks of any length."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31, 9, zlib.Z_HUFFMAN_ONLY)
    source = random.Random(1)
    packed = b""
    while content:
        size = source.randrange(1, 40)
        packed += packer.compress(content[:size]) + packer.flush(zlib.Z_SYNC_FLUSH)
        content = content[size:]
    return packed + packer.flush()


def test_gzip(folder):
    """gzip files: those cost that deltas cannot make again; a time in them costs for nothing."""
    manual, changed = text(5, 60_000), text(5, 60_000).replace(b"a", b"b", 9)
    first = {"man/time.gz": gzip.compress(manual, mtime=1), "man/same.gz": gzip.compress(manual, mtime=0),
             "man/changed.gz": gzip.compress(manual, mtime=0), "man/both.gz": gzip.compress(manual, mtime=1),
             "man/odd.gz": gzip_odd(manual)}
    second = {"man/time.gz": gzip.compress(manual, mtime=2), "man/same.gz": gzip.compress(manual, mtime=0),
              "man/changed.gz": gzip.compress(changed, mtime=0), "man/both.gz": gzip.compress(changed, mtime=2),
              "man/odd.gz": gzip_odd(changed)}
    images = [erofs(folder, name, files) for name, files in (("1", first), ("2", second))]
    found = lint(images[1], old(images[0]))
    sizes = [len(content) for content in second.values()]
    assert (found["gzip-files"]["count"], found["gzip-files"]["bytes"]) == (5, sum(sizes)), found
    costs = patches(images[1], images[0])
    assert costs["man/odd.gz"] / 2 < found["gzip-files"]["delta_bytes"] < costs["man/odd.gz"], (found, costs)
    assert (found["gzip-times"]["count"], found["gzip-times"]["bytes"]) == (2, sizes[0] + sizes[3]), found
    assert found["gzip-times"]["delta_bytes"] == costs["man/time.gz"] < 200, (found, costs)


def compiled(folder, source, seconds, mode):
    path = folder / "module.py"
    path.write_text(source)
    os.utime(path, (seconds, seconds))
    py_compile.compile(path, cfile=folder / "module.pyc", dfile="module.py", doraise=True, invalidation_mode=mode)
    return (folder / "module.pyc").read_bytes()


def test_pyc(folder):
    """Compiled Python files with times; DELTA is of those that differ in nothing else."""
    times, hashes = py_compile.PycInvalidationMode.TIMESTAMP, py_compile.PycInvalidationMode.UNCHECKED_HASH
    images = []
    for seconds in (1000, 2000):
        files = {"usr/lib/a.pyc": compiled(folder, "a = 1\n", seconds, times),
                 "usr/lib/b.pyc": compiled(folder, f"b = {seconds}\n", seconds, times),
                 "usr/lib/c.pyc": compiled(folder, "c = 1\n", seconds, hashes),
                 "usr/lib/d.pyc": "too short"}
        files["usr/lib/e.pyc"] = bytes([seconds // 1000]) + files["usr/lib/a.pyc"][1:]
        images.append(erofs(folder, f"image-{seconds}", files))
    found = lint(images[1], old(images[0]))["pyc-times"]
    assert (found["count"], found["bytes"]) == (3, sum(len(files[f"usr/lib/{name}.pyc"]) for name in "abe")), found
    costs = patches(images[1], images[0])
    assert found["delta_bytes"] == costs["usr/lib/a.pyc"] > 0 and len(costs) == 3, (found, costs)


def test_tails(folder):
    """Inline tails move when a file is added, and cost far less in a delta than without."""
    files = {f"usr/share/{number:03}": text(number, 2500 + number) for number in range(200)}
    added = {**files, "usr/share/0000": text(999, 700)}
    inline = [erofs(folder, name, content, words=("-T1000000000",))
              for name, content in (("1", files), ("2", added))]
    found = lint(inline[1], old(inline[0]))
    tails = found["inline-tails"]
    assert 150 < tails["count"] <= 200 and tails["bytes"] <= sum(map(len, files.values())), tails
    assert 0 < tails["delta_bytes"] < tails["fetch_bytes"] / 10, tails
    assert found["metadata"]["count"] > 0 and found["metadata"]["delta_bytes"] > 0, found
    alone = lint(inline[0])["inline-tails"]
    assert (alone["count"], alone["delta_bytes"]) == (200, None) and alone["bytes"] == sum(map(len, files.values()))
    apart = [erofs(folder, f"apart-{name}", content) for name, content in (("1", files), ("2", added))]
    assert "inline-tails" not in lint(apart[1], old(apart[0])) and "inline-tails" not in lint(apart[1])


def test_shifted(folder):
    """Files of an initrd that moved by some bytes, unchanged, have to be fetched without a delta."""
    files = {f"usr/{number}": random.Random(number).randbytes(20_000) for number in range(9)}
    images = [uki(folder, name, cpio(folder, f"{name}.tree", content)) for name, content in
              (("1", files), ("2", {"etc/added": b"x" * 100, **files}))]
    found = lint(images[1], old(images[0]))
    assert list(found) == ["shifted-files"], found
    shifted = found["shifted-files"]
    assert 9 <= shifted["count"] < 20 and 180_000 <= shifted["bytes"] < 300_000, shifted  # sections, too
    assert shifted["fetch_bytes"] > 170_000 and 0 < shifted["delta_bytes"] < 5000, shifted
    assert not lint(images[0], old(images[0]))


def test_times(folder):
    """Times later than SOURCE_DATE_EPOCH, or that the old image lacks; DELTA is what they cost."""
    files = {f"usr/{number}": f"{number}" for number in range(50)}
    images = []
    for name, seconds in (("1", 1_000_000_000), ("2", 1_000_000_777)):
        tree = folder / f"{name}.tree"
        tree_write(tree, files)
        for number, path in enumerate(sorted(tree.rglob("*"))):
            os.utime(path, (seconds + number * number, seconds + number * number))
        run("mkfs.erofs", "-Enoinline_data", "-Eforce-inode-extended", folder / name, tree)
        images.append(folder / name)
    count = 50 + 1 + 1 + 1  # files, usr, the root, the superblock
    assert lint(images[1], SOURCE_DATE_EPOCH="1")["times"]["count"] == count
    assert "times" not in lint(images[1], SOURCE_DATE_EPOCH=str(2 ** 40)) and "times" not in lint(images[1])
    found = lint(images[1], old(images[0]))["times"]
    assert 45 < found["count"] <= count and found["bytes"] == count * 12, found
    assert 50 < found["delta_bytes"] <= lint(images[1], old(images[0]))["metadata"]["delta_bytes"], found


def test_packed_file_systems(folder):
    """Compressed file systems; FETCH is what zstd makes of the blocks that are new."""
    image = erofs(folder, "packed", {"a": text(6, 50_000), "b": text(7, 50_000)}, words=("-zlz4hc",))
    found = lint(image)
    assert list(found) == ["packed-file-system"] and found["packed-file-system"]["count"] == 2, found
    assert found["packed-file-system"]["bytes"] == 100_000, found
    (folder / "zeros").write_bytes(b"hsqs" + bytes(20 << 20))
    assert lint(folder / "zeros")["packed-file-system"]["fetch_bytes"] < 100
    first = text(8, 2_000_000)
    blocks = [first[at:at + BLOCK].ljust(BLOCK, b"\0") for at in range(0, len(first), BLOCK)]
    blocks[0] = b"hsqs".ljust(BLOCK, b"\1")
    (folder / "old").write_bytes(b"".join(blocks[:100]))
    (folder / "new").write_bytes(b"".join([blocks[0], *blocks[99:], bytes(9 * BLOCK)]))
    wanted = b"".join(blocks[100:])
    packed = sum(len(run("zstd", "-9", "-c", input=wanted[at:at + (1 << 20)]).stdout)
                 for at in range(0, len(wanted), 1 << 20))
    found = lint(folder / "new", old(folder / "old"))["packed-file-system"]
    assert abs(found["fetch_bytes"] - packed) < packed / 50, (found, packed)


def test_free_blocks(folder):
    """Free blocks of ext4 that hold what was removed; bytes behind the end of a file."""
    tree = folder / "tree"
    tree_write(tree, {"removed": random.Random(1).randbytes(10 * BLOCK), "kept": b"k" * 1000})
    image = folder / "image"
    run("mke2fs", "-q", "-text4", "-b4096", "-d", tree, image, "8M")
    assert "dirty-free-blocks" not in lint(image)
    run("debugfs", "-w", "-R", "rm removed", image)
    found = lint(image)
    assert (found["dirty-free-blocks"]["count"], found["dirty-free-blocks"]["bytes"]) == (10, 10 * BLOCK), found
    assert found["dirty-free-blocks"]["fetch_bytes"] > 9 * BLOCK
    assert lint(image, old(image))["dirty-free-blocks"]["delta_bytes"] < 100
    content = bytearray(image.read_bytes())
    at = content.index(b"k" * 1000)
    content[at + 4000] = 1
    image.write_bytes(content)
    found = lint(image)["dirty-slack"]
    assert (found["count"], found["bytes"], found["examples"]) == (1, BLOCK - 1000, ["kept"]), found


def test_damaged(folder):
    """A cut image is said to be damaged."""
    image = erofs(folder, "image", {"a": text(1, 50_000), "b": text(2, 50_000)})
    image.write_bytes(image.read_bytes()[:60_000])
    found = lint(image)["damaged"]
    assert found["count"] == 1 and found["examples"] == ["b"] and found["kind"] == "damage", found


def test_text(folder):
    """The table says what the JSON says; what a terminal would obey is not printed."""
    name = "var/log/\x1b[31m\udcff"
    image = erofs(folder, "image", {"etc/ssh/ssh_host_rsa_key": KEY, name: "x" * 5000})
    told = run(AZBUNDLE, "lint", image).stdout.decode()
    assert "\x1b" not in told and "var/log/?[31m" in told, told
    rows = {line.split()[0]: line.split()[1:] for line in told.splitlines() if line[:1].isalpha()}
    for name, finding in lint(image).items():
        assert rows[name] == [str(finding["count"]), finding["unit"], str(finding["bytes"]), "-",
                              str(finding["fetch_bytes"])], (rows[name], finding)
    assert {"host-keys", "leftovers"} <= set(rows), rows


def test_changed(folder):
    """Several old images are compared one by one; the files that cost most come first."""
    files = {"same": text(1, 9000), "grown": text(2, 9000)}
    first = erofs(folder, "1", files)
    second = erofs(folder, "2", {**files, "grown": text(2, 9000) + random.Random(1).randbytes(4000)})
    third = erofs(folder, "3", {**files, "grown": text(2, 9000) + random.Random(1).randbytes(4000),
                                "new": random.Random(2).randbytes(6000)})
    told = json.loads(run(AZBUNDLE, "lint", "--json", old(first), old(second), third).stdout)
    assert [one["old"] for one in told["comparisons"]] == [str(first), str(second)]
    changed = [one["changed"] for one in told["comparisons"]]
    assert [(one["count"], one["bytes"]) for one in changed] == [(2, 19_000), (1, 6000)], changed
    assert 10_000 < changed[0]["delta_bytes"] < 10_200 and 6000 < changed[1]["delta_bytes"] < 6100, changed
    assert 4096 < changed[0]["fetch_bytes"] < 3 * 9000 and 6000 < changed[1]["fetch_bytes"] < 8192, changed
    largest = [[entry["path"] for entry in one["largest"]] for one in told["comparisons"]]
    assert largest == [["new", "grown"], ["new"]], largest
    told = json.loads(run(AZBUNDLE, "lint", "--json", "--top=1", old(first), third).stdout)
    assert len(told["comparisons"][0]["largest"]) == 1


def test_exit(folder):
    """Exit status: findings are a failure only with --strict."""
    image = erofs(folder, "image", {"var/log/x": "x"})
    for words, status, said in (((image,), 0, ""), (("--strict", image), 1, "LINT_FOUND"), ((), 2, "operands"),
                                (("--top=-1", image), 2, "--top"), ((folder / "none",), 1, "BUILD_INPUT"),
                                ((old(folder / "none"), image), 1, "BUILD_INPUT")):
        done = run(AZBUNDLE, "lint", *words, ok=False)
        assert done.returncode == status and said in done.stderr.decode(), (words, done)
    assert run(AZBUNDLE, "lint", image, ok=False, env={"SOURCE_DATE_EPOCH": "now"}).returncode == 2


def main():
    cases = [test_clean, test_paths, test_duplicates, test_initrd, test_modules, test_kernel, test_gzip, test_pyc,
             test_tails, test_shifted, test_times, test_packed_file_systems, test_free_blocks, test_damaged,
             test_text, test_changed, test_exit]
    failed = 0
    print(f"1..{len(cases)}", flush=True)
    for number, case in enumerate(cases, 1):
        with tempfile.TemporaryDirectory() as folder:
            try:
                case(pathlib.Path(folder))
                print(f"ok {number} {case.__doc__}", flush=True)
            except (AssertionError, KeyError) as error:
                failed += 1
                print(f"not ok {number} {case.__doc__}", flush=True)
                print("".join(f"# {line}\n" for line in repr(error).split("\\n")), end="", flush=True)
    sys.exit(failed > 0)


main()
