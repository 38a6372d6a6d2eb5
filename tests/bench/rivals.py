# SPDX-License-Identifier: MIT
"""The tools that one would take instead, each on one old and one new image or tree.

Each function takes a Job, makes what a server would offer, fetches it through a web server where the
tool speaks HTTP, applies it, compares the result with the new image, and returns a row: bytes that a
device fetches, its requests, the cost of making and of applying. IMAGE_TOOLS lists them.
"""
import dataclasses
import json
import os
import pathlib
import shutil

from measure import Cost, measure, run, same
from web import Web

# Whole-image zstd at its best: tables big enough for a window of all of the old image.
ZSTD_TUNED = ["-19", "--single-thread", "--long=31",
              "--zstd=hashLog=28,chainLog=29,ldmHashLog=27,ldmHashRateLog=3,ldmMinMatch=32"]
# 17 bytes of memory for each byte of the old image, and hours for a GiB.
BSDIFF_MAX = 256 << 20
OSTREE_BSDIFF_MIB = 1024


@dataclasses.dataclass
class Job:
    """Get from one image to the other, in an empty folder; another folder is for what pairs share."""
    old: pathlib.Path
    new: pathlib.Path
    at: pathlib.Path
    shared: pathlib.Path = None

    def path(self, name):
        return self.at / name


def row(size, requests, make, apply, note=""):
    return {"bytes": size, "requests": requests, "note": note,
            "make": dataclasses.asdict(make), "apply": dataclasses.asdict(apply)}


def skipped(why):
    return {"skipped": why}


def zstd_patch(job, options, note):
    patch, out = job.path("patch"), job.path("out")
    make = measure("zstd", "-q", "-f", *options, f"--patch-from={job.old}", job.new, "-o", patch)
    apply = measure("zstd", "-q", "-f", "-d", "--long=31", f"--patch-from={job.old}", patch, "-o", out)
    same(out, job.new)
    return row(patch.stat().st_size, 1, make, apply, note)


def zstd_plain(job):
    return zstd_patch(job, ["-9", "--long=31"], "zstd -9 --long=31 --patch-from")


def zstd_tuned(job):
    return zstd_patch(job, ZSTD_TUNED, f"zstd {' '.join(ZSTD_TUNED)} --patch-from")


def zstd_full(job):
    packed, out = job.path("packed"), job.path("out")
    make = measure("zstd", "-q", "-f", "-9", "-T1", job.new, "-o", packed)
    apply = measure("zstd", "-q", "-f", "-d", packed, "-o", out)
    same(out, job.new)
    return row(packed.stat().st_size, 1, make, apply, "whole image, zstd -9")


def xdelta3(job):
    patch, out = job.path("patch"), job.path("out")
    window = ["-B", str(1 << 31)]
    make = measure("xdelta3", "-e", "-f", "-9", "-S", "lzma", *window, "-s", job.old, job.new, patch)
    apply = measure("xdelta3", "-d", "-f", *window, "-s", job.old, patch, out)
    same(out, job.new)
    return row(patch.stat().st_size, 1, make, apply, "-9 -S lzma -B 2 GiB")


def bsdiff(job):
    if job.old.stat().st_size > BSDIFF_MAX:
        return skipped(f"needs {17 * job.old.stat().st_size >> 30} GiB of memory to make and hours")
    patch, out = job.path("patch"), job.path("out")
    make = measure("bsdiff", job.old, job.new, patch)
    apply = measure("bspatch", job.old, out, patch)
    same(out, job.new)
    return row(patch.stat().st_size, 1, make, apply)


def zsync(job):
    """Ranges of the image itself. zsync can also address a gzip file, but then needs it made its way."""
    os.link(job.new, job.path("image"))
    make = measure("zsyncmake", "-q", "-b", "4096", "-u", "image", "-o", job.path("image.zsync"),
                   job.path("image"), cwd=job.at)
    with Web(job.at, job.path("web")) as web:
        apply = measure("zsync", "-q", "-i", job.old, "-o", job.path("out"), f"{web.url}/image.zsync",
                        cwd=job.at)
        requests, size = web.counted()
    same(job.path("out"), job.new)
    return row(size, requests, make, apply, "4 KiB blocks, index included")


