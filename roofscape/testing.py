"""The conformance suite: what every chip and every model must satisfy, to be run on one's own.

A chip that someone describes in YAML, or a model from a configuration of theirs, behaves in the simulator as the shipped ones do
when these checks pass. Each raises an `AssertionError` that says what is wrong::

    from roofscape.testing import check_chip, check_model, check_pair, check_reproduction

    def test_my_chip():
        check_chip("my_chip.yaml")

    def test_my_model():
        check_model("path/to/config.json")
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import MISSING, Field, fields
from itertools import pairwise
from typing import Any

import numpy as np

from hardware_specs.catalog import Entry, find, find_system
from hardware_specs.citation import KINDS
from hardware_specs.fields import scaled
from hardware_specs.schema import Chip, Link, System
from magnitudes.units import bare_name
from roofscape import api
from simulator.estimate import estimate
from simulator.result import Estimate
from workloads.catalog import find_model
from workloads.graph import Workload
from workloads.model import Model
from workloads.operator import Convolution, Residency
from workloads.scenario import Decode, Diffusion, Images, Inference, MixedBatch, Prefill, Samples, Scenario
from workloads.sharding import Parallelism, Precision
from workloads.transformer import Transformer

SCENARIOS: dict[str, Scenario] = {
    "prefill": Prefill(batch=2.0, prompt=128.0), "decode": Decode(batch=4.0, context=255.0), "inference": Inference(batch=2.0, prompt=128.0, output=16.0),
    "mixed": MixedBatch(chunk=64.0, batch=4.0, context=255.0), "images": Images(batch=4.0),
    "diffusion": Diffusion(batch=4.0, steps=3.0), "samples": Samples(batch=4096.0),
}  # fmt: skip
PROBE = "gpt2"  # a small model that any machine can be asked about
EXACT = 1e-12
WINOGRAD = 4.0  # F(4x4, 3x3): 36 multiplications for 144 (Lavin and Gray, CVPR 2016), where the roofline counts all


def check_chip(name: str) -> None:
    """Check a chip: sources, order of its tiers, and that the simulator's laws hold on it.

    Parameters
    ----------
    name : str
        A name of the catalogue, or the path of a YAML file.

    Raises
    ------
    AssertionError
        Saying what is wrong.
    InputError
        If the spec cannot be read at all; all its mistakes are named.
    """
    entry = find(name)
    assert isinstance(entry.spec, Chip), f"{name} describes a {type(entry.spec).__name__.lower()}, not a chip"
    check_sources(entry)
    check_tiers(entry.spec)
    check_laws(find_system(name))


def check_sources(entry: Entry) -> None:
    """Check that each number a spec states names its source and what kind of source that is.

    Parameters
    ----------
    entry : Entry
        As `hardware_specs.catalog.find` returns it.

    Raises
    ------
    AssertionError
        Naming the fields without a source.
    """
    unnamed = [path for path in _paths(entry.spec) if path not in entry.citations]
    assert not unnamed, f"{entry.spec.name}: no source for {', '.join(unnamed)}"
    for path, citation in entry.citations.items():
        assert citation.kind in KINDS, f"{entry.spec.name}: {path} has a source of kind {citation.kind!r}; known: {', '.join(KINDS)}"
        assert citation.source.strip(), f"{entry.spec.name}: {path} has a source without a title"


def check_tiers(chip: Chip) -> None:
    """Check that nearer tiers are no slower, and that each engine has the rates and memory that work needs.

    Parameters
    ----------
    chip : Chip

    Raises
    ------
    AssertionError
    """
    for near, far in pairwise(chip.tiers):
        assert near.bandwidth_byte_per_s >= far.bandwidth_byte_per_s, f"{chip.name}: {near.name} is nearer than {far.name} and slower"
    for engine in chip.engines:
        assert engine.vector_flop_per_s, f"{chip.name}: engine {engine.name} has no vector rate; add 'vector: {{fp32: ...}}'"
        assert chip.main_memory(engine).capacity_byte > 0, f"{chip.name}: the main memory of {engine.name} holds nothing"
        for form, rate in engine.matrix_flop_per_s.items():
            vector = engine.vector_flop_per_s.get(form, 0.0)
            assert rate >= vector, f"{chip.name}: the matrix units of {engine.name} are slower in {form} than its vector units"


def check_laws(system: System, model: str | Model = PROBE) -> None:
    """Check the simulator on a system: finite, above the roofline, monotone, and the same for a column as for its rows.

    Parameters
    ----------
    system : System
    model : str or Model, optional
        What is run on it; a small one, if not said.

    Raises
    ------
    AssertionError
    """
    found = find_model(model) if isinstance(model, str) else model
    for phase in found.phases:
        scenario = SCENARIOS[phase]
        floor, tile = (estimate(found, system, scenario, fidelity=f) for f in ("roofline", "tile"))
        where = f"{found.name} {phase} on {system.name}"
        assert math.isfinite(_one(tile.time_s)) and _one(tile.time_s) > 0, f"{where}: takes {tile.time_s} s"
        assert _one(tile.time_s) >= _one(floor.time_s) * (1 - EXACT), f"{where}: {tile.time_s} s is faster than the roofline's {floor.time_s} s"
        _check_monotone(found, system, scenario, floor, where)
        _check_columns(found, system, phase, where)


def _check_monotone(model: Model, system: System, scenario: Scenario, base: Estimate, where: str) -> None:
    """Twice the bandwidth of a tier or the rate of an engine never takes longer."""
    engine = system.chip.engine
    paths = [f"{t.name}.bandwidth" for t in system.chip.tiers] + [f"{engine.name}.{r}" for r in ("matrix", "vector") if getattr(engine, f"{r}_flop_per_s")]
    for path in paths:
        faster = estimate(model, scaled(system, {path: 2.0}), scenario, fidelity="roofline")
        assert _one(faster.time_s) <= _one(base.time_s) * (1 + EXACT), f"{where}: twice {path} takes longer"


def _check_columns(model: Model, system: System, phase: str, where: str) -> None:
    """A row of a column is the scalar call."""
    batches = [1.0, 3.0, 8.0]
    scenario = type(SCENARIOS[phase])
    together = estimate(model, system, scenario(batch=np.array(batches)))
    for row, batch in zip(np.broadcast_to(together.time_s, 3), batches, strict=True):  # type: ignore[arg-type]
        alone = _one(estimate(model, system, scenario(batch=batch)).time_s)
        assert math.isclose(row, alone, rel_tol=EXACT), f"{where}: batch {batch:g} takes {row} s in a column and {alone} s alone"


def check_pair(model: str | Model, system: str | System) -> tuple[Estimate, Estimate]:
    """Check a model on a machine in its usual scenario: finite, and not faster than the roofline but by what Winograd's convolutions save.

    Parameters
    ----------
    model : str or Model
    system : str or System

    Returns
    -------
    (tile, roofline) : Estimate

    Raises
    ------
    AssertionError
        Naming the pair and both times.
    """
    tile, roof = (api.estimate(model, on=system, fidelity=fidelity) for fidelity in ("tile", "roofline"))
    where, tile_s, roof_s = f"{tile.model} on {tile.system}", _one(tile.time_s), _one(roof.time_s)
    assert math.isfinite(tile_s) and roof_s > 0.0, f"{where}: {tile_s} s at tile, {roof_s} s at roofline"
    saved = WINOGRAD if any(isinstance(c.operator, Convolution) for c in roof.costs) else 1.0
    assert tile_s * saved >= roof_s * (1 - 1e-9), f"{where}: {tile_s:.4g} s is faster than the roofline's {roof_s:.4g} s"
    return tile, roof


def check_model(model: str | Model) -> None:
    """Check a model: graphs without loops whose operators have sensible numbers, weights read once a step, and shards that add up.

    Parameters
    ----------
    model : str or Model
        A name of the catalogue, the path of a Hugging Face ``config.json``, or a model of one's own.

    Raises
    ------
    AssertionError
        Saying what is wrong.
    InputError
        If the configuration cannot be read.
    """
    found = find_model(model) if isinstance(model, str) else model
    assert found.parameters > 0, f"{found.name} has no parameters"
    unknown = set(found.phases) - set(SCENARIOS)
    assert found.phases and not unknown, f"{found.name}: phases {found.phases}; known: {', '.join(SCENARIOS)}"
    for phase in found.phases:
        for run in SCENARIOS[phase].passes():
            load = found.workload(run, Parallelism(), Precision())
            check_workload(load, f"{found.name} {phase}")
            held = 2.0 * found.parameters
            assert math.isclose(_one(load.weight_byte), held, rel_tol=1e-9), f"{found.name}: one chip holds {load.weight_byte} bytes of weights, not {held}"
    if isinstance(found, Transformer):
        check_weights_once(found)
    check_replicas(found)


def check_workload(load: Workload, where: str) -> None:
    """Check one pass: a graph without loops, and numbers that are finite and not negative.

    Parameters
    ----------
    load : Workload
    where : str
        What it is, for messages.

    Raises
    ------
    AssertionError, GraphError
    """
    graph = load.to_networkx()
    assert len(graph) == len(load.nodes), f"{where}: operators share a name"
    for node in load.nodes:
        operator, label = node.operator, f"{where}: {node.operator.name}"
        assert _one(node.count) > 0, f"{label} runs {node.count} times"
        for what in ("matrix_flop", "vector_flop", "byte"):
            value = _one(getattr(operator, what))
            assert math.isfinite(value) and value >= 0, f"{label} has {what} {value}"
        assert all(_one(o.byte) >= 0 for o in operator.operands), f"{label} has an operand of negative size"
        nest = operator.nest
        used = {d for dimensions in nest.operands.values() for d in dimensions} | set(nest.reductions)
        assert used == set(nest.extents), f"{label}: the loop nest's dimensions {set(nest.extents)} are not those that index operands or reduce ({used})"


def check_weights_once(model: Transformer) -> None:
    """Check that a step reads no weight twice: not more than all parameters, plus a row of the embedding a token.

    Parameters
    ----------
    model : Transformer

    Raises
    ------
    AssertionError
    """
    scenario = SCENARIOS[model.phases[0]]
    load = model.workload(scenario.passes()[0], Parallelism(), Precision())
    read = _one(load.byte_of(Residency.WEIGHT)) / 2.0
    rows = 2 * 128 * model.hidden
    assert read <= model.parameters + rows, f"{model.name}: a pass reads {read:g} weights, but there are {model.parameters:g}"


def check_replicas(model: Model) -> None:
    """Check that two replicas share a batch: half of the arithmetic on each chip.

    Parameters
    ----------
    model : Model

    Raises
    ------
    AssertionError
    """
    run = SCENARIOS[model.phases[0]].passes()[0]
    one, two = (_one(model.workload(run, Parallelism(dp=dp), Precision()).flop) for dp in (1.0, 2.0))
    assert math.isclose(2 * two, one, rel_tol=0.02), f"{model.name}: two replicas compute {2 * two:g} flop for what is {one:g} on one chip"


def _one(x: Any) -> float:
    """A number that belongs to one design."""
    return float(x)


def _paths(spec: Chip | Link) -> list[str]:
    """Citation paths of the numbers that a spec states; defaults of the schema are the schema's to explain."""
    if isinstance(spec, Link):
        return list(_numbers(spec, ""))
    parts = [(f"tiers.{t.name}.", t) for t in spec.tiers] + [(f"engines.{e.name}.", e) for e in spec.engines]
    return [*_numbers(spec, ""), *(path for prefix, part in parts for path in _numbers(part, prefix))]


