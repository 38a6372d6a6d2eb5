#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""azboot on real firmware with Secure Boot on: azboot_test.py AZBOOT_EFI PAYLOAD_EFI [CASE...]

Each case makes a disk, boots it until a payload powers off, and then holds what the payloads said
and what stands in the boot record, decoded by code of its own, against what must be so."""
import hashlib
import os
import shutil
import struct
import subprocess
import sys
import tempfile
import time
import uuid

import disk as disks
import eventlog
import tap
import vars as variables
from azboot_rig import HASH, Rig, good, record, reports, trying
from bootrecord import COPY_SIZE, Header, Record, Slot, crc32c
from tpmcounter import Counter

SHUTDOWN, RESET, RETURN = "PAYLOAD_END=shutdown", "PAYLOAD_END=reset", "PAYLOAD_END=return"
NONE = 255
LATER, LOST, READ, WRITE, SPENT, MISMATCH = 103, 104, 105, 106, 113, 119
HEAD_MAGIC, HEAD_CHECKSUM, HEAD_RANGE = 120, 121, 123
BOOT_READ, DENIED, LOAD, START, FLOOR, BOOT_NONE = 131, 133, 134, 135, 136, 137
OSREL_NUMBER = 211
NOTHING = "neither slot can be booted"

case = tap.case
times_us = []


def version(number):
    return f"AZUPDATE_SECURITY_VERSION={number}"


def same(what, found, wanted):
    assert found == wanted, f"{what}: {found!r} instead of {wanted!r}"


def told(report, slot, reason, fault=0, stored=1):
    """What azboot must have told the system."""
    same("AzbootSlot", report.text("AzbootSlot"), slot)
    same("AzbootReason", report.text("AzbootReason"), reason)
    same("AzbootFault", report.number("AzbootFault"), fault)
    same("AzbootStored", report.number("AzbootStored"), stored)
    same("LoaderEntrySelected", report.text("LoaderEntrySelected"), f"azupdate-{slot}")
    same("the image's partition", report.partition, f"boot_{slot}")
    times_us.append(report.time_us())


def only(seen):
    same("number of payloads started", len(seen), 1)
    return seen[0]


def two_good(rig, **fields):
    """Slot a preferred, slot b its fallback, both good."""
    uki = rig.uki(SHUTDOWN, version(1))
    return rig.disk(record(good(priority=2), good(), **fields), [uki, uki])


@case
def good_slot(rig):
    disk = two_good(rig, last_fault=DENIED)
    report = only(rig.boot(disk))
    told(report, "a", "preferred")
    rec = disk.record()
    same("sequence", rec.sequence, 11)
    same("failures", [slot.failures for slot in rec.slots], [1, 0])
    same("last", (rec.last, rec.last_fault), (0, 0))
    same("older copy", Record.decode(disk.area()[:COPY_SIZE]).sequence, 10)


@case
def boot_loader_interface(rig):
    report = only(rig.boot(two_good(rig)))
    esp = report.text("LoaderDevicePartUUID")
    same("form of the GUID", [len(part) for part in esp.split("-")], [8, 4, 4, 4, 12])
    same("LoaderInfo", report.text("LoaderInfo").split(" ")[0], "azboot")
    same("LoaderFeatures", report.number("LoaderFeatures"), 0)
    same("LoaderBootCountPath", report.raw("LoaderBootCountPath"), None)
    same("attributes", report.raw("AzbootSlot")[0], variables.BS | variables.RT)
    same("SecureBoot", report.number("SecureBoot"), 1)
    assert 0 < report.time_us() < 60_000_000, report.time_us()


@case
def esp_guid_is_the_disks(rig):
    disk = two_good(rig)
    report = only(rig.boot(disk))
    with open(disk.path, "rb") as file:
        file.seek(2 * 512 + 16)
        raw = file.read(16)
    same("LoaderDevicePartUUID", report.text("LoaderDevicePartUUID"), str(uuid.UUID(bytes_le=raw)))


@case
def decision_is_measured(rig):
    uki = rig.uki(SHUTDOWN, version(7), "PAYLOAD_LOG=1")
    report = only(rig.boot(rig.disk(record(trying(), good()), [uki, uki])))
    log = bytes.fromhex(report.values["log"])
    ours = [(digest, data) for pcr, kind, digest, data in eventlog.events(log)
            if pcr == 5 and kind == eventlog.EV_EVENT_TAG]
    same("events", len(ours), 1)
    same("event", ours[0][1],
         struct.pack("<IIHBBB3xI4xQQ", 0x617a6274, 32, 1, 0, 2, 1, 0, 0, 7))
    same("digest", ours[0][0], hashlib.sha256(ours[0][1]).digest())
    same("PCR 5", report.values["pcr5"], eventlog.replay(log, 5).hex())


@case
def trial_falls_back_after_three(rig):
    disk = rig.disk(record(trying(), good()),
                    [rig.uki(RESET, version(1)), rig.uki(SHUTDOWN, version(1))])
    seen = rig.boot(disk, seconds=60)
    same("payloads started", len(seen), 4)
    for report in seen[:3]:
        told(report, "a", "trial")
    told(seen[3], "b", "fallback")
    same("PCR 5 of equal boots", len({report.values["pcr5"] for report in seen[:3]}), 1)
    rec = disk.record()
    slot = rec.slots[0]
    same("slot a", (slot.state, slot.tries_left, slot.fault), ("bad", 0, SPENT))
    same("slot b", (rec.slots[1].state, rec.slots[1].failures), ("good", 1))
    same("sequence", rec.sequence, 14)


@case
def try_is_spent_before_it_is_used(rig):
    uki = rig.uki(SHUTDOWN, version(1))
    disk = rig.disk(record(trying(tries_left=2), good()), [uki, uki])
    told(only(rig.boot(disk)), "a", "trial")
    same("slot a", (disk.record().slots[0].state, disk.record().slots[0].tries_left), ("trying", 1))


@case
def failures_of_a_good_slot_count(rig):
    disk = rig.disk(record(good(priority=2), good()),
                    [rig.uki(RESET, version(1)), rig.uki(SHUTDOWN, version(1))])
    seen = rig.boot(disk, seconds=60)
    same("slots", [report.text("AzbootSlot") for report in seen], ["a", "a", "a", "b"])
    told(seen[3], "b", "fallback")
    same("failures", [slot.failures for slot in disk.record().slots], [3, 1])
    same("states", [slot.state for slot in disk.record().slots], ["good", "good"])


@case
def one_shot(rig):
    uki = rig.uki(SHUTDOWN, version(1))
    disk = rig.disk(record(good(priority=2), good(), once=1), [uki, uki])
    told(only(rig.boot(disk)), "b", "once")
    same("once", disk.record().once, NONE)
    told(only(rig.boot(disk)), "a", "preferred")


def two_copies(rig):
    """Sequence 10 in copy 0, 11 in copy 1; they differ in which slot is preferred."""
    uki = rig.uki(SHUTDOWN, version(1))
    disk = rig.disk(record(good(priority=2), good()), [uki, uki], staged_sequence=[3, 7])
    disk.put_record(record(good(), good(priority=2), sequence=11), copy=1)
    return disk


def flip(disk, copy):
    byte = disk.read("azstate", copy * COPY_SIZE + 70, 1)[0]
    disk.write("azstate", copy * COPY_SIZE + 70, bytes([byte ^ 4]))


@case
def newer_copy_wins(rig):
    disk = two_copies(rig)
    told(only(rig.boot(disk)), "b", "preferred")
    same("copy 0", Record.decode(disk.area()[:COPY_SIZE]).sequence, 12)
    same("copy 1", Record.decode(disk.area()[COPY_SIZE:]).sequence, 11)


@case
def newer_copy_corrupt(rig):
    disk = two_copies(rig)
    flip(disk, 1)
    told(only(rig.boot(disk)), "a", "preferred")
    same("copy 1", Record.decode(disk.area()[COPY_SIZE:]).sequence, 11)


@case
def older_copy_corrupt(rig):
    disk = two_copies(rig)
    flip(disk, 0)
    told(only(rig.boot(disk)), "b", "preferred")
    same("copy 0", Record.decode(disk.area()[:COPY_SIZE]).sequence, 12)


def check_recovered(disk):
    rec = Record.decode(disk.area()[:COPY_SIZE])
    assert rec is not None and rec.recovered, rec
    same("sequence", rec.sequence, 8)
    same("last fault", rec.last_fault, LOST)
    same("states", [slot.state for slot in rec.slots], ["good", "good"])
    same("root hashes", [slot.root_hash for slot in rec.slots], HASH)
    same("tries", [slot.tries_left for slot in rec.slots], [0, 0])


@case
def both_copies_corrupt(rig):
    disk = two_copies(rig)
    flip(disk, 0)
    flip(disk, 1)
    told(only(rig.boot(disk)), "a", "preferred", LOST)
    check_recovered(disk)


@case
def all_zeros(rig):
    disk = two_copies(rig)
    disk.write("azstate", 0, bytes(2 * COPY_SIZE))
    told(only(rig.boot(disk)), "a", "preferred", LOST)
    check_recovered(disk)
    told(only(rig.boot(disk)), "a", "preferred")
    same("sequence", disk.record().sequence, 9)


@case
def later_format_is_left_alone(rig):
    disk = two_copies(rig)
    disk.put_record(record(good(), good(), sequence=12, format=2, reader_min=2), copy=0)
    before = disk.area()
    told(only(rig.boot(disk)), "a", "preferred", LATER, stored=0)
    assert disk.area() == before, "the record was written"


@case
def later_fields_are_kept(rig):
    uki = rig.uki(SHUTDOWN, version(1))
    disk = rig.disk(None, [uki, uki])
    later = record(good(priority=2), good(), format=2, size=512)
    bytes_later = bytearray(later.encode())
    bytes_later[300:304] = b"kept"
    struct.pack_into("<I", bytes_later, 8, crc32c(bytes(bytes_later[12:512])))
    disk.write("azstate", 0, bytes(bytes_later))
    told(only(rig.boot(disk)), "a", "preferred")
    same("written by azboot", disk.record().sequence, 11)
    same("later field", disk.read("azstate", COPY_SIZE + 300, 4), b"kept")


def refused(rig, uki, fault, spoil=None):
    """Slot a on trial does not start: slot b does, and the record says why."""
    disk = rig.disk(record(trying(), good()), [uki, rig.uki(SHUTDOWN, version(1))])
    if spoil:
        spoil(disk)
    told(only(rig.boot(disk)), "b", "fallback", fault)
    rec = disk.record()
    same("slot a", (rec.slots[0].state, rec.slots[0].fault), ("bad", fault))
    same("slot b", (rec.slots[1].state, rec.slots[1].failures), ("good", 1))
    same("last fault", rec.last_fault, fault)
    return disk


@case
def unsigned(rig):
    refused(rig, rig.uki(SHUTDOWN, version(1), key=None), DENIED)


@case
def tampered(rig):
    uki = bytearray(rig.uki(SHUTDOWN, version(1), pad=5000))
    uki[9000] ^= 1
    refused(rig, bytes(uki), DENIED)


@case
def signed_by_a_stranger(rig):
    refused(rig, rig.uki(SHUTDOWN, version(1), key="stranger"), DENIED)


@case
def not_a_program(rig):
    """Firmware asks for a signature before it looks at what it is."""
    refused(rig, b"\x7fELF" + bytes(5000), DENIED)


@case
def program_for_another_machine(rig):
    refused(rig, rig.uki(SHUTDOWN, machine=0xaa64), LOAD)


@case
def security_version_that_is_no_number(rig):
    refused(rig, rig.uki(SHUTDOWN, version("many")), OSREL_NUMBER)


@case
def header_wiped(rig):
    refused(rig, rig.uki(SHUTDOWN), HEAD_MAGIC, lambda disk: disk.write("boot_a", 0, bytes(4096)))


@case
def header_torn(rig):
    refused(rig, rig.uki(SHUTDOWN), HEAD_CHECKSUM,
            lambda disk: disk.write("boot_a", 200, b"\xff" * 56))


@case
def header_too_large(rig):
    def spoil(disk):
        header = Header(uki_size=17 * disks.MIB, tree_offset=4096, manifest_offset=4096,
                        signature_offset=4096, root_hash=HASH[0])
        disk.write("boot_a", 0, header.encode())
    refused(rig, rig.uki(SHUTDOWN), HEAD_RANGE, spoil)


@case
def header_of_another_release(rig):
    def spoil(disk):
        disk.stage(0, rig.uki(SHUTDOWN), root_hash=bytes(32))
    refused(rig, rig.uki(SHUTDOWN), MISMATCH, spoil)


@case
def unreadable_uki(rig):
    disk = rig.disk(record(trying(), good()), [rig.uki(SHUTDOWN), rig.uki(SHUTDOWN)])
    told(only(rig.boot(disk, blockdev=broken("read", disk.offset("boot_a") + 8192))),
         "b", "fallback", BOOT_READ)
    same("slot a", (disk.record().slots[0].state, disk.record().slots[0].fault), ("bad", BOOT_READ))


@case
def payload_that_returns(rig):
    disk = rig.disk(record(trying(), good()), [rig.uki(RETURN), rig.uki(SHUTDOWN)])
    seen = rig.boot(disk)
    same("payloads started", len(seen), 2)
    told(seen[0], "a", "trial")
    told(seen[1], "b", "fallback", START)
    same("slot a", (disk.record().slots[0].state, disk.record().slots[0].fault), ("bad", START))


@case
def good_slot_that_does_not_verify(rig):
    disk = rig.disk(record(good(priority=2), good()),
                    [rig.uki(SHUTDOWN, key=None), rig.uki(SHUTDOWN)])
    told(only(rig.boot(disk)), "b", "fallback", DENIED)
    slot = disk.record().slots[0]
    same("slot a", (slot.state, slot.fault, slot.failures), ("good", DENIED, 1))


@case
def both_refused(rig):
    uki = rig.uki(SHUTDOWN, key=None)
    disk = rig.disk(record(good(priority=2), trying(priority=1)), [uki, uki])
    console = rig.boot_to_text(disk, "next boot option follows")
    for text in (NOTHING, "slot a: good", "slot b: bad", f"fault {DENIED}", "sign the UKI",
                 f"fault {BOOT_NONE}", "install from outside"):
        assert text in console, f"the screen lacks {text!r}"
    rec = disk.record()
    same("last fault", rec.last_fault, BOOT_NONE)
    same("faults", [slot.fault for slot in rec.slots], [DENIED, DENIED])
    same("states", [slot.state for slot in rec.slots], ["good", "bad"])


@case
def both_empty(rig):
    disk = rig.disk(record(Slot(), Slot()), [None, None])
    console = rig.boot_to_text(disk, "next boot option follows")
    assert NOTHING in console and "slot a: empty" in console
    same("last fault", disk.record().last_fault, BOOT_NONE)


def with_floor(rig, value, attributes):
    return rig.new_vars(("AzbootFloor", variables.AZUPDATE, attributes, struct.pack("<Q", value)))


@case
def floor_refuses(rig):
    disk = rig.disk(record(trying(), good()),
                    [rig.uki(SHUTDOWN, version(4)), rig.uki(SHUTDOWN, version(5))])
    floor = with_floor(rig, 5, variables.NV | variables.BS)
    told(only(rig.boot(disk, floor)), "b", "fallback", FLOOR)
    same("slot a", (disk.record().slots[0].state, disk.record().slots[0].fault), ("bad", FLOOR))


@case
def floor_of_the_running_system_is_none(rig):
    disk = two_good(rig)
    floor = with_floor(rig, 5, variables.NV | variables.BS | variables.RT)
    told(only(rig.boot(disk, floor)), "a", "preferred")


@case
def floor_is_raised_on_request(rig):
    uki = rig.uki(SHUTDOWN, version(3))
    disk = rig.disk(record(good(priority=2, security_version=9), good(security_version=9),
                           floor_request=8), [uki, uki])
    store = rig.new_vars()
    report = only(rig.boot(disk, store))
    told(report, "a", "preferred")
    same("the floor is that of the verified UKI", report.raw("AzbootFloor"),
         (variables.NV | variables.BS, struct.pack("<Q", 3)))
    same("in the flash", variables.Vars(store).get("AzbootFloor", variables.AZUPDATE),
         (variables.NV | variables.BS, struct.pack("<Q", 3)))


@case
def floor_leaves_the_fallback_bootable(rig):
    uki = rig.uki(SHUTDOWN, version(3))
    disk = rig.disk(record(good(priority=2, security_version=3), good(security_version=2),
                           floor_request=3), [uki, uki])
    report = only(rig.boot(disk))
    same("AzbootFloor", report.number("AzbootFloor"), 2)
    same("AzbootFloorInForce", report.number("AzbootFloorInForce"), 2)


@case
def floor_waits_for_the_commit(rig):
    uki = rig.uki(SHUTDOWN, version(3))
    disk = rig.disk(record(trying(security_version=3), good(security_version=3), floor_request=3),
                    [uki, uki])
    same("AzbootFloor", only(rig.boot(disk)).raw("AzbootFloor"), None)


def tpm_of_its_own(rig):
    """The state of another TPM, in a folder."""
    folder = rig.path(f"tpm{rig.count}")
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(rig.tpm, folder)
    return folder


def raising(rig, floor, request):
    """Two good slots of security version 3 and 4, and a floor, with the commit's request for another."""
    disk = rig.disk(record(good(priority=2, security_version=4), good(security_version=3),
                           floor_request=request),
                    [rig.uki(SHUTDOWN, version(4)), rig.uki(SHUTDOWN, version(3))])
    return disk, with_floor(rig, floor, variables.NV | variables.BS)


