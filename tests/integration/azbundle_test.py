#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""azbundle against programs that we did not write: veritysetup, systemd-measure, openssl, sfdisk.

azbundle_test.py AZBUNDLE. Prints TAP."""
import hashlib
import json
import os
import random
import struct
import subprocess
import sys
import tempfile

import schema

AZBUNDLE = os.path.abspath(sys.argv[1])
STUB = "/usr/lib/systemd/boot/efi/linuxx64.efi.stub"
HERE = os.path.dirname(os.path.abspath(__file__))
MEASURE = "/lib/systemd/systemd-measure"


def run(*words, ok=True, **options):
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True, **options)
    if ok and done.returncode != 0:
        raise AssertionError(f"{words[0]}: {done.stderr}")
    return done


def refused(fault, *words):
    done = run(*words, ok=False)
    assert done.returncode in (1, 2), f"{words[1]} returned {done.returncode}: {done.stderr}"
    assert fault in done.stderr, f"expected {fault}: {done.stderr}"


def image(path, blocks, seed=1):
    source = random.Random(seed)
    with open(path, "wb") as out:
        for block in range(blocks):
            out.write(bytes(4096) if block % 5 == 3 else source.randbytes(64) * 64)


class Release:
    """Keys, a root image and a UKI on Debian's stub."""

    def __init__(self, folder, blocks=40, fec=None):
        self.folder = folder
        self.fec = ["--fec-roots", fec] if fec else []
        self.at = lambda name: os.path.join(folder, name)
        run(AZBUNDLE, "keys", self.at("keys"))
        image(self.at("root"), blocks)
        for name, content in (("linux", random.Random(5).randbytes(70000)), ("initrd", b"initrd" * 999),
                              ("osrel", b"ID=x\nAZUPDATE_SECURITY_VERSION=6\n")):
            with open(self.at(name), "wb") as out:
                out.write(content)
        done = run(AZBUNDLE, "uki", "--linux", self.at("linux"), "--initrd", self.at("initrd"),
                   "--os-release", self.at("osrel"), "--root", self.at("root"), "--product", "p",
                   "--cmdline", "quiet", "--uname", "6.1", "-o", self.at("uki"), *self.fec,
                   "--key", self.at("keys/db.key"), "--cert", self.at("keys/db.crt"))
        self.pcr11 = done.stdout.split()[-1]

    def build(self, output="bundle", key="keys/release.key", cert="keys/release.crt", **env):
        return run(AZBUNDLE, "build", "--product", "p", "--version", "1", "--root", self.at("root"),
                   "--uki", self.at("uki"), "--key", self.at(key), "--cert", self.at(cert),
                   "-o", self.at(output), *self.fec, env={**os.environ, **env})

    def manifest(self, bundle="bundle"):
        return json.loads(run(AZBUNDLE, "info", "--manifest", self.at(bundle)).stdout)


def uuid_text(value):
    return "-".join((value[:8], value[8:12], value[12:16], value[16:20], value[20:]))


def slot_image(release, keyring="keys/ca.crt"):
    """The bytes of slot a's root partition on a disk made by azbundle disk."""
    disk = release.at("disk")
    run(AZBUNDLE, "disk", "--azboot", release.at("uki"), "--keyring", release.at(keyring),
        "--esp-size", "33", "--var-size", "8", "-o", disk, release.at("bundle"))
    table = json.loads(run("sfdisk", "-J", disk).stdout)["partitiontable"]
    part = next(part for part in table["partitions"] if part["name"] == "root_a")
    with open(disk, "rb") as file:
        file.seek(part["start"] * 512)
        return file.read(part["size"] * 512)


def test_verity(folder):
    """Superblock and tree are what veritysetup format writes, bit for bit, at many sizes."""
    for blocks in (1, 2, 127, 128, 129, 1000, 128 * 128, 128 * 128 + 1):
        with tempfile.TemporaryDirectory(dir=folder) as place:
            release = Release(place, blocks)
            release.build()
            verity = release.manifest()["root"]["verity"]
            theirs = release.at("theirs")
            run("cp", release.at("root"), theirs)
            said = run("veritysetup", "format", f"--salt={verity['salt']}",
                       f"--uuid={uuid_text(verity['uuid'])}", f"--hash-offset={blocks * 4096}",
                       theirs, theirs).stdout
            assert verity["root_hash"] in said, said
            expected = open(theirs, "rb").read()
            assert slot_image(release)[:len(expected)] == expected, f"{blocks} blocks"


