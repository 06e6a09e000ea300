"""Compares `dlbench run` with onnxruntime on one model, on random inputs of two sizes.

usage: compare_runtimes.py DLBENCH MODEL

The ONNX checker must accept the model, and each output must agree to 1e-5 of its largest value.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from safetensors.numpy import load_file

RTOL = 1e-5


def main():
    dlbench, path = sys.argv[1:]
    onnx.checker.check_model(onnx.load(path), full_check=True)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    for batch in (2, 5):
        random = np.random.default_rng(batch)
        feed, arguments = {}, []
        with tempfile.TemporaryDirectory() as folder:
            for i, value in enumerate(session.get_inputs()):
                # Whole numbers are indices, for which 0 and 1 will always do; lists of them may also be lengths, of which none is 0.
                # A second open number of rows, such as that of edges, is another one.
                shape = [d if isinstance(d, int) else batch + 3 * (int(d[5:] or 1) - 1) if d.startswith("batch") else 9 for d in value.shape]
                whole = "int" in value.type
                x = random.integers(0 if len(shape) > 1 else 1, 2, shape).astype(np.int64) if whole else random.standard_normal(shape).astype(np.float32)
                if value.type == "tensor(uint8)":
                    x = random.integers(0, 256, shape).astype(np.uint8)
                feed[value.name] = x
                np.save(f"{folder}/{i}.npy", x)
                arguments += ["--input", f"{value.name}={folder}/{i}.npy"]
            found = Path(folder) / "found.safetensors"
            subprocess.run([dlbench, "run", path, *arguments, "--out", str(found), "--quiet"], check=True, stdout=subprocess.DEVNULL)
            own = load_file(found)
        for output, expected in zip(session.get_outputs(), session.run(None, feed)):
            y = own[output.name]
            if y.shape != expected.shape:
                sys.exit(f"output {output.name}: shape {y.shape}, onnxruntime has {expected.shape}")
            if not np.isfinite(expected).all():
                sys.exit(f"output {output.name}: onnxruntime gives numbers that are not finite")
            gap = np.abs(y.astype(np.float64) - expected).max(initial=0) / max(np.abs(expected).max(initial=0), 1e-30)
            if gap > RTOL:
                sys.exit(f"output {output.name}, batch {batch}: differs from onnxruntime by {gap:.3g} of its largest value")


if __name__ == "__main__":
    main()
