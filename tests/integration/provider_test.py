#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Keys that leave no file: made in a TPM, used through the provider tpm2 of OpenSSL's configuration,
by what signs releases and by what signs a repository. provider_test.py AZBUNDLE AZREPO. Prints TAP."""
import os
import pathlib
import sys
import tempfile

import tpmrig
from azrepo_rig import Client, Works
from tpmrig import expect, run

AZBUNDLE, AZREPO = map(os.path.abspath, sys.argv[1:3])
KEYS = {"channels": "0x81000010", "release": "0x81000011"}
CONFIGURATION = """openssl_conf = init
[init]
providers = providers
alg_section = algorithms
[providers]
default = active
tpm2 = active
[active]
activate = 1
[algorithms]
default_properties = ?provider=tpm2
"""


class Token(tpmrig.Tpm):
    """A TPM with a key on P-256 for each use."""

    def __init__(self, folder):
        super().__init__(folder)
        self.tool("tpm2_createprimary", "-Q", "-C", "o", "-G", "ecc", "-c", "primary.ctx")
        for name, handle in KEYS.items():
            self.flushed("tpm2_create", "-Q", "-C", "primary.ctx", "-G", "ecc256:ecdsa-sha256:null", "-u", f"{name}.pub",
                         "-r", f"{name}.priv", "-a", "fixedtpm|fixedparent|sensitivedataorigin|userwithauth|sign")
            self.flushed("tpm2_load", "-Q", "-C", "primary.ctx", "-u", f"{name}.pub", "-r", f"{name}.priv", "-c",
                         f"{name}.ctx")
            self.flushed("tpm2_evictcontrol", "-Q", "-C", "o", "-c", f"{name}.ctx", handle)
        (self.folder / "openssl.cnf").write_text(CONFIGURATION)

    def flushed(self, *words):
        self.tool("tpm2_flushcontext", "-t")
        self.tool(*words)
        self.tool("tpm2_flushcontext", "-t")

    def environment(self):
        return {**os.environ, "OPENSSL_CONF": str(self.folder / "openssl.cnf"), "TPM2OPENSSL_TCTI": self.tcti}


def repository(folder, environment, **keys):
    """A repository whose keys are in files but for those that are given."""
    (folder / "kept").mkdir()
    words = []
    for role in ("root", "targets", "channels", "snapshot", "timestamp"):
        if role not in keys:
            run(AZREPO, "keygen", folder / "kept" / role)
        words.append(f"--{role}-key={keys.get(role, folder / 'kept' / role)}")
    run(AZREPO, "init", "--product=demo", *words, folder / "repo", env=environment)
    return folder / "repo"


def test_repository(folder, token):
    """azrepo: the role of the channels signs in the TPM, and a client that knows none of it agrees"""
    works = Works(AZBUNDLE, folder)
    repo = repository(folder, token.environment(), channels=f"handle:{KEYS['channels']}")
    run(AZREPO, "add", repo, works.full1, env=token.environment())
    run(AZREPO, "publish", "--channel=stable", "--all", repo, "4.0.1", env=token.environment())
    run(AZREPO, "check", repo)
    documents = Client(repo).refresh()
    expect(list(documents) == ["channels/demo/x86_64/stable.json"], documents)
    lost = run(AZREPO, "pause", "--channel=stable", "--reason=x", repo, "4.0.1", ok=False)
    expect(lost.returncode == 1, "without the TPM nothing is signed")


def test_release(folder, token):
    """azbundle: a release signed in the TPM verifies against the certificate of that key"""
    environment = token.environment()
    handle = f"handle:{KEYS['release']}"
    works = Works(AZBUNDLE, folder)
    run("openssl", "req", "-x509", "-new", "-key", handle, "-subj", "/CN=maker", "-days", "2", "-addext",
        "extendedKeyUsage=codeSigning", "-addext", "keyUsage=digitalSignature", "-out", folder / "maker.crt",
        env=environment)
    run(AZBUNDLE, "build", "--product", "demo", "--version", "5", "--root", folder / "root", "--uki", folder / "uki",
        "--key", handle, "--cert", folder / "maker.crt", "-o", folder / "5.azb", env=environment)
    repo = repository(folder, None)
    other = run(AZREPO, "add", repo, folder / "5.azb", "--keyring", works.ca, ok=False)
    expect("SIGNATURE_UNTRUSTED" in other.stderr, other.stderr)
    run(AZREPO, "add", repo, folder / "5.azb", "--keyring", folder / "maker.crt")


def main():
    cases, failed = [test_repository, test_release], 0
    print(f"1..{len(cases)}", flush=True)
    with tempfile.TemporaryDirectory(prefix="azupdate-") as base:
        token = Token(base)
        try:
            for number, case in enumerate(cases, 1):
                folder = pathlib.Path(tempfile.mkdtemp(dir=base))
                try:
                    case(folder, token)
                    print(f"ok {number} {case.__doc__}", flush=True)
                except AssertionError as error:
                    failed += 1
                    print(f"not ok {number} {case.__doc__}", flush=True)
                    print("".join(f"# {line}\n" for line in str(error).splitlines()), end="", flush=True)
        finally:
            token.stop()
    sys.exit(failed > 0)


main()
