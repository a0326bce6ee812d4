#!/usr/bin/env python3
"""Is smarm slower than it was, and what do its two knobs do? Standard library only.

    benches/sweep.py run [--save-baseline]      medians, and ratios to a rival of the same run
    benches/sweep.py regress                    exit 1 where a ratio is more than 10 % worse than the baseline's
    benches/sweep.py sweep [--save-csv FILE]    ten points over SMARM_ALLOC_INTERVAL and SMARM_TIMESLICE_CYCLES

A sample is a process of its own (`compare sample`), which runs the workload twice and times the second run. Samples are
interleaved, and what is compared is the median of the ratios within each round: a slow machine, or a slow minute, is slow for both.
A noisy one is still noisy: the spread stands beside each median, and `--clock cpu` leaves out what others took of the processor.

Exit codes: 0, 1 for a regression, 2 for a mistake in the arguments or a failure.
"""

import argparse
import csv
import json
import os
import pathlib
import platform
import statistics
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
BASELINE = ROOT / "target" / "bench-baseline.json"
PICTURE = ROOT / "target" / "bench-sweep.svg"

# More than this above the baseline's ratio is a regression.
TOLERANCE = 0.10
# What has to be the same for two runs to be compared.
HOW = ("workers", "scale", "clock")
# What hangs is killed after so many seconds.
PATIENCE = 60

INTERVAL = "SMARM_ALLOC_INTERVAL"
SLICE = "SMARM_TIMESLICE_CYCLES"
# The defaults, then one knob at a time, then both low.
DEFAULTS = (128, 300_000)
GRID = [DEFAULTS,
        (16, 300_000), (32, 300_000), (512, 300_000), (1024, 300_000),
        (128, 75_000), (128, 150_000), (128, 600_000), (128, 1_200_000),
        (32, 75_000)]


class Mistake(Exception):
    """A sentence for whoever called."""


def main(words=None):
    try:
        arguments = parser().parse_args(words)
        return arguments.what(arguments)
    except Mistake as mistake:
        print(f"sweep.py: {mistake}", file=sys.stderr)
        return 2
    except BrokenPipeError:
        return 2


def parser():
    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument("--only", metavar="NAME,..", help="workloads (default: all that have a rival)")
    shared.add_argument("--rounds", type=positive, default=7, help="samples of each (default: 7)")
    shared.add_argument("--workers", type=positive, default=1, help="workers of each runtime (default: 1)")
    shared.add_argument("--scale", type=fraction, default=0.2, help="multiplies every size (default: 0.2)")
    shared.add_argument("--clock", choices=("wall", "cpu"), default="wall",
                        help="what is compared; on a busy machine `cpu` is steadier, but blind to waits (default: wall)")
    shared.add_argument("--program", help="a built `compare` (default: it is built first)")
    whole = argparse.ArgumentParser(prog="sweep.py", description=__doc__.split("\n")[0])
    commands = whole.add_subparsers(required=True, metavar="run|regress|sweep")

    command = commands.add_parser("run", parents=[shared], help="print medians, and ratios to a rival")
    command.add_argument("--save-baseline", nargs="?", const=BASELINE, metavar="FILE", type=pathlib.Path,
                         help=f"keep them (default: {BASELINE.relative_to(ROOT)})")
    command.set_defaults(what=run)

    command = commands.add_parser("regress", parents=[shared], help="fail where it has become slower")
    command.add_argument("--baseline", default=BASELINE, metavar="FILE", type=pathlib.Path,
                         help="what `run --save-baseline` has kept")
    command.set_defaults(what=regress)

    command = commands.add_parser("sweep", parents=[shared], help="try ten settings")
    command.add_argument("--save-csv", metavar="FILE", type=pathlib.Path, help="keep every figure")
    command.add_argument("--picture", default=PICTURE, metavar="FILE", type=pathlib.Path,
                         help=f"where to draw them (default: {PICTURE.relative_to(ROOT)})")
    command.set_defaults(what=sweep)
    return whole


def positive(word):
    if not word.isdecimal() or int(word) == 0:
        raise argparse.ArgumentTypeError(f"{word!r} is not a whole number above 0")
    return int(word)


def fraction(word):
    try:
        value = float(word)
    except ValueError:
        value = 0.0
    if not 0.0 < value <= 100.0:
        raise argparse.ArgumentTypeError(f"{word!r} is not a number above 0, and 100 at most")
    return value


# ---- the program under test -------------------------------------------------------------------------------------------


class Workload:
    """A line of `compare list`: NAME GROUP SIZE OPERATIONS RUNTIME,.."""

    def __init__(self, line):
        self.name, self.group, size, operations, runtimes = line.split()
        self.size, self.operations = int(size), int(operations)
        self.runtimes = runtimes.split(",")

    def rival(self):
        """The first that there is: it is a yardstick, not a prize."""
        for name in ("tokio", "actix", "may", "threads"):
            if name in self.runtimes:
                return name
        return None


