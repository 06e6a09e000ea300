"""Reads .test files into cases. README.md beside this file has the format."""

import dataclasses
import itertools
import json
import re
import shlex
from pathlib import Path

DIRECTIVE = re.compile(r"^(?P<key>[a-z_]+[~!]?)(?:[ \t]+(?P<arg>.*?))?:(?:[ \t]+(?P<value>.*))?$")
EACH = re.compile(r"^each:\s*(\w+)\s*=\s*(.+)$")
EXPECTATIONS = {
    "exit", "timeout", "stdout", "stderr", "stdout~", "stderr~", "stdout!", "stderr!", "stdout_is", "stderr_is",
    "json", "file_exists", "no_file", "file_has", "same", "differ",
}  # fmt: skip
ACTIONS = {"file", "hex", "copy", "env", "input", "setup"}


class Failed(Exception):
    """A case failed: str() is what to print."""


@dataclasses.dataclass
class Directive:
    line: int
    key: str
    arg: str
    value: str
    block: bool = False

    def text(self):
        """The value with a quoted string decoded; a block or bare text as it stands."""
        if not self.block and self.value.startswith('"'):
            try:
                return json.loads(self.value)
            except json.JSONDecodeError as error:
                raise Failed(f"line {self.line}: not a JSON string: {self.value} ({error})") from None
        return self.value

    def number(self, kind):
        try:
            return kind(self.value)
        except ValueError:
            raise Failed(f"line {self.line}: {self.key} expects a number, got '{self.value}'") from None


@dataclasses.dataclass
class Case:
    path: Path
    line: int
    name: str
    directives: list
    error: str = ""


def read_block(lines, index):
    """The indented lines from `index` on, dedented, and the index of the first line after them."""
    end = index
    while end < len(lines) and (not lines[end][1].strip() or lines[end][1][0] in " \t"):
        end += 1
    body = [text for _, text in lines[index:end]]
    while body and not body[-1].strip():
        body.pop()
    first = next((text for text in body if text.strip()), "")
    indent = first[: len(first) - len(first.lstrip())]
    out = [text[len(indent) :] if text.startswith(indent) else text.lstrip() for text in body]
    return "".join(text + "\n" for text in out), end


def read_directives(lines):
    directives, index = [], 0
    while index < len(lines):
        number, text = lines[index]
        index += 1
        if not text.strip() or text.startswith("#"):
            continue
        match = DIRECTIVE.match(text)
        if not match:
            raise Failed(f"line {number}: expected 'directive: value', got: {text}")
        directive = Directive(number, match["key"], (match["arg"] or "").strip(), (match["value"] or "").strip())
        if directive.value in ("|", "|-"):
            keep_newline = directive.value == "|"
            directive.value, index = read_block(lines, index)
            if not keep_newline:
                directive.value = directive.value.removesuffix("\n")
            directive.block = True
        directives.append(directive)
    return directives


def each_values(text):
    bounds = re.fullmatch(r"range\((-?\d+),\s*(-?\d+)(?:,\s*(\d+))?\)", text.strip())
    if bounds:
        return [str(value) for value in range(int(bounds[1]), int(bounds[2]), int(bounds[3] or 1))]
    return shlex.split(text)


def expand_each(lines):
    """One list of lines for every combination of the case's `each:` values, with {{name}} replaced; and what was chosen."""
    loops, rest = [], []
    for number, text in lines:
        match = EACH.match(text)
        if match:
            loops.append((match[1], each_values(match[2])))
        else:
            rest.append((number, text))
    for values in itertools.product(*(values for _, values in loops)):
        chosen = dict(zip((name for name, _ in loops), values))

        def fill(text, chosen=chosen):
            return re.sub(r"\{\{(\w+)\}\}", lambda found: chosen.get(found[1], found[0]), text)

        yield [(number, fill(text)) for number, text in rest], chosen


def read_cases(path):
    """The cases of one .test file; one that cannot be read is a case with an error."""
    groups = [[]]
    for number, text in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if text.rstrip() == "---":
            groups.append([])
        else:
            groups[-1].append((number, text))
    for group in groups:
        first = next((number for number, text in group if text.strip()), group[0][0] if group else 1)
        expanded = 0
        for lines, chosen in expand_each(group):
            expanded += 1
            yield read_case(path, first, lines, chosen)
        if not expanded:
            yield Case(path, first, "(each)", [], "each: has no values")


def read_case(path, first, lines, chosen):
    suffix = f" [{', '.join(f'{name}={value}' for name, value in chosen.items())}]" if chosen else ""
    try:
        directives = read_directives(lines)
    except Failed as error:
        return Case(path, first, "(unreadable)" + suffix, [], str(error))
    names = [directive for directive in directives if directive.key == "name"]
    rest = [directive for directive in directives if directive.key != "name"]
    error = ""
    if len(names) != 1 or not names[0].value:
        error = f"a case has one 'name:', found {len(names)}"
    elif not any(directive.key == "run" for directive in rest):
        error = "a case has at least one 'run:'"
    seen_run = False
    for directive in rest:
        if directive.key == "run":
            seen_run = True
        elif directive.key in EXPECTATIONS:
            if not seen_run:
                error = error or f"line {directive.line}: '{directive.key}:' comes after the 'run:' that it is about"
        elif directive.key not in ACTIONS and directive.key != "needs":
            error = error or f"line {directive.line}: unknown directive '{directive.key}'"
    return Case(path, first, (names[0].value if names else "(no name)") + suffix, rest, error)
