"""Stacks of layers of any kind: attention in all its forms, scans, experts, in any order, one layer like another or not."""

from __future__ import annotations

from dataclasses import dataclass, replace

from magnitudes.arrays import Real, maximum, minimum, total, where
from workloads.chain import Chain
from workloads.feed_forward import DenseFeedForward, ExpertFeedForward, FeedForward, linear
from workloads.graph import Workload, fused
from workloads.mixer import Flow, Mixer, add_all_reduce, norm, pointwise
from workloads.model import DivisionRule
from workloads.operator import Collective, Gather
from workloads.passes import Pass
from workloads.sharding import Parallelism, Precision


@dataclass(frozen=True, slots=True)
class Layers:
    """`count` equal layers: up to two halves, each behind a norm and with a residual sum.

    Parameters
    ----------
    count : float
    mixer : Mixer, optional
        Attention, a scan or a relative.
    forward : FeedForward, optional
        A dense network or a mixture of experts.
    cross : Mixer, optional
        Attention to an encoder's output, between the two.
    parallel : bool
        Whether both halves read the same norm and are summed (and reduced) together.
    label : str
        Ends the operators' names, where a model has several kinds of layers.
    """

    count: float
    mixer: Mixer | None = None
    forward: FeedForward | None = None
    cross: Mixer | None = None
    parallel: bool = False
    label: str = ""

    @property
    def mixers(self) -> tuple[Mixer, ...]:
        """What mixes tokens, in order."""
        return tuple(m for m in (self.mixer, self.cross) if m is not None)

    @property
    def halves(self) -> float:
        """Residual branches of a layer."""
        return float(len(self.mixers) + (self.forward is not None))


