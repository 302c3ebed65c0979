"""Do environments say what the space says, keep the rules of the libraries they are for, and reward what is better?"""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import roofscape as rs
from explorers.environments.design import make_game, make_vec_env, needed
from explorers.environments.game import middle
from explorers.environments.games import GAMES
from explorers.environments.multi_agent import make_team
from explorers.environments.pool import Pool, best_by
from explorers.environments.reward import REWARDS, make_reward
from explorers.environments.team import groups_of
from explorers.environments.trajectories import read_trajectories, trajectories, write_trajectories
from explorers.space.catalog import find_space
from explorers.space.space import Scores
from explorers.study import explore
from explorers.sweep import sweep
from magnitudes.errors import InputError
from magnitudes.names import NameMiss

SPACES = ["h100-like-decode", "serve-llama-3-70b"]  # one objective, and several


def missing(module: str) -> Any:
    return pytest.mark.skipif(importlib.util.find_spec(module) is None, reason=f"{module} is not installed (extra rl)")


def scored(objectives: list[list[float]], violations: list[float] | None = None) -> Scores:
    figures = np.array(objectives)
    amounts = np.array(violations if violations is not None else [-1.0] * len(figures))[:, None]
    return Scores(figures, amounts, amounts[:, 0] <= 0.0, {})


# rewards


def test_the_monotone_reward_is_the_logarithm_of_what_was_gained() -> None:
    reward = make_reward(find_space("h100-like-decode"), np.array([2.0]))
    worth = reward(scored([[1.0], [2.0], [4.0], [1e9]]), np.ones((4, 1)))
    np.testing.assert_allclose(worth[:3], [np.log(2.0), 0.0, -0.5])
    assert -1.0 <= worth[3] < worth[2]


def test_a_figure_to_be_maximised_is_worth_more_when_larger() -> None:
    reward = make_reward(find_space("h100-like-decode"), np.array([-2.0]))
    np.testing.assert_allclose(reward.gains(scored([[-4.0], [-2.0], [-1.0]]))[:, 0], np.log([2.0, 1.0, 0.5]))


@pytest.mark.parametrize("name", REWARDS)
def test_violations_are_graded_and_worse_than_any_feasible_design_of_the_monotone_reward(name: str) -> None:
    space = find_space("h100-like-decode")
    reward = make_reward(space, np.array([1.0]), name, {space.objectives[0].name: 0.5})
    worth = reward(scored([[1.0]] * 3, [0.1, 1.0, 1e12]), np.ones((3, 1)))
    assert -1.0 > worth[0] > worth[1] > worth[2] >= -2.0
    if name == "monotone":
        assert reward(scored([[1e300]]), np.ones((1, 1)))[0] >= -1.0 > worth[0]


def test_published_rewards_are_as_published() -> None:
    space = find_space("serve-llama-3-70b")
    signs = np.array([o.sign for o in space.objectives])
    names = [o.name for o in space.objectives]
    figures = np.array([[1.5] * len(names)])
    designs, weights = scored((figures * signs).tolist()), np.ones((1, len(names)))

    def worth(name: str) -> float:
        return float(make_reward(space, np.ones(len(names)), name, dict.fromkeys(names, 1.0))(designs, weights)[0])

    assert worth("archgym") == pytest.approx((1.0 / 0.5) ** len(names))
    assert worth("farsi") == pytest.approx(-0.5 * len(names))
    assert worth("inverse") == pytest.approx(1.0 / 1.5)
    assert worth("astra") == pytest.approx(1.0 / np.sqrt(1.0 + 0.25 * len(names)))


def test_wrong_settings_are_refused() -> None:
    space = find_space("h100-like-decode")
    with pytest.raises(NameMiss, match="did you mean monotone"):
        make_game(space, reward="monoton")
    with pytest.raises(InputError, match="has none; give targets"):
        make_game(space, reward="archgym")
    with pytest.raises(NameMiss, match="among the targets"):
        make_game(space, reward="farsi", targets={"no_such": 1.0})
    with pytest.raises(NameMiss, match="did you mean build"):
        make_game(space, "biuld")
    with pytest.raises(InputError, match="random, middle or best"):
        make_game(space, "walk", start="nowhere")
    with pytest.raises(InputError, match="at least one"):
        make_game(space, count=0)
    with pytest.raises(InputError, match="pip install 'roofscape"):
        needed("no_such_module")


# games


