#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Boots UKIs whose root hash is signed, on kernels that know the key, do not know it, and demand it.

trysigned.py --agent PROGRAM --azverity PROGRAM --azbundle PROGRAM [--work FOLDER] [CASE...]   prints TAP

The kernel is Debian's, which verifies such signatures. It knows the key where shim has it in its list
of machine owner's keys: firmware with Secure Boot starts shim, and shim the UKI. Without firmware, the
sections of the UKI are started, and the kernel does not know the key.
"""
import hashlib
import os
import shutil
import subprocess
import sys
import time

sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
import tryboot
import vars as efivars

PRODUCT = "azupdate-demo"
SALT = hashlib.sha256(f"azupdate verity salt of product {PRODUCT}".encode()).hexdigest()
SHIM, SHIM_VENDOR = "/usr/lib/shim/shimx64.efi", "605dab50-e046-4300-abb6-3dd810dd8b23"
DEMAND = "dm_verity.require_signatures=1"
FILE = "azupdate/roothash.p7s"
TAKEN = "the kernel verified the signature of the root hash"
NOT_TAKEN = "the kernel does not take the signature of the root hash"


def run(*words, **options):
    done = subprocess.run([str(word) for word in words], capture_output=True, **options)
    if done.returncode != 0:
        raise tryboot.Failed(f"{words[0]}: {done.stderr.decode(errors='replace')}")
    return done.stdout


class SignedLab(tryboot.Lab):
    def __init__(self, work, guest, azbundle):
        super().__init__(work, guest, SALT)
        self.azbundle = azbundle
        self.at = lambda *names: os.path.join(work, *names)
        shutil.rmtree(self.at("keys"), ignore_errors=True)
        run(azbundle, "keys", self.at("keys"))

    def uki(self, *words, root=None, initrd=None, more=""):
        """The path of a UKI; its root hash is signed, unless words say otherwise."""
        root = root or f"{self.guest}/root.erofs"
        run(self.azbundle, "uki", "--linux", f"{self.guest}/kernel", "--initrd",
            initrd or f"{self.guest}/initrd", "--os-release", f"{self.guest}/osrelease", "--root", root,
            "--product", PRODUCT, "--cmdline", f"{self.base} {more}".strip(), "-o", self.at("uki.efi"), *words)
        return self.at("uki.efi")

    def signed(self):
        return ["--root-key", self.at("keys/roothash.key"), "--root-cert", self.at("keys/roothash.crt")]

    def section(self, uki, name):
        path = self.at(f"section.{name}")
        run("objcopy", "-O", "binary", f"--only-section=.{name}", uki, path)
        return path

    def parts(self, uki):
        """What the kernel gets of it, as options of machine()."""
        with open(self.section(uki, "cmdline"), encoding="ascii") as file:
            cmdline = file.read()
        tryboot.expect(f"roothash={self.image.root_hash} " in cmdline, f"another root: {cmdline}")
        return {"cmdline": cmdline, "initrd": self.section(uki, "initrd")}

    def other_signature(self):
        """An initrd with a good signature of another root hash."""
        with open(self.at("small"), "wb") as out:
            out.write(bytes(tryboot.BLOCK))
        return shutil.copy(self.section(self.uki(*self.signed(), root=self.at("small")), "initrd"),
                           self.at("initrd.other"))

    def with_file(self, content):
        """An initrd with this in place of a signature."""
        folder = self.at("tree")
        os.makedirs(os.path.join(folder, os.path.dirname(FILE)), exist_ok=True)
        with open(os.path.join(folder, FILE), "wb") as out:
            out.write(content)
        archive = run("cpio", "-o", "-H", "newc", "--quiet", cwd=folder,
                      input=f"{os.path.dirname(FILE)}\n{FILE}\n".encode())
        with open(f"{self.guest}/initrd", "rb") as file:
            initrd = file.read()
        with open(self.at("initrd.file"), "wb") as out:
            out.write(initrd + bytes(-len(initrd) % 4) + archive)
        return self.at("initrd.file")


class ShimLab(SignedLab):
    """Firmware with Secure Boot, shim, UKI. The key of root hashes is enrolled as mokutil would do it."""

    def __init__(self, lab):
        self.__dict__.update(lab.__dict__)

    def machine(self, disk, uki):
        esp = self.at("esp")
        shutil.rmtree(esp, ignore_errors=True)
        os.makedirs(os.path.join(esp, "EFI/BOOT"))
        run("sbsign", "--key", self.at("keys/db.key"), "--cert", self.at("keys/db.crt"), "--output",
            os.path.join(esp, "EFI/BOOT/BOOTX64.EFI"), SHIM)
        shutil.copy(uki, os.path.join(esp, "EFI/BOOT/grubx64.efi"))
        boot = ["-drive", f"if=none,id=esp,format=raw,read-only=on,file=fat:{esp}",
                "-device", "virtio-blk-pci,drive=esp,bootindex=0",
                "-drive", f"if=pflash,unit=0,format=raw,readonly=on,file={tryboot.OVMF_CODE}",
                "-drive", f"if=pflash,unit=1,format=raw,file={self.variables()}"]
        return tryboot.Machine(self.work, disk, boot)

    def variables(self):
        shutil.copyfile(tryboot.OVMF_VARS, self.at("variables.fd"))
        store = efivars.Vars(self.at("variables.fd"))
        store.enrol(*[[self.der(name)] for name in ("PK", "KEK", "db")])
        store.set("MokList", SHIM_VENDOR, efivars.NV | efivars.BS,
                  efivars.signature_list(self.der("roothash")))
        store.save()
        return store.path

    def der(self, name):
        return run("openssl", "x509", "-in", self.at(f"keys/{name}.crt"), "-outform", "DER")

    def uki(self, *words, key="db", **options):
        return super().uki("--key", self.at(f"keys/{key}.key"), "--cert", self.at(f"keys/{key}.crt"), *words,
                           **options)


def check_boots(lab, machine, *messages):
    machine.agent_ready()
    tryboot.check_running(lab, machine, "a", "/dev/vda2")
    log = machine.output("dmesg")
    for message in messages:
        tryboot.expect(message in log, f"the log lacks {message!r}: " +
                       "\n".join(line for line in log.splitlines() if "verity" in line))
    return log


def case_unknown_key(lab):
    """Debian's kernel does not know the key, and does not demand a signature."""
    with lab.machine(lab.disk(lab.image, None), **lab.parts(lab.uki(*lab.signed()))) as machine:
        log = check_boots(lab, machine, NOT_TAKEN, "Required key not available")
        tryboot.expect(TAKEN not in log, "the kernel took it, too")


