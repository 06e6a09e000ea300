"""Compares `dlbench run` with onnxruntime on one model, on random inputs of two sizes.

usage: compare_runtimes.py DLBENCH MODEL

The ONNX checker must accept the model, and each output must agree to 1e-5 of its largest value. Inputs that stand for random draws get
numbers of their distribution. Of a model that draws by itself, outputs must agree in shape, and those of 500 columns or more in mean and
deviation, column by column of the batch taken together.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from safetensors.numpy import load_file

RTOL = 1e-5
RANDOM = {"RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike", "Bernoulli", "Multinomial"}
# What ONNX calls float, int64, ... as NumPy has it.
TYPES = {"tensor(float)": np.float32, "tensor(double)": np.float64, "tensor(int64)": np.int64, "tensor(bool)": np.bool_}


def drawn(random, draw, shape):
    """Numbers of a distribution as the model's metadata has it."""
    p = draw
    return {
        "normal": lambda: random.normal(p["mean"], p["std"], shape),
        "uniform": lambda: random.uniform(p["low"], p["high"], shape),
        "bernoulli": lambda: random.random(shape) < p["p"],
        "randint": lambda: random.integers(int(p["low"]), int(p["high"]), shape),
        "randperm": lambda: random.permutation(shape[-1]),
        "exponential": lambda: random.exponential(1 / p["rate"], shape),
        "geometric": lambda: random.geometric(p["p"], shape),
        "log_normal": lambda: random.lognormal(p["mean"], p["std"], shape),
        "cauchy": lambda: p["median"] + p["sigma"] * random.standard_cauchy(shape),
    }[draw["distribution"]]()


def same_distribution(x, y):
    """Why two samples cannot be of one distribution, by mean and deviation; None where they can."""
    x, y = x.astype(np.float64).ravel(), y.astype(np.float64).ravel()
    deviation = max(x.std(), y.std())
    if abs(x.mean() - y.mean()) > 6 * deviation * np.sqrt(2 / x.size) + 1e-12:
        return f"mean {x.mean():.4g}, onnxruntime has {y.mean():.4g}"
    if abs(x.std() - y.std()) > 0.15 * deviation:
        return f"deviation {x.std():.4g}, onnxruntime has {y.std():.4g}"
    return None


def main():
    dlbench, path = sys.argv[1:]
    model = onnx.load(path)
    onnx.checker.check_model(model, full_check=True)
    draws = json.loads(next((p.value for p in model.metadata_props if p.key == "dlbench.draws"), "{}"))
    draws_itself = any(node.op_type in RANDOM for node in model.graph.node)
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
                elif value.name in draws:
                    x = drawn(random, draws[value.name], shape).astype(TYPES[value.type])
                elif value.type == "tensor(double)":  # rows of tables
                    x = np.where(random.random(shape) < 0.2, np.nan, random.integers(0, 4, shape))
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
            if draws_itself:
                why = same_distribution(y, expected) if y.ndim == 2 and y.shape[1] >= 500 else None
                if why:
                    sys.exit(f"output {output.name}: {why}")
                continue
            gap = np.abs(y.astype(np.float64) - expected).max(initial=0) / max(np.abs(expected).max(initial=0), 1e-30)
            if gap > RTOL:
                sys.exit(f"output {output.name}, batch {batch}: differs from onnxruntime by {gap:.3g} of its largest value")


if __name__ == "__main__":
    main()
