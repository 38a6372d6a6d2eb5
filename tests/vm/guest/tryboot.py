#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Boots the test machine's kernel and initrd directly, without a boot loader, and shows that
azverity starts the signed root from wherever it is, and starts nothing else.

tryboot.py --agent PROGRAM --azverity PROGRAM [--work FOLDER] [CASE...]   prints TAP
"""
import argparse
import glob
import json
import os
import random
import re
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import time
from base64 import b64decode, b64encode

HERE = os.path.dirname(os.path.abspath(__file__))
PARTS_H = os.path.join(HERE, "../../../lib/core/parts.h")
BLOCK = 4096
MIB = 1 << 20
SALT = "73616c74" * 8
VAR_TYPE = "4d21b016-b534-45c2-a9fb-5c16e091fd2d"
VENDOR = "65592c1d-1a73-488e-ba46-1bbab7a13ee8"
OVMF_CODE, OVMF_VARS = "/usr/share/OVMF/OVMF_CODE_4M.fd", "/usr/share/OVMF/OVMF_VARS_4M.fd"



def kvm_works():
    """Whether a kernel really starts under KVM: where machines are nested, it may be there and yet
    emulate so much that plain emulation is quicker."""
    if not os.access("/dev/kvm", os.R_OK | os.W_OK):
        return False
    command = ["qemu-system-x86_64", "-nodefaults", "-no-user-config", "-display", "none", "-machine",
               "q35", "-accel", "kvm", "-cpu", "host", "-m", "256", "-no-reboot", "-serial", "stdio",
               "-kernel", sorted(glob.glob("/boot/vmlinuz-*-cloud-*"))[-1],
               "-append", "console=ttyS0 earlyprintk=ttyS0 panic=-1"]
    try:
        seen = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL, timeout=5).stdout
    except subprocess.TimeoutExpired as late:
        seen = late.stdout or b""
    return b"Linux version" in seen


KVM = kvm_works()
PATIENCE = 1 if KVM else 5      # emulation is several times slower


class Failed(Exception):
    """An expectation was not met."""


def expect(condition, what):
    if not condition:
        raise Failed(what)


def type_guid(name):
    with open(PARTS_H, encoding="utf-8") as file:
        return re.search(rf'PARTS_TYPE_{name}\[\] = "([^"]+)"', file.read())[1]


class Image:
    """A root image with its tree, and parity behind it, as it stands in a slot."""

    def __init__(self, erofs, path, salt, fec_roots=0):
        shutil.copyfile(erofs, path)
        self.path = path
        self.blocks = os.path.getsize(path) // BLOCK
        command = ["veritysetup", "format", "--hash=sha256", f"--salt={salt}",
                   f"--data-blocks={self.blocks}", f"--hash-offset={self.blocks * BLOCK}",
                   "--uuid=11111111-2222-3333-4444-555555555555", path, path]
        out = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
        self.root_hash = re.search(r"Root hash:\s+(\w+)", out)[1]
        self.size = os.path.getsize(path)
        if fec_roots:
            subprocess.run(command + [f"--fec-device={path}", f"--fec-offset={self.size}",
                                      f"--fec-roots={fec_roots}"], check=True, stdout=subprocess.PIPE)
            # Data and tree without the superblock, 255 - roots blocks in a round.
            self.rounds = -(-(self.size // BLOCK - 1) // (255 - fec_roots))
            self.size = os.path.getsize(path)

    def find(self, data):
        with open(self.path, "rb") as file:
            return file.read().index(data)


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def boot_record():
    """Slot a good, b good, a booted last: as lib/core/bootrec.c describes it."""
    slots = b"".join(struct.pack("<BBBBIQ32s16x", 3, priority, 0, 0, 0, 1, bytes(32))
                     for priority in (3, 2))
    rest = struct.pack("<HHIIQBBHIQ16x", 1, 1, 256, 0, 7, 255, 0, 0, 0, 0) + slots + bytes(64)
    return b"AZBOOTRC" + struct.pack("<I", crc32c(rest)) + rest


class Disk:
    """A GPT disk in a file: azstate, root_a, root_b, var."""

    def __init__(self, path, slots, slot_size, with_var=True):
        self.path = path
        self.start = {}
        table = [("azstate", type_guid("AZSTATE"), MIB), ("root_a", type_guid("ROOT"), slot_size),
                 ("root_b", type_guid("ROOT"), slot_size)]
        table += [("var", VAR_TYPE, 64 * MIB)] if with_var else []
        script, start = "label: gpt\n", MIB
        for label, kind, size in table:
            self.start[label] = start
            script += f"start={start // 512}, size={size // 512}, type={kind}, name={label}\n"
            start += size
        with open(path, "wb") as file:
            file.truncate(start + MIB)
        subprocess.run(["sfdisk", "-q", path], input=script, text=True, check=True)
        self.put("azstate", boot_record())
        for label, image in zip(("root_a", "root_b"), slots):
            if image:
                with open(image.path, "rb") as file:
                    self.put(label, file.read(min(image.size, slot_size)))
        if with_var:
            var = path + ".var"
            with open(var, "wb") as file:
                file.truncate(64 * MIB)
            subprocess.run(["mkfs.ext4", "-q", "-F", var], check=True)
            subprocess.run(["dd", f"if={var}", f"of={path}", "bs=1M", "conv=notrunc,sparse",
                            f"seek={self.start['var'] // MIB}", "status=none"], check=True)
            os.unlink(var)

    def put(self, label, data, offset=0):
        with open(self.path, "r+b") as file:
            file.seek(self.start[label] + offset)
            file.write(data)

    def flip(self, label, offset):
        with open(self.path, "r+b") as file:
            file.seek(self.start[label] + offset)
            byte = file.read(1)[0]
            file.seek(self.start[label] + offset)
            file.write(bytes([byte ^ 0x10]))

    def noted_fault(self, slot):
        """The slot's fault in the copy of the boot record with the higher sequence."""
        with open(self.path, "rb") as file:
            file.seek(self.start["azstate"])
            copies = [file.read(BLOCK) for _ in range(2)]
        valid = [copy for copy in copies if copy.startswith(b"AZBOOTRC")]
        newest = max(valid, key=lambda copy: struct.unpack_from("<Q", copy, 24))
        return struct.unpack_from("<I", newest, 64 + 64 * slot + 4)[0]


