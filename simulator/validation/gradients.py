"""The gradients of a convolution as rows of a table."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from workloads.operator import Calls, Convolution

if TYPE_CHECKING:
    from simulator.validation.rows import Rows


def gradient_of(forward: Callable[[Rows], Calls], of: str) -> Callable[[Rows], Calls]:
    """A builder of one gradient, ``input`` or ``filter``, from that of a convolution: dimensions are those of the forward pass."""

    def build(rows: Rows) -> Calls:
        return tuple((replace(operator, gradient=of) if isinstance(operator, Convolution) else operator, count) for operator, count in forward(rows))

    return build
