"""Operators: what one kernel computes, which bytes it touches and how its loops nest. Nothing here knows a machine.

Shapes are those of one chip, after sharding. Any size may be a float, a column or an interval. `flop` counts a
multiply-add as two; `byte` is the compulsory traffic: every input read once, every output written once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import ClassVar

from magnitudes.arrays import Real, clip, maximum, minimum, total
from magnitudes.datatypes import DATA_TYPES, AnyDataType

BF16 = DATA_TYPES["bf16"]


class Residency(StrEnum):
    """What an operand is, which decides where it lives and how soon it is used again."""

    WEIGHT = "weight"
    ACTIVATION = "activation"
    STATE = "state"
    OUTPUT = "output"


@dataclass(frozen=True, slots=True)
class Operand:
    """One tensor that an operator reads or writes, in bytes of compulsory traffic."""

    name: str
    byte: Real
    residency: Residency


@dataclass(frozen=True, slots=True)
class LoopNest:
    """The loops of an operator, for mappers: the extent of each dimension, and the dimensions that index each operand."""

    extents: Mapping[str, Real]
    operands: Mapping[str, tuple[str, ...]]
    reductions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Operator:
    """What all operators share.

    Attributes
    ----------
    matrix_flop : Real
        Work that matrix units can do.
    vector_flop : Real
        Work for the vector units.
    operands : tuple of Operand
    nest : LoopNest
    """

    kind: ClassVar[str] = "operator"

    name: str

    @property
    def arithmetic(self) -> AnyDataType:
        """Format in which the operator computes."""
        return BF16

    @property
    def matrix_flop(self) -> Real:
        return 0.0

    @property
    def vector_flop(self) -> Real:
        return 0.0

    @property
    def operands(self) -> tuple[Operand, ...]:
        raise NotImplementedError

    @property
    def nest(self) -> LoopNest:
        raise NotImplementedError

    @property
    def flop(self) -> Real:
        """All arithmetic of one call."""
        return self.matrix_flop + self.vector_flop

    @property
    def byte(self) -> Real:
        """Compulsory traffic of one call."""
        return total(o.byte for o in self.operands)

    def byte_of(self, residency: Residency) -> Real:
        """Compulsory traffic of the operands of one class."""
        return total(o.byte for o in self.operands if o.residency == residency)


@dataclass(frozen=True, slots=True, kw_only=True)
class Elementwise(Operator):
    """Each output element from the same place of one or more inputs: activations, residual sums, rotary embedding.

    Parameters
    ----------
    elements : Real
        Elements written.
    state_elements : Real
        Elements written to a cache besides, as `state`.
    reads : Real
        Elements read for each one written.
    flop_per_element : float
    cols : Real, optional
        Elements written of one row, where it is known that kernels take row by row.
    fuses : str
        ``producer``: may run in the epilogue of the operator before it; ``consumer``: in the prologue of the one after it; empty: its own kernel.
    """

    kind: ClassVar[str] = "elementwise"

    elements: Real
    state_elements: Real = 0.0
    reads: Real = 1.0
    flop_per_element: float = 1.0
    cols: Real | None = None
    element: AnyDataType = BF16
    output: AnyDataType = BF16
    state: AnyDataType = BF16
    fuses: str = ""

    @property
    def arithmetic(self) -> AnyDataType:
        return self.element

    @property
    def written(self) -> Real:
        """Elements written, to the output and to a cache."""
        return self.elements + self.state_elements

    @property
    def vector_flop(self) -> Real:
        return self.flop_per_element * self.written

    @property
    def operands(self) -> tuple[Operand, ...]:
        return (
            Operand("input", self.reads * self.written * self.element.byte, Residency.ACTIVATION),
            Operand("cached", self.state_elements * self.state.byte, Residency.STATE),
            Operand("output", self.elements * self.output.byte, Residency.OUTPUT),
        )

    @property
    def nest(self) -> LoopNest:
        return LoopNest({"e": self.elements}, {"input": ("e",), "output": ("e",)})


@dataclass(frozen=True, slots=True, kw_only=True)
class Contraction(Operator):
    """`batch` products of (m, k) by (k, n).

    Parameters
    ----------
    a, b, c : DataType
        Formats of the (m, k) activations, the (k, n) side and the (m, n) output. Arithmetic follows the activations:
        narrower weights are widened on their way to the matrix units.
    b_residency : Residency
        ``WEIGHT`` for a linear layer, ``ACTIVATION`` for a product of two activations.
    epilogue : tuple of Elementwise
        Operators fused behind it: their arithmetic is done on the tile, the tensor between is never written.
    """

    kind: ClassVar[str] = "contraction"

    m: Real
    n: Real
    k: Real
    batch: Real = 1.0
    a: AnyDataType = BF16
    b: AnyDataType = BF16
    c: AnyDataType = BF16
    b_residency: Residency = Residency.WEIGHT
    epilogue: tuple[Elementwise, ...] = ()

    @property
    def arithmetic(self) -> AnyDataType:
        return self.a

    @property
    def matrix_flop(self) -> Real:
        return 2.0 * self.batch * self.m * self.n * self.k

    @property
    def vector_flop(self) -> Real:
        return total(e.vector_flop for e in self.epilogue)

    @property
    def operands(self) -> tuple[Operand, ...]:
        product = Operand("c", self.batch * self.m * self.n * self.c.byte, Residency.OUTPUT)
        return (
            Operand("a", self.batch * self.m * self.k * self.a.byte, Residency.ACTIVATION),
            Operand("b", self.batch * self.k * self.n * self.b.byte, self.b_residency),
            *fused_operands(product, self.epilogue),
        )

    @property
    def nest(self) -> LoopNest:
        extents = {"batch": self.batch, "m": self.m, "n": self.n, "k": self.k}
        return LoopNest(extents, {"a": ("batch", "m", "k"), "b": ("batch", "k", "n"), "c": ("batch", "m", "n")}, ("k",))


def fused_operands(product: Operand, epilogue: tuple[Elementwise, ...]) -> tuple[Operand, ...]:
    """What is still read and written at the end of an operator with fused followers: their other inputs, and the last output."""
    if not epilogue:
        return (product,)
    side = total((e.reads - 1.0) * e.elements * e.element.byte for e in epilogue)
    return (Operand("side", side, Residency.ACTIVATION), epilogue[-1].operands[-1])


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupedContraction(Operator):
    """One product a group, over groups of uneven rows: the experts of a mixture.

    Parameters
    ----------
    rows : Real
        Rows of all groups together (tokens times experts a token).
    groups : Real
        Groups that exist here.
    active : Real
        Groups that have at least one row: only their weights are read.
    """

    kind: ClassVar[str] = "grouped_contraction"

    rows: Real
    groups: Real
    active: Real
    n: Real
    k: Real
    a: AnyDataType = BF16
    b: AnyDataType = BF16
    c: AnyDataType = BF16

    @property
    def arithmetic(self) -> AnyDataType:
        return self.a

    @property
    def matrix_flop(self) -> Real:
        return 2.0 * self.rows * self.n * self.k

    @property
    def operands(self) -> tuple[Operand, ...]:
        return (
            Operand("a", self.rows * self.k * self.a.byte, Residency.ACTIVATION),
            Operand("b", self.active * self.k * self.n * self.b.byte, Residency.WEIGHT),
            Operand("c", self.rows * self.n * self.c.byte, Residency.OUTPUT),
        )

    @property
    def nest(self) -> LoopNest:
        extents = {"g": self.active, "m": self.rows / self.active, "n": self.n, "k": self.k}
        return LoopNest(extents, {"a": ("g", "m", "k"), "b": ("g", "k", "n"), "c": ("g", "m", "n")}, ("k",))


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Convolution(Operator):
    """A 2-D convolution, grouped or depthwise where `groups` says so."""

    kind: ClassVar[str] = "convolution"

    batch: Real
    cin: Real
    cout: Real
    in_h: Real
    in_w: Real
    out_h: Real
    out_w: Real
    kernel_h: Real
    kernel_w: Real
    stride: Real = 1.0
    groups: Real = 1.0
    a: AnyDataType = BF16
    b: AnyDataType = BF16
    c: AnyDataType = BF16
    epilogue: tuple[Elementwise, ...] = ()

    @property
    def arithmetic(self) -> AnyDataType:
        return self.a

    @property
    def matrix_flop(self) -> Real:
        return 2.0 * self.batch * self.cout * self.out_h * self.out_w * self.cin / self.groups * self.kernel_h * self.kernel_w

    @property
    def vector_flop(self) -> Real:
        return total(e.vector_flop for e in self.epilogue)

    @property
    def operands(self) -> tuple[Operand, ...]:
        product = Operand("c", self.batch * self.cout * self.out_h * self.out_w * self.c.byte, Residency.OUTPUT)
        return (
            Operand("a", self.batch * self.cin * self.in_h * self.in_w * self.a.byte, Residency.ACTIVATION),
            Operand("b", self.cout * self.cin / self.groups * self.kernel_h * self.kernel_w * self.b.byte, Residency.WEIGHT),
            *fused_operands(product, self.epilogue),
        )

    @property
    def nest(self) -> LoopNest:
        extents = {
            "batch": self.batch, "g": self.groups, "cout": self.cout / self.groups, "cin": self.cin / self.groups,
            "h": self.out_h, "w": self.out_w, "r": self.kernel_h, "s": self.kernel_w,
        }  # fmt: skip
        operands = {"a": ("batch", "g", "cin", "h", "w", "r", "s"), "b": ("g", "cout", "cin", "r", "s"), "c": ("batch", "g", "cout", "h", "w")}
        return LoopNest(extents, operands, ("cin", "r", "s"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Normalization(Operator):
    """A norm over each row: ``rms``, ``layer``, or ``batch`` with its statistics fixed (inference).

    Parameters
    ----------
    prologue : tuple of Elementwise
        Fused before it: a residual sum whose result is normalised and also written on.
    """

    kind: ClassVar[str] = "normalization"

    rows: Real
    cols: Real
    flavour: str = "rms"
    element: AnyDataType = BF16
    prologue: tuple[Elementwise, ...] = ()

    @property
    def arithmetic(self) -> AnyDataType:
        return self.element

    @property
    def vector_flop(self) -> Real:
        own = {"rms": 4.0, "layer": 7.0, "batch": 2.0}[self.flavour] * self.rows * self.cols
        return own + total(e.vector_flop for e in self.prologue)

    @property
    def operands(self) -> tuple[Operand, ...]:
        row_byte = self.rows * self.cols * self.element.byte
        return (
            Operand("input", row_byte, Residency.ACTIVATION),
            Operand("scale", self.cols * self.element.byte * (2.0 if self.flavour == "layer" else 1.0), Residency.WEIGHT),
            *(Operand("side", (e.reads - 1.0) * row_byte, Residency.ACTIVATION) for e in self.prologue),
            *(Operand("sum", row_byte, Residency.OUTPUT) for _ in self.prologue),
            Operand("output", row_byte, Residency.OUTPUT),
        )

    @property
    def nest(self) -> LoopNest:
        return LoopNest({"row": self.rows, "col": self.cols}, {"input": ("row", "col"), "output": ("row", "col")}, ("col",))


@dataclass(frozen=True, slots=True, kw_only=True)
class Softmax(Operator):
    """A softmax over each row, as its own kernel."""

    kind: ClassVar[str] = "softmax"

    rows: Real
    cols: Real
    element: AnyDataType = BF16

    @property
    def arithmetic(self) -> AnyDataType:
        return self.element

    @property
    def vector_flop(self) -> Real:
        return 5.0 * self.rows * self.cols

    @property
    def operands(self) -> tuple[Operand, ...]:
        byte = self.rows * self.cols * self.element.byte
        return (Operand("input", byte, Residency.ACTIVATION), Operand("output", byte, Residency.OUTPUT))

    @property
    def nest(self) -> LoopNest:
        return LoopNest({"row": self.rows, "col": self.cols}, {"input": ("row", "col"), "output": ("row", "col")}, ("col",))


@dataclass(frozen=True, slots=True, kw_only=True)
class Gather(Operator):
    """Rows of a table by index: an embedding, or a bag of them summed.

    Parameters
    ----------
    rows, width : Real
        Rows that are read, and elements of each.
    table_rows : Real, optional
        Rows of the table, where more may be read than it has: the rest comes from a cache.
    pooled : Real
        Rows that are summed into one.
    """

    kind: ClassVar[str] = "gather"

    rows: Real
    width: Real
    table_rows: Real | None = None
    pooled: Real = 1.0
    table: AnyDataType = BF16
    output: AnyDataType = BF16
    index_byte: float = 8.0

    @property
    def vector_flop(self) -> Real:
        """Sums within bags."""
        return 0.0 if isinstance(self.pooled, float) and self.pooled == 1.0 else self.rows * (1.0 - 1.0 / self.pooled) * self.width

    @property
    def operands(self) -> tuple[Operand, ...]:
        distinct = self.rows if self.table_rows is None else minimum(self.rows, self.table_rows)
        return (
            Operand("index", self.rows * self.index_byte, Residency.ACTIVATION),
            Operand("table", distinct * self.width * self.table.byte, Residency.WEIGHT),
            Operand("output", self.rows / self.pooled * self.width * self.output.byte, Residency.OUTPUT),
        )

    @property
    def nest(self) -> LoopNest:
        return LoopNest({"row": self.rows, "col": self.width}, {"table": ("row", "col"), "output": ("row", "col")})


@dataclass(frozen=True, slots=True, kw_only=True)
class Scan(Operator):
    """A recurrence along the sequence: each channel carries a state (state-space models, linear attention).

    One token costs 6 flop a channel and state element: decay, input and output products with their sums.
    """

    kind: ClassVar[str] = "scan"

    batch: Real
    length: Real
    channels: Real
    state_dim: Real
    element: AnyDataType = BF16
    state: AnyDataType = DATA_TYPES["fp32"]

    @property
    def arithmetic(self) -> AnyDataType:
        return self.element

    @property
    def vector_flop(self) -> Real:
        return 6.0 * self.batch * self.length * self.channels * self.state_dim

    @property
    def operands(self) -> tuple[Operand, ...]:
        tokens = self.batch * self.length * self.element.byte
        state = self.batch * self.channels * self.state_dim * self.state.byte
        return (
            Operand("input", tokens * (self.channels + 2.0 * self.state_dim), Residency.ACTIVATION),
            Operand("state_in", state, Residency.STATE),
            Operand("state_out", state, Residency.STATE),
            Operand("output", tokens * self.channels, Residency.OUTPUT),
        )

    @property
    def nest(self) -> LoopNest:
        extents = {"batch": self.batch, "t": self.length, "c": self.channels, "s": self.state_dim}
        return LoopNest(extents, {"input": ("batch", "t", "c"), "state_in": ("batch", "c", "s"), "output": ("batch", "t", "c")}, ("t", "s"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Routing(Operator):
    """Scores to experts: softmax over the experts, the `topk` best, and the permutation of tokens to them."""

    kind: ClassVar[str] = "routing"

    tokens: Real
    experts: Real
    topk: Real
    width: Real
    element: AnyDataType = BF16

    @property
    def arithmetic(self) -> AnyDataType:
        return self.element

    @property
    def vector_flop(self) -> Real:
        return self.tokens * self.experts * (5.0 + self.topk)

    @property
    def operands(self) -> tuple[Operand, ...]:
        moved = self.tokens * self.width * self.element.byte
        return (
            Operand("scores", self.tokens * self.experts * self.element.byte, Residency.ACTIVATION),
            Operand("tokens", moved, Residency.ACTIVATION),
            Operand("permuted", self.topk * moved, Residency.OUTPUT),
        )

    @property
    def nest(self) -> LoopNest:
        extents = {"token": self.tokens, "expert": self.experts, "col": self.width}
        return LoopNest(extents, {"scores": ("token", "expert"), "tokens": ("token", "col"), "permuted": ("token", "col")}, ("expert",))


@dataclass(frozen=True, slots=True, kw_only=True)
class Collective(Operator):
    """An exchange among `ranks` chips.

    Parameters
    ----------
    pattern : str
        ``all_reduce``, ``all_gather``, ``reduce_scatter``, ``all_to_all`` or ``send``.
    message_byte : Real
        The whole buffer of one rank: what is reduced, the gathered result, what is scattered, or what is sent.
    ranks : Real
        Chips that take part; nothing moves where it is one.
    span : Real, optional
        Chips from the first to the last that take part, neighbours counted: it decides which levels of the fabric are crossed.
        As many as `ranks`, if not said.
    """

    kind: ClassVar[str] = "collective"

    pattern: str
    message_byte: Real
    ranks: Real
    span: Real | None = None

    @property
    def wire_byte(self) -> Real:
        """Bytes that each rank must send, by the bandwidth-optimal algorithm (Patarasuk and Yuan 2009)."""
        if self.pattern == "send":
            return self.message_byte * minimum(self.ranks - 1.0, 1.0)
        passes = 2.0 if self.pattern == "all_reduce" else 1.0
        return passes * (self.ranks - 1.0) / self.ranks * self.message_byte

    @property
    def operands(self) -> tuple[Operand, ...]:
        return (Operand("sent", self.wire_byte, Residency.ACTIVATION), Operand("received", self.wire_byte, Residency.OUTPUT))

    @property
    def nest(self) -> LoopNest:
        return LoopNest({"byte": self.message_byte}, {"sent": ("byte",), "received": ("byte",)})


@dataclass(frozen=True, slots=True, kw_only=True)
class Transfer(Operator):
    """A copy between two tiers of a chip."""

    kind: ClassVar[str] = "transfer"

    moved_byte: Real
    source: str
    target: str

    @property
    def operands(self) -> tuple[Operand, ...]:
        return (Operand("source", self.moved_byte, Residency.ACTIVATION), Operand("target", self.moved_byte, Residency.OUTPUT))

    @property
    def nest(self) -> LoopNest:
        return LoopNest({"byte": self.moved_byte}, {"source": ("byte",), "target": ("byte",)})


@dataclass(frozen=True, slots=True, kw_only=True)
class Fused(Operator):
    """Operators that a machine runs as one: what passes between them is counted as neither read nor written.

    Parameters
    ----------
    operators : tuple of Operator
        In the order of execution.
    shares : tuple of Real
        Calls of each in one call of the whole.
    sections : Real
        Pieces that the machine runs one after another, each with several of the operators.
    """

    kind: ClassVar[str] = "fused"

    operators: tuple[Operator, ...]
    shares: tuple[Real, ...]
    sections: Real = 1.0

    @property
    def arithmetic(self) -> AnyDataType:
        """The format of the first product; of the first operator, where there is none."""
        products = (o for o in self.operators if isinstance(o, Contraction | GroupedContraction | Convolution | Attention))
        return next(products, self.operators[0]).arithmetic

    @property
    def matrix_flop(self) -> Real:
        return total(share * o.matrix_flop for o, share in zip(self.operators, self.shares, strict=True))

    @property
    def vector_flop(self) -> Real:
        return total(share * o.vector_flop for o, share in zip(self.operators, self.shares, strict=True))

    @property
    def operands(self) -> tuple[Operand, ...]:
        """Weights and state of all, what the first reads and what the last writes, exchanges aside."""
        own = [o for o in self.operators if not isinstance(o, Collective)] or self.operators
        kept = tuple(
            Operand(r.value, total(share * o.byte_of(r) for o, share in zip(self.operators, self.shares, strict=True)), r)
            for r in (Residency.WEIGHT, Residency.STATE)
        )
        first, last = own[0].byte_of(Residency.ACTIVATION), own[-1].byte_of(Residency.OUTPUT)
        return (Operand("input", first, Residency.ACTIVATION), *kept, Operand("output", last, Residency.OUTPUT))

    @property
    def nest(self) -> LoopNest:
        """One loop over the bytes that cross its boundary: the loops inside are those of its operators."""
        return LoopNest({"byte": self.byte}, {o.name: ("byte",) for o in self.operands})


def with_epilogue(operator: Contraction | Convolution, follower: Elementwise) -> Operator:
    """The operator with an elementwise follower fused behind it."""
    return replace(operator, epilogue=(*operator.epilogue, follower))


def expected_active(groups: Real, rows_per_token: Real, tokens: Real) -> Real:
    """Groups that get at least one token when each token picks `rows_per_token` of `groups` evenly and independently.

    The chance that a group is missed by one token is ``1 - topk / groups``; by all, its power.
    """
    miss = maximum(1.0 - rows_per_token / groups, 0.0)
    return maximum(groups * (1.0 - miss**tokens), minimum(rows_per_token, groups))
