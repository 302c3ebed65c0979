"""A space's formulas over the estimator.

Numbers vary as columns through one compiled program. Names (another model, machine, format or dataflow) and the numbers of a model
change the structure of the question: each combination of them is compiled once and asked for its rows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import fields
from functools import lru_cache
from itertools import islice
from typing import Any

import numpy as np

from explorers.question import DTYPE, OUTPUTS, Question, output_of
from explorers.space.axis import Axis
from explorers.space.expression import Named
from explorers.space.statement import FEASIBLE, SpaceError, Statement
from explorers.stream import evaluate
from hardware_specs.catalog import find_system
from hardware_specs.fields import field_values
from magnitudes.arrays import Column, as_real
from magnitudes.datatypes import data_type
from magnitudes.errors import InputError
from magnitudes.names import NameMiss, nearest
from magnitudes.program import Program, compiled
from magnitudes.symbol import Formula
from simulator.result import Estimate
from workloads.catalog import find_model

NAME = "name"  # the unit of what is no number
MODEL = "model."
DEGREES = ("tp", "pp", "ep", "dp")
LEAST = dict.fromkeys((*DEGREES, "batch"), 1.0)  # what there is at least of these
PROGRAMS = 256  # compiled questions that are kept
NOTED = 64  # combinations of names whose notes are told


class EstimatorProblem:
    """A space's formulas over the estimator: a compiled program for each combination of names.

    Parameters
    ----------
    space : Statement
    ask : callable
        The question for names of the structural axes, by path, and data types.
    dtype : str
        The format of weights where no axis sets it.
    """

    def __init__(self, space: Statement, ask: Callable[[Mapping[str, Any], tuple[str, ...]], Question], dtype: str) -> None:
        self.space, self.ask = space, ask
        by_path = {a.path: a for a in space.axes}
        self.structural = tuple(a for a in space.axes if a.path != DTYPE and (a.unit == NAME or a.path.startswith(MODEL)))
        self.numeric = tuple(a for a in space.axes if a not in self.structural)
        self.data_types = by_path[DTYPE].labels if DTYPE in by_path else (dtype,)
        self.program = lru_cache(PROGRAMS)(self._program)
        self._check_axes()
        self.formula(self.first)  # mistakes show at once
        self._check_values()

    def _check_values(self) -> None:
        """Refuse an axis with a value for which an estimate of that design alone would be refused.

        Raises
        ------
        InputError
        """
        names = {a.path: _value_of(a, v) for a, v in zip(self.structural, self.first, strict=True)}
        question = self.ask(names, self.data_types)
        for axis in (a for a in self.numeric if not a.labels):
            try:
                question.check(axis.path, axis.column)
            except InputError as error:
                raise SpaceError(f"axes.{axis.name}: {error}") from None

    def _check_axes(self) -> None:
        """Refuse values that nothing is known of, before the first design that has one is met."""
        known: dict[str, Callable[[str], Any]] = {"machine": find_system, "model": find_model}
        known |= dict.fromkeys((DTYPE, "activation_dtype", "kv_dtype"), data_type)
        for axis in self.space.axes:
            for label in axis.labels if axis.path in known else ():
                known[axis.path](label)
            least = LEAST.get(axis.path, 0.0)
            if not axis.labels and min(axis.values) < least:
                raise SpaceError(f"axes.{axis.name}: {min(axis.values):g} is below {least:g}")

    @property
    def first(self) -> tuple[float, ...]:
        """The first combination of names."""
        return tuple(a.values[0] for a in self.structural)

    def structures(self) -> Iterator[tuple[float, ...]]:
        """All combinations of the structural axes' values."""
        from itertools import product

        yield from product(*(a.values for a in self.structural))

    def formula(self, structure: tuple[float, ...], fixed: Mapping[str, float] | None = None, *, sides: bool = False) -> tuple[Formula, dict[str, Any]]:
        """The space's figures as symbols over its numeric axes, for one combination of names.

        Parameters
        ----------
        structure : tuple of float
            Values of the structural axes.
        fixed : mapping of str to float, optional
            Numeric axes that do not vary here, by name.
        sides : bool
            As in `Statement.formulas`.

        Returns
        -------
        Formula
        dict of str to Symbol or number
            As `Statement.formulas` names them, and ``feasible``.
        """
        formula = Formula()
        known = fixed or {}
        symbols = {a.name: known[a.name] if a.name in known else formula.input(a.name) for a in self.numeric}
        return formula, self.figures(structure, symbols, sides=sides)

    def figures(self, structure: tuple[float, ...], values: Mapping[str, Any], *, sides: bool = False) -> dict[str, Any]:
        """The space's figures by whatever reader the numeric axes are given in: floats, columns, intervals or symbols."""
        names = {a.path: _value_of(a, v) for a, v in zip(self.structural, structure, strict=True)}
        question = self.ask(names, self.data_types)
        readable = dict(values) | {a.name: Named(a.labels, v) if a.labels else v for a, v in zip(self.structural, structure, strict=True)}
        for axis in self.numeric:
            if axis.labels:
                readable[axis.name] = Named(axis.labels, values[axis.name])
        design = {a.path: values[a.name] for a in self.numeric}
        whole = {"chips": question.system.chips}
        for path, tie in self.space.tied.items():
            design[path] = tie.value(lambda name: _read_axis(name, readable | whole, self.space))
        result = question.estimate(design)
        read = _reading(readable, question, design, result)
        return self.space.formulas(read, sides=sides) | {FEASIBLE: result.feasible}

    def notes(self) -> tuple[str, ...]:
        """What the law says of its answers, for the first combinations of names: where it had nothing finer than the roofline, what a chip lacks."""
        found: dict[str, None] = {}
        for structure in islice(self.structures(), NOTED):
            names = {a.path: _value_of(a, v) for a, v in zip(self.structural, structure, strict=True)}
            with suppress(InputError):  # the first values of the other axes may not go together; what does has its notes
                question, design = self._asked(names, {a.name: a.column[:1] for a in self.numeric})
                found |= dict.fromkeys(question.estimate(design).notes)
        return tuple(found)

    def _program(self, structure: tuple[float, ...]) -> Program:
        return compiled(*self.formula(structure))

    def run(self, values: Mapping[str, Column]) -> dict[str, Column]:
        """Figures of designs, grouped by their names."""
        rows = len(next(iter(values.values())))
        if not self.structural:
            return self._group(self.first, values, rows)
        stacked = np.stack([values[a.name] for a in self.structural], axis=1)
        kinds, which = np.unique(stacked, axis=0, return_inverse=True)
        if len(kinds) < 2:  # of no designs any will do
            return self._group(tuple(kinds[0].tolist()) if len(kinds) else self.first, values, rows)
        result: dict[str, Column] = {}
        for number, kind in enumerate(kinds):
            members = np.flatnonzero(which.ravel() == number)
            part = self._group(tuple(kind.tolist()), {n: v[members] for n, v in values.items()}, len(members))
            for name, figures in part.items():
                result.setdefault(name, np.empty(rows, dtype=figures.dtype))[members] = figures
        return result

    def _group(self, structure: tuple[float, ...], values: Mapping[str, Column], rows: int) -> dict[str, Column]:
        program = self.program(structure)
        columns = {name: values[name] for name in program.inputs} or {"row": np.zeros(rows)}
        return {name: np.broadcast_to(v, rows) for name, v in evaluate(program, columns).items()}

    def question(self, places: Any) -> tuple[Question, dict[str, Any]]:
        """The question and the design (values by path) behind one row of places: to estimate it in full, or to write its spec."""
        shown = {a.name: a.values[int(p)] for a, p in zip(self.space.axes, places, strict=True)}
        return self._asked({a.path: _value_of(a, shown[a.name]) for a in self.structural}, {a.name: shown[a.name] for a in self.numeric})

    def _asked(self, names: Mapping[str, float | str], values: Mapping[str, Any]) -> tuple[Question, dict[str, Any]]:
        """The question and the design for names of the structural axes, by path, and values (or columns) of the others, by name."""
        question = self.ask(names, self.data_types)
        readable: dict[str, Any] = {a.name: Named(a.labels, float(a.labels.index(str(names[a.path])))) if a.labels else names[a.path] for a in self.structural}
        readable |= {a.name: Named(a.labels, values[a.name]) if a.labels else values[a.name] for a in self.numeric}
        design: dict[str, Any] = {a.path: values[a.name] for a in self.numeric}
        for path, tie in self.space.tied.items():
            design[path] = tie.value(lambda name: _read_axis(name, readable | {"chips": question.system.chips}, self.space))
        return question, design