@case
def counter_is_told_and_remembered(rig):
    disk, store = raising(rig, 2, 2)
    tpm = tpm_of_its_own(rig)
    with Counter(tpm) as counter:
        counter.make()
        value = counter.move()
    report = only(rig.boot(disk, store, tpm_state=tpm))
    same("limit", report.number("AzbootCounterLimit"), value + 1)
    same("floor", report.number("AzbootFloorInForce"), 2)
    attributes, memory = report.raw("AzbootCounter")
    same("attributes", attributes, variables.NV | variables.BS)
    same("memory", (memory[:8], memory[40:]),
         (struct.pack("<II", 1, 0x180415b), struct.pack("<QQ", 2, value + 1)))
    # That the counter follows is no rise; one more step than azboot allowed is one.
    for steps, floor in ((1, 2), (1, 3)):
        with Counter(tpm) as counter:
            value = counter.move(steps)
        report = only(rig.boot(disk, store, tpm_state=tpm))
        same("floor", report.number("AzbootFloorInForce"), floor)
    same("AzbootFloor", report.number("AzbootFloor"), 3)
    same("limit", report.number("AzbootCounterLimit"), value + 1)


@case
def counter_outlives_variables_of_before(rig):
    """The floor rose twice; then the flash is put back. The slot below the floor is refused."""
    disk, store = raising(rig, 2, 2)
    tpm = tpm_of_its_own(rig)
    with Counter(tpm) as counter:
        counter.make()
        counter.move()
    only(rig.boot(disk, store, tpm_state=tpm))
    with Counter(tpm) as counter:
        counter.move(3)
    disk.put_record(record(good(security_version=4), good(priority=2, security_version=3), sequence=20))
    report = only(rig.boot(disk, store, tpm_state=tpm))
    told(report, "a", "fallback", FLOOR)
    same("floor", report.number("AzbootFloorInForce"), 4)


