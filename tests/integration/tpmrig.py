# SPDX-License-Identifier: MIT
"""What the tests of TPM secrets share: a software TPM of their own, UKIs with signed PCR policies,
and a small TAP main."""
import hashlib
import json
import os
import pathlib
import random
import subprocess
import tempfile
import time
import traceback

SECTIONS = ["linux", "osrel", "cmdline", "initrd", "pcrpkey"]


def run(*words, ok=True, **options):
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True, **options)
    if ok and done.returncode != 0:
        raise AssertionError(f"{' '.join(str(word) for word in words)}: {done.stdout}{done.stderr}")
    return done


def expect(condition, message=""):
    if not condition:
        raise AssertionError(message)


class Tpm:
    """A software TPM with a state of its own."""

    def __init__(self, folder):
        self.folder = pathlib.Path(tempfile.mkdtemp(dir=folder))
        self.socket = self.folder / "tpm.sock"
        self.tcti = f"swtpm:path={self.socket}"
        self.process, self.banks = None, ("sha1", "sha256", "sha384", "sha512")
        self.start()

    def start(self):
        """A cold boot: PCRs are zeros again, what is in non-volatile memory stays."""
        self.stop()
        self.socket.unlink(missing_ok=True)
        self.process = subprocess.Popen(
            ["swtpm", "socket", "--tpm2", "--tpmstate", f"dir={self.folder}", "--server",
             f"type=unixio,path={self.socket}", "--ctrl", f"type=unixio,path={self.socket}.ctrl",
             "--flags", "not-need-init,startup-clear"], stderr=subprocess.DEVNULL)
        while not self.socket.exists():
            expect(self.process.poll() is None, "swtpm ended")
            time.sleep(0.02)

    def stop(self):
        if self.process is not None:
            self.process.terminate()
            self.process.wait()
        self.process = None

    def tool(self, *words, ok=True):
        """One of tpm2-tools; nothing stays loaded behind it, since no resource manager runs."""
        environment = {**os.environ, "TPM2TOOLS_TCTI": self.tcti}
        done = run(*words, ok=ok, env=environment, cwd=self.folder)
        for kind in ("-t", "-l", "-s"):
            run("tpm2_flushcontext", kind, env=environment)
        return done

    def pcr(self, number, bank="sha256"):
        self.tool("tpm2_pcrread", f"{bank}:{number}", "-o", "pcr")
        return (self.folder / "pcr").read_bytes().hex()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


class Release:
    """A UKI whose PCR policies are signed by one or more keys."""

    def __init__(self, folder, azbundle, keys, seed=1, version=0, options=()):
        self.folder = pathlib.Path(tempfile.mkdtemp(dir=folder))
        source = random.Random(seed)
        for name, content in (("root", source.randbytes(4096 * 9)), ("linux", source.randbytes(70000)),
                              ("initrd", source.randbytes(999)),
                              ("osrel", b"ID=x\nAZUPDATE_SECURITY_VERSION=%d\n" % version)):
            (self.folder / name).write_bytes(content)
        words = [azbundle, "uki", "--product=p", "-o", self.folder / "uki", *options]
        for option, name in (("linux", "linux"), ("initrd", "initrd"), ("os-release", "osrel"),
                             ("root", "root")):
            words += [f"--{option}", self.folder / name]
        for key in keys:
            words += ["--pcr-key", key]
        run(*words)
        for name in [*SECTIONS, "pcrsig"]:
            run("objcopy", "-O", "binary", f"--only-section=.{name}", self.folder / "uki", self.at(name))

    def at(self, name):
        return self.folder / f"section.{name}"

    def signatures(self):
        return json.loads(self.at("pcrsig").read_text())

    def measure(self, tpm):
        """What the stub does of it."""
        # TPM2_PCR_Event takes 1024 bytes: so the hashes are made here.
        events = [content for name in SECTIONS
                  for content in (f".{name}".encode() + b"\0", self.at(name).read_bytes())]
        tpm.tool("tpm2_pcrextend", *("11:" + ",".join(f"{bank}={hashlib.new(bank, event).hexdigest()}"
                                                      for bank in tpm.banks) for event in events))


def main(names, *arguments):
    """Runs the functions test_* of a module, each in a folder of its own."""
    tests = [(name, value) for name, value in names.items() if name.startswith("test_")]
    wanted = [argument for argument in arguments if argument.startswith("test_")]
    tests = [test for test in tests if not wanted or test[0] in wanted]
    failed = 0
    print(f"1..{len(tests)}", flush=True)
    for number, (name, test) in enumerate(tests, 1):
        with tempfile.TemporaryDirectory(prefix="azupdate-") as folder:
            try:
                test(pathlib.Path(folder))
                print(f"ok {number} {name}", flush=True)
            except Exception:
                failed += 1
                print("".join(f"# {line}\n" for line in traceback.format_exc().splitlines()), end="")
                print(f"not ok {number} {name}", flush=True)
    return 1 if failed else 0
