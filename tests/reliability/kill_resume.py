#!/usr/bin/env python3
"""Kills a training run with SIGKILL at random moments, many of them while a checkpoint is written, and resumes it until it is done.

usage: tests/reliability/kill_resume.py --dlbench build/release/bin/dlbench [--kills 50] [--seed 1]

Every run so disturbed must end with the parameter hash and the records of an undisturbed one. The last line is
'reliability: N passed, N failed', one case for each kill.
"""

import argparse
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

# Batch norm, dropout, momentum, an average and accumulation: each of them has state that a resumed run needs.
CONFIG = """
name: kill-resume
seed: 5
data: {source: digits, batch: 16, val: 200, transforms: [to_float: {max: 16}]}
model:
  - conv2d: {out: 8, kernel: 3, bias: false}
  - batch_norm
  - relu
  - flatten
  - dropout: 0.2
  - linear: 128
  - relu
  - linear: $classes
loss: cross_entropy
optimizer: {adam: {lr: 1e-3}}
schedule: {cosine: {warmup: 5}}
metrics: [accuracy]
train:
  epochs: 2
  accumulate: 3
  ema: 0.95
  log_every: 7
  eval_every: 20
  checkpoint: {every: 4, keep: {best: accuracy, last: 2}}
"""
# Two networks with an optimizer each, one of which has its turn in every second update; noise drawn in the model; windows of batches.
PHASES = """
name: kill-phases
seed: 6
data: {source: {points: {task: blobs, classes: 4, samples: 512, test_samples: 128}}, batch: 32}
models:
  generator: [linear: 16, tanh, linear: 2]
  critic: [linear: 16, leaky_relu: 0.2, linear: 1]
model: [eval: "randn([rows(x), 4])", call: generator]
schedule: {cosine: {warmup: 3}}
train:
  epochs: 8
  accumulate: 2
  ema: 0.9
  log_every: 5
  eval_every: 16
  checkpoint: {every: 5, keep: {last: 2}}
  phases:
    - name: critic
      update: critic
      times: 2
      optimizer: {adam: {lr: 1e-3}}
      run:
        - eval: "randn([rows(x), 4])"
        - call: generator
        - {call: critic, as: on_fake}
        - {call: critic, in: x, as: on_real}
      loss: [bce_with_logits: {in: on_real, target: 1, as: real}, bce_with_logits: {in: on_fake, target: 0, as: fake}]
    - name: generator
      update: generator
      every: 2
      optimizer: {rmsprop: {lr: 1e-3}}
      run: [eval: "randn([rows(x), 4])", call: generator, call: critic]
      loss: {bce_with_logits: {target: 1}}
"""
# What comes next depends on the policy, that is, on every weight.
PLAY = """
name: kill-play
seed: 7
data: {source: {cartpole: {max_steps: 100, episodes: 64, test_episodes: 8}}, batch: 4}
model:
  steps:
    - linear: {in: observation, out: 16}
    - tanh: {as: h}
    - linear: {in: h, out: $actions, as: scores}
    - linear: {in: h, out: 1, as: value}
  outputs: [scores, value]
loss: {policy_gradient: {entropy: 0.01}}
optimizer: {adam: {lr: 1e-2}}
train:
  epochs: 4
  log_every: 3
  eval_every: 8
  checkpoint: {every: 3, keep: {best: reward, last: 2}}
"""
CONFIGS = {"supervised": (CONFIG, 1.0), "phases": (PHASES, 0.4), "play": (PLAY, 0.4)}  # and their share of --kills
TIMEOUT = 120


