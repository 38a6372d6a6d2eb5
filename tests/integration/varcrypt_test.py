#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Volumes that a TPM unlocks, in files: varcrypt_test.py AZBUNDLE DRIVER. Nothing is activated, so
that neither root nor device-mapper is needed. TAP."""
import os
import re
import shutil
import subprocess
import sys

import luksedit
import tpmrig
from tpmrig import Release, Tpm, expect, run
from varrig import SIZE, Booting, Volume, lines, refused

AZBUNDLE, DRIVER = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2])
PROGRAMS = (AZBUNDLE, DRIVER)


def test_enroll(folder):
    """Recovery key and TPM open it; status says so at each step; cryptsetup and systemd know both."""
    with Tpm(folder) as tpm:
        volume = Volume(folder, tpm, PROGRAMS)
        expect(volume.status() == "tpm encrypted recovery TOKEN_MISSING", volume.status())
        refused(volume.unlock(), "TOKEN_MISSING")
        volume.enroll()
        expect(volume.status() == "tpm encrypted recovery enrolled unlocks OK", volume.status())
        expect(volume.status("-") == "encrypted recovery enrolled TPM_OPEN", volume.status("-"))
        volume.unlocks()
        expect(volume.typed() == f"key {volume.key}\n")
        expect(volume.typed(volume.recovery.upper().replace("-", "")) == f"key {volume.key}\n")
        refused(volume.typed("wrong"), "LUKS_KEY")
        (folder / "key").write_text(volume.recovery)
        run("cryptsetup", "open", "--test-passphrase", "--key-file", folder / "key", volume.path)
        listed = run("systemd-cryptenroll", volume.path).stdout
        expect("recovery" in listed and "tpm2" in listed, listed)
        dump = run("cryptsetup", "luksDump", volume.path).stdout
        for wanted in ("aes-xts-plain64", "systemd-recovery", "systemd-tpm2", "pbkdf2", "512 bits",
                       "4096 [bytes]"):
            expect(wanted in dump, f"{wanted} is not in {dump}")


def test_phase(folder):
    """Only in the initrd of a release that the key's holder signed; status foresees the next boot."""
    with Tpm(folder) as tpm:
        volume = Volume(folder, tpm, PROGRAMS)
        volume.enroll()
        volume.boot(volume.release, "enter-initrd", "leave-initrd")
        refused(volume.unlock(), "SEAL_STATE")
        expect("unlocks" in volume.status(), "the next boot would unlock it all the same")
        volume.boot(volume.stranger, "enter-initrd")
        refused(volume.unlock(release=volume.stranger), "SEAL_STATE")
        shutil.copy(volume.stranger.folder / "uki", volume.release.folder / "uki")
        expect(volume.status().endswith("enrolled SEAL_STATE"), volume.status())


def test_again(folder):
    """Enrolling again leaves one token and keyslot of a TPM; the old secret is of no use any more."""
    with Tpm(folder) as tpm:
        volume = Volume(folder, tpm, PROGRAMS)
        volume.enroll()
        old = folder / "old"
        shutil.copy(volume.path, old)
        volume.enroll("-", "1234")
        head = luksedit.read(volume.path)
        kinds = sorted(token["type"] for token in head["tokens"].values())
        expect(kinds == ["systemd-recovery", "systemd-tpm2"], kinds)
        expect(len(head["keyslots"]) == 2, head["keyslots"].keys())
        expect(volume.status() == "tpm encrypted recovery enrolled pin unlocks OK", volume.status())
        refused(volume.unlock(), "SEAL_PIN")
        refused(volume.unlock("4321"), "SEAL_PIN")
        volume.unlocks("1234")
        # The old token, put back by hand, names a keyslot that is gone.
        stale = [token for token in luksedit.read(old)["tokens"].values() if token["type"] == "systemd-tpm2"]
        volume.edit(lambda head: head["tokens"].update({"9": {**stale[0], "keyslots": ["1"]}})
                    if "1" in head["keyslots"] else None)
        expect(f"key {volume.key}" not in volume.unlock(), "the old secret opens it")


