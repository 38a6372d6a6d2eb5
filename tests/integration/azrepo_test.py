#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""azrepo: what each command leaves in the repository, as a client sees it that shares no code with it.

azrepo_test.py AZREPO AZBUNDLE SCHEMA_FOLDER. Prints TAP."""
import datetime
import fcntl
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree

import schema
from azrepo_rig import Client, Keeper, Refused, Works, run, sha256

AZREPO, AZBUNDLE, SCHEMAS = map(os.path.abspath, sys.argv[1:])
DESCRIBED = json.loads((pathlib.Path(SCHEMAS) / "repository.schema.json").read_text(encoding="utf-8"))
STABLE, BETA = "channels/demo/x86_64/stable.json", "channels/demo/x86_64/beta.json"
BUNDLES = "bundles/demo/x86_64"
WAVES = "0=1%,1d=200,3d=100%"


def expect(told, wanted=True):
    assert told == wanted, f"{told!r}, not {wanted!r}"


def raises(function):
    try:
        function()
    except Refused as why:
        return str(why)
    raise AssertionError("nothing was refused")


def filled(folder, works):
    """A repository with both releases; 4.0.1 in the channel stable."""
    keeper = Keeper(AZREPO, folder).init()
    keeper.do("add", keeper.repo, "--keyring", works.ca, works.full1, works.full2, works.delta)
    keeper.do("publish", keeper.repo, "4.0.1", "--channel", "stable")
    return keeper


def release(documents, name, version):
    return next(entry for entry in documents[name]["releases"] if entry["version"] == version)


def time_of(text):
    return datetime.datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ")


def test_init(folder, works):
    """A new repository is whole; ids of keys are as anybody computes them; a second init is refused."""
    keeper = Keeper(AZREPO, folder)
    keeper.refused("ARGUMENT", "init", keeper.repo, "--root-key", keeper.key("root1"))
    keeper.refused("AZREPO_NAME", *keeper.init_words(), "--product", "../demo")
    keeper.refused("AZREPO_THRESHOLD", *keeper.init_words(), "--root-threshold", "4")
    keeper.refused("ARGUMENT", *keeper.init_words(), "--expires", "timestamp=0")
    expect(keeper.repo.exists(), False)
    keeper.init()
    client = keeper.client()
    expect(client.refresh(), {})
    roles = client.root["signed"]["roles"]
    expect(roles["root"], {"keyids": [keeper.keyid(f"root{i}") for i in (1, 2, 3)], "threshold": 2})
    expect(roles["timestamp"], {"keyids": [keeper.keyid("timestamp")], "threshold": 1})
    expect("channels" in roles, False)
    text = "".join(path.read_text() for path in keeper.repo.rglob("*.json"))
    expect("PRIVATE" in text, False)
    expect(sorted(os.listdir(keeper.repo)), [".azrepo", "metadata", "targets"])
    keeper.refused("AZREPO_EXISTS", *keeper.init_words())
    keeper.refused("BUILD_OUTPUT", "keygen", keeper.key("root1"))
    keeper.do("keygen", keeper.key("fresh"))
    expect(os.stat(keeper.key("fresh")).st_mode & 0o777, 0o600)
    keeper.refused("ARGUMENT", "keygen", "--type", "dsa", keeper.key("x"))
    run("openssl", "ecparam", "-name", "secp384r1", "-genkey", "-noout", "-out", keeper.key("p384"))
    keeper.refused("KEY_KIND", "rotate-key", keeper.repo, "--role", "root", "--add", keeper.key("p384"))


def test_add(folder, works):
    """Bundles are listed with kind, base and manifest; what does not fit is refused and not listed."""
    keeper = Keeper(AZREPO, folder).init()
    keeper.refused("AZREPO_BASE", "add", keeper.repo, works.delta)
    keeper.do("add", keeper.repo, "--keyring", works.ca, works.full1, works.full2, works.delta)
    client = keeper.client()
    client.refresh()
    listed = client.targets["signed"]["targets"]
    expect(sorted(listed), [f"{BUNDLES}/4.0.1/full-4.0.1.azb", f"{BUNDLES}/4.0.2/from-4.0.1.azb",
                            f"{BUNDLES}/4.0.2/full-4.0.2.azb"])
    manifest = run(AZBUNDLE, "info", "--manifest", works.full2).stdout.encode()
    expect(listed[f"{BUNDLES}/4.0.2/from-4.0.1.azb"]["custom"],
           {"azupdate": {"format": 1, "kind": "delta", "from": "4.0.1", "product": "demo", "architecture": "x86_64",
                         "version": "4.0.2", "security_version": 2, "manifest": sha256(manifest)}})
    expect(listed[f"{BUNDLES}/4.0.1/full-4.0.1.azb"]["custom"]["azupdate"]["kind"], "full")
    for name in listed:
        client.target(name)
    before = client.versions()
    other = works.folder / "other"
    other.mkdir()
    again = shutil.copy(works.full1, other / "full-4.0.2.azb")
    keeper.do("add", keeper.repo, again) # another version's folder: no clash
    imposter = works.release("4.0.2", 2, file="imposter.azb")
    with open(imposter, "r+b") as file: # other bytes of the same release, under a name that is taken
        file.seek(0, 2)
        file.write(b"x")
    shutil.move(imposter, other / "full-4.0.1.azb")
    keeper.refused(r"AZREPO_BUNDLE|BUNDLE_\w+", "add", keeper.repo, other / "full-4.0.1.azb")
    for name in ("-x.azb", "a b.azb", "x\n.azb", ".azb", "x.bin", "'$(id)'.azb", "ü.azb", "x" * 70 + ".azb"):
        hostile = other / name
        shutil.copy(works.full1, hostile)
        keeper.refused("AZREPO_NAME", "add", keeper.repo, f"{other}/{name}")
    cut = other / "cut.azb"
    cut.write_bytes(works.full1.read_bytes()[:5000])
    keeper.refused(r"BUNDLE_\w+", "add", keeper.repo, cut)
    keeper.refused("BUILD_INPUT", "add", keeper.repo, other / "missing.azb")
    keeper.refused("AZREPO_NAME", "add", keeper.repo, works.release("1", 1, product="foreign"))
    keeper.refused("AZREPO_NAME", "add", keeper.repo, works.release("1", 1, product="../../demo"))
    run(AZBUNDLE, "keys", other / "keys")
    keeper.refused("SIGNATURE_UNTRUSTED", "add", keeper.repo, "--keyring", other / "keys/ca.crt", works.full1)
    client.refresh()
    expect(client.versions()["targets"], before["targets"] + 1)
    expect(list((keeper.repo / ".azrepo/tmp").iterdir()), [])


def test_other_release(folder, works):
    """A version has one manifest: another build under the same version is refused."""
    keeper = filled(folder, works)
    changed = works.release("4.0.1", 9, file="rebuilt.azb")
    keeper.refused("AZREPO_BUNDLE", "add", keeper.repo, changed)
    same = shutil.copy(changed, folder / "full-4.0.1.azb")
    keeper.refused("AZREPO_BUNDLE", "add", keeper.repo, same)


def test_channels(folder, works):
    """publish, promote, rollout, pause, resume, revoke: the channel's document after each."""
    keeper = filled(folder, works)
    client, repo = keeper.client(), keeper.repo
    documents = client.refresh()
    expect({key: value for key, value in documents[STABLE].items() if key != "releases"},
           {"format": 1, "product": "demo", "architecture": "x86_64", "channel": "stable", "revoked": []})
    first = release(documents, STABLE, "4.0.1")
    assert abs((time_of(first.pop("published")) - datetime.datetime.utcnow()).total_seconds()) < 600
    expect(first, {"version": "4.0.1", "security_version": 1, "bundles": [f"{BUNDLES}/4.0.1/full-4.0.1.azb"]})

    keeper.do("publish", repo, "4.0.2", "--channel", "beta", "--barrier", "--dead-end", "last of its kind",
              "--minimum-free", "1000000", "--waves", WAVES, "--start", "2026-11-01T12:00:00Z", "--salt", "pepper")
    told = release(client.refresh(), BETA, "4.0.2")
    expect(sorted(told["bundles"]), [f"{BUNDLES}/4.0.2/from-4.0.1.azb", f"{BUNDLES}/4.0.2/full-4.0.2.azb"])
    expect([told[key] for key in ("barrier", "dead_end", "minimum_free_bytes")], [True, "last of its kind", 1000000])
    expect(told["rollout"], {"start": "2026-11-01T12:00:00Z", "salt": "pepper", "waves": [
        {"after_s": 0, "permille": 10}, {"after_s": 86400, "permille": 200}, {"after_s": 259200, "permille": 1000}]})

    keeper.do("promote", repo, "4.0.2", "--from", "beta", "--to", "stable", "--waves", "0=100%")
    documents = client.refresh()
    expect([entry["version"] for entry in documents[STABLE]["releases"]], ["4.0.1", "4.0.2"])
    promoted = release(documents, STABLE, "4.0.2")
    expect((promoted["barrier"], promoted["bundles"]), (True, told["bundles"]))
    assert promoted["rollout"]["salt"] != "pepper" and promoted["rollout"]["start"] != "2026-11-01T12:00:00Z"
    keeper.refused("AZREPO_RELEASE", "promote", repo, "4.0.2", "--from", "beta", "--to", "stable")

    keeper.do("rollout", repo, "4.0.2", "--channel", "beta", "--waves", "1h=5")
    changed = release(client.refresh(), BETA, "4.0.2")["rollout"]
    expect(changed, {**told["rollout"], "waves": [{"after_s": 3600, "permille": 5}]})
    keeper.do("rollout", repo, "4.0.2", "--channel", "beta", "--all")
    expect("rollout" in release(client.refresh(), BETA, "4.0.2"), False)
    for waves in ("", "0", "0=0", "0=1001", "0=101%", "1d=1,1h=2", "0=2,1h=2", "-1=3", "0=1,", "0=1%%", "1y=3",
                  "99999999999999999999=1", ",".join(f"{i}={i + 1}" for i in range(40))):
        keeper.refused("AZREPO_WAVES", "rollout", repo, "4.0.2", "--channel", "beta", f"--waves={waves}")
    for start in ("now", "2026-11-01", "2026-11-01T12:00:00+01:00", "2026-13-01T12:00:00Z"):
        keeper.refused("ARGUMENT", "rollout", repo, "4.0.2", "--channel", "beta", "--start", start)

    keeper.do("revoke", repo, "4.0.1", "--reason", "leaks")
    documents = client.refresh()
    for name in (STABLE, BETA):
        expect(documents[name]["revoked"], [{"version": "4.0.1", "reason": "leaks"}])
    keeper.do("revoke", repo, "4.0.1", "--channel", "beta", "--undo")
    documents = client.refresh()
    expect((documents[BETA]["revoked"], len(documents[STABLE]["revoked"])), ([], 1))
    keeper.refused("AZREPO_RELEASE", "promote", repo, "4.0.1", "--from", "stable", "--to", "beta")
    keeper.refused("ARGUMENT", "revoke", repo, "4.0.2")
    keeper.do("publish", repo, "4.0.2", "--channel", "stable", "--keep", "1")
    expect([entry["version"] for entry in client.refresh()[STABLE]["releases"]], ["4.0.2"])
    client.bundles()
    expect(keeper.do("check", repo, "--keyring", works.ca).stdout.splitlines()[-1].startswith("good: "))


