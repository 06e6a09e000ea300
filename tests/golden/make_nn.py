#!/usr/bin/env python3
"""Writes layers.json and losses.json: values and gradients of layers and losses, as PyTorch computes them in float64.

usage: python make_nn.py      (needs PyTorch; the results are committed, so tests do not)
"""

import torch
import torch.nn.functional as F
from reference import Inputs, pack, save
from torch import nn
from torch.nn.utils.parametrizations import spectral_norm, weight_norm

inputs = Inputs(2)


class Shaped(nn.Module):
    """A function as a module without parameters."""

    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, x):
        return self.function(x)


def layer_case(config, module, shape, training=True, scale=1.0, ours=lambda name: name):
    module = module.double()
    x = inputs.normal(*shape, scale=scale).requires_grad_()
    state = {}
    for name, value in module.state_dict().items():
        if name == "num_batches_tracked":
            continue
        fresh = inputs.normal(*value.shape, scale=0.5)
        if name == "running_var":
            fresh = fresh.abs() + 0.5
        value.copy_(fresh)
        state[ours(name)] = pack(value)
    module.train(training)
    y = module(x)
    seed = inputs.normal(*y.shape)
    y.backward(seed)
    after = {ours(name): pack(value) for name, value in module.named_buffers() if name != "num_batches_tracked"}
    return {
        "layer": config,
        "training": training,
        "input": pack(x),
        "variables": state,
        "output": pack(y),
        "output_grad": pack(seed),
        "input_grad": pack(x.grad),
        "grads": {ours(name): pack(p.grad) for name, p in module.named_parameters()},
        "buffers": after,
    }


def activation(name, function, options=None):
    return layer_case({name: options or {}}, Shaped(function), (4, 9), scale=3.0)


# PyTorch's own gradient uses float32 constants and is wrong by 1e-8 in float64, so it is composed.
def celu(x, alpha=0.7):
    return torch.where(x > 0, x, alpha * torch.expm1(x / alpha))


