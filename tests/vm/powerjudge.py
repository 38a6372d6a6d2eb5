# SPDX-License-Identifier: MIT
"""Judges a disk after a power cut: what should azboot start there, and is that a release that may boot?"""
import dataclasses
import hashlib
import os

import hostloader
import rawdisk
import releasecheck

HEADER_SIZE, AREA_SIZE = 4096, 8192


@dataclasses.dataclass(frozen=True)
class Verdict:
    key: str                        # digest of all that decides what is booted
    decision: hostloader.Decision
    version: str                    # None if there is a flaw
    flaw: str


@dataclasses.dataclass(frozen=True)
class Content:
    """What stands in a slot."""
    uki_flaw: str
    flaw: str
    version: str


class Judge:
    def __init__(self, disk, folder, keyring):
        self.disk, self.folder, self.keyring = disk, folder, keyring
        self.layout = rawdisk.partitions(disk.path)
        self.inspected = 0
        self._fixed_regions = rawdisk.table_ranges(disk.path) + [self.layout["esp"]]
        self._fixed = None          # their digest on the medium
        self._writes = [0, 0]       # that each slot's content on the medium is made of
        self._known = {}

    # What a write concerns.

    def is_control(self, write):
        regions = self._fixed_regions + [self.layout["azstate"], self._header(0), self._header(1)]
        return _touches(write, regions)

    def is_data(self, write):
        return any(_touches(write, self._slot(i)) for i in range(2))

    def apply(self, write):
        """The write is on the medium from now on."""
        self.disk.write(write.offset, write.data())
        if _touches(write, self._fixed_regions):
            self._fixed = None
        for i in range(2):
            self._writes[i] += _touches(write, self._slot(i))

    def area(self, parts):
        return self.disk.read(self.layout["azstate"][0], AREA_SIZE, parts)

    def headers(self, parts):
        return [self.disk.read(*self._header(i), parts) for i in range(2)]

    def _header(self, index):
        return self.layout[f"boot_{'ab'[index]}"][0], HEADER_SIZE

    def _slot(self, index):
        return [self.layout[f"{kind}_{'ab'[index]}"] for kind in ("boot", "root")]

    # Judgement.

    def judge(self, parts, versions):
        """parts: of writes, over what is on the medium; versions: one of them must be started."""
        area, headers = self.area(parts), self.headers(parts)
        decision = hostloader.decide(area, headers, lambda i: not self._content(i, parts).uki_flaw)
        key = hashlib.sha256(self._fixed_digest(parts) + area + b"".join(headers)).hexdigest()
        version, flaw = None, self._flaw(decision, parts)
        if flaw is None:
            version = self._content(decision.slot, parts).version
            if version not in versions:
                flaw = f"version {version} would boot, not {' or '.join(versions) or 'any'}"
        return Verdict(key, decision, version, flaw)

    def _flaw(self, decision, parts):
        if decision.passed_over:
            slot = decision.passed_over[0]
            return f"slot {'ab'[slot]} is chosen and would not start: {self._content(slot, parts).uki_flaw}"
        if decision.slot == hostloader.NONE:
            return "nothing would boot"
        flaw = self._content(decision.slot, parts).flaw
        return flaw and f"slot {'ab'[decision.slot]} would boot, and is not complete: {flaw}"

    def _fixed_digest(self, parts):
        if self._fixed is None:
            self._fixed = self._digest(())
        touched = any(_touches(part.write, self._fixed_regions) for part in parts)
        return self._digest(parts) if touched else self._fixed

    def _digest(self, parts):
        return b"".join(hashlib.sha256(self.disk.read(*region, parts)).digest()
                        for region in self._fixed_regions)

    def _content(self, index, parts):
        """Looked at once for each content: so many writes on the medium, and these over it."""
        own = tuple((part.index, part.skip, part.size) for part in parts
                    if _touches(part.write, self._slot(index)))
        key = index, self._writes[index], own
        if key not in self._known:
            self._known[key] = self._inspect(index, parts)
        return self._known[key]

    def _inspect(self, index, parts):
        self.inspected += 1
        files = [os.path.join(self.folder, name) for name in ("boot.part", "root.part")]
        with self.disk.with_parts(parts):
            for region, path in zip(self._slot(index), files):
                self.disk.extract(*region, path)
        try:
            releasecheck.check_uki(files[0])
        except releasecheck.Flaw as flaw:
            return Content(str(flaw), str(flaw), None)
        try:
            return Content(None, None, releasecheck.check(*files, self.keyring))
        except releasecheck.Flaw as flaw:
            return Content(None, str(flaw), None)


def _touches(write, regions):
    return any(rawdisk.overlap(write.offset, write.size, region)[1] > 0 for region in regions)
