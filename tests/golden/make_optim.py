#!/usr/bin/env python3
"""Writes optim.json and schedules.json: ten updates of each optimizer, and the rates of each schedule, as PyTorch computes them.

usage: python make_optim.py      (needs PyTorch; the results are committed, so tests do not)
"""

import torch
from reference import Inputs, numbers, pack, save

STEPS = 10
SHAPES = {"a.weight": (3, 5), "a.bias": (7,), "b.weight": (33,), "c.weight": (2, 3, 4), "d.weight": (6, 2)}
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
    ("sgd", {"momentum": 0.9, "weight_decay": 0.05, "maximize": True}),
    ("adam", {"weight_decay": 0.05, "maximize": True}),
    ("adamw", {"maximize": True}),
    ("rmsprop", {"maximize": True}),
    ("adagrad", {}),
    ("adagrad", {"lr_decay": 0.1, "weight_decay": 0.05, "initial_accumulator_value": 0.2, "eps": 1e-3, "maximize": True}),
    ("adadelta", {}),
    ("adadelta", {"rho": 0.8, "eps": 1e-3, "weight_decay": 0.05, "maximize": True}),
    ("adamax", {}),
    ("adamax", {"beta1": 0.8, "beta2": 0.9, "eps": 1e-3, "weight_decay": 0.05, "maximize": True}),
    ("nadam", {}),
    ("nadam", {"beta1": 0.8, "beta2": 0.95, "eps": 1e-3, "weight_decay": 0.05, "momentum_decay": 0.02, "maximize": True}),
    ("nadam", {"weight_decay": 0.3, "decoupled_weight_decay": True}),
    ("radam", {}),
    ("radam", {"beta1": 0.8, "beta2": 0.95, "eps": 1e-3, "weight_decay": 0.05, "maximize": True}),
    ("radam", {"weight_decay": 0.3, "decoupled_weight_decay": True}),
    ("asgd", {}),
    ("asgd", {"lambd": 0.1, "alpha": 0.6, "t0": 3, "weight_decay": 0.05, "maximize": True}),
    ("rprop", {}),
    ("rprop", {"eta_minus": 0.3, "eta_plus": 1.5, "step_size_min": 0.04, "step_size_max": 0.2, "maximize": True}),
    ("lion", {}),
    ("lion", {"beta1": 0.8, "beta2": 0.95, "weight_decay": 0.3, "maximize": True}),
    ("lamb", {}),
    ("lamb", {"beta1": 0.8, "beta2": 0.95, "eps": 1e-3, "weight_decay": 0.3, "maximize": True}),
    ("lamb", {"bias_correction": False, "weight_decay": 0}),
    ("adafactor", {}),
    ("adafactor", {"beta2_decay": -0.5, "eps1": 0.3, "eps2": 2.0, "d": 1.5, "weight_decay": 0.3, "maximize": True}),
    ("muon", {}),
    ("muon", {"momentum": 0.8, "nesterov": False, "weight_decay": 0.3, "adjust_lr_fn": "match_rms_adamw", "ns_steps": 3,
              "adamw": {"beta1": 0.8, "beta2": 0.9, "eps": 1e-3, "weight_decay": 0.2, "match": ["d.*"]}}),
    ("muon", {"adjust_lr_fn": "spectral_unclamped", "ns_coefficients": [2, -1.5, 0.5], "eps": 20}),
]


class Lion(torch.optim.Optimizer):
    """Algorithm 2 of Chen et al., 2023."""

    def __init__(self, params, lr, betas=(0.9, 0.99), weight_decay=0.0, maximize=False):
        super().__init__(params, dict(lr=lr, betas=betas, weight_decay=weight_decay, maximize=maximize))

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            (b1, b2), rate = group["betas"], group["lr"]
            for p in group["params"]:
                g = -p.grad if group["maximize"] else p.grad
                m = self.state[p].get("m", torch.zeros_like(p))
                p -= rate * (torch.sign(b1 * m + (1 - b1) * g) + group["weight_decay"] * p)
                self.state[p]["m"] = b2 * m + (1 - b2) * g


