"""A row of columns is the design alone, and a row of the compiled program too: whatever varies."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from explorers.question import DTYPE, FACTOR, OUTPUTS, Question
from hardware_specs.catalog import find_system
from hardware_specs.fields import field_values
from magnitudes.datatypes import DataTypeChoice
from magnitudes.errors import InputError
from simulator.engines import cost_law
from simulator.estimate import estimate
from simulator.machine import machine_of
from simulator.reuse import Reuse
from simulator.tables import row
from tests.properties.strategies import OPERATORS, format_columns, libraries, machines, sizes, surroundings
from workloads.catalog import find_model
from workloads.operator import Operator
from workloads.scenario import Decode, Images, Inference, MixedBatch, Prefill, Scenario
from workloads.sharding import Parallelism

ROWS = 6
MODELS = ("llama-3-8b", "mixtral-8x7b", "gpt2", "bert-large", "resnet-50")
SCENARIOS: dict[str, tuple[Scenario, ...]] = {
    "llama-3-8b": (Prefill(), Decode(), Inference(), MixedBatch()), "mixtral-8x7b": (Prefill(), Decode(), MixedBatch()), "gpt2": (Decode(), Prefill()),
    "bert-large": (Prefill(),), "resnet-50": (Images(),),
}  # fmt: skip
SYSTEMS = ("8xh100-sxm", "8xa100-sxm-80gb", "8xmi300x", "8xv100-sxm2", "8xl40s", "dgx-b200")
TYPES = ("bf16", "fp8", "fp32", "fp16", "int4")
EXACT = 1e-12  # powers of numpy over columns may end in another bit than over floats


def close(a: Any, b: Any) -> bool:
    """Equal, but for the last bits."""
    return bool(np.isclose(float(a), float(b), rtol=EXACT, atol=0.0))


@st.composite
def questions(draw: Any, spill: bool | None = None) -> Question:
    """A model on a system in a scenario, at a fidelity."""
    model = draw(st.sampled_from(MODELS))
    return Question(
        find_model(model), find_system(draw(st.sampled_from(SYSTEMS))), draw(st.sampled_from(SCENARIOS[model])), Parallelism(), TYPES,
        draw(st.sampled_from(["tile", "roofline"])), draw(st.sampled_from(["graph", "eager", "kernel"])), draw(st.booleans()) if spill is None else spill,
    )  # fmt: skip


def hardware_paths(question: Question) -> list[str]:
    """Every number of the chip and the links in use."""
    return list(field_values(question.system))


@st.composite
def designs(draw: Any, question: Question, rows: int) -> dict[str, np.ndarray]:
    """Columns for some of the hardware's numbers, and for everything of the scenario, the cut and the data type."""
    columns: dict[str, np.ndarray] = {}

    def column(strategy: st.SearchStrategy[float]) -> np.ndarray:
        return np.array(draw(st.lists(strategy, min_size=rows, max_size=rows)))

    for path in draw(st.lists(st.sampled_from(hardware_paths(question)), max_size=5, unique=True)):
        columns[path + FACTOR] = column(st.floats(0.25, 4.0))
    cached = "decode" in question.model.phases
    for f in fields(question.scenario):
        if f.name in ("speculate", "acceptance") or (f.name == "cached_prompt" and not cached):
            continue  # they need a draft, or a cache
        if draw(st.booleans()):
            columns[f.name] = column(st.floats(0.0, 0.9) if f.name == "cached_prompt" else sizes(1, 4096))
    for degree in ("tp", "pp", "dp", "ep"):
        if draw(st.booleans()):
            columns[degree] = column(st.sampled_from([1.0, 1.0, 2.0, 2.0, 4.0, 3.0]))
    if draw(st.booleans()):
        columns[DTYPE] = column(st.integers(0, len(TYPES) - 1).map(float))
    return columns


