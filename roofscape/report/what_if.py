"""What-if: a grid of designs around one, evaluated beforehand, so that a page's sliders only look up what the estimator returned."""

from __future__ import annotations

import math
from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from explorers.question import FACTOR, Question
from hardware_specs.fields import field_values, unit_names
from magnitudes.arrays import as_float
from magnitudes.datatypes import data_type
from magnitudes.units import show
from simulator.result import Estimate

FORMAT = "format"  # the axis that changes the question itself: one call of the estimator a value
SIZES = {
    "batch": (1, 2, 4, 8, 16, 32, 64, 128, 256), "prompt": (128, 512, 1024, 2048, 4096, 8192, 32768), "context": (128, 512, 1024, 2048, 4096, 8192, 32768),
    "output": (32, 128, 256, 512, 1024, 2048), "chunk": (128, 256, 512, 1024, 2048), "steps": (1, 4, 10, 20, 50, 100),
}  # fmt: skip
FACTORS = (0.5, 0.75, 1.0, 1.25, 1.5, 2.0, 3.0)
FORMATS = ("bf16", "fp8", "int4")
LEAST = 3  # values that an axis keeps, however many axes there are
TURNED = ("batch", "prompt", "context")  # axes that people turn most: thinned last
OUTPUTS = {"ttft_s": "TTFT", "tpot_s": "TPOT", "time_s": "time", "throughput_token_per_s": "throughput", "memory_byte": "memory"}


@dataclass(frozen=True, slots=True)
class Axis:
    """One slider.

    Parameters
    ----------
    path : str
        What varies, as a `Question` names it; `FORMAT` for the weights' format.
    label : str
    values : tuple
        Numbers, or names of formats.
    texts : tuple of str
        The values as people read them.
    at : int
        Place of the value that the design has.
    """

    path: str
    label: str
    values: tuple[Any, ...]
    texts: tuple[str, ...]
    at: int


@dataclass(frozen=True, slots=True)
class Grid:
    """All combinations of some axes' values, evaluated: the last axis runs fastest.

    Parameters
    ----------
    axes : tuple of Axis
    outputs : mapping of str to array, shape (designs,)
    feasible : array of bool, shape (designs,)
    bound : list of str
    shares : mapping of str to array, shape (designs,)
        Share of the time that each resource bounds.
    ends : mapping of str to (array, array), each of shape (designs,)
        Low and high end of the 90 % interval of an output, where one is known.
    extrapolated : array of bool, shape (designs,)
        Whether a part that matters is like nothing measured.
    """

    axes: tuple[Axis, ...]
    outputs: Mapping[str, NDArray[np.float64]]
    feasible: NDArray[np.bool_]
    bound: list[str]
    shares: Mapping[str, NDArray[np.float64]]
    ends: Mapping[str, tuple[NDArray[np.float64], NDArray[np.float64]]]
    extrapolated: NDArray[np.bool_]


def axes_of(question: Question, points: int) -> tuple[Axis, ...]:
    """The sliders of a question whose numbers are plain: format, sizes, and the rates of memory, matrix units and links.

    Parameters
    ----------
    question : Question
    points : int
        Designs that the grid may have; axes are thinned until it fits.
    """
    made = [_format_axis(question), *(_size_axis(question, name) for name in SIZES if hasattr(question.scenario, name)), *_rate_axes(question)]
    axes = [a for a in made if a is not None]
    while math.prod(len(a.values) for a in axes) > points:
        longer = [a for a in axes if len(a.values) > LEAST]
        if not longer:
            break
        longest = max(longer, key=lambda a: len(a.values) * (0.5 if a.path in TURNED else 1.0))
        axes[axes.index(longest)] = _thinned(longest)
    return tuple(axes)


def grid(question: Question, axes: Sequence[Axis]) -> Grid:
    """The estimator's answers at all combinations of the axes' values."""
    formats = [a for a in axes if a.path == FORMAT]
    numeric = [a for a in axes if a.path != FORMAT]
    meshed = np.meshgrid(*(np.array(a.values, dtype=np.float64) for a in numeric), indexing="ij")
    columns = {a.path: m.ravel() for a, m in zip(numeric, meshed, strict=True)}
    questions = [replace(question, data_types=(name,)) for a in formats for name in a.values] or [question]
    parts = [_evaluated(q.estimate(columns), len(meshed[0].ravel())) for q in questions]
    resources = dict.fromkeys(name for p in parts for name in p.shares)
    joined = np.concatenate
    shares = {name: joined([p.shares.get(name, np.zeros(len(p.feasible))) for p in parts]) for name in resources}
    outputs = {name: joined([p.outputs[name] for p in parts]) for name in parts[0].outputs}
    ends = {name: (joined([p.ends[name][0] for p in parts]), joined([p.ends[name][1] for p in parts])) for name in parts[0].ends}
    bound = [b for p in parts for b in p.bound]
    return Grid(tuple(axes), outputs, joined([p.feasible for p in parts]), bound, shares, ends, joined([p.extrapolated for p in parts]))