@pytest.mark.parametrize("continuous", [False, True])
@pytest.mark.parametrize("kind", GAMES)
@pytest.mark.parametrize("name", SPACES)
def test_what_a_game_brings_is_what_its_design_is_worth(name: str, kind: str, continuous: bool) -> None:
    space = find_space(name)
    game = make_game(space, kind, 12, continuous=continuous, seed=1)
    start = game.worth.copy()
    generator, total, over = np.random.default_rng(2), np.zeros(12), False
    while not over:
        parts = [generator.uniform(-1, 1, 12) if continuous else generator.integers(0, c, 12) for c in game.choices]
        action = np.stack(parts, axis=1)
        seen, rewards, over = game.step(action)
        assert seen.dtype == np.float32 and np.isfinite(seen).all()
        total += rewards
    space.check(game.places)
    np.testing.assert_array_equal(space.canonical(game.places), game.places)
    ended = game.reward(space.score(game.places), game.weights)
    np.testing.assert_allclose(total, ended - start, atol=1e-9)


def test_a_build_sets_one_axis_a_step() -> None:
    space = find_space("h100-like-decode")
    game = make_game(space, "build")
    for axis, size in enumerate(space.sizes):
        before = game.places.copy()
        game.step(np.array([max(space.sizes) - 1]))
        assert game.places[0, axis] == size - 1
        assert (np.delete(game.places, axis, axis=1) == np.delete(before, axis, axis=1)).all()


def test_one_call_scores_all_environments() -> None:
    space, calls = find_space("h100-like-decode"), []

    def score(places: np.ndarray) -> Scores:
        calls.append(len(places))
        return space.score(places)

    game = make_game(space, "build", 32, score=score)
    game.step(np.zeros(32, dtype=np.int64))
    assert calls == [1, 32, 32]  # the middle design that others are compared with, then all


def test_worth_ranks_feasible_before_infeasible_and_better_before_worse() -> None:
    space = find_space("h100-like-decode")
    scores = space.score(space.sample(400, np.random.default_rng(0)))
    worth = make_game(space).reward(scores, np.ones((400, 1)))
    assert worth[scores.feasible].min() > worth[~scores.feasible].max()
    order = np.argsort(-worth[scores.feasible])
    assert (np.diff(scores.objectives[scores.feasible, 0][order]) >= 0).all()
    published = make_game(space, reward="archgym", targets={"tpot_s": 0.02}).reward(scores, np.ones((400, 1)))
    assert published[scores.feasible].argmax() == np.abs(scores.objectives[scores.feasible, 0] - 0.02).argmin()


def test_a_reward_of_ones_own_is_taken_as_it_is() -> None:
    space = find_space("h100-like-decode")
    game = make_game(space, "bandit", 3, reward=lambda scores: np.full(len(scores), 7.0))
    assert game.step(np.zeros((3, len(space.axes)), dtype=np.int64))[1].tolist() == [7.0] * 3


def test_every_design_can_be_built() -> None:
    space = find_space("serve-llama-3-70b")
    places = space.sample(200, np.random.default_rng(0))
    game = make_game(space, "build", 200)
    np.testing.assert_array_equal(game.places, np.tile(middle(space), (200, 1)))
    for action in game.actions_to(places):  # type: ignore[attr-defined]
        game.step(action)
    np.testing.assert_array_equal(game.places, places)


def test_many_designs_beside_each_other_are_as_each_alone() -> None:
    space = find_space("h100-like-decode")
    together = make_game(space, "build", 4)
    alone = [make_game(space, "build", 1) for _ in range(4)]
    generator = np.random.default_rng(0)
    for _ in range(together.steps):
        actions = generator.integers(0, together.choices[0], 4)
        seen, rewards, _ = together.step(actions)
        apart = [game.step(actions[i : i + 1]) for i, game in enumerate(alone)]
        np.testing.assert_array_equal(seen, np.concatenate([a[0] for a in apart]))
        np.testing.assert_allclose(rewards, np.concatenate([a[1] for a in apart]), rtol=1e-12)