@settings(max_examples=60)
@given(data=st.data(), question=questions(), rows=st.sampled_from([1, ROWS]))
def test_a_row_is_the_design_alone(data: st.DataObject, question: Question, rows: int) -> None:
    columns = data.draw(designs(question, rows))
    if not columns:
        return
    together = question.estimate(columns)
    place = data.draw(st.integers(0, rows - 1))
    design = {path: float(c[place]) for path, c in columns.items()}
    feasible, legal = bool(row(together.feasible, place)), bool(row(together.legal, place))
    try:
        alone = question.estimate(design)
    except InputError:
        assert not legal  # a single design that cannot be cut so is refused
        return
    assert legal
    assert feasible == alone.feasible
    assert bool(row(together.fits, place)) == alone.fits
    for name in ("time_s", "throughput_token_per_s", "ttft_s", "tpot_s"):
        value = getattr(alone, name)
        assert value is None or close(row(getattr(together, name), place), value), name
    assert close(row(together.memory.total_byte, place), alone.memory.total_byte)
    costs = {(p.run.phase, n, c.operator.name): c for n, p in enumerate(together.passes) for c in p.costs}
    for n, p in enumerate(alone.passes):
        for cost in p.costs:
            other = costs[p.run.phase, n, cost.operator.name]
            for name, part in cost.parts.items():
                assert close(row(other.parts[name], place), part), (cost.operator.name, name)


@settings(max_examples=25)
@given(data=st.data(), question=questions())
def test_a_row_of_the_compiled_program_is_the_column_s(data: st.DataObject, question: Question) -> None:
    columns = data.draw(designs(question, ROWS))
    if not columns:
        return
    together = question.estimate(columns)
    outputs = tuple(o for o in OUTPUTS if o == "memory_byte" or getattr(together, o) is not None)
    results = question.compiled(tuple(columns), outputs).run(columns)
    for name in outputs:
        expected = together.memory.total_byte if name == "memory_byte" else getattr(together, name)
        np.testing.assert_allclose(results[name], np.broadcast_to(expected, ROWS), rtol=EXACT, err_msg=name)


@pytest.mark.parametrize("kind", OPERATORS)
@settings(max_examples=15)
@given(data=st.data(), system=machines(), reuse=surroundings())
def test_columns_of_sizes_and_formats_are_rows_of_single_operators(kind: str, data: st.DataObject, system: Any, reuse: Reuse) -> None:
    drawn = data.draw(OPERATORS[kind])
    library = data.draw(st.sampled_from(libraries(kind)))
    numbers = [f.name for f in fields(drawn) if isinstance(getattr(drawn, f.name), float) and f.name not in ("index_byte", "flop_per_element")]
    varied = {n: np.array([getattr(drawn, n), getattr(drawn, n) * 2.0]) for n in numbers if data.draw(st.booleans())}
    if kind == "experts":
        varied.pop("active", None)
    columns = {**varied, **_format_columns(data, drawn)}
    law = cost_law(machine_of(system), data.draw(st.sampled_from(["tile", "roofline"])), "graph", library)
    together = law.cost(_replaced(drawn, columns), 1.0, reuse)
    for place in (0, 1):
        alone = law.cost(_replaced(drawn, {n: _picked(c, place) for n, c in columns.items()}), 1.0, reuse)
        assert close(_at(together.time_s, place), alone.time_s)
        for name, part in alone.parts.items():
            assert close(_at(together.parts[name], place), part), name


def _format_columns(data: st.DataObject, operator: Operator) -> dict[str, Any]:
    """Columns for the formats of an operator, all of one kind as serving stacks use them."""
    names = [n for n in ("a", "element", "b", "state") if hasattr(operator, n) and getattr(operator, n) is not None]
    wide = ("bf16", "fp16", "fp32")
    return {n: data.draw(format_columns(2, *(() if n in ("a", "b") else wide))) for n in names if data.draw(st.booleans())}


def _picked(column: Any, place: int) -> Any:
    return column.options[int(column.index[place])] if isinstance(column, DataTypeChoice) else float(column[place])


def _replaced(operator: Operator, values: dict[str, Any]) -> Any:
    from dataclasses import replace

    return replace(operator, **values)


def _at(x: Any, place: int) -> float:
    return float(np.broadcast_to(x, 2)[place])


def test_one_call_may_mix_floats_and_columns() -> None:
    system = find_system("8xh100-sxm")
    both = estimate(find_model("llama-3-8b"), system, Decode(batch=np.array([1.0, 8.0]), context=1000.0), Parallelism(tp=[1, 8]))
    assert len(both) == 2
    for place, (batch, tp) in enumerate([(1, 1), (8, 8)]):
        assert close(both.time_s[place], estimate(find_model("llama-3-8b"), system, Decode(batch, 1000.0), Parallelism(tp=tp)).time_s)  # type: ignore[index]
