# SPDX-License-Identifier: MIT
"""Boots disks as power cuts left them, with the firmware and azboot of the test machine, and Secure Boot."""
import json
import os
import shutil

import bootrecord
import hostloader
import machine as vm
import powerstory
import rawdisk
import writelog

STARTED = r"roothash=([0-9a-f]{64})|neither slot can be booted"


class PowerBoot:
    def __init__(self, world, judge):
        """Variables and TPM are those that the world has now."""
        self.world, self.judge = world, judge
        self.folder = world.at("boot")
        self.log = os.path.join(self.folder, "writes.log")
        self.count, self.full_count = 0, 0
        self.decisions = set()

    def differs(self, parts, verdict):
        """What the machine does other than was judged, or None. To user space, once for each decision."""
        decision = verdict.decision
        kind = (decision.slot, verdict.version, decision.reason)
        try:
            differs = self._starts_differently(parts, decision)
            if differs or verdict.flaw or kind in self.decisions:
                return differs
            self.decisions.add(kind)
            return self._runs_differently(parts, "ab"[decision.slot], verdict.version)
        except vm.MachineError as error:
            return str(error)

    def _starts_differently(self, parts, decision):
        self.count += 1
        with self._machine(parts) as guest:
            started = guest.wait_serial(STARTED, 60)[1]
        wanted = None
        if decision.slot != hostloader.NONE:
            wanted = bootrecord.Header.decode(self.judge.headers(parts)[decision.slot]).root_hash.hex()
        if started != wanted:
            return f"azboot starts {started}, and not {wanted}"
        return None if wanted is None else self._record_differs(decision)

    def _runs_differently(self, parts, slot, version):
        self.full_count += 1
        with self._machine(parts) as guest:
            guest.wait_ready(60)
            runs = json.loads(guest.run("cat /run/azupdate/boot.json")[1])["slot"]
            release = guest.run("cat /etc/os-release")[1]
        if runs != slot or f"VERSION_ID={version}\n" not in release:
            return f"slot {runs} runs: {release}"
        return None

    def _machine(self, parts):
        """Over a copy of the disk; what is written to it is logged."""
        shutil.rmtree(self.folder, ignore_errors=True)
        shutil.copytree(self.world.tpm, os.path.join(self.folder, "tpm"))
        image, variables = os.path.join(self.folder, "disk.img"), os.path.join(self.folder, "vars.fd")
        shutil.copy(self.world.vars, variables)
        with self.judge.disk.with_parts(parts):
            rawdisk.copy(self.judge.disk.path, image)
        return vm.Machine(image, variables, os.path.join(self.folder, "tpm"), self.folder,
                          blockdev=powerstory.log_nodes(self.log))

    def _record_differs(self, decision):
        """azboot writes one copy of the record, once, and flushes it; after it the kernel runs."""
        start, size = self.judge.layout["azstate"]
        log = writelog.read([self.log])
        written = [i for i, entry in enumerate(log) if isinstance(entry, writelog.Write)
                   and start <= entry.offset < start + size]
        if len(written) != 1:
            return f"{len(written)} writes to azstate"
        write = log[written[0]]
        if (write.offset - start, write.size) != (decision.copy * bootrecord.COPY_SIZE, bootrecord.COPY_SIZE):
            return f"{write.size} bytes written at {write.offset - start} of azstate"
        record = bootrecord.Record.decode(write.data())
        if record != decision.record:
            return f"record {record}, and not {decision.record}"
        if log[written[0] + 1:written[0] + 2] != [writelog.Flush()]:
            return "the record was not flushed before anything else was written"
        return None