def test_pause(folder, works):
    """A pause stops everybody, and resume shifts the waves by its length."""
    keeper = filled(folder, works)
    client, repo = keeper.client(), keeper.repo
    keeper.do("pause", repo, "4.0.1", "--channel", "stable", "--reason", "looks <bad>")
    told = release(client.refresh(), STABLE, "4.0.1")
    expect((told["rollout"]["paused"], told["rollout"]["waves"]), ("looks <bad>", [{"after_s": 0, "permille": 1000}]))
    expect(told["rollout"]["start"], told["published"])
    keeper.do("resume", repo, "4.0.1", "--channel", "stable")
    expect("paused" in release(client.refresh(), STABLE, "4.0.1")["rollout"], False)
    keeper.refused("AZREPO_RELEASE", "resume", repo, "4.0.1", "--channel", "stable")

    for words, shifted in (([], True), (["--no-shift"], False)):
        start = (datetime.datetime.utcnow() - datetime.timedelta(hours=30)).strftime("%Y-%m-%dT%H:%M:%SZ")
        keeper.do("rollout", repo, "4.0.1", "--channel", "stable", "--waves", WAVES, "--start", start)
        keeper.do("pause", repo, "4.0.1", "--channel", "stable", "--reason", "x")
        time.sleep(2.1)
        keeper.do("resume", repo, "4.0.1", "--channel", "stable", *words)
        rollout = release(client.refresh(), STABLE, "4.0.1")["rollout"]
        moved = (time_of(rollout["start"]) - time_of(start)).total_seconds()
        assert (2 <= moved < 600) if shifted else moved == 0, f"moved by {moved} s"
        expect("paused_since" in rollout, False)
    keeper.refused("AZREPO_NAME", "pause", repo, "4.0.1", "--channel", "stable", "--reason", "a\nb")
    keeper.refused("AZREPO_NAME", "pause", repo, "4.0.1", "--channel", "stable", "--reason", "x" * 300)


