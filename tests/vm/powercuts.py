# SPDX-License-Identifier: MIT
"""Power cuts in a log of writes: what may stand on the medium when power fails between two flushes.

    for epoch in epochs(log):
        for cut in cuts(epoch, is_control, is_data, rng):
            ...

What a flush has followed is on the medium. Of the writes since, any may be there or not, and the last one may
be there in part. Control writes decide what is booted: their subsets are walked whole if they
are few, else the prefixes, each one missing, each one alone, and random ones. With each of them go some
choices of the data writes of the same epoch: none, all, those before the last control write, random ones."""
import dataclasses
import itertools

import writelog

SECTOR = 512
INSIDE = 128            # a worse drive tears a sector, too: within what record and header use of it
WHOLE_MAX = 8           # control writes of an epoch whose subsets are all made
RANDOM_SUBSETS = 64
RANDOM_COMPANIONS = 64


@dataclasses.dataclass(frozen=True)
class Part:
    """The first `size` bytes behind `skip` of the log's write number `index`."""
    index: int
    write: writelog.Write
    skip: int = 0
    size: int = None

    @property
    def offset(self):
        return self.write.offset + self.skip

    @property
    def length(self):
        return self.write.size - self.skip if self.size is None else self.size

    def data(self):
        return self.write.data()[self.skip:][:self.length]


@dataclasses.dataclass(frozen=True)
class Epoch:
    start: int          # index of its first entry
    end: int            # index of the flush behind it, or the length of the log
    writes: tuple       # of Part, whole


@dataclasses.dataclass(frozen=True)
class Cut:
    kind: str           # prefix, reordering or tear: of the control writes
    control: tuple      # of Part
    data: tuple
    first: int          # the cut may be anywhere between so many entries ...
    last: int           # ... and so many

    def parts(self):
        return sorted(self.control + self.data, key=lambda part: part.index)


def epochs(log):
    start, found = 0, []
    for index, entry in enumerate(itertools.chain(log, [writelog.Flush()])):
        if isinstance(entry, writelog.Flush):
            writes = tuple(Part(i, log[i]) for i in range(start, index)
                           if isinstance(log[i], writelog.Write))
            found.append(Epoch(start, index, writes))
            start = index + 1
    return found


def cuts(epoch, is_control, is_data, rng):
    control = tuple(part for part in epoch.writes if is_control(part.write))
    data = tuple(part for part in epoch.writes if not is_control(part.write) and is_data(part.write))
    for kind, chosen in itertools.chain(_subsets(control, rng), _tears(control)):
        for beside in _companions(chosen, data, rng):
            last = max((part.index for part in chosen + beside), default=epoch.start - 1)
            yield Cut(kind, chosen, beside, last + 1, epoch.end)


def _subsets(control, rng):
    prefixes = [control[:i] for i in range(len(control) + 1)]
    yield from (("prefix", chosen) for chosen in prefixes)
    if len(control) <= WHOLE_MAX:
        subsets = [chosen for size in range(len(control) + 1)
                   for chosen in itertools.combinations(control, size)]
    else:
        subsets = [control[:i] + control[i + 1:] for i in range(len(control))]
        subsets += [(part,) for part in control]
        subsets += [tuple(part for part in control if rng.random() < 0.5) for _ in range(RANDOM_SUBSETS)]
    seen = set(prefixes)
    yield from (("reordering", chosen) for chosen in subsets if not (chosen in seen or seen.add(chosen)))


def _tears(control):
    """Of each write, its beginning and its end, behind whole ones."""
    for i, part in enumerate(control):
        for at in (INSIDE, *range(SECTOR, part.write.size, SECTOR)):
            yield "tear", control[:i] + (dataclasses.replace(part, size=at),)
            yield "tear", control[:i] + (dataclasses.replace(part, skip=at),)


def _companions(chosen, data, rng):
    last = max((part.index for part in chosen), default=-1)
    options = [(), data, tuple(part for part in data if part.index < last)]
    if len(data) > 1:
        options += [tuple(part for part in data if rng.random() < 0.5) for _ in range(RANDOM_COMPANIONS)]
    return list(dict.fromkeys(options))
