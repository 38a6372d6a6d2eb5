# SPDX-License-Identifier: MIT
"""Part "store" of the benchmark: a machine that has lived through five releases and keeps them all.

What that takes of the disk, beside the five images and the five bundles; and how long it takes to
make an old release again, beside an install of its bundle that lies at hand. Both have the running
slot to copy from, and both read back what they wrote."""
import json
import os
import shutil
import statistics

import ours
import pairs as releases
from measure import Failed, measure, run
from times import contest

CONFIG = "[store]\nhistory=3\n"         # beside what stands in the two slots
UKI_OFFSET = 4096                       # of a boot partition


def disk_used(*paths):
    """What the file system has given for them."""
    return int(run("du", "-s", "-c", "--block-size=1", *paths).splitlines()[-1].split()[0])


class Release:
    def __init__(self, publisher, version, image, folder):
        self.version, self.image = version, image
        self.uki, self.bundle = publisher.at / f"{version}.uki", publisher.at / f"{version}.azb"
        publisher.uki(image, folder, self.uki, "erofs")
        publisher.bundle(version, image, self.uki, self.bundle)


class History:
    def __init__(self, results, folder, work, programs):
        """folder: where the releases are; work: for what comes and goes."""
        self.results, self.programs = results, programs
        self.at = work / "store"
        shutil.rmtree(self.at, ignore_errors=True)
        self.at.mkdir(parents=True)
        self.publisher = ours.Publisher(programs, self.at / "publisher")
        place = releases.Place(programs.azbundle, folder)
        self.releases = [Release(self.publisher, version, releases.image_make(place, name, "erofs"),
                                 folder / "release" / name)
                         for version, name in enumerate(releases.HISTORY, 1)]
        largest = max(release.image.stat().st_size for release in self.releases)
        self.device = ours.Device(self.publisher, self.at / "device", self.releases[0].bundle,
                                  root_mib=ours.root_mib(largest))
        with open(self.device.at / "config", "a", encoding="utf-8") as out:
            out.write(CONFIG)

    def put(self, part, what, values):
        self.results.put({"part": part, "what": what}, values)
        print(f"{part:5} {what:44} {values}", flush=True)

    def command(self, *words):
        """Returns (what the library counted, Cost)."""
        said = self.at / "said.json"
        cost = measure("sh", "-c", f'exec "$0" "$@" >{said}', self.programs.storer,
                       self.device.at / "config", *words)
        return json.loads(said.read_text()), cost

    def live(self):
        """Each release is installed, booted, committed and stored, the first one was delivered."""
        slot = "a"
        for release in self.releases:
            if release is not self.releases[0]:
                self.device.install(release.bundle)
                slot = "b" if slot == "a" else "a"
            self.device.boot_from(slot)
            counted, cost = self.command("add", release.version)
            if counted["dropped"]:
                raise Failed("the store dropped a release of a history that it should keep")
            self.put("store", f"add {release.version} of {len(self.releases)}",
                     {"new": counted["new"], "wall": cost.wall, "cpu": cost.cpu, "memory": cost.memory})
        if slot != "a":
            raise Failed("slot a should run in the end")

    def disk(self):
        count = len(self.releases)
        images = [path for release in self.releases for path in (release.image, release.uki)]
        for what, size in (("images", sum(os.path.getsize(path) for path in images)),
                           ("bundles", disk_used(*(release.bundle for release in self.releases))),
                           ("in the store", disk_used(self.device.at / "state" / "store"))):
            self.put("store", f"{count} releases: {what}", {"disk": size})

    def check(self, release):
        self.device.check(release.image)
        self.device.check(release.uki, "boot_b", UKI_OFFSET)

    def restore(self, release):
        """As the fallback stands in the slot: nothing of it is left that could be kept."""
        self.device.empty(running=True)
        counted, cost = self.command("restore", release.version)
        self.check(release)
        self.put("store", f"restore of {release.version}", {**counted, "wall": cost.wall, "cpu": cost.cpu,
                                                            "memory": cost.memory})

    def times(self):
        contestants = []
        for release, what in ((self.releases[0], "the oldest"), (self.releases[-3], "the third last")):
            self.restore(release)
            contestants += [
                (f"{what} release out of the store", self.empty,
                 lambda release=release: self.command("restore", release.version)),
                (f"{what} release out of its bundle", self.empty,
                 lambda release=release: self.device.install(release.bundle))]
        for name, seconds in contest(contestants).items():
            size = self.releases[0].image.stat().st_size + self.releases[0].uki.stat().st_size
            self.put("times", name, {"median": statistics.median(seconds), "all": seconds, "bytes": size})
        self.check(self.releases[-3])

    def empty(self):
        self.device.empty(running=True)

    def run(self):
        self.live()
        self.disk()
        self.times()
        shutil.rmtree(self.at)