@case
def what_is_no_counter_says_nothing(rig):
    """An ordinary index; and one that was never moved. Nor does what the running system wrote."""
    for attributes in ("ownerwrite|policywrite|authread|ownerread|no_da",
                       "nt=bits|policywrite|authread|ownerread|no_da", None):
        disk, _ = raising(rig, 2, 2)
        lasting = variables.NV | variables.BS | variables.RT
        store = rig.new_vars(
            ("AzbootFloor", variables.AZUPDATE, variables.NV | variables.BS, struct.pack("<Q", 2)),
            ("AzbootFloorInForce", variables.AZUPDATE, lasting, struct.pack("<Q", 0)),
            ("AzbootCounterLimit", variables.AZUPDATE, lasting, struct.pack("<Q", 1)),
            ("AzbootCounter", variables.AZUPDATE, lasting,
             struct.pack("<II32xQQ", 1, 0x180415b, 99, 0)))
        tpm = tpm_of_its_own(rig)
        with Counter(tpm) as counter:
            counter.make(**({"attributes": attributes} if attributes else {}))
        report = only(rig.boot(disk, store, tpm_state=tpm))
        told(report, "a", "preferred")
        same("floor", report.raw("AzbootFloorInForce"), (variables.BS | variables.RT, struct.pack("<Q", 2)))
        same("limit", report.raw("AzbootCounterLimit"), None)