def layers():
    image, line, flat = (2, 4, 7, 6), (2, 4, 11), (5, 6)
    cases = [
        layer_case({"linear": {"out": 3}}, nn.Linear(6, 3), flat),
        layer_case({"linear": {"out": 3, "bias": False}}, nn.Linear(6, 3, bias=False), (2, 4, 6)),
        layer_case({"conv1d": {"out": 3, "kernel": 3}}, nn.Conv1d(4, 3, 3), line),
        layer_case({"conv1d": {"out": 6, "kernel": 4, "stride": 2, "padding": 2, "dilation": 2, "groups": 2, "bias": False}},
                   nn.Conv1d(4, 6, 4, 2, 2, 2, 2, False), line),
        layer_case({"conv1d": {"out": 2, "kernel": 4, "padding": "same"}}, nn.Conv1d(4, 2, 4, padding="same"), line),
        layer_case({"conv2d": {"out": 3, "kernel": 3}}, nn.Conv2d(4, 3, 3), image),
        layer_case({"conv2d": {"out": 3, "kernel": 3, "padding": 1, "stride": 2}}, nn.Conv2d(4, 3, 3, 2, 1), image),
        layer_case({"conv2d": {"out": 6, "kernel": [3, 2], "stride": [2, 1], "padding": [1, 2], "dilation": [1, 2], "groups": 2}},
                   nn.Conv2d(4, 6, (3, 2), (2, 1), (1, 2), (1, 2), 2), image),
        layer_case({"conv2d": {"out": 4, "kernel": 3, "groups": 4, "padding": "valid"}}, nn.Conv2d(4, 4, 3, groups=4), image),
        layer_case({"conv2d": {"out": 2, "kernel": [2, 3], "dilation": 2, "padding": "same"}},
                   nn.Conv2d(4, 2, (2, 3), dilation=2, padding="same"), image),
        layer_case({"max_pool1d": {"kernel": 3}}, nn.MaxPool1d(3), line),
        layer_case({"max_pool1d": {"kernel": 3, "stride": 2, "padding": 1, "dilation": 2, "ceil_mode": True}},
                   nn.MaxPool1d(3, 2, 1, 2, ceil_mode=True), line),
        layer_case({"max_pool2d": {"kernel": 2}}, nn.MaxPool2d(2), image),
        layer_case({"max_pool2d": {"kernel": [3, 2], "stride": [2, 2], "padding": [1, 0], "ceil_mode": True}},
                   nn.MaxPool2d((3, 2), (2, 2), (1, 0), ceil_mode=True), image),
        layer_case({"avg_pool1d": {"kernel": 3, "stride": 2, "padding": 1}}, nn.AvgPool1d(3, 2, 1), line),
        layer_case({"avg_pool2d": {"kernel": 2}}, nn.AvgPool2d(2), image),
        layer_case({"avg_pool2d": {"kernel": 3, "stride": 2, "padding": 1, "ceil_mode": True, "count_include_pad": False}},
                   nn.AvgPool2d(3, 2, 1, ceil_mode=True, count_include_pad=False), image),
        layer_case({"avg_pool2d": {"kernel": 3, "stride": 2, "padding": 1, "ceil_mode": True}},
                   nn.AvgPool2d(3, 2, 1, ceil_mode=True), image),
        layer_case({"adaptive_avg_pool1d": {"output": 4}}, nn.AdaptiveAvgPool1d(4), line),
        layer_case({"adaptive_avg_pool2d": {"output": [3, 4]}}, nn.AdaptiveAvgPool2d((3, 4)), image),
        layer_case({"adaptive_avg_pool2d": {"output": 1}}, nn.AdaptiveAvgPool2d(1), image),
        layer_case({"adaptive_max_pool1d": {"output": 4}}, nn.AdaptiveMaxPool1d(4), line),
        layer_case({"adaptive_max_pool2d": {"output": [2, 5]}}, nn.AdaptiveMaxPool2d((2, 5)), image),
        layer_case({"global_avg_pool": {}}, Shaped(lambda x: x.mean((2, 3))), image),
        layer_case({"batch_norm": {}}, nn.BatchNorm1d(6), flat),
        layer_case({"batch_norm": {"momentum": 0.3, "eps": 1e-2}}, nn.BatchNorm1d(4, 1e-2, 0.3), line),
        layer_case({"batch_norm": {}}, nn.BatchNorm2d(4), image),
        layer_case({"batch_norm": {}}, nn.BatchNorm2d(4), image, training=False),
        layer_case({"batch_norm": {"affine": False}}, nn.BatchNorm2d(4, affine=False), image),
        layer_case({"batch_norm": {"track_running_stats": False}}, nn.BatchNorm2d(4, track_running_stats=False), image, training=False),
        layer_case({"layer_norm": {}}, nn.LayerNorm(6), flat),
        layer_case({"layer_norm": {"dims": 2, "eps": 1e-2}}, nn.LayerNorm((7, 6), 1e-2), image),
        layer_case({"layer_norm": {"bias": False}}, nn.LayerNorm(6, bias=False), flat),
        layer_case({"layer_norm": {"affine": False}}, nn.LayerNorm(6, elementwise_affine=False), flat),
        layer_case({"group_norm": {"groups": 2}}, nn.GroupNorm(2, 4), image),
        layer_case({"group_norm": {"groups": 4, "affine": False, "eps": 1e-3}}, nn.GroupNorm(4, 4, 1e-3, affine=False), line),
        layer_case({"dropout": {"p": 0.7}}, nn.Dropout(0.7), flat, training=False),
        layer_case({"identity": {}}, nn.Identity(), flat),
        layer_case({"flatten": {}}, nn.Flatten(), image),
        layer_case({"flatten": {"start": 2, "end": 3}}, nn.Flatten(2, 3), image),
        layer_case({"reshape": {"shape": [6, -1]}}, nn.Unflatten(1, (6, 7)), (2, 42)),
        layer_case({"permute": {"order": [0, 2, 3, 1]}}, Shaped(lambda x: x.permute(0, 2, 3, 1)), image),
        layer_case({"squeeze": {}}, Shaped(lambda x: x.squeeze(-1)), (3, 4, 1)),
        layer_case({"unsqueeze": {"dim": 1}}, Shaped(lambda x: x.unsqueeze(1)), flat),
        activation("relu", F.relu),
        activation("relu6", F.relu6),
        activation("leaky_relu", lambda x: F.leaky_relu(x)),
        activation("leaky_relu", lambda x: F.leaky_relu(x, 0.2), {"slope": 0.2}),
        activation("elu", lambda x: F.elu(x, 0.7), {"alpha": 0.7}),
        activation("selu", F.selu),
        activation("celu", celu, {"alpha": 0.7}),
        activation("gelu", F.gelu),
        activation("gelu", lambda x: F.gelu(x, approximate="tanh"), {"approximate": "tanh"}),
        activation("silu", F.silu),
        activation("mish", F.mish),
        activation("tanh", torch.tanh),
        activation("sigmoid", torch.sigmoid),
        activation("logsigmoid", F.logsigmoid),
        activation("softplus", F.softplus),
        activation("softplus", lambda x: F.softplus(x, 2.0, 5.0), {"beta": 2.0, "threshold": 5.0}),
        activation("softsign", F.softsign),
        activation("hardtanh", F.hardtanh),
        activation("hardtanh", lambda x: F.hardtanh(x, -2.0, 0.5), {"min": -2.0, "max": 0.5}),
        activation("hardswish", F.hardswish),
        activation("hardsigmoid", F.hardsigmoid),
        activation("softmax", lambda x: x.softmax(-1)),
        layer_case({"softmax": {"dim": 1}}, Shaped(lambda x: x.softmax(1)), line),
        activation("log_softmax", lambda x: x.log_softmax(-1)),
    ]
    weight_names = {"parametrizations.weight.original0": "weight_g", "parametrizations.weight.original1": "weight_v"}
    spectral_names = {"parametrizations.weight.original": "weight", "parametrizations.weight.0._u": "weight_u",
                      "parametrizations.weight.0._v": "weight_v"}
    weight = {"shape": flat, "ours": lambda n: weight_names.get(n, n)}
    spectral = {"ours": lambda n: spectral_names.get(n, n)}
    tracked = {"affine": True, "track_running_stats": True}
    cases += [
        layer_case({"instance_norm": tracked}, nn.InstanceNorm2d(4, **tracked), image),
        layer_case({"instance_norm": tracked}, nn.InstanceNorm2d(4, **tracked), image, training=False),
        layer_case({"linear": {"out": 3, "parametrization": "weight_norm"}}, weight_norm(nn.Linear(6, 3)), **weight),
        layer_case({"conv1d": {"out": 3, "kernel": 2, "parametrization": "weight_norm"}}, weight_norm(nn.Conv1d(4, 3, 2)),
                   **weight | {"shape": line}),
        layer_case({"linear": {"out": 3, "parametrization": "spectral_norm"}}, spectral_norm(nn.Linear(6, 3)), flat, **spectral),
        layer_case({"conv2d": {"out": 3, "kernel": 2, "parametrization": "spectral_norm"}}, spectral_norm(nn.Conv2d(4, 3, 2)), image,
                   **spectral),
        layer_case({"linear": {"out": 3, "parametrization": "spectral_norm"}}, spectral_norm(nn.Linear(6, 3)), flat, False, **spectral),
    ]
    save("layers.json", {"cases": cases})


