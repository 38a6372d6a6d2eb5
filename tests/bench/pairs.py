#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Makes pairs of releases as a distribution's servers get them: pairs.py AZBUNDLE WORK [PAIR]...

  p1  months of updates: the point release alone, and with updates and security
  p2  one security fix: the same, with one library's version of the point release
  p3  a new kernel: the same, with the kernel before

Writes WORK/PAIR/{old,new}.{erofs,ext4,squashfs,uki,uki-zst,initrd}. What stands there already is
kept, so that a second call costs nothing. Needs root, mmdebstrap, and the package sources of this
machine, which must be Debian's. The releases themselves are in WORK/release: root folder, kernel,
initrd and os-release of each.
"""
import argparse
import collections
import glob
import hashlib
import os
import pathlib
import re
import shutil
import subprocess
import sys

SUITE = "bookworm"
SERVER = """linux-image-amd64 systemd systemd-sysv dbus udev openssh-server nginx python3 curl wget vim git
man-db cryptsetup rsyslog chrony iproute2 iptables nftables sudo less openssl ca-certificates perl gnupg
postgresql-client python3-cryptography python3-requests tcpdump strace gdb bind9-dnsutils locales nfs-common
lvm2 mdadm e2fsprogs parted libglib2.0-bin policykit-1 apparmor unattended-upgrades qemu-guest-agent
cloud-init podman""".split()
# The library whose fix p2 is, with the program that comes from the same source.
FIXED = ["libssl3", "openssl"]
# More fixes, for a history.
FIXED_PYTHON = ["python3.11", "python3.11-minimal", "libpython3.11-minimal", "libpython3.11-stdlib"]

# What each machine makes itself, or what a root that is never written has no use for; kernel and initrd
# are in the UKI.
REMOVED = ["boot/*", "dev/*", "proc/*", "sys/*", "run/*", "tmp/*", "vmlinuz*", "initrd.img*", "root/.[!.]*",
           "var/cache/*", "var/log/*", "var/tmp/*", "var/lib/apt/*", "var/lib/systemd/*", "var/backups/*",
           "var/lib/dpkg/*-old", "var/lib/dpkg/*lock*", "var/lib/dpkg/triggers/Lock",
           "var/lib/dbus/machine-id",
           "var/lib/ucf/*.[0-9]", "etc/.pwd.lock", "etc/ssh/ssh_host_*", "etc/resolv.conf", "etc/hostname",
           "etc/*-", "etc/ssl/private/ssl-cert-snakeoil.key", "etc/ssl/certs/ssl-cert-snakeoil.pem"]
EPOCH = "1700000000"
UUID = "3f6c1a52-71e0-4d0e-9d5b-6a1f0c2b7e11"
EXT4_STEP_MIB = 256
SQUASHFS_LEVEL, INITRD_LEVEL = 9, 9
CMDLINE = "console=ttyS0,115200 quiet panic=5 ro"
PATH = "/usr/sbin:/usr/bin:/sbin:/bin"
# Later ones wait for nothing that earlier ones need: who watches the folder can begin with p1.
RELEASES = {"p1": ["p1", "new"], "p2": ["p2", "new"], "p3": ["p3", "new"]}
# What a machine would have lived through, oldest first: months, a kernel, Python's fixes, OpenSSL's fix.
HISTORY = ["p1", "p3", "p4", "p2", "new"]
FORMATS = ["erofs", "uki", "erofs-aligned", "ext4", "uki-zst", "squashfs"]


Place = collections.namedtuple("Place", "azbundle work")


def run(*words, stdin=None, **environment):
    """Runs a program, quietly; its output is shown only if it fails."""
    done = subprocess.run([str(word) for word in words], input=stdin, capture_output=True,
                          env={**os.environ, "PATH": PATH, "LC_ALL": "C", **environment})
    if done.returncode != 0:
        sys.exit(f"pairs: {' '.join(map(str, words))[:300]}\n"
                 f"{(done.stdout + done.stderr).decode(errors='replace')[-3000:]}")
    return done.stdout


def say(text):
    print(f"pairs: {text}", file=sys.stderr, flush=True)


# Debian trees.

def sources():
    """This machine's package sources as lines for mmdebstrap: (release alone, all of them)."""
    said = run("apt-get", "indextargets", "--format", "$(SITE) $(RELEASE) $(COMPONENT)",
               "Created-By: Packages")
    found = sorted({tuple(line.split()) for line in said.decode().splitlines()})
    lines = {release: f"deb {site} {release} main" for site, release, part in found
             if part == "main" and release.startswith(SUITE)}
    if SUITE not in lines or f"{SUITE}-security" not in lines:
        sys.exit(f"pairs: this machine's package sources lack {SUITE} or {SUITE}-security")
    return [lines[SUITE]], [lines[name] for name in sorted(lines)]


