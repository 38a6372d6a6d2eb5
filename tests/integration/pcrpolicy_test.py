#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Policies over PCR 11 against systemd and OpenSSL: pcrpolicy_test.py AZBUNDLE. Prints TAP."""
import base64
import hashlib
import itertools
import json
import os
import random
import socket
import struct
import subprocess
import sys
import tempfile
import time

import tpmrig

AZBUNDLE = os.path.abspath(sys.argv[1])
MEASURE = "/lib/systemd/systemd-measure"
BANKS = ["sha1", "sha256", "sha384", "sha512"]
PATHS = ["enter-initrd", "enter-initrd:leave-initrd", "enter-initrd:leave-initrd:sysinit:ready"]
SECTIONS = ["linux", "osrel", "cmdline", "initrd", "pcrpkey"]


def run(*words, ok=True, **options):
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True, **options)
    if ok and done.returncode != 0:
        raise AssertionError(f"{words[0]} {words[1]}: {done.stderr}")
    return done


def refused(fault, *words, **options):
    done = run(*words, ok=False, **options)
    assert done.returncode in (1, 2), f"{words[1]} returned {done.returncode}: {done.stderr}"
    assert fault in done.stderr, f"expected {fault}: {done.stderr}"


class Inputs:
    def __init__(self, folder):
        self.at = lambda name: os.path.join(folder, name)
        run(AZBUNDLE, "keys", self.at("keys"))
        source = random.Random(7)
        for name, content in (("root", source.randbytes(4096 * 9)), ("linux", source.randbytes(70000)),
                              ("initrd", b"initrd" * 999), ("osrel", b"ID=x\n")):
            with open(self.at(name), "wb") as out:
                out.write(content)

    def words(self, *options):
        return [AZBUNDLE, "uki", "--linux", self.at("linux"), "--initrd", self.at("initrd"),
                "--os-release", self.at("osrel"), "--root", self.at("root"), "--product", "p",
                "-o", self.at("uki"), *options]

    def section(self, name):
        path = self.at(f"section.{name}")
        run("objcopy", "-O", "binary", f"--only-section=.{name}", self.at("uki"), path)
        return path

    def measured(self):
        return [f"--{name}={self.section(name)}" for name in SECTIONS]

    def pcrsig(self):
        with open(self.section("pcrsig"), encoding="ascii") as file:
            return json.load(file)


def many(option, values):
    return list(itertools.chain.from_iterable((option, value) for value in values))


class Tpm:
    """A software TPM of its own, which systemd-measure 252 needs to compute with."""

    def __init__(self, folder):
        self.socket = os.path.join(folder, "tpm.sock")
        self.process = subprocess.Popen(
            ["swtpm", "socket", "--tpm2", "--tpmstate", f"dir={folder}", "--server",
             f"type=unixio,path={self.socket}", "--ctrl", f"type=unixio,path={self.socket}.ctrl",
             "--flags", "not-need-init,startup-clear"], stderr=subprocess.DEVNULL)
        while not os.path.exists(self.socket):
            assert self.process.poll() is None, "swtpm ended"
            time.sleep(0.05)

    def __enter__(self):
        return self

    def option(self):
        return f"--tpm2-device=swtpm:path={self.socket}"

    def extend(self, content):
        """TPM2_PCR_Extend of PCR 11 in the bank sha256, with a password session of no password."""
        session = struct.pack(">IIHBH", 9, 0x40000009, 0, 0, 0)
        digest = struct.pack(">IH", 1, 0x000b) + hashlib.sha256(content).digest()
        body = struct.pack(">II", 0x182, 11) + session + digest
        with socket.socket(socket.AF_UNIX) as line:
            line.connect(self.socket)
            line.sendall(struct.pack(">HI", 0x8002, 6 + len(body)) + body)
            assert line.recv(4096)[6:10] == bytes(4), "the TPM refused to extend"

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()


