#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The gate of an encrypted var: a counter of the TPM, and the floors that a release is signed for.
vargate_test.py AZBUNDLE DRIVER. TAP."""
import os
import shutil
import subprocess
import sys

import luksedit
import tpmrig
from tpmrig import Release, Tpm, expect, run
from varrig import Booting, lines

AZBUNDLE, DRIVER = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2])
INDEX, SPARE = "0x180415b", "0x180415c"


class Gated(Booting):
    """Releases of security versions 1 and 2; the volume was made by the first one."""

    def __init__(self, folder, tpm):
        super().__init__(folder, tpm, (AZBUNDLE, DRIVER))
        self.old, self.new = (Release(folder, AZBUNDLE, [folder / "ours.key"], seed=version, version=version)
                              for version in (1, 2))
        self.release = self.old
        self.create()

    def counter(self, release=None, pcrsig=()):
        index, written, value = run(DRIVER, "counter", self.tpm.tcti, (release or self.release).at("pcrpkey"),
                                    *pcrsig).stdout.split()
        return index, written == "1", int(value)

    def header(self, name):
        """A copy of what is on the disk."""
        shutil.copy(self.path, self.folder / name)
        return self.folder / name

    def tokens(self):
        return [token for token in luksedit.read(self.path)["tokens"].values()
                if token["type"] == "azupdate-tpm2"]

    def wipe(self):
        """What an attacker who can write the disk may do: the boot makes a volume of its own."""
        self.blank()
        self.create()

    def rises(self, floor):
        """A boot of the new release that learns of a higher floor."""
        self.release, self.floor = self.new, floor
        before = self.counter()[2]
        self.opened()
        token, = self.tokens()
        expect(token["azupdate-floor"] == floor, token)
        expect(self.counter()[2] == token["azupdate-ceiling"] == before + 1, token)

    def locked(self, fault, *answers):
        said = self.stays_shut("VAR_LOCKED", *answers)
        expect(f"(fault {fault})" in said, said)
        return said


FLOOR, REVOKED, MISSING, OTHER_TPM, BANK, UNBOUND = 982, 983, 984, 956, 986, 976


def test_policy_is_the_tpms(folder):
    """The counter's name and the policies with a gate, computed by us, are what a TPM gives."""
    with Tpm(folder) as tpm:
        volume = Gated(folder, tpm)
        pem = volume.release.at("pcrpkey")
        ours = dict(line.split() for line in run(DRIVER, "name", pem).stdout.splitlines())
        public = tpm.tool("tpm2_nvreadpublic", INDEX).stdout
        expect(ours["counter"] in public.lower() and "nt=0x1" in public, f"{ours} {public}")
        (tpm.folder / "ceiling").write_bytes((7).to_bytes(8, "big"))
        (tpm.folder / "reference").write_bytes(b"azupdate floor" + (3).to_bytes(8, "big"))
        tpm.tool("tpm2_loadexternal", "-Q", "-C", "o", "-G", "rsa", "-u", pem, "-a",
                 "decrypt|sign|userwithauth", "-c", "key.ctx", "-n", "key.name")
        environment = {**os.environ, "TPM2TOOLS_TCTI": tpm.tcti}

        def tool(*words):
            run(*words, env=environment, cwd=tpm.folder)
        for last in ("gate", "gate-pin"):
            tool("tpm2_startauthsession", "-S", "s.ctx")
            tool("tpm2_policyauthorize", "-S", "s.ctx", "-n", "key.name", "-q", "reference", "-L", "policy")
            tool("tpm2_policynv", "-S", "s.ctx", "-C", INDEX, "-i", "ceiling", "-L", "policy", INDEX, "ule")
            if last == "gate-pin":
                tool("tpm2_policypassword", "-S", "s.ctx", "-L", "policy")
            tool("tpm2_flushcontext", "s.ctx")
            expect((tpm.folder / "policy").read_bytes().hex() == ours[last], last)


def test_revoked(folder):
    """As the floor rises, releases below it are shut out by whatever they are started, and headers of
    before are dead for all; both good releases unlock it as long as the floor is not above them."""
    with Tpm(folder) as tpm:
        volume = Gated(folder, tpm)
        first = volume.header("first")
        expect(volume.status() == "tpm encrypted recovery enrolled bound gated unlocks OK", volume.status())
        volume.rises(1)
        second = volume.header("second")
        volume.opened()
        volume.release = volume.old
        volume.opened()
        volume.rises(2)
        third = volume.header("third")
        volume.opened()
        volume.floor = 0          # another loader, or azboot with its variable reset
        volume.opened()
        volume.release = volume.old
        volume.locked(FLOOR)
        for header in (first, second):
            shutil.copy(header, volume.path)
            volume.locked(REVOKED)
        volume.release = volume.new
        volume.locked(REVOKED)
        # A person who has the recovery key may want an old header: then it is enrolled anew.
        volume.opened(volume.recovery)
        volume.enroll()
        volume.opened()
        shutil.copy(third, volume.path)
        volume.opened()