def test_recovery_key(folder):
    """Without a recovery key nothing is enrolled; one may come along; what is none is refused."""
    with Tpm(folder) as tpm:
        volume = Volume(folder, tpm, PROGRAMS)
        (folder / "key").write_text("pass")
        os.truncate(volume.path, 0)
        os.truncate(volume.path, SIZE)
        run("cryptsetup", "luksFormat", "-q", "--type", "luks2", "--cipher", "aes-xts-plain64",
            "--key-size", "512", "--pbkdf", "pbkdf2", "--pbkdf-force-iterations", "1000", volume.path,
            folder / "key")
        before = luksedit.read(volume.path)
        refused(volume.enroll(key="pass", ok=False), "RECOVERY_MISSING")
        refused(volume.enroll("password", key="pass", ok=False), "RECOVERY_FORM")
        refused(volume.enroll(volume.recovery, key="wrong", ok=False), "LUKS_KEY")
        expect(luksedit.read(volume.path) == before, "something was written")
        volume.enroll(volume.recovery, key="pass")
        expect(volume.status() == "tpm encrypted recovery enrolled unlocks OK", volume.status())
        expect(volume.unlock() == volume.typed() == volume.typed("pass") != "")


def test_other_tpm(folder):
    """Another TPM does not open it, nor this one once it was cleared; enrolling anew helps."""
    with Tpm(folder) as tpm, Tpm(folder) as other:
        volume = Volume(folder, tpm, PROGRAMS)
        volume.enroll()
        volume.tpm = other
        volume.boot(volume.release, "enter-initrd")
        refused(volume.unlock(), "SEAL_OTHER_TPM")
        expect(volume.status().endswith("enrolled SEAL_OTHER_TPM"), volume.status())
        volume.enroll()
        volume.unlocks()
        other.tool("tpm2_clear")
        refused(volume.unlock(), "SEAL_OTHER_TPM")
        volume.enroll()
        volume.unlocks()


def test_systemds_token(folder):
    """A token of systemd 252, which lacks the storage root key, is told, and replaced."""
    with Tpm(folder) as tpm:
        volume = Volume(folder, tpm, PROGRAMS)
        (folder / "key").write_text(volume.recovery)
        run("systemd-cryptenroll", f"--tpm2-device={tpm.tcti}", "--tpm2-pcrs=", "--tpm2-public-key-pcrs=11",
            f"--tpm2-public-key={volume.release.at('pcrpkey')}",
            f"--tpm2-signature={volume.release.at('pcrsig')}", f"--unlock-key-file={folder}/key", volume.path)
        refused(volume.unlock(), "TOKEN_FORMAT")
        expect(volume.status().endswith("enrolled TOKEN_FORMAT"), volume.status())
        volume.enroll()
        volume.unlocks()


def put(*path):
    """A change that sets the last word of the path to `value`."""
    *parents, last, value = path

    def change(head):
        for name in parents:
            head = head[name]
        head[last] = value
    return change


# A keyslot of other hands.
ARGON = {"type": "argon2id", "time": 4, "memory": 65536, "cpus": 1, "salt": "A" * 43 + "="}
# What libcryptsetup itself refuses is LUKS_HEADER.
EDITS = [
    ("LUKS_CIPHER", put("segments", "0", "encryption", "cipher_null-ecb")),
    ("LUKS_CIPHER", put("segments", "0", "encryption", "aes-cbc-plain")),
    ("LUKS_CIPHER", put("keyslots", "0", "area", "encryption", "cipher_null-ecb")),
    ("LUKS_CIPHER", put("keyslots", "1", "area", "encryption", "serpent-xts-plain64")),
    ("LUKS_CIPHER", put("keyslots", "0", "key_size", 32)),
    ("LUKS_SEGMENT", put("segments", "0", "sector_size", 2048)),
    ("LUKS_SEGMENT", put("segments", "0", "iv_tweak", "8")),
    ("LUKS_SEGMENT", put("segments", "0", "size", "4194304")),
    ("LUKS_SEGMENT", put("segments", "0", "integrity",
                         {"type": "hmac(sha256)", "journal_encryption": "none", "journal_integrity": "none"})),
    ("LUKS_KEYSLOT", put("keyslots", "0", "kdf", {**ARGON, "memory": 4194304})),
    ("LUKS_KEYSLOT", put("keyslots", "0", "kdf", {**ARGON, "time": 1000})),
    ("LUKS_KEYSLOT", put("keyslots", "1", "kdf", "iterations", 2000000000)),
    ("LUKS_REQUIREMENTS", put("config", "requirements", {"mandatory": ["anything"]})),
    ("LUKS_REENCRYPT", put("config", "requirements", {"mandatory": ["online-reencrypt-v2"]})),
    ("LUKS_REENCRYPT", put("config", "requirements", {"mandatory": ["offline-reencrypt"]})),
    ("LUKS_REQUIREMENTS", put("config", "flags", ["no-journal"])),
    ("LUKS_DIGEST", put("digests", "0", "iterations", 900000000)),
]


