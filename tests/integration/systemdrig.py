# SPDX-License-Identifier: MIT
"""systemd itself, over the tree of the machine that tests, in namespaces of its own: what a test lays over that
tree, and what systemd does, is gone afterwards. It takes root; a second or two."""
import pathlib
import shutil
import subprocess
import tempfile

import rig

SYSTEMD = "/usr/lib/systemd/systemd"
# /dev and /sys have what units ask for. Which cgroups there are is the machine's choice.
# In cgroups of its own, which it takes for the machine's, and which are gone afterwards.
AROUND = r"""set -u
places=$(while IFS=: read -r number names path; do
	case $names in
	"") [ -d /sys/fs/cgroup/unified ] && at=/sys/fs/cgroup/unified || at=/sys/fs/cgroup ;;
	name=*) at=/sys/fs/cgroup/${names#name=} ;;
	*) at=/sys/fs/cgroup/${names%%,*} ;;
	esac
	[ -d "$at$path" ] && echo "$at${path%/}/azupdate-test-$$"
done < /proc/self/cgroup)
(
	for place in $places; do mkdir "$place" && echo $BASHPID > "$place/cgroup.procs" || true; done
	exec unshare -pfmuiC bash -c "$1" bash "$2" "$3"
)
for place in $places; do
	for again in 1 2 3 4 5; do
		[ ! -d "$place" ] || find "$place" -depth -type d -exec rmdir {} + && break
		sleep 0.2
	done
done
"""
ENTER = r"""set -eu
mount --make-rprivate /
mount -t tmpfs tmpfs "$1"
cd "$1"
mkdir work root
cp -a ../up .
mount -t overlay overlay -o "lowerdir=/,upperdir=$1/up,workdir=$1/work" root
mount --bind "$2" root/mnt
cd root
mount -t proc proc proc
mount -t sysfs -o ro sysfs sys
if [ -d /sys/fs/cgroup/systemd ]; then
	mount -t tmpfs -o mode=755 tmpfs sys/fs/cgroup
	mkdir sys/fs/cgroup/systemd sys/fs/cgroup/unified
	mount -t cgroup -o none,name=systemd cgroup sys/fs/cgroup/systemd
	mount -t cgroup2 cgroup2 sys/fs/cgroup/unified
	for name in memory pids devices; do
		mkdir sys/fs/cgroup/$name
		mount -t cgroup -o $name cgroup sys/fs/cgroup/$name || true
	done
else
	mount -t cgroup2 cgroup2 sys/fs/cgroup
fi
for place in run tmp var/tmp dev; do mount -t tmpfs -o mode=755 tmpfs $place; done
for name in null zero full random urandom tty; do : > dev/$name; mount --bind /dev/$name dev/$name; done
mkdir dev/shm dev/pts dev/mqueue dev/hugepages
mount -t devpts -o newinstance,ptmxmode=0666 devpts dev/pts
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
exec chroot . /usr/bin/env -i container=other PATH=/usr/sbin:/usr/bin:/sbin:/bin SYSTEMD_LOG_TARGET=journal \
	/usr/lib/systemd/systemd --system --unit=demo.target
"""
TARGET = "[Unit]\nDescription=One script\nDefaultDependencies=no\nRequires=demo.service\nAllowIsolate=yes\n"
SERVICE = """[Unit]
DefaultDependencies=no
[Service]
Type=oneshot
ExecStart=/bin/bash /etc/demo.sh
StandardOutput=file:/mnt/said
StandardError=inherit
ExecStopPost=/bin/systemctl exit --force
"""


class Systemd:
    """`up` is laid over the tree; run() has a script run by systemd, whose /mnt is the folder `shared`."""

    def __init__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="azupdate-"))
        self.folder.chmod(0o755)
        self.up, self.shared, self.at = self.folder / "up", self.folder / "shared", self.folder / "at"
        for place in (self.up, self.shared, self.at):
            place.mkdir(mode=0o755)

    def put(self, path, content, mode=0o644):
        target = self.up / path.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content if isinstance(content, bytes) else content.encode())
        target.chmod(mode)

    def run(self, script):
        """Returns what it said; Skip where systemd cannot be started, as in a container."""
        self.put("/etc/systemd/system/demo.target", TARGET)
        self.put("/etc/systemd/system/demo.service", SERVICE)
        self.put("/etc/demo.sh", "echo begun\n" + script)
        done = subprocess.run(["bash", "-c", AROUND, "bash", ENTER, str(self.at), str(self.shared)],
                              capture_output=True, text=True, timeout=rig.PATIENCE_S * 2)
        said = self.shared / "said"
        if not said.exists() or not said.read_text().startswith("begun\n"):
            raise rig.Skip(f"systemd does not start here: {done.stderr[-200:]!r}")
        return said.read_text()

    def __enter__(self):
        return self

    def __exit__(self, *failure):
        shutil.rmtree(self.folder)
