#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Secrets sealed by a TPM, and the volumes that they open: tpmseal_test.py AZBUNDLE DRIVER. TAP."""
import base64
import hashlib
import hmac
import json
import os
import sys

import tpmrig
from tpmrig import Release, Tpm, expect, run

AZBUNDLE, DRIVER = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2])


class World:
    """A release by our key, one by a stranger's, and one that both have signed."""

    def __init__(self, folder):
        for name in ("ours", "theirs"):
            run("openssl", "genrsa", "-out", folder / f"{name}.key", "2048")
        self.folder = folder
        self.ours = Release(folder, AZBUNDLE, [folder / "ours.key"])
        self.pem = self.ours.at("pcrpkey")

    def stranger(self, seed=1):
        return Release(self.folder, AZBUNDLE, [self.folder / "theirs.key"], seed)

    def seal(self, tpm, *pin):
        token, secret = run(DRIVER, "seal", tpm.tcti, self.pem, *pin).stdout.splitlines()
        (self.folder / "token").write_text(token)
        return secret

    def open(self, tpm, *pin, release=None):
        return run(DRIVER, "open", tpm.tcti, self.folder / "token", (release or self.ours).at("pcrsig"),
                   *pin, ok=False).stdout.strip()

    def refused(self, fault, tpm, *pin, release=None):
        said = self.open(tpm, *pin, release=release)
        expect(said.startswith(f"fault {fault}:"), said)


def boot(tpm, release, *phases):
    tpm.start()
    release.measure(tpm)
    for phase in phases:
        run(DRIVER, "extend", tpm.tcti, 11, phase)


def test_policy_is_the_tpms(folder):
    """Name and policies, computed by us, are what a TPM gives for the same key."""
    world = World(folder)
    ours = dict(line.split() for line in run(DRIVER, "name", world.pem).stdout.splitlines())
    with Tpm(folder) as tpm:
        tpm.tool("tpm2_loadexternal", "-Q", "-C", "o", "-G", "rsa", "-u", world.pem, "-a",
                 "decrypt|sign|userwithauth", "-c", "key.ctx", "-n", "key.name")
        expect((tpm.folder / "key.name").read_bytes().hex() == ours["name"], ours)
        environment = {**os.environ, "TPM2TOOLS_TCTI": tpm.tcti}
        for last in ("policy", "pin"):
            run("tpm2_startauthsession", "-S", "s.ctx", env=environment, cwd=tpm.folder)
            run("tpm2_policyauthorize", "-S", "s.ctx", "-n", "key.name", "-L", "policy",
                env=environment, cwd=tpm.folder)
            if last == "pin":
                run("tpm2_policypassword", "-S", "s.ctx", "-L", "policy", env=environment, cwd=tpm.folder)
            run("tpm2_flushcontext", "s.ctx", env=environment, cwd=tpm.folder)
            expect((tpm.folder / "policy").read_bytes().hex() == ours[last], last)


def test_phases(folder):
    """The secret is to be had in the initrd of a signed release, before and behind it not; the next
    release has it too, and one that a stranger signed does not."""
    world = World(folder)
    successor = Release(folder, AZBUNDLE, [folder / "ours.key"], seed=2)
    with Tpm(folder) as tpm:
        secret = world.seal(tpm)
        expect(len(base64.b64decode(secret)) == 32, secret)
        boot(tpm, world.ours)
        world.refused("SEAL_STATE", tpm)
        boot(tpm, world.ours, "enter-initrd")
        expect(world.open(tpm) == secret)
        expect(world.open(tpm) == secret, "once more")
        run(DRIVER, "extend", tpm.tcti, 11, "leave-initrd")
        world.refused("SEAL_STATE", tpm)
        boot(tpm, successor, "enter-initrd")
        world.refused("SEAL_STATE", tpm)
        expect(world.open(tpm, release=successor) == secret)
        boot(tpm, world.stranger(), "enter-initrd")
        world.refused("SEAL_STATE", tpm)
        world.refused("SEAL_STATE", tpm, release=world.stranger())


def test_forged_signatures(folder):
    """A stranger's signature under our key's name is refused by the TPM; so are lists that are none."""
    world = World(folder)
    with Tpm(folder) as tpm:
        world.seal(tpm)
        evil = world.stranger()
        boot(tpm, evil, "enter-initrd")
        signatures = evil.signatures()
        print_ours = world.ours.signatures()["sha256"][0]["pkfp"]
        for entry in signatures["sha256"]:
            entry["pkfp"] = print_ours
        evil.at("pcrsig").write_text(json.dumps(signatures))
        world.refused("SEAL_SIGNATURE", tpm, release=evil)
        evil.at("pcrsig").write_text(json.dumps(signatures)[:-1])
        world.refused("SEAL_SIGNATURES", tpm, release=evil)


