"""Cases of layers beside PyTorch, as make_layers.py and make_layers_space.py write them."""

import torch
from reference import Inputs, pack
from torch.func import functional_call

source = Inputs(7)


def seed(name):
    """Starts the random numbers of a file anew."""
    source.generator.manual_seed(sum(map(ord, name)))


def rows(*shape, scale=1.0):
    return source.normal(*shape, scale=scale)


def classes(count, *shape):
    return source.classes(count, *shape)


def case(config, function, inputs, parameters=None, training=True, scale=0.5, fixed=None):
    """`function(p, *inputs)` with parameters p by our names; inputs may be None; integers have no gradient."""
    p = {}
    for name, shape in (parameters or {}).items():
        p[name] = (fixed[name] if fixed and name in fixed else source.normal(*shape, scale=scale)).requires_grad_()
    xs = [x if x is None or not x.is_floating_point() else x.clone().requires_grad_() for x in inputs]
    ys = function(p, *xs)
    ys = list(ys) if isinstance(ys, (list, tuple)) else [ys]
    seeds = [source.normal(*y.shape) if y.is_floating_point() and y.requires_grad else None for y in ys]
    pairs = [(y, s) for y, s in zip(ys, seeds) if s is not None]
    if pairs:
        torch.autograd.backward([y for y, _ in pairs], [s for _, s in pairs])

    def maybe(t):
        return None if t is None else pack(t)

    return {
        "layer": config,
        "training": training,
        "inputs": [maybe(x) for x in inputs],
        "variables": {name: pack(value) for name, value in p.items()},
        "outputs": [maybe(y) for y in ys],
        "output_grads": [maybe(s) for s in seeds],
        "input_grads": [maybe(x.grad) if x is not None and x.is_floating_point() else None for x in xs],
        "grads": {name: pack(value.grad if value.grad is not None else torch.zeros_like(value)) for name, value in p.items()},
    }


def of_module(config, module, inputs, call=None, names=lambda n: n, training=True):
    """A case of a module whose parameters are ours, by another name where `names` (theirs to ours) says so."""
    module = module.double().train(training)
    shapes = {names(n): tuple(v.shape) for n, v in module.named_parameters()}
    theirs = {names(n): n for n, _ in module.named_parameters()}

    def function(p, *xs):
        values = {theirs[n]: v for n, v in p.items()}
        return call(lambda *a, **k: functional_call(module, values, a, k), *xs) if call else functional_call(module, values, xs)

    return case(config, function, inputs, shapes, training)
