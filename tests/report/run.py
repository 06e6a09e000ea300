#!/usr/bin/env python3
"""Tests of reports: pages in a headless browser, event files in TensorBoard.

usage: tests/report/run.py [--dlbench build/release/bin/dlbench] [NAME...]
  NAME   runs the tests whose names contain it

A test that needs a browser or TensorBoard is skipped, visibly, where there is none. Screenshots are kept in build/artefacts.
The last line is `report: N passed, N failed`, and `, N skipped` when any were.
"""

import argparse
import os
import sys
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def cases(suite):
    for item in suite:
        if isinstance(item, unittest.TestSuite):
            yield from cases(item)
        else:
            yield item


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dlbench", default=str(ROOT / "build/release/bin/dlbench"))
    parser.add_argument("names", nargs="*")
    arguments = parser.parse_args()
    os.environ["DLBENCH"] = os.path.abspath(arguments.dlbench)
    os.environ.setdefault("GOMP_SPINCOUNT", "10000")
    (ROOT / "build" / "artefacts").mkdir(parents=True, exist_ok=True)

    here = Path(__file__).resolve().parent
    sys.path.insert(0, str(here))
    found = unittest.defaultTestLoader.discover(str(here), pattern="test_*.py", top_level_dir=str(here))
    chosen = unittest.TestSuite(c for c in cases(found) if not arguments.names or any(n in c.id() for n in arguments.names))
    import runs
    count = chosen.countTestCases()
    try:
        result = unittest.TextTestRunner(stream=sys.stdout, verbosity=2).run(chosen)
    finally:
        runs.clean()
    failed = len(result.failures) + len(result.errors) + len(result.unexpectedSuccesses)
    # A class that is skipped as a whole ran none of its tests.
    skipped = count - result.testsRun + sum(1 for test, _ in result.skipped if hasattr(test, "_testMethodName"))
    passed = max(0, count - failed - skipped)
    for test, reason in result.skipped:
        print(f"SKIPPED {test}: {reason}")
    print(f"report: {passed} passed, {failed} failed" + (f", {skipped} skipped" if skipped else ""))
    return 0 if failed == 0 and passed + skipped > 0 else 1


if __name__ == "__main__":
    sys.exit(main())
