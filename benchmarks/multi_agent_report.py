"""What the runs of `benchmarks/multi_agent.py` say, as a page: medians, chances and p-values, learners of one game against each other."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy.stats import mannwhitneyu

from explorers.race import CONFIDENCE, RESAMPLES, median_interval
from magnitudes.arrays import Column

PAIRS = [
    # one, another, what differs
    ("IPPO", "one agent", "ten agents, not one; the same code"),
    ("IPPO, small batches", "one agent, small batches", "ten agents, not one; the same code"),
    ("IPPO", "PPO", "several learners, not one"),
    ("MAPPO", "PPO", "several learners and a central critic"),
    ("IPPO, small batches", "PPO, small batches", "several learners, not one"),
    ("MAPPO, small batches", "PPO, small batches", "several learners and a central critic"),
    ("VDN", "PPO", "values that add up, not a policy"),
    ("IPPO", "SAC", "several learners, not one"),
    ("VDN", "SAC", "values that add up"),
    ("IPPO walk", "PPO walk", "several learners, on walks"),
    ("MAPPO walk", "PPO walk", "several learners and a central critic, on walks"),
    ("IPPO walk", "SAC walk", "several learners, on walks"),
    ("IPPO, difference", "IPPO, small batches", "difference rewards, not a shared one"),
    ("IPPO walk, difference", "IPPO walk", "difference rewards, not a shared one, on walks"),
    ("PPO", "random", "learning"),
    ("PPO, small batches", "random", "learning"),
    ("SAC", "random", "learning"),
    ("IPPO, small batches", "random", "learning, as a team"),
    ("PPO walk", "random walk", "learning, on the same walk"),
    ("SAC walk", "random walk", "learning, on a walk of all axes at once"),
    ("IPPO walk", "random team walk", "learning, as a team on the same walk"),
    ("random walk", "random", "walking, with nothing learned"),
]

WHY = [
    "## How to read it",
    "",
    "- On the key-value store's trace power, latency and both leave little to learn: an optimal design comes up by chance before a learner has had its second",
    "  lesson. A method that is ahead there is so before it has learned anything, or by chance. (The fastest designs are also the best jointly.)",
    "- Where optimal designs are rare there is something to learn, and there IPPO and MAPPO are ahead of PPO and SAC of Stable-Baselines3 in medians and in",
    "  runs that end at the optimum; which of these differences hold is told above. *One agent* tells how much of it is due to there being several: on the",
    "  scan's latency our own code with a single agent does as well as with ten; on the published reward it is behind.",
    "- A central critic brings nothing to games of one round: all of them start alike, so that it sees no more than any agent.",
    "- Difference rewards cost eleven evaluations a design. Counted as evaluations they do not earn them back here.",
    "- Sums of values (VDN) fit spaces in which parameters matter by themselves. The best sum of the logarithm of latency names an optimal design on the",
    "  key-value store's trace, and on the scan's one that thousands are better than.",
    "- Walks from the best designs so far find most of what learners on them find: drawing the same moves at random does as well.",
    "- The published reward has its pole at a target, not at the best design: its optimum is another design than that of latency or of power.",
]


@dataclass(frozen=True)
class Compared:
    """One method against another on one problem.

    Parameters
    ----------
    one, other, what : str
    chance, low, high : float
        That a run of the one needs fewer designs than a run of the other (ties count half), and its bootstrap interval.
    p : float
        Of a two-sided Mann-Whitney test.
    holds : bool
        Whether p is below 5 % after Holm's correction for all pairs of all problems.
    """

    one: str
    other: str
    what: str
    chance: float
    low: float
    high: float
    p: float
    holds: bool = False


def chance(one: Column, other: Column) -> float:
    """That a draw of one is below a draw of the other, ties counted half."""
    return float(((one[:, None] < other).mean() + (one[:, None] <= other).mean()) / 2)


def chance_interval(one: Column, other: Column) -> tuple[float, float]:
    """The bootstrap interval of `chance`, both resampled."""
    generator = np.random.default_rng(0)
    drawn = [chance(generator.choice(one, len(one)), generator.choice(other, len(other))) for _ in range(RESAMPLES)]
    low, high = np.quantile(drawn, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return float(low), float(high)


def compared(found: Mapping[str, Mapping[str, Column]]) -> dict[str, list[Compared]]:
    """All pairs that were run, problem by problem; which p-values hold is told with all of them in view."""
    rows = []
    for problem, of in found.items():
        for one, other, what in PAIRS:
            if one in of and other in of:
                a, b = of[one], of[other]
                rows.append((problem, Compared(one, other, what, chance(a, b), *chance_interval(a, b), float(mannwhitneyu(a, b).pvalue))))
    held = holm([r.p for _, r in rows])
    result: dict[str, list[Compared]] = {problem: [] for problem in found}
    for (problem, row), holds in zip(rows, held, strict=True):
        result[problem].append(replace(row, holds=holds))
    return result


def holm(p_values: Sequence[float]) -> list[bool]:
    """Which p-values hold at 5 % when all are read (Holm 1979)."""
    held, order = [False] * len(p_values), np.argsort(p_values)
    for place, row in enumerate(order):
        if p_values[row] > (1 - CONFIDENCE) / (len(p_values) - place):
            break
        held[row] = True
    return held


def pooled(found: Sequence[Mapping[str, Column]], one: str, other: str, what: str) -> Compared:
    """One method against another over several problems: the mean chance; seeds are drawn, and swapped between the two, for all problems together."""
    seeds = [min(len(of[one]), len(of[other])) for of in found]
    couples = [(of[one][:n], of[other][:n]) for of, n in zip(found, seeds, strict=True)]
    most, generator = max(seeds), np.random.default_rng(0)

    def mean(of_one: Sequence[Column], of_other: Sequence[Column]) -> float:
        return float(np.mean([chance(x, y) for x, y in zip(of_one, of_other, strict=True)]))

    found_mean = mean(*zip(*couples, strict=True))
    drawn, swapped = [], []
    for _ in range(RESAMPLES):
        first, second = generator.random(most), generator.random(most)
        drawn.append(mean([again(a, first) for a, _ in couples], [again(b, second) for _, b in couples]))
        swap = generator.random(most) < 0.5
        swapped.append(mean(*zip(*((np.where(swap[: len(a)], b, a), np.where(swap[: len(a)], a, b)) for a, b in couples), strict=True)))
    low, high = np.quantile(drawn, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    as_far = np.abs(np.array(swapped) - 0.5) >= abs(found_mean - 0.5) - 1e-12
    return Compared(one, other, what, found_mean, float(low), float(high), float((1 + as_far.sum()) / (1 + RESAMPLES)))


def again(values: Column, drawn: Column) -> Column:
    """Values drawn with replacement, by numbers from zero to one: equal seeds where there are equally many."""
    return values[(drawn[: len(values)] * len(values)).astype(int)]


def all_pooled(found: Sequence[Mapping[str, Column]]) -> list[Compared]:
    """The pairs that were run on all of some problems, pooled."""
    rows = [pooled(found, *pair) for pair in PAIRS if all(name in of for of in found for name in pair[:2])]
    return [replace(r, holds=holds) for r, holds in zip(rows, holm([r.p for r in rows]), strict=True)]


def found_by(rows: Sequence[Mapping[str, Any]], problem: str, budget: int) -> dict[str, Column]:
    """Distinct designs until the optimum, a seed a row; one more than the budget where it was not met."""
    rows = sorted(rows, key=lambda r: r["seed"])
    methods = dict.fromkeys(r["method"] for r in rows if r["problem"] == problem)
    return {m: np.array([float(r["found"] or budget + 1) for r in rows if r["problem"] == problem and r["method"] == m]) for m in methods}


def count(value: float, budget: int) -> str:
    """A number of designs as people read it."""
    return f"> {budget:,}" if value > budget else f"{value:,.0f}"


def medians(found: Mapping[str, Column], budget: int) -> list[str]:
    """A table of all methods, the fastest first."""
    lines = ["| method | designs to the optimum | 95 % | found it | seeds |", "|---|---|---|---|---|"]
    for name, values in sorted(found.items(), key=lambda kv: (float(np.median(kv[1])), float(kv[1].mean()))):
        median, low, high = median_interval(values)
        lines.append(f"| {name} | {count(median, budget)} | {count(low, budget)} to {count(high, budget)} | {(values <= budget).mean():.0%} | {len(values)} |")
    return lines


def against(rows: Sequence[Compared]) -> list[str]:
    """A table of pairs."""
    lines = ["| | against | what differs | faster in | 95 % | p |", "|---|---|---|---|---|---|"]
    return [*lines, *(f"| {r.one} | {r.other} | {r.what} | {r.chance:.0%} | {r.low:.0%} to {r.high:.0%} | {r.p:.2g}{', holds' * r.holds} |" for r in rows)]


def verdict(by_problem: Mapping[str, Sequence[Compared]]) -> list[str]:
    """How often several beat one, and one several, over all problems: the claim, in numbers."""
    teams = [r for rows in by_problem.values() for r in rows if r.one.split(",")[0].split()[0] in ("IPPO", "MAPPO", "VDN")]
    claims = [r for r in teams if r.other.split(",")[0].split()[0] in ("PPO", "SAC")]
    better, worse = (sum(r.holds and (r.chance > 0.5) == up for r in claims) for up in (True, False))
    alone = [r for r in teams if r.other.startswith("one agent")]
    same_better, same_worse = (sum(r.holds and (r.chance > 0.5) == up for r in alone) for up in (True, False))
    return [
        f"Of {len(claims)} comparisons of a team with a single PPO or SAC in the same game, the team needs significantly fewer designs in {better}, "
        f"significantly more in {worse}, and {len(claims) - better - worse} cannot be told apart. Of {len(alone)} comparisons of ten agents with one "
        f"in the same code, ten are significantly faster in {same_better} and slower in {same_worse}."
    ]


def page(rows: Sequence[Mapping[str, Any]], budget: int, objectives: Mapping[str, str], rare: Callable[[str], float], head: str, tail: Sequence[str]) -> str:
    """The whole page.

    Parameters
    ----------
    rows : sequence of mapping
        What was run.
    budget : int
    objectives : mapping of str to str
        Problem -> its objective.
    rare : callable
        Problem -> how many designs there are for one that is optimal.
    head, tail : str, sequence of str
        What a reader should know before and after.
    """
    problems = [p for p in objectives if any(r["problem"] == p for r in rows)]
    found = {p: found_by(rows, p, budget) for p in problems}
    pairs, rarities = compared(found), {p: rare(p) for p in problems}
    scarce = [p for p in problems if rarities[p] > budget]
    lines = [head, "", "## What came out", "", *verdict(pairs), ""]
    if scarce:
        among = f"Where fewer than one design in {budget:,} is optimal ({'; '.join(scarce)}), all these problems together:"
        lines += [among, "", *against(all_pooled([found[p] for p in scarce])), ""]
    for p, rarity in rarities.items():
        drawn = np.log(2.0) / -np.log1p(-1.0 / rarity)
        rarely = f"One design in {rarity:,.0f} is optimal: drawing finds one after {drawn:,.0f} in the median."
        lines += [f"## {p[0].upper()}{p[1:]}: {objectives[p]}", "", rarely, "", *medians(found[p], budget), "", *against(pairs[p]), ""]
    return "\n".join([*lines, *tail, ""])
