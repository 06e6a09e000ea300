"""What each operator of the benchmark is in PyTorch, and how long it takes there.

usage: torch_ops.py THREADS SECONDS. Prints "ready VERSION", then reads a case's name a line ("softmax/512x512/forward",
with the sizes as in cases_*.cpp) and answers with the median µs of its runs, measured for SECONDS.
"""
import statistics
import sys
import time

import torch
import torch.nn.functional as F


def torch_cases():
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


def tiny_step():
    """The smallest useful training step: an MLP 2-16-16-1 on 4 samples."""
    layers = [torch.nn.Linear(2, 16), torch.nn.Tanh(), torch.nn.Linear(16, 16), torch.nn.Tanh(), torch.nn.Linear(16, 1)]
    model = torch.nn.Sequential(*layers)
    x, y = torch.randn(4, 2), torch.randn(4, 1)
    optimizer = torch.optim.SGD(model.parameters(), 0.01)

    def step():
        optimizer.zero_grad()
        F.mse_loss(model(x), y).backward()
        optimizer.step()
    return step


def small_operators():
    a, b = torch.full((4,), 1.0), torch.full((4,), 2.0)
    c, d = (t.clone().requires_grad_() for t in (a, b))

    return {"dispatch/add": lambda: a + b, "dispatch/add_recorded": lambda: c + d, "dispatch/mul_recorded": lambda: c * d,
            "step/tiny": tiny_step()}


def measure(f, seconds):
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


def time_case(case, direction, sizes, name, seconds):
    run, inputs = case([int(s) for s in sizes.split("x")])
    if direction == "backward":
        leaves = [x for x in inputs if x.requires_grad]
        y = run()
        seed = torch.ones_like(y) if y.dim() == 0 else torch.randn_like(y)
        return measure(lambda: torch.autograd.grad(y, leaves, seed, retain_graph=True), seconds)
    if name == "adam":  # its step turns recording off and on again by itself
        return measure(run, seconds)
    with torch.no_grad():
        return measure(run, seconds)


def main():
    threads, seconds = int(sys.argv[1]), float(sys.argv[2])
    torch.set_num_threads(threads)
    cases, small = torch_cases(), small_operators()
    print("ready", torch.__version__, flush=True)
    for line in sys.stdin:
        torch.manual_seed(0)
        if line.strip() in small:
            print(measure(small[line.strip()], seconds), flush=True)
            continue
        name, sizes, direction = line.strip().split("/")
        print(time_case(cases[name], direction, sizes, name, seconds), flush=True)


if __name__ == "__main__":
    main()
