#!/usr/bin/env python3
"""Writes layers_space.json and layers_parts.json: layers of images and sound, and those that rearrange or join, by PyTorch.

usage: python make_layers_space.py      (needs PyTorch and torchvision; the results are committed, so tests do not)
"""

import math

import torch
import torch.nn.functional as F
from layer_cases import case, of_module, rows, seed
from reference import save
from torch import nn


def simple(config, function, *inputs, training=True):
    return case(config, lambda p, *xs: function(*xs), list(inputs), training=training)


def mel_filters(bins, low, high, mels, rate, slaney):
    """torchaudio's melscale_fbanks, written down again."""

    def to_mel(f):
        if not slaney:
            return 2595 * math.log10(1 + f / 700)
        return 15 + math.log(f / 1000) / (math.log(6.4) / 27) if f >= 1000 else f * 3 / 200

    def to_hertz(m):
        if not slaney:
            return 700 * (10 ** (m / 2595) - 1)
        return 1000 * math.exp((math.log(6.4) / 27) * (m - 15)) if m >= 15 else m * 200 / 3

    edges = torch.tensor([to_hertz(m) for m in torch.linspace(to_mel(low), to_mel(high), mels + 2, dtype=torch.float64).tolist()], dtype=torch.float64)
    f = torch.linspace(0, rate // 2, bins, dtype=torch.float64)
    width = edges.diff()
    slopes = edges[None] - f[:, None]
    w = torch.clamp(torch.minimum(-slopes[:, :-2] / width[:-1], slopes[:, 2:] / width[1:]), min=0)
    return (w * (2 / (edges[2:] - edges[:-2])) if slaney else w).T


def power(x, n, hop, win=None, p=2, window=torch.hann_window, normalized=False, center=True):
    win = win or n
    w = window(win, dtype=torch.float64)
    z = torch.stft(x, n, hop, win, w, center=center, return_complex=True)
    if normalized:
        z = z / w.square().sum().sqrt()
    return z.abs() if p == 1 else z.abs().square()


def space():
    line, image, volume = rows(2, 4, 9), rows(2, 4, 6, 5), rows(1, 2, 4, 5, 3)
    pooled, where = F.max_pool2d(image, 2, return_indices=True)
    pooled1, where1 = F.max_pool1d(line, 2, return_indices=True)
    pooled3, where3 = F.max_pool3d(volume, 2, return_indices=True)
    lengths = torch.tensor([9, 3])
    steps = rows(2, 9, 4)
    inside = (torch.arange(9) < lengths[:, None])[:, :, None]
    theta = torch.tensor([[[0.75, 0.25, 0.0], [-0.25, 1.0, 0.5]]]).double().repeat(2, 1, 1)
    sound = rows(2, 160)
    layers = [
        of_module({"conv3d": {"out": 3, "kernel": 2}}, nn.Conv3d(2, 3, 2), [volume]),
        of_module({"conv3d": {"out": 4, "kernel": [3, 1, 2], "stride": [1, 2, 1], "padding": [1, 0, 1], "groups": 2, "bias": False}},
                  nn.Conv3d(2, 4, (3, 1, 2), (1, 2, 1), (1, 0, 1), groups=2, bias=False), [volume]),
        of_module({"conv_transpose1d": {"out": 3, "kernel": 3, "stride": 2, "padding": 1, "output_padding": 1}},
                  nn.ConvTranspose1d(4, 3, 3, 2, 1, 1), [line]),
        of_module({"conv_transpose2d": {"out": 3, "kernel": 2, "stride": 2}}, nn.ConvTranspose2d(4, 3, 2, 2), [image]),
        of_module({"conv_transpose2d": {"out": 4, "kernel": [3, 2], "dilation": 2, "groups": 2, "bias": False}},
                  nn.ConvTranspose2d(4, 4, (3, 2), dilation=2, groups=2, bias=False), [image]),
        of_module({"conv_transpose3d": {"out": 2, "kernel": 2, "stride": [1, 2, 1]}}, nn.ConvTranspose3d(2, 2, 2, (1, 2, 1)), [volume]),
        of_module({"patch_embedding": {"dim": 5, "patch": [3, 5]}}, nn.Conv2d(4, 5, (3, 5), (3, 5)), [image],
                  lambda call, x: call(x).flatten(2).transpose(1, 2), lambda n: "proj." + n),
        simple({"max_pool3d": 2}, lambda x: F.max_pool3d(x, 2), volume),
        simple({"max_pool2d": {"kernel": 2, "return_indices": True}}, lambda x: F.max_pool2d(x, 2, return_indices=True), image),
        simple({"avg_pool3d": {"kernel": [2, 3, 1], "stride": 1}}, lambda x: F.avg_pool3d(x, (2, 3, 1), 1), volume),
        simple({"adaptive_avg_pool3d": [2, 3, 1]}, lambda x: F.adaptive_avg_pool3d(x, (2, 3, 1)), volume),
        simple({"adaptive_max_pool3d": 2}, lambda x: F.adaptive_max_pool3d(x, 2), volume),
        simple({"lp_pool1d": {"kernel": 3, "p": 3}}, lambda x: F.lp_pool1d(x, 3, 3), line.abs() + 0.5),
        simple({"lp_pool2d": {"kernel": 2, "stride": 1}}, lambda x: F.lp_pool2d(x, 2, 2, 1), image.abs() + 0.5),
        simple({"lp_pool3d": 2}, lambda x: F.lp_pool3d(x, 2, 2), volume.abs() + 0.5),
        simple({"max_unpool1d": {"kernel": 2, "output": 9}}, lambda x, i: F.max_unpool1d(x, i, 2, output_size=(9,)), pooled1, where1),
        simple({"max_unpool2d": {"kernel": 2, "output": [6, 5]}}, lambda x, i: F.max_unpool2d(x, i, 2, output_size=(6, 5)), pooled, where),
        simple({"max_unpool3d": {"kernel": 2, "output": [4, 5, 3]}}, lambda x, i: F.max_unpool3d(x, i, 2, output_size=(4, 5, 3)), pooled3, where3),
        simple({"global_max_pool": {}}, lambda x: x.amax((2, 3)), image),
        simple({"sequence_pool": {}}, lambda x, n: (x * inside).sum(1) / lengths[:, None], steps, lengths),
        simple({"sequence_pool": "sum"}, lambda x, n: (x * inside).sum(1), steps, lengths),
        simple({"sequence_pool": "max"}, lambda x, n: x.masked_fill(~inside, -1e9).amax(1), steps, lengths),
        simple({"sequence_pool": "last"}, lambda x, n: torch.stack([x[0, 8], x[1, 2]]), steps, lengths),
        simple({"sequence_pool": "mean"}, lambda x: x.mean(1), steps),
        simple({"sequence_pool": "first"}, lambda x: x[:, 0], steps),
        of_module({"instance_norm": {}}, nn.InstanceNorm2d(4), [image]),
        of_module({"instance_norm": {"affine": True, "eps": 1e-2}}, nn.InstanceNorm1d(4, 1e-2, affine=True), [line]),
        of_module({"rms_norm": {"eps": 1e-5}}, nn.RMSNorm(5, eps=1e-5), [image]),
        of_module({"rms_norm": {}}, nn.RMSNorm(5, eps=torch.finfo(torch.float64).eps), [image]),
        of_module({"rms_norm": {"dims": 2, "eps": 1e-3, "affine": False}}, nn.RMSNorm((6, 5), 1e-3, False), [image]),
        of_module({"local_response_norm": {"size": 3, "alpha": 0.5}}, nn.LocalResponseNorm(3, 0.5), [image]),
        simple({"pad": 1}, lambda x: F.pad(x, (1, 1, 1, 1)), image),
        simple({"pad": {"padding": [1, -1, 0, 2], "value": 0.5}}, lambda x: F.pad(x, (1, -1, 0, 2), value=0.5), image),
        simple({"pad": {"padding": 2, "mode": "reflect"}}, lambda x: F.pad(x, (2, 2), mode="reflect"), line),
        simple({"pad": {"padding": [1, 2, 0, 1], "mode": "replicate"}}, lambda x: F.pad(x, (1, 2, 0, 1), mode="replicate"), image),
        simple({"pad": {"padding": [1, 2], "mode": "circular"}}, lambda x: F.pad(x, (1, 2), mode="circular"), line),
        simple({"upsample": 2}, lambda x: F.interpolate(x, scale_factor=2.0), image),
        simple({"upsample": {"size": [9, 4], "mode": "bilinear"}}, lambda x: F.interpolate(x, (9, 4), mode="bilinear"), image),
        simple({"upsample": {"scale": 1.5, "mode": "linear", "align_corners": True}},
               lambda x: F.interpolate(x, scale_factor=1.5, mode="linear", align_corners=True), line),
        simple({"upsample": {"scale": [1.5, 2.0], "mode": "bicubic"}}, lambda x: F.interpolate(x, scale_factor=(1.5, 2.0), mode="bicubic"), image),
        simple({"upsample": {"size": [3, 2], "mode": "bilinear", "antialias": True}},
               lambda x: F.interpolate(x, (3, 2), mode="bilinear", antialias=True), image),
        simple({"upsample": {"size": 3, "mode": "area"}}, lambda x: F.interpolate(x, 3, mode="area"), image),
        simple({"upsample": {"mode": "trilinear"}}, lambda x, y: F.interpolate(x, y.shape[2:], mode="trilinear"), volume, rows(1, 1, 5, 4, 3))
        | {"input_grads": None},
        simple({"pixel_shuffle": 2}, lambda x: F.pixel_shuffle(x, 2), image),
        simple({"pixel_unshuffle": 2}, lambda x: F.pixel_unshuffle(x, 2), rows(1, 2, 4, 6)),
        simple({"channel_shuffle": 2}, lambda x: F.channel_shuffle(x, 2), image),
        simple({"unfold": {"kernel": [2, 3], "padding": 1, "stride": 2}}, lambda x: F.unfold(x, (2, 3), 1, 1, 2), image),
        simple({"fold": {"output": [4, 5], "kernel": 2}}, lambda x: F.fold(x, (4, 5), 2), rows(2, 8, 12)),
        simple({"grid_sample": {}}, lambda x, g: F.grid_sample(x, g, align_corners=False), image, rows(2, 3, 3, 2, scale=0.5)),
        simple({"grid_sample": {"mode": "bicubic", "padding": "border", "align_corners": True}},
               lambda x, g: F.grid_sample(x, g, "bicubic", "border", True), image, rows(2, 3, 3, 2, scale=0.5)),
        simple({"affine_grid": {}}, lambda t, x: F.affine_grid(t, x.shape, align_corners=False), theta, torch.zeros(2, 1, 3, 4, dtype=torch.int64)),
        simple({"affine_grid": True}, lambda t, x: F.affine_grid(t.view(2, 2, 3), x.shape, align_corners=True), theta.flatten(1),
               torch.zeros(2, 1, 3, 4, dtype=torch.int64)),
        simple({"stft": {"n_fft": 16, "hop_length": 8}},
               lambda x: torch.view_as_real(torch.stft(x, 16, 8, window=torch.hann_window(16, dtype=torch.float64), return_complex=True)).unbind(-1), sound),
        simple({"spectrogram": {"n_fft": 32, "hop_length": 16}}, lambda x: power(x, 32, 16), sound),
        simple({"spectrogram": {"n_fft": 32, "win_length": 20, "power": 1, "window": "hamming", "normalized": True, "center": False}},
               lambda x: power(x, 32, 10, 20, 1, torch.hamming_window, True, False), sound),
        simple({"spectrogram": {"n_fft": 32, "log": True}}, lambda x: (power(x[:, 0], 32, 16) + 1e-6).log(), sound[:, None]),
        simple({"mel_spectrogram": {"n_mels": 6, "n_fft": 64, "sample_rate": 8000}},
               lambda x: mel_filters(33, 0, 4000, 6, 8000, False) @ power(x, 64, 32), sound),
        simple({"mel_spectrogram": {"n_mels": 5, "n_fft": 64, "sample_rate": 8000, "f_min": 100, "f_max": 3000, "mel_scale": "slaney", "norm": "slaney"}},
               lambda x: mel_filters(33, 100, 3000, 5, 8000, True) @ power(x, 64, 32), sound),
    ]
    for c in layers:
        if c["input_grads"] is None:
            c["input_grads"] = [None, None]
    save("layers_space.json", {"cases": layers})


def parts():
    x, y, z = rows(3, 4, 5), rows(3, 4, 5), rows(3, 4, 5)
    flat, index = rows(4, 6), torch.tensor([[0, 5, 0], [2, 2, 1], [3, 4, 5], [1, 0, 0]])
    mask = torch.tensor([[1, 0, 0, 1, 0]])
    image = rows(2, 3, 5, 6)
    exact = lambda f: lambda t: t + (f(t) - t).detach()
    layers = [
        simple({"unflatten": {"sizes": [2, -1]}}, lambda t: t.unflatten(1, (2, -1)), x),
        simple({"transpose": {}}, lambda t: t.transpose(1, 2), x),
        simple({"transpose": {"dim0": 0, "dim1": -1}}, lambda t: t.transpose(0, -1), x),
        simple({"select": 0}, lambda t: t[:, 0], x),
        simple({"select": {"index": -2, "dim": 2}}, lambda t: t[:, :, -2], x),
        simple({"slice": {"start": 1, "end": -1}}, lambda t: t[:, 1:-1], x),
        simple({"slice": {"dim": 2, "step": 2}}, lambda t: t[:, :, ::2], x),
        simple({"split": {"sizes": [1, 3]}}, lambda t: t.split([1, 3], 1), x),
        simple({"split": {"sizes": 2, "dim": -1}}, lambda t: t.split(2, -1), x),
        simple({"chunk": {"count": 2, "dim": 1}}, lambda t: t.chunk(2, 1), x),
        simple({"gather": {}}, lambda t, i: t.gather(1, i), flat, index),
        simple({"index_select": {}}, lambda t, i: t[i], flat, torch.tensor([2, 0, 2])),
        simple({"topk": {"k": 2}}, lambda t: t.topk(2), x),
        simple({"topk": {"k": 1, "dim": 1, "largest": False}}, lambda t: t.topk(1, 1, False), x),
        simple({"expand": [-1, 2, 4]}, lambda t: t.expand(-1, 2, 4), rows(3, 1, 4)),
        simple({"tile": [1, 2, 1]}, lambda t: t.repeat(1, 2, 1), x),
        simple({"flip": [1, 2]}, lambda t: t.flip(1, 2), x),
        simple({"roll": {"shifts": [1, -2], "dims": [1, 2]}}, lambda t: t.roll((1, -2), (1, 2)), x),
        case({"class_token": {}}, lambda p, t: torch.cat([p["weight"].expand(3, -1, -1), t], 1), [x], {"weight": (1, 1, 5)}),
        simple({"center_crop": [3, 2]}, lambda t: t[:, :, 1:4, 2:4], image),
        simple({"center_crop": {}}, lambda t, u: t[:, :, 0:4, 1:4], image, torch.zeros(1, 1, 4, 3, dtype=torch.int64)),
        simple({"mean": 1}, lambda t: t.mean(1), x),
        simple({"sum": {"dim": [1, -1], "keepdim": True}}, lambda t: t.sum((1, 2), True), x),
        simple({"prod": 2}, lambda t: t.prod(2), x),
        simple({"max": -1}, lambda t: t.amax(-1), x),
        simple({"min": [0, 1]}, lambda t: t.amin((0, 1)), x),
        simple({"norm": 2}, lambda t: t.norm(dim=2), x),
        simple({"var": 2}, lambda t: t.var(2), x),
        simple({"std": {"dim": 1, "keepdim": True}}, lambda t: t.std(1, keepdim=True), x),
        simple({"logsumexp": 1}, lambda t: t.logsumexp(1), x),
        simple({"argmax": 1}, lambda t: t.argmax(1), x),
        simple({"argmin": {"keepdim": True}}, lambda t: t.argmin(-1, keepdim=True), x),
        simple({"cumsum": 1}, lambda t: t.cumsum(1), x),
        simple({"scale": {"factor": 2.5, "shift": -1}}, lambda t: 2.5 * t - 1, x),
        case({"layer_scale": {}}, lambda p, t: t * p["weight"], [x], {"weight": (5,)}),
        simple({"clamp": {"min": -0.5}}, lambda t: t.clamp(min=-0.5), x),
        simple({"clamp": {"min": -1, "max": 0.25}}, lambda t: t.clamp(-1, 0.25), x),
        simple({"cast": "int64"}, lambda t: t.detach().long(), x * 3),
        simple({"one_hot": 6}, lambda i: F.one_hot(i, 6).double(), index),
        simple({"masked_fill": {"value": -2}}, lambda t, m: t.masked_fill(m != 0, -2), x, mask),
        simple({"sub": {}}, lambda a, b: a - b, x, y),
        simple({"div": {}}, lambda a, b: a / b, x, y.abs() + 0.5),
        simple({"matmul": {}}, lambda a, b: a @ b, x, rows(3, 5, 2)),
        simple({"maximum": {}}, lambda a, b, c: torch.maximum(torch.maximum(a, b), c), x, y, z),
        simple({"minimum": {}}, lambda a, b: torch.minimum(a, b), x, y),
        simple({"average": {}}, lambda a, b, c: (a + b + c) / 3, x, y, z),
        simple({"stack": {}}, lambda a, b: torch.stack([a, b], 1), x, y),
        simple({"einsum": {"equation": "nqd,nkd->nqk"}}, lambda a, b: a @ b.transpose(1, 2), x, y),
        simple({"cdist": {}}, lambda a, b: torch.cdist(a, b, compute_mode="donot_use_mm_for_euclid_dist"), x, y),
        simple({"threshold": {"threshold": 0.1, "value": 2}}, lambda t: F.threshold(t, 0.1, 2), x),
        simple({"hardshrink": {}}, F.hardshrink, x),
        simple({"softshrink": 0.25}, lambda t: F.softshrink(t, 0.25), x),
        simple({"tanhshrink": {}}, F.tanhshrink, x),
        of_module({"prelu": {}}, nn.PReLU(), [x]),
        of_module({"prelu": True}, nn.PReLU(3), [image]),
        simple({"rrelu": {}}, lambda t: F.rrelu(t), x, training=False),
        simple({"glu": {}}, F.glu, flat),
        simple({"glu": 1}, lambda t: F.glu(t, 1), x),
        simple({"swiglu": {}}, lambda t: F.silu(t[:, :3]) * t[:, 3:], flat),
        simple({"geglu": {}}, lambda t: F.gelu(t[:, :3]) * t[:, 3:], flat),
        simple({"reglu": 1}, lambda t: F.relu(t[:, :2]) * t[:, 2:], x),
        simple({"softmin": 1}, lambda t: F.softmin(t, 1), x),
        simple({"softmax2d": {}}, lambda t: t.softmax(1), image),
        simple({"straight_through": {}}, exact(torch.round), x * 2),
        simple({"straight_through": "sign"}, exact(torch.sign), x),
        simple({"straight_through": "floor"}, exact(torch.floor), x),
        simple({"straight_through": "binary"}, exact(lambda t: (t > 0).double()), x),
        simple({"reparameterize": {}}, lambda m, v: m, x, torch.zeros(3, 4, 5, dtype=torch.int64), training=False),
    ]
    for name in ["dropout1d", "dropout2d", "dropout3d", "feature_dropout"]:
        shape = {"dropout1d": (2, 3, 4), "dropout3d": (2, 2, 2, 2, 2)}.get(name, (2, 3, 2, 2))
        layers.append(simple({name: 0.5}, lambda t: t * 1, rows(*shape), training=False))
    for name in ["alpha_dropout", "feature_alpha_dropout", "drop_path", "gaussian_noise"]:
        layers.append(simple({name: 0.5}, lambda t: t * 1, x, training=False))

    class LogProbabilities(nn.AdaptiveLogSoftmaxWithLoss):
        def forward(self, t):
            return self.log_prob(t)

    config = {"adaptive_log_softmax": {"classes": 9, "cutoffs": [3, 5], "div_value": 2, "head_bias": True}}
    layers.append(of_module(config, LogProbabilities(6, 9, [3, 5], 2.0, True), [flat]))

    def quantize(p, t):
        i = torch.cdist(t, p["weight"]).argmin(-1)
        e = p["weight"][i]
        loss = (e - t.detach()).square().mean() + 0.25 * (t - e.detach()).square().mean()
        return t + (e - t).detach(), loss, i

    layers.append(case({"vector_quantize": 6}, quantize, [x], {"weight": (6, 5)}, scale=1.0))
    save("layers_parts.json", {"cases": layers})


seed("space")
space()
seed("parts")
parts()
