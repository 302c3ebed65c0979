"""Separable choices: the optimum is that of trying all; refusals say which limit excludes everything; a fleet costs what arithmetic says."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from explorers.search.integer_program import Choices, Option, cheapest_fleet, choose
from magnitudes.errors import InputError
from magnitudes.names import NameMiss


def some_choices(seed: int) -> Choices:
    generator = np.random.default_rng(seed)
    slots = {
        f"layer {i}": [Option(f"block {j}", {"time_s": t, "memory_byte": 1e9 * m, "quality": q}) for j, (t, m, q) in enumerate(generator.random((4, 3)))]
        for i in range(5)
    }
    return Choices(slots, "maximise quality", at_most={"time_s": 2.2, "memory_byte": 2.6e9})


@pytest.mark.parametrize("seed", range(8))
def test_the_optimum_is_that_of_trying_all(seed: int) -> None:
    choices = some_choices(seed)
    best = -np.inf
    for options in product(*choices.slots.values()):
        total = {n: sum(o.figures[n] for o in options) for n in ("time_s", "memory_byte", "quality")}
        if all(total[n] <= limit for n, limit in choices.at_most.items()):
            best = max(best, total["quality"])
    if np.isinf(best):
        with pytest.raises(InputError, match="no choice keeps all limits"):
            choose(choices)
        return
    found = choose(choices)
    assert found.objective == pytest.approx(best, rel=1e-6)
    assert found.gap <= 1e-5
    assert all(found.totals[n] <= limit * (1 + 1e-6) for n, limit in choices.at_most.items())
    assert set(found.options) == set(choices.slots)


def test_the_limit_that_excludes_all_is_named() -> None:
    slots = {"a": [Option("x", {"time_s": 2.0}), Option("y", {"time_s": 3.0})], "b": [Option("x", {"time_s": 1.0})]}
    with pytest.raises(InputError, match=r"time_s is at least 3, the limit is 2\.5"):
        choose(Choices(slots, "minimise time_s", at_most={"time_s": 2.5}))
    with pytest.raises(InputError, match="time_s is at most 4, the limit is 9"):
        choose(Choices(slots, "minimise time_s", at_least={"time_s": 9.0}))
    with pytest.raises(NameMiss, match="did you mean time_s"):
        choose(Choices(slots, "minimise times_s"))
    with pytest.raises(InputError, match="no option"):
        choose(Choices({**slots, "c": []}, "minimise time_s"))


def test_a_fleet_mixes_machines_where_that_is_cheaper() -> None:
    # Small requests: 10/s on a machine of 1 USD, 12/s on one of 4. Large: 1/s on the small machine, 8/s on the large.
    throughputs = {"small": {"short": 10.0, "long": 1.0}, "large": {"short": 12.0, "long": 8.0}}
    fleet = cheapest_fleet({"short": 20.0, "long": 8.0}, throughputs, {"small": 1.0, "large": 4.0})
    assert fleet.machines == {"small": 2, "large": 1}  # 20/10 small ones for short, 8/8 large ones for long
    assert fleet.cost == 2 * 1.0 + 4.0
    alone = {m: cheapest_fleet({"short": 20.0, "long": 8.0}, {m: throughputs[m]}, {m: p}).cost for m, p in (("small", 1.0), ("large", 4.0))}
    assert alone == {"small": 10.0, "large": 12.0}  # 2 + 8 small ones; 20/12 + 8/8 = 2.67, so 3 large ones
    assert all(sum(shares.values()) == pytest.approx(1.0) for shares in fleet.shares.values())


def test_whole_machines_are_shared_between_kinds() -> None:
    fleet = cheapest_fleet({"a": 5.0, "b": 5.0}, {"m": {"a": 10.0, "b": 10.0}}, {"m": 3.0})
    assert fleet.machines == {"m": 1}  # half a machine of each


def test_what_nobody_serves_is_refused() -> None:
    with pytest.raises(InputError, match="no machine serves long"):
        cheapest_fleet({"long": 1.0}, {"m": {"long": 0.0}}, {"m": 1.0})
    with pytest.raises(NameMiss, match="price of"):
        cheapest_fleet({"long": 1.0}, {"m": {"long": 1.0}}, {"n": 1.0})
    with pytest.raises(InputError, match="allow more"):
        cheapest_fleet({"long": 100.0}, {"m": {"long": 1.0}}, {"m": 1.0}, most=10)
