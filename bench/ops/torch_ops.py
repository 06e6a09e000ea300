#!/usr/bin/env python3
"""Runs the operator benchmark beside PyTorch eager, operator by operator in turn, and prints a table.

The cases and their sizes come from the benchmark program; this file holds what each operator is in PyTorch. PyTorch
runs in a process of its own (this file with --serve, under the interpreter that has it).
"""
import argparse
import json
import math
import os
import re
import statistics
import subprocess
import sys


def torch_cases():
    import torch
    import torch.nn.functional as F

    def normal(*s):
        return torch.randn(*s)

    def leaf(*s):
        return torch.randn(*s, requires_grad=True)

    def image(s):
        return leaf(*s[:4])

    def unary(f, make=leaf):
        def case(s):
            x = make(*s)
            return (lambda: f(x)), [x]
        return case

    def positive(*s):
        return torch.rand(*s) * 10 + 0.01

    def binary(f):
        def case(s):
            a, b = leaf(*s), leaf(*s)
            return (lambda: f(a, b)), [a, b]
        return case

    def loss(f):
        def case(s):
            a, b = leaf(*s), normal(*s)
            return (lambda: f(a, b)), [a]
        return case

    def bias(s):
        a, b = leaf(s[0], s[1]), leaf(s[1])
        return (lambda: a + b), [a, b]

    def where(s):
        c, a, b = normal(*s) > 0, normal(*s), normal(*s)
        return (lambda: torch.where(c, a, b)), []

    def cross_entropy(s):
        x, t = leaf(*s), torch.randint(0, s[1], (s[0],))
        return (lambda: F.cross_entropy(x, t)), [x]

    def layer_norm(s):
        x, w, b = leaf(*s), leaf(s[1]), leaf(s[1])
        return (lambda: F.layer_norm(x, (s[1],), w, b)), [x, w, b]

    def group_norm(s):
        x, w, b = image(s), leaf(s[1]), leaf(s[1])
        return (lambda: F.group_norm(x, 8, w, b)), [x, w, b]

    def batch_norm(s):
        x, w, b = image(s), leaf(s[1]), leaf(s[1])
        return (lambda: F.batch_norm(x, None, None, w, b, True)), [x, w, b]

    def embedding(s):
        table, at = leaf(s[0], s[1]), torch.randint(0, s[0], (s[2],))
        return (lambda: F.embedding(at, table)), [table]

    def gather(s):
        x, at = leaf(*s), torch.randint(0, s[1], (s[0], s[1]))
        return (lambda: torch.gather(x, 1, at)), [x]

    def transpose(s):
        x = normal(*s)
        return (lambda: x.transpose(0, 1).contiguous()), []

    def heads(s):
        x = normal(*s)
        return (lambda: x.permute(0, 2, 1, 3).contiguous()), []

    def adam(s):
        params = [leaf(s[1]) for _ in range(s[0])]
        for p in params:
            p.grad = normal(s[1])
        optimizer = torch.optim.Adam(params, 1e-3)
        return optimizer.step, []

    def matmul(s):
        a, b = leaf(s[0], s[1]), leaf(s[1], s[2])
        return (lambda: a @ b), [a, b]

    def batched(s):
        a, b = leaf(s[0], s[1], s[2]), leaf(s[0], s[2], s[3])
        return (lambda: a @ b), [a, b]

    def linear(s):
        x, w, b = leaf(s[0], s[1]), leaf(s[2], s[1]), leaf(s[2])
        return (lambda: F.linear(x, w, b)), [x, w, b]

    def conv2d(kernel):
        def case(s):
            x, w, b = image(s), leaf(s[4], s[1], kernel, kernel), leaf(s[4])
            return (lambda: F.conv2d(x, w, b, padding=kernel // 2)), [x, w, b]
        return case

    def depthwise(s):
        x, w, b = image(s), leaf(s[1], 1, 3, 3), leaf(s[1])
        return (lambda: F.conv2d(x, w, b, padding=1, groups=s[1])), [x, w, b]

    def conv1d(s):
        x, w, b = leaf(*s[:3]), leaf(s[3], s[1], 3), leaf(s[3])
        return (lambda: F.conv1d(x, w, b, padding=1)), [x, w, b]

    def attention(s):
        q, k, v = leaf(*s), leaf(*s), leaf(*s)
        return (lambda: F.scaled_dot_product_attention(q, k, v, is_causal=True)), [q, k, v]

    return {
        "add": binary(torch.add), "mul": binary(torch.mul), "div": binary(torch.div), "bias": bias, "where": where,
        "relu": unary(F.relu), "gelu": unary(F.gelu), "silu": unary(F.silu), "sigmoid": unary(torch.sigmoid),
        "tanh": unary(torch.tanh), "exp": unary(torch.exp), "log": unary(torch.log, positive),
        "sqrt": unary(torch.sqrt, positive), "square": unary(lambda x: x ** 2),
        "clip": unary(lambda x: x.clip(-1, 1)), "cast": unary(lambda x: x.bfloat16()),
        "sin": unary(torch.sin), "cos": unary(torch.cos),
        "dropout": unary(lambda x: F.dropout(x, 0.1)), "mse_loss": loss(F.mse_loss),
        "bce_with_logits": loss(F.binary_cross_entropy_with_logits),
        "softmax": unary(lambda x: F.softmax(x, -1)), "log_softmax": unary(lambda x: F.log_softmax(x, -1)),
        "cross_entropy": cross_entropy, "layer_norm": layer_norm, "group_norm": group_norm, "batch_norm": batch_norm,
        "sum_all": unary(torch.sum), "sum_rows": unary(lambda x: x.sum(1)), "sum_columns": unary(lambda x: x.sum(0)),
        "mean": unary(torch.mean), "amax": unary(lambda x: x.amax(1)), "argmax": unary(lambda x: x.argmax(1)),
        "cumsum": unary(lambda x: x.cumsum(1)),
        "embedding": embedding, "gather": gather, "cat": binary(lambda a, b: torch.cat((a, b), 1)),
        "transpose": transpose, "heads": heads, "adam": adam, "matmul": matmul, "batched_matmul": batched,
        "linear": linear, "conv2d_3x3": conv2d(3), "conv2d_1x1": conv2d(1), "depthwise_3x3": depthwise,
        "conv1d": conv1d, "max_pool2d": lambda s: unary(lambda x: F.max_pool2d(x, 2))(s),
        "avg_pool2d": lambda s: unary(lambda x: F.avg_pool2d(x, 2))(s), "attention": attention,
    }


def serve(threads, seconds):
    """Reads a case's name a line, answers with the median µs of its runs."""
    import time
    import torch

    torch.set_num_threads(threads)
    cases = torch_cases()

    def measure(f):
        f()
        start = time.perf_counter()
        f()
        once = max(time.perf_counter() - start, 1e-7)
        batch = max(1, min(1000, int(1e-3 / once)))
        times = []
        end = time.perf_counter() + seconds
        while not times or time.perf_counter() < end:
            start = time.perf_counter()
            for _ in range(batch):
                f()
            times.append((time.perf_counter() - start) / batch)
        return statistics.median(times) * 1e6

    print("ready", torch.__version__, flush=True)
    for line in sys.stdin:
        name, sizes, direction = line.split("/")
        torch.manual_seed(0)
        run, inputs = cases[name]([int(s) for s in sizes.split("x")])
        if direction.strip() == "backward":
            leaves = [x for x in inputs if x.requires_grad]
            y = run()
            seed = torch.ones_like(y) if y.dim() == 0 else torch.randn_like(y)
            print(measure(lambda: torch.autograd.grad(y, leaves, seed, retain_graph=True)), flush=True)
        elif name == "adam":
            print(measure(run), flush=True)
        else:
            with torch.no_grad():
                print(measure(run), flush=True)


class Ours:
    def __init__(self, args):
        self.command = [*args.prefix.split(), args.program]
        self.environment = dict(os.environ, DLB_BENCH_THREADS=str(args.threads))
        self.seconds = args.seconds

    def run(self, *more):
        return subprocess.run([*self.command, *more], env=self.environment, check=True, capture_output=True, text=True).stdout

    def names(self, pattern):
        listed = self.run("--benchmark_list_tests", f"--benchmark_filter={pattern}").split()
        return [name.removesuffix("/real_time") for name in listed]

    def measure(self, name):
        out = self.run(f"--benchmark_filter=^{re.escape(name)}(/real_time)?$", "--benchmark_format=json",
                       f"--benchmark_min_time={self.seconds}")
        found = json.loads(out)["benchmarks"][0]
        scale = {"ns": 1e-3, "us": 1, "ms": 1e3}[found["time_unit"]]
        return found["real_time"] * scale, found.get("bytes_per_second")


class Torch:
    def __init__(self, args):
        self.process = subprocess.Popen(
            [*args.prefix.split(), args.torch, __file__, "--serve", "--threads", str(args.threads), "--seconds", str(args.seconds)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.version = self.process.stdout.readline().split()[1]

    def measure(self, name):
        self.process.stdin.write(name + "\n")
        self.process.stdin.flush()
        return float(self.process.stdout.readline())


def share(count, total):
    return f"{count} of {total} ({100 * count / total:.0f} %)"


def compare(args, ours, torch):
    names = [n for n in ours.names(args.filter) if not n.startswith(("bandwidth/", "dispatch/", "step/"))]
    rows = []
    print("| operator | size | direction | dlbench µs | PyTorch µs | ratio |\n| --- | --- | --- | --- | --- | --- |")
    for name in names:
        operator, sizes, direction = name.split("/")
        pairs = [(ours.measure(name)[0], torch.measure(name) if torch else math.nan) for _ in range(args.rounds)]
        mine, theirs = (statistics.median(side) for side in zip(*pairs))
        ratio = statistics.median(b / a for a, b in pairs)
        rows.append(dict(operator=operator, sizes=sizes, direction=direction, dlbench_us=mine, torch_us=theirs, ratio=ratio))
        print(f"| {operator} | {sizes} | {direction} | {mine:.2f} | {theirs:.2f} | {ratio:.2f} |", flush=True)
    if torch and rows:
        by_operator = {}
        for row in rows:
            by_operator.setdefault(row["operator"], []).append(math.log(row["ratio"]))
        means = {operator: math.exp(statistics.mean(logs)) for operator, logs in by_operator.items()}
        ratios = [row["ratio"] for row in rows]
        print(f"\nRatios are PyTorch's time by ours; PyTorch {torch.version}, {args.threads} threads.")
        print("Cases at least as fast:", share(sum(r >= 1 for r in ratios), len(ratios)))
        print("Operators at least as fast (geometric mean of their cases):", share(sum(r >= 1 for r in means.values()), len(means)))
        print(f"Geometric mean of all cases: {math.exp(statistics.mean(map(math.log, ratios))):.2f}")
        slower = sorted((r, o) for o, r in means.items() if r < 1)
        if slower:
            print("Slower:", ", ".join(f"{o} {r:.2f}" for r, o in slower))
    return rows


def bandwidth(ours, args):
    found = {}
    for name in ours.names("bandwidth/"):
        found[name] = max(ours.measure(name)[1] for _ in range(args.rounds))
    peak = max(v for name, v in found.items() if name.startswith("bandwidth/machine/"))
    print("\n| 64 MiB a tensor | GB/s | share of the machine's |\n| --- | --- | --- |")
    for name, value in found.items():
        print(f"| {name.removeprefix('bandwidth/')} | {value / 1e9:.1f} | {100 * value / peak:.0f} % |")
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", default="build/bench/bin/bench_ops")
    parser.add_argument("--torch", default=os.environ.get("DLB_TORCH_PYTHON"), help="the Python that has PyTorch (or DLB_TORCH_PYTHON); without it only dlbench runs")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=0.1, help="of each measurement")
    parser.add_argument("--rounds", type=int, default=3, help="pairs of measurements for each case")
    parser.add_argument("--filter", default=".", help="cases whose name matches this regular expression")
    parser.add_argument("--prefix", default="", help="put before both programs, such as 'chrt -f 50'")
    parser.add_argument("--no-bandwidth", action="store_true")
    parser.add_argument("--out", help="JSON file for the figures")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.serve:
        return serve(args.threads, args.seconds)
    ours = Ours(args)
    figures = dict(cases=compare(args, ours, Torch(args) if args.torch else None))
    if not args.no_bandwidth:
        figures["bandwidth"] = bandwidth(ours, args)
    if args.out:
        with open(args.out, "w") as f:
            json.dump(figures, f, indent=1)


if __name__ == "__main__":
    main()