def test_edited_header(folder):
    """Each field that turns protection off is told before a key is used, to whoever asks."""
    with Tpm(folder) as tpm:
        volume = Volume(folder, tpm, PROGRAMS)
        volume.enroll()
        good = folder / "good"
        shutil.copy(volume.path, good)
        for fault, change in EDITS:
            shutil.copy(good, volume.path)
            volume.edit(change)
            for said in (volume.unlock(), volume.typed(), volume.enroll(ok=False)):
                expect(said.startswith((f"fault {fault}:", "fault LUKS_HEADER:")), f"not {fault}: {said}")
            expect("unlocks" not in volume.status(), volume.status())
        shutil.copy(good, volume.path)
        volume.unlocks()


def test_edited_digest(folder):
    """A digest of another key does not let this one through."""
    with Tpm(folder) as tpm:
        volume = Volume(folder, tpm, PROGRAMS)
        volume.enroll()
        digest = luksedit.read(volume.path)["digests"]["0"]["digest"]
        volume.edit(put("digests", "0", "digest", digest[::-1].lstrip("=") + "="))
        said = volume.unlock()
        expect(said.startswith("fault LUKS_"), said)


def test_edited_token(folder):
    """Tokens that were changed open nothing, and bring nobody's secret out."""
    with Tpm(folder) as tpm:
        volume = Volume(folder, tpm, PROGRAMS)
        volume.enroll()
        good = folder / "good"
        shutil.copy(volume.path, good)
        number = next(number for number, token in luksedit.read(volume.path)["tokens"].items()
                      if token["type"] == "systemd-tpm2")
        token = luksedit.read(volume.path)["tokens"][number]
        for fault, key, value in (
                ("SEAL_POLICY", "tpm2-policy-hash", "00" * 32), ("SEAL_POLICY", "tpm2-blob", "QUJD"),
                ("TOKEN_KIND", "tpm2-pcrs", [7]), ("TOKEN_KIND", "tpm2_pubkey_pcrs", [12]),
                ("TOKEN_FORMAT", "tpm2-pcr-bank", "sha1"), ("TOKEN_FORMAT", "tpm2-pin", True),
                ("KEY_UNREADABLE", "tpm2_pubkey", "QUJD"), ("SEAL_OTHER_TPM", "tpm2_srk", "QUJD"),
                ("TOKEN_KIND", "tpm2_pcrlock", True), ("LUKS_KEY", "keyslots", ["0"]),
                ("SEAL_OTHER_TPM", "tpm2-blob", token["tpm2-blob"][:20] + "AAAA" + token["tpm2-blob"][24:])):
            shutil.copy(good, volume.path)
            volume.edit(put("tokens", number, key, value))
            refused(volume.unlock(), fault)
        shutil.copy(good, volume.path)
        volume.unlocks()


def writes(volume, *more):
    """How many calls of each kind that changes something an enrollment makes."""
    log = volume.folder / "trace"
    command = [DRIVER, "enroll", volume.tpm.tcti, volume.path, volume.release.at("pcrpkey"), volume.recovery]
    run("strace", "-f", "-qq", "-o", log, "-e", "trace=write,pwrite64,fsync,fdatasync", *command, *more,
        env={**os.environ, "ASAN_OPTIONS": "detect_leaks=0"})
    names = re.findall(r"^\d+ +(\w+)\(", log.read_text(), re.M)
    return {name: names.count(name) for name in set(names)}


def test_killed(folder):
    """Killed at each write of an enrollment, the volume still opens by the recovery key and by the
    TPM, with the old secret or the new one; and enrolling again goes through."""
    with Tpm(folder) as tpm:
        volume = Volume(folder, tpm, PROGRAMS)
        volume.enroll()
        good = folder / "good"
        shutil.copy(volume.path, good)
        counts, cuts = writes(volume), 0
        volume.unlocks()
        for name, count in sorted(counts.items()):
            for number in range(1, count + 1):
                shutil.copy(good, volume.path)
                done = subprocess.run(
                    ["strace", "-f", "-qq", "-o", "/dev/null", "-e", f"trace={name}", "-e",
                     f"inject={name}:signal=KILL:when={number}", DRIVER, "enroll", tpm.tcti, volume.path,
                     volume.release.at("pcrpkey"), volume.recovery], capture_output=True)
                if done.returncode == 0:
                    continue
                cuts += 1
                # What the dead one had loaded a resource manager would unload.
                for kind in ("-t", "-l", "-s"):
                    tpm.tool("tpm2_flushcontext", kind)
                volume.unlocks()
                expect(volume.typed() == f"key {volume.key}\n", f"{name} {number}")
        print(f"# killed at {cuts} of {counts}")
        expect(cuts >= 10, f"only {cuts} cuts: {counts}")
        volume.enroll()
        volume.unlocks()
        kinds = [token["type"] for token in luksedit.read(volume.path)["tokens"].values()]
        expect(sorted(kinds) == ["systemd-recovery", "systemd-tpm2"], kinds)


