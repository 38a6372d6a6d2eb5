#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""azupdate tpm, azupdated and a software TPM: a machine whose disk and whose encrypted var are files.
tpm_test.py DRIVER."""
import json
import os
import pathlib
import pty
import random
import re
import shutil
import subprocess
import sys
import tempfile

import luksedit
import rig
import tpmrig
from rig import Rig, expect, expect_equal
from tpmrig import Tpm, run

DRIVER = os.path.abspath(sys.argv.pop(1))
STUB = "/usr/lib/systemd/boot/efi/linuxx64.efi.stub"
CONFIG = """[layout]
disk=@/disk
[product]
name=shop
architecture=x86_64
[trust]
keyring=@/keyring
[paths]
state=@/state
run=@/run
efivars=@/efivars
[health]
folders=@/health
[tpm]
volume=@/volume
tcti={tcti}
"""


class Maker:
    """A release with PCR signatures, one without, and the disk of a machine with each."""

    def __init__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="azupdate-"))
        source = random.Random(3)
        for name, size in (("root", 1 << 20), ("linux", 300_000), ("initrd", 5000)):
            (self.folder / name).write_bytes(source.randbytes(size))
        (self.folder / "os-release").write_text("ID=shop\nVERSION_ID=1.0\nAZUPDATE_SECURITY_VERSION=1\n")
        self.run("keys", "keys")
        self.make("signed", "--pcr-key=keys/pcr.key")
        self.make("plain")
        for key in ("next", "stranger"):
            self.run("keys", key)
        self.make("rotating", "--pcr-key=next/pcr.key", "--pcr-key=keys/pcr.key")
        self.release("same", "--pcr-key=keys/pcr.key")
        self.release("stranger", "--pcr-key=stranger/pcr.key")
        self.release("both", "--pcr-key=next/pcr.key", "--pcr-key=keys/pcr.key")
        self.release("next", "--pcr-key=next/pcr.key")
        self.release("late", "--pcr-key=keys/pcr.key", "--pcr-phases=enter-initrd:leave-initrd")
        self.release("unsigned")

    def run(self, *words):
        run(rig.program("AZBUNDLE"), *words, cwd=self.folder)

    def release(self, name, *more):
        """A bundle of version 2.0."""
        root = self.folder / "root2"
        root.write_bytes(random.Random(4).randbytes(1 << 20))
        self.run("uki", f"--stub={STUB}", "--linux=linux", "--initrd=initrd", "--uname=6.1",
                 "--os-release=os-release", f"--root={root}", "--product=shop", "-o", f"{name}.efi", *more)
        self.run("build", "--product=shop", "--version=2.0", f"--root={root}", "--level=1", f"--uki={name}.efi",
                 "--key=keys/release.key", "--cert=keys/release.crt", "-o", f"{name}.azb")

    def make(self, name, *more):
        self.run("uki", f"--stub={STUB}", "--linux=linux", "--initrd=initrd", "--uname=6.1",
                 "--os-release=os-release", "--root=root", "--product=shop", "-o", f"{name}.efi", *more)
        self.run("build", "--product=shop", "--version=1.0", "--root=root", "--level=1", f"--uki={name}.efi",
                 "--key=keys/release.key", "--cert=keys/release.crt", "-o", f"{name}.azb")
        self.run("disk", f"--azboot={name}.efi", "--keyring=keys/ca.crt", "-o", f"{name}.disk", f"{name}.azb")


MAKER = Maker()


class Machine(Rig):
    """Runs the release from slot a; its var was made with a passphrase, as an installer would."""

    def __init__(self, tpm, release="signed"):
        super().__init__(rig.program("AZUPDATED"), CONFIG.format(tcti=tpm.tcti))
        self.tpm, self.release = tpm, release
        shutil.copy(MAKER.folder / f"{release}.disk", self.folder / "disk")
        shutil.copy(MAKER.folder / "keys" / "ca.crt", self.folder / "keyring")
        (self.folder / "run").mkdir()
        (self.folder / "run" / "boot.json").write_text(f'{{"slot":"a","disk":"{self.folder}/disk"}}')
        self.volume, self.key = self.folder / "volume", self.folder / "key"
        self.volume.write_bytes(b"")
        os.truncate(self.volume, 32 << 20)
        self.key.write_text("passphrase\n")
        run("cryptsetup", "luksFormat", "-q", "--type", "luks2", "--cipher", "aes-xts-plain64", "--key-size",
            "512", "--pbkdf", "pbkdf2", "--pbkdf-force-iterations", "1000", self.volume, input="passphrase")
        if release != "plain":
            self.boot()

    def use(self, tpm):
        """The disk is in another machine now."""
        self.stop()
        configuration = self.folder / "azupdate.conf"
        configuration.write_text(configuration.read_text().replace(self.tpm.tcti, tpm.tcti))
        self.tpm = tpm
        self.start()

    def runs(self, release):
        """As after an update: version 1.0, made in another way, runs from slot a."""
        self.stop()
        self.release = release
        shutil.copy(MAKER.folder / f"{release}.disk", self.folder / "disk")
        self.boot()
        self.start()

    def section(self, name):
        run("objcopy", "-O", "binary", f"--only-section=.{name}", MAKER.folder / f"{self.release}.efi",
            self.folder / name)
        return self.folder / name

    def boot(self):
        """What azunlock does at each boot: the counter for what will be sealed is there, and started."""
        self.measure()
        run(DRIVER, "counter", self.tpm.tcti, self.section("pcrpkey"), self.section("pcrsig"))

    def boot_unlocks(self, *pin):
        """What the initrd of the release would do."""
        self.measure()
        return run(DRIVER, "unlock", self.tpm.tcti, self.volume, self.section("pcrsig"), *pin, ok=False).stdout

    def measure(self):
        self.tpm.start()
        release = tpmrig.Release.__new__(tpmrig.Release)
        release.folder = self.folder
        for name in tpmrig.SECTIONS:
            self.section(name).rename(self.folder / f"section.{name}")
        release.measure(self.tpm)
        run(DRIVER, "extend", self.tpm.tcti, 11, "enter-initrd")

    def enroll(self, *more, **options):
        return self.json_lines("tpm", "enroll", "--json", f"--recovery-key-file={self.key}", *more, **options)


def machine_of(test):
    """A test on a machine with a TPM of its own."""
    def wrapped():
        with tempfile.TemporaryDirectory(prefix="azupdate-") as folder, Tpm(folder) as tpm:
            with Machine(tpm) as machine:
                test(machine)
    wrapped.__name__ = test.__name__
    return wrapped


@machine_of
def test_enroll(machine):
    """Status before, the recovery key shown once, status behind, and a boot that unlocks."""
    status = machine.json("tpm", "status")
    expect_equal((status["encrypted"], status["recovery_key"], status["enrolled"], status["tpm"]),
                 (True, False, False, True))
    shown, status = machine.enroll()
    recovery = shown["new_recovery_key"]
    expect_equal((status["enrolled"], status["recovery_key"], status["unlocks"], status["pin"], status["fault"]),
                 (True, True, True, False, 0))
    expect_equal((status["gated"], status["floor"]), (True, 0))
    expect(status["counter"] > 0, status)
    public = run("openssl", "rsa", "-pubin", "-in", machine.section("pcrpkey"), "-RSAPublicKey_out", "-outform",
                 "DER", "-out", machine.folder / "der")
    expect_equal(status["key"], run("sha256sum", machine.folder / "der").stdout.split()[0], public.stderr)
    opened = machine.boot_unlocks()
    expect(opened.startswith("key "), opened)
    expect_equal(run(DRIVER, "typed", machine.volume, recovery).stdout, opened)
    expect_equal(run(DRIVER, "typed", machine.volume, "passphrase").stdout, opened)
    machine.key.write_text(recovery)
    again = machine.enroll()
    expect_equal(len(again), 1, "a second recovery key was made")
    expect_equal(machine.boot_unlocks(), opened)
    text = machine.cli("tpm", "status").stdout
    for wanted in ("Unlocks by itself when the running release boots.", "Recovery key  there", status["key"],
                   f"Gate          releases from security version 0 on; the TPM's counter is at {status['counter']}"):
        expect(wanted in text, text)


@machine_of
def test_pin(machine):
    pin = machine.folder / "pin"
    pin.write_text("0815\n")
    status = machine.enroll(f"--pin-file={pin}")[-1]
    expect_equal((status["pin"], status["unlocks"]), (True, True))
    expect("SEAL_PIN" in machine.boot_unlocks(), "without a PIN")
    opened = machine.boot_unlocks("0815")
    expect(opened.startswith("key "), opened)


@machine_of
def test_terminal(machine):
    """Passphrase and PIN are asked for without an echo; two different PINs are refused."""
    for pins, status in ((("1", "2"), 1), (("77", "77"), 0)):
        pid, terminal = pty.fork()
        if pid == 0:
            words = machine.command("tpm", "enroll", "--pin")
            os.execv(words[0], [str(word) for word in words])
        said = b""
        for prompt, answer in ((b"volume: ", b"passphrase"), (b"PIN: ", pins[0].encode()),
                               (b"again: ", pins[1].encode())):
            while not said.endswith(prompt):
                said += os.read(terminal, 1)
            os.write(terminal, answer + b"\n")
        try:
            while chunk := os.read(terminal, 4096):
                said += chunk
        except OSError:
            pass                # the other end is gone
        expect_equal(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), status, said)
        os.close(terminal)
        expect(b"volume: \r\nNew PIN: \r\nNew PIN, again: \r\n" in said, said)
    expect(re.search(rb"([cbdefghijklnrtuv]{8}-){7}[cbdefghijklnrtuv]{8}", said), said)
    expect(machine.boot_unlocks("77").startswith("key "), "the PIN from the terminal")


@machine_of
def test_refused(machine):
    """Wrong keys and odd calls; the volume is as before."""
    before = luksedit.read(machine.volume)
    machine.key.write_text("wrong")
    failed = machine.json_lines("tpm", "enroll", "--json", f"--recovery-key-file={machine.key}", status=1)[-1]
    expect_equal(failed["name"], "LUKS_KEY")
    machine.key.write_text("")
    expect_equal(machine.json("tpm", "enroll", f"--recovery-key-file={machine.key}", status=1)["name"],
                 "SECRET_READ")
    expect_equal(machine.json("tpm", "enroll", "--recovery-key-file=/nowhere", status=1)["name"], "SECRET_READ")
    machine.cli("tpm", "enroll", status=1, stdin=subprocess.DEVNULL, start_new_session=True)
    machine.cli("tpm", status=2)
    machine.cli("tpm", "wipe", status=2)
    expect_equal(luksedit.read(machine.volume), before)


@machine_of
def test_header(machine):
    """A header that names no cipher is shown, and given no key."""
    machine.enroll()
    head = luksedit.read(machine.volume)
    head["segments"]["0"]["encryption"] = "cipher_null-ecb"
    luksedit.write(machine.volume, head)
    status = machine.json("tpm", "status")
    expect_equal((status["encrypted"], status["unlocks"], status["fault"]), (False, False, 962))
    failed = machine.json_lines("tpm", "enroll", "--json", f"--recovery-key-file={machine.key}", status=1)[-1]
    expect_equal(failed["name"], "LUKS_CIPHER")
    expect("Does not unlock by itself" in machine.cli("tpm", "status").stdout, "text")


@machine_of
def test_rotten_uki(machine):
    """The key is taken out of a UKI that is what was signed, or of none."""
    content = (machine.folder / "disk").read_bytes()
    at = content.rindex(b"-----BEGIN PUBLIC KEY-----")       # the first one is on the ESP
    with open(machine.folder / "disk", "r+b") as disk:
        disk.seek(at + 40)
        disk.write(b"A" if content[at + 40:at + 41] != b"A" else b"B")
    failed = machine.enroll(status=1)[-1]
    expect_equal(failed["name"], "CONVERGE_READBACK")


def activated(machine, name, fault=None):
    """Version 2.0 as made by that name is installed: it is the next boot, or staged only, and why."""
    record = machine.json("status")
    said = machine.json_lines("install", "--json", "--force", str(MAKER.folder / f"{name}.azb"),
                              status=1 if fault else 0)[-1]
    status = machine.json("status")
    slot = status["slots"][1]
    if fault is None:
        expect_equal((status["next"], slot["state"], slot["version"]), ("b", "trial", "2.0"), name)
        return
    expect(fault in json.dumps(said), f"{name}: {said}")
    expect_equal((status["next"], slot["state"]), (record["running"], "staged"), name)
    refused = machine.json("activate", "b", status=1)
    expect_equal(refused["name"], fault, name)
    expect("var would stay locked" in refused["message"], refused)


@machine_of
def test_proof(machine):
    """What could not unlock var does not become the next boot; before anything is sealed, all may."""
    for name in ("unsigned", "stranger"):
        activated(machine, name)
    machine.enroll()
    activated(machine, "same")
    activated(machine, "both")
    activated(machine, "stranger", "SEAL_STATE")
    activated(machine, "next", "SEAL_STATE")
    activated(machine, "late", "SEAL_STATE")
    activated(machine, "unsigned", "PE_SECTION")
    activated(machine, "same")


@machine_of
def test_rotation(machine):
    """From one key to the next over a release that both have signed; then the old one is of no use."""
    recovery = machine.enroll()[0]["new_recovery_key"]
    opened = machine.boot_unlocks()
    activated(machine, "next", "SEAL_STATE")
    activated(machine, "both")
    machine.runs("rotating")
    old = machine.json("tpm", "status")
    expect_equal((old["unlocks"], machine.boot_unlocks()), (True, opened))
    machine.key.write_text(recovery)
    new = machine.enroll()[-1]
    expect(new["unlocks"] and new["key"] != old["key"], new)
    expect_equal(machine.boot_unlocks(), opened)
    activated(machine, "both")
    activated(machine, "next")
    activated(machine, "same", "SEAL_STATE")


@machine_of
def test_proof_by_the_tpm(machine):
    """The TPM that is there now must hold the secret, and losing it must not lose var."""
    machine.enroll()
    head = luksedit.read(machine.volume)
    tokens = dict(head["tokens"])
    head["tokens"] = {number: token for number, token in tokens.items() if token["type"] != "systemd-recovery"}
    luksedit.write(machine.volume, head)
    activated(machine, "same", "RECOVERY_MISSING")
    head["tokens"] = tokens
    luksedit.write(machine.volume, head)
    own = machine.tpm
    own.stop()
    own.socket.unlink(missing_ok=True)
    activated(machine, "same", "TPM_OPEN")
    with tempfile.TemporaryDirectory(prefix="azupdate-") as folder, Tpm(folder) as other:
        machine.use(other)
        activated(machine, "same", "SEAL_OTHER_TPM")
    own.start()
    machine.use(own)
    activated(machine, "same")


def test_unsigned_release():
    """A release without PCR signatures has no key to seal to."""
    with tempfile.TemporaryDirectory(prefix="azupdate-") as folder, Tpm(folder) as tpm:
        with Machine(tpm, "plain") as machine:
            expect_equal(machine.enroll(status=1)[-1]["name"], "SEAL_RELEASE")


@machine_of
def test_no_tpm(machine):
    machine.tpm.stop()
    machine.tpm.socket.unlink(missing_ok=True)
    expect_equal(machine.json("tpm", "status")["tpm"], False)
    expect_equal(machine.enroll(status=1)[-1]["name"], "TPM_OPEN")


try:
    rig.main(globals())
finally:
    shutil.rmtree(MAKER.folder)
