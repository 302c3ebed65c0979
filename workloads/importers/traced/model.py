"""A traced graph as a model: its sizes are bound by the user or by the scenario, its formats by the graph or by the user."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from magnitudes.arrays import Real, largest, maximum, total
from workloads.graph import Node, Workload
from workloads.importers.traced.attention import patterns_of, recognise_attention
from workloads.importers.traced.beside_scores import without_masks
from workloads.importers.traced.folding import fold_batch_norms, fold_biases
from workloads.importers.traced.kernels import Kernel, kernels_of
from workloads.importers.traced.lower import lowered
from workloads.importers.traced.masks import Pattern
from workloads.importers.traced.norms import recognise_norms
from workloads.importers.traced.polynomial import interpolated
from workloads.importers.traced.positions import mark_caches, recognise_rotary
from workloads.importers.traced.repeats import collapsed
from workloads.importers.traced.siblings import merge_siblings
from workloads.importers.traced.trace import Trace
from workloads.importers.traced.web import alive
from workloads.model import DivisionRule, ModelError
from workloads.operator import Attention, Operator, Residency
from workloads.passes import Pass
from workloads.scenario import Images, Prefill, Samples, Scenario
from workloads.sharding import Parallelism, Precision

LONGEST = 1024.0  # tokens up to which masks are computed; longer ones are taken to go on as they begin
LARGEST_MASK = LONGEST**2  # elements up to which they are
MOST_TRACES = 64  # that are kept, each at other sizes
PLACES: dict[str, tuple[float, ...]] = {"batch": (2.0, 3.0, 4.0, 6.0), "prompt": (64.0, 96.0, 128.0, 192.0)}


@dataclass(frozen=True, slots=True)
class Sizes:
    """Which sizes of a graph a scenario sets.

    Parameters
    ----------
    batch, prompt : str, optional
        The symbol that is the number of samples, and the one that is the length of a sequence of tokens.
    fixed_batch : float
        Samples that the graph takes where no symbol says so.
    images : bool
        Whether it takes images.
    bound : mapping of str to float
        What the user said of symbols.
    """

    batch: str | None = None
    prompt: str | None = None
    fixed_batch: float = 1.0
    images: bool = False
    bound: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Unknown:
    """An operator that no rule reads, counted as a copy of its inputs to its outputs.

    Parameters
    ----------
    operator : str
    nodes : int
        How often it stands in the graph.
    node_share, byte_share : float
        Of all nodes, and of all traffic.
    """

    operator: str
    nodes: int
    node_share: float
    byte_share: float


@dataclass(frozen=True, eq=False)
class TracedModel:
    """A graph that another program traced.

    Parameters
    ----------
    name : str
    source : callable
        ``dims -> Trace``: the graph with its symbols bound.
    sizes : Sizes
    native : str
        The format of most of its weights.
    """

    name: str
    source: Callable[[Mapping[str, float]], Trace]
    sizes: Sizes
    native: str = "fp32"
    _traces: dict[tuple[tuple[str, float], ...], tuple[Trace, tuple[Kernel, ...]]] = field(default_factory=dict, repr=False, compare=False)

    @property
    def phases(self) -> tuple[str, ...]:
        """What a pass is: over images, prompts, or samples of any kind."""
        if self.sizes.images:
            return ("images",)
        return ("prefill",) if self.sizes.prompt else ("samples",)

    @property
    def scenario(self) -> Scenario:
        """One pass at the sizes that were bound."""
        bound, sizes = self.sizes.bound, self.sizes
        batch = bound.get(sizes.batch, 1.0) if sizes.batch else sizes.fixed_batch
        if sizes.images:
            return Images(batch)
        return Prefill(batch, bound.get(sizes.prompt, 512.0)) if sizes.prompt else Samples(batch)

    def bound(self, size: str) -> tuple[str, float] | None:
        """The symbol behind a size of the scenario, and what the user bound it to."""
        symbol = {"batch": self.sizes.batch, "prompt": self.sizes.prompt}.get(size)
        return (symbol, self.sizes.bound[symbol]) if symbol and symbol in self.sizes.bound else None

    @cached_property
    def trace(self) -> Trace:
        """The simplified graph at the sizes that were bound."""
        return self._at(self._dims(self.scenario.passes()[0]))[0]

    @property
    def parameters(self) -> float:
        """Weights in all."""
        return sum(self.trace.parameters.values())

    @cached_property
    def unknown(self) -> tuple[Unknown, ...]:
        """The operators that were not understood, most bytes first."""
        nodes = lowered(self.trace, kernels_of(self.trace), Precision())
        steps = [s for s in self.trace.steps if s.kind == "unknown"]
        byte = {n.operator.name: n.count * n.operator.byte for n in nodes}
        whole = total(byte.values())
        found = [
            Unknown(kind, len(own), len(own) / self.trace.nodes, float(total(byte.get(s.name, 0.0) for s in own) / whole))
            for kind in dict.fromkeys(s.label for s in steps)
            for own in [[s for s in steps if s.label == kind]]
        ]
        return tuple(sorted(found, key=lambda u: -u.byte_share))

    @property
    def notes(self) -> tuple[str, ...]:
        """What the reader of an estimate must know of the import."""
        listed = [f"{u.operator} ({u.nodes} of {self.trace.nodes} nodes, {u.byte_share:.2%} of the bytes)" for u in self.unknown]
        unknown = (f"operators not understood, counted as copies of their inputs to their outputs: {', '.join(listed)}",) if listed else ()
        masked = [s for s in self.trace.steps if s.kind == "attention" and s.sizes.get("unseen")]
        unread = (f"{len(masked)} operators of attention have masks or biases that say no pattern: all pairs of tokens are counted",) if masked else ()
        return (*unknown, *unread, *self.trace.assumed)

    def cut_rules(self, cut: Parallelism) -> tuple[DivisionRule, ...]:
        """Whole passes only: every degree but `dp` is one."""
        what = "part that an imported graph can be cut into (spread whole batches with --dp)"
        return tuple(DivisionRule(what, 1.0, degree, option) for option, degree in (("--tp", cut.tp), ("--pp", cut.pp), ("--ep", cut.ep)))

    def workload(self, run: Pass, cut: Parallelism, formats: Precision) -> Workload:
        """The operators of one pass on one chip."""
        dims = self._dims(run, cut)
        open_dims = {n: v for n, v in dims.items() if not isinstance(v, float)}
        closed = {n: v for n, v in dims.items() if isinstance(v, float)}
        if open_dims:
            places = {n: PLACES["prompt" if n == self.sizes.prompt else "batch"] for n in open_dims}
            nodes = interpolated(lambda at: self._nodes({**closed, **at}, formats), places, open_dims, self.name)
        else:
            nodes = self._nodes(closed, formats)
        trace = self._at({**closed, **{n: PLACES["prompt" if n == self.sizes.prompt else "batch"][0] for n in open_dims}})[0]
        kept = {step.name for step in trace.steps if step.kind == "attention" and step.sizes.get("cached")}
        return Workload(
            nodes=nodes,
            weight_byte=weight_byte(trace, formats),
            state_byte=total(n.count * state_byte(n.operator) for n in nodes if n.operator.name in kept),
            activation_byte=largest([n.operator.byte_of(Residency.ACTIVATION) + n.operator.byte_of(Residency.OUTPUT) for n in nodes]),
            tokens=total(g.batch for g in run.groups),
        )

    def _nodes(self, dims: Mapping[str, float], formats: Precision) -> tuple[Node, ...]:
        return collapsed(lowered(*self._at(dims), formats))

    def _at(self, dims: Mapping[str, Real]) -> tuple[Trace, tuple[Kernel, ...]]:
        """The simplified graph and its kernels at plain sizes."""
        key = tuple(sorted((n, float(v)) for n, v in dims.items()))  # type: ignore[arg-type]
        if key not in self._traces:
            known: Mapping[str, Pattern] = {}
            prompt, batch = self.sizes.prompt, self.sizes.batch
            if prompt and dict(key)[prompt] ** 2 * dict(key).get(batch or "", 1.0) > LARGEST_MASK:
                few = {batch: 1.0} if batch else {}
                known = patterns_of(self._at({**dims, **few, prompt: min(dict(key)[prompt], LONGEST)})[0])
            trace = simplified(self.source(dict(key)), known)
            if len(self._traces) >= MOST_TRACES:
                self._traces.clear()
            self._traces[key] = trace, kernels_of(trace)
        return self._traces[key]

    def _dims(self, run: Pass, cut: Parallelism | None = None) -> dict[str, Real]:
        """All symbols of a pass on one chip.

        Raises
        ------
        ModelError
            If the graph has a batch of its own, which is another.
        """
        dims: dict[str, Real] = dict(self.sizes.bound)
        batch = maximum(total(g.batch for g in run.groups) / (cut.dp if cut else 1.0), 1.0)
        if self.sizes.batch:
            dims[self.sizes.batch] = batch
        elif not isinstance(batch, float) or batch != self.sizes.fixed_batch:
            raise ModelError(
                f"{self.name} takes {self.sizes.fixed_batch:g} at once, whatever the scenario says; ask for --batch {self.sizes.fixed_batch:g} a chip, "
                "or export the graph with a dynamic first axis"
            )
        if self.sizes.prompt:
            dims[self.sizes.prompt] = run.groups[0].new
        return dims


def simplified(trace: Trace, known: Mapping[str, Pattern] | None = None) -> Trace:
    """A trace with what its graph spells out put together again: norms, attention, rotary positions, products side by side."""
    spelled_out = recognise_norms(fold_batch_norms(fold_biases(alive(trace))))
    trace = without_masks(recognise_attention(spelled_out, known or {}), spelled_out)
    return merge_siblings(mark_caches(recognise_rotary(alive(trace))))


def weight_byte(trace: Trace, formats: Precision) -> Real:
    """Bytes of all weights, each in the format that it is stored in."""
    stored = {name: tensor.stored or None for tensor in trace.tensors.values() for name in tensor.origins if tensor.stored}
    plain = sum(elements for name, elements in trace.parameters.items() if name not in stored)
    return plain * formats.weight.byte + total(trace.parameters[name] * kind.byte for name, kind in stored.items() if name in trace.parameters and kind)


def state_byte(operator: Operator) -> Real:
    """Keys and values that attention reads of a cache."""
    assert isinstance(operator, Attention)
    return operator.batch * operator.kv_heads * operator.kv_len * operator.kv_dim * operator.state.byte
