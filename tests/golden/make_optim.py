#!/usr/bin/env python3
"""Writes optim.json and schedules.json: ten updates of each optimizer, and the rates of each schedule, as PyTorch computes them.

usage: python make_optim.py      (needs PyTorch; the results are committed, so tests do not)
"""

import torch
from reference import Inputs, numbers, pack, save

STEPS = 10
SHAPES = {"a.weight": (3, 5), "a.bias": (7,), "b.weight": (33,)}
RATES = [0.1, 0.1, 0.08, 0.05, 0.1, 0.02, 0.02, 0.01, 0.1, 0.03]

CASES = [
    ("sgd", {}),
    ("sgd", {"weight_decay": 0.05}),
    ("sgd", {"momentum": 0.9}),
    ("sgd", {"momentum": 0.9, "dampening": 0.3}),
    ("sgd", {"momentum": 0.9, "nesterov": True, "weight_decay": 0.01}),
    ("adam", {}),
    ("adam", {"weight_decay": 0.05}),
    ("adam", {"beta1": 0.8, "beta2": 0.95, "eps": 1e-3}),
    ("adam", {"amsgrad": True}),
    ("adamw", {}),
    ("adamw", {"weight_decay": 0.3, "amsgrad": True}),
    ("rmsprop", {}),
    ("rmsprop", {"alpha": 0.8, "eps": 1e-3, "weight_decay": 0.05}),
    ("rmsprop", {"momentum": 0.9}),
    ("rmsprop", {"centered": True}),
    ("rmsprop", {"centered": True, "momentum": 0.5, "weight_decay": 0.01}),
]
CLASSES = {"sgd": torch.optim.SGD, "adam": torch.optim.Adam, "adamw": torch.optim.AdamW, "rmsprop": torch.optim.RMSprop}


def our_options(options):
    """PyTorch's options under our names."""
    options = dict(options)
    if "betas" in options:
        options["beta1"], options["beta2"] = options.pop("betas")
    return options


def run(name, options, initial, gradients):
    options = dict(options)
    if "beta1" in options:
        options["betas"] = (options.pop("beta1"), options.pop("beta2"))
    params = [torch.nn.Parameter(t.clone()) for t in initial.values()]
    optimizer = CLASSES[name](params, lr=RATES[0], **options)
    after = []
    for rate, step in zip(RATES, gradients):
        optimizer.param_groups[0]["lr"] = rate
        for p, g in zip(params, step.values()):
            p.grad = g.clone()
        optimizer.step()
        after.append([numbers(p) for p in params])
    return {"optimizer": {name: our_options(options)}, "after": [after[0], after[1], after[-1]]}


def optimizers():
    inputs = Inputs(1)
    initial = {name: inputs.normal(*shape) for name, shape in SHAPES.items()}
    gradients = [{name: inputs.normal(*shape) for name, shape in SHAPES.items()} for _ in range(STEPS)]
    save("optim.json", {
        "rates": RATES,
        "initial": {name: pack(t) for name, t in initial.items()},
        "gradients": [{name: pack(t) for name, t in step.items()} for step in gradients],
        "after_steps": [1, 2, STEPS],
        "cases": [run(name, options, initial, gradients) for name, options in CASES],
    })


def rates(make, total, base=0.4, per=1):
    """Rates of `total` updates of a scheduler that is stepped after every `per` updates."""
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=base)
    scheduler = make(optimizer)
    out = []
    for step in range(total):
        out.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        if (step + 1) % per == 0:
            scheduler.step()
    return out


def plateau(options, values, base=0.4):
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=base)
    scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, **options)
    out = []
    for value in values:
        scheduler.step(value)
        out.append(optimizer.param_groups[0]["lr"])
    return out


