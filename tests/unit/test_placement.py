"""Where operators run on a chip with several engines: deals by hand, chains against every assignment there is."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import numpy as np
import pytest

from hardware_specs.catalog import find_system
from hardware_specs.schema import System
from magnitudes.arrays import as_float
from simulator.estimate import estimate
from simulator.machine import MachineError
from simulator.placement.assign import Stage, assign, moved_s
from simulator.placement.places import path_s, places_of, serving
from simulator.placement.split import deals, part, pieces
from simulator.placement.ways import ways
from simulator.reuse import Reuse
from workloads.catalog import find_model
from workloads.graph import Node
from workloads.operator import Attention, Collective, Contraction, Elementwise, GroupedContraction, Normalization
from workloads.scenario import Decode
from workloads.sharding import Parallelism

DUPLEX = find_system("4xduplex")
EXPERTS = GroupedContraction(name="experts", rows=128.0, groups=8.0, active=8.0, n=3584.0, k=4096.0)
REUSE = Reuse(1e12, 1e12, 0.0)


def places(system: System = DUPLEX, fidelity: str = "roofline") -> tuple:  # type: ignore[type-arg]
    return places_of(system, fidelity, "graph", correction=False)


def test_experts_are_dealt_whole_and_in_proportion_to_speed() -> None:
    assert deals(30.0, 10.0, 8.0) == ((2.0, 6.0), (2.0, 6.0))
    assert deals(30.0, 11.0, 8.0) == ((3.0, 5.0), (2.0, 6.0))
    assert deals(1.0, 1000.0, 8.0)[0] == (7.0, 1.0)  # each takes one at least
    assert deals(1.0, 1.0, 1.0)[0] == (1.0, 1.0)  # one piece is not dealt: both would do all of it


def test_a_part_of_an_operator_is_its_share_of_rows_groups_and_sequences() -> None:
    own = part(EXPERTS, 2.0, 8.0)
    assert isinstance(own, GroupedContraction) and (own.rows, own.groups, own.active) == (32.0, 2.0, 2.0)
    heads = Attention(name="a", batch=6.0, heads=32.0, kv_heads=8.0, q_len=1.0, kv_len=100.0, head_dim=128.0)
    assert pieces(heads) == 48.0 and part(heads, 12.0, 48.0).byte == pytest.approx(heads.byte / 4.0)
    assert pieces(Elementwise(name="e", elements=1.0)) is None


def test_what_runs_where() -> None:
    def names(operator: object) -> list[str]:
        return [p.name for p in serving(operator, places())]  # type: ignore[arg-type]

    assert names(EXPERTS) == ["sm", "logic_pim"]
    assert names(Normalization(name="n", rows=1.0, cols=8.0)) == ["sm"]
    assert names(Collective(name="c", pattern="all_reduce", message_byte=8.0, ranks=4.0)) == ["sm"]


def test_two_engines_share_experts_and_the_memory_between_them() -> None:
    """sm takes a third of the experts or less: 89 MB of 235 MB past 3.35 TB/s while the units read the rest at 13.4 TB/s, which is all the banks give."""
    found = {way.name: way for way in ways(Node(EXPERTS), places(), REUSE, coprocess=True)}
    byte_each = (128.0 * (4096.0 + 3584.0) * 2.0 + 8.0 * 4096.0 * 3584.0 * 2.0) / 8.0
    flop = 2.0 * 128.0 * 4096.0 * 3584.0
    assert found["sm"].time_s == pytest.approx(8.0 * byte_each / 3.35e12)
    assert found["logic_pim"].time_s == pytest.approx(flop / 106.5e12)
    both = found["sm + logic_pim"]
    assert both.time_s == pytest.approx(max(2.0 * byte_each / 3.35e12, 6.0 / 8.0 * flop / 106.5e12))
    assert both.parts["hbm shared"] == pytest.approx(8.0 * byte_each / 13.4e12)
    assert both.shares == {"sm": 0.25, "logic_pim": 0.75}


def test_two_engines_that_see_the_same_bandwidth_gain_nothing_where_it_binds() -> None:
    sm, pim = DUPLEX.chip.engines
    twin = replace(DUPLEX, chip=replace(DUPLEX.chip, engines=(sm, replace(pim, internal_byte_per_s=3.35e12))))
    operator = Contraction(name="p", m=1.0, n=4096.0, k=4096.0)
    found = {way.name: way.time_s for way in ways(Node(replace(EXPERTS, rows=8.0)), places(twin), REUSE, coprocess=True)}
    assert found["sm + logic_pim"] == pytest.approx(found["sm"])
    assert [w.name for w in ways(Node(operator), places(twin), REUSE, coprocess=True)] == ["sm", "logic_pim"]


@pytest.mark.parametrize("seed", range(40))
def test_a_chain_is_assigned_as_well_as_trying_everything(seed: int) -> None:
    rng = np.random.default_rng(seed)
    homes, count = int(rng.choice([2, 3])), int(rng.integers(1, 7))
    repeats = [1.0, 4.0, 4.0, 4.0, 1.0, 1.0][:count] if seed % 2 else [4.0] * count
    stages = []
    for i in range(count):
        times = [float(t) for t in rng.uniform(1.0, 5.0, homes)]
        serve = [t if j == 0 or rng.random() < 0.8 else None for j, t in enumerate(times)]
        move = rng.uniform(0.0, 3.0, (homes, homes)) * (1.0 - np.eye(homes))
        moves = tuple(tuple(float(x) for x in row) for row in move)
        stages.append(Stage(Node(Elementwise(name=f"e{i}", elements=1.0), repeats[i]), tuple(serve), moves))

    def whole(chosen: tuple[float, ...]) -> float:
        if any(s.time_s[int(h)] is None for s, h in zip(stages, chosen, strict=True)):
            return np.inf
        own = sum(as_float(s.node.count) * as_float(s.time_s[int(h)]) for s, h in zip(stages, chosen, strict=True))  # type: ignore[arg-type]
        return own + sum(map(as_float, moved_s(stages, list(chosen))))

    best = min(whole(c) for c in product(*[[float(h) for h in range(homes)]] * count))
    assert whole(tuple(map(as_float, assign(stages)))) == pytest.approx(best)


def test_a_layer_that_repeats_hands_over_to_itself() -> None:
    stay = ((0.0, 1.0), (1.0, 0.0))
    stages = [Stage(Node(Elementwise(name=n, elements=1.0), 8.0), times, stay) for n, times in (("a", (2.0, 1.5)), ("b", (1.0, 3.0)))]
    assert assign(stages) == [0.0, 0.0]  # half a second saved a layer is not worth two moves
    assert moved_s(stages, [1.0, 0.0]) == [7.0, 8.0]


def test_the_slower_side_sets_the_pace_between_memories() -> None:
    chip = find_system("h100-sxm").chip
    assert path_s(63e9, "hbm", "host", chip) == pytest.approx(1.0 + 1e-6)
    assert path_s(63e9, "hbm", "hbm", chip) == 0.0


@pytest.mark.parametrize("fidelity", ["roofline", "tile"])
def test_an_engine_more_is_never_slower(fidelity: str) -> None:
    model, cut = find_model("mixtral-8x7b"), Parallelism(tp=4.0)
    sm, pim = DUPLEX.chip.engines
    able = replace(pim, serves=())  # units that run whatever there is, so that they can be asked alone
    one, other, two = (replace(DUPLEX, chip=replace(DUPLEX.chip, engines=e)) for e in ((sm,), (able,), (sm, able)))
    for batch in (1.0, 16.0, 256.0):
        alone = [as_float(estimate(model, s, Decode(batch=batch), cut, fidelity=fidelity).time_s) for s in (one, other)]
        apart = as_float(estimate(model, two, Decode(batch=batch), cut, fidelity=fidelity, coprocess=False).time_s)
        both = as_float(estimate(model, two, Decode(batch=batch), cut, fidelity=fidelity).time_s)
        assert both <= apart <= min(alone)
        assert as_float(estimate(model, DUPLEX, Decode(batch=batch), cut, fidelity=fidelity).time_s) <= alone[0]


def test_an_engine_that_serves_no_such_operator_is_named() -> None:
    pim = DUPLEX.chip.engines[1]
    alone = replace(DUPLEX, chip=replace(DUPLEX.chip, engines=(pim,)))
    with pytest.raises(MachineError, match=r"no engine of duplex runs embedding \(gather\): logic_pim serves contraction.*Add it there"):
        estimate(find_model("mixtral-8x7b"), alone, Decode())
    wrong = replace(DUPLEX, chip=replace(DUPLEX.chip, engines=(replace(pim, serves=("atention",)),)))
    with pytest.raises(MachineError, match="did you mean attention"):
        estimate(find_model("mixtral-8x7b"), wrong, Decode())


def test_a_row_of_columns_is_the_scalar_call() -> None:
    model, cut = find_model("mixtral-8x7b"), Parallelism(tp=4.0)
    batches = np.array([1.0, 8.0, 64.0, 512.0])
    together = estimate(model, DUPLEX, Decode(batch=batches), cut).to_dict
    for row, batch in enumerate(batches):
        alone, mine = estimate(model, DUPLEX, Decode(batch=float(batch)), cut).to_dict(), together(row)
        assert mine["time_s"] == alone["time_s"]
        assert [(o["engine"], o["engines"], o["bound"]) for o in mine["operators"]] == [(o["engine"], o["engines"], o["bound"]) for o in alone["operators"]]
