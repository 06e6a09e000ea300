#!/usr/bin/env python3
"""Writes phases.safetensors: some training steps of PyTorch with several losses, and of a small GAN.

usage: python make_phases.py      (needs PyTorch and safetensors; the results are committed, so tests do not)

`several.*`: one model with three weighted losses; `gan.*`: two networks, of which the discriminator is trained twice on every batch
and the generator on every second one; `policy.*`: losses of policy gradient and their gradients. Each of the first two has its inputs [STEPS, B, ...], the losses of each step, `init.NAME` and `final.NAME` of
each parameter by the names that the models in tests/train/phases.cpp give them. All in float64, stored as float32.
"""

import torch
import torch.nn.functional as F
from reference import FOLDER
from safetensors.torch import save_file
from torch import nn

STEPS, BATCH = 12, 16
torch.set_default_dtype(torch.float64)
tensors = {}


def rounded(*shape):
    return (torch.randn(*shape) * 64).round() / 64


def put(prefix, **values):
    for key, value in values.items():
        keep = value if value.dtype == torch.int64 else value.float()
        tensors[f"{prefix}.{key}"] = keep.detach().clone().contiguous()


def put_state(prefix, when, names, module):
    for ours, theirs in names.items():
        put(prefix, **{f"{when}.{ours}": module.state_dict()[theirs]})


class Several(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder, self.recon, self.scores = nn.Linear(12, 8), nn.Linear(8, 12), nn.Linear(8, 5)

    def forward(self, x):
        h = torch.tanh(self.encoder(x))
        return h, self.recon(h), self.scores(h)


def single_precision(module):
    """Initial weights that float32 holds exactly."""
    with torch.no_grad():
        for p in module.parameters():
            p.copy_(p.float().double())
    return module


def several():
    torch.manual_seed(1)
    model = single_precision(Several())
    names = {f"{part}.{kind}": f"{part}.{kind}" for part in ("encoder", "recon", "scores") for kind in ("weight", "bias")}
    x, y = rounded(STEPS, BATCH, 12), torch.randint(5, (STEPS, BATCH))
    y[torch.rand(STEPS, BATCH) < 0.2] = -100
    put("several", image=x, label=y)
    put_state("several", "init", names, model)
    optimizer = torch.optim.Adam(model.parameters(), 1e-2)
    losses = []
    for step in range(STEPS):
        h, recon, scores = model(x[step])
        terms = [F.cross_entropy(scores, y[step]), F.mse_loss(recon, x[step]), F.l1_loss(h, torch.full_like(h, 0.25))]
        total = 0.7 * terms[0] + 2 * terms[1] + 0.05 * terms[2]
        optimizer.zero_grad()
        total.backward()
        optimizer.step()
        losses.append([total.item()] + [t.item() for t in terms])
    put("several", losses=torch.tensor(losses))
    put_state("several", "final", names, model)


class Gan(nn.Module):
    def __init__(self):
        super().__init__()
        self.generator = nn.Sequential(nn.Linear(4, 16), nn.Tanh(), nn.Linear(16, 8))
        self.discriminator = nn.Sequential(nn.Linear(8, 16), nn.LeakyReLU(0.2), nn.Linear(16, 1))


def gan():
    torch.manual_seed(2)
    model = single_precision(Gan())
    names = {f"{net}.linear_{n + 1}.{kind}": f"{net}.{2 * n}.{kind}"
             for net in ("generator", "discriminator") for n in (0, 1) for kind in ("weight", "bias")}
    real, noise = rounded(STEPS, BATCH, 8), rounded(STEPS, BATCH, 4)
    put("gan", real=real, noise=noise)
    put_state("gan", "init", names, model)
    of_d = torch.optim.Adam(model.discriminator.parameters(), 2e-3, betas=(0.5, 0.999))
    of_g = torch.optim.SGD(model.generator.parameters(), 0.05, momentum=0.9)
    one, zero = torch.ones(BATCH, 1), torch.zeros(BATCH, 1)
    bce = F.binary_cross_entropy_with_logits
    losses = []
    for step in range(STEPS):
        of_step = []
        for _ in range(2):
            scores = model.discriminator(real[step]), model.discriminator(model.generator(noise[step]).detach())
            loss = bce(scores[0], one) + bce(scores[1], zero)
            of_d.zero_grad()
            loss.backward()
            of_d.step()
            of_step.append(loss.item())
        row = [sum(of_step) / 2, float("nan")]
        if step % 2 == 0:
            loss = bce(model.discriminator(model.generator(noise[step])), one)
            of_g.zero_grad()
            loss.backward()
            of_g.step()
            row[1] = loss.item()
        losses.append(row)
    put("gan", losses=torch.tensor(losses))
    put_state("gan", "final", names, model)


def policy():
    torch.manual_seed(3)
    scores, value = rounded(20, 3), rounded(20, 1)
    action, returns = torch.randint(3, (20,)), rounded(20) * 4
    put("policy", scores=scores, value=value, action=action, returns=returns)
    for name, entropy, weight, normalize, baseline in (("plain", 0, 0, False, False), ("full", 0.03, 0.4, True, True)):
        s, v = scores.clone().requires_grad_(), value.clone().requires_grad_()
        distribution = torch.distributions.Categorical(logits=s)
        advantage = returns - v.detach().squeeze(1) if baseline else returns
        if normalize:
            advantage = (advantage - advantage.mean()) / (advantage.std() + 1e-8)
        loss = -(distribution.log_prob(action) * advantage).mean() - entropy * distribution.entropy().mean()
        if baseline:
            loss = loss + weight * F.mse_loss(v.squeeze(1), returns)
        loss.backward()
        put(f"policy.{name}", loss=loss.detach(), scores_grad=s.grad)
        if baseline:
            put(f"policy.{name}", value_grad=v.grad)


several()
gan()
policy()
path = FOLDER / "phases.safetensors"
save_file(tensors, path)
path.chmod(0o644)
print(f"{path.name}: {path.stat().st_size} bytes")
