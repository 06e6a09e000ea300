#!/usr/bin/env python3
"""Runs recipes as `dlbench regress` does in CI, and sees that its reports agree.

usage: tests/recipes/run.py [--dlbench build/release/bin/dlbench] [--all] [--junit FILE] [NAME...]

Without --all or names only the quick recipes run; the others are listed as left out. Step times are reported and not judged, because
machines of CI are shared. DLBENCH_DATA is ../shared/datasets beside the repository (or $SHARED/datasets) unless it is set; a recipe
whose data set is absent is skipped. The last line is 'recipes: N passed, N failed', and ', N skipped' when any were.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ET
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
RECIPES = ROOT / "recipes"
# Seconds each on two idle processors, and of different families: vision, generative, tabular, recommender, graph, reinforcement.
QUICK = ["adult-mlp", "cart-pole", "clicks-dlrm", "cora-gcn", "digits-cnn", "digits-vae"]
FILES = ["config.yaml", "expected.json", "README.md"]


def environment():
    env = dict(os.environ)
    shared = Path(env.get("SHARED") or ROOT.parent / "shared")
    if not env.get("DLBENCH_DATA") and (shared / "datasets").is_dir():
        env["DLBENCH_DATA"] = str((shared / "datasets").resolve())
    env.setdefault("GOMP_SPINCOUNT", "10000")
    return env


def disagreements(report, junit):
    """What the JUnit file says differently from the JSON report."""
    suites = {suite.get("name"): suite for suite in ET.parse(junit).getroot()}
    if sorted(suites) != sorted(recipe["name"] for recipe in report["recipes"]):
        yield f"suites are {sorted(suites)}"
        return
    for recipe in report["recipes"]:
        suite = suites[recipe["name"]]
        cases = suite.findall("testcase")
        names = [case.get("name") for case in cases]
        if names != ["run"] + [check["check"] for check in recipe["checks"]]:
            yield f"{recipe['name']}: test cases are {names}"
        missed = sum(check["verdict"] == "missed" for check in recipe["checks"])
        counts = {"tests": len(cases), "failures": missed, "errors": int(recipe["status"] == "failed")}
        for name, count in counts.items():
            if suite.get(name) != str(count):
                yield f"{recipe['name']}: {name} is {suite.get(name)}, not {count}"
        if len(suite.findall("testcase/failure")) != missed:
            yield f"{recipe['name']}: {missed} misses, but other failures"


def show(recipe):
    print(f"{recipe['name']}: {recipe['status']} ({recipe['seconds']:.1f} s)" + (f": {recipe['reason']}" if "reason" in recipe else ""))
    for check in recipe["checks"]:
        note = f": {check['note']}" if "note" in check else ""
        print(f"  {check['check']}: expected {check['expected']} ({check['tolerance']}), found {check['found']}, {check['verdict']}{note}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dlbench", default=str(ROOT / "build/release/bin/dlbench"))
    parser.add_argument("--all", action="store_true", help="all recipes, not only the quick ones")
    parser.add_argument("--junit", help="keep the JUnit file here")
    parser.add_argument("names", nargs="*", metavar="NAME", help="recipes by name")
    arguments = parser.parse_args()
    every = sorted(path.name for path in RECIPES.iterdir() if path.is_dir())
    chosen = arguments.names or (every if arguments.all else QUICK)
    if unknown := sorted(set(chosen) - set(every)):
        raise SystemExit(f"there is no recipe {', '.join(unknown)} in {RECIPES}")
    if rest := [name for name in every if name not in chosen]:
        print(f"left out ({len(rest)} of {len(every)}): {', '.join(rest)}")
    failed = 0
    for name in every:
        for file in FILES:
            if not (RECIPES / name / file).is_file():
                print(f"FAILED: recipes/{name} has no {file}")
                failed += 1
    with tempfile.TemporaryDirectory(prefix="dlb-recipes-") as folder:
        junit = arguments.junit or os.path.join(folder, "junit.xml")
        command = [os.path.abspath(arguments.dlbench), "regress", *(str(RECIPES / name) for name in chosen)]
        command += ["--no-speed", "--quiet", "--json", "--junit", junit, "--out", os.path.join(folder, "runs")]
        done = subprocess.run(command, env=environment(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, errors="replace")
        if done.returncode not in (0, 1, 3):
            print(done.stdout)
            print(f"FAILED: dlbench regress ended with exit status {done.returncode}")
            print("recipes: 0 passed, 1 failed")
            return 1
        report = json.loads(done.stdout)
        for recipe in report["recipes"]:
            show(recipe)
        for text in disagreements(report, junit):
            print(f"FAILED: {junit}: {text}")
            failed += 1
    failed += report["missed"] + report["failed"]
    expected = 1 if report["failed"] else 3 if report["missed"] else 0
    if done.returncode != expected:
        print(f"FAILED: exit status {done.returncode}, expected {expected}")
        failed += 1
    skipped = f", {report['skipped']} skipped" if report["skipped"] else ""
    print(f"recipes: {report['passed']} passed, {failed} failed{skipped}")
    return 1 if failed or report["passed"] + report["skipped"] == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
