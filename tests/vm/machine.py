# SPDX-License-Identifier: MIT
"""A virtual machine with real firmware: QEMU q35, OVMF with SMM and Secure Boot, swtpm.

    with Machine("disk.img", "VARS.fd", "tpm", "work", net=True) as machine:
        machine.wait_ready(120)
        status, output = machine.run("uname -r")

KVM is used where it works, with TCG as the fallback; give times as they are under KVM, they are
multiplied by Machine.slowness. disk and vars are written to: copy what is to stay."""
import atexit
import base64
import fcntl
import functools
import json
import os
import queue
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time

OVMF_CODE_SMM = "/usr/share/OVMF/OVMF_CODE_4M.secboot.fd"
OVMF_CODE = "/usr/share/OVMF/OVMF_CODE_4M.fd"          # enforces Secure Boot, too
OVMF_VARS = "/usr/share/OVMF/OVMF_VARS_4M.fd"
TEST_PORT = "org.azupdate.test"
_KVM_GET_API_VERSION, _KVM_CHECK_EXTENSION, _KVM_CAP_X86_SMM = 0xae00, 0xae03, 117


class MachineError(Exception):
    """The machine did not do in time what was waited for, or is gone."""


@functools.cache
def kvm_probe():
    """(KVM can run this firmware here, it can do SMM).

    Nested KVM often lacks SMM; then the firmware without it is used, which differs only in who
    could write the variables' flash from inside the guest. And KVM without hardware support, as
    some cloud machines have it, opens but cannot emulate what firmware does before it has page
    tables: so the firmware is tried."""
    if os.environ.get("AZUPDATE_VM_ACCEL") == "tcg":
        return False, True
    try:
        with open("/dev/kvm", "r+b", buffering=0) as kvm:
            if fcntl.ioctl(kvm, _KVM_GET_API_VERSION, 0) != 12:
                return False, True
            smm = fcntl.ioctl(kvm, _KVM_CHECK_EXTENSION, _KVM_CAP_X86_SMM) > 0
    except OSError:
        return False, True
    return (True, smm) if _firmware_runs(["-accel", "kvm", "-cpu", "host"]) else (False, True)


