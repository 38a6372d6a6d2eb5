# SPDX-License-Identifier: MIT
"""Repositories as a client that shares no code with azrepo sees them: its own canonical JSON, its own
verification (python3-cryptography), its own idea of what must be there."""
import datetime
import hashlib
import json
import os
import pathlib
import random
import re
import shutil
import subprocess

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding

STUB = "/usr/lib/systemd/boot/efi/linuxx64.efi.stub"
ROLES = ("root", "targets", "channels", "snapshot", "timestamp")


def run(*words, ok=True, **options):
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True, **options)
    assert not ok or done.returncode == 0, f"{words}: {done.returncode}: {done.stdout}{done.stderr}"
    return done


def canonical(value):
    """The one form in which TUF signs a value."""
    if value is True or value is False or value is None:
        return {True: b"true", False: b"false", None: b"null"}[value]
    if isinstance(value, int):
        return str(value).encode()
    if isinstance(value, str):
        return b'"' + re.sub(r'(["\\])', r"\\\1", value).encode() + b'"'
    if isinstance(value, list):
        return b"[" + b",".join(map(canonical, value)) + b"]"
    assert isinstance(value, dict), value
    return b"{" + b",".join(canonical(key) + b":" + canonical(value[key]) for key in sorted(value)) + b"}"


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def is_signed(key, signature, data):
    public = key["keyval"]["public"]
    try:
        if key["scheme"] == "ed25519":
            ed25519.Ed25519PublicKey.from_public_bytes(bytes.fromhex(public)).verify(signature, data)
            return True
        loaded = serialization.load_pem_public_key(public.encode())
        if key["scheme"] == "ecdsa-sha2-nistp256":
            assert key["keytype"] == "ecdsa" and loaded.curve.name == "secp256r1"
            loaded.verify(signature, data, ec.ECDSA(hashes.SHA256()))
            return True
        assert (key["keytype"], key["scheme"]) == ("rsa", "rsassa-pss-sha256"), key
        loaded.verify(signature, data, padding.PSS(padding.MGF1(hashes.SHA256()), 32), hashes.SHA256())
        return True
    except InvalidSignature:
        return False


def enough(envelope, keys, role):
    """As many good signatures by distinct keys as the role needs."""
    data, good = canonical(envelope["signed"]), set()
    for entry in envelope["signatures"]:
        key = keys.get(entry["keyid"])
        if entry["keyid"] not in role["keyids"] or key is None:
            continue
        assert sha256(canonical(key)) == entry["keyid"], "a key's id is not its hash"
        if is_signed(key, bytes.fromhex(entry["sig"]), data):
            good.add(key["keyval"]["public"])
    assert role["threshold"] >= 1
    return len(good) >= role["threshold"]


class Refused(Exception):
    pass


def demand(condition, why):
    if not condition:
        raise Refused(why)


