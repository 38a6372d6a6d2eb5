#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A machine that updates itself and rolls back, told as it happens, and asserted.

story.py BUILD [--work FOLDER]          the demo: tells what it does
story.py BUILD --tap [--work FOLDER]    the same as a test
story.py BUILD --console                leaves such a machine running, with a console

BUILD is a release build of this project (no sanitizers)."""
import argparse
import base64
import contextlib
import hashlib
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time

import eventlog
import machine as vm
import releases
import respawn

BOOT_S = 40             # under KVM; machine.slowness makes it fit emulation
STORE_S = 120           # what storing a release may take, which gives way to all else, likewise
HOST = "10.0.2.2"       # QEMU's user network: this machine's loopback


CONFIGURATION = """[repository]
url=http://{host}:{port}/repo
[policy]
windows={window}
boot-spread=0
check-interval=300
"""
# A real one asks every ten minutes or so.
TIMER = "[Timer]\nOnCalendar=\nOnActiveSec=1s\nOnUnitInactiveSec=10s\nRandomizedDelaySec=0\nAccuracySec=1s\n"


class StoryWorld(releases.World):
    """Releases that encrypt var, on a disk where it is blank yet, and that follow a repository; and
    one below the floor."""
    ENCRYPTED = True

    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        self.port, self.repo = free_port(), os.path.join(self.www, "repo")

    def make(self):
        super().make()
        self.old_release("0")
        self.publish("1")

    def _stage(self):
        """With the repository's first root, and a window that opened five hours ago."""
        super()._stage()
        os.makedirs(self.at("repo-keys"))
        roles = ("root", "targets", "channels", "snapshot", "timestamp")
        for role in roles:
            self.azrepo("keygen", self.at("repo-keys", role))
        self.azrepo("init", "--product", releases.PRODUCT,
                    *(f"--{role}-key={self.at('repo-keys', role)}" for role in roles), self.repo)
        etc = self.at("stage/etc")
        shutil.copy(os.path.join(self.repo, "metadata/1.root.json"), os.path.join(etc, "azupdate"))
        os.rename(os.path.join(etc, "azupdate/1.root.json"), os.path.join(etc, "azupdate/root.json"))
        window = "-".join(time.strftime("%H:%M", time.gmtime(time.time() + hours * 3600)) for hours in (-5, 10))
        with open(os.path.join(etc, "azupdate/azupdate.conf"), "a", encoding="utf-8") as out:
            out.write(CONFIGURATION.format(host=HOST, port=self.port, window=window))
        os.makedirs(os.path.join(etc, "systemd/system/azupdate-update.timer.d"))
        with open(os.path.join(etc, "systemd/system/azupdate-update.timer.d/demo.conf"), "w",
                  encoding="utf-8") as out:
            out.write(TIMER)

    def azrepo(self, *words):
        return self.run(os.path.join(self.build, "tools/azrepo/azrepo"), *words)

    def publish(self, version):
        self.azrepo("add", self.repo, self.bundle(version))
        self.azrepo("publish", "--channel=stable", "--all", self.repo, version)

    def cmdline(self, version):
        return super().cmdline(version) + " azupdate.var=encrypted"

    def disk_of(self, bundle, output, *words):
        super().disk_of(bundle, output, "--blank-var", *words)

    def stolen(self):
        """A copy of disk and variables, beside another TPM."""
        os.makedirs(self.at("stolen"))
        for path in (self.disk, self.vars):
            subprocess.run(["cp", "--sparse=always", path, self.at("stolen")], check=True)
        vm.tpm_create(self.at("stolen/tpm"))
        return self.at("stolen/disk.img"), self.at("stolen/vars.fd"), self.at("stolen/tpm")