def payload(of: Grid) -> dict[str, Any]:
    """A grid as what a page embeds: doubles are kept bit by bit; intervals and shares, which nobody reads to more than three digits, as ratios.

    Of an interval that is ``low / value`` and ``value / high``, in 65,535ths; of a share 255ths.
    """
    names = list(of.shares)
    places = np.array([names.index(b) for b in of.bound], dtype=np.uint8)
    return {
        "axes": [{"path": a.path, "label": a.label, "texts": a.texts, "at": a.at} for a in of.axes],
        "outputs": {name: _packed(values.astype("<f8")) for name, values in of.outputs.items()},
        "ends": {name: [_ratio(low / of.outputs[name], "<u2"), _ratio(of.outputs[name] / high, "<u2")] for name, (low, high) in of.ends.items()},
        "feasible": _packed(of.feasible.astype(np.uint8)),
        "extrapolated": _packed(of.extrapolated.astype(np.uint8)),
        "resources": names,
        "bound": _packed(places),
        "shares": {name: _ratio(share, "u1") for name, share in of.shares.items()},
    }  # fmt: skip


def _packed(values: NDArray[Any]) -> str:
    return b64encode(values.tobytes()).decode("ascii")


def _ratio(values: NDArray[np.float64], kind: str) -> str:
    """Numbers from zero to one as parts of the largest whole number of a kind."""
    return _packed(np.round(np.nan_to_num(values) * np.iinfo(kind).max).astype(kind))


def _evaluated(result: Estimate, rows: int) -> Grid:
    """One call's answers as columns of full length."""

    def column(value: Any) -> NDArray[np.float64]:
        return np.broadcast_to(np.asarray(value, dtype=np.float64), rows)

    def truth(value: Any) -> NDArray[np.bool_]:
        return np.broadcast_to(np.asarray(value, dtype=np.bool_), rows)

    time_s = column(result.time_s)
    named = {"ttft_s": result.ttft_s, "tpot_s": result.tpot_s, "time_s": result.time_s}
    if len(result.passes) == 1 and (result.ttft_s is not None or result.tpot_s is not None):
        del named["time_s"]  # the same figure twice
    outputs = {name: column(value) for name, value in named.items() if value is not None}
    outputs |= {"throughput_token_per_s": column(result.throughput_token_per_s), "memory_byte": column(result.memory.total_byte)}
    bound = [result.bound] * rows if isinstance(result.bound, str) else result.bound
    shares = {n: column(share) / time_s for n, share in result.shares.items()}
    spans = {name: result.interval90(name) for name in outputs if name in named}
    ends = {name: (column(s.low_s), column(s.high_s)) for name, s in spans.items() if s is not None}
    if result.rate90 is not None:
        ends["throughput_token_per_s"] = column(result.rate90[0]), column(result.rate90[1])
    whole = result.interval90()
    return Grid((), outputs, truth(result.feasible), bound, shares, ends, truth(whole is not None and whole.extrapolated))


def _format_axis(question: Question) -> Axis | None:
    """The weights' format, with those of `FORMATS` beside the design's own."""
    own = question.data_types[0]
    names = tuple(dict.fromkeys((own, *FORMATS)))
    return Axis(FORMAT, "weights", names, names, 0)


def _size_axis(question: Question, name: str) -> Axis | None:
    """One size of the scenario; None where it is a column."""
    own = getattr(question.scenario, name)
    if not isinstance(own, float):
        return None
    values = tuple(sorted({*map(float, SIZES[name]), own}))
    return Axis(name, name, values, tuple(f"{v:,g}" for v in values), values.index(own))


def _rate_axes(question: Question) -> list[Axis]:
    """Rates of the hardware that are worth a slider, as factors on what the spec says."""
    chip = question.system.chip
    engine = chip.engine
    memory = chip.main_memory(engine)
    unit = "matrix" if engine.matrix_flop_per_s else "vector"
    rates = getattr(engine, f"{unit}_flop_per_s")
    served = data_type(question.data_types[0]).computes_as  # the slider names the rate that the weights' format uses
    best = next((f for f in served if f in rates), next(iter(rates)))
    wanted = [(f"{memory.name}.bandwidth", f"{memory.name} bandwidth", ""), (f"{engine.name}.{unit}", f"{unit} rate", f".{best}")]
    if isinstance(question.cut.chips, float) and question.cut.chips > 1:
        wanted += [(f"{level.link.name}.bandwidth", f"{level.link.name} bandwidth", "") for level in question.system.fabric[:1]]
    values, units = field_values(question.system), unit_names(question.system)
    made = []
    for path, label, shown_as in wanted:
        if not isinstance(values[path + shown_as], float):
            continue
        own = as_float(values[path + shown_as])
        texts = tuple(f"{show(own * f, units[path + shown_as])} (×{f:g})" for f in FACTORS)
        made.append(Axis(path + FACTOR, label, FACTORS, texts, FACTORS.index(1.0)))
    return made


def _thinned(axis: Axis) -> Axis:
    """The axis without the value that matters least: the one next to its closest neighbour, never the design's own."""
    last = len(axis.values) - 1
    candidates = [i for i in range(1, last) if i != axis.at]
    if not candidates:
        candidates = [i for i in (last, 0) if i != axis.at]
    numbers = axis.values
    drop = min(candidates, key=lambda i: numbers[i + 1] / numbers[i - 1] if 0 < i < last and isinstance(numbers[i], float) else math.inf)
    kept = [i for i in range(len(axis.values)) if i != drop]
    return replace(axis, values=tuple(axis.values[i] for i in kept), texts=tuple(axis.texts[i] for i in kept), at=kept.index(axis.at))