def test_refusals(folder, works):
    """Names that are none, and what is not there."""
    keeper = filled(folder, works)
    repo = keeper.repo
    before = keeper.client()
    before.refresh()
    for channel in ("../stable", "a/b", ".x", "", "a b", "x" * 65, "a\nb"):
        keeper.refused("AZREPO_NAME", "publish", repo, "4.0.2", "--channel", channel)
    for version in ("../4", "", "4 0", "4/0", "\x1b[2J"):
        done = keeper.refused("AZREPO_NAME", "publish", repo, version, "--channel", "stable")
        assert "\x1b" not in done.stderr
    keeper.refused("AZREPO_RELEASE", "publish", repo, "9", "--channel", "stable")
    keeper.refused("AZREPO_RELEASE", "pause", repo, "4.0.2", "--channel", "stable", "--reason", "x")
    keeper.refused("AZREPO_CHANNEL", "pause", repo, "4.0.2", "--channel", "none", "--reason", "x")
    keeper.refused("AZREPO_NAME", "publish", repo, "4.0.1", "--channel", "stable", "--product", "foreign")
    keeper.refused("AZREPO_NAME", "publish", repo, "4.0.1", "--channel", "stable", "--architecture", "../x")
    keeper.refused("AZREPO_FOLDER", "status", folder)
    keeper.refused("ARGUMENT", "publish", repo)
    expect(keeper.do("nonsense", ok=False).returncode, 2)
    after = keeper.client()
    after.refresh()
    expect(after.versions(), before.versions())