def test_unfinished(folder):
    """A new volume says of itself that it is not finished, until it is."""
    path = folder / "volume"
    path.write_bytes(b"")
    os.truncate(path, SIZE)
    expect(run(DRIVER, "unfinished", path).stdout == "10\n")


def test_bound(folder):
    """What the TPM remembers of the volume: written in the initrd alone, and no other index passes."""
    with Tpm(folder) as tpm:
        volume = Volume(folder, tpm, PROGRAMS)
        volume.enroll()
        pem, pcrsig = volume.release.at("pcrpkey"), volume.release.at("pcrsig")
        bound = lambda: run(DRIVER, "bound", tpm.tcti, pem).stdout
        bind = lambda text: run(DRIVER, "bind", tpm.tcti, pem, pcrsig, text, ok=False).stdout
        expect(bound() == "not bound\n", bound())
        expect(bind("first") == "")
        expect(bound() == f"bound {b'first'.ljust(32, bytes(1)).hex()}\n", bound())
        expect(" bound " in volume.status(), volume.status())
        volume.boot(volume.release, "enter-initrd", "leave-initrd")
        expect(bound() == f"bound {b'first'.ljust(32, bytes(1)).hex()}\n", bound())
        refused(bind("second"), "SEAL_STATE")
        expect(run(DRIVER, "bound", tpm.tcti, volume.stranger.at("pcrpkey")).stdout == "not bound\n")
        # The owner may remove it and make one with another policy, or with none; nothing of it is trusted.
        tpm.tool("tpm2_nvundefine", "-C", "o", "0x0180415a")
        expect(bound() == "not bound\n", bound())
        tpm.tool("tpm2_nvdefine", "0x0180415a", "-C", "o", "-s", "32", "-a",
                 "authwrite|ownerwrite|authread|ownerread|no_da")
        (folder / "value").write_bytes(b"evil".ljust(32, b"\0"))
        tpm.tool("tpm2_nvwrite", "0x0180415a", "-C", "o", "-i", folder / "value")
        expect(bound() == "not bound\n", bound())
        volume.boot(volume.release, "enter-initrd")
        expect(bind("third") == "", "the foreign index is replaced")
        expect(bound() == f"bound {b'third'.ljust(32, bytes(1)).hex()}\n", bound())


def test_no_room(folder):
    """A TPM that is full says so."""
    with Tpm(folder) as tpm:
        volume = Volume(folder, tpm, PROGRAMS)
        volume.enroll()
        for number in range(200):
            if tpm.tool("tpm2_nvdefine", hex(0x01800200 + number), "-C", "o", "-s", "2000", ok=False).returncode:
                break
        for number in range(200, 400):
            if tpm.tool("tpm2_nvdefine", hex(0x01800200 + number), "-C", "o", "-s", "8", ok=False).returncode:
                break
        said = run(DRIVER, "bind", tpm.tcti, volume.release.at("pcrpkey"), volume.release.at("pcrsig"), "x",
                   ok=False).stdout
        refused(said, "TPM_FULL")


def test_boot_first(folder):
    """A blank partition becomes a volume, bound to the TPM; each later boot opens it."""
    with Tpm(folder) as tpm:
        volume = Booting(folder, tpm, PROGRAMS)
        volume.stays_shut("TPM_OPEN", tcti="-")
        volume.create()
        expect(volume.status() == "tpm encrypted recovery enrolled bound gated unlocks OK", volume.status())
        volume.opened()
        volume.opened()
        # Wiped, as docs/RECOVERY.md has it, the partition is blank again, whatever is behind.
        with open(volume.path, "r+b") as file:
            file.write(bytes(1 << 20))
            file.seek(0, os.SEEK_END)
            file.seek(-1000000, os.SEEK_CUR)
            file.write(os.urandom(1000000))
        old = volume.key
        volume.create()
        expect(volume.key != old, "the old key is back")
        volume.opened()


def test_boot_cut_off(folder):
    """A first boot that was cut off before its volume was finished starts again."""
    with Tpm(folder) as tpm:
        volume = Booting(folder, tpm, PROGRAMS)
        first = lines(volume.start("-", "-", "cut"))[0]
        volume.create()
        expect(first != f"key {volume.key}", "the unfinished volume was used")
        volume.opened()