def test_fec(folder):
    """A slot with FEC is what veritysetup format writes, bit for bit; the manifest tells of it."""
    for blocks, roots in ((40, 2), (700, 2), (700, 24)):
        with tempfile.TemporaryDirectory(dir=folder) as place:
            release = Release(place, blocks, fec=roots)
            release.build()
            root = release.manifest()["root"]
            verity = root["verity"]
            assert root["fec"]["roots"] == roots, root
            theirs = release.at("theirs")
            run("cp", release.at("root"), theirs)
            words = ["veritysetup", "format", f"--salt={verity['salt']}", f"--data-blocks={blocks}",
                     f"--uuid={uuid_text(verity['uuid'])}", f"--hash-offset={blocks * 4096}"]
            run(*words, theirs, theirs)
            start = os.path.getsize(theirs)
            run(*words, f"--fec-device={theirs}", f"--fec-offset={start}", f"--fec-roots={roots}",
                theirs, theirs)
            expected = open(theirs, "rb").read()
            assert len(expected) > start
            slot = slot_image(release)
            assert slot[:len(expected)] == expected, f"{blocks} blocks, {roots} roots"
            assert slot.count(0, len(expected)) == len(slot) - len(expected), "more was written"
            run("objcopy", "-O", "binary", "--only-section=.cmdline", release.at("uki"), theirs)
            assert f"azupdate.blocks={blocks} azupdate.fec={roots} " in open(theirs).read()
            # The parity itself, by another program: a tree over it has the signed root.
            with open(theirs, "wb") as out:
                out.write(expected[start:])
            said = run("veritysetup", "format", "--salt=-", theirs, release.at("tree")).stdout
            assert root["fec"]["root_hash"] in said, said
            assert f"{roots} roots" in run(AZBUNDLE, "info", release.at("bundle")).stdout


def test_fec_refused(folder):
    """Roots out of range, a UKI of other roots, and a slot without room for the parity."""
    release = Release(folder, 1000, fec=24)
    release.build()
    refused("PART_SMALL", AZBUNDLE, "disk", "--azboot", release.at("uki"), "--keyring",
            release.at("keys/ca.crt"), "--esp-size", "33", "--var-size", "8", "--root-size", "4",
            "-o", release.at("disk"), release.at("bundle"))
    uki = [AZBUNDLE, "uki", "--linux", release.at("linux"), "--initrd", release.at("initrd"),
           "--os-release", release.at("osrel"), "--root", release.at("root"), "--product", "p",
           "-o", release.at("x")]
    build = [AZBUNDLE, "build", "--product", "p", "--version", "1", "--root", release.at("root"),
             "--uki", release.at("uki"), "--key", release.at("keys/release.key"), "--cert",
             release.at("keys/release.crt"), "-o", release.at("x")]
    for roots in (-2, 1, 25, 2 ** 31 - 1):
        refused("FECLAYOUT_ROOTS", *uki, f"--fec-roots={roots}")
        refused("FECLAYOUT_ROOTS", *build, f"--fec-roots={roots}")
    refused("BUILD_INPUT", *build)
    refused("BUILD_INPUT", *build, "--fec-roots=2")


def test_blank_var(folder):
    """var has a file system, or with --blank-var nothing but zeros."""
    release = Release(folder)
    release.build()
    for more, blank in ((), False), (("--blank-var",), True):
        run(AZBUNDLE, "disk", "--azboot", release.at("uki"), "--keyring", release.at("keys/ca.crt"),
            "--esp-size", "33", "--var-size", "8", *more, "-o", release.at("disk"), release.at("bundle"))
        table = json.loads(run("sfdisk", "-J", release.at("disk")).stdout)["partitiontable"]
        part = next(part for part in table["partitions"] if part["name"] == "var")
        with open(release.at("disk"), "rb") as file:
            file.seek(part["start"] * 512)
            content = file.read(part["size"] * 512)
        assert (content.strip(b"\0") == b"") == blank, more
        assert (content[1080:1082] == b"\x53\xef") != blank, more