class Client:
    """A machine: trusts a first root, and never goes back."""

    def __init__(self, repo, first=1):
        self.repo = pathlib.Path(repo)
        self.root = json.loads((self.repo / f"metadata/{first}.root.json").read_text())
        self.seen = {}
        self.hashes = {}

    def load(self, name, about=None):
        path = self.repo / "metadata" / name
        demand(path.exists(), f"{name} is missing")
        data = path.read_bytes()
        if about is not None:
            demand(len(data) == about["length"] and sha256(data) == about["hashes"]["sha256"],
                   f"{name} has other bytes than are listed")
        return json.loads(data)

    def verify(self, name, envelope, version=None):
        signed, delegations = envelope["signed"], None
        if name == "channels":
            delegations = self.targets["signed"]["delegations"]
            role = next(role for role in delegations["roles"] if role["name"] == "channels")
            demand(role["paths"] == ["channels/*/*/*"] and role["terminating"] is True, "delegation")
        else:
            role = self.root["signed"]["roles"][name]
        keys = delegations["keys"] if delegations else self.root["signed"]["keys"]
        demand(enough(envelope, keys, role), f"{name}: too few signatures")
        demand(signed["_type"] == ("targets" if name == "channels" else name), f"{name}: type")
        demand(version in (None, signed["version"]), f"{name}: version {signed['version']}")
        expires = datetime.datetime.strptime(signed["expires"], "%Y-%m-%dT%H:%M:%SZ")
        demand(expires > datetime.datetime.utcnow(), f"{name}: expired")
        demand(signed["version"] >= self.seen.get(name, 0), f"{name}: rolled back")
        self.seen[name] = signed["version"]
        return envelope

    def follow_root(self):
        while (self.repo / f"metadata/{self.root['signed']['version'] + 1}.root.json").exists():
            new = self.load(f"{self.root['signed']['version'] + 1}.root.json")
            old, name = self.root["signed"], f"root {new['signed']['version']}"
            demand(new["signed"]["version"] == old["version"] + 1, name)
            demand(enough(new, old["keys"], old["roles"]["root"]), f"{name}: the old root does not vouch")
            demand(enough(new, new["signed"]["keys"], new["signed"]["roles"]["root"]), f"{name}: itself")
            self.root = new
        demand(self.root["signed"]["consistent_snapshot"] is True, "no consistent snapshots")

    def refresh(self, follow=True):
        """Everything a machine would read; the channels' documents by their names."""
        if follow:
            self.follow_root()
        timestamp = self.verify("timestamp", self.load("timestamp.json"))
        demand(list(timestamp["signed"]["meta"]) == ["snapshot.json"], "timestamp lists more")
        about = timestamp["signed"]["meta"]["snapshot.json"]
        snapshot = self.verify("snapshot", self.load(f"{about['version']}.snapshot.json", about), about["version"])
        meta = snapshot["signed"]["meta"]
        demand(sorted(meta) == ["channels.json", "targets.json"], f"snapshot lists {sorted(meta)}")
        for name in ("targets", "channels"):
            about = meta[f"{name}.json"]
            envelope = self.load(f"{about['version']}.{name}.json", about)
            setattr(self, name, self.verify(name, envelope, about["version"]))
        return {name: json.loads(self.target(name)) for name in self.channels["signed"]["targets"]}

    def path(self, name):
        role = "channels" if name.startswith("channels/") else "targets"
        entry = getattr(self, role)["signed"]["targets"].get(name)
        demand(entry is not None, f"{name} is not listed")
        folder, file = os.path.split(name)
        return self.repo / "targets" / folder / f"{entry['hashes']['sha256']}.{file}", entry

    def target(self, name):
        path, entry = self.path(name)
        demand(path.exists(), f"{path} is missing")
        data = path.read_bytes()
        demand(len(data) == entry["length"] and sha256(data) == entry["hashes"]["sha256"], f"{name}: bytes")
        return data

    def bundles(self):
        """Each bundle that a channel offers, whole; once."""
        for document in self.refresh().values():
            for release in document["releases"]:
                for name in release["bundles"]:
                    path, _ = self.path(name)
                    demand(path.exists(), f"{path} is missing")
                    if self.hashes.get(name) != path:
                        self.target(name)
                        self.hashes[name] = path

    def versions(self):
        return {**self.seen, "root": self.root["signed"]["version"]}


