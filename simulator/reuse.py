"""How long ago data was last touched: the reuse distance decides what a cache still holds."""

from __future__ import annotations

from dataclasses import dataclass

from magnitudes.arrays import Real
from workloads.graph import Workload
from workloads.operator import Operand, Residency

SUSTAINED_S = 1.0  # inside a model the chip is busy before and after each kernel


@dataclass(frozen=True, slots=True)
class Reuse:
    """What surrounds a kernel: it decides what caches still hold and how warm the chip is.

    Parameters
    ----------
    weight_byte, state_byte, activation_byte : Real
        Bytes touched since an operand of each class was last touched (for activations: beside the operand itself).
    busy_s : Real
        How long the chip has been busy around the kernel: the power limit bites only after a while.
    spare : Real
        What kernels between leave of the power limit, as seconds at the limit for a second of this one.
    switching : float
        Share of the bits of data paths that switch, against random data: none where all operands are zero.
    """

    weight_byte: Real
    state_byte: Real
    activation_byte: Real
    busy_s: Real = 0.0
    spare: Real = 0.0
    switching: float = 1.0

    def distance_byte(self, operand: Operand) -> Real:
        """Reuse distance of one operand."""
        if operand.residency is Residency.WEIGHT:
            return self.weight_byte
        if operand.residency is Residency.STATE:
            return self.state_byte
        return self.activation_byte + operand.byte


def reuse_in_model(load: Workload) -> Reuse:
    """Inside a model a weight or cached key is touched again a whole pass later; an activation was just produced."""
    everything = load.weight_byte + load.state_byte
    return Reuse(weight_byte=everything, state_byte=everything, activation_byte=0.0, busy_s=SUSTAINED_S)
