#!/usr/bin/env python3
"""ONNX: its own backend tests, and models that dlbench exports in onnxruntime.

usage: tests/onnx/run.py [--dlbench build/release/bin/dlbench] [NAME...]
  NAME   runs the tests whose names contain it

Needs the Python packages of tests/requirements.txt (tools/setup --test puts them into build/venv; DLB_TEST_PYTHON names another
Python that has them) and is skipped, visibly, where they are absent. The last line is `onnx: N passed, N failed[, N skipped]`.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).resolve().parent

# Backend tests that no implementation can pass but the one that wrote them: they hold the draws of NumPy's generator.
DRAWS = "bernoulli"

# Families that ONNX cannot say, and what export has to say of them.
NOT_IN_ONNX = {
    "recursion": "calls itself, which cannot be exported",
}

# Families that draw random numbers in evaluation, which is said in the export.
DRAWING = ["gan", "vae"]


def python_with_packages():
    for python in (os.environ.get("DLB_TEST_PYTHON"), str(ROOT / "build" / "venv" / "bin" / "python")):
        if python and Path(python).exists():
            check = subprocess.run([python, "-c", "import numpy, onnx, onnxruntime, safetensors"], capture_output=True)
            if check.returncode == 0:
                return python
    return None


def backend(python, dlbench):
    """Each backend test is a case; those of operators that dlbench does not claim are counted, not failed."""
    data = subprocess.run([python, "-c", "import onnx, os; print(os.path.join(os.path.dirname(onnx.__file__), 'backend', 'test', 'data'))"],
                          capture_output=True, text=True, check=True).stdout.strip()
    with tempfile.TemporaryDirectory() as folder:
        result = Path(folder) / "result.json"
        run = subprocess.run([sys.executable, str(ROOT / "tools" / "onnx_backend"), "--dlbench", dlbench, "--data", data, "--json", str(result)],
                             capture_output=True, text=True)
        print(run.stdout, end="")
        if not result.exists():
            return [("backend", f"tools/onnx_backend broke: {run.stderr[-500:]}")]
        rows = json.loads(result.read_text())
    cases = []
    for row in rows:
        expected_to_differ = DRAWS in row["name"]
        wrong = row["status"] == "failed" and not expected_to_differ
        cases.append((f"backend {row['name']}", row["message"] if wrong else None))
    claimed = [r for r in rows if r["status"] != "unclaimed"]
    passed = sum(r["status"] == "passed" for r in rows)
    cases.append(("at least 70 % of all", None if passed >= 0.70 * len(rows) else f"{passed} of {len(rows)}"))
    cases.append(("at least 97 % of what is claimed", None if passed >= 0.97 * len(claimed) else f"{passed} of {len(claimed)}"))
    cases.append(("all 1,914 tests are there", None if len(rows) == 1914 else f"{len(rows)} tests"))
    return cases


def export(dlbench, config, model, options):
    command = [dlbench, "export", str(config), "--to", "onnx", "--out", str(model), "--quiet", *options]
    return subprocess.run(command, capture_output=True, text=True)


def exported(python, dlbench, config, model, options=()):
    """Exports and compares with onnxruntime; why not, "skip" without the data, None where all is well."""
    run = export(dlbench, config, model, options)
    if run.returncode != 0:
        return "skip" if "data set" in run.stderr else f"exit code {run.returncode}: {run.stderr[:400]}"
    check = subprocess.run([python, str(HERE / "compare_runtimes.py"), dlbench, str(model)], capture_output=True, text=True)
    return None if check.returncode == 0 else (check.stdout + check.stderr)[-600:]


def refused(dlbench, config, model, reason):
    """None where the export fails for that reason, with the config's line, and writes nothing."""
    run = export(dlbench, config, model, [])
    ok = run.returncode == 2 and reason in run.stderr and f"{config.name}:" in run.stderr and not model.exists()
    return None if ok else f"exit code {run.returncode}: {run.stderr[:400]}"


def families(python, dlbench, names):
    cases = []
    with tempfile.TemporaryDirectory() as folder:
        for config in sorted((ROOT / "configs" / "families").glob("*.yaml")):
            name = config.stem
            if names and not any(n in f"family {name}" for n in names):
                continue
            model = Path(folder) / f"{name}.onnx"
            if name in NOT_IN_ONNX:
                cases.append((f"family {name} is refused", refused(dlbench, config, model, NOT_IN_ONNX[name])))
            elif name in DRAWING:
                cases.append((f"family {name} is refused without --draws", refused(dlbench, config, model, "draws random numbers in evaluation")))
                for kind in ("inputs", "operators"):
                    cases.append((f"family {name}, draws as {kind}", exported(python, dlbench, config, model, ["--draws", kind])))
            else:
                cases.append((f"family {name}", exported(python, dlbench, config, model)))
    return cases