def test_pcr11(folder):
    """PCR 11 is what systemd-measure predicts for the same UKI."""
    release = Release(folder)
    words = []
    for section in ("linux", "osrel", "cmdline", "initrd"):
        path = release.at(f"section.{section}")
        run("objcopy", "-O", "binary", f"--only-section=.{section}", release.at("uki"), path)
        words.append(f"--{section}={path}")
    said = run(MEASURE, "calculate", "--bank=sha256", "--phase=", *words).stdout
    assert f"11:sha256={release.pcr11}" in said, said
    release.build()
    assert release.manifest()["uki"]["pcr11_sha256"] == release.pcr11


def test_uki(folder):
    """sbverify accepts the UKI, and its sections are the inputs."""
    release = Release(folder)
    run("sbverify", "--cert", release.at("keys/db.crt"), release.at("uki"))
    refused_by = run("sbverify", "--cert", release.at("keys/KEK.crt"), release.at("uki"), ok=False)
    assert refused_by.returncode != 0
    run("objcopy", "-O", "binary", "--only-section=.linux", release.at("uki"), release.at("got"))
    assert open(release.at("got"), "rb").read() == open(release.at("linux"), "rb").read()
    run("objcopy", "-O", "binary", "--only-section=.cmdline", release.at("uki"), release.at("got"))
    assert b"azupdate.blocks=40 rootfstype=erofs quiet" in open(release.at("got"), "rb").read()


def test_reproducible(folder):
    """Twice built, all is equal but the signature."""
    release = Release(folder)
    release.build("one", SOURCE_DATE_EPOCH="1700000000")
    release.build("two", SOURCE_DATE_EPOCH="1700000000")
    sides = [open(release.at(name), "rb").read() for name in ("one", "two")]
    cut = []
    for side in sides:
        manifest, signature = struct.unpack_from("<II", side, 16)
        cut.append((side[4096:4096 + manifest], side[4096 + manifest + signature:]))
    assert cut[0] == cut[1]
    assert json.loads(cut[0][0])["time"] == 1700000000


def test_openssl_reads_signature(folder):
    """openssl cms verifies the signature over the manifest's bytes."""
    release = Release(folder)
    release.build()
    side = open(release.at("bundle"), "rb").read()
    manifest, signature = struct.unpack_from("<II", side, 16)
    for name, content in (("m", side[4096:4096 + manifest]),
                          ("s", side[4096 + manifest:4096 + manifest + signature])):
        open(release.at(name), "wb").write(content)
    run("openssl", "cms", "-verify", "-binary", "-inform", "DER", "-in", release.at("s"), "-content",
        release.at("m"), "-CAfile", release.at("keys/ca.crt"), "-purpose", "any", "-out", "/dev/null")


def crc32c(data):
    crc = 0xffffffff
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82f63b78 if crc & 1 else 0)
    return crc ^ 0xffffffff


def resign(source, target, signature, manifest=None):
    """Puts another signature (and manifest) into a bundle, with all offsets and checksums right."""
    side = bytearray(open(source, "rb").read())
    old_manifest, old_signature = struct.unpack_from("<II", side, 16)
    body = side[4096 + old_manifest + old_signature:]
    manifest = bytes(side[4096:4096 + old_manifest]) if manifest is None else manifest
    moved = len(manifest) + len(signature) - old_manifest - old_signature
    head = side[:4096]
    struct.pack_into("<II", head, 16, len(manifest), len(signature))
    struct.pack_into("<Q", head, 24, struct.unpack_from("<Q", head, 24)[0] + moved)
    for i in range(struct.unpack_from("<I", head, 32)[0]):
        at = 64 + 64 * i + 24
        struct.pack_into("<Q", head, at, struct.unpack_from("<Q", head, at)[0] + moved)
    struct.pack_into("<I", head, 8, crc32c(head[12:]))
    open(target, "wb").write(bytes(head) + manifest + signature + body)


def certificate(release, name, issuer=None, days="30", usage="codeSigning", start=None):
    """A certificate made by openssl; usage None leaves the extended key usage out."""
    config = release.at(f"{name}.cnf")
    with open(config, "w") as out:
        out.write("[req]\ndistinguished_name=n\nprompt=no\n[n]\nCN=" + name + "\n[x]\n"
                  "basicConstraints=critical,CA:FALSE\n")
        if usage:
            out.write(f"extendedKeyUsage={usage}\n")
    key, cert = release.at(f"{name}.key"), release.at(f"{name}.crt")
    run("openssl", "req", "-new", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out",
        release.at("csr"), "-config", config)
    words = ["openssl", "x509", "-req", "-in", release.at("csr"), "-out", cert, "-days", days,
             "-extfile", config, "-extensions", "x"]
    words += ["-CA", release.at(f"{issuer}.crt"), "-CAkey", release.at(f"{issuer}.key"),
              "-CAcreateserial"] if issuer else ["-key", key]
    run(*words)
    return key, cert