def casync_store(job):
    """The store of an image serves all pairs that end in it, as on a real server."""
    store = job.shared / f"casync-{job.new.stat().st_ino}"
    if not store.exists():
        part = store.with_suffix(".part")
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir(parents=True)
        cost = measure("casync", "make", f"--store={part}/store", part / "new.caibx", job.new)
        (part / "cost.json").write_text(json.dumps(dataclasses.asdict(cost)))
        part.rename(store)
    return Cost(**json.loads((store / "cost.json").read_text())), store


def casync(job):
    """A chunk store on a web server, the old image as the seed."""
    make, store = casync_store(job)
    with Web(store, job.path("web")) as web:
        apply = measure("casync", "extract", "--seed-output=no", f"--store={web.url}/store",
                        f"--seed={job.old}", f"{web.url}/new.caibx", job.path("out"))
        requests, size = web.counted()
    same(job.path("out"), job.new)
    return row(size, requests, make, apply, "chunks of 64 KiB on average, index included")


# ostree: trees, not images. The UKI is a file in the commit, as it is with bootc.

def commit(repo, branch, tree, uki, job):
    """The tree's files are linked into a folder with the UKI in it."""
    folder = job.path(f"commit-{branch}")
    run("cp", "-al", tree, folder)
    (folder / "usr" / "lib" / "efi").mkdir(parents=True)
    shutil.copy(uki, folder / "usr" / "lib" / "efi" / "linux.efi")
    run("ostree", f"--repo={repo}", "commit", "-b", branch, f"--tree=dir={folder}", "--timestamp=@1700000000",
        "--no-bindings", "--no-xattrs")
    return run("ostree", f"--repo={repo}", "rev-parse", branch).strip()


class Ostree:
    """Both commits in an archive on the server, the old one in a store on the device."""

    def __init__(self, job, old_uki, new_uki):
        self.job, self.repo, self.device = job, job.path("repo"), job.path("device")
        run("ostree", f"--repo={self.repo}", "init", "--mode=archive")
        self.old = commit(self.repo, "old", job.old, old_uki, job)
        self.new = commit(self.repo, "new", job.new, new_uki, job)
        run("ostree", f"--repo={self.repo}", "summary", "--update")

    def device_make(self):
        shutil.rmtree(self.device, ignore_errors=True)
        run("ostree", f"--repo={self.device}", "init", "--mode=bare")
        run("ostree", f"--repo={self.device}", "pull-local", self.repo, self.old)

    def check(self):
        out = self.job.path("checkout")
        shutil.rmtree(out, ignore_errors=True)
        run("ostree", f"--repo={self.device}", "checkout", "-H", self.new, out)
        run("diff", "-r", "--no-dereference", out, self.job.path("commit-new"))

    def objects(self):
        self.device_make()
        with Web(self.repo, self.job.path("web")) as web:
            run("ostree", f"--repo={self.device}", "remote", "add", "--no-gpg-verify", "bench", web.url)
            apply = measure("ostree", f"--repo={self.device}", "pull", "--disable-static-deltas", "bench",
                            self.new)
            requests, size = web.counted()
        self.check()
        return row(size, requests, Cost(0, 0, 0), apply, "objects, each gzipped")

    def delta(self):
        """Applied from files: over HTTP, ostree 2022.7 begins to fetch the objects as well before it has
        applied the parts, so that its log would show more than the delta. Without `fallback', the
        objects that the delta does not code are in it too."""
        make = measure("ostree", f"--repo={self.repo}", "static-delta", "generate", f"--from={self.old}",
                       f"--to={self.new}", f"--max-bsdiff-size={OSTREE_BSDIFF_MIB}", "--min-fallback-size=0")
        parts = [path for path in (self.repo / "deltas").rglob("*") if path.is_file()]
        self.device_make()
        apply = measure("ostree", f"--repo={self.device}", "static-delta", "apply-offline",
                        next(path.parent for path in parts if path.name == "superblock"))
        self.check()
        return row(sum(path.stat().st_size for path in parts), len(parts), make, apply,
                   f"bsdiff up to {OSTREE_BSDIFF_MIB} MiB, so for the UKI too; applied from files")


def ostree(job, old_uki, new_uki):
    """Yields (tool, row): the objects must be pulled before there is a delta."""
    store = Ostree(job, old_uki, new_uki)
    yield "ostree objects", store.objects()
    yield "ostree static delta", store.delta()


IMAGE_TOOLS = {"zstd -9 --patch-from": zstd_plain, "casync": casync, "zsync": zsync, "xdelta3": xdelta3,
               "bsdiff": bsdiff, "full zstd -9": zstd_full, "zstd -19 --patch-from, tuned": zstd_tuned}
