"""The lottery of settings as text: Markdown that a command writes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from explorers.lottery import MOST_SETTINGS, Draw
from explorers.run import ENOUGH
from roofscape import __version__
from roofscape.report.race import table


def lottery_text(draws: Sequence[Draw], command: str) -> str:
    """The whole document.

    Parameters
    ----------
    draws : sequence of Draw
        At least one.
    command : str
        What wrote it.
    """
    budgets, seeds = sorted(draws[0].shares), draws[0].shares[min(draws[0].shares)].shape[1]
    head = (
        f"# The lottery of settings\n\nWritten by `{command}` (roofscape {__version__}). Each explorer runs under every combination of the settings that it "
        f"lists (a fixed draw of {MOST_SETTINGS} where there are more), {seeds} seeds each, every budget a run of its own; "
        "a combination is worth the median over its seeds, as a share of what can be won. ArchGym "
        "(Krishnan et al. 2023) concludes that every explorer reaches the target under some settings, and that what is found differs widely between them.\n"
    )
    return "\n".join([head, _verdict(draws, budgets), _spreads(draws, budgets), _best(draws, max(budgets))])


def _verdict(draws: Sequence[Draw], budgets: Sequence[int]) -> str:
    """The published conclusion, in figures."""
    rows = []
    for budget in budgets:
        tuned = [float(d.worth(budget).max()) >= ENOUGH for d in draws]
        middle = [float(np.median(d.worth(budget))) >= ENOUGH for d in draws]
        worst = [float(d.worth(budget).min()) >= ENOUGH for d in draws]
        spread = float(np.median([d.spread(budget) for d in draws]))
        luck = float(np.median([d.luck(budget) for d in draws]))
        rows.append([f"{budget:,}", *(f"{sum(x)} of {len(draws)}" for x in (tuned, middle, worst)), f"{spread:.1%}", f"{luck:.1%}"])
    columns = ["budget", "best settings", "settings in the middle", "worst settings", "median spread of settings", "median spread of seeds"]
    text = f"Pairs of space and explorer whose share reaches {ENOUGH:.0%} under their best, middle and worst settings.\n"
    return f"## What is reached\n\n{text}\n" + table(columns, rows)


def _spreads(draws: Sequence[Draw], budgets: Sequence[int]) -> str:
    rows = []
    for draw in draws:
        worth = [draw.worth(b) for b in budgets]
        ends = [f"{w.min():.1%} to {w.max():.1%}" for w in worth]
        rows.append([draw.space, draw.explorer, str(len(draw.settings)), *ends, *(f"{draw.spread(b):.1%}" for b in budgets)])
    columns = ["space", "explorer", "settings", *(f"worst to best at {b:,}" for b in budgets), *(f"spread at {b:,}" for b in budgets)]
    return "## How the spread shrinks\n\n" + table(columns, rows)


def _best(draws: Sequence[Draw], budget: int) -> str:
    rows = [[d.space, d.explorer, ", ".join(f"{k}={v}" for k, v in d.best(budget).items()), f"{d.worth(budget).max():.1%}"] for d in draws]
    return f"## The best settings at {budget:,} designs\n\n" + table(["space", "explorer", "settings", "share"], rows)
