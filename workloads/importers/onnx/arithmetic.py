"""Element by element, reductions, norms and softmax. An exponential counts as one, as in the built-in families."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from workloads.feature_maps import ACTIVATION_FLOP
from workloads.importers.onnx.site import Site
from workloads.importers.traced.trace import Step

Make = Callable[[Site], list[Step]]

# operator: (arithmetic an element, what it is called in traces)
POINTWISE: dict[str, tuple[float, str]] = {
    "Add": (1.0, "add"), "Sub": (1.0, "sub"), "Mul": (1.0, "mul"), "Div": (1.0, "div"), "Pow": (1.0, "pow"), "Sqrt": (1.0, "sqrt"),
    "Reciprocal": (1.0, "reciprocal"), "Neg": (1.0, "neg"), "Abs": (1.0, "abs"), "Exp": (1.0, "exp"), "Log": (1.0, "log"), "Erf": (6.0, "erf"),
    "Tanh": (4.0, "tanh"), "Sin": (1.0, "sin"), "Cos": (1.0, "cos"), "Tan": (1.0, "tan"), "Asin": (1.0, "asin"), "Acos": (1.0, "acos"),
    "Atan": (1.0, "atan"), "Sinh": (2.0, "sinh"), "Cosh": (2.0, "cosh"), "Asinh": (2.0, "asinh"), "Acosh": (2.0, "acosh"), "Atanh": (2.0, "atanh"),
    "Floor": (1.0, "floor"), "Ceil": (1.0, "ceil"), "Round": (1.0, "round"), "Sign": (1.0, "sign"), "Mod": (1.0, "mod"), "Where": (1.0, "where"),
    "Equal": (1.0, "equal"), "Greater": (1.0, "greater"), "GreaterOrEqual": (1.0, "greater"), "Less": (1.0, "less"), "LessOrEqual": (1.0, "less"),
    "And": (1.0, "and"), "Or": (1.0, "or"), "Xor": (1.0, "xor"), "Not": (1.0, "not"), "IsNaN": (1.0, "isnan"), "IsInf": (1.0, "isinf"),
    "BitwiseAnd": (1.0, "and"), "BitwiseOr": (1.0, "or"), "BitwiseXor": (1.0, "xor"), "BitwiseNot": (1.0, "not"), "BitShift": (1.0, "shift"),
    "Min": (1.0, "min"), "Max": (1.0, "max"), "Sum": (1.0, "add"), "Mean": (1.0, "mean of several"), "Cast": (0.0, "cast"), "CastLike": (0.0, "cast"),
    "Clip": (ACTIVATION_FLOP["relu6"], "clip"), "Relu": (ACTIVATION_FLOP["relu"], "relu"), "LeakyRelu": (ACTIVATION_FLOP["leaky"], "leaky"),
    "PRelu": (ACTIVATION_FLOP["leaky"], "leaky"), "ThresholdedRelu": (1.0, "relu"), "Elu": (3.0, "elu"), "Celu": (3.0, "elu"), "Selu": (4.0, "selu"),
    "Sigmoid": (ACTIVATION_FLOP["sigmoid"], "sigmoid"), "HardSigmoid": (3.0, "hard_sigmoid"), "HardSwish": (ACTIVATION_FLOP["hard_swish"], "hard_swish"),
    "Swish": (ACTIVATION_FLOP["silu"], "silu"), "Gelu": (ACTIVATION_FLOP["gelu"], "gelu"), "Mish": (7.0, "mish"), "Softplus": (3.0, "softplus"),
    "Softsign": (3.0, "softsign"), "Shrink": (2.0, "shrink"), "Hardmax": (2.0, "hardmax"), "Trilu": (1.0, "trilu"), "Dropout": (0.0, "dropout"),
}  # fmt: skip
REDUCTIONS = {
    "ReduceMean": "mean", "ReduceSum": "sum", "ReduceMax": "max", "ReduceMin": "min", "ReduceProd": "prod", "ReduceL1": "sum", "ReduceL2": "norm",
    "ReduceSumSquare": "sum of squares", "ReduceLogSum": "sum", "ReduceLogSumExp": "logsumexp", "ArgMax": "max", "ArgMin": "min",
}  # fmt: skip


def _pointwise(flop: float, label: str) -> Make:
    def make(site: Site) -> list[Step]:
        several = len([t for t in site.inputs if t is not None]) - 1 if site.node.op_type in ("Sum", "Min", "Max", "Mean") else 1
        inputs = (0,) if site.node.op_type in ("Cast", "CastLike", "Clip", "Dropout", "Trilu") else None
        step = site.step("pointwise", inputs, label, outputs=(0,), flop=flop * max(several, 1))
        return [step]

    return make


def reduction(label: str) -> Make:
    """So many elements into one each."""

    def make(site: Site) -> list[Step]:
        source, target = site.tensor(0), site.output
        each = source.elements / max(target.elements, 1.0)
        if each == 1.0:
            return [site.step("view", (0,))]
        return [site.step("reduce", (0,), label, flop=each, last=float(_over_last(site, each)))]

    return make


def _over_last(site: Site, each: float) -> bool:
    """Whether rows of the last axes are reduced."""
    shape = site.tensor(0).shape
    axes = site.given(None, "axes") or (site.value(1) if site.has(1) else None)
    if axes is None:
        return False
    places = sorted(int(a) % len(shape) for a in np.atleast_1d(axes))
    return bool(places) and places == list(range(len(shape) - len(places), len(shape)))


def _pool(site: Site) -> list[Step]:
    """Each window to one: as much arithmetic as the window has elements."""
    kernel = site.given([1], "kernel_shape")
    return [site.step("reduce", (0,), site.node.op_type, outputs=(0,), flop=float(np.prod(kernel)))]


def _global_pool(site: Site) -> list[Step]:
    return [site.step("reduce", (0,), "mean", flop=site.tensor(0).elements / site.output.elements)]


def _softmax(site: Site) -> list[Step]:
    shape = site.tensor(0).shape
    axis = int(site.given(-1 if site.opsets.get("", 13) >= 13 else 1, "axis")) % len(shape)
    cols = float(np.prod(shape[axis:])) if site.opsets.get("", 13) < 13 else float(shape[axis])
    return [site.step("softmax", (0,), site.node.op_type, rows=site.output.elements / cols, cols=cols)]


def layer_norm(site: Site) -> list[Step]:
    """Over the axes from `axis` on."""
    shape = site.tensor(0).shape
    axis = int(site.given(-1, "axis")) % len(shape)
    cols = float(np.prod(shape[axis:]))
    flavour = "rms" if site.node.op_type in ("RMSNormalization", "SimplifiedLayerNormalization") else "layer"
    return [site.step("norm", None, flavour, outputs=(0,), rows=site.output.elements / cols, cols=cols)]


def map_norm(site: Site) -> list[Step]:
    """Of feature maps, over groups of channels or over places: a row is a place, as the built-in families count."""
    shape = site.tensor(0).shape
    cols = float(shape[1]) if len(shape) > 1 else site.output.elements
    return [site.step("norm", None, "group", outputs=(0,), rows=site.output.elements / cols, cols=cols)]


def _lp_norm(site: Site) -> list[Step]:
    cols = float(site.tensor(0).shape[int(site.given(-1, "axis"))])
    return [site.step("norm", (0,), "rms", rows=site.output.elements / cols, cols=cols)]


def _batch_norm(site: Site) -> list[Step]:
    site.statistics |= {site.tensor(place).name for place in (3, 4) if site.has(place)}
    return [site.step("batch_norm", (0, 1, 2), outputs=(0,))]


def _local_response(site: Site) -> list[Step]:
    return [site.pointwise(2.0 * float(site.given(5, "size")) + 3.0, "local_response")]


def _cumulated(site: Site) -> list[Step]:
    return [site.step("reduce", (0,), "cumsum", flop=1.0)]


def _top(site: Site) -> list[Step]:
    """The largest of each row: every element is compared once or more."""
    return [site.step("reduce", (0,), "topk", flop=site.tensor(0).elements / max(site.output.elements, 1.0))]


RULES: Mapping[str, Make] = {
    **{name: _pointwise(*what) for name, what in POINTWISE.items()},
    **{name: reduction(label) for name, label in REDUCTIONS.items()},
    "MaxPool": _pool, "AveragePool": _pool, "LpPool": _pool, "GlobalAveragePool": _global_pool, "GlobalMaxPool": _global_pool, "GlobalLpPool": _global_pool,
    "Softmax": _softmax, "LogSoftmax": _softmax, "LayerNormalization": layer_norm, "RMSNormalization": layer_norm,
    "SimplifiedLayerNormalization": layer_norm, "InstanceNormalization": map_norm, "GroupNormalization": map_norm, "LpNormalization": _lp_norm,
    "MeanVarianceNormalization": map_norm, "BatchNormalization": _batch_norm, "LRN": _local_response, "CumSum": _cumulated, "CumProd": _cumulated,
    "TopK": _top,
}  # fmt: skip