def test_stale_header_of_revoked(folder):
    """A token that claims a lower floor, or a higher ceiling, is no longer the TPM's."""
    with Tpm(folder) as tpm:
        volume = Gated(folder, tpm)
        volume.rises(2)
        good = volume.header("good")
        for key, value in (("azupdate-floor", 1), ("azupdate-ceiling", 999), ("azupdate-index", 0x180415c),
                           ("azupdate-floor", -1), ("azupdate-floor", "2"), ("type", "systemd-tpm2")):
            head = luksedit.read(good)
            for token in head["tokens"].values():
                if token["type"] == "azupdate-tpm2":
                    token[key] = value
            luksedit.write(volume.path, head)
            said = volume.stays_shut("VAR_LOCKED")
            expect(any(f"(fault {number})" in said for number in (958, 959, 960)), said)


def test_limit(folder):
    """azboot says how far the counter may go: past that the key is sealed anew all the same."""
    with Tpm(folder) as tpm:
        volume = Gated(folder, tpm)
        value = volume.counter()[2]
        volume.limit, volume.floor = value, 1
        volume.opened()
        token, = volume.tokens()
        expect((token["azupdate-floor"], token["azupdate-ceiling"]) == (1, value), token)
        volume.limit = value + 1
        volume.rises(2)
        expect(volume.counter()[2] == value + 1)
        # A floor that the release is not signed for, such as an attacker's loader may tell, is cut to its own.
        volume.floor = 99
        volume.opened()
        expect(volume.counter()[2] == value + 1)


def test_remade(folder):
    """Who deletes the counter and makes it anew, bit for bit, gains nothing: it starts above all before."""
    with Tpm(folder) as tpm:
        volume = Gated(folder, tpm)
        first = volume.header("first")
        volume.rises(2)
        index, _, value = volume.counter()
        policy = tpm.tool("tpm2_nvreadpublic", INDEX).stdout.split("authorization policy:")[1].split()[0]
        (tpm.folder / "policy").write_bytes(bytes.fromhex(policy))
        tpm.tool("tpm2_nvundefine", "-C", "o", INDEX)
        volume.release, volume.floor = volume.old, 0
        shutil.copy(first, volume.path)
        volume.locked(MISSING)
        # To have it started they need a boot that is sealed to it: of an empty volume, for one.
        volume.wipe()
        expect(volume.counter()[2] == value + 1, f"{volume.counter()} after {value}")
        shutil.copy(first, volume.path)
        volume.locked(REVOKED)
        tpm.tool("tpm2_nvundefine", "-C", "o", INDEX)
        tpm.tool("tpm2_nvdefine", INDEX, "-C", "o", "-s", "8", "-L", "policy", "-a",
                 "nt=counter|policywrite|authread|ownerread|no_da")
        expect(volume.counter()[:2] == (index, False), volume.counter())
        volume.locked(MISSING)
        volume.wipe()
        expect(volume.counter()[2] == value + 2)
        shutil.copy(first, volume.path)
        volume.locked(REVOKED)
        # Only a boot of the key's release moves it, and only in its initrd.
        run(DRIVER, "extend", tpm.tcti, 11, "leave-initrd")
        said = run(DRIVER, "counter", tpm.tcti, volume.release.at("pcrpkey"), volume.release.at("pcrsig"),
                   ok=False).stdout
        expect(said.startswith("fault SEAL_STATE"), said)
        for words in (("-C", "o"), ("-C", INDEX)):
            expect(tpm.tool("tpm2_nvincrement", *words, INDEX, ok=False).returncode != 0, words)


def test_foreign(folder):
    """Other things in the counter's place open nothing, and stay where they are; a new enrolment is
    gated by a counter beside them."""
    with Tpm(folder) as tpm:
        volume = Gated(folder, tpm)
        for attributes, size in (("authwrite|ownerwrite|authread|ownerread|no_da", 8),
                                 ("nt=counter|ownerwrite|authread|ownerread|no_da", 8),
                                 ("nt=bits|ownerwrite|authread|ownerread|no_da", 8)):
            tpm.tool("tpm2_nvundefine", "-C", "o", INDEX)
            tpm.tool("tpm2_nvdefine", INDEX, "-C", "o", "-s", str(size), "-a", attributes)
            if "counter" in attributes:
                tpm.tool("tpm2_nvincrement", "-C", "o", INDEX)
            volume.locked(MISSING)
            volume.opened(volume.recovery)
            expect(volume.counter()[0] == SPARE[2:], volume.counter())
        volume.enroll()
        token, = volume.tokens()
        expect(token["azupdate-index"] == int(SPARE, 16), token)
        volume.opened()
        public = tpm.tool("tpm2_nvreadpublic", INDEX).stdout
        expect("ownerwrite" in public, f"it was removed: {public}")


