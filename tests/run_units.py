#!/usr/bin/env python3
"""Runs the Catch2 test programs of a build folder and counts their test cases.

usage: tests/run_units.py [--build DIR] SUITE
  SUITE   unit (all programs), or one folder of tests/ such as data

The programs are those that CMake knows, so one left over from an earlier build is not run, and one that is missing fails.
A test case that printed `SKIPPED: reason` (tests/support/skip.h) counts as skipped. A program that crashes, times out, exits
with an error that no case explains (a leak report, say) or runs nothing counts as one failure more.
The last line is `SUITE: N passed, N failed`, and `, N skipped` when any were.
"""

import argparse
import dataclasses
import json
import os
import re
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ET
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
STDERR_LINES = 60


@dataclasses.dataclass
class Counts:
    passed: int = 0
    failed: int = 0
    skipped: int = 0

    def add(self, other):
        self.passed += other.passed
        self.failed += other.failed
        self.skipped += other.skipped

    def __str__(self):
        text = f"{self.passed} passed, {self.failed} failed"
        return text + (f", {self.skipped} skipped" if self.skipped else "")


def programs(build):
    """Name -> path (None when it was not built) of the test programs that CMake registered in `build`."""
    listing = subprocess.run(["ctest", "--test-dir", str(build), "--show-only=json-v1"], capture_output=True, text=True)
    if listing.returncode != 0:
        sys.exit(f"run_units: {build} has no tests: {listing.stderr.strip()}\nrun_units: build it first with tools/build")
    found = {}
    for test in json.loads(listing.stdout)["tests"]:
        command = test.get("command")
        exists = command and os.access(command[0], os.X_OK)
        found[test["name"]] = Path(command[0]) if exists else None
    return found


def place(element):
    filename = element.get("filename", "")
    try:
        filename = str(Path(filename).relative_to(ROOT))
    except ValueError:
        pass
    return f"{filename}:{element.get('line')}"


def describe(element, path=()):
    """Lines that say what failed in a test case or section, deepest first."""
    lines = []
    for child in element:
        if child.tag == "Section":
            lines += describe(child, path + (child.get("name"),))
        elif child.tag == "Expression" and child.get("success") == "false":
            section = " / ".join(path)
            lines.append(f"  {place(child)}:" + (f" in {section}" if section else ""))
            for part in ("Original", "Expanded", "Exception", "FatalErrorCondition"):
                text = child.findtext(part)
                if text is not None:
                    label = {"Original": child.get("type", ""), "Expanded": "  with"}.get(part, part)
                    lines.append(f"    {label}: {' '.join(text.split())}")
        elif child.tag in ("Exception", "FatalErrorCondition", "Failure"):
            lines.append(f"  {place(child)}: {child.tag}: {(child.text or '').strip()}")
        elif child.tag in ("Info", "Warning"):
            lines.append(f"    info: {(child.text or '').strip()}")
    return lines


def read_report(path):
    """Counts and messages of one Catch2 XML report; the third value is the case that had begun when the report breaks off."""
    counts, messages, running = Counts(), [], None
    try:
        for event, element in ET.iterparse(path, events=("start", "end")):
            if element.tag != "TestCase":
                continue
            if event == "start":
                running = element.get("name")
                continue
            running = None
            overall = element.find("OverallResult")
            output = overall.findtext("StdOut", "") if overall is not None else ""
            reasons = re.findall(r"^\s*SKIPPED: *(.*)$", output, re.MULTILINE)
            if overall is None or overall.get("success") != "true":
                counts.failed += 1
                messages.append(f"FAILED {place(element)}: {element.get('name')}")
                messages += describe(element)
            elif reasons:
                counts.skipped += 1
                messages.append(f"SKIPPED {place(element)}: {element.get('name')}: {reasons[0].strip()}")
            else:
                counts.passed += 1
            element.clear()
    except (ET.ParseError, FileNotFoundError):
        running = running or "(before the first test case)"
    return counts, messages, running


def run_program(name, program, timeout):
    if program is None:
        print(f"FAILED test_{name}: the program was not built")
        return Counts(failed=1)
    with tempfile.TemporaryDirectory(prefix="dlb-unit-") as folder:
        report = Path(folder) / "report.xml"
        # Each program works in a folder of its own, so that what a test writes by a relative path never lands in the tree.
        work = Path(folder) / "work"
        work.mkdir()
        stderr_path = Path(folder) / "stderr"
        began = time.monotonic()
        with open(stderr_path, "wb") as stderr:
            process = subprocess.Popen([str(program), "-r", "xml", "-o", str(report)], cwd=work, stdin=subprocess.DEVNULL,
                                       stdout=subprocess.DEVNULL, stderr=stderr)
            try:
                status = process.wait(timeout)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
                status = None
        seconds = time.monotonic() - began
        counts, messages, running = read_report(report)
        broken = None
        if status is None:
            broken = f"did not end within {timeout:.0f} s"
        elif running is not None:
            broken = f"ended with status {status} inside a test case"
        elif status < 0 and counts.failed == 0:
            broken = f"was ended by signal {-status}"
        elif status > 0 and counts.failed == 0:
            broken = f"exited with status {status} although every case passed"
        elif status == 0 and counts.passed + counts.failed + counts.skipped == 0:
            broken = "ran no test case"
        if broken:
            counts.failed += 1
            messages.append(f"FAILED test_{name}: the program {broken}" + (f"; running: {running}" if running else ""))
        for line in messages:
            print(line)
        if counts.failed:
            lines = stderr_path.read_text(errors="replace").splitlines()
            left_out = len(lines) - STDERR_LINES
            if left_out > 0:  # a sanitizer says at the top what went wrong, a test at the bottom
                half = STDERR_LINES // 2
                lines = lines[:half] + [f"... {left_out} lines ..."] + lines[-half:]
            for line in lines:
                print(f"  | {line}")
        print(f"test_{name}: {counts.passed} of {counts.passed + counts.failed + counts.skipped} cases, {seconds:.1f} s", flush=True)
        return counts


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=Path, default=ROOT / "build/release", help="build folder (default build/release)")
    parser.add_argument("--timeout", type=float, default=900, help="seconds that one program may take (default 900)")
    parser.add_argument("suite")
    arguments = parser.parse_args()

    available = programs(arguments.build)
    suite = arguments.suite
    if suite == "unit":
        chosen = list(available)
    elif suite in available:
        chosen = [suite]
    else:
        sys.exit(f"run_units: no suite '{suite}'; there are unit, {', '.join(available)}")
    total = Counts()
    for name in chosen:
        total.add(run_program(name, available[name], arguments.timeout))
    print(f"{suite}: {total}", flush=True)
    return 0 if total.failed == 0 and total.passed > 0 else 1


if __name__ == "__main__":
    sys.exit(main())
