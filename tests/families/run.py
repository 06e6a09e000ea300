#!/usr/bin/env python3
"""Trains each config of configs/families and sees that it reaches what it expects.

usage: tests/families/run.py [--dlbench build/release/bin/dlbench] [-v] [--keep] [NAME...]

Each config is checked and trained with two threads in a folder of its own; it passes when both commands succeed, that is, when its
`expect` is met. One whose data set is not on this machine is skipped, with the reason. DLBENCH_DATA is ../shared/datasets beside the
repository (or $SHARED/datasets) unless it is set. The last line is 'families: N passed, N failed, N skipped'.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CONFIGS = ROOT / "configs" / "families"
TIMEOUT = 900


def environment():
    env = dict(os.environ)
    shared = Path(env.get("SHARED") or ROOT.parent / "shared")
    if not env.get("DLBENCH_DATA") and (shared / "datasets").is_dir():
        env["DLBENCH_DATA"] = str((shared / "datasets").resolve())
    env.setdefault("GOMP_SPINCOUNT", "10000")
    return env


class Runner:
    def __init__(self, dlbench, folder, verbose):
        self.dlbench = os.path.abspath(dlbench)
        self.folder = folder
        self.verbose = verbose
        self.env = environment()
        done = self.call("doctor", "--json")
        if done.returncode != 0:
            raise SystemExit(f"dlbench doctor: {done.stderr.strip()}")
        self.data = json.loads(done.stdout)["data"]

    def call(self, *arguments):
        command = [self.dlbench, *map(str, arguments)]
        try:
            return subprocess.run(command, cwd=self.folder, env=self.env, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                                  timeout=TIMEOUT, errors="replace")
        except subprocess.TimeoutExpired:
            return subprocess.CompletedProcess(command, 124, "", f"not done after {TIMEOUT} s")

    def missing(self, config):
        """Why the config's data set cannot be read here, or None."""
        done = self.call("check", "--json", "--explain", "data.source", config)
        if done.returncode != 0:
            return None
        source = json.loads(done.stdout)["origins"][-1]["value"]
        status = self.data.get(source, "found")
        return None if status == "found" else f"data set {source}: {status}"

    def failure(self, config):
        """What went wrong with it, or None."""
        done = self.call("check", config)
        if done.returncode != 0:
            return f"check: exit code {done.returncode}\n{done.stderr}"
        if self.verbose:
            print(done.stdout)
        done = self.call("train", config, "--threads", 2, "--quiet", "--json", "--out", self.folder / config.stem)
        if done.returncode == 0:
            expected = json.loads(done.stdout).get("expect", [])
            if not expected:
                return "it expects nothing"
            print("  " + ", ".join(f"{e['name']} {e['value']:.4g}" for e in expected))
            return None
        text = f"train: exit code {done.returncode}\n{done.stderr}"
        if done.returncode == 3:
            text += "".join(f"{e['name']}: {e['value']}, expected {bounds(e)}{'' if e['met'] else '  missed'}\n"
                            for e in json.loads(done.stdout)["expect"])
        return text


def bounds(expectation):
    return " and ".join(f"{side} {expectation[side]:g}" for side in ("min", "max") if side in expectation)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dlbench", default=str(ROOT / "build/release/bin/dlbench"))
    parser.add_argument("-v", "--verbose", action="store_true", help="print the layer tables")
    parser.add_argument("--keep", action="store_true", help="leave the run folders")
    parser.add_argument("names", nargs="*", metavar="NAME", help="some of the configs, by file name without .yaml")
    arguments = parser.parse_args()
    configs = sorted(CONFIGS.glob("*.yaml"))
    unknown = set(arguments.names) - {c.stem for c in configs}
    if unknown:
        raise SystemExit(f"there is no config {', '.join(sorted(unknown))} in {CONFIGS}")
    folder = Path(tempfile.mkdtemp(prefix="dlb-families-"))
    passed = failed = skipped = 0
    try:
        runner = Runner(arguments.dlbench, folder, arguments.verbose)
        for config in configs:
            if arguments.names and config.stem not in arguments.names:
                continue
            print(f"{config.stem}", flush=True)
            reason = runner.missing(config)
            if reason:
                skipped += 1
                print(f"  skipped: {reason}", flush=True)
                continue
            start = time.monotonic()
            wrong = runner.failure(config)
            seconds = time.monotonic() - start
            passed += wrong is None
            failed += wrong is not None
            text = "passed" if wrong is None else "FAILED: " + wrong.strip().replace("\n", "\n    ")
            print(f"  {text} ({seconds:.1f} s)", flush=True)
    finally:
        if arguments.keep:
            print(f"runs in {folder}")
        else:
            shutil.rmtree(folder, ignore_errors=True)
    print(f"families: {passed} passed, {failed} failed, {skipped} skipped")
    return 1 if failed or passed + skipped == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
