#!/usr/bin/env python3
"""Loads and runs exported models with `dlbench run` and, in turn, with onnxruntime; prints and stores a table.

The other side needs a Python with onnxruntime and numpy (tools/setup --test puts them into build/venv); without it dlbench runs alone.
"""
import argparse
import json
import pathlib
import statistics
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
CONFIGS = ROOT / "configs" / "models"
NAMES = ["resnet18", "mobilenet_v2", "vit_tiny"]

# Runs in the other Python: loads a model and times it, and prints a line of JSON.
THEIRS = """
import json, sys, time
import numpy, onnxruntime
path, batch, repeat, threads = sys.argv[1], *map(int, sys.argv[2:])
options = onnxruntime.SessionOptions()
options.intra_op_num_threads = threads
start = time.perf_counter()
session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
load = time.perf_counter() - start
random = numpy.random.default_rng(0)
feed = {}
for value in session.get_inputs():
    shape = [d if isinstance(d, int) else batch for d in value.shape]
    feed[value.name] = random.random(shape, numpy.float32) if "float" in value.type else random.integers(0, 2, shape)
times = []
for _ in range(repeat):
    start = time.perf_counter()
    session.run(None, feed)
    times.append(1e3 * (time.perf_counter() - start))
print(json.dumps(dict(load_ms=1e3 * load, run_ms=sorted(times)[len(times) // 2])))
"""


def last_json(command):
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"{' '.join(map(str, command))} failed:\n{done.stderr.strip()}")
    return json.loads(done.stdout.strip().splitlines()[-1])


def ours(args, model, batch, repeat):
    row = last_json([*args.prefix.split(), args.program, "run", model, "--random", "0", "--size", f"batch={batch}", "--repeat", str(repeat),
                     "--threads", str(args.threads), "--json"])
    return dict(load_ms=row["load_ms"], run_ms=row["run_ms"]["median"])


def theirs(args, model, batch, repeat):
    return last_json([*args.prefix.split(), args.python, "-c", THEIRS, model, str(batch), str(repeat), str(args.threads)])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", default=NAMES, help=f"configs of configs/models, with keys set as in vit_tiny:vars.dim=768 (default: {' '.join(NAMES)})")
    parser.add_argument("--program", default=str(ROOT / "build/release/bin/dlbench"))
    parser.add_argument("--python", default=str(ROOT / "build/venv/bin/python"))
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--prefix", default="", help="words put before both programs")
    parser.add_argument("--markdown", type=pathlib.Path)
    parser.add_argument("--json", type=pathlib.Path)
    args = parser.parse_args()
    rows = []
    try:
        paired = subprocess.run([args.python, "-c", "import numpy, onnxruntime"], capture_output=True).returncode == 0
    except OSError:
        paired = False
    if not paired:
        print(f"{args.python} has no onnxruntime: dlbench runs alone", file=sys.stderr)
    with tempfile.TemporaryDirectory() as folder:
        for name in args.names or NAMES:
            model = f"{folder}/{name}.onnx"
            config, *keys = name.split(":")
            overrides = [word for key in keys for word in ("--set", key)]
            last_json([args.program, "export", str(CONFIGS / f"{config}.yaml"), *overrides, "--to", "onnx", "--out", model, "--batches", "1",
                       "--set", "data.batch=2", "--rtol", "1e-4", "--json", "--quiet"])
            for batch, repeat in ((1, 30), (32, 5)):
                pairs = []
                for _ in range(args.rounds):
                    own = ours(args, model, batch, repeat)
                    pairs.append((own, theirs(args, model, batch, repeat) if paired else own))
                row = dict(model=name, batch=batch, paired=paired)
                for key in ("run_ms", "load_ms"):
                    row[key] = statistics.median(p[0][key] for p in pairs)
                    row[f"other_{key}"] = statistics.median(p[1][key] for p in pairs)
                    row[f"{key}_ratio"] = statistics.median(p[1][key] / p[0][key] for p in pairs)
                rows.append(row)
                print(json.dumps(row), file=sys.stderr)
    lines = ["| model | batch | dlbench ms | onnxruntime ms | ratio | loading: dlbench ms | onnxruntime ms | ratio |", "|---|---|---|---|---|---|---|---|"]
    for r in rows:
        cells = [r["model"], str(r["batch"])]
        for key, digits in (("run_ms", 2), ("load_ms", 1)):
            cells.append(f"{r[key]:.{digits}f}")
            cells += [f"{r[f'other_{key}']:.{digits}f}", f"{r[f'{key}_ratio']:.2f}"] if paired else ["", ""]
        lines.append("| " + " | ".join(cells) + " |")
    print("\n".join(lines))
    if args.markdown:
        args.markdown.write_text("\n".join(lines) + "\n")
    if args.json:
        args.json.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
