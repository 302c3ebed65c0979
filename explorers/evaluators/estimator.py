"""The analytical estimator behind a design space: a model on a machine, any field of either an axis.

Numbers vary as columns through one compiled program. Names (another model, machine, format or dataflow) and the numbers of a model
change the structure of the question: each combination of them is compiled once and asked for its rows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, fields, is_dataclass, replace
from functools import lru_cache
from itertools import islice
from typing import Any

import numpy as np

from explorers.evaluators.reading import check_number, check_truth, section
from explorers.question import DTYPE, FACTOR, OUTPUTS, Question, output_of
from explorers.space.axis import Axis
from explorers.space.expression import Named
from explorers.space.space import DesignSpace
from explorers.space.statement import FEASIBLE, SpaceError
from explorers.stream import evaluate
from hardware_specs.catalog import find_system
from hardware_specs.fields import field_values, unit_names, with_values
from hardware_specs.schema import System
from magnitudes.arrays import Column, as_real
from magnitudes.datatypes import data_type
from magnitudes.errors import InputError
from magnitudes.names import NameMiss, nearest
from magnitudes.program import Program, compiled
from magnitudes.symbol import Formula
from simulator.result import Estimate
from workloads.catalog import find_model
from workloads.model import Model
from workloads.scenario import SCENARIOS
from workloads.sharding import Parallelism

NAME = "name"  # the unit of what is no number
NAMES = ("model", "machine", "activation_dtype", "kv_dtype", "fidelity", "timing")
MODEL = "model."
PROGRAMS = 256  # compiled questions that are kept
NOTED = 64  # combinations of names whose notes are told
DEGREES = ("tp", "pp", "ep", "dp")
LEAST = dict.fromkeys((*DEGREES, "batch"), 1.0)  # what there is at least of these
BOOLEAN = {"type": "boolean"}


def _closed(properties: Mapping[str, Any], required: Sequence[str] = ()) -> dict[str, Any]:
    """A mapping with these keys and no others, as JSON Schema."""
    return {"type": "object", "additionalProperties": False, "properties": dict(properties), "required": list(required)}


@dataclass(frozen=True)
class Estimator:
    """A question whose fields may be axes.

    Parameters
    ----------
    model, machine : str
        Names, or paths of a ``config.json`` and of a spec.
    scenario : mapping
        ``phase`` and its sizes.
    parallelism : mapping of str to float
        Degrees; tensor parallelism over all chips where no degree is given anywhere.
    formats : mapping of str to str
        ``dtype``, ``activation_dtype``, ``kv_dtype``.
    hardware : mapping of str to float
        Numbers of the machine that are other than its spec says, by path.
    fidelity, timing : str
    spill, correction : bool
    """

    model: str
    machine: str
    scenario: Mapping[str, Any]
    parallelism: Mapping[str, float] = field(default_factory=dict)
    formats: Mapping[str, str] = field(default_factory=dict)
    hardware: Mapping[str, float] = field(default_factory=dict)
    fidelity: str = "tile"
    timing: str = "graph"
    spill: bool = False
    correction: bool = True

    symbolic = True
    KEYS = ("model", "machine", "scenario", "parallelism", "formats", "hardware", "estimator")
    FIGURES = (*OUTPUTS, "chips")
    FILES = ("model", "machine")

    @classmethod
    def read(cls, tree: Mapping[str, Any], mistakes: list[str]) -> Estimator | None:
        """From a space's file; mistakes are added to the list."""
        mistakes += [
            f"{key}: missing; name a {key}, such as {example}" for key, example in (("model", "llama-3-8b"), ("machine", "h100-sxm")) if key not in tree
        ]
        how = section(tree, "estimator", ("fidelity", "timing", "spill", "correction"), mistakes)
        for switch in ("spill", "correction"):
            check_truth(how.get(switch, False), f"estimator.{switch}", mistakes)
        scenario = _scenario(tree, mistakes)
        parallelism = section(tree, "parallelism", DEGREES, mistakes)
        for degree, value in parallelism.items():
            check_number(value, f"parallelism.{degree}", "", mistakes, LEAST.get(degree, 0.0))
        formats = section(tree, "formats", (DTYPE, "activation_dtype", "kv_dtype"), mistakes)
        changed = section(tree, "hardware", None, mistakes)
        if mistakes:
            return None
        try:
            machine = find_system(str(tree["machine"]))
            find_model(str(tree["model"]))
            units = unit_names(machine)
            section(tree, "hardware", units, mistakes)
            hardware = {path: check_number(value, f"hardware.{path}", units[path], mistakes) for path, value in changed.items() if path in units}
            if mistakes:
                return None
            with_values(machine, hardware)
            return cls(str(tree["model"]), str(tree["machine"]), scenario, parallelism, formats, hardware, **how)  # type: ignore[arg-type]
        except InputError as error:
            mistakes.append(str(error))
            return None

    @classmethod
    def schema(cls) -> tuple[dict[str, Any], list[str]]:
        """Its keys in a space's file as JSON Schema, and those that must be there."""
        numbers, texts = {"type": ["number", "string"]}, {"type": "string"}
        how = {"fidelity": {"enum": ["roofline", "tile"]}, "timing": {"enum": ["kernel", "graph", "eager"]}, "spill": BOOLEAN, "correction": BOOLEAN}
        sizes = {f.name: numbers for scenario in SCENARIOS.values() for f in fields(scenario)}
        return {
            "model": {**texts, "description": "a name, or the path of a config.json"},
            "machine": {**texts, "description": "a name, or the path of a spec"},
            "scenario": _closed({"phase": {"enum": list(SCENARIOS)}, **sizes}, ["phase"]),
            "parallelism": _closed(dict.fromkeys(DEGREES, numbers)),
            "formats": _closed(dict.fromkeys((DTYPE, "activation_dtype", "kv_dtype"), texts)),
            "hardware": {"type": "object", "additionalProperties": numbers, "description": "numbers of the machine other than its spec's, by path"},
            "estimator": _closed(how),
        }, ["model", "machine", "scenario"]

    def described(self) -> dict[str, Any]:
        how = {k: getattr(self, k) for k in ("fidelity", "timing", "spill", "correction")}
        given = {"model": self.model, "machine": self.machine, "scenario": dict(self.scenario), "parallelism": dict(self.parallelism)}
        return {k: v for k, v in (given | {"formats": dict(self.formats), "hardware": dict(self.hardware), "estimator": how}).items() if v}

    def unit(self, path: str) -> str:
        """Name of the field behind a path; ``name`` where it takes names, nothing where it is a count.

        Raises
        ------
        NameMiss
        """
        machine, model = find_system(self.machine), find_model(self.model)
        if path in NAMES or path == DTYPE or path in _named_fields(machine):
            return NAME
        if path in DEGREES or path in self._sizes() or path.endswith(FACTOR):
            return ""
        if path.startswith(MODEL):
            _check_model_field(model, path.removeprefix(MODEL))
            return ""
        units = unit_names(machine)
        if path not in units:
            known = [*units, *self._sizes(), *DEGREES, DTYPE, *NAMES, *_named_fields(machine)]
            raise NameMiss(
                "field", path, nearest(path, known), f"(`roofscape specs {self.machine}` lists those of the machine; others: {', '.join(known[len(units) :])})"
            )
        return units[path]

    def problem(self, space: DesignSpace) -> EstimatorProblem:
        """The space's formulas over this question."""
        return EstimatorProblem(space, self)

    def _sizes(self) -> tuple[str, ...]:
        return tuple(f.name for f in fields(SCENARIOS[self.scenario["phase"]]))

    def question(self, names: Mapping[str, Any], data_types: tuple[str, ...]) -> Question:
        """The question where names and numbers of the model are set: everything that does not vary as a column."""
        system = find_system(str(names.get("machine", self.machine)))
        system = with_values(system, self.hardware) if self.hardware else system
        system = _with_names(system, {p: v for p, v in names.items() if p in _named_fields(system)})
        model: Any = find_model(str(names.get("model", self.model)))
        of_model = {p.removeprefix(MODEL): float(v) for p, v in names.items() if p.startswith(MODEL)}
        model = replace(model, **of_model) if of_model else model
        sizes = {k: float(v) for k, v in self.scenario.items() if k != "phase"}
        how: dict[str, Any] = {"fidelity": self.fidelity, "timing": self.timing, "spill": self.spill, "correction": self.correction}
        how |= {k: str(names[k]) for k in ("fidelity", "timing") if k in names}
        kinds: dict[str, Any] = {k: names.get(k, self.formats.get(k)) for k in ("activation_dtype", "kv_dtype")}
        cut = Parallelism(**({"tp": system.chips} if not self.parallelism else dict(self.parallelism)))
        return Question(model, system, SCENARIOS[self.scenario["phase"]](**sizes), cut, data_types, **how, **kinds)