def test_offline(folder, works):
    """Keys that are elsewhere sign a request, several people one threshold; urgent things go on meanwhile."""
    keeper = filled(folder, works)
    client, repo = keeper.client(), keeper.repo
    client.refresh()
    before = client.versions()
    targets, root1, root2 = keeper.away("targets", "root1", "root2")
    extra = shutil.copy(works.full1, folder / "extra.azb")
    done = keeper.refused("AZREPO_KEY_MISSING", "add", repo, extra)
    assert keeper.keyid("targets")[:12] in done.stderr
    expect(keeper.client().refresh() == client.refresh())
    request = folder / "request"
    keeper.do("add", repo, extra, "--prepare", request)
    client.refresh()
    expect(client.versions(), before)
    expect(json.loads(keeper.do("status", "--json", repo).stdout)["waiting"],
           [{"role": "targets", "version": 3, "signatures": 0, "threshold": 1}])
    keeper.refused("AZREPO_WAITING", "add", repo, extra)
    keeper.do("pause", repo, "4.0.1", "--channel", "stable", "--reason", "urgent")
    expect(release(client.refresh(), STABLE, "4.0.1")["rollout"]["paused"], "urgent")

    shown = keeper.do("sign", request).stdout
    assert f"{BUNDLES}/4.0.1/extra.azb" in shown and "targets version 3" in shown, shown
    keeper.refused("AZREPO_KEY_OTHER", "sign", request, "--key", keeper.key("snapshot"))
    good = request.read_text()
    tampered_requests(keeper, request, good, targets)
    request.write_text(good)
    keeper.do("sign", request, "--key", targets)
    assert json.loads(request.read_text())["requests"][0]["signatures"][0]["keyid"] == keeper.keyid("targets")
    keeper.do("join", repo, request)
    client.bundles()
    assert f"{BUNDLES}/4.0.1/extra.azb" in client.targets["signed"]["targets"]
    keeper.refused("AZREPO_REQUEST", "join", repo, request)
    offline_root(keeper, client, root1, root2)


def tampered_requests(keeper, request, good, key):
    """What a request cannot be made to do on its way."""
    def put(change):
        value = json.loads(good)
        change(value["requests"][0])
        request.write_text(json.dumps(value))
    def hide(entry):
        entry["signed"]["targets"].pop(f"{BUNDLES}/4.0.1/extra.azb")
    put(hide)
    keeper.refused("AZREPO_REQUEST", "sign", request, "--key", key)
    def forge(entry):
        entry["signatures"] = [{"keyid": keeper.keyid("targets"), "sig": "00" * 70}]
    put(forge)
    keeper.refused("AZREPO_SIGNATURE", "join", keeper.repo, request)
    def stranger(entry):
        entry["signatures"] = [{"keyid": keeper.keyid("spare"), "sig": "00" * 64}]
    put(stranger)
    expect("published" in keeper.do("join", keeper.repo, request).stdout, False)
    for role in ("\x1b[2J", "root", "timestamp"):
        put(lambda entry: entry.update(role=role))
        keeper.refused("AZREPO_REQUEST", "sign", request)
    put(lambda entry: entry.update(version=4))
    keeper.refused("AZREPO_REQUEST", "sign", request)
    for text in ("", "{}", "[]", good[:-9], good.replace('"version"', '"version": 1, "version"', 1)):
        request.write_text(text)
        keeper.refused("AZREPO_REQUEST", "sign", request)
        keeper.refused("AZREPO_REQUEST", "join", keeper.repo, request)


