"""Attention as one kernel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from magnitudes.arrays import Real, clip, minimum
from magnitudes.datatypes import AnyDataType
from workloads.operators.base import BF16, LoopNest, Operand, Operator, Residency


@dataclass(frozen=True, slots=True, kw_only=True)
class Attention(Operator):
    """Fused attention: scores, softmax and values in one kernel; the scores are never written.

    Parameters
    ----------
    batch, q_len, kv_len : Real
        Sequences, new tokens of each, and all tokens of each (the new ones included).
    heads, kv_heads, head_dim : Real
        Query heads, the heads whose keys and values exist, and their width.
    causal : bool
        A token attends to itself and those before it.
    window : Real, optional
        Tokens that a token attends to at most.
    value_dim : Real, optional
        Where values are the first so many columns of the keys (the latent vectors of MLA), which are then read once for both.
    decoding : bool
        Whether the kernel is one for a single query a sequence (`q_len` of one): a choice of kernel, so not read off a size that may vary.
    """

    kind: ClassVar[str] = "attention"

    batch: Real
    heads: Real
    kv_heads: Real
    q_len: Real
    kv_len: Real
    head_dim: Real
    causal: bool = True
    window: Real | None = None
    value_dim: Real | None = None
    decoding: bool = False
    element: AnyDataType = BF16
    state: AnyDataType = BF16

    @property
    def arithmetic(self) -> AnyDataType:
        return self.element

    @property
    def pairs(self) -> Real:
        """(query, key) pairs of one head of one sequence."""
        if not self.causal:
            return self.q_len * self.kv_len
        first, last = self.kv_len - self.q_len + 1.0, self.kv_len
        if self.window is None:
            return self.q_len * (first + last) / 2.0
        # Queries at positions `first .. last` see min(window, position) keys: a ramp up to the window, flat after it.
        top = clip(self.window, first, last)
        ramp = (top - first) * (first + top - 1.0) / 2.0
        return ramp + minimum(self.window, last) * (last - top + 1.0)

    @property
    def kv_read_len(self) -> Real:
        """Tokens of a sequence whose keys and values are read."""
        return self.kv_len if self.window is None else minimum(self.kv_len, self.window + self.q_len - 1.0)

    @property
    def pair_dim(self) -> Real:
        """Multiply-adds of one head for a (query, key) pair: the score's and the value's."""
        return self.head_dim + (self.head_dim if self.value_dim is None else self.value_dim)

    @property
    def kv_dim(self) -> Real:
        """Elements that are cached of one token and key-value head."""
        return 2.0 * self.head_dim if self.value_dim is None else self.head_dim

    @property
    def matrix_flop(self) -> Real:
        return 2.0 * self.batch * self.heads * self.pairs * self.pair_dim

    @property
    def vector_flop(self) -> Real:
        """Softmax: scale, maximum, subtract, exponential, sum of each pair (5, the exponential counted as one)."""
        return 5.0 * self.batch * self.heads * self.pairs

    @property
    def operands(self) -> tuple[Operand, ...]:
        rows = self.batch * self.heads * self.q_len * self.element.byte
        keys = self.batch * self.kv_heads * self.kv_read_len * self.state.byte
        return (
            Operand("q", rows * self.head_dim, Residency.ACTIVATION),
            Operand("k", keys * self.head_dim, Residency.STATE),
            Operand("v", keys * (self.kv_dim - self.head_dim), Residency.STATE),
            Operand("o", rows * (self.pair_dim - self.head_dim), Residency.OUTPUT),
        )

    @property
    def nest(self) -> LoopNest:
        extents = {
            "batch": self.batch, "kv_head": self.kv_heads, "group": self.heads / self.kv_heads,
            "q": self.q_len, "kv": self.kv_read_len, "d": self.head_dim,
        }  # fmt: skip
        q, kv = ("batch", "kv_head", "group", "q", "d"), ("batch", "kv_head", "kv", "d")
        return LoopNest(extents, {"q": q, "k": kv, "v": kv, "o": q}, ("kv",))
