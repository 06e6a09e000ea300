"""The shell scripts: usage errors, and how tools/test and .ci/run add up, with fakes for what they call."""

import shutil

from support import ROOT, ToolTest


class Scripts(ToolTest):
    def install(self, *names):
        for name in names:
            target = self.folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, target)

    def fake(self, name, body):
        self.write(name, "#!/bin/bash\n" + body + "\n", 0o755)

    def test_syntax_and_usage(self):
        for name in ("setup", "build", "test", "bench", "format", "fuzz", "tidy", "quickstart"):
            with self.subTest(name):
                self.assertEqual(self.run_tool("bash", "-n", ROOT / "tools" / name)[0], 0)
                status, output = self.run_tool(ROOT / "tools" / name, "--help")
                self.assertEqual(status, 0)
                self.assertIn(f"usage: tools/{name}", output)
                status, output = self.run_tool(ROOT / "tools" / name, "--no-such-option")
                self.assertEqual(status, 2, output)
                self.assertIn("usage:", output)

    def test_unknown_suite(self):
        status, output = self.run_tool(ROOT / "tools/test", "no_such_suite")
        self.assertEqual(status, 2)
        self.assertIn("there is no suite 'no_such_suite'", output)

    def test_setup_installs_what_is_missing_and_says_what_fails(self):
        self.install("tools/setup")
        self.fake("bin/dpkg-query", 'case "${@: -1}" in g++) exit 1 ;; *) printf installed ;; esac')
        self.fake("bin/id", "echo 0")
        self.fake("bin/apt-cache", "echo '  Candidate: 1.0'; seq 20000")
        self.fake("bin/apt-get", 'echo "apt-get $*"; case "$*" in *install*) exit ${INSTALL:-0} ;; esac')
        path = f"{self.folder}/bin:/usr/bin:/bin"
        status, output = self.run_tool(self.folder / "tools/setup", env={"PATH": path})
        self.assertEqual(status, 0, output)
        self.assertRegex(output, r"apt-get .* update")
        self.assertRegex(output, r"apt-get .* install .*--no-install-recommends g\+\+\n")
        self.assertTrue(output.strip().endswith("installed 1 packages"), output)
        status, output = self.run_tool(self.folder / "tools/setup", env={"PATH": path, "INSTALL": "100"})
        self.assertEqual(status, 1)
        self.assertIn("apt-get could not install: g++", output)
        self.fake("bin/apt-cache", "echo '  Candidate: (none)'")
        status, output = self.run_tool(self.folder / "tools/setup", env={"PATH": path})
        self.assertEqual(status, 1)
        self.assertIn("apt does not know: g++", output)
        self.fake("bin/dpkg-query", "printf installed")
        status, output = self.run_tool(self.folder / "tools/setup", env={"PATH": path})
        self.assertEqual(status, 0)
        self.assertRegex(output, r"^tools/setup: all \d+ packages are installed\n$")

    def run_suites(self, unit, cli, *suites):
        self.install("tools/test")
        self.fake("tools/setup", 'echo "setup $*"')
        self.fake("tools/build", 'echo "build $*"')
        self.fake("tests/tools/run.py", "echo 'tools: 1 passed, 0 failed'")
        self.fake("tests/run_units.py", unit)
        for preset in ("release", "asan"):
            self.fake(f"build/{preset}/bin/op_sweep", "echo '4 passed, 0 failed'")
        self.fake("tests/cli/run.py", cli)
        self.fake("tests/report/run.py", "echo 'report: 7 passed, 0 failed'")
        self.fake("tests/onnx/run.py", "echo 'onnx: 8 passed, 0 failed'")
        self.fake("tests/reliability/kill_resume.py", "echo 'reliability: 2 passed, 0 failed'")
        self.fake("tests/families/run.py", "echo 'families: 6 passed, 0 failed, 1 skipped'")
        self.fake("tests/recipes/run.py", "echo 'recipes: 3 passed, 0 failed'")
        status, output = self.run_tool(self.folder / "tools/test", *suites)
        return status, output, output.splitlines()[-1]

    def test_suites_add_up(self):
        unit = 'echo "${@: -1}: 5 passed, 0 failed, 2 skipped"'
        status, output, last = self.run_suites(unit, "echo 'cli: 3 passed, 0 failed'")
        self.assertEqual((status, last), (0, "39 passed, 0 failed, 3 skipped"), output)
        self.assertIn("setup --test\nbuild release all op_sweep dlbench dlbench dlbench dlbench dlbench dlbench\n", output)
        self.assertIn("\nops: 4 passed, 0 failed\n", output)
        status, output, last = self.run_suites(unit, "", "ops")
        self.assertEqual((status, last), (0, "4 passed, 0 failed"), output)
        status, output, last = self.run_suites(unit, "echo", "--preset", "asan", "unit")
        self.assertEqual((status, last), (0, "unit: 5 passed, 0 failed, 2 skipped"), output)
        self.assertIn("build asan all\n", output)

    def test_a_failing_suite_fails(self):
        status, output, last = self.run_suites("echo 'unit: 5 passed, 1 failed'; exit 1", "echo 'cli: 3 passed, 0 failed'", "unit", "cli")
        self.assertEqual((status, last), (1, "8 passed, 1 failed"), output)

    def test_a_broken_runner_fails(self):
        for body in ("echo Traceback; exit 1", "echo 'unit: 5 passed'", "exit 0"):
            status, output, last = self.run_suites(body, "", "unit")
            self.assertEqual((status, last), (1, "unit: 0 passed, 1 failed"), output)

    def test_a_suite_that_fails_without_a_failed_case_fails(self):
        self.assertEqual(self.run_suites("echo 'unit: 5 passed, 0 failed'; exit 3", "", "unit")[0], 1)
        self.assertEqual(self.run_suites("echo 'unit: 0 passed, 0 failed, 3 skipped'", "", "unit")[0], 1)

    def run_ci(self, test, check="exit 0", fuzz="echo 'fuzz: 2 passed, 0 failed'"):
        self.install(".ci/run")
        self.fake("tools/test", test)
        self.fake("tools/format", check)
        self.fake("tools/check_layers", "exit 0")
        self.fake("tools/fuzz", fuzz)
        status, output = self.run_tool(self.folder / ".ci/run")
        return status, output, output.splitlines()[-1]

    def test_ci_adds_up_each_suite_once(self):
        status, output, last = self.run_ci("echo 'unit: 5 passed, 0 failed, 1 skipped'; echo 'cli: 2 passed, 0 failed'; echo '7 passed, 0 failed'")
        self.assertEqual((status, last), (0, "23 passed, 0 failed, 3 skipped"), output)

    def test_ci_fails_with_any_step(self):
        status, output, last = self.run_ci("echo 'unit: 5 passed, 0 failed'", "echo bad; exit 1")
        self.assertEqual((status, last), (1, "17 passed, 0 failed"), output)
        self.assertIn("not passed: format\n", output)
        status, output, last = self.run_ci("echo 'unit: 5 passed, 1 failed'; exit 1")
        self.assertEqual((status, last), (1, "17 passed, 3 failed"), output)
        self.assertEqual(self.run_ci("exit 0", fuzz="exit 0")[0], 1)
