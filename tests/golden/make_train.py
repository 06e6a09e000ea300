#!/usr/bin/env python3
"""Writes train_{cnn,resnet,mlp}.safetensors: 20 training steps of PyTorch in float32 on synthetic batches.

usage: python make_train.py      (needs PyTorch and safetensors; the results are committed, so tests do not)

Each file holds `inputs` [20, B, ...], `targets` [20, B], `losses` [20] (before each update), `losses64` (the same run in float64:
how far rounding alone takes two runs apart), and `init.NAME` and `final.NAME` for each parameter and running statistic, by the
names that the model in train_*.yaml gives them.
"""

import math

import torch
import torch.nn.functional as F
from reference import FOLDER
from safetensors.torch import save_file
from torch import nn

STEPS = 20
TRIALS = 24      # nudged runs that must agree
NUDGE = 5e-7     # relative standard deviation of the nudge, some eight roundings of float32
SPREAD = 2e-6    # by which they may differ; tests ask for 1e-5


class Residual(nn.Module):
    def __init__(self, body, shortcut):
        super().__init__()
        self.body, self.shortcut = body, shortcut

    def forward(self, x):
        return self.body(x) + self.shortcut(x)


TYPES = {nn.Conv2d: "conv2d", nn.Linear: "linear", nn.BatchNorm2d: "batch_norm", Residual: "residual"}


def our_names(module, prefix=""):
    """(our name, PyTorch's name) of each tensor: steps are named by type and running number in their list."""
    counts = {}
    for position, step in module.named_children():
        kind = TYPES.get(type(step))
        if kind is None:
            continue
        counts[kind] = counts.get(kind, 0) + 1
        ours, theirs = f"{prefix}{kind}_{counts[kind]}.", f"{position}."
        if isinstance(step, Residual):
            for part in ("body", "shortcut"):
                for a, b in our_names(getattr(step, part), f"{ours}{part}."):
                    yield a, f"{theirs}{part}.{b}"
        else:
            for name in step.state_dict():
                if name != "num_batches_tracked":
                    yield ours + name, theirs + name


def conv(inp, out, kernel, stride=1, padding=0):
    return nn.Conv2d(inp, out, kernel, stride, padding, bias=False)


def cnn():
    return nn.Sequential(nn.Conv2d(1, 8, 3), nn.ReLU(), nn.Conv2d(8, 16, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
                         nn.Linear(16 * 12 * 12, 32), nn.ReLU(), nn.Linear(32, 10))


def resnet():
    first = nn.Sequential(conv(8, 8, 3, 1, 1), nn.BatchNorm2d(8), nn.ReLU(), conv(8, 8, 3, 1, 1), nn.BatchNorm2d(8))
    second = nn.Sequential(conv(8, 16, 3, 2, 1), nn.BatchNorm2d(16), nn.ReLU(), conv(16, 16, 3, 1, 1), nn.BatchNorm2d(16))
    shortcut = nn.Sequential(conv(8, 16, 1, 2), nn.BatchNorm2d(16))
    return nn.Sequential(conv(3, 8, 3, 1, 1), nn.BatchNorm2d(8), nn.ReLU(), Residual(first, nn.Sequential()), nn.ReLU(),
                         Residual(second, shortcut), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(16, 5))


def mlp():
    return nn.Sequential(nn.Linear(12, 32), nn.GELU(), nn.Linear(32, 32), nn.Tanh(), nn.Linear(32, 6))


def images(generator, batch, channels, size, classes):
    """Smooth waves whose direction and frequency depend on the class, plus noise, in steps of 1/64."""
    targets = torch.randint(classes, (STEPS, batch), generator=generator)
    axis = torch.arange(size) / size
    angle = targets.double() * (math.pi / classes)
    phase = torch.rand(STEPS, batch, generator=generator).double() * 0.5
    wave = (angle.cos()[..., None, None] * axis + angle.sin()[..., None, None] * axis[:, None]) * 12
    planes = [torch.sin(wave + phase[..., None, None] + c) for c in range(channels)]
    noise = torch.randn(STEPS, batch, channels, size, size, generator=generator) * 0.2
    return ((torch.stack(planes, 2) + noise) * 64).round().float() / 64, targets


def vectors(generator, batch, width, classes):
    x = (torch.randn(STEPS, batch, width, generator=generator) * 64).round() / 64
    return x, (x[..., :classes] + x[..., -classes:].roll(1, -1)).argmax(-1)


def train(model, optimizer, loss, inputs, targets):
    losses = []
    model.train()
    for x, y in zip(inputs, targets):
        optimizer.zero_grad()
        value = loss(model(x), y)
        value.backward()
        optimizer.step()
        losses.append(value.item())
    return torch.tensor(losses, dtype=torch.float64)


def spread(run, start, losses):
    """How far PyTorch is from itself when the initial weights move by a few roundings: the largest difference of a loss."""
    worst = 0.0
    for trial in range(TRIALS):
        generator = torch.Generator().manual_seed(trial)
        moved = {key: value * (1 + NUDGE * torch.randn(value.shape, generator=generator)) if value.is_floating_point() else value
                 for key, value in start.items()}
        worst = max(worst, (run(moved, torch.float32)[0] - losses).abs().max().item())
        if worst > SPREAD:
            break
    return worst


def record(name, make, make_optimizer, loss, data):
    """Takes the first seed whose run is well conditioned. A relu input so near 0 that rounding decides its sign changes the
    gradient by a visible amount, and two correct float32 programs then part ways; which seeds are free of that is decided by
    PyTorch alone."""
    for seed in range(1, 1000):
        torch.manual_seed(seed)
        model = make()
        start = {key: value.clone() for key, value in model.state_dict().items()}
        inputs, targets = data(torch.Generator().manual_seed(seed))

        def run(weights, dtype):
            trained = make().to(dtype)
            trained.load_state_dict(weights)
            return train(trained, make_optimizer(trained.parameters()), loss, inputs.to(dtype), targets), trained.state_dict()

        losses, final = run(start, torch.float32)
        losses64, _ = run(start, torch.float64)
        gap = (losses - losses64).abs().max().item()
        apart = spread(run, start, losses) if gap <= SPREAD else gap
        if apart <= SPREAD:
            break
    else:
        raise SystemExit(f"{name}: no seed gives a well-conditioned run")

    names = dict(our_names(model))
    tensors = {"inputs": inputs, "targets": targets, "losses": losses, "losses64": losses64}
    for ours, theirs in names.items():
        tensors[f"init.{ours}"] = start[theirs].clone()
        tensors[f"final.{ours}"] = final[theirs].clone()
    path = FOLDER / f"train_{name}.safetensors"
    save_file({key: value.contiguous() for key, value in tensors.items()}, path)
    path.chmod(0o644)
    print(f"{name}: seed {seed}, losses {losses[0]:.4f} ... {losses[-1]:.4f}; from float64 {gap:.1e}, from nudged runs {apart:.1e}; "
          f"{path.stat().st_size} bytes", flush=True)


record("cnn", cnn, lambda p: torch.optim.Adam(p, 1e-3), F.cross_entropy, lambda g: images(g, 16, 1, 28, 10))
record("resnet", resnet, lambda p: torch.optim.SGD(p, 0.05, momentum=0.9, nesterov=True, weight_decay=1e-4), F.cross_entropy,
       lambda g: images(g, 8, 3, 16, 5))
record("mlp", mlp, lambda p: torch.optim.AdamW(p, 1e-2, weight_decay=0.05),
       lambda x, t: F.cross_entropy(x, t, label_smoothing=0.1), lambda g: vectors(g, 16, 12, 6))
