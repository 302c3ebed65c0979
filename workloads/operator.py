"""Operators: what one kernel computes, which bytes it touches and how its loops nest. Nothing here knows a machine.

Shapes are those of one chip, after sharding. Any size may be a float, a column or an interval. `flop` counts a
multiply-add as two; `byte` is the compulsory traffic: every input read once, every output written once.

One kind is one file of `workloads.operators`; all names are here.
"""

from __future__ import annotations

from workloads.operators.attention import Attention
from workloads.operators.base import BF16, Calls, LoopNest, Operand, Operator, Residency
from workloads.operators.contraction import Contraction
from workloads.operators.convolution import Convolution
from workloads.operators.elementwise import Elementwise, fused_operands
from workloads.operators.exchange import Collective, Transfer
from workloads.operators.fused import Fused, with_epilogue
from workloads.operators.gather import Gather
from workloads.operators.grouped import GroupedContraction, expected_active
from workloads.operators.normalization import Normalization, Softmax
from workloads.operators.routing import Routing
from workloads.operators.scan import Scan
from workloads.operators.tiling import Loop, Tiling

__all__ = [
    "BF16",
    "Attention",
    "Calls",
    "Collective",
    "Contraction",
    "Convolution",
    "Elementwise",
    "Fused",
    "Gather",
    "GroupedContraction",
    "Loop",
    "LoopNest",
    "Normalization",
    "Operand",
    "Operator",
    "Residency",
    "Routing",
    "Scan",
    "Softmax",
    "Tiling",
    "Transfer",
    "expected_active",
    "fused_operands",
    "with_epilogue",
]
