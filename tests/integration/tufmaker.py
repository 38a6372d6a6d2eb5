# SPDX-License-Identifier: MIT
"""A small maker of TUF repositories for tuf_test.py, written after the specification and apart from
our C code: its own canonical form, keys by python3-cryptography. Not a tool to keep a repository with."""
import datetime
import hashlib
import json
import pathlib
import urllib.parse

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa

NOW = 1800000000
DAY = 86400
ROLES = ("root", "timestamp", "snapshot", "targets")


def canonical(value):
    """OLPC's canonical JSON, as bytes."""
    if isinstance(value, str):
        return b'"' + value.replace("\\", "\\\\").replace('"', '\\"').encode() + b'"'
    if isinstance(value, dict):
        pairs = sorted(value.items(), key=lambda pair: pair[0].encode())
        return b"{" + b",".join(canonical(key) + b":" + canonical(item) for key, item in pairs) + b"}"
    if isinstance(value, list):
        return b"[" + b",".join(map(canonical, value)) + b"]"
    return json.dumps(value).encode()


def when(seconds):
    return datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


class Key:
    """A private key of one of the three kinds; `note` goes into the public one, as an unknown field."""

    def __init__(self, kind="ed25519", private=None, note=None):
        make = {"ed25519": ed25519.Ed25519PrivateKey.generate,
                "ecdsa": lambda: ec.generate_private_key(ec.SECP256R1()),
                "rsa": lambda: rsa.generate_private_key(65537, 2048)}
        schemes = {"ed25519": "ed25519", "ecdsa": "ecdsa-sha2-nistp256", "rsa": "rsassa-pss-sha256"}
        self.kind, self.private = kind, private or make[kind]()
        self.public = {"keytype": kind, "scheme": schemes[kind], "keyval": {"public": self.text()}}
        if note:
            self.public["x-note"] = note
        self.id = hashlib.sha256(canonical(self.public)).hexdigest()

    def text(self):
        encoding = serialization.Encoding
        if self.kind == "ed25519":
            return self.private.public_key().public_bytes(encoding.Raw, serialization.PublicFormat.Raw).hex()
        return self.private.public_key().public_bytes(
            encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo).decode()

    def sign(self, data):
        if self.kind == "ecdsa":
            return self.private.sign(data, ec.ECDSA(hashes.SHA256()))
        if self.kind == "rsa":
            salted = padding.PSS(padding.MGF1(hashes.SHA256()), hashes.SHA256.digest_size)
            return self.private.sign(data, salted, hashes.SHA256())
        return self.private.sign(data)


def envelope(body, keys):
    data = canonical(body)
    signatures = [{"keyid": key.id, "sig": key.sign(data).hex()} for key in keys]
    return json.dumps({"signed": body, "signatures": signatures}, indent=1).encode()


def grant(keys, threshold=1):
    return {"keyids": [key.id for key in keys], "threshold": threshold}


class Repository:
    """The folder, and what its maker knows. Change the members, then publish()."""

    def __init__(self, folder, channel=True):
        self.folder = pathlib.Path(folder)
        self.keys = {role: [Key()] for role in ROLES}
        self.keys["channels"] = [Key()]
        self.keys["root"] = [Key("ed25519"), Key("ecdsa"), Key("rsa")]
        self.thresholds = {"root": 2}
        self.versions = dict.fromkeys((*self.keys, "channels"), 0)
        self.lives = dict.fromkeys(self.versions, 30 * DAY)
        self.targets = {"targets": {}, "channels": {}}
        self.announce_hashes = True
        self.write_root()
        if channel:
            self.add("channels/demo/x86_64/stable.json", b'{"format": 1}', role="channels")
            self.add("bundles/demo/x86_64/1.0/full.azb", b"a bundle", custom={"azupdate": {"format": 1}})
        self.publish()

    @property
    def root_file(self):
        return self.folder / "metadata/1.root.json"

    def write(self, path, data):
        place = self.folder / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(data)

    def body(self, role, kind=None):
        self.versions[role] += 1
        return {"_type": kind or role, "spec_version": "1.0.34", "version": self.versions[role],
                "expires": when(NOW + self.lives[role])}

    def sign(self, role, body, name=None, keys=None):
        data = envelope(body, keys or self.keys[role])
        self.write(f"metadata/{name or '{}.{}.json'.format(body['version'], role)}", data)
        return data

    def root_body(self):
        keys = {key.id: key.public for role in ROLES for key in self.keys[role]}
        roles = {role: grant(self.keys[role], self.thresholds.get(role, 1)) for role in ROLES}
        return {**self.body("root"), "consistent_snapshot": True, "keys": keys, "roles": roles}

    def write_root(self, signers=()):
        self.sign("root", self.root_body(), keys=[*self.keys["root"], *signers])

    def add(self, name, data, role="targets", custom=None):
        digest = hashlib.sha256(data).hexdigest()
        entry = {"length": len(data), "hashes": {"sha256": digest}}
        if custom:
            entry["custom"] = custom
        self.targets[role][name] = entry
        head, slash, last = name.rpartition("/")
        self.write(f"targets/{head}{slash}{digest}.{last}", data)

    def delegations(self):
        keys = self.keys["channels"]
        role = {**grant(keys), "name": "channels", "paths": ["channels/*/*/*"], "terminating": True}
        return {"keys": {key.id: key.public for key in keys}, "roles": [role]}

    def announced(self, data):
        version = json.loads(data)["signed"]["version"]
        if not self.announce_hashes:
            return {"version": version}
        return {"version": version, "length": len(data), "hashes": {"sha256": hashlib.sha256(data).hexdigest()}}

    def publish(self):
        """All but root, each with the next version."""
        channels = self.sign("channels", {**self.body("channels", "targets"), "targets": self.targets["channels"]})
        targets = self.sign("targets", {**self.body("targets"), "targets": self.targets["targets"],
                                        "delegations": self.delegations()})
        self.publish_snapshot({"channels.json": self.announced(channels), "targets.json": self.announced(targets)})

    def publish_snapshot(self, meta):
        snapshot = self.sign("snapshot", {**self.body("snapshot"), "meta": meta})
        self.publish_timestamp(self.announced(snapshot))

    def publish_timestamp(self, announced):
        body = {**self.body("timestamp"), "meta": {"snapshot.json": announced}}
        self.sign("timestamp", body, name="timestamp.json")

    def path(self, target):
        """The file of a path as it is asked for."""
        return self.folder / urllib.parse.unquote(target.partition("?")[0].lstrip("/"))
