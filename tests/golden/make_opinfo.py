#!/usr/bin/env python3
"""Writes reference vectors of PyTorch's operators: the samples of its own operator database (OpInfo), with values and gradients.

usage: python make_opinfo.py OUT [--index INDEX.json] [--variants NAME ...] [--which all|even|odd] [--count N] [--max-elements N]

Needs PyTorch with what its test modules import (numpy, expecttest). OUT receives index.json and one safetensors file per operator
variant, e.g. `norm.fro.safetensors`. Samples are drawn in float32 and widened, so inputs are float32-representable while values
and gradients are float64's. Of n samples every max(1, n / count)-th is looked at, up to count of them; cases with a tensor of more
than --max-elements are left out. --index names an index.json whose variants are made; without it, all of the database that works.

A case of the index: `id` (the sample's number among those looked at), `input`, `args` and `kwargs` in PyTorch's calling convention, where
{"tensor": KEY, "requires_grad": B} names a tensor of the file and {"dtype": NAME}, {"slice": [start, stop, step]}, {"float": "inf"}
stand for themselves; `outputs` (or `value`, where the operator returns a plain value); `grads`, for the inputs that require them in
order of appearance, of the sum over differentiable outputs j of output_j * cos(i + j) at flat index i; null for an input that
nothing depends on, and null altogether where no output is differentiable.
"""

import argparse
import json
import math
import sys
import warnings
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch.testing._internal.common_methods_invocations import op_db

COTANGENT = (
    "cos(i + j), i: flat index, j: index among differentiable outputs; gradients are of sum over outputs of (output * cotangent)"
)
PLAIN = (bool, int, str, type(None))


class Skip(Exception):
    """A sample that the format cannot hold, with the reason."""


def variant_name(op):
    return f"{op.name}.{op.variant_test_name}" if op.variant_test_name else op.name


class Case:
    """One sample: its tensors by key, and its description."""

    def __init__(self, number, max_elements):
        self.id = f"{number:02d}"
        self.max_elements = max_elements
        self.tensors = {}
        self.leaves = []

    def keep(self, key, tensor):
        if tensor.is_complex() or tensor.is_sparse or tensor.is_quantized or tensor.layout != torch.strided:
            raise Skip(f"{tensor.dtype} {tensor.layout}")
        if tensor.numel() > self.max_elements:
            raise Skip(f"{tensor.numel()} elements")
        key = f"{self.id}.{key}"
        self.tensors[key] = tensor.detach().clone().contiguous()
        return {"tensor": key, "requires_grad": tensor.requires_grad}

    def encode(self, key, value):
        """The description of an argument, and the argument itself with tensors widened to float64."""
        if isinstance(value, torch.Tensor):
            wide = value.detach().double() if value.dtype == torch.float32 else value.detach()
            wide = wide.clone(memory_format=torch.contiguous_format)
            if value.requires_grad:
                self.leaves.append(wide.requires_grad_())
            return self.keep(key, wide), wide
        if isinstance(value, (list, tuple)):
            pairs = [self.encode(f"{key}.{i}", item) for i, item in enumerate(value)]
            return [p[0] for p in pairs], type(value)(p[1] for p in pairs) if type(value) in (list, tuple) else [p[1] for p in pairs]
        if isinstance(value, torch.dtype):
            return {"dtype": str(value).removeprefix("torch.")}, value
        if isinstance(value, torch.device):
            return str(value), value
        if isinstance(value, slice):
            return {"slice": [value.start, value.stop, value.step]}, value
        if isinstance(value, PLAIN):
            return value, value
        if isinstance(value, float):
            return (value if math.isfinite(value) else {"float": str(value)}), value
        raise Skip(f"argument of type {type(value).__name__}")

    def gradients(self, outputs):
        differentiable = [y for y in outputs if y.requires_grad]
        if not differentiable or not self.leaves:
            return None
        total = sum(
            (y * torch.cos(torch.arange(y.numel(), dtype=torch.float64) + j).reshape(y.shape)).sum()
            for j, y in enumerate(differentiable)
        )
        grads = torch.autograd.grad(total, self.leaves, allow_unused=True)
        return [None if g is None else self.keep(f"grad{i}", g) for i, g in enumerate(grads)]

    def run(self, op, sample):
        text_input, value_input = self.encode("in", sample.input)
        args = [self.encode(f"arg{i}", a) for i, a in enumerate(sample.args)]
        kwargs = {name: self.encode(f"kw.{name}", a) for name, a in sample.kwargs.items()}
        case = {
            "id": self.id,
            "input": text_input,
            "args": [a[0] for a in args],
            "kwargs": {name: a[0] for name, a in kwargs.items()},
        }
        result = op(value_input, *(a[1] for a in args), **{name: a[1] for name, a in kwargs.items()})
        if isinstance(result, torch.Tensor):
            outputs = [result]
        elif isinstance(result, (list, tuple)) and all(isinstance(y, torch.Tensor) for y in result):
            outputs = list(result)
        elif isinstance(result, (bool, int, float)):
            outputs = []
            case["value"] = result
        else:
            raise Skip(f"result of type {type(result).__name__}")
        case["outputs"] = [self.keep(f"out{j}", y) for j, y in enumerate(outputs)]
        case["grads"] = self.gradients(outputs)
        return case


def make_variant(op, folder, wanted, count, max_elements):
    cases, tensors, skipped = [], {}, []
    samples = list(op.sample_inputs("cpu", torch.float32, requires_grad=op.supports_autograd))
    step = max(1, len(samples) // count)
    for number, sample in enumerate(samples[::step][:count]):
        if not wanted(number):
            continue
        case = Case(number, max_elements)
        try:
            cases.append(case.run(op, sample))
            tensors.update(case.tensors)
        except (Skip, RuntimeError, ValueError, TypeError, NotImplementedError) as error:
            skipped.append(f"{case.id}: {str(error).splitlines()[0][:100]}")
    if not cases:
        return None, skipped
    file = f"{variant_name(op)}.safetensors"
    save_file(tensors, folder / file)
    return {"op": op.name, "file": file, "cases": cases}, skipped


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--index", type=Path, help="index.json whose variants are made")
    parser.add_argument("--variants", nargs="+", help="only these")
    parser.add_argument("--which", choices=["all", "even", "odd"], default="all", help="sample numbers")
    parser.add_argument("--count", type=int, default=48, help="samples looked at per variant")
    parser.add_argument("--max-elements", type=int, default=5000, help="larger tensors leave their case out")
    args = parser.parse_args()
    warnings.simplefilter("ignore")

    database = {variant_name(op): op for op in op_db}
    names = list(json.loads(args.index.read_text())["ops"]) if args.index else list(database)
    if args.variants:
        names = [name for name in names if name in args.variants]
    wanted = {"all": lambda n: True, "even": lambda n: n % 2 == 0, "odd": lambda n: n % 2 == 1}[args.which]

    args.out.mkdir(parents=True, exist_ok=True)
    index = {"torch": torch.__version__, "cotangent": COTANGENT, "ops": {}}
    for name in names:
        entry, skipped = make_variant(database[name], args.out, wanted, args.count, args.max_elements)
        if entry:
            index["ops"][name] = entry
        for reason in skipped:
            print(f"{name} {reason}", file=sys.stderr)
    (args.out / "index.json").write_text(json.dumps(index, indent=0))
    print(f"{len(index['ops'])} variants, {sum(len(e['cases']) for e in index['ops'].values())} cases in {args.out}")


if __name__ == "__main__":
    main()