def test_clear(folder):
    """A cleared TPM: the recovery key, then a new seal, whose counter goes on above the old one."""
    with Tpm(folder) as tpm:
        volume = Gated(folder, tpm)
        volume.rises(1)
        value = volume.counter()[2]
        tpm.tool("tpm2_clear")
        volume.locked(OTHER_TPM)
        volume.opened(volume.recovery)
        expect(volume.counter()[2] > value, f"{volume.counter()} after {value}")
        volume.enroll()
        volume.opened()
        volume.rises(2)


def test_enroll_needs_a_boot(folder):
    """Without a started counter an enrolment waits for the next boot, which starts it."""
    with Tpm(folder) as tpm:
        volume = Gated(folder, tpm)
        tpm.tool("tpm2_nvundefine", "-C", "o", INDEX)
        said = volume.enroll(ok=False)
        expect(said.startswith("fault COUNTER_UNWRITTEN:"), said)
        volume.opened(volume.recovery)
        volume.enroll()
        volume.opened()


def test_pin(folder):
    """A PIN stays, and its seal is renewed with it."""
    with Tpm(folder) as tpm:
        volume = Gated(folder, tpm)
        volume.enroll("-", "12")
        volume.release, volume.floor = volume.new, 2
        volume.opened("-", "12")
        token, = volume.tokens()
        expect((token["tpm2-pin"], token["azupdate-floor"]) == (True, 2), token)
        volume.opened("-", "12")
        volume.stays_shut("VAR_LOCKED", "-", "13")


def test_lockout(folder):
    """A TPM in lockout still reads counters, and opens what has no PIN."""
    with Tpm(folder) as tpm:
        volume = Gated(folder, tpm)
        tpm.tool("tpm2_dictionarylockout", "--setup-parameters", "--max-tries=1", "--recovery-time=1000",
                 "--lockout-recovery-time=1000")
        tpm.tool("tpm2_nvdefine", "0x1800300", "-C", "o", "-s", "8", "-p", "right", "-a",
                 "authread|authwrite|ownerwrite")
        (tpm.folder / "eight").write_bytes(bytes(8))
        for _ in range(2):
            locked = tpm.tool("tpm2_nvwrite", "0x1800300", "-C", "0x1800300", "-P", "wrong", "-i", "eight",
                              ok=False).stderr
        expect("0x921" in locked.lower() or "lockout" in locked.lower(), locked)
        volume.opened()
        volume.rises(1)
        expect("gated unlocks OK" in volume.status(), volume.status())


def test_no_tpm(folder):
    with Tpm(folder) as tpm:
        volume = Gated(folder, tpm)
        said = volume.stays_shut("VAR_LOCKED", tcti="-")
        expect("(fault 910)" in said, said)


def fill(tpm):
    """No index fits any more, not even a counter, for which TPMs keep some room."""
    for size, start, kind in (("2000", 0x1800200, "ordinary"), ("8", 0x1800400, "ordinary"),
                              ("8", 0x1800600, "counter")):
        for number in range(200):
            if tpm.tool("tpm2_nvdefine", hex(start + number), "-C", "o", "-s", size, "-a",
                        f"nt={kind}|ownerwrite|ownerread", ok=False).returncode:
                break


def test_no_room(folder):
    """A TPM that is full: the seal alone, which status says; with room, enrolling gates it."""
    with Tpm(folder) as tpm:
        volume = Gated(folder, tpm)
        tpm.tool("tpm2_clear")
        fill(tpm)
        volume.blank()
        volume.create()
        expect(volume.status() == "tpm encrypted recovery enrolled unlocks OK", volume.status())
        volume.opened()
        tpm.tool("tpm2_nvundefine", "-C", "o", "0x1800200")
        volume.opened(volume.recovery)
        volume.enroll()
        volume.opened()
        expect("bound gated unlocks OK" in volume.status(), volume.status())


