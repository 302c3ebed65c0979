"""A DRAM controller behind a design space: its ten choices are axes, each design serves a trace request by request."""

from __future__ import annotations

import os
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from explorers.evaluators.reading import check_number
from explorers.space.expression import Named
from explorers.space.statement import FEASIBLE, SpaceError, Statement
from explorers.stream import cores
from magnitudes.arrays import Column
from magnitudes.errors import InputError
from magnitudes.names import NameMiss, nearest
from simulator.events.dram_controller import CHOICES, NAMES, Served, Trace, serve_all
from simulator.events.dram_traces import KINDS, REQUESTS, trace

FIGURES = ("latency_s", "power_w", "energy_j", "time_s", "activations", "row_hits", "refreshes")
NAME = "name"
OF_REFRESH = [NAMES.index("most_postponed"), NAMES.index("most_pulled_in")]


@dataclass(frozen=True)
class DramController:
    """A trace to be served by controllers.

    Parameters
    ----------
    trace_name : str
        A kind of `simulator.events.dram_traces.trace`, or the path of a file.
    requests, seed : int
    """

    trace_name: str
    requests: int = REQUESTS
    seed: int = 0

    symbolic = False
    KEYS = ("trace", "requests", "trace_seed")
    FIGURES = FIGURES
    FILES = ("trace",)

    @classmethod
    def read(cls, tree: Mapping[str, Any], mistakes: list[str]) -> DramController | None:
        """From a space's file; mistakes are added to the list."""
        requests = check_number(tree.get("requests", REQUESTS), "requests", "", mistakes, 1.0)
        seed = check_number(tree.get("trace_seed", 0), "trace_seed", "", mistakes)
        if requests is None or seed is None:
            return None
        found = cls(str(tree.get("trace", "stream")), int(requests), int(seed))
        try:
            found.served_trace  # noqa: B018 - read once, so that a mistake shows
        except InputError as error:
            mistakes.append(f"trace: {error}")
            return None
        return found

    @classmethod
    def schema(cls) -> tuple[dict[str, Any], list[str]]:
        """Its keys in a space's file as JSON Schema, and those that must be there."""
        whole = {"type": "integer"}
        return {
            "trace": {"type": "string", "description": f"{', '.join(KINDS)}, or the path of a file, from the space's folder"},
            "requests": {**whole, "minimum": 1}, "trace_seed": {**whole, "minimum": 0},
        }, []  # fmt: skip

    @cached_property
    def served_trace(self) -> Trace:
        """The requests."""
        return trace(self.trace_name, self.requests, self.seed)

    def described(self) -> dict[str, Any]:
        return {"evaluator": "dram_controller", "trace": self.trace_name, "requests": self.requests, "trace_seed": self.seed}

    def unit(self, path: str) -> str:
        """``name`` for choices, nothing for counts.

        Raises
        ------
        NameMiss
        """
        if path not in NAMES:
            raise NameMiss("choice of a DRAM controller", path, nearest(path, NAMES), f"(choices: {', '.join(NAMES)})")
        return NAME if path in CHOICES else ""

    def problem(self, space: Statement) -> DramProblem:
        """The space's formulas over what a trace comes to."""
        return DramProblem(space, self)


class DramProblem:
    """A space's formulas over the DRAM controller."""

    def __init__(self, space: Statement, evaluator: DramController) -> None:
        self.space, self.evaluator = space, evaluator
        missing = [n for n in NAMES if n not in {a.path for a in space.axes}]
        if missing:
            raise SpaceError(f"axes: {', '.join(missing)} missing; an axis of one value holds a choice fixed: {{{missing[0]}: [..]}}")
        for axis in space.axes:
            wrong = [name for name in axis.labels if name not in CHOICES[axis.path]]
            if wrong:
                raise NameMiss(axis.path, wrong[0], nearest(wrong[0], CHOICES[axis.path]), f"(one of {', '.join(CHOICES[axis.path])})")
        self.run({a.name: a.column[:1] for a in space.axes})  # formulas that read what is not there show at once

    def run(self, values: Mapping[str, Column]) -> dict[str, Column]:
        """Figures of designs; each distinct one serves the trace once."""
        asked = np.stack([self._settings(name, values) for name in NAMES], axis=1)
        settings, back = np.unique(without_idle_choices(asked), axis=0, return_inverse=True)
        served = self._serve(settings)
        figures = {name: np.array([float(getattr(s, name)) for s in served])[back.ravel()] for name in FIGURES}
        rows = len(back.ravel())
        readable: dict[str, Any] = figures | {a.name: Named(a.labels, values[a.name]) if a.labels else values[a.name] for a in self.space.axes}

        def read(name: str) -> Any:
            if name not in readable:
                raise NameMiss("name", name, nearest(name, readable), f"in a formula (known: {', '.join(readable)})")
            return readable[name]

        return self.space.formulas(read) | {FEASIBLE: np.ones(rows, dtype=bool)}

    def notes(self) -> tuple[str, ...]:
        """Nothing: every design is served as it is."""
        return ()

    def _settings(self, name: str, values: Mapping[str, Column]) -> Any:
        axis = next(a for a in self.space.axes if a.path == name)
        column = values[axis.name].astype(np.int64)
        if not axis.labels:
            return column
        return np.array([CHOICES[name].index(label) for label in axis.labels], dtype=np.int64)[column]

    def _serve(self, settings: Any) -> list[Served]:
        parts = [p for p in np.array_split(settings, cores()) if len(p)]
        if len(parts) < 2 or os.environ.get("NUMBA_DISABLE_JIT"):
            return serve_all(self.evaluator.served_trace, settings)
        with ThreadPoolExecutor(len(parts)) as pool:  # the compiled loop holds no lock
            return [s for part in pool.map(lambda p: serve_all(self.evaluator.served_trace, p), parts) for s in part]


def without_idle_choices(settings: NDArray[np.int64]) -> NDArray[np.int64]:
    """Controllers with one in place of counts that decide nothing: where nothing is refreshed, nothing is postponed or pulled in."""
    result = settings.copy()
    never = settings[:, NAMES.index("refresh_policy")] == CHOICES["refresh_policy"].index("no_refresh")
    result[np.ix_(never, OF_REFRESH)] = 1
    return result