def test_other_key(folder):
    """A token that names a stranger's key does not have the policy of its sealed secret."""
    world = World(folder)
    with Tpm(folder) as tpm:
        world.seal(tpm)
        evil = world.stranger()
        boot(tpm, evil, "enter-initrd")
        token = json.loads((folder / "token").read_text())
        token["tpm2_pubkey"] = base64.b64encode(evil.at("pcrpkey").read_bytes()).decode()
        (folder / "token").write_text(json.dumps(token))
        world.refused("SEAL_POLICY", tpm, release=evil)
        lines = run(DRIVER, "name", evil.at("pcrpkey")).stdout.splitlines()
        token["tpm2-policy-hash"] = dict(line.split() for line in lines)["policy"]
        (folder / "token").write_text(json.dumps(token))
        world.refused("SEAL_POLICY", tpm, release=evil)


def test_pin(folder):
    """With a PIN: the right one, a wrong one, none; then the TPM locks out, also the right one."""
    world = World(folder)
    with Tpm(folder) as tpm:
        secret = world.seal(tpm, "1234")
        tpm.tool("tpm2_dictionarylockout", "--setup-parameters", "--max-tries=3",
                 "--recovery-time=1000", "--lockout-recovery-time=1000")
        boot(tpm, world.ours, "enter-initrd")
        world.refused("SEAL_PIN", tpm)
        world.refused("SEAL_PIN", tpm, "1235")
        expect(world.open(tpm, "1234") == secret)
        for _ in range(8):
            said = world.open(tpm, "12345")
            if "SEAL_LOCKOUT" in said:
                break
            expect("SEAL_PIN" in said, said)
        world.refused("SEAL_LOCKOUT", tpm, "1234")
        tpm.tool("tpm2_dictionarylockout", "--clear-lockout")
        expect(world.open(tpm, "1234") == secret, "after the lockout was cleared")


def test_lockout_spares_no_pin(folder):
    """A secret without a PIN is to be had while the TPM is locked out."""
    world = World(folder)
    with Tpm(folder) as tpm:
        world.seal(tpm, "1234")
        tpm.tool("tpm2_dictionarylockout", "--setup-parameters", "--max-tries=1",
                 "--recovery-time=1000", "--lockout-recovery-time=1000")
        boot(tpm, world.ours, "enter-initrd")
        for _ in range(3):
            world.open(tpm, "0")
        world.refused("SEAL_LOCKOUT", tpm, "1234")
        secret = world.seal(tpm)
        expect(world.open(tpm) == secret)


def test_other_tpm(folder):
    """Another TPM, also with a storage root key of its own; and the same one after it was cleared."""
    world = World(folder)
    with Tpm(folder) as tpm, Tpm(folder) as other:
        secret = world.seal(tpm)
        boot(tpm, world.ours, "enter-initrd")
        boot(other, world.ours, "enter-initrd")
        expect(world.open(tpm) == secret)
        world.refused("SEAL_OTHER_TPM", other)
        token = (folder / "token").read_text()
        world.seal(other)
        (folder / "token").write_text(token)
        world.refused("SEAL_OTHER_TPM", other)
        # Even if the token claims to be of this one.
        foreign = json.loads(token)
        world.seal(other)
        foreign["tpm2_srk"] = json.loads((folder / "token").read_text())["tpm2_srk"]
        (folder / "token").write_text(json.dumps(foreign))
        world.refused("SEAL_OTHER_TPM", other)
        (folder / "token").write_text(token)
        tpm.tool("tpm2_clear")
        world.refused("SEAL_OTHER_TPM", tpm)


def test_foreign_root_key(folder):
    """A key of another kind where the storage root key belongs is told, and left alone."""
    world = World(folder)
    with Tpm(folder) as tpm:
        tpm.tool("tpm2_createprimary", "-Q", "-C", "o", "-G", "rsa2048", "-c", "rsa.ctx")
        environment = {**os.environ, "TPM2TOOLS_TCTI": tpm.tcti}
        run("tpm2_evictcontrol", "-Q", "-C", "o", "-c", "rsa.ctx", "0x81000001", env=environment,
            cwd=tpm.folder)
        before = tpm.tool("tpm2_readpublic", "-c", "0x81000001").stdout
        said = run(DRIVER, "seal", tpm.tcti, world.pem, ok=False).stdout
        expect(said.startswith("fault SEAL_ROOT_KEY:"), said)
        expect(tpm.tool("tpm2_readpublic", "-c", "0x81000001").stdout == before)


