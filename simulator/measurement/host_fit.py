"""Fits what a library makes of this processor: the constants of ``calibration/host.json``, one block of operators after another.

Least squares of log-residuals, each group of rows with the same weight and outliers with less, every constant held near a first guess by a
prior. The guesses are round numbers by analogy, not the shipped fit: what was fitted on other rows, or on these, is not known.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import numpy as np

from magnitudes.arrays import Column
from simulator.calibration import at, read, set_at
from simulator.calibration.least_squares import least_squares
from simulator.host.library import tried
from simulator.validation.prediction import Batch, Context

NOISE = 0.05  # log-residual that weighs as much as a constant moved by its prior's width
TURN = 0.15  # log-residual from which on an error counts by its size
WIDTH = 1.0  # of the priors, on logarithms
LEAST_ROWS = 4  # fewer rows of an operator leave its constants alone

ELEMENTWISE = ("add", "mul", "div", "addu", "relu", "exp", "tanh", "sigmoid", "gelu", "silu", "copy", "triad")
MEMORY = tuple(f"memory.{c}" for c in ("draw_cache", "flying_byte", "write", "sustained", "sharpness", "keeps", "keeps_sharpness"))
PRODUCT = ("sustained", "dm", "dn", "dk", "pack", "grain", "fork_s", "each_s", "calls", "reach", "thin_reach", "sharpness")
FUSED = ("block", "diagonal", "dq", "dd", "sustained", "instructions", "each_s", "calls", "reach", "sharpness")
ROW = ("instructions", "row_clk", "again", "calls", "sharpness")
MOVE = ("instructions", "row_clk", "calls", "reach", "sharpness")


@dataclass(frozen=True, slots=True)
class Block:
    """Constants of a library (dotted paths inside it) that the rows of some operators tell."""

    library: str
    ops: tuple[str, ...]
    dtype: str
    paths: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Known:
    """A batch of measured rows."""

    batch: Batch
    log_us: Column

    def residual(self) -> Column:
        """Logarithm of predicted over measured."""
        return np.clip(np.log(self.batch.predict(Context()).time_s * 1e6) - self.log_us, -5.0, 5.0)


def blocks(library: str) -> Iterator[Block]:
    """What is fitted of a library, in order: later blocks stand on the constants of earlier ones."""
    tree = guesses()[library]
    fused = tree["parallel"] > 0.0
    own = ("instructions", "calls", *(("grain",) if fused else ()))  # copy's call is the unit of all others
    functions = [f"functions.{f}.{c}" for f in ELEMENTWISE if f in tree["functions"] for c in own if (f, c) != ("copy", "calls")]
    yield Block(library, ELEMENTWISE, "", (*MEMORY, "call_s", *(("fork_s",) if fused else ()), *functions))
    for op in ("softmax", "layernorm", "rmsnorm"):
        yield Block(library, (op,), "", tuple(f"rows.{op}.{c}" for c in ROW) + (("row_grain",) if fused and op == "softmax" else ()))
    for family, ops, fields in (
        ("products", ("gemm", "linear"), PRODUCT),
        ("batched", ("bmm",), PRODUCT),
        ("attention", ("attn_prefill", "attn_decode"), FUSED if fused else PRODUCT),
        ("convolution", ("conv_fwd",), PRODUCT if fused else (*PRODUCT, "run_clk")),
    ):
        for dtype in (d for d in tree[family] if d != "default"):
            extra = ("functions.windows.instructions",) if family == "convolution" and not fused else ()
            yield Block(library, ops, dtype, (*(f"{family}.{dtype}.{f}" for f in fields), *extra))
    yield Block(library, ("embedding",), "", tuple(f"moves.gather.{f}" for f in MOVE))


def fit(known: Sequence[Known]) -> dict[str, float]:
    """New values by dotted path, library first.

    Parameters
    ----------
    known : sequence of Known
        Rows of processors, whose spec names no fits.
    """
    values: dict[str, float] = {}
    tree = deepcopy(guesses())
    with tried(tree):
        for library in tree:
            for block in blocks(library):
                rows = [k for k in known if k.batch.key["library"] == library and k.batch.key["op"] in block.ops and block.dtype in ("", k.batch.key["dtype"])]
                if sum(len(k.log_us) for k in rows) >= LEAST_ROWS:
                    values |= _fitted(block, rows, tree)
    return values


def guesses() -> dict[str, Any]:
    """First guesses of all constants, library first: the centres of the priors."""
    return dict(read("host")["guesses"])


def _fitted(block: Block, rows: Sequence[Known], tree: dict[str, Any]) -> dict[str, float]:
    """The values of one block's constants, which are also put into the tree."""
    paths = [f"{block.library}.{p}" for p in block.paths]
    guess = [max(float(at(tree, p)), 1e-12) for p in paths]
    sizes: dict[str, int] = {}
    for k in rows:
        sizes[k.batch.key["op"]] = sizes.get(k.batch.key["op"], 0) + len(k.log_us)
    weights = np.sqrt(np.concatenate([np.full(len(k.log_us), max(sizes.values()) / sizes[k.batch.key["op"]]) for k in rows])) / NOISE

    def put(x: Column) -> dict[str, float]:
        values = {p: g * float(np.exp(step)) for p, g, step in zip(paths, guess, x, strict=True)}
        for path, value in values.items():
            set_at(tree, path, value)
        return values

    def residuals(x: Column) -> Column:
        put(x)
        return np.concatenate([weights * _damped(np.concatenate([k.residual() for k in rows])), x / WIDTH])

    return put(least_squares(residuals, np.zeros(len(paths))))


def _damped(residual: Column) -> Column:
    """A residual whose square grows as its size beyond `TURN` (pseudo-Huber)."""
    return np.asarray(np.sign(residual) * TURN * np.sqrt(2.0 * (np.sqrt(1.0 + (residual / TURN) ** 2) - 1.0)), dtype=np.float64)
