#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Root images out of libostree's commits: against ostree itself, fsck.erofs and mkfs.erofs.

ostree_test.py AZBUNDLE SCHEMA-FOLDER. Prints TAP."""
import json
import os
import random
import re
import stat
import struct
import sys
import tarfile
import tempfile

import erofsread
import ostreerig
import schema
from ostreerig import Commit, file, folder, link, refused, run

AZBUNDLE, SCHEMAS = map(os.path.abspath, sys.argv[1:])
LABEL = "SCHILY.xattr.security.selinux"
CAPABILITY = struct.pack("<IIIII", 0x02000001, 1 << 10, 0, 0, 0).decode("latin-1")  # of file capabilities(7)


def sample(source):
    """A small system with all that an image has to keep."""
    entries = [folder("./", {LABEL: "system_u:object_r:root_t:s0"}), folder("./usr"), folder("./usr/bin"),
               folder("./usr/etc"), folder("./usr/many"), folder("./var", mode=0o1777), folder("./proc"),
               file("./usr/etc/passwd", b"root:x:0:0::/root:/bin/sh\n"),
               file("./usr/etc/shadow", b"root:*:\n", 0, 42, 0o640),
               file("./usr/bin/ping", source.randbytes(70_001), 0, 0, 0o755,
                    {"SCHILY.xattr.security.capability": CAPABILITY, LABEL: "system_u:object_r:ping_t:s0"}),
               file("./usr/bin/sudo", source.randbytes(9000), 0, 0, 0o4755),
               file("./usr/bin/owned", b"x" * 4096, 70_000, 123_456, 0o600, {"SCHILY.xattr.user.note": "a" * 900}),
               file("./usr/bin/empty", b""), file("./usr/bin/twin", b"x" * 5000),
               file("./usr/bin/twin2", b"x" * 5000), link("./bin", "usr/bin"),
               link("./usr/bin/far", "../" * 1200 + "x")]
    return entries + [file(f"./usr/many/{i:03}-{'n' * (i % 200)}", b"%d" % i) for i in range(300)]


def expected(entries):
    """The same as erofsread.tree() has it, /usr/etc in its place."""
    found = {}
    for name, kind, content, uid, gid, mode, attributes in entries:
        path = name[1:].rstrip("/").encode() or b"/"
        path = path.replace(b"/usr/etc", b"/etc")
        form = {tarfile.DIRTYPE: stat.S_IFDIR, tarfile.REGTYPE: stat.S_IFREG, tarfile.SYMTYPE: stat.S_IFLNK}[kind]
        kept = {key.removeprefix("SCHILY.xattr.").encode(): value.encode() for key, value in attributes.items()}
        found[path] = (form | mode, uid, gid, kept, None if kind == tarfile.DIRTYPE else
                       content.encode() if kind == tarfile.SYMTYPE else content)
    return found


def same(found, wanted):
    assert found.keys() == wanted.keys(), found.keys() ^ wanted.keys()
    for path, value in wanted.items():
        assert found[path] == value, f"{path}: {found[path]} is not {value}"


def test_tree(place):
    """Owners, modes, labels, capabilities, links and content of the commit are in the image."""
    commit = Commit(place)
    entries = sample(random.Random(1))
    commit.make(entries)
    path = commit.image(AZBUNDLE)
    same(erofsread.tree(path), expected(entries))
    run("fsck.erofs", path)
    out = os.path.join(place, "out")
    run("fsck.erofs", f"--extract={out}", path)
    for name, kind, content, *_ in entries:
        if kind == tarfile.REGTYPE:
            inner = os.path.join(out, name.replace("usr/etc", "etc"))
            assert open(inner, "rb").read() == content, name
    assert os.readlink(os.path.join(out, "bin")) == "usr/bin"
    assert erofsread.Image(open(path, "rb").read()).blocks * 4096 == os.path.getsize(path)


def test_reader(place):
    """The reader of these tests says the same of an image of mkfs.erofs, made of an ostree checkout."""
    commit = Commit(place)
    entries = [entry for entry in sample(random.Random(2))
               if os.getuid() == 0 or entry[3:5] == (0, 0) and not entry[6]]
    commit.make(entries)
    tree = os.path.join(place, "checkout")
    run("ostree", f"--repo={commit.repo}", "checkout", *([] if os.getuid() == 0 else ["-U"]), "os/1", tree)
    os.rename(os.path.join(tree, "usr/etc"), os.path.join(tree, "etc"))
    theirs = os.path.join(place, "theirs.erofs")
    run("mkfs.erofs", "-T0", *([] if os.getuid() == 0 else ["--all-root"]), theirs, tree)
    found = erofsread.tree(theirs)
    if stat.S_IMODE(os.stat(tree).st_mode) != 0o755:
        raise AssertionError("the checkout has another mode")
    same(found, erofsread.tree(commit.image(AZBUNDLE)))


def test_same(place):
    """The same commit gives the same image: another user's mask, time zone, language, time and folder,
    another kind of repository, objects that arrived in another order."""
    commit = Commit(place)
    entries = sample(random.Random(3))
    commit.make(entries)
    first = open(commit.image(AZBUNDLE), "rb").read()
    bare = os.path.join(place, "bare")
    run("ostree", f"--repo={bare}", "init", "--mode=bare-user")
    run("ostree", f"--repo={bare}", "pull-local", commit.repo, "os/1")
    again = os.path.join(place, "again.erofs")
    env = {**os.environ, "TZ": "Asia/Tokyo", "LC_ALL": "C.UTF-8", "SOURCE_DATE_EPOCH": "99"}
    run(AZBUNDLE, "image", "--ostree", f"{bare}:os/1", "-o", again, env=env, umask=0o077, cwd="/")
    assert open(again, "rb").read() == first
    third = Commit(tempfile.mkdtemp(dir=place))
    folders = [entry for entry in entries if entry[1] == tarfile.DIRTYPE]
    third.make(folders + [entry for entry in entries if entry not in folders][::-1], "other")
    assert open(third.image(AZBUNDLE, "other"), "rb").read() == first


def test_bundle(place):
    """The manifest names commit and ref; the version is the commit's, or the one that is given."""
    commit = Commit(place)
    checksum = commit.make(sample(random.Random(4)), "os/x86_64/stable", "--add-metadata-string=version=4.2")
    ref = f"{commit.repo}:os/x86_64/stable"
    builder = ostreerig.Builder(AZBUNDLE, place)
    builder.uki(commit.image(AZBUNDLE, "os/x86_64/stable"))
    words = lambda name, *more: builder.words("--ostree", name, *more)
    bundle = os.path.join(place, "bundle")
    told = lambda: json.loads(run(AZBUNDLE, "info", "--manifest", bundle).stdout)
    run(*words(ref))
    manifest = told()
    assert manifest["ostree"] == {"commit": checksum, "ref": "os/x86_64/stable"}, manifest
    assert manifest["version"] == "4.2"
    rules = json.load(open(os.path.join(SCHEMAS, "manifest.schema.json"), encoding="utf-8"))
    assert not list(schema.complaints(manifest, rules)), list(schema.complaints(manifest, rules))
    run(AZBUNDLE, "verify", "--keyring", os.path.join(place, "keys/ca.crt"), bundle)
    assert checksum in run(AZBUNDLE, "info", bundle).stdout
    run(*words(f"{commit.repo}:{checksum}", "--version", "5"))
    manifest = told()
    assert manifest["ostree"] == {"commit": checksum} and manifest["version"] == "5", manifest
    assert not [name for name in os.listdir(place) if name.startswith("bundle.")]
    # Another commit than the one that the UKI was made for.
    commit.make([folder("./"), file("./other", b"1")], "later", "--add-metadata-string=version=6")
    refused("BUILD_INPUT", *words(f"{commit.repo}:later"))
    commit.make(sample(random.Random(4)), "nameless")
    refused("OSTREE_VERSION", *words(f"{commit.repo}:nameless"))
    commit.make(sample(random.Random(4)), "odd", "--add-metadata-string=version=a/b")
    refused("OSTREE_VERSION", *words(f"{commit.repo}:odd"))
    refused("ARGUMENT", *words(ref, "--root", bundle))
    refused("ARGUMENT", *words(ref, "--file-system", "ext4"))