def offline_root(keeper, client, root1, root2):
    """Two of three root keys, each on its own copy of the request."""
    request = keeper.folder / "root-request"
    keeper.do("rotate-key", keeper.repo, "--role", "snapshot", "--add", keeper.key("spare"), "--prepare", request)
    expect(client.root["signed"]["version"], 1)
    copies = [shutil.copy(request, keeper.folder / f"copy{i}") for i in (1, 2)]
    shutil.move(keeper.key("root3"), keeper.folder / "root3") # its signature is in the request already
    for copy, key in zip(copies, (root1, root2)):
        keeper.do("sign", copy, "--key", key)
    keeper.do("join", keeper.repo, copies[0])
    client.refresh()
    expect(client.root["signed"]["version"], 2)
    request.unlink()
    keeper.do("rotate-key", keeper.repo, "--role", "snapshot", "--remove", keeper.keyid("snapshot"),
              "--prepare", request)
    for key, version in ((root1, 2), (root2, 3)):
        copy = shutil.copy(request, keeper.folder / "copy")
        keeper.do("sign", copy, "--key", key)
        keeper.do("join", keeper.repo, copy)
        client.refresh()
        expect(client.root["signed"]["version"], version)
    expect(keeper.do("check", keeper.repo).returncode, 0)
    keeper.do("rotate-key", keeper.repo, "--role", "targets", "--add", keeper.key("spare"), "--prepare", request)
    told = keeper.do("join", keeper.repo, "--discard").stdout
    expect("dropped: root 4" in told)
    expect(json.loads(keeper.do("status", "--json", keeper.repo).stdout)["waiting"], [])


def test_rotation_offline(folder, works):
    """Keys of targets and channels are replaced from elsewhere, and a rollout is paused meanwhile."""
    keeper = filled(folder, works)
    client, repo, request = keeper.client(), keeper.repo, folder / "request"
    client.refresh()
    root1, root2, targets = keeper.away("root1", "root2", "targets")
    keeper.do("rotate-key", repo, "--role", "targets", "--add", keeper.keys / "spare.pub", "--remove",
              keeper.keyid("targets"), "--prepare", request)
    keeper.do("pause", repo, "4.0.1", "--channel", "stable", "--reason", "urgent")
    keeper.do("sign", request, "--key", root1, "--key", root2)
    expect("published" in keeper.do("join", repo, request).stdout, False) # old and new targets keys lack
    client.refresh()
    keeper.do("sign", request, "--key", targets, "--key", keeper.key("spare"))
    keeper.do("join", repo, request)
    client.bundles()
    expect((client.versions()["root"], client.versions()["targets"]), (2, 3))
    fresh = folder / "channels-new"
    keeper.do("keygen", fresh)
    keeper.away("spare")
    keeper.do("rotate-key", repo, "--role", "channels", "--add", fresh, "--remove", keeper.keyid("channels"),
              "--prepare", request)
    keeper.do("resume", repo, "4.0.1", "--channel", "stable")
    before = client.refresh() and client.versions()
    keeper.do("sign", request, "--key", folder / "elsewhere/spare")
    keeper.do("join", repo, request)
    client.bundles()
    expect(client.versions()["channels"], before["channels"] + 1) # the same content by the new key
    keeper.do("check", repo)


def test_init_offline(folder, works):
    """A repository can begin with public halves alone."""
    keeper = Keeper(AZREPO, folder)
    elsewhere = keeper.away("root1", "root2", "root3", "targets")
    words = [str(word) + ".pub" if str(word).endswith(("root1", "root2", "root3", "/targets")) else word
             for word in keeper.init_words()]
    keeper.refused("AZREPO_KEY_MISSING", *words)
    request = folder / "request"
    keeper.do(*words, "--prepare", request)
    expect(list((keeper.repo / "metadata").iterdir()), [])
    expect(json.loads(keeper.do("status", "--json", keeper.repo).stdout)["roles"][0]["state"], "none")
    keeper.do("sign", request, *[f"--key={key}" for key in elsewhere[1:]])
    keeper.do("join", keeper.repo, request)
    keeper.client().refresh()
    keeper.refused("AZREPO_KEY_MISSING", "add", keeper.repo, works.full1)
    keeper.do("add", keeper.repo, works.full1, "--key", elsewhere[3])
    keeper.client().refresh()


