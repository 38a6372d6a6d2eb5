# SPDX-License-Identifier: MIT
"""A machine whose every reset is a power cycle: QEMU ends and a new one starts with the same disk,
variables and TPM. The firmware of a guest once did not come back after a reset within one QEMU; the
likely cause, not proven, is the use of freed memory that QEMU 7.2 shows at a cold reset under
MALLOC_PERTURB_. A machine that resets ten times in one test must not depend on that."""
import socket
import threading
import time

import machine as vm


class PatientAgent(vm.Agent):
    """Connects again when QEMU was replaced, until the deadline."""

    def _line(self, deadline):
        while True:
            try:
                return super()._line(deadline)
            except vm.MachineError:
                if time.monotonic() >= deadline:
                    raise
                self._again(deadline)

    def _again(self, deadline):
        self._socket.close()
        self._buffer = b""
        self._socket = socket.socket(socket.AF_UNIX)
        while time.monotonic() < deadline:
            try:
                self._socket.connect(self._path)
                return
            except OSError:
                time.sleep(0.1)

    def run(self, command, deadline):
        try:
            return super().run(command, deadline)
        except OSError as error:
            self._again(deadline)
            raise vm.MachineError(f"the guest is resetting: {error}") from error


class RespawningMachine(vm.Machine):
    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        self.resets = 0
        self._over = threading.Event()          # no more processes are started
        self._supervisor = None

    def start(self):
        super().start()
        self.agent.close()
        self.agent = PatientAgent(self._path("agent.sock"))
        self.agent.connect()
        self._supervisor = threading.Thread(target=self._supervise, daemon=True)
        self._supervisor.start()

    def _arguments(self):
        words = [word.replace("logappend=off", "logappend=" + ("on" if self.resets else "off"))
                 for word in super()._arguments()]
        return words + ["-action", "reboot=shutdown"]

    def _ended_by_reset(self):
        """What QEMU said last; its words may come a moment after its end."""
        for _ in range(20):
            reasons = [message["data"]["reason"] for message in self.qmp.events
                       if message["event"] == "SHUTDOWN"]
            if reasons:
                return reasons[-1] in ("guest-reset", "host-qmp-system-reset")
            time.sleep(0.05)
        return False

    def _supervise(self):
        while True:
            self.process.wait()
            if self._over.is_set() or not self._ended_by_reset():
                self._over.set()
                return
            self.qmp.close()
            self.tpm.stop()
            self.resets += 1
            self._spawn()

    def is_running(self):
        return self.process is not None and not self._over.is_set()

    def count(self, event):
        return self.resets if event == "RESET" else super().count(event)

    def wait_exit(self, seconds):
        if not self._over.wait(seconds * self.slowness):
            raise vm.MachineError(f"still running after {seconds * self.slowness} s")
        return super().wait_exit(seconds)

    def kill(self):
        self._over.set()
        if self.process and self.process.poll() is None:
            self.process.kill()
        if self._supervisor:
            self._supervisor.join(30)
        super().kill()
