#!/usr/bin/env python3
"""Writes workloads.json: the losses of 20 training steps of PyTorch in float32, for the workloads of configs/bench.

usage: python make_workloads.py TORCH_REF [NAME...]

TORCH_REF is the program that the workloads are measured against: a Python file with ResNet20, GPT, ViT, CharLSTM and DLRM.
Initial weights and batches follow from a formula (`numbers` below) that tests/train/workloads.cpp computes as well, so no file
holds them. Parameters are numbered in the order of dlbench's models. Dropout is off: its random numbers differ.

With its learning rate of 0.1, PyTorch's own losses of resnet20 differ by 0.02 within 10 steps when the weights are nudged by 5e-7
of their size, which is a few roundings. It is trained with 0.01 and a classifier whose weights are a tenth as large: then the
nudge makes a difference of 3e-6.
"""

import importlib.util
import json
import math
import pathlib
import sys

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

STEPS = 20
FILE = pathlib.Path(__file__).resolve().parent / "workloads.json"
ref = None


def numbers(key, count, first=0):
    """Uniform in [0, 1): a hash of (key, index), the finalizer of SplitMix64."""
    x = np.arange(first, first + count, dtype=np.uint64) + np.uint64(key << 40)
    with np.errstate(over="ignore"):
        z = x * np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    z ^= z >> np.uint64(31)
    return (z >> np.uint64(11)).astype(np.float64) * 2.0**-53