def test_no_gate(folder):
    """A maker who wants what systemd can open, gets that."""
    with Tpm(folder) as tpm:
        volume = Gated(folder, tpm)
        volume.release = Release(folder, AZBUNDLE, [folder / "ours.key"], version=2, options=["--no-gate"])
        volume.stays_shut("VAR_LOCKED")
        volume.blank()
        volume.create()
        kinds = sorted(token["type"] for token in luksedit.read(volume.path)["tokens"].values())
        expect(kinds == ["systemd-recovery", "systemd-tpm2"], kinds)
        volume.floor = 2
        volume.opened()
        volume.release = volume.old
        volume.floor = 0
        volume.opened()
        volume.enroll()
        expect(" gated " in volume.status(), "an enrolment by a release with a gate adds it")
        volume.opened()


def test_rotation(folder):
    """From one key of the policies to the next: each has its own counter, and with the old one dies
    what was sealed to the old key."""
    with Tpm(folder) as tpm:
        volume = Gated(folder, tpm)
        both, new = (Release(folder, AZBUNDLE, [folder / f"{name}.key" for name in names], seed=3, version=2)
                     for names in (("theirs", "ours"), ("theirs",)))
        before = volume.header("before")
        for volume.release in (both, volume.old, both):
            volume.opened()
        expect(volume.counter(volume.old)[0] != volume.counter(both)[0], "one counter for two keys")
        volume.enroll()
        expect("gated unlocks OK" in volume.status(), volume.status())
        volume.opened(volume.recovery)        # the binding of the new key
        expect(volume.counter(volume.old)[0] == "0", "the old key's counter is still there")
        for volume.release in (both, new):
            volume.opened()
        volume.floor = 2
        volume.opened()
        shutil.copy(before, volume.path)
        volume.release, volume.floor = volume.old, 0
        volume.locked(MISSING)
        volume.wipe()
        shutil.copy(before, volume.path)
        volume.locked(REVOKED)


def test_banks(folder):
    """With the SHA-256 bank alone all goes; without it nothing is made, and it is said why."""
    with Tpm(folder) as tpm:
        volume = Gated(folder, tpm)
        for banks, allocation in ((["sha256"], "sha1:none+sha256:all+sha384:none+sha512:none"),
                                  (["sha384"], "sha1:none+sha256:none+sha384:all+sha512:none")):
            tpm.tool("tpm2_pcrallocate", allocation)
            tpm.banks = banks
            if banks == ["sha256"]:
                volume.opened()
                volume.rises(1)
                continue
            volume.locked(BANK)
            volume.opened(volume.recovery)
            volume.blank()
            volume.stays_shut("PCR_BANK_MISSING")


def writes(command, environment, log):
    """How many calls of each kind that changes something azunlock makes, the TPM's among them."""
    run("strace", "-f", "-qq", "-o", log, "-e", "trace=write,pwrite64,fsync", *command,
        env={**environment, "ASAN_OPTIONS": "detect_leaks=0"})
    names = [line.split(" ", 1)[1].strip().split("(")[0] for line in log.read_text().splitlines() if "(" in line]
    return {name: names.count(name) for name in set(names)}


def test_killed(folder):
    """Killed anywhere while the gate is renewed (each of some thirty places, as if the power had
    failed), var opens at the next boot, and the floor is then the new one."""
    with Tpm(folder) as tpm:
        volume = Gated(folder, tpm)
        volume.release = volume.new = Release(
            folder, AZBUNDLE, [folder / "ours.key"], seed=9, version=70,
            options=[word for number in range(1, 55) for word in ("--floor", number)])
        volume.opened()
        volume.floor = 1
        counts, cuts = writes(volume.words(), volume.environment(), folder / "trace"), 0
        for name, count in sorted(counts.items()):
            for number in range(1, count + 1, max(1, count // 12)):
                volume.floor += 1
                done = subprocess.run(
                    ["strace", "-f", "-qq", "-o", "/dev/null", "-e", f"trace={name}", "-e",
                     f"inject={name}:signal=KILL:when={number}", *volume.words()],
                    capture_output=True, env={**volume.environment(), "ASAN_OPTIONS": "detect_leaks=0"})
                if done.returncode == 0:
                    continue
                cuts += 1
                # What the dead one had loaded a resource manager would unload.
                for kind in ("-t", "-l", "-s"):
                    tpm.tool("tpm2_flushcontext", kind)
                said = volume.look()
                expect(lines(said) == [f"key {volume.key}"], f"{name} {number}: {said}")
                expect(len(volume.tokens()) == 1, f"{name} {number}: {said} {len(volume.tokens())} tokens")
                token, = volume.tokens()
                expect(token["azupdate-floor"] == volume.floor, f"{name} {number}: {token}")
                expect(token["azupdate-ceiling"] == volume.counter()[2], f"{name} {number}: {token}")
        print(f"# killed at {cuts} of {counts}")
        expect(cuts >= 20, f"only {cuts} cuts: {counts}")
        volume.opened()


sys.exit(tpmrig.main(globals(), *sys.argv[3:]))