def test_prediction(folder):
    """PCR 11 after each phase, in four banks, is what systemd-measure calculates."""
    inputs = Inputs(folder)
    run(*inputs.words("--pcr-key", inputs.at("keys/pcr.key"), *many("--pcr-bank", BANKS)))
    said = run(MEASURE, "calculate", *[f"--bank={bank}" for bank in BANKS], "--phase=",
               *inputs.measured()).stdout
    ours = run(*inputs.words("--pcr-key", inputs.at("keys/pcr.key"), *many("--pcr-bank", BANKS))).stdout
    for bank in BANKS:
        value = next(line.split()[2] for line in ours.splitlines() if line.startswith(f"pcr11 {bank} "))
        assert f"11:{bank}={value}" in said, f"{bank}: {value} is not in {said}"


def test_signatures(folder):
    """.pcrsig is what systemd-measure signs, byte for byte in each field; one of two keys signs it alone."""
    inputs = Inputs(folder)
    run("openssl", "genrsa", "-out", inputs.at("old.key"), "3072")
    keys = [inputs.at("keys/pcr.key"), inputs.at("old.key")]
    run(*inputs.words(*many("--pcr-key", keys), *many("--pcr-phases", PATHS)))
    theirs = []
    for key in keys:
        run("openssl", "rsa", "-in", key, "-pubout", "-out", inputs.at("public"))
        with Tpm(tempfile.mkdtemp(dir=folder)) as tpm:
            said = run(MEASURE, "sign", tpm.option(), "--bank=sha256", *[f"--phase={path}" for path in PATHS],
                       f"--private-key={key}", f"--public-key={inputs.at('public')}",
                       *inputs.measured()).stdout
        theirs += json.loads(said)["sha256"]
    ours = inputs.pcrsig()
    order = lambda entry: (entry["pol"], entry["pkfp"])
    assert sorted(ours) == ["azupdate-floors", "sha256"], ours
    assert sorted(ours["sha256"], key=order) == sorted(theirs, key=order), (ours, theirs)


def test_openssl_verifies(folder):
    """Each signature is one over the digest, by the key in .pcrpkey; the UKI is signed around all of it."""
    inputs = Inputs(folder)
    run(*inputs.words("--pcr-key", inputs.at("keys/pcr.key"), *many("--pcr-bank", ["sha384", "sha256"]),
                      "--key", inputs.at("keys/db.key"), "--cert", inputs.at("keys/db.crt")))
    run("sbverify", "--cert", inputs.at("keys/db.crt"), inputs.at("uki"))
    signatures = inputs.pcrsig()
    assert sorted(signatures) == ["azupdate-floors", "sha256", "sha384"], signatures
    for entry in itertools.chain(*signatures.values()):
        assert entry["pcrs"] == [11]
        verify(inputs, entry)


def verify(inputs, entry):
    """By OpenSSL: over the policy alone, or over the policy and a floor."""
    floor = b"azupdate floor" + entry["floor"].to_bytes(8, "big") if "floor" in entry else b""
    for name, content in (("digest", bytes.fromhex(entry["pol"]) + floor),
                          ("sig", base64.b64decode(entry["sig"]))):
        with open(inputs.at(name), "wb") as out:
            out.write(content)
    run("openssl", "dgst", "-sha256", "-verify", inputs.section("pcrpkey"), "-signature",
        inputs.at("sig"), inputs.at("digest"))


def floors_of(inputs, version, *options):
    """The floors that a release of that security version is signed for."""
    with open(inputs.at("osrel"), "w", encoding="ascii") as out:
        out.write(f"ID=x\nAZUPDATE_SECURITY_VERSION={version}\n")
    run(*inputs.words("--pcr-key", inputs.at("keys/pcr.key"), *options))
    signatures = inputs.pcrsig()
    for entry in signatures.get("azupdate-floors", []):
        assert entry["pol"] == signatures["sha256"][0]["pol"], entry
        verify(inputs, entry)
    return [entry["floor"] for entry in signatures.get("azupdate-floors", [])]


