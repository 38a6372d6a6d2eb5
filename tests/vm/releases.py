# SPDX-License-Identifier: MIT
"""Three releases of the test machine and the disk that starts the first: all that a story needs.

    world = World("work", "build-release")   # a release build of this project
    world.make()                             # keys, images, UKIs, bundles, disk, variables

Version 3's required health check fails. Keys are made anew each time."""
import os
import re
import shutil
import subprocess
import sys
import threading

import machine as vm
import vars as efivars

HERE = os.path.dirname(os.path.abspath(__file__))
PRODUCT = "azupdate-demo"
CONFIGURATION = f"[product]\nname={PRODUCT}\n"
VAR_MIB = 48


class World:
    VERSIONS = ("1", "2", "3")
    ENCRYPTED = False           # var

    def __init__(self, folder, build, say=lambda text: None):
        self.folder, self.build, self.say = os.path.abspath(folder), os.path.abspath(build), say
        self.disk, self.vars, self.tpm = self.at("disk.img"), self.at("vars.fd"), self.at("tpm")
        self.www = self.at("www")
        self.azbundle = os.path.join(self.build, "tools/azbundle/azbundle")
        self.azboot = os.path.join(self.build, "bootloader/azboot/azboot.efi")

    def at(self, *names):
        return os.path.join(self.folder, *names)

    def bundle(self, version):
        return os.path.join(self.www, f"{version}.azb")

    def run(self, *words, **options):
        done = subprocess.run([str(word) for word in words], capture_output=True, text=True, **options)
        if done.returncode != 0:
            raise RuntimeError(f"{os.path.basename(str(words[0]))} failed:\n{done.stdout}{done.stderr}")
        return done.stdout

    def make(self):
        shutil.rmtree(self.folder, ignore_errors=True)
        os.makedirs(self.www)
        self.say("keys: a root, a release signer, Secure Boot's PK, KEK and db")
        self.run(self.azbundle, "keys", self.at("keys"))
        self._stage()
        self._releases()
        self.say("disk: GPT, azboot on the ESP, version 1 in slot a, slot b empty")
        self._disk()
        vm.tpm_create(self.tpm)

    def _stage(self):
        """The project as a package would install it, and this product's configuration."""
        self.run("meson", "install", "-C", self.build, "--no-rebuild", "--destdir", self.at("stage"))
        etc = self.at("stage/etc/azupdate")
        os.makedirs(os.path.join(etc, "keyring"))
        shutil.copy(self.at("keys/ca.crt"), os.path.join(etc, "keyring/ca.crt"))
        with open(os.path.join(etc, "azupdate.conf"), "w", encoding="utf-8") as out:
            out.write(CONFIGURATION)

    def _releases(self):
        """One after the other where Debian's part is not cached yet, else side by side."""
        failures = []

        def attempt(version):
            try:
                self._release(version)
            except Exception as error:  # told by the thread that waits
                failures.append(error)

        attempt(self.VERSIONS[0])
        threads = [threading.Thread(target=attempt, args=(version,)) for version in self.VERSIONS[1:]]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if failures:
            raise failures[0]

    def guest_words(self, version):
        """What makes this version's image other than by its number: more arguments of mkguest."""
        return ["--failing-check"] if version == "3" else []

    def _release(self, version):
        out = self.at(version)
        self.say(f"version {version}: root image, UKI, bundle")
        self.run(sys.executable, os.path.join(HERE, "guest/mkguest.py"), version, out, "--agent",
                 os.path.join(self.build, "tests/vm/guest/test-agent"), "--azverity",
                 os.path.join(self.build, "bootloader/initrd/azverity"), "--stage", self.at("stage"),
                 *self.guest_words(version))
        self.uki(version, os.path.join(out, "uki.efi"), self.cmdline(version), "db")
        self.bundle_make(version, os.path.join(out, "uki.efi"), self.bundle(version))

    def old_release(self, version):
        """As an attacker would keep one: signed, of version 1's image, and of security version 0."""
        shutil.copytree(self.at("1"), self.at(version))
        osrelease = self.at(version, "osrelease")
        with open(osrelease, encoding="utf-8") as file:
            text = re.sub(r"(?m)^AZUPDATE_SECURITY_VERSION=.*$", "AZUPDATE_SECURITY_VERSION=0", file.read())
        with open(osrelease, "w", encoding="utf-8") as file:
            file.write(text)
        self.uki(version, self.at(version, "uki.efi"), self.cmdline(version), "db")
        self.bundle_make(version, self.at(version, "uki.efi"), self.bundle(version))

    def cmdline(self, version):
        with open(self.at(version, "cmdline.base"), encoding="utf-8") as file:
            return file.read().strip().replace("rootfstype=erofs ", "")

    def bundle_make(self, version, uki, output):
        self.run(self.azbundle, "build", "--product", PRODUCT, "--version", version, "--root",
                 self.at(version, "root.erofs"), "--uki", uki, "--key", self.at("keys/release.key"),
                 "--cert", self.at("keys/release.crt"), "--level", "3", "-o", output)

    def uki(self, version, output, cmdline, key):
        out = self.at(version)
        self.run(self.azbundle, "uki", "--linux", os.path.join(out, "kernel"), "--initrd",
                 os.path.join(out, "initrd"), "--os-release", os.path.join(out, "osrelease"), "--root",
                 os.path.join(out, "root.erofs"), "--product", PRODUCT, "--cmdline", cmdline, "--key",
                 self.at(f"keys/{key}.key"), "--cert", self.at(f"keys/{key}.crt"), "--pcr-key",
                 self.at("keys/pcr.key"), "-o", output)

    def _disk(self):
        signed = self.at("azboot.signed.efi")
        self.run("sbsign", "--key", self.at("keys/db.key"), "--cert", self.at("keys/db.crt"), "--output",
                 signed, self.azboot)
        self.disk_of(self.bundle("1"), self.disk)
        shutil.copy(vm.OVMF_VARS, self.vars)
        store = efivars.Vars(self.vars)
        store.enrol(*[[self._der(name)] for name in ("PK", "KEK", "db")])
        store.save()

    def disk_of(self, bundle, output, *words):
        self.run(self.azbundle, "disk", "--azboot", self.at("azboot.signed.efi"), "--keyring",
                 self.at("keys/ca.crt"), "--var-size", VAR_MIB, *words, "-o", output, bundle)

    def _der(self, name):
        return subprocess.check_output(["openssl", "x509", "-in", self.at(f"keys/{name}.crt"), "-outform",
                                        "DER"])
