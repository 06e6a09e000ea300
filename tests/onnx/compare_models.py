"""Compares `dlbench run` with onnxruntime on models that come in Python packages.

usage: compare_models.py DLBENCH

Prints a line `NAME: ok` or `NAME: why not` for each; `NAME: absent` for one whose package is not installed.
"""

import importlib.util
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import onnxruntime
from safetensors.numpy import load_file

# Of the largest value of an output. Detection is a hundred convolutions deep, each of which rounds.
RTOL = 1e-4


def waves(shape):
    """Sound: two tones and noise."""
    t = np.arange(max(shape)) / 16000
    noise = np.random.default_rng(1).standard_normal(max(shape))
    return (0.3 * np.sin(2 * np.pi * 220 * t) + 0.2 * np.sin(2 * np.pi * 1300 * t) + 0.05 * noise).astype(np.float32).reshape(shape)


def image(shape):
    return np.random.default_rng(2).uniform(-1, 1, shape).astype(np.float32)


def zeros(shape):
    return np.zeros(shape, np.float32)


def bytes_of_a_file(shape):
    text = np.frombuffer(b"def main():\n    print('hello')\n" * 100, np.uint8)[: shape[-1]]
    return np.ascontiguousarray(np.broadcast_to(text, shape), np.int32)


SILERO = dict(input=(waves, (1, 576)), state=(zeros, (2, 1, 128)), sr=np.array(16000))
# Package, file, its inputs.
MODELS = [
    ("magika", "models/standard_v3_3/model.onnx", dict(bytes=(bytes_of_a_file, (3, 2048)))),
    ("silero_vad", "data/silero_vad.onnx", SILERO),
    ("silero_vad", "data/silero_vad_16k_op15.onnx", SILERO),
    ("silero_vad", "data/silero_vad_op18_ifless.onnx", SILERO),
    ("rapidocr_onnxruntime", "models/ch_ppocr_mobile_v2.0_cls_infer.onnx", dict(x=(image, (2, 3, 48, 192)))),
    ("rapidocr_onnxruntime", "models/ch_PP-OCRv4_rec_infer.onnx", dict(x=(image, (2, 3, 48, 160)))),
    ("rapidocr_onnxruntime", "models/ch_PP-OCRv4_det_infer.onnx", dict(x=(image, (1, 3, 160, 224)))),
    ("basic_pitch", "saved_models/icassp_2022/nmp.onnx", {"serving_default_input_2:0": (waves, (1, 43844, 1))}),
    ("speechmos", "dnsmos_models/sig_bak_ovr.onnx", dict(input_1=(waves, (1, 144160)))),
    ("speechmos", "dnsmos_models/model_v8.onnx", dict(input_1=(image, (2, 900, 120)))),
    ("speechmos", "dnsmos_models/sig.onnx", dict(input_1=(image, (1, 901, 161)))),
    ("speechmos", "plcmos_models/plcmos_v2.onnx", dict(degraded_audio=(image, (1, 1, 100, 257)), rater_embed=(image, (1, 64)))),
    ("speechmos", "aecmos_models/Run_1668423760_Stage_0.onnx", dict(input=(image, (1, 3, 48, 160)), h0=(zeros, (4, 1, 96)))),
]


def compare(dlbench, path, inputs):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    feed, arguments = {}, []
    with tempfile.TemporaryDirectory() as folder:
        for value in session.get_inputs():
            given = inputs[value.name] if value.name in inputs else "nothing is known of input " + value.name
            if isinstance(given, str):
                return given
            feed[value.name] = given[0](given[1]) if isinstance(given, tuple) else given
            np.save(f"{folder}/{value.name}.npy", feed[value.name])
            arguments += ["--input", f"{value.name}={folder}/{value.name}.npy"]
        found = f"{folder}/found.safetensors"
        run = subprocess.run([dlbench, "run", str(path), *arguments, "--out", found, "--quiet"], capture_output=True, text=True)
        if run.returncode != 0:
            return f"exit code {run.returncode}: {' '.join(run.stderr.split())[:300]}"
        own = load_file(found)
    for output, expected in zip(session.get_outputs(), session.run(None, feed)):
        y = own[output.name]
        if y.shape != expected.shape:
            return f"output {output.name}: shape {y.shape}, onnxruntime has {expected.shape}"
        gap = np.abs(y.astype(np.float64) - expected).max(initial=0) / max(np.abs(expected).max(initial=0), 1e-30)
        if not gap <= RTOL:
            return f"output {output.name} differs from onnxruntime's by {gap:.3g} of its largest value"
    return "ok"


def main():
    for package, file, inputs in MODELS:
        # Not imported: what the packages depend on is not installed.
        spec = importlib.util.find_spec(package)
        path = None if spec is None else Path(spec.submodule_search_locations[0]) / file
        name = f"{package} {Path(file).name}"
        print(f"{name}: absent" if path is None else f"{name}: {compare(sys.argv[1], path, inputs)}", flush=True)


if __name__ == "__main__":
    main()
