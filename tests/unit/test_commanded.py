"""Mappings given to an array that commands drive: what its queues are asked for, and how long that takes, counted by hand."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from hardware_specs.catalog import find_system
from hardware_specs.schema import SpatialEngine
from magnitudes.arrays import Real
from magnitudes.datatypes import DATA_TYPES
from magnitudes.errors import InputError
from simulator.calibration import left_out, overlaid
from simulator.engines import cost_law
from simulator.machine import MachineError, machine_of
from simulator.reuse import Reuse
from simulator.spatial.commanded.caches import crowding, evicted, spacing
from simulator.spatial.commanded.drive import drive_of
from simulator.spatial.commanded.requests import aligned, row_requests
from simulator.spatial.mapped import counts_clocks, counts_of
from workloads.operator import Contraction, Convolution, Loop, Tiling

INT8 = DATA_TYPES["int8"]
ORDER = "srcqpk"  # places of the loops, the innermost first
NOTHING = Reuse(0.0, 0.0, 0.0)


def array(**changes: Real) -> SpatialEngine:
    engine = find_system("gemmini").chip.engine
    assert isinstance(engine, SpatialEngine)
    return replace(engine, **changes)  # type: ignore[arg-type]


def tiling(side: Real, order: str = ORDER, **tiles: Real) -> Tiling:
    return Tiling(**{d: Loop(tiles.get(d, 1.0), float(order.index(d))) for d in "pqkcrs"}, side=side)


def product(m: Real, n: Real, sums: Real, side: Real, order: str = ORDER, **tiles: Real) -> Contraction:
    return Contraction(name="fc", m=m, n=n, k=sums, a=INT8, b=INT8, c=INT8, tiling=tiling(side, order, **({"p": m, "k": n, "c": sums} | tiles)))


def convolution(out: Real, cin: Real, cout: Real, kernel: Real, side: Real, order: str = ORDER, stride: Real = 1.0, **tiles: Real) -> Convolution:
    whole = {"p": out, "q": out, "k": cout, "c": cin, "r": kernel, "s": kernel}
    return Convolution(
        name="conv", batch=1.0, cin=cin, cout=cout, in_h=out * stride, in_w=out * stride, out_h=out, out_w=out, kernel_h=kernel, kernel_w=kernel,
        stride=stride, a=INT8, b=INT8, c=INT8, tiling=tiling(side, order, **(whole | tiles)),
    )  # fmt: skip


def clocks(operator: Contraction | Convolution, engine: SpatialEngine | None = None) -> Any:
    engine = engine or array()
    return counts_clocks(counts_of(operator, engine), engine, product=isinstance(operator, Contraction))[0]


@pytest.mark.parametrize(
    ("byte", "step", "offset", "requests", "beats"),
    [
        (64.0, 64.0, 0, 1.0, 4.0),  # a line
        (16.0, 16.0, 0, 1.0, 1.0),
        (8.0, 8.0, 8, 1.0, 1.0),  # within one clock of the bus wherever it begins
        (16.0, 16.0, 8, 1.25, 2.5),  # begins at 8, 24, 40, 56: 32 B, 64 B, 32 B, and over the end of the line
        (64.0, 64.0, 8, 2.0, 5.0),  # 56 B of one line and 8 of the next
        (128.0, 64.0, 0, 2.0, 8.0),
    ],
)
def test_rows_on_the_bus(byte: float, step: float, offset: int, requests: float, beats: float) -> None:
    assert row_requests(byte, step, offset) == (requests, beats)
    columns = row_requests(np.array([byte, 1.0]), np.array([step, 1.0]), offset)
    assert columns[0][0] == requests and columns[1][0] == beats  # type: ignore[index]


def test_what_divides_a_row() -> None:
    assert [aligned(b) for b in (1.0, 24.0, 96.0, 4096.0)] == [1.0, 8.0, 32.0, 64.0]
    assert list(aligned(np.array([1.0, 24.0, 96.0, 4096.0]))) == [1.0, 8.0, 32.0, 64.0]  # type: ignore[arg-type]


def test_a_product_in_one_tile() -> None:
    """1 x 64 by 64 x 128 on 16 x 16: 4 x 8 blocks of weights, loaded by lines of 64 B, 16 rows a command."""
    with left_out("gemmini"):
        counts = counts_of(product(1.0, 128.0, 64.0, 16.0), array())
        assert (counts.tiles, counts.sums) == (1.0, 1.0)
        assert (counts.weights.commands, counts.weights.requests, counts.weights.beats) == (8.0, 128.0, 512.0)
        assert (counts.inputs.commands, counts.inputs.requests, counts.inputs.beats) == (1.0, 1.0, 4.0)
        assert (counts.results.commands, counts.results.requests, counts.results.beats) == (2.0, 2.0, 8.0)
        assert counts.execute_clocks == 4 * 8 * 16  # each block of weights takes the whole side
        # Two commands in flight: loads 512 + (20 + 4) / 2, array 512, stores (2 * 20 + 8) / 2; half of all three is more than any.
        assert clocks(product(1.0, 128.0, 64.0, 16.0)) == (524 + 512 + 24) / 2 + 524 + 512 + 24


def test_tiles_of_a_product_are_counted_in_blocks_of_sixteen() -> None:
    for side, tiles in ((4.0, 32 * 4.0), (16.0, 8.0), (64.0, 2.0)):  # 16 columns, and 16 of the sum, are one block as large as the array
        assert counts_of(product(1.0, 128.0, 16.0, side, k=16.0), array()).tiles == tiles


def test_a_convolution_in_one_tile() -> None:
    """3 x 3 over 4 x 4, 4 channels in and out, on 4 x 4: one block of weights a place of the filter, past which 16 pixels stream."""
    counts = counts_of(convolution(4.0, 4.0, 4.0, 3.0, 4.0), array())
    assert (counts.tiles, counts.sums, counts.held) == (1.0, 1.0, False)
    assert counts.execute_clocks == 9 * 16
    assert (counts.inputs.commands, counts.inputs.requests) == (4.0, 16.0)  # rows of 4 pixels; a pixel is 4 B
    assert counts.padding_rows == 6 * 6 - 4 * 4
    assert (counts.weights.commands, counts.weights.requests) == (9.0, 36.0)
    assert (counts.results.commands, counts.results.requests, counts.cleared_rows) == (4.0, 16.0, 16.0)


def test_no_command_streams_less_than_four_rows_and_new_weights_take_the_side() -> None:
    counts = counts_of(convolution(2.0, 16.0, 16.0, 1.0, 16.0), array())
    assert counts.execute_clocks == 16 + 4  # two rows of two pixels: the first brings the weights
    assert counts_of(convolution(2.0, 2.0, 2.0, 1.0, 2.0), array()).execute_clocks == 4 + 4


def test_an_even_filter_has_one_row_of_results_more() -> None:
    assert counts_of(convolution(4.0, 4.0, 4.0, 3.0, 4.0), array()).tiles == 1.0
    assert counts_of(convolution(4.0, 4.0, 4.0, 2.0, 4.0), array()).tiles == 4.0  # 5 x 5 results in tiles of 4 x 4


def test_a_tile_wholly_in_the_padding_wraps_the_counter() -> None:
    """Results 8 of a 4 x 4 filter taken column by column: the last lies two columns beyond the image, one more than it is wide."""
    whole, by_column = (counts_of(convolution(8.0, 4.0, 4.0, 4.0, 4.0, r=r), array()) for r in (4.0, 1.0))
    assert whole.inputs.requests < 1e3
    assert by_column.inputs.requests > 65000 * 8


def test_rows_a_power_of_two_apart_crowd_a_cache() -> None:
    drive = drive_of(array())  # 1024 sets of 64 B lines
    assert [spacing(stride, drive) for stride in (64.0, 192.0, 200.0, 4096.0, 2.0**20)] == [1.0, 1.0, 1.0, 64.0, 1024.0]
    assert crowding(64.0, 16.0, 64.0) == 64.0 and crowding(64.0, 4096.0, 64.0) == 1.0


def test_a_cache_that_replaces_at_random_forgets_by_and_by() -> None:
    assert evicted(0.5) == evicted(1.0) == 0.0
    for fill in (1.01, 1.2, 2.0, 5.0, 40.0):
        gone = evicted(fill)
        assert gone == pytest.approx(1.0 - np.exp(-gone * fill), abs=5e-4)
    assert np.all(np.diff(evicted(np.geomspace(0.5, 100.0, 400))) >= -1e-9)  # type: ignore[arg-type]


def test_lines_come_from_where_they_were_last_touched() -> None:
    small, middle, large = (counts_of(product(1.0, n, n, 64.0, k=1024.0, c=1024.0), array()).weights for n in (256.0, 1088.0, 4160.0))
    assert (small.last, small.memory) == (0.0, 0.0)  # 64 KiB, in the cache since the run before
    assert middle.last > 0.5 * middle.requests and middle.memory == 0.0  # 1.2 MB
    assert large.memory > 0.9 * large.requests > 20.0 * large.last  # 17 MB


def test_sums_that_are_not_complete_before_the_next_tile_hold_it_up() -> None:
    inside, outside = (convolution(32.0, 64.0, 32.0, 1.0, 16.0, order, c=16.0, q=8.0) for order in ("srcqpk", "srqpkc"))
    assert not counts_of(inside, array()).held and counts_of(outside, array()).held
    assert clocks(outside) > clocks(inside)


def test_the_host_sets_the_pace_of_small_tiles() -> None:
    tiny = convolution(64.0, 16.0, 16.0, 1.0, 16.0, p=1.0, q=1.0)
    assert 64 * 64 * 274 < clocks(tiny) < 1.01 * 64 * 64 * 274


def random(rows: int) -> tuple[Contraction, Convolution]:
    draw = np.random.default_rng(7)
    two = lambda low, high: 2.0 ** draw.integers(low, high, rows)  # noqa: E731
    out, cin, cout, kernel, side = two(2, 6), two(1, 9), two(1, 9), draw.choice([1.0, 2.0, 3.0, 5.0], rows), two(2, 6)
    place = dict(zip("pqkcrs", np.argsort(draw.random((rows, 6))).T.astype(float), strict=True))
    tiles = {"p": two(0, 6), "q": two(0, 6), "k": two(0, 9), "c": two(0, 9), "r": np.where(draw.random(rows) < 0.5, 1.0, kernel), "s": kernel}
    given = Tiling(**{d: Loop(tiles[d], place[d]) for d in "pqkcrs"}, side=side)
    conv = replace(convolution(out, cin, cout, kernel, side), tiling=given)
    return replace(product(out, cout, cin, side), tiling=given), conv


def one(operator: Any, row: int) -> Any:
    """One row of an operator as floats."""
    pick = lambda x: float(x[row]) if isinstance(x, np.ndarray) else x  # noqa: E731
    given = operator.tiling
    loops = {d: Loop(pick(loop.tile), pick(loop.place)) for d, loop in given.loops.items()}
    sizes = {f: pick(getattr(operator, f)) for f in operator.__dataclass_fields__ if isinstance(getattr(operator, f), np.ndarray)}
    return replace(operator, **sizes, tiling=Tiling(**loops, side=pick(given.side)))


@pytest.mark.parametrize("kind", [0, 1], ids=["product", "convolution"])
def test_a_row_is_the_design_alone(kind: int) -> None:
    together = random(60)[kind]
    found = clocks(together)
    for row in range(60):
        assert clocks(one(together, row)) == pytest.approx(found[row], rel=1e-12)


@pytest.mark.parametrize("kind", [0, 1], ids=["product", "convolution"])
def test_better_parts_are_never_slower(kind: int) -> None:
    operators = random(300)[kind]
    base = clocks(operators)
    with overlaid({"commanded": {"memory_clocks": None}}):  # what slower memory costs comes from the bus alone
        documented = clocks(operators)
        assert np.all(clocks(operators, array(memory_bus_byte=16.0)) <= documented)
    better = {"requests": 64.0, "answer_clocks": 10.0, "cache_byte": 2.0**21, "last_cache_byte": 2.0**23, "call_clocks": 100.0, "least_rows": 1.0}
    for name, value in better.items():
        assert np.all(clocks(operators, array(**{name: value})) <= base * (1 + 1e-12)), name
    assert np.all(base >= counts_of(operators, array()).execute_clocks)


def test_columns_are_fast() -> None:
    """200,000 designs a second of one core's own time, whatever else runs on it."""
    for operators in random(16384):
        seconds = []
        for _ in range(5):
            start = time.process_time()
            clocks(operators)
            seconds.append(time.process_time() - start)
        print(f"{16384 / min(seconds):,.0f} designs/s")
        assert 16384 / min(seconds) > 200_000


def test_what_cannot_be_followed_is_said() -> None:
    layer = product(1.0, 128.0, 64.0, 16.0)
    law = cost_law(machine_of(find_system("tpu-v4")), "tile", "graph")
    with pytest.raises(MachineError, match="leave the mapping out"):
        law.cost(layer, 1.0, NOTHING)
    law = cost_law(machine_of(find_system("gemmini")), "tile", "graph")
    assert law.cost(layer, 1.0, NOTHING).bound == "load"
    with pytest.raises(MachineError, match="int8"):
        law.cost(replace(layer, a=DATA_TYPES["bf16"]), 1.0, NOTHING)
    with pytest.raises(InputError, match="256"):
        clocks(product(1.0, 1024.0, 64.0, 512.0))
