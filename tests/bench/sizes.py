# SPDX-License-Identifier: MIT
"""Parts "sizes" and "slow" of the benchmark: bytes, requests, time and memory of each tool on each pair."""
import dataclasses
import json
import os
import pathlib
import shutil
import sys
import traceback

import ostree
import ours
import pairs as releases
import rauc
import rivals
from measure import Cost, Failed, run

# Which tools are tried on which kind of image. Every tool's whole is root and UKI.
PLAN = {
    "uki": ["casync", "zsync", "zstd -9 --patch-from", "full zstd -9", "xdelta3",
            "zstd -19 --patch-from, tuned", "bsdiff"],
    "uki-zst": ["casync", "zstd -9 --patch-from", "bsdiff"],
    "squashfs": ["casync", "zstd -9 --patch-from", "full zstd -9"],
    "ext4": ["casync", "zstd -9 --patch-from"],
    "erofs": ["casync", "zsync", "zstd -9 --patch-from", "full zstd -9", "xdelta3",
              "zstd -19 --patch-from, tuned", "bsdiff"],
}
# A part of their own: one processor for an hour.
SLOW = {"xdelta3", "zstd -19 --patch-from, tuned", "bsdiff"}
# The same for each pair with the same new image.
WHOLE = "full zstd -9"
ROOTS = ["erofs", "ext4", "erofs-aligned"]
IMAGE_DELTA = "azupdate delta, image alone"
RAUC_ROOTS = ["erofs", "erofs-aligned", "ext4", "squashfs"]


@dataclasses.dataclass
class Release:
    """What a server offers of one release."""
    root: pathlib.Path
    bundle: pathlib.Path
    cost: Cost


