# SPDX-License-Identifier: MIT
"""A machine with a TPM of its own (swtpm) that was booted as a log says, and who verifies it."""
import atexit
import base64
import hashlib
import json
import pathlib
import shutil
import socket
import struct
import subprocess
import tempfile
import threading

import rig
from rig import Rig, expect, expect_equal, validate_output, wait_until

STUB = "/usr/lib/systemd/boot/efi/linuxx64.efi.stub"
NONCE = bytes(range(32)).hex()
PCRS = [*range(8), *range(11, 16)]
NO_ACTION, SEPARATOR, TAG, IPL = 3, 4, 6, 13
VARIABLE, APPLICATION, ACTION = 0x80000001, 0x80000003, 0x80000007
GLOBAL_VARIABLE = bytes.fromhex("61dfe48bca93d211aa0d00e098032b8c")
HANDOVER = b"Exit Boot Services Invocation"
PHASES = ["enter-initrd", "leave-initrd", "sysinit", "ready"]
CONFIG = """[layout]
disk=@/disk
[product]
name=shop
architecture=x86_64
[trust]
keyring=@/keyring
[tpm]
tcti=swtpm:path=@/tpm.sock
[paths]
state=@/state
run=@/run
efivars=@/efivars
eventlog=@/eventlog
"""


def run(*words, status=0, **options):
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True, **options)
    expect(status is None or done.returncode == status,
           f"{words}: {done.returncode}: {done.stdout}{done.stderr}")
    return done


class Release:
    """Keys, a release that they sign, and the disk of a machine that has it in slot a."""

    def __init__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="azupdate-"))
        atexit.register(shutil.rmtree, self.folder)
        for name, content in (("root", bytes(4096) * 20), ("linux", b"linux" * 9000),
                              ("initrd", b"initrd" * 999),
                              ("os-release", b"ID=shop\nAZUPDATE_SECURITY_VERSION=4\n")):
            (self.folder / name).write_bytes(content)
        self.azbundle("keys", "keys")
        self.azbundle("uki", f"--stub={STUB}", "--linux=linux", "--initrd=initrd", "--os-release=os-release",
                      "--root=root", "--product=shop", "-o", "uki")
        self.azbundle("build", "--product=shop", "--version=1.0", "--root=root", "--level=1", "--uki=uki",
                      "--key=keys/release.key", "--cert=keys/release.crt", "-o", "1.azb")
        self.azbundle("disk", "--azboot=uki", "--keyring=keys/ca.crt", "-o", "disk", "1.azb")
        self.manifest = self.azbundle("info", "--manifest", "1.azb").stdout

    def azbundle(self, *words, status=0):
        return run(rig.program("AZBUNDLE"), *words, cwd=self.folder, status=status)

    def section(self, name):
        path = self.folder / f"section.{name}"
        run("objcopy", "-O", "binary", f"--only-section=.{name}", self.folder / "uki", path)
        return path.read_bytes()


class Tpm:
    """A software TPM. What it is lives in its folder, so a copy of that is an old state of it."""

    def __init__(self, folder):
        self.folder, self.socket = folder / "tpm", folder / "tpm.sock"
        self.folder.mkdir()
        self.process = None

    def start(self):
        self.socket.unlink(missing_ok=True)
        self.process = subprocess.Popen(
            ["swtpm", "socket", "--tpm2", "--tpmstate", f"dir={self.folder}", "--server",
             f"type=unixio,path={self.socket}", "--ctrl", f"type=unixio,path={self.socket}.ctrl",
             "--flags", "not-need-init,startup-clear"], stderr=subprocess.DEVNULL)
        wait_until(self.listens, "swtpm to start")

    def listens(self):
        """Its socket is there a moment before it listens on it."""
        expect(self.process.poll() is None, "swtpm ended")
        with socket.socket(socket.AF_UNIX) as line:
            return line.connect_ex(str(self.socket)) == 0

    def stop(self):
        if self.process is not None:
            self.process.terminate()
            self.process.wait()
            self.process = None

    def command(self, code, handles, body, sessions=1):
        """A command with password sessions of no password; gives what follows the response's head."""
        session = struct.pack(">IHBH", 0x40000009, 0, 0, 0) * sessions
        payload = struct.pack(">I", code) + b"".join(struct.pack(">I", handle) for handle in handles)
        payload += (struct.pack(">I", len(session)) + session if sessions else b"") + body
        with socket.socket(socket.AF_UNIX) as line:
            line.connect(str(self.socket))
            line.sendall(struct.pack(">HI", 0x8002 if sessions else 0x8001, 6 + len(payload)) + payload)
            answer = line.recv(8192)
        expect_equal(answer[6:10].hex(), "00000000", f"command {code:#x}")
        return answer[10:]

    def extend(self, pcr, digest):
        self.command(0x182, [pcr], struct.pack(">IH", 1, 0x0b) + digest)

    def tool(self, *words, **options):
        """tpm2-tools on this TPM. Without a resource manager they leave objects behind."""
        tcti = f"swtpm:path={self.socket}"
        done = run(*words, "-T", tcti, **options)
        run("tpm2_flushcontext", "-t", "-T", tcti)
        return done