def attached(disk):
    """As a second disk. A boot index, or this firmware does not connect it at all."""
    return ["-blockdev", f"driver=file,filename={disk.path},node-name=other-file",
            "-blockdev", "driver=raw,file=other-file,node-name=other",
            "-device", "virtio-blk-pci,drive=other,bootindex=1"]


@case
def second_disk_is_ignored(rig):
    disk = two_good(rig)
    own = disk.read("boot_a", 0, 4096)
    other = rig.disk(record(good(), trying(), sequence=99), [rig.uki(RESET)] * 2)
    with open(other.path, "rb") as file:
        before = hashlib.sha256(file.read()).digest()
    told(only(rig.boot(disk, extra=attached(other))), "a", "preferred")
    same("record", disk.record().sequence, 11)
    assert own == disk.read("boot_a", 0, 4096)
    with open(other.path, "rb") as file:
        assert hashlib.sha256(file.read()).digest() == before, "the other disk was written to"


@case
def clone_of_the_disk_is_ignored(rig):
    disk = two_good(rig)
    clone = disks.Disk(disk.path + ".clone")
    shutil.copyfile(disk.path, clone.path)
    clone.put_record(record(good(), trying(), sequence=99))
    told(only(rig.boot(disk, extra=attached(clone))), "a", "preferred")
    same("sequence of the clone", clone.record().sequence, 99)


