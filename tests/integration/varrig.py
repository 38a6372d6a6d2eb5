# SPDX-License-Identifier: MIT
"""Volumes in files that a software TPM unlocks, for the tests of them."""
import os

import luksedit
from tpmrig import Release, expect, run

SIZE = 32 << 20


class Volume:
    """A volume of its own, with a recovery key and a TPM, in a release's initrd."""

    def __init__(self, folder, tpm, programs):
        self.azbundle, self.driver = programs
        self.folder, self.tpm, self.path = folder, tpm, folder / "volume"
        for name in ("ours", "theirs"):
            run("openssl", "genrsa", "-out", folder / f"{name}.key", "2048")
        self.release = Release(folder, self.azbundle, [folder / "ours.key"])
        self.stranger = Release(folder, self.azbundle, [folder / "theirs.key"], seed=2)
        self.path.write_bytes(b"")
        os.truncate(self.path, SIZE)
        said = dict(line.split() for line in run(self.driver, "create", self.path).stdout.splitlines())
        self.key, self.recovery = said["key"], said["recovery"]
        self.boot(self.release, "enter-initrd")

    def boot(self, release, *phases):
        self.tpm.start()
        release.measure(self.tpm)
        for phase in phases:
            run(self.driver, "extend", self.tpm.tcti, 11, phase)

    def enroll(self, *more, key=None, release=None, ok=True):
        return run(self.driver, "enroll", self.tpm.tcti, self.path, (release or self.release).at("pcrpkey"),
                   key or self.recovery, *more, ok=ok).stdout

    def unlock(self, *more, release=None):
        return run(self.driver, "unlock", self.tpm.tcti, self.path, (release or self.release).at("pcrsig"),
                   *more, ok=False).stdout

    def typed(self, key=None):
        return run(self.driver, "typed", self.path, key or self.recovery, ok=False).stdout

    def status(self, tcti=None):
        return run(self.driver, "status", tcti or self.tpm.tcti, self.path, self.release.folder / "uki").stdout.strip()

    def unlocks(self, *more):
        said = self.unlock(*more)
        expect(said == f"key {self.key}\n", said)

    def edit(self, change):
        value = luksedit.read(self.path)
        change(value)
        luksedit.write(self.path, value)


def refused(said, fault):
    expect(said.startswith(f"fault {fault}:"), f"not {fault}: {said}")


def lines(said):
    """What came out, without what was told a person."""
    return [line for line in said.splitlines() if not line.startswith("#")]


class Booting(Volume):
    """A var partition as the first boot finds it: zeros."""

    def __init__(self, folder, tpm, programs):
        super().__init__(folder, tpm, programs)
        self.floor = self.limit = 0
        self.blank()

    def blank(self):
        os.truncate(self.path, 0)
        os.truncate(self.path, SIZE)

    def start(self, recovery="-", pin="-", *more, tcti=None):
        """One boot of the release, as far as the kernel is not needed."""
        self.boot(self.release, "enter-initrd")
        return self.look(recovery, pin, *more, tcti=tcti)

    def words(self, recovery="-", pin="-", *more, tcti=None):
        return [str(word) for word in (
            self.driver, "boot", tcti or self.tpm.tcti, self.path, self.release.at("pcrpkey"),
            self.release.at("pcrsig"), recovery, pin, *more)]

    def environment(self):
        """What azboot tells: the floor in force, and how far the counter may go."""
        return {**os.environ, "FLOOR": str(self.floor), "LIMIT": str(self.limit)}

    def look(self, *answers, **options):
        """azunlock once more, in the same boot."""
        return run(*self.words(*answers, **options), ok=False, env=self.environment()).stdout

    def enroll(self, *more, key=None, release=None, ok=True):
        """As azupdated does it: with a gate, if the release has one."""
        release = release or self.release
        return run(self.driver, "gate", self.tpm.tcti, self.path, release.at("pcrpkey"), release.at("pcrsig"),
                   key or self.recovery, *more, ok=ok, env=self.environment()).stdout

    def create(self):
        key, recovery = lines(self.start())
        self.key, self.recovery = key.split()[1], recovery.split()[1]

    def opened(self, *answers):
        said = self.start(*answers)
        expect(lines(said) == [f"key {self.key}"], said)

    def stays_shut(self, fault, *answers, **options):
        said = self.start(*answers, **options)
        expect(lines(said)[-1].startswith(f"fault {fault}:"), said)
        return said
