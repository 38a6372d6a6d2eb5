# SPDX-License-Identifier: MIT
"""Parts "times" and "memory": installs of real releases, beside raw rates and other installers.

All contestants take turns, on the same file system, with the same images, in the page cache. Each
installs a root image and its UKI. azupdate reads back what it wrote; the others do not."""
import os
import pathlib
import re
import shutil
import statistics
import subprocess
import time

import ours
import rauc
from measure import PATH, Failed, run, same

RUNS = 3
RAW_AT_ONCE = "raw: decode, hash twice and write, at once"
RAW_READ_BACK = "raw: the same, and read back"
MIB, GIB = 1 << 20, 1 << 30
MEMORY_MAX = 64 * MIB
RAUC_CONFIG = """[system]
compatible=bench
bootloader=noop
statusfile={at}/status
mountprefix={at}/mount
max-bundle-download-size=8589934592
[keyring]
path={at}/rauc.crt
check-crl=false
"""
RAUC_SLOT = """[slot.{name}.{number}]
device={at}/{name}.{number}
type=raw
{more}
"""
BUS_CONFIG = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>system</type><listen>unix:path={at}/bus</listen><auth>EXTERNAL</auth>
<policy context="default"><allow user="*"/><allow own="*"/><allow send_type="method_call"/>
<allow send_destination="*"/><allow receive_sender="*"/></policy></busconfig>
"""


class RaucService:
    """with RaucService(folder, {slot: image size}) as service: service.install(bundle)"""

    def __init__(self, at, sizes):
        self.at = at
        text = RAUC_CONFIG.format(at=at)
        for name, size in sizes.items():
            for number in (0, 1):
                more = f"bootname=system{number}" if name == "rootfs" else f"parent=rootfs.{number}"
                text += RAUC_SLOT.format(name=name, number=number, at=at, more=more)
                with open(at / f"{name}.{number}", "wb") as file:
                    file.truncate(size)
        (at / "mount").mkdir(exist_ok=True)
        (at / "system.conf").write_text(text)
        (at / "bus.conf").write_text(BUS_CONFIG.format(at=at))
        self.environment = {**os.environ, "PATH": PATH, "DBUS_SYSTEM_BUS_ADDRESS": f"unix:path={at}/bus"}

    def start(self, *words):
        log = open(self.at / "service.log", "ab")
        return subprocess.Popen([str(word) for word in words], env=self.environment, stdout=log, stderr=log)

    def __enter__(self):
        self.bus = self.start("dbus-daemon", f"--config-file={self.at / 'bus.conf'}", "--nofork",
                              "--nopidfile")
        for _ in range(100):
            if (self.at / "bus").exists():
                break
            time.sleep(0.05)
        self.service = self.start("rauc", f"--conf={self.at / 'system.conf'}",
                                  "--override-boot-slot=system0", "service")
        time.sleep(1)
        return self

    def __exit__(self, *_):
        for process in (self.service, self.bus):
            process.terminate()
            process.wait()

    def install(self, bundle):
        done = subprocess.run(["rauc", "install", str(bundle)], env=self.environment, capture_output=True,
                              text=True)
        if done.returncode != 0:
            log = (self.at / "service.log").read_text()[-2000:]
            raise Failed(f"rauc install: {done.stdout}{done.stderr}{log}")

    def memory(self):
        """The service's peak so far: it does the work, not the command."""
        status = pathlib.Path(f"/proc/{self.service.pid}/status").read_text()
        return int(re.search(r"VmHWM:\s+(\d+)", status)[1]) * 1024

    def cpu(self):
        """Seconds of the service and of the programs that it started."""
        fields = pathlib.Path(f"/proc/{self.service.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return sum(int(field) for field in fields[11:15]) / os.sysconf("SC_CLK_TCK")


def contest(contestants):
    """{name: [seconds]} of each; a contestant is (name, prepare, act). They take turns."""
    seconds = {name: [] for name, _, _ in contestants}
    for _ in range(RUNS):
        for name, prepare, act in contestants:
            prepare()
            os.sync()
            begin = time.monotonic()
            act()
            seconds[name].append(time.monotonic() - begin)
    return seconds


def nothing():
    pass


def together(commands):
    """Runs them all at once, to the good end of the last."""
    begun = [subprocess.Popen([str(word) for word in words], env={**os.environ, "PATH": PATH})
             for words in commands]
    ended = [process.wait() for process in begun]
    if any(ended):
        raise Failed(f"{commands}: {ended}")


def reads_around_cache(folder):
    """Whether files there can be read from the medium itself: not on a tmpfs."""
    probe = folder / "probe"
    probe.write_bytes(bytes(4096))
    try:
        os.close(os.open(probe, os.O_RDONLY | os.O_DIRECT))
        return True
    except OSError:
        return False
    finally:
        probe.unlink()


class Times:
    def __init__(self, results, folder, work, programs):
        self.results, self.folder, self.work, self.programs = results, folder, work, programs
        self.at = work / "times"
        shutil.rmtree(self.at, ignore_errors=True)
        self.at.mkdir(parents=True)
        self.publisher = ours.Publisher(programs, self.at / "publisher")

    def put(self, what, values):
        self.results.put({"part": "times", "what": what}, values)
        print(f"times {what:44} {values}", flush=True)

    def path(self, name):
        return self.at / name

    def bundles(self, pair):
        """Root images, UKIs, bundles, and the images as other tools want them."""
        self.root, self.uki = (self.folder / pair / f"new.{kind}" for kind in ("erofs", "uki"))
        self.old_root, self.old_uki = (self.folder / pair / f"old.{kind}" for kind in ("erofs", "uki"))
        names = ("old", "new")
        self.plain_ukis = {name: self.publisher.at / f"{name}.uki" for name in names}
        for version, name in enumerate(names, 1):
            release = {"new": "new", "old": pair}[name]
            self.publisher.uki(self.folder / pair / f"{name}.erofs", self.folder / "release" / release,
                               self.plain_ukis[name], "erofs")
            self.publisher.bundle(version, self.folder / pair / f"{name}.erofs", self.plain_ukis[name],
                                  self.publisher.at / f"{name}.azb")
        for name, path in (("root", self.root), ("uki", self.plain_ukis["new"])):
            run("zstd", "-q", "-f", "-9", "-T1", path, "-o", self.path(f"{name}.zst"))
        self.bundle = self.publisher.at / "new.azb"
        self.publisher.delta(self.publisher.at / "old.azb", self.bundle, self.publisher.at / "delta.azb")

    # Raw rates, of both images. An install does all of it at once, and hashes what it reads back too.

    def hash_rate(self, processes):
        said = run("openssl", "speed", "-mr", "-seconds", "2", "-bytes", "4128", *processes, "-evp", "sha256")
        return float(re.findall(r"^\+F:\d+:\w+:([\d.]+)", said, re.M)[-1])

    def written_clean(self):
        self.path("written").unlink(missing_ok=True)

    def raw_commands(self):
        """{name: shell command}."""
        uki, written = self.plain_ukis["new"], self.path("written")
        size = self.root.stat().st_size + uki.stat().st_size
        return {"decode": f"zstd -q -dc {self.path('root.zst')} {self.path('uki.zst')} >/dev/null",
                "hash": f"{self.programs.hasher} {size}",
                "write": f"dd if={self.root} of={written} bs=1M status=none && "
                         f"dd if={uki} of={written} bs=1M status=none oflag=append conv=notrunc,fsync",
                "read": f"dd if={written} of=/dev/null bs=1M iflag=direct status=none"}

    def rate_contestants(self):
        raw = self.raw_commands()
        twice = f"{raw['hash']} && {raw['hash']}"

        def at_once(*commands):
            return lambda: together([["sh", "-c", command] for command in commands])
        made = [("raw: zstd -d", nothing, at_once(raw["decode"])),
                ("raw: SHA-256 of 4 KiB, azupdate's engine", nothing, at_once(raw["hash"])),
                ("raw: write and flush", self.written_clean, at_once(raw["write"])),
                (RAW_AT_ONCE, self.written_clean, at_once(raw["decode"], raw["write"], twice))]
        if reads_around_cache(self.at):
            made += [("raw: read from the medium", nothing, at_once(raw["read"])),
                     (RAW_READ_BACK, self.written_clean,
                      at_once(raw["decode"], f"{raw['write']} && {raw['read']}", twice))]
        return made

    # Contestants.

    def install_contestants(self, device, bare, service):
        pipeline = (f"zstd -q -dc {self.path('root.zst')} | "
                    f"dd of={self.path('written')} bs=1M conv=fsync status=none")
        made = [("azupdate install, nothing to copy from", lambda: bare.blank(running=False),
                 lambda: bare.install(self.bundle)),
                ("azupdate install over the old release", lambda: device.blank(running=True),
                 lambda: device.install(self.bundle)),
                ("zstd -d into dd conv=fsync, root alone", self.written_clean,
                 lambda: run("sh", "-c", pipeline)),
                ("casync extract --seed, both images", self.casync_clean, self.casync_extract)]
        if service:
            made.insert(2, ("rauc install, plain bundle", nothing,
                            lambda: service.install(self.path("plain.raucb"))))
        made.append(("azupdate install of a delta", lambda: device.blank(running=True),
                     lambda: device.install(self.publisher.at / "delta.azb")))
        return made

    def casync_make(self):
        for name, path in (("root", self.root), ("uki", self.plain_ukis["new"])):
            run("casync", "make", f"--store={self.path('store')}", self.path(f"{name}.caibx"), path)

    def casync_clean(self):
        for name in ("root", "uki"):
            self.path(f"{name}.out").unlink(missing_ok=True)

    def casync_extract(self):
        for name, seed in (("root", self.old_root), ("uki", self.plain_ukis["old"])):
            run("casync", "extract", "--seed-output=no", f"--store={self.path('store')}", f"--seed={seed}",
                self.path(f"{name}.caibx"), self.path(f"{name}.out"))
            run("sync", self.path(f"{name}.out"))

    def rauc_service(self):
        """A service on a bus of its own, or None where bundles cannot be mounted."""
        at = self.path("rauc")
        at.mkdir()
        rauc.bundle_make(at, {"rootfs": self.root, "boot": self.plain_ukis["new"]}, self.path("plain.raucb"),
                         kind="plain", adaptive=False)
        sizes = {"rootfs": self.root.stat().st_size, "boot": 256 * MIB}
        return RaucService(at, sizes)

    def check_all(self, devices, service):
        for device in devices:
            device.check(self.root)
        same(self.path("root.out"), self.root)
        same(self.path("uki.out"), self.plain_ukis["new"])
        if service:
            same(service.at / "rootfs.1", self.root)

    def run(self, pair):
        self.bundles(pair)
        self.casync_make()
        device, bare = (ours.Device(self.publisher, self.path(name), self.publisher.at / "old.azb")
                        for name in ("device", "bare"))
        bare.forget_a()
        for name, processes in (("1 core", []), ("2 cores", ["-multi", "2"])):
            rate = self.hash_rate(processes)
            self.put(f"raw: SHA-256 of 4 KiB, OpenSSL, {name}", {"bytes_per_second": rate})
        with self.rauc_service() as service:
            seconds = contest(self.rate_contestants() + self.install_contestants(device, bare, service))
            self.put("rauc service", {"memory": service.memory(), "cpu": service.cpu() / RUNS})
            self.check_all((device, bare), service)
        root, uki = self.root.stat().st_size, self.plain_ukis["new"].stat().st_size
        for name, times in seconds.items():
            alone = "root alone" in name
            self.put(name, {"median": statistics.median(times), "all": times,
                            "bytes": root if alone else root + uki})
        self.second(device)

    def second(self, device):
        """The same version again: what it reads and writes, as the kernel counts it."""
        device.empty(running=True)
        device.install(self.bundle)
        for name in ("first", "second"):
            if name == "first":
                device.empty(running=False)
            said = run("sh", "-c", '"$@" >/dev/null; cat /proc/$$/io', "sh", self.programs.installer,
                       device.at / "config", self.bundle)
            counted = {key: int(value) for key, value in re.findall(r"^(\w+): (\d+)$", said, re.M)}
            self.put(f"{name} install", {"read": counted["rchar"], "written": counted["wchar"]})

    def memory(self, pair, name, size):
        """An image of that size, sparse behind the real one. GNU time gives the peak of the very process."""
        image, uki, bundle = self.path(f"{name}.img"), self.path(f"{name}.uki"), self.path(f"{name}.azb")
        run("cp", "--sparse=always", self.folder / pair / "new.erofs", image)
        os.truncate(image, max(size, image.stat().st_size))
        self.publisher.uki(image, self.folder / "release" / "new", uki, "erofs")
        self.publisher.bundle(3, image, uki, bundle, level=1)
        device = ours.Device(self.publisher, self.path(f"device-{name}"), bundle,
                             root_mib=ours.root_mib(image.stat().st_size))
        device.empty(running=False)
        _, cost = device.install(bundle)
        device.check(image)
        self.put(f"peak memory, image of {name}", {"memory": cost.memory, "wall": cost.wall})
        return cost.memory < MEMORY_MAX

    def memories(self, pair, quick):
        sizes = {"64MiB": 64 * MIB} if quick else {"1GiB": GIB, "16GiB": 16 * GIB}
        return all([self.memory(pair, name, size) for name, size in sizes.items()])
