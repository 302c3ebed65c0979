"""The half of a layer that mixes tokens: what a stack asks of attention, state-space scans and their relatives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from magnitudes.arrays import Real, maximum, total
from workloads.chain import Chain
from workloads.model import DivisionRule
from workloads.operator import Collective, Elementwise, Normalization
from workloads.passes import Pass, Sequences
from workloads.sharding import Parallelism, Precision


@dataclass(frozen=True, slots=True)
class Flow:
    """What passes through a layer on one chip.

    Parameters
    ----------
    groups : tuple of Sequences
        The sequences of one micro-batch, on one chip of the stage.
    cut : Parallelism
    formats : Precision
    source : tuple of Real, optional
        Tokens of the encoder's output that each group attends to, where the model has one.
    encoded : str
        The operator that makes the encoder's output, where it runs in the same pass.
    whole : bool
        Whether all sequences are prompts from their first token on.
    """

    groups: tuple[Sequences, ...]
    cut: Parallelism
    formats: Precision
    source: tuple[Real, ...] = ()
    encoded: str = ""
    whole: bool = False

    @property
    def tokens(self) -> Real:
        """New tokens of all groups."""
        return total(g.batch * g.new for g in self.groups)


class Mixer(Protocol):
    """What a stack needs of the half of a layer that mixes tokens.

    Attributes
    ----------
    label : str
        Ends the names of the layer's operators, where a model mixes several kinds of layers.
    """

    @property
    def label(self) -> str: ...

    def parameters(self, hidden: float) -> float:
        """Weights of one layer."""
        ...

    def chip_parameters(self, hidden: float, cut: Parallelism) -> Real:
        """Weights of one layer that one chip holds."""
        ...

    def state_byte(self, run: Pass, cut: Parallelism, formats: Precision) -> Real:
        """Keys and values, or recurrent state, of one layer on one chip at the end of a pass, over all micro-batches."""
        ...

    def add(self, chain: Chain, hidden: float, flow: Flow, entry: str | None = None) -> None:
        """Append the operators of one layer; what is left on the stream still has to be reduced over `cut.tp`."""
        ...

    def widest(self) -> float:
        """Columns of the widest set of tensors alive between its operators."""
        ...

    def cut_rules(self, cut: Parallelism) -> tuple[DivisionRule, ...]:
        """What the degrees of parallelism must divide."""
        ...


def sequences_here(run: Pass, cut: Parallelism) -> tuple[tuple[Real, Sequences], ...]:
    """How many sequences of each group a replica holds over all micro-batches, and the group."""
    return tuple((maximum(g.batch / cut.dp, 1.0), g) for g in run.groups)


def add_all_reduce(chain: Chain, name: str, elements: Real, cut: Parallelism, formats: Precision) -> None:
    """The sum of every chip's part of a tensor, where a layer is cut at all."""
    if isinstance(cut.tp, float) and cut.tp == 1.0:
        return
    chain.add(Collective(name=name, pattern="all_reduce", message_byte=elements * formats.stream.byte, ranks=cut.tp))


def norm(name: str, rows: Real, cols: Real, flavour: str, formats: Precision) -> Normalization:
    """A norm of the stream's format."""
    return Normalization(name=name, rows=rows, cols=cols, flavour=flavour, element=formats.stream)


def pointwise(name: str, elements: Real, flop: float, formats: Precision, *, reads: float = 1.0, fuses: str = "") -> Elementwise:
    """Elementwise arithmetic on the stream."""
    return Elementwise(
        name=name, elements=elements, reads=reads, flop_per_element=flop, element=formats.stream, output=formats.stream, fuses=fuses
    )  # fmt: skip
