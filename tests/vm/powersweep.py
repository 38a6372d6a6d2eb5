# SPDX-License-Identifier: MIT
"""Walks a log of writes from flush to flush, and has every power cut in it judged."""
import collections
import random

import powercuts
import writelog


class Phases:
    """[(entries of the log before it, versions that may boot, what it is)], in their order."""

    def __init__(self, phases):
        self.phases = phases

    def allowed(self, first, last):
        """What may boot whenever power fails, between so many entries and so many."""
        allowed = None
        for i, (start, versions, _) in enumerate(self.phases):
            end = self.phases[i + 1][0] if i + 1 < len(self.phases) else last + 1
            if start <= last and first < end:
                allowed = set(versions) if allowed is None else allowed & set(versions)
        return sorted(allowed or ())

    def start(self, name):
        return next(start for start, _, text in self.phases if text == name)


class Sweep:
    def __init__(self, log, phases, judge, seed):
        self.log, self.phases, self.judge = log, Phases(phases), judge
        self.random = random.Random(seed)
        self.counts = collections.Counter()

    def cuts(self):
        """Yields (cut, verdict) of each; meanwhile the disk has what the flush before the cut left on it."""
        self.counts["writes"] = sum(isinstance(entry, writelog.Write) for entry in self.log)
        for epoch in powercuts.epochs(self.log):
            control = sum(self.judge.is_control(part.write) for part in epoch.writes)
            self.counts["control writes"] += control
            self.counts["flush epochs"] += 1
            self.counts["flush epochs with control writes"] += control > 0
            before = ()
            for cut in powercuts.cuts(epoch, self.judge.is_control, self.judge.is_data, self.random):
                self.counts["judged"] += 1
                self.counts["reordered"] += not self._is_in_order(cut, epoch)
                self.counts[cut.kind] += cut.control != before
                before = cut.control
                versions = self.phases.allowed(cut.first, cut.last)
                yield cut, self.judge.judge(cut.parts(), versions)
            for part in epoch.writes:
                self.judge.apply(part.write)

    def _is_in_order(self, cut, epoch):
        """Whether no write is missing, of those that matter, that was made before one that is there."""
        matter = [part.index for part in epoch.writes
                  if self.judge.is_control(part.write) or self.judge.is_data(part.write)]
        made = [part.index for part in cut.parts()]
        return made == matter[:len(made)]
