"""What speeding up parts of a program does to the whole (Amdahl, AFIPS 1967)."""

from __future__ import annotations

from collections.abc import Sequence

from magnitudes.arrays import Real, total


def whole_gain(parts: Sequence[tuple[Real, Real]]) -> Real:
    """Speed-up of the whole.

    Parameters
    ----------
    parts : sequence of (share, gain)
        Share of the time before, and how much faster the part becomes; what is missing to one stays as it is. An infinite gain takes a part away.
    """
    rest = 1.0 - total(share for share, _ in parts)
    return 1.0 / (rest + total(share / gain for share, gain in parts))
