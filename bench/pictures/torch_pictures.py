#!/usr/bin/env python3
"""The work of cifar.yaml and photos.yaml with Pillow and torchvision, on one thread.

usage: torch_pictures.py cifar|photos ARCHIVE [EPOCHS] [--tensors]

--tensors decodes with torchvision.io (libjpeg-turbo) and transforms tensors instead of Pillow's images.
"""

import io
import sys
import time
import zipfile

import torch
from PIL import Image
from torchvision import io as tio
from torchvision.transforms import v2


def main():
    kind, path = sys.argv[1:3]
    epochs = int(sys.argv[3]) if len(sys.argv) > 3 and sys.argv[3].isdigit() else 1
    tensors = "--tensors" in sys.argv
    torch.set_num_threads(1)
    archive = zipfile.ZipFile(path)
    prefix = "train/" if kind == "cifar" else "BCCD/JPEGImages/"
    names = [n for n in archive.namelist() if n.startswith(prefix) and n.endswith(".jpg")]
    crop = v2.RandomCrop(32, 4) if kind == "cifar" else v2.RandomResizedCrop(224, antialias=True)
    steps = [crop, v2.RandomHorizontalFlip(), v2.ToImage(), v2.ToDtype(torch.float32, scale=True),
             v2.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])]
    transform = v2.Compose(steps)
    batch = 100 if kind == "cifar" else 28
    for _ in range(epochs):
        start = time.perf_counter()
        held = []
        for name in names:
            raw = archive.read(name)
            if tensors:
                image = tio.decode_jpeg(torch.frombuffer(bytearray(raw), dtype=torch.uint8), mode=tio.ImageReadMode.RGB)
            else:
                image = Image.open(io.BytesIO(raw)).convert("RGB")
            held.append(transform(image))
            if len(held) == batch:
                torch.stack(held)
                held = []
        seconds = time.perf_counter() - start
        print(f"{len(names)} samples in {seconds:.2f} s: {len(names) / seconds:.0f} per second")


if __name__ == "__main__":
    main()
