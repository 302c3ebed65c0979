"""A race as text: Markdown that a command writes, with what was run and what came out."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from explorers.race import Entry, Race
from explorers.run import ENOUGH
from explorers.space.catalog import find_space
from roofscape import __version__

FIDELITY = " `fidelity` also scores the rooflines of all designs (of a draw, where there are more than a million), which the budget does not count."
STOPPED = " Where seeds are fewer, the time was up; the same command goes on from what its folder keeps."
WIDTH = 60  # characters of the diagram of ranks
NOT_RUN = "–"


def race_text(race: Race, command: str) -> str:
    """The whole document.

    Parameters
    ----------
    race : Race
    command : str
        What wrote it, so that a reader can run it again.
    """
    seeds = max(e.seeds for e in race.entries)
    parts = [
        "# Explorers compared\n",
        f"Written by `{command}` (roofscape {__version__}): {seeds} seeds (fewer where the table says so), budgets of {_listed(race.budgets)} distinct "
        "designs, each a run of its own. The share is of what can be won: of one objective the optimum over the best found (or the best over the optimum, "
        "where large is good), of several the share of the true front's hypervolume; medians over seeds with 95 % bootstrap intervals. Infeasible designs "
        "count against the budget. A dash is a budget that was not run. Where all designs of a space are tabulated, evaluations are looked up: a "
        "processor's time a design is then the explorer's own."
        + (STOPPED if any(len(shares) < seeds for e in race.entries for shares in e.shares.values()) else "")
        + (FIDELITY if any(e.explorer == "fidelity" for e in race.entries) else "")
        + "\n",
        _short(race),
    ]
    parts += [_ranks(race, budget) for budget in race.budgets if len(race.ranked(budget)[0]) > 1]
    parts += [_space(race, name) for name in dict.fromkeys(e.space for e in race.entries)]
    return "\n".join(parts)


def _listed(numbers: Sequence[int]) -> str:
    return ", ".join(f"{n:,}" for n in numbers)


def _short(race: Race) -> str:
    """On how many spaces each explorer has enough, budget by budget."""
    rows = []
    for name in dict.fromkeys(e.explorer for e in race.entries):
        entries = [e for e in race.entries if e.explorer == name]
        reached = []
        for budget in race.budgets:
            run = [e for e in entries if budget in e.shares]
            reached.append(f"{sum(e.median(budget)[0] >= ENOUGH for e in run)} of {len(run)}" if run else NOT_RUN)
        rows.append([name, *reached, f"{np.median([e.seconds_per_design for e in entries]) * 1e3:.2f}"])
    head = (
        f"## In short\n\nSpaces on which the median over seeds reaches {ENOUGH:.0%} of what can be won, and a processor's time a design in the median space.\n"
    )
    return head + "\n" + table(["explorer", *(f"at {b:,}" for b in race.budgets), "CPU ms a design"], rows)


def _space(race: Race, name: str) -> str:
    """One space: how far each explorer came."""
    space, truth = find_space(name), race.truths[name]
    known = {"exhaustive": "known from trying all", "exact": "proved", "best found": "not known: the best that any of them found"}[truth.proven]
    goals = ", ".join(o.text for o in space.objectives)
    head = f"## {name}\n\n{space.about}. {space.size:,} designs, {len(space.axes)} axes; {goals}; the truth is {known}.\n"
    columns = ["explorer", *(f"at {b:,}" for b in race.budgets), f"designs to {ENOUGH:.0%}", "CPU ms a design"]
    entries = sorted((e for e in race.entries if e.space == name), key=lambda e: -float(np.median(e.shares[min(e.shares)])))
    return head + "\n" + table(columns, [_row(e, race) for e in entries])


def _row(entry: Entry, race: Race) -> list[str]:
    shares = ["{:.1%} [{:.1%}, {:.1%}]".format(*entry.median(b)) if b in entry.shares else NOT_RUN for b in race.budgets]
    middle = float(np.median(entry.needed))
    reached = f"{middle:,.0f}" if np.isfinite(middle) else f"> {max(entry.shares):,}"
    most = max(e.seeds for e in race.entries)
    fewest = min(len(s) for s in entry.shares.values())
    named = entry.explorer if fewest == most else f"{entry.explorer} ({fewest} seeds)"
    return [named, *shares, reached, f"{entry.seconds_per_design * 1e3:.2f}"]


def _ranks(race: Race, budget: int) -> str:
    """Mean ranks over all spaces, with a diagram: explorers within the critical difference of the best bear a mark."""
    ranks, critical = race.ranks(budget)
    best = min(ranks.values())
    rows = []
    for name, rank in sorted(ranks.items(), key=lambda item: item[1]):
        place = round((rank - 1) / max(len(ranks) - 1, 1) * (WIDTH - 1))
        rows.append([name, f"{rank:.2f}", "within" if rank - best <= critical else "", f"`{'·' * place}●{'·' * (WIDTH - 1 - place)}`"])
    left = race.ranked(budget)[1]
    head = (
        f"## Ranks at {budget:,} designs\n\nOver {len(race.truths)} spaces, by the medians over seeds, 1 is best; two explorers differ where their "
        f"ranks are {critical:.2f} apart (Nemenyi, 5 %, spaces as the sample)."
        + (f" Not ranked, for not run on all spaces at this budget: {', '.join(left)}." if left else "")
        + "\n"
    )
    return head + "\n" + table(["explorer", "mean rank", "of the best", "1 to last"], rows)


def table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table in Markdown."""
    line = "|".join(["", *("---" for _ in columns), ""])
    return "\n".join(["| " + " | ".join(columns) + " |", line, *("| " + " | ".join(row) + " |" for row in rows)]) + "\n"
