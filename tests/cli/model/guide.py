"""Writes the examples of docs/models.md as configs 01.yaml, 02.yaml, ... into the current folder."""
import pathlib
import re
import sys

BASE = "data: {source: digits, transforms: [to_float]}\nloss: {cross_entropy: {}, in: %s}\noptimizer: sgd\n"

text = pathlib.Path(sys.argv[1]).read_text()
examples = re.findall(r"^```yaml\n(.*?)^```$", text, re.M | re.S)
for number, example in enumerate(examples, 1):
    # With several outputs the loss says which one it means.
    outputs = re.search(r"^  outputs: \[(\w+)", example, re.M)
    base = BASE % outputs.group(1) if outputs else BASE.replace("{cross_entropy: {}, in: %s}", "cross_entropy")
    pathlib.Path(f"{number:02}.yaml").write_text(base + example)
print(len(examples), "examples")
