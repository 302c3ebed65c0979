"""Do teams play by their rules, and do those who learn together learn what is known of small games?"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

import roofscape as rs
from explorers.base import explorer_class
from explorers.environments.game import middle
from explorers.environments.multi_agent import make_team
from explorers.environments.team import MOVES
from explorers.space.axis import Axis
from explorers.space.catalog import find_space
from explorers.space.goal import objective
from explorers.space.space import DesignSpace, Scores
from explorers.space.statement import FEASIBLE
from explorers.study import explore
from magnitudes.errors import InputError
from magnitudes.names import NameMiss

CLIMBING = np.array([[11.0, -30.0, 0.0], [-30.0, 7.0, 6.0], [0.0, 0.0, 5.0]])  # both games of Claus and Boutilier, AAAI 1998
PENALTY = np.array([[10.0, 0.0, -10.0], [0.0, 2.0, 0.0], [-10.0, 0.0, 10.0]])  # three equilibria, the diagonal
SUM = np.add.outer([0.0, 2.0, 1.0, -1.0], [1.0, 0.0, 3.0])  # what one wins is no matter of the other: (1, 2) is best


def needs(module: str) -> Any:
    return pytest.mark.skipif(importlib.util.find_spec(module) is None, reason=f"{module} is not installed (extra rl)")


@dataclass(frozen=True)
class Payoff:
    """A matrix game as what is behind a space: an axis a player, and what both win together."""

    table: Any

    def unit(self, path: str) -> str:
        return ""

    def described(self) -> dict[str, Any]:
        return {}

    def problem(self, space: DesignSpace) -> Payoff:
        return self

    def run(self, values: Mapping[str, Any]) -> dict[str, Any]:
        won = self.table[tuple(values[name].astype(int) for name in sorted(values))]
        return {"objective:0": -won, FEASIBLE: np.ones(len(won), dtype=bool)}


@needs("torch")
def test_a_policy_has_settled_when_it_brings_next_to_nothing_new() -> None:
    from explorers.search.learning import LEAST_NEW, WINDOW, Watched

    space = find_space("h100-like-prefill")
    generator = np.random.default_rng(0)
    fresh = space.places(generator.permutation(space.grid_size)[: 4 * WINDOW])
    watched = Watched(space.score)
    watched.begin()
    kept = 0
    for share, settled in ((1.0, False), (LEAST_NEW * 1.5, False), (LEAST_NEW * 0.5, True)):
        for _ in range(WINDOW // 64):
            new = round(64 * share)
            watched(np.concatenate([fresh[kept : kept + new], np.tile(fresh[0], (64 - new, 1))]))
            kept += new
        assert watched.settled(12) is settled
        assert watched.asked == WINDOW
        assert watched.new == WINDOW // 64 * new
    watched.begin()  # a new policy has its chance
    assert not watched.settled(12)
    for _ in range(12):
        watched(fresh[:64])
    assert watched.settled(12)  # nothing new at all: there is no need to wait for so many


def matrix_game(table: np.ndarray) -> DesignSpace:
    axes = tuple(Axis(f"player_{i}", f"player_{i}", "grid", tuple(float(v) for v in range(n))) for i, n in enumerate(table.shape))
    return DesignSpace("matrix game", "", axes, (objective("maximise won"),), Payoff(table))


def won(scores: Scores) -> np.ndarray:
    return -scores.objectives[:, 0]


def of_matrix(table: np.ndarray, seed: int = 0, count: int = 32, **settings: Any) -> Any:
    return make_team(matrix_game(table), "axis", rounds=1, count=count, worth=won, seed=seed, **settings)


# teams that walk


def test_a_walk_moves_as_it_is_told() -> None:
    space = find_space("h100-like-decode")
    team = make_team(space, "axis", kind="walk", start="middle", rounds=9, count=MOVES)
    axis = int(np.argmax(space.sizes))
    actions = np.zeros((MOVES, len(space.axes)), dtype=np.int64)
    actions[:, axis] = np.arange(MOVES)
    begun = team.places.copy()
    team.step(actions)
    quarter = space.sizes[axis] // 4
    np.testing.assert_array_equal(team.places[:, axis] - begun[:, axis], [0, -1, 1, -quarter, quarter])
    np.testing.assert_array_equal(np.delete(team.places, axis, axis=1), np.delete(begun, axis, axis=1))
    assert team.choices.tolist() == [MOVES] * len(space.axes)


def test_in_a_walk_a_difference_reward_is_what_the_agents_own_move_did() -> None:
    space = find_space("h100-like-decode")
    team = make_team(space, "group", "difference", kind="walk", start="random", rounds=3, count=6, seed=1)
    before, actions = team.places.copy(), np.random.default_rng(0).integers(0, MOVES, (6, len(space.axes)))
    rewards, _ = team.step(actions)
    worth = team.reward(space.score(team.places), np.ones((6, 1)))
    for column, axes in zip(rewards.T, team.agents.values(), strict=True):
        still = team.places.copy()
        still[:, axes] = before[:, axes]
        np.testing.assert_allclose(column, worth - team.reward(space.score(space.canonical(still)), np.ones((6, 1))), atol=1e-12)
    idle, _ = team.step(np.zeros_like(actions))
    np.testing.assert_array_equal(idle, 0.0)


def test_teams_that_walk_begin_at_the_best() -> None:
    team = make_team("h100-like-decode", "axis", kind="walk", rounds=4, count=8)
    generator = np.random.default_rng(0)
    best = team.worth.max()
    for _ in range(8):
        team.step(generator.integers(0, MOVES, team.places.shape))
        best = max(best, team.worth.max())
    team.reset()
    assert team.worth[0] == best


@pytest.mark.parametrize("kind", ["choose", "walk"])
def test_teams_beside_each_other_are_one_call_and_as_each_alone(kind: str) -> None:
    space, calls = find_space("serve-llama-3-70b"), []

    def score(places: np.ndarray) -> Scores:
        calls.append(len(places))
        return space.score(places)

    together = make_team(space, "group", "difference", count=5, kind=kind, start="middle", score=score)
    alone = [make_team(space, "group", "difference", kind=kind, start="middle") for _ in range(5)]
    actions = np.random.default_rng(0).integers(0, together.choices, (5, len(space.axes)))
    for row, team in enumerate(alone):
        team.weights = together.weights[row : row + 1]
        team.worth = team.reward(team.scores, team.weights)
    calls.clear()
    rewards, _ = together.step(actions)
    assert calls == [5 * (1 + len(together.agents))]
    np.testing.assert_allclose(rewards, np.concatenate([t.step(actions[i : i + 1])[0] for i, t in enumerate(alone)]), atol=1e-12)


@needs("pettingzoo")
@pytest.mark.parametrize("start", ["random", "best"])
def test_pettingzoo_finds_no_fault_with_walks(start: str) -> None:
    from pettingzoo.test import parallel_api_test

    for name in ("h100-like-decode", "serve-llama-3-70b"):
        parallel_api_test(rs.make_multi_agent_env(name, "group", "difference", kind="walk", start=start, rounds=4), num_cycles=10)


def test_wrong_settings_are_refused() -> None:
    with pytest.raises(NameMiss, match="did you mean walk"):
        make_team("h100-like-decode", kind="wlak")
    with pytest.raises(InputError, match="random, middle or best"):
        make_team("h100-like-decode", kind="walk", start="nowhere")


@needs("torch")
def test_explorers_refuse_wrong_settings() -> None:
    for settings, said in (({"by": "grup"}, "group or axis"), ({"kind": "bandit"}, "kind of team"), ({"sharing": "diff"}, "did you mean difference")):
        with pytest.raises(InputError, match=said):
            explore("h100-like-decode", "mappo", 10, settings=settings)
    with pytest.raises(InputError, match="one reward for all"):
        explore("h100-like-decode", "vdn", 10, settings={"sharing": "difference"})


def test_without_the_extra_the_remedy_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [n for n in sys.modules if n.startswith("explorers.search.")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(InputError, match=r"needs torch, which is not installed; `pip install 'roofscape\[explore\]'`"):
        explorer_class("marl")


# agents as tensors


@needs("torch")
@pytest.mark.parametrize("by", ["axis", "group"])
def test_each_agent_sees_what_the_team_shows_it(by: str) -> None:
    from explorers.search.team_learners import Seats

    team = make_team("serve-llama-3-70b", by, count=3, seed=2)
    seats = Seats(team)
    team.step(team.space.sample(3, np.random.default_rng(0)))
    seen, state = seats.seen()
    np.testing.assert_array_equal(state[0].numpy(), team.state())
    parts = seats.axes.shape[1]
    for agent, axes in enumerate(team.agents.values()):
        shown = team.observe(axes)
        np.testing.assert_array_equal(seen[agent, :, : len(axes)].numpy(), shown[:, : len(axes)])
        np.testing.assert_array_equal(seen[agent, :, parts:].numpy(), shown[:, len(axes) :])
        assert (seen[agent, :, len(axes) : parts] == 0.0).all()


@needs("torch")
def test_what_is_not_there_is_never_chosen() -> None:
    from explorers.search.team_learners import ProximalTeam, ValueTeam

    team = make_team("h100-like-20-axes", "group", count=64, rounds=1, seed=0)
    learners = [ProximalTeam(team, 0, True, 1, 1, 1e-3, 0.0, 1.0), ValueTeam(team, 0, 1, 8, 64, 1e-3, 1.0, iter([1.0, 0.0] * 9))]
    for learner in learners:
        for _ in range(2):
            learner.play()  # type: ignore[attr-defined]
            assert (team.places < team.sizes).all()
    played = learners[0].game()[0]  # type: ignore[attr-defined]
    existing = learners[0].seats.axes >= 0  # type: ignore[attr-defined]
    assert (played[2].numpy().transpose(1, 0, 2)[:, ~existing] == 0).all()
    assert len(np.unique(team.places, axis=0)) > 60  # at first all choices are alike


# what learners are held to


@needs("torch")
def test_advantages_are_those_of_the_textbook() -> None:
    import torch

    from explorers.search.team_learners import TRACE, advantages

    rewards, values = torch.tensor([[1.0], [2.0], [4.0]]), torch.tensor([[0.5], [1.0], [3.0]])
    last = 4.0 - 3.0
    second = 2.0 + 0.9 * 3.0 - 1.0 + 0.9 * TRACE * last
    first = 1.0 + 0.9 * 1.0 - 0.5 + 0.9 * TRACE * second
    np.testing.assert_allclose(advantages(rewards, values, 0.9)[:, 0], [first, second, last], rtol=1e-6)


@needs("torchrl")
def test_the_loss_of_policies_is_that_of_torchrl() -> None:
    import torch
    from tensordict import TensorDict
    from tensordict.nn import TensorDictModule
    from torch.distributions import Categorical, Independent
    from torchrl.modules import ProbabilisticActor
    from torchrl.objectives.multiagent import MAPPOLoss

    from explorers.search.team_learners import CLIP, log_shares, proximal_loss

    class Choice(Independent):  # type: ignore[misc]
        def __init__(self, logits: Any) -> None:
            super().__init__(Categorical(logits=logits), 1)

    generator = torch.Generator().manual_seed(0)
    figures, actions = torch.randn(3, 40, 8, generator=generator), torch.randint(0, 4, (3, 40, 2), generator=generator)
    before, advantage = -2.0 - torch.rand(3, 40, generator=generator), torch.randn(3, 40, generator=generator)
    shares = log_shares(figures, torch.zeros(3, 1, 2, 4))
    ours = proximal_loss(shares, actions, before, advantage, 0.02)
    agents = {"logits": figures.reshape(3, 40, 2, 4).transpose(0, 1), "action": actions.transpose(0, 1), "log_prob": before.T, "value": torch.zeros(40, 3, 1)}
    rows = {"agents": agents, "advantage": advantage.T[..., None], "value_target": torch.zeros(40, 3, 1), "state": torch.zeros(40, 1)}
    given = TensorDictModule(lambda logits: logits, in_keys=[("agents", "logits")], out_keys=[("agents", "logits")])
    actor = ProbabilisticActor(
        given,
        in_keys=[("agents", "logits")],
        out_keys=[("agents", "action")],
        distribution_class=Choice,
        return_log_prob=True,
        log_prob_key=("agents", "log_prob"),
    )
    critic = TensorDictModule(lambda state: torch.zeros(len(state), 3, 1), in_keys=["state"], out_keys=[("agents", "value")])
    loss = MAPPOLoss(actor, critic, entropy_coeff=0.02, clip_epsilon=CLIP)
    loss.set_keys(value=("agents", "value"), action=("agents", "action"), sample_log_prob=("agents", "log_prob"))
    theirs = loss(TensorDict(rows, [40]))
    assert float(ours) == pytest.approx(float(theirs["loss_objective"] + theirs["loss_entropy"]), rel=1e-4)


def taught(team: Any, central: bool, games: int, seed: int = 0, passes: int = 4) -> np.ndarray:
    """What agents with PPO play in the last ten of some games."""
    import torch

    from explorers.search.team_learners import ProximalTeam

    torch.set_num_threads(1)
    return after(ProximalTeam(team, seed, central, 1, passes, 1e-2, 0.0, 1.0), games)


def after(learner: Any, games: int, last: int = 10) -> np.ndarray:
    played = []
    for game in range(games):
        learner.play()
        if game >= games - last:
            played.append(learner.team.places.copy())
    return np.concatenate(played)


def most_played(places: np.ndarray) -> tuple[tuple[int, ...], float]:
    found, counts = np.unique(places, axis=0, return_counts=True)
    return tuple(int(v) for v in found[counts.argmax()]), float(counts.max() / counts.sum())


@needs("torch")
@pytest.mark.parametrize("central", [False, True])
@pytest.mark.parametrize("sharing", ["shared", "difference"])
def test_ppo_of_several_finds_the_best_where_players_do_not_depend_on_each_other(central: bool, sharing: str) -> None:
    for seed in range(2):
        joint, often = most_played(taught(of_matrix(SUM, seed, reward=sharing), central, 50, seed))
        assert joint == (1, 2) and often > 0.9


@needs("torch")
@pytest.mark.parametrize("central", [False, True])
def test_what_learners_settle_at_is_an_equilibrium(central: bool) -> None:
    for seed in range(3):
        joint, often = most_played(taught(of_matrix(PENALTY, seed), central, 50, seed))
        a, b = joint
        assert often > 0.9
        assert PENALTY[a, b] == PENALTY[:, b].max() == PENALTY[a, :].max()


@needs("torch")
@pytest.mark.parametrize("table", [SUM, CLIMBING], ids=["sum", "climbing"])
def test_decomposed_values_are_the_best_sum_of_what_each_does(table: np.ndarray) -> None:
    import torch

    from explorers.search.team_learners import ValueTeam

    torch.set_num_threads(1)
    team = of_matrix(table, count=64)
    learner = ValueTeam(team, 0, 8, 256, 4096, 1e-2, 1.0, iter([1.0] * 1000))
    for _ in range(60):
        learner.play()
    team.reset()
    with torch.no_grad():
        figures = learner.figures(learner.worth, learner.seats.seen()[0])[:, 0, 0].numpy()
    start = table[tuple(middle(team.space))]
    fitted = np.add.outer(figures[0, : table.shape[0]], figures[1, : table.shape[1]]) + start  # rewards are what was gained on the middle
    additive = table.mean(1, keepdims=True) + table.mean(0, keepdims=True) - table.mean()  # least squares where all are tried equally
    np.testing.assert_allclose(fitted, additive, atol=0.05 * np.ptp(table))


@needs("stable_baselines3")
def test_a_team_of_one_learns_a_bandit_as_stable_baselines_does() -> None:
    import torch
    from stable_baselines3 import PPO

    from explorers.environments.design import make_game
    from explorers.environments.stable_faces import StableVectorEnv
    from explorers.search.team_learners import ProximalTeam

    arms = np.array([0.0, 0.2, 1.0, 0.4, 0.1, 0.3])
    space = matrix_game(arms)
    torch.set_num_threads(1)
    ours, theirs = [], []
    for seed in range(2):
        team = make_team(space, "axis", rounds=1, count=16, worth=won, seed=seed)
        ours.append(arms[after(ProximalTeam(team, seed, False, 2, 4, 3e-3, 0.003, 1.0), 40)].mean())
        game = make_game(space, "bandit", 16, reward=won, seed=seed)
        model = PPO(
            "MlpPolicy", StableVectorEnv(game), learning_rate=3e-3, n_steps=2, batch_size=8, n_epochs=4, gamma=1.0, ent_coef=0.003, seed=seed, device="cpu",
            policy_kwargs={"net_arch": [64, 64]},
        )  # fmt: skip
        model.learn(40 * 32)
        theirs.append(arms[model.predict(np.ones((400, 1), dtype=np.float32), deterministic=False)[0].ravel()].mean())
    assert min(ours) > 0.9 and min(theirs) > 0.9
    assert np.mean(ours) == pytest.approx(np.mean(theirs), abs=0.07)


@needs("torch")
def test_learning_leaves_the_worlds_random_numbers_alone() -> None:
    import torch

    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    explore("h100-like-decode", "ippo", 20, seed=0)
    assert torch.equal(torch.rand(3), expected)
    assert torch.get_num_threads() >= 1