def loss_case(config, function, prediction, target):
    prediction.requires_grad_()
    value = function(prediction, target)
    value.backward()
    return {"loss": config, "prediction": pack(prediction), "target": pack(target), "mean": value.item(), "grad": pack(prediction.grad)}


def losses():
    def scores(*shape):
        return inputs.normal(*shape, scale=2.0)

    weight = [0.5, 2.0, 1.0, 0.25]
    w = torch.tensor(weight).double()
    ignored = torch.tensor([0, -100, 3, 1, -100, 2])
    ones = torch.tensor([0, 1, 3, 1, 1, 2])
    probabilities = torch.rand(5, 3, generator=inputs.generator).double().mul(256).round() / 256
    cases = [
        loss_case({"cross_entropy": {}}, F.cross_entropy, scores(6, 4), inputs.classes(4, 6)),
        loss_case({"cross_entropy": {"label_smoothing": 0.1}}, lambda x, t: F.cross_entropy(x, t, label_smoothing=0.1),
                  scores(6, 4), inputs.classes(4, 6)),
        loss_case({"cross_entropy": {"weight": weight}}, lambda x, t: F.cross_entropy(x, t, w), scores(6, 4), inputs.classes(4, 6)),
        loss_case({"cross_entropy": {}}, F.cross_entropy, scores(6, 4), ignored),
        loss_case({"cross_entropy": {"ignore_index": 1}}, lambda x, t: F.cross_entropy(x, t, ignore_index=1), scores(6, 4), ones),
        loss_case({"cross_entropy": {"weight": weight, "label_smoothing": 0.2}},
                  lambda x, t: F.cross_entropy(x, t, w, label_smoothing=0.2), scores(6, 4), ignored),
        loss_case({"cross_entropy": {}}, F.cross_entropy, scores(2, 4, 3, 5), inputs.classes(4, 2, 3, 5)),
        loss_case({"cross_entropy": {"weight": weight, "label_smoothing": 0.3}},
                  lambda x, t: F.cross_entropy(x, t, w, label_smoothing=0.3), scores(2, 4, 3), inputs.classes(4, 2, 3)),
        loss_case({"nll": {}}, F.nll_loss, scores(6, 4), inputs.classes(4, 6)),
        loss_case({"nll": {"weight": weight, "ignore_index": 1}}, lambda x, t: F.nll_loss(x, t, w, ignore_index=1),
                  scores(6, 4), ones),
        loss_case({"mse": {}}, F.mse_loss, scores(5, 3), scores(5, 3)),
        loss_case({"l1": {}}, F.l1_loss, scores(5, 3), scores(5, 3)),
        loss_case({"huber": {}}, F.huber_loss, scores(5, 3), scores(5, 3)),
        loss_case({"huber": {"delta": 0.3}}, lambda x, t: F.huber_loss(x, t, delta=0.3), scores(7), scores(7)),
        loss_case({"smooth_l1": {}}, F.smooth_l1_loss, scores(5, 3), scores(5, 3)),
        loss_case({"smooth_l1": {"beta": 0.3}}, lambda x, t: F.smooth_l1_loss(x, t, beta=0.3), scores(5, 3), scores(5, 3)),
        loss_case({"smooth_l1": {"beta": 0}}, lambda x, t: F.smooth_l1_loss(x, t, beta=0.0), scores(5, 3), scores(5, 3)),
        loss_case({"bce_with_logits": {}}, F.binary_cross_entropy_with_logits, scores(5, 3), probabilities),
        loss_case({"bce_with_logits": {"pos_weight": 3.0}},
                  lambda x, t: F.binary_cross_entropy_with_logits(x, t, pos_weight=torch.tensor([3.0]).double()), scores(5, 3), probabilities),
        loss_case({"bce_with_logits": {"pos_weight": [0.5, 2.0, 4.0]}},
                  lambda x, t: F.binary_cross_entropy_with_logits(x, t, pos_weight=torch.tensor([0.5, 2.0, 4.0]).double()),
                  scores(5, 3), probabilities),
    ]
    save("losses.json", {"cases": cases})


layers()
losses()
