"""Integers in place of floats: what is quantised once (weights), and on the way (activations)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from magnitudes.datatypes import DATA_TYPES
from workloads.importers.onnx.microsoft import stored_format
from workloads.importers.onnx.products import conv
from workloads.importers.onnx.site import Site
from workloads.importers.traced.products import matmul_sizes
from workloads.importers.traced.trace import Step

Make = Callable[[Site], list[Step]]
BITS = {"int8": 8, "int4": 4, "int2": 2}


def dequantize(site: Site) -> list[Step]:
    """Weights stay as they are stored; activations are widened by whoever reads them."""
    source = site.tensor(0)
    stored = None
    if source.constant:
        block = float(site.given(0, "block_size")) or float(source.shape[-1] if source.shape else 1)
        narrow = source.element in BITS
        stored = stored_format(BITS[source.element], block, site.has(2)) if narrow else DATA_TYPES.get(source.element)
        stored = None if source.element == "int32" else stored
    kept = source.element if source.element in (*BITS, "fp8", "fp4") else ""
    site.retype(kept=kept, stored=stored, origins=source.origins)
    site.statistics |= {t.name for t in site.inputs[1:] if t is not None}
    return [site.step("view", (0,))]


def quantize(site: Site) -> list[Step]:
    """A product and a rounding an element."""
    site.statistics |= {t.name for t in site.inputs[1:] if t is not None}
    return [site.pointwise(2.0, "quantize", (0,))]


def _scales(site: Site, weights: Sequence[int]) -> None:
    """What is neither data nor weights: scales and zero points; the weights are counted here."""
    for place in weights:
        if site.has(place):
            tensor = site.tensor(place)
            site.parameters |= dict.fromkeys(tensor.origins, tensor.elements)
    site.statistics |= {t.name for place, t in enumerate(site.inputs) if t is not None and t.constant and place not in weights}


def _conv(site: Site) -> list[Step]:
    _scales(site, (3, 8))
    return conv(site, 0, 3, 8)


def _conv_integer(site: Site) -> list[Step]:
    _scales(site, (1,))
    return conv(site, 0, 1, None)


def _matmul(weight: int, bias: int = 99) -> Make:
    def make(site: Site) -> list[Step]:
        if site.tensor(weight).constant:
            _scales(site, (weight, bias))
        sizes = matmul_sizes(site.tensor(0).shape, site.tensor(weight).shape, site.output.shape)
        return [site.step("contraction", (0, weight, bias), outputs=(0,), known=sizes)]

    return make


def _dynamic(site: Site) -> list[Step]:
    """The range of a tensor, then its quantised form."""
    return [site.pointwise(4.0, "quantize", (0,))]


def _sum(site: Site) -> list[Step]:
    site.statistics |= {t.name for place, t in enumerate(site.inputs) if t is not None and place not in (0, 3)}
    return [site.pointwise(4.0, "add", (0, 3))]


def _single(flop: float, label: str) -> Make:
    def make(site: Site) -> list[Step]:
        site.statistics |= {t.name for t in site.inputs[1:] if t is not None}
        return [site.pointwise(flop, label, (0,))]

    return make


RULES: Mapping[str, Make] = {
    "QuantizeLinear": quantize, "DynamicQuantizeLinear": _dynamic, "QLinearConv": _conv, "ConvInteger": _conv_integer, "QLinearMatMul": _matmul(3),
    "MatMulInteger": _matmul(1),
}  # fmt: skip
MICROSOFT: Mapping[str, Make] = {
    "QuantizeLinear": quantize, "QLinearAdd": _sum, "QLinearMul": _sum, "QLinearSigmoid": _single(6.0, "sigmoid"),
    "QLinearLeakyRelu": _single(4.0, "leaky"), "DynamicQuantizeMatMul": _matmul(1, 4), "MatMulIntegerToFloat": _matmul(1, 6),
}  # fmt: skip