def case_unknown_key_demanded(lab):
    uki = lab.uki(*lab.signed(), more=DEMAND)
    return lab.expect_fault(lab.disk(lab.image, None), 980, "noted in the boot record",
                            "Root hash verification failed (-ENOKEY)", **lab.parts(uki))


def case_no_signature_demanded(lab):
    return lab.expect_fault(lab.disk(lab.image, None), 980, **lab.parts(lab.uki(more=DEMAND)))


def case_no_signature(lab):
    """With all other words to the module, nothing is said of signatures."""
    with lab.machine(lab.disk(lab.image, None), **lab.parts(lab.uki(more="dm-verity.prefetch_cluster=8192"))) \
            as machine:
        log = check_boots(lab, machine)
        tryboot.expect("signature of the root hash" not in log, "a signature is spoken of")
        tryboot.expect(machine.output("cat /sys/module/dm_verity/parameters/prefetch_cluster") == "8192",
                       "the module did not get its argument")


def case_garbage(lab):
    uki = lab.uki(initrd=lab.with_file(b"no PKCS#7"))
    with lab.machine(lab.disk(lab.image, None), **lab.parts(uki)) as machine:
        check_boots(lab, machine, NOT_TAKEN)


def case_too_large(lab):
    uki = lab.uki(initrd=lab.with_file(bytes(16385)))
    with lab.machine(lab.disk(lab.image, None), **lab.parts(uki)) as machine:
        log = check_boots(lab, machine, f"/{FILE} is not used")
        tryboot.expect(NOT_TAKEN not in log, "it was used")


def case_trusted_demanded(lab):
    """The kernel knows the key, and starts nothing that is not signed by it."""
    lab = ShimLab(lab)
    with lab.machine(lab.disk(lab.image, None), lab.uki(*lab.signed(), more=DEMAND)) as machine:
        check_boots(lab, machine, TAKEN)
        tryboot.expect(machine.output("cat /sys/module/dm_verity/parameters/require_signatures") == "Y",
                       "the kernel does not demand a signature")
        return f"ready after {machine.boot_s:.1f} s"


def case_trusted_other_hash_demanded(lab):
    """By the right key, but of another root hash."""
    lab = ShimLab(lab)
    uki = lab.uki(initrd=lab.other_signature(), more=DEMAND)
    return lab.expect_fault(lab.disk(lab.image, None), 980,
                            "Root hash verification failed (-EKEYREJECTED)", uki=uki)


def case_key_starts_no_program(lab):
    """shim hands the key to the kernel, and yet starts no UKI that is signed by it."""
    lab = ShimLab(lab)
    with lab.machine(lab.disk(lab.image, None), lab.uki(*lab.signed(), key="roothash")) as machine:
        deadline = time.monotonic() + 30 * tryboot.PATIENCE
        while "Security Violation" not in machine.log() and time.monotonic() < deadline:
            time.sleep(0.2)
        log = machine.log()
    tryboot.expect("Security Violation" in log, f"shim does not refuse it: {log[-1500:]}")


if __name__ == "__main__":
    sys.exit(tryboot.main(globals(), lambda work, guest, options: SignedLab(work, guest, options.azbundle),
                          ["azbundle"]))