def _value_of(axis: Axis, value: float) -> float | str:
    return axis.labels[int(value)] if axis.labels else value


def _read_axis(name: str, readable: Mapping[str, Any], space: Statement) -> Any:
    if name not in readable:
        raise NameMiss("axis", name, nearest(name, readable), f"in a tied field of {space.name}, which reads axes and chips (known: {', '.join(readable)})")
    return readable[name]


def _reading(readable: Mapping[str, Any], question: Question, design: Mapping[str, Any], result: Estimate) -> Callable[[str], Any]:
    """What formulas may read: axes, outputs, chips, sizes, degrees, and every number of the machine as the design has it."""
    system = question.machine(design)
    hardware = field_values(system)
    fixed: dict[str, Any] = {f.name: getattr(s, f.name) for s in (result.scenario, result.cut) for f in fields(s)}

    def read(name: str) -> Any:
        if name in readable:
            return readable[name]
        if name in OUTPUTS:
            return output_of(result, name)
        if name == "chips":
            return result.chips
        for known in (fixed, hardware):
            if name in known:
                return as_real(known[name])
        names = [*readable, *OUTPUTS, "chips", *fixed, *hardware]
        raise NameMiss("name", name, nearest(name, names), f"in a formula (known: {', '.join(names)})")

    return read
