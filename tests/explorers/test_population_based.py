"""Settings are bred while a space is explored: one budget, the same for the same seed, the worse take over from the better."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from explorers.base import build, explorer_class
from explorers.search.population_based import KINDS, changed
from explorers.space.catalog import find_space
from explorers.study import explore
from magnitudes.errors import InputError
from magnitudes.names import NameMiss

SPACE = "h100-like-decode"


@pytest.mark.parametrize("of", KINDS)
def test_members_share_one_budget_and_a_seed_says_all(of: str) -> None:
    one, again = (explore(SPACE, "pbt", 90, 5, {"of": of, "members": 3, "turn": 8}) for _ in range(2))
    assert one.evaluations == 90
    np.testing.assert_array_equal(one.places, again.places)


def test_the_worst_member_takes_over_from_the_best_with_other_settings() -> None:
    space = find_space(SPACE)
    trained: Any = build("pbt", space, 1, 400, {"of": "genetic", "members": 4, "turn": 10})
    before, turns = list(trained.population), 0
    while all(old is new for old, new in zip(before, trained.population, strict=True)):
        places = trained.ask(400)
        trained.tell(places, space.score(places))
        turns += trained.taken == 0
    assert turns % 4 == 0  # never within a round
    replaced = [i for i, (old, new) in enumerate(zip(before, trained.population, strict=True)) if old is not new]
    assert len(replaced) == 1
    heir, best = trained.population[replaced[0]], trained.population[int(np.argsort(trained.heights, kind="stable")[0])]
    parent = next(m for i, m in enumerate(before) if i != replaced[0] and np.array_equal(m.places, heir.places))
    assert heir.height.min() == best.height.min() == min(trained.heights)
    assert heir.space is parent.space
    tried = explorer_class("genetic").settings_tried
    assert any(getattr(heir, name) != getattr(parent, name) for name in tried)
    assert not np.array_equal(heir.ask(10), parent.ask(10))


def test_a_member_that_has_settled_gives_way_to_a_new_one() -> None:
    space = find_space("pim-placement")
    trained: Any = build("pbt", space, 0, 400, {"of": "ants", "members": 2, "turn": 10})
    same = space.sample(10, np.random.default_rng(0))
    first = trained.population[0]
    trained.tell(same, space.score(same))
    assert trained.population[0] is first  # all of that was new
    trained.tell(same, space.score(same))
    settled = list(trained.population)
    trained.tell(same, space.score(same))
    assert trained.population[0] is not settled[0]
    assert trained.heights[0] == np.inf
    assert explore("pim-placement", "pbt", 400, 0).evaluations > explore("pim-placement", "ants", 400, 0).evaluations


def test_settings_stay_within_what_is_tried() -> None:
    generator = np.random.default_rng(0)
    for name in KINDS:
        for setting, tried in explorer_class(name).settings_tried.items():
            value: Any = tried[-1]
            seen = set()
            for _ in range(60):
                value = changed(value, tried, generator)
                assert min(tried) <= value <= max(tried)
                assert type(value) is type(tried[-1])
                seen.add(value)
            assert len(seen) > 2, setting


def test_training_finds_more_than_drawing() -> None:
    drawn = np.median([explore(SPACE, "random", 200, seed).so_far()[-1] for seed in range(8)])
    trained = np.median([explore(SPACE, "pbt", 200, seed).so_far()[-1] for seed in range(8)])
    assert trained < drawn


def test_what_cannot_be_bred_is_refused() -> None:
    with pytest.raises(NameMiss, match="did you mean ants"):
        explore(SPACE, "pbt", 20, 0, {"of": "ant"})
    with pytest.raises(NameMiss, match="cannot change while they run"):
        explore(SPACE, "pbt", 20, 0, {"of": "tpe"})
    with pytest.raises(InputError, match="at least two"):
        explore(SPACE, "pbt", 20, 0, {"members": 1})
