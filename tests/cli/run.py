#!/usr/bin/env python3
"""Runs the end-to-end cases of tests/cli: what a user types, and what they see. README.md beside this file has the format.

usage: tests/cli/run.py [--dlbench FILE] [--jobs N] [--keep] [-v] [--filter TEXT] [FILE.test | FOLDER]...

The binary is --dlbench, else $DLBENCH, else build/release/bin/dlbench.
"""

import argparse
import concurrent.futures
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import case_checks as checks
from case_checks import excerpt
from case_reader import EXPECTATIONS, Failed, read_cases

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
FASHION = Path("/usr/share/datasets/fashion-mnist")
NEEDS = {"shared", "root", "fashion"}
DEFAULT_TIMEOUT = 300.0  # a guard against hangs, far above what any case needs on a busy machine
OUTPUT_LIMIT = 8 << 20
INTERRUPTED = 130
# What says in stderr that a process died although the status of the whole command line hides it.
CRASH = re.compile(
    r"(line \d+: +\d+ (Segmentation fault|Aborted|Bus error|Illegal instruction|Floating point exception)"
    r"|ERROR: (Address|Leak|Thread)Sanitizer|WARNING: ThreadSanitizer|runtime error: |terminate called)"
)


class Skipped(Exception):
    """A case cannot run here: str() is why."""


def can_mount():
    """Whether this is root and may mount a tmpfs, as tests of a full disk do."""
    if os.geteuid() != 0:
        return False
    with tempfile.TemporaryDirectory() as folder:
        if subprocess.run(["mount", "-t", "tmpfs", "none", folder], capture_output=True).returncode != 0:
            return False
        subprocess.run(["umount", folder], check=True)
    return True


class Machine:
    """What this run has: the binary, the repository, and the data that may be absent."""

    def __init__(self, dlbench):
        self.dlbench = dlbench
        shared = Path(os.environ.get("SHARED") or ROOT.parent / "shared")
        self.shared = shared.resolve() if shared.is_dir() else None
        self.root = can_mount()

    def missing(self, need):
        if need == "shared" and self.shared is None:
            return "the shared folder is not beside the repository"
        if need == "root" and not self.root:
            return "needs root that may mount"
        if need == "fashion" and not FASHION.is_dir():
            return "dataset-fashion-mnist is not installed"
        return None

    def environment(self, folder):
        keep = {k: v for k, v in os.environ.items() if k in ("PATH", "LD_LIBRARY_PATH") or k.endswith("SAN_OPTIONS")}
        keep.update(
            PATH=f"{folder / '.bin'}:{os.environ.get('PATH', '/usr/bin:/bin')}",
            DLBENCH=str(self.dlbench),
            ROOT=str(ROOT),
            TMP=str(folder),
            HOME=str(folder),
            FASHION=str(FASHION),
            LANG="C.UTF-8",
            TZ="UTC",
            # Several cases run at once, so a thread that waits must not spin on a core that another needs.
            OMP_WAIT_POLICY="passive",
        )
        if self.shared:
            keep["SHARED"] = str(self.shared)
        return keep


