"""The faces of a space for learners keep their libraries' rules, evaluate many designs in one call, and reward what they say."""

from __future__ import annotations

from importlib.util import find_spec

import numpy as np
import pytest

import roofscape as rs
from explorers.environments.episode import KINDS, Episodes, merit, reciprocal, target_distance
from explorers.environments.multi_agent import agents_of
from explorers.space.catalog import find_space
from magnitudes.errors import InputError
from magnitudes.names import NameMiss

SPACE = "h100-like-decode"
needs_gymnasium = pytest.mark.skipif(find_spec("gymnasium") is None, reason="gymnasium is not installed (extra rl)")
needs_pettingzoo = pytest.mark.skipif(find_spec("pettingzoo") is None, reason="pettingzoo is not installed (extra rl)")


@needs_gymnasium
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", KINDS)
def test_gymnasium_accepts_it(kind: str) -> None:
    from gymnasium.utils.env_checker import check_env

    check_env(rs.make_env(SPACE, kind), skip_render_check=True)


@needs_pettingzoo
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("by", "reward"), [("group", "shared"), ("group", "difference"), ("axis", "shared")])
def test_pettingzoo_accepts_it(by: str, reward: str) -> None:
    from pettingzoo.test import parallel_api_test

    parallel_api_test(rs.make_multi_agent_env(SPACE, by=by, reward=reward), num_cycles=40)


@pytest.mark.parametrize("kind", KINDS)
def test_an_episode_earns_what_its_design_is_worth_beyond_its_start(kind: str) -> None:
    space, generator = find_space(SPACE), np.random.default_rng(1)
    episodes = Episodes(space, 8, kind, seed=3)
    episodes.begin()
    start, earned, ended = episodes.worth.copy(), np.zeros(8), False
    for _ in range(episodes.length):
        assert not ended
        _, reward, ended = episodes.act(generator.uniform(-1, 1, (8, episodes.action_size)))
        earned += reward
    assert ended
    np.testing.assert_allclose(earned, merit(space.score(episodes.at)) - start)


def test_one_call_scores_all_environments() -> None:
    space, calls = find_space(SPACE), []

    def score(places: np.ndarray) -> object:
        calls.append(len(places))
        return space.score(places)

    episodes = Episodes(space, 32, "build", score=score)  # type: ignore[arg-type]
    episodes.begin()
    episodes.act(np.zeros((32, 1)))
    assert calls == [32, 32]


def test_a_build_sets_one_axis_a_step() -> None:
    space = find_space(SPACE)
    episodes = Episodes(space, 1, "build")
    episodes.begin()
    for axis, size in enumerate(space.sizes):
        before = episodes.at.copy()
        episodes.act(np.array([[1.0]]))
        assert episodes.at[0, axis] == size - 1
        assert (np.delete(episodes.at, axis, axis=1) == np.delete(before, axis, axis=1)).all()


def test_worth_ranks_feasible_before_infeasible_and_better_before_worse() -> None:
    space = find_space(SPACE)
    scores = space.score(space.sample(400, np.random.default_rng(0)))
    worth = merit(scores)
    assert worth[scores.feasible].min() > worth[~scores.feasible].max()
    order = np.argsort(-worth[scores.feasible])
    assert (np.diff(scores.objectives[scores.feasible, 0][order]) >= 0).all()
    published = target_distance(0.02)(scores)
    assert published[scores.feasible].argmax() == np.abs(scores.objectives[scores.feasible, 0] - 0.02).argmin()
    np.testing.assert_allclose(reciprocal(scores)[scores.feasible], 1 / scores.objectives[scores.feasible, 0])


def test_agents_share_out_all_axes() -> None:
    space = find_space("h100-like-20-axes")
    parts = agents_of(space)
    assert set(parts) == {"compute", "memory", "network", "mapping"}
    assert sorted(i for axes in parts.values() for i in axes) == list(range(len(space.axes)))
    assert [space.names[i] for i in parts["network"]] == ["nvlink4.bandwidth", "nvlink4.latency"]
    assert len(agents_of(space, "axis")) == len(space.axes)


@needs_pettingzoo
def test_a_difference_reward_is_what_standing_still_would_have_lost() -> None:
    space = find_space(SPACE)
    env = rs.make_multi_agent_env(SPACE, reward="difference", seed=5)
    env.reset(seed=5)
    start = env.state()
    actions = {a: np.full(env.action_space(a).shape, 0.9, dtype=np.float32) for a in env.agents}
    _, rewards, _, _, infos = env.step(actions)
    at = space.place(infos["compute"]["design"])
    sizes = np.array(space.sizes)
    before = np.rint((start[: len(sizes)] + 1) / 2 * np.maximum(sizes - 1, 1)).astype(np.int64)
    for agent, axes in agents_of(space).items():
        still = at.copy()
        still[axes] = before[axes]
        expected = merit(space.score(at[None, :]))[0] - merit(space.score(still[None, :]))[0]
        assert rewards[agent] == pytest.approx(expected)


def test_wrong_kinds_are_named() -> None:
    with pytest.raises(NameMiss, match="did you mean build"):
        Episodes(find_space(SPACE), 1, "bild")
    with pytest.raises(InputError, match="group or axis"):
        agents_of(find_space(SPACE), "grp")
