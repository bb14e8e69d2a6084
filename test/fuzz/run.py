"""run.py --programs DIR --work DIR --golden DIR [--seconds N] [--runs N] [TARGET ...]: runs fuzz targets.

New inputs that reach new code are kept in WORK/<target>, so a later run goes
on where this one stopped. Prints a line per target; exits 1 if one found something.
"""

import argparse
import concurrent.futures
import glob
import os
import re
import subprocess
import sys
import time

parser = argparse.ArgumentParser(prog="fuzz", description="Runs the fuzz targets.")
parser.add_argument("--seconds", type=int, default=0, help="time of each target")
parser.add_argument("--runs", type=int, default=0, help="executions of each target, at most")
parser.add_argument("--max-len", type=int, default=0, help="bytes of an input, at most")
parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="targets at the same time")
parser.add_argument("--programs", required=True, help="folder of the programs fuzz-<target>")
parser.add_argument("--work", required=True, help="folder of inputs and findings")
parser.add_argument("--golden", required=True, help="folder test/golden of the sources")
parser.add_argument("targets", nargs="*")
arguments = parser.parse_args()
if not arguments.seconds and not arguments.runs:
    arguments.seconds = 20

programs = {os.path.basename(p)[5:]: p for p in glob.glob(os.path.join(arguments.programs, "fuzz-*"))}
for target in arguments.targets:
    if target not in programs:
        sys.exit(f"fuzz: found no target '{target}'; expected one of {', '.join(sorted(programs))}")
if not programs:
    sys.exit("fuzz: found no targets; expected them to be built with clang and its libFuzzer")

work = os.path.abspath(arguments.work)
here = os.path.dirname(os.path.abspath(__file__))
seeds = os.path.join(work, "seeds")
subprocess.run([sys.executable, "-B", os.path.join(here, "make_seeds.py"), arguments.golden, seeds], check=True)


def fuzz(target):
    folder = os.path.join(work, target)
    os.makedirs(folder, exist_ok=True)
    for old in glob.glob(os.path.join(work, f"finding-{target}-*")):
        os.remove(old)
    command = [programs[target], f"-artifact_prefix={work}/finding-{target}-", "-timeout=10", "-rss_limit_mb=2048",
               "-print_final_stats=1"]
    command.append(f"-max_len={arguments.max_len or (16384 if target == 'tokenizer' else 4096)}")
    if arguments.seconds:
        command.append(f"-max_total_time={arguments.seconds}")
    if arguments.runs:
        command += [f"-runs={arguments.runs}", "-seed=1"]
    begin = time.time()
    result = subprocess.run(command + [folder, os.path.join(seeds, target)], stdout=subprocess.DEVNULL,
                            stderr=subprocess.PIPE, text=True, errors="replace")
    executions = re.search(r"stat::number_of_executed_units: *(\d+)", result.stderr)
    coverage = re.findall(r"\bcov: (\d+)", result.stderr)
    return target, result, int(executions.group(1)) if executions else 0, int(coverage[-1]) if coverage else 0, time.time() - begin


found = 0
with concurrent.futures.ThreadPoolExecutor(arguments.jobs) as pool:
    for target, result, executions, coverage, seconds in pool.map(fuzz, sorted(arguments.targets or programs)):
        good = result.returncode == 0 and executions > 0
        found += not good
        print(f"{'ok' if good else 'FOUND':5} {target:14} {executions:10} executions  {executions / seconds:9.0f}/s  {coverage:6} edges",
              flush=True)
        if not good:
            lines = [line for line in result.stderr.splitlines() if not re.match(r"#\d+\t|INFO: ", line)]
            print("\n".join(lines[:60]), flush=True)
sys.exit(found != 0)
