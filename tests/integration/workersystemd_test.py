#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""azupdated and its workers in their units, under systemd itself: a release is installed over HTTP, another by as many
workers as there can be, and workers that hang end with the job, and with azupdated. What is installed is what the build
would install."""
import http.server
import json
import os
import pathlib
import re
import shutil

import ostree_machine_test as ostree
import rig
import systemdrig
from hostile_test import served
from machine_test import CONFIG, MAKER, Ranges
from rig import expect, expect_equal

AT = "/var/lib/azupdate"
UNITS = ("azupdated.service", "azfetch-net@.service", "azfetch-decode@.service", "azfetch-net.socket",
         "azfetch-decode.socket", "azfetch.slice")
BEGIN = f"""mkdir -p /run/dbus /run/azt
cp {AT}/boot.json /run/azt/
systemctl start systemd-journald.service dbus.socket dbus.service
active() {{ systemctl list-units --plain --no-legend --state=active,activating 'azfetch-*@*.service' | wc -l; }}
wait_for() {{ for i in $(seq 300); do [ "$(active)" -$1 "$2" ] && return; sleep 0.1; done; echo "in vain: $(active) -$1 $2"; }}
"""
END = """echo "failed: $(systemctl list-units --plain --no-legend --failed 'az*' | wc -l)"
echo "private: $(ls -d /var/tmp/*azfetch* /tmp/*azfetch* 2>/dev/null | wc -l)"
journalctl --no-pager -b -o cat | grep -i 'az\\(fetch\\|updated\\)'
"""
INSTALL = """azupdate install --progress=none {url}; echo "install: $?"
echo "left: $(active)"
"""
OSTREE = """azupdate install --plan {url} >/dev/null; echo "plan: $?"
azupdate install --progress=none {url}; echo "install: $?"
azupdate verify b >/dev/null; echo "verify: $?"
echo "left: $(active)"
"""
HANG = """azupdate install --progress=none /var/lib/azupdate/2.azb > /dev/null 2>&1 & client=$!
wait_for ge 1
for i in $(seq 300); do
	users=$(ps -eo user:40,args | grep '[a]zfetch decode' | cut -d' ' -f1 | sort -u | tr '\\n' ' ')
	[ -n "$users" ] && break
	sleep 0.1
done
echo "users: $users"
azupdate cancel
wait $client; echo "cancelled: $?"
echo "left: $(active)"
azupdate install --progress=none /var/lib/azupdate/2.azb > /dev/null 2>&1 & client=$!
wait_for ge 1
systemctl kill --signal=KILL azupdated.service
wait $client; echo "killed: $?"
wait_for eq 0
echo "left: $(active)"
"""


class Units(systemdrig.Systemd):
    """A machine that runs version 1.0 from slot a; `worker` stands where azfetch should."""

    def __init__(self, worker):
        super().__init__()
        top, built = pathlib.Path(rig.program("SOURCE")), pathlib.Path(rig.program("BUILD"))
        for name in UNITS:
            found = [at / "daemon" / name for at in (built, top) if (at / "daemon" / name).exists()]
            self.put(f"/etc/systemd/system/{name}", found[0].read_bytes())
        unit = (built / "daemon" / "azupdated.service").read_text()
        program = re.search(r"^ExecStart=(\S+)", unit, re.M).group(1)
        self.put(program, pathlib.Path(rig.program("AZUPDATED")).read_bytes(), 0o755)
        self.put(os.path.dirname(program) + "/azfetch", pathlib.Path(worker).read_bytes(), 0o755)
        self.put(os.path.dirname(program) + "/mode", "hang")
        self.put("/usr/bin/azupdate", pathlib.Path(rig.program("AZUPDATE")).read_bytes(), 0o755)
        for name, place in (("org.azupdate.Update1.service", "system-services"), ("org.azupdate.Update1.conf", "system.d")):
            found = [at / "daemon" / name for at in (built, top) if (at / "daemon" / name).exists()]
            self.put(f"/usr/share/dbus-1/{place}/{name}", found[0].read_bytes())
        self.machine_put()

    def machine_put(self):
        self.release_put(MAKER, CONFIG)
        self.put(f"{AT}/2.azb", pathlib.Path(MAKER.bundle(2)).read_bytes())
        self.put(f"{AT}/boot.json", json.dumps({"slot": "a", "disk": f"{AT}/disk"}))
        (self.up / AT[1:] / "health").mkdir()

    def release_put(self, maker, config):
        """The disk, with the maker's first release, and whom to trust."""
        self.put(f"{AT}/keyring", (maker.folder / "keys" / "ca.crt").read_bytes())
        shutil.copy(maker.folder / "disk", self.up / AT[1:] / "disk")
        self.put("/etc/azupdate/azupdate.conf", config.replace("run=@/run", "run=/run/azt").replace("@", AT))


def words_of(said, name):
    return re.findall(rf"^{name}: (.*)$", said, re.M)


def test_install():
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Ranges) as server, \
            Units(rig.program("AZFETCH")) as units:
        said = units.run(BEGIN + INSTALL.format(url=served(server)) + END)
        server.shutdown()
        for name in ("install", "left", "failed", "private"):
            expect_equal(words_of(said, name), ["0"], f"{name}\n{said}")


def test_as_many_as_there_can_be():
    """out of an ostree repository, right after a job whose workers have hardly ended"""
    with ostree.Server() as server, Units(rig.program("AZFETCH")) as units:
        units.release_put(ostree.MAKER, ostree.TRUST + "[network]\nparallel=8\n")
        for path in (ostree.MAKER.folder / "signers").iterdir():
            units.put(f"{AT}/signers/{path.name}", path.read_bytes())
        server.pause_s = 1.5
        said = units.run(BEGIN + OSTREE.format(url=f"'{server.url}'") + END)
        for name in ("plan", "install", "verify", "left", "failed", "private"):
            expect_equal(words_of(said, name), ["0"], f"{name}\n{said}")
        expect("Too many" not in said, said)
        expect(server.busiest > 5, f"{server.busiest} requests at a time\n{said}")


def test_workers_that_hang():
    with Units(rig.program("HOSTILE_WORKER")) as units:
        said = units.run(BEGIN + HANG + END)
        expect_equal(words_of(said, "cancelled"), ["5"], said)
        expect_equal(words_of(said, "left"), ["0", "0"], said)
        expect(words_of(said, "killed") != ["0"], said)
        expect("in vain" not in said, said)
        users = " ".join(words_of(said, "users")).split()
        expect(users and not {"root", "nobody"} & set(users), f"{users}\n{said}")


if __name__ == "__main__":
    if os.geteuid() != 0:
        print("1..0 # SKIP takes root")
    else:
        rig.main(globals())