def test_walks_begin_in_hollows_of_the_front_too() -> None:
    space = find_space("serve-llama-3-70b")
    reward = make_reward(space, np.ones(2))
    found = scored([[0.1, 10.0], [10.0, 0.1], [5.0, 5.0], [20.0, 20.0]])  # no weights make the third the best; the first two beat it nowhere
    places = np.arange(4)[:, None] * np.ones((1, len(space.axes)), dtype=np.int64)
    pool = Pool.of(reward, places, found, None)
    assert sorted(pool.places[:, 0]) == [0, 1, 2]
    weights = np.random.default_rng(0).dirichlet(np.ones(2), 64)
    np.testing.assert_array_equal(best_by(reward, found, weights), [int(reward(found, np.tile(w, (4, 1))).argmax()) for w in weights])
    begun = pool.starts(reward, weights, np.full((64, len(space.axes)), 9), np.random.default_rng(1))
    assert set(begun[:-1, 0]) == {0, 1, 2}
    assert begun[-1, 0] == 9  # drawn, so that the pool never closes


def test_walks_from_the_best_begin_at_the_best() -> None:
    space = find_space("h100-like-decode")
    game = make_game(space, "walk", 8, start="best", steps=2)
    for _ in range(10):
        game.step(np.random.default_rng(0).integers(0, game.choices[0], 8))
    best = game.worth.max()
    game.reset()
    assert game.worth[0] >= best
    assert game.worth[0] == game.worth.max()


# the libraries' own checks


@missing("gymnasium")
@pytest.mark.parametrize("continuous", [False, True])
@pytest.mark.parametrize("kind", GAMES)
def test_gymnasium_finds_no_fault(kind: str, continuous: bool) -> None:
    from gymnasium.utils.env_checker import check_env

    for name in SPACES:
        check_env(rs.make_env(name, kind, continuous=continuous), skip_render_check=True)


@missing("gymnasium")
def test_a_vector_begins_anew_in_the_step_in_which_it_ends() -> None:
    environments = rs.make_vector_env("h100-like-decode", count=3)
    first, _ = environments.reset(seed=0)
    environments.action_space.seed(0)
    for _ in range(len(find_space("h100-like-decode").axes)):
        seen, rewards, over, cut, info = environments.step(environments.action_space.sample())
        assert environments.observation_space.contains(seen)
        assert rewards.shape == over.shape == cut.shape == (3,)
    assert over.all()
    np.testing.assert_array_equal(seen, first)
    assert not np.array_equal(info["final_obs"], first)


@missing("stable_baselines3")
def test_as_many_designs_stand_beside_each_other_as_the_budget_allows() -> None:
    from explorers.search.reinforcement import Ppo

    space = find_space("pim-placement")
    assert [Ppo(space, budget=b).count for b in (2, 40, 1000, 4096, 8192, 20_000)] == [1, 10, 16, 16, 32, 64]
    assert Ppo(space, budget=20_000, beside=16).count == 16
    assert explore(space, "ppo", budget=32, settings={"beside": 0}).evaluations == 32  # zero: as the budget is
    assert explore(space, "ippo", budget=32, settings={"passes": 0}).evaluations == 32  # a team that learns nothing
    with pytest.raises(InputError, match="beside of ppo is a whole number, 0 or more"):
        explore(space, "ppo", budget=32, settings={"beside": -3})


@missing("stable_baselines3")
def test_stable_baselines_takes_the_vector() -> None:
    environments = make_vec_env("h100-like-decode", "walk", 4, steps=3)
    environments.reset()
    for _ in range(3):
        seen, _, over, infos = environments.step(np.zeros(4, dtype=np.int64))
    assert over.all()
    assert environments.observation_space.contains(infos[0]["terminal_observation"])
    assert environments.observation_space.contains(seen[0])


# teams


@missing("pettingzoo")
@pytest.mark.parametrize("reward", ["shared", "difference"])
@pytest.mark.parametrize("by", ["group", "axis"])
def test_pettingzoo_finds_no_fault(by: str, reward: str) -> None:
    from pettingzoo.test import parallel_api_test

    for name in SPACES:
        parallel_api_test(rs.make_multi_agent_env(name, by, reward), num_cycles=10)


def test_a_difference_reward_is_what_the_agents_own_choice_did() -> None:
    space = find_space("h100-like-decode")
    team = make_team(space, reward="difference", count=5, seed=0)
    chosen = space.sample(5, np.random.default_rng(0))
    rewards, _ = team.step(chosen)
    weights = np.ones((5, 1))
    for column, axes in zip(rewards.T, team.agents.values(), strict=True):
        without = chosen.copy()
        without[:, axes] = middle(space)[list(axes)]
        np.testing.assert_allclose(column, team.reward(space.score(chosen), weights) - team.reward(space.score(without), weights), atol=1e-12)
    idle, _ = team.step(np.tile(middle(space), (5, 1)))
    np.testing.assert_array_equal(idle, 0.0)


