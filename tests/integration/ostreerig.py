# SPDX-License-Identifier: MIT
"""Commits in an ostree repository, and releases out of them."""
import io
import os
import random
import subprocess
import tarfile
import tempfile


def run(*words, ok=True, **options):
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True, **options)
    if ok and done.returncode != 0:
        raise AssertionError(f"{words}: {done.stderr}")
    return done


def refused(fault, *words):
    done = run(*words, ok=False)
    assert done.returncode in (1, 2) and fault in done.stderr, f"{fault} wanted: {done.stderr}"
    return done.stderr


class Commit:
    """An archive repository, filled from tar files, which carry owners and attributes."""

    def __init__(self, folder):
        self.folder = folder
        self.repo = os.path.join(folder, "repo")
        run("ostree", f"--repo={self.repo}", "init", "--mode=archive")

    def make(self, entries, branch="os/1", *more):
        path = os.path.join(self.folder, "tree.tar")
        with tarfile.open(path, "w", format=tarfile.PAX_FORMAT) as tar:
            for name, kind, content, uid, gid, mode, attributes in entries:
                info = tarfile.TarInfo(name)
                info.type, info.uid, info.gid, info.mode = kind, uid, gid, mode
                info.pax_headers = attributes
                if kind == tarfile.SYMTYPE:
                    info.linkname = content
                    tar.addfile(info)
                else:
                    info.size = len(content)
                    tar.addfile(info, io.BytesIO(content))
        return run("ostree", f"--repo={self.repo}", "commit", f"--branch={branch}", f"--tree=tar={path}",
                   *more).stdout.strip()

    def image(self, azbundle, ref="os/1"):
        path = os.path.join(self.folder, "root.erofs")
        run(azbundle, "image", "--ostree", f"{self.repo}:{ref}", "-o", path)
        return path


def folder(name, attributes=None, mode=0o755):
    return name, tarfile.DIRTYPE, b"", 0, 0, mode, attributes or {}


def file(name, content, uid=0, gid=0, mode=0o644, attributes=None):
    return name, tarfile.REGTYPE, content, uid, gid, mode, attributes or {}


def link(name, target):
    return name, tarfile.SYMTYPE, target, 0, 0, 0o777, {}


class Builder:
    """Keys, a UKI for a root image, and bundles of both."""

    def __init__(self, azbundle, folder):
        self.azbundle = azbundle
        self.at = lambda name: os.path.join(folder, name)
        run(azbundle, "keys", self.at("keys"))
        for name, content in (("linux", random.Random(5).randbytes(70000)), ("initrd", b"initrd" * 999),
                              ("osrel", b"ID=x\nAZUPDATE_SECURITY_VERSION=6\n")):
            with open(self.at(name), "wb") as out:
                out.write(content)

    def uki(self, root):
        run(self.azbundle, "uki", "--linux", self.at("linux"), "--initrd", self.at("initrd"), "--os-release",
            self.at("osrel"), "--root", root, "--product", "p", "--uname", "6.1", "-o", self.at("uki"))

    def words(self, *more, output="bundle"):
        return (self.azbundle, "build", "--product", "p", "--uki", self.at("uki"), "--key",
                self.at("keys/release.key"), "--cert", self.at("keys/release.crt"), "-o", self.at(output), *more)

    def bundle(self, ref, root, version):
        self.uki(root)
        run(*self.words("--ostree", ref, output=f"bundle-{version}"))
        return self.at(f"bundle-{version}")

    def plain(self):
        """A bundle whose root image is no commit's."""
        run(*self.words("--root", self.at("root.erofs"), "--version", "9", output="plain"))
        return self.at("plain")


def main(tests):
    print(f"1..{len(tests)}")
    failed = 0
    for number, test in enumerate(tests, 1):
        with tempfile.TemporaryDirectory(prefix="ostree-") as place:
            try:
                test(place)
                print(f"ok {number} {test.__doc__.splitlines()[0]}", flush=True)
            except Exception as error:  # each failure is a line of the report
                failed = 1
                print(f"not ok {number} {test.__doc__.splitlines()[0]}")
                print("# " + f"{type(error).__name__}: {error}".replace("\n", "\n# ")[:3000], flush=True)
    return failed
