"""Attention as a half of a layer: grouped heads with windows or chunks, cross attention, latent attention (MLA)."""

from __future__ import annotations

from dataclasses import dataclass, replace

from magnitudes.arrays import Real, maximum, minimum, total
from workloads.chain import Chain
from workloads.feed_forward import linear
from workloads.mixer import Flow, norm, pointwise, sequences_here
from workloads.model import DivisionRule
from workloads.operator import Attention, Contraction, Elementwise
from workloads.passes import Pass, Sequences
from workloads.sharding import Parallelism, Precision


@dataclass(frozen=True, slots=True)
class GroupedAttention:
    """Self-attention whose query heads share keys and values in groups.

    Parameters
    ----------
    heads, kv_heads, head_dim : float
        Query heads, key-value heads and their width.
    window : float, optional
        Tokens that a token attends to at most.
    chunk : float, optional
        Length of the chunks that attention does not look out of (Llama 4). A step of decoding reads a whole chunk, which is the most it may.
    causal : bool
        Whether a token attends to those before it only; else nothing is cached.
    qkv_bias, out_bias : bool
    rotary : bool
    extra_parameters : float
        Norms of heads, sinks and gates of one layer.
    """

    heads: float
    kv_heads: float
    head_dim: float
    window: float | None = None
    chunk: float | None = None
    causal: bool = True
    qkv_bias: bool = False
    out_bias: bool = False
    rotary: bool = True
    extra_parameters: float = 0.0
    key_bias: bool = True
    label: str = ""

    @property
    def _width(self) -> float:
        return (self.heads + 2.0 * self.kv_heads) * self.head_dim

    def parameters(self, hidden: float) -> float:
        bias = (self._width if self.qkv_bias else 0.0) + (hidden if self.out_bias else 0.0)
        bias -= self.kv_heads * self.head_dim if self.qkv_bias and not self.key_bias else 0.0
        return hidden * (self._width + self.heads * self.head_dim) + bias + self.extra_parameters

    def chip_parameters(self, hidden: float, cut: Parallelism) -> Real:
        return self.parameters(hidden) / cut.tp

    def state_byte(self, run: Pass, cut: Parallelism, formats: Precision) -> Real:
        if not self.causal:
            return 0.0
        token_byte = 2.0 * maximum(self.kv_heads / cut.tp, 1.0) * self.head_dim * formats.state.byte
        reach = self.window or self.chunk
        return token_byte * total(batch * (g.held if reach is None else minimum(g.held, reach)) for batch, g in sequences_here(run, cut))

    def add(self, chain: Chain, hidden: float, flow: Flow, entry: str | None = None) -> None:
        cut, formats, tokens = flow.cut, flow.formats, flow.tokens
        heads, kv_heads = self.heads / cut.tp, maximum(self.kv_heads / cut.tp, 1.0)
        width = (heads + 2.0 * kv_heads) * self.head_dim
        ready = chain.add(linear("qkv", tokens, width, hidden, formats), after=entry)
        if self.qkv_bias:
            ready = chain.add(pointwise("qkv_bias", tokens * width, 1.0, formats, fuses="producer"))
        if self.causal:
            ready = chain.add(cache_write(tokens, heads * self.head_dim, 2.0 * kv_heads * self.head_dim, formats, rotary=self.rotary))
        reads = [chain.add(self._attention(place, g, heads, kv_heads, flow), after=ready) for place, g in enumerate(flow.groups)]
        chain.add(linear("out", tokens, hidden, heads * self.head_dim, formats), *reads[:-1])

    def _attention(self, place: int, g: Sequences, heads: Real, kv_heads: Real, flow: Flow) -> Attention:
        stream, state = flow.formats.stream, flow.formats.state
        batch, length, new, window = g.batch, g.reach, g.new, self.window
        if self.chunk is not None:
            if flow.whole:  # each chunk is a sequence of its own
                batch, length = batch * maximum(length / self.chunk, 1.0), minimum(length, self.chunk)
                new = length
            else:
                window = self.chunk
        name = "attention" + (f"_{place}" if len(flow.groups) > 1 else "")
        return Attention(
            name=name, batch=batch, heads=heads, kv_heads=kv_heads, q_len=new, kv_len=length, head_dim=self.head_dim, causal=self.causal,
            window=window, decoding=g.decoding, element=stream, state=state if self.causal else stream,
        )  # fmt: skip

    def widest(self) -> float:
        return (2.0 * self.heads + 2.0 * self.kv_heads) * self.head_dim

    def cut_rules(self, cut: Parallelism) -> tuple[DivisionRule, ...]:
        return (
            DivisionRule("attention heads", self.heads, cut.tp, "--tp"),
            DivisionRule("key-value heads", self.kv_heads, cut.tp, "--tp", or_multiple=True),
        )


