"""Speculative decoding: a small model drafts tokens, and the large one verifies all of them in one pass.

Leviathan et al., "Fast inference from transformers via speculative decoding", arXiv 2211.17192: `k` passes of the draft and one of the model
over ``k + 1`` tokens yield ``(1 - a ** (k + 1)) / (1 - a)`` tokens on average, where each is accepted with the chance `a`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from magnitudes.arrays import Real, maximum
from workloads.graph import Node, Workload
from workloads.model import DivisionRule, Model
from workloads.scenario import Pass, Sequences
from workloads.sharding import Parallelism, Precision

SUFFIX = "_draft"  # ends the names of the draft's operators


@dataclass(frozen=True, slots=True)
class Speculating:
    """A model beside its draft, on the same chips, cut alike and in the same formats.

    Parameters
    ----------
    target, draft : Model
        What verifies, and what proposes.
    """

    target: Model
    draft: Model

    @property
    def name(self) -> str:
        return f"{self.target.name} with {self.draft.name}"

    @property
    def parameters(self) -> float:
        """Weights of both."""
        return self.target.parameters + self.draft.parameters

    @property
    def phases(self) -> tuple[str, ...]:
        return tuple(p for p in ("decode", "inference") if p in self.target.phases and p in self.draft.phases)

    def cut_rules(self, cut: Parallelism) -> tuple[DivisionRule, ...]:
        """Both are cut alike."""
        return (*self.target.cut_rules(cut), *self.draft.cut_rules(cut))

    def workload(self, run: Pass, cut: Parallelism, formats: Precision) -> Workload:
        """A prompt passes both; a step of decoding is `k` passes of the draft, one after another, and one of the model over ``k + 1`` tokens."""
        verified = self.target.workload(run, cut, formats)
        proposing = replace(run, groups=tuple(_proposing(g) for g in run.groups))
        drafted = self.draft.workload(proposing, cut, formats)
        times = run.groups[0].new - 1.0 if run.groups[0].emitted is not None else 1.0
        nodes = tuple(Node(replace(n.operator, name=n.operator.name + SUFFIX), n.count * times, tuple(a + SUFFIX for a in n.after)) for n in drafted.nodes)
        return Workload(
            nodes=(*nodes, *verified.nodes),
            weight_byte=verified.weight_byte + drafted.weight_byte,
            state_byte=verified.state_byte + drafted.state_byte,
            activation_byte=maximum(verified.activation_byte, drafted.activation_byte),
            tokens=verified.tokens,
            fetched_byte=verified.fetched_byte,
        )


def _proposing(g: Sequences) -> Sequences:
    """What one pass of the draft sees: one new token, at the mean of the contexts of its `k` passes; a prompt as it is."""
    if g.emitted is None:
        return g
    length: Real = g.length - g.new / 2.0
    return replace(g, new=1.0, length=length, last=g.length if g.last is None else g.last, emitted=None)
