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


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dlbench", required=True)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    rng = random.Random(arguments.seed)
    folder = Path(tempfile.mkdtemp(prefix="dlb-kill-resume-"))
    passed = failed = 0
    try:
        config = folder / "config.yaml"
        config.write_text(CONFIG)
        whole = Run(os.path.abspath(arguments.dlbench), config, folder / "whole")
        begin = time.monotonic()
        expected = whole.finish()
        duration = time.monotonic() - begin
        print(f"undisturbed: {expected['steps']} steps in {duration:.2f} s, parameters {expected['params_hash'][:16]}")

        kills = number = 0
        while kills < arguments.kills:
            number += 1
            run = Run(whole.command[0], config, folder / f"run-{number}")
            wanted = min(rng.randint(1, 10), arguments.kills - kills)
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
                print(f"FAILED run {number}: {message}")
                for place in places:
                    print(f"  killed {place}")
            else:
                passed += len(places)
                print(f"run {number}: killed {len(places)} times, {sum('written' in p for p in places)} of them while a checkpoint "
                      "was written; same result")
            shutil.rmtree(run.out, ignore_errors=True)
            if message and not places:
                break
    except RuntimeError as error:
        failed += 1
        print(f"FAILED: {error}")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print(f"reliability: {passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