def test_root_key_is_systemds(folder):
    """The storage root key that we make is the one that tpm2-tools make from systemd's template."""
    world = World(folder)
    with Tpm(folder) as tpm:
        world.seal(tpm)
        ours = tpm.tool("tpm2_readpublic", "-c", "0x81000001", "-n", "ours").stdout
        tpm.tool("tpm2_createprimary", "-Q", "-C", "o", "-g", "sha256", "-G", "ecc256:aes128cfb", "-a",
                 "restricted|decrypt|fixedtpm|fixedparent|sensitivedataorigin|userwithauth|noda",
                 "-c", "theirs.ctx")
        tpm.tool("tpm2_readpublic", "-c", "theirs.ctx", "-n", "theirs", ok=False)
        theirs = tpm.folder / "theirs"
        expect(theirs.exists() and theirs.read_bytes() == (tpm.folder / "ours").read_bytes(), ours)


def test_tools_unseal(folder):
    """tpm2-tools open what we sealed, by the steps that TPM 2.0 gives for such a policy."""
    world = World(folder)
    with Tpm(folder) as tpm:
        secret = world.seal(tpm)
        boot(tpm, world.ours, "enter-initrd")
        token = json.loads((folder / "token").read_text())
        blob = base64.b64decode(token["tpm2-blob"])
        private = 2 + int.from_bytes(blob[:2], "big")
        (tpm.folder / "seal.priv").write_bytes(blob[:private])
        (tpm.folder / "seal.pub").write_bytes(blob[private:])
        pcr = bytes.fromhex(tpm.pcr(11))
        policy = hashlib.sha256(bytes(32) + bytes.fromhex("0000017f00000001000b03000800") +
                                hashlib.sha256(pcr).digest()).digest()
        entry = next(entry for entry in world.ours.signatures()["sha256"] if entry["pol"] == policy.hex())
        (tpm.folder / "policy").write_bytes(policy)
        (tpm.folder / "sig").write_bytes(base64.b64decode(entry["sig"]))
        script = f"""set -e
            tpm2_loadexternal -Q -C o -G rsa -u {world.pem} -a 'decrypt|sign|userwithauth' -c key.ctx -n key.name
            tpm2_verifysignature -c key.ctx -g sha256 -m policy -s sig -f rsassa -t ticket
            tpm2_flushcontext -t
            tpm2_load -Q -C 0x81000001 -u seal.pub -r seal.priv -c seal.ctx
            tpm2_startauthsession -S s.ctx --policy-session
            tpm2_policypcr -Q -S s.ctx -l sha256:11
            tpm2_policyauthorize -Q -S s.ctx -i policy -n key.name -t ticket
            tpm2_unseal -Q -p session:s.ctx -c seal.ctx -o out"""
        run("sh", "-c", script, env={**os.environ, "TPM2TOOLS_TCTI": tpm.tcti}, cwd=tpm.folder)
        expect(base64.b64encode((tpm.folder / "out").read_bytes()).decode() == secret)


def test_extend(folder):
    """PCRs are extended in all banks, by the hash of a word or the HMAC of a volume's name."""
    with Tpm(folder) as tpm:
        run(DRIVER, "extend", tpm.tcti, 11, "enter-initrd")
        run(DRIVER, "extend", tpm.tcti, 15, "cryptsetup:var:uuid", "key")
        for bank in ("sha1", "sha256", "sha384", "sha512"):
            size = hashlib.new(bank).digest_size
            word = hashlib.new(bank, b"enter-initrd").digest()
            name = hmac.new(b"key", b"cryptsetup:var:uuid", bank).digest()
            for number, value in ((11, word), (15, name)):
                wanted = hashlib.new(bank, bytes(size) + value).hexdigest()
                expect(tpm.pcr(number, bank) == wanted, f"{bank}:{number}")


def test_no_tpm(folder):
    """A TPM that is not there."""
    world = World(folder)
    said = run(DRIVER, "seal", f"swtpm:path={folder}/nothing", world.pem, ok=False).stdout
    expect(said.startswith("fault TPM_OPEN:"), said)


sys.exit(tpmrig.main(globals(), *sys.argv[3:]))
