# SPDX-License-Identifier: MIT
"""A pair of made-up releases of a few MiB, to try the benchmark itself: the same bytes each time."""
import os
import random

import pairs as releases
import rootimage

FILES, FILE_MIN, FILE_MAX = 120, 1000, 120000
CHANGED, INITRD = 0.1, 300000


def content(seed, changes):
    """Texts of a seed; each change has some bytes put in and others left out."""
    text = rootimage.Maker(seed).text(random.Random(seed).randint(FILE_MIN, FILE_MAX))
    for change in changes:
        middle = len(text) // 2
        text = text[:middle] + b"changed" + text[middle + 20 + change:]
    return text


def changes(number, rounds):
    """In which of the rounds this file was changed."""
    return [change for change in range(rounds) if random.Random(number * 100 + change).random() < CHANGED]


def release_make(work, name, rounds):
    release = work / "release" / name
    if release.is_dir():
        return
    part = release.with_suffix(".part")
    for number in range(FILES):
        path = part / "root" / "usr" / f"folder{number % 7}" / f"file{number}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content(number, changes(number, rounds)))
        os.utime(path, (int(releases.EPOCH), int(releases.EPOCH)))
    (part / "kernel").write_bytes(rootimage.Maker(-1).text(INITRD))
    (part / "initrd").write_bytes(content(-2, range(rounds)) + rootimage.Maker(-3).text(INITRD))
    (part / "osrelease").write_text("ID=tiny\n")
    (part / "uname").write_text("tiny")
    part.rename(release)


def make(azbundle, work):
    """Makes WORK/tiny, as pairs.py makes the real ones, and the releases of a history that ends in them."""
    releases.RELEASES["tiny"] = ["tiny", "new"]
    releases.HISTORY = ["tiny-3", "tiny-2", "tiny-1", "tiny", "new"]
    for rounds, name in enumerate(releases.HISTORY):
        release_make(work, name, rounds)
    releases.pairs_make(azbundle, work, ["tiny"])
