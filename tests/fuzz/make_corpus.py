#!/usr/bin/env python3
"""Writes the seeds of the fuzz targets: small files of each format that a reader takes, and a few that it refuses.

usage: tests/fuzz/make_corpus.py [FOLDER]

Each target has a folder of its own below FOLDER (tests/fuzz/corpus unless given). The files named found-* are inputs that once
showed a fault; they are kept and not made here. The pictures and arrays are those of tests/golden.
"""

import base64
import gzip
import io
import json
import struct
import sys
import zipfile
import zlib
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
GOLDEN = ROOT / "tests" / "golden"

# What the golden pictures lack: restart markers, four colours, coarse colours of odd sizes. By Pillow, quality 30.
JPEGS = {
    "restarts": """
/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDABsSFBcUERsXFhceHBsgKEIrKCUlKFE6PTBCYFVlZF9VXVtqeJmBanGQc1tdhbWGkJ6jq62rZ4C8ybqmx5moq6T/
wAALCAAQABgBAREA/8QAGAAAAgMAAAAAAAAAAAAAAAAAAAECAwT/xAAmEAABAwMDAgcAAAAAAAAAAAABAgMRACExBBJBE3EiMlFhocHR/90ABAAB/9oACAEB
AAA/AM+k0qDpVOOQExEmv//QrWw0lgJSymVEQF3UR2HuM1//0YFtnwBKEQQDAAub8mR681//0hIHQ07QuY37SMk2T91//9NrHVcIK5SACZAzmfwYtX//1Ggl
b53SB5YIjnHa/wAiwr//2Q==
""",
    "cmyk": """
/9j/7gAOQWRvYmUAZAAAAAAA/9sAQwAbEhQXFBEbFxYXHhwbIChCKyglJShROj0wQmBVZWRfVV1baniZgWpxkHNbXYW1hpCeo6utq2eAvMm6pseZqKuk/8AA
FAgACAAIBEMRAE0RAFkRAEsRAP/EABYAAQEBAAAAAAAAAAAAAAAAAAUDBv/EAB8QAAIBBAIDAAAAAAAAAAAAAAECAwAEBRETIUGB0f/aAA4EQwBNAFkASwAA
PwCduq22ImYgEuvGATrZbr6fVH43HxzQmaYhY1Gyxpi981pq/9k=
""",
    "colour": """
/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDABsSFBcUERsXFhceHBsgKEIrKCUlKFE6PTBCYFVlZF9VXVtqeJmBanGQc1tdhbWGkJ6jq62rZ4C8ybqmx5moq6T/
2wBDARweHigjKE4rK06kbl1upKSkpKSkpKSkpKSkpKSkpKSkpKSkpKSkpKSkpKSkpKSkpKSkpKSkpKSkpKSkpKSkpKT/wAARCAAJABEDASIAAhEBAxEB/8QA
GAAAAgMAAAAAAAAAAAAAAAAAAAQBAgP/xAAnEAABAwIBDQAAAAAAAAAAAAABAAIDBBESITE1QlNhcXOCobHC0v/EABYBAQEBAAAAAAAAAAAAAAAAAAMBBf/E
ABsRAQACAgMAAAAAAAAAAAAAAAEAEQISBMHw/9oADAMBAAIRAxEAPwBekpWGldJJYNta5Wj4ImwBrYW3cRYPyuI4DeM6kaOg5w8FXr9fp9U/JyXKVW0v113F
8NNs4u30hMoWbsxdSf/Z
""",
}


def safetensors(tensors, metadata=None, pad=0):
    header = {"__metadata__": metadata} if metadata else {}
    data = b""
    for name, dtype, shape, values in tensors:
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [len(data), len(data) + len(values)]}
        data += values
    text = json.dumps(header).encode() + b" " * pad
    return struct.pack("<Q", len(text)) + text + data


