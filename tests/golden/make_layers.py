#!/usr/bin/env python3
"""Writes layers_NAME.json: values and gradients of layers with several inputs or outputs, computed by PyTorch in float64.

usage: python make_layers.py [NAME...]      (needs PyTorch; the results are committed, so tests do not)
"""

import math
import sys

import torch
import torch.nn.functional as F
from layer_cases import case, classes, of_module, rows, seed
from reference import save
from torch import nn
from torch.func import functional_call


# ---- sequences ----


def heads_of(x, heads):
    return x.unflatten(-1, (heads, -1)).transpose(1, 2)


def attention(heads, kv=None, causal=False, cross=False, rotary=False):
    kv = kv or heads

    def rotate(x):
        t, half = x.shape[2], x.shape[3] // 2
        angle = torch.arange(t).double()[:, None] * (10000.0 ** (-torch.arange(half).double() / half))
        a, b = x[..., :half], x[..., half:]
        return torch.cat([a * angle.cos() - b * angle.sin(), b * angle.cos() + a * angle.sin()], -1)

    def function(p, x, context=None, mask=None, lengths=None):
        if cross:
            q = heads_of(F.linear(x, p["q.weight"], p.get("q.bias")), heads)
            both = heads_of(F.linear(context, p["kv.weight"], p.get("kv.bias")), 2 * kv)
            k, v = both[:, :kv], both[:, kv:]
        else:
            all_ = heads_of(F.linear(x, p["qkv.weight"], p.get("qkv.bias")), heads + 2 * kv)
            q, k, v = all_[:, :heads], all_[:, heads : heads + kv], all_[:, heads + kv :]
        if rotary:
            q, k = rotate(q), rotate(k)
        k, v = (t.repeat_interleave(heads // kv, 1) for t in (k, v))
        m = torch.zeros(x.shape[0], 1, q.shape[2], k.shape[2]).double()
        if mask is not None:
            given = mask if mask.dim() == 3 else mask[:, None, :]
            m = m + (given if given.is_floating_point() else torch.where(given != 0, 0.0, -math.inf).double())[:, None]
        if lengths is not None:
            m = m + torch.where(torch.arange(k.shape[2]) < lengths[:, None], 0.0, -math.inf).double()[:, None, None]
        if causal:
            m = m + torch.triu(torch.full(m.shape[-2:], -math.inf).double(), 1)
        y = F.scaled_dot_product_attention(q, k, v, attn_mask=m)
        return F.linear(y.transpose(1, 2).flatten(2), p["proj.weight"], p.get("proj.bias"))

    return function


def attention_parameters(d, heads, kv=None, context=None, bias=True, out=None, e=None):
    e, kv, out = e or d // heads, kv or heads, out or d
    shapes = (
        {"qkv.weight": ((heads + 2 * kv) * e, d), "qkv.bias": ((heads + 2 * kv) * e,)}
        if context is None
        else {"q.weight": (heads * e, d), "q.bias": (heads * e,), "kv.weight": (2 * kv * e, context), "kv.bias": (2 * kv * e,)}
    )
    shapes |= {"proj.weight": (out, heads * e), "proj.bias": (out,)}
    return {n: s for n, s in shapes.items() if bias or not n.endswith("bias")}


def mha(heads, causal=False):
    """nn.MultiheadAttention itself, as another witness."""

    def function(p, x):
        mask = nn.Transformer.generate_square_subsequent_mask(x.shape[1]).double() if causal else None
        m = nn.MultiheadAttention(x.shape[2], heads, batch_first=True).double()
        values = {"in_proj_weight": p["qkv.weight"], "in_proj_bias": p["qkv.bias"], "out_proj.weight": p["proj.weight"], "out_proj.bias": p["proj.bias"]}
        return functional_call(m, values, (x, x, x), {"need_weights": False, "attn_mask": mask})[0]

    return function


def sequence():
    x, context = rows(2, 5, 8), rows(2, 3, 6)
    lengths, mask = torch.tensor([5, 2]), torch.tensor([[1, 0, 1, 1, 1], [1, 1, 1, 0, 0]])
    tokens = classes(7, 2, 4)
    encoder = dict(d_model=8, nhead=2, dim_feedforward=12, dropout=0.0, batch_first=True)
    keep = lambda n: n

    def decode(call, x, context, mask=None, lengths=None):
        causal = nn.Transformer.generate_square_subsequent_mask(x.shape[1]).double()
        hidden = None if lengths is None else torch.arange(context.shape[1]) >= lengths[:, None]
        return call(x, context, tgt_mask=causal, memory_key_padding_mask=hidden)

    def encode(call, x, mask=None, lengths=None):
        hidden = None if lengths is None else torch.arange(x.shape[1]) >= lengths[:, None]
        return call(x, src_key_padding_mask=hidden)

    def tables(p, ids):
        first = torch.tensor([0, 4, 9])
        return p["weight"][ids + first]

    def run(call, x, *states):
        states = [s for s in states if s is not None]
        out, h = call(x, tuple(states) if len(states) > 1 else states[0] if states else None)
        return (out, *h) if isinstance(h, tuple) else (out, h)

    def packed(call, x, h=None, *rest):
        lengths = rest[-1]
        p = nn.utils.rnn.pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
        out, h = call(p)
        out = nn.utils.rnn.pad_packed_sequence(out, batch_first=True, total_length=x.shape[1])[0]
        return (out, *h) if isinstance(h, tuple) else (out, h)

    def cell(call, x, *states):
        states = [s for s in states if s is not None]
        return call(x, tuple(states) if len(states) > 1 else states[0] if states else None)

    n = 3
    xs = rows(n, 4, 5)
    cases = [
        of_module({"embedding": {"count": 7, "dim": 3}}, nn.Embedding(7, 3), [tokens]),
        of_module({"embedding": {"count": 7, "dim": 3, "padding_idx": -2}}, nn.Embedding(7, 3, padding_idx=-2), [tokens]),
        of_module({"embedding": {"count": 7, "dim": 3, "scale_grad_by_freq": True}}, nn.Embedding(7, 3, scale_grad_by_freq=True), [tokens]),
        of_module({"embedding_bag": {"count": 7, "dim": 3}}, nn.EmbeddingBag(7, 3), [tokens, None, None]),
        of_module({"embedding_bag": {"count": 7, "dim": 3, "mode": "max"}}, nn.EmbeddingBag(7, 3, mode="max"), [tokens, None, None]),
        of_module({"embedding_bag": {"count": 7, "dim": 3, "mode": "sum"}}, nn.EmbeddingBag(7, 3, mode="sum"),
                  [tokens, None, rows(2, 4)], lambda call, t, _, w: call(t, per_sample_weights=w)),
        of_module({"embedding_bag": {"count": 7, "dim": 3}}, nn.EmbeddingBag(7, 3),
                  [tokens.flatten(), torch.tensor([0, 3, 3]), None], lambda call, t, o, _: call(t, o)),
        case({"embedding_tables": {"counts": [4, 5, 3], "dim": 2}}, tables, [torch.tensor([[3, 4, 2], [0, 0, 0]])], {"weight": (12, 2)}),
        case({"embedding_tables": {"counts": 4, "dim": 2, "mode": "mean"}}, lambda p, i: p["weight"][i + torch.tensor([[0], [4]])].mean(2),
             [classes(4, 3, 2, 2)], {"weight": (8, 2)}),
        case({"position_embedding": {"count": 6, "dim": 3}}, lambda p, t: p["weight"][: t.shape[1]], [tokens], {"weight": (6, 3)}),
        case({"position_embedding": {"count": 5}}, lambda p, t: p["weight"], [x], {"weight": (5, 8)}),
        case({"attention": 2}, mha(2), [x, None, None, None][:1], attention_parameters(8, 2)),
        case({"attention": {"heads": 2, "causal": True}}, mha(2, True), [x], attention_parameters(8, 2)),
        case({"attention": {"heads": 4, "kv_heads": 2, "bias": False, "causal": True}}, attention(4, 2, True), [x],
             attention_parameters(8, 4, 2, bias=False)),
        case({"attention": {"heads": 2, "kv_heads": 1, "head_dim": 4, "out": 3, "rotary": True, "causal": True}},
             attention(2, 1, True, rotary=True), [x], attention_parameters(8, 2, 1, out=3, e=4)),
        case({"attention": {"heads": 2}}, attention(2, cross=True), [x, context, None, None], attention_parameters(8, 2, context=6)),
        case({"attention": {"heads": 2}}, attention(2), [x, None, mask, None], attention_parameters(8, 2)),
        case({"attention": {"heads": 2}}, attention(2), [x, None, rows(2, 5, 5), lengths], attention_parameters(8, 2)),
        case({"attention": {"heads": 2, "causal": True}}, attention(2, causal=True), [x, None, None, lengths], attention_parameters(8, 2)),
        case({"attention": {"heads": 2}}, attention(2, cross=True), [x, context, None, torch.tensor([1, 3])], attention_parameters(8, 2, context=6)),
        of_module({"transformer_encoder_layer": {"heads": 2, "hidden": 12, "dropout": 0.0}}, nn.TransformerEncoderLayer(**encoder), [x, None, None], encode),
        of_module({"transformer_encoder_layer": {"heads": 2, "hidden": 12, "dropout": 0.0, "norm_first": True, "activation": "gelu"}},
                  nn.TransformerEncoderLayer(**encoder, norm_first=True, activation="gelu"), [x, None, torch.tensor([5, 4])], encode),
        of_module({"transformer_decoder_layer": {"heads": 2, "hidden": 12, "dropout": 0.0}}, nn.TransformerDecoderLayer(**encoder), [x, rows(2, 3, 8), None, None], decode),
        of_module({"transformer_decoder_layer": {"heads": 2, "hidden": 12, "dropout": 0.0, "norm_first": True, "bias": False}},
                  nn.TransformerDecoderLayer(**encoder, norm_first=True, bias=False), [x, rows(2, 3, 8), None, torch.tensor([3, 1])], decode),
        of_module({"rnn": 4}, nn.RNN(5, 4, batch_first=True), [xs, None, None], run),
        of_module({"rnn": {"size": 4, "nonlinearity": "relu", "bias": False}}, nn.RNN(5, 4, nonlinearity="relu", bias=False, batch_first=True),
                  [xs, rows(1, n, 4), None], run),
        of_module({"gru": {"size": 4, "bidirectional": True}}, nn.GRU(5, 4, batch_first=True, bidirectional=True), [xs, rows(2, n, 4), None], run),
        of_module({"gru": {"size": 4}}, nn.GRU(5, 4, batch_first=True), [xs, None, torch.tensor([2, 4, 1])], packed),
        of_module({"lstm": {"size": 4, "layers": 2}}, nn.LSTM(5, 4, 2, batch_first=True), [xs, None, None, None], run),
        of_module({"lstm": {"size": 4}}, nn.LSTM(5, 4, batch_first=True), [xs, rows(1, n, 4), rows(1, n, 4), None], run),
        of_module({"lstm": {"size": 4, "proj": 2}}, nn.LSTM(5, 4, proj_size=2, batch_first=True), [xs, None, None, None], run),
        of_module({"lstm": {"size": 4, "bidirectional": True}}, nn.LSTM(5, 4, batch_first=True, bidirectional=True),
                  [xs, None, None, torch.tensor([4, 1, 3])], packed),
        of_module({"rnn_cell": 4}, nn.RNNCell(5, 4), [rows(n, 5), rows(n, 4)], cell),
        of_module({"rnn_cell": {"size": 4, "nonlinearity": "relu"}}, nn.RNNCell(5, 4, nonlinearity="relu"), [rows(n, 5), None], cell),
        of_module({"gru_cell": 4}, nn.GRUCell(5, 4), [rows(n, 5), rows(n, 4)], cell),
        of_module({"lstm_cell": 4}, nn.LSTMCell(5, 4), [rows(n, 5), rows(n, 4), rows(n, 4)], cell),
        of_module({"lstm_cell": {"size": 4, "bias": False}}, nn.LSTMCell(5, 4, bias=False), [rows(n, 5), None, None], cell),
    ]

    def sines(t, d):
        angle = torch.arange(t).double()[:, None] * 10000.0 ** (-torch.arange(0, d, 2).double() / d)
        return torch.stack([angle.sin(), angle.cos()], -1).flatten(1)

    cases.append(case({"sinusoidal_positions": {"dim": 6}}, lambda p, t: sines(4, 6), [tokens]))

    def experts(k):
        def function(p, x):
            flat = x.flatten(0, -2)
            probabilities = F.linear(flat, p["router.weight"]).softmax(-1)
            w, chosen = probabilities.topk(k)
            w = w / w.sum(-1, keepdim=True) if k > 1 else w
            y = torch.zeros(flat.shape[0], p["w2"].shape[1]).double()
            for e in range(p["w1"].shape[0]):
                net = F.linear(F.gelu(F.linear(flat, p["w1"][e], p["b1"][e])), p["w2"][e], p["b2"][e])
                y = y + net * (w * (chosen == e)).sum(-1, keepdim=True)
            used = F.one_hot(chosen, p["w1"].shape[0]).double().mean((0, 1))
            return y.unflatten(0, x.shape[:-1]), (used * probabilities.mean(0)).sum() * p["w1"].shape[0]

        return function

    shapes = {"router.weight": (3, 4), "w1": (3, 5, 4), "b1": (3, 5), "w2": (3, 4, 5), "b2": (3, 4)}
    cases.append(case({"mixture_of_experts": {"experts": 3, "hidden": 5}}, experts(1), [rows(2, 3, 4)], shapes))
    cases.append(case({"mixture_of_experts": {"experts": 3, "hidden": 5, "top_k": 2}}, experts(2), [rows(6, 4)], shapes))
    return cases


# ---- graphs ----


def adjacency(edges, nodes, weight=None, loops=True, how="symmetric"):
    a = torch.zeros(nodes, nodes).double()
    w = weight if weight is not None else torch.ones(len(edges)).double()
    a = a.index_put((edges[:, 1], edges[:, 0]), w, accumulate=True)
    if loops:
        a = a + torch.eye(nodes).double()
    degree = a.sum(1)
    if how == "symmetric":
        root = torch.where(degree > 0, degree, torch.ones_like(degree)).rsqrt() * (degree > 0)
        a = root[:, None] * a * root[None, :]
    if how == "row":
        a = a / torch.where(degree > 0, degree, torch.ones_like(degree))[:, None]
    return a


def graph():
    edges = torch.tensor([[0, 1], [1, 0], [2, 1], [3, 1], [1, 3], [2, 3], [0, 3], [0, 1]])
    nodes, f = 5, 4
    x, w = rows(nodes, f), rows(len(edges)).abs() + 0.25

    def gat(heads, out, concat, loops):
        def function(p, x, edges):
            e = torch.cat([edges, torch.arange(nodes).repeat(2, 1).T]) if loops else edges
            h = F.linear(x, p["weight"]).view(nodes, heads, out)
            s = (h * p["att_src"]).sum(-1)[e[:, 0]] + (h * p["att_dst"]).sum(-1)[e[:, 1]]
            s = F.leaky_relu(s, 0.2).exp()
            alpha = s / torch.zeros(nodes, heads).double().index_add(0, e[:, 1], s)[e[:, 1]]
            y = torch.zeros(nodes, heads, out).double().index_add(0, e[:, 1], alpha[..., None] * h[e[:, 0]])
            return (y.flatten(1) if concat else y.mean(1)) + p["bias"]

        return function

    def sage(how, normalize=False):
        def function(p, x, edges):
            if how == "max":
                rows_ = [x[edges[edges[:, 1] == i, 0]] for i in range(nodes)]
                m = torch.stack([r.amax(0) if len(r) else torch.zeros(f).double() for r in rows_])
            else:
                m = adjacency(edges, nodes, loops=False, how="row" if how == "mean" else "none") @ x
            y = F.linear(m, p["lin_l.weight"], p["lin_l.bias"]) + F.linear(x, p["lin_r.weight"])
            return F.normalize(y) if normalize else y

        return function

    def gin(p, x, edges):
        h = adjacency(edges, nodes, loops=False, how="none") @ x + (1 + p.get("eps", 0.5)) * x
        return F.linear(F.linear(h, p["linear1.weight"], p["linear1.bias"]).relu(), p["linear2.weight"], p["linear2.bias"])

    nets = {"linear1.weight": (6, f), "linear1.bias": (6,), "linear2.weight": (3, 6), "linear2.bias": (3,)}
    sizes = torch.tensor([2, 0, 3])
    pools = {"mean": lambda t: t.mean(0), "sum": lambda t: t.sum(0), "max": lambda t: t.amax(0)}
    pooled = lambda how: lambda p, x, *_: torch.stack([pools[how](x[:2]), torch.zeros(f).double(), pools[how](x[2:])])
    number = torch.tensor([0, 0, 2, 2, 2])
    two = lambda p, x, *_: torch.stack([x[:3].mean(0), x[3:].mean(0)])
    cases = [
        case({"graph_propagate": {}}, lambda p, x, e, _: adjacency(e, nodes) @ x, [x, edges, None]),
        case({"graph_propagate": {"normalize": "row", "self_loops": False}}, lambda p, x, e, w: adjacency(e, nodes, w.detach(), False, "row") @ x,
             [x, edges, w]),
        case({"graph_propagate": {"normalize": "none"}}, lambda p, x, e, _: adjacency(e, nodes, how="none") @ x, [x, edges, None]),
        case({"gcn_conv": 3}, lambda p, x, e, _: adjacency(e, nodes) @ x @ p["weight"].T + p["bias"], [x, edges, None], {"weight": (3, f), "bias": (3,)}),
        case({"gcn_conv": {"out": 6, "bias": False}}, lambda p, x, e, _: adjacency(e, nodes) @ x @ p["weight"].T, [x, edges, None], {"weight": (6, f)}),
        case({"gcn_conv": {"out": 3, "self_loops": False, "normalize": False}},
             lambda p, x, e, _: adjacency(e, nodes, loops=False, how="none") @ x @ p["weight"].T + p["bias"], [x, edges, None], {"weight": (3, f), "bias": (3,)}),
        case({"sage_conv": 3}, sage("mean"), [x, edges], {"lin_l.weight": (3, f), "lin_l.bias": (3,), "lin_r.weight": (3, f)}),
        case({"sage_conv": {"out": 3, "aggregate": "sum", "normalize": True}}, sage("sum", True), [x, edges],
             {"lin_l.weight": (3, f), "lin_l.bias": (3,), "lin_r.weight": (3, f)}),
        case({"sage_conv": {"out": 3, "aggregate": "max"}}, sage("max"), [x, edges[:7]], {"lin_l.weight": (3, f), "lin_l.bias": (3,), "lin_r.weight": (3, f)}),
        case({"gat_conv": {"out": 3, "heads": 2}}, gat(2, 3, True, True), [x, edges],
             {"weight": (6, f), "att_src": (2, 3), "att_dst": (2, 3), "bias": (6,)}),
        case({"gat_conv": {"out": 3, "heads": 2, "concat": False}}, gat(2, 3, False, True), [x, edges],
             {"weight": (6, f), "att_src": (2, 3), "att_dst": (2, 3), "bias": (3,)}),
        case({"gin_conv": {"out": 3, "hidden": 6, "eps": 0.5}}, gin, [x, edges], nets),
        case({"gin_conv": {"out": 3, "hidden": 6, "train_eps": True}}, gin, [x, edges], {"eps": ()} | nets),
    ]
    cases.append(case({"graph_pool": {"nodes": 2}}, two, [x, None, torch.tensor([0, 0, 0, 1, 1])]))
    for how in pools:
        cases.append(case({"graph_pool": how}, pooled(how), [x, sizes, None]))
        cases.append(case({"graph_pool": {"reduce": how, "count": 3}}, pooled(how), [x, None, number]))
    return cases


# ---- pairs of inputs ----


def pairs():
    a, b = rows(4, 3, 5), rows(4, 5)

    def interaction(itself):
        def function(p, *parts):
            z = torch.cat([t if t.dim() == 3 else t[:, None] for t in parts], 1)
            i, j = torch.tril_indices(z.shape[1], z.shape[1], 0 if itself else -1)
            return torch.bmm(z, z.transpose(1, 2))[:, i, j]

        return function

    return [
        case({"dot_interaction": {}}, interaction(False), [b, a]),
        case({"dot_interaction": True}, interaction(True), [a]),
        of_module({"bilinear": 3}, nn.Bilinear(5, 2, 3), [b, rows(4, 2)]),
        case({"cosine_similarity": {}}, lambda p, x, y: F.cosine_similarity(x, y), [b, rows(4, 5)]),
        case({"cosine_similarity": -1}, lambda p, x, y: F.cosine_similarity(x, y, -1), [a, rows(4, 3, 5)]),
        case({"pairwise_distance": {}}, lambda p, x, y: F.pairwise_distance(x, y), [b, rows(4, 5)]),
        case({"pairwise_distance": {"p": 1, "keepdim": True}}, lambda p, x, y: F.pairwise_distance(x, y, 1, keepdim=True), [b, rows(4, 5)]),
        case({"dot_product": {}}, lambda p, x, y: (x * y).sum(-1), [b, rows(4, 5)]),
        case({"l2_normalize": {}}, lambda p, x: F.normalize(x, dim=-1), [a]),
        case({"l2_normalize": {"dim": 1, "p": 1}}, lambda p, x: F.normalize(x, 1, 1), [a]),
    ]


GROUPS = {"sequence": sequence, "graph": graph, "pairs": pairs}

if __name__ == "__main__":
    for group in sys.argv[1:] or GROUPS:
        seed(group)
        save(f"layers_{group}.json", {"cases": GROUPS[group]()})
