"""Element by element, reductions, pools, norms and softmax."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from workloads.feature_maps import ACTIVATION_FLOP
from workloads.importers.torch_export.site import Site
from workloads.importers.traced.trace import Step, Tensor

Make = Callable[[Site], list[Step]]
SIGMOID, TANH = ACTIVATION_FLOP["sigmoid"], 4.0

# operator: (arithmetic an element, what it is called in traces)
POINTWISE: dict[str, tuple[float, str]] = {
    **{name: (1.0, name) for name in (
        "add", "sub", "mul", "div", "pow", "sqrt", "rsqrt", "reciprocal", "neg", "abs", "exp", "exp2", "log", "log2", "log10", "sin", "cos", "tan",
        "floor", "ceil", "round", "trunc", "frac", "sign", "where", "maximum", "minimum", "square", "fmod", "remainder", "relu", "isnan", "isinf", "ne",
        "eq", "ge", "gt", "le", "lt", "atan2", "logit", "positive", "tril", "triu", "asin", "acos", "atan", "isfinite", "floor_divide",
    )},
    "rsub": (1.0, "sub"), "subtract": (1.0, "sub"), "multiply": (1.0, "mul"), "divide": (1.0, "div"), "true_divide": (1.0, "div"),
    "masked_fill": (1.0, "where"), "logical_and": (1.0, "and"), "logical_or": (1.0, "or"), "logical_not": (1.0, "not"), "logical_xor": (1.0, "xor"),
    "bitwise_and": (1.0, "and"), "bitwise_or": (1.0, "or"), "bitwise_not": (1.0, "not"), "bitwise_xor": (1.0, "xor"), "__and__": (1.0, "and"),
    "__or__": (1.0, "or"), "__xor__": (1.0, "xor"), "erf": (6.0, "erf"), "tanh": (TANH, "tanh"), "sigmoid": (SIGMOID, "sigmoid"),
    "silu": (ACTIVATION_FLOP["silu"], "silu"), "gelu": (ACTIVATION_FLOP["gelu"], "gelu"), "mish": (7.0, "mish"), "softplus": (3.0, "softplus"),
    "elu": (3.0, "elu"), "selu": (4.0, "selu"), "celu": (3.0, "elu"), "leaky_relu": (ACTIVATION_FLOP["leaky"], "leaky"),
    "prelu": (ACTIVATION_FLOP["leaky"], "leaky"), "_prelu_kernel": (ACTIVATION_FLOP["leaky"], "leaky"), "relu6": (ACTIVATION_FLOP["relu6"], "clip"),
    "hardtanh": (ACTIVATION_FLOP["relu6"], "clip"), "clamp": (2.0, "clip"), "clamp_min": (1.0, "clip"), "clamp_max": (1.0, "clip"), "clip": (2.0, "clip"),
    "hardswish": (ACTIVATION_FLOP["hard_swish"], "hard_swish"), "hardsigmoid": (3.0, "hard_sigmoid"), "log_sigmoid": (5.0, "log_sigmoid"),
    "addcmul": (3.0, "addcmul"), "addcdiv": (3.0, "addcdiv"), "lerp": (3.0, "lerp"), "log1p": (1.0, "log"), "expm1": (1.0, "exp"), "glu": (5.0, "glu"),
    "softsign": (3.0, "softsign"), "threshold": (1.0, "relu"), "copy": (0.0, "cast"), "nan_to_num": (3.0, "where"), "sinh": (2.0, "sinh"),
    "cosh": (2.0, "cosh"), "complex": (0.0, "complex"), "polar": (4.0, "polar"), "real": (0.0, "cast"), "imag": (0.0, "cast"),
}  # fmt: skip
BINARY = ("add", "sub", "rsub", "subtract", "mul", "multiply", "div", "divide", "true_divide", "pow", "where", "masked_fill", "maximum", "minimum")
REDUCTIONS = {
    "mean": "mean", "sum": "sum", "amax": "max", "amin": "min", "max": "max", "min": "min", "prod": "prod", "argmax": "max", "argmin": "min",
    "any": "any", "all": "all", "logsumexp": "logsumexp", "linalg_vector_norm": "norm", "norm": "norm", "nansum": "sum", "count_nonzero": "sum",
    "cumsum": "cumsum", "cumprod": "cumsum", "topk": "topk", "sort": "topk", "argsort": "topk", "kthvalue": "topk", "median": "topk",
}  # fmt: skip
SPREADS = {"var": 3.0, "var_mean": 3.0, "std": 3.0, "std_mean": 3.0}


def _pointwise(flop: float, label: str) -> Make:
    def make(site: Site) -> list[Step]:
        read = [a if isinstance(a, Tensor) else site.scalar(float(a)) for a in site.args[:3] if isinstance(a, Tensor | int | float)]
        if site.operator == "masked_fill":  # where(mask, value, tensor)
            read = [read[1], *read[2:], read[0]]
        return [site.step("pointwise", read if site.operator in BINARY else None, label, flop=flop)]

    return make


def _reduction(label: str, an_element: float = 1.0) -> Make:
    def make(site: Site) -> list[Step]:
        source = site.tensor(0)
        each = source.elements / max(site.output.elements, 1.0)
        if each == 1.0 and label != "cumsum":
            return [site.step("view", [source])]
        return [site.step("reduce", [source], label, flop=each * an_element, last=float(_over_last(site, source)))]

    return make


def _over_last(site: Site, source: Tensor) -> bool:
    """Whether rows of the last axes are reduced."""
    axes: Any = site.arg(1, "dim")
    if axes is None:
        return False
    rank = len(source.shape)
    places = sorted(int(a) % rank for a in (axes if isinstance(axes, list | tuple) else [axes]))
    return bool(places) and places == list(range(rank - len(places), rank))


def _window(site: Site) -> list[Step]:
    """Each window to one: as much arithmetic as it has elements."""
    kernel = site.arg(1, "kernel_size", [1])
    sides = list(kernel) if isinstance(kernel, list | tuple) else [kernel]
    area = float(sides[0]) ** int(next(c for c in site.operator if c.isdigit())) if len(sides) == 1 else 1.0
    for side in sides if len(sides) > 1 else []:
        area *= float(side)
    return [site.step("reduce", [site.tensor(0)], "pool", flop=area)]


def _adaptive(site: Site) -> list[Step]:
    each = site.tensor(0).elements / site.output.elements
    return [site.step("view" if each == 1.0 else "reduce", [site.tensor(0)], "mean", flop=each)]


def _softmax(site: Site) -> list[Step]:
    shape = site.tensor(0).shape
    cols = float(shape[int(site.arg(1, "dim", -1))]) if shape else 1.0
    return [site.step("softmax", [site.tensor(0)], rows=site.output.elements / cols, cols=cols)]


def _layer_norm(site: Site) -> list[Step]:
    cols = 1.0
    for side in site.arg(1, "normalized_shape"):
        cols *= float(side)
    flavour = "rms" if "rms" in site.operator else "layer"
    return [site.step("norm", None, flavour, rows=site.output.elements / cols, cols=cols)]


def _map_norm(site: Site) -> list[Step]:
    """Over groups of channels or over places: a row is a place, as the built-in families count."""
    shape = site.tensor(0).shape
    cols = float(shape[1])
    return [site.step("norm", None, "group", rows=site.output.elements / cols, cols=cols)]


def _batch_norm(site: Site) -> list[Step]:
    """Input, scale, shift; the statistics are no weights."""
    site.statistics |= {a.name for a in site.args[3:5] if isinstance(a, Tensor)}
    read = [a for a in site.args[:3] if isinstance(a, Tensor)]
    step = site.step("batch_norm" if len(read) == 3 else "pointwise", read, "batch_norm", flop=2.0)
    return [Step(step.name, step.kind, step.inputs, step.outputs[:1], step.sizes, step.label, step.count)]


_WINDOWS = ("max_pool1d", "max_pool2d", "max_pool3d", "avg_pool1d", "avg_pool2d", "avg_pool3d", "max_pool2d_with_indices", "max_pool3d_with_indices")
_ADAPTIVE = (
    "adaptive_avg_pool1d", "adaptive_avg_pool2d", "adaptive_avg_pool3d", "_adaptive_avg_pool2d", "_adaptive_avg_pool3d", "adaptive_max_pool1d",
    "adaptive_max_pool2d",
)  # fmt: skip
_BATCH_NORMS = ("batch_norm", "_native_batch_norm_legit_no_training", "native_batch_norm", "_native_batch_norm_legit", "cudnn_batch_norm")
RULES: Mapping[str, Make] = {
    **{name: _pointwise(*what) for name, what in POINTWISE.items()},
    **{name: _reduction(label) for name, label in REDUCTIONS.items()},
    **{name: _reduction("variance", flop) for name, flop in SPREADS.items()},
    **dict.fromkeys(_WINDOWS, _window),
    **dict.fromkeys(_ADAPTIVE, _adaptive),
    **dict.fromkeys(("softmax", "_softmax", "log_softmax", "_log_softmax", "_safe_softmax"), _softmax),
    **dict.fromkeys(("layer_norm", "native_layer_norm", "rms_norm", "_fused_rms_norm"), _layer_norm),
    **dict.fromkeys(("group_norm", "native_group_norm", "instance_norm"), _map_norm),
    **dict.fromkeys(_BATCH_NORMS, _batch_norm),
}  # fmt: skip
