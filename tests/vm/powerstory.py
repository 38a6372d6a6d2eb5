# SPDX-License-Identifier: MIT
"""The story whose writes are recorded: an update staged, activated and committed, one that fails its health
check and is left, and a rollback.

What may boot after a power cut is known at each moment from what was asked of the machine and what it
answered, and from nothing that stands on its disk."""
import os

import releases
import respawn
import story
import writelog


def log_nodes(log):
    """The -blockdev values of a disk whose writes go to a new log, too."""
    with open(log, "wb"):
        pass
    return [f"driver=file,filename={log},node-name=log-host,cache.no-flush=on",
            "driver=raw,file=log-host,node-name=log",
            "driver=raw,file=disk0-host,node-name=disk0-file",
            "driver=blklogwrites,file=disk0-file,log=log,log-sector-size=512,log-append=off,"
            "log-super-update-interval=1,node-name=disk0"]


class PowerWorld(releases.World):
    """Releases whose kernels tell their command line: its root hash says what was started."""

    def uki(self, version, output, cmdline, key):
        super().uki(version, output, cmdline.replace("quiet ", ""), key)


class RecordedMachine(respawn.RespawningMachine):
    """A new log for each of its power cycles."""

    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        self.logs = []

    def _disk_nodes(self):
        self.logs.append(os.path.join(self.workdir, f"writes{self.resets}.log"))
        self.blockdev = log_nodes(self.logs[-1])
        return super()._disk_nodes()


class PowerStory(story.Story):
    machine_class = RecordedMachine

    def __init__(self, world, tap):
        super().__init__(world, tap)
        self.phases = []        # (entries of the log before it, versions that may boot, what it is)

    def phase(self, text, *versions):
        done = sum(writelog.count(path) for path in self.guest.logs)
        self.phases.append((done, versions, text))
        self.show(f"[{done} entries] {text}: {' or '.join(versions)} may boot")

    def first_boot(self):
        self.phase("first boot", "1")
        self.guest.wait_ready(story.BOOT_S)
        self.expect_running("a", "1")

    def update_to_2(self):
        self.phase("staging 2", "1")
        self.command(f"install --no-activate http://{story.HOST}:{self.port}/2.azb")
        self.phase("activating 2", "1", "2")
        self.command("activate b")
        self.phase("2 is activated", "2")
        self.reboot_and_wait()
        self.expect_running("b", "2")
        self.phase("2 is committed", "2")

    def failed_update_to_3(self):
        self.phase("installing 3", "2", "3")
        self.command(f"install http://{story.HOST}:{self.port}/3.azb")
        self.phase("3 is activated", "3")
        self.phase("3 is tried", "3", "2")
        self.reboot_and_wait()
        self.wait_running("b", 6 * story.BOOT_S)
        self.expect_running("b", "2")
        self.phase("3 has failed", "2")

    def rollback_to_1(self):
        self.phase("staging 1", "2")
        self.command(f"install --no-activate http://{story.HOST}:{self.port}/1.azb")
        self.phase("rolling back", "2", "1")
        self.command("rollback")
        self.phase("rolled back", "1")
        self.reboot_and_wait()
        self.expect_running("a", "1")

    CHAPTERS = (first_boot, update_to_2, failed_update_to_3, rollback_to_1)