def test_refusals(place):
    """What an image cannot hold, and what is not there, is named."""
    commit = Commit(place)
    out = os.path.join(place, "out.erofs")
    words = lambda ref: (AZBUNDLE, "image", "--ostree", ref, "-o", out)
    base = [folder("./"), folder("./usr"), folder("./usr/etc"), file("./usr/etc/a", b"1")]
    for branch, more, fault, name in (
            ("layer", [file("./usr/.wh.gone", b"")], "OSTREE_WHITEOUT", ".wh.gone"),
            ("overlay", [file("./.ostree-wh.gone", b"")], "OSTREE_WHITEOUT", ".ostree-wh.gone"),
            ("both", [folder("./etc"), file("./etc/b", b"2")], "OSTREE_TREE", "/usr/etc"),
            ("attribute", [file("./f", b"1", attributes={"SCHILY.xattr.os2.x": "1"})], "OSTREE_TREE", "os2.x"),
            ("long", [file("./f", b"1", attributes={"SCHILY.xattr.user." + "n" * 256: "1"})], "OSTREE_TREE",
             "user.nnn")):
        commit.make(base + more, branch)
        assert name in refused(fault, *words(f"{commit.repo}:{branch}")), branch
    commit.make(base + [folder("./etc")], "empty")
    run(*words(f"{commit.repo}:empty"))
    assert b"/etc/a" in erofsread.tree(out)
    refused("OSTREE_REF", *words(f"{commit.repo}:none"))
    refused("OSTREE_OBJECT", *words(f"{commit.repo}:{'0' * 64}"))
    refused("OSTREE_REPOSITORY", *words(f"{place}:x"))
    for name in ("x", ":x", f"{commit.repo}:"):
        refused("ARGUMENT", *words(name))


