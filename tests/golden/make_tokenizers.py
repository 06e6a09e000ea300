#!/usr/bin/env python3
"""Writes tokenizers.json: what Hugging Face's tokenizers, tiktoken and Python's unicodedata make of some texts.

usage: python make_tokenizers.py [TINYSHAKESPEARE]     (needs the packages tokenizers, tiktoken, regex; the result is committed)
"""

import hashlib
import json
import random
import struct
import sys
import tempfile
import unicodedata
from pathlib import Path

import regex
import tiktoken
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

PATTERN = r"""'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"""

TEXTS = [
    "Hello world",
    "  two  spaces   three",
    "I'll, you've, we're, he'd, it's, I'm, don't; 'tis 'S 'LL",
    "a\tb\n\nc\r\n  d \n",
    "123 4567 89abc 3.14 x2",
    "caf\u00e9 na\u00efve \u00fcber \u00c5ngstr\u00f6m e\u0301",
    "\u4f60\u597d\uff0c\u4e16\u754c\u3002 \u3053\u3093\u306b\u3061\u306f",
    "\u0417\u0434\u0440\u0430\u0432\u0441\u0442\u0432\u0443\u0439, \u043c\u0438\u0440! \u2014 \u00ab\u0434\u0430\u00bb",
    "emoji \U0001f600\U0001f468\u200d\U0001f469\u200d\U0001f467 flags \U0001f1e9\U0001f1ea!",
    "\u00a0nbsp\u2003em\u3000ideographic \u2028line",
    "\u0661\u0662\u0663 \u00bd \u2167 x\u00b2",
    "!!!???...  ---===  <|x|> \"quoted\" (paren)",
    "trailing space ",
    "\n\n\n",
    "'",
    "''s",
    "a'sb",
    "!'s",
    " 's",
    "the the the then them there their these",
    "supercalifragilisticexpialidocious",
    "mixed123letters \u00df\u0130 \u01c4\u1e9e \u03a3\u03c3\u03c2",
    "\u0e2a\u0e27\u0e31\u0e2a\u0e14\u0e35 \u0928\u092e\u0938\u094d\u0924\u0947",
    "aaaaaaaaaaaaaaaaaaaaaaa aaaa aaa aa a",
]
FORMS = ["caf\u00e9 e\u0301", "\ufb01ne \u2460 \u00bd", "\u00c5\u212b", "\u1e9b\u0323", "\ud55c\uae00", "ABC \u00c9\u0416", "\u00fc\u00f1\u00e7"]


def corpus():
    """Words with a skewed distribution, from a fixed seed, and the texts above."""
    draw = random.Random(7)
    stems = ["the", "there", "then", "low", "lower", "lowest", "new", "newer", "wide", "widest", "run", "running", "na\u00efve", "\u043c\u0438\u0440", "12", "2024"]
    words = [stems[int(len(stems) * draw.random() ** 2)] + draw.choice(["", "", "s", "er", "ing", ",", ".", "'s"]) for _ in range(1500)]
    lines = [" ".join(words[i : i + 12]) for i in range(0, len(words), 12)]
    return "\n".join(lines) + "\n" + "\n".join(TEXTS) + "\n"


def trained(text, size, least, specials):
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=size, min_frequency=least, special_tokens=specials, show_progress=False,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
    )
    tokenizer.train_from_iterator([text], trainer)
    return tokenizer


def file_bytes(token, table):
    return bytes(table[c] for c in token)


def with_tiktoken(tokenizer):
    """The same vocabulary in tiktoken, whose ids are the order of merging."""
    printable = [*range(33, 127), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    table, extra = {chr(b): b for b in printable}, 256
    for byte in range(256):
        if byte not in printable:
            table[chr(extra)] = byte
            extra += 1
    vocab = json.loads(tokenizer.to_str())["model"]["vocab"]
    ranks = {file_bytes(t, table): i for t, i in vocab.items()}
    return tiktoken.Encoding("own", pat_str=PATTERN, mergeable_ranks=ranks, special_tokens={})


def digest(ids):
    return hashlib.sha256(b"".join(struct.pack("<i", i) for i in ids)).hexdigest()


def main():
    text = corpus()
    plain = trained(text, 512, 2, [])
    special = trained(text, 400, 3, ["<pad>", "<s>"])
    other = with_tiktoken(plain)
    encoded = []
    for sample in TEXTS:
        ids = plain.encode(sample).ids
        assert ids == other.encode(sample, disallowed_special=()), sample
        assert plain.decode(ids) == sample
        encoded.append(ids)
    with tempfile.TemporaryDirectory() as folder:
        plain.model.save(folder)
        vocab_file = (Path(folder) / "vocab.json").read_text()
        merges_file = (Path(folder) / "merges.txt").read_text()
    out = {
        "texts": TEXTS,
        "splits": [[m.group() for m in regex.finditer(PATTERN, t)] for t in TEXTS],
        "corpus": text,
        "vocab_file": vocab_file,
        "merges_file": merges_file,
        "tokenizer_file": special.to_str(),
        "encoded": encoded,
        "special_text": "<s>the lower<pad><pad> newest<s",
        "special_encoded": special.encode("<s>the lower<pad><pad> newest<s").ids,
        "corpus_digest": digest(plain.encode(text).ids),
        "forms": [
            {"text": t, "lower": "".join(c.lower() for c in t)}
            | {f.lower(): unicodedata.normalize(f, t) for f in ["NFC", "NFD", "NFKC", "NFKD"]}
            | {"strip_accents": unicodedata.normalize("NFC", "".join(c for c in unicodedata.normalize("NFD", t) if unicodedata.combining(c) == 0))}
            for t in FORMS
        ],
    }
    if len(sys.argv) > 1:
        play = Path(sys.argv[1]).read_text()
        tokenizer = trained(play, 2048, 2, [])
        ids = tokenizer.encode(play).ids
        assert ids == with_tiktoken(tokenizer).encode(play)
        out["play"] = {"size": 2048, "tokens": len(ids), "digest": digest(ids), "last_merge": json.loads(tokenizer.to_str())["model"]["merges"][-1]}
    Path(__file__).with_name("tokenizers.json").write_text(json.dumps(out, indent=0, ensure_ascii=True) + "\n")


main()