def cms(release, key, cert, content, *more):
    open(release.at("content"), "wb").write(content)
    run("openssl", "cms", "-sign", "-binary", "-outform", "DER", "-in", release.at("content"),
        "-signer", cert, "-inkey", key, "-out", release.at("cms"), *more)
    return open(release.at("cms"), "rb").read()


def test_trust(folder):
    """Signatures that must not be believed, each with its own fault."""
    release = Release(folder)
    release.build()
    good, bad = release.at("bundle"), release.at("bad")
    side = open(good, "rb").read()
    manifest_size, signature_size = struct.unpack_from("<II", side, 16)
    manifest = side[4096:4096 + manifest_size]
    own = side[4096 + manifest_size:4096 + manifest_size + signature_size]
    ring = release.at("keys/ca.crt")

    def verdict(fault, signature, content=None, keyring=ring):
        resign(good, bad, signature, content)
        if fault is None:
            run(AZBUNDLE, "verify", "--keyring", keyring, bad)
        else:
            refused(fault, AZBUNDLE, "verify", "--keyring", keyring, bad)

    verdict(None, own)
    verdict("SIGNATURE_MISSING", b"")
    verdict("SIGNATURE_FORMAT", b"no signature at all")
    verdict("SIGNATURE_FORMAT", own + b"\0")
    verdict("SIGNATURE_INVALID", own, manifest.replace(b'"version": "1"', b'"version": "2"'))
    key, cert = certificate(release, "stranger")
    verdict("SIGNATURE_UNTRUSTED", cms(release, key, cert, manifest))
    key, cert = certificate(release, "nousage", "keys/ca", usage=None)
    verdict("SIGNATURE_PURPOSE", cms(release, key, cert, manifest))
    key, cert = certificate(release, "mail", "keys/ca", usage="emailProtection")
    verdict("SIGNATURE_PURPOSE", cms(release, key, cert, manifest))
    key, cert = certificate(release, "late", "keys/ca", days="-1")
    verdict("SIGNATURE_EXPIRED", cms(release, key, cert, manifest))
    key, cert = certificate(release, "fine", "keys/ca")
    verdict(None, cms(release, key, cert, manifest))
    verdict("SIGNATURE_INVALID", cms(release, key, cert, manifest + b" "))
    verdict("SIGNATURE_FORMAT", cms(release, key, cert, manifest, "-nodetach"))
    for digest in ("md5", "sha1"):
        verdict("SIGNATURE_FORMAT", cms(release, key, cert, manifest, "-md", digest))
    empty, nothing = release.at("empty.crt"), release.at("nothing")
    open(empty, "w").close()
    os.mkdir(nothing)
    for keyring in (empty, nothing, release.at("absent")):
        verdict("KEYRING_MISSING", own, keyring=keyring)
    refused("SIGNATURE_PURPOSE", AZBUNDLE, "build", "--product", "p", "--version", "1", "--root",
            release.at("root"), "--uki", release.at("uki"), "--key", release.at("nousage.key"),
            "--cert", release.at("nousage.crt"), "-o", bad)


