"""Short runs that the tests look at, trained once: a CNN, a language model, a regression, and damaged ones."""

import functools
import json
import math
import os
import random
import shutil
import subprocess
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DLBENCH = os.environ.get("DLBENCH", str(ROOT / "build/release/bin/dlbench"))

CNN = """
name: cnn
description: eight epochs on digits
data: {source: digits, batch: 64, transforms: [to_float: {max: 16}], val: {from: train, last: 200}}
model: [conv2d: {out: 8, kernel: 3}, relu, flatten, linear: $classes]
loss: cross_entropy
optimizer: {adam: {lr: 3e-3}}
metrics: [accuracy]
train: {epochs: 8, log_every: 5, clip_norm: 1.0, checkpoint: {keep: {best: accuracy}}}
expect: {test.accuracy: {min: 0.5}}
"""
LANGUAGE = """
name: language
data: {source: {text: {train: [text.txt], val_fraction: 0.2, context: 24}}, batch: 16}
model: [embedding: {count: $vocab, dim: 16}, gru: 32, linear: $vocab, permute: [0, 2, 1]]
loss: cross_entropy
optimizer: {adam: {lr: 1e-2}}
metrics: [accuracy]
train: {epochs: 3, log_every: 5}
"""
REGRESSION = """
name: regression
data: {source: {csv: {train: table.csv, target: y, task: regression, test_fraction: 0.25}}, batch: 32}
model: [linear: 16, tanh, linear: 1]
loss: mse
optimizer: {adam: {lr: 1e-2}}
metrics: [mae, r2]
train: {epochs: 6, eval_every: 10}
"""


@functools.cache
def folder():
    return Path(tempfile.mkdtemp(prefix="dlb-report-"))


def clean():
    if folder.cache_info().currsize:
        shutil.rmtree(folder(), ignore_errors=True)


def dlbench(*arguments, status=0):
    done = subprocess.run([DLBENCH, *map(str, arguments)], cwd=folder(), stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=300, errors="replace")
    if done.returncode != status:
        raise AssertionError(f"dlbench {' '.join(map(str, arguments))}: status {done.returncode}\n{done.stderr}")
    return done.stdout


def train(name, config, *more):
    path = folder() / f"{name}.yaml"
    path.write_text(config)
    dlbench("train", path.name, "--out", name, "--threads", 1, *more)
    return folder() / name


@functools.cache
def cnn():
    return train("cnn", CNN)


@functools.cache
def other_cnn():
    return train("cnn-fast", CNN, "--set", "optimizer.adam.lr=1e-2", "--set", "train.epochs=4")


@functools.cache
def language():
    words = "the quick brown fox jumps over the lazy dog and runs\nback into the dark wood ".split(" ")
    draw = random.Random(1)
    (folder() / "text.txt").write_text(" ".join(draw.choice(words) for _ in range(3000)))
    return train("language", LANGUAGE)


@functools.cache
def regression():
    draw = random.Random(2)
    rows = ["a,b,y"]
    for _ in range(1000):
        a, b = draw.uniform(-2, 2), draw.uniform(-2, 2)
        rows.append(f"{a:.4f},{b:.4f},{math.sin(a) + 0.3 * b + draw.gauss(0, 0.1):.4f}")
    (folder() / "table.csv").write_text("\n".join(rows) + "\n")
    return train("regression", REGRESSION)


def made_up(name, records, config="name: x\n", run=None):
    """A run folder from nothing, with a report."""
    path = folder() / name
    path.mkdir()
    lines = [r if isinstance(r, str) else json.dumps(r) + "\n" for r in records]
    (path / "metrics.jsonl").write_text("".join(lines))
    (path / "config.yaml").write_text(config)
    if run is not None:
        (path / "run.json").write_text(run if isinstance(run, str) else json.dumps(run))
    dlbench("report", name, "--quiet")
    return path


def records(run):
    return [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]


def curves(run):
    """(metric, split) -> values, None where one is not finite."""
    found = {}
    for record in records(run):
        for name, value in record.items():
            if name not in ("step", "epoch", "split"):
                found.setdefault((name, record["split"]), []).append(value)
    return found