def weight(number, shape, norm, matrices=1.0):
    count = math.prod(shape)
    u = 2 * numbers(number, count) - 1
    if len(shape) > 1:
        values = u * (math.sqrt(3 / (count // shape[0])) * (matrices if len(shape) == 2 else 1.0))
    else:
        values = (1.0 if norm else 0.0) + 0.1 * u
    return torch.from_numpy(values.astype(np.float32).reshape(shape))


def uniform(column, shape):
    values = (2 * numbers(1000 + column, math.prod(shape)) - 1) * math.sqrt(3)
    return torch.from_numpy(values.astype(np.float32).reshape(shape))


def integers(column, high, shape):
    return torch.from_numpy(np.floor(numbers(1000 + column, math.prod(shape)) * high).astype(np.int64).reshape(shape))


def bernoulli(column, p, shape):
    return torch.from_numpy((numbers(1000 + column, math.prod(shape)) < p).astype(np.float32).reshape(shape))


def fill(parameters, matrices):
    """Each entry is a parameter, or a list of tables that are one parameter here; with whether it scales a normalisation.
    `matrices` is a factor of weights of rank 2."""
    for number, (p, norm) in enumerate(parameters):
        with torch.no_grad():
            if isinstance(p, list):
                rows = weight(number, (len(p) * p[0].shape[0], p[0].shape[1]), norm, matrices)
                for table, part in zip(p, rows.chunk(len(p))):
                    table.copy_(part)
            else:
                p.copy_(weight(number, tuple(p.shape), norm, matrices))


def in_order(*modules):
    """Parameters of modules in their order; a parameter stands for itself."""
    for m in modules:
        if isinstance(m, nn.Parameter):
            yield m, False
            continue
        for inner in m.modules():
            norm = isinstance(inner, (nn.BatchNorm2d, nn.LayerNorm))
            for name, p in inner.named_parameters(recurse=False):
                yield p, norm and name == "weight"


class GCN(nn.Module):
    """As in the reference, without dropout, on the graph of this file's formula."""

    def __init__(self, edges, nodes):
        super().__init__()
        e = torch.cat([edges.t(), torch.arange(nodes).repeat(2, 1)], 1)
        degree = torch.zeros(nodes).index_add_(0, e[1], torch.ones(e.shape[1]))
        values = (degree[e[0]] * degree[e[1]]).rsqrt()
        self.matrix = torch.sparse_coo_tensor(e.flip(0), values, (nodes, nodes)).coalesce().to_sparse_csr()
        self.a, self.b = nn.Linear(1433, 16), nn.Linear(16, 7)

    def forward(self, x):
        return self.matrix @ self.b(F.relu(self.matrix @ self.a(x)))


def workload(name):
    """model, batch by step, loss, optimizer, parameters in order."""
    ce = F.cross_entropy

    def images(batch, *shape):
        x, y = uniform(0, (STEPS, batch, *shape)), integers(1, 10, (STEPS, batch))
        return lambda step: (x[step], y[step])

    def tokens(batch, length):
        x, y = integers(0, 65, (STEPS, batch, length)), integers(1, 65, (STEPS, batch, length))
        return lambda step: (x[step], y[step].flatten())

    def gpt(length, layers, heads, width, batch):
        m = ref.GPT(65, length, layers, heads, width)
        return m, tokens(batch, length), ce, lambda p: torch.optim.AdamW(p, 1e-3), in_order(m)

    if name == "tiny":
        m = nn.Sequential(nn.Linear(2, 16), nn.Tanh(), nn.Linear(16, 16), nn.Tanh(), nn.Linear(16, 1))
        x, y = uniform(0, (STEPS, 4, 2)), uniform(1, (STEPS, 4, 1))
        return m, lambda step: (x[step], y[step]), F.mse_loss, lambda p: torch.optim.SGD(p, 0.01), in_order(m)
    if name == "mlp":
        m = nn.Sequential(nn.Flatten(), nn.Linear(784, 512), nn.ReLU(), nn.Linear(512, 512), nn.ReLU(), nn.Linear(512, 10))
        return m, images(128, 1, 28, 28), ce, lambda p: torch.optim.SGD(p, 0.1, momentum=0.9), in_order(m)
    if name == "cnn":
        m = nn.Sequential(nn.Conv2d(1, 32, 3), nn.ReLU(), nn.Conv2d(32, 64, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
                          nn.Linear(9216, 128), nn.ReLU(), nn.Linear(128, 10))
        return m, images(64, 1, 28, 28), ce, lambda p: torch.optim.Adam(p, 1e-3), in_order(m)
    if name == "resnet20":
        m = ref.ResNet20()
        return (m, images(128, 3, 32, 32), ce, lambda p: torch.optim.SGD(p, 0.01, momentum=0.9, weight_decay=1e-4),
                in_order(m.stem, m.bn, m.blocks, m.fc))
    if name == "vit":
        m = ref.ViT()
        return (m, images(64, 3, 32, 32), ce, lambda p: torch.optim.AdamW(p, 1e-3),
                in_order(m.patch, m.cls, m.pos, m.blocks, m.ln, m.head))
    if name == "gpt":
        return gpt(64, 4, 4, 128, 12)
    if name == "gpt-mid":
        return gpt(256, 6, 6, 384, 8)
    if name == "lstm":
        m = ref.CharLSTM()
        return m, tokens(32, 64), ce, lambda p: torch.optim.Adam(p, 1e-3), in_order(m)
    if name == "gcn":
        x, edges, y = bernoulli(0, 0.0127, (2708, 1433)), integers(1, 2708, (10556, 2)), integers(2, 7, (2708,))
        m = GCN(edges, 2708)
        return m, lambda step: (x, y), ce, lambda p: torch.optim.Adam(p, 0.01, weight_decay=5e-4), in_order(m)
    if name == "dlrm":
        m = ref.DLRM()
        dense, items = uniform(0, (STEPS, 2048, 13)), integers(1, 100_000, (STEPS, 2048, 26))
        y = bernoulli(2, 0.5, (STEPS, 2048))
        order = [*in_order(m.bot), ([e.weight for e in m.e], False), *in_order(m.top)]
        return (m, lambda step: ((dense[step], items[step]), y[step]), F.binary_cross_entropy_with_logits,
                lambda p: torch.optim.SGD(p, 0.1), order)
    sys.exit(f"no workload {name}")


def losses(name):
    model, batch, loss, optimizer, parameters = workload(name)
    fill(parameters, 0.1 if name == "resnet20" else 1.0)
    o = optimizer(model.parameters())
    found = []
    for step in range(STEPS):
        x, y = batch(step)
        o.zero_grad()
        value = loss(model(x), y)
        value.backward()
        o.step()
        found.append(value.item())
    return found


def main():
    global ref
    spec = importlib.util.spec_from_file_location("torch_ref", sys.argv[1])
    ref = importlib.util.module_from_spec(spec)
    # The program runs its main() at import: as asked for its help, it ends before it does anything.
    arguments, sys.argv = sys.argv[2:], [sys.argv[1], "--help"]
    try:
        spec.loader.exec_module(ref)
    except SystemExit:
        pass
    torch.set_num_threads(2)
    results = json.loads(FILE.read_text()) if FILE.exists() else {}
    for name in arguments or ["tiny", "mlp", "cnn", "resnet20", "vit", "gpt", "gpt-mid", "lstm", "gcn", "dlrm"]:
        results[name] = losses(name)
        print(name, results[name][0], results[name][-1], flush=True)
        lines = [f"{json.dumps(n)}: {json.dumps(v)}" for n, v in results.items()]
        FILE.write_text("{\n" + ",\n".join(lines) + "\n}\n")


main()
