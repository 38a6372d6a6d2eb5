#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Makes tables (Markdown) and a plot (SVG) of the benchmark's results: report.py RESULTS.json OUTDIR."""
import argparse
import html
import math
import pathlib

from measure import Results
from times import RAW_AT_ONCE, RAW_READ_BACK

MB = 1e6
MEMORY_GOAL = 64 << 20
PAIRS = {"p1": "months of updates", "p2": "one security fix", "p3": "a new kernel", "tiny": "made up"}
OURS = ("azupdate delta", "erofs+uki")
GOAL_OSTREE = {"p1": 0.7, "p2": 0.35}
SAME = ["erofs+uki", "erofs-aligned+uki", "ext4+uki"]
# Tool, images that are added up. What is not measured is left out.
LINES = [("azupdate delta", ["erofs+uki"]), ("azupdate delta", ["erofs-aligned+uki"]),
         ("azupdate delta", ["ext4+uki"]),
         ("azupdate any-to-any", ["erofs+uki"]), ("azupdate any-to-any", ["erofs-aligned+uki"]),
         ("azupdate any-to-any", ["ext4+uki"]),
         ("azupdate full", ["erofs+uki"]),
         ("ostree static delta", ["tree+uki"]), ("ostree objects", ["tree+uki"]),
         ("azupdate from ostree", ["tree+uki"]), ("azupdate from ostree, static delta", ["tree+uki"]),
         ("azupdate from ostree, its own delta", ["tree+uki"]),
         ("ostree objects", ["tree"]),
         ("zstd -19 --patch-from, tuned", ["erofs", "uki"]), ("zstd -9 --patch-from", ["erofs", "uki"]),
         ("zstd -9 --patch-from", ["ext4", "uki"]), ("zstd -9 --patch-from", ["squashfs", "uki"]),
         ("xdelta3", ["erofs", "uki"]), ("RAUC adaptive", ["erofs+uki"]), ("RAUC adaptive", ["erofs-aligned+uki"]),
         ("RAUC adaptive", ["ext4+uki"]),
         ("RAUC adaptive", ["squashfs+uki"]), ("casync", ["erofs", "uki"]), ("casync", ["ext4", "uki"]),
         ("casync", ["squashfs", "uki"]), ("zsync", ["erofs", "uki"]), ("full zstd -9", ["erofs", "uki"]),
         ("full zstd -9", ["squashfs", "uki"])]
UKI_LINES = ["azupdate delta, image alone", "bsdiff", "casync", "zstd -9 --patch-from",
             "zstd -19 --patch-from, tuned", "xdelta3"]


def cost_add(one, other):
    return {"wall": one["wall"] + other["wall"], "cpu": one["cpu"] + other["cpu"],
            "memory": max(one["memory"], other["memory"])}


def row_add(one, other):
    return {"bytes": one["bytes"] + other["bytes"], "requests": one["requests"] + other["requests"],
            "make": cost_add(one["make"], other["make"]), "apply": cost_add(one["apply"], other["apply"])}


class Sizes:
    def __init__(self, results):
        self.results = results
        self.pairs = [pair for pair in PAIRS if results.find(part="sizes", pair=pair)]

    def get(self, pair, tool, images):
        """The sum of a tool's rows over these images; None if one of them is missing."""
        total = None
        for image in images:
            found = self.results.find(part="sizes", pair=pair, image=image, tool=tool)
            if not found or "bytes" not in found[0]:
                return None
            total = found[0] if total is None else row_add(total, found[0])
        return total

    def lines(self):
        for tool, images in LINES:
            rows = {pair: self.get(pair, tool, images) for pair in self.pairs}
            if any(rows.values()):
                yield tool, " + ".join("+".join(images).split("+")), rows


def markdown(head, lines):
    align = ["---"] + ["---:"] * (len(head) - 1)
    return "\n".join("| " + " | ".join(cells) + " |" for cells in [head, align, *lines]) + "\n"


def megabytes(size):
    return f"{size / MB:.{3 if size < MB else 2 if size < 100 * MB else 0}f}"


def sizes_table(sizes):
    head = ["MB to fetch (requests)", *(PAIRS[pair] for pair in sizes.pairs)]
    lines = [[f"{tool}, {images}", *(f"{megabytes(row['bytes'])} ({row['requests']})" if row else "-"
                                     for row in rows.values())] for tool, images, rows in sizes.lines()]
    return markdown(head, lines)


