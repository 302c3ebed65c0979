"""What a mask lets through: everything, what lies before (causal), or a window of that."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

HIDDEN = -1e3  # what is added to a score that nobody shall see is lower; position biases are not


@dataclass(frozen=True, slots=True)
class Pattern:
    """Which keys a query sees: all, or those before it, or so many of those."""

    causal: bool
    window: float | None = None
    biased: bool = False  # whether scores that get through are shifted: the mask is read all the same


def seen_by(mask: Any, element: str) -> Any:
    """Where an added mask (or one that says so itself) lets scores through."""
    array = np.asarray(mask)
    return array if element == "bool" else array > HIDDEN


def shifts(mask: Any, seen: Any, element: str) -> bool:
    """Whether what is added to scores that get through is more than nothing: a bias, such as one of positions."""
    return element != "bool" and bool((np.asarray(mask)[seen] != 0).any())


def pattern_of(seen: Any, q_len: int, kv_len: int) -> Pattern | None:
    """The pattern of a mask of shape (..., queries, keys), where it is one of ours; all heads and sequences must share it."""
    array = np.asarray(seen, dtype=bool)
    if array.ndim < 2:
        array = array.reshape((1, -1)) if array.ndim else array.reshape((1, 1))
    rows = array.reshape((-1, *array.shape[-2:]))
    if not (rows == rows[:1]).all():
        return None
    grid = np.broadcast_to(rows[0], (q_len, kv_len))
    if grid.all():
        return Pattern(causal=False)
    query, key = np.arange(q_len)[:, None] + (kv_len - q_len), np.arange(kv_len)[None, :]
    if (grid == (key <= query)).all():
        return Pattern(causal=True)
    window = int(grid[-1].sum())
    if (grid == ((key <= query) & (key > query - window))).all():
        return Pattern(causal=True, window=float(window))
    return None