def packet(line):
    """A whole command or response, or nothing at the end."""
    data = line.recv(10)
    while 10 <= len(data) < struct.unpack(">I", data[2:6])[0]:
        data += line.recv(8192)
    return data


class Between:
    """Stands between azupdated and a TPM. `hook` sees each command first, with a function to send commands
    of its own; what it gives, if anything, is the response instead of the TPM's."""

    def __init__(self, machine, hook):
        self.socket, self.hook = machine.folder / "tpm.sock", hook
        self.real = machine.folder / "real.sock"
        self.socket.rename(self.real)
        self.server = socket.socket(socket.AF_UNIX)
        self.server.bind(str(self.socket))
        self.server.listen()
        self.thread = threading.Thread(target=self.serve, daemon=True)

    def serve(self):
        while True:
            try:
                line = self.server.accept()[0]
            except OSError:
                return
            with line, socket.socket(socket.AF_UNIX) as tpm:
                tpm.connect(str(self.real))

                def send(command):
                    tpm.sendall(command)
                    return packet(tpm)
                while command := packet(line):
                    line.sendall(self.hook(command, send) or send(command))

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.server.shutdown(socket.SHUT_RDWR)
        self.server.close()
        self.thread.join()
        self.socket.unlink()
        self.real.rename(self.socket)


def variable(name, value):
    text = name.encode("utf-16-le")
    return GLOBAL_VARIABLE + struct.pack("<QQ", len(name), len(value)) + text + value


def decision(slot=0, reason=2, floor=3, security_version=4, fault=0):
    """azboot's event, as docs/MEASUREMENTS.md has it."""
    return struct.pack("<IIHBBB3xI4xQQ", 0x617a6274, 32, 1, slot, reason, 1, fault, floor, security_version)


class Log:
    """An event log with the bank sha256."""

    def __init__(self):
        self.events = []

    def add(self, pcr, kind, data, shown=None):
        self.events.append((pcr, kind, hashlib.sha256(data).digest(), data if shown is None else shown))
        return self

    def encode(self):
        head = b"Spec ID Event03\0" + struct.pack("<IBBBBIHHB", 0, 0, 2, 0, 2, 1, 0x0b, 32, 0)
        text = struct.pack("<II20xI", 0, NO_ACTION, len(head)) + head
        for pcr, kind, digest, data in self.events:
            text += struct.pack("<IIIH", pcr, kind, 1, 0x0b) + digest + struct.pack("<I", len(data)) + data
        return text


def usual_log(release, azboot=decision(), secure_boot=b"\1"):
    log = Log()
    log.add(7, VARIABLE, variable("SecureBoot", secure_boot)).add(7, VARIABLE, variable("PK", b"key"))
    for pcr in range(8):
        log.add(pcr, SEPARATOR, bytes(4))
    log.add(4, APPLICATION, b"azboot").add(5, TAG, azboot).add(4, APPLICATION, b"uki")
    for name in ("linux", "osrel", "cmdline", "initrd"):     # what the stub of Debian 12 measures
        log.add(11, IPL, f".{name}".encode() + b"\0").add(11, IPL, release.section(name))
    return log.add(5, ACTION, HANDOVER)


