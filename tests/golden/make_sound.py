#!/usr/bin/env python3
"""Writes sound.json: features of one sound, computed in double precision from torchaudio's published formulas.

usage: python make_sound.py      (needs PyTorch; the results are committed, so tests do not)

`sound` is the input; `cases` hold the transform as a config has it, the result's shape and values, and the largest difference that
float32 explains.
"""

import json
import math
from pathlib import Path

import torch

RATE = 8000
LENGTH = 700


def sound():
    t = torch.arange(LENGTH, dtype=torch.float64) / RATE
    noise = torch.randn(LENGTH, generator=torch.Generator().manual_seed(5), dtype=torch.float64)
    x = 0.5 * torch.sin(2 * math.pi * (300 + 2000 * t) * t) + 0.2 * torch.sin(2 * math.pi * 1500 * t) + 0.02 * noise
    return x.float().double()


def spectrogram(x, n_fft=400, win_length=None, hop_length=None, power=2.0):
    win_length = win_length or n_fft
    hop_length = hop_length or win_length // 2
    window = torch.hann_window(win_length, periodic=True, dtype=torch.float64)
    spectrum = torch.stft(x, n_fft, hop_length, win_length, window, center=True, pad_mode="reflect", return_complex=True)
    return spectrum.abs() ** power


def mel_bank(bins, n_mels, rate, f_min=0.0, f_max=None):
    """torchaudio's melscale_fbanks, htk, without norm."""
    mel = lambda f: 2595 * math.log10(1 + f / 700)
    frequencies = torch.linspace(0, rate // 2, bins, dtype=torch.float64)
    points = torch.linspace(mel(f_min), mel(f_max or rate // 2), n_mels + 2, dtype=torch.float64)
    points = 700 * (10 ** (points / 2595) - 1)
    width = points[1:] - points[:-1]
    slopes = points[None, :] - frequencies[:, None]
    return torch.clamp(torch.minimum(-slopes[:, :-2] / width[:-1], slopes[:, 2:] / width[1:]), min=0)


def mels(x, n_mels, f_min=0.0, f_max=None, **options):
    s = spectrogram(x, **options)
    return mel_bank(s.shape[0], n_mels, RATE, f_min, f_max).T @ s


def decibels(x, top_db=80.0):
    db = 10 * torch.log10(torch.clamp(x, min=1e-10))
    return torch.maximum(db, db.max() - top_db)


def mfcc(x, n_mfcc, n_mels, **options):
    n = torch.arange(n_mels, dtype=torch.float64)
    k = torch.arange(n_mfcc, dtype=torch.float64)[:, None]
    dct = torch.cos(math.pi / n_mels * (n + 0.5) * k)
    dct[0] *= 1 / math.sqrt(2)
    dct *= math.sqrt(2 / n_mels)
    return dct @ decibels(mels(x, n_mels, **options))


def resample(x, origin, new, width=6, rolloff=0.99):
    """torchaudio's sinc_interp_hann."""
    g = math.gcd(origin, new)
    origin, new = origin // g, new // g
    base = min(origin, new) * rolloff
    reach = math.ceil(width * origin / base)
    idx = torch.arange(-reach, reach + origin, dtype=torch.float64)[None] / origin
    t = (torch.arange(0, -new, -1, dtype=torch.float64)[:, None] / new + idx) * base
    t = t.clamp(-width, width)
    window = torch.cos(t * math.pi / width / 2) ** 2
    t = t * math.pi
    kernel = torch.where(t == 0, torch.ones(()).double(), torch.sin(t) / t) * window * base / origin
    padded = torch.nn.functional.pad(x, (reach, reach + origin))
    y = torch.nn.functional.conv1d(padded[None, None], kernel[:, None], stride=origin)
    y = y.transpose(1, 2).reshape(-1)
    return y[: math.ceil(new * len(x) / origin)]


def main():
    x = sound()
    cases = []

    def case(transform, out, atol):
        cases.append({"transform": transform, "shape": list(out.shape), "out": [float(f"{v:.8g}") for v in out.flatten().tolist()], "atol": atol})

    case({"spectrogram": 64}, spectrogram(x, 64), 1e-3)
    case({"spectrogram": {"n_fft": 100, "win_length": 60, "hop_length": 45, "power": 1}}, spectrogram(x, 100, 60, 45, 1.0), 1e-4)
    case({"spectrogram": {"n_fft": 98, "scale": "log"}}, torch.log(spectrogram(x, 98) + 1e-6), 1e-3)
    case({"spectrogram": {"n_fft": 9, "hop_length": 50}}, spectrogram(x, 9, None, 50), 1e-4)
    case({"mel_spectrogram": {"sample_rate": RATE, "n_fft": 128, "n_mels": 20}}, mels(x, 20, n_fft=128), 1e-3)
    case({"mel_spectrogram": {"sample_rate": RATE, "n_fft": 256, "hop_length": 80, "n_mels": 12, "f_min": 100, "f_max": 3000, "scale": "db", "top_db": 40}},
         decibels(mels(x, 12, 100.0, 3000.0, n_fft=256, hop_length=80), 40.0), 1e-3)
    case({"mfcc": {"n_mfcc": 13, "sample_rate": RATE, "n_fft": 200, "n_mels": 23}}, mfcc(x, 13, 23, n_fft=200), 3e-3)
    case({"resample": {"from": 8000, "to": 6000}}, resample(x, 8000, 6000), 1e-5)
    case({"resample": {"from": 8000, "to": 11025}}, resample(x, 8000, 11025), 1e-5)
    case({"resample": {"from": 8, "to": 4, "lowpass_filter_width": 16, "rolloff": 0.9}}, resample(x, 8, 4, 16, 0.9), 1e-5)
    text = json.dumps({"sound": x.tolist(), "cases": cases}, separators=(",", ":"))
    (Path(__file__).resolve().parent / "sound.json").write_text(text.replace('{"transform"', '\n{"transform"') + "\n")


if __name__ == "__main__":
    main()