def test_boot_foreign(folder):
    """What is not blank is not touched."""
    with Tpm(folder) as tpm:
        volume = Booting(folder, tpm, PROGRAMS)
        run("mkfs.ext4", "-q", "-F", volume.path)
        before = volume.path.read_bytes()
        volume.stays_shut("VAR_FOREIGN")
        volume.blank()
        with open(volume.path, "r+b") as file:
            file.seek(1000000)
            file.write(b"data")
        volume.stays_shut("VAR_FOREIGN")
        volume.path.write_bytes(before)
        volume.stays_shut("VAR_FOREIGN")
        expect(volume.path.read_bytes() == before, "it was written")


def test_boot_swapped(folder):
    """Another volume, sealed for this very TPM, is not trusted; with its recovery key it is bound,
    and then the first one is not."""
    with Tpm(folder) as tpm:
        volume = Booting(folder, tpm, PROGRAMS)
        volume.create()
        good, key, recovery = folder / "good", volume.key, volume.recovery
        shutil.copy(volume.path, good)
        uuid = run("cryptsetup", "luksUUID", volume.path).stdout.strip()
        run("cryptsetup", "luksFormat", "-q", "--type", "luks2", "--cipher", "aes-xts-plain64", "--key-size",
            "512", "--pbkdf", "pbkdf2", "--pbkdf-force-iterations", "1000", "--uuid", uuid, volume.path,
            input="evil")
        volume.enroll(volume.recovery, key="evil")
        evil = volume.typed("evil").split()[1]
        expect(volume.unlock() == f"key {evil}\n", "the seal alone does not help here")
        said = volume.stays_shut("VAR_LOCKED")
        expect("not the one that the TPM remembers" in said and evil not in said, said)
        volume.key = evil
        volume.opened("evil")
        volume.opened()
        shutil.copy(good, volume.path)
        volume.stays_shut("VAR_LOCKED")
        volume.key = key
        volume.opened(recovery)
        volume.opened()


def test_boot_not_bound(folder):
    """An index that was removed makes one ask; then it is bound anew."""
    with Tpm(folder) as tpm:
        volume = Booting(folder, tpm, PROGRAMS)
        volume.create()
        tpm.tool("tpm2_nvundefine", "-C", "o", "0x0180415a")
        volume.stays_shut("VAR_LOCKED")
        volume.stays_shut("VAR_LOCKED", "wrong")
        volume.opened(volume.recovery)
        volume.opened()


def test_boot_rotation(folder):
    """From one key to the next over a release that both have signed, and back; who was sealed anew is asked once."""
    with Tpm(folder) as tpm:
        volume = Booting(folder, tpm, PROGRAMS)
        volume.create()
        old, both, new = volume.release, *(
            Release(folder, AZBUNDLE, [folder / f"{name}.key" for name in names], seed=3)
            for names in (("theirs", "ours"), ("theirs",)))
        for volume.release in (both, old, both):
            volume.opened()
        volume.release = new
        volume.stays_shut("VAR_LOCKED")
        volume.release = both
        volume.enroll()
        volume.stays_shut("VAR_LOCKED")
        volume.opened(volume.recovery)
        for volume.release in (both, new):
            volume.opened()
        volume.release = old
        volume.stays_shut("VAR_LOCKED")


def test_boot_locked(folder):
    """Without the TPM, behind a clear, and with a PIN."""
    with Tpm(folder) as tpm:
        volume = Booting(folder, tpm, PROGRAMS)
        volume.create()
        volume.stays_shut("VAR_LOCKED", tcti="-")
        tpm.tool("tpm2_clear")
        volume.stays_shut("VAR_LOCKED")
        volume.opened(volume.recovery)
        volume.enroll("-", "12")
        volume.stays_shut("VAR_LOCKED")
        volume.stays_shut("VAR_LOCKED", "-", "13")
        # Three wrong ones are what this TPM allows; the recovery key helps all the same.
        expect("locked out" in volume.stays_shut("VAR_LOCKED", "-", "12"), "no lockout")
        volume.opened(volume.recovery, "12")
        tpm.tool("tpm2_dictionarylockout", "--clear-lockout")
        volume.opened("-", "12")
        volume.edit(put("segments", "0", "encryption", "cipher_null-ecb"))
        volume.stays_shut("LUKS_CIPHER", volume.recovery)


sys.exit(tpmrig.main(globals(), *sys.argv[3:]))
