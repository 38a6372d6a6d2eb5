# SPDX-License-Identifier: MIT
"""azupdate's own part of the benchmark: releases, a disk with slots in a file, installs by the library."""
import json
import os
import pathlib

from measure import DEVICE_CONFIG, Failed, measure, run, same
from rivals import row
from web import Web

MIB = 1 << 20
STUB = "/usr/lib/systemd/boot/efi/linuxx64.efi.stub"


class Programs:
    """What a release build of azupdate has left in its folder."""

    def __init__(self, build):
        build = pathlib.Path(build).resolve()
        self.azbundle = build / "tools" / "azbundle" / "azbundle"
        self.installer = build / "tests" / "bench" / "bench-install"
        self.delta = build / "tests" / "bench" / "bench-delta"
        self.hasher = build / "tests" / "bench" / "bench-hash"
        self.storer = build / "tests" / "bench" / "bench-store"


class Publisher:
    """Makes bundles in a folder, with keys of its own."""

    def __init__(self, programs, at):
        self.programs, self.at = programs, pathlib.Path(at)
        self.at.mkdir(parents=True, exist_ok=True)
        self.keys = self.at / "keys"
        if not self.keys.exists():
            run(programs.azbundle, "keys", self.keys)

    def key_options(self):
        return [f"--key={self.keys / 'release.key'}", f"--cert={self.keys / 'release.crt'}"]

    def uki(self, root, release, out, file_system):
        """A UKI names its root: each image of a release needs one of its own."""
        run(self.programs.azbundle, "uki", f"--stub={STUB}", f"--linux={release / 'kernel'}",
            f"--initrd={release / 'initrd'}", f"--os-release={release / 'osrelease'}", f"--root={root}",
            f"--file-system={file_system.partition('-')[0]}", "--product=bench", f"--output={out}")

    def bundle(self, version, root, uki, out, file_system="erofs", level=None):
        """Returns the Cost of making it."""
        options = [f"--level={level}"] if level else []
        return measure(self.programs.azbundle, "build", "--product=bench", f"--version={version}",
                       f"--root={root}", f"--uki={uki}",
                       f"--file-system={file_system.partition('-')[0]}", *options,
                       *self.key_options(), f"--output={out}")

    def delta(self, old, new, out):
        """The signature is the new bundle's, so there is no key."""
        return measure(self.programs.azbundle, "delta", f"--old={old}", f"--new={new}", f"--output={out}")


def root_mib(size):
    """Of a partition for an image of that many bytes with what stands behind it."""
    return size // MIB + size // (64 * MIB) + 16


class Device:
    """A disk in a file, with a release in slot a; releases are installed into slot b."""

    def __init__(self, publisher, at, bundle, *, root_mib=None):
        self.programs, self.at = publisher.programs, pathlib.Path(at)
        (self.at / "run").mkdir(parents=True, exist_ok=True)
        (self.at / "disk").unlink(missing_ok=True)
        size = [f"--root-size={root_mib}"] if root_mib else []
        run(self.programs.azbundle, "disk", f"--azboot={STUB}", f"--keyring={publisher.keys / 'ca.crt'}",
            "--esp-size=34", "--var-size=8", *size, f"--output={self.at / 'disk'}", bundle)
        parts = json.loads(run("sfdisk", "-J", self.at / "disk"))["partitiontable"]["partitions"]
        self.parts = {part["name"]: (part["start"] * 512, part["size"] * 512) for part in parts}
        (self.at / "config").write_text(DEVICE_CONFIG.format(at=self.at, keyring=f"{publisher.keys}/ca.crt"))

    def empty(self, *, running):
        """Slot b as new; `running`: whether the machine runs from slot a, which then is the seed."""
        for name in ("boot_b", "root_b"):
            start, size = self.parts[name]
            run("fallocate", "-p", "-o", start, "-l", size, self.at / "disk")
        self.boot_from_a(running)

    def blank(self, *, running):
        """The same, with zeros: as of a partition, its blocks are there and need not be allocated."""
        for name in ("boot_b", "root_b"):
            start, size = self.parts[name]
            run("dd", "if=/dev/zero", f"of={self.at / 'disk'}", "bs=1M", f"seek={start}", f"count={size}",
                "oflag=seek_bytes", "iflag=count_bytes", "conv=notrunc,fsync", "status=none")
        self.boot_from_a(running)

    def forget_a(self):
        """Nothing is left to copy from; the record still names the slot, whose release cannot be read."""
        for name in ("boot_a", "root_a"):
            start, size = self.parts[name]
            run("fallocate", "-p", "-o", start, "-l", size, self.at / "disk")

    def boot_from_a(self, running):
        (self.at / "run" / "boot.json").unlink(missing_ok=True)
        if running:
            self.boot_from("a")

    def boot_from(self, slot):
        boot = {"slot": slot, "disk": str(self.at / "disk")}
        (self.at / "run" / "boot.json").write_text(json.dumps(boot))

    def install(self, where):
        """From a file or a URL. Returns (what the library counted, Cost)."""
        said = self.at / "said.json"
        cost = measure("sh", "-c", f'exec "$0" "$@" >{said}',
                       self.programs.installer, self.at / "config", where)
        return json.loads(said.read_text()), cost

    def check(self, image, part="root_b", offset=0):
        """What was measured must also have been right: the slot holds the image, read by us."""
        start, _ = self.parts[part]
        run("cmp", f"--ignore-initial={start + offset}:0", f"--bytes={os.path.getsize(image)}",
            self.at / "disk", image)


def image_delta(programs, job):
    """The delta of one image without a bundle around it, made and applied by the library."""
    index, frames, out = job.path("index"), job.path("frames"), job.path("out")
    make = measure(programs.delta, "make", job.old, job.new, index, frames)
    apply = measure(programs.delta, "apply", job.old, index, frames, out)
    os.truncate(out, job.new.stat().st_size)    # a delta makes whole blocks
    same(out, job.new)
    return row(index.stat().st_size + frames.stat().st_size, 1, make, apply, "index and frames alone")


def fetch(device, bundle, root, *, running, note):
    """Installs from a web server that counts. Returns the row without the cost of making."""
    device.empty(running=running)
    with Web(bundle.parent, device.at / "web") as web:
        counted, apply = device.install(f"{web.url}/{bundle.name}")
        requests, size = web.counted()
    device.check(root)
    if running != (counted["copied"] + counted["made"] > 0):
        raise Failed("the running slot was no seed" if running else "the device was not empty")
    return lambda make: row(size, requests, make, apply, note)


def sizes(publisher, old, new, work, kind):
    """Yields (tool, row) of updating a release to another: (root image, UKI, bundle, cost) each."""
    device = Device(publisher, work / "device", old.bundle)
    device.forget_a()
    yield "azupdate full", fetch(device, new.bundle, new.root, running=False, note="empty device")(new.cost)
    device = Device(publisher, work / "device", old.bundle)
    yield "azupdate any-to-any", fetch(device, new.bundle, new.root, running=True,
                                       note="by comparing trees, without a delta")(new.cost)
    delta = work / f"delta-{kind}.azb"
    make = publisher.delta(old.bundle, new.bundle, delta)
    yield "azupdate delta", fetch(device, delta, new.root, running=True, note="")(make)