def test_floors(folder):
    """A release is signed for the floors with which it may run, and for no other."""
    inputs = Inputs(folder)
    assert floors_of(inputs, 0) == [0]
    assert floors_of(inputs, 3) == [0, 3, 2, 1]
    assert floors_of(inputs, 20261126) == [0, *range(20261126, 20261110, -1)]
    assert floors_of(inputs, 90, "--floor=7", "--floor=90", "--floor=8") == [0, *range(90, 74, -1), 7, 8]
    assert floors_of(inputs, 3, "--no-gate") == []
    assert floors_of(inputs, 3, "--pcr-phases=sysinit") == []
    assert floors_of(inputs, 3, "--pcr-bank=sha384") == []
    key = ["--pcr-key", inputs.at("keys/pcr.key")]
    refused("--floor 4", *inputs.words(*key, "--floor=4"))
    refused("--floor x", *inputs.words(*key, "--floor=x"))
    refused("--pcr-key", *inputs.words("--floor=1"))
    with open(inputs.at("osrel"), "w", encoding="ascii") as out:
        out.write("AZUPDATE_SECURITY_VERSION=200\n")
    refused("PCRSIG_SIZE", *inputs.words(*key, *many("--floor", map(str, range(1, 150)))))


def enroll(inputs, tpm):
    """systemd-cryptenroll seals a LUKS key to .pcrpkey, and unseals it by .pcrsig to see that it can."""
    volume, password = inputs.at("volume"), inputs.at("password")
    for path, content in ((volume, bytes(20 << 20)), (password, b"x")):
        with open(path, "wb") as out:
            out.write(content)
    run("cryptsetup", "luksFormat", "-q", "--type", "luks2", "--pbkdf", "pbkdf2",
        "--pbkdf-force-iterations", "1000", volume, password)
    return run("systemd-cryptenroll", tpm.option(), "--tpm2-pcrs=", "--tpm2-public-key-pcrs=11",
               f"--tpm2-public-key={inputs.section('pcrpkey')}", f"--tpm2-signature={inputs.at('signature')}",
               f"--unlock-key-file={password}", volume, ok=False)


def test_systemd_unseals(folder):
    """A TPM lets systemd use a secret in the phase that was signed, and no later."""
    inputs = Inputs(folder)
    run(*inputs.words("--pcr-key", inputs.at("keys/pcr.key")))
    with open(inputs.at("signature"), "w", encoding="ascii") as out:
        json.dump(inputs.pcrsig(), out)
    with Tpm(tempfile.mkdtemp(dir=folder)) as tpm:
        for name in SECTIONS:
            tpm.extend(f".{name}".encode() + b"\0")
            with open(inputs.section(name), "rb") as file:
                tpm.extend(file.read())
        early = enroll(inputs, tpm)
        assert early.returncode != 0, "before the phase"
        tpm.extend(b"enter-initrd")
        good = enroll(inputs, tpm)
        assert good.returncode == 0, good.stderr
        tpm.extend(b"leave-initrd")
        late = enroll(inputs, tpm)
        assert late.returncode != 0, "behind the phase"


def test_nothing_asked(folder):
    """Without a key there are no policies, and PCR 11 is another one: the public key is measured."""
    inputs = Inputs(folder)
    without = run(*inputs.words()).stdout
    assert run("objdump", "-h", inputs.at("uki")).stdout.count(".pcr") == 0
    assert run(*inputs.words("--pcr-key", inputs.at("keys/pcr.key"))).stdout != without
    assert run("objdump", "-h", inputs.at("uki")).stdout.count(".pcr") == 2


def test_refused(folder):
    """Banks, phases and keys that cannot be; nothing is written then."""
    inputs = Inputs(folder)
    good = ["--pcr-key", inputs.at("keys/pcr.key")]
    refused("PCR_BANK", *inputs.words(*good, "--pcr-bank", "sha3"))
    refused("PCR_PHASE", *inputs.words(*good, "--pcr-phases", "enter-initrd:"))
    refused("KEY_KIND", *inputs.words("--pcr-key", inputs.at("keys/release.key")))
    refused("KEY_UNREADABLE", *inputs.words("--pcr-key", inputs.at("keys/db.crt")))
    refused("KEY_UNREADABLE", *inputs.words("--pcr-key", inputs.at("nowhere")))
    refused("TOKEN_KEY", *inputs.words("--pcr-key", "pkcs11:token=nobody"))
    refused("pcr-key", *inputs.words("--pcr-bank", "sha256"))
    assert not os.path.exists(inputs.at("uki"))


sys.exit(tpmrig.main(globals()))
