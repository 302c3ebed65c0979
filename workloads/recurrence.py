"""Recurrences as a half of a layer: Mamba, Mamba-2, lightning attention and RWKV. What they keep of a sequence does not grow with it.

Mamba: Gu and Dao, arXiv 2312.00752. Mamba-2: Dao and Gu, arXiv 2405.21060 (chunks of matrix products, section 6). Lightning attention:
MiniMax-01, arXiv 2501.08313 (blocks, section 2.2). RWKV-4: Peng et al., arXiv 2305.13048.
"""

from __future__ import annotations

from dataclasses import dataclass

from magnitudes.arrays import Real, maximum, minimum, total
from workloads.chain import Chain
from workloads.feed_forward import DenseFeedForward, linear
from workloads.mixer import Flow, add_all_reduce, norm, pointwise, sequences_here
from workloads.model import DivisionRule
from workloads.operator import Contraction, Elementwise, Residency, Scan
from workloads.passes import Pass, Sequences
from workloads.sharding import Parallelism, Precision


def _held(run: Pass, cut: Parallelism) -> Real:
    """Sequences whose state a chip keeps."""
    return total(batch for batch, _ in sequences_here(run, cut))


def _short_convolution(name: str, flow: Flow, channels: Real, taps: float) -> Elementwise:
    """A depthwise convolution along the sequence, which keeps its last inputs."""
    stream, kept = flow.formats.stream, total(g.batch for g in flow.groups) * channels * taps
    return Elementwise(
        name=name, elements=flow.tokens * channels, state_elements=kept, flop_per_element=2.0 * taps + 4.0, element=stream, output=stream,
        state=flow.formats.state,
    )  # fmt: skip


def _add_scans(chain: Chain, flow: Flow, channels: Real, state_dim: float) -> tuple[str, ...]:
    """A scan for each group of sequences, behind the last operator."""
    entry = chain.nodes[-1].operator.name
    names = []
    for place, g in enumerate(flow.groups):
        scan = Scan(
            name="scan" + (f"_{place}" if len(flow.groups) > 1 else ""), batch=g.batch, length=g.new, channels=channels, state_dim=state_dim,
            element=flow.formats.stream, state=flow.formats.state,
        )  # fmt: skip
        names.append(chain.add(scan, after=entry))
    return tuple(names)


@dataclass(frozen=True, slots=True)
class SelectiveScan:
    """Mamba: a scan whose input, output and step depend on the token.

    Parameters
    ----------
    inner, state_dim, taps, rank : float
        Channels, state of each, taps of the short convolution, and rank of the step's projection.
    normed : bool
        Whether step, input and output vectors are normalised with weights (Jamba).
    """

    inner: float
    state_dim: float
    taps: float
    rank: float
    normed: bool = False
    label: str = ""

    @property
    def _columns(self) -> float:
        return self.rank + 2.0 * self.state_dim

    def parameters(self, hidden: float) -> float:
        short, step = self.inner * (self.taps + 1.0), self.inner * (self.rank + 1.0)
        scan = self.inner * (self.state_dim + 1.0)
        return 3.0 * hidden * self.inner + short + self.inner * self._columns + step + scan + (self._columns if self.normed else 0.0)

    def chip_parameters(self, hidden: float, cut: Parallelism) -> Real:
        normed = self._columns if self.normed else 0.0
        return (self.parameters(hidden) - normed) / cut.tp + normed

    def state_byte(self, run: Pass, cut: Parallelism, formats: Precision) -> Real:
        return _held(run, cut) * self.inner / cut.tp * (self.state_dim + self.taps) * formats.state.byte

    def add(self, chain: Chain, hidden: float, flow: Flow, entry: str | None = None) -> None:
        cut, formats, tokens, inner = flow.cut, flow.formats, flow.tokens, self.inner / flow.cut.tp
        gate = chain.add(linear("scan_in", tokens, 2.0 * inner, hidden, formats), after=entry)
        convolved = chain.add(_short_convolution("scan_convolution", flow, inner, self.taps))
        chain.add(linear("scan_parameters", tokens, self._columns, inner, formats))
        add_all_reduce(chain, "scan_parameters_all_reduce", tokens * self._columns, cut, formats)
        if self.normed:
            chain.add(norm("scan_parameters_norm", tokens, self._columns, "rms", formats))
        chain.add(linear("scan_step", tokens, inner, self.rank, formats), convolved)
        scans = _add_scans(chain, flow, inner, self.state_dim)
        chain.add(pointwise("scan_gate", tokens * inner, 10.0, formats, reads=2.0), gate, *scans[:-1])
        chain.add(linear("scan_out", tokens, hidden, inner, formats))

    def widest(self) -> float:
        return 4.0 * self.inner

    def cut_rules(self, cut: Parallelism) -> tuple[DivisionRule, ...]:
        return (DivisionRule("channels of the scan", self.inner, cut.tp, "--tp"),)


