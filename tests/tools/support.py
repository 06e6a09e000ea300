"""What the tests of the tools share: a temporary folder and a way to run a tool."""

import os
import subprocess
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent


class ToolTest(unittest.TestCase):
    def setUp(self):
        temporary = tempfile.TemporaryDirectory(prefix="dlb-tools-")
        self.addCleanup(temporary.cleanup)
        self.folder = Path(temporary.name)

    def write(self, name, text, mode=0o644):
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(mode)
        return path

    def run_tool(self, *command, env=None):
        """Status and stdout (with stderr after it) of a command."""
        merged = {**os.environ, **(env or {})}
        done = subprocess.run([str(part) for part in command], capture_output=True, text=True, env=merged, timeout=120)
        return done.returncode, done.stdout + done.stderr
