#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Root-hash signatures of azbundle uki against cpio, openssl and systemd-measure.

roothash_test.py AZBUNDLE. Prints TAP. What a kernel says to them, tests/vm/guest/tryboot.py shows."""
import os
import random
import subprocess
import sys
import tempfile

import tpmrig

AZBUNDLE = os.path.abspath(sys.argv[1])
MEASURE = "/lib/systemd/systemd-measure"
FILE = "azupdate/roothash.p7s"


def run(*words, ok=True, **options):
    done = subprocess.run([str(word) for word in words], capture_output=True, **options)
    if ok and done.returncode != 0:
        raise AssertionError(f"{words[0]} {words[1]}: {done.stderr.decode(errors='replace')}")
    return done


def refused(fault, *words):
    done = run(*words, ok=False)
    said = done.stderr.decode()
    assert done.returncode in (1, 2), f"{words[1]} returned {done.returncode}: {said}"
    assert fault in said, f"expected {fault}: {said}"


def read(path):
    with open(path, "rb") as file:
        return file.read()


def write(path, content):
    with open(path, "wb") as out:
        out.write(content)


class Inputs:
    def __init__(self, folder):
        self.at = lambda name: os.path.join(folder, name)
        run(AZBUNDLE, "keys", self.at("keys"))
        source = random.Random(11)
        for name, content in (("root", source.randbytes(4096 * 9)), ("linux", source.randbytes(70000)),
                              ("initrd", source.randbytes(9001)), ("osrel", b"ID=x\n")):
            write(self.at(name), content)
        self.signed = ["--root-key", self.at("keys/roothash.key"),
                       "--root-cert", self.at("keys/roothash.crt")]

    def words(self, *options, output="uki"):
        return [AZBUNDLE, "uki", "--linux", self.at("linux"), "--initrd", self.at("initrd"),
                "--os-release", self.at("osrel"), "--root", self.at("root"), "--product", "p",
                "-o", self.at(output), *options]

    def section(self, name):
        path = self.at(f"section.{name}")
        run("objcopy", "-O", "binary", f"--only-section=.{name}", self.at("uki"), path)
        return path

    def root_hash(self):
        """As the kernel gets it: hex digits without a newline."""
        word = read(self.section("cmdline")).split()[0]
        assert word.startswith(b"roothash=") and len(word) == 9 + 64, word
        return word[9:]

    def archive(self):
        """What stands behind the initrd, which must be there as it was."""
        section, initrd = read(self.section("initrd")), read(self.at("initrd"))
        start = -(-len(initrd) // 4) * 4
        assert section[:start] == initrd.ljust(start, b"\0"), "the initrd is another one"
        return section[start:]

    def signature(self):
        folder = tempfile.mkdtemp(dir=self.at(""))
        run("cpio", "-id", "--quiet", input=self.archive(), cwd=folder)
        return os.path.join(folder, FILE)

    def verifies(self, signature, content, certificate):
        write(self.at("content"), content)
        done = run("openssl", "smime", "-verify", "-binary", "-inform", "der", "-in", signature, "-content",
                   self.at("content"), "-noverify", "-nointern", "-certfile", certificate, ok=False)
        return done.returncode == 0 and done.stdout == content


def test_archive(folder):
    """Behind initrds of every length, one folder and one file: no time, no owner, all of it aligned."""
    inputs = Inputs(folder)
    for more in range(4):
        write(inputs.at("initrd"), b"initrd" * 100 + bytes([7]) * more)
        run(*inputs.words(*inputs.signed))
        archive = inputs.archive()
        assert len(archive) % 4 == 0, len(archive)
        listed = run("cpio", "-itv", "--quiet", "--numeric-uid-gid", input=archive,
                     env={**os.environ, "TZ": "UTC"}).stdout.decode().splitlines()
        fields = [line.split() for line in listed]
        assert [(line[0], *line[2:4], *line[5:]) for line in fields] == \
            [("drwxr-xr-x", "0", "0", "Jan", "1", "1970", "azupdate"),
             ("-r--r--r--", "0", "0", "Jan", "1", "1970", FILE)], listed


def test_initrd_stays_first(folder):
    """Behind an uncompressed initrd, cpio itself finds one archive after the other."""
    inputs = Inputs(folder)
    write(inputs.at("init"), b"the first program")
    done = run("cpio", "-o", "-H", "newc", "--quiet", input=b"init\n", cwd=inputs.at(""))
    write(inputs.at("initrd"), done.stdout)
    run(*inputs.words(*inputs.signed))
    section = read(inputs.section("initrd"))
    assert section.index(b"init\0") < section.index(b"TRAILER!!!\0") < section.index(FILE.encode() + b"\0")
    assert section.count(b"TRAILER!!!\0") == 2


def test_openssl(folder):
    """openssl smime verifies it over the hex digits, with that certificate only; openssl cms makes the same."""
    inputs = Inputs(folder)
    key, certificate = inputs.signed[1], inputs.signed[3]
    for where in (key, "file:" + key):
        run(*inputs.words("--root-key", where, "--root-cert", certificate))
        signature, content = inputs.signature(), inputs.root_hash()
        assert inputs.verifies(signature, content, certificate)
        assert not inputs.verifies(signature, content + b"\n", certificate), "with a newline"
        assert not inputs.verifies(signature, content[:-1] + b"x", certificate), "another hash"
        assert not inputs.verifies(signature, content, inputs.at("keys/db.crt")), "another key"
        write(inputs.at("content"), content)
        run("openssl", "cms", "-sign", "-binary", "-noattr", "-nocerts", "-md", "sha256", "-outform", "der",
            "-in", inputs.at("content"), "-signer", certificate, "-inkey", key, "-out", inputs.at("theirs"))
        assert read(signature) == read(inputs.at("theirs")), "openssl makes another one"


def test_key_sizes(folder):
    """The smallest and the largest key that serve."""
    inputs = Inputs(folder)
    for bits in (2048, 4096):
        key, certificate = make_key(inputs, f"rsa:{bits}")
        run(*inputs.words("--root-key", key, "--root-cert", certificate))
        assert inputs.verifies(inputs.signature(), inputs.root_hash(), certificate)


def test_reproducible(folder):
    """Twice made, all is the same; without a key, no archive."""
    inputs = Inputs(folder)
    run(*inputs.words(*inputs.signed, output="one"))
    run(*inputs.words(*inputs.signed, output="uki"))
    assert read(inputs.at("one")) == read(inputs.at("uki"))
    run(*inputs.words())
    assert read(inputs.section("initrd")) == read(inputs.at("initrd"))


def test_prediction(folder):
    """PCR 11 is what systemd-measure calculates of the sections, and another one than without."""
    inputs = Inputs(folder)
    without = run(*inputs.words()).stdout
    ours = run(*inputs.words(*inputs.signed)).stdout
    said = run(MEASURE, "calculate", "--bank=sha256", "--phase=",
               *[f"--{name}={inputs.section(name)}" for name in ("linux", "osrel", "cmdline", "initrd")]).stdout
    assert ours != without
    assert b"11:sha256=" + ours.split()[-1] in said, (ours, said)


def test_bundle(folder):
    """A release with such a UKI is built and verified as any other."""
    inputs = Inputs(folder)
    run(*inputs.words(*inputs.signed))
    run(AZBUNDLE, "build", "--product", "p", "--version", "1", "--root", inputs.at("root"), "--uki",
        inputs.at("uki"), "--key", inputs.at("keys/release.key"), "--cert", inputs.at("keys/release.crt"),
        "-o", inputs.at("bundle"))
    run(AZBUNDLE, "verify", "--keyring", inputs.at("keys/ca.crt"), inputs.at("bundle"))


def make_key(inputs, kind, *more, subject="/CN=x/"):
    key, certificate = inputs.at("made.key"), inputs.at("made.crt")
    run("openssl", "req", "-x509", "-newkey", kind, "-nodes", "-subj", subject, "-keyout", key, "-out",
        certificate, *more)
    return key, certificate


def test_refused(folder):
    """Keys that not every kernel verifies with, certificates of others; nothing is written then."""
    inputs = Inputs(folder)
    key, certificate = inputs.signed[1], inputs.signed[3]
    for kind in (["rsa:1024"], ["ed25519"], ["ec", "-pkeyopt", "ec_paramgen_curve:P-256"],
                 ["rsa-pss", "-pkeyopt", "rsa_keygen_bits:2048"]):
        made = make_key(inputs, *kind)
        refused("KEY_KIND", *inputs.words("--root-key", made[0], "--root-cert", made[1]))
    refused("KEY_UNREADABLE", *inputs.words("--root-key", certificate, "--root-cert", certificate))
    refused("KEY_UNREADABLE", *inputs.words("--root-key", inputs.at("nowhere"), "--root-cert", certificate))
    refused("TOKEN_KEY", *inputs.words("--root-key", "pkcs11:token=nobody", "--root-cert", certificate))
    refused("KEY_UNREADABLE", *inputs.words("--root-key", key, "--root-cert", inputs.at("nowhere")))
    refused("ROOTSIG_CERTIFICATE", *inputs.words("--root-key", key, "--root-cert", inputs.at("keys/db.crt")))
    refused("ROOTSIG_CERTIFICATE", *inputs.words("--root-key", key, "--root-cert", inputs.at("osrel")))
    write(inputs.at("two"), read(certificate) + read(inputs.at("keys/ca.crt")))
    refused("ROOTSIG_CERTIFICATE", *inputs.words("--root-key", key, "--root-cert", inputs.at("two")))
    made = make_key(inputs, "rsa:2048", subject="".join(f"/OU={i:060}" for i in range(300)))
    refused("ROOTSIG_CERTIFICATE", *inputs.words("--root-key", made[0], "--root-cert", made[1]))
    refused("root-cert", *inputs.words("--root-key", key))
    refused("root-key", *inputs.words("--root-cert", certificate))
    assert not os.path.exists(inputs.at("uki"))


sys.exit(tpmrig.main(globals()))