def test_rotation(folder, works):
    """Keys of each role are replaced: clients of old and new roots go on, and the old key counts no more."""
    keeper = filled(folder, works)
    repo, client = keeper.repo, keeper.client()
    client.refresh()
    for role in ("timestamp", "snapshot", "targets", "channels", "root"):
        old = "root1" if role == "root" else role
        fresh = keeper.folder / f"{role}-new"
        keeper.do("keygen", "--type", "ecdsa", fresh)
        late = Client(repo, first=client.root["signed"]["version"])
        late.refresh()
        keeper.do("rotate-key", repo, "--role", role, "--add", fresh, "--remove", keeper.keyid(old)[:16])
        late.refresh(follow=False)
        late.bundles()
        client.bundles()
        os.rename(keeper.key(old), keeper.folder / f"{old}-retired")
        keeper.do("publish", repo, "4.0.2", "--channel", "beta", "--waves", WAVES)
        keeper.do("check", repo, "--quick")
        client.bundles()
    expect(keeper.client().refresh(), client.refresh())
    holder = client.targets["signed"]["delegations"]
    expect([list(holder["keys"]), holder["roles"][0]["keyids"]], [holder["roles"][0]["keyids"]] * 2)
    expect(client.root["signed"]["version"], 5) # the channels' key is in targets
    assert keeper.keyid("root1") not in client.root["signed"]["keys"]
    keeper.refused("AZREPO_KEY_OTHER", "rotate-key", repo, "--role", "root", "--remove", keeper.keyid("spare"))
    keeper.refused("AZREPO_KEY_OTHER", "rotate-key", repo, "--role", "root", "--remove", keeper.keyid("root2")[:4])
    keeper.refused("AZREPO_THRESHOLD", "rotate-key", repo, "--role", "targets", "--threshold", "2")
    keeper.refused("ARGUMENT", "rotate-key", repo, "--role", "nobody", "--threshold", "2")
    keeper.do("rotate-key", repo, "--role", "root", "--threshold", "3")
    client.refresh()
    expect(client.root["signed"]["roles"]["root"]["threshold"], 3)
    keeper.do("check", repo)


def test_lost(folder, works):
    """A lost key is replaced by the root; without saying so, the old one is waited for."""
    keeper = filled(folder, works)
    client = keeper.client()
    client.refresh()
    keeper.key("timestamp").unlink()
    words = ("rotate-key", keeper.repo, "--role", "timestamp", "--add", keeper.key("spare"), "--remove",
             keeper.keyid("timestamp"))
    keeper.refused("AZREPO_KEY_MISSING", *words)
    keeper.do(*words, "--lost")
    client.bundles()
    keeper.do("publish", keeper.repo, "4.0.2", "--channel", "stable")
    client.bundles()
    keeper.do("check", keeper.repo)


def test_renew(folder, works):
    """What expires soon is signed again, and nothing else; what cannot be signed is named."""
    keeper = filled(folder, works)
    repo, client = keeper.repo, keeper.client()
    client.refresh()
    before = client.versions()
    expect(keeper.do("renew", repo).stdout, "")
    keeper.do("renew", repo, "--within", "8")
    client.refresh()
    expect(client.versions(), {**before, "timestamp": before["timestamp"] + 1})
    keeper.away("root1", "root2")
    done = keeper.refused("AZREPO_KEY_MISSING", "renew", repo, "--within", "500")
    assert re.search(r"not at hand: root \(fault", done.stderr), done.stderr
    client.refresh()
    expect(client.versions(), {"root": 1, "timestamp": before["timestamp"] + 2, "snapshot": before["snapshot"] + 1,
                               "targets": before["targets"] + 1, "channels": before["channels"] + 1})
    keeper.do("renew", repo, "--within", "500", "--role", "channels")
    client.refresh()
    expect(client.versions()["channels"], before["channels"] + 2)


def test_prune(folder, works):
    """prune removes what was replaced long ago, and nothing that a client which reads now goes on with."""
    keeper = filled(folder, works)
    repo, reader = keeper.repo, keeper.client()
    for number in range(6):
        keeper.do("pause", repo, "4.0.1", "--channel=stable", f"--reason=r{number}")
    reader.refresh()
    keeper.do("rotate-key", repo, "--role=timestamp", "--add", keeper.key("spare"))
    (repo / "targets/README").write_text("not azrepo's")
    expect(keeper.do("prune", repo).stdout, "removed: 0 files, 0 bytes\n")
    before = tree(repo)
    old = [path for path in before if path.endswith((".channels.json", ".snapshot.json", ".stable.json"))]
    for path in (*before, "targets/README"):
        os.utime(repo / path, (1e9, 1e9))
    told = keeper.do("prune", repo, "--dry-run").stdout
    expect(tree(repo), before)
    expect(keeper.do("prune", repo).stdout, told.replace("would be removed:", "removed:"))
    gone = set(before) - set(tree(repo))
    expect(sorted(gone), sorted(told.splitlines()[:-1]))
    assert gone < set(old) and len(gone) >= 8, gone
    newest = keeper.client()
    newest.refresh()
    newest.bundles()
    for role in ("channels", "snapshot"):
        left = [int(path.split("/")[1].split(".")[0]) for path in tree(repo) if path.endswith(f".{role}.json")]
        expect(sorted(left), list(range(newest.versions()[role] - 3, newest.versions()[role] + 1)))
    assert (repo / "metadata/1.root.json").exists() and (repo / "targets/README").exists()
    # The documents of the versions that stay are there, too.
    for path in tree(repo):
        if path.endswith(".channels.json"):
            for name, entry in json.loads((repo / path).read_text())["signed"]["targets"].items():
                folder_of, file = name.rsplit("/", 1)
                assert (repo / "targets" / folder_of / f"{entry['hashes']['sha256']}.{file}").exists(), path
    keeper.do("check", repo)
    expect(keeper.do("prune", repo).stdout, "removed: 0 files, 0 bytes\n")
    waiting(keeper, works)


