"""What surrounds a kernel that a benchmark calls over and over: everything it touches comes round again, a call later."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from magnitudes.arrays import Real, total
from simulator.reuse import Reuse
from workloads.operator import Operand, Operator, Residency


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
        return self.weight_byte if operand.residency is Residency.WEIGHT else self.call_byte


def replay(operator: Operator, copies: Real = 1.0, *, whole: bool = False) -> Replay:
    """The surroundings of an operator that is called over and over, alone on the chip.

    Parameters
    ----------
    copies : Real
        Copies of the weights, or of all buffers (`whole`), that are taken in turn.
    """
    if whole:
        round_byte = copies * operator.byte
        return Replay(weight_byte=round_byte, state_byte=round_byte, activation_byte=round_byte, busy_s=0.0, call_byte=round_byte)
    call_byte, weight_byte = operator.byte, operator.byte_of(Residency.WEIGHT)
    return Replay(weight_byte=call_byte + (copies - 1.0) * weight_byte, state_byte=call_byte, activation_byte=call_byte, busy_s=0.0, call_byte=call_byte)


def replay_of(calls: Sequence[tuple[Operator, Real]], copies: Real = 1.0) -> Replay:
    """The surroundings of operators without weights that are called over and over together: all that they touch comes round again.

    What the later ones write is what the first reads, and counts once.
    """
    (first, _), *rest = calls
    round_byte = copies * (first.byte + total(o.byte_of(Residency.ACTIVATION) for o, _ in rest))
    return Replay(weight_byte=round_byte, state_byte=round_byte, activation_byte=round_byte, busy_s=0.0, call_byte=round_byte)


def inside(calls: Iterable[tuple[Operator, Real]], copies: Real = 1.0) -> Reuse:
    """The surroundings of operators that run one after another, over and over: a weight comes round after all of them, an activation was just made.

    Between the products of a model that nobody fused, kernels that only move data let the power limit recover: a product feels it for
    as long as it runs itself.

    Parameters
    ----------
    copies : Real
        Copies of all weights that are taken in turn.
    """
    everything = copies * total(count * operator.byte_of(Residency.WEIGHT) for operator, count in calls)
    return Reuse(everything, everything, 0.0)
