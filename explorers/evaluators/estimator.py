"""The analytical estimator behind a design space: a model on a machine, any field of either an axis."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, is_dataclass, replace
from typing import Any

from explorers.evaluators.estimator_problem import DEGREES, LEAST, MODEL, NAME, EstimatorProblem
from explorers.evaluators.reading import check_number, check_truth, section
from explorers.question import DTYPE, FACTOR, OUTPUTS, Question
from explorers.space.statement import Statement
from hardware_specs.catalog import find_system
from hardware_specs.fields import unit_names, with_values
from hardware_specs.schema import System
from magnitudes.errors import InputError
from magnitudes.names import NameMiss, nearest
from workloads.catalog import find_model
from workloads.model import Model
from workloads.scenario import SCENARIOS
from workloads.sharding import Parallelism

NAMES = ("model", "machine", "activation_dtype", "kv_dtype", "fidelity", "timing")
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

    def problem(self, space: Statement) -> EstimatorProblem:
        """The space's formulas over this question."""
        return EstimatorProblem(space, self.question, str(self.formats.get("dtype", "bf16")))

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
