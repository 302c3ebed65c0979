"""Co-processing: the experts or the heads of one operator, shared by two engines that work at the same time.

Whole experts and whole heads are dealt so that both engines finish as nearly together as they can (Yun et al., Duplex, MICRO 2024, section 5:
expert and attention co-processing). If times are proportional to pieces, the second engine should take ``t1 / (t1 + t2)`` of them; the whole
numbers below and above that are tried.
"""

from __future__ import annotations

from dataclasses import replace

from magnitudes.arrays import Real, ceil, clip, floor, maximum
from workloads.operator import Attention, GroupedContraction, Operator


def pieces(operator: Operator) -> Real | None:
    """Experts that have work, or heads of all sequences; None where an operator is not dealt out."""
    if isinstance(operator, GroupedContraction):
        return operator.active
    if isinstance(operator, Attention):
        return operator.batch * operator.kv_heads
    return None


def part(operator: Operator, own: Real, whole: Real) -> Operator:
    """The operator with `own` of its `whole` pieces."""
    share = own / whole
    if isinstance(operator, GroupedContraction):
        return replace(operator, rows=operator.rows * share, groups=operator.groups * share, active=operator.active * share)
    assert isinstance(operator, Attention)
    return replace(operator, batch=operator.batch * share)


def deals(first_s: Real, second_s: Real, whole: Real) -> tuple[tuple[Real, Real], ...]:
    """Pieces of the first and of the second of two engines, as they may be dealt.

    Parameters
    ----------
    first_s, second_s : Real
        Time of each for all pieces.
    whole : Real
        Pieces. Where there are less than two, each gets one: that is more than there is, and never faster than one engine alone.
    """
    ideal = whole * first_s / (first_s + second_s)
    return tuple(_dealt(second, whole) for second in (floor(ideal), ceil(ideal)))


def _dealt(second: Real, whole: Real) -> tuple[Real, Real]:
    second = clip(second, 1.0, maximum(whole - 1.0, 1.0))
    return maximum(whole - second, 1.0), second