def safetensors_seeds():
    yield "python", (ROOT / "tests" / "io" / "python.safetensors").read_bytes()
    yield "empty", safetensors([])
    yield "one", safetensors([("w", "F32", [2, 3], bytes(24))], {"format": "pt"}, pad=5)
    kinds = [("F64", 8), ("BF16", 2), ("F16", 2), ("I64", 8), ("I32", 4), ("U8", 1), ("BOOL", 1)]
    yield "kinds", safetensors([(f"t.{kind}", kind, [2], bytes(2 * size)) for kind, size in kinds])
    yield "scalar", safetensors([("s", "F32", [], bytes(4)), ("none", "I32", [0, 7], b"")])
    yield "long", struct.pack("<Q", 1 << 40) + b"{}"
    yield "escaped", safetensors([("\u00e9\n\"", "U8", [1], b"x")])


def npy(descr, shape, data, version=1, order="False"):
    text = f"{{'descr': '{descr}', 'fortran_order': {order}, 'shape': {shape}, }}\n".encode()
    length = struct.pack("<H" if version == 1 else "<I", len(text))
    return b"\x93NUMPY" + bytes([version, 0]) + length + text + data


def archive(entries, method):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as file:
        for name, data in entries.items():
            file.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), data, method)
    return out.getvalue()


def npy_seeds():
    small = npy("<f4", "(2, 2)", bytes(16))
    other = npy("|u1", "(3,)", b"abc")
    yield "f4", small
    yield "big", npy(">i8", "(1, 2)", bytes(16), version=2)
    yield "half", npy("<f2", "()", bytes(2), version=3)
    yield "bool", npy("|b1", "(4,)", b"\0\1\0\1")
    yield "empty", npy("<f8", "(0, 5)", b"")
    yield "fortran", npy("<f4", "(2, 2)", bytes(16), order="True")
    yield "objects", npy("|O", "(1,)", bytes(8))
    yield "stored", archive({"x.npy": small, "y.npy": other}, zipfile.ZIP_STORED)
    yield "deflated", archive({"x.npy": npy("<f4", "(64,)", bytes(256)), "y.npy": other}, zipfile.ZIP_DEFLATED)
    yield "safetensors", safetensors([("w", "F32", [2], bytes(8))])


YAML = {
    "small": "data: digits\nmodel: [flatten, linear: $classes]\nloss: cross_entropy\noptimizer: {sgd: {lr: 0.1}}\n",
    "block": "a:\n  - b: 1\n    c: 2.5e-3\n  - [x, 'y''z', \"q\\n\\u00e9\"]\nd: {e: null, f: ~, g: true, h: .inf, i: -.nan}\n",
    "anchors": "base: &b {x: 1, y: &l [1, 2]}\none: *b\ntwo: [*b, *l]\nthree: {<<: *b, x: 2}\n",
    "texts": "a: |\n  lines\n   kept\nb: >-\n  folded\n  text\nc: |+\n  end\n\nd: plain # comment\n'e f': \"g: h\"\n",
    "numbers": "[0x1F, 0o17, 1_000, 1e400, 9223372036854775807, -9223372036854775808, +.5, 012]",
    "numbers_map": "a: 0x1F\nb: 0o17\nc: 9223372036854775807\nd: -1.5e-300\ne: '12'\nf: 1e3\n",
    "tags": "--- # start\na: !!str 1\nb: !!int '2'\n? c\n: d\n...\n",
    "include": "include: other.yaml\nvars: {n: 3}\nname: $n\n",
    "duplicates": "a: 1\nb: 2\na: 3\n",
    "tabs": "a:\n\tb: 1\n",
    "deep": "a: " + "[" * 40 + "]" * 40 + "\n",
    "unicode": "n\u00e4me: \u4e16\u754c \U0001f600\n",
    "bom": "\ufeffa: 1\r\nb: [2,\r\n 3]\r\n",
}
EXPRESSIONS = [
    "n + 1", "2 ** n // 3 % 5", "-(rate * 2) <= 1 and not on or name == 'text'", "min(n, 3, rate) + max(1, 2)", "ceil(n / 2) * int(2.5)",
    "sqrt(log(n))", "sizes", "1 / 0", "9223372036854775807 + 1", "x[0, 1:n:2, ..., none] @ y.T", "f(a, b, key=[1, 2], c=$n)",
    "where(mask, x, -1e9) * $(n + 1)", "((((1))))", "'it''s'", "true != false", "a.b.c == none",
]  # fmt: skip


