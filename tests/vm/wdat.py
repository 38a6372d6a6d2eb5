# SPDX-License-Identifier: MIT
"""The ACPI table WDAT for QEMU's q35, whose chipset has the TCO watchdog of the ICH9 but no firmware
that tells of it. Layout: Microsoft, Hardware Watchdog Timers Design Specification, 2006, section 2;
registers: Intel I/O Controller Hub 9 datasheet, 13.9, at the address where OVMF puts them."""
import struct

# The strap that would keep the chipset from a reset for good.
QEMU = ["-global", "ICH9-LPC.noreboot=off"]

TCO, CONTROL = 0x660, 0xfed1f410    # of the watchdog; GCS, general control and status, in memory
RLD, STS2, CNT1, TMR = TCO, TCO + 6, TCO + 8, TCO + 0x12
COUNT_MASK, HALT_BIT, SECOND_TIMEOUT_BIT, NO_REBOOT_BIT = 0x3ff, 11, 1, 5
PERIOD_MS = 1200    # the machine is reset at the second end of a count of 0.6 s
COUNT_MIN, COUNT_MAX = 2, 0x3ff
READ_VALUE, READ_COUNT, WRITE_VALUE, WRITE_COUNT, PRESERVE = 0, 1, 2, 3, 0x80

# action, instruction, register, bit offset, value, mask
ENTRIES = [
    (0x01, WRITE_VALUE, RLD, 0, 1, COUNT_MASK),                             # reset the count
    (0x04, READ_COUNT, RLD, 0, 0, COUNT_MASK),                              # what is left
    (0x05, READ_COUNT, TMR, 0, 0, COUNT_MASK),                              # the count
    (0x06, WRITE_COUNT | PRESERVE, TMR, 0, 0, COUNT_MASK),                  # set the count
    (0x08, READ_VALUE, CNT1, HALT_BIT, 0, 1),                               # is it running?
    (0x09, WRITE_VALUE | PRESERVE, CNT1, HALT_BIT, 0, 1),                   # run
    (0x0a, READ_VALUE, CNT1, HALT_BIT, 1, 1),                               # is it stopped?
    (0x0b, WRITE_VALUE | PRESERVE, CNT1, HALT_BIT, 1, 1),                   # stop
    (0x10, READ_VALUE, CONTROL, NO_REBOOT_BIT, 0, 1),                       # will it reset us?
    (0x11, WRITE_VALUE | PRESERVE, CONTROL, NO_REBOOT_BIT, 0, 1),           # it shall
    (0x20, READ_VALUE, STS2, SECOND_TIMEOUT_BIT, 1, 1),                     # did it reset us?
    (0x21, WRITE_VALUE, STS2, SECOND_TIMEOUT_BIT, 1, 1),                    # forget that
]


def entry(action, instruction, register, bit, value, mask):
    space, bits, access = (0, 32, 3) if register == CONTROL else (1, 16, 2)     # memory, or ports
    return struct.pack("<BBxxBBBBQII", action, instruction, space, bits, bit, access, register, value,
                       mask)


def tco():
    """The whole table, with its checksum."""
    watchdog = struct.pack("<IHBBB3xIIIB3xI", 32, 0xff, 0xff, 0xff, 0xff, PERIOD_MS, COUNT_MAX,
                           COUNT_MIN, 1, len(ENTRIES))
    body = watchdog + b"".join(entry(*row) for row in ENTRIES)
    table = struct.pack("<4sIBB6s8sI4sI", b"WDAT", 36 + len(body), 1, 0, b"AZUPDT", b"AZUPDATE", 1,
                        b"AZUP", 1) + body
    return table[:9] + bytes([-sum(table) & 0xff]) + table[10:]
