#!/usr/bin/python3
"""Holds each config below the given folders against the JSON schema that stands on stdin, and prints what does not fit."""

import json
import sys
from pathlib import Path

from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match
from ruamel.yaml import YAML


def main():
    schema = json.load(sys.stdin)
    Draft202012Validator.check_schema(schema)
    validator = Draft202012Validator(schema)
    yaml = YAML(typ="safe")
    yaml.version = (1, 2)
    files = sorted(file for folder in sys.argv[1:] for file in Path(folder).rglob("*.yaml"))
    wrong = 0
    for file in files:
        error = best_match(validator.iter_errors(yaml.load(file.read_text(encoding="utf-8"))))
        if error is not None:
            wrong += 1
            print(f"{file}: {'.'.join(map(str, error.absolute_path))}: {error.message[:300]}")
    print(f"{wrong} wrong" if wrong or not files else "all fit")
    return 1 if wrong or not files else 0


if __name__ == "__main__":
    sys.exit(main())
