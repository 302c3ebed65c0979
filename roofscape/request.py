"""From the options of a command to estimates: several values make the designs of a full grid, as columns."""

from __future__ import annotations

import argparse
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

import numpy as np

from explorers.question import Question
from hardware_specs.fields import unit_names
from hardware_specs.schema import System
from magnitudes.errors import InputError
from magnitudes.names import NameMiss, nearest
from magnitudes.units import parse
from roofscape import api, named
from roofscape.defaults import default_scenario
from roofscape.serving import draft_of, with_groups
from simulator.result import Estimate
from workloads.adapters import Adapted, Adapters
from workloads.model import GraphModel, Model
from workloads.scenario import SCENARIOS, Decode, Inference, Scenario
from workloads.speculation import Speculating

TRAINING_ALONE = ("micro_batch", "zero", "recompute", "interleave", "sequence_parallel", "hidden_exchange", "gradient_byte", "optimizer_byte")
SPECULATION = ("speculate", "acceptance")
FIELDS = {"prefill": ("batch", "prompt", "cached_prompt"), "decode": ("batch", "context", "kv_keep", *SPECULATION),
          "inference": ("batch", "prompt", "output", "cached_prompt", "kv_keep", *SPECULATION),
          "mixed": ("batch", "context", "chunk", "kv_keep"), "images": ("batch",), "diffusion": ("batch", "steps"), "samples": ("batch",),
          "train": ("batch", "sequence", *TRAINING_ALONE)}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Request:
    """What a command line asks: a question, and its designs as columns (floats, where there is one)."""

    model: Model
    system: System
    scenario: Scenario
    options: dict[str, Any]

    def estimate(self) -> Estimate:
        """The estimate of all designs in one call."""
        return api.estimate(self.model, self.system, self.scenario, **self.options)

    def without_draft(self) -> Request:
        """The same without speculation."""
        assert isinstance(self.model, Speculating) and isinstance(self.scenario, Decode | Inference)
        scenario = replace(self.scenario, speculate=None, acceptance=0.0)
        return replace(self, model=self.model.target, scenario=scenario)

    def question(self) -> Question:
        """The question behind a single design, to ask it again with other numbers."""
        o = {name: value for name, value in self.options.items() if name != "mapping"}  # of which the closed form knows nothing
        return api.question(self.model, self.system, self.scenario, data_types=(o.pop("dtype"),), **o)

    def inputs(self) -> dict[str, Any]:
        """What a single design was asked besides its scenario and cut: its format, and the hardware numbers that were set."""
        told: dict[str, Any] = {k: self.options[k] for k in ("dtype", "sparsity") if k in self.options}
        return {**told, "set": {path: float(value) for path, value in self.options["set"].items()}}

    def designs(self) -> list[Request]:
        """Each design by itself."""
        size = max([len(v) for v in self._columns() if isinstance(v, np.ndarray | list)], default=1)
        return [self._row(i) for i in range(size)]

    def _columns(self) -> list[Any]:
        return [*(getattr(self.scenario, f) for f in FIELDS[self.scenario.phase]), *self.options.values(), *(self.options.get("set") or {}).values()]

    def _row(self, index: int) -> Request:

        def pick(v: Any) -> Any:
            return v[index] if isinstance(v, np.ndarray | list) else v

        fields = {f: pick(getattr(self.scenario, f)) for f in FIELDS[self.scenario.phase]}
        values = {k: pick(v) for k, v in (self.options.get("set") or {}).items()}
        options = {k: pick(v) for k, v in self.options.items() if k != "set"} | {"set": values}
        return Request(self.model, self.system, type(self.scenario)(**fields), options)


def requests(options: argparse.Namespace, on: str) -> Request:
    """What a command line asks of one machine.

    Raises
    ------
    InputError
    """
    dims = _dims(options)
    model, system = named.model(options.model, dims=dims), named.system(on)
    _bind(options, model)
    if options.lora:
        model = Adapted(model, Adapters(**options.lora))
    if options.draft:
        model = _with_draft(options, model)
    if options.fuse:
        model = with_groups(model, system, options.fuse)
    phase = _phase(options, model)
    _check_belonging(options, phase)
    axes: dict[str, list[Any]] = {f: getattr(options, f) for f in FIELDS[phase] if getattr(options, f, None)}
    axes |= {d: getattr(options, d) for d in ("tp", "pp", "ep", "dp") if getattr(options, d)}
    axes["dtype"] = options.dtype or [named.native_dtype(model)]
    if options.sparsity:
        axes["sparsity"] = options.sparsity
    axes |= {f"set:{path}": _values(system, path, texts) for path, texts in _settings(options).items()}
    columns = _grid(axes)
    scenario = SCENARIOS[phase](**{f: columns[f] for f in FIELDS[phase] if f in columns})
    given = {k: v for k, v in columns.items() if k in ("tp", "pp", "ep", "dp", "dtype", "sparsity")}
    given |= {"set": {k.removeprefix("set:"): v for k, v in columns.items() if k.startswith("set:")}}
    given |= {
        "activation_dtype": options.activation_dtype,
        "kv_dtype": options.kv_dtype,
        "spill": options.spill,
        "correction": options.correction,
        "coprocess": options.coprocess,
        "overlap": options.overlap,
        "offload": options.offload,
    }
    if getattr(options, "mapping", "folds") != "folds":
        given |= {"mapping": options.mapping}
    return Request(model, system, scenario, given | {"fidelity": options.fidelity, "timing": options.timing})


