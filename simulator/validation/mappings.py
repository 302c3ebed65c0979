"""Mappings written as text, as DOSA's tables have them: levels of memory from the outermost in, each with its factors.

``L3[WIO] C2 K4 - L2[WI] N1 K16X - L1[O] Q7 C32X - L0[W] P14``: main memory's loops first, the outermost leftmost, then what the array's memories
hold at once. Letters are the loop dimensions, ``X`` or ``Y`` behind a factor says that it is spread over the array.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from math import ceil, log2
from typing import TYPE_CHECKING

import numpy as np

from magnitudes.arrays import Mask
from simulator.validation.columns import numbers, texts

if TYPE_CHECKING:
    import pandas as pd

LETTERS = "pqkcrs"
APPENDED = "crskpq"  # the order in which DOSA's program puts loops that a mapping does not name, each further out than all before it
FAMILY_SIDE = 128  # DOSA's tables of random mappings name the largest array of the family that they were run on
_FACTOR = re.compile(r"([A-Z])(\d+)([XY]?)")
_LEVEL = re.compile(r"\s+-\s+")


@cache
def parsed(mapping: str) -> dict[str, float] | None:
    """Tiles, loops over them and places of the loops by letter, and what is spread over the array; None of what is no mapping."""
    levels = [level.split()[1:] for level in _LEVEL.split(mapping.strip())]
    words = [[_FACTOR.fullmatch(word) for word in level] for level in levels]
    if len(levels) < 2 or not all(m and int(m[2]) > 0 for level in words for m in level):
        return None
    loops, *held = [[(m[1].lower(), int(m[2]), bool(m[3])) for m in level if m] for level in words]
    order = [d for d, _, _ in reversed(loops) if d in LETTERS]
    if len(set(order)) < len(order):
        return None
    order += [d for d in APPENDED if d not in order]
    found = {f"place_{d}": float(order.index(d)) for d in LETTERS}
    for d in LETTERS:
        found[f"loops_{d}"] = float(np.prod([f for letter, f, _ in loops if letter == d]))
        found[f"tile_{d}"] = float(np.prod([f for level in held for letter, f, _ in level if letter == d]))
    spread = [max([1, *(f for level in held for letter, f, across in level if letter == d and across)]) for d in "kc"]
    return found | {"spread": float(max(spread))}


def mapping_columns(mappings: Iterable[str]) -> pd.DataFrame:
    """The columns of all mappings, NaN where one cannot be read."""
    import pandas as pd

    return pd.DataFrame([parsed(m) or {} for m in mappings], columns=list(parsed("L1 N1 - L0 N1") or {}), dtype="float64")


def side_of(array_dim: float, spread: float) -> float:
    """The side of the array that a mapping ran on.

    A table of the whole family names its largest: each mapping ran on the smallest array (a power of two) that holds what it spreads.
    """
    if not array_dim >= FAMILY_SIDE or not spread >= 1.0:
        return array_dim
    return min(array_dim, 2.0 ** max(1, ceil(log2(spread))))


def with_mappings(frame: pd.DataFrame) -> tuple[pd.DataFrame, Mask, Mask]:
    """A frame whose rows have their mapping as columns; which mappings cannot be read, and which of them are not of their layer."""
    columns = mapping_columns(texts(frame["mapping"])).set_index(frame.index)
    side = [side_of(a, s) for a, s in zip(numbers(frame["array_dim"]), columns["spread"], strict=True)]
    extents = {"p": "out_h", "q": "out_w", "k": "cout", "c": "cin", "r": "kernel_h", "s": "kernel_w"}
    wrong = np.zeros(len(frame), dtype=bool)
    for d, name in extents.items():
        if name in frame.columns:
            wrong |= (columns[f"tile_{d}"] * columns[f"loops_{d}"] != numbers(frame[name])).to_numpy()
    lost = columns["spread"].isna().to_numpy()
    kept = {f"{kind}_{d}": columns[f"{kind}_{d}"] for kind in ("tile", "place") for d in LETTERS}
    return frame.assign(**kept, side=side), lost, wrong & ~lost