def uki_table(sizes):
    head = ["UKI alone, MB", *(f"{PAIRS[pair]}, initrd {what}"
                               for pair in sizes.pairs for what in ("plain", "zstd"))]
    lines = []
    for tool in UKI_LINES:
        rows = [sizes.get(pair, tool, [kind]) for pair in sizes.pairs for kind in ("uki", "uki-zst")]
        if any(rows):
            lines.append([tool, *(megabytes(row["bytes"]) if row else "-" for row in rows)])
    return markdown(head, lines)


def cost_cells(cost):
    if not cost["wall"] and not cost["memory"]:
        return ["-", "-", "-"]
    return [f"{cost['wall']:.1f}", f"{cost['cpu']:.1f}", f"{cost['memory'] / (1 << 20):.0f}"]


def costs_table(sizes, pair):
    head = [PAIRS[pair], "make: s", "CPU s", "MiB", "apply: s", "CPU s", "MiB"]
    lines = [[f"{tool}, {images}", *cost_cells(rows[pair]["make"]), *cost_cells(rows[pair]["apply"])]
             for tool, images, rows in sizes.lines() if rows.get(pair)]
    return markdown(head, lines)


def skipped_table(results):
    lines = [[row["pair"], row["image"], row["tool"], row.get("skipped") or "failed: " + row["failed"]]
             for row in results.find(part="sizes") if "skipped" in row or "failed" in row]
    return markdown(["pair", "image", "tool", "not measured"], lines) if lines else ""


def times_table(results):
    lines = []
    for row in results.find(part="times"):
        if "median" in row:
            lines.append([row["what"], f"{row['median']:.2f}", f"{min(row['all']):.2f}-{max(row['all']):.2f}",
                          f"{row['bytes'] / row['median'] / MB:.0f}"])
        elif "bytes_per_second" in row:
            lines.append([row["what"], "", "", f"{row['bytes_per_second'] / MB:.0f}"])
    return markdown(["", "s, median", "range", "MB/s"], lines) if lines else ""


def figures_table(results):
    lines = [[row["what"], ", ".join(f"{name} {value / (1 << 20):.1f} MiB" for name, value in row.items()
                                     if name in ("read", "written", "memory"))]
             for row in results.find(part="times") if {"read", "memory"} & set(row)]
    return markdown(["", "bytes"], lines) if lines else ""


def store_table(results):
    """What a history takes of the disk, beside its images."""
    rows = [row for row in results.find(part="store") if "disk" in row]
    images = next((row["disk"] for row in rows if row["what"].endswith("images")), None)
    lines = [[row["what"], megabytes(row["disk"]), f"{row['disk'] / images:.2f}"] for row in rows if images]
    return markdown(["on the disk", "MB", "to the images"], lines) if lines else ""


def store_steps(results):
    """What it costs to store a release and to make it again."""
    lines = [[row["what"], megabytes(row.get("new", row.get("read", 0))), *cost_cells(row)]
             for row in results.find(part="store") if "wall" in row]
    return markdown(["", "MB new, or read", "s", "CPU s", "MiB"], lines) if lines else ""


# Goals: said, not asserted.

def ratio_line(what, ours, theirs, goal):
    if ours is None or not theirs:
        return f"- {what}: not measured\n"
    ratio = ours / theirs
    return f"- {what}: {ratio:.2f}, goal {goal}: {'met' if ratio <= goal else 'NOT met'}\n"


def best(sizes, pair, tools):
    rows = [sizes.get(pair, tool, images) for tool, images in LINES if tool in tools]
    return min((row["bytes"] for row in rows if row), default=None)


def goals(sizes):
    text = ""
    for pair in sizes.pairs:
        row = sizes.get(pair, OURS[0], [OURS[1]])
        delta = row and row["bytes"]
        name = PAIRS[pair]
        if pair in GOAL_OSTREE:
            text += ratio_line(f"{name}: delta to ostree static delta", delta,
                               best(sizes, pair, ["ostree static delta"]), GOAL_OSTREE[pair])
        text += ratio_line(f"{name}: delta to the best of RAUC adaptive and casync", delta,
                           best(sizes, pair, ["RAUC adaptive", "casync"]), 0.2)
        text += ratio_line(f"{name}: delta to tuned whole-image zstd -19", delta,
                           best(sizes, pair, ["zstd -19 --patch-from, tuned"]), 1.0)
        text += ratio_line(f"{name}: memory to apply a delta, to 64 MiB", row and row["apply"]["memory"],
                           MEMORY_GOAL, 1.0)
        for images in SAME:
            any_to_any, adaptive = (sizes.get(pair, tool, [images])
                                    for tool in ("azupdate any-to-any", "RAUC adaptive"))
            text += ratio_line(f"{name}: any-to-any to RAUC adaptive, both {images}",
                               any_to_any and any_to_any["bytes"], adaptive and adaptive["bytes"], 1.0)
    return text


