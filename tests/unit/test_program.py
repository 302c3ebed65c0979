"""A compiled formula: the bits that floats give, in few buffers, whatever the blocks."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from magnitudes import arrays
from magnitudes.errors import InputError
from magnitudes.program import Program, compiled
from magnitudes.symbol import LOGICAL, Formula, Operation

Law = Callable[[list[Any]], Any]
ROWS = 37

NUMBERS: dict[str, Callable[[Any, Any], Any]] = {
    "add": operator.add, "subtract": operator.sub, "multiply": operator.mul,
    "divide": lambda a, b: a / (arrays.maximum(b, -b) + 0.25),
    # numpy squares where all exponents are one 2, and not where a column's are: no column here holds such a whole or half one
    "power": lambda a, b: arrays.power(arrays.maximum(a, -a) + 0.25, arrays.clip(b, -2.0, 2.5) + 0.0123456789),
    "negative": lambda a, _: -a, "minimum": arrays.minimum, "maximum": arrays.maximum,
    "ceil": lambda a, _: arrays.ceil(a), "floor": lambda a, _: arrays.floor(a),
    "sqrt": lambda a, _: arrays.sqrt(arrays.maximum(a, 0.0)),
    "exp": lambda a, _: arrays.exp(arrays.clip(a, -20.0, 3.0)),
    "log": lambda a, _: arrays.log(arrays.maximum(a, 0.125)),
    "where": lambda a, b: arrays.where(a < b, a * 0.5, b),
    "where_either": lambda a, b: arrays.where(arrays.either(a <= b, arrays.equal(b, 1.0)), b + 1.0, a),
    "where_both": lambda a, b: arrays.where(arrays.both(a > b, a >= 0.5), 2.0, a - b),
}  # fmt: skip


@st.composite
def formulas(draw: st.DrawFn) -> Law:
    """A random formula of three inputs: a list of operations, each on inputs, constants and earlier results."""
    steps = draw(st.lists(st.tuples(st.sampled_from(sorted(NUMBERS)), st.integers(0, 40), st.integers(0, 40)), min_size=1, max_size=25))

    def law(inputs: list[Any]) -> Any:
        values: list[Any] = [*inputs, 0.5, 1.0, 3.0]
        for name, a, b in steps:
            value = NUMBERS[name](values[a % len(values)], values[b % len(values)])
            values.append(arrays.clip(value, -1e6, 1e6))
        return values[-1] + values[len(values) // 2]

    return law


def program_of(law: Law, names: tuple[str, ...] = ("x", "y", "z")) -> Program:
    formula = Formula()
    return compiled(formula, {"result": law([formula.input(name) for name in names])})


def columns(rows: int = ROWS, seed: int = 0) -> dict[str, Any]:
    random = np.random.default_rng(seed)
    return {name: np.round(random.uniform(-4, 4, rows), 1 + place) for place, name in enumerate(("x", "y", "z"))}


@settings(max_examples=150, deadline=None)
@given(law=formulas(), block=st.sampled_from([1, 5, 16, 64]))
def test_a_row_is_bit_for_bit_what_floats_give(law: Law, block: int) -> None:
    given_columns = columns()
    by_row = [float(law([float(c[row]) for c in given_columns.values()])) for row in range(ROWS)]
    by_program = program_of(law).run(given_columns, block=block)["result"]
    assert by_program.tolist() == by_row


@settings(max_examples=50, deadline=None)
@given(law=formulas())
def test_columns_give_the_same_bits_as_the_program(law: Law) -> None:
    given_columns = columns(seed=1)
    by_columns = np.broadcast_to(law(list(given_columns.values())), ROWS)
    assert program_of(law).run(given_columns)["result"].tolist() == by_columns.tolist()


def test_a_long_chain_needs_two_buffers() -> None:
    def law(inputs: list[Any]) -> Any:
        x, y, _ = inputs
        for step in range(100):
            x = (x + y) * (1.0 + step)
        return x

    program = program_of(law)
    assert len(program.instructions) == 199  # 100 sums, 99 products: times 1.0 is left out
    assert program.buffers == 1  # each result takes the place of the one before it
    x, y, z = (float(c[0]) for c in columns().values())
    assert program.run(columns())["result"][0] == law([x, y, z])


def test_values_that_are_read_later_keep_their_buffers() -> None:
    # four sums that all wait for the product of their differences
    def law(inputs: list[Any]) -> Any:
        x, y, z = inputs
        kept = [x + 1.0, y + 2.0, z + 3.0, x + y]
        return arrays.total(arrays.maximum(k, 0.0) * k for k in kept) + kept[0] * kept[1] * kept[2] * kept[3]

    program = program_of(law)
    assert 4 <= program.buffers <= 7
    assert program.run(columns())["result"][3] == law([float(c[3]) for c in columns().values()])


@pytest.mark.parametrize("swapped", [False, True])
def test_a_choice_may_take_the_place_of_what_it_reads(swapped: bool) -> None:
    def law(i: list[Any]) -> Any:
        a, b = i[0] + i[1], i[0] * i[1]
        return arrays.where(i[0] < i[1], b, a) if swapped else arrays.where(i[0] < i[1], a, b)

    program = program_of(law)
    assert program.buffers == 2
    expected = [law([float(c[row]) for c in columns().values()]) for row in range(ROWS)]
    assert program.run(columns())["result"].tolist() == expected


def test_equal_subformulas_are_computed_once() -> None:
    formula = Formula()
    x, y = formula.input("x"), formula.input("y")
    program = compiled(formula, {"a": (x + y) * (x + y), "b": (x + y) / 3.0})
    assert [i.function for i in program.instructions] == ["add", "multiply", "divide"]


def test_what_no_output_needs_is_dropped() -> None:
    formula = Formula()
    x, y = formula.input("x"), formula.input("y")
    _ = arrays.exp(y)
    program = compiled(formula, {"a": x * 2.0})
    assert program.inputs == ("x",)
    assert len(program.instructions) == 1


def test_what_changes_nothing_is_left_out() -> None:
    formula = Formula()
    x = formula.input("x")
    assert (x + 0.0) is x and (0.0 + x) is x and (x - 0.0) is x
    assert (x * 1.0) is x and (1.0 * x) is x and (x / 1.0) is x
    assert isinstance(formula.operations[(0.0 - x).number], Operation)  # but minus x does
    assert isinstance(formula.operations[(1.0 / x).number], Operation)


def test_what_gives_the_same_bits_is_one_node() -> None:
    formula = Formula()
    x, y = formula.input("x"), formula.input("y")
    program = compiled(formula, {"result": (x + y) * (y + x) + (x * y - y * x), "halves": x / 4.0 + 0.25 * x})
    assert [i.function for i in program.instructions] == ["add", "multiply", "multiply", "subtract", "add", "multiply", "add"]


@pytest.mark.parametrize("divisor", [2.0, -0.125, 2.0**400, 3.0, 10.0, 0.75, 2.0**1000, 5e-324, 0.0, float("inf")])
def test_dividing_by_a_constant_keeps_its_bits(divisor: float) -> None:
    formula = Formula()
    program = compiled(formula, {"result": formula.input("x") / divisor})
    exact = divisor in (2.0, -0.125, 2.0**400)
    assert [i.function for i in program.instructions] == ["multiply" if exact else "divide"]
    x = np.concatenate([np.random.default_rng(0).normal(size=100) * 1e3, [0.0, -0.0, 1e300, 5e-324, 2.2e-308, np.inf]])
    with np.errstate(all="ignore"):
        assert np.array_equal(program.run({"x": x})["result"], x / divisor, equal_nan=True)


def test_a_known_condition_chooses_while_compiling() -> None:
    formula = Formula()
    x = formula.input("x")
    assert formula.node("where", (True, x, 2.0)) is x
    assert formula.node("where", (False, x, 2.0)) == 2.0


def test_a_symbol_has_no_truth() -> None:
    with pytest.raises(TypeError, match="where"):
        bool(Formula().input("x") < 1.0)


def test_outputs_may_be_inputs_numbers_and_truths() -> None:
    formula = Formula()
    x = formula.input("x")
    results = compiled(formula, {"same": x, "number": 2.5, "always": True, "below": x < 0.0}).run(columns())
    assert results["same"].tolist() == columns()["x"].tolist()
    assert results["number"].tolist() == [2.5] * ROWS
    assert results["always"].dtype == bool and results["always"].all()
    assert results["below"].dtype == bool
    assert results["below"].tolist() == (columns()["x"] < 0).tolist()


def test_logical_functions_write_masks() -> None:
    program = program_of(lambda i: arrays.where(arrays.both(i[0] < i[1], i[1] < i[2]), 1.0, 0.0))
    assert {i.function for i in program.instructions if i.function in LOGICAL} == {"less", "logical_and"}
    assert program.masks == 2
    x, y, z = columns().values()
    assert program.run(columns())["result"].tolist() == ((x < y) & (y < z)).astype(float).tolist()


@pytest.mark.parametrize("rows", [0, 1, 15, 16, 17, 32])
def test_any_number_of_rows(rows: int) -> None:
    program = program_of(lambda i: i[0] * i[1] - arrays.ceil(i[2]))
    x, y, z = columns(rows).values()
    assert program.run(columns(rows), block=16)["result"].tolist() == (x * y - np.ceil(z)).tolist()


def test_a_missing_input_and_unequal_lengths_are_named() -> None:
    program = program_of(lambda i: i[0] + i[1])
    with pytest.raises(InputError, match="no column y"):
        program.run({"x": np.ones(3)})
    with pytest.raises(InputError, match="x: 3, y: 4"):
        program.run({"x": np.ones(3), "y": np.ones(4)})


def test_inputs_are_left_as_they_were() -> None:
    given_columns = columns()
    program_of(lambda i: (i[0] + i[1]) * i[0] - arrays.maximum(i[1], i[2])).run(given_columns)
    assert all((given_columns[name] == c).all() for name, c in columns().items())
