#!/usr/bin/env python3
"""Writes transforms.json, what torchvision makes of one picture, and images/, small files with what Pillow reads from them.

usage: python make_images.py      (needs PyTorch, torchvision and Pillow; the results are committed, so tests do not)

transforms.json: `picture` [3, H, W] of bytes, and `cases`, each with the transform as a config has it, whether the picture's first
channel alone (`grey`) and its values / 255 (`float`) are transformed, the shape and values of torchvision's result for tensors, and by
how much bytes may differ (`most`). `perspective` and `changes` hold results of functions that a config cannot call with fixed numbers.
"""

import io
import json
import math
import struct
from pathlib import Path

import numpy as np
import torch
import torchvision.transforms.functional as F
from PIL import Image
from torchvision.transforms import InterpolationMode as Mode
from torchvision.transforms.autoaugment import _apply_op

FOLDER = Path(__file__).resolve().parent
MODES = {"nearest": Mode.NEAREST, "nearest_exact": Mode.NEAREST_EXACT, "bilinear": Mode.BILINEAR, "bicubic": Mode.BICUBIC}


def picture(height, width):
    """Smooth shapes, some noise, and one channel that does not use the full range."""
    random = np.random.RandomState(3)
    y, x = np.mgrid[0:height, 0:width]
    r = 127 + 120 * np.sin(0.5 * x + 0.2 * y)
    g = 255 * x * y / (width * height)
    b = 60 + 90 * (((x // 4) + (y // 3)) % 2)
    image = np.stack([r, g, b]) + random.uniform(-20, 20, (3, height, width))
    return torch.from_numpy(np.clip(np.round(image), 0, 255).astype(np.uint8))


PICTURE = picture(12, 17)
CASES = []


def case(transform, function, kinds=("bytes", "float"), grey=False, most=0):
    for kind in kinds:
        image = PICTURE[:1] if grey else PICTURE
        if kind == "float":
            image = image.float() / 255
        out = function(image)
        values = out.flatten().tolist()
        if kind == "float":
            values = [float(f"{v:.7g}") for v in values]
        CASES.append({"transform": transform, "grey": grey, "float": kind == "float", "shape": list(out.shape), "out": values,
                      "most": most})


def transforms():
    for name, mode in MODES.items():
        for size in ([7, 9], [20, 31], [5, 31], [12, 40]):
            for antialias in (True, False) if name.startswith("bi") else (True,):
                case({"resize": {"size": size, "interpolation": name, "antialias": antialias}},
                     lambda i: F.resize(i, size, mode, antialias=antialias), kinds=("bytes", "float") if size == [7, 9] else ("bytes",), most=int(name.startswith("bi")))
    case({"resize": 8}, lambda i: F.resize(i, 8, antialias=True), most=1)
    case({"resize": {"size": 10, "max_size": 13}}, lambda i: F.resize(i, 10, max_size=13, antialias=True), kinds=("bytes",), most=1)
    case({"resize": [6, 6]}, lambda i: F.resize(i, [6, 6], antialias=True), grey=True, most=1)
    for size in ([5, 10], [9, 4], [12, 17], [1, 2]):
        case({"center_crop": size}, lambda i: F.center_crop(i, size), kinds=("bytes",))
    for mode in ("constant", "edge", "reflect", "symmetric"):
        # ours: top, bottom, left, right; torchvision's: left, top, right, bottom
        case({"pad": {"padding": [2, 1, 3, 4], "mode": mode}}, lambda i: F.pad(i, [3, 2, 4, 1], 0, mode), kinds=("bytes",))
    case({"grayscale": {}}, lambda i: F.rgb_to_grayscale(i))
    case({"grayscale": 3}, lambda i: F.rgb_to_grayscale(i, 3))
    case({"random_grayscale": 1}, lambda i: F.rgb_to_grayscale(i, 3))
    for factor in (0.3, 1.7):
        case({"color_jitter": {"brightness": [factor, factor]}}, lambda i: F.adjust_brightness(i, factor))
        case({"color_jitter": {"contrast": [factor, factor]}}, lambda i: F.adjust_contrast(i, factor))
        case({"color_jitter": {"contrast": [factor, factor]}}, lambda i: F.adjust_contrast(i, factor), grey=True)
        case({"color_jitter": {"saturation": [factor, factor]}}, lambda i: F.adjust_saturation(i, factor))
        case({"adjust_sharpness": factor}, lambda i: F.adjust_sharpness(i, factor))
        case({"adjust_sharpness": factor}, lambda i: F.adjust_sharpness(i, factor), grey=True)
    for turn in (-0.4, 0.1, 0.5):
        case({"color_jitter": {"hue": [turn, turn]}}, lambda i: F.adjust_hue(i, turn))
    case({"color_jitter": {"hue": [0.1, 0.1]}}, lambda i: F.adjust_hue(i, 0.1), grey=True)
    case({"invert": {}}, F.invert)
    for bits in (1, 3, 8):
        case({"posterize": bits}, lambda i: F.posterize(i, bits), kinds=("bytes",))
    case({"solarize": 100}, lambda i: F.solarize(i, 100), kinds=("bytes",))
    case({"solarize": 0.4}, lambda i: F.solarize(i, 0.4), kinds=("float",))
    case({"autocontrast": {}}, F.autocontrast)
    case({"autocontrast": {}}, F.autocontrast, grey=True)
    case({"equalize": {}}, F.equalize, kinds=("bytes",))
    case({"equalize": {}}, F.equalize, kinds=("bytes",), grey=True)
    case({"gaussian_blur": {"kernel_size": [3, 5], "sigma": 0.8}}, lambda i: F.gaussian_blur(i, [5, 3], [0.8, 0.8]), most=1)
    case({"gaussian_blur": {"kernel_size": 9, "sigma": [2, 2]}}, lambda i: F.gaussian_blur(i, [9, 9], [2.0, 2.0]), grey=True, most=1)
    for angle in (90, 33, -150.5):
        for name in ("nearest", "bilinear"):
            case({"random_rotation": {"degrees": [angle, angle], "interpolation": name}}, lambda i: F.rotate(i, angle, MODES[name]),
                 most=int(name == "bilinear"))
    case({"random_rotation": {"degrees": [20, 20], "value": 9}}, lambda i: F.rotate(i, 20, fill=[9.0, 9.0, 9.0]), kinds=("bytes",))
    for name in ("nearest", "bilinear"):
        case({"random_affine": {"degrees": [25, 25], "scale": 0.8, "shear": [10, 10, -15, -15], "interpolation": name}},
             lambda i: F.affine(i, 25, [0, 0], 0.8, [10.0, -15.0], MODES[name]), most=int(name == "bilinear"))
        case({"random_affine": {"scale": 1.5, "shear": [-20, -20], "interpolation": name}},
             lambda i: F.affine(i, 0, [0, 0], 1.5, [-20.0, 0.0], MODES[name]), grey=True, most=int(name == "bilinear"))


def perspectives():
    start = [[0, 0], [16, 0], [16, 11], [0, 11]]
    for end in ([[2, 1], [13, 0], [15, 9], [0, 10]], [[0, 0], [16, 3], [12, 11], [4, 6]]):
        for name in ("nearest", "bilinear"):
            out = F.perspective(PICTURE, start, end, MODES[name])
            yield {"from": start, "to": end, "nearest": name == "nearest", "out": out.flatten().tolist()}


def changes():
    names = ["Identity", "ShearX", "ShearY", "TranslateX", "TranslateY", "Rotate", "Brightness", "Color", "Contrast", "Sharpness",
             "Posterize", "Solarize", "AutoContrast", "Equalize"]
    strengths = {"ShearX": (0.27, -0.6), "ShearY": (0.27, -0.6), "TranslateX": (3.7, -5.2), "TranslateY": (3.7, -5.2),
                 "Rotate": (27.0, -100.0), "Posterize": (5,), "Solarize": (110.5,), "Identity": (0,), "AutoContrast": (0,), "Equalize": (0,)}
    for index, name in enumerate(names):
        for magnitude in strengths.get(name, (0.54, -0.81)):
            out = _apply_op(PICTURE, name, float(magnitude), Mode.NEAREST, None)
            yield {"change": index, "name": name, "magnitude": magnitude, "out": out.flatten().tolist()}


def save(name, image, **options):
    """The file, and beside it what Pillow reads from it as grey and as colours."""
    folder = FOLDER / "images"
    folder.mkdir(exist_ok=True)
    image.save(folder / name, **options)
    read = Image.open(folder / name)
    if read.mode == "I;16" or read.mode == "I":  # Pillow would not scale; the high byte is meant
        read = Image.fromarray((np.asarray(read).astype(np.uint32) >> 8).astype(np.uint8))
    if read.mode in ("RGBA", "LA", "P", "PA"):
        colours = read.convert("RGBA").convert("RGB")
    else:
        colours = read.convert("RGB")
    colours.save(folder / (name + ".ppm"))
    (read.convert("L") if read.mode in ("L", "LA") else colours.convert("L")).save(folder / (name + ".pgm"))


def images():
    array = picture(19, 23).permute(1, 2, 0).contiguous().numpy()
    rgb = Image.fromarray(array)
    smooth = Image.fromarray(np.clip(np.stack(np.broadcast_arrays(
        np.linspace(20, 230, 40)[None, :], np.linspace(240, 10, 33)[:, None], 128 + 60 * np.sin(np.linspace(0, 6, 40))[None, :]), 2), 0, 255).astype(np.uint8))
    save("rgb.png", rgb)
    save("grey.png", rgb.convert("L"))
    save("alpha.png", Image.merge("RGBA", [*rgb.split(), rgb.split()[0]]))
    save("palette.png", rgb.quantize(13))
    save("bits.png", rgb.convert("L").point(lambda v: v > 120, mode="1"))
    save("deep.png", Image.fromarray((array[..., 0].astype(np.uint16) * 257)))
    save("rgb.bmp", rgb)
    save("grey.bmp", rgb.convert("L"))
    save("colours_444.jpg", smooth, quality=92, subsampling=0)
    save("colours_420.jpg", smooth, quality=85, subsampling=2)
    save("progressive.jpg", smooth, quality=85, progressive=True)
    save("grey.jpg", smooth.convert("L"), quality=90)


def main():
    transforms()
    data = {"picture": PICTURE.flatten().tolist(), "shape": list(PICTURE.shape), "cases": CASES, "perspective": list(perspectives()),
            "changes": list(changes())}
    text = json.dumps(data, separators=(",", ":"))
    (FOLDER / "transforms.json").write_text(text.replace('{"transform"', '\n{"transform"').replace('{"from"', '\n{"from"').replace('{"change"', '\n{"change"') + "\n")
    images()


if __name__ == "__main__":
    main()
