#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A machine whose /etc is changed in place (docs/ETC.md): what it keeps over updates, a release that falls back and a
rollback, and what becomes of it where var does not carry the changes, with releases that want no boot then, and with
such that go on with their defaults.

etc.py BUILD [--work FOLDER]         tells what it does
etc.py BUILD --tap [--work FOLDER]   the same as a test

BUILD is a release build of this project (no sanitizers). Half an hour in emulation."""
import contextlib
import json
import os
import subprocess
import sys

import bootrecord
import machine as vm
import mediaworld
import rawdisk
import releases
import story
from guest import mkguest

VAR_MIB = 320
CONFIGURATION = "[boot]\ntries=1\n[health]\nretries=0\n[store]\nhistory=3\n[etc]\nhistory=10\n"
STRICT, SOFT = "overlay", "overlay-or-defaults"
POLICIES = {"1": STRICT, "2": STRICT, "3": STRICT, "4": SOFT, "5": SOFT}
# Version 3 changes /etc before it fails; azetc of version 5 does not work.
STAGED = {
    "3": {"usr/lib/azupdate/health.d/required.d/50-demo":
          "#!/bin/sh\necho 'by version 3' >/etc/demo/by-3\necho 'it does not answer'\nexit 1\n"},
    "5": {"usr/libexec/azupdate/azetc": "#!/bin/sh\nexit 1\n"},
}
LOST, FOLDER = "1377", "/var/lib/azupdate/etc"


class EtcWorld(releases.World):
    VERSIONS = tuple(POLICIES)

    def _stage(self):
        super()._stage()
        with open(self.at("stage/etc/azupdate/azupdate.conf"), "a", encoding="utf-8") as out:
            out.write(CONFIGURATION)
        for version in self.VERSIONS:
            defaults = {"etc/demo/service": f"of version {min(int(version), 2)}\n", "etc/demo/log": "quiet\n",
                        "etc/demo/obsolete": "old\n", "etc/demo/version": f"{version}\n"}
            for path, text in {**defaults, **STAGED.get(version, {})}.items():
                mkguest.write_file(self.at(f"staged-{version}", path), text, 0o755 if text[0] == "#" else 0o644)

    def guest_words(self, version):
        return ["--stage", self.at(f"staged-{version}")]

    def cmdline(self, version):
        return f"{super().cmdline(version)} azupdate.etc={POLICIES[version]}"

    def disk_of(self, bundle, output, *words):
        super().disk_of(bundle, output, *mediaworld.DISK_SIZES, "--var-size", str(VAR_MIB), *words)

    # From outside, while the machine is off.

    def opened(self):
        return mediaworld.DiskFile(self.disk, rawdisk.partitions(self.disk))

    def var_edit(self, *commands):
        """debugfs commands, on a var that e2fsck finds to be whole."""
        path = self.at("var.img")
        with self.opened() as disk, open(path, "wb") as out:
            out.write(disk.read("var"))
        if subprocess.run(["e2fsck", "-fy", path], capture_output=True, check=False).returncode not in (0, 1):
            raise RuntimeError("e2fsck cannot mend var")
        for command in commands:
            self.run("debugfs", "-w", "-R", command, path)
        with self.opened() as disk, open(path, "rb") as file:
            disk.write("var", 0, file.read())

    def faults(self):
        """What the boot record has noted of each slot."""
        with self.opened() as disk:
            copies = disk.read("azstate", 0, 2 * bootrecord.COPY_SIZE)
        return [slot.fault for slot in bootrecord.newest(copies).slots]


class EtcStory(story.Story):
    # What is seen of /etc.

    def file(self, name):
        return self.run(f"cat /etc/demo/{name}", ok=False)[1].strip()

    def expect_files(self, **wanted):
        seen = {name: self.file(name.replace("_", "-")) for name in wanted}
        self.check(seen == wanted, f"/etc/demo is as it should be: {seen}")

    def states(self):
        return json.loads(self.run("azupdate etc list --json"))["states"]

    def boot(self):
        return json.loads(self.run("azupdate etc list --json"))["boot"]

    def rows(self, number=""):
        """Of the demo's files: systemd writes a machine-id, too."""
        listed = json.loads(self.run(f"azupdate etc diff {number} --json"))["changes"]
        return {row["path"]: (row["change"], row["conflict"]) for row in listed if row["path"].startswith("demo/")}

    def laid(self):
        return self.status()["etc"]

    def install(self, version):
        self.command(f"install http://{story.HOST}:{self.port}/{version}.azb")

    # The chapters.

    def changed_on_1(self):
        self.tell("Version 1 starts for the first time. Somebody changes /etc.")
        self.guest.wait_ready(story.BOOT_S)
        self.expect_running("a", "1")
        self.check(self.laid() == {"laid": "writable", "fault": 0, "fault_name": "OK", "reason": None},
                   "changes of /etc can be made, and status says so")
        self.check("overlay" in self.run("findmnt -no FSTYPE /etc"), "/etc is an overlay")
        self.run("echo mine >/etc/demo/service; echo loud >/etc/demo/log; rm /etc/demo/obsolete; "
                 "echo rule >/etc/demo/rules; chmod 600 /etc/demo/rules; sync")
        self.check(self.rows() == {"demo/service": ("changed", None), "demo/log": ("changed", None),
                                   "demo/obsolete": ("removed", None), "demo/rules": ("added", None)},
                   f"they are what azupdate etc diff tells: {self.rows()}")

    def updated_to_2(self):
        self.tell("Version 2 has another default for one of the files.")
        self.install("2")
        self.reboot_and_wait()
        self.expect_running("b", "2")
        self.expect_files(service="mine", log="loud", rules="rule", version="2", obsolete="cat: /etc/demo/obsolete: No "
                          "such file or directory")
        _, text = self.command("etc diff")
        self.check(self.rows()["demo/service"] == ("changed", "both-changed") and
                   [row[1] for row in self.rows().values()].count(None) == 3 and
                   "conflict: both-changed" in text, "azupdate etc diff names the one conflict")
        self.command("etc list")
        self.check([(state["number"], state["version"]) for state in self.states()] == [(1, "1")],
                   "the changes were stored as version 1 had them, once")
        self.stored(["1", "2"])

    def version_3_fails(self):
        self.tell("Version 3 is installed; after that /etc is changed again. It changes /etc, too, and fails.")
        self.install("3")
        self.run("echo late >/etc/demo/late; sync")
        resets, seen = self.guest.resets, self.guest.boots_seen()
        with contextlib.suppress(vm.MachineError):
            self.guest.run("systemctl reboot", 5)
        self.guest.wait_ready(3 * story.BOOT_S, seen)
        self.wait_running("b", 6 * story.BOOT_S)
        self.check(self.guest.resets - resets == 2, "version 3 got one boot, then version 2")
        status = self.expect_running("b", "2")
        self.check(self.slot(status, "a")["state"] == "bad", "version 3 is bad")
        self.expect_files(service="mine", late="late", by_3="by version 3", rules="rule")
        self.command("etc list")
        left = [(state["version"], state["reason"]) for state in self.states()]
        self.check(left == [("1", "before an activation"), ("2", "before an activation"), ("2", "left at a reboot"),
                            ("3", "left at a reboot")], f"each step is a state: {left}")

    def back_to_1(self):
        self.tell("Back to version 1, which no slot holds any more, with the /etc of its time.")
        self.command("rollback --to 1 --etc")
        self.reboot_and_wait()
        self.expect_running("a", "1")
        gone = "cat: /etc/demo/{}: No such file or directory"
        self.expect_files(service="mine", log="loud", rules="rule", late=gone.format("late"), by_3=gone.format("by-3"))
        self.check(self.boot()["restored"] == 1 and self.laid()["laid"] == "writable", "state 1 was put back")
        last = self.states()[-1]
        self.check(last["version"] == "2" and {"demo/late", "demo/by-3"} <= set(self.rows(last["number"])),
                   "the newer changes are in the store")
        self.command("store check")

    def strict(self):
        self.tell("The changes are lost. Versions 1 and 2 want no boot then, whichever slot is tried.")
        self.run(f"mv {FOLDER}/upper {FOLDER}/away; sync")
        with contextlib.suppress(vm.MachineError):
            self.guest.run("systemctl reboot", 5)
        self.guest.wait_serial(rf"(?s)(fault {LOST} ETC_LOST.*){{4}}", 8 * story.BOOT_S)
        self.guest.kill()
        self.check(self.world.faults() == [int(LOST)] * 2, f"both slots were tried: faults {self.world.faults()}")
        self.tell("From outside var is mended, and the machine is back.")
        self.world.var_edit("ln /lib/azupdate/etc/away /lib/azupdate/etc/upper", "unlink /lib/azupdate/etc/away")

    def back_again(self):
        self.guest.wait_ready(story.BOOT_S)
        status = self.settled()
        self.check(status["committed"] and self.laid()["laid"] == "writable", "a slot runs, and is committed")
        self.expect_files(service="mine", rules="rule")

    def updated_to_4(self):
        self.tell("Version 4 would rather go on with its defaults.")
        running = self.status()["running"]
        self.install("4")
        self.reboot_and_wait()
        self.expect_running("b" if running == "a" else "a", "4")
        self.expect_files(service="mine", rules="rule", version="4")
        self.check(self.laid()["laid"] == "writable", "nothing is wrong, and the changes are in force")

    def full(self):
        self.tell("var is full to the last byte.")
        self.run("dd if=/dev/zero of=/var/fill bs=1M status=none; dd if=/dev/zero of=/var/fill2 bs=4k status=none; sync",
                 ok=False, timeout=120)
        self.show(self.run("df -k /var | tail -1"))
        self.reboot_and_wait()
        self.settled()
        self.check(self.laid()["laid"] == "writable", f"that keeps no change from being in force: {self.laid()}")
        self.expect_files(service="mine", rules="rule")
        self.run("rm -f /var/fill /var/fill2; sync")
        self.reboot_and_wait()
        self.back_again()

    def version_5_falls_back(self):
        self.tell("Version 5 cannot lay the changes over its /etc: azetc does not work.")
        self.install("5")
        running = self.status()["running"]
        resets, seen = self.guest.resets, self.guest.boots_seen()
        with contextlib.suppress(vm.MachineError):
            self.guest.run("systemctl reboot", 5)
        self.guest.wait_ready(3 * story.BOOT_S, seen)
        self.wait_running(running, 6 * story.BOOT_S)
        self.check(self.guest.resets - resets == 2, "version 5 got one boot, then version 4")
        status = self.status()
        other = self.slot(status, "b" if running == "a" else "a")
        self.check(other["state"] == "bad" and other["fault_name"] == "HEALTH_ETC" and "azetc did not" in other["reason"],
                   f"its reason is the check etc: {other['reason']}")
        self.check(status["etc"]["laid"] == "writable", "version 4 has the changes in force")
        self.expect_files(service="mine", rules="rule")

    def judged(self):
        """The checks of this boot were run."""
        boot = self.run("cat /proc/sys/kernel/random/boot_id").strip().replace("-", "")
        return [row for row in json.loads(self.run("azupdate health list --json"))["boots"] if row["boot"] == boot]

    def expect_defaults(self, fault, words):
        """It is up, on trial for nothing, with the defaults; and says so wherever somebody may look."""
        self.wait(self.judged)
        resets = self.guest.resets
        laid = self.laid()
        self.check(laid["laid"] == "release" and laid["fault_name"] == fault, f"it is up without the changes: {laid}")
        self.expect_files(service="of version 2", version="4")
        self.check(self.run("touch /etc/x", ok=False)[0] != 0, "nothing can be changed that would be lost")
        _, text = self.command("status")
        self.check("local changes of /etc are not in force" in text and words in text, "azupdate status says so")
        self.check("Local changes of /etc are not in force" in self.run("cat /run/motd.d/50-azupdate"),
                   "who logs in is told")
        _, text = self.command("health show", ok=False)
        self.check("etc" in text and "stay" in text and "nowhere better" in text,
                   "the check etc has failed, and the machine stays, since the other slot would do no better")
        self.check(self.guest.resets == resets, "there was no reboot")

    def soft_lost(self):
        self.tell("The changes are lost again, and version 4 runs.")
        self.run(f"mv {FOLDER}/upper {FOLDER}/away; sync")
        self.reboot_and_wait()
        self.expect_defaults("ETC_LOST", "upper is gone")
        number = self.states()[-1]["number"]
        self.tell(f"Somebody has the last state put back, {number}.")
        self.command(f"etc restore {number}")
        self.reboot_and_wait()
        self.back_again()

    def soft_spoiled(self):
        self.tell("The file system of var is overwritten: it cannot be mounted.")
        self.guest.wait_ready(story.BOOT_S)
        self.expect_defaults("VAR_MOUNT", "var cannot be mounted")
        self.check(self.run("findmnt -no FSTYPE /var").strip() == "tmpfs", "an empty var in memory stands in for it")

    # All of it.

    @contextlib.contextmanager
    def machine(self, name):
        with self.machine_class(self.world.disk, self.world.vars, self.world.tpm, self.world.at(name), net=True) as self.guest:
            yield
            with contextlib.suppress(vm.MachineError):
                self.guest.run("systemctl poweroff", 5)
            if self.guest.is_running():
                self.guest.wait_exit(30)

    def play(self):
        with story.served(self.world) as self.port:
            with self.machine_class(self.world.disk, self.world.vars, self.world.tpm, self.world.at("run"),
                                    net=True) as self.guest:
                for chapter in (self.changed_on_1, self.updated_to_2, self.version_3_fails, self.back_to_1, self.strict):
                    chapter()
            with self.machine("run-2"):
                for chapter in (self.back_again, self.updated_to_4, self.full, self.version_5_falls_back, self.soft_lost):
                    chapter()
            with self.world.opened() as disk:
                start = disk.read("var", 0, mediaworld.MIB)
                disk.write("var", 0, b"spoiled " * (mediaworld.MIB // 8))
            with self.machine("run-3"):
                self.soft_spoiled()
            with self.world.opened() as disk:
                disk.write("var", 0, start)
            self.tell("What was overwritten is written back.")
            with self.machine("run-4"):
                self.back_again()


if __name__ == "__main__":
    sys.exit(story.main("a machine whose /etc is changed in place", EtcWorld, EtcStory))