def proxies():
    said = run("apt-config", "dump", "--format", '%F "%v";%n').decode().splitlines()
    return [f"--aptopt={line}" for line in said if line.startswith("Acquire::http") and "::Proxy" in line]


def debian_tree(work, name, lines):
    """An installed system as its packages leave it, in WORK/NAME-tree."""
    tree = work / f"{name}-tree"
    if not (tree / "boot").is_dir():
        say(f"installing {tree.name}")
        shutil.rmtree(tree, ignore_errors=True)
        run("mmdebstrap", "--quiet", "--variant=important", f"--include={','.join(SERVER)}", *proxies(),
            SUITE, f"{tree}.part", *lines)
        os.rename(f"{tree}.part", tree)
    return tree


def version_of_release(package):
    """A package's version in the point release, before updates and security."""
    for line in run("apt-cache", "madison", package).decode().splitlines():
        name, version, where = (word.strip() for word in line.split("|"))
        if name == package and f" {SUITE}/main " in f" {where} ":
            return version
    return sys.exit(f"pairs: {SUITE} has no {package}")


def kernel_name(tree):
    return re.sub(r".*/vmlinuz-", "", glob.glob(f"{tree}/boot/vmlinuz-*")[-1])


def kernel_before(name):
    """The kernel package before this one: 6.1.0-55-amd64 for 6.1.0-56-amd64."""
    head, number, tail = re.fullmatch(r"(.*-)(\d+)(-[^-]+)", name).groups()
    image = f"linux-image-{re.escape(head)}"
    listed = run("apt-cache", "search", "--names-only", f"^{image}[0-9]+{tail}$").decode()
    numbers = [int(found) for found in re.findall(rf"^{image}(\d+)", listed, re.M)]
    return f"{head}{max(found for found in numbers if found < int(number))}{tail}"


def packages_fetch(folder, packages):
    folder.mkdir(parents=True, exist_ok=True)
    run("sh", "-c", 'cd "$0" && apt-get download -qq -o APT::Sandbox::User=root "$@"', folder, *packages)
    return sorted(glob.glob(f"{folder}/*.deb"))


def in_tree(tree, script):
    """Runs a shell script with the tree as its root."""
    run("unshare", "--mount", "sh", "-euc", 'mount -t proc proc "$0/proc"; exec chroot "$0" sh -euc "$1"',
        tree, script, SOURCE_DATE_EPOCH=EPOCH, DEBIAN_FRONTEND="noninteractive")


def packages_put(tree, paths, removed=()):
    """Installs these versions over what the tree has, and drops others."""
    for path in paths:
        shutil.copy(path, tree / "tmp")
    drop = "".join(f"dpkg --purge --force-all {name}; " for name in removed)
    in_tree(tree, f"dpkg -i --force-downgrade /tmp/*.deb; {drop}rm /tmp/*.deb")


def fix_undo(work, tree):
    wanted = [f"{package}={version_of_release(package)}" for package in FIXED]
    packages_put(tree, packages_fetch(work / "packages" / "p2", wanted))


