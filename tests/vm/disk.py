# SPDX-License-Identifier: MIT
"""Disk images for firmware tests: GPT by sfdisk, ESP by mtools; no loop devices, no root."""
import os
import subprocess
import uuid

import bootrecord

MIB = 1024 * 1024
ESP_TYPE = "c12a7328-f81f-11d2-ba4b-00a0c93ec93b"
AZSTATE_TYPE = "20888c09-d135-4ceb-980b-469460dc8dfd"
BOOT_TYPE = "7bf3b34e-3b55-4953-897f-c68ddf97f448"
# name, type, start and size in MiB
LAYOUT = [("esp", ESP_TYPE, 1, 8), ("azstate", AZSTATE_TYPE, 9, 1),
          ("boot_a", BOOT_TYPE, 10, 16), ("boot_b", BOOT_TYPE, 26, 16)]
SIZE_MIB = 44


class Disk:
    def __init__(self, path):
        self.path = path

    @classmethod
    def create(cls, path, esp_files, layout=None):
        """esp_files: {"EFI/BOOT/BOOTX64.EFI": local path}."""
        disk = cls(path)
        with open(path, "wb") as file:
            file.truncate(SIZE_MIB * MIB)
        table = "label: gpt\n" + "".join(
            f"start={start}MiB, size={size}MiB, type={kind}, name={name}, uuid={uuid.uuid4()}\n"
            for name, kind, start, size in layout or LAYOUT)
        subprocess.run(["sfdisk", "--quiet", "--no-reread", "--no-tell-kernel", path], input=table,
                       text=True, check=True, stdout=subprocess.DEVNULL)
        disk._fill_esp(esp_files)
        return disk

    def _fill_esp(self, files):
        esp = self.path + ".esp"
        with open(esp, "wb") as file:
            file.truncate(LAYOUT[0][3] * MIB)
        subprocess.run(["mkfs.vfat", "-n", "ESP", esp], check=True, stdout=subprocess.DEVNULL)
        folders = sorted({parent for name in files for parent in _parents(name)})
        for folder in folders:
            subprocess.run(["mmd", "-i", esp, "::" + folder], check=True)
        for name, source in files.items():
            subprocess.run(["mcopy", "-i", esp, source, "::" + name], check=True)
        with open(esp, "rb") as file:
            self.write("esp", 0, file.read())
        os.unlink(esp)

    @staticmethod
    def offset(name):
        return next(start for label, _, start, _ in LAYOUT if label == name) * MIB

    def write(self, name, at, data):
        with open(self.path, "r+b") as file:
            file.seek(self.offset(name) + at)
            file.write(data)

    def read(self, name, at, size):
        with open(self.path, "rb") as file:
            file.seek(self.offset(name) + at)
            return file.read(size)

    def put_record(self, record, copy=0):
        self.write("azstate", copy * bootrecord.COPY_SIZE, record.encode())

    def area(self):
        return self.read("azstate", 0, 2 * bootrecord.COPY_SIZE)

    def record(self):
        return bootrecord.newest(self.area())

    def stage(self, index, uki, **fields):
        """Header and UKI into a slot, as a release would be staged."""
        name = f"boot_{'ab'[index]}"
        behind = 4096 + (len(uki) + 4095) // 4096 * 4096
        header = bootrecord.Header(uki_size=len(uki), tree_offset=behind,
                                   manifest_offset=behind + 4096, signature_offset=behind + 8192,
                                   **fields)
        self.write(name, 4096, uki)
        self.write(name, 0, header.encode())


def _parents(name):
    parts = name.split("/")[:-1]
    return ["/".join(parts[:i + 1]) for i in range(len(parts))]
