#!/usr/bin/env python3
"""Makes tests/golden/arrays/: files that NumPy and safetensors write, with the values that a formula gives.

Element i of an array is i * 3 - 5 (integers), i * 0.25 - 1 (floats) or i % 3 == 0 (bool), in row-major order.
"""

from pathlib import Path

import numpy as np
import safetensors.numpy as st

here = Path(__file__).parent / "arrays"
here.mkdir(exist_ok=True)


def made(dtype, shape):
    n = np.arange(np.prod(shape, dtype=int))
    kind = np.dtype(dtype).kind
    values = n % 3 == 0 if kind == "b" else n * 0.25 - 1 if kind == "f" else n * 3 - (5 if kind == "i" else 0)
    return values.astype(dtype).reshape(shape)


for name in ["f2", "f4", "f8", ">f4", "i1", "i2", ">i4", "i8", "u1", "u2", "u4", "u8", "b1"]:
    np.save(here / f"{name.replace('>', 'big_')}.npy", made(name, (4, 3)))
np.save(here / "scalars.npy", made("f4", (5,)))
np.save(here / "fortran.npy", np.asfortranarray(made("f4", (2, 3))))
np.save(here / "object.npy", np.array([None, 1]), allow_pickle=True)
np.save(here / "complex.npy", made("f4", (2,)).astype("c8"))
images = {"image": made("u1", (6, 3, 2, 4)), "label": np.array([0, 1, 2, 0, 1, 2], "i4")}
np.savez(here / "images.npz", **images)
np.savez_compressed(here / "packed.npz", **images)
st.save_file({"x": made("f4", (5, 2)), "y": made("f2", (5, 1))}, here / "table.safetensors")