class Lamb(torch.optim.Optimizer):
    """Algorithm 2 of You et al., 2020, with the identity as its function of the norm."""

    def __init__(self, params, lr, betas=(0.9, 0.999), eps=1e-6, weight_decay=0.01, bias_correction=True, maximize=False):
        super().__init__(params, dict(lr=lr, betas=betas, eps=eps, weight_decay=weight_decay, correct=bias_correction, maximize=maximize))

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            b1, b2 = group["betas"]
            for p in group["params"]:
                g = -p.grad if group["maximize"] else p.grad
                s = self.state[p]
                s["t"] = s.get("t", 0) + 1
                s["m"] = b1 * s.get("m", 0) + (1 - b1) * g
                s["v"] = b2 * s.get("v", 0) + (1 - b2) * g**2
                m, v = s["m"], s["v"]
                if group["correct"]:
                    m, v = m / (1 - b1 ** s["t"]), v / (1 - b2 ** s["t"])
                r = m / (v.sqrt() + group["eps"]) + group["weight_decay"] * p
                p -= group["lr"] * p.norm() / r.norm() * r


class MuonAndAdamW:
    """torch.optim.Muon, iterating in the parameters' precision and not in bfloat16, and torch.optim.AdamW for the rest."""

    def __init__(self, params, lr, adamw=None, **options):
        adamw = dict(adamw or {})
        prefixes = tuple(m.rstrip("*") for m in adamw.pop("match", []))
        chosen = [n for n in SHAPES if n.startswith(prefixes)] if prefixes else []
        if "beta1" in adamw:
            adamw["betas"] = (adamw.pop("beta1"), adamw.pop("beta2"))
        matrices = [p for n, p in zip(SHAPES, params) if p.ndim == 2 and n not in chosen]
        others = [p for n, p in zip(SHAPES, params) if p.ndim != 2 or n in chosen]
        if "ns_coefficients" in options:
            options["ns_coefficients"] = tuple(options["ns_coefficients"])
        self.both = [torch.optim.Muon(matrices, lr=lr, **options), torch.optim.AdamW(others, lr=lr, **adamw)]
        self.param_groups = [{}]

    def step(self):
        for optimizer in self.both:
            optimizer.param_groups[0]["lr"] = self.param_groups[0]["lr"]
            optimizer.step()


def newton_schulz(u, coefficients, steps, eps):
    a, b, c = coefficients
    left, right = torch.linalg.svd(u, full_matrices=False)[::2]
    values = torch.linalg.svdvals(u) / max(float(u.norm()), eps)
    for _ in range(steps):  # the iteration acts on the singular values alone
        values = a * values + b * values**3 + c * values**5
    return left @ torch.diag(values) @ right


torch.optim._muon._zeropower_via_newtonschulz = newton_schulz

CLASSES = {
    "sgd": torch.optim.SGD, "adam": torch.optim.Adam, "adamw": torch.optim.AdamW, "rmsprop": torch.optim.RMSprop,
    "adagrad": torch.optim.Adagrad, "adadelta": torch.optim.Adadelta, "adamax": torch.optim.Adamax, "nadam": torch.optim.NAdam,
    "radam": torch.optim.RAdam, "asgd": torch.optim.ASGD, "rprop": torch.optim.Rprop, "lion": Lion, "lamb": Lamb,
    "adafactor": torch.optim.Adafactor, "muon": MuonAndAdamW,
}
PAIRS = {"betas": ("beta1", "beta2"), "etas": ("eta_minus", "eta_plus"), "step_sizes": ("step_size_min", "step_size_max"), "eps": ("eps1", "eps2")}


def their_options(options):
    """Ours under PyTorch's names."""
    options = dict(options)
    for theirs, (first, second) in PAIRS.items():
        if first in options:
            options[theirs] = (options.pop(first), options.pop(second))
    return options


def run(name, options, initial, gradients):
    params = [torch.nn.Parameter(t.clone()) for t in initial.values()]
    torch.set_default_dtype(torch.float64)  # else the products of nadam and the rates of asgd are rounded
    optimizer = CLASSES[name](params, lr=RATES[0], **their_options(options))
    after = []
    for rate, step in zip(RATES, gradients):
        optimizer.param_groups[0]["lr"] = rate
        for p, g in zip(params, step.values()):
            p.grad = g.clone()
        optimizer.step()
        after.append([numbers(p) for p in params])
    torch.set_default_dtype(torch.float32)
    case = {"optimizer": {name: options}, "after": [after[0], after[1], after[-1]]}
    if name == "asgd":
        case["state"] = {f"ax/{n}": numbers(optimizer.state[p]["ax"]) for n, p in zip(SHAPES, params)}
    return case