@dataclass(frozen=True, slots=True)
class Stack:
    """A stream of tokens through layers, from an embedding to an output head.

    Parameters
    ----------
    hidden : float
        Width of the stream.
    layers : tuple of Layers
    vocabulary : float
        Rows of the embedding; 0 where the stream comes from elsewhere.
    tied : bool
        Whether the output head is the embedding again.
    head : bool
        Whether the last token of each sequence passes an output head.
    norm : str
        ``rms``, ``layer``.
    norms_per_layer : float, optional
        As many as a layer has halves, if not said.
    bias : bool
        Whether the feed-forward networks have biases.
    norm_parameters : float, optional
        Weights of a norm; as many as `norm` has, if not said.
    extra_parameters : float
        Weights outside the layers that do no work in a pass, or next to none.
    phases : tuple of str
    label : str
        Ends all operators' names, where a model has several stacks.
    final_norm : bool
        Whether a norm ends the stack.
    """

    name: str
    hidden: float
    layers: tuple[Layers, ...]
    vocabulary: float = 0.0
    tied: bool = False
    head: bool = True
    norm: str = "rms"
    norms_per_layer: float | None = None
    bias: bool = False
    norm_parameters: float | None = None
    extra_parameters: float = 0.0
    phases: tuple[str, ...] = ("prefill", "decode", "inference", "mixed")
    label: str = ""
    final_norm: bool = True

    @property
    def depth(self) -> float:
        """Layers in all."""
        return sum(part.count for part in self.layers)

    @property
    def _norm_width(self) -> float:
        if self.norm_parameters is not None:
            return self.norm_parameters
        return self.hidden * (2.0 if self.norm == "layer" else 1.0)

    def _norms(self, part: Layers) -> float:
        if self.norms_per_layer is not None:
            return self.norms_per_layer
        return 1.0 if part.parallel else part.halves

    @property
    def parameters(self) -> float:
        """Weights in all: layers, norms, embedding and head."""
        layers = sum(part.count * (self._layer_parameters(part) + self._norms(part) * self._norm_width) for part in self.layers)
        head = self.vocabulary * self.hidden if self.head and not self.tied else 0.0
        return layers + self.vocabulary * self.hidden + head + self._final + self.extra_parameters

    def _layer_parameters(self, part: Layers) -> float:
        mixers = sum(m.parameters(self.hidden) for m in part.mixers)
        return mixers + (part.forward.parameters(self.hidden, self.bias) if part.forward else 0.0)

    @property
    def _final(self) -> float:
        return self._norm_width if self.final_norm else 0.0

    def chip_parameters(self, cut: Parallelism) -> Real:
        """Weights that one chip holds: layers split over stages, matrices over `tp`, embedding and head on the stages that use them."""
        layers = total(part.count * self._chip_layer_parameters(part, cut) for part in self.layers)
        head: Real = self.vocabulary * self.hidden if self.head and not self.tied else 0.0
        if self.tied and self.head:  # the last stage needs its own copy of the embedding
            head = where(cut.pp > 1.0, self.vocabulary * self.hidden, 0.0)
        ends = (self.vocabulary * self.hidden + head) / cut.tp + self._final + self.extra_parameters
        return layers / cut.pp + ends / minimum(cut.pp, 2.0)

    def _chip_layer_parameters(self, part: Layers, cut: Parallelism) -> Real:
        mixers = total(m.chip_parameters(self.hidden, cut) for m in part.mixers)
        forward = part.forward.chip_parameters(self.hidden, self.bias, cut) if part.forward else 0.0
        return mixers + forward + self._norms(part) * self._norm_width

    def state_byte(self, run: Pass, cut: Parallelism, formats: Precision) -> Real:
        """Keys, values and recurrent state on one chip at the end of a pass, over all micro-batches."""
        return total(part.count * m.state_byte(run, cut, formats) for part in self.layers for m in part.mixers) / cut.pp

    def cut_rules(self, cut: Parallelism) -> tuple[DivisionRule, ...]:
        """Heads, layers and widths that the degrees must divide."""
        parts = [half for part in self.layers for half in (*part.mixers, part.forward) if half is not None]
        experts = any(isinstance(part.forward, ExpertFeedForward) for part in self.layers)
        rules = [rule for half in parts for rule in half.cut_rules(cut)]
        distinct = {(rule.what, rule.size if isinstance(rule.size, float) else None, rule.option): rule for rule in rules}
        return (
            *distinct.values(),
            DivisionRule("layers", self.depth, cut.pp, "--pp"),
            *(() if experts else (DivisionRule("network that a dense model has in place of experts", 1.0, cut.ep, "--ep"),)),
        )

    def flow(self, run: Pass, cut: Parallelism, formats: Precision) -> Flow:
        """What one micro-batch of a pass brings to one chip."""
        whole = run.phase == "prefill" and all(g.new is g.length for g in run.groups)
        return Flow(tuple(replace(g, batch=maximum(g.batch / (cut.dp * cut.parts), 1.0)) for g in run.groups), cut, formats, whole=whole)

    def workload(self, run: Pass, cut: Parallelism, formats: Precision) -> Workload:
        """The operators of one micro-batch through all layers, as one chip of a stage sees them."""
        flow = self.flow(run, cut, formats)
        chain = Chain()
        self.add(chain, flow)
        return Workload(
            nodes=fused(chain.nodes),
            weight_byte=self.chip_parameters(cut) * formats.weight.byte,
            state_byte=self.state_byte(run, cut, formats),
            activation_byte=self.activation_byte(flow),
            tokens=total(g.batch for g in run.groups),
        )

    def activation_byte(self, flow: Flow) -> Real:
        """Most activations alive at once."""
        widest = max([half.widest() for part in self.layers for half in (*part.mixers, part.forward) if half is not None])
        return flow.tokens * (2.0 * self.hidden + widest / flow.cut.tp) * flow.formats.stream.byte

    def add(self, chain: Chain, flow: Flow) -> None:
        """Append all operators, from the embedding to the head and the transfer between stages."""
        chain.count, chain.suffix = 1.0, self.label
        if self.vocabulary:
            chain.add(Gather(name="embedding", rows=flow.tokens, width=self.hidden, table=flow.formats.weight, output=flow.formats.stream))
            add_all_reduce(chain, "embedding_all_reduce", flow.tokens * self.hidden, flow.cut, flow.formats)
        if self._norms(self.layers[0]) > 0.0:
            chain.add(norm("norm_first", flow.tokens, self.hidden, self.norm, flow.formats))
        for part in self.layers:
            chain.count, chain.suffix = part.count, part.label + self.label
            self._add_parallel(chain, part, flow) if part.parallel else self._add_layer(chain, part, flow)
        chain.count, chain.suffix = 1.0, self.label
        self._add_head(chain, flow)
        self._add_stage_transfer(chain, flow)
        chain.count, chain.suffix = 1.0, ""

    def _add_layer(self, chain: Chain, part: Layers, flow: Flow) -> None:
        """The halves of `part.count` layers, each with the norm that follows it: the next half's, or behind the last layer the final one."""
        halves: list[tuple[str, Mixer | FeedForward]] = [("attention", part.mixer)] if part.mixer else []
        halves += [("cross", part.cross)] if part.cross else []
        halves += [("feed_forward", part.forward)] if part.forward else []
        for place, (name, half) in enumerate(halves):
            self._add_half(chain, half, flow)
            self._add_sum(chain, name, flow, "norm_next" if place == len(halves) - 1 else f"norm_after_{name}_sum")

    def _add_half(self, chain: Chain, half: Mixer | FeedForward, flow: Flow, entry: str | None = None) -> None:
        if isinstance(half, DenseFeedForward):
            half.add(chain, self.hidden, flow.tokens, flow.cut, flow.formats, entry)
        elif isinstance(half, ExpertFeedForward):
            half.add(chain, self.hidden, flow.tokens, flow.cut, flow.formats)
        else:
            half.add(chain, self.hidden, flow, entry)  # type: ignore[call-arg,arg-type]

    def _add_sum(self, chain: Chain, name: str, flow: Flow, next_norm: str) -> None:
        elements = flow.tokens * self.hidden
        add_all_reduce(chain, f"{name}_all_reduce", elements, flow.cut, flow.formats)
        if (self.norms_per_layer or 0.0) > 2.0:
            chain.add(norm(f"norm_of_{name}", flow.tokens, self.hidden, self.norm, flow.formats))
        chain.add(pointwise(f"{name}_residual", elements, 1.0, flow.formats, reads=2.0, fuses="consumer"))
        chain.add(norm(next_norm, flow.tokens, self.hidden, self.norm, flow.formats))

    def _add_parallel(self, chain: Chain, part: Layers, flow: Flow) -> None:
        """Both halves of `part.count` layers read one norm; their sum is reduced and added once."""
        assert part.mixer is not None and part.forward is not None
        entry = chain.nodes[-1].operator.name
        self._add_half(chain, part.mixer, flow)
        mixed = chain.nodes[-1].operator.name
        self._add_half(chain, part.forward, flow, entry)
        elements = flow.tokens * self.hidden
        chain.add(pointwise("halves_sum", elements, 1.0, flow.formats, reads=2.0, fuses="producer"), mixed)
        self._add_sum(chain, "layer", flow, "norm_next")

    def _add_head(self, chain: Chain, flow: Flow) -> None:
        if not self.head:
            return
        rows = total(g.scored for g in flow.groups)  # only the last token of a sequence needs the head
        chain.add(linear("head", rows, self.vocabulary / flow.cut.tp, self.hidden, flow.formats))
        if isinstance(flow.cut.tp, float) and flow.cut.tp == 1.0:
            return
        logits = rows * self.vocabulary * flow.formats.stream.byte
        chain.add(Collective(name="logits_all_gather", pattern="all_gather", message_byte=logits, ranks=flow.cut.tp))

    def _add_stage_transfer(self, chain: Chain, flow: Flow) -> None:
        """The stream passes from stage to stage, each of the `tp` chips its share."""
        cut = flow.cut
        if isinstance(cut.pp, float) and cut.pp == 1.0:
            return
        chain.count = cut.pp - 1.0
        message_byte = flow.tokens * self.hidden * flow.formats.stream.byte / cut.tp
        chain.add(Collective(name="stage_send", pattern="send", message_byte=message_byte, ranks=minimum(cut.pp, 2.0), span=2.0 * cut.tp * cut.dp))