@dataclass(frozen=True, slots=True)
class ChunkedRecurrence:
    """Linear attention: a state of (state_dim, head_dim) a head. Prompts go chunk by chunk through matrix products, decoding is a scan.

    Parameters
    ----------
    heads, head_dim : float
        Heads, and width of their values.
    state_dim : float
        Width of keys and queries.
    groups : float
        Heads that have keys and queries of their own; the others share.
    chunk : float
        Tokens that attend to each other by a product of two matrices.
    """

    heads: float
    head_dim: float
    state_dim: float
    groups: float
    chunk: float = 256.0

    def add(self, chain: Chain, flow: Flow) -> tuple[str, ...]:
        """Append the recurrence of each group of sequences behind the last operator; the names of what holds the result."""
        entry, tp = chain.nodes[-1].operator.name, flow.cut.tp
        heads, groups = self.heads / tp, maximum(self.groups / tp, 1.0)
        ends = []
        for place, g in enumerate(flow.groups):
            suffix = f"_{place}" if len(flow.groups) > 1 else ""
            if not g.decoding:
                self._add_chunks(chain, suffix, g, heads, groups, entry, flow.formats)
            length: Real = 1.0 if g.decoding else maximum(g.new / self.chunk, 1.0)
            scan = Scan(
                name="scan" + suffix, batch=g.batch, length=length, channels=heads * self.head_dim, state_dim=self.state_dim,
                element=flow.formats.stream, state=flow.formats.state,
            )  # fmt: skip
            ends.append(chain.add(scan, after=entry if g.decoding else None))
        return tuple(ends)

    def _add_chunks(self, chain: Chain, suffix: str, g: Sequences, heads: Real, groups: Real, entry: str, formats: Precision) -> None:
        """Within chunks: scores and their values; between them: what each leaves to the state, and what it takes from it."""
        q, chunks = minimum(g.new, self.chunk), g.batch * maximum(g.new / self.chunk, 1.0)

        def product(name: str, batch: Real, m: Real, n: Real, k: Real) -> Contraction:
            stream = formats.stream
            return Contraction(name=name + suffix, batch=batch, m=m, n=n, k=k, a=stream, b=stream, c=stream, b_residency=Residency.ACTIVATION)

        chain.add(product("chunk_scores", chunks * groups, q, q, self.state_dim), after=entry)
        chain.add(product("chunk_values", chunks * heads, q, self.head_dim, q))
        chain.add(product("chunk_states", chunks * heads, self.state_dim, self.head_dim, q))
        chain.add(product("chunk_outputs", chunks * heads, q, self.head_dim, self.state_dim))


@dataclass(frozen=True, slots=True)
class StateSpaceDual:
    """Mamba-2: heads that share input and output vectors, one decay each."""

    heads: float
    head_dim: float
    state_dim: float
    groups: float
    taps: float
    chunk: float = 256.0
    label: str = ""

    @property
    def _inner(self) -> float:
        return self.heads * self.head_dim

    @property
    def _shared(self) -> float:
        return 2.0 * self.groups * self.state_dim

    def parameters(self, hidden: float) -> float:
        entry = hidden * (2.0 * self._inner + self._shared + self.heads)
        return entry + (self._inner + self._shared) * (self.taps + 1.0) + 3.0 * self.heads + self._inner + self._inner * hidden

    def chip_parameters(self, hidden: float, cut: Parallelism) -> Real:
        shared = self._shared * (hidden + self.taps + 1.0)
        return (self.parameters(hidden) - shared) / cut.tp + shared

    def state_byte(self, run: Pass, cut: Parallelism, formats: Precision) -> Real:
        kept = self._inner / cut.tp * (self.state_dim + self.taps) + self._shared * self.taps
        return _held(run, cut) * kept * formats.state.byte

    def add(self, chain: Chain, hidden: float, flow: Flow, entry: str | None = None) -> None:
        cut, formats, tokens, inner = flow.cut, flow.formats, flow.tokens, self._inner / flow.cut.tp
        gate = chain.add(linear("scan_in", tokens, 2.0 * inner + self._shared + self.heads / cut.tp, hidden, formats), after=entry)
        chain.add(_short_convolution("scan_convolution", flow, inner + self._shared, self.taps))
        scans = ChunkedRecurrence(self.heads, self.head_dim, self.state_dim, self.groups, self.chunk).add(chain, flow)
        chain.add(pointwise("scan_gate", tokens * inner, 10.0, formats, reads=2.0, fuses="consumer"), gate, *scans[:-1])
        chain.add(norm("scan_norm", tokens, inner, "rms", formats))
        chain.add(linear("scan_out", tokens, hidden, inner, formats))

    def widest(self) -> float:
        return 3.0 * self._inner + self._shared

    def cut_rules(self, cut: Parallelism) -> tuple[DivisionRule, ...]:
        return (DivisionRule("heads of the scan", self.heads, cut.tp, "--tp"),)


