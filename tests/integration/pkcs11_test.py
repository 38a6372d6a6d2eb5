#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Keys that stay in a PKCS#11 token: SoftHSM's, made here, used by what signs releases and PCR policies
and by what signs a repository. pkcs11_test.py AZBUNDLE AZREPO. Prints TAP."""
import base64
import glob
import json
import os
import pathlib
import sys
import tempfile

from azrepo_rig import Client, Works, run

AZBUNDLE, AZREPO = map(os.path.abspath, sys.argv[1:3])
MODULE = next(iter(glob.glob("/usr/lib*/softhsm/libsofthsm2.so") + glob.glob("/usr/lib/*/softhsm/libsofthsm2.so")))
PIN = "Sesame-1234"
KINDS = {"ec": "EC:prime256v1", "rsa": "rsa:2048"}


def expect(condition, message=""):
    assert condition, message


class Token:
    """A token with a key of each kind; its PIN stands in a file, too."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        (self.folder / "tokens").mkdir()
        (self.folder / "pin").write_text(PIN)
        (self.folder / "softhsm2.conf").write_text(
            f"directories.tokendir = {self.folder}/tokens\nobjectstore.backend = file\nlog.level = ERROR\n")
        run("softhsm2-util", "--init-token", "--free", "--label", "maker", "--pin", PIN, "--so-pin", "8765432",
            env=self.environment())
        for number, (name, kind) in enumerate(KINDS.items(), 1):
            run("pkcs11-tool", "--module", MODULE, "--token-label", "maker", "--login", "--pin", PIN, "--keypairgen",
                "--key-type", kind, "--label", name, "--id", f"{number:02}", env=self.environment())

    def environment(self, **more):
        # What OpenSSL's engine leaves behind at the end of a process is not ours to free.
        return {**os.environ, "SOFTHSM2_CONF": str(self.folder / "softhsm2.conf"), "PKCS11_MODULE_PATH": MODULE,
                "ASAN_OPTIONS": "detect_leaks=0", **more}

    def uri(self, name):
        """With the PIN's file."""
        return f"pkcs11:token=maker;object={name};type=private?pin-source=file:{self.folder}/pin"

    def certificate(self, name, path):
        run("openssl", "req", "-x509", "-new", "-engine", "pkcs11", "-keyform", "engine", "-key", self.uri(name), "-subj",
            f"/CN={name}", "-days", "2", "-addext", "extendedKeyUsage=codeSigning", "-addext",
            "keyUsage=digitalSignature", "-out", path, env=self.environment())
        return path


def build(folder, key, certificate, environment, ok=True):
    return run(AZBUNDLE, "build", "--product", "demo", "--version", "5", "--root", folder / "root", "--uki",
               folder / "uki", "--key", key, "--cert", certificate, "-o", folder / "5.azb", env=environment, ok=ok)


def repository(folder, environment, ok=True, **keys):
    """A repository whose keys are in files but for those that are given."""
    (folder / "kept").mkdir(exist_ok=True)
    words = []
    for role in ("root", "targets", "channels", "snapshot", "timestamp"):
        if role not in keys and not (folder / "kept" / role).exists():
            run(AZREPO, "keygen", folder / "kept" / role)
        words.append(f"--{role}-key={keys.get(role, folder / 'kept' / role)}")
    return run(AZREPO, "init", "--product=demo", *words, folder / "repo", env=environment, ok=ok)


def test_release(folder, works, token):
    """azbundle: releases signed by an ECDSA and by an RSA key of the token verify by their certificates"""
    repository(folder, None)
    for name in KINDS:
        certificate = token.certificate(name, folder / f"{name}.crt")
        build(works.folder, token.uri(name), certificate, token.environment())
        refused = run(AZREPO, "add", folder / "repo", works.folder / "5.azb", "--keyring", works.ca, ok=False)
        expect("SIGNATURE_UNTRUSTED" in refused.stderr, refused.stderr)
        run(AZBUNDLE, "verify", "--keyring", certificate, works.folder / "5.azb")


def test_policies(folder, works, token):
    """azbundle: PCR policies and the root hash signed by the token's RSA key, verified by OpenSSL"""
    for name, text in (("linux", "kernel"), ("initrd", "initrd"), ("osrel", "AZUPDATE_SECURITY_VERSION=1\n")):
        (folder / name).write_text(text)
    certificate = token.certificate("rsa", folder / "rsa.crt")
    run(AZBUNDLE, "uki", "--linux", folder / "linux", "--initrd", folder / "initrd", "--os-release", folder / "osrel",
        "--root", works.folder / "root", "--product", "demo", "--pcr-key", token.uri("rsa"), "--root-key",
        token.uri("rsa"), "--root-cert", certificate, "-o", folder / "uki", env=token.environment())
    for section in ("pcrpkey", "pcrsig"):
        run("objcopy", "-O", "binary", f"--only-section=.{section}", folder / "uki", folder / section)
    (folder / "pcrpkey").write_bytes((folder / "pcrpkey").read_bytes().rstrip(b"\0"))
    public = run("openssl", "x509", "-in", certificate, "-noout", "-pubkey").stdout
    expect((folder / "pcrpkey").read_text().strip() == public.strip(), "another public key")
    entry = json.loads((folder / "pcrsig").read_bytes().rstrip(b"\0"))["sha256"][0]
    expect(entry["pkfp"] == print_of(folder), entry["pkfp"])
    (folder / "policy").write_bytes(bytes.fromhex(entry["pol"]))
    (folder / "signature").write_bytes(base64.b64decode(entry["sig"]))
    run("openssl", "dgst", "-sha256", "-verify", folder / "pcrpkey", "-signature", folder / "signature",
        folder / "policy")


