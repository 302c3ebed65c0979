"""What surrounds a kernel that a benchmark calls over and over: everything it touches comes round again, a call later."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from magnitudes.arrays import Real, total
from magnitudes.datatypes import DataType
from simulator.machine import Machine
from simulator.reuse import Reuse
from simulator.validation.sources import Source
from workloads.operator import Contraction, GroupedContraction, Operand, Operator, Residency


@dataclass(frozen=True, slots=True)
class Replay(Reuse):
    """A kernel on repeat.

    Parameters
    ----------
    call_byte : Real
        Bytes that one call touches: what it needs again was last touched so long ago.
    """

    call_byte: Real = 0.0

    def distance_byte(self, operand: Operand) -> Real:
        """Reuse distance of one operand."""
        if operand.residency is Residency.WEIGHT:
            return self.weight_byte
        return self.activation_byte if operand.residency is Residency.ACTIVATION else self.call_byte


def replay(operator: Operator, copies: Real = 1.0, *, whole: bool = False, inputs: bool = False, switching: float = 1.0) -> Replay:
    """The surroundings of an operator that is called over and over, alone on the chip.

    Parameters
    ----------
    copies : Real
        Copies of the weights, or of all buffers (`whole`), or of all that is read (`inputs`), that are taken in turn.
    switching : float
        Share of the bits of data paths that switch.
    """
    if whole:
        round_byte = copies * operator.byte
        return Replay(weight_byte=round_byte, state_byte=round_byte, activation_byte=round_byte, busy_s=0.0, call_byte=round_byte)
    call_byte, weight_byte = operator.byte, operator.byte_of(Residency.WEIGHT)
    if inputs:
        round_byte = call_byte + (copies - 1.0) * (weight_byte + operator.byte_of(Residency.ACTIVATION))
        return Replay(weight_byte=round_byte, state_byte=call_byte, activation_byte=round_byte, call_byte=call_byte, switching=switching)
    later_byte = call_byte + (copies - 1.0) * weight_byte
    return Replay(weight_byte=later_byte, state_byte=call_byte, activation_byte=call_byte, call_byte=call_byte, switching=switching)


def replayed(operator: Operator, habits: Source) -> Replay:
    """The surroundings of an operator in a benchmark with these habits."""
    if not isinstance(operator, Contraction):
        return replay(operator, habits.weight_copies if isinstance(operator, GroupedContraction) else 1.0)
    still = habits.zeros and isinstance(operator.a, DataType) and operator.a.bits == 16.0
    return replay(operator, habits.weight_copies, inputs=habits.inputs, switching=0.0 if still else 1.0)


def replay_of(calls: Sequence[tuple[Operator, Real]], copies: Real = 1.0) -> Replay:
    """The surroundings of operators without weights that are called over and over together: all that they touch comes round again.

    What the later ones write is what the first reads, and counts once.
    """
    (first, _), *rest = calls
    round_byte = copies * (first.byte + total(o.byte_of(Residency.ACTIVATION) for o, _ in rest))
    return Replay(weight_byte=round_byte, state_byte=round_byte, activation_byte=round_byte, busy_s=0.0, call_byte=round_byte)


LEFT = 0.5  # of the power limit, by kernels that only move data: decoding, which does, draws about half of it (Patel et al., Splitwise, ISCA 2024)


def inside(calls: Sequence[tuple[Operator, Real]], machine: Machine, copies: Real = 1.0) -> Reuse:
    """The surroundings of operators that run one after another, over and over: a weight comes round after all of them, an activation was just made.

    Between the products of a model that nobody fused, kernels that only move data let the power limit recover: a product feels it for
    as long as it runs itself.

    Parameters
    ----------
    machine : Machine
        Where they run: what of its time is left to kernels that only move data.
    copies : Real
        Copies of all weights that are taken in turn.
    """
    everything = copies * total(count * operator.byte_of(Residency.WEIGHT) for operator, count in calls)
    products = [(operator, count) for operator, count in calls if isinstance(operator, Contraction)]
    if not products or len(products) == len(calls):
        return Reuse(everything, everything, 0.0)
    moved_byte = total(count * operator.byte for operator, count in calls if not isinstance(operator, Contraction))
    product_s = total(count * operator.matrix_flop / machine.matrix_flop_per_s(operator.a) for operator, count in products)
    return Reuse(everything, everything, 0.0, spare=LEFT * moved_byte / machine.memory.bandwidth_byte_per_s / product_s)