class Works:
    """Keys of a maker, and bundles of releases 4.0.1 and 4.0.2 of "demo", the second as delta, too."""

    def __init__(self, azbundle, folder):
        self.azbundle, self.folder = azbundle, pathlib.Path(folder)
        source = random.Random(7)
        (self.folder / "linux").write_bytes(source.randbytes(30000))
        (self.folder / "initrd").write_bytes(b"initrd" * 500)
        run(azbundle, "keys", self.folder / "keys")
        self.full1 = self.release("4.0.1", 1)
        self.full2 = self.release("4.0.2", 2)
        self.delta = self.folder / "from-4.0.1.azb"
        run(azbundle, "delta", "--quick", "--old", self.full1, "--new", self.full2, "-o", self.delta)
        self.ca = self.folder / "keys/ca.crt"

    def release(self, version, security, product="demo", file=None):
        at, keys = self.folder, self.folder / "keys"
        (at / "osrel").write_text(f"ID=x\nAZUPDATE_SECURITY_VERSION={security}\n")
        (at / "root").write_bytes(random.Random(f"{version}{product}").randbytes(64) * 64 * 8)
        run(self.azbundle, "uki", "--linux", at / "linux", "--initrd", at / "initrd", "--os-release", at / "osrel",
            "--root", at / "root", "--product", product, "--cmdline", "quiet", "--uname", "6.1", "-o", at / "uki",
            "--key", keys / "db.key", "--cert", keys / "db.crt", "--stub", STUB)
        output = at / (file or f"full-{version}.azb")
        run(self.azbundle, "build", "--product", product, "--version", version, "--root", at / "root", "--uki",
            at / "uki", "--key", keys / "release.key", "--cert", keys / "release.crt", "-o", output)
        return output


class Keeper:
    """A repository being kept in a folder, with a key of each role."""

    KINDS = {"root1": "ed25519", "root2": "ecdsa", "root3": "rsa", "targets": "ecdsa", "channels": "ed25519",
             "snapshot": "ed25519", "timestamp": "ed25519", "spare": "ed25519"}
    made = {}

    def __init__(self, azrepo, folder):
        self.azrepo, self.folder = azrepo, pathlib.Path(folder)
        self.repo = self.folder / "repo"
        self.keys = self.folder / "keys"
        self.keys.mkdir()
        for name, kind in self.KINDS.items():
            if name not in self.made: # keys take long to make, and may be the same everywhere
                run(azrepo, "keygen", "--type", kind, self.keys / name)
                self.made[name] = [(self.keys / file).read_bytes() for file in (name, f"{name}.pub")]
                continue
            for file, content in zip((name, f"{name}.pub"), self.made[name]):
                (self.keys / file).write_bytes(content)

    def key(self, name):
        return self.keys / name

    def keyid(self, name):
        """As anybody computes it from the public half."""
        public = serialization.load_pem_public_key((self.keys / f"{name}.pub").read_bytes())
        pem = (self.keys / f"{name}.pub").read_text()
        raw, form = serialization.Encoding.Raw, serialization.PublicFormat.Raw
        text = public.public_bytes(raw, form).hex() if self.KINDS[name] == "ed25519" else pem
        types = {"ed25519": ("ed25519", "ed25519"), "ecdsa": ("ecdsa", "ecdsa-sha2-nistp256"),
                 "rsa": ("rsa", "rsassa-pss-sha256")}[self.KINDS[name]]
        return sha256(canonical({"keytype": types[0], "scheme": types[1], "keyval": {"public": text}}))

    def init_words(self):
        words = ["init", self.repo, "--product", "demo", "--root-threshold", "2"]
        for name in ("root1", "root2", "root3"):
            words += ["--root-key", self.key(name)]
        for role in ROLES[1:]:
            words += [f"--{role}-key", self.key(role)]
        return words

    def init(self):
        self.do(*self.init_words())
        return self

    def do(self, *words, ok=True):
        return run(self.azrepo, *words, ok=ok)

    def refused(self, fault, *words):
        done = self.do(*words, ok=False)
        assert done.returncode in (1, 2), f"{words} returned {done.returncode}: {done.stdout}{done.stderr}"
        assert re.search(rf"\b{fault}\b", done.stderr), f"expected {fault}: {done.stderr}"
        return done

    def client(self, **options):
        return Client(self.repo, **options)

    def away(self, *names):
        """Somebody takes the keys to another machine."""
        other = self.folder / "elsewhere"
        other.mkdir(exist_ok=True)
        for name in names:
            shutil.move(self.keys / name, other / name)
        return [other / name for name in names]
