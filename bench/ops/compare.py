#!/usr/bin/env python3
"""Runs the operator benchmark beside PyTorch, case by case in turn, and prints the tables (see tools/bench)."""
import argparse
import json
import math
import os
import pathlib
import re
import statistics
import subprocess
import sys

SMALL = ("dispatch/", "step/")


class Ours:
    """The benchmark program, started anew for each figure."""

    def __init__(self, args):
        self.command = [*args.prefix.split(), args.program]
        self.environment = dict(os.environ, DLB_BENCH_THREADS=str(args.threads))
        self.seconds = args.seconds

    def run(self, *more):
        done = subprocess.run([*self.command, *more], env=self.environment, capture_output=True, text=True)
        if done.returncode != 0:
            sys.exit(f"{' '.join(self.command)} failed:\n{done.stderr}")
        return done.stdout

    def names(self):
        return [name.removesuffix("/real_time") for name in self.run("--benchmark_list_tests").split()]

    def measure(self, name):
        """µs, and bytes per second where the case counts them."""
        out = self.run(f"--benchmark_filter=^{re.escape(name)}(/real_time)?$", "--benchmark_format=json",
                       f"--benchmark_min_time={self.seconds}")
        found = json.loads(out)["benchmarks"][0]
        scale = {"ns": 1e-3, "us": 1, "ms": 1e3}[found["time_unit"]]
        return found["real_time"] * scale, found.get("bytes_per_second")