def test_manifests(folder):
    """Signed manifests that are refused all the same."""
    release = Release(folder)
    release.build()
    good, bad = release.at("bundle"), release.at("bad")
    side = open(good, "rb").read()
    text = side[4096:4096 + struct.unpack_from("<I", side, 16)[0]].decode()
    key, cert = release.at("keys/release.key"), release.at("keys/release.crt")

    def verdict(fault, content):
        content = content if isinstance(content, bytes) else content.encode()
        resign(good, bad, cms(release, key, cert, content), content)
        if fault is None:
            run(AZBUNDLE, "verify", "--keyring", release.at("keys/ca.crt"), bad)
        else:
            refused(fault, AZBUNDLE, "verify", "--keyring", release.at("keys/ca.crt"), bad)

    def edited(**changes):
        manifest = json.loads(text)
        for path, value in changes.items():
            at = manifest
            *folders, name = path.split("__")
            for step in folders:
                at = at[step]
            if value is None:
                del at[name]
            else:
                at[name] = value
        return json.dumps(manifest)

    verdict(None, edited())
    verdict(None, edited(of_a_later_release={"x": [1, 2]}))
    verdict("MANIFEST_SYNTAX", text.replace('"format"', '"version": "0", "format"'))
    verdict("MANIFEST_SYNTAX", text[:-3])
    verdict("MANIFEST_SYNTAX", "[]")
    verdict("MANIFEST_SYNTAX", text.replace('"product": "p"', '"product": "p\\u0000"'))
    verdict("MANIFEST_SYNTAX", text.encode().replace(b'"product": "p"', b'"product": "\xff"'))
    verdict("MANIFEST_LATER", edited(format_min=2))
    verdict("MANIFEST_FIELD", edited(format_min=None))
    verdict("MANIFEST_FIELD", edited(product=None))
    verdict("MANIFEST_FIELD", edited(version="../1"))
    verdict("MANIFEST_FIELD", edited(version="1" * 64))
    verdict("MANIFEST_FIELD", edited(security_version=-1))
    verdict("MANIFEST_FIELD", edited(security_version="1"))
    verdict("MANIFEST_FIELD", edited(root__size=2 ** 50))
    verdict("MANIFEST_FIELD", edited(root__size=0))
    verdict("MANIFEST_FIELD", edited(root__verity__data_blocks=41))
    verdict("MANIFEST_FIELD", edited(root__verity__root_hash="AB" * 32))
    verdict("MANIFEST_FIELD", edited(root__verity__root_hash="ab" * 31))
    verdict("MANIFEST_FIELD", edited(root__verity__salt="ab" * 257))
    verdict("BUNDLE_LEAVES", edited(root__verity__root_hash="ab" * 32))
    verdict("BUNDLE_LEAVES", edited(root__verity__data_blocks=39, root__size=39 * 4096))


def edited(text, path, value):
    """The manifest with one member changed, or without it if the value is None."""
    manifest = json.loads(text)
    *folders, name = path.split(".")
    at = manifest
    for step in folders:
        at = at[step]
    if value is None:
        del at[name]
    else:
        at[name] = value
    return manifest


def schema_cases():
    """(member, value) around every limit that lib/manifest.c has."""
    name = ["", "x", " ~", "x" * 64, "x" * 65, "a\n", "\x7f", "\u00e4"]
    version = ["", "1", "v1.2~rc1^3_4+5-6", "1" * 63, "1" * 64, ".1", "-1", "~1", "1 ", "1/2", "1\n"]
    digits = [-1, 0, 10 ** 18 - 1, 10 ** 18]
    hashes = ["", "ab" * 32, "ab" * 31, "ab" * 33, "AB" * 32, "ag" * 32, "a" * 63, "ab" * 32 + "\n"]
    image = {"size": [-1, 0, 2 ** 36 + 1, 2 ** 50], "verity": [],
             "verity.data_blocks": [-1, 0, 2 ** 24 + 1], "verity.root_hash": hashes,
             "verity.salt": ["", "ab", "ab" * 256, "ab" * 257, "abc", "AB", "ag"],
             "verity.uuid": ["", "ab" * 15, "ab" * 16, "AB" * 16, "ab" * 17]}
    members = {"format": [1, 2], "format_min": [-1, 0, 1, 2, 65535, 65536], "product": name,
               "architecture": name, "version": version, "update_from": version,
               "security_version": digits, "time": digits, "root": [], "root.file_system": name,
               "uki": [], "uki.pcr11_sha256": hashes, "unknown": [1],
               "root.fec": [{"roots": 2}, {"roots": 2, "root_hash": "ab" * 32, "unknown": 1}],
               "root.fec.roots": [-1, 0, 1, 2, 24, 25, 2 ** 32 + 2], "root.fec.root_hash": hashes}
    members.update({f"{side}.{path}": values for side in ("root", "uki")
                    for path, values in image.items()})
    for path, values in members.items():
        for value in [None, {}, [], "x", 1, True, 1.5] + values:
            if value is not None or path not in ("update_from", "unknown"):
                yield path, value
    yield "root.unknown", {"x": [None]}
    yield "uki.verity.unknown", "\u00e4"


