#!/usr/bin/env python3
"""Writes sequence.tar.xz: reference vectors, in the format of make_opinfo.py, of functions and arguments that PyTorch's operator
database has no samples of: recurrent networks, CTC, attention with masks, losses with rare options.

usage: python make_sequence.py
"""

import json
import subprocess
import tempfile
import warnings
from pathlib import Path

import torch
import torch.nn.functional as F
from make_opinfo import COTANGENT, Case
from safetensors.torch import save_file

FOLDER = Path(__file__).resolve().parent
generator = torch.Generator().manual_seed(11)
variants = {}


class Call:
    """A call as a sample: the first argument is the input."""

    def __init__(self, function, args, kwargs):
        self.function, self.input, self.args, self.kwargs = function, args[0], args[1:], kwargs


def add(name, function, *args, **kwargs):
    variants.setdefault(name, []).append(Call(function, args, kwargs))


def normal(*shape, grad=True, scale=1.0):
    return (torch.randn(*shape, generator=generator) * scale).requires_grad_(grad)


def uniform(*shape, low=0.0, high=1.0, grad=True):
    return (torch.rand(*shape, generator=generator) * (high - low) + low).requires_grad_(grad)


def integers(high, *shape, low=0):
    return torch.randint(low, high, shape, generator=generator)


def padded(kind):
    """A packed sequence's network as a function of the padded one and lengths."""

    def run(x, hx, params, biases, layers, dropout, train, bidirectional, batch_first, lengths):
        packed = torch.nn.utils.rnn.pack_padded_sequence(x, lengths, batch_first, enforce_sorted=False)
        order = packed.sorted_indices
        states = [h.index_select(1, order) for h in hx] if isinstance(hx, (list, tuple)) else hx.index_select(1, order)
        out = kind(packed.data, packed.batch_sizes, states, params, biases, layers, dropout, train, bidirectional)
        data = torch.nn.utils.rnn.PackedSequence(out[0], packed.batch_sizes, order, packed.unsorted_indices)
        steps = x.size(1 if batch_first else 0)
        y, _ = torch.nn.utils.rnn.pad_packed_sequence(data, batch_first, total_length=steps)
        return (y, *(h.index_select(1, packed.unsorted_indices) for h in out[1:]))

    return run


def recurrent():
    kinds = {"rnn_tanh": (torch.rnn_tanh, 1), "rnn_relu": (torch.rnn_relu, 1), "gru": (torch.gru, 3), "lstm": (torch.lstm, 4)}
    for name, (kind, gates) in kinds.items():
        def arguments(steps, batch, size, hidden, layers, bidirectional, biases, batch_first, projection=0):
            directions = 2 if bidirectional else 1
            state = projection or hidden
            params = []
            for layer in range(layers):
                for _ in range(directions):
                    width = size if layer == 0 else directions * state
                    params += [normal(gates * hidden, width, scale=0.5), normal(gates * hidden, state, scale=0.5)]
                    if biases:
                        params += [normal(gates * hidden, scale=0.5), normal(gates * hidden, scale=0.5)]
                    if projection:
                        params.append(normal(projection, hidden, scale=0.5))
            x = normal(batch, steps, size) if batch_first else normal(steps, batch, size)
            h = normal(layers * directions, batch, state)
            hx = [h, normal(layers * directions, batch, hidden)] if name == "lstm" else h
            return [x, hx, params, biases, layers, 0.0, True, bidirectional, batch_first]

        add(name, kind, *arguments(4, 3, 4, 5, 1, False, True, False))
        add(name, kind, *arguments(3, 2, 4, 3, 2, True, True, False))
        add(name, kind, *arguments(3, 2, 4, 3, 2, True, False, True))
        add(name, kind, *arguments(1, 1, 1, 1, 1, False, False, False))
        add(name, padded(kind), *arguments(5, 3, 4, 3, 1, True, True, False), lengths=torch.tensor([3, 5, 1]))
        add(name, padded(kind), *arguments(4, 3, 2, 3, 2, False, True, True), lengths=torch.tensor([4, 2, 3]))
        if name == "lstm":
            add(name, kind, *arguments(3, 2, 4, 5, 2, True, True, False, 3))
            add(name, padded(kind), *arguments(4, 2, 3, 4, 1, True, True, False, 2), lengths=torch.tensor([2, 4]))
        cell = getattr(torch, f"{name}_cell")
        for batch in [(3,), (1,)]:
            x, h = normal(*batch, 4), normal(*batch, 5)
            hx = [h, normal(*batch, 5)] if name == "lstm" else h
            weights = [normal(gates * 5, 4), normal(gates * 5, 5)]
            add(f"{name}_cell", cell, x, hx, *weights, normal(gates * 5), normal(gates * 5))
            add(f"{name}_cell", cell, x, hx, *weights)


