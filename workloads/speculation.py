"""Speculative decoding: a small model, or a head on the large one, drafts tokens, and the large one verifies all of them in one pass.

Leviathan et al., "Fast inference from transformers via speculative decoding", arXiv 2211.17192: `k` passes of the draft and one of the model
over ``k + 1`` tokens yield ``(1 - a ** (k + 1)) / (1 - a)`` tokens on average, where each is accepted with the chance `a`. Where a head
proposes a tree (Medusa, EAGLE), all its nodes are verified, and `a` is the chance that one of a depth is accepted.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from magnitudes.arrays import Real, maximum
from workloads.draft_heads import DraftHead, Eagle, Medusa
from workloads.graph import Node, Workload
from workloads.model import DivisionRule, Model, ModelError
from workloads.passes import Pass, Sequences
from workloads.sharding import Parallelism, Precision

SUFFIX = "_draft"  # ends the names of the draft's operators


@dataclass(frozen=True, slots=True)
class Speculating:
    """A model beside its draft, on the same chips, cut alike and in the same formats.

    Parameters
    ----------
    target : Model
        What verifies.
    draft : Model or DraftHead
        What proposes: a model of its own, or a head on the target.
    """

    target: Model
    draft: Model | DraftHead

    @property
    def name(self) -> str:
        return f"{self.target.name} with {self.draft.name}"

    @property
    def parameters(self) -> float:
        """Weights of both."""
        return self.target.parameters + self.draft.parameters

    @property
    def phases(self) -> tuple[str, ...]:
        drafting = ("decode", "inference") if isinstance(self.draft, Medusa | Eagle) else self.draft.phases
        return tuple(p for p in ("decode", "inference") if p in self.target.phases and p in drafting)

    def cut_rules(self, cut: Parallelism) -> tuple[DivisionRule, ...]:
        """Both are cut alike."""
        return (*self.target.cut_rules(cut), *self.draft.cut_rules(cut))

    def workload(self, run: Pass, cut: Parallelism, formats: Precision) -> Workload:
        """A prompt passes both; a step of decoding is `k` passes of the draft, one after another, and one of the model over ``k + 1`` tokens.

        Raises
        ------
        ModelError
            If more tokens are to be proposed than there are heads.
        """
        times = run.groups[0].new - 1.0 if run.groups[0].emitted is not None else 1.0
        if isinstance(self.draft, Medusa | Eagle):
            self._check(times)
            drafted = self.draft.drafting(run, cut, formats, times)
            run = replace(run, groups=tuple(_verified(g, self.draft.tree) for g in run.groups))
        else:
            one = self.draft.workload(replace(run, groups=tuple(_proposing(g) for g in run.groups)), cut, formats)
            drafted = replace(one, nodes=tuple(replace(n, count=n.count * times) for n in one.nodes))
        verified = self.target.workload(run, cut, formats)
        nodes = tuple(Node(replace(n.operator, name=n.operator.name + SUFFIX), n.count, tuple(a + SUFFIX for a in n.after)) for n in drafted.nodes)
        return Workload(
            nodes=(*nodes, *verified.nodes),
            weight_byte=verified.weight_byte + drafted.weight_byte,
            state_byte=verified.state_byte + drafted.state_byte,
            activation_byte=maximum(verified.activation_byte, drafted.activation_byte),
            tokens=verified.tokens,
            fetched_byte=verified.fetched_byte,
        )

    def _check(self, times: Real) -> None:
        most = self.draft.most if isinstance(self.draft, Medusa | Eagle) else None
        if most is not None and isinstance(times, float) and times > most:
            raise ModelError(f"{self.draft.name} propose {most:g} tokens at most, not {times:g}; ask for --speculate {most:g}, or for more heads")


def _verified(g: Sequences, tree: float | None) -> Sequences:
    """What the model verifies: all nodes of a tree with a token of its own, where there is one."""
    if g.emitted is None or tree is None:
        return g
    return replace(g, new=tree + 1.0, length=g.length - (g.new - 1.0) + tree)


def _proposing(g: Sequences) -> Sequences:
    """What one pass of the draft sees: one new token, at the mean of the contexts of its `k` passes; a prompt as it is."""
    if g.emitted is None:
        return g
    length: Real = g.length - g.new / 2.0
    return replace(g, new=1.0, length=length, last=g.length if g.last is None else g.last, emitted=None)