def objects(repo, kind):
    for top, _, names in os.walk(os.path.join(repo, "objects")):
        yield from (os.path.join(top, name) for name in names if name.endswith(kind))


def test_damage(place):
    """A damaged repository gives no image: each kind of object, changed by one bit or gone."""
    commit = Commit(place)
    entries = [folder("./"), folder("./usr", {"SCHILY.xattr.user.k": "v"}), link("./l", "usr"), file("./e", b""),
               file("./usr/f", random.Random(6).randbytes(3000))]
    commit.make(entries)
    out = commit.image(AZBUNDLE)
    before = open(out, "rb").read()
    seen = 0
    for kind in (".commit", ".dirtree", ".dirmeta", ".filez"):
        for path in list(objects(commit.repo, kind)):
            content = open(path, "rb").read()
            for at in {0, len(content) // 2, len(content) - 1}:
                os.unlink(path)
                with open(path, "wb") as damaged:
                    damaged.write(content[:at] + bytes([content[at] ^ 1]) + content[at + 1:])
                done = run(AZBUNDLE, "image", "--ostree", f"{commit.repo}:os/1", "-o", out, ok=False)
                if done.returncode == 0:
                    # A bit that means nothing: padding, or in the packed form of the content.
                    assert kind == ".filez" and open(out, "rb").read() == before, path
                else:
                    assert re.search("OSTREE_(OBJECT|TREE|LIMIT)", done.stderr), f"{path}: {done.stderr}"
                    seen += 1
            os.unlink(path)
            refused("OSTREE_OBJECT", AZBUNDLE, "image", "--ostree", f"{commit.repo}:os/1", "-o", out)
            with open(path, "wb") as mended:
                mended.write(content)
    assert seen > 20, seen
    assert open(commit.image(AZBUNDLE), "rb").read() == before
    assert not [name for name in os.listdir(place) if name.startswith("root.erofs.")]


sys.exit(ostreerig.main([test_tree, test_reader, test_same, test_bundle, test_refusals, test_damage]))