def broken(kind, *offsets):
    """The disk fails to read or write these sectors."""
    rules = "".join(f",inject-error.{i}.event=none,inject-error.{i}.iotype={kind}"
                    f",inject-error.{i}.errno=5,inject-error.{i}.sector={offset // 512}"
                    for i, offset in enumerate(offsets))
    return [f"driver=blkdebug,node-name=disk0-broken,image=disk0-host{rules}",
            "driver=raw,file=disk0-broken,node-name=disk0"]


def record_offsets(disk):
    return [disk.offset("azstate"), disk.offset("azstate") + COPY_SIZE]


@case
def record_that_cannot_be_written(rig):
    uki = rig.uki(SHUTDOWN)
    disk = rig.disk(record(trying(), good()), [uki, uki])
    before = disk.area()
    told(only(rig.boot(disk, blockdev=broken("write", *record_offsets(disk)))),
         "b", "fallback", WRITE, stored=0)
    assert disk.area() == before


@case
def read_only_disk(rig):
    uki = rig.uki(SHUTDOWN)
    disk = rig.disk(record(trying(), good()), [uki, uki])
    nodes = ["driver=raw,file=disk0-host,node-name=disk0,read-only=on"]
    told(only(rig.boot(disk, blockdev=nodes)), "b", "fallback", WRITE, stored=0)