def test_schema(folder):
    """The schema takes what azbundle makes, and refuses what the library refuses."""
    release = Release(folder, fec=2)
    release.build()
    with open(os.path.join(HERE, "../../schema/manifest.schema.json"), encoding="utf-8") as file:
        described = json.load(file)
    text = run(AZBUNDLE, "info", "--manifest", release.at("bundle")).stdout
    assert not list(schema.complaints(json.loads(text), described))
    refusals = 0
    for path, value in schema_cases():
        manifest = edited(text, path, value)
        # Not even a real size may stand beside another number of blocks: no schema can say that.
        if path.endswith((".size", ".data_blocks")) and value in (1, True):
            continue
        found = list(schema.complaints(manifest, described))
        resign(release.at("bundle"), release.at("other"), b"", json.dumps(manifest).encode())
        done = run(AZBUNDLE, "info", "--manifest", release.at("other"), ok=False)
        assert done.returncode == 0 or "MANIFEST_" in done.stderr, done.stderr
        assert bool(found) == (done.returncode != 0), f"{path} = {value!r}: {found} {done.stderr}"
        refusals += bool(found)
    assert refusals > 200, f"only {refusals} refusals"


def test_builder_refuses(folder):
    """The builder's own errors name what is wrong."""
    release = Release(folder)
    image(release.at("other"), 40, seed=2)
    build = [AZBUNDLE, "build", "--product", "p", "--uki", release.at("uki"), "--key",
             release.at("keys/release.key"), "--cert", release.at("keys/release.crt"), "-o",
             release.at("x")]
    refused("BUILD_INPUT", *build, "--version", "1", "--root", release.at("other"))
    refused("BUILD_INPUT", *build, "--version", "1", "--root", release.at("absent"))
    refused("ARGUMENT", *build, "--version", "a b", "--root", release.at("root"))
    refused("ARGUMENT", *build, "--root", release.at("root"))
    open(release.at("empty"), "w").close()
    refused("VERITREE_RANGE", *build, "--version", "1", "--root", release.at("empty"))
    refused("PE_MAGIC", AZBUNDLE, "uki", "--stub", release.at("root"), "--linux", release.at("linux"),
            "--initrd", release.at("initrd"), "--os-release", release.at("osrel"), "--root",
            release.at("root"), "--product", "p", "-o", release.at("x"))
    refused("BUNDLE_MAGIC", AZBUNDLE, "info", release.at("root"))
    refused("BUILD_OUTPUT", AZBUNDLE, "keys", release.at("keys"))
    assert run(AZBUNDLE, "nonsense", ok=False).returncode == 2
    assert run(AZBUNDLE, "--version").stdout.startswith("azbundle ")


def test_disk(folder):
    """The disk's table, file systems and boot record, read by other programs."""
    release = Release(folder)
    release.build()
    slot_image(release)
    disk = release.at("disk")
    table = json.loads(run("sfdisk", "-J", disk).stdout)["partitiontable"]
    names = [part["name"] for part in table["partitions"]]
    assert names == ["esp", "azstate", "boot_a", "boot_b", "root_a", "root_b", "var"], names
    assert run("sfdisk", "--verify", disk).returncode == 0
    starts = {part["name"]: part["start"] * 512 for part in table["partitions"]}
    listed = run("mdir", "-i", f"{disk}@@{starts['esp']}", "::EFI/BOOT").stdout
    assert "BOOTX64" in listed, listed
    with open(disk, "rb") as file:
        file.seek(starts["var"] + 1024 + 56)
        assert file.read(2) == b"\x53\xef"
        file.seek(starts["boot_a"])
        assert file.read(8) == b"AZBOOTHD"
        file.seek(starts["boot_a"] + 4096)
        assert hashlib.sha256(file.read(os.path.getsize(release.at("uki")))).digest() == \
            hashlib.sha256(open(release.at("uki"), "rb").read()).digest()


CASES = [test_verity, test_fec, test_fec_refused, test_pcr11, test_uki, test_reproducible,
         test_openssl_reads_signature, test_trust, test_manifests, test_schema, test_builder_refuses,
         test_disk, test_blank_var]


def main():
    failed = 0
    print(f"1..{len(CASES)}", flush=True)
    for number, case in enumerate(CASES, 1):
        with tempfile.TemporaryDirectory() as folder:
            try:
                case(folder)
                print(f"ok {number} {case.__doc__.splitlines()[0]}", flush=True)
            except AssertionError as error:
                failed += 1
                print(f"not ok {number} {case.__doc__.splitlines()[0]}", flush=True)
                for line in str(error).splitlines():
                    print(f"# {line}", flush=True)
    sys.exit(failed > 0)


main()
