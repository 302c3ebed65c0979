"""Which operator of a model each kernel of a trace ran: by shapes, by the order in which a layer repeats, or kind by kind.

For each kind of work the model says which operators a pass runs, in order. A trace of `n` kernels of that kind holds
``n / (operators in a pass)`` passes, if that is a whole number: then the kernels are dealt to the operators in turn. Where the
launching operator's shapes were recorded, a product is found by its shape, and several products that share an input (queries, keys and
values apart) are one operator of the model. Where neither fits, the kind is compared as a whole, pass by pass.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from math import prod

from magnitudes.arrays import as_float
from simulator.cost import Cost
from simulator.validation.traces.launch import Launch
from workloads.operator import (
    Attention,
    Collective,
    Contraction,
    Convolution,
    Elementwise,
    Gather,
    GroupedContraction,
    Normalization,
    Operator,
    Routing,
    Softmax,
)

KIND_OF = {
    Contraction: "gemm", Attention: "attention", Normalization: "norm", Gather: "embedding", Collective: "collective", Convolution: "convolution",
    GroupedContraction: "experts", Routing: "routing", Softmax: "softmax",
}  # fmt: skip
STRUCTURE = ("attention", "gemm", "norm", "convolution", "experts")  # kinds by which passes are counted, the surest first


@dataclass(frozen=True, slots=True)
class Matched:
    """Kernels that ran one operator (or all operators of a kind).

    Attributes
    ----------
    costs : tuple of Cost
        The operators.
    times_us : tuple of float
        Measured time of each call; of each pass, where a kind is compared as a whole.
    predicted_us : float
        Predicted time of one such call or pass.
    how : str
        ``shape``, ``order`` or ``sum``.
    """

    costs: tuple[Cost, ...]
    times_us: tuple[float, ...]
    predicted_us: float
    how: str

    @property
    def name(self) -> str:
        """The operator's name, or those of all."""
        return "+".join(dict.fromkeys(c.operator.name for c in self.costs))


@dataclass(frozen=True, slots=True)
class Unmatched:
    """Calls of a kernel that no operator explains, and their time."""

    reason: str
    calls: int
    time_us: float
    kernel: str


@dataclass(frozen=True, slots=True)
class Matching:
    """All kernels of a trace, matched or not."""

    matched: tuple[Matched, ...]
    unmatched: tuple[Unmatched, ...]
    passes: float


def operator_kind(operator: Operator) -> str:
    """The kind of kernels that run an operator."""
    if isinstance(operator, Elementwise):
        return "rotary" if any(w in operator.name for w in ("rotary", "cache")) else "activation" if "activation" in operator.name else "elementwise"
    return KIND_OF.get(type(operator), "other")


def match(launches: Sequence[Launch], costs: Sequence[Cost]) -> Matching:
    """Find the operator of each kernel.

    Parameters
    ----------
    launches : sequence of Launch
    costs : sequence of Cost
        Of one pass, in order, each with its number of calls.
    """
    by_kind: dict[str, list[Launch]] = {}
    for launch in with_helpers(launches):
        by_kind.setdefault(launch.kind, []).append(launch)
    own = {kind: [c for c in costs if operator_kind(c.operator) == kind and as_float(c.time_s) > 0.0] for kind in {operator_kind(c.operator) for c in costs}}
    passes = _passes(by_kind, own)
    matched: list[Matched] = []
    unmatched: list[Unmatched] = []
    for kind, kernels in by_kind.items():
        if not own.get(kind):
            unmatched += _lost(kernels, f"{kind} kernels: the model's estimate has no such operator of its own")
            continue
        found, lost = _match_kind(kind, kernels, own[kind], passes)
        matched += found
        unmatched += lost
    return Matching(tuple(matched), tuple(unmatched), passes)


def with_helpers(launches: Iterable[Launch]) -> Iterator[Launch]:
    """The kernels, with the time of those that finish another's work added to it (in a summary, where no order is known, they stay apart)."""
    waiting: Launch | None = None
    for launch in launches:
        if waiting and launch.start_us is not None and launch.is_helper and launch.kind == waiting.kind:
            waiting = Launch(waiting.name, waiting.time_us + launch.time_us, waiting.calls, waiting.start_us, waiting.operator, waiting.dims)
            continue
        if waiting:
            yield waiting
        waiting = launch
    if waiting:
        yield waiting