PREPROCESSED = """
data:
  source: {synthetic: {shape: [3, 13, 17], classes: 4, samples: 64, test_samples: 40, dtype: uint8}}
  batch: 16
  transforms: TRANSFORMS
model: [conv2d: {out: 4, kernel: 3}, relu, flatten, linear: 4]
loss: cross_entropy
optimizer: sgd
train: {steps: 1}
"""
# In each, what ONNX Runtime has to do on bytes and on floats.
TRANSFORMS = {
    "bytes": "[resize: [26, 34], pad: {padding: 2, value: 9}, center_crop: 24, to_float, normalize: {mean: [0.1, 0.2, 0.3], std: 0.5}]",
    "floats": "[to_float, resize: {size: 9, interpolation: bicubic}, pad: {padding: 2, mode: symmetric}, scale: {factor: 2, offset: -1}]",
    "grey": "[grayscale: 3, resize: {size: [9, 29], interpolation: nearest}, cast]",
}

ROWS = "a,year,grade,b,label\n1,2001,3,0.5,x\n?,2003,1,1.5,y\n2,2002,2,-2,x\n0,2009,1,7,y\n4,?,?,3,x\n5,2005,3,1,y\n"
TABLE = """
data:
  batch: 2
  source: {csv: {train: rows.csv, test: rows.csv, target: label, missing: fill, standardize: true, category_columns: [grade]KEYS}}
model: MODEL
loss: cross_entropy
optimizer: sgd
train: {steps: 1}
"""
# Categories as zeros and ones, and as numbers.
TABLES = {
    "table": ("", "[linear: 2]"),
    "ids": (", categories: ids", "{steps: [{embedding: {in: categories, count: $categories, dim: 3}}, {flatten: {as: e}}, {concat: {in: [x, e]}}, {linear: 2}]}"),
}

# A model for each way in which numbers are drawn.
DRAW_CASES = {
    "classes": """
    - linear: {out: 12, as: logits}
    - eval: {expr: "multinomial(softmax(logits, 1), 5, true)", as: a}
    - eval: {expr: "multinomial(softmax(logits, 1), 5)", as: b}
    - gumbel_softmax: {in: logits, as: c}""",
    "steps": """
    - loop: {in: x, max: 3, body: [eval: "it * 0.5 + randn_like(it)", dropout: 0.5], as: a}
    - unflatten: {in: x, dim: 1, sizes: [8, 8]}
    - scan: {carry: {h: "zeros([rows(it), 8])"}, reverse: true, body: [eval: {expr: "h * 0.5 + item + randn_like(h)", as: h}], as: b}
    - unflatten: {in: x, dim: 1, sizes: [1, 8, 8]}
    - fractional_max_pool2d: {kernel: 2, output: 3, as: c}""",
    "kinds": """
    - eval: {expr: "normal(1.5, 2.0, [rows(x), 500])", as: a}
    - eval: {expr: "randint(2, 7, [rows(x), 500])", as: b}
    - eval: {expr: "bernoulli(expand(x[:, :1], [rows(x), 500]), 0.3)", as: c}
    - eval: {expr: "uniform([rows(x), 500], low=-2, high=3)", as: d}
    - eval: {expr: "exponential(d, 2)", as: e}
    - eval: {expr: "geometric(d, 0.4)", as: f}
    - eval: {expr: "log_normal(d, 0.1, 0.2)", as: g}
    - eval: {expr: "atan(cauchy(d, 0, 1))", as: h}
    - eval: {expr: "x[randperm(rows(x))]", as: i}""",
}
DRAWN = """
data: {source: digits, batch: 64, transforms: [to_float: {max: 16}]}
model:
  steps:
    - flatten: {as: x}STEPS
    - linear: {in: x, out: 10, as: y}
  outputs: [y, OUTPUTS]
loss: {cross_entropy: {in: y}}
optimizer: sgd
train: {steps: 1}
"""

GRAPHS = """
data: {source: {graphs: {nodes: 8, samples: 96, test_samples: 64, classes: 3}}, batch: 32}
model: STEPS
loss: cross_entropy
optimizer: sgd
train: {steps: 1}
"""
POOL = ", {graph_pool: {graph: graph, nodes: $nodes, reduce: REDUCE}}, {linear: $classes}]"
# Steps for graphs of any size, their number among what the data tell.
GRAPH_STEPS = {
    "gcn": "[{gcn_conv: {in: [x, edges], out: 6}}" + POOL.replace("REDUCE", "mean"),
    "propagate": "[{graph_propagate: {in: [x, edges], normalize: row, self_loops: false}}, {linear: 6}" + POOL.replace("REDUCE", "sum"),
    "sage": "[{sage_conv: {in: [x, edges], out: 6, aggregate: max}}" + POOL.replace("REDUCE", "max"),
    "gat": "[{gat_conv: {in: [x, edges], out: 6, heads: 2, self_loops: false}}" + POOL.replace("REDUCE", "max"),
    "gin": "[{gin_conv: {in: [x, edges], out: 6, train_eps: true}}" + POOL.replace("REDUCE", "mean"),
    "experts": "[{mixture_of_experts: {in: x, experts: 4, hidden: 5, out: 6, top_k: 3}}" + POOL.replace("REDUCE", "mean"),
    "bags": "[{embedding_bag: {in: edges, count: 400, dim: 4, mode: max}}, {linear: 1}, sigmoid, {squeeze: {dim: 1, as: w}}, "
            "{gcn_conv: {in: [x, edges, w], out: 6}}, {gat_conv: {edges: edges, out: 6}}" + POOL.replace("REDUCE", "sum"),
}

