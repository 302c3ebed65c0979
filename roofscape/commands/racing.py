"""``roofscape explore --race`` and ``--lottery``: explorers compared, and each under all of its settings."""

from __future__ import annotations

import argparse
from collections.abc import Mapping

from explorers.base import SOLVERS, check_names
from explorers.lottery import lottery
from explorers.race import race
from magnitudes.errors import InputError
from magnitudes.files import check_writable, write_whole
from roofscape.report.lottery import lottery_text
from roofscape.report.progress import progress_bar
from roofscape.report.race import race_text

BUDGETS = (50, 200, 1000)
RACED = ["random", "sobol", "annealing", "descent", "genetic", "ants", "tpe", "nsga2"]


def run(options: argparse.Namespace) -> None:
    """Compare explorers on one space or several, and write what came out.

    Raises
    ------
    InputError
    """
    check_writable(options.race)
    check_writable(options.lottery)
    spaces, names = [s.strip() for s in options.space.split(",")], options.explorers or RACED
    check_names(names)
    solvers = [n for n in names if n in SOLVERS]
    if solvers:
        raise InputError(f"{solvers[0]} has no budget: it tells the truth of a race, and does not run in it")
    budgets = [b for b in BUDGETS if b < options.budget] + [options.budget]
    seconds = 60.0 * options.minutes if options.minutes else float("inf")
    if options.race:
        limits = up_to(options.up_to, names)
        with progress_bar("race") as tell:
            found = race(spaces, names, budgets, options.seeds, options.workers, tell, options.runs, limits, seconds)
        if not found.entries:
            raise InputError("no run was made in that time; give more --minutes")
        write_whole(options.race, race_text(found, _command(options, names, "race")))
        print(f"{options.race}: {len(spaces)} spaces, {len(names)} explorers, {options.seeds} seeds")
    if options.lottery:
        with progress_bar("lottery") as tell:
            draws = lottery(spaces, names, budgets, options.seeds, options.workers, tell, options.runs, seconds)
        if not draws:
            raise InputError("no explorer with settings ran under all of them in that time; give more --minutes, or name others by --with")
        write_whole(options.lottery, lottery_text(draws, _command(options, names, "lottery")))
        print(f"{options.lottery}: {len(draws)} pairs of space and explorer")


def up_to(given: list[tuple[str, list[str]]], names: list[str]) -> Mapping[str, int]:
    """The largest budget of some explorers.

    Raises
    ------
    InputError
    """
    limits = {}
    for name, values in given:
        if name not in names:
            raise InputError(f"--up-to {name}: that explorer does not run; it is one of {', '.join(names)}")
        if len(values) != 1 or not values[0].isdigit():
            raise InputError(f"--up-to {name}={','.join(values)}: give a number of designs, such as {name}=50")
        limits[name] = int(values[0])
    return limits


def _command(options: argparse.Namespace, names: list[str], what: str) -> str:
    """What a reader runs to get the same."""
    flags = "".join(f" --up-to {name}={','.join(values)}" for name, values in options.up_to) if what == "race" else ""
    flags += f" --workers {options.workers}" * (options.workers > 1) + f" --runs {options.runs}" * bool(options.runs)
    seeds = f"--budget {options.budget} --seeds {options.seeds}"
    return f"roofscape explore {options.space} --with {','.join(names)} {seeds}{flags} --{what} {getattr(options, what)}"