def firmware_options(folder):
    variables = os.path.join(folder, "variables.fd")
    shutil.copyfile(OVMF_VARS, variables)
    return ["-drive", f"if=pflash,unit=0,format=raw,readonly=on,file={OVMF_CODE}",
            "-drive", f"if=pflash,unit=1,format=raw,file={variables}"]


class Machine:
    """One run of QEMU, until the machine resets or stops. boot: its arguments for what it starts.
    It gets no MALLOC_PERTURB_ from meson: QEMU 7.2 uses freed memory at a reset."""

    def __init__(self, folder, disk, boot):
        self.serial = os.path.join(folder, "serial.log")
        self.agent_path = os.path.join(folder, "agent.sock")
        self.qmp_path = os.path.join(folder, "qmp.sock")
        for path in (self.serial, self.agent_path, self.qmp_path):
            if os.path.exists(path):
                os.unlink(path)
        self.started = time.monotonic()
        self.process = subprocess.Popen(
            ["qemu-system-x86_64", "-nodefaults", "-no-user-config", "-display", "none",
             "-machine", "q35,hpet=off,vmport=off", "-accel", "kvm" if KVM else "tcg",
             "-cpu", "host" if KVM else "Nehalem", "-m", "512", "-smp", "1",
             "-drive", f"if=none,id=disk,file={disk.path},format=raw,cache=unsafe,discard=ignore",
             "-device", "virtio-blk-pci,drive=disk", *boot, "-serial", f"file:{self.serial}",
             "-netdev", "user,id=net", "-device", "virtio-net-pci,netdev=net,romfile=",
             "-device", "virtio-serial-pci", "-chardev",
             f"socket,id=agent,path={self.agent_path},server=on,wait=off",
             "-device", "virtserialport,chardev=agent,name=org.azupdate.test",
             "-qmp", f"unix:{self.qmp_path},server=on,wait=off", "-no-reboot"],
            env={name: value for name, value in os.environ.items() if name != "MALLOC_PERTURB_"})
        self.qmp = self.connect(self.qmp_path).makefile("rw")
        self.qmp.readline()
        self.qmp.write('{"execute":"qmp_capabilities"}\n')
        self.qmp.flush()

    @staticmethod
    def connect(path):
        end = time.monotonic() + 10 * PATIENCE
        while True:
            client = socket.socket(socket.AF_UNIX)
            try:
                client.connect(path)
                return client
            except OSError:
                client.close()
                if time.monotonic() > end:
                    raise
                time.sleep(0.02)

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.process.kill()
        self.process.wait()

    def log(self):
        with open(self.serial, errors="replace", encoding="utf-8") as file:
            return file.read()

    def agent_ready(self):
        """Connects to the agent and waits until the machine is up. Gives the boot's id."""
        client = self.connect(self.agent_path)
        client.settimeout(60 * PATIENCE)
        self.agent = client.makefile("rwb")
        return self.ready_wait()

    def ready_wait(self):
        words = self.agent.readline().split()
        expect(words[:1] == [b"ready"], f"the agent says {words}")
        self.boot_s = time.monotonic() - self.started
        return words[1]

    def send(self, command):
        self.agent.write(b64encode(command.encode()) + b"\n")
        self.agent.flush()

    def run(self, command):
        """The status and output of a shell command in the machine."""
        self.send(command)
        status, _, output = self.agent.readline().partition(b" ")
        return int(status), b64decode(output).decode(errors="replace").strip()

    def output(self, command):
        status, output = self.run(command)
        expect(status == 0, f"{command!r} gives {status}: {output}")
        return output

    def end(self):
        """Waits until the machine stops; why it did: guest-reset, guest-shutdown."""
        deadline = time.monotonic() + 60 * PATIENCE
        for line in self.qmp:
            event = json.loads(line)
            if event.get("event") == "SHUTDOWN":
                return event["data"]["reason"]
            expect(time.monotonic() < deadline, "the machine does not stop")
        return "none"