def cache_write(tokens: Real, query: Real, cached: Real, formats: Precision, *, rotary: bool = True) -> Elementwise:
    """One kernel turns queries and keys and writes what is cached: every new token once."""
    return Elementwise(
        name="rotary_and_cache" if rotary else "cache_write", elements=tokens * query, state_elements=tokens * cached,
        flop_per_element=3.0 if rotary else 0.0, element=formats.stream, output=formats.stream, state=formats.state,
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class CrossAttention:
    """Attention to the output of an encoder: its keys and values are computed once, with the prompt, and kept.

    Parameters
    ----------
    heads, head_dim : float
    source_width : float
        Width of the encoder's output.
    qv_bias, out_bias : bool
        Biases of queries and values, and of the output.
    """

    heads: float
    head_dim: float
    source_width: float
    qv_bias: bool = False
    out_bias: bool = False
    cached: bool = True
    label: str = ""

    @property
    def _inner(self) -> float:
        return self.heads * self.head_dim

    def parameters(self, hidden: float) -> float:
        bias = (2.0 * self._inner if self.qv_bias else 0.0) + (hidden if self.out_bias else 0.0)
        return 2.0 * hidden * self._inner + 2.0 * self.source_width * self._inner + bias

    def chip_parameters(self, hidden: float, cut: Parallelism) -> Real:
        return self.parameters(hidden) / cut.tp

    def state_byte(self, run: Pass, cut: Parallelism, formats: Precision) -> Real:
        """Of the source's tokens: the model that has an encoder counts them (`source_byte`)."""
        return 0.0

    def source_byte(self, source: Real, cut: Parallelism, formats: Precision) -> Real:
        """Keys and values of so many tokens of the source, of one layer on one chip."""
        return 2.0 * self._inner / cut.tp * source * formats.state.byte

    def add(self, chain: Chain, hidden: float, flow: Flow, entry: str | None = None) -> None:
        formats, heads = flow.formats, self.heads / flow.cut.tp
        inner = heads * self.head_dim
        entry = entry or chain.nodes[-1].operator.name
        extra: tuple[str, ...] = ()
        fresh = [g.batch * length for g, length in zip(flow.groups, flow.source, strict=True) if not g.decoding or not self.cached]
        if fresh:
            rows = total(fresh)
            extra = (chain.add(linear("cross_kv", rows, 2.0 * inner, self.source_width, formats), after=flow.encoded or entry),)
            if self.cached:
                extra = (chain.add(replace(cache_write(rows, 0.0, 2.0 * inner, formats, rotary=False), name="cross_cache_write")),)
        ready = chain.add(linear("cross_q", flow.tokens, inner, hidden, formats), after=entry)
        reads = []
        for place, (g, length) in enumerate(zip(flow.groups, flow.source, strict=True)):
            name = "cross_attention" + (f"_{place}" if len(flow.groups) > 1 else "")
            attention = Attention(
                name=name, batch=g.batch, heads=heads, kv_heads=heads, q_len=g.new, kv_len=length, head_dim=self.head_dim, causal=False,
                decoding=g.decoding, element=formats.stream, state=formats.state if self.cached else formats.stream,
            )  # fmt: skip
            reads.append(chain.add(attention, *extra, after=ready))
        chain.add(linear("cross_out", flow.tokens, hidden, inner, formats), *reads[:-1])

    def widest(self) -> float:
        return 2.0 * self._inner

    def cut_rules(self, cut: Parallelism) -> tuple[DivisionRule, ...]:
        return (DivisionRule("attention heads", self.heads, cut.tp, "--tp"),)


@dataclass(frozen=True, slots=True)
class LatentAttention:
    """Multi-head latent attention (DeepSeek-V2, arXiv 2405.04434, section 2.1): the cache holds one latent vector a token.

    Prompts expand the latent vectors to keys and values; decoding absorbs the expansion into queries and outputs instead, so that all
    heads attend to the latent vectors themselves.

    Parameters
    ----------
    heads : float
    nope_dim, rope_dim, value_dim : float
        Width of a head's query without and with rotary position, and of its value.
    kv_rank : float
        Width of the latent vector.
    q_rank : float
        Width of the queries' own latent vector (0: queries are projected directly).
    """

    heads: float
    nope_dim: float
    rope_dim: float
    value_dim: float
    kv_rank: float
    q_rank: float = 0.0
    label: str = ""

    @property
    def _key_dim(self) -> float:
        return self.nope_dim + self.rope_dim

    @property
    def _latent(self) -> float:
        return self.kv_rank + self.rope_dim

    @property
    def _up(self) -> float:
        """Weights that expand the latent vector: as many where they are absorbed."""
        return self.kv_rank * self.heads * (self.nope_dim + self.value_dim)

    def _split_parameters(self, hidden: float) -> float:
        query = (self.q_rank or hidden) * self.heads * self._key_dim
        return query + self._up + self.heads * self.value_dim * hidden

    def _whole_parameters(self, hidden: float) -> float:
        return self.q_rank * (hidden + 1.0) + hidden * self._latent + self.kv_rank

    def parameters(self, hidden: float) -> float:
        return self._split_parameters(hidden) + self._whole_parameters(hidden)

    def chip_parameters(self, hidden: float, cut: Parallelism) -> Real:
        return self._split_parameters(hidden) / cut.tp + self._whole_parameters(hidden)

    def state_byte(self, run: Pass, cut: Parallelism, formats: Precision) -> Real:
        """The latent vectors, which every chip of a tensor-parallel group holds whole."""
        return self._latent * formats.state.byte * total(batch * g.held for batch, g in sequences_here(run, cut))

    def add(self, chain: Chain, hidden: float, flow: Flow, entry: str | None = None) -> None:
        tokens, formats, heads = flow.tokens, flow.formats, self.heads / flow.cut.tp
        entry = entry or chain.nodes[-1].operator.name
        if self.q_rank:
            chain.add(linear("q_down", tokens, self.q_rank, hidden, formats), after=entry)
            chain.add(norm("q_norm", tokens, self.q_rank, "rms", formats))
        q = chain.add(
            linear("q_up" if self.q_rank else "q", tokens, heads * self._key_dim, self.q_rank or hidden, formats), after=None if self.q_rank else entry
        )
        chain.add(linear("kv_down", tokens, self._latent, hidden, formats), after=entry)
        chain.add(norm("kv_norm", tokens, self.kv_rank, "rms", formats))
        rotated = chain.add(cache_write(tokens, heads * self.rope_dim, self._latent, formats), q)
        reads: list[str] = []
        for place, g in enumerate(flow.groups):
            suffix = f"_{place}" if len(flow.groups) > 1 else ""
            reads.append((self._add_absorbed if g.decoding else self._add_expanded)(chain, suffix, g, heads, rotated, formats))
        chain.add(linear("out", tokens, hidden, heads * self.value_dim, formats), *reads[:-1])

    def _add_expanded(self, chain: Chain, suffix: str, g: Sequences, heads: Real, rotated: str, formats: Precision) -> str:
        """Keys and values of all tokens of the sequences from their latent vectors, then attention with as many key heads as query heads."""
        width = self.nope_dim + self.value_dim
        expanded = chain.add(linear("kv_up" + suffix, g.batch * g.length, heads * width, self.kv_rank, formats), after=rotated)
        attention = Attention(
            name="attention" + suffix, batch=g.batch, heads=heads, kv_heads=heads, q_len=g.new, kv_len=g.length,
            head_dim=(self._key_dim + self.value_dim) / 2.0, element=formats.stream, state=formats.stream,
        )  # fmt: skip
        return chain.add(attention, rotated, after=expanded)

    def _add_absorbed(self, chain: Chain, suffix: str, g: Sequences, heads: Real, rotated: str, formats: Precision) -> str:
        """All query heads attend to the one latent head; products a head take queries into its space, and its outputs out of it."""
        chain.add(_per_head("q_absorb" + suffix, heads, g.batch * g.new, self.kv_rank, self.nope_dim, formats), after=rotated)
        attention = Attention(
            name="attention" + suffix, batch=g.batch, heads=heads, kv_heads=1.0, q_len=g.new, kv_len=g.reach, head_dim=self._latent,
            value_dim=self.kv_rank, decoding=True, element=formats.stream, state=formats.state,
        )  # fmt: skip
        chain.add(attention)
        return chain.add(_per_head("v_absorb" + suffix, heads, g.batch * g.new, self.value_dim, self.kv_rank, formats))

    def widest(self) -> float:
        return self.heads * (2.0 * self._key_dim + 2.0 * self.value_dim)

    def cut_rules(self, cut: Parallelism) -> tuple[DivisionRule, ...]:
        return (DivisionRule("attention heads", self.heads, cut.tp, "--tp"),)


def _per_head(name: str, heads: Real, rows: Real, columns: Real, inner: Real, formats: Precision) -> Contraction:
    """A product with weights of its own for each head."""
    return Contraction(name=name, batch=heads, m=rows, n=columns, k=inner, a=formats.activation, b=formats.weight, c=formats.stream)


@dataclass(frozen=True, slots=True)
class LinearMap:
    """One square product in place of attention, as architecture searches leave it: no token sees another."""

    label: str = ""

    def parameters(self, hidden: float) -> float:
        return hidden * hidden

    def chip_parameters(self, hidden: float, cut: Parallelism) -> Real:
        return hidden * hidden / cut.tp

    def state_byte(self, run: Pass, cut: Parallelism, formats: Precision) -> Real:
        return 0.0

    def add(self, chain: Chain, hidden: float, flow: Flow, entry: str | None = None) -> None:
        chain.add(linear("linear_map", flow.tokens, hidden, hidden / flow.cut.tp, flow.formats), after=entry)

    def widest(self) -> float:
        return 0.0

    def cut_rules(self, cut: Parallelism) -> tuple[DivisionRule, ...]:
        return ()