def ctc():
    name = "nn.functional.ctc_loss"

    def log_probabilities(*shape):
        return normal(*shape, grad=False).double().log_softmax(-1).float().requires_grad_()

    inputs, targets = torch.tensor([7, 5, 6]), torch.tensor([3, 2, 0])
    padded_targets = torch.tensor([[1, 1, 3], [2, 4, 4], [1, 2, 3]])
    for reduction in ["none", "mean", "sum"]:
        add(name, F.ctc_loss, log_probabilities(7, 3, 5), padded_targets, inputs, targets, reduction=reduction)
    add(name, F.ctc_loss, log_probabilities(7, 3, 5), torch.tensor([1, 1, 3, 2, 4]), inputs, targets)
    add(name, F.ctc_loss, log_probabilities(7, 3, 5), torch.tensor([1, 1, 3, 2, 0]), inputs, targets, blank=4)
    short = torch.tensor([3, 5, 0])  # the first is too short for its repeated class
    add(name, F.ctc_loss, log_probabilities(7, 3, 5), padded_targets, short, targets, reduction="none", zero_infinity=True)
    add(name, F.ctc_loss, log_probabilities(6, 5), torch.tensor([1, 2, 2]), torch.tensor(6), torch.tensor(3), reduction="sum")
    add(name, F.ctc_loss, log_probabilities(30, 2, 4), integers(4, 2, 12, low=1), torch.tensor([30, 28]), torch.tensor([10, 12]))