def _firmware_runs(accelerator):
    """Whether OVMF gets so far as to clear its console."""
    process = subprocess.Popen(
        ["qemu-system-x86_64", "-nodefaults", "-no-user-config", "-machine", "q35,smm=off",
         *accelerator, "-m", "128", "-display", "none", "-nic", "none", "-serial", "stdio",
         "-drive", f"if=pflash,unit=0,format=raw,readonly=on,file={OVMF_CODE}",
         "-drive", f"if=pflash,unit=1,format=raw,snapshot=on,file={OVMF_VARS}"],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    limit = threading.Timer(20, process.kill)
    limit.start()
    said = process.stdout.read(16)
    limit.cancel()
    process.kill()
    process.wait()
    return b"\x1b[" in said


def _environment():
    """Ours, but without what meson sets to find uses of uninitialised or freed memory: QEMU 7.2 has
    one at a cold reset, after which the firmware of the guest crashes."""
    return {name: value for name, value in os.environ.items() if name != "MALLOC_PERTURB_"}


@functools.cache
def tpm_filter():
    """tpmfilter.c as a library, made once per process."""
    folder = tempfile.mkdtemp(prefix="azupdate-tpmfilter-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    library = os.path.join(folder, "tpmfilter.so")
    source = os.path.join(os.path.dirname(os.path.abspath(__file__)), "tpmfilter.c")
    subprocess.run(["cc", "-O2", "-Wall", "-Werror", "-D_GNU_SOURCE", "-shared", "-fPIC", "-o",
                    library, source, "-ldl"], check=True)
    return library


def tpm_create(folder):
    """A fresh TPM 2 with a SHA-256 bank only: what is hashed less need not be waited for."""
    os.makedirs(folder, exist_ok=True)
    subprocess.run(["swtpm_setup", "--tpm2", "--tpmstate", os.path.abspath(folder), "--pcr-banks",
                    "sha256", "--overwrite"], check=True, stdout=subprocess.DEVNULL)


class Tpm:
    """swtpm. It ends by itself when QEMU closes the connection; state stays in the folder."""

    def __init__(self, folder, workdir, use_filter):
        self.socket = os.path.join(workdir, "tpm.sock")
        environment = _environment()
        if use_filter:
            environment["LD_PRELOAD"] = tpm_filter()
        with open(os.path.join(workdir, "swtpm.log"), "ab") as log:
            self.process = subprocess.Popen(
                ["swtpm", "socket", "--tpm2", "--tpmstate", "dir=" + os.path.abspath(folder),
                 "--ctrl", "type=unixio,path=" + self.socket, "--flags", "startup-clear",
                 "--terminate"], env=environment, stdout=log, stderr=log)
        _wait_until(lambda: os.path.exists(self.socket), 10, "swtpm's socket")

    def stop(self):
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        if os.path.exists(self.socket):
            os.unlink(self.socket)


class Qmp:
    """QEMU's control socket: commands, and events as they come in `events`."""

    def __init__(self, path, is_alive):
        self.events = []
        self._answers = queue.Queue()
        self._socket = socket.socket(socket.AF_UNIX)
        _wait_until(lambda: _connects(self._socket, path) or not is_alive(), 10, "QEMU's socket")
        if not is_alive():
            raise MachineError("QEMU did not start")
        self._file = self._socket.makefile("rw", encoding="utf-8")
        self._file.readline()
        threading.Thread(target=self._listen, daemon=True).start()
        self.command("qmp_capabilities")

    def _listen(self):
        try:
            for line in self._file:
                message = json.loads(line)
                if "event" in message:
                    self.events.append(message)
                else:
                    self._answers.put(message)
        except (OSError, ValueError):
            pass
        self._answers.put({"error": {"desc": "QEMU has gone"}})

    def command(self, name, **arguments):
        try:
            self._file.write(json.dumps({"execute": name, "arguments": arguments}) + "\n")
            self._file.flush()
            answer = self._answers.get(timeout=30)
        except (OSError, ValueError, queue.Empty) as error:
            raise MachineError(f"QMP {name}: {error}") from error
        if "error" in answer:
            raise MachineError(f"QMP {name}: {answer['error']['desc']}")
        return answer["return"]

    def count(self, event):
        return sum(message["event"] == event for message in self.events)

    def close(self):
        self._socket.close()


class Agent:
    """The program in the guest at the other end of the virtio-serial port (guest/).

    `base64(command)\\n` goes in, `status base64(output)\\n` comes back; `ready BOOT-ID\\n` says
    that the guest has started, and comes again after each of its reboots."""

    def __init__(self, path):
        self.boot_ids = []
        self._path = path
        self._socket = None
        self._buffer = b""
        self._count = 0  # of commands; each answer repeats its own

    def connect(self):
        self._buffer = b""
        self._socket = socket.socket(socket.AF_UNIX)
        _wait_until(lambda: _connects(self._socket, self._path), 10, "the agent's socket")

    def close(self):
        if self._socket:
            self._socket.close()

    def _line(self, deadline):
        while b"\n" not in self._buffer:
            self._socket.settimeout(max(0.01, deadline - time.monotonic()))
            try:
                data = self._socket.recv(65536)
            except socket.timeout as error:
                raise MachineError("the guest's agent did not answer in time") from error
            except OSError as error:
                raise MachineError(f"the guest's agent is gone: {error}") from error
            if not data:
                raise MachineError("the guest's agent is gone")
            self._buffer += data
        line, self._buffer = self._buffer.split(b"\n", 1)
        return line.decode(errors="replace").strip("\0\r ")

    def _next(self, deadline):
        """The answer to the command at hand; a word of a new boot says that there will be none."""
        line = self._line(deadline)
        while line.startswith("ready"):
            boot_id = line[5:].strip()
            if not self.boot_ids or boot_id != self.boot_ids[-1]:
                self.boot_ids.append(boot_id)
                raise MachineError("the guest rebooted during the command")
            line = self._line(deadline)
        return line

    def wait_ready(self, seen, deadline):
        """Until more than `seen` boots have reported."""
        while len(self.boot_ids) <= seen:
            line = self._line(deadline)
            if line.startswith("ready"):
                self.boot_ids.append(line[5:].strip())
        return self.boot_ids[-1]

    def run(self, command, deadline):
        """Answers to earlier commands are passed over: one may come after its time was over, or after a
        reboot that the command was sent into and that the next boot's agent found waiting."""
        self._count += 1
        mark = f"answer {self._count}\n"
        self._socket.settimeout(max(0.01, deadline - time.monotonic()))
        self._socket.sendall(base64.b64encode(f"echo {mark}{command}".encode()) + b"\n")
        while True:
            status, output = _answer(self._next(deadline))
            if output.startswith(mark):
                return int(status), output[len(mark):]


class Machine:
    def __init__(self, disk, vars, tpm_state_dir, workdir, memory_mib=512, net=False, extra=(),
                 blockdev=None):
        """disk: path of a raw image. blockdev: more options for its top node (a list of -blockdev
        values, the last with node-name=disk0 on top of disk0-file). extra: more QEMU arguments."""
        self.disk, self.vars, self.tpm_state_dir = disk, vars, tpm_state_dir
        self.workdir = os.path.abspath(workdir)
        self.memory_mib, self.net = memory_mib, net
        self.extra, self.blockdev = list(extra), blockdev
        self.kvm, self.smm = kvm_probe()
        self.slowness = 1 if self.kvm else 6
        self.serial_path = os.path.join(self.workdir, "serial.log")
        self.process = self.tpm = self.qmp = self.agent = None
        os.makedirs(self.workdir, exist_ok=True)

    # Life.

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.kill()

    def start(self):
        for name in ("qmp.sock", "agent.sock", "serial.sock"):
            if os.path.exists(self._path(name)):
                os.unlink(self._path(name))
        self._spawn()
        self.agent = Agent(self._path("agent.sock"))
        self.agent.connect()

    def _spawn(self):
        self.tpm = Tpm(self.tpm_state_dir, self.workdir, not self.kvm)
        with open(self._path("qemu.log"), "ab") as log:
            self.process = subprocess.Popen(self._arguments(), env=_environment(),
                                            stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        try:
            self.qmp = Qmp(self._path("qmp.sock"), lambda: self.process.poll() is None)
        except MachineError as error:
            self.kill()
            with open(self._path("qemu.log"), encoding="utf-8", errors="replace") as log:
                raise MachineError(f"{error}: {log.read()[-500:]}") from error

    def is_running(self):
        return self.process is not None and self.process.poll() is None

    def wait_exit(self, seconds):
        """Until the guest powers off. Returns the reason QEMU gave, e.g. guest-shutdown."""
        try:
            self.process.wait(seconds * self.slowness)
        except subprocess.TimeoutExpired as error:
            raise MachineError(f"still running after {seconds * self.slowness} s") from error
        self._clean_up()
        reasons = [m["data"]["reason"] for m in self.qmp.events if m["event"] == "SHUTDOWN"]
        return reasons[-1] if reasons else "died"

    def kill(self):
        """A power cut, as far as one host process can suffer it: nothing more is done."""
        if self.is_running():
            self.process.send_signal(signal.SIGKILL)
        if self.process:
            self.process.wait()
        self._clean_up()

    power_cut = kill

    def quit(self):
        self.qmp.command("quit")
        return self.wait_exit(20)

    def reset(self):
        """The reset button."""
        self.qmp.command("system_reset")

    def power_button(self):
        self.qmp.command("system_powerdown")

    def count(self, event):
        """How often QEMU reported an event: RESET, SHUTDOWN, ..."""
        return self.qmp.count(event)

    # Talk.

    def wait_ready(self, seconds=60, seen=None):
        """Until the guest's agent reports a boot (one more than `seen`). Returns its boot id."""
        if seen is None:
            seen = 0
        return self.agent.wait_ready(seen, time.monotonic() + seconds * self.slowness)

    def boots_seen(self):
        return len(self.agent.boot_ids)

    def run(self, command, timeout=30):
        """(exit status, output) of a shell command in the guest."""
        return self.agent.run(command, time.monotonic() + timeout * self.slowness)

    def run_reboot(self, command, seconds=90):
        """Runs a command that ends in a reboot, and waits until the guest is up again."""
        seen = self.boots_seen()
        try:
            self.run(command, seconds)
        except MachineError:
            pass                # the answer may be lost in the reboot that was asked for
        return self.wait_ready(seconds, seen)

    # The serial console.

    def serial(self):
        with open(self.serial_path, "rb") as file:
            return file.read().decode(errors="replace")

    def wait_serial(self, pattern, seconds):
        """Until the pattern stands in the log; returns the match."""
        found = []

        def look():
            found[:] = [re.search(pattern, self.serial())]
            return found[0] is not None or not self.is_running()
        _wait_until(look, seconds * self.slowness, f"{pattern!r} on the console")
        if not found[0]:
            raise MachineError(f"the machine ended without {pattern!r} on the console")
        return found[0]

    def follow(self, seconds):
        """Yields lines of the console as they come, until the machine ends or the time is over."""
        deadline = time.monotonic() + seconds * self.slowness
        rest = b""
        with open(self.serial_path, "rb") as file:
            while time.monotonic() < deadline:
                alive = self.is_running()
                data = file.read()
                *lines, rest = (rest + data).split(b"\n")
                for line in lines:
                    yield line.decode(errors="replace").rstrip("\r")
                if not data and not alive:
                    break
                if not data:
                    time.sleep(0.05)
        if rest:
            yield rest.decode(errors="replace")

    def type_keys(self, text):
        """Keys on the serial console, no faster than a port takes them that has room for 16, and whose line QEMU drops
        together with what has not gone through yet."""
        with socket.socket(socket.AF_UNIX) as keyboard:
            keyboard.connect(self._path("serial.sock"))
            for at in range(0, len(text), 8):
                keyboard.sendall(text[at:at + 8].encode())
                time.sleep(0.1 * self.slowness if len(text) > 8 else 0)

    # Parts.

    def _path(self, name):
        return os.path.join(self.workdir, name)

    def _clean_up(self):
        if self.agent:
            self.agent.close()
        if self.qmp:
            self.qmp.close()
        if self.tpm:
            self.tpm.stop()
            self.tpm = None

    def _firmware(self):
        switch, code = ("on", OVMF_CODE_SMM) if self.smm else ("off", OVMF_CODE)
        return ["-machine", f"q35,smm={switch},hpet=off,vmport=off",
                "-global", f"driver=cfi.pflash01,property=secure,value={switch}",
                "-global", "ICH9-LPC.disable_s3=1",
                "-drive", f"if=pflash,unit=0,format=raw,readonly=on,file={code}"]

    def _accelerator(self):
        if self.kvm:
            return ["-accel", "kvm", "-cpu", "host"]
        return ["-accel", "tcg,tb-size=256", "-cpu", "Nehalem"]

    def _disk_nodes(self):
        nodes = [f"driver=file,filename={self.disk},node-name=disk0-host,cache.no-flush=on"]
        if self.blockdev is None:
            nodes.append("driver=raw,file=disk0-host,node-name=disk0")
        else:
            nodes += self.blockdev
        arguments = []
        for node in nodes:
            arguments += ["-blockdev", node]
        return arguments

    def _network(self):
        if not self.net:
            return ["-nic", "none"]
        return ["-netdev", "user,id=net0", "-device", "virtio-net-pci,netdev=net0,romfile="]

    def _arguments(self):
        return ["qemu-system-x86_64", "-nodefaults", "-no-user-config",
                *self._accelerator(), "-smp", "1",
                "-m", str(self.memory_mib), "-display", "none", "-vga", "none",
                *self._firmware(),
                "-drive", f"if=pflash,unit=1,format=raw,file={self.vars}",
                *self._disk_nodes(), "-device", "virtio-blk-pci,drive=disk0,bootindex=0",
                "-chardev", f"socket,id=tpm0,path={self.tpm.socket}",
                "-tpmdev", "emulator,id=tpm0,chardev=tpm0", "-device", "tpm-crb,tpmdev=tpm0",
                "-device", "virtio-rng-pci,romfile=", *self._network(),
                "-chardev", f"socket,id=serial0,path={self._path('serial.sock')},server=on,"
                            f"wait=off,logfile={self.serial_path},logappend=off",
                "-serial", "chardev:serial0",
                "-device", "virtio-serial-pci",
                "-chardev", f"socket,id=agent,path={self._path('agent.sock')},server=on,wait=off",
                "-device", f"virtserialport,chardev=agent,name={TEST_PORT}",
                "-qmp", f"unix:{self._path('qmp.sock')},server=on,wait=off", *self.extra]


def _answer(line):
    """(status, output); of the tail of an answer that was cut off there is no output."""
    status, _, output = line.partition(" ")
    try:
        return status, base64.b64decode(output).decode(errors="replace")
    except ValueError:
        return status, ""


def _connects(connection, path):
    try:
        connection.connect(path)
        return True
    except OSError:
        return False


def _wait_until(condition, seconds, what):
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise MachineError(f"waited {seconds:g} s for {what}")
        time.sleep(0.02)