def fixes_undo(work, tree):
    wanted = [f"{package}={version_of_release(package)}" for package in FIXED + FIXED_PYTHON]
    packages_put(tree, packages_fetch(work / "packages" / "p4", wanted))


def kernel_undo(work, tree):
    name = kernel_name(tree)
    paths = packages_fetch(work / "packages" / "p3", [f"linux-image-{kernel_before(name)}"])
    packages_put(tree, paths, [f"linux-image-{name}"])


# Releases: what a release engineer would make of such a tree.

def initrd_make(tree, release):
    """Debian's own initrd, unpacked: what compresses it comes later, or never."""
    kernel = kernel_name(tree)
    in_tree(tree, f"mkinitramfs -c gzip -o /tmp/initrd {kernel}")
    packed = tree / "tmp" / "initrd"
    (release / "initrd").write_bytes(run("gzip", "-dc", packed))
    shutil.copy(tree / "boot" / f"vmlinuz-{kernel}", release / "kernel")
    (release / "uname").write_text(kernel)


def tree_clean(tree):
    for pattern in REMOVED:
        for path in glob.glob(str(tree / pattern)):
            if os.path.isdir(path) and not os.path.islink(path):
                shutil.rmtree(path)
            else:
                os.unlink(path)
    (tree / "etc" / "machine-id").write_text("")


def release_mark(tree, release, version):
    path = tree / "usr" / "lib" / "os-release"
    path.write_text(path.read_text() + f"IMAGE_ID=bench\nIMAGE_VERSION={version}\n")
    (release / "osrelease").write_text(path.read_text() + "AZUPDATE_SECURITY_VERSION=1\n")


def release_make(work, name):
    """WORK/release/NAME with root, initrd, kernel, uname and os-release."""
    release = work / "release" / name
    if release.is_dir():
        return release
    point, updated = sources()
    source = debian_tree(work, "old", point) if name == "p1" else debian_tree(work, "new", updated)
    say(f"making release {name}")
    part = work / "release" / f"{name}.part"
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    run("cp", "-a", source, part / "root")
    {"p2": fix_undo, "p3": kernel_undo, "p4": fixes_undo}.get(name, lambda *_: None)(work, part / "root")
    initrd_make(part / "root", part)
    tree_clean(part / "root")
    release_mark(part / "root", part, 2 if name == "new" else 1)
    run("find", part / "root", "-exec", "touch", "-h", "-d", f"@{EPOCH}", "{}", "+")
    os.rename(part, release)
    return release


# Images.

def erofs_make(_, release, out):
    run("mkfs.erofs", "--quiet", "-T0", "-U", UUID, out, release / "root")


def erofs_aligned_make(_, release, out):
    """As docs/IMAGES.md advises: no file moves another one's end."""
    run("mkfs.erofs", "--quiet", "-T0", "-U", UUID, "-E", "noinline_data", out, release / "root")


def squashfs_make(_, release, out):
    run("mksquashfs", release / "root", out, "-noappend", "-quiet", "-no-progress", "-comp", "zstd",
        "-Xcompression-level", SQUASHFS_LEVEL, "-mkfs-time", "0", "-all-time", "0")