class Run:
    """One run folder and the command that goes on with it."""

    def __init__(self, dlbench, config, out):
        self.out = out
        self.command = [dlbench, "train", str(config), "--out", str(out), "--resume", "--threads", "1", "--json"]

    def start(self):
        return subprocess.Popen(self.command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def finish(self):
        """Runs to the end; returns the result, or raises RuntimeError with what was printed."""
        process = self.start()
        try:
            out, err = process.communicate(timeout=TIMEOUT)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            raise RuntimeError(f"not done after {TIMEOUT} s")
        if process.returncode != 0:
            raise RuntimeError(f"exit code {process.returncode}: {err.strip()}")
        return json.loads(out)

    def writing_checkpoint(self):
        try:
            return any(".tmp-" in name for name in os.listdir(self.out / "checkpoints"))
        except FileNotFoundError:
            return False

    def kill(self, rng, duration, while_writing):
        """Starts the run and kills it; returns where it was, or None when it was done before that."""
        process = self.start()
        begin = time.monotonic()
        moment = begin + rng.uniform(0, duration)
        while process.poll() is None and time.monotonic() < moment:
            time.sleep(0.0005)
        where = "at a random moment"
        if while_writing:
            while process.poll() is None and not self.writing_checkpoint():
                pass
            # Spread over the whole time that the writing takes.
            time.sleep(rng.uniform(0, 0.004))
            where = "while a checkpoint was written" if self.writing_checkpoint() else "around a checkpoint"
        if process.poll() is None:
            process.kill()
        else:
            where = None
        _, err = process.communicate()
        if where is None and process.returncode != 0:
            raise RuntimeError(f"exit code {process.returncode} after resuming: {err.strip()}")
        return where and f"{where}, {time.monotonic() - begin:.3f} s after its start"

    def records(self):
        """metrics.jsonl without what depends on the clock."""
        lines = (self.out / "metrics.jsonl").read_text().splitlines()
        return [{k: v for k, v in json.loads(line).items() if k != "samples_per_s"} for line in lines]


def disturb(dlbench, name, text, kills_wanted, rng, folder):
    """Kills and resumes runs of a config; returns how many kills left the result as it was, and how many did not."""
    passed = failed = 0
    config = folder / f"{name}.yaml"
    config.write_text(text)
    whole = Run(dlbench, config, folder / f"{name}-whole")
    begin = time.monotonic()
    expected = whole.finish()
    duration = time.monotonic() - begin
    print(f"{name}, undisturbed: {expected['steps']} steps in {duration:.2f} s, parameters {expected['params_hash'][:16]}")

    kills = number = 0
    while kills < kills_wanted:
        number += 1
        run = Run(dlbench, config, folder / f"{name}-{number}")
        wanted = min(rng.randint(1, 10), kills_wanted - kills)
        places = []
        try:
            while len(places) < wanted:
                place = run.kill(rng, duration, while_writing=rng.random() < 0.6)
                if place is None:
                    break
                places.append(place)
            result = run.finish()
            problems = [key for key in ("params_hash", "steps", "metrics", "status") if result[key] != expected[key]]
            if run.records() != whole.records():
                problems.append("metrics.jsonl")
            if [n for n in os.listdir(run.out / "checkpoints") if ".tmp-" in n]:
                problems.append("left-over temporary folders")
            message = f"differs from the undisturbed run in {', '.join(problems)}" if problems else ""
        except RuntimeError as error:
            message = str(error)
        kills += len(places)
        if message:
            failed += max(len(places), 1)
            print(f"FAILED {name} {number}: {message}")
            for place in places:
                print(f"  killed {place}")
        else:
            passed += len(places)
            print(f"{name} {number}: killed {len(places)} times, {sum('written' in p for p in places)} of them while a checkpoint "
                  "was written; same result")
        shutil.rmtree(run.out, ignore_errors=True)
        if message and not places:
            break
    return passed, failed


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dlbench", required=True)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("configs", nargs="*", default=list(CONFIGS), help=f"some of {', '.join(CONFIGS)}")
    arguments = parser.parse_args()
    rng = random.Random(arguments.seed)
    folder = Path(tempfile.mkdtemp(prefix="dlb-kill-resume-"))
    passed = failed = 0
    try:
        for name in arguments.configs:
            text, share = CONFIGS[name]
            kills = max(1, round(arguments.kills * share))
            try:
                good, bad = disturb(os.path.abspath(arguments.dlbench), name, text, kills, rng, folder)
            except RuntimeError as error:
                good, bad = 0, 1
                print(f"FAILED {name}: {error}")
            passed += good
            failed += bad
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print(f"reliability: {passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