def _passes(by_kind: dict[str, list[Launch]], own: dict[str, list[Cost]]) -> float:
    """Passes in the trace: the whole number that most kinds agree on; 0 where none fits."""
    votes: Counter[int] = Counter()
    for weight, kind in enumerate(reversed(STRUCTURE), start=1):
        calls, expected = sum(k.calls for k in by_kind.get(kind, ()) if not k.is_helper), sum(as_float(c.count) for c in own.get(kind, ()))
        if calls and expected and calls % expected == 0:
            votes[int(calls // expected)] += weight
    return float(votes.most_common(1)[0][0]) if votes else 0.0


def _match_kind(kind: str, kernels: Sequence[Launch], costs: Sequence[Cost], passes: float) -> tuple[list[Matched], list[Unmatched]]:
    """The kernels of one kind."""
    if kind == "gemm" and any(_product(k) for k in kernels):
        return _by_shape(kernels, costs)
    ordered = all(k.start_us is not None for k in kernels)
    sequence = expected_order(costs)
    if ordered and passes and len(kernels) == passes * len(sequence):
        return _in_turn(kernels, sequence, costs), []
    if len(costs) == 1 and passes and sum(k.calls for k in kernels) == passes * as_float(costs[0].count):
        times = tuple(k.time_us / k.calls for k in kernels for _ in range(k.calls))
        return [Matched(tuple(costs), times, as_float(costs[0].time_s) * 1e6, "order")], []
    if not passes:
        return [], _lost(kernels, f"{kind} kernels: no whole number of the model's passes fits the counts; is it the trace of another model?")
    predicted_us = sum(as_float(c.total_s) for c in costs) * 1e6
    measured_us = sum(k.time_us for k in kernels) / passes
    return [Matched(tuple(costs), (measured_us,) * int(passes), predicted_us, "sum")], []


def expected_order(costs: Sequence[Cost]) -> list[int]:
    """The order in which a pass runs some operators, by their place: neighbours with the same count repeat together, as a layer does."""
    order: list[int] = []
    place = 0
    while place < len(costs):
        count = as_float(costs[place].count)
        end = place
        while end < len(costs) and as_float(costs[end].count) == count:
            end += 1
        order += list(range(place, end)) * int(count)
        place = end
    return order


def _in_turn(kernels: Sequence[Launch], sequence: Sequence[int], costs: Sequence[Cost]) -> list[Matched]:
    """The kernels dealt to the operators in the order of a pass, over and over."""
    times: dict[int, list[float]] = {}
    for place, kernel in enumerate(kernels):
        times.setdefault(sequence[place % len(sequence)], []).append(kernel.time_us)
    return [Matched((costs[i],), tuple(t), as_float(costs[i].time_s) * 1e6, "order") for i, t in sorted(times.items())]


def _by_shape(kernels: Sequence[Launch], costs: Sequence[Cost]) -> tuple[list[Matched], list[Unmatched]]:
    """Products by the shapes of the operators that launched them: whole, or several with one input in a row."""
    shapes = {_shape(c): c for c in costs if isinstance(c.operator, Contraction)}
    times: dict[str, list[float]] = {}
    lost: list[Unmatched] = []
    place = 0
    while place < len(kernels):
        taken, cost = _find(kernels[place : place + 3], shapes)
        if cost is None:
            lost += _lost(kernels[place : place + 1], _why(kernels[place], shapes))
        else:
            times.setdefault(cost.operator.name, []).append(sum(k.time_us for k in kernels[place : place + taken]))
        place += taken
    by_name = {c.operator.name: c for c in costs}
    return [Matched((by_name[n],), tuple(t), as_float(by_name[n].time_s) * 1e6, "shape") for n, t in times.items()], lost


def _find(kernels: Sequence[Launch], shapes: dict[tuple[float, float, float], Cost]) -> tuple[int, Cost | None]:
    """The operator that the first three, two or one of some kernels ran together, and how many they are.

    The most go first: queries alone may look like the output projection.
    """
    products = [_product(k) for k in kernels]
    for taken in (3, 2, 1):
        some = [p for p in products[:taken] if p]
        if len(some) == taken and len({(m, k) for m, _, k in some}) == 1:
            cost = shapes.get((some[0][0], sum(n for _, n, _ in some), some[0][2]))
            if cost is not None:
                return taken, cost
    return 1, None


def _why(kernel: Launch, shapes: dict[tuple[float, float, float], Cost]) -> str:
    """Why a product is none of the model's."""
    product = _product(kernel)
    if product is None:
        return "gemm kernels whose launching operator has no recorded shapes"
    m, n, k = product
    other = next((s for s in shapes if s[1:] == (n, k)), None)
    if other:
        return f"products of {m:g} rows where the scenario has {other[0]:g}: say --phase, --batch, --prompt or --context as they ran"
    return f"a product ({m:g}, {k:g}) by ({k:g}, {n:g}) is none of the model's; is it the trace of another model, or another tensor parallelism?"


def _shape(cost: Cost) -> tuple[float, float, float]:
    operator = cost.operator
    assert isinstance(operator, Contraction)
    return as_float(operator.m), as_float(operator.n), as_float(operator.k)


def _product(launch: Launch) -> tuple[float, float, float] | None:
    """(m, n, k) of the product that launched a kernel, from the shapes of its inputs."""
    name, tensors = launch.operator.rpartition("::")[2], [d for d in launch.dims if len(d) >= 2]
    if len(tensors) < 2:
        return None
    a, b = tensors[:2]
    if name == "linear":
        return float(prod(a[:-1])), float(b[0]), float(a[-1])
    if name in ("mm", "matmul", "addmm", "_scaled_mm", "scaled_mm", "_int_mm") and len(b) == 2 and a[-1] == b[0]:
        return float(prod(a[:-1])), float(b[1]), float(b[0])
    return None


def _lost(kernels: Iterable[Launch], reason: str) -> list[Unmatched]:
    return [Unmatched(reason, k.calls, k.time_us, k.name) for k in kernels]