FULL, DELTA = "azupdate install, nothing to copy from", "azupdate install of a delta"
TIME_GOALS = [("full install to the raw rates, all at once", FULL, RAW_AT_ONCE, 1.25),
              ("full install to the same and reading back", FULL, RAW_READ_BACK, 1.25),
              ("full install to rauc install", FULL, "rauc install, plain bundle", 0.65),
              ("delta install to casync extract with its seed", DELTA, "casync extract --seed, both images", 0.2)]


def time_goals(results):
    """Nothing if nothing of it was measured."""
    rows = {row["what"]: row for row in results.find(part="times")}
    text = ""
    for what, ours, theirs, goal in TIME_GOALS:
        if ours in rows:
            text += ratio_line(what, *(rows.get(name, {}).get("median") for name in (ours, theirs)), goal)
    if "second install" in rows:
        text += ratio_line("second install: bytes written to bytes written first",
                           *(rows[f"{name} install"]["written"] for name in ("second", "first")), 0.001)
    for name, row in rows.items():
        if name.startswith("peak memory"):
            text += ratio_line(f"{name}, to 64 MiB", row["memory"], MEMORY_GOAL, 1.0)
    return text


# The plot: bars on a logarithmic scale, one panel for each pair.

WIDTH, LABEL, ROW, BAR = 960, 330, 20, 13
COLOURS = {True: "#1769aa", False: "#9aa5b1"}


def bar(y, label, size, low, high):
    scale = (WIDTH - LABEL - 110) / (math.log10(high) - math.log10(low))
    width = max(2, (math.log10(size) - math.log10(low)) * scale)
    return (f'<text x="{LABEL - 8}" y="{y + 11}" text-anchor="end">{html.escape(label)}</text>'
            f'<rect x="{LABEL}" y="{y}" width="{width:.1f}" height="{BAR}" '
            f'fill="{COLOURS["azupdate" in label]}"/>'
            f'<text x="{LABEL + width + 6:.1f}" y="{y + 11}">{megabytes(size)} MB</text>\n')


def plot(sizes):
    panels, y = "", 10
    for pair in sizes.pairs:
        bars = sorted((rows[pair]["bytes"], f"{tool}, {images}")
                      for tool, images, rows in sizes.lines() if rows[pair])
        low, high = bars[0][0] / 3, bars[-1][0]
        panels += f'<text x="10" y="{y + 14}" font-weight="bold">{PAIRS[pair]}</text>\n'
        y += 26
        for size, label in bars:
            panels += bar(y, label, size, low, high)
            y += ROW
        y += 16
    return (f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{y + 20}" '
            f'font-family="sans-serif" font-size="12">'
            f'<rect width="100%" height="100%" fill="white"/>\n{panels}'
            f'<text x="10" y="{y + 8}" fill="#555">Bytes that a device fetches; logarithmic scale. '
            'Root image or tree and UKI together.</text></svg>\n')


def write(results, folder):
    sizes = Sizes(results)
    text = ""
    if sizes.pairs:
        (folder / "sizes.svg").write_text(plot(sizes))
        costs = [costs_table(sizes, pair) for pair in sizes.pairs]
        text = "\n".join([sizes_table(sizes), uki_table(sizes), *costs, skipped_table(results), goals(sizes)])
    text += "\n".join(["", times_table(results), figures_table(results), time_goals(results), store_table(results),
                       store_steps(results)])
    (folder / "tables.md").write_text(text)
    return text


def main():
    parser = argparse.ArgumentParser(description="tables and a plot of the benchmark's results")
    parser.add_argument("results", type=pathlib.Path)
    parser.add_argument("outdir", type=pathlib.Path)
    options = parser.parse_args()
    print(write(Results(options.results), options.outdir))


if __name__ == "__main__":
    main()