def test_groups_hold_every_axis_once() -> None:
    for name in ("h100-like-12-axes", "dram-controller", "serve-deepseek-v3"):
        space = find_space(name)
        owned = sorted(i for axes in groups_of(space).values() for i in axes)
        assert owned == list(range(len(space.axes)))
    space = find_space("h100-like-20-axes")
    parts = groups_of(space)
    assert set(parts) == {"compute", "memory", "network", "mapping"}
    assert [space.names[i] for i in parts["network"]] == ["nvlink4.bandwidth", "nvlink4.latency"]
    assert len(groups_of(space, "axis")) == len(space.axes)
    space = find_space("h100-like-decode")
    assert groups_of(space, {"one": space.names[:2], "two": space.names[2:]}) == {"one": (0, 1), "two": (2, 3, 4, 5)}
    with pytest.raises(InputError, match="exactly one agent"):
        groups_of(space, {"one": space.names[:2]})
    with pytest.raises(NameMiss, match="of agent one"):
        groups_of(space, {"one": ["dtyp"]})
    with pytest.raises(NameMiss, match="group or axis"):
        groups_of(space, "grp")
    with pytest.raises(NameMiss, match="did you mean shared"):
        make_team(space, reward="share")


# logs


@pytest.mark.parametrize("kind", ["build", "bandit"])
def test_logged_games_come_back_as_they_were(kind: str, tmp_path: Path) -> None:
    study = explore("h100-like-decode", "random", 50, seed=0)
    games = trajectories(study, kind)
    write_trajectories(games, tmp_path / "games.parquet")
    back = read_trajectories(tmp_path / "games.parquet")
    assert (back.kind, back.reward, back.space_hash) == (kind, "monotone", games.space_hash)
    for name in ("observations", "actions", "rewards"):
        np.testing.assert_array_equal(getattr(back, name), getattr(games, name))
    game = make_game(study.space, kind, 50)
    begun = game.worth.copy()
    np.testing.assert_allclose(back.rewards.sum(axis=1), game.reward(study.scores, np.ones((50, 1))) - begun, atol=1e-9)


def test_a_sweep_becomes_games(tmp_path: Path) -> None:
    space = find_space("h100-like-decode")
    sweep(space, tmp_path / "swept", sample=64)
    games = trajectories(tmp_path / "swept", "bandit")
    assert len(games) == 64
    with pytest.raises(InputError, match="build or bandit"):
        trajectories(tmp_path / "swept", "walk")
    (tmp_path / "none.parquet").write_text("nothing")
    with pytest.raises(InputError, match="cannot read"):
        read_trajectories(tmp_path / "none.parquet")


def test_a_log_teaches_what_games_bring_and_a_policy_that_beats_its_teacher(tmp_path: Path) -> None:
    """From the file alone: a critic of games that it did not see, and a policy cloned from the best tenth of a log of random designs."""
    space = find_space("h100-like-decode")
    write_trajectories(trajectories(explore(space, "random", budget=600, seed=0), "build"), tmp_path / "games.parquet")
    steps = pd.read_parquet(tmp_path / "games.parquet")
    brought = steps.groupby("episode")["reward"].sum().to_numpy()
    taken = np.stack(steps.loc[~steps["is_last"], "action"].to_list()).reshape(len(brought), -1)  # type: ignore[arg-type]
    shown = np.concatenate([(column[:, None] == np.unique(column)).astype(float) for column in taken.T], axis=1)
    learned, held = slice(0, 450), slice(450, None)
    mean = brought[learned].mean()
    weights = np.linalg.solve(shown[learned].T @ shown[learned] + np.eye(shown.shape[1]), shown[learned].T @ (brought[learned] - mean))
    missed = shown[held] @ weights + mean - brought[held]
    assert 1.0 - (missed**2).sum() / ((brought[held] - brought[held].mean()) ** 2).sum() > 0.5

    best = taken[np.argsort(-brought)[:60]]
    generator = np.random.default_rng(1)
    cloned = np.stack([generator.choice(column, 400) for column in best.T], axis=1)  # each axis as the best games set it
    game = make_game(space, "build", count=400)
    for action in cloned.T:
        game.step(action)
    assert np.median(game.worth) > np.quantile(brought, 0.7)