def png(width, height, depth, kind, rows, extra=b"", interlace=0):
    def chunk(name, body):
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    head = struct.pack(">IIBBBBB", width, height, depth, kind, 0, 0, interlace)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + extra + chunk(b"IDAT", zlib.compress(rows, 9)) + chunk(b"IEND", b"")


def image_seeds():
    for path in sorted((GOLDEN / "images").iterdir()):
        if path.suffix in (".png", ".jpg", ".bmp"):
            yield path.name.replace(".", "_"), path.read_bytes()
    for name, text in JPEGS.items():
        yield f"jpeg_{name}", base64.b64decode(text)
    yield "tiny_png", png(2, 2, 8, 2, b"\0abcdef\0ghijkl")
    yield "interlaced_png", png(3, 3, 8, 0, b"\0a\0b\0cd\0e\0fg\0hij", interlace=1)
    yield "filters_png", png(2, 5, 8, 0, b"".join(bytes([f]) + b"xy" for f in range(5)))
    yield "huge_png", png(60000, 60000, 1, 0, b"")
    # 4 bits a pixel with a palette; 32 bits with masks.
    palette = b"".join(bytes([i * 16, 255 - i * 16, i, 0]) for i in range(16))
    yield "palette_bmp", bmp(3, 2, 4, palette, b"\x12\x30\0\0\x45\x60\0\0")
    yield "masks_bmp", bmp(1, 1, 32, struct.pack("<III", 0xFF0000, 0xFF00, 0xFF), b"abcd", compression=3)


def bmp(width, height, bits, tables, data, compression=0):
    head = struct.pack("<IiiHHIIiiII", 40, width, height, 1, bits, compression, len(data), 0, 0, 0, 0)
    offset = 14 + len(head) + len(tables)
    return b"BM" + struct.pack("<IHHI", offset + len(data), 0, 0, offset) + head + tables + data


def wav(code, bits, channels, data, extra=b""):
    frame = channels * bits // 8
    head = struct.pack("<HHIIHH", code, channels, 8000, 8000 * frame, frame, bits)
    body = b"WAVEfmt " + struct.pack("<I", len(head)) + head + extra + b"data" + struct.pack("<I", len(data)) + data
    return b"RIFF" + struct.pack("<I", len(body)) + body


def wav_seeds():
    yield "pcm16", wav(1, 16, 1, bytes(range(16)))
    yield "stereo8", wav(1, 8, 2, b"\x00\xff\x80\x7f")
    yield "pcm24", wav(1, 24, 2, bytes(12))
    yield "pcm32", wav(1, 32, 1, bytes(8))
    yield "float32", wav(3, 32, 1, struct.pack("<3f", 0.5, -1, 1))
    yield "float64", wav(3, 64, 1, struct.pack("<2d", 0.5, float("nan")))
    yield "list", wav(1, 16, 1, bytes(8), b"LIST\x05\0\0\0abcde\0")
    yield "mulaw", wav(7, 8, 1, bytes(4))


def idx(sizes, data, kind=8):
    return bytes([0, 0, kind, len(sizes)]) + b"".join(struct.pack(">I", n) for n in sizes) + data


def idx_seeds():
    images = idx([3, 2, 2], bytes(range(12)))
    yield "labels", idx([5], b"\0\1\2\3\4")
    yield "images", images
    yield "colour", idx([1, 2, 2, 3], bytes(12))
    yield "compressed", gzip.compress(images, mtime=0)
    yield "members", gzip.compress(images[:9], mtime=0) + gzip.compress(images[9:], mtime=0)
    yield "bomb", gzip.compress(idx([1 << 20], bytes(1 << 20)), mtime=0)
    yield "floats", idx([1], bytes(4), kind=13)


