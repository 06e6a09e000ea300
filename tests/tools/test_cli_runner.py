"""tests/cli/run.py: every expectation fails when it does not hold, with a fake dlbench."""

import os

from support import ROOT, ToolTest

FAKE = """#!/bin/bash
case "$1" in
  hello) echo 'line one'; echo 'line two'; echo 'line three'; echo 'a warning' >&2 ;;
  json) echo '{"metrics": {"test": {"accuracy": 0.95}}, "ops": [{"name": "conv2d"}, {"name": "relu"}], "ok": true, "n": 3}' ;;
  nan) echo '{"loss": NaN}' ;;
  status) exit "$2" ;;
  crash) kill -SEGV $$ ;;
  sleep) sleep 30 ;;
  cat) cat ;;
  pwd) pwd ;;
  leak) echo '==1==ERROR: LeakSanitizer: detected memory leaks' >&2 ;;
esac
"""


class CliRunner(ToolTest):
    def setUp(self):
        super().setUp()
        self.fake = self.write("fake", FAKE, 0o755)

    def run_cases(self, text, *options):
        self.write("cases/a.test", text)
        return self.run_tool(ROOT / "tests/cli/run.py", "--dlbench", self.fake, *options, self.folder / "cases")

    def passes(self, text, count=1):
        status, output = self.run_cases(text)
        self.assertEqual((status, output.splitlines()[-1]), (0, f"cli: {count} passed, 0 failed"), output)

    def fails(self, text, message, count=1):
        status, output = self.run_cases(text)
        self.assertEqual((status, output.splitlines()[-1]), (1, f"cli: 0 passed, {count} failed"), output)
        self.assertIn(message, output)

    def expect(self, command, expectation, message=None):
        text = f"name: x\nrun: dlbench {command}\n{expectation}\n"
        if message is None:
            self.passes(text)
        else:
            self.fails(text, message)

    def test_exit_status(self):
        self.expect("status 0", "")
        self.expect("status 2", "exit: 2")
        self.expect("status 2", "", "exit status 2, expected 0")
        self.expect("status 0", "exit: 2", "exit status 0, expected 2")
        self.expect("status 130", "exit: 130")
        self.expect("status 130", "", "exit status 130, expected 0")

    def test_signals_never_pass(self):
        self.expect("crash", "exit: 139", "died by signal 11")
        self.expect("status 139", "exit: 139", "died by signal 11")
        self.expect("crash; true", "", "a process crashed: line 1:")
        self.expect("crash | cat", "exit: 139", "died by signal 11")
        self.expect("leak", "", "a process crashed: ERROR: LeakSanitizer")

    def test_timeout(self):
        self.expect("sleep", "timeout: 0.3", "did not end within 0.3 s")

    def test_contains(self):
        self.expect("hello", 'stdout: "one\\nline"')
        self.expect("hello", "stdout: line two\nstderr: a warning")
        self.expect("hello", "stdout: line four", "stdout does not contain\n    - line four\n    + line one")
        self.expect("hello", "stderr: line one", "stderr does not contain")
        self.expect("hello", "stdout: |\n  line one\n  line three")
        self.expect("hello", "stdout: |\n  line three\n  line one", "stdout lacks the line 'line one'")
        self.expect("hello", "stdout: |\n  line", "stdout lacks the line 'line'")
        self.expect("hello", 'stdout: "line', "not a JSON string")

    def test_regex_absence_and_exact(self):
        self.expect("hello", "stdout~: ^line t\\w+$\nstdout!: four\nstderr_is: |\n  a warning")
        self.expect("hello", "stdout~: ^two", "stdout does not match")
        self.expect("hello", "stdout!: two", "stdout contains what it must not")
        self.expect("hello", "stderr!: |\n  nothing\n  a warning", "stderr contains what it must not")
        self.expect("hello", "stdout_is: |\n  line one\n  line 2\n  line three", "-line 2\n    +line two")
        self.expect("hello", "stderr_is: a warning", "final newline")
        self.expect("status 0", 'stdout_is: ""')

    def test_json(self):
        self.expect("json", "json: metrics.test.accuracy >= 0.9\njson: ops[1].name == \"relu\"\njson: ops.length == 2\njson: ok == true")
        self.expect("json", "json: nothing absent\njson: ok is bool\njson: n is int\njson: ops[-1].name ~ ^re\njson: $.n != 4")
        self.expect("json", "json: metrics.test.accuracy >= 0.99", "metrics.test.accuracy is 0.95")
        self.expect("json", "json: metrics.test.loss < 1", "stdout has no metrics.test.loss")
        self.expect("json", "json: n absent", "does not hold")
        self.expect("json", "json: ok == 1", "does not hold")
        self.expect("json", "json: ok is int", "does not hold")
        self.expect("json", "json: ops[2] exists", "has no ops[2]")
        self.expect("json", "json: n", "expected 'json: PATH OP VALUE'")
        self.expect("json", "json: n == three", "not JSON")
        self.expect("hello", "json: n == 3", "stdout is not one JSON document")
        self.expect("json; dlbench json", "json: n == 3", "stdout is not one JSON document")
        self.expect("nan", "json: loss exists", "NaN is not JSON")

    def test_files(self):
        self.passes(
            "name: x\nfile a/b.txt: |\n  one\n    two\n\n  three\nfile c: one line\nfile d: \"no newline\"\nhex e: 00 ff # rest\n"
            "run: cp -r a f; printf 'one\\n  two\\n\\nthree\\n' | cmp - a/b.txt; cat c d; od -An -tx1 e\n"
            "stdout_is: |\n  one line\n  no newline 00 ff\nsame: a f\nsame: a/b.txt f/b.txt\ndiffer: c d\nfile_exists: a/*.txt\nno_file: g\n"
            "file_has a/b.txt: two\n"
        )
        self.expect("hello", "file_exists: g", "g is not there")
        self.expect("hello; touch g", "no_file: g", "g is there")
        self.expect("hello; echo 1 > a; echo 2 > b", "same: a b", "their bytes differ")
        self.expect("hello; echo 1 > a; echo 1 > b", "differ: a b", "they are the same")
        self.expect("hello; mkdir a b; touch a/x", "same: a b", "only in one of them: x")
        self.expect("hello; mkdir a b; echo 1 > a/x; echo 2 > b/x", "same: a b", "x differs")
        self.expect("hello > a", "file_has a: four", "a does not contain")
        self.expect("hello", "file_has a: four", "there is no file a")
        self.expect("""hello; printf '{"n":1}\\n{"n":2}\\n' > m.jsonl""", "json m.jsonl: [-1].n == 2\njson m.jsonl: $.length == 2")
        self.fails("name: x\nfile ../a: b\nrun: true\n", "a path inside the case's folder")
        self.fails("name: x\nhex a: 0g\nrun: true\n", "line 2:")

    def test_actions(self):
        self.passes("name: x\ninput: |\n  typed\nrun: dlbench cat\nstdout_is: |\n  typed\nrun: dlbench cat\nstdout_is: \"\"\n")
        self.passes("name: x\nenv: A=b $TMP\nrun: echo $A\nstdout: b $TMP\n")
        self.passes("name: x\ncopy a: LICENSE\nrun: cmp a $ROOT/LICENSE\n")
        self.fails("name: x\ncopy a: no_such_file\nrun: true\n", "to copy")
        self.passes("name: x\nsetup: |\n  mkdir a\n  cd a\n  echo 1 > b\nrun: cat a/b\nstdout: 1\n")
        self.fails("name: x\nsetup: |\n  false\n  true\nrun: true\n", "setup exited with 1")
        self.passes("name: paths are named\nrun: dlbench pwd; echo $ROOT\nstdout_is: |\n  $TMP\n  $ROOT\n")

    def test_what_a_run_leaves_behind_is_ended(self):
        self.passes("name: x\nrun: sleep 30 & echo $! > pid\nrun: sleep 0.1; ! grep -qs sleeping /proc/$(cat pid)/status\n")

    def test_several_cases_are_counted(self):
        text = "name: a\nrun: true\n---\nname: b\nrun: false\n---\nname: c\nrun: true\n"
        status, output = self.run_cases(text)
        self.assertEqual((status, output.splitlines()[-1]), (1, "cli: 2 passed, 1 failed"))
        self.assertIn("a.test:4: b", output)
        self.assertEqual(self.run_cases(text, "--filter", "a.test c")[1].splitlines()[-1], "cli: 1 passed, 0 failed")

    def test_each(self):
        self.passes("name: x\neach: n = range(0, 3)\neach: word = a 'b c'\nrun: echo {{n}}-{{word}} ${x}\nstdout~: ^{{n}}-[ab]\n", 6)
        self.fails("name: x\neach: n = range(0, 0)\nrun: true\n", "has no values")

    def test_malformed_cases_fail(self):
        self.fails("name: x\nrun: true\nstdotu: y\n", "line 3: unknown directive 'stdotu'")
        self.fails("name: x\nrun: true\nnonsense\n", "line 3: expected 'directive: value'")
        self.fails("name: x\nexit: 0\nrun: true\n", "comes after the 'run:'")
        self.fails("name: x\nfile a: b\n", "at least one 'run:'")
        self.fails("run: true\n", "one 'name:', found 0")
        self.fails("name: x\nneeds: luck\nrun: true\n", "unknown need 'luck'")
        self.fails("name: x\nrun: true\nexit: two\n", "exit expects a number")

    def test_needs_skip_visibly(self):
        text = "name: x\nneeds: shared\nrun: cat $SHARED/a\n---\nname: y\nrun: true\n"
        (self.folder / "shared").mkdir()
        self.write("shared/a", "there\n")
        self.write("cases/a.test", text)
        command = (ROOT / "tests/cli/run.py", "--dlbench", self.fake, self.folder / "cases")
        status, output = self.run_tool(*command, env={"SHARED": str(self.folder / "shared")})
        self.assertEqual((status, output.splitlines()[-1]), (0, "cli: 2 passed, 0 failed"), output)
        status, output = self.run_tool(*command, env={"SHARED": str(self.folder / "absent")})
        self.assertEqual((status, output.splitlines()[-1]), (0, "cli: 1 passed, 0 failed, 1 skipped"), output)
        self.assertIn("SKIPPED", output)

    def test_mounts_are_undone(self):
        if os.geteuid() != 0:
            self.skipTest("needs root")
        status, output = self.run_cases(
            "name: x\nneeds: root\nsetup: |\n  mkdir full\n  mount -t tmpfs -o size=64k none full\n"
            "run: pwd -P > full/where; cat full/where; head -c 100000 /dev/zero > full/big\nexit: 1\nstderr: No space left\n"
        )
        self.assertIn(status, (0, 1), output)
        self.assertIn(output.splitlines()[-1], ("cli: 1 passed, 0 failed", "cli: 0 passed, 0 failed, 1 skipped"), output)
        with open("/proc/mounts") as mounts:
            self.assertNotIn("dlb-cli-", mounts.read())

    def test_nothing_ran_is_a_failure(self):
        status, output = self.run_cases("name: x\nrun: true\n", "--filter", "zzz")
        self.assertEqual((status, output.splitlines()[-1]), (1, "cli: 0 passed, 0 failed"))

    def test_missing_binary(self):
        status, output = self.run_tool(ROOT / "tests/cli/run.py", "--dlbench", self.folder / "none")
        self.assertEqual(status, 1)
        self.assertIn("there is no binary", output)