class Runner:
    """One case in its own folder."""

    def __init__(self, case, machine, folder):
        self.case, self.machine, self.folder = case, machine, folder
        self.env = machine.environment(folder)
        self.input = None
        (folder / ".bin").mkdir()
        (folder / ".bin" / "dlbench").symlink_to(machine.dlbench)

    def inside(self, directive, name):
        path = self.folder / name
        if not name or not path.resolve().is_relative_to(self.folder):
            raise Failed(f"line {directive.line}: {directive.key} expects a path inside the case's folder, got '{name}'")
        return path

    def run(self):
        if self.case.error:
            raise Failed(self.case.error)
        for directive in self.case.directives:
            if directive.key == "needs":
                for need in re.split(r"[,\s]+", directive.value):
                    if need not in NEEDS:
                        raise Failed(f"line {directive.line}: unknown need '{need}'; there are {', '.join(sorted(NEEDS))}")
                    if reason := self.machine.missing(need):
                        raise Skipped(reason)
        rest = [directive for directive in self.case.directives if directive.key != "needs"]
        while rest:
            directive = rest.pop(0)
            if directive.key == "run":
                count = next((i for i, other in enumerate(rest) if other.key not in EXPECTATIONS), len(rest))
                self.step(directive, rest[:count])
                del rest[:count]
            else:
                getattr(self, "do_" + directive.key)(directive)

    def expand(self, text):
        """`text` with $NAME and ${NAME} replaced from the case's environment."""
        return re.sub(r"\$\{?(\w+)\}?", lambda found: self.env.get(found[1], found[0]), text)

    def create(self, directive, data):
        path = self.inside(directive, directive.arg)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)

    def do_file(self, directive):
        text = directive.text()
        bare = not directive.block and not directive.value.startswith('"')
        self.create(directive, (text + "\n" if bare else text).encode())

    def do_hex(self, directive):
        digits = "".join(line.split("#")[0] for line in directive.value.splitlines())
        try:
            self.create(directive, bytes.fromhex(digits))
        except ValueError as error:
            raise Failed(f"line {directive.line}: {error}") from None

    def do_copy(self, directive):
        source = ROOT / self.expand(directive.value)
        target = self.inside(directive, directive.arg)
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, dirs_exist_ok=True)
        elif source.is_file():
            shutil.copyfile(source, target)
            target.chmod(0o644)
        else:
            raise Failed(f"line {directive.line}: there is no {source} to copy")

    def do_env(self, directive):
        name, equals, value = directive.value.partition("=")
        if not equals:
            raise Failed(f"line {directive.line}: expected 'env: NAME=VALUE'")
        self.env[name.strip()] = self.expand(value)

    def do_input(self, directive):
        self.input = directive.text().encode()

    def do_setup(self, directive):
        status, out, err = self.shell("set -eu\n" + directive.value, DEFAULT_TIMEOUT)
        if status != 0:
            raise Failed("\n".join([f"line {directive.line}: setup exited with {status}", *excerpt(out + err, "+")]))

    def shell(self, command, timeout):
        """Status (None when out of time), stdout and stderr of a command line; whatever it left running is ended."""
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err, tempfile.TemporaryFile() as stdin:
            stdin.write(self.input or b"")
            stdin.seek(0)
            process = subprocess.Popen(
                ["bash", "-o", "pipefail", "-c", command],
                cwd=self.folder, env=self.env, stdin=stdin, stdout=out, stderr=err, start_new_session=True,
            )  # fmt: skip
            try:
                status = process.wait(timeout)
            except subprocess.TimeoutExpired:
                status = None
            try:
                os.killpg(process.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
            process.wait()
            texts = []
            for stream in (out, err):
                stream.seek(0)
                texts.append(self.normalise(stream.read(OUTPUT_LIMIT).decode(errors="replace")))
            return status, *texts

    def normalise(self, text):
        """Machine paths become the names that a case writes: $TMP, $SHARED, $ROOT."""
        text = text.replace(str(self.folder), "$TMP")
        if self.machine.shared:
            text = text.replace(str(self.machine.shared), "$SHARED")
        return text.replace(str(ROOT), "$ROOT")

    def step(self, run, expectations):
        timeout, wanted = DEFAULT_TIMEOUT, 0
        for expectation in expectations:
            if expectation.key == "timeout":
                timeout = expectation.number(float)
            elif expectation.key == "exit":
                wanted = expectation.number(int)
        status, out, err = self.shell(run.value, timeout)
        self.input = None
        shown = f"  $ {run.value.strip()}"
        streams = "\n".join(["    stdout:", *excerpt(out, "+"), "    stderr:", *excerpt(err, "+")])
        if status is None:
            raise Failed(f"{shown}\nline {run.line}: did not end within {timeout:g} s\n{streams}")
        if status < 0 or (status >= 128 and status != INTERRUPTED):
            number = -status if status < 0 else status - 128
            raise Failed(f"{shown}\nline {run.line}: died by signal {number}\n{streams}")
        if crash := CRASH.search(err):
            raise Failed(f"{shown}\nline {run.line}: a process crashed: {crash[0]}\n{streams}")
        if status != wanted:
            raise Failed(f"{shown}\nline {run.line}: exit status {status}, expected {wanted}\n{streams}")
        try:
            for expectation in expectations:
                self.expect(expectation, out, err)
        except Failed as error:
            raise Failed(f"{shown}\n{error}") from None

    def expect(self, directive, out, err):
        key = directive.key
        if key.startswith(("stdout", "stderr")):
            checks.STREAMS[key[6:]](directive, key[:6], out if key.startswith("stdout") else err)
        elif key == "json":
            checks.check_json(directive, self.file_text(directive) if directive.arg else out)
        elif key == "file_has":
            checks.check_contains(directive, directive.arg, self.file_text(directive))
        elif key in ("file_exists", "no_file"):
            # A pattern is allowed, since events files and run folders carry numbers.
            found = bool(list(self.folder.glob(directive.value)))
            if found != (key == "file_exists"):
                there = "\n".join(sorted(str(p.relative_to(self.folder)) for p in self.folder.rglob("*") if ".bin" not in p.parts))
                what = "is there" if found else "is not there"
                raise Failed("\n".join([f"line {directive.line}: {directive.value} {what}; the folder has", *excerpt(there, "+")]))
        elif key in ("same", "differ"):
            names = shlex.split(directive.value)
            if len(names) != 2:
                raise Failed(f"line {directive.line}: {key} expects two paths, got {len(names)}")
            difference = checks.first_difference(*(self.inside(directive, name) for name in names))
            if (difference is None) != (key == "same"):
                raise Failed(f"line {directive.line}: {' and '.join(names)}: {difference or 'they are the same'}")

    def file_text(self, directive):
        path = self.inside(directive, directive.arg)
        if not path.is_file():
            raise Failed(f"line {directive.line}: there is no file {directive.arg}")
        return self.normalise(path.read_text(errors="replace"))


def clean_up(folder):
    """Unmounts what a case mounted below its folder, and removes it, whatever permissions it set."""
    with open("/proc/mounts") as mounts:
        below = [line.split()[1] for line in mounts if line.split()[1].startswith(f"{folder}/")]
    for place in reversed(below):
        subprocess.run(["umount", "-l", place], capture_output=True)
    for path, _, _ in os.walk(folder):
        if not os.path.islink(path):
            os.chmod(path, 0o755)
    shutil.rmtree(folder, ignore_errors=True)


def run_case(case, machine, keep):
    """'passed', 'failed' or 'skipped', and a message."""
    folder = Path(tempfile.mkdtemp(prefix="dlb-cli-")).resolve()
    try:
        Runner(case, machine, folder).run()
        return "passed", ""
    except Failed as error:
        return "failed", str(error) + (f"\n  folder: {folder}" if keep else "")
    except Skipped as reason:
        return "skipped", str(reason)
    except Exception as error:  # a fault of this runner, or of the machine, is a failure of the case and not of all
        return "failed", f"{type(error).__name__}: {error}"
    finally:
        if not keep:
            clean_up(folder)


def find_tests(paths):
    for path in paths or [HERE]:
        if path.is_dir():
            yield from sorted(path.rglob("*.test"))
        elif path.is_file():
            yield path
        else:
            sys.exit(f"run.py: there is no {path}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dlbench", type=Path, default=Path(os.environ.get("DLBENCH") or ROOT / "build/release/bin/dlbench"))
    parser.add_argument("--jobs", type=int, default=2, help="cases at a time (default 2)")
    parser.add_argument("--filter", default="", help="only cases whose name or file contains TEXT")
    parser.add_argument("--keep", action="store_true", help="leave the folders of the cases, and print those of failed ones")
    parser.add_argument("-v", "--verbose", action="store_true", help="also print the cases that passed")
    parser.add_argument("paths", nargs="*", type=Path)
    arguments = parser.parse_args()
    if not os.access(arguments.dlbench, os.X_OK):
        sys.exit(f"run.py: there is no binary {arguments.dlbench}; build it with tools/build")

    def shown(path):
        path = path.resolve()
        return path.relative_to(ROOT) if path.is_relative_to(ROOT) else path

    cases = [case for path in find_tests(arguments.paths) for case in read_cases(path)]
    cases = [case for case in cases if arguments.filter in f"{shown(case.path)} {case.name}"]
    machine = Machine(arguments.dlbench.resolve())
    counts = dict.fromkeys(("passed", "failed", "skipped"), 0)
    with concurrent.futures.ThreadPoolExecutor(arguments.jobs) as pool:
        for case, (outcome, message) in zip(cases, pool.map(lambda case: run_case(case, machine, arguments.keep), cases)):
            counts[outcome] += 1
            where = f"{shown(case.path)}:{case.line}: {case.name}"
            if outcome == "failed":
                print(f"FAILED {where}\n{message}", flush=True)
            elif outcome == "skipped":
                print(f"SKIPPED {where}: {message}", flush=True)
            elif arguments.verbose:
                print(f"ok {where}", flush=True)
    print(f"cli: {counts['passed']} passed, {counts['failed']} failed" + (f", {counts['skipped']} skipped" if counts["skipped"] else ""))
    return 0 if counts["failed"] == 0 and counts["passed"] > 0 else 1


if __name__ == "__main__":
    sys.exit(main())