def ext4_mib(tree):
    """A partition's size: a third more than its files, in steps, so that it seldom changes."""
    files = int(run("du", "-sm", tree).split()[0])
    return -(-files * 4 // 3 // EXT4_STEP_MIB) * EXT4_STEP_MIB


def ext4_make(_, release, out):
    """mke2fs takes the times of the inodes in the folder: ours are all the same."""
    run("mke2fs", "-q", "-t", "ext4", "-b", "4096", "-m", "0", "-O", "^has_journal", "-U", UUID, "-E",
        f"hash_seed={UUID},lazy_itable_init=0", "-d", release / "root", out, f"{ext4_mib(release / 'root')}M",
        E2FSPROGS_FAKE_TIME=EPOCH)
    said = run("dumpe2fs", "-h", out).decode()
    total, free = (int(re.search(rf"^{what}:\s+(\d+)$", said, re.M)[1])
                   for what in ("Inode count", "Free inodes"))
    times = "".join(f"sif <{inode}> {field} @{EPOCH}\n" for inode in [2, *range(11, total - free + 1)]
                    for field in ("atime", "ctime", "mtime"))
    run("debugfs", "-w", "-f", "/dev/stdin", out, stdin=times.encode(), E2FSPROGS_FAKE_TIME=EPOCH)


def secure_boot_key(work):
    if not (work / "keys").is_dir():
        (work / "keys").mkdir()
        run("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=bench", "-days", "365",
            "-keyout", work / "keys" / "uki.key", "-out", work / "keys" / "uki.crt")
    return [f"--key={work / 'keys' / 'uki.key'}", f"--cert={work / 'keys' / 'uki.crt'}"]


def uki_of(place, release, out, initrd):
    root = place.work / "release" / f"{release.name}.erofs"
    run(place.azbundle, "uki", f"--linux={release / 'kernel'}", f"--initrd={initrd}", "--product=bench",
        f"--os-release={release / 'osrelease'}", f"--uname={(release / 'uname').read_text()}",
        f"--root={root}", f"--cmdline={CMDLINE}", *secure_boot_key(place.work), f"--output={out}")


def uki_make(place, release, out):
    uki_of(place, release, out, release / "initrd")


def uki_zst_make(place, release, out):
    packed = release / "initrd.zst"
    run("zstd", "-q", "-f", f"-{INITRD_LEVEL}", "-T1", release / "initrd", "-o", packed)
    uki_of(place, release, out, packed)


MAKERS = {"erofs": erofs_make, "erofs-aligned": erofs_aligned_make, "ext4": ext4_make,
          "squashfs": squashfs_make, "uki": uki_make, "uki-zst": uki_zst_make}


def image_make(place, name, kind):
    """WORK/release/NAME.KIND, whole or not at all."""
    out = place.work / "release" / f"{name}.{kind}"
    if not out.exists():
        say(f"making {out.name}")
        part = place.work / "release" / f"{name}.part-{kind}"
        part.unlink(missing_ok=True)
        MAKERS[kind](place, release_make(place.work, name), part)
        os.rename(part, out)
    return out


def pair_link(place, pair, kind):
    folder = place.work / pair
    folder.mkdir(exist_ok=True)
    for name, role in zip(RELEASES[pair], ("old", "new")):
        made, path = image_make(place, name, kind), folder / f"{role}.{kind}"
        if not path.exists():
            os.link(made, path)


def pairs_make(azbundle, work, pairs, formats=tuple(FORMATS)):
    """All images of these pairs. Cheap if they are there."""
    place = Place(azbundle.resolve(), work.resolve())
    for kind in formats:
        for pair in pairs:
            pair_link(place, pair, kind)


def checksums(work, pairs):
    for pair in pairs:
        for path in sorted((work / pair).iterdir()):
            with open(path, "rb") as file:
                print(hashlib.file_digest(file, "sha256").hexdigest()[:16], path.stat().st_size, path)


def main():
    parser = argparse.ArgumentParser(description="make pairs of releases")
    parser.add_argument("azbundle", type=pathlib.Path)
    parser.add_argument("work", type=pathlib.Path, help="folder with 20 GiB free")
    parser.add_argument("pairs", nargs="*", help="p1, p2, p3; default all")
    parser.add_argument("--formats", default=",".join(FORMATS))
    options = parser.parse_args()
    os.umask(0o022)
    options.work.mkdir(parents=True, exist_ok=True)
    pairs = options.pairs or list(RELEASES)
    pairs_make(options.azbundle, options.work, pairs, options.formats.split(","))
    checksums(options.work, pairs)


if __name__ == "__main__":
    main()