def print_of(folder):
    """SHA-256 of the key as PKCS#1 has it."""
    run("openssl", "rsa", "-pubin", "-in", folder / "pcrpkey", "-RSAPublicKey_out", "-outform", "DER", "-out",
        folder / "pkcs1")
    return run("sha256sum", folder / "pkcs1").stdout.split()[0]


def test_repository(folder, works, token):
    """azrepo: targets by RSA-PSS, channels by ECDSA in the token, and a client that knows none of it agrees"""
    environment = token.environment(PKCS11_PIN=PIN)
    bare = "pkcs11:token=maker;object=rsa"
    repository(folder, environment, targets=f"{bare}?pin-value={PIN}", channels=token.uri("ec"))
    run(AZREPO, "add", folder / "repo", works.full1, env=environment)
    run(AZREPO, "publish", "--channel=stable", "--all", folder / "repo", "4.0.1", env=environment)
    run(AZREPO, "check", folder / "repo")
    documents = Client(folder / "repo").refresh()
    expect(list(documents) == ["channels/demo/x86_64/stable.json"], documents)
    settings = (folder / "repo/.azrepo/settings.json").read_text()
    expect("object=rsa" in settings and PIN not in settings, settings)
    # The PIN that was in the URI is not kept: without it elsewhere, the token is shut.
    lost = run(AZREPO, "add", folder / "repo", works.full2, env=token.environment(), ok=False, stdin=-3,
               start_new_session=True)
    expect(lost.returncode == 1 and bare in lost.stderr, lost.stderr)


def test_refused(folder, works, token):
    """a wrong PIN, no such token, key, module or engine: a fault for each, and no PIN is shown"""
    certificate = token.certificate("ec", folder / "ec.crt")
    wrong = "pkcs11:token=maker;object=ec?pin-value=Wrong-9999"
    for fault, key, more in (
            ("TOKEN_PIN", wrong, {}),
            ("TOKEN_PIN", "pkcs11:token=maker;object=ec", {"PKCS11_PIN": "Wrong-9999"}),
            ("TOKEN_KEY", f"pkcs11:token=nobodys;object=ec?pin-value={PIN}", {}),
            ("TOKEN_KEY", f"pkcs11:token=maker;object=nothing?pin-value={PIN}", {}),
            ("TOKEN_KEY", f"pkcs11:nonsense?pin-value={PIN}", {}),
            ("TOKEN_KEY", f"pkcs11:token=maker;object=ec?pin-value={PIN}", {"PKCS11_MODULE_PATH": "/nonexistent"}),
            ("TOKEN_ENGINE", f"pkcs11:token=maker;object=ec?pin-value={PIN}", {"OPENSSL_ENGINES": "/nonexistent"})):
        said = build(works.folder, key, certificate, token.environment(**more), ok=False)
        expect(said.returncode == 1 and fault in said.stderr, f"{key} {more}: {said.stderr}")
        expect(PIN not in said.stderr and "Wrong" not in said.stderr, said.stderr)
    said = repository(folder, token.environment(), ok=False, targets=wrong)
    expect("TOKEN_PIN" in said.stderr and "Wrong" not in said.stderr, said.stderr)
    expect(not (folder / "repo").exists(), "a repository was begun")
    build(works.folder, token.uri("ec"), certificate, token.environment())


def main():
    cases, failed = [test_release, test_policies, test_repository, test_refused], 0
    print(f"1..{len(cases)}", flush=True)
    with tempfile.TemporaryDirectory(prefix="azupdate-") as base:
        works = Works(AZBUNDLE, pathlib.Path(tempfile.mkdtemp(dir=base)))
        token = Token(base)
        for number, case in enumerate(cases, 1):
            try:
                case(pathlib.Path(tempfile.mkdtemp(dir=base)), works, token)
                print(f"ok {number} {case.__doc__}", flush=True)
            except AssertionError as error:
                failed += 1
                print(f"not ok {number} {case.__doc__}", flush=True)
                print("".join(f"# {line}\n" for line in str(error).splitlines()), end="", flush=True)
    sys.exit(failed > 0)


main()
