"""Which rule turns which operator into steps: one table of ONNX's own operators, with those of other domains beside it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from workloads.importers.onnx import arithmetic, microsoft, moving, products, quantized, recurrent
from workloads.importers.onnx.site import Site
from workloads.importers.traced.trace import Step

Make = Callable[[Site], list[Step]]


@dataclass(frozen=True, slots=True)
class Rule:
    """How a node becomes steps.

    Parameters
    ----------
    make : callable
        ``Site -> list of Step``.
    even_folded : bool
        Whether it has something to say of constants, too: the format that a weight is stored in.
    """

    make: Make
    even_folded: bool = False


def _table() -> dict[tuple[str, str], Rule]:
    own = {**arithmetic.RULES, **moving.RULES, **products.RULES, **recurrent.RULES, **quantized.RULES}
    rules = {("", name): Rule(make) for name, make in own.items()}
    rules[("", "DequantizeLinear")] = Rule(quantized.dequantize, even_folded=True)
    rules |= {("com.microsoft", name): Rule(make) for name, make in microsoft.RULES.items()}
    rules |= {("com.microsoft", name): Rule(make) for name, make in quantized.MICROSOFT.items()}
    rules[("com.microsoft", "DequantizeLinear")] = Rule(quantized.dequantize, even_folded=True)
    return rules


RULES: Mapping[tuple[str, str], Rule] = _table()
