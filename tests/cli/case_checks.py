"""The expectations of a case: each function raises Failed, saying what was expected and what was found."""

import difflib
import filecmp
import itertools
import json
import operator
import re

from case_reader import Failed

EXCERPT_LINES = 40


def excerpt(text, mark):
    lines = text.splitlines()
    left_out = len(lines) - EXCERPT_LINES
    if left_out > 0:
        half = EXCERPT_LINES // 2
        lines = lines[:half] + [f"... {left_out} lines ..."] + lines[-half:]
    return [f"    {mark} {line}" for line in lines] or [f"    {mark} (nothing)"]


def expected_got(line, what, expected, got):
    return Failed("\n".join([f"line {line}: {what}", *excerpt(expected, "-"), *excerpt(got, "+")]))


def check_contains(directive, what, output):
    """A block: its lines occur as whole lines in this order, others may stand between. Otherwise: a substring."""
    text = directive.text()
    if not directive.block:
        if text not in output:
            raise expected_got(directive.line, f"{what} does not contain", text, output)
        return
    remaining = iter(output.splitlines())
    for wanted in text.splitlines():
        if wanted.strip() and not any(line.rstrip() == wanted.rstrip() for line in remaining):
            raise expected_got(directive.line, f"{what} lacks the line {wanted!r} (or has it in another order)", text, output)


def check_exact(directive, what, output):
    text = directive.text()
    if text != output:
        diff = difflib.unified_diff(text.splitlines(), output.splitlines(), "expected", "got", lineterm="")
        lines = [f"    {line}" for line in itertools.islice(diff, EXCERPT_LINES)]
        raise Failed("\n".join([f"line {directive.line}: {what} is not", *(lines or ["    (they differ in the final newline)"])]))


def check_regex(directive, what, output):
    if not re.search(directive.text(), output, re.MULTILINE):
        raise expected_got(directive.line, f"{what} does not match", directive.text(), output)


def check_lacks(directive, what, output):
    lines = directive.text().splitlines() if directive.block else [directive.text()]
    for text in lines:
        if text in output:
            raise expected_got(directive.line, f"{what} contains what it must not", text, output)


STREAMS = {"": check_contains, "~": check_regex, "!": check_lacks, "_is": check_exact}


def parse_json(text):
    def refuse(constant):
        raise ValueError(f"{constant} is not JSON")

    return json.loads(text, parse_constant=refuse)


def look_up(document, path):
    """The value at `a.b[0]["c d"].length`, or KeyError; `$` is the whole document."""
    value = document
    for key, index, quoted in re.findall(r'([^.\[\]]+)|\[(-?\d+)\]|\["([^"]*)"\]', path.removeprefix("$")):
        key = key or quoted
        if index:
            if not isinstance(value, list) or not -len(value) <= int(index) < len(value):
                raise KeyError(path)
            value = value[int(index)]
        elif isinstance(value, dict) and key in value:
            value = value[key]
        elif key == "length" and isinstance(value, (dict, list, str)):
            value = len(value)
        else:
            raise KeyError(path)
    return value


TYPES = {"object": dict, "list": list, "string": str, "bool": bool, "null": type(None), "int": int, "number": (int, float)}
COMPARE = {"==": operator.eq, "!=": operator.ne, ">=": operator.ge, "<=": operator.le, ">": operator.gt, "<": operator.lt}


def compare(value, op, wanted):
    if op == "is":
        if wanted not in TYPES:
            raise Failed(f"unknown type '{wanted}'; there are {', '.join(TYPES)}")
        return isinstance(value, TYPES[wanted]) and (wanted == "bool" or not isinstance(value, bool))
    if op == "~":
        pattern = json.loads(wanted) if wanted.startswith('"') else wanted
        return isinstance(value, str) and re.search(pattern, value) is not None
    wanted = json.loads(wanted)
    if isinstance(value, bool) != isinstance(wanted, bool):
        return op == "!="
    if op not in ("==", "!=") and not all(isinstance(side, (int, float)) for side in (value, wanted)):
        return False
    return COMPARE[op](value, wanted)


def check_json(directive, text):
    where = directive.arg or "stdout"
    match = re.fullmatch(r"(\S+|\S*\[\".*?\"\]\S*)\s+(exists|absent|is|==|!=|>=|<=|>|<|~)\s*(.*)", directive.value)
    if not match:
        raise Failed(f"line {directive.line}: expected 'json: PATH OP VALUE', got '{directive.value}'")
    path, op, wanted = match.groups()
    try:
        if directive.arg.endswith(".jsonl"):
            document = [parse_json(line) for line in text.splitlines() if line.strip()]
        else:
            document = parse_json(text)
    except ValueError as error:
        raise Failed("\n".join([f"line {directive.line}: {where} is not one JSON document: {error}", *excerpt(text, "+")])) from None
    try:
        value = look_up(document, path)
    except KeyError:
        if op == "absent":
            return
        raise expected_got(directive.line, f"{where} has no {path}", directive.value, json.dumps(document, indent=1)) from None
    if op == "exists":
        return
    try:
        holds = op != "absent" and compare(value, op, wanted)
    except json.JSONDecodeError:
        raise Failed(f"line {directive.line}: the value to compare with is not JSON: {wanted}") from None
    if not holds:
        raise expected_got(directive.line, f"{where}: does not hold", directive.value, f"{path} is {json.dumps(value)}")


def first_difference(a, b):
    """Why two files or folders are not the same, or None."""
    if a.is_dir() and b.is_dir():
        names_a, names_b = ({str(p.relative_to(top)) for p in top.rglob("*")} for top in (a, b))
        if names_a != names_b:
            return f"only in one of them: {', '.join(sorted(names_a ^ names_b)[:5])}"
        for name in sorted(names_a):
            if (a / name).is_file() and not filecmp.cmp(a / name, b / name, shallow=False):
                return f"{name} differs"
        return None
    for path in (a, b):
        if not path.is_file():
            return f"{path.name} is not a file"
    return None if filecmp.cmp(a, b, shallow=False) else "their bytes differ"
