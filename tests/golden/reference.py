"""What the scripts of this folder share: seeded inputs and the JSON form of a tensor."""

import json
from pathlib import Path

import torch

FOLDER = Path(__file__).resolve().parent
torch.set_num_threads(1)


class Inputs:
    """Seeded random tensors in float64 with few binary digits: exact in float32 as well, and short in JSON."""

    def __init__(self, seed):
        self.generator = torch.Generator().manual_seed(seed)

    def normal(self, *shape, scale=1.0):
        return (torch.randn(shape, generator=self.generator).double() * scale * 256).round() / 256

    def classes(self, count, *shape):
        return torch.randint(count, shape, generator=self.generator)


def numbers(tensor):
    """The elements row by row; real numbers to 13 digits."""
    values = tensor.detach().reshape(-1).tolist()
    return [v if isinstance(v, int) else float(f"{v:.13g}") for v in values]


def pack(tensor):
    """{"shape": [...], "data": [...]}; integers stay integers."""
    return {"shape": list(tensor.shape), "data": numbers(tensor)}


def save(name, document):
    document = {"torch": torch.__version__.split("+")[0], **document}
    (FOLDER / name).write_text(json.dumps(document, separators=(",", ":")) + "\n")
    print(name, (FOLDER / name).stat().st_size, "bytes")