def _dims(options: argparse.Namespace) -> dict[str, float]:
    """What ``--dim`` says, by symbol."""
    dims: dict[str, float] = {}
    for name, size in options.dim:
        if name in dims:
            raise InputError(f"--dim {name} is given twice ({dims[name]:g} and {size:g}); give it once")
        dims[name] = size
    return dims


def _bind(options: argparse.Namespace, model: Model) -> None:
    """The sizes that a graph has of its own, or that ``--dim`` bound, where the scenario does not say them."""
    if not isinstance(model, GraphModel):
        return
    for size in ("batch", "prompt"):
        bound, said = model.bound(size), getattr(options, size)
        if bound is not None and said and said != [bound[1]]:
            raise InputError(f"--{size} {','.join(f'{s:g}' for s in said)} and --dim {bound[0]}={bound[1]:g} say the same of {model.name}; leave one out")
        if not said and hasattr(model.scenario, size):
            setattr(options, size, [float(getattr(model.scenario, size))])


def _with_draft(options: argparse.Namespace, model: Model) -> Model:
    """The model beside the draft that is named."""
    if not options.acceptance:
        raise InputError(f"--draft {options.draft} needs --acceptance, the chance that a proposed token is accepted, such as --acceptance 0.7")
    draft = draft_of(model, options.draft)
    options.speculate = options.speculate or [getattr(draft, "most", None) or 4.0]
    return Speculating(model, draft)


def _phase(options: argparse.Namespace, model: Model) -> str:
    """The phase that is named, or that the sizes imply, or what the model is usually asked."""
    if options.phase:
        return str(options.phase)
    if any(getattr(options, size, None) for size in TRAINING_ALONE):
        return "train"
    if options.chunk:
        return "mixed"
    usual = default_scenario(model).phase
    return "decode" if usual == "inference" and options.context and not options.prompt and not options.output else usual


def _check_belonging(options: argparse.Namespace, phase: str) -> None:
    """Refuse sizes that the phase has no use for: an answer to another question helps nobody."""
    sizes = {f for own in FIELDS.values() for f in own}
    for size in sorted(sizes - set(FIELDS[phase])):
        if getattr(options, size, None):
            option = size.replace("_", "-")
            taken = ", ".join(f"--{f.replace('_', '-')}" for f in FIELDS[phase])
            fitting = " or ".join(p for p, own in FIELDS.items() if size in own)
            raise InputError(f"--{option} has no meaning in phase {phase}, which takes {taken}; leave it out, or use --phase {fitting}")


def _settings(options: argparse.Namespace) -> dict[str, list[str]]:
    """What ``--set`` says, by path."""
    settings: dict[str, list[str]] = {}
    for path, texts in options.set:
        if path in settings:
            raise InputError(f"--set {path} is given twice; write several values as --set {path}={','.join([*settings[path], *texts])}")
        settings[path] = texts
    return settings


def _values(system: System, path: str, texts: list[str]) -> list[float]:
    """The values of one setting, read with the unit that its field has."""
    units = unit_names(system)
    if path not in units:
        raise NameMiss("field", path, nearest(path, units), f"(`roofscape specs {system.chip.name}` lists all)")
    return [parse(text, units[path]) for text in texts]


def _grid(axes: dict[str, list[Any]]) -> dict[str, Any]:
    """Every combination of the axes' values as columns; plain values where there is one combination."""
    combinations = list(product(*axes.values()))
    if len(combinations) > 100_000:
        raise InputError(f"{len(combinations):,} designs asked for on the command line; use roofscape.stream from Python for so many")
    if len(combinations) == 1:
        return dict(zip(axes, combinations[0], strict=True))
    columns = list(zip(*combinations, strict=True))
    return {name: list(c) if isinstance(c[0], str) else np.array(c, dtype=np.float64) for name, c in zip(axes, columns, strict=True)}
