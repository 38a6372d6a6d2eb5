# SPDX-License-Identifier: MIT
"""Whether a slot has a release that was signed and is complete: docs/FORMATS.md, OpenSSL, veritysetup."""
import json
import os
import subprocess

from bootrecord import Header

BLOCK = 4096


class Flaw(Exception):
    """What is wrong with the slot."""


def check_uki(boot):
    """What firmware would refuse: a UKI that is not the one of the header. boot: file of the partition."""
    header = _header(boot)
    _verity(boot, header.uki_offset, header.tree_offset - header.uki_offset, header.uki_root.hex())
    return header


def check(boot, root, keyring):
    """Version of the release in these files of a boot and a root partition."""
    header = check_uki(boot)
    manifest = _signed(boot, header, keyring)
    root_hash = manifest["root"]["verity"]["root_hash"]
    if (root_hash, manifest["uki"]["verity"]["root_hash"]) != (header.root_hash.hex(), header.uki_root.hex()):
        raise Flaw("header and manifest name different images")
    if manifest["version"] != header.version:
        raise Flaw("header and manifest name different versions")
    _verity(root, 0, manifest["root"]["verity"]["data_blocks"] * BLOCK, root_hash)
    return manifest["version"]


def _header(boot):
    with open(boot, "rb") as file:
        header = Header.decode(file.read(BLOCK))
    if header is None:
        raise Flaw("no header")
    return header


def _signed(boot, header, keyring):
    names = []
    with open(boot, "rb") as file:
        for what, offset, size in (("manifest", header.manifest_offset, header.manifest_size),
                                   ("signature", header.signature_offset, header.signature_size)):
            file.seek(offset)
            names.append(f"{boot}.{what}")
            with open(names[-1], "wb") as out:
                out.write(file.read(size))
    manifest, signature = names
    _run("openssl", "cms", "-verify", "-binary", "-inform", "DER", "-in", signature, "-content", manifest,
         "-CAfile", keyring, "-purpose", "any", "-out", os.devnull)
    with open(manifest, encoding="utf-8") as file:
        return json.load(file)


def _verity(path, offset, tree, root_hash):
    """veritysetup knows no offset of the data: what stands before them is cut off in a file of its own."""
    data = path
    if offset:
        data = f"{path}.image"
        _run("dd", f"if={path}", f"of={data}", f"bs={BLOCK}", f"skip={offset // BLOCK}", "conv=sparse",
             "status=none")
    _run("veritysetup", "verify", data, data, root_hash, f"--hash-offset={tree}")


def _run(*words):
    environment = {**os.environ, "PATH": os.environ.get("PATH", "") + ":/usr/sbin:/sbin"}
    done = subprocess.run(words, capture_output=True, text=True, env=environment)
    if done.returncode != 0:
        said = (done.stderr or done.stdout).strip().splitlines() or ["failed"]
        raise Flaw(f"{words[0]}: {said[-1]}")