def _scenario(tree: Mapping[str, Any], mistakes: list[str]) -> dict[str, Any]:
    """The scenario of a file: its phase and sizes."""
    found = section(tree, "scenario", None, mistakes)
    phase = found.get("phase")
    if phase not in SCENARIOS:
        near = nearest(str(phase), SCENARIOS)
        mistakes.append(f"scenario.phase: {phase!r} is none of {', '.join(SCENARIOS)}" + (f"; did you mean {near[0]}?" if near else ""))
        return found
    section(tree, "scenario", ("phase", *(f.name for f in fields(SCENARIOS[str(phase)]))), mistakes)
    for size, value in found.items():
        if size != "phase":
            check_number(value, f"scenario.{size}", "", mistakes, LEAST.get(size, 0.0))
    return found


def _named_fields(system: System) -> dict[str, str]:
    """Fields of engines that take names, by path: the dataflow of an array, where units sit."""
    return {
        f"{e.name}.{f.name}": str(getattr(e, f.name))
        for e in system.chip.engines
        for f in fields(e)
        if isinstance(getattr(e, f.name), str) and f.name != "name"
    }


def _with_names(system: System, names: Mapping[str, Any]) -> System:
    engines = []
    for engine in system.chip.engines:
        own: dict[str, Any] = {p.partition(".")[2]: str(v) for p, v in names.items() if p.partition(".")[0] == engine.name}
        engines.append(replace(engine, **own) if own else engine)
    return replace(system, chip=replace(system.chip, engines=tuple(engines)))


