#!/usr/bin/env python3
"""Writes losses_many.json: losses of any number of predictions and targets, by PyTorch in float64.

usage: python make_losses.py      (needs PyTorch and torchvision; the results are committed, so tests do not)
"""

import torch
import torch.nn.functional as F
import torchvision.ops
from layer_cases import classes, rows, seed
from reference import pack, save


def case(config, function, predictions, targets=()):
    xs = [p.clone().requires_grad_() if p.is_floating_point() else p for p in predictions]
    mean = function(*xs, *targets)
    mean.backward()
    return {
        "loss": config,
        "predictions": [pack(p) for p in predictions],
        "targets": [pack(t) for t in targets],
        "mean": mean.item(),
        "grads": [pack(x.grad) if x.is_floating_point() else None for x in xs],
    }


def overlap(x, t, alpha, beta, s, top=None):
    """1 - overlap of each row of x and t."""
    tp, fp, fn = (x * t).sum(1), (x * (1 - t)).sum(1), ((1 - x) * t).sum(1)
    return (1 - (tp + s) / (tp + alpha * fp + beta * fn + s)).mean()


def info_nce(a, b, temperature, symmetric=False, normalize=True):
    if normalize:
        a, b = F.normalize(a), F.normalize(b)
    logits, right = a @ b.T / temperature, torch.arange(len(a))
    one = F.cross_entropy(logits, right)
    return (one + F.cross_entropy(logits.T, right)) / 2 if symmetric else one


def nt_xent(a, b, temperature):
    z = F.normalize(torch.cat([a, b]))
    s = z @ z.T / temperature
    s = s.masked_fill(torch.eye(len(z)).bool(), -1e30)
    n = len(a)
    return F.cross_entropy(s, torch.cat([torch.arange(n, 2 * n), torch.arange(n)]))