class Program:
    def __init__(self, arguments):
        self.path = arguments.program or build()
        self.workers = arguments.workers
        self.column = {"wall": 5, "cpu": 6}[arguments.clock]
        lines = self.answer(["list", "--scale", str(arguments.scale)]).splitlines()
        known = {workload.name: workload for workload in map(Workload, lines)}
        names = arguments.only.split(",") if arguments.only else list(known)
        for name in names:
            if name not in known:
                raise Mistake(f"no workload is called {name!r}; there are {', '.join(known)}")
        self.workloads = [known[name] for name in names]

    def answer(self, words, settings=None):
        try:
            done = subprocess.run([self.path, *words], env={**os.environ, **(settings or {})}, text=True,
                                  capture_output=True, timeout=PATIENCE, check=False)
        except OSError as error:
            raise Mistake(f"cannot run {self.path}: {error.strerror}") from error
        except subprocess.TimeoutExpired as error:
            raise Mistake(f"`compare {' '.join(words)}` took more than {PATIENCE} s") from error
        if done.returncode != 0:
            raise Mistake(f"`compare {' '.join(words)}` failed: {done.stderr.strip()}")
        return done.stdout

    def sample(self, runtime, workload, settings=None):
        """Nanoseconds per operation, the second run's."""
        line = self.answer(["sample", runtime, workload.name, str(self.workers), str(workload.size)], settings)
        words = line.split()
        if len(words) != 7:
            raise Mistake(f"`compare sample` answered {line!r}")
        return int(words[self.column]) / workload.operations


def build():
    command = ["cargo", "build", "--release", "-p", "smarm-benches", "--bin", "compare", "--message-format=json"]
    try:
        done = subprocess.run(command, cwd=ROOT, text=True, stdout=subprocess.PIPE, check=False)
    except OSError as error:
        raise Mistake(f"cannot run cargo: {error.strerror}; or name a built program with --program") from error
    if done.returncode != 0:
        raise Mistake("the benches do not build")
    for line in done.stdout.splitlines():
        message = json.loads(line)
        if message.get("reason") == "compiler-artifact" and message.get("executable"):
            return message["executable"]
    raise Mistake("cargo has named no program")


# ---- run and regress --------------------------------------------------------------------------------------------------


class Figure:
    """What was measured of one workload, by rounds."""

    def __init__(self, ours, theirs):
        self.ours, self.theirs = ours, theirs
        self.ratios = [one / other for one, other in zip(ours, theirs)]

    def kept(self, rival):
        return {"rival": rival, "ratio": statistics.median(self.ratios), "smarm_ns": statistics.median(self.ours),
                "rival_ns": statistics.median(self.theirs)}


def measure(program, workload, rounds):
    pairs = []
    for number in range(rounds):
        both = {}
        runtimes = ["smarm", workload.rival()]
        # Who begins takes turns, so that neither always comes after the other's noise.
        for runtime in runtimes if number % 2 == 0 else reversed(runtimes):
            both[runtime] = program.sample(runtime, workload)
        pairs.append((both["smarm"], both[workload.rival()]))
    return Figure([ours for ours, _ in pairs], [theirs for _, theirs in pairs])


def measured(program, arguments):
    print(f"{arguments.clock} ns per operation, medians of {arguments.rounds} rounds, {arguments.workers} worker(s), {machine()}")
    print(f"{'workload':<22}{'group':<14}{'N':>9}{'smarm':>11}  {'rival':<7}{'':>10}{'ratio':>8}  spread")
    for workload in program.workloads:
        rival = workload.rival()
        if rival is None:
            print(f"{workload.name:<22}{workload.group:<14}{'':>9} has no rival here")
            continue
        figure = measure(program, workload, arguments.rounds)
        kept = figure.kept(rival)
        print(f"{workload.name:<22}{workload.group:<14}{workload.operations:>9}{kept['smarm_ns']:>11.1f}  {rival:<7}"
              f"{kept['rival_ns']:>10.1f}{kept['ratio']:>8.2f}  {min(figure.ratios):.2f} .. {max(figure.ratios):.2f}",
              flush=True)
        yield workload.name, kept


def run(arguments):
    figures = dict(measured(Program(arguments), arguments))
    if arguments.save_baseline:
        how = {key: getattr(arguments, key) for key in HOW}
        write(arguments.save_baseline, json.dumps({**how, "machine": machine(), "workloads": figures}, indent=2) + "\n")
        print(f"kept in {arguments.save_baseline}")
    return 0


def regress(arguments):
    baseline = read_baseline(arguments.baseline)
    for key in HOW:
        if baseline[key] != getattr(arguments, key):
            raise Mistake(f"the baseline was taken with --{key} {baseline[key]}: give the same, or take a new one")
    slower = []
    for name, kept in measured(Program(arguments), arguments):
        before = baseline["workloads"].get(name)
        if before is None:
            print(f"  {name} is not in the baseline")
        elif before["rival"] != kept["rival"]:
            print(f"  {name} had another rival in the baseline: {before['rival']}")
        elif kept["ratio"] > before["ratio"] * (1 + TOLERANCE):
            slower.append(f"{name}: {before['ratio']:.2f} of {kept['rival']} before, {kept['ratio']:.2f} now")
    for line in slower:
        print(f"slower: {line}")
    if not slower:
        print(f"nothing is more than {TOLERANCE:.0%} slower than in {arguments.baseline}")
    return 1 if slower else 0