class Lab:
    """What all cases share: images, and how to start a machine on them."""

    def __init__(self, work, guest, salt=SALT):
        self.work, self.guest = work, guest
        self.image = Image(f"{guest}/root.erofs", f"{work}/right.slot", salt)
        self.other = Image(f"{guest}/root.erofs", f"{work}/other.slot", "00")
        self.slot_size = (self.image.size // MIB + 8) * MIB
        with open(f"{guest}/cmdline.base", encoding="utf-8") as file:
            self.base = file.read().strip()

    def cmdline(self, **changes):
        words = {"roothash": self.image.root_hash, "azupdate.blocks": self.image.blocks}
        words.update({name.replace("_", "."): value for name, value in changes.items()})
        return " ".join([self.base] + [f"{k}={v}" for k, v in words.items() if v is not None])

    def disk(self, slot_a, slot_b, **options):
        options.setdefault("slot_size", self.slot_size)
        return Disk(f"{self.work}/disk.img", (slot_a, slot_b), **options)

    def machine(self, disk, cmdline=None, initrd=None, firmware=()):
        """firmware: what firmware_options() gives, for real firmware, whose variables stay."""
        boot = ["-kernel", f"{self.guest}/kernel", "-initrd", initrd or f"{self.guest}/initrd", "-append",
                cmdline or self.cmdline(), *firmware]
        return Machine(self.work, disk, boot)

    def expect_fault(self, disk, number, *messages, noted=True, **options):
        """The machine tells the fault, notes it, and resets without ever reaching userland."""
        with self.machine(disk, **options) as machine:
            reason, log = machine.end(), machine.log()
            took = time.monotonic() - machine.started
        expect(reason == "guest-reset", f"the machine stopped by {reason}")
        for message in (f"azverity: fault {number} ", *messages):
            expect(message in log, f"the console lacks {message!r}:\n{log[-1500:]}")
        expect("login:" not in log and "root@" not in log, "there is a shell")
        expect(disk.noted_fault(0) == (number if noted else 0), "the boot record has another fault")
        return f"{took:.1f} s"


def check_running(lab, machine, slot, partition):
    """The machine is up, on the right partition, and nothing in it is amiss."""
    boot = json.loads(machine.output("cat /run/azupdate/boot.json"))
    expect(boot == {"slot": slot, "root_hash": lab.image.root_hash, "device": partition,
                    "disk": "/dev/vda"}, f"boot.json is {boot}")
    state = machine.run("systemctl is-system-running --wait")[1]
    failed = machine.run("systemctl --failed --no-legend --plain")[1]
    expect(state == "running" and failed == "", f"the system is {state}: {failed}")
    expect(machine.output("cat /sys/block/dm-0/dm/name; ls /sys/block/dm-0/slaves").split() ==
           ["root", os.path.basename(partition)], "the root is not on the partition")
    expect(machine.output("cat /sys/block/dm-0/dm/uuid").startswith("CRYPT-VERITY-"), "no verity")
    mounts = machine.output("findmnt -nr -o TARGET,SOURCE,FSTYPE,OPTIONS / ; findmnt -nr "
                            "-o TARGET,SOURCE,FSTYPE,OPTIONS /var").splitlines()
    expect(re.match(r"/ /dev/(mapper/root|dm-0) erofs ro,", mounts[0]), mounts[0])
    expect(re.match(r"/var /dev/vda4 ext4 rw,nosuid,nodev,", mounts[1]), mounts[1])
    expect(machine.run("touch /etc/x /usr/x /x")[0] != 0, "the root can be written")
    machine.output("touch /var/lib/x && sync && test -d /var/tmp && test -d /var/log")


def case_slot_a(lab):
    with lab.machine(lab.disk(lab.image, None)) as machine:
        machine.agent_ready()
        check_running(lab, machine, "a", "/dev/vda2")
        ready_s = machine.boot_s
        blame = machine.output("systemd-analyze time | head -1")
        machine.output("busctl list --no-legend | grep -q org.freedesktop.systemd1")
        address = machine.output("ip -4 -o addr show scope global")
        expect("10.0.2.15/24" in address, f"the network is {address!r}")
        begin = time.monotonic()
        machine.send("systemctl reboot")
        expect(machine.end() == "guest-reset", "it does not reboot")
    return f"ready after {ready_s:.1f} s; reboot takes {time.monotonic() - begin:.1f} s; {blame}"


def case_slot_b_only(lab):
    with lab.machine(lab.disk(lab.other, lab.image)) as machine:
        machine.agent_ready()
        check_running(lab, machine, "b", "/dev/vda3")


def case_agent_answers(lab):
    """The agent itself: status, signals, long output, and a second test after the first."""
    with lab.machine(lab.disk(lab.image, None)) as machine:
        boot_id = machine.agent_ready()
        expect(machine.run("echo out; echo err >&2; exit 7") == (7, "out\nerr"), "status 7")
        expect(machine.run("kill -9 $$")[0] == 137, "a signal")
        expect(len(machine.run("head -c 3000000 /dev/zero | tr '\\0' x")[1]) == MIB, "1 MiB")
        expect(machine.run("sleep 100 & echo started") == (0, "started"), "left behind")
        machine.agent.close()
        time.sleep(0.2)
        expect(machine.agent_ready() == boot_id, "the same boot")
        expect(machine.run("echo again") == (0, "again"), "after connecting again")


def case_hinted_slot(lab):
    """Both slots hold it: the one that azboot named is taken. With real firmware, which a second
    QEMU starts with the same variables: within one, a reset did not always bring it back."""
    disk = lab.disk(lab.image, lab.image)
    firmware = firmware_options(lab.work)
    with lab.machine(disk, firmware=firmware) as machine:
        machine.agent_ready()
        check_running(lab, machine, "a", "/dev/vda2")
        first_s = machine.boot_s
        machine.output("printf '\\007\\0\\0\\0b\\0\\0\\0' > "
                       f"/sys/firmware/efi/efivars/AzbootSlot-{VENDOR}")
        machine.send("systemctl reboot")
        expect(machine.end() == "guest-reset", "it does not reboot")
    with lab.machine(disk, firmware=firmware) as machine:
        machine.agent_ready()
        check_running(lab, machine, "b", "/dev/vda3")
    return f"with firmware ready after {first_s:.1f} s"


def case_no_slot(lab):
    return lab.expect_fault(lab.disk(lab.other, None), 140, "root_a (/dev/vda2) is not it",
                            "(fault 146)", "root_b (/dev/vda3) is not it", "(fault 221)",
                            "noted in the boot record")


def case_tree_top_flipped(lab):
    disk = lab.disk(lab.image, None)
    disk.flip("root_a", (lab.image.blocks + 1) * BLOCK + 5)
    return lab.expect_fault(disk, 140, "(fault 146)")


def case_salt_flipped(lab):
    disk = lab.disk(lab.image, None)
    disk.flip("root_a", lab.image.blocks * BLOCK + 88)
    return lab.expect_fault(disk, 140, "(fault 146)")


def case_partition_truncated(lab):
    size = lab.image.size // MIB * MIB
    expect(size < lab.image.size, "the image fits")
    return lab.expect_fault(lab.disk(lab.image, None, slot_size=size), 140, "(fault 513)")


def case_blocks_wrong(lab):
    cmdline = lab.cmdline(azupdate_blocks=lab.image.blocks - 1)
    return lab.expect_fault(lab.disk(lab.image, None), 140, "(fault 221)", cmdline=cmdline)


def case_blocks_missing(lab):
    cmdline = lab.cmdline(azupdate_blocks=None)
    return lab.expect_fault(lab.disk(lab.image, None), 145, cmdline=cmdline)


def case_hash_missing(lab):
    return lab.expect_fault(lab.disk(lab.image, None), 143, cmdline=lab.cmdline(roothash=None))


def case_hash_twice(lab):
    cmdline = lab.cmdline() + f" roothash={lab.other.root_hash}"
    return lab.expect_fault(lab.disk(lab.image, lab.other), 143, cmdline=cmdline)


def case_var_missing(lab):
    return lab.expect_fault(lab.disk(lab.image, None, with_var=False), 144, "has no var partition")


def case_var_broken(lab):
    disk = lab.disk(lab.image, None)
    disk.put("var", bytes(BLOCK))
    return lab.expect_fault(disk, 144, "/dev/vda4 cannot be mounted")


def case_init_missing(lab):
    cmdline = lab.cmdline(init="/sbin/no-such-init")
    return lab.expect_fault(lab.disk(lab.image, None), 147, cmdline=cmdline)


def case_record_lost(lab):
    """Without a record nothing can be noted, and nothing is written over what stands there."""
    disk = lab.disk(lab.other, None)
    disk.put("azstate", bytes(2 * BLOCK))
    with lab.machine(disk) as machine:
        reason, log = machine.end(), machine.log()
    expect(reason == "guest-reset" and "azverity: fault 140 " in log and "not noted" in log, log)
    with open(disk.path, "rb") as file:
        file.seek(disk.start["azstate"])
        expect(file.read(2 * BLOCK) == bytes(2 * BLOCK), "the lost record was written over")


def expect_panic(machine):
    reason, log = machine.end(), machine.log()
    expect(reason == "guest-reset", f"the machine stopped by {reason}")
    expect("Kernel panic - not syncing: dm-verity device corrupted" in log, log[-1500:])


def case_first_block_flipped(lab):
    disk = lab.disk(lab.image, None)
    disk.flip("root_a", 16)
    with lab.machine(disk) as machine:
        expect_panic(machine)


def case_fec_mends(lab):
    """Rot in the first block, which alone is a panic: with parity the machine runs. The kernel
    knows by their hashes which blocks are wrong, so two roots mend two of a codeword; of three,
    nothing is made up. (Rot in the tree it does not mend when corruption is to be a panic.)"""
    image = Image(f"{lab.guest}/root.erofs", f"{lab.work}/fec.slot", SALT, fec_roots=2)
    expect(image.root_hash == lab.image.root_hash, "another root hash")
    disk = lab.disk(image, None, slot_size=(image.size // MIB + 8) * MIB)
    disk.flip("root_a", 16)
    disk.flip("root_a", image.rounds * BLOCK + 16)
    with lab.machine(disk, lab.cmdline(azupdate_fec=2)) as machine:
        machine.agent_ready()
        check_running(lab, machine, "a", "/dev/vda2")
        log = machine.output("dmesg")
        expect(re.search(r"FEC 0: corrected [1-9]\d* errors", log), "nothing was mended")
        expect("going on without" not in log, "azverity went on without FEC")
    disk.flip("root_a", 2 * image.rounds * BLOCK + 16)
    with lab.machine(disk, lab.cmdline(azupdate_fec=2)) as machine:
        expect_panic(machine)


def case_fec_refused(lab):
    """A kernel that does not take the parity, here since there is none, starts without. With 24
    roots it would be a tenth of the image, more than the slot's end leaves free."""
    slot_size = -(-lab.image.size // MIB) * MIB
    expect(slot_size - lab.image.size < lab.image.blocks // 231 * 24 * BLOCK, "parity would fit")
    with lab.machine(lab.disk(lab.image, None, slot_size=slot_size),
                     lab.cmdline(azupdate_fec=24)) as machine:
        machine.agent_ready()
        check_running(lab, machine, "a", "/dev/vda2")
        expect("dm-verity with FEC" in machine.output("dmesg"), "it was not told")


def case_file_flipped(lab):
    """A wrong block that no boot reads: the machine runs until somebody reads it."""
    disk = lab.disk(lab.image, None)
    disk.flip("root_a", lab.image.find(random.Random("release 1").randbytes(64)) + 100)
    with lab.machine(disk) as machine:
        machine.agent_ready()
        check_running(lab, machine, "a", "/dev/vda2")
        machine.send("cat /usr/share/azupdate-demo/content > /dev/null")
        expect_panic(machine)


def main(names, make_lab=lambda work, guest, options: Lab(work, guest), programs=()):
    """names: where the functions case_... are. programs: further ones that make_lab wants, as options."""
    cases = {name[5:]: function for name, function in names.items() if name.startswith("case_")}
    parser = argparse.ArgumentParser(description="boot the test machine and try to fool azverity")
    for program in ("agent", "azverity", *programs):
        parser.add_argument(f"--{program}", required=True)
    parser.add_argument("--work", help="folder to keep everything in")
    parser.add_argument("cases", nargs="*")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        work = os.path.abspath(options.work or temporary)
        guest = os.path.join(work, "guest")
        subprocess.run([os.path.join(HERE, "mkguest.py"), "1", guest, "--agent", options.agent,
                        "--azverity", options.azverity], check=True)
        return run(make_lab(work, guest, options), cases, options.cases or list(cases))


def run(lab, cases, names):
    status = 0
    print(f"1..{len(names)}", flush=True)
    for number, name in enumerate(names, 1):
        try:
            note = cases[name](lab)
            print(f"ok {number} {name}" + (f"\n# {note}" if note else ""), flush=True)
        except (Failed, OSError, ValueError) as error:
            status = 1
            print(f"not ok {number} {name}", flush=True)
            print("\n".join(f"# {line}" for line in str(error).splitlines()), flush=True)
    return status


if __name__ == "__main__":
    sys.exit(main(globals()))