class Sizes:
    def __init__(self, results, folder, work, programs):
        """folder: where the pairs are; work: for what comes and goes."""
        self.results, self.folder, self.work, self.programs = results, folder, work, programs

    def image(self, pair, role, kind):
        return self.folder / pair / f"{role}.{kind}"

    def put(self, pair, image, tool, values):
        self.results.put({"part": "sizes", "pair": pair, "image": image, "tool": tool}, values)
        what = f"{values['bytes']:>12} bytes" if "bytes" in values else next(iter(values.values()))
        print(f"{pair} {image:9} {tool:30} {what}", flush=True)

    def done(self, pair, image, tool):
        return self.results.find(part="sizes", pair=pair, image=image, tool=tool)

    def scratch(self):
        at = self.work / "scratch"
        shutil.rmtree(at, ignore_errors=True)
        at.mkdir(parents=True)
        return at

    def attempt(self, pair, image, tool, act):
        """One tool; a failure is a result too, so that the others are still measured."""
        if self.done(pair, image, tool):
            return
        try:
            for name, values in act():
                self.put(pair, image, name, values)
        except (Failed, OSError) as why:
            traceback.print_exc(file=sys.stderr)
            self.put(pair, image, tool, {"failed": str(why).splitlines()[0]})
        finally:
            shutil.rmtree(self.work / "scratch", ignore_errors=True)

    # The tools for images.

    def image_tool(self, pair, kind, tool):
        old, new = (self.image(pair, role, kind) for role in ("old", "new"))
        known = self.whole(new, kind) if tool == WHOLE else None
        yield tool, known or rivals.IMAGE_TOOLS[tool](rivals.Job(old, new, self.scratch(), self.work))

    def whole(self, new, kind):
        """What was measured of that very image for another pair."""
        for found in self.results.find(part="sizes", image=kind, tool=WHOLE):
            if "bytes" in found and os.path.samefile(self.image(found["pair"], "new", kind), new):
                return {name: found[name] for name in ("bytes", "requests", "note", "make", "apply")}
        return None

    def image_tools(self, pairs, slow):
        for kind, tools in PLAN.items():
            for tool in tools:
                for pair in pairs:
                    if (tool in SLOW) == slow:
                        self.attempt(pair, kind, tool, lambda: self.image_tool(pair, kind, tool))

    # Trees.

    def ostree(self, pair):
        names = releases.RELEASES[pair]
        old, new = (self.folder / "release" / name / "root" for name in names)
        job = rivals.Job(old, new, self.scratch(), self.work)
        yield from rivals.ostree(job, self.image(pair, "old", "uki"), self.image(pair, "new", "uki"))

    def published(self, pair):
        """Puts its rows itself: they are of more than one kind of image."""
        publisher = ours.Publisher(self.programs, self.work / "publisher")
        folders = [self.folder / "release" / name for name in releases.RELEASES[pair]]
        for image, tool, values in ostree.sizes(publisher, folders, self.scratch()):
            self.put(pair, image, tool, values)
        return ()

    def ostree_objects(self, pair):
        yield next(self.ostree(pair))

    def run_ostree(self, pairs):
        """Our source beside the objects of ostree's own."""
        for pair in pairs:
            self.attempt(pair, "tree+uki", "azupdate from ostree, its own delta", lambda: self.published(pair))
            self.attempt(pair, "tree+uki", "ostree objects", lambda: self.ostree_objects(pair))

    # RAUC.

    def rauc(self, pairs):
        for kind in RAUC_ROOTS:
            made = []

            def act(pair):
                if not made:
                    made.append(rauc.Adaptive(self.work / "rauc", {
                        "rootfs": self.image(pair, "new", kind), "boot": self.image(pair, "new", "uki")}))
                root = made[0].update("rootfs", self.image(pair, "old", kind))
                boot = made[0].update("boot", self.image(pair, "old", "uki"))
                yield "RAUC adaptive", {**root, "bytes": root["bytes"] + boot["bytes"],
                                        "requests": root["requests"] + boot["requests"]}
            for pair in pairs:
                self.attempt(pair, f"{kind}+uki", "RAUC adaptive", lambda: act(pair))
            shutil.rmtree(self.work / "rauc", ignore_errors=True)

    # Ours.

    def release(self, publisher, name, kind, version):
        """The bundle of a release: made once for all pairs, and for a run that goes on."""
        root, source = self.folder / "release" / f"{name}.{kind}", self.folder / "release" / name
        uki, bundle, cost = (publisher.at / f"{name}-{kind}.{end}" for end in ("uki", "azb", "cost"))
        if not cost.exists():
            publisher.uki(root, source, uki, kind)
            made = publisher.bundle(version, root, uki, bundle, kind)
            cost.write_text(json.dumps(dataclasses.asdict(made)))
        return Release(root, bundle, Cost(**json.loads(cost.read_text())))

    def image_delta(self, pair, kind):
        old, new = (self.image(pair, role, kind) for role in ("old", "new"))
        yield IMAGE_DELTA, ours.image_delta(self.programs, rivals.Job(old, new, self.scratch()))

    def ours(self, pair, kind):
        publisher = ours.Publisher(self.programs, self.work / "publisher")
        old, new = (self.release(publisher, name, kind, version)
                    for version, name in enumerate(releases.RELEASES[pair], 1))
        yield from ours.sizes(publisher, old, new, self.scratch(), kind)

    def run(self, pairs):
        for kind in ROOTS:
            for pair in pairs:
                self.attempt(pair, f"{kind}+uki", "azupdate delta", lambda: self.ours(pair, kind))
        for kind in ("uki", "uki-zst"):
            for pair in pairs:
                self.attempt(pair, kind, IMAGE_DELTA, lambda: self.image_delta(pair, kind))
        for pair in pairs:
            self.attempt(pair, "tree+uki", "ostree static delta", lambda: self.ostree(pair))
        self.image_tools(pairs, False)
        self.rauc(pairs)

    def run_slow(self, pairs):
        self.image_tools(pairs, True)


def versions():
    """What was measured, for the table's foot."""
    packages = ["rauc", "casync", "zsync", "ostree", "xdelta3", "bsdiff", "zstd", "erofs-utils", "e2fsprogs",
                "squashfs-tools", "nginx-light"]
    return run("dpkg-query", "-W", "-f", "${Package} ${Version}\n", *packages).splitlines()
