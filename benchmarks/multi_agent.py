"""Do several learners beat one on the DRAM controller? The claim of the multi-agent paper on ArchGym's space, at equal distinct designs.

    python benchmarks/multi_agent.py run --seeds 20      # a line a run into benchmarks/.runs/multi_agent.jsonl; what is there is left out
    python benchmarks/multi_agent.py write               # docs/exploring/multi_agent.md from it

The whole space (442,368 controllers) is swept once into benchmarks/.runs (some fifteen minutes of one core), and runs read their designs from there: the
optimum is known, and a run ends when it has found it. Games are the same for one learner and for several: all ten parameters named at once, or
moved from the best designs so far; both have a control that plays at random.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from multi_agent_report import WHY, page

from explorers.base import build
from explorers.environments.design import make_game
from explorers.environments.game import Score
from explorers.space.catalog import find_space
from explorers.space.goal import objective
from explorers.space.space import DesignSpace, Scores
from explorers.space.statement import FEASIBLE
from explorers.study import BudgetSpent, EvaluationLog
from explorers.sweep import sweep
from magnitudes.arrays import Column

HERE = Path(__file__).parent / ".runs"
PART = 1 << 14  # designs a part of the sweep: what is lost when it is cut off
PAGE = Path(__file__).parent.parent / "docs" / "exploring" / "multi_agent.md"
BUDGET = 1000  # distinct designs
ASKED = 3 * BUDGET  # designs asked for, those seen before counted again, after which a learner that repeats itself is stopped
FIGURES = ("latency_s", "power_w", "reward_both")

TRACES = {
    # space, requests: a shorter trace is swept sooner
    "key-value store": ("dram-controller", 10_000),
    "scan beside a server": ("dram-controller-cloud-2", 1_000),
}
PROBLEMS = {
    # name -> trace, objective, and whether learners are rewarded by the figure itself in place of its logarithm
    "power": ("key-value store", "minimise power_w", False),
    "latency": ("key-value store", "minimise latency_s", False),
    "joint": ("key-value store", "minimise latency_s * power_w", False),
    "published": ("key-value store", "maximise reward_both", True),
    "published, logarithm": ("key-value store", "maximise reward_both", False),
    "scan, latency": ("scan beside a server", "minimise latency_s", False),
    "scan, published": ("scan beside a server", "maximise reward_both", True),
}
GAMES: dict[str, Any] = {"games": 4}  # between two updates, as many for one learner as for several
NAMED: dict[str, Any] = {"kind": "choose", "rounds": 1}
WALKED: dict[str, Any] = {"kind": "walk", "rounds": 8, "games": 2}  # as PPO's walk
SMALL: dict[str, Any] = {"games": 1, "beside": 8}
APART: dict[str, Any] = {"sharing": "difference", "games": 1, "beside": 4}  # an evaluation more an agent: few designs beside each other
ALONE: dict[str, Any] = {"by": {"all": find_space("dram-controller").names}}  # the same code with one agent: what is due to there being several
METHODS: dict[str, tuple[str, dict[str, Any]]] = {
    # name -> explorer, settings
    "random": ("random", {}),
    "PPO": ("ppo-bandit", GAMES),
    "SAC": ("sac", {"kind": "bandit"}),
    "IPPO": ("ippo", NAMED | GAMES),
    "MAPPO": ("mappo", NAMED | GAMES),
    "VDN": ("vdn", {}),
    "PPO, small batches": ("ppo-bandit", SMALL),
    "IPPO, small batches": ("ippo", NAMED | SMALL),
    "MAPPO, small batches": ("mappo", NAMED | SMALL),
    "IPPO, difference": ("ippo", NAMED | APART),
    "one agent": ("ippo", NAMED | GAMES | ALONE),
    "one agent, small batches": ("ippo", NAMED | SMALL | ALONE),
    "random walk": ("random walk", {}),
    "PPO walk": ("ppo", {}),
    "SAC walk": ("sac", {}),
    "random team walk": ("ippo", WALKED | {"passes": 0}),
    "IPPO walk": ("ippo", WALKED),
    "MAPPO walk": ("mappo", WALKED),
    "IPPO walk, difference": ("ippo", WALKED | APART),
}

HEAD = f"""# Several learners against one

Written by `python benchmarks/multi_agent.py run` and `python benchmarks/multi_agent.py write`; `benchmarks/multi_agent.py` has all settings.