class Machine(Rig):
    """Runs version 1.0 from slot a."""

    def __init__(self, release):
        super().__init__(rig.program("AZUPDATED"), CONFIG)
        self.release = release
        shutil.copy(release.folder / "disk", self.folder / "disk")
        shutil.copy(release.folder / "keys" / "ca.crt", self.folder / "keyring")
        (self.folder / "run").mkdir()
        (self.folder / "run" / "boot.json").write_text(
            json.dumps({"slot": "a", "disk": str(self.folder / "disk")}))
        self.tpm = Tpm(self.folder)
        self.ak = self.folder / "ak.pem"

    def close(self):
        try:
            super().close()
        finally:
            self.tpm.stop()

    def boot(self, log=None, shown=None, phases=PHASES):
        """Starts the TPM anew and measures what is in the log; the kernel shows `shown` as the log."""
        log = usual_log(self.release) if log is None else log
        self.tpm.stop()
        self.tpm.start()
        for pcr, kind, digest, _ in log.events:
            if kind != NO_ACTION:
                self.tpm.extend(pcr, digest)
        for word in phases:
            self.tpm.extend(11, hashlib.sha256(word.encode()).digest())
        (self.folder / "eventlog").write_bytes(log.encode() if shown is None else shown)
        return self

    def attest(self, nonce=NONCE):
        return self.json("attest", f"--nonce={nonce}")

    def verifier(self, attestation, *options, nonce=NONCE):
        path = self.folder / "attestation"
        path.write_text(attestation if isinstance(attestation, str) else json.dumps(attestation))
        return [rig.program("AZBUNDLE"), "attest-verify", f"--nonce={nonce}",
                f"--keyring={self.folder}/keyring", *options, str(path)]

    def enrol(self, attestation):
        run(*self.verifier(attestation, f"--enrol={self.ak}"))

    def known(self):
        return [f"--ak={self.ak}"]

    def good(self, attestation, *options, nonce=NONCE):
        """What is proven of an attestation that must be good."""
        options = options if any(word.startswith(("--ak", "--enrol")) for word in options) else \
            (*self.known(), *options)
        done = run(*self.verifier(attestation, *options, "--json", nonce=nonce), status=None)
        expect_equal(done.returncode, 0, done.stderr + done.stdout)
        report = json.loads(done.stdout)
        validate_output(report)
        expect(report["good"], report)
        return report

    def refused(self, attestation, fault, *options, nonce=NONCE):
        """The report on an attestation that must be refused for this first."""
        options = options if any(word.startswith(("--ak", "--enrol")) for word in options) else \
            (*self.known(), *options)
        done = run(*self.verifier(attestation, *options, "--json", nonce=nonce), status=None)
        expect_equal(done.returncode, 1, f"wanted {fault}: {done.stdout}{done.stderr}")
        expect(f" {fault}:" in done.stderr or f" {fault})" in done.stderr, f"not {fault}: {done.stderr}")
        if not done.stdout:
            return None
        report = json.loads(done.stdout)
        validate_output(report)
        expect(not report["good"], report)
        first = next(finding for finding in report["findings"] if finding["verdict"] == "refused")
        expect_equal(first["name"], fault, report)
        return report


def finding(report, check):
    """The last finding of that check, or None."""
    return next((one for one in reversed(report["findings"]) if one["check"] == check), None)


def raw(attestation, *path):
    for name in path:
        attestation = attestation[name]
    return base64.b64decode(attestation)


def edited(attestation, *path, content):
    """A copy with other bytes, or another value, at that place."""
    copy = json.loads(json.dumps(attestation))
    holder = copy
    for name in path[:-1]:
        holder = holder[name]
    holder[path[-1]] = base64.b64encode(content).decode() if isinstance(content, bytes) else content
    return copy


def flipped(content, at):
    return content[:at] + bytes([content[at] ^ 1]) + content[at + 1:]