def _check_model_field(model: Model, name: str) -> None:
    known: list[str] = [f.name for f in fields(model) if isinstance(getattr(model, f.name), float)] if is_dataclass(model) else []
    if name not in known:
        raise NameMiss("field of a model", MODEL + name, [MODEL + n for n in nearest(name, known)], f"(known: {', '.join(MODEL + k for k in known)})")


class EstimatorProblem:
    """A space's formulas over the estimator: a compiled program for each combination of names.

    Parameters
    ----------
    space : DesignSpace
    estimator : Estimator
    """

    def __init__(self, space: DesignSpace, estimator: Estimator) -> None:
        self.space, self.estimator = space, estimator
        by_path = {a.path: a for a in space.axes}
        self.structural = tuple(a for a in space.axes if a.path != DTYPE and (a.unit == NAME or a.path.startswith(MODEL)))
        self.numeric = tuple(a for a in space.axes if a not in self.structural)
        self.data_types = by_path[DTYPE].labels if DTYPE in by_path else (str(estimator.formats.get("dtype", "bf16")),)
        self.program = lru_cache(PROGRAMS)(self._program)
        self._check_axes()
        self.formula(self.first)  # mistakes show at once

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
            As in `DesignSpace.formulas`.

        Returns
        -------
        Formula
        dict of str to Symbol or number
            As `DesignSpace.formulas` names them, and ``feasible``.
        """
        formula = Formula()
        known = fixed or {}
        symbols = {a.name: known[a.name] if a.name in known else formula.input(a.name) for a in self.numeric}
        return formula, self.figures(structure, symbols, sides=sides)

    def figures(self, structure: tuple[float, ...], values: Mapping[str, Any], *, sides: bool = False) -> dict[str, Any]:
        """The space's figures by whatever reader the numeric axes are given in: floats, columns, intervals or symbols."""
        names = {a.path: _value_of(a, v) for a, v in zip(self.structural, structure, strict=True)}
        question = self.estimator.question(names, self.data_types)
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
        question = self.estimator.question(names, self.data_types)
        readable: dict[str, Any] = {a.name: Named(a.labels, float(a.labels.index(str(names[a.path])))) if a.labels else names[a.path] for a in self.structural}
        readable |= {a.name: Named(a.labels, values[a.name]) if a.labels else values[a.name] for a in self.numeric}
        design: dict[str, Any] = {a.path: values[a.name] for a in self.numeric}
        for path, tie in self.space.tied.items():
            design[path] = tie.value(lambda name: _read_axis(name, readable | {"chips": question.system.chips}, self.space))
        return question, design


def _value_of(axis: Axis, value: float) -> float | str:
    return axis.labels[int(value)] if axis.labels else value


def _read_axis(name: str, readable: Mapping[str, Any], space: DesignSpace) -> Any:
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