@dataclass(frozen=True, slots=True)
class LightningAttention:
    """Linear attention with a decay a head, a norm of its output and a gate (MiniMax)."""

    heads: float
    head_dim: float
    chunk: float = 256.0
    label: str = ""

    @property
    def _inner(self) -> float:
        return self.heads * self.head_dim

    def parameters(self, hidden: float) -> float:
        return hidden * 4.0 * self._inner + self._inner + self._inner * hidden

    def chip_parameters(self, hidden: float, cut: Parallelism) -> Real:
        return self.parameters(hidden) / cut.tp

    def state_byte(self, run: Pass, cut: Parallelism, formats: Precision) -> Real:
        return _held(run, cut) * self._inner / cut.tp * self.head_dim * formats.state.byte

    def add(self, chain: Chain, hidden: float, flow: Flow, entry: str | None = None) -> None:
        formats, tokens, inner = flow.formats, flow.tokens, self._inner / flow.cut.tp
        entry = entry or chain.nodes[-1].operator.name
        chain.add(linear("qkv", tokens, 3.0 * inner, hidden, formats), after=entry)
        chain.add(pointwise("qkv_activation", tokens * 3.0 * inner, 5.0, formats, fuses="producer"))
        scans = ChunkedRecurrence(self.heads, self.head_dim, self.head_dim, self.heads, self.chunk).add(chain, flow)
        normed = chain.add(norm("output_norm", tokens, inner, "rms", formats), *scans[:-1])
        chain.add(linear("output_gate", tokens, inner, hidden, formats), after=entry)
        chain.add(pointwise("gate_product", tokens * inner, 6.0, formats, reads=2.0, fuses="producer"), normed)
        chain.add(linear("out", tokens, hidden, inner, formats))

    def widest(self) -> float:
        return 5.0 * self._inner

    def cut_rules(self, cut: Parallelism) -> tuple[DivisionRule, ...]:
        return (DivisionRule("attention heads", self.heads, cut.tp, "--tp"),)


@dataclass(frozen=True, slots=True)
class TimeMix:
    """RWKV-4: receptance, key and value of the token mixed with the one before, and a decayed weighted mean of all values."""

    inner: float
    label: str = ""
    STATE = 3.0  # numerator, denominator and running maximum of a channel

    def parameters(self, hidden: float) -> float:
        return 4.0 * hidden * self.inner + 2.0 * self.inner + 3.0 * hidden

    def chip_parameters(self, hidden: float, cut: Parallelism) -> Real:
        return (4.0 * hidden * self.inner + 2.0 * self.inner) / cut.tp + 3.0 * hidden

    def state_byte(self, run: Pass, cut: Parallelism, formats: Precision) -> Real:
        """The recurrence, and the last token of this half and of the channel mix behind it."""
        return _held(run, cut) * (self.STATE + 2.0) * self.inner / cut.tp * formats.state.byte

    def add(self, chain: Chain, hidden: float, flow: Flow, entry: str | None = None) -> None:
        formats, tokens, inner = flow.formats, flow.tokens, self.inner / flow.cut.tp
        chain.add(pointwise("time_shift", tokens * 3.0 * hidden, 3.0, formats, reads=2.0 / 3.0), after=entry)
        chain.add(linear("receptance_key_value", tokens, 3.0 * inner, hidden, formats))
        scans = _add_scans(chain, flow, inner, self.STATE)
        chain.add(pointwise("receptance", tokens * inner, 5.0, formats, reads=2.0), *scans[:-1])
        chain.add(linear("out", tokens, hidden, inner, formats))

    def widest(self) -> float:
        return 8.0 * self.inner

    def cut_rules(self, cut: Parallelism) -> tuple[DivisionRule, ...]:
        return (DivisionRule("channels of the time mix", self.inner, cut.tp, "--tp"),)


@dataclass(frozen=True, slots=True)
class ChannelMix(DenseFeedForward):
    """RWKV-4's second half: a squared ReLU between two products, and a receptance gate on what comes out."""

    def parameters(self, hidden: float, bias: bool) -> float:
        return 2.0 * hidden * self.inner + hidden * hidden + 2.0 * hidden

    def chip_parameters(self, hidden: float, bias: bool, cut: Parallelism) -> Real:
        return (2.0 * hidden * self.inner) / cut.tp + hidden * hidden + 2.0 * hidden

    def add(self, chain: Chain, hidden: float, tokens: Real, cut: Parallelism, formats: Precision, entry: str | None = None) -> None:
        inner = self.inner / cut.tp
        shifted = chain.add(pointwise("channel_shift", tokens * 2.0 * hidden, 3.0, formats, reads=1.0), after=entry)
        gate = chain.add(linear("channel_receptance", tokens, hidden, hidden, formats))
        chain.add(linear("channel_key", tokens, inner, hidden, formats), after=shifted)
        chain.add(pointwise("squared_relu", tokens * inner, 2.0, formats, fuses="producer"))
        chain.add(linear("channel_value", tokens, hidden, inner, formats))
        chain.add(pointwise("channel_gate", tokens * hidden, 5.0, formats, reads=2.0, fuses="producer"), gate)

    def widest(self) -> float:
        return self.inner + 3.0