def schedules():
    s = torch.optim.lr_scheduler
    total, per_epoch, base = 40, 8, 0.4

    def warm(warmup, start, main):
        return lambda o: s.SequentialLR(o, [s.LinearLR(o, start, total_iters=warmup), main(o)], milestones=[warmup])

    cases = [
        ({"constant": {}}, rates(lambda o: s.ConstantLR(o, 1.0), total)),
        ({"constant": {"warmup": 10, "warmup_start": 0.25}}, rates(lambda o: s.LinearLR(o, 0.25, total_iters=10), total)),
        ({"step": {"every": 7, "gamma": 0.5}}, rates(lambda o: s.StepLR(o, 7, 0.5), total)),
        ({"step": {"every": "2 epochs"}}, rates(lambda o: s.StepLR(o, 2), total, per=per_epoch)),
        ({"multi_step": {"at": [5, 20, 21], "gamma": 0.3}}, rates(lambda o: s.MultiStepLR(o, [5, 20, 21], 0.3), total)),
        ({"multi_step": {"at": ["1 epoch", "3 epochs"]}}, rates(lambda o: s.MultiStepLR(o, [1, 3]), total, per=per_epoch)),
        ({"exponential": {"gamma": 0.9}}, rates(lambda o: s.ExponentialLR(o, 0.9), total, per=per_epoch)),
        ({"exponential": {"gamma": 0.97, "every": 1}}, rates(lambda o: s.ExponentialLR(o, 0.97), total)),
        ({"cosine": {}}, rates(lambda o: s.CosineAnnealingLR(o, total), total)),
        ({"cosine": {"min_lr": 0.05}}, rates(lambda o: s.CosineAnnealingLR(o, total, eta_min=0.05), total)),
        ({"cosine": {"warmup": "1 epoch", "warmup_start": 0.1, "min_lr": 0.01}},
         rates(warm(per_epoch, 0.1, lambda o: s.CosineAnnealingLR(o, total - per_epoch, eta_min=0.01)), total)),
        ({"cosine": {"cycles": 4}}, rates(lambda o: s.CosineAnnealingWarmRestarts(o, total // 4), total)),
        ({"one_cycle": {}}, rates(lambda o: s.OneCycleLR(o, base, total_steps=total, cycle_momentum=False), total)),
        ({"one_cycle": {"max_lr": 1.5, "pct_start": 0.45, "div_factor": 10, "final_div_factor": 100, "anneal": "linear"}},
         rates(lambda o: s.OneCycleLR(o, 1.5, total_steps=total, pct_start=0.45, div_factor=10, final_div_factor=100,
                                      anneal_strategy="linear", cycle_momentum=False), total)),
    ]
    falling = [1.0, 0.9, 0.95, 0.91, 0.92, 0.89995, 0.93, 0.5, 0.6, 0.6, 0.6, 0.6, 0.6, 0.6, 0.4, 0.5, 0.5, 0.5, 0.5]
    rising = [1.0 - v for v in falling]
    plateaus = [
        ({"plateau": {"patience": 2}}, {"patience": 2}, falling, False),
        ({"plateau": {"factor": 0.5, "patience": 1, "cooldown": 2, "min_lr": 0.06}},
         {"factor": 0.5, "patience": 1, "cooldown": 2, "min_lr": 0.06}, falling, False),
        ({"plateau": {"factor": 0.5, "patience": 1, "threshold": 0.01}},
         {"factor": 0.5, "patience": 1, "threshold": 0.01, "mode": "max"}, rising, True),
        ({"plateau": {"factor": 0.5, "patience": 0, "mode": "min"}}, {"factor": 0.5, "patience": 0}, falling, True),
    ]
    save("schedules.json", {
        "base_lr": base,
        "total_steps": total,
        "steps_per_epoch": per_epoch,
        "cases": [{"schedule": schedule, "rates": values} for schedule, values in cases],
        "plateaus": [{"schedule": schedule, "values": values, "higher_is_better": higher, "rates": plateau(options, values)}
                     for schedule, options, values, higher in plateaus],
    })


optimizers()
schedules()