def csv_seeds():
    yield "plain", b"\x00a,b,c\n1,2.5,x\n-3,1e-4,y\n"
    yield "quotes", b'\x00"a ""b""", c ,"d\ne"\r\n\r\n"",,\n'
    yield "tabs", b"\x01a\tb\n1\t2"
    yield "blanks", b"\x02 1   2\t3 \n4 5 6\n"
    yield "colons", b"\x031::2::3\n"
    yield "untrimmed", b"\x04 a , b \n"
    yield "no_quotes", b'\x08"a,b"c\n'
    yield "open_quote", b'\x00a,"b\nc\n'
    yield "bom", b"\x00\xef\xbb\xbfa,b\n1,nan\n9999999999999999999,inf\n"
    yield "compressed", b"\x00" + gzip.compress(b"a,b\n1,2\n", mtime=0)


def varint(n):
    n &= (1 << 64) - 1
    out = b""
    while n > 127:
        out += bytes([n & 127 | 128])
        n >>= 7
    return out + bytes([n])


def proto(*fields):
    """A message of protobuf: (number, value) each; whole numbers are varints, floats 32 bits, the rest length and bytes."""
    out = b""
    for number, value in fields:
        if isinstance(value, int):
            out += varint(number << 3) + varint(value)
        elif isinstance(value, float):
            out += varint(number << 3 | 5) + struct.pack("<f", value)
        else:
            data = value.encode() if isinstance(value, str) else value
            out += varint(number << 3 | 2) + varint(len(data)) + data
    return out


def onnx_tensor(name, kind, dims, data):
    return proto(*((1, d) for d in dims), (2, kind), (8, name), (9, data))


def onnx_value(name, kind, dims):
    shape = proto(*((1, proto((2, d) if isinstance(d, str) else (1, d))) for d in dims))
    return proto((1, name), (2, proto((1, proto((1, kind), (2, shape))))))


def onnx_node(op, inputs, outputs, *attributes):
    return proto(*((1, i) for i in inputs), *((2, o) for o in outputs), (3, f"n_{outputs[0]}"), (4, op), *((5, a) for a in attributes))


def onnx_graph(nodes, initializers, inputs, outputs):
    return proto(*((1, n) for n in nodes), (2, "g"), *((5, t) for t in initializers), *((11, v) for v in inputs), *((12, v) for v in outputs))


def onnx_model(graph, *more, opset=17):
    return proto((1, 8), (2, "seed"), (7, graph), (8, proto((2, opset))), *more)