@case
def no_good_slot_and_no_writing(rig):
    disk = rig.disk(record(trying(), Slot()), [rig.uki(SHUTDOWN), None])
    console = rig.boot_to_text(disk, "next boot option follows",
                               blockdev=broken("write", *record_offsets(disk)))
    assert "payload begin" not in console, "a trial was started that was not counted"
    assert f"fault {WRITE}" in console


@case
def record_that_cannot_be_read(rig):
    uki = rig.uki(SHUTDOWN)
    disk = rig.disk(record(good(), good(priority=2)), [uki, uki], staged_sequence=[3, 7])
    before = disk.area()
    told(only(rig.boot(disk, blockdev=broken("read", *record_offsets(disk)))),
         "a", "preferred", READ, stored=0)
    assert disk.area() == before, "a record that may be sound was overwritten"


@case
def one_copy_that_cannot_be_read(rig):
    disk = two_copies(rig)
    told(only(rig.boot(disk, blockdev=broken("read", record_offsets(disk)[1]))), "a", "preferred",
         WRITE, stored=0)


@case
def no_azstate(rig):
    uki = rig.uki(SHUTDOWN)
    disk = rig.disk(None, [uki, uki], staged_sequence=[7, 3])
    relabel(disk, "azstate", "elsewhere")
    told(only(rig.boot(disk)), "b", "preferred", READ, stored=0)