def _numbers(part: Any, path: str) -> Iterator[str]:
    for f in fields(part):
        value, where = getattr(part, f.name), f"{path}{bare_name(f.name)}"
        if isinstance(value, dict):
            yield from (f"{where}.{key}" for key in value)
        elif isinstance(value, float) and value != _default(f):
            yield where


def _default(f: Field[Any]) -> object:
    return f.default_factory() if f.default_factory is not MISSING else f.default


def check_reproduction(name: str, folder: str | None = None) -> None:
    """Check a published system: every claim says where it is from, is answered the same twice, and says why where it misses.

    Parameters
    ----------
    name : str
        A name of `roofscape.reproductions.SYSTEMS`.
    folder : str, optional
        Of reference tables; ``../shared/data``, if not said. Claims that need an absent table are skipped, and must say so.

    Raises
    ------
    AssertionError
        Saying what is wrong.
    """
    from roofscape.reproductions import find_reproduction
    from roofscape.reproductions.claim import outcome
    from roofscape.reproductions.shared import find_shared

    system, shared = find_reproduction(name), find_shared(folder)
    assert system.title, f"{name}: says no work that it reproduces"
    assert system.claims, f"{name}: has no claims"
    names = [c.claim for c in system.claims]
    assert len(set(names)) == len(names), f"{name}: two claims go by one name"
    for claim in system.claims:
        where = f"{name}: {claim.claim}"
        assert claim.system == system.name, f"{where}: is of {claim.system!r}"
        first, again = outcome(claim, shared), outcome(claim, shared)
        assert first == again, f"{where}: another answer the second time: {first.ours} and {again.ours}"
        if first.ours is None:
            assert claim.needs and first.note.startswith("skipped"), f"{where}: not answered, and does not say why"
            continue
        assert math.isfinite(first.ours), f"{where}: ours is {first.ours}"
        assert first.passed or claim.remark or ";" in first.note, f"{where}: misses ({first.note}) without a remark that says why"
