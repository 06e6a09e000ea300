#!/usr/bin/env python3
"""Trains the configs of configs/bench with dlbench and, in turn, the same workloads with PyTorch; prints and stores a table."""
import argparse
import json
import math
import pathlib
import shlex
import statistics
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
CONFIGS = ROOT / "configs" / "bench"
NAMES = ["tiny", "mlp", "cnn", "resnet20", "vit", "gpt", "gpt-mid", "lstm", "gcn", "dlrm"]
# Steps of a round: enough for a median, few enough that a round stays short.
STEPS = dict(tiny=2000, mlp=300, cnn=60, resnet20=12, vit=8, gpt=60, **{"gpt-mid": 6}, lstm=15, gcn=150, dlrm=30)


def run(command):
    """The last line of what a program prints, as JSON."""
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
    if done.returncode != 0 or not lines:
        sys.exit(f"{shlex.join(command)} failed:\n{done.stderr.strip()}")
    return json.loads(lines[-1])


def ours(args, name, *more):
    return run([*args.prefix, args.program, str(CONFIGS / f"{name}.yaml"), "--steps", str(args.steps or STEPS[name]),
                "--threads", str(args.threads), *more])


def theirs(args, name):
    return run([*args.prefix, args.python, args.reference, name, "--steps", str(args.steps or STEPS[name]),
                "--threads", str(args.threads)])


def has_torch(python):
    try:
        return subprocess.run([python, "-c", "import torch"], capture_output=True).returncode == 0
    except OSError:
        return False


def share(row, peak):
    """Of the matmul peak, in the operators that are matrix products or convolutions at heart; and the largest others."""
    operators = row["operators"]
    products = [o for o in operators.values() if o["product"]]
    total = sum(o["ms"] for o in operators.values())
    ms = sum(o["ms"] for o in products)
    gflops = sum(o["gflop"] for o in products) / (ms * 1e-3) if ms > 0 else 0
    return dict(products_ms=ms, operators_ms=total, gflops=gflops, of_peak=gflops / peak if ms > 0 else None)


def measure(args, name, torch, peak):
    mine, other = [], []
    for _ in range(args.rounds):
        if torch:
            other.append(theirs(args, name))
        mine.append(ours(args, name))
    row = dict(workload=name, dlbench_ms=statistics.median(m["median_ms"] for m in mine),
               dlbench_rss_mb=max(m["peak_rss_mb"] for m in mine), params=mine[0]["params"])
    if torch:
        row.update(torch_ms=statistics.median(t["median_ms"] for t in other),
                   torch_rss_mb=statistics.median(t["peak_rss_mb"] for t in other), torch_params=other[0]["params"],
                   ratio=statistics.median(t["median_ms"] / m["median_ms"] for t, m in zip(other, mine)))
        row["rss_ratio"] = row["dlbench_rss_mb"] / row["torch_rss_mb"]
        if row["params"] != row["torch_params"]:
            print(f"{name}: {row['params']} parameters here, {row['torch_params']} in PyTorch", file=sys.stderr)
    timed = ours(args, name, "--shares")
    row.update(share(timed, peak), operators=timed["operators"])
    return row


def cell(value, digits=2):
    return "–" if value is None else f"{value:.{digits}f}" if isinstance(value, float) else str(value)


def table(rows, torch, peak):
    head = ["workload", "dlbench ms", "PyTorch ms", "ratio", "dlbench MB", "PyTorch MB", "of its memory",
            "products: ms", "GFLOP/s", f"of peak ({peak:.0f})"]
    lines = ["| " + " | ".join(head) + " |", "|" + " --- |" * len(head)]
    for r in rows:
        percent = "–" if r["of_peak"] is None else f"{100 * r['of_peak']:.0f} %"
        lines.append("| " + " | ".join([
            r["workload"], cell(r["dlbench_ms"], 3 if r["dlbench_ms"] < 1 else 1),
            cell(r.get("torch_ms"), 3 if r.get("torch_ms", 9.0) < 1 else 1), cell(r.get("ratio")), cell(r["dlbench_rss_mb"]),
            cell(r.get("torch_rss_mb"), 0), cell(r.get("rss_ratio")), cell(r["products_ms"], 3 if r["products_ms"] < 1 else 1),
            cell(r["gflops"], 0), percent]) + " |")
    if torch:
        ratios = [r["ratio"] for r in rows]
        lines += ["", f"Ratio: PyTorch's time by ours. Geometric mean {math.exp(statistics.mean(map(math.log, ratios))):.2f}, "
                  f"least {min(ratios):.2f}; memory at most {max(r['rss_ratio'] for r in rows):.2f} of PyTorch's."]
    return lines


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help=f"of {', '.join(NAMES)}; all when none is given")
    parser.add_argument("--program", required=True)
    parser.add_argument("--python", required=True)
    parser.add_argument("--reference", help="the PyTorch program: NAME --steps N --threads N, prints a line of JSON")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int)
    parser.add_argument("--prefix", type=shlex.split, default=[])
    parser.add_argument("--markdown")
    parser.add_argument("--json")
    args = parser.parse_intermixed_args()
    unknown = [n for n in args.names if n not in NAMES]
    if unknown:
        sys.exit(f"no workload '{unknown[0]}'; there are {', '.join(NAMES)}")
    torch = bool(args.reference) and has_torch(args.python)
    if not torch:
        print("No PyTorch program (--reference) or no PyTorch in --python's interpreter: dlbench alone.")
    peak = run([*args.prefix, args.program, "--peak", "--threads", str(args.threads)])["peak_gflops"]
    rows = []
    for name in args.names or NAMES:
        rows.append(measure(args, name, torch, peak))
        print(table(rows[-1:], False, peak)[2], flush=True)
    lines = table(rows, torch, peak)
    print("\n" + "\n".join(lines))
    if args.markdown:
        pathlib.Path(args.markdown).write_text("\n".join(lines) + "\n")
    if args.json:
        figures = dict(threads=args.threads, rounds=args.rounds, peak_gflops=peak, workloads=rows)
        pathlib.Path(args.json).write_text(json.dumps(figures, indent=1) + "\n")


if __name__ == "__main__":
    main()
