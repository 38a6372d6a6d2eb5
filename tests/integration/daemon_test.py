#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""azupdated and azupdate over a machine in memory, whose jobs hang on demand: what has to do with
jobs, callers and the bus. machine_test.py does the rest on a real machine."""
import os
import pathlib
import pty
import re
import shutil
import signal
import subprocess
import tempfile
import time

import rig
from rig import NAME, PATH, Rig, Skip, expect, expect_equal, wait_until

FAKE = rig.program("AZUPDATED_FAKE")
STRANGER = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")
CONFIG = ("[product]\nname=shop\n[health]\nfolders=@/health\nretries=0\n"
          "[paths]\nstate=@/state\nrun=@/run\n")


def bundle(machine, text):
    path = machine.folder / "bundle.azb"
    path.write_text(text)
    return str(path)


def job_start(machine, text):
    return machine.json("install", "--no-wait", bundle(machine, text))["job"]


def as_stranger():
    """Another user must be able to run our programs, which a private build folder prevents."""
    if os.geteuid() != 0:
        raise Skip("only root can become another user")
    if subprocess.run([*STRANGER, rig.program("AZUPDATE"), "--version"],
                      capture_output=True).returncode != 0:
        raise Skip("the build folder cannot be read by another user")
    return STRANGER


def test_status():
    with Rig(FAKE, CONFIG) as machine:
        status = machine.status()
        expect_equal(status["running"], "a")
        expect_equal(status["next_reason"], "preferred")
        expect_equal(status["boot"]["time_us"], 41234)
        expect_equal(status["slots"][1]["version"], None)
        text = machine.cli("status").stdout
        for wanted in ("Version 1.0 runs from slot a, committed.",
                       "azboot handed over after 41.2 ms", "Next boot  slot a, version 1.0"):
            expect(wanted in text, f"{wanted!r} is not in {text}")


def test_progress_without_terminal():
    with Rig(FAKE, CONFIG) as machine:
        done = machine.cli("install", bundle(machine, "slow 2.0"))
        expect_equal(done.stderr, "write\n")
        expect("Version 2.0 is in slot b" in done.stdout, done.stdout)
        expect_equal(machine.slot("b")["state"], "trial")


def test_progress_on_the_bus():
    with Rig(FAKE, CONFIG) as machine:
        monitor = subprocess.Popen(["gdbus", "monitor", "--address", machine.address, "-d", NAME],
                                   stdout=subprocess.PIPE, text=True)
        time.sleep(0.5)
        machine.cli("install", bundle(machine, "slow 2.0"))
        monitor.terminate()
        text = monitor.communicate()[0]
        parts = [int(part) for part in re.findall(r"'DoneBytes': <uint64 (\d+)>", text)]
        expect(len(parts) >= 3 and parts == sorted(parts), f"progress: {parts}")
        expect(len(parts) <= 40, f"{len(parts)} signals flood the bus")
        expect("Job.Finished (uint32 0" in text, text)


def read_all(terminal):
    """Until the other side is closed, which a terminal reports as an error."""
    while True:
        try:
            yield os.read(terminal, 4096)
        except OSError:
            return


def test_progress_on_a_terminal():
    with Rig(FAKE, CONFIG) as machine:
        ours, theirs = pty.openpty()
        client = subprocess.Popen(machine.command("install", bundle(machine, "slow 2.0")),
                                  stderr=theirs, stdout=subprocess.DEVNULL)
        os.close(theirs)
        shown = b"".join(read_all(ours))
        expect_equal(client.wait(rig.PATIENCE_S), 0)
        expect(b"\rwrite" in shown and b"[####" in shown and b"% of " in shown, shown)


def progress_check(lines, kind):
    """Lines of --progress=json: progress that only grows within a step, then the job."""
    *steps, job = lines
    expect_equal({line["schema"] for line in steps}, {"azupdate.progress/1"})
    expect_equal((job["schema"], job["kind"]), ("azupdate.job/1", kind))
    expect_equal({line["job"] for line in steps}, {job["job"]})
    for before, after in zip(steps, steps[1:]):
        expect(before != after, f"{after} is told twice")
        expect(before["step"] != after["step"] or before["done_bytes"] <= after["done_bytes"], steps)
        expect(before["fetched_bytes"] <= after["fetched_bytes"], steps)
    return steps


def test_progress_as_json():
    with Rig(FAKE, CONFIG) as machine:
        lines = machine.json_lines("install", "--progress=json", bundle(machine, "slow 2.0"))
        steps = progress_check(lines, "install")
        expect(4 <= len(steps) <= 40, f"{len(steps)} lines")
        expect(all(line["fetch_bytes"] in (0, 10500) for line in steps), steps)
        last = steps[-1]
        expect_equal((last["step"], last["done_bytes"], last["fetched_bytes"]), ("write", 99, 10500))
        expect(steps[-2]["rate_bytes_s"] > 0 and steps[-2]["left_s"] <= 1, steps)
        expect_equal(lines[-1]["state"], "done")
        lines = machine.json_lines("install", "--progress=json", bundle(machine, "rubbish"), status=1)
        expect_equal([line["schema"] for line in lines], ["azupdate.error/1"])


def test_progress_as_told():
    with Rig(FAKE, CONFIG) as machine:
        slow = bundle(machine, "slow 2.0")
        expect_equal(machine.cli("install", "--progress=none", slow).stderr, "")
        shown = machine.cli("install", "--progress=bar", slow).stderr
        bars = re.findall(r"write +\[(#*)\.*\] +(\d+)% of 10\.3 KiB fetched, \d\S+ KiB/s, \d s left",
                          shown)
        expect(len(bars) >= 4, shown)
        for bar, percent in bars:
            expect(-1 < int(percent) * 18 / 100 - len(bar) < 1, shown)
        expect_equal(machine.json("install", "--progress=some", slow, status=2)["name"], "ARGUMENT")
        expect("--progress" in machine.cli("status", "--progress=json", status=2).stderr, "no fault")


def test_plan():
    with Rig(FAKE, CONFIG) as machine:
        before = machine.status()["slots"]
        plan = machine.json("install", "--plan", bundle(machine, "release 2.0"))
        expect_equal((plan["kind"], plan["result"]["slot"], plan["result"]["version"]),
                     ("plan", "b", "2.0"))
        uki, root = plan["result"]["payloads"]
        expect_equal(root, {"name": "root", "delta": True, "keep_bytes": 4096, "zero_bytes": 8192,
                            "copy_bytes": 81920, "make_bytes": 16384, "decode_bytes": 0,
                            "frame_bytes": 3000, "requests": 1})
        expect_equal((uki["decode_bytes"], uki["requests"]), (12288, 2))
        expect_equal((plan["result"]["fetch_bytes"], plan["result"]["head_bytes"]), (10500, 500))
        forced = machine.json("install", "--plan", "--force", bundle(machine, "release 2.0"))
        expect_equal(forced["result"]["payloads"][0]["requests"], 9)
        text = machine.cli("install", "--plan", "--progress=none", bundle(machine, "slow 2.0")).stdout
        for wanted in (r"Version 2.0 would go into slot b. Nothing was written.",
                       r"root +yes +4.0 KiB +8.0 KiB +80.0 KiB +16.0 KiB +0 bytes +2.9 KiB",
                       r"10.3 KiB of the bundle are needed, with the 500 bytes that this plan took"):
            expect(re.search(wanted, text), f"{wanted!r} is not in {text}")
        expect_equal(machine.json("install", "--plan", "http://x/", status=1)["name"], "HTTP_CONNECT")
        expect_equal(machine.status()["slots"], before)


def test_verify():
    with Rig(FAKE, CONFIG) as machine:
        job = machine.json("verify")
        expect_equal((job["kind"], job["result"]["slot"], job["result"]["wrong_bytes"]), ("verify", "a", 0))
        expect_equal(machine.cli("verify", "a").stdout, "Slot a, version 1.0: every block is right.\n")
        job = machine.json("verify", "b", status=1)
        expect_equal((job["state"], job["fault_name"], job["result"]["version"]),
                     ("failed", "SLOT_EMPTY", ""))
        expect_equal(machine.cli("verify", "b", status=1).stdout, "")
        expect("Slot b holds no release." in machine.cli("verify", "--all").stdout, "text")
        expect_equal(len(machine.json_lines("verify", "--all", "--json")), 1)
        expect_equal(machine.json("verify", "c", status=1)["name"], "SLOT_UNKNOWN")
        expect_equal(machine.json("verify", "--all", "a", status=2)["name"], "ARGUMENT")


def test_verify_and_repair_rot():
    with Rig(FAKE, CONFIG) as machine:
        machine.cli("install", bundle(machine, "release rotten"))
        done = machine.cli("verify", "--all", status=1)
        expect("Slot a, version 1.0: every block is right.\n" in done.stdout, done.stdout)
        expect("Slot b, version rotten: 12.0 KiB are wrong. To heal it: azupdate repair b\n"
               in done.stdout, done.stdout)
        expect("CONVERGE_READBACK" in done.stderr, done.stderr)
        lines = machine.json_lines("verify", "--all", "--json", status=1)
        expect_equal([(job["state"], job["result"]["wrong_bytes"]) for job in lines],
                     [("done", 0), ("failed", 12288)])
        done = machine.cli("repair", "b", status=1)
        expect("12.0 KiB were wrong; 8.0 KiB healed from slot a; 4.0 KiB still are." in done.stdout,
               done.stdout)
        expect("CONVERGE_UNHEALED" in done.stderr, done.stderr)
        job = machine.json("repair", "b", status=1)
        expect_equal((job["kind"], job["fault_name"], job["result"]["copied_bytes"]),
                     ("repair", "CONVERGE_UNHEALED", 8192))
        expect_equal(machine.json("repair", "b", "http://x/", status=1)["fault_name"], "HTTP_CONNECT")
        text = machine.cli("repair", "b", bundle(machine, "release 2")).stdout
        expect_equal(text, "Slot b, version rotten: 12.0 KiB were wrong; 8.0 KiB healed from slot a, "
                     "4.0 KiB from the bundle. 9 bytes of the bundle were read.\n")
        expect_equal(machine.cli("repair", "b").stdout, "Slot b, version healed: nothing was wrong.\n")


def test_repair_operands():
    """One operand alone is a slot if it is called so, otherwise a bundle for the running slot."""
    with Rig(FAKE, CONFIG) as machine:
        expect_equal(machine.json("repair")["result"]["slot"], "a")
        expect_equal(machine.json("repair", "a")["result"]["slot"], "a")
        job = machine.json("repair", bundle(machine, "release 1.0"))
        expect_equal((job["result"]["slot"], job["result"]["fetched_bytes"]), ("a", 11))
        job = machine.json("repair", "-", input="release 1.0 ")
        expect_equal((job["result"]["slot"], job["result"]["fetched_bytes"]), ("a", 12))
        expect_equal(machine.json("repair", "/nonexistent", status=1)["name"], "BUNDLE_READ")
        expect_equal(machine.json("repair", "c", bundle(machine, "release"), status=1)["name"],
                     "SLOT_UNKNOWN")
        expect_equal(machine.json("repair", "a", ".", status=2)["name"], "ARGUMENT")


def test_cancel():
    with Rig(FAKE, CONFIG) as machine:
        job = job_start(machine, "hang")
        wait_until(lambda: "50%, 5.4 KiB of 10.3 KiB fetched" in machine.cli("status").stdout,
                   "progress in status")
        machine.json("cancel")
        wait_until(lambda: machine.job_state(job) == "cancelled", "the job to end")
        job = machine.status()["jobs"][0]
        expect_equal((job["state"], job["fault_name"]), ("cancelled", "CONVERGE_CANCELLED"))
        expect_equal(machine.slot("b")["state"], "empty")
        expect_equal(machine.json("cancel", status=1)["name"], "JOB_UNKNOWN")
        expect_equal(machine.json("cancel", "77", status=1)["name"], "JOB_UNKNOWN")
        expect_equal(machine.json("cancel", "x y", status=2)["name"], "ARGUMENT")


def test_interrupt_cancels():
    with Rig(FAKE, CONFIG) as machine:
        client = subprocess.Popen(machine.command("install", bundle(machine, "hang")),
                                  stderr=subprocess.PIPE, text=True)
        wait_until(lambda: "50%" in machine.cli("status").stdout, "the job")
        client.send_signal(signal.SIGINT)
        expect("CONVERGE_CANCELLED" in client.communicate()[1], "the fault is not shown")
        expect_equal(client.returncode, 5)


def test_client_dies_job_goes_on():
    with Rig(FAKE, CONFIG) as machine:
        client = subprocess.Popen(machine.command("install", bundle(machine, "slow 2.0")),
                                  stderr=subprocess.DEVNULL)
        wait_until(lambda: machine.status()["jobs"], "the job")
        client.kill()
        client.wait()
        wait_until(lambda: machine.slot("b")["version"] == "2.0", "the job to complete")


def test_busy():
    with Rig(FAKE, CONFIG) as machine:
        job = job_start(machine, "hang")
        for words in (["install", bundle(machine, "release 3")], ["activate"], ["rollback"],
                      ["mark-good"], ["mark-bad"], ["health", "run"], ["verify"],
                      ["repair"], ["install", "--plan", bundle(machine, "release 3")]):
            expect_equal(machine.json(*words, status=4)["name"], "JOB_BUSY", words)
        machine.cli("status")
        machine.cli("cancel", job)
        wait_until(lambda: machine.job_state(job) == "cancelled", "the job to end")
        machine.cli("install", bundle(machine, "release 3"))


def test_daemon_stops_during_job():
    with Rig(FAKE, CONFIG) as machine:
        client = subprocess.Popen(machine.command("install", bundle(machine, "hang")),
                                  stderr=subprocess.PIPE, text=True)
        wait_until(lambda: machine.status()["jobs"], "the job")
        machine.stop()
        expect("CONVERGE_CANCELLED" in client.communicate()[1], "the fault is not shown")
        expect_equal(client.returncode, 5)


def test_daemon_dies_during_job():
    machine = Rig(FAKE, CONFIG).start()
    try:
        client = subprocess.Popen(machine.command("install", bundle(machine, "hang")),
                                  stderr=subprocess.PIPE, text=True)
        wait_until(lambda: machine.status()["jobs"], "the job")
        machine.daemon.kill()
        machine.daemon.wait()
        machine.daemon = None
        expect("fault 808 BUS" in client.communicate()[1], "the fault is not shown")
        expect_equal(client.returncode, 6)
    finally:
        machine.close()


def test_jobs_are_forgotten():
    with Rig(FAKE, CONFIG) as machine:
        for number in range(12):
            machine.cli("install", bundle(machine, f"release {number}"))
        jobs = [job["job"] for job in machine.status()["jobs"]]
        expect_equal(jobs, [f"{PATH}/job/{number}" for number in range(5, 13)])
        expect("UnknownObject" in machine.gdbus("Job.Cancel", path=f"{PATH}/job/1").stderr or
               "UnknownMethod" in machine.gdbus("Job.Cancel", path=f"{PATH}/job/1").stderr,
               "a forgotten job is still there")


def test_typed_errors():
    with Rig(FAKE, CONFIG) as machine:
        error = machine.gdbus("Manager.Activate", "c").stderr
        expect('org.azupdate.Update1.Error.SLOT_UNKNOWN: there is no slot "c"' in error, error)
        error = machine.json("activate", "c", status=1)
        expect_equal((error["fault"], error["name"]), (118, "SLOT_UNKNOWN"))
        error = machine.json("install", bundle(machine, "rubbish"), status=1)
        expect_equal((error["fault"], error["name"]), (400, "BUNDLE_MAGIC"))
        text = machine.cli("mark-bad", "a", status=1).stderr
        expect("fault 117 SLOT_ONLY_ONE" in text and "what to do: install" in text, text)


ACTIONS = [["Manager.Activate", "a"], ["Manager.Rollback", ""], ["Manager.MarkGood", "a"],
           ["Manager.MarkBad", "a", "x"], ["Manager.RunHealth", "true"],
           ["Manager.InstallUrl", "http://localhost/", "{}"], ["Manager.Verify", "a", "{}"],
           ["Manager.RepairUrl", "a", "", "{}"], ["Manager.PlanUrl", "http://localhost/", "{}"],
           ["Manager.Attest", "[byte 1]"], ["Manager.TpmStatus"],
           ["Manager.HealthHold", "true"], ["Manager.EtcDiff", "0"], ["Manager.EtcSave", "x"],
           ["Manager.EtcRestore", "1"], ["Manager.RollbackEtc", "", "true"]]


def test_stranger_may_look_only():
    stranger = as_stranger()
    with Rig(FAKE, CONFIG) as machine:
        job = job_start(machine, "hang")
        before = machine.status()
        machine.json("status", prefix=stranger)
        for method in ACTIONS:
            error = machine.gdbus(*method, prefix=stranger).stderr
            expect("Error.NOT_ALLOWED" in error, f"{method}: {error}")
        error = machine.gdbus("Job.Cancel", path=job, prefix=stranger).stderr
        expect("Error.NOT_ALLOWED" in error, error)
        machine.json("install", bundle(machine, "release 3"), status=3, prefix=stranger)
        expect_equal(machine.job_state(job), "running")
        expect_equal(machine.status()["slots"], before["slots"])
        expect_equal(len(machine.status()["jobs"]), 1)
        machine.cli("cancel")


def test_policy_file():
    """With the policy that is installed the bus lets a stranger reach our interfaces, and no others;
    without polkit azupdated then refuses what is not only a look."""
    stranger = as_stranger()
    policy = pathlib.Path(rig.program("POLICY")).read_text()
    rules = re.search(r"<busconfig>(.*)</busconfig>", policy, re.S).group(1)
    strict = f'<policy context="default"><deny send_destination="{NAME}"/></policy>{rules}'
    with Rig(FAKE, CONFIG, policy=strict) as machine:
        machine.cli("mark-good")
        machine.json("status", prefix=stranger)
        expect("STATE_FILE" in machine.gdbus("Manager.HealthLast", prefix=stranger).stderr, "read")
        for method in ACTIONS:
            error = machine.gdbus(*method, prefix=stranger).stderr
            expect("Error.NOT_ALLOWED: only root may call" in error, f"{method}: {error}")
        machine.json("rollback", status=3, prefix=stranger)
        for method in ("org.freedesktop.DBus.Properties.Set", "org.example.Nonsense"):
            error = machine.gdbus_raw(NAME, PATH, method, "a", "b", "<'c'>", prefix=stranger).stderr
            expect("AccessDenied" in error, f"{method}: {error}")
        for method in ("org.freedesktop.DBus.ObjectManager.GetManagedObjects",
                       "org.freedesktop.DBus.Peer.Ping"):
            expect_equal(machine.gdbus_raw(NAME, PATH, method, prefix=stranger).returncode, 0)


def junk_call(number):
    return [
        ["Manager.Activate", "\x1b[31m" * 40], ["Manager.Activate", ""],
        ["Manager.MarkBad", "b", "x" * 257], ["Manager.MarkBad", "b", "two\nlines"],
        ["Manager.MarkBad", "c", "x"], ["Manager.InstallUrl", "file:///etc/passwd", "{}"],
        ["Manager.InstallUrl", "http://" + "x" * 3000, "{}"],
        ["Manager.InstallUrl", "http://x/", "{'colour': <true>}"],
        ["Manager.InstallUrl", "http://x/", "{'force': <'yes'>}"],
        ["Manager.Install", "7", "{}"], ["Manager.Nonsense"], ["Manager.Activate", "a", "b"],
        ["Slot.Nonsense"], ["Job.Cancel"], ["Manager.Verify", "c", "{}"],
        ["Manager.Verify", "a", "{'force': <true>}"], ["Manager.RepairUrl", "c", "", "{}"],
        ["Manager.RepairUrl", "a", "file:///etc/passwd", "{}"],
        ["Manager.RepairUrl", "a", "", "{'force': <true>}"], ["Manager.Repair", "a", "7", "{}"],
        ["Manager.PlanUrl", "ftp://x/", "{}"], ["Manager.PlanUrl", "http://x/", "{'plan': <true>}"],
        ["Manager.Plan", "7", "{}"],
    ][number % 23]


def test_junk_changes_nothing():
    with Rig(FAKE, CONFIG) as machine:
        before = machine.status()
        for number in range(200):
            done = machine.gdbus(*junk_call(number))
            expect(done.returncode != 0, f"{junk_call(number)} is accepted: {done.stdout}")
        expect_equal(machine.status(), before)


def test_descriptors():
    """What cannot be read to its end like a file is refused, and nothing is left open."""
    with Rig(FAKE, CONFIG) as machine:
        fds = pathlib.Path(f"/proc/{machine.daemon.pid}/fd")
        machine.cli("install", bundle(machine, "release 2"))
        before = len(list(fds.iterdir()))
        for source in (".", "/dev/zero", "/dev/null"):
            machine.json("install", source, status=2)
        for number in range(30):
            machine.cli("install", bundle(machine, f"release {number}"))
            machine.json("install", bundle(machine, "rubbish"), status=1)
        machine.cli("install", "-", input="release 9")
        expect_equal(machine.slot("b")["version"], "9")
        wait_until(lambda: len(list(fds.iterdir())) <= before, "descriptors to be closed")


def test_idle():
    with Rig(FAKE, CONFIG, idle=1) as machine:
        job = job_start(machine, "hang")
        time.sleep(2.5)
        expect(machine.daemon.poll() is None, "it left during a job")
        machine.cli("cancel", job)
        for _ in range(5):
            time.sleep(0.5)
            machine.cli("status")       # callers keep it
        expect_equal(machine.daemon.wait(rig.PATIENCE_S), 0)
        machine.daemon = None
        expect(not machine.owned(), "the name is still owned")
        expect_equal(machine.json("status", status=6)["name"], "BUS")


def test_activation():
    """The bus starts the daemon at the first call, and again after it has left."""
    with tempfile.TemporaryDirectory() as services:
        service = pathlib.Path(services) / f"{NAME}.service"
        machine = Rig(FAKE, CONFIG, policy=f"<servicedir>{services}</servicedir>")
        service.write_text(f"[D-BUS Service]\nName={NAME}\nExec={FAKE} --bus={machine.address} "
                           f"--config={machine.folder}/azupdate.conf --idle=1\n")
        try:
            for _ in range(2):
                machine.cli("status")
                expect(machine.owned(), "the daemon is gone at once")
                wait_until(lambda: not machine.owned(), "the daemon to leave")
        finally:
            machine.close()


def test_activation_that_takes_long():
    """The bus gives up on the daemon; a client asks for it again."""
    with tempfile.TemporaryDirectory() as services:
        tried = pathlib.Path(services) / "tried"
        machine = Rig(FAKE, CONFIG, policy=f"<servicedir>{services}</servicedir>"
                                           '<limit name="service_start_timeout">5000</limit>')
        starter = pathlib.Path(services) / "starter"
        starter.write_text(f"#!/bin/sh\n[ -e {tried} ] || {{ touch {tried}; exec sleep 600; }}\n"
                           f"exec {FAKE} --bus={machine.address} --config={machine.folder}/azupdate.conf --idle=1\n")
        starter.chmod(0o755)
        (pathlib.Path(services) / f"{NAME}.service").write_text(f"[D-BUS Service]\nName={NAME}\nExec={starter}\n")
        try:
            expect(not tried.exists(), "it was started before it was asked for")
            machine.cli("status")
            expect(tried.exists(), "the first start was not the slow one")
            wait_until(lambda: not machine.owned(), "the daemon to leave")
        finally:
            machine.close()


def test_second_daemon():
    with Rig(FAKE, CONFIG) as machine:
        second = subprocess.run([FAKE, f"--bus={machine.address}", "--config=/nonexistent"],
                                capture_output=True, text=True)
        expect_equal(second.returncode, 1)
        expect("another program has the name" in second.stderr, second.stderr)
        machine.cli("status")


def test_reboot_cannot_start():
    with Rig(FAKE, CONFIG) as machine:
        machine.check_add("net", "echo no route; exit 3")
        done = machine.cli("health", "run", "--act", status=1)
        expect("fault 810 REBOOT" in done.stderr, done.stderr)
        expect('check "net" failed: exit status 3' in done.stdout, done.stdout)
        job = machine.status()["jobs"][0]
        expect_equal((job["state"], job["result"]["verdict"]), ("failed", "reboot"))


def test_health_hold():
    """Held, a failed check reboots nothing; the hold is gone with the run folder."""
    with Rig(FAKE, CONFIG) as machine:
        machine.check_add("net", "echo no route; exit 3")
        expect_equal(machine.status()["health_held"], False)
        for _ in range(2):
            expect_equal(machine.json("health", "hold")["held"], True)
        expect_equal(machine.status()["health_held"], True)
        expect("azupdate health unhold" in machine.cli("status").stdout, "the hold is not shown")
        job = machine.json("health", "run", "--act", status=7)
        expect_equal(job["result"]["verdict"], "stay")
        expect("held off" in job["result"]["because"], job)
        log = (machine.folder / "log").read_text()
        expect("stays, though it is unhealthy: check \"net\" failed" in log and "held off" in log, log)
        for _ in range(2):
            expect_equal(machine.json("health", "unhold")["held"], False)
        expect_equal(machine.json("health", "run", "--act", status=1)["name"], "REBOOT")
        machine.cli("health", "hold")
        shutil.rmtree(machine.folder / "run")
        machine.cli("health", "run", "--act", status=1)


def test_reboot_limit():
    """The count is of the last 24 hours, and a file that is damaged is no machine that never did."""
    with Rig(FAKE, CONFIG + "[health]\nreboots-per-day=2\n") as machine:
        machine.check_add("net", "exit 3")
        for _ in range(2):
            expect_equal(machine.json("health", "run", "--act", status=1)["name"], "REBOOT")
        result = machine.json("health", "run", "--act", status=7)["result"]
        expect_equal((result["verdict"], "24 hours" in result["because"]), ("stay", True))
        (machine.folder / "state" / "health-reboots.json").write_text("{")
        result = machine.json("health", "run", "--act", status=7)["result"]
        expect_equal((result["verdict"], "not known" in result["because"]), ("stay", True))
        result = machine.json("health", "run", "--act", status=7)["result"]
        expect_equal((result["verdict"], "24 hours" in result["because"]), ("stay", True))
        (machine.folder / "state" / "health-reboots.json").unlink()
        machine.cli("health", "run", "--act", status=1)


def test_reboot_never():
    with Rig(FAKE, CONFIG + "[health]\nreboot=never\nrounds=2\n") as machine:
        machine.check_add("net", f"echo x >>{machine.folder}/runs; exit 3")
        expect_equal(machine.json("health", "run", "--act", status=7)["result"]["verdict"], "stay")
        expect_equal((machine.folder / "runs").read_text(), "x\nx\n", "two rounds")


def test_health_records():
    with Rig(FAKE, CONFIG) as machine:
        expect_equal(machine.json("health", "list")["boots"], [])
        expect_equal(machine.json("health", "show", status=1)["name"], "STATE_FILE")
        check = machine.check_add("net", "echo no route; exit 3")
        machine.cli("health", "run", status=7)
        expect_equal(machine.json("health", "list")["boots"], [], "it was not acted on")
        machine.cli("health", "run", "--act", status=1)
        boots = machine.json("health", "list")["boots"]
        expect_equal([(boot["slot"], boot["version"], boot["healthy"], boot["verdict"]) for boot in boots],
                     [("a", "1.0", False, "reboot")])
        shown = machine.json("health", "show", boots[0]["boot"])
        expect_equal(shown, machine.json("health", "show"))
        net = shown["checks"][0]
        expect_equal((net["kind"], net["reason"]), ("program", "failed: exit status 3: no route"))
        text = machine.cli("health", "show", boots[0]["boot"]).stdout
        expect("failed: exit status 3: no route" in text and "The machine reboots: " in text, text)
        check.unlink()
        machine.cli("health", "run", "--act")
        expect_equal(machine.json("health", "list")["boots"][0]["verdict"], "committed", "the same boot")
        expect("healthy" in machine.cli("health", "list").stdout, "text")
        for boot in ("x", "../health", "0" * 32):
            expect_equal(machine.json("health", "show", boot, status=1)["name"], "HEALTH_RECORD")
        machine.cli("health", "list", "x", status=2)
        job = job_start(machine, "hang")
        machine.json("health", "show")          # also while a job runs
        machine.cli("cancel", job)
        machine.log.flush()
        log = (machine.folder / "log").read_text()
        expect('required check "net" failed: exit status 3: no route' in log, log)


def test_broken_machine():
    """What is wrong is told to who asks; the daemon does not fail to start."""
    for config, fault in (("[product]\nname=broken\n", "PART_MISSING"),
                          ("[product]\nnane=x\n", "CONFIG_VALUE"), ("nonsense", "CONFIG_SYNTAX")):
        with Rig(FAKE, config) as machine:
            expect_equal(machine.json("status", status=1)["name"], fault)
            expect_equal(machine.json("health", "run", status=1)["name"], fault)
            machine.configuration_write("[product]\nname=shop\n")
            if fault != "PART_MISSING":
                machine.cli("status")   # corrected: no restart is needed


def test_interface_is_documented():
    """Every method, signal and property, and every argument of a method, has its sentence."""
    text = (pathlib.Path(rig.program("SCHEMA")) / f"{NAME}.xml").read_text()
    items = re.findall(r'(<!--(?:(?!-->).)*-->)?\s*<(method|signal|property) name="(\w+)"(.*?)'
                       r"(?=<!--|<method|<property|<signal|</interface)", text, re.S)
    expect(len(items) > 40, f"only {len(items)} were found")
    for comment, kind, name, body in items:
        expect(re.search(rf"\b{name}:", comment), f"{kind} {name} is not documented")
        for argument in re.findall(r'<arg name="(\w+)"', body):
            expect(f"@{argument}:" in comment, f"{kind} {name}: @{argument} is not documented")


def test_usage():
    azupdate = rig.program("AZUPDATE")

    def run(*words):
        done = subprocess.run([azupdate, *words], capture_output=True, text=True)
        return done.returncode, done.stdout + done.stderr

    commands = re.findall(r"^  ([a-z-]+) ", run("--help")[1], re.M)
    expect_equal(len(commands), 21, commands)
    for command in commands:
        status, text = run(command, "--help")
        expect(status == 0 and "Exit status: 0 done" in text, text)
        expect_equal(run(command, "--nonsense")[0], 2)
        expect_equal(run(command, "x", "y", "z")[0], 2)
    expect_equal(run()[0], 2)
    expect_equal(run("frobnicate")[0], 2)
    expect(re.match(r"azupdate \d+\.\d+", run("--version")[1]), "no version")


rig.main(globals())