def attention():
    name = "nn.functional.scaled_dot_product_attention"
    sdpa = F.scaled_dot_product_attention

    def qkv(lead=(2, 3), rows=5, positions=7, width=4, value_width=6, groups=None):
        other = (*lead[:-1], groups) if groups else lead
        return normal(*lead, rows, width), normal(*other, positions, width), normal(*other, positions, value_width)

    add(name, sdpa, *qkv(), attn_mask=integers(2, 5, 7).bool() | torch.eye(5, 7).bool())
    hidden = torch.ones(2, 1, 5, 7, dtype=torch.bool)
    hidden[1, 0, 2] = False
    hidden[0, 0, 4, 3:] = False
    add(name, sdpa, *qkv(), attn_mask=hidden)
    add(name, sdpa, *qkv(), attn_mask=normal(2, 1, 1, 7))
    add(name, sdpa, *qkv(), scale=0.3)
    add(name, sdpa, *qkv(lead=(2, 4), groups=2), enable_gqa=True, is_causal=True)
    add(name, sdpa, *qkv(lead=(2, 4), groups=1), enable_gqa=True)
    add(name, sdpa, *qkv(lead=()))
    add(name, sdpa, *qkv(lead=(2, 1, 2)), attn_mask=normal(2, 1, 1, 5, 7))
    add(name, sdpa, *qkv(lead=(1, 1), rows=70, positions=131, width=5, value_width=3))
    add(name, sdpa, *qkv(lead=(1, 1), rows=131, positions=70, width=5, value_width=3), is_causal=True)
    add(name, sdpa, *qkv(lead=(1, 1), rows=70, positions=131, width=3, value_width=17), is_causal=True)

    name = "nn.functional.multi_head_attention_forward"
    rows, positions, batch, size, heads = 3, 4, 2, 6, 2

    def call(extra=False, single=False, separate=False, **kwargs):
        lead = () if single else (batch,)
        q, k, v = normal(rows, *lead, size), normal(positions, *lead, size), normal(positions, *lead, size)
        if separate:
            k, v = normal(positions, *lead, 5), normal(positions, *lead, 4)
            kwargs |= {
                "use_separate_proj_weight": True,
                "q_proj_weight": normal(size, size),
                "k_proj_weight": normal(size, 5),
                "v_proj_weight": normal(size, 4),
            }
        biases = [normal(1, 1, size), normal(1, 1, size)] if extra else [None, None]
        weight = None if separate else normal(3 * size, size)
        add(name, multi_head, q, k, v, size, heads, weight, normal(3 * size), *biases, extra, 0.0, normal(size, size), normal(size), **kwargs)

    def multi_head(*args, **kwargs):
        output, weights = F.multi_head_attention_forward(*args, **kwargs)
        return output if weights is None else (output, weights)

    padding = torch.tensor([[False, False, True, True], [False, True, False, False]])
    call()
    call(extra=True, key_padding_mask=padding, attn_mask=normal(rows, positions))
    call(key_padding_mask=padding, need_weights=False)
    call(attn_mask=torch.tensor([[False, True, False, True]] * rows), average_attn_weights=False)
    call(attn_mask=normal(batch * heads, rows, positions), need_weights=False)
    call(single=True)
    call(separate=True)
    call(static_k=normal(batch * heads, 5, size // heads), static_v=normal(batch * heads, 5, size // heads))


def losses():
    def loss(name, *args, **kwargs):
        add(f"nn.functional.{name}", getattr(F, name), *args, **kwargs)

    weight = uniform(4, low=0.5, high=2, grad=False)
    target = torch.tensor([[0, 3, 1], [2, 2, 1]])
    probabilities = uniform(2, 4, 3)
    for reduction in ["none", "mean", "sum"]:
        loss("cross_entropy", normal(2, 4, 3), probabilities, reduction=reduction, label_smoothing=0.2, weight=weight)
        loss("cross_entropy", normal(2, 4, 3), target, reduction=reduction, label_smoothing=0.3, weight=weight, ignore_index=2)
        loss("cross_entropy", normal(2, 4, 3), target, reduction=reduction, label_smoothing=0.3)
        loss("cross_entropy", normal(4), torch.tensor(3), reduction=reduction, weight=weight)
        loss("cross_entropy", normal(4), uniform(4), reduction=reduction)
        loss("nll_loss", normal(4), torch.tensor(1), reduction=reduction, weight=weight)
        loss("kl_div", normal(3, 4), uniform(3, 4), reduction=reduction)
        x, y, z = normal(3, 4), normal(3, 4), normal(3, 4)
        loss("triplet_margin_with_distance_loss", x, y, z, swap=True, reduction=reduction)
        loss("triplet_margin_loss", x, y, z, swap=True, p=1.0, reduction=reduction)
        loss("triplet_margin_loss", x, y, z, p=3.0, margin=2.0, reduction=reduction)
        loss("multilabel_margin_loss", normal(2, 5), torch.tensor([[1, 3, -1, 0, 2], [4, 1, 2, 0, 3]]), reduction=reduction)
        loss("multi_margin_loss", normal(3, 4), torch.tensor([1, 0, 3]), p=2, margin=0.7, weight=weight, reduction=reduction)
        loss("mse_loss", normal(3, 4), normal(3, 4), weight=uniform(3, 4, grad=False), reduction=reduction)
        loss("huber_loss", normal(3, 4), normal(3, 4), weight=uniform(3, 4, grad=False), delta=0.4, reduction=reduction)
        loss("soft_margin_loss", normal(3, 4), torch.ones(3, 4), reduction=reduction)
        loss("margin_ranking_loss", normal(3, 4), normal(3, 4), torch.tensor([[1.0], [-1.0], [1.0]]), margin=0.3, reduction=reduction)
    loss("kl_div", normal(3, 4), uniform(3, 4), reduction="batchmean")
    loss("multilabel_soft_margin_loss", normal(3, 4), integers(2, 3, 4).float(), weight=weight)
    loss("binary_cross_entropy", torch.tensor([0.0, 1.0, 0.0, 1.0, 0.25], requires_grad=True), torch.tensor([0.0, 1.0, 1.0, 0.0, 0.5]))
    loss("smooth_l1_loss", normal(3, 4), normal(3, 4), beta=0.0)
    loss("gaussian_nll_loss", normal(3, 4), normal(3, 4), uniform(3, 1, low=0.1), full=True)
    loss("gaussian_nll_loss", normal(3, 4), normal(3, 4), 0.7)


def main():
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    for make in (recurrent, ctc, attention, losses):
        make()
    index = {"torch": torch.__version__, "cotangent": COTANGENT, "ops": {}}
    with tempfile.TemporaryDirectory() as folder:
        for name, calls in variants.items():
            cases, tensors = [], {}
            for number, call in enumerate(calls):
                case = Case(number, 20000)
                cases.append(case.run(call.function, call))
                tensors.update(case.tensors)
            save_file(tensors, Path(folder) / f"{name}.safetensors")
            index["ops"][name] = {"op": name, "file": f"{name}.safetensors", "cases": cases}
        (Path(folder) / "index.json").write_text(json.dumps(index, indent=0))
        archive = FOLDER / "sequence.tar.xz"
        options = ["--sort=name", "--owner=0", "--group=0", "--mtime=2020-01-01", "--transform=s,^\\.,sequence,"]
        subprocess.run(["tar", "-cJf", archive, *options, "-C", folder, "."], check=True)
    print(f"{len(index['ops'])} variants, {sum(len(e['cases']) for e in index['ops'].values())} cases, {archive.stat().st_size} bytes")


if __name__ == "__main__":
    main()