def read_baseline(path):
    try:
        baseline = json.loads(path.read_text(encoding="utf-8"))
        for figure in baseline["workloads"].values():
            figure["rival"], float(figure["ratio"])
        for key in HOW:
            baseline[key]
        return baseline
    except FileNotFoundError as error:
        raise Mistake(f"there is no baseline at {path}: `sweep.py run --save-baseline` takes one") from error
    except OSError as error:
        raise Mistake(f"cannot read {path}: {error.strerror}") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise Mistake(f"{path} is no baseline: `sweep.py run --save-baseline` takes one") from error


def write(path, text):
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise Mistake(f"cannot write {path}: {error.strerror}") from error


def machine():
    try:
        lines = pathlib.Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        model = next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        model = platform.machine()
    load = " ".join(f"{figure:.1f}" for figure in os.getloadavg())
    return f"{model}, {os.cpu_count()} CPUs, {platform.system()} {platform.release()}, load {load}"


# ---- sweep ------------------------------------------------------------------------------------------------------------


def sweep(arguments):
    program = Program(arguments)
    print(f"{arguments.clock} time with a setting, as a ratio to the defaults in the same round; medians of {arguments.rounds}, {machine()}")
    print(f"{'workload':<22}{'ns':>9}" + "".join(f"{label(point):>12}" for point in GRID[1:]))
    rows = {}
    for workload in program.workloads:
        samples = sweep_one(program, workload, arguments.rounds)
        rows[workload.name] = samples
        ratios = "".join(f"{ratio_to_defaults(samples, point):>12.2f}" for point in GRID[1:])
        print(f"{workload.name:<22}{statistics.median(samples[DEFAULTS]):>9.1f}{ratios}", flush=True)
    print(f"A column is {INTERVAL}/{SLICE}; the defaults are {label(DEFAULTS)}.")
    if arguments.save_csv:
        write_csv(arguments.save_csv, rows)
    write(arguments.picture, picture(rows))
    print(f"the picture: {arguments.picture}")
    return 0


def sweep_one(program, workload, rounds):
    samples = {point: [] for point in GRID}
    for number in range(rounds):
        # Each round begins elsewhere in the grid.
        for point in GRID[number % len(GRID):] + GRID[:number % len(GRID)]:
            settings = {INTERVAL: str(point[0]), SLICE: str(point[1])}
            samples[point].append(program.sample("smarm", workload, settings))
    return samples


def label(point):
    return f"{point[0]}/{point[1] // 1000}k"


def ratio_to_defaults(samples, point):
    return statistics.median(one / other for one, other in zip(samples[point], samples[DEFAULTS]))


def write_csv(path, rows):
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("w", newline="", encoding="utf-8") as file:
            table = csv.writer(file)
            table.writerow(["workload", "alloc_interval", "timeslice_cycles", "round", "ns_per_operation"])
            for name, samples in rows.items():
                for (interval, cycles), figures in samples.items():
                    for number, figure in enumerate(figures):
                        table.writerow([name, interval, cycles, number, f"{figure:.2f}"])
    except OSError as error:
        raise Mistake(f"cannot write {path}: {error.strerror}") from error
    print(f"every figure: {path}")


def picture(rows):
    """A map: a row is a workload, a column a setting, red is slower than the defaults and blue faster."""
    left, top, width, height = 190, 46, 84, 24
    right, bottom = left + width * (len(GRID) - 1), top + height * len(rows)
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{right + 10}" height="{bottom + 10}" '
             'font-family="sans-serif" font-size="12">',
             f'<rect width="{right + 10}" height="{bottom + 10}" fill="white"/>',
             f'<text x="10" y="18">time with {INTERVAL}/{SLICE}, defaults ({label(DEFAULTS)}) = 1</text>']
    for column, point in enumerate(GRID[1:]):
        parts.append(f'<text x="{left + width * column + width / 2}" y="{top - 8}" text-anchor="middle">{label(point)}</text>')
    for row, (name, samples) in enumerate(rows.items()):
        y = top + height * row
        parts.append(f'<text x="{left - 8}" y="{y + 16}" text-anchor="end">{name}</text>')
        for column, point in enumerate(GRID[1:]):
            ratio = ratio_to_defaults(samples, point)
            x = left + width * column
            parts.append(f'<rect x="{x}" y="{y}" width="{width - 2}" height="{height - 2}" fill="{shade(ratio)}"/>')
            parts.append(f'<text x="{x + width / 2}" y="{y + 16}" text-anchor="middle">{ratio:.2f}</text>')
    return "\n".join(parts) + "\n</svg>\n"


def shade(ratio):
    """White at 1, full at a quarter more or less."""
    strength = min(abs(ratio - 1) / 0.25, 1)
    pale = round(255 - 115 * strength)
    return f"rgb(255,{pale},{pale})" if ratio > 1 else f"rgb({pale},{pale},255)"


if __name__ == "__main__":
    sys.exit(main())