def waiting(keeper, works):
    """What waits for signatures stays, however old it looks."""
    repo = keeper.repo
    keeper.away("targets")
    keeper.do("add", repo, works.release("4.0.9", 3), "--prepare", keeper.folder / "request")
    for path in tree(repo):
        os.utime(repo / path, (1e9, 1e9))
    keeper.do("prune", repo, "--keep=0", "--days=0")
    assert [path for path in tree(repo) if path.endswith("full-4.0.9.azb")], "the bundle that waits is gone"
    keeper.refused("ARGUMENT", "prune", repo, "--keep=-1")
    newest = keeper.client()
    newest.refresh()
    newest.bundles()


def tree(repo):
    """What goes to the server."""
    return sorted(str(path.relative_to(repo)) for folder in ("metadata", "targets")
                  for path in (repo / folder).rglob("*") if path.is_file() and path.name != "README")


def test_status(folder, works):
    """status says the same as text, as JSON of its schema, and on a page that is well-formed."""
    keeper = filled(folder, works)
    repo = keeper.repo
    start = (datetime.datetime.utcnow() - datetime.timedelta(hours=24)).strftime("%Y-%m-%dT%H:%M:%SZ")
    keeper.do("publish", repo, "4.0.2", "--channel", "stable", "--waves", WAVES, "--start", start)
    keeper.do("pause", repo, "4.0.2", "--channel", "stable", "--reason", "<script>alert('&')</script>")
    keeper.do("revoke", repo, "4.0.1", "--reason", "a \"quoted\" leak")
    keeper.away("targets")
    keeper.do("add", repo, shutil.copy(works.full1, folder / "extra.azb"), "--prepare", folder / "request")
    told = json.loads(keeper.do("status", "--json", repo).stdout)
    expect(list(schema.complaints(told, DESCRIBED)), [])
    second = told["channels"][0]["releases"][1]
    expect((second["version"], second["rollout"]["permille_now"] in (199, 200)), ("4.0.2", True))
    expect(told["channels"][0]["releases"][0]["revoked"], "a \"quoted\" leak")
    expect({role["role"]: role["state"] for role in told["roles"]}, dict.fromkeys(
        ("root", "targets", "channels", "snapshot", "timestamp"), "good"))
    text = keeper.do("status", repo).stdout
    for fact in ("PAUSED: <script>", "REVOKED: a", "waves 0=1%,1d=20%,3d=100%", "Waits for signatures: targets"):
        assert fact in text, text
    page = folder / "page.html"
    keeper.do("status", "--html", page, repo)
    content = page.read_text(encoding="utf-8")
    tree = xml.etree.ElementTree.fromstring(content)
    shown = "".join(tree.itertext())
    facts = ["demo", "stable", "4.0.2", "paused: <script>alert('&')</script>", "revoked: a \"quoted\" leak",
             "targets version 3, has 0 of 1", f"{BUNDLES}/4.0.2/from-4.0.1.azb", "delta from 4.0.1", "20 %", "now"]
    facts += [role["expires"] for role in told["roles"]]
    for fact in facts:
        assert fact in shown, fact
    tags = {element.tag.split("}")[-1] for element in tree.iter()}
    expect(sorted(tags & {"script", "link", "img", "iframe", "object"}), [])
    expect(re.findall(r"(?:src|href|url)\s*[=(]|@import", content), [])


