#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Takes one flush, check or order of the protocol away at a time; the simulator must notice.

mutants.py TOP BUILD AZBUNDLE [NAME...]. Prints TAP. Each mutant is a copy of a source file with a text
replaced, which must stand there exactly once; it is compiled as the file is and linked before the library."""
import concurrent.futures
import json
import os
import pathlib
import shlex
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True
from mutant_list import MUTANTS, SCENARIOS # pylint: disable=wrong-import-position

TOP, BUILD, AZBUNDLE = (pathlib.Path(arg).resolve() for arg in sys.argv[1:4])
NAMES = sys.argv[4:]
WORKERS, TIME_MAX_S = 1, 300 # beside it, another test runs
MEMORY = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None # the library flushes its lists, again and again
NOTHING = ("nothing", "lib/recstore.c") # what must not be noticed: the program is built as all the others are


def compile_commands():
    """Of the objects that the simulator is made of, by source file."""
    commands = {}
    for entry in json.loads((BUILD / "compile_commands.json").read_text(encoding="utf-8")):
        if any(f"lib{library}.a.p/" in entry["output"] for library in ("simazboot", "azlib", "azcore")):
            path = (pathlib.Path(entry["directory"]) / entry["file"]).resolve()
            commands[path] = shlex.split(entry["command"])
    return commands


def link_command():
    listed = subprocess.check_output(["ninja", "-C", BUILD, "-t", "commands", "tests/sim/sim"], text=True)
    return shlex.split([line for line in listed.splitlines() if " -o tests/sim/sim " in line][-1])


def mutate(text, changes):
    for before, after in changes:
        assert text.count(before) == 1, f"{text.count(before)} times in the file: {before}"
        text = text.replace(before, after)
    return text


def compile_only(command):
    """The command without what it makes of which file."""
    words = iter(command)
    for word in words:
        if word in ("-o", "-c", "-MQ", "-MF"):
            next(words)
        elif word != "-MD":
            yield word


def mutant_build(mutant, folder, recipe):
    """The simulator with this mutant in it."""
    name, source, *changes = mutant
    commands, link = recipe
    source = TOP / source
    copy = folder / (name.replace(" ", "-") + ".c")
    copy.write_text(mutate(source.read_text(encoding="utf-8"), changes), encoding="utf-8")
    unit, program = copy.with_suffix(".o"), copy.with_suffix("")
    subprocess.run([*compile_only(commands[source]), "-w", "-iquote", source.parent, "-c", copy, "-o", unit], cwd=BUILD,
                   check=True)
    at = link.index("-o")
    subprocess.run([*link[:at], "-o", program, unit, *link[at + 2:]], cwd=BUILD, check=True)
    return program


def sim_run(program, files, scenario):
    env = {**os.environ, "SIM_STOP": "1", "SIM_ONLY": scenario, "SIM_FILES": files, "AZBUNDLE": str(AZBUNDLE)}
    return subprocess.run([program], env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          errors="replace", timeout=TIME_MAX_S, check=False)


def first_wrong(output):
    lines = [line for line in output.splitlines() if line.startswith("# ") and " violations" not in line]
    return next((line[2:] for line in lines if not line.startswith(("# seed", "# again"))), "")


def mutant_run(mutant, folder, files, recipe):
    """(whether it is as it should be, what was said). A crash, a failed assertion or a hang is no proof that the
    simulator saw anything."""
    program = mutant_build(mutant, pathlib.Path(folder), recipe)
    began = time.monotonic()
    done = sim_run(program, files, SCENARIOS.get(mutant[0], "install"))
    took = f"{time.monotonic() - began:.0f} s"
    program.unlink()
    said = first_wrong(done.stdout)
    if mutant is NOTHING:
        return done.returncode == 0 and said == "", f"{said or 'nothing noticed'}, {took}"
    killed = done.returncode == 1 and said != "" and "\nnot ok " in done.stdout
    return killed, f"{said}, {took}" if said else f"exit {done.returncode}, {took}\n{done.stdout[-600:]}"


def report(number, mutant, run):
    try:
        ok, how = run.result()
    except (AssertionError, KeyError, subprocess.SubprocessError) as error:
        ok, how = False, f"{type(error).__name__}: {error}"
    print(f"{'ok' if ok else 'not ok'} {number} without: {mutant[0]}")
    for line in how.splitlines():
        print(f"# {line}", flush=True)
    return ok


def main():
    chosen = [mutant for mutant in MUTANTS if not NAMES or mutant[0] in NAMES]
    names = {mutant[0] for mutant in MUTANTS}
    assert len(names) == len(MUTANTS) and set(SCENARIOS) <= names | {NOTHING[0]} and set(NAMES) <= names
    print(f"1..{len(chosen) + 1}", flush=True)
    recipe = compile_commands(), link_command()
    with (tempfile.TemporaryDirectory() as folder, tempfile.TemporaryDirectory(dir=MEMORY) as files,
          concurrent.futures.ThreadPoolExecutor(WORKERS) as pool):
        sim_run(BUILD / "tests/sim/sim", files, "-") # no such scenario: it makes the releases for all
        runs = [pool.submit(mutant_run, mutant, folder, files, recipe) for mutant in [NOTHING, *chosen]]
        good = [report(number, mutant, run) for number, (mutant, run) in enumerate(zip([NOTHING, *chosen], runs), 1)]
    print(f"# mutation score: {sum(good[1:])} of {len(chosen)} killed")
    return not all(good)


sys.exit(main())
