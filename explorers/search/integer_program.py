"""Separable choices, to the optimum: an option a slot, whose costs and qualities add up, under budgets.

Which block each layer of a model takes under a time and a memory (Puzzle, Bercovich et al. 2024), which hardware block each layer runs (HAO,
Dong et al. 2021), how many of each machine serve which requests at least cost (Mélange, Griggs et al. 2024): where figures add up over slots, the best
choice is a mixed-integer linear program, which HiGHS (through scipy) solves with a proof.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from magnitudes.arrays import Column
from magnitudes.errors import InputError
from magnitudes.names import NameMiss, nearest

GAP = 1e-6
SECONDS = 60.0
INFEASIBLE = 2  # as scipy numbers what a solver ended with


@dataclass(frozen=True)
class Option:
    """One of the things that a slot may take.

    Parameters
    ----------
    name : str
    figures : mapping of str to float
        What it adds to each total, such as ``time_s``, ``memory_byte``, ``quality``.
    """

    name: str
    figures: Mapping[str, float]


@dataclass(frozen=True)
class Choices:
    """An option a slot, totals under budgets.

    Parameters
    ----------
    slots : mapping of str to sequence of Option
    objective : str
        ``minimise FIGURE`` or ``maximise FIGURE``: its sum over slots.
    at_most, at_least : mapping of str to float
        Limits on sums.
    """

    slots: Mapping[str, Sequence[Option]]
    objective: str
    at_most: Mapping[str, float] = field(default_factory=dict)
    at_least: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Chosen:
    """The best choice.

    Parameters
    ----------
    options : dict of str to str
        Slot -> name of its option.
    totals : dict of str to float
    objective : float
    gap : float
        How far at most any other choice may be better, relative.
    """

    options: dict[str, str]
    totals: dict[str, float]
    objective: float
    gap: float


def choose(choices: Choices) -> Chosen:
    """The best option of every slot.

    Raises
    ------
    InputError
        If a slot is empty, an option lacks a figure, or nothing keeps the limits: with the limit that alone excludes all, where one does.
    """
    sign, figure = _direction(choices.objective)
    names = [(slot, option) for slot, options in choices.slots.items() for option in options]
    for slot, options in choices.slots.items():
        if not options:
            raise InputError(f"slot {slot} has no option; give it one, or leave it out")
    wanted = dict.fromkeys([figure, *choices.at_most, *choices.at_least])
    columns = {name: np.array([_figure(slot, option, name) for slot, option in names]) for name in wanted}
    slots = list(choices.slots)
    one_each = np.array([[1.0 if slot == s else 0.0 for slot, _ in names] for s in slots]).reshape(len(slots), len(names))
    rows = [(one_each, np.ones(len(slots)), np.ones(len(slots)))]
    rows += [(columns[n][None, :], np.array([-np.inf]), np.array([limit])) for n, limit in choices.at_most.items()]
    rows += [(columns[n][None, :], np.array([limit]), np.array([np.inf])) for n, limit in choices.at_least.items()]
    found, gap = _solve(sign * columns[figure], rows, np.ones(len(names)), np.ones(len(names)))
    if found is None:
        raise InputError(f"no choice keeps all limits{_impossible(choices)}")
    taken = [pair for pair, share in zip(names, found, strict=True) if share > 0.5]
    totals = {n: sum(float(o.figures[n]) for _, o in taken) for n in wanted}
    return Chosen({slot: option.name for slot, option in taken}, totals, totals[figure], gap)


@dataclass(frozen=True)
class Fleet:
    """How many of each machine, and which share of each kind of request each serves.

    Parameters
    ----------
    machines : dict of str to int
    shares : dict of str to dict of str to float
        Kind of request -> machine -> share of its rate.
    cost : float
        Of all machines, in the unit of the prices.
    gap : float
        How far at most any other fleet may be cheaper, relative.
    """

    machines: dict[str, int]
    shares: dict[str, dict[str, float]]
    cost: float
    gap: float


def cheapest_fleet(rates: Mapping[str, float], throughputs: Mapping[str, Mapping[str, float]], prices: Mapping[str, float], most: int = 10_000) -> Fleet:
    """The cheapest machines that serve all requests (Mélange, with shares of a kind that may be cut anywhere).

    Parameters
    ----------
    rates : mapping of str to float
        Kind of request -> requests a second.
    throughputs : mapping of str to mapping of str to float
        Machine -> kind -> requests a second that one machine serves of this kind alone; zero or missing where it cannot.
    prices : mapping of str to float
        Machine -> price of one.
    most : int
        Machines of a kind at most.

    Raises
    ------
    InputError
        If a machine has no price, or no machine serves some kind.
    """
    for machine in throughputs:
        if machine not in prices:
            raise NameMiss("price of", machine, nearest(machine, prices), f"(prices: {', '.join(prices)})")
    pairs = [(kind, m) for kind in rates for m in throughputs if throughputs[m].get(kind, 0.0) > 0.0]
    for kind in rates:
        if not any(k == kind for k, _ in pairs):
            raise InputError(f"no machine serves {kind} (machines: {', '.join(throughputs)}); add one that does, or leave these requests out")
    machines = list(throughputs)
    width = len(pairs) + len(machines)
    served, load = np.zeros((len(rates), width)), np.zeros((len(machines), width))
    for column, (kind, machine) in enumerate(pairs):
        served[list(rates).index(kind), column] = 1.0
        load[machines.index(machine), column] = rates[kind] / throughputs[machine][kind]
    load[:, len(pairs) :] = -np.eye(len(machines))
    costs = np.concatenate([np.zeros(len(pairs)), [prices[m] for m in machines]])
    rows = [(served, np.ones(len(rates)), np.ones(len(rates))), (load, np.full(len(machines), -np.inf), np.zeros(len(machines)))]
    whole = np.concatenate([np.zeros(len(pairs)), np.ones(len(machines))])
    upper = np.concatenate([np.ones(len(pairs)), np.full(len(machines), float(most))])
    found, gap = _solve(costs, rows, whole, upper)
    if found is None:
        raise InputError(f"at most {most} machines of a kind do not serve all requests; allow more")
    counts = {m: round(float(n)) for m, n in zip(machines, found[len(pairs) :], strict=True)}
    shares: dict[str, dict[str, float]] = {kind: {} for kind in rates}
    for (kind, machine), share in zip(pairs, found, strict=False):
        if share > GAP:
            shares[kind][machine] = float(share)
    return Fleet({m: n for m, n in counts.items() if n}, shares, sum(prices[m] * n for m, n in counts.items()), gap)


def _solve(costs: Column, rows: Sequence[tuple[Column, Column, Column]], whole: Column, upper: Column) -> tuple[Column | None, float]:
    """Least cost under rows of ``low <= matrix @ x <= high``; None where nothing keeps them."""
    from scipy.optimize import Bounds, LinearConstraint, milp

    limits = [LinearConstraint(*_scaled(*row)) for row in rows]
    result = milp(costs, constraints=limits, integrality=whole.astype(np.int64), bounds=Bounds(0.0, upper), options={"mip_rel_gap": GAP, "time_limit": SECONDS})
    if result.status == INFEASIBLE or result.x is None:
        return None, float("inf")
    return np.asarray(result.x), float(result.mip_gap or 0.0)


def _scaled(matrix: Column, low: Column, high: Column) -> tuple[Column, Column, Column]:
    """Rows whose largest coefficient is one: bytes and seconds stand side by side."""
    size = np.abs(matrix).max(axis=1, initial=0.0)
    size = np.where(size > 0.0, size, 1.0)
    return matrix / size[:, None], low / size, high / size


def _direction(objective: str) -> tuple[float, str]:
    word, _, figure = objective.strip().partition(" ")
    if word not in ("minimise", "maximise") or not figure.strip():
        raise InputError(f"objective {objective!r} should be 'minimise FIGURE' or 'maximise FIGURE', such as 'minimise time_s'")
    return (1.0 if word == "minimise" else -1.0), figure.strip()


def _figure(slot: str, option: Option, name: str) -> float:
    if name not in option.figures:
        raise NameMiss(f"figure of option {option.name} of slot {slot}", name, nearest(name, option.figures), f"(it has: {', '.join(option.figures)})")
    return float(option.figures[name])


def _impossible(choices: Choices) -> str:
    """The limit that even the best options by it break, if there is one."""
    for name, limit in choices.at_most.items():
        least = sum(min(float(o.figures[name]) for o in options) for options in choices.slots.values())
        if least > limit:
            return f": {name} is at least {least:g}, the limit is {limit:g}"
    for name, limit in choices.at_least.items():
        greatest = sum(max(float(o.figures[name]) for o in options) for options in choices.slots.values())
        if greatest < limit:
            return f": {name} is at most {greatest:g}, the limit is {limit:g}"
    return "; each alone can be kept, not together: loosen one"