def onnx_seeds():
    x, y = onnx_value("x", 1, ["N", 4]), onnx_value("y", 1, ["N", 2])
    weight = onnx_tensor("w", 1, [2, 4], struct.pack("<8f", *range(8)))
    gemm = onnx_node("Gemm", ["x", "w"], ["h"], proto((1, "transB"), (3, 1), (20, 2)), proto((1, "alpha"), (2, 0.5), (20, 1)))
    yield "gemm", onnx_model(onnx_graph([gemm, onnx_node("Relu", ["h"], ["y"])], [weight], [x], [y]))
    branch = proto((1, "then_branch"), (6, onnx_graph([onnx_node("Neg", ["x"], ["t"])], [], [], [onnx_value("t", 1, [])])), (20, 5))
    other = proto((1, "else_branch"), (6, onnx_graph([onnx_node("Identity", ["x"], ["e"])], [], [], [onnx_value("e", 1, [])])), (20, 5))
    yield "if", onnx_model(onnx_graph([onnx_node("If", ["c"], ["y"], branch, other)], [], [onnx_value("c", 9, []), x], [y]))
    called = proto((1, "Twice"), (4, "a"), (5, "b"), (7, onnx_node("Add", ["a", "a"], ["b"])), (9, proto((2, 17))), (10, "own"))
    call = proto((1, "x"), (2, "y"), (4, "Twice"), (7, "own"))
    yield "function", onnx_model(onnx_graph([call], [], [x], [y]), (8, proto((1, "own"), (2, 1))), (25, called))
    value = proto((1, "value"), (5, onnx_tensor("v", 7, [2], struct.pack("<2q", 3, -1))), (20, 4))
    lists = [proto((1, "axes"), (8, 1), (8, 2), (20, 7)), proto((1, "scales"), (7, 1.5), (20, 6)), proto((1, "mode"), (4, "linear"), (20, 3))]
    yield "constants", onnx_model(onnx_graph([onnx_node("Constant", [], ["y"], value), onnx_node("Resize", ["x"], ["z"], *lists)], [], [x], [y]))
    outside = proto((1, 4), (2, 1), (8, "w"), (13, proto((1, "location"), (2, "../w.bin"))), (14, 1))
    yield "outside", onnx_model(onnx_graph([gemm], [outside], [x], [onnx_value("h", 1, [])]))
    for kind, bits in [(1, 32), (2, 8), (3, 8), (4, 16), (6, 32), (9, 8), (10, 16), (11, 64), (13, 64), (14, 64), (16, 16), (17, 8), (19, 8), (21, 4), (23, 4), (26, 2)]:
        yield f"tensor-{kind}", onnx_tensor("t", kind, [3], bytes(range(1, 1 + (3 * bits + 7) // 8)))
    yield "listed", proto((1, 3), (2, 7), (7, varint(1) + varint(2) + varint(-3)), (8, "t"))
    yield "texts", proto((1, 2), (2, 8), (6, "a"), (6, "\u00e9"), (8, "t"))


def program(graph, tensors, version="1"):
    """A safetensors file with the tensors, and the message of a model of that graph."""
    message = onnx_model(graph)
    metadata = {"format": "dlbench.program", "version": version, "producer": "seed", "name": "g"}
    return safetensors([*tensors, ("dlbench.graph", "U8", [len(message)], message)], metadata)


def program_seeds():
    x, y = onnx_value("x", 1, ["N", 4]), onnx_value("y", 1, ["N", 2])
    gemm = onnx_node("Gemm", ["x", "w"], ["y"], proto((1, "transB"), (3, 1), (20, 2)))
    beside = proto((1, 2), (1, 4), (2, 1), (8, "w"), (14, 1))
    weight = ("w", "F32", [2, 4], struct.pack("<8f", *range(8)))
    graph = onnx_graph([gemm], [beside], [x], [y])
    yield "gemm", program(graph, [weight])
    yield "inside", program(onnx_graph([gemm], [onnx_tensor("w", 1, [2, 4], bytes(32))], [x], [y]), [])
    kinds = [("F64", 11, 8), ("I64", 7, 8), ("I32", 6, 4), ("BF16", 16, 2), ("F16", 10, 2), ("U8", 2, 1), ("BOOL", 9, 1)]
    named = [proto((1, 2), (2, number), (8, kind), (14, 1)) for kind, number, _ in kinds]
    other = [onnx_tensor("narrow", 22, [3], b"\x21\x03"), proto((1, 1), (2, 8), (6, "a"), (8, "texts"))]
    yield "kinds", program(onnx_graph([onnx_node("Identity", ["x"], ["y"])], named + other, [x], [y]),
                           [(kind, kind, [2], bytes(2 * size)) for kind, _, size in kinds])  # fmt: skip
    yield "absent", program(graph, [])
    yield "more", program(graph, [weight, ("v", "U8", [1], b"x")])
    yield "later", program(graph, [weight], version="2")
    yield "weights", safetensors([weight], {"format": "pt"})


TARGETS = {
    "safetensors": safetensors_seeds,
    "npy": npy_seeds,
    "onnx": onnx_seeds,
    "program": program_seeds,
    "yaml": lambda: ((name, text.encode()) for name, text in YAML.items()),
    "expression": lambda: ((f"{i:02}", text.encode()) for i, text in enumerate(EXPRESSIONS)),
    "image": image_seeds,
    "wav": wav_seeds,
    "idx": idx_seeds,
    "csv": csv_seeds,
}


def main():
    if len(sys.argv) > 2 or (len(sys.argv) == 2 and sys.argv[1].startswith("-")):
        sys.exit(__doc__)
    root = Path(sys.argv[1]) if len(sys.argv) == 2 else HERE / "corpus"
    for target, seeds in TARGETS.items():
        folder = root / target
        folder.mkdir(parents=True, exist_ok=True)
        for old in folder.iterdir():
            if not old.name.startswith("found-"):
                old.unlink()
        count = 0
        for name, data in seeds():
            (folder / name).write_bytes(data)
            count += 1
        print(f"{target}: {count} seeds")


if __name__ == "__main__":
    main()