class Story:
    machine_class = respawn.RespawningMachine

    def __init__(self, world, tap):
        self.world, self.tap, self.started = world, tap, time.monotonic()
        self.number, self.failed, self.guest, self.port = 0, 0, None, 0
        self.recovery_key = ""

    # Telling.

    def tell(self, text):
        lead = "# " if self.tap else "\n\033[1m" if sys.stdout.isatty() else "\n"
        end = "\033[0m" if not self.tap and sys.stdout.isatty() else ""
        print(f"{lead}[{time.monotonic() - self.started:5.0f} s] {text}{end}", flush=True)

    def show(self, text):
        for line in text.rstrip().splitlines():
            print(f"{'# ' if self.tap else ''}    {line}", flush=True)

    def check(self, condition, text):
        self.number += 1
        self.failed += not condition
        if self.tap:
            print(f"{'ok' if condition else 'not ok'} {self.number} {text}", flush=True)
        elif not condition:
            print(f"    FAILED: {text}", flush=True)

    # The machine.

    def run(self, command, ok=True, timeout=120):
        status, output = self.guest.run(command, timeout)
        if ok and status != 0:
            raise vm.MachineError(f"{command}: status {status}\n{output}")
        return output if ok else (status, output)

    def command(self, words, ok=True):
        """An azupdate command, shown with its output, as the operator would see it."""
        print(f"{'# ' if self.tap else ''}    $ azupdate {words}", flush=True)
        status, output = self.run(f"azupdate {words}", ok=False, timeout=300)
        self.show(output)
        if ok and status != 0:
            raise vm.MachineError(f"azupdate {words}: status {status}")
        return status, output

    def status(self, timeout=30):
        return json.loads(self.run("azupdate status --json", timeout=timeout))

    def settled(self, seconds=60):
        """Status once the health checks of this boot have been judged."""
        deadline = time.monotonic() + seconds * self.guest.slowness
        while True:
            status = self.status()
            if status["committed"] or time.monotonic() > deadline:
                return status
            time.sleep(1)

    def slot(self, status, name):
        return next(slot for slot in status["slots"] if slot["slot"] == name)

    def expect_running(self, slot, version, committed=True):
        status = self.settled()
        self.check(status["running"] == slot and self.slot(status, slot)["version"] == version,
                   f"slot {slot} runs, version {version}")
        release = self.run("cat /etc/os-release")
        self.check(f"VERSION_ID={version}\n" in release, f"the system itself is version {version}")
        if committed:
            self.check(status["committed"], f"version {version} is healthy and committed")
        self.expect_var()
        return status

    def expect_var(self):
        """Nobody gave a key, and what was written at the first boot is there."""
        if not self.world.ENCRYPTED:
            return
        self.check(self.run("findmnt -no SOURCE /var").strip() == "/dev/mapper/var" and
                   "crypt" in self.run("cat /sys/block/dm-*/dm/uuid").lower(), "var is encrypted")
        self.run("test -e /var/kept || { test ! -e /run/azupdate/recovery-key || echo kept > /var/kept; sync; }")
        self.check(self.run("cat /var/kept", ok=False)[1] == "kept\n", "it unlocked by itself, and holds what it held")

    def reboot_and_wait(self, seconds=BOOT_S):
        """Reboots once, and waits for the next word of the guest's agent."""
        seen = self.guest.boots_seen()
        with contextlib.suppress(vm.MachineError):
            self.guest.run("systemctl reboot", 5)
        self.guest.wait_ready(seconds, seen)

    def wait_running(self, slot, seconds):
        """Until the machine, which reboots by itself meanwhile, runs that slot and stays."""
        deadline = time.monotonic() + seconds * self.guest.slowness
        while time.monotonic() < deadline:
            with contextlib.suppress(vm.MachineError, ValueError):
                if self.status(5)["running"] == slot and self.settled(10)["committed"]:
                    return
            time.sleep(1)
        raise vm.MachineError(f"slot {slot} did not come back in time")

    def wait(self, condition):
        """Whether it came true, in as long as storing a release may take."""
        deadline = time.monotonic() + STORE_S * self.guest.slowness
        while not condition():
            if time.monotonic() > deadline:
                return False
            time.sleep(2)
        return True

    def is_busy(self):
        return any(job["state"] == "running" for job in self.status()["jobs"])

    def in_store(self):
        listed = json.loads(self.run("azupdate store --json")).get("store", [])
        return [entry["version"] for entry in listed if entry["complete"]]

    def stored(self, versions):
        """The store has the running release, too, and the job that stored it has ended."""
        self.wait(lambda: self.in_store() == versions and not self.is_busy())
        self.check(self.in_store() == versions, f"the store has the versions {' '.join(versions)}")

    # The chapters.

    def first_boot(self):
        self.tell("The machine starts for the first time: firmware with Secure Boot, azboot, "
                  "UKI, dm-verity, systemd.")
        self.guest.wait_ready(BOOT_S)
        status = self.expect_running("a", "1")
        self.command("status")
        took = status["boot"]["time_us"] or 0
        self.show(f"azboot took {took / 1000:.1f} ms from its entry to handing over")
        self.check(took > 0, "azboot tells its time")
        self.check(self.run("od -An -tu1 -j4 -N1 "
                            "/sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c"
                            ).strip() == "1", "Secure Boot is on")
        self.check("verity" in self.run("cat /sys/block/dm-*/dm/uuid").lower(), "the root is dm-verity")
        self.tell("Var was made, encrypted, at this first boot. Its key is sealed to the TPM; the console showed a "
                  "recovery key.")
        self.recovery_key = self.run("cat /run/azupdate/recovery-key").strip()
        self.check(self.recovery_key in self.guest.serial(), "the console showed the recovery key")
        self.command("tpm status")
        tpm = json.loads(self.run("azupdate tpm status --json"))
        self.check(tpm["unlocks"] and tpm["recovery_key"] and tpm["bound"], f"the TPM unlocks it: {tpm}")
        status, _ = self.run("touch /usr/x", ok=False)
        self.check(status != 0, "the root cannot be written")

    def measured(self):
        """PCR 11 as azbundle predicted it, and an event log that replays to every PCR it names; of PCR 11, azunlock
        has measured the two phases behind it."""
        pcr11 = self.status()["pcr11"]
        self.check(pcr11["measured"] is not None and pcr11["measured"] == pcr11["predicted"],
                   "PCR 11 is what azbundle predicted")
        log = base64.b64decode(self.run("base64 -w0 /sys/kernel/security/tpm0/"
                                        "binary_bios_measurements"))
        for pcr in (0, 1, 2, 4, 5, 7, 11):
            value = eventlog.replay(log, pcr)
            for word in (b"enter-initrd", b"leave-initrd") if pcr == 11 else ():
                value = hashlib.sha256(value + hashlib.sha256(word).digest()).digest()
            real = self.run(f"cat /sys/class/tpm/tpm0/pcr-sha256/{pcr}").strip().lower()
            self.check(value.hex() == real, f"the event log replays to PCR {pcr}")
        self.show(f"PCR 11 predicted by azbundle  {pcr11['predicted']}")
        self.show(f"PCR 11 of the machine         {pcr11['measured']}")

    def why(self):
        said = json.loads(self.run("azupdate why --json"))
        return said, [reason["id"] for reason in said["reasons"]]

    def wait_why(self, name, seconds=60):
        """Until the policy gives that reason."""
        deadline = time.monotonic() + seconds * self.guest.slowness
        while time.monotonic() < deadline:
            if name in self.why()[1]:
                return True
            time.sleep(1)
        return False

    def inhibited(self):
        """A real logind, which the machine does without else, and a program that must not be interrupted."""
        self.run("systemd-run --quiet --unit=logind /usr/lib/systemd/systemd-logind")
        self.run("systemd-run --quiet --unit=backup systemd-inhibit --what=shutdown --who=backup "
                 "'--why=a backup runs' --mode=block sleep 3600")
        self.tell("The hold ends. A backup that runs blocks the reboot, as logind knows.")
        self.command("unhold")
        self.check(self.wait_why("inhibitor", 120), "version 2 is staged, and waits for the backup")
        self.command("why")
        status = self.status()
        self.check(self.slot(status, "b")["state"] == "staged" and status["next"] == "a",
                   "until then, a power cut starts version 1")

    def update_to_2(self):
        self.tell("Version 2 is published: `azrepo publish` into a folder that a plain web server serves. The "
                  "machine knows the repository's address and first keys, and a timer asks the policy.")
        self.world.publish("2")
        self.command("hold --for 2h --reason 'somebody wants to look first'")
        self.run("systemctl start azupdate-update.timer")
        self.check(self.wait_why("hold"), "the machine has found version 2 by itself, and waits")
        self.command("why")
        self.check(self.slot(self.status(), "b")["state"] == "empty", "nothing is written while it is held")
        self.inhibited()
        self.tell("Nobody does more. Blocks that version 1 has were copied, not fetched.")
        seen = self.guest.boots_seen()
        self.run("systemctl stop backup")
        self.guest.wait_ready(3 * BOOT_S, seen)
        self.tell("It has staged and activated version 2 in its window, and rebooted. Version 2 runs, the health "
                  "checks pass, and it is committed.")
        self.expect_running("b", "2")
        self.command("status")
        self.measured()

    def attested(self):
        self.tell("What has booted, proven to somebody else: a quote of the TPM, checked on this computer.")
        nonce = os.urandom(20).hex()
        self.command(f"attest --nonce {nonce} -o /run/attestation.json")
        path, key = self.world.at("attestation.json"), self.world.at("ak.pem")
        with open(path, "wb") as file:
            file.write(base64.b64decode(self.run("base64 -w0 /run/attestation.json")))
        words = [self.world.azbundle, "attest-verify", path, "--nonce", nonce, "--secure-boot", "--security-version=1",
                 "--keyring", self.world.at("keys/ca.crt")]
        self.check(self.verified(*words, "--enrol", key) == 0, "the attestation is good, and its key is known now")
        self.check(self.verified(*words, "--ak", key, quiet=True) == 0, "it is good by that key")
        self.check(self.verified(*words, "--ak", key, "--revoked=2", quiet=True) != 0, "it tells a revoked release")
        words[4] = os.urandom(20).hex()
        self.check(self.verified(*words, "--ak", key, quiet=True) != 0, "an old one is not good")

    def verified(self, *words, quiet=False):
        done = subprocess.run(words, capture_output=True, text=True)
        if not quiet:
            self.show(done.stdout + done.stderr)
        return done.returncode

    def failed_update_to_3(self):
        self.tell("Version 3 is published. It is broken: its required health check fails. It gets three tries.")
        self.world.publish("3")
        self.command("check")
        resets, seen = self.guest.count("RESET"), self.guest.boots_seen()
        self.run("systemctl start azupdate-update.timer")
        self.guest.wait_ready(3 * BOOT_S, seen)
        self.wait_running("b", 6 * BOOT_S)
        self.check(self.guest.count("RESET") - resets == 4, "version 3 got three boots, then version 2")
        self.tell("Three boots of version 3 failed; azboot went back to version 2 by itself.")
        status = self.expect_running("b", "2")
        self.command("status")
        broken = self.slot(status, "a")
        self.check(broken["state"] == "bad" and broken["version"] == "3", "slot a is bad, version 3")
        self.check("50-demo" in (broken["reason"] or ""), "its reason names the check that failed")
        code, output = self.command(f"install http://{HOST}:{self.port}/3.azb", ok=False)
        self.check(code != 0 and "RELEASE_FAILED_HERE" in output, "version 3 is refused from now on")
        self.command("check")
        said, names = self.why()
        self.check(said["action"] == "nothing" and "failed" in names, "by itself it is not tried again")
        self.command("history")
        events = json.loads(self.run("azupdate history --json"))["events"]
        history = [(event["what"], event["version"]) for event in events]
        self.check(("committed", "2") in history and history[-1] == ("rolled-back", "3"),
                   f"the history tells what became of both: {history}")

    def below_the_floor(self):
        self.tell("Version 0 is signed, too, but of an older security version than this machine committed.")
        floor = self.status()["floor"]
        self.check(floor == {"in_force": 1, "requested": 1}, f"the floor is 1: {floor}")
        code, output = self.command(f"install --force http://{HOST}:{self.port}/0.azb", ok=False)
        self.check(code != 0 and "RELEASE_FLOOR" in output, "version 0 is refused, whatever is asked for")

    def rollback_to_1(self):
        self.tell("Back to version 1: staged into the other slot, then `azupdate rollback`.")
        self.command(f"install --no-activate http://{HOST}:{self.port}/1.azb")
        self.command("rollback")
        self.reboot_and_wait()
        self.expect_running("a", "1")

    def bit_rot(self):
        self.tell("One bit flips in the root image of the running slot. dm-verity notices, the "
                  "kernel panics, and after three such boots the other slot is back.")
        device = json.loads(self.run("cat /run/azupdate/boot.json"))["device"]
        self.run(f"v=$(od -An -tu1 -j1100 -N1 {device}) && printf \"\\\\$(printf %03o $((v ^ 1)))\" | "
                 f"dd of={device} bs=1 seek=1100 conv=notrunc status=none && sync")
        resets = self.guest.count("RESET")
        self.reboot_and_wait(5 * BOOT_S)
        self.check(self.guest.count("RESET") - resets == 4, "three boots ended in a panic")
        status = self.expect_running("b", "2")
        self.check("verity" in self.guest.serial() and "corrupt" in self.guest.serial(),
                   "dm-verity said so on the console")
        self.command("status")
        self.check(self.slot(status, "a")["failures"] >= 3, "the rotten slot is passed over")

    def refused(self):
        """Only in the test: what the machine itself must refuse."""
        if not self.tap:
            return
        part = self.run("for p in /sys/class/block/*; do grep -qx PARTNAME=root_a $p/uevent && "
                        "echo /dev/${p##*/}; done; true").strip()
        self.run(f"mkdir -p /tmp/m && mount -t erofs -o ro {part} /tmp/m")
        code, output = self.command(f"install --force http://{HOST}:{self.port}/1.azb", ok=False)
        self.check(code != 0 and "DISK_BUSY" in output, "a mounted slot is not written")
        self.run("umount /tmp/m")
        code, output = self.command(f"install http://{HOST}:{self.port}/absent.azb", ok=False)
        self.check(code != 0 and "HTTP_STATUS" in output, "a missing bundle: the server's answer")

    CHAPTERS = (first_boot, measured, update_to_2, attested, refused, failed_update_to_3, below_the_floor,
                rollback_to_1, bit_rot)

    def tell_all(self):
        with served(self.world) as self.port:
            with self.machine_class(self.world.disk, self.world.vars, self.world.tpm,
                                    self.world.at("run"), net=True) as self.guest:
                for chapter in self.CHAPTERS:
                    chapter(self)
                self.tell("The end: nothing was lost, and nobody had to come.")
                with contextlib.suppress(vm.MachineError):
                    self.guest.run("systemctl poweroff", 5)
                self.guest.wait_exit(30)

    def play(self):
        self.tell_all()
        self.stolen_disk()

    def stolen_disk(self):
        self.tell("A copy of the disk starts beside another TPM: var stays locked until somebody gives the recovery key.")
        with self.machine_class(*self.world.stolen(), self.world.at("run-stolen"), net=True) as self.guest:
            self.guest.wait_serial("recovery key of var", BOOT_S)
            why = next((line for line in self.guest.serial().splitlines() if "azunlock" in line), "")
            self.show(why)
            self.check("TPM" in why, "the console says why")
            self.guest.type_keys(self.recovery_key + "\n")
            self.guest.wait_ready(BOOT_S)
            self.check(self.run("cat /var/kept") == "kept\n", "with the recovery key it is unlocked")
            self.guest.kill()


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextlib.contextmanager
def served(world):
    """nginx on loopback, serving the bundles; yields its port."""
    port = getattr(world, "port", None) or free_port()
    folder = world.at("nginx")
    os.makedirs(folder, exist_ok=True)
    configuration = os.path.join(folder, "nginx.conf")
    with open(configuration, "w", encoding="utf-8") as out:
        out.write(f"daemon off; worker_processes 1; pid {folder}/pid; error_log {folder}/error.log;\n"
                  + ("user root;\n" if os.getuid() == 0 else "") +
                  "events {}\nhttp { access_log " + folder + "/access.log;\n"
                  + "".join(f"{kind}_temp_path {folder}/{kind};\n" for kind in
                            ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
                  + f"server {{ listen 127.0.0.1:{port}; root {world.www}; }} }}\n")
    process = subprocess.Popen(["/usr/sbin/nginx", "-c", configuration, "-e", f"{folder}/error.log"],
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield port
    finally:
        process.terminate()
        process.wait()


def console(world):
    """Joins the terminal to the machine's serial console until it powers off."""
    with served(world) as port, vm.Machine(world.disk, world.vars, world.tpm, world.at("run"),
                                           net=True) as guest:
        print(f"Bundles: http://{HOST}:{port}/1.azb, 2.azb, 3.azb (broken), 0.azb (too old). In the machine, try\n"
              f"  azupdate status\n  azupdate install http://{HOST}:{port}/2.azb && reboot\n"
              "Leave with `poweroff` in the machine, or Ctrl-] here.\n", flush=True)
        subprocess.run(["socat", "-,raw,echo=0,escape=0x1d",
                        f"UNIX-CONNECT:{os.path.join(world.at('run'), 'serial.sock')}"])
        if guest.is_running():
            guest.quit()


def arguments(text):
    parser = argparse.ArgumentParser(description=text)
    parser.add_argument("build")
    parser.add_argument("--work")
    parser.add_argument("--tap", action="store_true")
    parser.add_argument("--console", action="store_true")
    return parser.parse_args()


def main(text, make_world=StoryWorld, make_story=Story):
    options = arguments(text)
    work = options.work or tempfile.mkdtemp(prefix="azupdate-story-")
    world = make_world(work, options.build)
    story = make_story(world, options.tap)
    world.say = lambda text: story.show(text)
    story.tell("Making keys, releases, and a disk.")
    try:
        world.make()
        if options.console:
            console(world)
            return 0
        story.play()
    except (vm.MachineError, RuntimeError) as error:
        story.check(False, f"the story goes on to its end: {str(error).splitlines()[0]}")
        story.show(str(error))
        serial = world.at("run", "serial.log")
        if os.path.exists(serial):
            with open(serial, "rb") as log:
                story.show("console: " + log.read().decode(errors="replace")[-3000:])
    finally:
        if options.work is None:
            shutil.rmtree(work, ignore_errors=True)
    if options.tap:
        print(f"1..{story.number}")
    else:
        print(f"\n{story.number - story.failed} of {story.number} promises kept, in "
              f"{time.monotonic() - story.started:.0f} s.")
    return 1 if story.failed else 0


if __name__ == "__main__":
    sys.exit(main("a machine that updates itself and rolls back"))
