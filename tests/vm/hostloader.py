# SPDX-License-Identifier: MIT
"""What azboot should do with a disk, worked out on the host by docs/FORMATS.md: which slot, why, and the
record that it leaves. Written apart from lib/core and bootloader, so that a mistake there shows here.

    decision = decide(area, headers, starts)

area: the first 8 KiB of azstate; headers: the first block of boot_a and boot_b; starts(index): whether
firmware would start what that slot's header leads to."""
import copy
import dataclasses

import bootrecord

NONE = 255
GOOD_FAILURES_MAX, FAILURES_MAX = 3, 7
FAULT_TRIES_SPENT = 113
FORMAT = 1


@dataclasses.dataclass
class Decision:
    slot: int = NONE                        # NONE: neither
    reason: str = "none"
    record: bootrecord.Record = None        # as stored before the hand-over
    copy: int = 0                           # where
    passed_over: tuple = ()                 # chosen before, and could not be started


def decide(area, headers, starts):
    table, where = _load(area, headers)
    passed_over = []
    while len(passed_over) < 2:
        excluded = passed_over[0] if passed_over else NONE
        slot, reason = _choose(table, excluded)
        if slot == NONE:
            break
        where = 1 - where
        table.sequence += 1
        if _matches(headers[slot], table.slots[slot]) and starts(slot):
            return Decision(slot, reason, table, where, tuple(passed_over))
        if table.slots[slot].state == "trying":
            table.slots[slot].state, table.slots[slot].tries_left = "bad", 0
        passed_over.append(slot)
    return Decision(passed_over=tuple(passed_over))


def _load(area, headers):
    """The record that counts, and its copy; out of the headers if there is none."""
    records = [bootrecord.Record.decode(area[i * bootrecord.COPY_SIZE:(i + 1) * bootrecord.COPY_SIZE])
               for i in range(2)]
    if any(record and record.reader_min > FORMAT for record in records):
        raise ValueError("a record of a later format")
    if not any(records):
        return _recover(headers), 1
    where = max((i for i in range(2) if records[i]), key=lambda i: records[i].sequence)
    table = copy.deepcopy(records[where])
    table.last_fault = 0
    return table, where


def _recover(headers):
    found = [bootrecord.Header.decode(header) for header in headers]
    table = bootrecord.Record(sequence=0, recovered=True)
    for i, header in enumerate(found):
        if header:
            table.sequence = max(table.sequence, header.staged_sequence)
            table.slots[i] = bootrecord.Slot("good", 1, security_version=header.security_version,
                                             root_hash=header.root_hash)
    complete = [i for i in range(2) if found[i]]
    if complete:
        table.slots[min(complete, key=lambda i: found[i].staged_sequence)].priority = 2
    return table


def _matches(header, slot):
    found = bootrecord.Header.decode(header)
    return found is not None and found.reader_min <= FORMAT and found.root_hash == slot.root_hash


def _choose(table, excluded):
    """Chooses, and spends what that costs."""
    once, slots = table.once, table.slots
    table.once = NONE
    for i, slot in enumerate(slots):
        if _is_spent(slot) and (slots[1 - i].state == "good" or slot.failures >= FAILURES_MAX):
            slot.state = "bad"
            slot.fault = slot.fault or FAULT_TRIES_SPENT
    chosen, reason = _pick(table, once, excluded)
    if chosen != NONE:
        if _is_on_trial(slots[chosen]):
            slots[chosen].tries_left -= 1
        else:
            slots[chosen].failures = min(slots[chosen].failures + 1, FAILURES_MAX)
        table.last = chosen
    return chosen, reason


def _pick(table, once, excluded):
    slots = table.slots
    left = [i for i in range(2) if i != excluded]
    if once in left and _is_bootable(slots[once]):
        return once, "once"
    healthy = [i for i in left if _is_on_trial(slots[i]) or
               (slots[i].state == "good" and slots[i].failures < GOOD_FAILURES_MAX)]
    if healthy:
        chosen = max(healthy, key=lambda i: slots[i].priority)
        return chosen, _reason(slots, chosen, excluded)
    good = [i for i in left if slots[i].state == "good"]
    if good:
        return min(good, key=lambda i: (slots[i].failures, -slots[i].priority)), "last-resort"
    spent = [i for i in left if _is_spent(slots[i])]
    if spent:
        return min(spent, key=lambda i: (slots[i].failures, i == table.last)), "last-resort"
    return NONE, "none"


def _reason(slots, chosen, excluded):
    if slots[chosen].state == "trying":
        return "trial"
    other = slots[1 - chosen]
    is_passed_over = other.state not in ("empty", "staged") and other.priority > slots[chosen].priority
    return "fallback" if excluded != NONE or is_passed_over else "preferred"


def _is_on_trial(slot):
    return slot.state == "trying" and slot.tries_left > 0


def _is_spent(slot):
    return slot.state == "trying" and slot.tries_left == 0


def _is_bootable(slot):
    return _is_on_trial(slot) or slot.state == "good"