LBFGS = [
    ("logistic", {}, 3),
    ("logistic", {"lr": 0.5, "max_iter": 4, "history_size": 3}, 10),
    ("logistic", {"max_iter": 3, "max_eval": 2}, 5),
    ("logistic", {"lr": 0.8, "max_iter": 3, "maximize": True}, 6),
    ("logistic", {"line_search_fn": "strong_wolfe", "max_iter": 5}, 4),
    ("rosenbrock", {"line_search_fn": "strong_wolfe", "max_iter": 4}, 10),
    ("rosenbrock", {"line_search_fn": "strong_wolfe", "max_iter": 3, "max_eval": 5, "history_size": 2, "lr": 0.3}, 10),
    ("rosenbrock", {"line_search_fn": "strong_wolfe", "max_iter": 4, "maximize": True}, 8),
    ("rosenbrock", {"line_search_fn": "strong_wolfe", "max_iter": 50}, 2),
]


def lbfgs():
    """Two functions of seven numbers in two tensors: logistic regression with a penalty, and Rosenbrock's valley."""
    inputs = Inputs(2)
    rows, signs = inputs.normal(12, 7), torch.tensor([1.0, -1.0] * 6, dtype=torch.float64)
    start = {"u": inputs.normal(2, 2), "v": inputs.normal(3)}
    cases = []
    for name, options, steps in LBFGS:
        params = [torch.nn.Parameter(t.clone()) for t in start.values()]
        sign = -1 if options.get("maximize") else 1
        optimizer = torch.optim.LBFGS(params, **{k: v for k, v in options.items()})

        def closure():
            optimizer.zero_grad()
            x = torch.cat([p.reshape(-1) for p in params])
            if name == "logistic":
                f = torch.nn.functional.softplus(-signs * (rows @ x)).sum() + 0.05 * (x * x).sum()
            else:
                f = (100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2).sum()
            (sign * f).backward()
            return sign * f

        losses, after = [], []
        for _ in range(steps):
            losses.append(float(optimizer.step(closure)))
            after.append([numbers(p) for p in params])
        state = optimizer.state[params[0]]
        cases.append({"function": name, "optimizer": {"lbfgs": options}, "losses": losses, "after": after,
                      "evaluations": state["func_evals"]})
    return {"rows": pack(rows), "signs": numbers(signs), "start": {n: pack(t) for n, t in start.items()}, "cases": cases}


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
        "lbfgs": lbfgs(),
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

    def formula(f):
        return lambda o: s.LambdaLR(o, f)

    def noam(k, dim, warmup):
        return dim**-0.5 * min((k + 1) ** -0.5, (k + 1) * warmup**-1.5)

    cases = [
        ({"constant": {"factor": 0.3, "total_iters": 7}}, rates(lambda o: s.ConstantLR(o, 0.3, total_iters=7), total)),
        ({"constant": {"factor": 0.5, "warmup": 10, "total_iters": "1 epoch"}},
         rates(warm(10, 1e-30, lambda o: s.ConstantLR(o, 0.5, total_iters=8)), total)),
        ({"linear": {}}, rates(lambda o: s.LinearLR(o, 1.0, 0.0, total_iters=total), total)),
        ({"linear": {"start_factor": 1 / 3, "end_factor": 1, "total_iters": 5}}, rates(lambda o: s.LinearLR(o), total)),
        ({"linear": {"end_factor": 0.2, "warmup": "1 epoch", "warmup_start": 0.1, "total_iters": "2 epochs"}},
         rates(warm(per_epoch, 0.1, lambda o: s.LinearLR(o, 1.0, 0.2, total_iters=16)), total)),
        ({"polynomial": {}}, rates(lambda o: s.PolynomialLR(o, total), total)),
        ({"polynomial": {"power": 2.5, "total_iters": 30}}, rates(lambda o: s.PolynomialLR(o, 30, 2.5), total)),
        ({"polynomial": {"power": 2, "min_lr": 0.1, "warmup": 8, "warmup_start": 0.5}},
         rates(warm(8, 0.5, formula(lambda k: 0.25 + 0.75 * (1 - k / 32) ** 2)), total)),
        ({"inverse_sqrt": {}}, rates(formula(lambda k: (10000 / (k + 10000)) ** 0.5), total)),
        ({"inverse_sqrt": {"timescale": 9}}, rates(formula(lambda k: (1 + k / 9) ** -0.5), total)),
        ({"inverse_sqrt": {"warmup": 10, "warmup_start": 0.5}}, rates(warm(10, 0.5, formula(lambda k: (10 / (k + 10)) ** 0.5)), total)),
        ({"noam": {"dim": 64, "warmup": 12}}, rates(formula(lambda k: noam(k, 64, 12)), total)),
        ({"noam": 256}, rates(formula(lambda k: noam(k, 256, 4000)), total)),
        ({"cosine_warm_restarts": {"t_0": 7}}, rates(lambda o: s.CosineAnnealingWarmRestarts(o, 7), total)),
        ({"cosine_warm_restarts": {"t_0": 5, "t_mult": 2, "min_lr": 0.02}},
         rates(lambda o: s.CosineAnnealingWarmRestarts(o, 5, 2, eta_min=0.02), total)),
        ({"cosine_warm_restarts": {"t_0": 3, "t_mult": 3, "warmup": 4, "warmup_start": 0.25}},
         rates(warm(4, 0.25, lambda o: s.CosineAnnealingWarmRestarts(o, 3, 3)), total)),
        ({"cyclic": {"max_lr": 1.2}}, rates(lambda o: s.CyclicLR(o, base, 1.2, cycle_momentum=False), total)),
        ({"cyclic": {"max_lr": 1.2, "step_size_up": 4, "step_size_down": 9}},
         rates(lambda o: s.CyclicLR(o, base, 1.2, 4, 9, cycle_momentum=False), total)),
        ({"cyclic": {"max_lr": 1.2, "step_size_up": "0.5 epochs", "mode": "triangular2"}},
         rates(lambda o: s.CyclicLR(o, base, 1.2, 4, mode="triangular2", cycle_momentum=False), total)),
        ({"cyclic": {"max_lr": 1.2, "step_size_up": 6, "mode": "exp_range", "gamma": 0.95}},
         rates(lambda o: s.CyclicLR(o, base, 1.2, 6, mode="exp_range", gamma=0.95, cycle_momentum=False), total)),
        ({"sequential": {"schedules": [{"constant": 0.1}, {"cosine": {}}, {"step": {"every": 4, "gamma": 0.5}}], "milestones": [6, "3 epochs"]}},
         rates(lambda o: s.SequentialLR(o, [s.ConstantLR(o, 0.1, total_iters=100), s.CosineAnnealingLR(o, 18), s.StepLR(o, 4, 0.5)],
                                        milestones=[6, 24]), total)),
        ({"sequential": {"schedules": ["linear", {"exponential": {"gamma": 0.9, "every": 1}}], "milestones": 10}},
         rates(lambda o: s.SequentialLR(o, [s.LinearLR(o, 1.0, 0.0, total_iters=10), s.ExponentialLR(o, 0.9)], milestones=[10]), total)),
        ({"chained": [{"constant": {"factor": 0.1, "total_iters": 5}}, {"exponential": {"gamma": 0.95, "every": 1}}]},
         rates(lambda o: s.ChainedScheduler([s.ConstantLR(o, 0.1, total_iters=5), s.ExponentialLR(o, 0.95)]), total)),
        ({"chained": [{"multi_step": {"at": [10, 30], "gamma": 0.5}}, {"linear": {"end_factor": 0.5}}, {"polynomial": {"power": 2}}]},
         rates(lambda o: s.ChainedScheduler([s.MultiStepLR(o, [10, 30], 0.5), s.LinearLR(o, 1.0, 0.5, total_iters=total),
                                             s.PolynomialLR(o, total, 2.0)]), total)),
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
