"""tests/run_units.py counts cases, crashes and skips as they are, with a build folder of fake test programs."""

from support import ROOT, ToolTest

HEAD = '<?xml version="1.0" encoding="UTF-8"?><Catch name="x"><Group name="x">'
PASS = '<TestCase name="good" filename="a.cpp" line="1"><OverallResult success="true"/></TestCase>'
SKIP = (
    '<TestCase name="no data" filename="a.cpp" line="2"><OverallResult success="true">'
    "<StdOut>\nSKIPPED: no shared folder\n</StdOut></OverallResult></TestCase>"
)
FAIL = (
    '<TestCase name="bad" filename="a.cpp" line="3"><Section name="part">'
    '<Expression success="false" type="REQUIRE" filename="a.cpp" line="4"><Original>x == 1</Original><Expanded>2 == 1</Expanded>'
    '</Expression></Section><OverallResult success="false"/></TestCase>'
)
OPEN = '<TestCase name="unfinished" filename="a.cpp" line="5">'
TAIL = "</Group></Catch>"


class UnitRunner(ToolTest):
    def program(self, name, report, after="exit 0"):
        """A program that, run as `test_x -r xml -o FILE`, writes `report` and then does `after`."""
        self.write(f"{name}.xml", report)
        self.write(f"bin/test_{name}", f'#!/bin/bash\ncat {self.folder}/{name}.xml > "$4"\n{after}\n', 0o755)

    def run_suite(self, suite, *names, options=()):
        tests = "".join(f'add_test({name} "{self.folder}/bin/test_{name}")\n' for name in names)
        self.write("CTestTestfile.cmake", tests)
        status, output = self.run_tool(ROOT / "tests/run_units.py", "--build", self.folder, *options, suite)
        return status, output, output.splitlines()[-1]

    def test_counts(self):
        self.program("base", HEAD + PASS + PASS + SKIP + TAIL)
        self.program("data", HEAD + PASS + TAIL)
        status, output, last = self.run_suite("unit", "base", "data")
        self.assertEqual((status, last), (0, "unit: 3 passed, 0 failed, 1 skipped"), output)
        self.assertIn("SKIPPED a.cpp:2: no data: no shared folder", output)

    def test_failure_is_explained(self):
        self.program("ops", HEAD + PASS + FAIL + TAIL, "echo why >&2; exit 1")
        status, output, last = self.run_suite("ops", "base", "ops")
        self.assertEqual((status, last), (1, "ops: 1 passed, 1 failed"))
        for text in ("FAILED a.cpp:3: bad", "a.cpp:4: in part", "REQUIRE: x == 1", "with: 2 == 1", "| why"):
            self.assertIn(text, output)

    def test_crash_inside_a_case(self):
        self.program("base", HEAD + PASS + OPEN, "kill -SEGV $$")
        status, output, last = self.run_suite("unit", "base")
        self.assertEqual((status, last), (1, "unit: 1 passed, 1 failed"))
        self.assertIn("running: unfinished", output)

    def test_crash_at_the_end(self):
        self.program("base", HEAD + PASS + TAIL, "kill -ABRT $$")
        self.assertEqual(self.run_suite("unit", "base")[2], "unit: 1 passed, 1 failed")

    def test_leak_report_at_the_end(self):
        self.program("base", HEAD + PASS + TAIL, "echo leaked >&2; exit 23")
        status, output, last = self.run_suite("unit", "base")
        self.assertEqual(last, "unit: 1 passed, 1 failed")
        self.assertIn("exited with status 23 although every case passed", output)
        self.assertIn("| leaked", output)

    def test_timeout(self):
        self.program("base", HEAD + PASS + OPEN, "exec sleep 30")
        status, output, last = self.run_suite("unit", "base", options=("--timeout", "0.3"))
        self.assertEqual((status, last), (1, "unit: 1 passed, 1 failed"))
        self.assertIn("did not end within", output)

    def test_no_report_and_no_cases(self):
        self.write("bin/test_base", "#!/bin/bash\nexit 0\n", 0o755)
        self.program("data", HEAD + TAIL)
        status, output, last = self.run_suite("unit", "base", "data")
        self.assertEqual((status, last), (1, "unit: 0 passed, 2 failed"))
        self.assertIn("ran no test case", output)

    def test_program_not_built(self):
        self.program("base", HEAD + PASS + TAIL)
        status, output, last = self.run_suite("unit", "base", "data")
        self.assertEqual((status, last), (1, "unit: 1 passed, 1 failed"))
        self.assertIn("test_data: the program was not built", output)

    def test_one_folder_and_an_unknown_suite(self):
        self.program("base", HEAD + PASS + TAIL)
        self.assertEqual(self.run_suite("base", "base")[2], "base: 1 passed, 0 failed")
        status, output, _ = self.run_suite("bsae", "base")
        self.assertEqual(status, 1)
        self.assertIn("no suite 'bsae'", output)
