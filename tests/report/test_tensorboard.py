"""TensorBoard reads the event files of runs, and finds what metrics.jsonl says."""

import json
import os
import struct
import subprocess
import unittest

import runs


def python():
    """A Python with TensorBoard: that of the tests' environment, else $DLB_TEST_PYTHON."""
    for path in (runs.ROOT / "build/venv/bin/python", os.environ.get("DLB_TEST_PYTHON")):
        if path and os.access(path, os.X_OK) and subprocess.run([path, "-c", "import tensorboard"], capture_output=True).returncode == 0:
            return path
    return None


def float32(value):
    return struct.unpack("f", struct.pack("f", value))[0]


class TensorBoardTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.python = python()
        if cls.python is None:
            raise unittest.SkipTest("no Python with tensorboard: neither build/venv nor $DLB_TEST_PYTHON")

    def scalars(self, run):
        done = subprocess.run([self.python, runs.ROOT / "tests/report/read_events.py", run], capture_output=True, text=True, timeout=300)
        self.assertEqual(done.returncode, 0, done.stderr)
        return json.loads(done.stdout)

    def expected(self, run):
        tags = {}
        for record in runs.records(run):
            for name, value in record.items():
                if name in ("step", "epoch", "split"):
                    continue
                tag = name if name in ("lr", "grad_norm", "samples_per_s") else f"{name}/{record['split']}"
                tags.setdefault(tag, []).append([record["step"], value])
        return tags

    def compare(self, run):
        found, expected = self.scalars(run), self.expected(run)
        self.assertEqual(sorted(found), sorted(expected))
        for tag, values in expected.items():
            self.assertEqual([step for step, _ in found[tag]], [step for step, _ in values], tag)
            for (_, got), (step, wanted) in zip(found[tag], values):
                # metrics.jsonl has the speed with one digit behind the point only.
                self.assertAlmostEqual(got, float32(wanted), delta=0.051 + 1e-6 * wanted if tag == "samples_per_s" else abs(float32(wanted)) * 1e-7, msg=f"{tag} at {step}")

    def test_all_scalars(self):
        self.compare(runs.cnn())

    def test_all_scalars_of_a_run_that_was_taken_up_again(self):
        runs.train("resumed", runs.CNN, "--max-steps", 70)
        runs.dlbench("train", "--resume", "resumed", "--threads", 1)
        # What was measured at the interruption stands in both files; TensorBoard keeps what lies before the second.
        found, expected = self.scalars(runs.folder() / "resumed"), self.expected(runs.folder() / "resumed")
        self.assertEqual(sorted(found), sorted(expected))
        self.assertEqual([step for step, _ in found["loss/train"]], [step for step, _ in expected["loss/train"]])


if __name__ == "__main__":
    unittest.main()
