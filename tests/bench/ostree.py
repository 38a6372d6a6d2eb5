# SPDX-License-Identifier: MIT
"""Part "ostree" of the benchmark: a release that is fetched out of an ostree repository, beside
`ostree pull` of the very commits that it was made of. Both repositories are the same one, behind the
same web server; the machine has the old release, ostree's store the old commit."""
import base64
import shutil

import ours
import rivals
from measure import Cost, measure, run
from web import Web

REF, PUBLISHED = "os/bench", "azupdate/os/bench"
CONFIG = "[trust]\nostree-keys={signers}\n"


class Repository:
    """Commits of trees, and the releases made of them."""

    def __init__(self, publisher, at):
        self.publisher, self.at, self.repo = publisher, at, at / "repo"
        run("ostree", f"--repo={self.repo}", "init", "--mode=archive")
        run("ostree", f"--repo={self.repo}", "config", "set", "core.fsync", "false")
        self.signers = at / "signers"
        self.signers.mkdir()
        run("openssl", "genpkey", "-algorithm", "ed25519", "-out", at / "signer")
        run("openssl", "pkey", "-in", at / "signer", "-pubout", "-outform", "DER", "-out", at / "signer.der")
        public = (at / "signer.der").read_bytes()[-32:]
        (self.signers / "bench.ed25519").write_bytes(base64.b64encode(public) + b"\n")

    def release(self, version, folder):
        """Commit, image, UKI and bundle of a release's tree. Returns (commit, image, bundle)."""
        run("ostree", f"--repo={self.repo}", "commit", "-b", REF, f"--tree=dir={folder / 'root'}",
            "--timestamp=@1700000000", "--no-xattrs", f"--add-metadata-string=version={version}")
        image, uki, bundle = (self.at / f"{version}.{kind}" for kind in ("erofs", "uki", "azb"))
        azbundle = self.publisher.programs.azbundle
        run(azbundle, "image", f"--ostree={self.repo}:{REF}", f"--output={image}")
        self.publisher.uki(image, folder, uki, "erofs")
        run(azbundle, "build", "--product=bench", f"--ostree={self.repo}:{REF}", f"--uki={uki}",
            *self.publisher.key_options(), "--level=1", f"--output={bundle}")
        return run("ostree", f"--repo={self.repo}", "rev-parse", REF).strip(), image, bundle

    def publish(self, bundle, *options):
        return measure(self.publisher.programs.azbundle, "ostree", f"--repo={self.repo}",
                       f"--sign-key={self.at / 'signer'}", *options, bundle)


def pull(repository, old, new):
    """The new commit's objects into a store that has the old one's."""
    device = repository.at / "device-ostree"
    run("ostree", f"--repo={device}", "init", "--mode=bare")
    run("ostree", f"--repo={device}", "pull-local", repository.repo, old)
    with Web(repository.repo, repository.at / "web") as web:
        run("ostree", f"--repo={device}", "remote", "add", "--no-gpg-verify", "bench", web.url)
        apply = measure("ostree", f"--repo={device}", "pull", "--disable-static-deltas", "bench", new)
        requests, size = web.counted()
    run("ostree", f"--repo={device}", "fsck", "--quiet")
    shutil.rmtree(device)
    return rivals.row(size, requests, Cost(0, 0, 0), apply, "the system's commit: without a UKI")


def install(repository, bundle, image, make):
    """The new release over the network, into the other slot of a machine that runs the old one."""
    device = ours.Device(repository.publisher, repository.at / "device", bundle,
                         root_mib=ours.root_mib(image.stat().st_size))
    with open(device.at / "config", "a", encoding="utf-8") as out:
        out.write(CONFIG.format(signers=repository.signers))
    device.empty(running=True)
    with Web(repository.repo, repository.at / "web") as web:
        _, apply = device.install(f"ostree+{web.url}#{PUBLISHED}")
        requests, size = web.counted()
    device.check(image)
    return rivals.row(size, requests, make, apply, "release out of the same repository, with its UKI")


def sizes(publisher, folders, at):
    """Yields (image, tool, row). folders: of the old and the new release."""
    repository = Repository(publisher, at)
    old, _, old_bundle = repository.release(1, folders[0])
    new, image, bundle = repository.release(2, folders[1])
    make = repository.publish(bundle)
    yield "tree", "ostree objects", pull(repository, old, new)
    yield "tree+uki", "azupdate from ostree", install(repository, old_bundle, image, make)
    make = repository.publish(bundle, f"--delta-from={old}")
    yield "tree+uki", "azupdate from ostree, static delta", install(repository, old_bundle, image, make)
    delta = repository.at / "delta.azb"
    made = publisher.delta(old_bundle, bundle, delta)
    make = made + repository.publish(bundle, f"--delta={delta}")
    yield "tree+uki", "azupdate from ostree, its own delta", install(repository, old_bundle, image, make)