def main():
    seed("losses")
    x, y, z = rows(5, 3), rows(5, 3), rows(5, 3)
    p = (rows(5, 3).sigmoid() * 256).round().clamp(1, 255) / 256
    t01, t11 = classes(2, 5, 3), classes(2, 5, 3) * 2 - 1
    sign = torch.tensor([1, -1, 1, -1, -1])
    same = torch.tensor([1, 0, 1, 0, 0])
    three = classes(3, 5)
    weight = torch.tensor([0.5, 2.0, 1.0]).double()
    image, labels = rows(2, 3, 2, 2), classes(3, 2, 2, 2)
    mask = classes(2, 2, 1, 2, 3)
    logits, tokens = rows(2, 6, 4), torch.tensor([[1, 2, 2], [3, 0, 0]])
    ignored = torch.tensor([[[0, -100], [2, 1]], [[1, 1], [-100, 0]]])

    def focal(v, t, gamma=2.0, ignore=-100):
        v, t = v.movedim(1, -1).reshape(-1, v.shape[1]), t.reshape(-1)
        keep = t != ignore
        logp = v.log_softmax(1)[keep].gather(1, t[keep, None])[:, 0]
        return (-((1 - logp.exp()) ** gamma) * logp).sum() / keep.sum()

    def flat(v):
        return v.flatten(2).flatten(0, 1)

    hot = lambda t: F.one_hot(t, 3).movedim(-1, 1).double()
    ctc = lambda v, t, n, m: F.ctc_loss(v.log_softmax(-1).transpose(0, 1), t, n, m)
    cases = [
        case({"cross_entropy": {"class_dim": -1}}, lambda v, t: F.cross_entropy(v.flatten(0, 1), t.flatten()), [rows(2, 4, 3)], [classes(3, 2, 4)]),
        case({"cross_entropy": {"class_dim": -1, "weight": weight.tolist(), "label_smoothing": 0.1}},
             lambda v, t: F.cross_entropy(v.flatten(0, 1), t.flatten(), weight, label_smoothing=0.1), [rows(2, 2, 3)], [torch.tensor([[0, -100], [2, 1]])]),
        case({"cross_entropy": {"class_dim": 2}}, lambda v, t: F.cross_entropy(v.movedim(2, 1), t), [rows(2, 2, 3, 2)], [classes(3, 2, 2, 2)]),
        case({"cross_entropy": {}}, F.cross_entropy, [x], [rows(5, 3).softmax(1)]),
        case({"cross_entropy": {"label_smoothing": 0.2, "weight": weight.tolist()}},
             lambda v, t: F.cross_entropy(v, t, weight, label_smoothing=0.2), [image], [rows(2, 3, 2, 2).softmax(1)]),
        case({"bce": {}}, lambda v, t: F.binary_cross_entropy(v, t.double()), [p], [t01]),
        case({"focal": {"gamma": 2, "alpha": 0.25}}, lambda v, t: torchvision.ops.sigmoid_focal_loss(v, t.double(), reduction="mean"), [x], [t01]),
        case({"focal": 1.5}, lambda v, t: torchvision.ops.sigmoid_focal_loss(v, t.double(), -1, 1.5, "mean"), [x], [t01]),
        case({"focal": {}}, focal, [image], [ignored]),
        case({"dice": {}}, lambda v, t: overlap(v.sigmoid().flatten(1), t.double().flatten(1), 0.5, 0.5, 0.5), [rows(2, 1, 2, 3)], [mask]),
        case({"dice": 0.5}, lambda v, t: overlap(flat(v.softmax(1)), flat(hot(t)), 0.5, 0.5, 0.25), [image], [labels]),
        case({"tversky": {"alpha": 0.3, "beta": 0.7}}, lambda v, t: overlap(v.sigmoid().flatten(1), t.double().flatten(1), 0.3, 0.7, 1), [rows(2, 1, 2, 3)], [mask]),
        case({"hinge": {}}, lambda v, t: (1 - t * v).relu().mean(), [x], [t11]),
        case({"hinge": {"margin": 0.5, "p": 2}}, lambda v, t: (0.5 - (2 * t - 1) * v).relu().square().mean(), [x], [t01]),
        case({"soft_margin": {}}, lambda v, t: F.soft_margin_loss(v, t.double()), [x], [t11]),
        case({"multi_margin": {}}, F.multi_margin_loss, [x], [three]),
        case({"multi_margin": {"p": 2, "margin": 0.5, "weight": weight.tolist()}},
             lambda v, t: F.multi_margin_loss(v, t, 2, 0.5, weight), [x], [three]),
        case({"multilabel_margin": {}}, F.multilabel_margin_loss, [x], [torch.tensor([[0, -1, -1], [2, 1, -1], [1, 0, 2], [-1, 0, 1], [1, -1, 0]])]),
        case({"multilabel_soft_margin": {}}, lambda v, t: F.multilabel_soft_margin_loss(v, t.double()), [x], [t01]),
        case({"multilabel_soft_margin": weight.tolist()}, lambda v, t: F.multilabel_soft_margin_loss(v, t.double(), weight), [x], [t01]),
        case({"log_cosh": {}}, lambda v, t: (v - t).cosh().log().mean(), [x], [y]),
        case({"quantile": 0.3}, lambda v, t: torch.maximum(0.3 * (t - v), -0.7 * (t - v)).mean(), [x], [y]),
        case({"poisson_nll": {}}, lambda v, t: F.poisson_nll_loss(v, t), [x], [classes(5, 5, 3).double() + 0.0]),
        case({"poisson_nll": {"log_input": False, "full": True}}, lambda v, t: F.poisson_nll_loss(v, t, False, True), [p], [classes(5, 5, 3).double()]),
        case({"gaussian_nll": {}}, lambda v, s, t: F.gaussian_nll_loss(v, t, s), [x, p], [y]),
        case({"gaussian_nll": {"log_variance": True, "full": True}}, lambda v, s, t: F.gaussian_nll_loss(v, t, s.exp(), True), [x, z], [y]),
        case({"kl_div": {}}, F.kl_div, [x.log_softmax(1)], [y.softmax(1)]),
        case({"kl_div": {"reduction": "batch_mean", "log_target": True}}, lambda v, t: F.kl_div(v, t, reduction="batchmean", log_target=True),
             [x.log_softmax(1)], [y.log_softmax(1)]),
        case({"kl_normal": {}}, lambda m, v: torch.distributions.kl_divergence(
            torch.distributions.Normal(m, (v / 2).exp()), torch.distributions.Normal(torch.zeros(()).double(), torch.ones(()).double())).sum(1).mean(), [x, y]),
        case({"hinge_embedding": {}}, lambda v, t: F.hinge_embedding_loss(v, t), [x], [t11]),
        case({"cosine_embedding": 0.1}, lambda a, b, t: F.cosine_embedding_loss(a, b, t, 0.1), [x, y], [sign]),
        case({"margin_ranking": 0.2}, lambda a, b, t: F.margin_ranking_loss(a, b, t, 0.2), [rows(5), rows(5)], [sign]),
        case({"triplet_margin": {}}, F.triplet_margin_loss, [x, y, z]),
        case({"triplet_margin": {"margin": 2, "p": 1, "swap": True}}, lambda a, b, c: F.triplet_margin_loss(a, b, c, 2, 1, swap=True), [x, y, z]),
        case({"contrastive": 2}, lambda a, b, t: ((F.pairwise_distance(a, b) ** 2 * t + (2 - F.pairwise_distance(a, b)).relu() ** 2 * (1 - t)) / 2).mean(),
             [x, y], [same]),
        case({"contrastive": {}}, lambda d, t: ((d**2 * t + (1 - d).relu() ** 2 * (1 - t)) / 2).mean(), [rows(5).abs()], [same]),
        case({"info_nce": {}}, lambda a, b: info_nce(a, b, 0.07), [x, y]),
        case({"info_nce": {"temperature": 2, "symmetric": True, "normalize": False}}, lambda a, b: info_nce(a, b, 2, True, False), [x, y]),
        case({"nt_xent": {}}, lambda a, b: nt_xent(a, b, 0.5), [x, y]),
        case({"bpr": {}}, lambda a, b: -F.logsigmoid(a - b).mean(), [rows(5), rows(5)]),
        case({"value": {}}, lambda v: v.mean(), [x]),
        case({"ctc": {}}, lambda v, t: ctc(v, t, torch.tensor([6, 6]), torch.tensor([3, 1])), [logits], [tokens]),
        case({"ctc": {}}, lambda v, n, t, m: ctc(v, t, n, m), [logits, torch.tensor([6, 4])], [tokens, torch.tensor([2, 1])]),
    ]
    save("losses_many.json", {"cases": cases})


main()
