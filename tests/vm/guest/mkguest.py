#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Makes one release of the test machine: root image, initrd, kernel, os-release, command line.

mkguest.py VERSION OUTDIR --agent PROGRAM --azverity PROGRAM [--stage FOLDER]... writes

  OUTDIR/root.erofs    read-only root: Debian with systemd and D-Bus, the stages laid over it
  OUTDIR/initrd        azverity with the modules of the kernel
  OUTDIR/kernel        the kernel of the host's /boot
  OUTDIR/osrelease     the image's os-release
  OUTDIR/cmdline.base  command line without root hash and blocks

A stage is what `DESTDIR=FOLDER meson install` leaves, or any folder with files for the root. The
same inputs give the same bytes. Debian's part is made once and kept in .cache.
"""
import argparse
import fcntl
import glob
import hashlib
import os
import random
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.abspath(os.path.join(HERE, "../../.."))
MKINITRD = os.path.join(TOP, "bootloader/initrd/mkinitrd")

# Nothing here is needed by a machine that installs no packages and knows its hardware.
TRIMMED = ["dev/*", "var/*", "usr/share/doc/*", "usr/share/man/*", "usr/share/locale/*",
           "usr/share/info/*", "usr/share/perl*", "usr/share/zoneinfo/right", "usr/share/bash-completion",
           "usr/share/zsh", "usr/lib/*/perl*", "usr/lib/*/gconv/*", "usr/lib/udev/hwdb.d",
           "usr/lib/udev/hwdb.bin", "usr/bin/*perl*", "usr/bin/cpan*", "usr/lib/*/libperl*",
           "usr/lib/*/libdb-5*", "boot/*", "etc/systemd/system/*.wants", "etc/resolv.conf"]
DPKG_EXCLUDED = ["/usr/share/man/*", "/usr/share/locale/*", "/usr/share/doc/*", "/usr/share/info/*"]
# The timer is started by who waits for it.
ENABLED = ["demo-network.service", "azupdate*.service", "azupdate*.target"]
EROFS_UUID = "3f6c1a52-71e0-4d0e-9d5b-6a1f0c2b7e11"
SOURCE_DATE_EPOCH = "1700000000"
DIFFERENT_SIZE = 4 << 20

# A panic and an oops end in a reset, which costs a try. The disk is ours: systemd guesses nothing. On a busy host
# in emulation the kernel would take the timer for broken, and panic.
CMDLINE = ("console=tty0 console=ttyS0,115200 quiet no_timer_check panic=5 oops=panic rootfstype=erofs ro "
           "systemd.gpt_auto=0 net.ifnames=0 audit=0 systemd.show_status=no")


def words(path):
    """The words of a list file, without its comments."""
    with open(path, encoding="utf-8") as file:
        return [word for line in file for word in line.split("#")[0].split()]


def write_file(path, text, mode=0o644):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    if os.path.lexists(path):
        os.unlink(path)
    with open(path, "wb") as file:
        file.write(text if isinstance(text, bytes) else text.encode())
    os.chmod(path, mode)


def apt_sources():
    """The package sources of this machine, so that its mirror is used, wherever that is."""
    folder = "/etc/apt/sources.list.d"
    paths = ["/etc/apt/sources.list", *sorted(glob.glob(folder + "/*.list")),
             *sorted(glob.glob(folder + "/*.sources"))]
    return [path for path in paths if os.path.exists(path) and words(path)]


def apt_proxies():
    listed = subprocess.run(["apt-config", "dump", "--format", "%F \"%v\";%n"], check=True,
                            stdout=subprocess.PIPE, text=True).stdout
    return [f"--aptopt={line}" for line in listed.splitlines()
            if line.startswith("Acquire::http") and "::Proxy" in line.split()[0]]


def debian_command():
    """The mmdebstrap call without its target and sources: what the cache is keyed by."""
    with open("/etc/os-release", encoding="utf-8") as file:
        fields = dict(line.rstrip().split("=", 1) for line in file if "=" in line)
    packages = ",".join(words(os.path.join(HERE, "packages.txt")))
    return ["mmdebstrap", "--quiet", "--variant=minbase", f"--include={packages}",
            '--aptopt=APT::Install-Recommends "false"',
            *[f"--dpkgopt=path-exclude={pattern}" for pattern in DPKG_EXCLUDED],
            fields["VERSION_CODENAME"]]


def debian_cached(cache):
    """A tar file with Debian's part. Made if the cache lacks it: half a minute, and the network."""
    command = debian_command()
    key = hashlib.sha256("\n".join([*command, SOURCE_DATE_EPOCH]).encode()).hexdigest()[:16]
    tar = os.path.join(cache, f"guest-{key}.tar")
    os.makedirs(cache, exist_ok=True)
    with open(os.path.join(cache, "guest.lock"), "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not os.path.exists(tar):
            print("making Debian's part of the root image", file=sys.stderr)
            subprocess.run([*command, tar + ".new.tar", *apt_sources(), *apt_proxies()], check=True,
                           env=dict(os.environ, SOURCE_DATE_EPOCH=SOURCE_DATE_EPOCH))
            os.rename(tar + ".new.tar", tar)
    return tar


def tree_unpack(tar, tree):
    subprocess.run(["tar", "-xf", tar, "-C", tree, "--no-same-owner", "--exclude=./dev/*"], check=True)
    for pattern in TRIMMED:
        for path in glob.glob(os.path.join(tree, pattern)):
            if os.path.isdir(path) and not os.path.islink(path):
                shutil.rmtree(path)
            else:
                os.unlink(path)


def tree_lay_over(tree, folder):
    """Copies a folder over the tree, file by file: cp would replace /lib, which is a link."""
    for parent, _, names in os.walk(folder):
        target = os.path.join(tree, os.path.relpath(parent, folder))
        os.makedirs(target, exist_ok=True)
        for name in names:
            to = os.path.join(target, name)
            if os.path.lexists(to):
                os.unlink(to)
            shutil.copy(os.path.join(parent, name), to, follow_symlinks=False)


def install_section(unit):
    """The WantedBy= words of a unit file."""
    wanted = []
    with open(unit, encoding="utf-8") as file:
        for line in file:
            if line.startswith("WantedBy="):
                wanted += line.strip().split("=", 1)[1].split()
    return wanted


def units_arrange(tree):
    """Enables and masks units, as systemctl would."""
    system = os.path.join(tree, "etc/systemd/system")
    for pattern in ENABLED:
        for unit in sorted(glob.glob(os.path.join(tree, "usr/lib/systemd/system", pattern))):
            for target in install_section(unit):
                link = os.path.join(system, target + ".wants", os.path.basename(unit))
                os.makedirs(os.path.dirname(link), exist_ok=True)
                os.symlink("/" + os.path.relpath(unit, tree), link)
    for unit in words(os.path.join(HERE, "masked.txt")):
        os.symlink("/dev/null", os.path.join(system, unit))


def module_name(path):
    return os.path.basename(path).split(".")[0].replace("-", "_")


def modules_install(tree, kernel):
    """Copies the listed modules and what they need, unchanged because of their signatures."""
    source = f"/lib/modules/{kernel}"
    target = os.path.join(tree, "usr/lib/modules", kernel)
    with open(os.path.join(source, "modules.builtin"), encoding="utf-8") as file:
        needs = {module_name(line.strip()): [] for line in file}
    with open(os.path.join(source, "modules.dep"), encoding="utf-8") as file:
        for line in file:
            path, _, rest = line.partition(":")
            needs[module_name(path)] = [path, *rest.split()]
    for name in words(os.path.join(HERE, "modules.txt")):
        for path in needs[name.replace("-", "_")]:
            os.makedirs(os.path.dirname(os.path.join(target, path)), exist_ok=True)
            shutil.copyfile(os.path.join(source, path), os.path.join(target, path))
    for name in ("modules.order", "modules.builtin", "modules.builtin.modinfo"):
        shutil.copyfile(os.path.join(source, name), os.path.join(target, name))
    subprocess.run(["depmod", "-b", tree, kernel], check=True)


def os_release(options):
    return (f'NAME="azupdate demo"\nID=azupdate-demo\nID_LIKE=debian\nVERSION_ID={options.version}\n'
            f'PRETTY_NAME="azupdate demo {options.version}"\n'
            f"AZUPDATE_SECURITY_VERSION={options.security_version}\n")


def release_mark(tree, options):
    """What makes this release differ from others: its name, some MiB, perhaps a failing check."""
    write_file(os.path.join(tree, "usr/lib/os-release"), os_release(options))
    different = random.Random(f"release {options.version}").randbytes(DIFFERENT_SIZE)
    write_file(os.path.join(tree, "usr/share/azupdate-demo/content"), different)
    if options.failing_check:
        write_file(os.path.join(tree, "usr/lib/azupdate/health.d/required.d/50-demo"),
                   "#!/bin/sh\necho 'the service of this release does not answer'\nexit 1\n", 0o755)


def image_make(options, tree):
    tree_unpack(debian_cached(options.cache), tree)
    modules_install(tree, options.kernel)
    for folder in [os.path.join(HERE, "files"), *options.stage]:
        tree_lay_over(tree, folder)
    os.makedirs(os.path.join(tree, "usr/libexec/azupdate"), exist_ok=True)
    shutil.copy(options.agent, os.path.join(tree, "usr/libexec/azupdate/test-agent"))
    release_mark(tree, options)
    units_arrange(tree)
    (commit_make if options.ostree else root_make)(options, tree, os.path.join(options.outdir, "root.erofs"))


def root_make(_, tree, output):
    subprocess.run(["mkfs.erofs", "--quiet", "-T0", "-x-1", "-U", EROFS_UUID, "--all-root", output, tree],
                   check=True)


def commit_make(options, tree, output):
    """The tree as a commit, and the image of that."""
    repo, _, ref = options.ostree.partition(":")
    subprocess.run(["ostree", f"--repo={repo}", "commit", f"--branch={ref}", f"--tree=dir={tree}", "--owner-uid=0",
                    "--owner-gid=0", "--no-xattrs", f"--add-metadata-string=version={options.version}"],
                   check=True, stdout=subprocess.DEVNULL)
    subprocess.run([options.azbundle, "image", "--ostree", options.ostree, "-o", output], check=True,
                   stdout=subprocess.DEVNULL)


def arguments():
    parser = argparse.ArgumentParser(description="make one release of the test machine")
    parser.add_argument("version")
    parser.add_argument("outdir")
    parser.add_argument("--agent", required=True, help="the built test agent")
    parser.add_argument("--azverity", required=True, help="the built azverity")
    parser.add_argument("--stage", action="append", default=[], help="folder to lay over the root")
    parser.add_argument("--security-version", type=int, default=1)
    parser.add_argument("--failing-check", action="store_true", help="add a required health check "
                        "that fails")
    parser.add_argument("--initrd", help="one that was made before of the same programs and kernel")
    parser.add_argument("--ostree", metavar="REPO:REF", help="commit the tree there, and make the image of that")
    parser.add_argument("--azbundle", help="the built azbundle, which makes it")
    parser.add_argument("--kernel", help="version; default the newest cloud kernel in /boot")
    parser.add_argument("--cache", default=os.path.join(TOP, ".cache"))
    return parser.parse_args()


def kernel_newest():
    found = sorted(glob.glob("/boot/vmlinuz-*-cloud-*"), key=os.path.getmtime)
    if not found:
        sys.exit("mkguest: no cloud kernel in /boot: install linux-image-cloud-amd64")
    return found[-1].split("vmlinuz-")[1]


def main():
    options = arguments()
    options.kernel = options.kernel or kernel_newest()
    os.makedirs(options.outdir, exist_ok=True)
    os.umask(0o022)
    with tempfile.TemporaryDirectory() as tree:
        os.chmod(tree, 0o755)
        image_make(options, tree)
    if options.initrd:
        shutil.copyfile(options.initrd, os.path.join(options.outdir, "initrd"))
    else:
        subprocess.run([MKINITRD, "--azverity", options.azverity, "--kernel", options.kernel,
                        "--output", os.path.join(options.outdir, "initrd")], check=True)
    shutil.copyfile(f"/boot/vmlinuz-{options.kernel}", os.path.join(options.outdir, "kernel"))
    write_file(os.path.join(options.outdir, "osrelease"), os_release(options))
    write_file(os.path.join(options.outdir, "cmdline.base"), CMDLINE + "\n")


if __name__ == "__main__":
    main()