def made_configs():
    """What is exported besides the families: name, config, options."""
    for name, transforms in TRANSFORMS.items():
        yield f"preprocessing {name}", PREPROCESSED.replace("TRANSFORMS", transforms), ["--preprocessing"]
    for name, (keys, steps) in TABLES.items():
        yield f"preprocessing {name}", TABLE.replace("KEYS", keys).replace("MODEL", steps), ["--preprocessing"]
    for name, steps in DRAW_CASES.items():
        text = DRAWN.replace("STEPS", steps).replace("OUTPUTS", "a, b, c, d, e, f, g, h, i" if name == "kinds" else "a, b, c")
        for kind in ("inputs", "operators"):
            yield f"draws {name} as {kind}", text, ["--draws", kind]
    for name, steps in GRAPH_STEPS.items():
        yield f"graphs {name}", GRAPHS.replace("STEPS", steps), []


def made_exports(python, dlbench, names):
    cases = []
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "rows.csv").write_text(ROWS)
        config, model = Path(folder) / "c.yaml", Path(folder) / "m.onnx"
        for case, text, options in made_configs():
            if names and not any(n in case for n in names):
                continue
            config.write_text(text)
            cases.append((case, exported(python, dlbench, config, model, options)))
    return cases


MNIST_7 = """
data: {source: mnist, batch: 100, transforms: [to_float: {max: 255}]}
model: [flatten, {linear: 10}]
loss: cross_entropy
optimizer: sgd
metrics: [accuracy]
train: {steps: 1}
"""


def pretrained(dlbench):
    """A network of the ONNX model zoo on the whole MNIST test set: 98.90 %."""
    model = ROOT.parent / "shared" / "datasets" / "models" / "mnist-7.onnx"
    if not model.exists():
        return [("mnist-7 on MNIST", "skip")]
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "mnist.yaml"
        config.write_text(MNIST_7)
        run = subprocess.run([dlbench, "eval", str(config), "--onnx", str(model), "--json", "--quiet"], capture_output=True, text=True)
    if run.returncode != 0:
        return [("mnist-7 on MNIST", run.stderr[-400:])]
    accuracy = json.loads(run.stdout)["metrics"]["test"]["accuracy"]
    return [("mnist-7 on MNIST", None if abs(accuracy - 0.9890) < 1e-6 else f"accuracy {accuracy}")]


def packaged(python, dlbench):
    """Models that others have made and use: file type detection, voice activity, reading of text."""
    run = subprocess.run([python, str(HERE / "compare_models.py"), dlbench], capture_output=True, text=True)
    cases = []
    for line in run.stdout.splitlines():
        name, said = line.split(": ", 1)
        cases.append((f"model {name}", {"ok": None, "absent": "skip"}.get(said, said)))
    if run.returncode != 0 or not cases:
        cases.append(("models of packages", run.stderr[-400:]))
    return cases


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dlbench", default=str(ROOT / "build/release/bin/dlbench"))
    parser.add_argument("names", nargs="*")
    arguments = parser.parse_args()
    dlbench = os.path.abspath(arguments.dlbench)
    os.environ.setdefault("GOMP_SPINCOUNT", "10000")
    shared = ROOT.parent / "shared" / "datasets"
    if shared.is_dir():
        os.environ.setdefault("DLBENCH_DATA", str(shared))

    python = python_with_packages()
    if python is None:
        print("SKIPPED: the Python packages of tests/requirements.txt are not installed (tools/setup --test)")
        print("onnx: 0 passed, 0 failed, 1 skipped")
        return 0
    cases = families(python, dlbench, arguments.names)
    cases += made_exports(python, dlbench, arguments.names)
    if not arguments.names or any("backend".startswith(n) for n in arguments.names):
        cases += backend(python, dlbench)
    if not arguments.names or any("mnist-7".startswith(n) for n in arguments.names):
        cases += pretrained(dlbench)
    if not arguments.names or any("models".startswith(n) for n in arguments.names):
        cases += packaged(python, dlbench)
    failed = [c for c in cases if c[1] not in (None, "skip")]
    skipped = [c for c in cases if c[1] == "skip"]
    for name, why in failed:
        print(f"FAILED {name}: {why}")
    for name, _ in skipped:
        print(f"SKIPPED {name}: its data is not there")
    print(f"onnx: {len(cases) - len(failed) - len(skipped)} passed, {len(failed)} failed" + (f", {len(skipped)} skipped" if skipped else ""))
    return 0 if cases and not failed else 1


if __name__ == "__main__":
    sys.exit(main())