class Torch:
    """PyTorch in a process of its own that answers one case after the other."""

    def __init__(self, args):
        server = pathlib.Path(__file__).with_name("torch_ops.py")
        self.process = subprocess.Popen(
            [*args.prefix.split(), args.python, str(server), str(args.threads), str(args.seconds)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        greeting = self.process.stdout.readline().split()
        if greeting[:1] != ["ready"]:
            sys.exit(f"{args.python} could not run {server}; its messages are above")
        self.version = greeting[1]

    def measure(self, name):
        self.process.stdin.write(name + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        if not answer:
            sys.exit(f"PyTorch ended in case {name}; its messages are above")
        return float(answer)


def has_torch(python):
    try:
        return subprocess.run([python, "-c", "import torch"], capture_output=True).returncode == 0
    except OSError:
        return False


class Report:
    """Lines for the terminal at once and for the file in the end."""

    def __init__(self):
        self.lines = []

    def __call__(self, line=""):
        self.lines.append(line)
        print(line, flush=True)

    def row(self, *cells):
        self(f"| {' | '.join(str(c) for c in cells)} |")

    def header(self, *cells):
        self()
        self.row(*cells)
        self.row(*("---" for _ in cells))


def pairs(ours, torch, name, rounds):
    """Medians of both sides in µs, and of the ratios pair by pair; the sides take turns in going first."""
    mine, theirs = [], []
    for i in range(rounds):
        for side in ((0, 1) if i % 2 == 0 else (1, 0)):
            if side == 0:
                mine.append(ours.measure(name)[0])
            elif torch:
                theirs.append(torch.measure(name))
    if not torch:
        return statistics.median(mine), math.nan, math.nan
    return statistics.median(mine), statistics.median(theirs), statistics.median(b / a for a, b in zip(mine, theirs))


def number(x, digits=2):
    return "–" if math.isnan(x) else f"{x:.{digits}f}"


def share(count, total):
    return f"{count} of {total} ({100 * count / total:.0f} %)"


def operators(report, names, ours, torch, args):
    rows = []
    report.header("operator", "size", "direction", "dlbench µs", "PyTorch µs", "ratio")
    for name in names:
        operator, sizes, direction = name.split("/")
        mine, theirs, ratio = pairs(ours, torch, name, args.rounds)
        rows.append(dict(operator=operator, sizes=sizes, direction=direction, dlbench_us=mine, torch_us=theirs, ratio=ratio))
        report.row(operator, sizes, direction, number(mine), number(theirs), number(ratio))
    if not torch:
        return rows
    by_operator = {}
    for row in rows:
        by_operator.setdefault(row["operator"], []).append(math.log(row["ratio"]))
    means = {operator: math.exp(statistics.mean(logs)) for operator, logs in by_operator.items()}
    ratios = [row["ratio"] for row in rows]
    report()
    report(f"Ratio: PyTorch's time by ours. PyTorch {torch.version} eager, {args.threads} threads, {args.rounds} pairs.")
    report()
    report(f" - cases at least as fast: {share(sum(r >= 1 for r in ratios), len(ratios))}")
    report(f" - operators at least as fast (geometric mean of their cases): "
           f"{share(sum(r >= 1 for r in means.values()), len(means))}")
    report(f" - geometric mean of all cases: {math.exp(statistics.mean(map(math.log, ratios))):.2f}")
    slower = [f"{r['operator']} {r['sizes']} {r['direction']} {r['ratio']:.2f}" for r in rows if r["ratio"] < 1]
    report(f" - slower: {', '.join(slower) if slower else 'none'}")
    return rows


def small(report, names, ours, torch, args):
    rows = []
    report.header("overhead", "dlbench µs", "PyTorch µs", "ratio")
    for name in names:
        mine, theirs, ratio = pairs(ours, torch, name, args.rounds)
        rows.append(dict(name=name, dlbench_us=mine, torch_us=theirs, ratio=ratio))
        report.row(name, number(mine, 3), number(theirs, 3), number(ratio))
    return rows


def bandwidth(report, names, ours, args):
    """Shares are taken round by round: what else goes on in a machine's memory then meets both sides of the quotient."""
    rounds = [{name: ours.measure(name)[1] for name in names} for _ in range(args.rounds)]
    stores = ("bandwidth/machine/copy", "bandwidth/machine/triad")
    found = []
    report.header("64 MiB a tensor", "GB/s", "of the machine's with plain stores", "of its best")
    for name in names:
        value, plain, best = (statistics.median(column) for column in zip(*(
            (r[name], r[name] / max(r[s] for s in stores), r[name] / max(v for n, v in r.items() if "/machine/" in n))
            for r in rounds)))
        found.append(dict(name=name, bytes_per_second=value, of_plain=plain, of_best=best))
        report.row(name.removeprefix("bandwidth/"), f"{value / 1e9:.1f}", f"{100 * plain:.0f} %", f"{100 * best:.0f} %")
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--program", required=True)
    parser.add_argument("--python", required=True)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=0.1)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--filter", default="")
    parser.add_argument("--prefix", default="")
    parser.add_argument("--markdown")
    parser.add_argument("--json")
    args = parser.parse_args()

    ours = Ours(args)
    wanted = [name for name in ours.names() if re.search(args.filter, name)]
    if not wanted:
        sys.exit(f"no case matches '{args.filter}'; there are {', '.join(sorted({n.split('/')[0] for n in ours.names()}))}")
    torch = Torch(args) if has_torch(args.python) else None
    report = Report()
    if torch is None:
        report(f"{args.python} has no PyTorch (--python names an interpreter that has): dlbench alone.")
    figures = {}
    moved = [n for n in wanted if n.startswith("bandwidth/")]
    overhead = [n for n in wanted if n.startswith(SMALL)]
    cases = [n for n in wanted if n not in moved and n not in overhead]
    if cases:
        figures["cases"] = operators(report, cases, ours, torch, args)
    if overhead:
        figures["overhead"] = small(report, overhead, ours, torch, args)
    if moved:
        # Shares need the machine's own figures.
        machine = [n for n in ours.names() if n.startswith("bandwidth/machine/") and n not in moved]
        figures["bandwidth"] = bandwidth(report, machine + moved, ours, args)
    if args.markdown:
        pathlib.Path(args.markdown).write_text("\n".join(report.lines).strip() + "\n")
    if args.json:
        pathlib.Path(args.json).write_text(json.dumps(figures, indent=1) + "\n")


if __name__ == "__main__":
    main()