The multi-agent paper says that an agent a parameter beats a single PPO or SAC on the DRAM controller of ArchGym, for power, latency and both. Here is
that question on our controller (`dram-controller`, DDR3-1600, a key-value store's trace of 10,000 requests; ten parameters, 442,368 designs), all of
which were evaluated first. What is told of a method is how many *distinct* designs it evaluates until it meets an optimal one, {BUDGET:,} at most; the
evaluations of difference rewards count. A run that has asked for {ASKED:,} designs, seen ones included, has given up.

In the first game all parameters are named at once: PPO and SAC as one learner, IPPO, MAPPO and VDN with an agent a parameter, with equal
settings (64 designs between two updates; small batches: 8). *One agent* is our own IPPO with a single agent that has all parameters. In the
walks learners move from the best designs so far; random walks do so with nothing learned, PPO's moving one parameter at a time, a team's all of them.
*Faster in* is the share of pairs of runs in which the first needs fewer designs (ties half), with its bootstrap interval; p is of a two-sided
Mann-Whitney test (of problems together: seeds swapped), and *holds* where it stays below 5 % with Holm's correction: for all pairs of all problems,
and for all pairs of problems together."""


@dataclass(frozen=True)
class Swept:
    """What is behind a space whose designs were all evaluated before: figures by the number of the design."""

    figures: Mapping[str, Column]

    def unit(self, path: str) -> str:
        return ""

    def described(self) -> dict[str, Any]:
        return {"evaluator": "swept"}

    def problem(self, space: DesignSpace) -> SweptProblem:
        return SweptProblem(space, self.figures)


@dataclass(frozen=True)
class SweptProblem:
    """A space's formulas over figures that are there already."""

    space: DesignSpace
    figures: Mapping[str, Column]

    def run(self, values: Mapping[str, Column]) -> dict[str, Column]:
        places = [values[a.name].astype(np.int64) if a.labels else np.searchsorted(a.column, values[a.name]) for a in self.space.axes]
        rows = np.ravel_multi_index(places, self.space.sizes)
        return self.space.formulas(lambda name: self.figures[name][rows]) | {FEASIBLE: np.ones(len(rows), dtype=bool)}


@cache
def controllers(trace: str) -> DesignSpace:
    """ArchGym's space over a trace."""
    name, requests = TRACES[trace]
    space = find_space(name)
    return replace(space, evaluator=replace(space.evaluator, requests=requests))  # type: ignore[type-var]


@cache
def swept(trace: str) -> dict[str, Column]:
    """Figures of every controller, in the order of the grid."""
    folder = HERE / "{}-{}".format(*TRACES[trace])
    store = sweep(controllers(trace), folder, part_size=PART, progress=lambda done, of: print(f"{folder.name}: {done} of {of} parts", flush=True))
    parts = [pq.read_table(store.part(i), columns=list(FIGURES)) for i in range(store.parts)]
    return {name: np.concatenate([p[name].to_numpy() for p in parts]) for name in FIGURES}


@cache
def problem(name: str) -> DesignSpace:
    """The controllers for one objective."""
    trace, wanted, _ = PROBLEMS[name]
    return replace(controllers(trace), evaluator=Swept(swept(trace)), objectives=(objective(wanted),), derived={}, report=())


@cache
def figures(name: str) -> Column:
    """The objective of every controller (minimised)."""
    space = problem(name)
    return space.score(space.places(np.arange(space.grid_size))).objectives[:, 0]


@cache
def target(name: str) -> float:
    """What counts as the optimum: equal but for rounding."""
    best = float(figures(name).min())
    return best + 1e-9 * abs(best)


@dataclass
class RandomWalk:
    """PPO's walk from the best designs so far, with actions drawn at random: what the walk finds where nothing is learned."""

    space: DesignSpace
    seed: int

    def drive(self, score: Score) -> None:
        """Walk until `score` says that it is enough."""
        game = make_game(self.space, "walk", 16, steps=8, start="best", seed=self.seed, score=score)
        generator = np.random.default_rng([self.seed, 1])
        while True:
            if game.step(generator.integers(0, game.choices[0], game.count))[2]:
                game.reset()


def hunted(explorer: Any, space: DesignSpace, enough: float) -> tuple[int | None, int]:
    """Distinct designs until an explorer meets one that is good enough (None: never), and until it stopped."""
    log, total = EvaluationLog(space, BUDGET), 0

    def score(asked: Any) -> Scores:
        nonlocal total
        places, scores, _ = log.score(asked)
        total += len(asked)
        if len(places) < len(asked) or log.count == BUDGET or total >= ASKED or (scores.objectives <= enough).any():
            raise BudgetSpent
        return scores

    with suppress(BudgetSpent):
        if hasattr(explorer, "drive"):
            explorer.drive(score)
        while True:
            places = explorer.ask(16)
            explorer.tell(places, score(places))
    met = np.flatnonzero(log.scores.objectives[:, 0] <= enough)
    return (int(met[0]) + 1 if len(met) else None), log.count


def run(method: str, name: str, seed: int) -> dict[str, Any]:
    """One run: distinct designs until the optimum."""
    (explorer, settings), space, plain = METHODS[method], problem(name), PROBLEMS[name][2]
    if plain and explorer not in ("random", "random walk"):
        settings = settings | {"reward": lambda scores: -scores.objectives[:, 0]}
    made = RandomWalk(space, seed) if explorer == "random walk" else build(explorer, space, seed, BUDGET, settings)
    found, evaluations = hunted(made, space, target(name))
    return {"method": method, "problem": name, "seed": seed, "found": found, "evaluations": evaluations}


def runs(path: Path) -> list[dict[str, Any]]:
    """What was run so far."""
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def run_all(asked: argparse.Namespace) -> None:
    """Every method on every problem, a seed of all of them at a time, leaving out what is there."""
    path = HERE / "multi_agent.jsonl"
    path.parent.mkdir(exist_ok=True)
    done = {(r["method"], r["problem"], r["seed"]) for r in runs(path)}
    for seed in range(asked.first, asked.first + asked.seeds):
        for name in asked.problems.split(";"):
            for method in asked.methods.split(";"):
                if (method, name, seed) not in done:
                    row = run(method, name, seed)
                    with path.open("a") as file:
                        file.write(json.dumps(row) + "\n")
                    print(row, flush=True)


def landscape() -> list[str]:
    """What the space is like: how far each parameter matters by itself, and how much of an objective is a sum of what each does."""
    lines = ["## The space", "", "Share of designs in which another value of this parameter alone changes the figure, all others as they are:", ""]
    lines += ["| parameter | latency | power |", "|---|---|---|"]
    space = problem("latency")
    tables = [np.log(swept(PROBLEMS["latency"][0])[figure]).reshape(space.sizes) for figure in ("latency_s", "power_w")]
    for i, name in enumerate(space.names):
        lines.append(f"| `{name}` | " + " | ".join(f"{(np.ptp(table, axis=i) > 1e-12).mean():.0%}" for table in tables) + " |")
    shares = [additive(table) for table in tables]
    return [
        *lines,
        "",
        f"A sum of what each parameter does alone explains {shares[0]:.0%} of the variance of the logarithm of latency and {shares[1]:.0%} of power's.",
    ]


def additive(table: Any) -> float:
    """The share of a table's variance that a sum over its axes explains."""
    centred = table - table.mean()
    axes = range(table.ndim)
    effects = sum(centred.mean(axis=tuple(j for j in axes if j != i), keepdims=True) for i in axes)
    return float(1.0 - ((centred - effects) ** 2).sum() / (centred**2).sum())


def write(asked: argparse.Namespace) -> None:
    """The page, from what was run so far."""
    rows = runs(HERE / "multi_agent.jsonl")
    text = page(
        rows,
        BUDGET,
        {p: f"{o} ({trace})" for p, (trace, o, _) in PROBLEMS.items()},
        lambda p: float(1.0 / (figures(p) <= target(p)).mean()),
        HEAD,
        [*landscape(), "", *WHY],
    )
    PAGE.write_text(text, encoding="utf-8")
    print(f"{PAGE}: {len(rows):,} runs")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True)
    running = commands.add_parser("run", help="run what is not there yet")
    running.add_argument("--seeds", type=int, default=20)
    running.add_argument("--first", type=int, default=0, help="the first seed")
    running.add_argument("--problems", default=";".join(PROBLEMS))
    running.add_argument("--methods", default=";".join(METHODS))
    running.set_defaults(do=run_all)
    commands.add_parser("write", help="write the page").set_defaults(do=write)
    asked = parser.parse_args()
    asked.do(asked)


if __name__ == "__main__":
    main()
