# SPDX-License-Identifier: MIT
"""A TPM's counter, made and moved while no machine runs, as azboot will find it.

Who may move it is in its policy; azboot looks at that it is the same, and not at who. So here it is
one that anybody satisfies: PolicyCommandCode(TPM2_NV_Increment)."""
import os
import subprocess
import tempfile
import time

INDEX = "0x180415b"
ATTRIBUTES = "nt=counter|policywrite|authread|ownerread|no_da"


class Counter:
    """The TPM whose state is in that folder."""

    def __init__(self, folder):
        self.folder = os.path.abspath(folder)
        self.scratch = tempfile.TemporaryDirectory(prefix="azupdate-")
        self.socket = os.path.join(self.scratch.name, "tpm.sock")
        self.process = subprocess.Popen(
            ["swtpm", "socket", "--tpm2", "--tpmstate", f"dir={self.folder}", "--server",
             f"type=unixio,path={self.socket}", "--ctrl", f"type=unixio,path={self.socket}.ctrl",
             "--flags", "not-need-init,startup-clear"], stderr=subprocess.DEVNULL)
        while not os.path.exists(self.socket):
            if self.process.poll() is not None:
                raise RuntimeError("swtpm ended")
            time.sleep(0.02)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()
        self.scratch.cleanup()

    def tool(self, *words):
        return subprocess.run(
            [str(word) for word in words], cwd=self.scratch.name, check=True, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            env={**os.environ, "TPM2TOOLS_TCTI": f"swtpm:path={self.socket}"}).stdout

    def _session(self, *options):
        self.tool("tpm2_startauthsession", "-S", "s.ctx", *options)
        self.tool("tpm2_policycommandcode", "-S", "s.ctx", "-L", "policy", "TPM2_CC_NV_Increment")

    def make(self, attributes=ATTRIBUTES):
        self._session()
        self.tool("tpm2_flushcontext", "s.ctx")
        self.tool("tpm2_nvdefine", INDEX, "-C", "o", "-s", "8", "-L", "policy", "-a", attributes)

    def move(self, steps=1):
        """Its value then."""
        for _ in range(steps):
            self._session("--policy-session")
            self.tool("tpm2_nvincrement", "-C", INDEX, "-P", "session:s.ctx", INDEX)
            self.tool("tpm2_flushcontext", "s.ctx")
        self.tool("tpm2_nvread", INDEX, "-C", INDEX, "-s", "8", "-o", "value")
        with open(os.path.join(self.scratch.name, "value"), "rb") as file:
            return int.from_bytes(file.read(), "big")
