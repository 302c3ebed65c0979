"""The second half of a transformer layer: a dense network, or a mixture of experts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from magnitudes.arrays import Real, log, maximum, sqrt, where
from workloads.chain import Chain
from workloads.model import DivisionRule
from workloads.operator import Collective, Contraction, Elementwise, GroupedContraction, Routing, expected_active
from workloads.sharding import Parallelism, Precision


class FeedForward(Protocol):
    """What a transformer layer needs of its second half.

    Attributes
    ----------
    label : str
        Ends the names of the layers' operators, where a model mixes several kinds of layers.
    """

    @property
    def label(self) -> str: ...

    def parameters(self, hidden: float, bias: bool) -> float:
        """Weights of one layer."""
        ...

    def chip_parameters(self, hidden: float, bias: bool, cut: Parallelism) -> Real:
        """Weights of one layer that one chip holds."""
        ...

    def add(self, chain: Chain, hidden: float, tokens: Real, cut: Parallelism, formats: Precision) -> None:
        """Append the operators of one layer; what is left on the stream still has to be reduced over `cut.tp`."""
        ...

    def widest(self) -> float:
        """Columns of the widest tensor between its operators."""
        ...

    def cut_rules(self, cut: Parallelism) -> tuple[DivisionRule, ...]:
        """What the degrees of parallelism must divide."""
        ...


@dataclass(frozen=True, slots=True)
class DenseFeedForward:
    """Two linear layers around an activation; gated ones have a third beside the first.

    Parameters
    ----------
    inner : float
        Width between the layers.
    gated : bool
        Whether the activation of one half multiplies the other (SwiGLU, GeGLU).
    prefix : str
        Put before the operators' names where a layer has several such networks.
    """

    inner: float
    gated: bool = True
    prefix: str = ""
    label: str = ""

    def parameters(self, hidden: float, bias: bool) -> float:
        wide = self.inner * (2.0 if self.gated else 1.0)
        return hidden * (wide + self.inner) + (wide + hidden if bias else 0.0)

    def chip_parameters(self, hidden: float, bias: bool, cut: Parallelism) -> Real:
        return self.parameters(hidden, bias) / cut.tp

    def add(self, chain: Chain, hidden: float, tokens: Real, cut: Parallelism, formats: Precision, entry: str | None = None) -> None:
        inner = self.inner / cut.tp
        up = "gate_up" if self.gated else "up"
        chain.add(linear(self.prefix + up, tokens, inner * (2.0 if self.gated else 1.0), hidden, formats), after=entry)
        chain.add(activation(self.prefix + "activation", tokens * inner, self.gated, formats))
        chain.add(linear(self.prefix + "down", tokens, hidden, inner, formats))

    def widest(self) -> float:
        return self.inner * (3.0 if self.gated else 1.0)

    def cut_rules(self, cut: Parallelism) -> tuple[DivisionRule, ...]:
        return (DivisionRule("columns of the feed-forward network", self.inner, cut.tp, "--tp"),)


@dataclass(frozen=True, slots=True)
class ExpertFeedForward:
    """A router that sends each token to `topk` of `experts` gated networks, with shared networks beside them.

    Parameters
    ----------
    experts, topk, inner : float
        Routed experts, experts a token, and width of one.
    shared_inner : float
        Width of the network that every token passes (0: none).
    shared_gate : bool
        Whether a one-column gate weighs the shared network.
    bias : bool
        Whether router and experts have biases.
    router_bias : bool
        Whether a bias of each expert balances the choice (DeepSeek-V3).
    drawn : bool
        Whether tokens fall on the chips of expert parallelism by chance, so that the fullest one sets the pace of all; else each gets the mean.
    """

    experts: float
    topk: float
    inner: float
    shared_inner: float = 0.0
    shared_gate: bool = False
    gated: bool = True
    label: str = ""
    bias: bool = False
    router_bias: bool = False
    drawn: bool = False

    @property
    def shared(self) -> DenseFeedForward | None:
        """The network that every token passes."""
        return DenseFeedForward(self.shared_inner, self.gated, "shared_") if self.shared_inner else None

    def _expert_parameters(self, hidden: float) -> float:
        wide = self.inner * (2.0 if self.gated else 1.0)
        return hidden * (wide + self.inner) + (wide + hidden if self.bias else 0.0)

    def _router_parameters(self, hidden: float) -> float:
        return self.experts * (hidden + (1.0 if self.bias or self.router_bias else 0.0)) + (hidden if self.shared_gate else 0.0)

    def parameters(self, hidden: float, bias: bool) -> float:
        shared = self.shared.parameters(hidden, bias) if self.shared else 0.0
        return self.experts * self._expert_parameters(hidden) + self._router_parameters(hidden) + shared

    def chip_parameters(self, hidden: float, bias: bool, cut: Parallelism) -> Real:
        experts = self.experts * self._expert_parameters(hidden) / (cut.ep * cut.expert_tp)
        shared = self.shared.chip_parameters(hidden, bias, cut) if self.shared else 0.0
        return experts + shared + self._router_parameters(hidden)

    def add(self, chain: Chain, hidden: float, tokens: Real, cut: Parallelism, formats: Precision) -> None:
        entry = chain.nodes[-1].operator.name
        together = tokens * cut.dp  # the chips of one stage pool their tokens over the experts
        rows = fullest_rows(together * self.topk, cut.ep) if self.drawn else together * self.topk / cut.ep
        active = expected_active(self.experts, self.topk, together) / cut.ep
        inner, stream = self.inner / cut.expert_tp, formats.stream
        chain.add(linear("router", tokens, self.experts, hidden, formats), after=entry)
        chain.add(Routing(name="routing", tokens=tokens, experts=self.experts, topk=self.topk, width=hidden, element=stream))
        _exchange(chain, "dispatch", tokens, hidden, self.topk, cut, formats.activation.byte)
        wide = 2.0 if self.gated else 1.0
        groups = self.experts / cut.ep

        def experts(name: str, n: Real, k: Real) -> GroupedContraction:
            return GroupedContraction(name=name, rows=rows, n=n, k=k, groups=groups, active=active, a=formats.activation, b=formats.weight, c=stream)

        chain.add(experts("expert_gate_up" if self.gated else "expert_up", wide * inner, hidden))
        chain.add(activation("expert_activation", rows * inner, self.gated, formats))
        chain.add(experts("expert_down", hidden, inner))
        _exchange(chain, "combine", tokens, hidden, self.topk, cut, stream.byte)
        routed = chain.add(
            Elementwise(name="weighted_sum", elements=tokens * hidden, reads=self.topk, flop_per_element=2.0 * self.topk, element=stream, output=stream)
        )
        if self.shared:
            self.shared.add(chain, hidden, tokens, cut, formats, entry)
            chain.add(Elementwise(name="shared_sum", elements=tokens * hidden, reads=2.0, element=stream, output=stream, fuses="producer"), routed)

    def widest(self) -> float:
        return self.topk * self.inner * (3.0 if self.gated else 1.0) + self.shared_inner

    def cut_rules(self, cut: Parallelism) -> tuple[DivisionRule, ...]:
        return (
            DivisionRule("experts", self.experts, cut.ep, "--ep"),
            DivisionRule("chips that hold one layer (--tp times --dp)", cut.tp * cut.dp, cut.ep, "--ep"),
            DivisionRule("columns of an expert", self.inner, cut.expert_tp, "--tp times --dp over --ep"),
        )


def fullest_rows(rows: Real, chips: Real) -> Real:
    """Rows of the fullest of so many chips, on average, when each row falls on one of them by chance.

    The mean and some standard deviations of a binomial: the largest of n normal numbers is about sqrt(2 ln n) - 0.6 of them above the mean (within
    0.05 from 1 to 64; the exact means are 0.56 for 2, 1.03 for 4, 1.42 for 8, 1.77 for 16).
    """
    deviations = maximum(sqrt(2.0 * log(chips)) - 0.6, 0.0)
    return rows / chips + deviations * sqrt(rows / chips * (1.0 - 1.0 / chips))


def _exchange(chain: Chain, name: str, tokens: Real, hidden: float, topk: float, cut: Parallelism, element_byte: Real) -> None:
    """Tokens to the chips of their experts, or back.

    Within one tensor-parallel group every chip holds all tokens already, so that nothing moves before the final all-reduce;
    only replicas (`dp`) exchange tokens, each of a group's `tp` chips its share.
    """
    if isinstance(cut.dp, float) and cut.dp == 1.0:
        return
    message_byte = tokens * topk * hidden * element_byte / cut.tp
    ranks = where(cut.dp > 1.0, maximum(cut.ep, 1.0), 1.0)
    chain.add(Collective(name=name, pattern="all_to_all", message_byte=message_byte, ranks=ranks, span=cut.tp * cut.dp))


def linear(name: str, rows: Real, columns: Real, inner: Real, formats: Precision) -> Contraction:
    """A linear layer: weights (inner, columns), activations (rows, inner)."""
    return Contraction(name=name, m=rows, n=columns, k=inner, a=formats.activation, b=formats.weight, c=formats.stream)


def activation(name: str, elements: Real, gated: bool, formats: Precision) -> Elementwise:
    """A gated activation reads two values and writes one (10 flop: SiLU and product); a plain one joins the product before it."""
    stream = formats.stream
    if gated:
        return Elementwise(name=name, elements=elements, reads=2.0, flop_per_element=10.0, element=stream, output=formats.activation)
    return Elementwise(name=name, elements=elements, flop_per_element=10.0, element=stream, output=formats.activation, fuses="producer")
