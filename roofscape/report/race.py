"""A race as text: Markdown that a command writes, with what was run and what came out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from explorers.race import ENOUGH, Entry, Race
from explorers.space.catalog import find_space
from magnitudes.arrays import Column
from roofscape import __version__

FIDELITY = " `fidelity` also scores the rooflines of all designs (of a draw, where there are more than a million), which the budget does not count."
WIDTH = 60  # characters of the diagram of ranks


def race_text(race: Race, command: str, lotteries: Mapping[tuple[str, str], Mapping[int, Column]] | None = None) -> str:
    """The whole document.

    Parameters
    ----------
    race : Race
    command : str
        What wrote it, so that a reader can run it again.
    lotteries : mapping of (space, explorer) to (budget -> shares), optional
        What each explorer found under each of its settings.
    """
    seeds = max(e.seeds for e in race.entries)
    parts = [
        "# Explorers compared\n",
        f"Written by `{command}` (roofscape {__version__}): {seeds} seeds, budgets of {_listed(race.budgets)} distinct designs. The share is of what can "
        "be won: of one objective the optimum over the best found (or the best over the optimum, where large is good), of several the share of the true "
        "front's hypervolume; medians over seeds with 95 % bootstrap intervals. Infeasible designs count against the budget."
        + (FIDELITY if any(e.explorer == "fidelity" for e in race.entries) else "")
        + "\n",
    ]
    parts += [_space(race, name) for name in dict.fromkeys(e.space for e in race.entries)]
    parts += [_ranks(race, budget) for budget in race.budgets]
    if lotteries:
        parts.append(_lotteries(lotteries))
    return "\n".join(parts)


def _listed(numbers: Sequence[int]) -> str:
    return ", ".join(f"{n:,}" for n in numbers)


def _space(race: Race, name: str) -> str:
    """One space: how far each explorer came."""
    space, truth = find_space(name), race.truths[name]
    known = {"exhaustive": "known from trying all", "exact": "proved", "best found": "not known: the best that any of them found"}[truth.proven]
    goals = ", ".join(o.text for o in space.objectives)
    head = f"## {name}\n\n{space.about}. {space.size:,} designs, {len(space.axes)} axes; {goals}; the truth is {known}.\n"
    columns = ["explorer", *(f"at {b:,}" for b in race.budgets), f"designs to {ENOUGH:.0%}", "ms a design"]
    entries = sorted((e for e in race.entries if e.space == name), key=lambda e: -float(np.median(e.shares[race.budgets[0]])))
    return head + "\n" + _table(columns, [_row(e, race.budgets) for e in entries])


def _row(entry: Entry, budgets: Sequence[int]) -> list[str]:
    shares = ["{:.1%} [{:.1%}, {:.1%}]".format(*entry.median(b)) for b in budgets]
    middle = float(np.median(entry.needed))
    reached = f"{middle:,.0f}" if np.isfinite(middle) else f"> {max(budgets):,}"
    return [entry.explorer, *shares, reached, f"{entry.seconds_per_design * 1e3:.2f}"]


def _ranks(race: Race, budget: int) -> str:
    """Mean ranks over all spaces and seeds, with a diagram: explorers within the critical difference of the best bear a mark."""
    ranks, critical = race.ranks(budget)
    best = min(ranks.values())
    rows = []
    for name, rank in sorted(ranks.items(), key=lambda item: item[1]):
        place = round((rank - 1) / max(len(ranks) - 1, 1) * (WIDTH - 1))
        rows.append([name, f"{rank:.2f}", "within" if rank - best <= critical else "", f"`{'·' * place}●{'·' * (WIDTH - 1 - place)}`"])
    head = f"## Ranks at {budget:,} designs\n\nOver all spaces and seeds, 1 is best; two differ where their ranks are {critical:.2f} apart (Nemenyi, 5 %).\n"
    return head + "\n" + _table(["explorer", "mean rank", "of the best", "1 to last"], rows)


def _lotteries(lotteries: Mapping[tuple[str, str], Mapping[int, Column]]) -> str:
    """How much an explorer's luck with its hyperparameters matters, and how that shrinks with the budget."""
    budgets = sorted({b for shares in lotteries.values() for b in shares})
    rows = []
    for (space, explorer), shares in lotteries.items():
        found = [shares[b] for b in budgets]
        rows.append([space, explorer, str(len(found[0])), *(f"{s.min():.1%} to {s.max():.1%}" for s in found), *(f"{np.ptp(s):.1%}" for s in found)])
    columns = ["space", "explorer", "settings", *(f"worst to best at {b:,}" for b in budgets), *(f"spread at {b:,}" for b in budgets)]
    text = "One seed, every combination of the settings that an explorer lists (48 at most): what the choice of hyperparameters alone is worth.\n"
    return f"## The lottery of settings\n\n{text}\n" + _table(columns, rows)


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    line = "|".join(["", *("---" for _ in columns), ""])
    return "\n".join(["| " + " | ".join(columns) + " |", line, *("| " + " | ".join(row) + " |" for row in rows)]) + "\n"
