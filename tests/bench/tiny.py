# SPDX-License-Identifier: MIT
"""A pair of made-up releases of a few MiB, to try the benchmark itself: the same bytes each time."""
import os
import random

import pairs as releases
import rootimage

FILES, FILE_MIN, FILE_MAX = 120, 1000, 120000
CHANGED, INITRD = 0.1, 300000


def content(seed, changed):
    """Texts of a seed; a changed one has some bytes put in and others left out."""
    text = rootimage.Maker(seed).text(random.Random(seed).randint(FILE_MIN, FILE_MAX))
    middle = len(text) // 2
    return text[:middle] + b"changed" + text[middle + 20:] if changed else text


def release_make(work, name, changed):
    release = work / "release" / name
    if release.is_dir():
        return
    part = release.with_suffix(".part")
    for number in range(FILES):
        path = part / "root" / "usr" / f"folder{number % 7}" / f"file{number}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content(number, changed and random.Random(-number - 1).random() < CHANGED))
        os.utime(path, (int(releases.EPOCH), int(releases.EPOCH)))
    (part / "kernel").write_bytes(rootimage.Maker(-1).text(INITRD))
    (part / "initrd").write_bytes(content(-2, changed) + rootimage.Maker(-3).text(INITRD))
    (part / "osrelease").write_text("ID=tiny\n")
    (part / "uname").write_text("tiny")
    part.rename(release)


def make(azbundle, work):
    """Makes WORK/tiny, as pairs.py makes the real ones."""
    releases.RELEASES["tiny"] = ["tiny", "new"]
    release_make(work, "tiny", False)
    release_make(work, "new", True)
    releases.pairs_make(azbundle, work, ["tiny"])
