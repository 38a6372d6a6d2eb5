# SPDX-License-Identifier: MIT
"""What the tests of azboot stand on: keys, variables, a TPM, signed payloads, disks, one boot."""
import os
import re
import shutil
import struct

import disk as disks
import machine
import vars as variables
from bootrecord import Record, Slot
from keys import Key

OSREL_SIZE = 512
HASH = [bytes([0xaa]) * 32, bytes([0xbb]) * 32]


class Report:
    """What a payload said on the serial port, once per boot."""

    def __init__(self, text):
        self.values = {}
        for name, rest in re.findall(r"^payload (\w+) ?(.*?)\r?$", text, re.M):
            self.values[name] = rest
        label = self.values.get("partition", "- -").split(" ")
        self.partition_guid, self.partition = label[0], label[1]

    def raw(self, name):
        """(attributes, bytes) of a variable, or None."""
        value = self.values.get(name, "none")
        if value == "none":
            return None
        attributes, _, data = value.partition(" ")
        return int(attributes), bytes.fromhex(data)

    def text(self, name):
        value = self.raw(name)
        return value and value[1].decode("utf-16-le").rstrip("\0")

    def number(self, name):
        value = self.raw(name)
        return value and int.from_bytes(value[1], "little")

    def time_us(self):
        return int(self.text("LoaderTimeExecUSec")) - int(self.text("LoaderTimeInitUSec"))


class Rig:
    def __init__(self, folder, azboot, payload):
        self.folder, self.payload = folder, payload
        self.db, self.stranger = Key(folder, "db"), Key(folder, "stranger")
        self.azboot = self.path("azboot.signed.efi")
        self.db.sign(azboot, self.azboot)
        store = variables.Vars(machine.OVMF_VARS)
        owner = [Key(folder, "owner").der()]
        store.enrol(owner, owner, [self.db.der()])
        self.vars = self.path("vars.fd")
        store.save(self.vars)
        self.tpm = self.path("tpm")
        machine.tpm_create(self.tpm)
        self.count = 0

    def path(self, name):
        return os.path.join(self.folder, name)

    def uki(self, *lines, key="db", pad=0, machine=None):
        """A payload with these lines of os-release, signed; for another machine if given."""
        with open(self.payload, "rb") as file:
            data = file.read()
        at = data.index(b"#PAYLOAD-OSREL")
        text = "".join(line + "\n" for line in ("#PAYLOAD-OSREL", *lines)).encode()
        data = data[:at] + text.ljust(OSREL_SIZE, b"\0") + data[at + OSREL_SIZE:]
        data += os.urandom(pad)
        if machine is not None:
            header = struct.unpack_from("<I", data, 60)[0] + 4
            data = data[:header] + struct.pack("<H", machine) + data[header + 2:]
        plain, signed = self.path("uki.efi"), self.path("uki.signed.efi")
        with open(plain, "wb") as file:
            file.write(data)
        if key is None:
            return data
        getattr(self, key).sign(plain, signed)
        with open(signed, "rb") as file:
            return file.read()

    def disk(self, record, ukis, **header):
        """A disk whose slots hold these UKIs (None: nothing) as `record` says."""
        self.count += 1
        disk = disks.Disk.create(self.path(f"disk{self.count}.img"),
                                 {"EFI/BOOT/BOOTX64.EFI": self.azboot})
        for i, uki in enumerate(ukis):
            if uki is not None:
                disk.stage(i, uki, root_hash=HASH[i], security_version=1,
                           **{name: value[i] for name, value in header.items()})
        if record is not None:
            disk.put_record(record)
        return disk

    def new_vars(self, *settings):
        path = self.path(f"vars{self.count}.fd")
        store = variables.Vars(self.vars)
        for name, vendor, attributes, data in settings:
            store.set(name, vendor, attributes, data)
        store.save(path)
        return path

    def machine(self, disk, vars_path=None, tpm_state=None, **options):
        """With a copy of the TPM's state, the rig's if none is named."""
        workdir = self.path(f"vm{self.count}")
        shutil.rmtree(workdir, ignore_errors=True)
        os.makedirs(workdir)
        tpm = os.path.join(workdir, "tpm")
        shutil.copytree(tpm_state or self.tpm, tpm)
        return machine.Machine(disk.path, vars_path or self.new_vars(), tpm, workdir,
                               memory_mib=256, **options)

    def boot(self, disk, vars_path=None, seconds=20, **options):
        """Until the payload powers off. One Report per payload that ran."""
        with self.machine(disk, vars_path, **options) as vm:
            vm.wait_exit(seconds)
            return reports(vm.serial())

    def boot_to_text(self, disk, pattern, seconds=20, **options):
        """Until the text stands on the console, then a power cut."""
        with self.machine(disk, **options) as vm:
            vm.wait_serial(pattern, seconds)
            return vm.serial()


def reports(console):
    return [Report(part) for part in re.findall(r"payload begin.*?payload end", console, re.S)]


def good(**fields):
    return Slot("good", **{"priority": 1, "security_version": 1, **fields})


def trying(**fields):
    return Slot("trying", **{"priority": 2, "tries_left": 3, "security_version": 1, **fields})


def record(slot_a, slot_b, **fields):
    for slot, root_hash in ((slot_a, HASH[0]), (slot_b, HASH[1])):
        if slot.state != "empty":
            slot.root_hash = root_hash
    return Record(slots=[slot_a, slot_b], **{"sequence": 10, **fields})