def test_check(folder, works):
    """check finds what clients would refuse, wherever it is."""
    keeper = filled(folder, works)
    keeper.do("publish", keeper.repo, "4.0.2", "--channel", "stable")
    good = folder / "good"
    shutil.copytree(keeper.repo, good)
    keeper.do("check", keeper.repo, "--keyring", works.ca)
    client = keeper.client()
    client.refresh()
    bundle, _ = client.path(f"{BUNDLES}/4.0.2/from-4.0.1.azb")
    channel, _ = client.path(STABLE)
    damages = [(path, wanted) for path, wanted in (
        (bundle, f"problem: {BUNDLES}/4.0.2/from-4.0.1.azb"), (channel, f"problem: {STABLE}"),
        (keeper.repo / "metadata/timestamp.json", "problem: metadata"),
        (keeper.repo / "metadata/1.root.json", "problem: metadata"))]
    for path, wanted in damages:
        data = bytearray(path.read_bytes())
        at = len(data) * 2 // 3
        data[at] = ord("1") if data[at] != ord("1") else ord("2")
        path.write_bytes(data)
        done = keeper.do("check", keeper.repo, ok=False)
        assert done.returncode == 1, f"{path}: {done.stdout}"
        assert wanted in done.stdout or re.search("AZREPO_(METADATA|FOLDER)", done.stderr), done.stdout + done.stderr
        path.write_bytes((good / path.relative_to(keeper.repo)).read_bytes())
    keeper.do("revoke", keeper.repo, "4.0.2", "--reason", "x")
    assert "nowhere to go" in keeper.refused("AZREPO_FOUND", "check", keeper.repo).stdout
    bundle.unlink()
    keeper.refused("AZREPO_FOUND", "check", keeper.repo)
    keeper.do("revoke", keeper.repo, "4.0.2", "--undo")
    keeper.do("check", keeper.repo, "--quick")


def test_trust(folder, works):
    """What somebody has changed in the server's folder is not signed again."""
    keeper = filled(folder, works)
    good = folder / "good"
    shutil.copytree(keeper.repo, good)
    client = keeper.client()
    client.refresh()
    publish = ("publish", keeper.repo, "4.0.2", "--channel", "stable")
    def edit(path, change):
        value = json.loads(path.read_text())
        change(value)
        path.write_text(json.dumps(value))
    metadata = keeper.repo / "metadata"
    expires = lambda value: value["signed"].update(expires="2099-01-01T00:00:00Z")
    for name in ("1.root.json", "2.targets.json", "2.channels.json", "3.snapshot.json", "timestamp.json"):
        edit(metadata / name, expires)
        keeper.refused("AZREPO_METADATA", *publish)
        keeper.refused("AZREPO_METADATA", "renew", keeper.repo, "--within", "500")
        shutil.copy(good / "metadata" / name, metadata / name)
    edit(client.path(STABLE)[0], lambda value: value["revoked"].append({"version": "1", "reason": "x"}))
    keeper.refused("AZREPO_METADATA", *publish)
    shutil.rmtree(keeper.repo)
    shutil.copytree(good, keeper.repo)
    other_root(keeper, works, metadata)
    keeper.refused("AZREPO_METADATA", *publish)
    for path in keeper.repo.glob("metadata/*"):
        shutil.copy(good / "metadata" / path.name, path)
    keeper.do(*publish)
    client.bundles()


def other_root(keeper, works, metadata):
    """A whole repository of somebody else who names our keys of the other roles."""
    folder = works.folder / "other-root"
    folder.mkdir()
    other = Keeper(AZREPO, folder)
    for role in ("targets", "channels", "snapshot", "timestamp"):
        shutil.copy(keeper.key(role), other.key(role))
    other.init()
    other.do("add", other.repo, works.full1)
    other.do("publish", other.repo, "4.0.1", "--channel", "stable")
    for path in (other.repo / "metadata").iterdir():
        shutil.copy(path, metadata / path.name)


def test_writers(folder, works):
    """Writers wait for each other; a lock that is held too long is said."""
    keeper = filled(folder, works)
    waves = [subprocess.Popen([AZREPO, "rollout", keeper.repo, "4.0.1", "--channel", "stable", "--waves", f"0={n}"],
                              stdout=subprocess.DEVNULL) for n in range(1, 7)]
    expect([process.wait() for process in waves], [0] * 6)
    client = keeper.client()
    client.refresh()
    expect(client.versions()["channels"], 8)
    with open(keeper.repo / ".azrepo/lock", "r+b") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        keeper.refused("AZREPO_LOCKED", "renew", keeper.repo)
        keeper.do("status", keeper.repo)


def main():
    cases = [test_init, test_add, test_other_release, test_channels, test_pause, test_refusals, test_offline,
             test_rotation_offline, test_init_offline,
             test_rotation, test_lost, test_renew, test_prune, test_status, test_check, test_trust,
             test_writers]
    failed = 0
    print(f"1..{len(cases)}", flush=True)
    with tempfile.TemporaryDirectory() as base:
        works = Works(AZBUNDLE, base)
        for number, case in enumerate(cases, 1):
            with tempfile.TemporaryDirectory() as folder:
                try:
                    case(pathlib.Path(folder), works)
                    print(f"ok {number} {case.__doc__}", flush=True)
                except (AssertionError, Refused) as error:
                    failed += 1
                    print(f"not ok {number} {case.__doc__}", flush=True)
                    print("".join(f"# {line}\n" for line in str(error).splitlines()), end="", flush=True)
    sys.exit(failed > 0)


main()