def relabel(disk, old, new):
    number = 1 + [name for name, *_ in disks.LAYOUT].index(old)
    subprocess.run(["sfdisk", "--quiet", "--no-reread", "--no-tell-kernel", "--part-label",
                    disk.path, str(number), new], check=True)


@case
def large_uki(rig):
    uki = rig.uki(SHUTDOWN, pad=9 * disks.MIB + 1234)
    told(only(rig.boot(rig.disk(record(good(priority=2), good()), [uki, uki]))), "a", "preferred")


@case
def menu_on_a_key(rig):
    disk = two_good(rig)
    with rig.machine(disk) as vm:
        deadline = time.monotonic() + 60 * vm.slowness
        while vm.is_running() and "LoaderInfo" not in vm.serial() and time.monotonic() < deadline:
            vm.type_keys("b")
            time.sleep(0.05)
        vm.wait_exit(30)
        console = vm.serial()
    assert "Press a or b" in console, "no menu was shown"
    told(only(reports(console)), "b", "once")
    same("once", disk.record().once, NONE)


def show_times():
    times_us.sort()
    print(f"# entry to hand-over: median {times_us[len(times_us) // 2] / 1000:.1f} ms, "
          f"longest {times_us[-1] / 1000:.1f} ms, {len(times_us)} starts")


def main():
    azboot, payload, *names = sys.argv[1:]
    with tempfile.TemporaryDirectory(prefix="azboot-test-") as folder:
        rig = Rig(folder, os.path.abspath(azboot), os.path.abspath(payload))
        failed = tap.run(names, rig)
    if times_us:
        show_times()
    return 1 if failed else 0


sys.exit(main())
